# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong options of mail_bindings: all problems are reported at once."""

from __future__ import annotations

import re

import pytest
from declare import AWAY, a_port, canonical, document, mail_bindings
from refusals import BAD_ADDRESSES, BAD_NAMES, ENCRYPTIONS, PROTOCOLS, Cases, CaseTests

# What is wrong with a declaration is found by our own code, the same with every ansible-core
pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]

CASES = Cases()

CASES.add(
    "bindings-bad-names",
    mail_bindings(ports=[{"name": name, "protocol": "smtp"} for name in BAD_NAMES.values()]),
    *(rf"ports\[{position}\]\.name.*(printable|blank|empty)" for position in range(len(BAD_NAMES))),
)
CASES.add(
    "bindings-bad-addresses",
    mail_bindings(ip_addresses=[{"address": address} for address in BAD_ADDRESSES.values()]),
    *(rf"ip_addresses\[{position}\]\.address" for position in range(len(BAD_ADDRESSES))),
)
BAD_PORTS = [
    ({"port": 0}, "port: .*65535"),
    ({"port": 65536}, "port: .*65535"),
    ({"port": -1}, "port: .*65535"),
    ({"port": True}, "port: .*65535"),
    ({"encryption": "ssl"}, "certificate_path: .*ssl"),
    ({"encryption": "tls"}, "certificate_path: .*tls"),
    ({"encryption": "ssl", "certificate_path": ""}, "certificate_path: "),
    ({"encryption": "ssl", "certificate_path": "mail.pem"}, "certificate_path: .*absolute"),
    ({"encryption": "ssl", "certificate_path": "~/mail.pem"}, "certificate_path: .*absolute"),
    (
        {"encryption": "tls", "certificate_path": "/nothing.pem", "private_key_path": "key.pem"},
        "private_key_path: .*absolute",
    ),
    ({"encryption": "none", "certificate_path": "/nothing.pem"}, "certificate_path: .*(ssl|tls)"),
    ({"certificate_path": "/nothing.pem"}, "certificate_path: .*(ssl|tls)"),
    ({"private_key_path": "/nothing.pem"}, "private_key_path: .*(ssl|tls)"),
]
CASES.add(
    "bindings-bad-ports",
    mail_bindings(
        ports=[
            {"name": f"P{n}", "protocol": "smtp", **bad} for n, (bad, says) in enumerate(BAD_PORTS)
        ]
    ),
    *(rf"ports\[{position}\]\.{says}" for position, (bad, says) in enumerate(BAD_PORTS)),
)
CASES.add(
    "bindings-all-at-once",
    mail_bindings(
        ports=[
            {"name": "Good", "protocol": "smtp"},
            {"name": " A", "protocol": "smtp"},
            {"name": "B", "protocol": "imap", "port": 65536},
            {"name": "C", "protocol": "pop", "encryption": "ssl"},
            {"name": "D", "port": 2525},
            {"name": "Good", "protocol": "smtp"},
        ],
        ip_addresses=[
            {"address": "127.0.0.1", "ports": ["Good"]},
            {"address": "192.0.2.010"},
            {"address": "::1"},
            {"address": "0:0::1"},
        ],
    ),
    r"ports\[1\]\.name",
    r"ports\[2\]\.port",
    r"ports\[3\]\.certificate_path",
    r"ports\[4\]\.protocol",
    r"ports\[5\]\.name",
    r"ip_addresses\[1\]\.address",
    r"ip_addresses\[3\]\.address",
)
CASES.add(
    "bindings-all-conflicts-at-once",
    mail_bindings(
        ports=[
            {"name": "A", "protocol": "smtp", "port": 2001},
            {"name": "B", "protocol": "smtp", "port": 2001},
        ],
        ip_addresses=[
            {"address": "127.0.0.3", "ports": ["A", "B"]},
            {"address": "127.0.0.4", "ports": ["A", "Missing"]},
            {"address": AWAY, "ports": ["A"]},
        ],
    ),
    r"ip_addresses\[0\].*\bA\b.*\bB\b.*127\.0\.0\.3",
    r"ip_addresses\[1\]\.ports.*Missing",
    rf"ip_addresses\[2\]\.address.*{re.escape(AWAY)}",
)
CASES.add(
    "bindings-two-things-wrong-with-one-port",
    mail_bindings(
        ports=[
            {
                "name": " New",
                "protocol": "imap",
                "port": 0,
                "encryption": "ssl",
                "certificate_path": "x.pem",
            }
        ]
    ),
    r"ports\[0\]\.name: ",
    r"ports\[0\]\.port: ",
    r"ports\[0\]\.certificate_path: ",
)
CASES.add(
    "bindings-unknown-protocol",
    mail_bindings(ports=[{"name": "A", "protocol": "smtp"}, {"name": "B", "protocol": "http"}]),
    r"\bports\b.*\bprotocol\b|\bprotocol\b.*\bports\b",
    PROTOCOLS,
)
CASES.add(
    "bindings-unknown-encryption",
    mail_bindings(ports=[{"name": "A", "protocol": "smtp", "encryption": "yes"}]),
    r"\bports\b.*\bencryption\b|\bencryption\b.*\bports\b",
    ENCRYPTIONS,
)
CASES.add(
    "bindings-unknown-key-of-port",
    mail_bindings(ports=[{"name": "A", "protocol": "smtp", "colour": "red"}]),
    r"ports.*colour|colour.*ports",
)
CASES.add(
    "bindings-unknown-key-of-address",
    mail_bindings(ip_addresses=[{"address": "127.0.0.3", "colour": "red"}]),
    r"ip_addresses.*colour|colour.*ip_addresses",
)
CASES.add(
    "bindings-without-name",
    mail_bindings(ports=[{"protocol": "smtp"}]),
    r"\bname\b.*\bports\b|\bports\b.*\bname\b",
)
CASES.add(
    "bindings-duplicate-name",
    mail_bindings(
        ports=[
            {"name": "A", "protocol": "smtp"},
            {"name": "B", "protocol": "pop"},
            {"name": "A", "protocol": "smtp"},
        ]
    ),
    r"ports\[2\]\.name",
    r"ports\[0\]",
    r"\bA\b",
)
CASES.add(
    "bindings-one-ip-in-two-notations",
    mail_bindings(
        ip_addresses=[
            {"address": "2001:db8::a"},
            {"address": "127.0.0.3"},
            {"address": "2001:0DB8:0:0::000A"},
        ],
        require_local_address=False,
    ),
    r"ip_addresses\[2\]\.address.*ip_addresses\[0\]",
)
CASES.add(
    "bindings-unknown-assigned-port",
    mail_bindings(
        ip_addresses=[
            {"address": "127.0.0.3"},
            {"address": "127.0.0.4", "ports": ["SMTP", "Missing"]},
        ]
    ),
    r"ip_addresses\[1\]\.ports",
    "Missing",
)
CASES.add(
    "bindings-wildcard-meets-address",
    mail_bindings(
        ports=[{"name": "Other", "protocol": "imap", "port": 143}],
        ip_addresses=[{"address": "0.0.0.0", "ports": ["Other"]}],
    ),
    r"0\.0\.0\.0",
    r"127\.0\.0\.1",
    "Other",
    "IMAP",
    r"\b143\b",
)
CASES.add(
    "bindings-wildcards-meet",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "A", "protocol": "imap"}, {"name": "B", "protocol": "imap"}],
        ip_addresses=[{"address": "::", "ports": ["A", "B"]}],
    ),
    "::",
    r"\bA\b",
    r"\bB\b",
    r"\b143\b",
)
CASES.add(
    "bindings-not-on-this-host",
    mail_bindings(ip_addresses=[{"address": "127.0.0.3"}, {"address": AWAY}]),
    r"ip_addresses\[1\]\.address",
    re.escape(AWAY),
    "require_local_address|floating",
)
CASES.add(
    "bindings-require-assigned",
    mail_bindings(ports=[{"name": "Free", "protocol": "pop"}], require_assigned=True),
    "Free",
    "require_assigned|assign",
)
CASES.add(
    "bindings-require-assigned-of-stored",
    mail_bindings(require_assigned=True),
    "IMAP",
    "require_assigned|assign",
    config=canonical(document([a_port("IMAP", "imap", 143)])),
)
CASES.add(
    "bindings-exclusive-removes-assigned",
    mail_bindings(exclusive=True, ports=[{"name": "SMTP"}]),
    "IMAP",
    r"127\.0\.0\.1",
    "ip_addresses",
)
CASES.add(
    "bindings-replace-invalid-without-exclusive",
    mail_bindings(replace_invalid=True, ports=[], ip_addresses=[]),
    "replace_invalid",
    "exclusive",
    config=b"{",
)
CASES.add(
    "bindings-replace-invalid-without-addresses",
    mail_bindings(
        exclusive=True, replace_invalid=True, ports=[{"name": "SMTP", "protocol": "smtp"}]
    ),
    "replace_invalid",
    "ip_addresses",
    config=b"{",
)
CASES.add(
    "bindings-replace-invalid-with-bad-input",
    mail_bindings(
        exclusive=True,
        replace_invalid=True,
        ports=[{"name": "SMTP", "protocol": "smtp", "port": 0}],
        ip_addresses=[],
    ),
    r"ports\[0\]\.port",
    config=b"{",
)
CASES.add(
    "bindings-ports-no-list", mail_bindings(ports="SMTP"), r"ports\[0\]: \"SMTP\" is not an object"
)


class TestCases(CaseTests):
    pass
