# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching servers' sockets: until they are as expected and stay so, or until sessions end."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    endpoint,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import (
    established,
    listening,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import SocketKey

LOOK_SECONDS = 0.05
DRAIN_LOOK_SECONDS = 0.2


class Expectation(t.NamedTuple):
    """What a server should listen on, and what it should have closed. It may have more."""

    server: Server
    open: frozenset[SocketKey]
    closed: frozenset[SocketKey] = frozenset()

    def problem(self, live: t.AbstractSet[SocketKey]) -> str:
        """What is not so of these sockets of the server, a line each; '' if all is."""
        return "\n".join(
            [
                "%s does not listen on %s" % (self.server.title, endpoint(*key))
                for key in sorted(self.open - live)
            ]
            + [
                "%s still listens on %s" % (self.server.title, endpoint(*key))
                for key in sorted(self.closed & live)
            ]
        )


#: Expectations that are not met, each with what is wrong.
Unmet = list[tuple[Expectation, str]]


def unmet(expectations: t.Iterable[Expectation]) -> Unmet:
    """Those that are not met now."""
    sockets = listening()
    problems = [
        (expectation, expectation.problem(expectation.server.live_sockets(sockets)))
        for expectation in expectations
    ]
    return [(expectation, problem) for expectation, problem in problems if problem]


def wait_until_listening(
    expectations: t.Sequence[Expectation],
    patience: float,
    stable: float,
    since: t.Optional[float] = None,
) -> Unmet:
    """Wait until all expectations are met, and have been for C(stable) seconds.

    C(patience): seconds in which to get there. C(since): they have been met from this moment on
    (time.monotonic()). Returns what is wrong at the end; a server that has died is not waited for.
    """
    deadline = time.monotonic() + patience
    while True:
        wrong, moment = unmet(expectations), time.monotonic()
        if wrong:
            since = None
        elif since is None:
            since = moment
        if since is None or moment - since >= stable:
            dead = _dead(expectations)
            if dead or not wrong:
                return dead and dead + wrong
            if moment >= deadline:
                return wrong
        time.sleep(LOOK_SECONDS)


def _dead(expectations: t.Iterable[Expectation]) -> Unmet:
    return [
        (expectation, "%s has died" % expectation.server.title)
        for expectation in expectations
        if not expectation.server.running()
    ]


def wait_for_change(server: Server, do: t.Callable[[], None], patience: float) -> None:
    """Do this, and wait until the server's sockets have changed; C(patience): seconds at most."""
    before = server.live_sockets(listening())
    do()
    deadline = time.monotonic() + patience
    while server.live_sockets(listening()) == before and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def sessions(keys: t.Iterable[SocketKey]) -> int:
    """Established connections to these sockets (proc(5), /proc/net/tcp: state 01)."""
    keys = set(keys)
    if not keys:
        return 0
    return sum(
        (address, port) in keys or (wildcard_of(address), port) in keys
        for address, port in established()
    )


def drain(keys: t.Iterable[SocketKey], seconds: float) -> None:
    """Give sessions on these sockets time to end by themselves."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and sessions(keys):
        time.sleep(DRAIN_LOOK_SECONDS)
