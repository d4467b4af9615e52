# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on one host, in a shape that a report can be made of."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    PROTOCOLS,
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.listeners import (
    MAX_NUMBER,
    Key,
    canonical,
    key_of,
    key_of_name,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import (
    ENTRIES,
    Json,
    as_bool,
    as_entry,
    as_integer,
    as_list,
    as_mapping,
    as_name,
    as_text,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.words import Level

ERROR_CHARACTERS = 4000
_ACTIONS = ("add", "change", "remove")
#: Where a change of this kind belongs that is not of a server.
_LEVEL_OF_KIND = {
    "port": Level.CONFIG,
    "ip_binding": Level.CONFIG,
    "file": Level.CONFIG,
    "listener": Level.LISTENING,
}


class ReportedChange(t.NamedTuple):
    """A change that the module would make, cut to size. C(server): '' for the bindings config."""

    action: str
    kind: str
    name: str
    before: Json
    after: Json
    server: str

    @property
    def level(self) -> Level:
        """In which way the host has drifted where this would change."""
        if self.kind == "file" and self.server:
            return Level.FILES
        return _LEVEL_OF_KIND[self.kind]

    @property
    def key(self) -> t.Optional[Key]:
        """Of a listener: where it is; None for others."""
        return key_of_name(self.name) if self.kind == "listener" else None

    @property
    def certificate_alone(self) -> bool:
        """Of a listener: the server still serves what was in the file before."""
        if not (self.before and self.after):
            return False
        differing = {
            key
            for key in {*self.before, *self.after}
            if self.before.get(key) != self.after.get(key)
        }
        return differing == {"fingerprint_sha256"}

    def as_dict(self) -> Json:
        """As the report has it."""
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "before": self.before,
            "after": self.after,
        }


class DeclaredBindings(t.NamedTuple):
    """Ports by name, and IP bindings by canonical address, as the document has them."""

    ports: t.Dict[str, Json]
    ip_addresses: t.Dict[str, Json]

    def listeners(self) -> t.Dict[Key, t.Tuple[Json, Json]]:
        """Each declared listener: its port's entry, and its address's entry."""
        found: t.Dict[Key, t.Tuple[Json, Json]] = {}
        for address, binding in self.ip_addresses.items():
            for name in map(as_name, as_list(binding.get("ports"))):
                number = _port_number(as_mapping(self.ports.get(name)))
                if number is not None:
                    found.setdefault((address, number), (self.ports[name], binding))
        return found

    def before(self, changes: t.Iterable[ReportedChange]) -> DeclaredBindings:
        """The config before the changes: what is declared, with each of them undone."""
        ports, ip_addresses = dict(self.ports), dict(self.ip_addresses)
        for change in changes:
            if change.kind == "port":
                _put(ports, change.name, change.before)
            elif change.kind == "ip_binding":
                _put(ip_addresses, canonical(change.name), change.before)
        return DeclaredBindings(ports, ip_addresses)


class HostFinding(t.NamedTuple):
    """All that is known of a host. What could not be found out is empty."""

    host: str
    maintenance: bool
    error: str  # why it could not be checked; '' if it could
    declared: DeclaredBindings
    changes: t.List[ReportedChange]
    seen: t.Dict[Key, Json]
    ignored: t.Set[Key]
    certificates: t.List[t.Any]
    warnings: t.List[str]


def read_finding(finding: t.Any) -> HostFinding:
    """What the playbook kept of a host; see the documentation of the filter drift_report."""
    finding = as_mapping(finding)
    result = as_mapping(finding.get("result"))
    seen = [as_mapping(listener) for listener in as_list(result.get("listeners_before"))]
    return HostFinding(
        host=as_name(finding.get("host")),
        maintenance=as_bool(finding.get("maintenance")),
        error=_error(result),
        declared=_declared(result, finding),
        changes=[_read_change(change) for change in as_list(result.get("changes"))],
        seen={key: listener for key, listener in ((key_of(item), item) for item in seen) if key},
        ignored={key for key in map(key_of_name, as_list(finding.get("ignore_listeners"))) if key},
        certificates=as_list(result.get("certificates"))[:ENTRIES],
        warnings=[as_text(warning) for warning in as_list(result.get("warnings"))[:ENTRIES]],
    )


def _declared(result: Json, finding: Json) -> DeclaredBindings:
    """As the module returned it, which may know more than it was told; else as it was told."""

    def entries(key: str) -> t.Iterator[Json]:
        given = result if isinstance(result.get(key), (list, tuple)) else finding
        return map(as_mapping, as_list(given.get(key)))

    addresses = ((ip.get("address", ip.get("ip")), ip) for ip in entries("ip_addresses"))
    return DeclaredBindings(
        {as_name(port["name"]): port for port in entries("ports") if "name" in port},
        {canonical(address): ip for address, ip in addresses if address is not None},
    )


def _error(result: Json) -> str:
    message = as_text(result.get("msg"), ERROR_CHARACTERS)
    if as_bool(result.get("unreachable")):
        return "unreachable: " + message if message else "unreachable"
    if as_bool(result.get("failed")):
        return message or "the task failed without a message"
    if not isinstance(result.get("changes"), (list, tuple)):
        return "not checked: there is no result" + (": " + message if message else "")
    return ""


def _read_change(value: t.Any) -> ReportedChange:
    value = as_mapping(value)
    action, kind = as_name(value.get("action")), as_name(value.get("kind"))
    if action not in _ACTIONS or kind not in _LEVEL_OF_KIND:
        action, kind = "change", "file"  # something would change, whatever it is
    return ReportedChange(
        action,
        kind,
        as_name(value.get("name")),
        as_entry(value.get("before")),
        as_entry(value.get("after")),
        as_name(value.get("server")),
    )


def _port_number(port: Json) -> t.Optional[int]:
    """The port's number, or the standard one where none is given."""
    if port.get("port") is None:
        protocol = as_text(port.get("protocol"))
        encryption = as_text(port.get("encryption"))
        return standard_number(protocol, encryption) if protocol in PROTOCOLS else None
    number = as_integer(port.get("port"))
    return number if number is not None and 0 <= number <= MAX_NUMBER else None


def _put(entries: t.Dict[str, Json], identity: str, entry: Json) -> None:
    """The entry takes its place; an empty one leaves none."""
    if entry:
        entries[identity] = entry
    else:
        entries.pop(identity, None)
