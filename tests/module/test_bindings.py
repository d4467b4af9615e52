# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_bindings declares the whole document: at least what it says, or exactly that."""

from __future__ import annotations

import pytest
from declare import a_port, an_address, document, mail_bindings
from semantics import IMAP, POP, SMTP, TLS, TWO_PORTS, Changes, ChangeTests, changes_of

pytestmark = pytest.mark.needs_ansible

CHANGES = Changes()

STANDARD = {
    ("smtp", "none"): 25,
    ("smtp", "tls"): 25,
    ("smtp", "ssl"): 465,
    ("submission", "none"): 587,
    ("submission", "tls"): 587,
    ("submission", "ssl"): 465,
    ("imap", "none"): 143,
    ("imap", "tls"): 143,
    ("imap", "ssl"): 993,
    ("pop", "none"): 110,
    ("pop", "tls"): 110,
    ("pop", "ssl"): 995,
    ("ldap", "none"): 389,
    ("ldap", "tls"): 389,
    ("ldap", "ssl"): 636,
}


def every_port(number=None):
    """A port for each protocol and encryption."""
    ports = []
    for (protocol, encryption), standard in STANDARD.items():
        port = {"name": f"{protocol} {encryption}", "protocol": protocol, "encryption": encryption}
        if encryption != "none":
            port["certificate_path"] = "{pki}/combined.pem"
        if number is not None:
            port.update(port=number(standard), description="")
        ports.append(port)
    return sorted(ports, key=lambda port: port["name"])


CHANGES.add(
    "bindings-standard-numbers",
    mail_bindings(ports=every_port()),
    None,
    document(every_port(number=lambda standard: standard)),
)
CHANGES.add(
    "bindings-left-out",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "IMAP"}, {"name": "POP", "port": 110}],
        ip_addresses=[{"address": "127.0.0.1"}],
    ),
    document(
        [IMAP, POP],
        [an_address("127.0.0.1", "POP", hostname="mail.example.com", description="Old")],
    ),
    document(
        [IMAP, {**POP, "port": 110}],
        [an_address("127.0.0.1", "POP", hostname="mail.example.com", description="Old")],
    ),
)
CHANGES.add(
    "bindings-follow",
    mail_bindings(ports=[{"name": "IMAP", **TLS}, {"name": "SMTP", "protocol": "pop"}]),
    document([IMAP, SMTP]),
    document([{**IMAP, **TLS, "port": 993}, {**SMTP, "protocol": "pop", "port": 110}]),
)
# The whole document.
CHANGES.add(
    "bindings-at-least",
    mail_bindings(
        ports=[{"name": "SMTP", "protocol": "smtp"}],
        ip_addresses=[{"address": "127.0.0.1", "ports": ["SMTP"]}, {"address": "127.0.0.2"}],
    ),
    document([IMAP], [an_address("127.0.0.1", "IMAP"), an_address("127.0.0.9")]),
    document(
        [IMAP, SMTP],
        [an_address("127.0.0.1", "IMAP", "SMTP"), an_address("127.0.0.2"), an_address("127.0.0.9")],
    ),
)
CHANGES.add(
    "bindings-exactly",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "SMTP", "protocol": "smtp"}],
        ip_addresses=[{"address": "127.0.0.1", "ports": ["SMTP"]}, {"address": "127.0.0.2"}],
    ),
    document([IMAP], [an_address("127.0.0.1", "IMAP"), an_address("127.0.0.9")]),
    document([SMTP], [an_address("127.0.0.1", "SMTP"), an_address("127.0.0.2")]),
)
CHANGES.add(
    "bindings-exactly-these-ports",
    mail_bindings(exclusive=True, ports=[{"name": "IMAP"}]),
    TWO_PORTS,
    document([IMAP], [an_address("127.0.0.1", "IMAP")]),
)
CHANGES.add(
    "bindings-exactly-these-addresses",
    mail_bindings(exclusive=True, ip_addresses=[{"address": "127.0.0.2", "ports": ["SMTP"]}]),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.2", "SMTP")]),
)
CHANGES.add(
    "bindings-exactly-nothing",
    mail_bindings(exclusive=True, ports=[], ip_addresses=[]),
    TWO_PORTS,
    document(),
)
CHANGES.add(
    "bindings-numbers-swapped",
    mail_bindings(ports=[{"name": "IMAP", "port": 25}, {"name": "SMTP", "port": 143}]),
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP", "SMTP")]),
    document(
        [{**IMAP, "port": 25}, {**SMTP, "port": 143}], [an_address("127.0.0.1", "IMAP", "SMTP")]
    ),
)
CHANGES.add(
    "bindings-renamed",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "MTA", "protocol": "smtp"}],
        ip_addresses=[{"address": "127.0.0.1", "ports": ["MTA"]}],
    ),
    document([SMTP], [an_address("127.0.0.1", "SMTP")]),
    document([a_port("MTA")], [an_address("127.0.0.1", "MTA")]),
)
CHANGES.add(
    "bindings-canonical-order",
    mail_bindings(
        ports=[
            {"name": name, "protocol": "smtp", "port": 2000 + n}
            for n, name in enumerate(["b", "C", "a", "10", "9"])
        ],
        ip_addresses=[
            {"address": address, "ports": ["b", "9", "10"] if address == "10.0.0.2" else []}
            for address in (
                "2001:db8::2",
                "::",
                "10.0.0.10",
                "10.0.0.2",
                "9.9.9.9",
                "2001:db8::10",
                "::1",
                "fe80::1",
            )
        ],
        require_local_address=False,
    ),
    None,
    document(
        [
            a_port("10", port=2003),
            a_port("9", port=2004),
            a_port("C", port=2001),
            a_port("a", port=2002),
            a_port("b", port=2000),
        ],
        [
            an_address("9.9.9.9"),
            an_address("10.0.0.2", "10", "9", "b"),
            an_address("10.0.0.10"),
            an_address("::"),
            an_address("::1"),
            an_address("2001:db8::2"),
            an_address("2001:db8::10"),
            an_address("fe80::1"),
        ],
    ),
)


class TestChanges(ChangeTests):
    pass


def test_changes_name_what_was_done(results):
    assert changes_of(results["bindings-exactly"]) == [
        ("remove", "port", "IMAP"),
        ("add", "port", "SMTP"),
        ("change", "ip_binding", "127.0.0.1"),
        ("add", "ip_binding", "127.0.0.2"),
        ("remove", "ip_binding", "127.0.0.9"),
    ]
