# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables → the ports and IP addresses that its task declares. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    PROTOCOLS,
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import as_bool
from ansible_collections.mailops.bindings.plugins.plugin_utils._role.profiles import PROFILES

#: A port or an IP address as a task gives it.
GivenEntry = t.Mapping[str, t.Any]
NewEntry = t.Dict[str, t.Any]

_TLS = ("ssl", "tls")
_NEW_PORT = {"encryption": "none", "private_key_path": "", "description": ""}
_NEW_ADDRESS = {"hostname": "", "floating": False, "description": ""}


def profile_ports(
    ports: t.Iterable[GivenEntry],
    profile: str,
    certificate_path: str = "",
    private_key_path: str = "",
    complete: bool = False,
) -> t.List[NewEntry]:
    """The ports of a profile, with those of C(ports) beside them or, by name, in their place.

    C(certificate_path) and C(private_key_path) are for those with TLS that name no certificate.
    C(complete): values that a port leaves out are those of a new port, so that no stored value
    stays. Raises ValueError for an unknown profile.
    """
    if profile not in PROFILES:
        raise ValueError("profile: give one of %s, not %s" % (", ".join(PROFILES), profile))
    given = [_copy(port) for port in ports]
    replaced = {port.get("name") for port in given}
    listed = [port.as_entry() for port in PROFILES[profile] if port.name not in replaced] + given
    certificate = {"certificate_path": certificate_path, "private_key_path": private_key_path}
    with_certificates = [
        {**port, **certificate}
        if port.get("encryption") in _TLS and "certificate_path" not in port
        else port
        for port in listed
    ]
    if not complete:
        return with_certificates
    return [{**_NEW_PORT, **_standard_port(port), **port} for port in with_certificates]


def profile_addresses(
    ip_addresses: t.Iterable[GivenEntry],
    addresses: t.Iterable[str],
    ports: t.Iterable[str],
    hostname: str = "",
    complete: bool = False,
) -> t.List[NewEntry]:
    """An entry with C(ports) and C(hostname) for each of C(addresses), then C(ip_addresses).

    An entry of C(ip_addresses) replaces the one for the same address. C(complete): values that an
    entry leaves out are those of a new one. Not so an address's ports: who gives a host name to an
    address that has ports does not mean none.
    """
    given = [_copy(entry) for entry in ip_addresses]
    replaced = {entry.get("address") for entry in given}
    names = list(ports)
    named = {"hostname": hostname} if hostname else {}
    entries = [
        {"address": address, "ports": names, **named}
        for address in dict.fromkeys(addresses)
        if address not in replaced
    ]
    return [{**(_NEW_ADDRESS if complete else {}), **entry} for entry in entries + given]


def declared_listeners(
    ports: t.Iterable[GivenEntry], ip_addresses: t.Iterable[GivenEntry]
) -> t.List[NewEntry]:
    """What is declared, as mail_listeners_info takes it.

    Without floating addresses: they may be away, which that module could not know.
    """
    by_name = [_copy(port) for port in ports if port.get("protocol")]
    return [
        _listener(entry, port)
        for entry in map(_copy, ip_addresses)
        if not as_bool(entry.get("floating"))
        for port in by_name
        if port.get("name") in (entry.get("ports") or ())
    ]


def _listener(entry: GivenEntry, port: GivenEntry) -> NewEntry:
    more = {
        "port": port.get("port"),
        "hostname": entry.get("hostname"),
        "certificate_path": port.get("certificate_path"),
    }
    return {
        "address": entry["address"],
        "protocol": port["protocol"],
        "encryption": port.get("encryption", "none"),
        **{key: value for key, value in more.items() if value},
    }


def _standard_port(port: GivenEntry) -> NewEntry:
    """The number that a new port gets; none if its protocol is not known."""
    if port.get("protocol") not in PROTOCOLS:
        return {}
    return {"port": standard_number(port["protocol"], port.get("encryption", "none"))}


def _copy(entry: GivenEntry) -> NewEntry:
    """A plain dictionary: Ansible's own are templated at each access."""
    return dict(entry.items())
