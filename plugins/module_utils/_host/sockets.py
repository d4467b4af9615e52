# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which TCP sockets listen on this host, and whose they are: as the kernel says it, proc(5)."""

from __future__ import annotations

import os
import struct
import sys
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
)

_ESTABLISHED, _LISTENING = "01", "0A"  # include/net/tcp_states.h
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


class Socket(t.NamedTuple):
    """Something listens here. C(pids): all that hold it, the oldest first, and C(program) the name of that; none where this user may not see them."""

    address: str
    port: int
    pids: tuple = ()
    program: str = ""


def listening(ports: t.Optional[t.Container[int]] = None) -> list[Socket]:
    """All listening TCP sockets of this network namespace, in address order, then by port; only on C(ports) if they are given.

    One for an address and port, however many sockets share it (SO_REUSEPORT). Addresses are canonical; a socket for an IPv4
    address in IPv6 notation is the IPv4 address's. Whether one on C(::) also answers on IPv4 can't be seen.
    """
    inodes: dict = {}
    for table in _TABLES:
        for address, port, inode in _entries(table):
            if ports is None or port in ports:
                inodes.setdefault((address, port), set()).add(inode)
    holders = _holders(set().union(*inodes.values())) if inodes else {}
    found = []
    for address, port in sorted(inodes, key=lambda key: (address_order(key[0]), key[1])):
        pids = sorted(
            set().union(*(holders.get(inode, ()) for inode in inodes[address, port])), key=_age
        )
        found.append(Socket(address, port, tuple(pids), _program(pids[0]) if pids else ""))
    return found


def established() -> list[tuple]:
    """(local address, local port) of every established TCP connection of this network namespace."""
    return [
        (address, port)
        for table in _TABLES
        for address, port, ignored in _entries(table, _ESTABLISHED)
    ]


def _entries(table: str, state: str = _LISTENING) -> t.Iterator[tuple]:
    """(address, port, inode) of each socket of a table in this state; none where the kernel has no such table."""
    try:
        with open(table, encoding="ascii") as file:
            lines = file.readlines()[1:]
    except FileNotFoundError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] == state:
            address, port = fields[1].split(":")
            yield _address(address), int(port, 16), fields[9]


def _address(text: str) -> str:
    """The kernel prints an address as words of 32 bits, each as this machine's numbers are."""
    import ipaddress

    words = [int(text[begin : begin + 8], 16) for begin in range(0, len(text), 8)]
    address = ipaddress.ip_address(struct.pack("=%dI" % len(words), *words))
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)


def _holders(inodes: set) -> dict:
    """inode -> the pids of those that hold this socket, as far as this user may see them."""
    wanted = {"socket:[%s]" % inode: inode for inode in inodes}
    found: dict = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        folder = "/proc/%s/fd" % pid
        try:
            handles = os.listdir(folder)
        except OSError:  # another user's process, or one that has just ended
            continue
        for handle in handles:
            try:
                inode = wanted.get(os.readlink("%s/%s" % (folder, handle)))
            except OSError:
                continue
            if inode:
                found.setdefault(inode, set()).add(int(pid))
    return found


def _age(pid: int) -> tuple:
    """Sort key, the oldest first: a server hands its sockets on to processes, whose numbers may begin from 1 again."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return int(
                file.read().rpartition(b")")[2].split()[19]
            ), pid  # field 22, starttime; the program's name may have blanks
    except (OSError, IndexError):  # it has ended
        return sys.maxsize, pid


def _program(pid: int) -> str:
    try:
        with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""
