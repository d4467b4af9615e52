# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host can listen on: its addresses, and whether it may bind those that are away."""

from __future__ import annotations

import errno
import socket

from ansible_collections.mailops.bindings.plugins.module_utils._host.local import bind_error

#: Seconds that duplicate address detection may take (RFC 4862, 5.4: up to 1 before it begins, then 1 for each time that it asks; Linux asks once).
DETECTION = 5
# linux/if_addr.h; the fifth column of /proc/net/if_inet6
_DUPLICATE, _TENTATIVE = 0x08, 0x40


def cannot_listen(address: str, floating: bool) -> str:
    """Why no server could listen on this address now; '' if one can.

    On this host means: a socket can be bound to it, now or as soon as it is known to be nobody else's. A floating address may be
    away, but only where the kernel lets servers bind to an address that is (ip-sysctl: ip_nonlocal_bind); else its absence kills
    them at their next start.
    """
    if floating:
        family = "ipv6" if ":" in address else "ipv4"
        if not _may_bind_nonlocal(family):
            return (
                "%s is floating, and this host refuses to listen on an address while it is away: "
                "set the sysctl net.%s.ip_nonlocal_bind to 1 first, or require_local_address to false"
                % (address, family)
            )
        return ""
    error = bind_error(address)
    if error and ":" in address and _detected(address):
        error = bind_error(address)
    if error:
        if error.errno == errno.EINVAL and address.startswith("fe80:"):
            return (
                "%s is a link-local address, which depends on an interface's name: it can't be declared"
                % address
            )
        if _flags(address) & _DUPLICATE:
            return (
                "%s can't be used, because another host in the network has it too (duplicate address detection failed): "
                "take it off one of the two, then add it here again" % address
            )
        if error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL, errno.EAFNOSUPPORT):
            return (
                "%s is not an address of this host: add it to an interface first, declare it floating, "
                "or set require_local_address to false" % address
            )
        return "%s can't be listened on: %s" % (address, error.strerror)
    return ""


def _detected(address: str) -> bool:
    """Wait while duplicate address detection goes on, as it does for a second or two after an address was added; has it gone on, and ended well?"""
    flags = _flags(address)
    if not flags & _TENTATIVE:
        return False
    import time

    end = time.monotonic() + DETECTION
    while flags & (_TENTATIVE | _DUPLICATE) == _TENTATIVE and time.monotonic() < end:
        time.sleep(0.05)
        flags = _flags(address)
    return not flags & _TENTATIVE


def _flags(address: str) -> int:
    """Of an IPv6 address of this host; 0 where it is none."""
    if ":" not in address:
        return 0
    wanted = socket.inet_pton(socket.AF_INET6, address).hex()
    return next(
        (
            int(line.split()[4], 16)
            for line in _lines("/proc/net/if_inet6")
            if line.startswith(wanted)
        ),
        0,
    )


def is_here(address: str) -> bool:
    """Whether this host has the address now; also where the kernel lets servers bind to one that is away."""
    if cannot_listen(address, floating=False):
        return False
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address).hex() in (
            line.split()[0] for line in _lines("/proc/net/if_inet6")
        )
    if address.startswith("127."):
        return True
    # proc(5): each of the host's own addresses is a leaf of the routing trie, and below it stands its kind
    leaf = "|-- " + address
    lines = [line.strip() for line in _lines("/proc/net/fib_trie")]
    return any(line == leaf and below == "/32 host LOCAL" for line, below in zip(lines, lines[1:]))


def _lines(path: str) -> list:
    try:
        with open(path, encoding="ascii") as file:
            return file.readlines()
    except OSError:  # the kernel has no such family
        return []


def _may_bind_nonlocal(family: str) -> bool:
    try:
        with open("/proc/sys/net/%s/ip_nonlocal_bind" % family, encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return False
