# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of protocols: standard numbers, and what a number means."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    PROTOCOLS,
    by_number,
    standard_number,
    usual_title,
)


@pytest.mark.parametrize(
    "protocol, plain, ssl",
    [
        ("smtp", 25, 465),
        ("submission", 587, 465),
        ("imap", 143, 993),
        ("pop", 110, 995),
        ("ldap", 389, 636),
    ],
)
def test_standard_numbers(protocol, plain, ssl):
    assert [standard_number(protocol, encryption) for encryption in ("none", "tls", "ssl")] == [
        plain,
        plain,
        ssl,
    ]


@pytest.mark.parametrize(
    "number, expected",
    [
        (25, ("smtp", "none")),
        (465, ("submission", "ssl")),
        (587, ("submission", "none")),
        (143, ("imap", "none")),
        (993, ("imap", "ssl")),
        (110, ("pop", "none")),
        (995, ("pop", "ssl")),
        (389, ("ldap", "none")),
        (636, ("ldap", "ssl")),
        (24, None),
    ],
)
def test_a_standard_number_says_protocol_and_encryption(number, expected):
    assert by_number(number) == expected


def test_a_port_is_called_by_its_protocol_and_by_tls_from_the_first_byte():
    assert [usual_title("pop", encryption) for encryption in ("none", "tls", "ssl")] == [
        "POP3",
        "POP3",
        "POP3S",
    ]


def test_the_table_is_by_name():
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())
