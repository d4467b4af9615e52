# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the servers of this host listen as declared: all of them or none, and proved by connecting.

It knows no server. In this order: what an earlier run left undone is put right; read; refuse what can't work; probe how things
are; rehearse; [check mode stops here]; write down what was; put and activate, server by server; look until the sockets are the
wanted ones and stay; probe again; the bindings config last. Whatever goes wrong after the first write, every byte goes back
(C(rollback)), the old state is activated and proved, and only then the task fails.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    is_wildcard,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import (
    has_systemd,
    reread_units,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe import client as _listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers import registry
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    journal,
    rollback,
    signals,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    preflight as refusals,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import wait as watch
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    ABSENT,
    RIGHTLY_SERVED,
    SERVED,
    How,
    Participant,
    in_order,
    key_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.wait import Goal

LOCKED_FOLDER = "/var/lib"
LOCK_SECONDS = 120
STABLE_SECONDS = 2.0  # a server that can't bind dies within one
MIN_PATIENCE = 2.5  # the old listeners wait for the verdict on the new ones


class RolledBack(Refused):
    """It was tried, and undone. C(facts): what the result says beside the message."""

    def __init__(self, message: str, facts: dict):
        super().__init__(message)
        self.facts = facts


class ConfigFile(t.NamedTuple):
    """The bindings config as a part of the transaction. C(save) writes it and returns the name of its backup or ''."""

    path: str
    before: t.Optional[bytes]
    after: bytes
    save: t.Callable[[], str]
    folder: str = ""  # that is made for it


def _has_parts(server: Server) -> bool:
    """Are there parts of ours in its files, as far as these can be read?"""
    for path in server.files:
        with contextlib.suppress(OSError, NotAFile, TooLarge):
            if MANAGED_MARK.encode() in (read_file(path) or b""):
                return True
    return False


class Transaction:
    """One task's way through the servers: C(plan), then C(carry_out) if there is something to do."""

    def __init__(self, wanted: t.Sequence[Listener], how: How):
        self.how, self.wanted = how, wanted
        self.sides: list = []
        self.changes: list = []
        self.sockets: list = []
        self.ending: list = []  # (side, how many sessions it has) of the servers that end those on listeners that stay as well
        self.patience: float = (
            how.timeout
        )  # seconds that an answer may take afterwards, going by how long they take today
        self._touched: dict = {}  # name of a server -> the resources that we put
        self._answers: dict = {}  # (address, port, side) -> how it answered afterwards, where that is final

    # -- before anything is touched

    def plan(self) -> None:
        """Find out what is to be done. Raises Refused with all that is in the way."""
        how = self.how
        problems: list = []
        if how.check_mode and journal.pending():
            raise Refused(_pending_in_check_mode())
        self.sides = self._take_sides(problems)
        problems += refusals.other_config(self.sides, how.config_path)
        _refuse(problems)
        plans = {
            side: side.server.plan(side.configured, side.wanted, side.options)
            for side in self.sides
        }
        problems += [message for plan in plans.values() for message in plan.refusals]
        problems += refusals.not_running(self.sides, how.start)
        if how.require_local_address:
            problems += refusals.addresses_away(self.sides)
        _refuse(problems)
        for side, plan in plans.items():
            side.planned(plan)
        problems += refusals.not_writable(self.sides)
        self._look()
        problems += refusals.others_addresses_away(self.sides)
        problems += refusals.ports_of_others(self.sides, self.sockets)
        problems += refusals.certificates(self.sides, how.now)
        _refuse(problems)
        self.changes = [change for side in self.sides for change in side.changes()]
        for side in self.sides:
            if side.plan.steps:
                side.server.rehearse(side.final)
        ending = [
            (side, watch.sessions(side.ending)) for side in self.sides if side.ending - side.leaving
        ]
        self.ending = [(side, sessions) for side, sessions in ending if sessions]

    def passed_over(self) -> list:
        """The declared listeners that are none of the servers' that are looked after: nobody is made to listen there."""
        followed = {protocol for side in self.sides for protocol in side.server.protocols}
        return [
            listener
            for listener in self.wanted
            if self.how.present and listener.protocol not in followed
        ]

    def _take_sides(self, problems: list) -> list:
        how, sides = self.how, []
        for server in registry.all_servers():
            if how.servers is not None and server.name not in how.servers:
                continue
            mine = (
                [listener for listener in self.wanted if listener.protocol in server.protocols]
                if how.present
                else []
            )
            if not server.installed():
                if mine or (how.servers is not None and how.present):
                    problems.append(
                        "%s is not installed on this host, and is what listens for %s: install it, or declare no such port here"
                        % (server.title, " and ".join(server.protocols))
                    )
                continue
            try:
                configured = server.read()
            except Refused as refused:
                if mine or how.servers is not None or _has_parts(server):
                    problems.append(str(refused))
                continue
            if mine or configured.config_path or (how.servers is not None and how.present):
                sides.append(Participant(server, configured, mine if how.present else None, how))
        return sides

    def _look(self) -> None:
        """How things are: sockets, and what answers on them."""
        self.sockets = listening()
        for side in self.sides:
            side.looked_at(watch.live(side.server, self.sockets))
        asked = (
            {side: side.asked() + side.asked_elsewhere(_is_here) for side in self.sides}
            if self.how.probe
            else {}
        )
        # how long a verdict on what is new may take goes by those who answer: one that never does is no measure
        self.patience = MIN_PATIENCE
        seconds, silent = self._asked(asked)
        if not silent:
            self.patience = max(MIN_PATIENCE, 10 * seconds)
            return
        self.patience = self.how.timeout
        slow, silent_still = self._asked(silent)
        self.patience = 2 * max(MIN_PATIENCE, slow if silent_still != silent else 0)

    def _asked(self, asked: t.Mapping) -> tuple:
        """Connect to these listeners of each side: (the seconds that it took, those who gave no answer in time)."""
        began = time.monotonic()
        pairs = [(side, listener) for side, listeners in asked.items() for listener in listeners]
        silent: dict = {}
        for (side, listener), seen in zip(
            pairs, self._probe([listener for ignored, listener in pairs])
        ):
            side.answered(seen)
            if seen["status"] == "timeout":
                silent.setdefault(side, []).append(listener)
        return time.monotonic() - began, silent

    def _probe(self, listeners: list) -> list:
        if not listeners:
            return []
        timeout = min(self.how.timeout, self.patience)
        return _listener.probe(
            listeners, timeout=timeout, min_days=self.how.min_days, now=self.how.now
        )

    def summary(self) -> dict:
        """The transaction's part of a result, before anything was done: as it would be."""
        return {
            "listeners": _sorted(listener for side in self.sides for listener in side.foreseen()),
            "listeners_before": _sorted(
                listener for side in self.sides for listener in side.found(_missing)
            ),
            "activation": {side.server.name: side.activation for side in self.sides},
        }

    # -- doing it

    def carry_out(self, config: t.Optional[ConfigFile]) -> dict:
        """Do what is planned, prove it, save the config; or put everything back. The result's part. Raises RolledBack, Refused.

        Call it with C(signals.raised()): they are not heard from the moment on when it goes back, or all is proved.
        """
        entries = [_entry(side) for side in self.sides if not side.idle]
        if config:
            entries.append(
                journal.Entry(
                    "",
                    ({config.path: config.after},),
                    ({config.path: config.before},),
                    folder=config.folder,
                )
            )
        began = time.time()
        backup = ""
        try:
            journal.begin(entries, self.how.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
            for side in self.sides:
                self._do(side)
            self._settle()
            seen = self._prove(self.sides)
            signals.hold()
            if config:
                self._touched[""] = {config.path}
                backup = config.save()
            journal.end(entries)
        except BaseException as reason:  # pylint: disable=broad-except  # whatever it is, first everything goes back
            signals.hold()
            raise self._undone(entries, reason, began, backup) from None
        result = self.summary()
        if self.how.probe and self.how.activate:
            result["listeners"] = seen
        cut = {side.server.name: side.sessions_cut for side in self.sides if side.sessions_cut}
        if cut:
            result["sessions_cut"] = cut
        if backup:
            result["backup_file"] = backup
        return result

    def _do(self, side: Participant) -> None:
        if side.idle:
            return
        server = side.server
        steps = side.plan.steps or ({},)
        there = dict(side.plan.back[-1]) if side.plan.back else {}
        for state in steps:
            last = state is steps[-1]
            if (
                last and len(steps) > 1
            ):  # the new ones are beside the old: only if they are well do these go
                self._prove([side], watch.live(server, listening()) - side.live)
                watch.drain(side.leaving, self.how.drain)
            for resource, content in state.items():
                if not is_unit(resource):  # these count from the next start on: they come last
                    self._put(server, resource, there[resource], content)
                    there[resource] = content
            if side.activation == "none":
                continue
            if last:
                side.sessions_cut = watch.sessions(side.ending)
            self._touched.setdefault(server.name, set())
            server.activate(
                side.activation if server.running() else "start",
                side.goal if last else side.goal | side.live,
            )

    def _put(
        self, server: Server, resource: str, before: t.Optional[bytes], content: t.Optional[bytes]
    ) -> None:
        if server.get(resource) != before:
            raise Failed("%s was changed by somebody else since it was read: run again" % resource)
        self._touched.setdefault(server.name, set()).add(resource)
        try:
            server.put(resource, content)
        except OSError as error:
            raise Failed(
                "%s can't be %s: %s"
                % (resource, "removed" if content is None else "written", error.strerror)
            ) from None

    def _settle(self) -> None:
        """Wait until every server that was touched listens on what it should, and has done so for a while. Meanwhile do what need not wait for that."""
        goals = []
        for side in self.sides:
            if side.activation != "none":
                goals.append(
                    Goal(
                        side.server,
                        side.goal - side.lost,
                        (side.live - side.goal) & side.before.keys(),
                    )
                )
        _fail(
            [problem for ignored, problem in watch.wait_until_listening(goals, self.how.timeout, 0)]
        )
        since = time.monotonic()
        self._put_units()
        self._visit_new()
        if goals:
            _fail(
                [
                    problem
                    for ignored, problem in watch.wait_until_listening(
                        goals, self.how.timeout, STABLE_SECONDS, since
                    )
                ]
            )

    def _put_units(self) -> None:
        """What systemd reads, of all servers at once."""
        units = [
            (side, resource, content)
            for side in self.sides
            for resource, content in side.final.items()
            if is_unit(resource)
        ]
        for side, resource, content in units:
            self._put(side.server, resource, side.plan.back[-1][resource], content)
        if units:
            reread_units()

    def _visit_new(self) -> None:
        """Connect to what has sockets that were not there before: nobody can answer there but who follows the new files.

        Who answers well need not be asked again, and who did not answer for so long neither. The others may not have settled yet.
        """
        new = {key for side in self.sides for key in side.goal - side.live}
        for (address, port, side), now in self._visited(self.sides, new):
            if now["status"] == "timeout" or self._well(side, (address, port), now["status"]):
                self._answers[address, port, side] = now

    def _visited(
        self, sides: t.Sequence[Participant], only: t.Optional[t.Container] = None
    ) -> list:
        """((address, port, side), as a probe saw it) of all that should answer; C(only): just of these of them."""
        if not self.how.probe or not self.how.activate:
            return []
        wanted = in_order(
            {
                (*key, side): listener
                for side in sides
                if side.follows
                for key, listener in side.after.items()
                if only is None or key in only
            }
        )
        asked = {which: listener for which, listener in wanted if which not in self._answers}
        seen = {**self._answers, **dict(zip(asked, self._probe(list(asked.values()))))}
        return [(which, seen[which]) for which, ignored in wanted]

    def _prove(self, sides: t.Sequence[Participant], only: t.Optional[t.Container] = None) -> list:
        """Connect to everything. What is new, changed or worse than before, and not well, fails. C(only): just to these of them."""
        visited = self._visited(sides, only)
        _fail(
            [
                "%s (%s, %s): %s%s"
                % (
                    now["name"],
                    now["protocol"],
                    now["encryption"],
                    now["status"],
                    ": " + now["detail"] if now["detail"] else "",
                )
                for (address, port, side), now in visited
                if not self._well(side, (address, port), now["status"])
            ]
        )
        return [now for ignored, now in visited]

    def _well(self, side: Participant, key: tuple, status: str) -> bool:
        """May it answer so?"""
        if key in side.lost:
            return True
        if side.unchanged(key):
            before = side.status_before(key)
            return before not in SERVED or status in RIGHTLY_SERVED or status == before
        if side.wanted is None:
            return status not in ABSENT  # given back as it was found, well or not
        return status in RIGHTLY_SERVED

    # -- undoing it

    def _undone(self, entries: list, reason: BaseException, began: float, backup: str) -> Refused:
        """Put everything back, and say how that went."""
        failed = time.time()
        lines = [rollback.in_words(reason), *_taken(self.sides)]
        touched = [side for side in self.sides if side.server.name in self._touched]
        if not self._touched:
            _forget(entries)
            return Refused("\n".join([*lines, "Nothing was changed."]))
        left = rollback.go_back(
            [
                entry.only(self._touched[entry.server])
                for entry in entries
                if entry.server in self._touched
            ],
            {side.server.name: side.server for side in self.sides},
        )
        if backup:
            with contextlib.suppress(OSError):
                os.unlink(backup)
        for side in touched:
            lines += ["  " + line for line in _said(side.server, began, failed)]
        if left:
            lines += [
                "Not all could be put back:",
                *("  " + line for problem in left for line in problem.splitlines()),
                "The journal %s stays: the next run goes on putting back, or remove it to keep what is there"
                % journal.PATH,
            ]
        else:
            left = _forget(entries)
            worse = self._worse_than_before(touched)
            if worse:
                left = [*left, *worse]
                lines += [
                    "Every file is as it was, but these do not answer as before:",
                    *("  " + line for line in worse),
                ]
            elif self.how.activate and self.how.probe and any(side.seen for side in touched):
                lines.append(
                    "Rolled back: every file is as it was, and what listened before answers again, which was proved by connecting to it."
                )
            else:
                lines.append("Rolled back: every file is as it was.")
        return RolledBack(
            "\n".join(lines),
            {
                "rolled_back": not left,
                "activation": {side.server.name: side.activation for side in self.sides},
            },
        )

    def _worse_than_before(self, sides: list) -> list:
        asked = [
            listener
            for side in sides
            for listener in side.asked()
            if side.seen.get(key_of(listener), {}).get("status") in SERVED
        ]
        try:
            return [
                "%s: %s %s" % (now["name"], now["status"], now["detail"])
                for now in self._probe(asked)
                if now["status"] not in SERVED
            ]
        except Exception as error:  # pylint: disable=broad-except  # all is back by now, and that is to be said
            return ["it can't be told: %s" % rollback.in_words(error)]


def _sorted(listeners: t.Iterable[dict]) -> list:
    return sorted(
        listeners, key=lambda listener: (address_order(listener["address"]), listener["port"])
    )


def _missing(listener: Listener) -> t.Tuple[str, str]:
    """Status and detail of a listener that is not there."""
    if is_wildcard(listener.address) or _is_here(listener.address):
        return "refused", "nothing listens there"
    if listener.floating:
        return "ok", "not probed: the address is floating, and away"
    return "not_local", "%s is not an address of this host" % listener.address


def _is_here(address: str) -> bool:
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import is_here

    return is_here(address)


def recover() -> list:
    """Put right what an earlier run was killed over; see C(rollback.recover)."""
    return rollback.recover(registry.all_servers)


@contextlib.contextmanager
def locked():
    """One transaction at a time on this host. The lock is on a folder that is always there, so that a run that changes nothing touches no file."""
    import fcntl

    handle = os.open(LOCKED_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Refused(
                        "another run of mail_listeners has been going on for the last %d seconds: probably %s. "
                        "Wait for it, or end it if it hangs; nothing was changed"
                        % (LOCK_SECONDS, _holder(handle))
                    ) from None
                time.sleep(watch.LOOK_SECONDS)
        yield
    finally:
        os.close(handle)


def _pending_in_check_mode() -> str:
    """Why nothing can be foreseen: there is a journal, and maybe somebody who is at work by it."""
    import fcntl

    handle = os.open(LOCKED_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return (
            "another run of mail_listeners is going on, and what it will leave can't be foreseen in check mode: wait for it (%s)"
            % _holder(handle)
        )
    finally:
        os.close(handle)
    return (
        "an earlier run was interrupted, and what it left undone can't be foreseen in check mode: "
        "run once without --check, which puts that right first (%s)" % journal.PATH
    )


# -- small things


def _holder(handle: int) -> str:
    from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
        holder_of,
    )

    return holder_of(handle)


def _refuse(problems: list) -> None:
    if problems:
        raise Refused("\n".join(problems))


def _fail(problems: list) -> None:
    if problems:
        raise Failed("\n".join(problems))


def _entry(side: Participant) -> journal.Entry:
    """What is to be known to take it back. What listens today and stands in no file can't come back: its files do not say so."""
    before = side.configured.sockets
    return journal.Entry(
        side.server.name,
        side.plan.steps,
        side.plan.back,
        side.follows and side.running,
        side.live & before,
        side.goal - side.live - before,
        side.activation,
    )


def _forget(entries: list) -> list:
    """End the journal; what is wrong if that can't be."""
    try:
        journal.end(entries)
        return []
    except OSError as error:
        return ["%s can't be removed: %s" % (journal.PATH, error.strerror)]


def _taken(sides: list) -> t.Iterator[str]:
    """Who has taken a port since it was looked at: asked while things are as they were when it failed."""
    try:
        yield from ("  " + line for line in refusals.ports_of_others(sides, listening()))
    except Exception:  # pylint: disable=broad-except  # only for the message
        return


def _said(server: Server, since: float, until: float) -> list:
    """What the server complained of then, as far as the system's journal has it."""
    if not has_systemd():
        return []
    with contextlib.suppress(Refused):
        match = ["_COMM=" + program for program in server.programs]
        status, output, ignored = run(
            [
                "journalctl",
                "-q",
                "-o",
                "cat",
                "--since",
                "@%d" % since,
                "--until",
                "@%d" % (until + 1),
                "-n",
                "200",
                *match,
            ],
            timeout=10,
        )
        return [
            "%s: %s" % (server.title, line) for line in rollback.complaints(output.splitlines())
        ]
    return []
