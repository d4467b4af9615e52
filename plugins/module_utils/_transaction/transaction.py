# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making this host's servers listen as declared: all of them or none, proved by connecting.

It knows servers only by their interface. The order:

    unfinished   undo what an interrupted run left
    selection    choose the servers, and read their configuration
    preflight    with each server's plan: refuse what can't work
    visits       probe how things are
                 have each server validate its new files; check mode stops here
    execution    write the journal; put and activate, server by server; wait until the sockets are
                 as desired and stay so; probe again; save the bindings config
    rollback     whatever fails after the first write: undo everything, activate the old state and
                 prove it, and only then fail the task
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import (
    Socket,
    listening,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    RIGHTLY_SERVED,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    preflight,
    unfinished,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    Participant,
    Result,
    TransactionOptions,
    key_of_result,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.proof import (
    Visits,
    missing,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.server_choice import (
    Selection,
)

if t.TYPE_CHECKING:
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
        ConfigFile,
    )


class Interruption(t.NamedTuple):
    """A server whose activation ends sessions on listeners that stay."""

    participant: Participant
    sessions: int


class Transaction:
    """One task's way through the servers: C(plan), then C(carry_out) if there is a change."""

    def __init__(
        self,
        desired: t.Sequence[Listener],
        options: TransactionOptions,
        selection: t.Optional[Selection] = None,
    ):
        """C(selection): the servers of this task, if they have begun to read already."""
        self.desired, self.options = desired, options
        self.participants: list[Participant] = []
        self.changes: list[dict[str, t.Any]] = []
        self.interruptions: list[Interruption] = []
        self._selection = selection or Selection(options)
        self._visits = Visits(options)

    # -- before anything changes

    def plan(self) -> None:
        """Find out what is to be done. Raises Refused with all that is in the way."""
        if self.options.check_mode:
            unfinished.refuse()
        self._choose()
        self._plan_servers()
        self._look()
        self.changes = [
            change for participant in self.participants for change in participant.changes()
        ]
        for participant in self.participants:
            if participant.plan.steps:
                participant.server.validate(participant.final_state)
        self.interruptions = _interruptions(self.participants)

    def _choose(self) -> None:
        self.participants, problems = self._selection.read(self.desired)
        problems += preflight.other_config(self.participants, self.options.config_path)
        _refuse(problems)

    def _plan_servers(self) -> None:
        """Every server's plan. A refusal of one does not hide those of the others."""
        plans = [
            participant.server.plan(
                participant.configured, participant.desired, participant.options
            )
            for participant in self.participants
        ]
        problems = [message for plan in plans for message in plan.refusals]
        problems += preflight.not_running(self.participants, self.options.start)
        if self.options.require_local_address:
            problems += preflight.addresses_away(self.participants)
        _refuse(problems)
        for participant, plan in zip(self.participants, plans):
            participant.set_plan(plan)

    def _look(self) -> None:
        """How things are: files, sockets, what answers on them, and certificates."""
        problems = list(preflight.not_writable(self.participants))
        sockets: list[Socket] = listening()
        for participant in self.participants:
            participant.set_live(participant.server.live_sockets(sockets))
        self._visits.look(self.participants)
        problems += preflight.others_addresses_away(self.participants)
        problems += preflight.ports_of_others(self.participants, sockets)
        problems += preflight.certificates(self.participants, self.options.now)
        _refuse(problems)

    @property
    def left_over(self) -> list[str]:
        """What stays of ours because its server is not installed, as whole messages."""
        return self._selection.left_over

    def passed_over(self) -> list[Listener]:
        """The declared listeners whose servers do not take part, as C(servers) excludes them."""
        if not self.options.present:
            return []
        answered = {
            listener.protocol
            for participant in self.participants
            for listener in participant.desired or ()
        }
        return [listener for listener in self.desired if listener.protocol not in answered]

    def summary(self) -> dict[str, t.Any]:
        """The transaction's part of a result, as it would be."""
        return {
            "listeners": _sorted(
                result
                for participant in self.participants
                for result in participant.results_after()
            ),
            "listeners_before": _sorted(
                result
                for participant in self.participants
                for result in participant.results_before(missing)
            ),
            "activation": {
                participant.server.name: participant.activation for participant in self.participants
            },
        }

    # -- doing it

    def carry_out(self, config: t.Optional[ConfigFile]) -> dict[str, t.Any]:
        """Do what is planned, prove it, and save the config; or roll everything back.

        Returns the transaction's part of the result. Raises RolledBack, or Refused if nothing was
        changed. Call it within C(signals.raised()).
        """
        from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
            execution as changing,
        )

        execution = changing.Execution(self.participants, self._visits, self.options, config)
        results = execution.carry_out()
        facts = self.summary()
        if self.options.probe and self.options.activate:
            facts["listeners"] = self._as_it_is(results)
        sessions_cut = {
            participant.server.name: participant.sessions_cut
            for participant in self.participants
            if participant.sessions_cut
        }
        if sessions_cut:
            facts["sessions_cut"] = sessions_cut
        if execution.backup:
            facts["backup_file"] = execution.backup
        return facts

    def _as_it_is(self, results: t.Iterable[Result]) -> list[Result]:
        """After the change: these results, with what a restart would end.

        What was not mended is no change.
        """
        results = self._visits.foreseen(self.participants, results)
        healthy = {result["name"] for result in results if result["status"] in RIGHTLY_SERVED}
        not_mended = {
            participant.after[key].name
            for participant in self.participants
            for key in participant.broken
        } - healthy
        self.changes = [
            change
            for change in self.changes
            if change["kind"] != "listener" or change["name"] not in not_mended
        ]
        return results

    def unhealthy(self, results: t.Iterable[Result]) -> list[dict[str, str]]:
        """The declared listeners that do not answer as declared, or would not after a restart."""
        declared = {key for participant in self.participants for key in participant.declared}
        return [
            {key: result[key] for key in ("name", "status", "detail")}
            for result in results
            if key_of_result(result) in declared and result["status"] not in RIGHTLY_SERVED
        ]


def _refuse(problems: t.Sequence[str]) -> None:
    if problems:
        raise Refused("\n".join(problems))


def _interruptions(participants: t.Iterable[Participant]) -> list[Interruption]:
    found = []
    for participant in participants:
        interrupted = participant.interrupted_sockets
        if interrupted - participant.closing_sockets:
            from ansible_collections.mailops.bindings.plugins.module_utils._transaction import wait

            count = wait.sessions(interrupted)
            if count:
                found.append(Interruption(participant, count))
    return found


def _sorted(results: t.Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: (address_order(result["address"]), result["port"]))
