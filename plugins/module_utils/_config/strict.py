# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a document that is certainly valid, and says no to every other: the whole of what a task needs that finds its config in order.

C(_rules), which knows each rule and can say which one is broken, is loaded only after a no, and has the last word.
"""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Misshapen,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)

# the types of the values, exactly: true is no number, and what is left out but must be there has its default's type
_DOCUMENT = {"$schema": str, "schema_version": int, "ports": list, "ip_addresses": list}
_PORT = (str, str, int, str, str, str, str)
_IP_BINDING = (str, list, str, str, bool)


def read(document) -> Bindings:
    """The config that a document says. Raises Misshapen unless it is certain that it has the shape of the schema and keeps the rules."""
    try:
        return _certain(document)
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ):  # what a wrong type, a missing or unknown key, or no address comes to
        raise Misshapen() from None


def _certain(document) -> Bindings:
    ports = [Port(**entry) for entry in document["ports"]]
    ip_addresses = [IPBinding(**entry) for entry in document["ip_addresses"]]
    typed = (
        {"$schema": str, **{key: type(value) for key, value in document.items()}} == _DOCUMENT
        and all(tuple(map(type, port)) == _PORT for port in ports)
        and all(tuple(map(type, binding)) == _IP_BINDING for binding in ip_addresses)
    )
    if not typed or document["schema_version"] != model.SCHEMA_VERSION:
        raise Misshapen()
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
    unique = len(bindings.ports) == len(ports) and len(bindings.ip_addresses) == len(ip_addresses)
    texts = [
        text
        for value in (*ports, *ip_addresses, bindings)
        for text in value
        if isinstance(text, str)
    ]
    # what is printable is valid Unicode too; a description of two lines is legal, and left to the rules
    if not (
        unique
        and all(map(str.isprintable, texts))
        and all(map(_is_sound, ports))
        and _may_listen(bindings)
    ):
        raise Misshapen()
    return bindings


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
    """Every port is there, and no two of one number meet on an address, nor on a wildcard."""
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
