# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at servers' sockets: until they are the wanted ones, and stay so."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import wildcard_of
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import (
    Socket,
    established,
    listening,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server

LOOK_SECONDS = 0.05


class Goal(t.NamedTuple):
    """What a server should listen on, and what no more. Beside these it may have others."""

    server: Server
    there: frozenset
    gone: frozenset = frozenset()


def live(server: Server, sockets: t.Sequence[Socket]) -> frozenset:
    """Those that are the server's, as (address, port)."""
    return frozenset((socket.address, socket.port) for socket in sockets if server.holds(socket))


def unmet(goals: t.Sequence[Goal]) -> list:
    """(goal, what is wrong) of each that is not as it should be now."""
    sockets = listening()
    found = []
    for goal in goals:
        now = live(goal.server, sockets)
        wrong = [
            "%s does not listen on %s" % (goal.server.title, shown(key))
            for key in sorted(goal.there - now)
        ]
        wrong += [
            "%s still listens on %s" % (goal.server.title, shown(key))
            for key in sorted(goal.gone & now)
        ]
        if wrong:
            found.append((goal, "\n".join(wrong)))
    return found


def wait_until_listening(
    goals: t.Sequence[Goal], patience: float, stable: float, since: t.Optional[float] = None
) -> list:
    """Wait until all is as it should be and has been so for C(stable) seconds; C(patience): seconds in which to get there.

    C(since): from this moment on it has been so, as somebody who looked before has seen (time.monotonic()).

    C(unmet), where that does not come. A server that has died is not waited for.
    """
    deadline = time.monotonic() + patience
    while True:
        wrong, now = unmet(goals), time.monotonic()
        if wrong:
            since = None
        elif since is None:
            since = now
        if wrong or now - since >= stable:
            dead = [
                (goal, "%s has died" % goal.server.title)
                for goal in goals
                if not goal.server.running()
            ]
            if dead or not wrong:
                return dead and dead + wrong
            if now >= deadline:
                return wrong
        time.sleep(LOOK_SECONDS)


def changing(server: Server, do: t.Callable[[], None], patience: float) -> None:
    """Do this, and wait until the server's sockets are others for it."""
    before = live(server, listening())
    do()
    deadline = time.monotonic() + patience
    while live(server, listening()) == before and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def sessions(keys: t.Iterable) -> int:
    """Established connections to these sockets (proc(5), /proc/net/tcp: state 01)."""
    keys = set(keys)
    if not keys:
        return 0
    return sum(
        (address, port) in keys or (wildcard_of(address), port) in keys
        for address, port in established()
    )


def drain(keys: t.Iterable, seconds: float) -> None:
    """Let sessions on these sockets end by themselves."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and sessions(keys):
        time.sleep(0.2)


def shown(key: tuple) -> str:
    """As results name a listener."""
    return Listener(*key, "", "").name
