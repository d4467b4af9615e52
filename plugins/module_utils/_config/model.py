# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of a bindings config: ports, IP bindings, the document they make.

Everything here is pure. What one value may look like is said in C(_shapes), what values may stand beside each other in C(_rules), what a
task makes of them in C(_plan).
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
)

SCHEMA_VERSION = 1


class Refused(Exception):
    """What was asked for can't be done, and nothing is changed. C(str()) is the whole message for the user, C(facts) what the result says beside it."""

    facts: dict = {}


class MissingLibrary(Refused):
    """A Python library that this task needs is not on the host: C(library), and the distribution's C(package)."""

    def __init__(self, library: str, package: str, reason: str):
        super().__init__("%s: the Python library %s is missing (%s)" % (reason, library, package))
        self.library, self.package, self.reason = library, package, reason


class Misshapen(Exception):
    """A value has not the shape of the schema. Carries no explanation: that is C(_schema)'s work."""


class Port(t.NamedTuple):
    """A port: what a server listens for. The paths are '' where there is none."""

    name: str
    protocol: str
    port: int
    encryption: str = "none"
    certificate_path: str = ""
    private_key_path: str = ""
    description: str = ""

    @property
    def key_path(self) -> str:
        """The file that holds the private key: the certificate's own unless another is named."""
        return self.private_key_path or self.certificate_path


class IPBinding(t.NamedTuple):
    """An IP address in canonical form and the sorted names of the ports that it answers on."""

    address: str
    ports: tuple = ()
    hostname: str = ""
    description: str = ""
    floating: bool = False


class Bindings(t.NamedTuple):
    """A whole config. C(ports) by name and C(ip_addresses) by canonical address, both in the order of their source."""

    ports: dict
    ip_addresses: dict
    schema: t.Optional[str] = None  # the document's own "$schema", kept for people's editors


EMPTY = Bindings({}, {})


def shown(value) -> str:
    """A value as a message shows it: JSON, so that blanks and control characters can be seen, and short."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else text[:50] + "..." + text[-27:]


# -- and back to the document


def port_entry(port: Port) -> dict:
    """The port as the document has it: paths only where there are any."""
    entry = port._asdict()
    for key in ("certificate_path", "private_key_path"):
        if not entry[key]:
            del entry[key]
    return entry


def ip_entry(binding: IPBinding) -> dict:
    """The IP binding as the document has it."""
    entry = binding._asdict()
    entry["ports"] = list(binding.ports)
    return entry


def port_entries(bindings: Bindings) -> list:
    """All ports as the document has them, by name."""
    return [port_entry(bindings.ports[name]) for name in sorted(bindings.ports)]


def ip_entries(bindings: Bindings) -> list:
    """All IP bindings as the document has them, in address order."""
    return [
        ip_entry(bindings.ip_addresses[address])
        for address in sorted(bindings.ip_addresses, key=address_order)
    ]


def canonical_text(bindings: Bindings) -> str:
    """The one text of a config: what is written to the file."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "ports": port_entries(bindings),
        "ip_addresses": ip_entries(bindings),
    }
    if bindings.schema is not None:
        document["$schema"] = bindings.schema
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def unassigned_ports(bindings: Bindings) -> list:
    """Names of the ports that no IP listens on, sorted."""
    return sorted(
        set(bindings.ports).difference(
            *(binding.ports for binding in bindings.ip_addresses.values())
        )
    )
