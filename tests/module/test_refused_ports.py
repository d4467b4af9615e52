# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong options of mail_port."""

from __future__ import annotations

import pytest
from declare import mail_port
from refusals import ENCRYPTIONS, PROTOCOLS, Cases, CaseTests

pytestmark = pytest.mark.needs_ansible

CASES = Cases()


CASES.add(
    "port-unknown-protocol",
    mail_port(name="New", protocol="http"),
    r"\bprotocol\b",
    PROTOCOLS,
    "http",
)
CASES.add(
    "port-protocol-in-capitals",
    mail_port(name="New", protocol="SMTP"),
    r"\bprotocol\b",
    PROTOCOLS,
    "SMTP",
)
CASES.add(
    "port-unknown-encryption",
    mail_port(name="SMTP", encryption="starttls"),
    r"\bencryption\b",
    ENCRYPTIONS,
)
CASES.add(
    "port-unknown-key", mail_port(name="SMTP", colour="red"), r"\bcolour\b", r"\bcertificate_path\b"
)
CASES.add(
    "port-unknown-state", mail_port(name="SMTP", state="gone"), r"\bstate\b", "present.*absent"
)
for label, number in {"0": 0, "65536": 65536, "smtp": "smtp", "true": True}.items():
    CASES.add(
        f"port-number-{label}", mail_port(name="SMTP", port=number), r"\bport\b.*(65535|\bint\b)"
    )
CASES.add(
    "port-name-empty",
    mail_port(name="", protocol="smtp", port=2525),
    r"\bname\b.*(printable|blank|empty)",
)
CASES.add(
    "port-name-blank",
    mail_port(name="SMTP ", protocol="smtp", port=2525),
    r"\bname\b.*(printable|blank)",
)
CASES.add("port-without-name", mail_port(protocol="smtp"), r"\bname\b")
CASES.add("port-new-without-protocol", mail_port(name="New", port=2525), r"\bprotocol\b.*New")
CASES.add(
    "port-certificate-for-stored-none",
    mail_port(name="IMAP", certificate_path="/tmp/none.pem"),
    "certificate_path",
    r"\bssl\b|\btls\b",
)
CASES.add(
    "port-key-for-stored-none",
    mail_port(name="IMAP", private_key_path="/tmp/none.pem"),
    "private_key_path",
    r"\bssl\b|\btls\b",
)
CASES.add(
    "port-to-ssl-without-certificate",
    mail_port(name="IMAP", encryption="ssl"),
    "certificate_path",
    "ssl",
)
CASES.add(
    "port-relative-config",
    mail_port(name="SMTP", port=26),
    "config_path",
    "absolute",
    config_path="bindings.json",
)
CASES.add(
    "port-two-with-one-number",
    mail_port(name="SMTP", port=143),
    r"\b143\b",
    r"127\.0\.0\.1",
    "IMAP",
    "SMTP",
)
CASES.add(
    "port-two-with-one-number-by-standard",
    mail_port(name="SMTP", protocol="imap"),
    r"\b143\b",
    r"127\.0\.0\.1",
    "IMAP",
    "SMTP",
)
CASES.add(
    "port-two-things-wrong",
    mail_port(name="IMAP", port=65536, certificate_path="mail.pem"),
    r"\bport: .*65535",
    "certificate_path: ",
)
CASES.add(
    "port-remove-assigned",
    mail_port(name="IMAP", state="absent"),
    "IMAP",
    r"127\.0\.0\.1",
    "unassign",
)
CASES.add(
    "port-owner-unknown",
    mail_port(name="SMTP", port=26, owner="no-such-user"),
    "owner",
    "no-such-user",
)
CASES.add(
    "port-group-unknown",
    mail_port(name="SMTP", port=26, group="no-such-group"),
    "group",
    "no-such-group",
)
CASES.add("port-mode-nonsense", mail_port(name="SMTP", port=26, mode="rwx"), r"\bmode\b.*0640")
CASES.add("port-mode-not-octal", mail_port(name="SMTP", port=26, mode="0999"), r"\bmode\b.*0640")
CASES.add("port-mode-and-no-other-change", mail_port(name="SMTP", mode="rwx"), r"\bmode\b.*0640")
CASES.add(
    "port-of-no-config",
    mail_port(name="SMTP", port=0, protocol="smtp"),
    r"\bport\b",
    "65535",
    config=None,
)
CASES.add("port-store-unknown", mail_port(name="SMTP", store="ldap"), r"\bstore\b", "file")


class TestCases(CaseTests):
    pass
