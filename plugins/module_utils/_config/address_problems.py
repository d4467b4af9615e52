# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a text is not an address that can be declared: loaded only then. Pure."""

from __future__ import annotations

import ipaddress


def why_not_plain(text: str) -> str:
    """Why this is not an interface's address nor a wildcard, as the end of a message: 'is a …'."""
    if "/" in text:
        return "is a network, not an address: leave the prefix length out"
    if "%" in text:
        return "has a scope (%): an address that depends on an interface's name can't be declared"
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "is not an IPv4 or IPv6 address" + _leading_zeros(text)
    if address.version == 4 and str(address) != text:  # Python before 3.9.5 reads 010 as ten
        return "is not an IPv4 or IPv6 address" + _leading_zeros(text)
    if str(address) == "255.255.255.255":
        return "is the broadcast address: no server listens for mail on it"
    if address.is_multicast:
        return "is a multicast address: no server listens for mail on one"
    mapped = address.ipv4_mapped if address.version == 6 else None
    return "is an IPv4 address in IPv6 notation: write %s" % mapped


def _leading_zeros(text: str) -> str:
    """A hint for a padded IPv4 address: some programs read 010 as eight, some as ten."""
    parts = text.split(".")
    plain = ".".join(part.lstrip("0") or "0" for part in parts)
    if (
        len(parts) == 4
        and plain != text
        and all(part.isdigit() and part.isascii() and len(part) <= 4 for part in parts)
    ):
        return (
            ": leading zeros are ambiguous (octal or decimal?); if decimal is meant, write %s"
            % plain
        )
    return ""
