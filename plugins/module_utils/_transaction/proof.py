# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connecting to the participants' listeners: how they are, and whether a change is proved."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import is_wildcard
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._probe import client
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    RIGHTLY_SERVED,
    SERVED,
    at_risk,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import SocketKey
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    ABSENT,
    Participant,
    Result,
    TransactionOptions,
    key_of,
    key_of_result,
    socket_order,
)

if t.TYPE_CHECKING:
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction.risk import Risks

MIN_PATIENCE = 2.5  # seconds: the old listeners wait for the verdict on the new ones


class Visit(t.NamedTuple):
    """A listener that a participant should have, and its probe result."""

    participant: Participant
    key: SocketKey
    result: Result

    @property
    def acceptable(self) -> bool:
        """May it answer so? What is new, changed or worse than before has to be as declared."""
        participant, status = self.participant, self.result["status"]
        if self.key in participant.unbound_sockets:
            return True
        if participant.unchanged(self.key):
            before = participant.status_before(self.key)
            return before not in SERVED or status in RIGHTLY_SERVED or status == before
        if participant.desired is None:
            return status not in ABSENT  # given back as it was found, well or not
        return status in RIGHTLY_SERVED


class Visits:
    """All connections of one transaction."""

    def __init__(self, options: TransactionOptions):
        self.options = options
        #: Seconds that an answer may take of a listener that stays, measured by those of today.
        self.patience: float = options.timeout
        #: Results after the change that need not be asked for again.
        self._settled: dict[tuple[Participant, SocketKey], Result] = {}

    # -- before the change

    def look(self, participants: t.Sequence[Participant]) -> None:
        """Probe how things are, and measure how long answers take.

        A listener that never answers is no measure for how long to wait for new ones.
        """
        if not self.options.probe:
            return
        risks = _risks()
        for participant in participants:
            if participant.follows:
                # before the probes: what would not come back is not reloaded
                user = participant.server.reads_keys_as
                participant.risks = risks.of(participant.configured, user)
        to_probe = [
            (participant, listener)
            for participant in participants
            for listener in participant.to_probe() + participant.parts_to_probe(is_here)
        ]
        self.patience = MIN_PATIENCE
        seconds, silent = self._look(to_probe)
        self.patience = max(MIN_PATIENCE, 10 * seconds)
        if silent:
            self.patience = self.options.timeout
            slow_seconds, silent_still = self._look(silent)
            answered = silent_still != silent
            self.patience = 2 * max(MIN_PATIENCE, slow_seconds if answered else 0)
        for participant in participants:
            participant.spare()

    def foreseen(
        self, participants: t.Iterable[Participant], results: t.Iterable[Result]
    ) -> list[Result]:
        """These results of the proof, at risk where a restart would end what they say."""
        reasons: dict[SocketKey, str] = {}
        risks = _risks()
        for participant in participants:
            with contextlib.suppress(Refused):  # all is done, and its files could be read before
                server, configured = participant.server, participant.configured
                configured = configured if participant.idle else server.read()
                reasons.update(risks.of(configured, server.reads_keys_as))
            if participant.refused:
                reasons.update(dict.fromkeys(participant.after, participant.refused))
        return [at_risk(result, reasons.get(key_of_result(result), "")) for result in results]

    def _look(
        self, to_probe: t.Sequence[tuple[Participant, Listener]]
    ) -> tuple[float, list[tuple[Participant, Listener]]]:
        """(seconds that it took, those without an answer in time)."""
        began = time.monotonic()
        results = self._probe([listener for dummy, listener in to_probe], self.patience)
        silent = []
        for (participant, listener), result in zip(to_probe, results):
            participant.add_result(result)
            if result["status"] == "timeout":
                silent.append((participant, listener))
        return time.monotonic() - began, silent

    # -- after it

    def visit_new(self, participants: t.Sequence[Participant]) -> None:
        """Probe sockets that did not listen before: only the new configuration can answer there.

        Those that are as declared, or silent for so long, need no second visit. Others may need
        time to settle.
        """
        new = {
            key
            for participant in participants
            for key in participant.desired_sockets - participant.live
        }
        for visit in self._visit(participants, new):
            if visit.result["status"] == "timeout" or visit.acceptable:
                self._settled[visit.participant, visit.key] = visit.result

    def forget(self) -> None:
        """Results of before a restart count no more."""
        self._settled.clear()

    def prove(
        self,
        participants: t.Sequence[Participant],
        only: t.Optional[t.Container[SocketKey]] = None,
    ) -> list[Result]:
        """The probe results of all that should answer; C(only): of these sockets.

        Raises Failed if a new, changed or degraded listener is not as declared.
        """
        visits = self._visit(participants, only)
        problems = [_problem(visit.result) for visit in visits if not visit.acceptable]
        if problems:
            raise Failed("\n".join(problems))
        return [visit.result for visit in visits]

    def degraded(self, participants: t.Iterable[Participant]) -> list[str]:
        """After a rollback: the listeners that do not answer as they did before."""
        to_probe = [
            listener
            for participant in participants
            for listener in participant.to_probe()
            if participant.results.get(key_of(listener), {}).get("status") in SERVED
        ]
        return [
            "%s: %s %s" % (result["name"], result["status"], result["detail"])
            for result in self._probe(to_probe, self.patience)
            if result["status"] not in SERVED
        ]

    def _visit(
        self,
        participants: t.Sequence[Participant],
        only: t.Optional[t.Container[SocketKey]],
    ) -> list[Visit]:
        if not self.options.probe or not self.options.activate:
            return []
        expected = [
            (participant, key, listener)
            for participant in participants
            if participant.follows
            for key, listener in participant.after.items()
            if only is None or key in only
        ]
        expected.sort(key=lambda visit: socket_order(visit[1]))
        found = dict(self._settled)
        for unchanged, timeout in ((False, self.options.timeout), (True, self.patience)):
            # of what is new or changed there is no measure yet
            group = [
                visit
                for visit in expected
                if visit[:2] not in self._settled and visit[0].unchanged(visit[1]) == unchanged
            ]
            results = self._probe([visit[2] for visit in group], timeout)
            found.update(zip((visit[:2] for visit in group), results))
        return [
            Visit(participant, key, found[participant, key]) for participant, key, dummy in expected
        ]

    def _probe(self, listeners: t.Sequence[Listener], timeout: float) -> list[Result]:
        if not listeners:
            return []
        return client.probe(
            listeners,
            timeout=min(self.options.timeout, timeout),
            min_days=self.options.min_days,
            now=self.options.now,
        )


def _risks() -> Risks:
    """Loaded only where listeners are probed."""
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction import risk

    return risk.Risks()


def _problem(result: Result) -> str:
    detail = ": " + result["detail"] if result["detail"] else ""
    return "%s (%s, %s): %s%s" % (
        result["name"],
        result["protocol"],
        result["encryption"],
        result["status"],
        detail,
    )


def missing(listener: Listener) -> tuple[str, str]:
    """Status and detail of a declared listener that does not listen."""
    if is_wildcard(listener.address) or is_here(listener.address):
        return "refused", "nothing listens there"
    if listener.floating:
        return "ok", "not probed: the address is floating, and away"
    return "not_local", "%s is not an address of this host" % listener.address


def is_here(address: str) -> bool:
    """Is it an address of this host?"""
    from ansible_collections.mailops.bindings.plugins.module_utils._host import addresses

    return addresses.is_here(address)
