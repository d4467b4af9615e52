# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners: their names, and those of a config."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import (
    Listener,
    listeners,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)


def test_a_listener_is_named_by_its_address_and_port():
    assert Listener("192.0.2.1", 993, "imap", "ssl").name == "192.0.2.1:993"
    assert Listener("2001:db8::1", 993, "imap", "ssl").name == "[2001:db8::1]:993"


def test_key_path_is_the_certificate_s_unless_another_is_named():
    assert Listener("192.0.2.1", 993, "imap", "ssl", "/cert").key_path == "/cert"
    assert Listener("192.0.2.1", 993, "imap", "ssl", "/cert", "/key").key_path == "/key"


def test_listeners_are_in_address_order_then_by_number():
    ports = {
        "A": Port("A", "imap", 993, "ssl", "/cert", "/key", "text"),
        "B": Port("B", "smtp", 25),
        "C": Port("C", "pop", 110),
        "unused": Port("unused", "ldap", 389),
    }
    ip_addresses = {
        "2001:db8::1": IPBinding("2001:db8::1", ("B",)),
        "192.0.2.10": IPBinding("192.0.2.10", ("A", "B"), "mail.example.com", floating=True),
        "192.0.2.9": IPBinding("192.0.2.9", ("C",)),
    }
    assert listeners(Bindings(ports, ip_addresses)) == [
        Listener("192.0.2.9", 110, "pop", "none", port_name="C"),
        Listener(
            "192.0.2.10",
            25,
            "smtp",
            "none",
            hostname="mail.example.com",
            floating=True,
            port_name="B",
        ),
        Listener("192.0.2.10", 993, "imap", "ssl", "/cert", "/key", "mail.example.com", True, "A"),
        Listener("2001:db8::1", 25, "smtp", "none", port_name="B"),
    ]


@pytest.mark.parametrize(
    "hostname, asked",
    [
        ("Mail.Example.com", "mail.example.com"),
        ("m\u00fcller.example.com", "xn--mller-kva.example.com"),
        (".example.com", ".example.com"),
        ("", ""),
    ],
)
def test_server_name_is_as_clients_ask_for_it(hostname, asked):
    assert Listener("192.0.2.1", 25, "smtp", "tls", hostname=hostname).server_name == asked
