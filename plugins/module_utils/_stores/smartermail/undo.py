# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back from a change that failed in the middle: what the server should hold again, of what
the task changed. Pure.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import steps
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    Held,
    ServerPort,
    view,
)

PortKey = t.Tuple[str, str, int]


class Sent(t.NamedTuple):
    """What a run has sent to the server, whatever became of it."""

    steps: t.Sequence[t.Any]  # the calls of C(steps)
    ids: t.AbstractSet[str]  # of ports that were added, where the server told them

    def ports(self, *kinds: t.Any) -> list[ServerPort]:
        """The ports that calls of these kinds were about."""
        return [step.port for step in self.steps if isinstance(step, kinds)]

    def addresses_of(self, port_id: str) -> set[str]:
        """The addresses on which this port was assigned or unassigned."""
        moves = (steps.Assign, steps.Unassign)
        return {
            step.address
            for step in self.steps
            if isinstance(step, moves) and step.port.id == port_id
        }

    def renamed(self) -> set[str]:
        """The addresses whose host name was given or taken."""
        kinds = (steps.AddHostname, steps.DeleteHostname)
        return {step.address for step in self.steps if isinstance(step, kinds)}


class Way(t.NamedTuple):
    """From where to where an undo goes."""

    current: list[steps.Entry]  # what the server holds of what is spoken of
    target: steps.Wanted
    uncertain: set[PortKey]  # ports that come back with a certificate password that may be wrong


def port_key(port: ServerPort) -> PortKey:
    """What tells an added port from another while its id is not known.

    The server may have changed the rest of it: a text without blanks, for example.
    """
    return port.name, port.protocol, port.number


def way_back(sent: Sent, before: Held, now: Held, passwords: t.Mapping[str, str]) -> Way:
    """What to take the server back to, of what the run changed.

    What others changed meanwhile stays.

    C(passwords): name -> certificate password, where the server does not show it.
    """
    before_ports = view(before).ports.values()  # no call changes a port without a place in a config
    entry_now = {entry.port.id: entry for entry in steps.entries(now, before_ports)}
    ids_now = {port.id for port in now.ports}
    deleted = {port.id for port in sent.ports(steps.Delete)}
    current, target, uncertain = [], [], set()
    for entry in steps.entries(before, before_ports):
        if entry.port.id in ids_now:
            current.append(entry_now[entry.port.id])
            target.append(_assigned_as_before(entry, current[-1], sent))
        elif entry.port.id in deleted:
            target.append(entry._replace(port=_to_add_again(entry.port, passwords)))
            if entry.port.certificate_path and not _shows_password(entry.port):
                uncertain.add(port_key(entry.port))
    current += steps.entries(now, _added_by_run(sent, before, now))
    hostnames = {address: before.hostnames.get(address, "") for address in sent.renamed()}
    return Way(current, steps.Wanted(target, hostnames), uncertain)


def _assigned_as_before(before: steps.Entry, now: steps.Entry, sent: Sent) -> steps.Entry:
    touched = sent.addresses_of(before.port.id)
    return before._replace(addresses=(now.addresses - touched) | (before.addresses & touched))


def _to_add_again(port: ServerPort, passwords: t.Mapping[str, str]) -> ServerPort:
    """A port that was deleted.

    The task's password may be what made it fail, so the server's counts if it is shown.
    """
    password = port.password if _shows_password(port) else passwords.get(port.name, port.password)
    return port._replace(id="", password=password)


def _shows_password(port: ServerPort) -> bool:
    return bool(port.password.strip("*"))


def _added_by_run(sent: Sent, before: Held, now: Held) -> list[ServerPort]:
    old = {port.id for port in before.ports}
    added = set(map(port_key, sent.ports(steps.Add)))
    return [
        port
        for port in now.ports
        if port.id not in old and (port.id in sent.ids or port_key(port) in added)
    ]
