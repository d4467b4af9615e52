# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls carried out one after the other on what a server held: there, or back again."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import (
    steps,
    undo,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.session import (
    Hopeless,
    Session,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import Held
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.undo import (
    port_key,
)


class Run:
    """Calls carried out one after the other on what a server held."""

    def __init__(self, door, session: Session, held: Held, addresses: t.Iterable[str]):
        self._door, self._session, self._before, self._addresses = door, session, held, addresses
        # port_key of a port that was to be added -> its id, '' where the door does not tell
        self._added: dict = {}
        self._known = {port.id for port in held.ports}
        self._told: set = set()  # ids of those that were added, as far as the server told them
        self._tried: list = []  # steps that were sent
        self.made: list = []  # and those that were carried out
        # names of ports that came back, perhaps with a wrong certificate password
        self.unsure: list = []

    def read(self) -> Held:
        return self._door.read(True, self._addresses)

    def carry_out(self, todo: list) -> None:
        """Raises Refused at the first that fails."""
        for step in todo:
            self._carry_out(step)

    def _carry_out(self, step) -> None:
        if isinstance(step, (steps.Assign, steps.Unassign)) and not step.port.id:
            step = step._replace(port=step.port._replace(id=self._added[port_key(step.port)]))
        self._tried.append(step)
        try:
            new = self._session.patiently(
                str(step), lambda end: self._door.write(step, end), lambda: self._settled(step)
            )
        except Refused as why:
            new = self._settled_after_all(step)
            if new is None:
                raise (Hopeless if isinstance(why, Hopeless) else Refused)(
                    "could not %s: %s" % (step, why)
                ) from None
        if isinstance(step, steps.Add):
            self._added[port_key(step.port)] = new
            self._known.add(new)
            self._told.update([new] if new else [])
        self.made.append(step)

    def _settled_after_all(self, step) -> t.Optional[str]:
        """The same for a refused step: another administrator may have been first."""
        try:
            return self._settled(step)
        except Refused:
            return None

    def _settled(self, step) -> t.Optional[str]:
        """Whether the server carried out a step though it did not say so: the id of what was added,
        else ''; None if it did not.
        """
        now = self.read()
        if isinstance(step, steps.Add):
            return next(
                (
                    port.id
                    for port in now.ports
                    if port.id not in self._known and port_key(port) == port_key(step.port)
                ),
                None,
            )
        if isinstance(step, steps.Delete):
            done = all(port.id != step.port.id for port in now.ports)
        elif isinstance(step, (steps.Assign, steps.Unassign)):
            done = (step.port.id in now.assigned.get(step.address, ())) == isinstance(
                step, steps.Assign
            )
        else:
            done = now.hostnames.get(step.address, "") == (
                step.hostname if isinstance(step, steps.AddHostname) else ""
            )
        return "" if done else None

    def undo(self, passwords: t.Mapping[str, str]) -> list[str]:
        """Undo what this run has changed, and nothing that others have: as much as possible.

        What is impossible, as messages.

        C(passwords): name -> certificate password, where the server does not show it.
        """
        now = self.read()
        self._known |= {port.id for port in now.ports}
        # or the id of a port that does not come back would be taken for that of the port in its
        # place
        self._added.clear()
        way = undo.way_back(undo.Sent(self._tried, self._told), self._before, now, passwords)
        todo = steps.steps(way.current, now.hostnames, way.target, self._door.assigns)
        return list(self._as_many_as_possible(todo, way.uncertain))

    def _as_many_as_possible(self, todo: list, uncertain: t.Container) -> t.Iterator[str]:
        """Carry out steps that undo, also after one of them failed. The failures, as messages."""
        lost = set()  # names of ports that did not come back: what took their place stays
        for step in todo:
            if (
                isinstance(step, (steps.Assign, steps.Unassign, steps.Delete))
                and step.port.name in lost
            ):
                continue
            try:
                self._carry_out(step)
            except Refused as why:
                yield str(why)
                if isinstance(why, Hopeless):
                    return
                if isinstance(step, steps.Add):
                    lost.add(step.port.name)
                continue
            if isinstance(step, steps.Add) and port_key(step.port) in uncertain:
                self.unsure.append(step.port.name)
