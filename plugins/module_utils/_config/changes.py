# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes between two configs, and the diff that shows them. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Entry,
    ip_entry,
    port_entry,
)

Change = t.Dict[str, t.Any]


def changes(current: Bindings, desired: Bindings) -> t.List[Change]:
    """What turns C(current) into C(desired): ports by name, then IP bindings in address order.

    A change is C({action, kind, name, before, after}). Before and after are entries of the
    document, empty if there is none.
    """
    ports = _differing("port", current.ports, desired.ports, port_entry, str)
    return ports + _differing(
        "ip_binding", current.ip_addresses, desired.ip_addresses, ip_entry, address_order
    )


def _differing(
    kind: str,
    current: t.Mapping[str, t.Any],
    desired: t.Mapping[str, t.Any],
    entry: t.Callable[[t.Any], Entry],
    order: t.Callable[[str], t.Any],
) -> t.List[Change]:
    if current == desired:
        return []
    found = []
    for identity in sorted(set(current) | set(desired), key=order):
        before, after = current.get(identity), desired.get(identity)
        if before != after:
            found.append(
                {
                    "action": "add" if before is None else "remove" if after is None else "change",
                    "kind": kind,
                    "name": identity,
                    "before": {} if before is None else entry(before),
                    "after": {} if after is None else entry(after),
                }
            )
    return found


#: kind of a change -> the part of the diff that it is in
_PARTS = {"port": "ports", "ip_binding": "ip_addresses", "file": "files", "listener": "listeners"}


def diff(found: t.Iterable[Change]) -> t.Dict[str, t.Dict[str, t.Any]]:
    """The changes as C(--diff) shows them: before and after, by part and name.

    Of an entry that is on both sides, only the keys that differ.
    """
    sides: t.Dict[str, t.Dict[str, t.Any]] = {"before": {}, "after": {}}
    for change in found:
        for side, other in (("before", "after"), ("after", "before")):
            entry = change[side]
            if change["action"] == "change":
                entry = {
                    key: value
                    for key, value in entry.items()
                    if key not in change[other] or change[other][key] != value
                }
            if entry or change["action"] == "change":
                sides[side].setdefault(_PARTS[change["kind"]], {})[change["name"]] = entry
    return sides
