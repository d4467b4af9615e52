# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task says should be, and whether the config says it already. Pure.

C(_plan), which makes of it what will be, is loaded only where something is to change, or something is wrong.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    unassigned_ports,
)

#: What a task says of a port's certificate beside the document's own keys: used to check it, never stored.
BESIDE_DOCUMENT = ("certificate_password", "certificate_hostnames")


class Declaration(t.NamedTuple):
    """What one task says should be. C(None) for a list: the task does not speak of it.

    Entries have the keys of the document; only those that the task gives. What is left out keeps its stored value.
    """

    ports: t.Optional[list] = None
    ip_addresses: t.Optional[list] = None
    only_these: bool = False  # entries that are not declared go
    exact_assignments: bool = (
        False  # an IP's ports are exactly the declared ones, else at least these
    )
    require_assigned: bool = False
    single: bool = (
        False  # one entry, whose keys are the task's own options: messages need no path to it
    )
    on_server: bool = False  # it is for a server that keeps its bindings itself: paths are that server's, and what is there may break rules

    def label(self, kind: str, index: int) -> str:
        """The path of an entry, for messages."""
        return "" if self.single else "%s[%d]." % (kind, index)


class Outcome(t.NamedTuple):
    """The config that a task makes, as far as it can be made, and all that is wrong with it, as messages."""

    bindings: Bindings
    problems: list


def says(current: Bindings, declaration: Declaration) -> bool:
    """Whether the config certainly says already all that is declared. Then what is declared keeps the rules as the config does."""
    if declaration.on_server or (declaration.require_assigned and unassigned_ports(current)):
        return False
    try:
        return _holds(current.ports, declaration.ports, "name", str, declaration) and _holds(
            current.ip_addresses,
            declaration.ip_addresses,
            "address",
            canonical_address,
            declaration,
        )
    except ValueError:  # what is no address
        return False


def _holds(
    stored: dict,
    entries: t.Optional[list],
    key: str,
    identity: t.Callable,
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


def _assigned(stored: tuple, names: list, declaration: Declaration) -> bool:
    return len(set(names)) == len(names) and (
        set(names) == set(stored) if declaration.exact_assignments else set(names) <= set(stored)
    )
