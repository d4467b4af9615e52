# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's configuration in the words of the model: listeners, and what is unmapped. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    is_loopback,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.parser import (
    MODEL_PROTOCOLS,
    DovecotConfig,
    InetListener,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.tls import (
    Filter,
    Release,
    TLSSettings,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    ConfiguredListener,
    Unmapped,
    UnmappedKind,
)

_STOCK_SERVICES = ("imap-login", "pop3-login")


def listeners(config: DovecotConfig) -> tuple[ConfiguredListener, ...]:
    """The listeners of the login services, in address order, then by port."""
    return tuple(
        sorted(
            (
                ConfiguredListener(listener, entry.where)
                for entry in config.inet_listeners
                if entry.login
                for listener in _listeners_of(config, entry)
            ),
            key=lambda found: (address_order(found.listener.address), found.listener.port),
        )
    )


def _listeners_of(config: DovecotConfig, entry: InetListener) -> t.Iterator[Listener]:
    """One for each address, but for TLS from the first byte without files."""
    protocol = MODEL_PROTOCOLS[entry.protocol]
    for address, met in zip(entry.addresses, _met(config, entry)):
        if met.ssl != "no" and not entry.without_tls and met.certificate and met.key:
            encryption = "ssl" if entry.ssl else "tls"
            key = "" if met.key == met.certificate else met.key
            yield Listener(address, entry.port, protocol, encryption, met.certificate, key)
        elif not entry.ssl:
            yield Listener(address, entry.port, protocol, "none")


def _met(config: DovecotConfig, entry: InetListener) -> list[TLSSettings]:
    """The TLS settings at each of its addresses."""
    return [config.tls_of(entry.protocol, address) for address in entry.addresses]


def certificate_files(config: DovecotConfig) -> tuple[str, ...]:
    """All files of certificates and keys: with one that can't be opened, no process gets settings.

    A file that can be opened and not be loaded matters to its own clients alone.
    """
    settings = [config.tls._asdict(), config.second._asdict()]
    settings += [dict(block.tls) for block in config.filters]
    paths = (found.get(key, "") for found in settings for key in ("certificate", "key"))
    return tuple(dict.fromkeys(filter(None, paths)))


# -- what has no place in the model


def unmapped(config: DovecotConfig) -> tuple[Unmapped, ...]:
    """All that is configured and has no place in the model."""
    found = [
        Unmapped("dovecot", entry.where, entry.text, reason, kind)
        for entry in config.inet_listeners
        for reason, kind in _reasons(config, entry)
    ]
    if config.second.certificate:
        reason = "one of two certificates, for clients that can't use the other"
        where = alternative(config.release)
        found.append(Unmapped("dovecot", where, config.second.certificate, reason))
    declarable = {
        address for entry in config.inet_listeners if entry.login for address in entry.addresses
    }
    for block in config.filters:
        reason = _reason_of_filter(block, declarable) if block.tls else ""
        if reason:
            text = "; ".join("%s = %s" % pair for pair in block.tls.items())
            found.append(Unmapped("dovecot", block.where, text, reason))
    return tuple(found)


def alternative(release: Release) -> str:
    """The setting that names a second certificate."""
    return "ssl_alt_cert" if release < (2, 4) else "ssl_server_alt_cert_file"


#: Protocols of Dovecot's whose listeners would be missed in the config.
_OTHER_PROTOCOLS = {
    "submission": "Dovecot's own submission service, which can't be declared: submission is "
    "Postfix's here. It is left as it is, with the certificate that Dovecot has for all"
}


def _reasons(config: DovecotConfig, entry: InetListener) -> list[tuple[str, UnmappedKind]]:
    """What of an inet_listener has no place in the model, and the kind of each."""
    if not entry.login:
        reason = _OTHER_PROTOCOLS.get(entry.protocol)
        reason = reason or "a listener of another protocol: %s" % (entry.protocol or entry.service)
        return [(reason, UnmappedKind.OTHER)]
    return [(reason, kind) for applies, reason, kind in _REASONS if applies(config, entry)]


def _on_loopback(config: DovecotConfig, entry: InetListener) -> bool:
    return any(map(is_loopback, entry.addresses))


def _without_files(config: DovecotConfig, entry: InetListener) -> bool:
    return not entry.without_tls and any(
        met.ssl != "no" and not (met.certificate and met.key) for met in _met(config, entry)
    )


#: (does it apply?, reason, kind)
_REASONS: tuple[tuple[t.Callable[[DovecotConfig, InetListener], bool], str, UnmappedKind], ...] = (
    (_on_loopback, "a loopback listener: kept as it is, never declared", UnmappedKind.LOOPBACK),
    (
        lambda config, entry: not entry.ssl and _without_files(config, entry),
        "its certificate and key are not in files",
        UnmappedKind.CERTIFICATE,
    ),
    (
        lambda config, entry: entry.ssl and _without_files(config, entry),
        "its certificate and key are not in files: this listener can't be declared",
        UnmappedKind.CERTIFICATE,
    ),
    (
        lambda config, entry: bool(entry.extras),
        "a setting of one listener: kept when the listener is taken over",
        UnmappedKind.OTHER,
    ),
    (
        lambda config, entry: entry.service not in _STOCK_SERVICES,
        "a login service of its own: kept when the listener is taken over",
        UnmappedKind.OTHER,
    ),
)


def _reason_of_filter(block: Filter, declarable: t.Collection[str]) -> str:
    """Why a filter has no place in the model; '' if listeners show what it says."""
    if block.of("local_name"):
        return "a certificate or TLS setting by server name (SNI)"
    if block.of("remote"):
        return "a TLS setting by the client's address"
    if block.of("local") and not any(
        block.matches(protocol, address) for protocol in MODEL_PROTOCOLS for address in declarable
    ):
        return "a certificate or TLS setting for an address without a listener"
    return ""
