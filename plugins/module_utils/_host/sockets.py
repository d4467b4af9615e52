# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TCP sockets of this host and the processes that hold them, read from proc(5)."""

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


#: (address, port)
Endpoint = t.Tuple[str, int]


class Socket(t.NamedTuple):
    """A listening socket."""

    address: str
    port: int
    pids: t.Tuple[int, ...] = ()  # of its processes, the oldest first; none if they may not be seen
    program: str = ""  # name of the oldest
    uid: int = 0  # of the user who made it


def listening(ports: t.Optional[t.Container[int]] = None) -> t.List[Socket]:
    """The listening TCP sockets of this network namespace, in address order, then by port.

    Only those on C(ports) if given. One for an address and port, however many sockets share it
    (SO_REUSEPORT). Addresses are canonical; an IPv4-mapped address is the IPv4 address. Whether a
    socket on C(::) also answers on IPv4 can't be seen.
    """
    inodes: t.Dict[Endpoint, t.Set[str]] = {}
    uids: t.Dict[Endpoint, int] = {}
    for table in _TABLES:
        for address, port, inode, uid in _entries(table):
            if ports is None or port in ports:
                inodes.setdefault((address, port), set()).add(inode)
                uids[address, port] = max(uid, uids.get((address, port), 0))
    holders = _holders(set().union(*inodes.values())) if inodes else {}
    found = []
    for address, port in sorted(inodes, key=lambda key: (address_order(key[0]), key[1])):
        pids = sorted(
            set().union(*(holders.get(inode, ()) for inode in inodes[address, port])), key=_age
        )
        program = _program(pids[0]) if pids else ""
        found.append(Socket(address, port, tuple(pids), program, uids[address, port]))
    return found


def established() -> t.List[Endpoint]:
    """Local address and port of every established TCP connection of this network namespace."""
    return [
        (address, port)
        for table in _TABLES
        for address, port, *dummy in _entries(table, _ESTABLISHED)
    ]


def _entries(table: str, state: str = _LISTENING) -> t.Iterator[t.Tuple[str, int, str, int]]:
    """(address, port, inode, uid) of each socket of a table in this state.

    None without that table.
    """
    try:
        with open(table, encoding="ascii") as file:
            lines = file.readlines()[1:]
    except FileNotFoundError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] == state:
            address, port = fields[1].split(":")
            yield _address(address), int(port, 16), fields[9], int(fields[7])


def _address(text: str) -> str:
    """An address of a table: words of 32 bits, each in this machine's byte order."""
    import ipaddress

    words = [int(text[begin : begin + 8], 16) for begin in range(0, len(text), 8)]
    address = ipaddress.ip_address(struct.pack("=%dI" % len(words), *words))
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)


def _holders(inodes: t.AbstractSet[str]) -> t.Dict[str, t.Set[int]]:
    """inode -> pids of the processes that hold this socket, as far as this user may see them."""
    links = {"socket:[%s]" % inode: inode for inode in inodes}
    found: t.Dict[str, t.Set[int]] = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        folder = "/proc/%s/fd" % pid
        try:
            handles = os.listdir(folder)
        except OSError:  # another user's process, or one that has just ended
            continue
        for handle in handles:
            try:
                inode = links.get(os.readlink("%s/%s" % (folder, handle)))
            except OSError:
                continue
            if inode:
                found.setdefault(inode, set()).add(int(pid))
    return found


def _age(pid: int) -> t.Tuple[int, int]:
    """Sort key, the oldest first: the start time counts, since pids may begin from 1 again."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            # field 22, starttime; the program's name, in parentheses, may have blanks
            return int(file.read().rpartition(b")")[2].split()[19]), pid
    except (OSError, IndexError):  # it has ended
        return sys.maxsize, pid


def _program(pid: int) -> str:
    try:
        with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""
