# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a document that is certainly valid: all that a task needs if its config is in order. Pure.

If this is not certain, C(documents) is loaded, which knows each rule and has the last word.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    SCHEMA_VERSION,
    Bindings,
    IPBinding,
    Misshapen,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)

# Exact types of the values, so that true is not a number. A required value that is left out has its
# default's type.
_DOCUMENT = {"$schema": str, "schema_version": int, "ports": list, "ip_addresses": list}
_PORT = (str, str, int, str, str, str, str)
_IP_BINDING = (str, list, str, str, bool)


def read(document: t.Any) -> Bindings:
    """The config that a document says. Raises Misshapen unless it is certainly valid."""
    try:
        return _certain(document)
    except (AttributeError, KeyError, TypeError, ValueError):
        # a wrong type, a missing or unknown key, an address that is not valid
        raise Misshapen() from None


def _certain(document: t.Any) -> Bindings:
    ports = [Port(**entry) for entry in document["ports"]]
    ip_addresses = [IPBinding(**entry) for entry in document["ip_addresses"]]
    _check_types(document, ports, ip_addresses)
    if ip_addresses:
        from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
            canonical_address,
        )

        ip_addresses = [
            binding._replace(
                address=canonical_address(binding.address), ports=tuple(sorted(binding.ports))
            )
            for binding in ip_addresses
        ]
    bindings = Bindings(
        {port.name: port for port in ports},
        {binding.address: binding for binding in ip_addresses},
        document.get("$schema"),
    )
    # what is printable is valid Unicode too; a description of two lines is legal, and left to rules
    if (
        len(bindings.ports) < len(ports)
        or len(bindings.ip_addresses) < len(ip_addresses)
        or not all(map(str.isprintable, _texts(*ports, *ip_addresses, bindings)))
        or not all(map(_is_sound, ports))
        or (ip_addresses and not _may_listen(bindings))
    ):
        raise Misshapen()
    return bindings


def _check_types(document: t.Any, ports: t.List[Port], ip_addresses: t.List[IPBinding]) -> None:
    types = {"$schema": str, **{key: type(value) for key, value in document.items()}}
    if (
        types != _DOCUMENT
        or document["schema_version"] != SCHEMA_VERSION
        or any(tuple(map(type, port)) != _PORT for port in ports)
        or any(tuple(map(type, binding)) != _IP_BINDING for binding in ip_addresses)
    ):
        raise Misshapen()


def _texts(*values: t.Iterable[t.Any]) -> t.Iterator[str]:
    return (text for value in values for text in value if isinstance(text, str))


def _is_sound(port: Port) -> bool:
    certificate, key = port.certificate_path, port.private_key_path
    return (
        port.name == port.name.strip() != ""
        and port.protocol in PROTOCOLS
        and port.encryption in ENCRYPTIONS
        and 1 <= port.port <= 65535
        and (port.encryption != "none") == bool(certificate)
        and certificate[:1] in ("", "/")
        and key[:1] in ("", "/" if certificate else "")
    )


def _may_listen(bindings: Bindings) -> bool:
    """Every assigned port exists, and no two with one number meet on an address or wildcard."""
    from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
        wildcard_of,
    )

    if any(
        " " in binding.hostname or not bindings.ports.keys() >= set(binding.ports)
        for binding in bindings.ip_addresses.values()
    ):
        return False
    numbers = {
        address: [bindings.ports[name].port for name in binding.ports]
        for address, binding in bindings.ip_addresses.items()
    }
    for address, here in numbers.items():
        wildcard = wildcard_of(address)
        if len(set(here)) < len(here) or (
            address != wildcard and not set(numbers.get(wildcard, ())).isdisjoint(here)
        ):
            return False
    return True
