# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many visits: how many connections at a time, and to which addresses."""

from __future__ import annotations

import collections
import socket
import threading

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe import visits
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe
from support import scripted
from support.probing import AWAY, NOW


def test_never_more_connections_at_a_time_than_workers():
    all_workers = threading.Barrier(4)

    def slow(session):
        all_workers.wait(10)
        scripted.imap()(session)

    with scripted.Server(slow) as server:
        results = probe(
            [Listener("127.0.0.1", server.port, "imap", "none")] * 40, workers=4, now=NOW
        )
    assert [result["status"] for result in results] == ["ok"] * 40
    assert (len(server.sessions), server.most_at_a_time) == (40, 4)


class Connections:
    """In place of socket.socket. C(answer(address, port)) raises what connecting there raises."""

    def __init__(self, answer):
        self.answer = answer
        self.made: list = []
        self.at_a_time = self.most_at_a_time = 0
        self._lock = threading.Lock()

    def __call__(self, family, kind):
        return self

    def connect(self, where):
        with self._lock:
            self.made.append(where)
            self.at_a_time += 1
            self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        try:
            self.answer(*where)
        finally:
            with self._lock:
                self.at_a_time -= 1

    def settimeout(self, seconds):
        pass

    def setsockopt(self, *option):
        pass

    def close(self):
        pass


def raising(error):
    """An answer: always this error."""

    def answer(address, port):
        raise error

    return answer


def scouting(error):
    """An answer: the first connections to an address are all made before one of them fails."""
    all_scouts: dict = collections.defaultdict(lambda: threading.Barrier(visits.SCOUTS))

    def answer(address, port):
        all_scouts[address].wait(10)
        raise error

    return answer


def timing_out_last(ports):
    """An answer: on these ports a timeout, after more connections than scouts; else a refusal."""
    connections: list = []
    more_than_scouts = threading.Event()

    def answer(address, port):
        connections.append(port)
        if len(connections) > visits.SCOUTS:
            more_than_scouts.set()
        if port not in ports:
            raise ConnectionRefusedError
        assert more_than_scouts.wait(10)
        raise socket.timeout

    return answer


def probed_by(connections, monkeypatch, addresses, ports, **how):
    monkeypatch.setattr(socket, "socket", connections)
    return probe(
        [Listener(address, port, "smtp", "none") for address in addresses for port in ports],
        now=NOW,
        local=False,
        **how,
    )


def test_a_dead_address_costs_its_timeout_once(monkeypatch):
    connections = Connections(scouting(socket.timeout()))
    results = probed_by(connections, monkeypatch, [AWAY, "203.0.113.10"], range(1, 101), workers=8)
    assert {result["status"] for result in results} == {"timeout"}
    assert {result["detail"] for result in results} == {
        "no connection within 5 seconds",
        "no answer from this address",
    }
    for address in (AWAY, "203.0.113.10"):
        ports = [port for probed, port in connections.made if probed == address]
        assert len(ports) == len(set(ports)) == visits.SCOUTS, (
            "a few at the same time, and none again"
        )


def test_with_one_worker_a_dead_address_costs_one_connection(monkeypatch):
    connections = Connections(raising(socket.timeout()))
    results = probed_by(connections, monkeypatch, [AWAY], range(1, 101), workers=1, timeout=2)
    assert len(connections.made) == 1
    assert results[0]["detail"] == "no connection within 2 seconds"


def test_one_filtered_port_does_not_make_an_address_dead(monkeypatch):
    connections = Connections(timing_out_last([25]))
    results = probed_by(connections, monkeypatch, [AWAY], [25, *range(100, 120)])
    assert [result["status"] for result in results] == ["timeout"] + ["refused"] * 20
    assert connections.made.count((AWAY, 25)) == 1, "the kernel has tried that three times"
    assert connections.made.count((AWAY, 100)) == 2
    assert connections.most_at_a_time <= 8


def test_a_filtered_protocol_does_not_make_an_address_dead(monkeypatch):
    monkeypatch.setattr(socket, "socket", Connections(timing_out_last([25, 2525, 465, 587])))
    wanted = [
        Listener(AWAY, port, protocol, "none")
        for protocol, ports in (
            ("smtp", (25, 2525)),
            ("submission", (465, 587)),
            ("imap", (143, 993)),
        )
        for port in ports
    ]
    results = probe(wanted, now=NOW, local=False)
    assert [(result["port"], result["status"]) for result in results] == [
        (25, "timeout"),
        (2525, "timeout"),
        (465, "timeout"),
        (587, "timeout"),
        (143, "refused"),
        (993, "refused"),
    ]


def test_no_route_to_host_at_once_concerns_one_port(monkeypatch):
    def answer(address, port):
        raise OSError(113, "No route to host") if port == 25 else ConnectionRefusedError

    results = probed_by(Connections(answer), monkeypatch, [AWAY], range(25, 35), workers=1)
    assert [result["detail"] for result in results][:2] == [
        "no connection: No route to host",
        "connection refused: nothing listens here, or a firewall rejects it",
    ]


def test_no_route_to_host_after_arp_makes_an_address_dead(monkeypatch):
    monkeypatch.setattr(visits, "_ARP_SECONDS", 0)
    connections = Connections(scouting(OSError(113, "No route to host")))
    results = probed_by(connections, monkeypatch, [AWAY], range(1, 101))
    assert {result["status"] for result in results} == {"timeout"}
    assert len(connections.made) == visits.SCOUTS


def test_an_interrupted_probe_begins_no_more_visits(monkeypatch):
    class Interrupted(Exception):
        pass

    def join(self):
        raise Interrupted

    def answer(address, port):
        assert interrupted.wait(10)
        raise ConnectionRefusedError

    interrupted, before = threading.Event(), set(threading.enumerate())
    connections = Connections(answer)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "join", join)
        with pytest.raises(Interrupted):
            probed_by(connections, patch, [AWAY], range(1, 101), workers=2)
    interrupted.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert len(connections.made) <= 2
