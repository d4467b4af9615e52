# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probe listeners: what really answers where one should be."""

from __future__ import annotations

import datetime
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    is_wildcard,
    reached_at,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe.judge import Judge
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    ProbeResult,
    ProbeStatus,
)

PAUSE_SECONDS = 0.5  # before a second visit to what seems broken


def probe(
    wanted: t.Iterable[Listener],
    *,
    timeout: float = 30.0,
    workers: int = 8,
    min_days: int = 14,
    now: datetime.datetime,
    local: bool = True,
) -> list[dict[str, t.Any]]:
    """What really answers at these listeners, in their order. Raises nothing: errors are results.

    C(timeout): seconds for each answer. C(workers): connections at a time. C(min_days): a
    certificate with fewer whole days left at C(now) is expiring. C(local): the listeners are this
    host's: those on an address that it does not have are not_local, and wildcards are reached
    through loopback.

    Each is C({address, port, name, protocol, encryption, status, detail, greeting, tls_version,
    cipher, certificate}). status is one of C(ProbeStatus), detail says more, for people.
    certificate is what was served (C(_certificates.parse.leaf_facts)) and C(matches_file), None if
    it could not be compared; empty without TLS.
    """
    listeners = list(wanted)
    away = _away(listeners) if local else set()
    found: dict[int, ProbeResult] = {}
    jobs: dict[int, Listener] = {}
    for index, listener in enumerate(listeners):
        result = _not_probed(listener, local, away)
        if result:
            found[index] = result
        else:
            jobs[index] = listener
    judge = Judge(min_days, now)
    if jobs:
        found.update(_visited(jobs, timeout, workers, judge))
    return [judge.entry(listener, found[index]) for index, listener in enumerate(listeners)]


def _visited(
    jobs: t.Mapping[int, Listener], timeout: float, workers: int, judge: Judge
) -> dict[int, ProbeResult]:
    """Visit these, and once more those that seem broken."""
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.visits import VisitPool

    visits = VisitPool(timeout, workers)
    with_tls = any(listener.encryption != "none" for listener in jobs.values())
    found = visits.made(jobs, judge.prepare if with_tls else None)
    again = {
        index: listener
        for index, listener in jobs.items()
        if found[index].status != ProbeStatus.OK and not found[index].sure
    }
    if again:
        time.sleep(PAUSE_SECONDS)
        found.update(visits.made(again))
    return found


def _away(listeners: t.Iterable[Listener]) -> set[str]:
    """The addresses that this host does not have now.

    A wildcard is one of them where its loopback is: IPv6 is disabled there.
    """
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import is_here

    return {
        address
        for address in {listener.address for listener in listeners}
        if not is_here(reached_at(address))
    }


def _not_probed(listener: Listener, local: bool, away: t.Container[str]) -> t.Optional[ProbeResult]:
    """The result of a listener that can't be connected to; None if it can."""
    wildcard = is_wildcard(listener.address)
    if wildcard and not local:
        note = "not probed: a wildcard can only be probed on its own host"
        return ProbeResult(ProbeStatus.OK, note)
    if listener.address not in away:
        return None
    if listener.floating:
        return ProbeResult(ProbeStatus.OK, "not probed: the address is floating, and away")
    note = "%s is not an address of this host" % reached_at(listener.address)
    if wildcard:
        note += ", and other hosts can't connect either: is IPv6 disabled?"
    return ProbeResult(ProbeStatus.NOT_LOCAL, note)
