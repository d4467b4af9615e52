# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_port declares one port: what is left out, what follows, and what is removed."""

from __future__ import annotations

import pytest
from declare import a_port, an_address, document, mail_port
from semantics import IMAP, IMAPS, POP, SMTP, TLS, Changes, ChangeTests, changes_of, permissions

pytestmark = pytest.mark.needs_ansible

CHANGES = Changes()

# Creating.
CHANGES.add("port-new", mail_port(name="SMTP", protocol="smtp"), None, document([SMTP]))
CHANGES.add(
    "port-new-in-new-folder",
    mail_port(name="SMTP", protocol="smtp"),
    None,
    document([SMTP]),
    config_path="{folder}/new/bindings.json",
)
CHANGES.add(
    "port-new-with-all",
    mail_port(
        name="POP",
        protocol="pop",
        port=2110,
        encryption="tls",
        certificate_path="{pki}/cert.pem",
        private_key_path="{pki}/key.pem",
        certificate_hostnames=["mail.example.com"],
        certificate_min_days=80,
        description="Grüße, POP3",
    ),
    document([SMTP]),
    document([{**POP, "description": "Grüße, POP3"}, SMTP]),
)
CHANGES.add(
    "port-new-name-not-ascii",
    mail_port(name="Übergabe 漢字", protocol="smtp"),
    None,
    document([a_port("Übergabe 漢字")]),
)
# Options that are left out, and empty ones.
CHANGES.add(
    "port-protocol-only",
    mail_port(name="IMAP", protocol="pop", port=143),
    document([IMAP]),
    document([{**IMAP, "protocol": "pop"}]),
)
CHANGES.add(
    "port-description-only",
    mail_port(name="POP", description="New"),
    document([POP]),
    document([{**POP, "description": "New"}]),
)
CHANGES.add(
    "port-number-only",
    mail_port(name="POP", port=110),
    document([POP]),
    document([{**POP, "port": 110}]),
)
CHANGES.add(
    "port-description-emptied",
    mail_port(name="IMAP", description=""),
    document([IMAP]),
    document([{**IMAP, "description": ""}]),
)
# Numbers that follow.
CHANGES.add(
    "port-follows-encryption",
    mail_port(name="IMAP", **TLS),
    document([IMAP]),
    document([{**IMAP, **TLS, "port": 993}]),
)
CHANGES.add(
    "port-follows-protocol",
    mail_port(name="SMTP", protocol="submission"),
    document([SMTP]),
    document([{**SMTP, "protocol": "submission", "port": 587}]),
)
CHANGES.add(
    "port-follows-not-if-given",
    mail_port(name="IMAP", port=143, **TLS),
    document([IMAP]),
    document([{**IMAP, **TLS}]),
)
CHANGES.add(
    "port-follows-not-if-its-own",
    mail_port(name="IMAP", protocol="pop"),
    document([{**IMAP, "port": 2143}]),
    document([{**IMAP, "port": 2143, "protocol": "pop"}]),
)
# To none, which drops the paths.
CHANGES.add(
    "port-to-none",
    mail_port(name="POP", encryption="none"),
    document([POP]),
    document([a_port("POP", "pop", 2110)]),
)
CHANGES.add(
    "port-to-none-follows",
    mail_port(name="IMAPS", encryption="none"),
    document([IMAPS]),
    document([a_port("IMAPS", "imap", 143)]),
)
# Removing.
CHANGES.add(
    "port-absent", mail_port(name="SMTP", state="absent"), document([IMAP, SMTP]), document([IMAP])
)
CHANGES.add(
    "port-absent-and-unassigned",
    mail_port(name="SMTP", state="absent", unassign=True),
    document(
        [IMAP, SMTP],
        [
            an_address("127.0.0.1", "IMAP", "SMTP"),
            an_address("127.0.0.2", "SMTP"),
            an_address("127.0.0.3"),
        ],
    ),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP"), an_address("127.0.0.2"), an_address("127.0.0.3")]
    ),
)


class TestChanges(ChangeTests):
    pass


def test_changes_name_what_was_done(results):
    assert changes_of(results["port-new"]) == [("add", "port", "SMTP")]
    assert changes_of(results["port-absent"]) == [("remove", "port", "SMTP")]
    assert changes_of(results["port-absent-and-unassigned"]) == [
        ("remove", "port", "SMTP"),
        ("change", "ip_binding", "127.0.0.1"),
        ("change", "ip_binding", "127.0.0.2"),
    ]


def test_changes_tell_before_and_after(results):
    (change,) = results["port-follows-protocol"]["changes"]
    assert change["before"] == SMTP
    assert change["after"] == {**SMTP, "protocol": "submission", "port": 587}


def test_the_result_has_the_port(results):
    assert results["port-new"]["port"] == SMTP
    assert results["port-new (again)"]["port"] == SMTP
    assert results["port-absent"]["port"] == {}
    assert results["port-absent (again)"]["port"] == {}


def test_new_file_and_folder(results):
    assert permissions(results["port-new"]) == "0o640"
    new = results["port-new-in-new-folder"]
    assert permissions(new) == "0o640"
    assert permissions(new, ".") == "0o755"
    assert results["port-new-in-new-folder (check)"].after == {}
