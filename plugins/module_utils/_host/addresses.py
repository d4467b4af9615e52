# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that a server of this host can listen on, and why not the others."""

from __future__ import annotations

import errno
import socket
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._host.local import bind_error

#: Seconds that duplicate address detection may take (RFC 4862, 5.4: up to 1 before it begins, then
#: 1 for each solicitation; Linux sends one).
DETECTION = 5
# linux/if_addr.h; the fifth column of /proc/net/if_inet6
_DUPLICATE, _TENTATIVE = 0x08, 0x40


def cannot_listen(address: str, floating: bool) -> str:
    """Why a server can't listen on this address now; '' if it can.

    An address is on this host if a socket can be bound to it, after duplicate address detection if
    that goes on. A floating address may be away, but only if the kernel lets servers bind it then
    (ip-sysctl: ip_nonlocal_bind): otherwise they fail to start while it is away.
    """
    if floating:
        family = "ipv6" if ":" in address else "ipv4"
        if not _may_bind_nonlocal(family):
            return (
                "%s is floating, and this host refuses to listen on an address while it is away: "
                "set the sysctl net.%s.ip_nonlocal_bind to 1 first, or require_local_address to "
                "false" % (address, family)
            )
        return ""
    error = bind_error(address)
    if error and ":" in address and _detection_ended(address):
        error = bind_error(address)
    return _reason(address, error) if error else ""


def _reason(address: str, error: OSError) -> str:
    if error.errno == errno.EINVAL and address.startswith("fe80:"):
        return (
            "%s is a link-local address, which depends on an interface's name: it can't be declared"
            % address
        )
    if _flags(address) & _DUPLICATE:
        return (
            "%s can't be used, because another host in the network has it too (duplicate address "
            "detection failed): remove it from one of the two, then add it here again" % address
        )
    if error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL, errno.EAFNOSUPPORT):
        return (
            "%s is not an address of this host: add it to an interface first, declare it floating, "
            "or set require_local_address to false" % address
        )
    return "%s can't be listened on: %s" % (address, error.strerror)


def _detection_ended(address: str) -> bool:
    """Wait for duplicate address detection; True if it went on and has ended well.

    It takes a second or two after an address was added.
    """
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
    """The flags of an IPv6 address of this host; 0 for any other address."""
    if ":" not in address:
        return 0
    digits = socket.inet_pton(socket.AF_INET6, address).hex()
    lines = (line for line in _lines("/proc/net/if_inet6") if line.startswith(digits))
    return next((int(line.split()[4], 16) for line in lines), 0)


def is_here(address: str) -> bool:
    """Does this host have the address now? Correct also if ip_nonlocal_bind is set."""
    if cannot_listen(address, floating=False):
        return False
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address).hex() in (
            line.split()[0] for line in _lines("/proc/net/if_inet6")
        )
    if address.startswith("127."):
        return True
    # proc(5): each own address is a leaf of the routing trie, with its kind on the next line
    leaf = "|-- " + address
    lines = [line.strip() for line in _lines("/proc/net/fib_trie")]
    return any(line == leaf and below == "/32 host LOCAL" for line, below in zip(lines, lines[1:]))


def _lines(path: str) -> t.List[str]:
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
