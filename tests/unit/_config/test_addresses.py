# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses: one canonical form, why others are refused, and which of them meet."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    address_order,
    canonical_address,
    canonical_addresses,
    endpoint,
    loopback_beside,
    meet,
    reached_at,
)


@pytest.mark.parametrize(
    "written, canonical",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("2001:DB8:0:0::10", "2001:db8::10"),
        ("2001:0db8:0000:0000:0000:0000:0000:0010", "2001:db8::10"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("::ffff:0:192.0.2.1", "::ffff:0:c000:201"),  # not the IPv4-mapped range
    ],
)
def test_an_address_has_one_notation(written, canonical):
    assert canonical_address(written) == canonical


@pytest.mark.parametrize(
    "written, reason",
    [
        ("192.0.2.010", "write 192.0.2.10"),
        ("010.0.0.1", "write 10.0.0.1"),
        ("192.0.2.1/24", "leave the prefix length out"),
        ("2001:db8::1/64", "leave the prefix length out"),
        ("fe80::1%eth0", "has a scope"),
        ("::ffff:192.0.2.1", "write 192.0.2.1"),
        ("::ffff:c000:201", "write 192.0.2.1"),
        ("255.255.255.255", "broadcast"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("192.0.2", "is not an IPv4 or IPv6 address"),
        ("192.0.2.256", "is not an IPv4 or IPv6 address"),
        ("192.0.2.1:25", "is not an IPv4 or IPv6 address"),
        ("[2001:db8::1]", "is not an IPv4 or IPv6 address"),
        (" 192.0.2.1", "is not an IPv4 or IPv6 address"),
        ("192.0.2.1\n", "is not an IPv4 or IPv6 address"),
        ("٣.0.2.1", "is not an IPv4 or IPv6 address"),
        ("mail.example.com", "is not an IPv4 or IPv6 address"),
        ("3221225985", "is not an IPv4 or IPv6 address"),
        ("", "is not an IPv4 or IPv6 address"),
        ("1" * 5000 + ".0.0.1", "is not an IPv4 or IPv6 address"),
    ],
)
def test_what_is_no_plain_address_is_refused_with_its_reason(written, reason):
    with pytest.raises(ValueError, match=reason):
        canonical_address(written)


@given(st.ip_addresses())
def test_every_notation_of_an_address_is_refused_or_canonical(address):
    def outcome(text):
        try:
            return canonical_address(text)
        except ValueError:
            return None

    assert outcome(address.exploded) == outcome(str(address)) == outcome(str(address).upper())
    assert outcome(str(address)) in (None, str(ipaddress.ip_address(str(address))))


def test_addresses_that_are_not_valid_are_left_out_of_a_list():
    entries = [{"address": "2001:DB8::1"}, {"address": "192.0.2.300"}, {"address": 7}, {}]
    assert canonical_addresses(entries) == ["2001:db8::1"]


def test_ipv4_comes_before_ipv6_and_numbers_count():
    assert sorted(["::1", "10.0.0.10", "9.9.9.9", "10.0.0.2"], key=address_order) == [
        "9.9.9.9",
        "10.0.0.2",
        "10.0.0.10",
        "::1",
    ]


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "0.0.0.0", True),
        ("::", "2001:db8::1", True),
        ("::", "192.0.2.1", False),
        ("::", "0.0.0.0", False),
    ],
)
def test_a_wildcard_meets_every_address_of_its_family(first, second, expected):
    pairs = ((first, second), (second, first))
    assert [meet(*pair) for pair in pairs] == [expected, expected]


def test_an_endpoint_has_brackets_around_ipv6_and_a_wildcard_is_reached_at_loopback():
    assert endpoint("192.0.2.1", 993) == "192.0.2.1:993"
    assert endpoint("2001:db8::1", 993) == "[2001:db8::1]:993"
    assert [reached_at(address) for address in ("0.0.0.0", "::", "192.0.2.1")] == [
        "127.0.0.1",
        "::1",
        "192.0.2.1",
    ]


@pytest.mark.parametrize(
    "declared, bindable, kept",
    [
        ([], LOOPBACK, ("127.0.0.1",)),
        (["192.0.2.1", "::", "0.0.0.0"], LOOPBACK, ("127.0.0.1",)),
        (["192.0.2.1", "2001:db8::1"], LOOPBACK, LOOPBACK),
        (["::1"], LOOPBACK, LOOPBACK),
        (["2001:db8::1"], ("127.0.0.1",), ("127.0.0.1",)),
        (["2001:db8::1"], ("::1",), ("::1",)),
    ],
)
def test_loopback_of_ipv6_is_needed_only_beside_an_address_of_it(declared, bindable, kept):
    assert loopback_beside(declared, bindable) == kept
