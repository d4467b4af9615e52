# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of a bindings config: ports, IP bindings and the document that they make. Pure.

C(values) says which single values are valid, C(rules) which may stand together, C(plan) what a task
makes of them.
"""

from __future__ import annotations

import json
import typing as t

SCHEMA_VERSION = 1

Entry = t.Dict[str, t.Any]  # a port or an IP binding as the document has it


class Refused(Exception):
    """The task can't be done, and nothing is changed. C(str()) is the message for the user."""

    facts: t.Dict[str, t.Any] = {}  # what the result says beside the message


class MissingLibrary(Refused):
    """The host lacks a Python library: C(library), in the distribution's C(package)."""

    def __init__(self, library: str, package: str, reason: str):
        super().__init__("%s: the Python library %s is missing (%s)" % (reason, library, package))
        self.library, self.package, self.reason = library, package, reason


class Misshapen(Exception):
    """A value does not have the shape of the schema. C(schema) explains why."""


class Port(t.NamedTuple):
    """A port: what a server listens for. A path is '' if there is none."""

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
    ports: t.Tuple[str, ...] = ()
    hostname: str = ""
    description: str = ""
    floating: bool = False


class Bindings(t.NamedTuple):
    """A whole config. C(ports) by name, C(ip_addresses) by canonical address, in source order."""

    ports: t.Dict[str, Port]
    ip_addresses: t.Dict[str, IPBinding]
    schema: t.Optional[str] = None  # the document's own "$schema", kept for editors


EMPTY = Bindings({}, {})


def shown(value: t.Any) -> str:
    """A value as messages show it: short, and JSON, so that blanks and control characters show.

    A secret in it is masked: it may be in a wrong place.
    """
    from ansible_collections.mailops.bindings.plugins.module_utils._config import secrets

    text = secrets.masked(json.dumps(value, ensure_ascii=True, default=str))
    return text if len(text) <= 80 else text[:50] + "..." + text[-27:]


# -- and back to the document


def port_entry(port: Port) -> Entry:
    """The port as the document has it: paths only if there are any."""
    entry = port._asdict()
    for key in ("certificate_path", "private_key_path"):
        if not entry[key]:
            del entry[key]
    return entry


def ip_entry(binding: IPBinding) -> Entry:
    """The IP binding as the document has it."""
    entry = binding._asdict()
    entry["ports"] = list(binding.ports)
    return entry


def port_entries(bindings: Bindings) -> t.List[Entry]:
    """All ports as the document has them, by name."""
    return [port_entry(bindings.ports[name]) for name in sorted(bindings.ports)]


def ip_entries(bindings: Bindings) -> t.List[Entry]:
    """All IP bindings as the document has them, in address order."""
    if not bindings.ip_addresses:
        return []
    from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
        address_order,
    )

    return [
        ip_entry(bindings.ip_addresses[address])
        for address in sorted(bindings.ip_addresses, key=address_order)
    ]


def unassigned_ports(bindings: Bindings) -> t.List[str]:
    """Names of the ports that no IP listens on, sorted."""
    return sorted(
        set(bindings.ports).difference(
            *(binding.ports for binding in bindings.ip_addresses.values())
        )
    )
