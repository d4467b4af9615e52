# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers listen on, as a bindings config that is ready to be declared. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
    is_loopback,
    is_wildcard,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    PROTOCOLS,
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    ConfiguredListener,
    SocketKey,
    Unmapped,
    UnmappedKind,
)


class Adopted(t.NamedTuple):
    """What the model can say of the servers' configuration, and what it can't."""

    bindings: Bindings
    unmapped: list[Unmapped]


def adopted(configured: t.Mapping[str, Configured], away: t.Container[str] = ()) -> Adopted:
    """The bindings config that says what each server, by name, is configured with.

    C(away): addresses that this host has not now; they are floating.
    """
    found = [
        (server, listener) for server, config in configured.items() for listener in config.listeners
    ]
    wildcards = {
        (listener.listener.address, listener.listener.port)
        for dummy, listener in found
        if is_wildcard(listener.listener.address)
    }
    unmapped = [remark for config in configured.values() for remark in config.unmapped]
    remarked = {(remark.server, remark.where, remark.kind) for remark in unmapped}
    fitting: list[Listener] = []
    for server, listener in found:
        obstacle = _obstacle(listener.listener, wildcards)
        if not obstacle:
            fitting.append(listener.listener)
        elif not (
            obstacle.kind in _SAID_BY_SERVERS
            and (server, listener.where, obstacle.kind) in remarked
        ):
            unmapped.append(_unmapped(server, listener, obstacle))
    return Adopted(_bindings(fitting, away), unmapped)


class Obstacle(t.NamedTuple):
    """Why the model can't say a listener."""

    reason: str
    kind: UnmappedKind = UnmappedKind.OTHER


_LOOPBACK = Obstacle(
    "a loopback address: mail_listeners leaves it as it is (keep_loopback)",
    UnmappedKind.LOOPBACK,
)
_NO_CERTIFICATE = Obstacle(
    "TLS without a certificate of its own: the config needs a path to declare",
    UnmappedKind.CERTIFICATE,
)
_BESIDE_WILDCARD = Obstacle(
    "its port is on the wildcard too, which answers on every address: "
    "the config can say one of them"
)
#: A server's own remark on a listener says these in better words.
_SAID_BY_SERVERS = (UnmappedKind.LOOPBACK, UnmappedKind.CERTIFICATE)


def _obstacle(listener: Listener, wildcards: t.Container[SocketKey]) -> t.Optional[Obstacle]:
    """Why the model can't say this listener; None if it can."""
    try:
        address = canonical_address(listener.address)
    except ValueError as error:
        return Obstacle("the config can't name its address: %s" % error)
    if is_loopback(address):
        return _LOOPBACK
    if listener.encryption != "none" and not listener.certificate_path:
        return _NO_CERTIFICATE
    if not is_wildcard(address) and (wildcard_of(address), listener.port) in wildcards:
        return _BESIDE_WILDCARD
    return None


def _unmapped(server: str, found: ConfiguredListener, obstacle: Obstacle) -> Unmapped:
    listener = found.listener
    text = "%s (%s, %s)" % (listener.name, listener.protocol, listener.encryption)
    return Unmapped(server, found.where, text, obstacle.reason, obstacle.kind)


def _bindings(listeners: t.Iterable[Listener], away: t.Container[str]) -> Bindings:
    """One port for all listeners that are alike but for their address."""
    ports: dict[str, Port] = {}
    names: dict[tuple[t.Any, ...], str] = {}
    assigned: dict[str, set[str]] = {}
    for listener in listeners:
        port = _port(listener)
        if port not in names:
            names[port] = _new_name(listener, ports)
            ports[names[port]] = Port(names[port], *port)
        assigned.setdefault(listener.address, set()).add(names[port])
    addresses = {
        address: IPBinding(address, tuple(sorted(assigned_names)), floating=address in away)
        for address, assigned_names in assigned.items()
    }
    return Bindings(ports, addresses)


def _port(listener: Listener) -> tuple[str, int, str, str, str]:
    """A port without its name."""
    certificate = (listener.certificate_path, listener.private_key_path)
    if listener.encryption == "none":
        certificate = ("", "")
    return (listener.protocol, listener.port, listener.encryption, *certificate)


def _new_name(listener: Listener, taken: t.Container[str]) -> str:
    row = PROTOCOLS[listener.protocol]
    name = row.tls_title if listener.encryption == "ssl" else row.title
    if listener.port != standard_number(listener.protocol, listener.encryption):
        name += " %d" % listener.port
    if name in taken:
        name += " (%s)" % listener.address
    while name in taken:  # alike but for their encryption
        name += "+"
    return name
