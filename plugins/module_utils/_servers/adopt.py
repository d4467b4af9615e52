# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers that were set up by hand listen on, in the shape of a bindings config: ready to be declared as it is. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Unmapped,
)

#: What people call these: (protocol, encryption is ssl).
_NAMES = {
    ("smtp", False): "SMTP",
    ("smtp", True): "SMTPS",
    ("submission", False): "Submission",
    ("submission", True): "Submissions",
    ("imap", False): "IMAP",
    ("imap", True): "IMAPS",
    ("pop", False): "POP3",
    ("pop", True): "POP3S",
    ("ldap", False): "LDAP",
    ("ldap", True): "LDAPS",
}


def adopted(
    configured: t.Mapping[str, Configured], away: t.Container[str] = ()
) -> t.Tuple[Bindings, list]:
    """(the bindings, what has no place in them as C(Unmapped)) of what each server, by name, is configured with.

    C(away): addresses that this host has not now: they are floating.
    """
    fitting: list = []
    unmapped = [entry for found in configured.values() for entry in found.unmapped]
    every = [(server, found) for server, config in configured.items() for found in config.listeners]
    wildcards = {
        (found.listener.address, found.listener.port)
        for server, found in every
        if found.listener.address in ("0.0.0.0", "::")
    }
    said: dict = {}
    for entry in unmapped:
        said[entry.server, entry.where] = said.get((entry.server, entry.where), "") + entry.reason
    for server, found in every:
        reason = _misfit(found.listener, wildcards)
        if any(
            subject in reason and subject in said.get((server, found.where), "")
            for subject in ("loopback", "certificate")
        ):
            continue  # it says so itself, in its own words
        if reason:
            unmapped.append(
                Unmapped(
                    server,
                    found.where,
                    "%s (%s, %s)"
                    % (found.listener.name, found.listener.protocol, found.listener.encryption),
                    reason,
                )
            )
        else:
            fitting.append(found.listener)
    ports, assigned = _ports(fitting)
    addresses = {
        address: IPBinding(address, tuple(sorted(names)), floating=address in away)
        for address, names in assigned.items()
    }
    return Bindings(ports, addresses), unmapped


def _misfit(listener: Listener, wildcards: t.Container[tuple]) -> str:
    """Why the model can't say this; '' if it can."""
    try:
        address = ipaddress.ip_address(canonical_address(listener.address))
    except ValueError as error:
        return "the config can't name its address: %s" % error
    if address.is_loopback:
        return "a loopback address: mail_listeners leaves it as it is (keep_loopback)"
    if listener.encryption != "none" and not listener.certificate_path:
        return "TLS without a certificate of its own: the config needs a path to declare"
    if (
        not address.is_unspecified
        and ("::" if address.version == 6 else "0.0.0.0", listener.port) in wildcards
    ):
        return "its port is on the wildcard too, which answers on every address: the config can say one of them"
    return ""


def _ports(listeners: t.Iterable[Listener]) -> t.Tuple[dict, dict]:
    """(ports by name, names of ports by address): one port for all listeners that are alike but for their address."""
    ports: dict = {}
    names: dict = {}
    assigned: dict = {}
    for listener in listeners:
        certificate = (
            (listener.certificate_path, listener.private_key_path)
            if listener.encryption != "none"
            else ("", "")
        )
        kind = (listener.protocol, listener.port, listener.encryption, *certificate)
        if kind not in names:
            names[kind] = _new_name(listener, ports)
            ports[names[kind]] = Port(names[kind], *kind)
        assigned.setdefault(listener.address, set()).add(names[kind])
    return ports, assigned


def _new_name(listener: Listener, taken: t.Container[str]) -> str:
    name = _NAMES[listener.protocol, listener.encryption == "ssl"]
    if listener.port != standard_number(listener.protocol, listener.encryption):
        name += " %d" % listener.port
    if name in taken:
        name += " (%s)" % listener.address
    while name in taken:  # alike but for their encryption
        name += "+"
    return name
