# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying a plan out, and proving it; or rolling all of it back. Loaded only for a change."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import (
    has_systemd,
    reread_units,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    RIGHTLY_SERVED,
    SERVED,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import State
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    journal,
    lock,
    preflight,
    rollback,
    signals,
    wait,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.messages import (
    complaints,
    in_words,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    Participant,
    Result,
    TransactionOptions,
    key_of_result,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.proof import Visits
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.wait import (
    Expectation,
    Unmet,
)

STABLE_SECONDS = 2.0  # a server that can't bind dies within one
LOG_LINES = 200  # of systemd's journal, for each server
LOG_SECONDS = 10.0


class RolledBack(Refused):
    """It was tried, and undone. C(facts): what the result says beside the message."""

    def __init__(self, message: str, facts: dict[str, t.Any]):
        super().__init__(message)
        self.facts = facts


class ConfigFile(t.NamedTuple):
    """The bindings config as a part of the transaction."""

    path: str
    before: t.Optional[bytes]
    after: bytes
    save: t.Callable[[], str]  # writes it; returns the name of its backup or ''
    folder: str = ""  # that is made for it

    def entry(self) -> journal.JournalEntry:
        """What undoes its change."""
        return journal.JournalEntry(
            "", ({self.path: self.after},), ({self.path: self.before},), folder=self.folder
        )


class Execution:
    """The changing part of one transaction."""

    def __init__(
        self,
        participants: t.Sequence[Participant],
        visits: Visits,
        options: TransactionOptions,
        config: t.Optional[ConfigFile],
    ):
        self.participants, self.visits, self.options = participants, visits, options
        self.config = config
        self.entries = [_entry(participant) for participant in participants if not participant.idle]
        if config:
            self.entries.append(config.entry())
        self.backup = ""  # of the config
        self._touched: dict[str, set[str]] = {}  # server's name -> the resources that we put
        self._began = time.time()

    def carry_out(self) -> list[Result]:
        """Do it all, and save the config last. The probe results of the proof.

        Raises RolledBack, or Refused if nothing was changed. Call it within C(signals.raised()):
        from the end of the proof, or the begin of a rollback, signals are not heard.
        """
        try:
            journal.begin(self.entries, self.options.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
            for participant in self.participants:
                if not participant.idle:
                    self._change(participant)
            self._settle()
            results = self.visits.prove(self.participants)
            if self._restart_to_mend(results):
                self.visits.forget()
                results = self.visits.prove(self.participants)
            signals.hold()
            if self.config:
                self._touched[""] = {self.config.path}
                self.backup = self.config.save()
            journal.end(self.entries)
            return results
        except BaseException as error:  # pylint: disable=broad-except  # first all is undone
            signals.hold()
            raise self._undo(error) from None

    # -- one server

    def _change(self, participant: Participant) -> None:
        """Take a server through its steps: put, and activate."""
        server, steps = participant.server, participant.plan.steps or ({},)
        current = dict(participant.original_state)
        for number, state in enumerate(steps):
            last = number == len(steps) - 1
            if last and number:
                self._let_old_listeners_go(participant)
            for resource, content in state.items():
                if not is_unit(resource):  # units count from the next start: they come last
                    self._put(server, resource, current[resource], content)
                    current[resource] = content
            self._activate(participant, last)

    def _let_old_listeners_go(self, participant: Participant) -> None:
        """The new listeners are beside the old ones, which go only if the new ones are proved."""
        added = participant.server.live_sockets(listening()) - participant.live
        self.visits.prove([participant], added)
        wait.drain(participant.closing_sockets, self.options.drain)

    def _activate(self, participant: Participant, last: bool) -> None:
        if participant.activation == "none":
            return
        server, sockets = participant.server, participant.desired_sockets
        if last:
            participant.sessions_cut = wait.sessions(participant.interrupted_sockets)
        else:
            sockets |= participant.live
        self._touched.setdefault(server.name, set())
        try:
            server.activate(participant.activation if server.running() else "start", sockets)
        except Failed as error:
            if participant.plan.steps or not participant.broken or not server.running():
                raise
            participant.refused = str(error)  # it goes on as it was, and holds up no other change

    def _put(
        self,
        server: Server,
        resource: str,
        before: t.Optional[bytes],
        content: t.Optional[bytes],
    ) -> None:
        if server.get(resource) != before:
            raise Failed("%s has changed since this task read it: run again" % resource)
        self._touched.setdefault(server.name, set()).add(resource)
        try:
            server.put(resource, content)
        except OSError as error:
            how = "removed" if content is None else "written"
            raise Failed("%s can't be %s: %s" % (resource, how, error.strerror)) from None

    def _restart_to_mend(self, results: t.Iterable[Result]) -> bool:
        """Restart servers with listeners that a reload has not mended; was there one?

        Not where that would cut sessions, unless nothing else answers either. Raises Failed.
        """
        statuses = {key_of_result(result): result["status"] for result in results}
        restarted = [
            participant
            for participant in self.participants
            if any(statuses.get(key) not in RIGHTLY_SERVED for key in participant.broken)
            and not participant.refused  # it would not start again
            and (
                not wait.sessions(participant.live)
                or not any(statuses.get(key) in SERVED for key in participant.after)
            )
        ]
        for participant in restarted:
            participant.restarted = True
            participant.sessions_cut += wait.sessions(participant.live)
            participant.server.activate("restart", participant.desired_sockets)
        expectations = [_expectation(participant) for participant in restarted]
        if expectations:
            _fail(wait.wait_until_listening(expectations, self.options.timeout, STABLE_SECONDS))
        return bool(restarted)

    # -- all of them

    def _settle(self) -> None:
        """Wait until every changed server listens on what it should, and has for a while.

        Meanwhile do what need not wait for that. Raises Failed.
        """
        expectations = [
            _expectation(participant)
            for participant in self.participants
            if participant.activation != "none"
        ]
        _fail(wait.wait_until_listening(expectations, self.options.timeout, 0))
        since = time.monotonic()
        self._put_units()
        self.visits.visit_new(self.participants)
        if expectations:
            _fail(
                wait.wait_until_listening(expectations, self.options.timeout, STABLE_SECONDS, since)
            )

    def _put_units(self) -> None:
        """Put what systemd reads, of all servers at once."""
        put = False
        for participant in self.participants:
            original = participant.original_state
            for resource, content in _units(participant.final_state):
                self._put(participant.server, resource, original[resource], content)
                put = True
        if put:
            reread_units()

    # -- undoing it

    def _undo(self, error: BaseException) -> Refused:
        """Roll everything back; the failure that says why, and how that went."""
        failed = time.time()
        lines = [in_words(error), *self._ports_taken()]
        if not self._touched:
            _end_journal(self.entries)
            return Refused("\n".join([*lines, "Nothing was changed."]))
        touched = [
            participant
            for participant in self.participants
            if participant.server.name in self._touched
        ]
        problems = self._roll_back(touched)
        for participant in touched:
            lines += ["  " + line for line in _log(participant.server, self._began, failed)]
        if problems:
            lines += _incomplete(problems)
        else:
            problems, outcome = self._finish_rollback(touched)
            lines += outcome
        activation = {
            participant.server.name: participant.activation for participant in self.participants
        }
        facts = {"rolled_back": not problems, "activation": activation}
        return RolledBack("\n".join(lines), facts)

    def _roll_back(self, touched: t.Iterable[Participant]) -> list[str]:
        """Undo what was touched; what could not be undone."""
        entries = [
            entry.only(self._touched[entry.server])
            for entry in self.entries
            if entry.server in self._touched
        ]
        servers = {participant.server.name: participant.server for participant in touched}
        problems = rollback.roll_back(entries, servers)
        if self.backup:
            with contextlib.suppress(OSError):
                os.unlink(self.backup)
        return problems

    def _finish_rollback(self, touched: t.Sequence[Participant]) -> tuple[list[str], list[str]]:
        """Every file is as it was: (what is wrong nevertheless, lines of the message)."""
        problems = _end_journal(self.entries)
        degraded = self._degraded(touched)
        if degraded:
            head = "Every file is as it was, but these do not answer as before:"
            return [*problems, *degraded], [head, *("  " + line for line in degraded)]
        proved = any(participant.results for participant in touched)
        if self.options.activate and self.options.probe and proved:
            return problems, [
                "Rolled back: every file is as it was, and what listened before answers again, "
                "which was proved by connecting to it."
            ]
        return problems, ["Rolled back: every file is as it was."]

    def _degraded(self, touched: t.Iterable[Participant]) -> list[str]:
        try:
            return self.visits.degraded(touched)
        except Exception as error:  # pylint: disable=broad-except  # all is undone: say so
            return ["it can't be told: %s" % in_words(error)]

    def _ports_taken(self) -> list[str]:
        """Which programs have taken ports since they were looked at, before that is undone."""
        try:
            taken = preflight.ports_of_others(self.participants, listening())
            return ["  " + line for line in taken]
        except Exception:  # pylint: disable=broad-except  # it is only a part of the message
            return []


def _entry(participant: Participant) -> journal.JournalEntry:
    """What undoes a server's change.

    Sockets of today that stand in no file can't come back, as its files do not say so.
    """
    before = participant.configured.sockets
    return journal.JournalEntry(
        participant.server.name,
        participant.plan.steps,
        participant.plan.back,
        participant.follows and participant.running,
        participant.live & before,
        participant.desired_sockets - participant.live - before,
        participant.activation,
    )


def _expectation(participant: Participant) -> Expectation:
    desired = participant.desired_sockets
    closed = (participant.live - desired) & participant.before.keys()
    return Expectation(participant.server, desired - participant.unbound_sockets, closed)


def _units(state: State) -> list[tuple[str, t.Optional[bytes]]]:
    return [item for item in state.items() if is_unit(item[0])]


def _fail(unmet: Unmet) -> None:
    if unmet:
        raise Failed("\n".join(problem for dummy, problem in unmet))


def _incomplete(problems: t.Iterable[str]) -> list[str]:
    return [
        "Not all could be rolled back:",
        *("  " + line for problem in problems for line in problem.splitlines()),
        "The journal %s stays: the next run goes on with the rollback, "
        "or remove it to keep what is there" % lock.journal_path(),
    ]


def _end_journal(entries: t.Sequence[journal.JournalEntry]) -> list[str]:
    """End the journal; what is wrong if that can't be done."""
    try:
        journal.end(entries)
        return []
    except OSError as error:
        return ["%s can't be removed: %s" % (lock.journal_path(), error.strerror)]


def _log(server: Server, since: float, until: float) -> list[str]:
    """What the server complained of in this time (Unix times), by its logs."""
    # some logs have whole seconds
    logged = [*_journal(server, since, until + 1), *_own_log(server, since, until + 1)]
    return [
        "%s: %s" % (server.title, line) for line in complaints(logged, server.harmless_log_words)
    ]


def _journal(server: Server, since: float, until: float) -> list[str]:
    """The lines of systemd's journal."""
    if not has_systemd():
        return []
    times = ["--since", "@%d" % since, "--until", "@%d" % until]
    argv = ["journalctl", "-q", "-o", "cat", *times, "-n", str(LOG_LINES)]
    # a user's program can have any name, but does not run in the service
    unit = server.unit()
    argv += ["_SYSTEMD_UNIT=" + unit] if unit else []
    try:
        return run([*argv, *server.journal_matches], timeout=LOG_SECONDS)[1].splitlines()
    except Refused:
        return []


def _own_log(server: Server, since: float, until: float) -> list[str]:
    """The lines of a file that the server writes itself, as in containers without syslog."""
    from ansible_collections.mailops.bindings.plugins.module_utils._host.log_file import (
        lines_between,
    )

    try:
        path = server.log_file()
    except Refused:
        return []
    return lines_between(path, since, until) if path else []
