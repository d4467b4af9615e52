# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong options of mail_ip_binding."""

from __future__ import annotations

import re

import pytest
from declare import AWAY, a_port, an_address, canonical, document, mail_ip_binding
from refusals import BAD_ADDRESSES, Cases, CaseTests

# What is wrong with a declaration is found by our own code, the same with every ansible-core
pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]

CASES = Cases()

for label in ("ipv4-mapped", "leading-zeros", "prefix-length", "multicast", "scoped", "empty"):
    text = BAD_ADDRESSES[label]
    CASES.add(
        f"ip-{label}",
        mail_ip_binding(address=text, ports=["SMTP"], require_local_address=False),
        rf"\baddress\b.*{re.escape(text)}",
    )
CASES.add(
    "ip-unknown-port",
    mail_ip_binding(address="127.0.0.2", ports=["SMTP", "POP"]),
    r"\bports\b.*POP",
    "declare",
)
CASES.add("ip-empty-port", mail_ip_binding(address="127.0.0.2", ports=[""]), r"\bports\b")
CASES.add("ip-missing", mail_ip_binding(ports=["SMTP"]), r"\baddress\b")
CASES.add(
    "ip-unknown-key", mail_ip_binding(address="127.0.0.2", colour="red"), "colour", "hostname"
)
CASES.add(
    "ip-not-on-this-host",
    mail_ip_binding(address=AWAY, ports=["SMTP"]),
    r"\baddress\b",
    re.escape(AWAY),
    "require_local_address|floating",
)
CASES.add(
    "ip6-not-on-this-host",
    mail_ip_binding(address="2001:0DB8:0::9", ports=["SMTP"]),
    "2001:db8::9",
    "require_local_address|floating",
)
IMAP_TWICE = document(
    [a_port("IMAP", "imap", 143), a_port("Other", "imap", 143), a_port("SMTP", "smtp", 25)],
    [an_address("127.0.0.1", "IMAP", "SMTP"), an_address("2001:db8::1", "IMAP")],
)
CASES.add(
    "ip-two-ports-with-one-number",
    mail_ip_binding(address="127.0.0.2", ports=["IMAP", "Other"]),
    r"127\.0\.0\.2",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)
CASES.add(
    "ip-two-ports-with-one-number-stored",
    mail_ip_binding(address="127.0.0.1", ports=["Other"], exclusive=False),
    r"127\.0\.0\.1",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)
CASES.add(
    "ip-wildcard-meets-address",
    mail_ip_binding(address="0.0.0.0", ports=["Other"]),
    r"127\.0\.0\.1",
    r"0\.0\.0\.0",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)
CASES.add(
    "ip6-wildcard-meets-address",
    mail_ip_binding(address="::", ports=["Other"]),
    "2001:db8::1",
    "::",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)


class TestCases(CaseTests):
    pass
