# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys that stop a task."""

from __future__ import annotations

import pytest
from declare import mail_bindings, mail_port
from refusals import Cases, CaseTests

# What is wrong with a declaration is found by our own code, the same with every ansible-core
pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]

CASES = Cases()

BAD_CERTIFICATES = [
    # The file and what else is said, then what is to be said of it.
    ({"certificate_path": "{pki}/no-such-file.pem"}, "certificate_path: .*no-such-file"),
    (
        {"certificate_path": "{pki}/directory.pem"},
        "certificate_path: .*(directory|folder|regular|file)",
    ),
    (
        {"certificate_path": "{pki}/empty.pem"},
        "certificate_path: .*(empty|no certificate|not a certificate)",
    ),
    ({"certificate_path": "{pki}/garbage.pem"}, "certificate_path: .*certificate"),
    ({"certificate_path": "{pki}/key-only.pem"}, "certificate_path: .*certificate"),
    ({"certificate_path": "{pki}/big.pem"}, "certificate_path: .*(big|large|MiB|MB|bytes)"),
    ({"certificate_path": "{pki}/expired.pem"}, "certificate_path: .*expired"),
    (
        {"certificate_path": "{pki}/not-yet-valid.pem"},
        "certificate_path: .*(not yet|not valid|from)",
    ),
    ({"certificate_path": "{pki}/without-key.pem"}, "(certificate|private_key)_path: .*key"),
    ({"certificate_path": "{pki}/wrong-key.pem"}, "(certificate|private_key)_path: .*key"),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/other-key.pem"},
        "private_key_path: .*match|belong",
    ),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/no-key.pem"},
        "private_key_path: .*no-key",
    ),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/empty.pem"},
        "private_key_path: .*empty",
    ),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/directory.pem"},
        "private_key_path: ",
    ),
    ({"certificate_path": "{pki}/world-readable.pem"}, "(certificate|private_key)_path: .*read"),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/world-readable-key.pem"},
        "private_key_path: .*read",
    ),
    (
        {
            "certificate_path": "{pki}/other-names.pem",
            "certificate_hostnames": ["example.com", "mail.example.com"],
        },
        r"certificate_\w+: .*mail\.example\.com",
    ),
    (
        {"certificate_path": "{pki}/wildcard.pem", "certificate_hostnames": ["a.mail.example.com"]},
        r"certificate_\w+: .*a\.mail\.example\.com",
    ),
    (
        {
            "certificate_path": "{pki}/common-name-only.pem",
            "certificate_hostnames": ["mail.example.com"],
        },
        r"certificate_\w+: .*mail\.example\.com",
    ),
    ({"certificate_path": "{pki}/rsa-1024.pem"}, "certificate_path: .*(1024|2048)"),
    ({"certificate_path": "{pki}/sha1.pem"}, "certificate_path: .*(?i:SHA-?1)"),
    ({"certificate_path": "{pki}/md5.pem"}, "certificate_path: .*(?i:MD5)"),
    ({"certificate_path": "{pki}/client-only.pem"}, "certificate_path: .*(server|client)"),
    ({"certificate_path": "{pki}/password.p12"}, "certificate_p.*: .*certificate_password"),
    (
        {"certificate_path": "{pki}/password.p12", "certificate_password": "not it"},
        "certificate_p.*: .*certificate_password",
    ),
    (
        {"certificate_path": "{pki}/encrypted.pem"},
        "(certificate|private_key)_p.*: .*certificate_password",
    ),
    (
        {"certificate_path": "{pki}/glued.pem", "private_key_path": "{pki}/key.pem"},
        "certificate_path: .*line [0-9]+ has the end of a block",
    ),
    (
        {"certificate_path": "{pki}/cut.pem", "private_key_path": "{pki}/key.pem"},
        "certificate_path: .*OpenSSL.* has no end",
    ),
    ({"certificate_path": "{pki}/root-between.pem"}, "certificate_path: .*certificate 2 "),
    ({"certificate_path": "{pki}/certificate-signing.pem"}, "certificate_path: .*not for servers"),
    ({"certificate_path": "{pki}/secp256k1.pem"}, "certificate_path: .*secp256k1"),
]
CASES.add(
    "certificates-all-at-once",
    mail_bindings(
        ports=[
            {"name": f"P{n}", "protocol": "imap", "encryption": "ssl", "port": 2000 + n, **bad}
            for n, (bad, says) in enumerate(BAD_CERTIFICATES)
        ]
    ),
    *(rf"\bports\[{n}\]\.{says}" for n, (bad, says) in enumerate(BAD_CERTIFICATES)),
)
FIVE_DAYS = {
    "name": "New",
    "protocol": "imap",
    "encryption": "ssl",
    "certificate_path": "{pki}/five-days.pem",
}
CASES.add(
    "certificate-too-few-days",
    mail_bindings(ports=[FIVE_DAYS], certificate_min_days=6),
    r"ports\[0\]\.certificate_path: .*\b[45]\b.*\b6\b|ports\[0\]\.certificate_path: .*\b6\b.*\b[45]\b",
)
CASES.add(
    "certificate-of-an-untrusted-authority",
    mail_bindings(ports=[FIVE_DAYS], certificate_trust="system"),
    r"ports\[0\]\.certificate_path: .*is not trusted by clients that trust this host's",
)
CASES.add(
    "certificate-trust-without-a-file",
    mail_port(**FIVE_DAYS, certificate_trust="/no/such/ca.pem"),
    r"certificate_trust: .*/no/such/ca\.pem",
)
CASES.add(
    "certificate-too-few-days-for-port",
    mail_port(**FIVE_DAYS, certificate_min_days=6),
    r"certificate_path: .*\b6\b",
)
CASES.add(
    "certificate-for-other-hostname-of-address",
    mail_bindings(
        ports=[{**FIVE_DAYS, "certificate_path": "{pki}/combined.pem"}],
        ip_addresses=[{"address": "127.0.0.2", "hostname": "imap.example.com", "ports": ["New"]}],
    ),
    r"(ports|ip_addresses)\[0\]\.\w+: .*imap\.example\.com",
)
for position in (0, 6, 9, 15, 19, 23, 24, 26):
    bad, says = BAD_CERTIFICATES[position]
    CASES.add(
        f"certificate-for-port-{position}",
        mail_port(name="IMAP", encryption="ssl", **bad),
        says,
    )


class TestCases(CaseTests):
    pass
