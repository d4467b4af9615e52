# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a listener is: an address and a number, as results, declarations and inventories write it.

What is not an IP address is kept as the text that it is, so that it can be reported.
"""

from __future__ import annotations

import functools
import ipaddress
import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import (
    Json,
    as_integer,
    as_name,
)

#: (canonical address, port number)
Key = t.Tuple[str, int]

MAX_NUMBER = 65535


def canonical(value: t.Any) -> str:
    """The one way of writing this IP address (RFC 5952), or the text itself."""
    return _canonical(as_name(value))


@functools.lru_cache(maxsize=65536)  # each address comes with each of its ports
def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


@functools.lru_cache(maxsize=65536)
def address_order(address: str) -> t.Tuple[int, int, str]:
    """Sort key: IPv4, IPv6, then what is not an address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return 9, 0, address
    return parsed.version, int(parsed), address


def key_order(key: Key) -> t.Tuple[t.Tuple[int, int, str], int]:
    """Sort key: by address, then by number."""
    return address_order(key[0]), key[1]


def key_of(listener: Json) -> t.Optional[Key]:
    """Where this listener of a result is; None if it does not say so."""
    number = as_integer(listener.get("port"))
    if number is None or not 0 <= number <= MAX_NUMBER or not as_name(listener.get("address")):
        return key_of_name(listener.get("name"))
    return canonical(listener["address"]), number


def key_of_name(name: t.Any) -> t.Optional[Key]:
    """Of a name as 192.0.2.1:993 or [2001:db8::1]:993; None if it is neither."""
    address, dummy, number = as_name(name).rpartition(":")
    if not (number.isdecimal() and number.isascii() and len(number) <= 5) or not address:
        return None
    if int(number) > MAX_NUMBER:
        return None
    bracketed = address[0] == "[" and address[-1] == "]"
    return canonical(address[1:-1] if bracketed else address), int(number)
