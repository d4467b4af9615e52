# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task declares, and whether the config says so already. Pure.

C(plan), which merges a declaration into a config, is loaded only if something changes or is wrong.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    unassigned_ports,
)

#: Options of a port's certificate that no document has: used to check it, never stored.
BESIDE_DOCUMENT = ("certificate_password", "certificate_hostnames")

Entries = t.Optional[t.List[t.Dict[str, t.Any]]]


class Declaration:
    """What one task declares. None for a list: the task does not speak of it.

    Entries have keys of the document, and only those that the task gives: others keep their values.
    """

    def __init__(
        self,
        ports: Entries = None,
        ip_addresses: Entries = None,
        only_these: bool = False,  # entries that are not declared are removed
        exact_assignments: bool = False,  # an IP has exactly the declared ports, else at least
        require_assigned: bool = False,
        single: bool = False,  # one entry, made of the task's own options: messages need no path
        on_server: bool = False,  # paths are of a remote server, whose bindings may break rules
    ):
        self.ports, self.ip_addresses = ports, ip_addresses
        self.only_these, self.exact_assignments = only_these, exact_assignments
        self.require_assigned, self.single, self.on_server = require_assigned, single, on_server

    def label(self, kind: str, index: int) -> str:
        """The path of an entry, for messages."""
        return "" if self.single else "%s[%d]." % (kind, index)


class Outcome:
    """The config that a task makes, as far as it can be made, and its problems, as messages."""

    def __init__(self, bindings: Bindings, problems: t.List[str]):
        self.bindings, self.problems = bindings, problems


def is_satisfied(current: Bindings, declaration: Declaration) -> bool:
    """Does the config certainly say all that is declared? If so, the declaration is valid."""
    if declaration.on_server or (declaration.require_assigned and unassigned_ports(current)):
        return False
    if not _has(current.ports, declaration.ports, "name", str, declaration):
        return False
    if declaration.ip_addresses is None:
        return True
    from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
        canonical_address,
    )

    entries, identity = declaration.ip_addresses, canonical_address
    try:
        return _has(current.ip_addresses, entries, "address", identity, declaration)
    except ValueError:  # not an address
        return False


def _has(
    stored: t.Mapping[str, t.Any],
    entries: Entries,
    key: str,
    identity: t.Callable[[str], str],
    declaration: Declaration,
) -> bool:
    if entries is None:
        return True
    given = {identity(entry[key]): entry for entry in entries}
    if len(given) < len(entries) or (declaration.only_these and len(given) < len(stored)):
        return False
    return all(
        name in stored
        and all(
            option == key
            or (
                _assigned(stored[name].ports, value, declaration)
                if option == "ports"
                else getattr(stored[name], option, None) == value
            )
            for option, value in entry.items()
        )
        for name, entry in given.items()
    )


def _assigned(stored: t.Iterable[str], names: t.List[str], declaration: Declaration) -> bool:
    return len(set(names)) == len(names) and (
        set(names) == set(stored) if declaration.exact_assignments else set(names) <= set(stored)
    )
