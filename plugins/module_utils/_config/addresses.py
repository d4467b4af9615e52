# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses: their canonical form, their kinds, and whether two of them meet. Pure."""

from __future__ import annotations

import functools
import typing as t

#: A server that binds one of these listens on every address of its family (ip(7), ipv6(7)).
WILDCARDS = ("0.0.0.0", "::")
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
#: The loopback address of each family that programs use.
LOOPBACK = tuple(_LOOPBACK.values())


def family(address: str) -> int:
    """4 or 6, of an address in canonical form."""
    return 6 if ":" in address else 4


def is_wildcard(address: str) -> bool:
    """Is it an address that stands for every address of its family?"""
    return address in _LOOPBACK


def wildcard_of(address: str) -> str:
    """The wildcard of the address's family."""
    return WILDCARDS[":" in address]


def is_loopback(address: str) -> bool:
    """Is it an address that only this host reaches (RFC 1122: 127.0.0.0/8; RFC 4291: ::1)?"""
    return address.startswith("127.") or address == "::1"


def reached_at(address: str) -> str:
    """The address to connect to from the host itself: loopback for a wildcard."""
    return _LOOPBACK.get(address, address)


def loopback_beside(declared: t.Iterable[str], bindable: t.Iterable[str]) -> t.Tuple[str, ...]:
    """The loopback addresses that are kept of wildcards which make room for declared addresses.

    Of those that can be bound now; ::1 only beside an address of its family. IPv6 may be switched
    off before the next start: a wildcard does not mind, and a server with ::1 would not start.
    """
    needs_ipv6 = any(family(address) == 6 and not is_wildcard(address) for address in declared)
    return tuple(address for address in bindable if family(address) == 4 or needs_ipv6)


def meet(first: str, second: str) -> bool:
    """Do these meet, so that two sockets can't listen on one port of both?

    Families never meet, although a socket on :: usually takes IPv4's port too (ipv6(7):
    IPV6_V6ONLY).
    """
    if first == second:
        return True
    return family(first) == family(second) and (is_wildcard(first) or is_wildcard(second))


def endpoint(address: str, port: int) -> str:
    """Address and port as results name them: 192.0.2.1:993, [2001:db8::1]:993 (RFC 5952, 6)."""
    return ("[%s]:%d" if ":" in address else "%s:%d") % (address, port)


@functools.lru_cache(maxsize=None)  # one task asks for the same address many times
def canonical_address(text: str) -> str:
    """The canonical form of this IP address (IPv6: RFC 5952).

    Raises ValueError with the reason unless it is one interface's address or a wildcard.
    """
    import ipaddress  # not at the top: a task about ports alone does not need it

    try:
        address = ipaddress.ip_address(text)
        canonical = str(address)
        if not (
            "%" in text
            or address.is_multicast
            or canonical == "255.255.255.255"
            or (address.version == 4 and canonical != text)  # before 3.9.5, 010 is read as ten
            or (address.version == 6 and address.ipv4_mapped)
        ):
            return canonical
    except ValueError:
        pass
    from ansible_collections.mailops.bindings.plugins.module_utils._config import address_problems

    raise ValueError(address_problems.why_not_plain(text))


@functools.lru_cache(maxsize=None)
def address_order(address: str) -> t.Tuple[int, int]:
    """Sort key: IPv4 before IPv6, then by number."""
    import ipaddress

    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def canonical_addresses(entries: t.Iterable[t.Any]) -> t.List[str]:
    """The addresses of these entries; those that are not valid are left out."""
    addresses = []
    for entry in entries:
        try:
            addresses.append(canonical_address(entry["address"]))
        except (ValueError, TypeError, KeyError):
            continue
    return addresses
