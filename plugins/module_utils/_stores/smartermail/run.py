# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls carried out one after the other on what a server held: there, or back again."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import steps
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.held import (
    Held,
    ServerPort,
    view,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.session import (
    Hopeless,
    Session,
)


class Run:
    """Calls carried out one after the other on what a server held."""

    def __init__(self, door, session: Session, held: Held, addresses: t.Iterable[str]):
        self._door, self._session, self._before, self._addresses = door, session, held, addresses
        self._added: dict = {}  # _key of a port that was to be added -> its id, '' where the door does not tell
        self._known = {port.id for port in held.ports}
        self._told: set = set()  # ids of those that were added, as far as the server told them
        self._tried: list = []  # steps that were sent
        self.made: list = []  # and those that were carried out
        self.unsure: list = []  # names of ports that were put back, and nobody knows with the right password for the certificate or not

    def read(self) -> Held:
        return self._door.read(True, self._addresses)

    def carry_out(self, todo: list) -> None:
        """Raises Refused at the first that fails."""
        for step in todo:
            self._carry_out(step)

    def _carry_out(self, step) -> None:
        if isinstance(step, (steps.Assign, steps.Unassign)) and not step.port.id:
            step = step._replace(port=step.port._replace(id=self._added[_key(step.port)]))
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
            self._added[_key(step.port)] = new
            self._known.add(new)
            self._told.update([new] if new else [])
        self.made.append(step)

    def _settled_after_all(self, step) -> t.Optional[str]:
        """The same of a step that was refused: somebody else may have been there first."""
        try:
            return self._settled(step)
        except Refused:
            return None

    def _settled(self, step) -> t.Optional[str]:
        """Whether the server carried out a step though it did not say so: the id of what was added, else ''; None if it did not."""
        now = self.read()
        if isinstance(step, steps.Add):
            return next(
                (
                    port.id
                    for port in now.ports
                    if port.id not in self._known and _key(port) == _key(step.port)
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

    def undo(self, passwords: t.Mapping) -> list:
        """Put back what this run has changed, and nothing of anybody else's: all that can be. What can't, as messages.

        C(passwords): name -> certificate password, where the server does not show it.
        """
        now, before = self.read(), self._before
        there, old = {port.id for port in now.ports}, {port.id for port in before.ports}
        added = {_key(step.port) for step in self._tried if isinstance(step, steps.Add)}
        deleted = {step.port.id for step in self._tried if isinstance(step, steps.Delete)}
        moved = {
            (step.port.id, step.address)
            for step in self._tried
            if isinstance(step, (steps.Assign, steps.Unassign))
        }
        named = {
            step.address
            for step in self._tried
            if isinstance(step, (steps.AddHostname, steps.DeleteHostname))
        }
        self._known |= there
        self._added.clear()  # or what does not come back would be taken for what took its place
        ours = view(before).ports.values()  # what is beside them nobody has touched
        known = {entry.port.id: entry for entry in steps.entries(now, ours)}
        current, target, uncertain = [], [], set()
        for entry in steps.entries(before, ours):
            port = entry.port
            if port.id in there:
                current.append(known[port.id])
                touched = {address for port_id, address in moved if port_id == port.id}
                target.append(
                    entry._replace(
                        addresses=(known[port.id].addresses - touched) | (entry.addresses & touched)
                    )
                )
            elif port.id in deleted:
                # the task's may be what made it fail
                shown = bool(port.password.strip("*"))
                target.append(
                    entry._replace(
                        port=port._replace(
                            id="",
                            password=port.password
                            if shown
                            else passwords.get(port.name, port.password),
                        )
                    )
                )
                if port.certificate_path and not shown:
                    uncertain.add(_key(port))
        current += steps.entries(
            now,
            [
                port
                for port in now.ports
                if port.id not in old and (port.id in self._told or _key(port) in added)
            ],
        )
        hostnames = {address: before.hostnames.get(address, "") for address in named}
        return list(
            self._as_many_as_can_be(
                steps.steps(
                    current, now.hostnames, steps.Wanted(target, hostnames), self._door.assigns
                ),
                uncertain,
            )
        )

    def _as_many_as_can_be(self, todo: list, uncertain: t.Container) -> t.Iterator[str]:
        """Carry out steps that put back, also after one of them fails. Why those that do, as messages."""
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
            if isinstance(step, steps.Add) and _key(step.port) in uncertain:
                self.unsure.append(step.port.name)


def _key(port: ServerPort) -> tuple:
    """What tells one added port from another while its id is not known. What else it has the server may have in another way: a text without blanks."""
    return port.name, port.protocol, port.number


def differences(before: Held, now: Held) -> t.Iterator[str]:
    """What is there now and was not, or the other way round, whatever its id."""
    counts = [collections.Counter(port.port for port in held.ports) for held in (before, now)]
    for what, less, more in (("is there", *counts), ("is not there", *reversed(counts))):
        for port in sorted(more - less):
            yield "port %s %s (%s, %d, %s%s)" % (
                model.shown(port.name),
                what,
                port.protocol or "unknown protocol",
                port.port,
                port.encryption,
                port.certificate_path and ", " + port.certificate_path,
            )
    for port in sorted(counts[0].keys() & counts[1].keys()):
        beside = [
            sorted((str(sorted(each.more.items())) for each in held.ports if each.port == port))
            for held in (before, now)
        ]
        if beside[0] != beside[1]:
            # not their values: nobody knows what they are, and so not whether they are secret
            yield "port %s has not what it had in the fields that are not known (%s)" % (
                model.shown(port.name),
                ", ".join(
                    sorted(
                        {
                            key
                            for held in (before, now)
                            for each in held.ports
                            if each.port == port
                            for key in each.more
                        }
                    )
                ),
            )
    for address in sorted({**before.assigned, **now.assigned}):
        names = [
            sorted(port.name for port in held.ports if port.id in held.assigned.get(address, ()))
            for held in (before, now)
        ]
        if names[0] != names[1]:
            yield "%s answers on %s, before on %s" % (
                address,
                ", ".join(names[1]) or "no port",
                ", ".join(names[0]) or "none",
            )
    for address in sorted({**before.hostnames, **now.hostnames}):
        hostnames = [held.hostnames.get(address, "") for held in (before, now)]
        if hostnames[0] != hostnames[1]:
            yield "%s has the host name %s, before %s" % (
                address,
                hostnames[1] or "of none",
                hostnames[0] or "none",
            )
