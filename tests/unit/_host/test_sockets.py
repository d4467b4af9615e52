# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose sockets listen: asked of the kernel about sockets of our own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import sockets
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import (
    Socket,
    listening,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server

with open("/proc/self/comm", encoding="utf-8") as comm:
    WE = comm.read().rstrip("\n")


def listener(address, port=0):
    there = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if address.startswith("::ffff:"):
        there.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    there.bind((address, port))
    there.listen()
    return there


def port_of(server):
    return server.getsockname()[1]


@pytest.mark.parametrize(
    "address, seen",
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.3.2.1", "127.3.2.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::1", "::1"),
        ("::", "::"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_listening_socket_is_seen_with_its_owner(address, seen):
    with listener(address) as server:
        assert listening([port_of(server)]) == [Socket(seen, port_of(server), (os.getpid(),), WE)]


def test_all_are_seen_where_no_ports_are_given_in_address_order_and_then_by_number():
    with (
        listener("::1") as third,
        listener("127.0.0.1") as first,
        listener("127.0.0.2", port_of(first)) as second,
    ):
        seen = [(found.address, found.port) for found in listening() if os.getpid() in found.pids]
        assert seen == [
            ("127.0.0.1", port_of(first)),
            ("127.0.0.2", port_of(second)),
            ("::1", port_of(third)),
        ]


def test_a_socket_that_does_not_listen_is_not_seen():
    with listener("127.0.0.1") as server, socket.create_connection(server.getsockname()) as client:
        assert listening([client.getsockname()[1]]) == []
        assert len(listening([port_of(server)])) == 1
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert listening([bound.getsockname()[1]]) == []
    assert listening([]) == []


def test_what_several_processes_hold_is_the_oldest_s(monkeypatch):
    with listener("127.0.0.1") as server:
        command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
        with subprocess.Popen(
            command, pass_fds=[server.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            child.stdout.readline()
            assert listening([port_of(server)]) == [
                Socket("127.0.0.1", port_of(server), (os.getpid(), child.pid), WE)
            ]
            # numbers begin from 1 again after a while: it is not the lowest that counts
            ages = {os.getpid(): 1, child.pid: 0}
            monkeypatch.setattr(sockets, "_age", ages.get)
            assert listening([port_of(server)])[0].pids == (child.pid, os.getpid())
            child.stdin.close()


def test_what_several_sockets_share_is_one():
    with socket.socket() as one, socket.socket() as other:
        for sock in (one, other):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(("127.0.0.1", 0 if sock is one else port_of(one)))
            sock.listen()
        assert listening([port_of(one)]) == [Socket("127.0.0.1", port_of(one), (os.getpid(),), WE)]


def test_whose_it_is_stays_open_where_one_may_not_look(monkeypatch):
    def refuse(path):
        raise PermissionError(path)

    with listener("127.0.0.1") as server:
        monkeypatch.setattr(sockets.os, "readlink", refuse)
        assert listening([port_of(server)]) == [Socket("127.0.0.1", port_of(server))]


def test_a_process_that_ends_meanwhile_is_no_fault():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert sockets._program(child.pid) == ""
    assert sockets._age(child.pid) == (sys.maxsize, child.pid)


def test_a_kernel_without_ipv6_has_no_table_of_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sockets, "_TABLES", ("/proc/net/tcp", str(tmp_path / "tcp6")))
    with listener("127.0.0.1") as server:
        assert len(listening([port_of(server)])) == 1


class WordsOf:
    """In place of C(struct), which pytest's workers use at the same time: words in this order."""

    def __init__(self, order):
        self.order = order

    def pack(self, form, *words):
        return b"".join(word.to_bytes(4, self.order) for word in words)


def test_an_address_is_read_as_this_machine_s_words(monkeypatch):
    monkeypatch.setattr(sockets, "struct", WordsOf("little"))
    assert sockets._address("0100007F") == "127.0.0.1"
    assert sockets._address("B80D0120000000000000000001000000") == "2001:db8::1"
    monkeypatch.setattr(sockets, "struct", WordsOf("big"))
    assert sockets._address("7F000001") == "127.0.0.1"
    assert sockets._address("20010DB8000000000000000000000001") == "2001:db8::1"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")
def test_a_socket_has_the_user_who_made_it():
    """The kernel's word: a process's name and program are its user's to choose."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        with listener("127.0.0.1") as server:
            os.write(write, b"%d" % port_of(server))
            time.sleep(60)
        os._exit(0)
    try:
        port = int(os.read(read, 9))
        (found,) = listening([port])
        assert found.uid == 65534
        server = Server()
        server.programs, server.name = (found.program,), ""
        assert not server.holds(found) and server.holds(found._replace(uid=0))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
