# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many visits at a time: so many connections in all, and few to an address that may be dead."""

from __future__ import annotations

import socket
import threading
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    family,
    reached_at,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    Ending,
    ProbeResult,
    ProbeStatus,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.visit import visit

CONNECT_SECONDS = 5.0  # three SYNs (at 0, 1 and 3 s): a connection is made at once or never
SCOUTS = 3  # connections at a time to an address that has not answered yet
_ARP_SECONDS = 1.0  # "No route to host" after a longer time comes from ARP

Key = t.TypeVar("Key", bound=t.Hashable)


class _Attempt(t.NamedTuple):
    """A try to connect. C(alive): what it says of the address; None for nothing."""

    connection: t.Optional[socket.socket]
    ending: t.Optional[Ending]
    alive: t.Optional[bool]


class VisitPool:
    """Visits to many listeners. A dead address costs its timeout once, not once for each port.

    Until an address has answered (a refusal is an answer too), only SCOUTS connections at a time
    are tried there: more than one and of different protocols, since firewalls often block port 25,
    or all of SMTP, alone. If the first gets no answer, no more are made.
    """

    def __init__(self, timeout: float, workers: int):
        self._timeout, self._workers = timeout, workers
        self._changed = threading.Condition()
        self._waiting: list[tuple[t.Any, Listener]] = []
        self._alive: dict[str, bool] = {}  # address -> does it answer? as soon as that is known
        self._scouts: dict[str, int] = {}  # address -> connections that are being tried

    def made(
        self, jobs: t.Mapping[Key, Listener], meanwhile: t.Optional[t.Callable[[], None]] = None
    ) -> dict[Key, ProbeResult]:
        """Visit each of these listeners once. C(meanwhile) is called while servers answer."""
        found: dict[Key, ProbeResult] = {}
        self._waiting = _most_various_first(jobs)

        def work() -> None:
            for key, listener in iter(self._next, None):
                found[key] = self._visited(listener)

        # daemons: a task that is interrupted does not wait for a slow greeting
        threads = [
            threading.Thread(target=work, daemon=True)
            for dummy in range(min(self._workers, len(jobs)))
        ]
        try:
            for thread in threads:
                thread.start()
            if meanwhile:
                meanwhile()
            for thread in threads:
                thread.join()
        finally:
            self._waiting.clear()
        interrupted = ProbeResult(ProbeStatus.TIMEOUT, "the probe was interrupted")
        return {key: found.get(key, interrupted) for key in jobs}

    def _next(self) -> t.Optional[tuple[t.Any, Listener]]:
        """The next job, as soon as there is one that may begin; None when all are taken."""
        with self._changed:
            while self._waiting:
                for index, (dummy, listener) in enumerate(self._waiting):
                    scouts = self._scouts.get(listener.address, 0)
                    if listener.address in self._alive or scouts < SCOUTS:
                        self._scouts[listener.address] = scouts + 1
                        return self._waiting.pop(index)
                self._changed.wait()
            return None

    def _visited(self, listener: Listener) -> ProbeResult:
        attempt = _Attempt(None, None, None)
        try:
            attempt = self._connected(listener)
        finally:
            with self._changed:
                self._scouts[listener.address] -= 1
                if attempt.alive or (
                    attempt.alive is False and listener.address not in self._alive
                ):
                    self._alive[listener.address] = attempt.alive
                self._changed.notify_all()
        if attempt.connection:
            with attempt.connection:
                return visit(attempt.connection, listener, self._timeout)
        result = ProbeResult()
        if attempt.ending:
            result.end(attempt.ending)
        return result

    def _connected(self, listener: Listener) -> _Attempt:
        if self._alive.get(listener.address) is False:
            ending = Ending(ProbeStatus.TIMEOUT, "no answer from this address", sure=True)
            return _Attempt(None, ending, None)
        begin, seconds = time.monotonic(), min(self._timeout, CONNECT_SECONDS)
        version = socket.AF_INET6 if family(listener.address) == 6 else socket.AF_INET
        connection = socket.socket(version, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            # without it, what follows a TLS handshake would wait 40 ms for an acknowledgement
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect((reached_at(listener.address), listener.port))
            return _Attempt(connection, None, True)
        except OSError as error:
            connection.close()
            return _failed(error, seconds, time.monotonic() - begin)


def _failed(error: OSError, seconds: float, took: float) -> _Attempt:
    """What an error of connect() after so many seconds says of the listener and of its address."""
    if isinstance(error, ConnectionRefusedError):
        note = "connection refused: nothing listens here, or a firewall rejects it"
        return _Attempt(None, Ending(ProbeStatus.REFUSED, note), True)
    if isinstance(error, socket.timeout):
        note = "no connection within %g seconds" % seconds
        return _Attempt(None, Ending(ProbeStatus.TIMEOUT, note, sure=True), False)
    note = "no connection: %s" % (error.strerror or error)
    if took > _ARP_SECONDS:
        return _Attempt(None, Ending(ProbeStatus.TIMEOUT, note, sure=True), False)
    # at once it may be a firewall's answer for this port alone
    return _Attempt(None, Ending(ProbeStatus.REFUSED, note), None)


def _most_various_first(jobs: t.Mapping[Key, Listener]) -> list[tuple[Key, Listener]]:
    """Of each address first one listener of each protocol.

    The first ones decide for the rest of the address, and firewalls block whole protocols.
    """
    before: dict[tuple[str, str], int] = {}  # (address, protocol) -> how many there were
    turns: dict[Key, int] = {}
    for key, listener in jobs.items():
        kind = listener.address, listener.protocol
        turns[key] = before[kind] = before.get(kind, -1) + 1
    return sorted(jobs.items(), key=lambda job: turns[job[0]])
