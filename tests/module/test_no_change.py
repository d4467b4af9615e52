# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that change nothing, tasks that read, and what they report."""

from __future__ import annotations

import pytest
from declare import (
    AWAY,
    a_port,
    an_address,
    document,
    mail_bindings,
    mail_bindings_info,
    mail_ip_binding,
    mail_port,
)
from semantics import (
    IMAP,
    IMAPS,
    POP,
    SMTP,
    ResultTests,
    Steps,
    assert_nothing_changed,
    new_files,
    text,
)

pytestmark = pytest.mark.needs_ansible

STEPS = Steps()


def by_hand():
    """As canonical as it is not: without what may be left out, other order, other notation."""
    return text(
        {
            "ip_addresses": [
                {"ports": ["SMTP", "IMAP"], "address": "2001:0DB8::0001"},
                {"ports": [], "address": "127.0.0.1"},
            ],
            "ports": [
                {"protocol": "smtp", "name": "SMTP", "port": 25},
                {"protocol": "imap", "name": "IMAP", "port": 143},
            ],
            "schema_version": 1,
        }
    )


BY_HAND = document(
    [a_port("IMAP", "imap", 143), SMTP],
    [an_address("127.0.0.1"), an_address("2001:db8::1", "IMAP", "SMTP")],
)
STEPS.add(
    "same-port",
    mail_port(
        name="SMTP", protocol="smtp", port=25, encryption="none", description="", backup=True
    ),
    by_hand(),
)
STEPS.add(
    "same-address",
    mail_ip_binding(
        address="2001:db8:0::1", ports=["IMAP", "SMTP"], require_local_address=False, hostname=""
    ),
    by_hand(),
)
STEPS.add(
    "same-bindings",
    mail_bindings(
        exclusive=True,
        ports=BY_HAND["ports"],
        ip_addresses=BY_HAND["ip_addresses"],
        require_local_address=False,
        replace_invalid=True,
    ),
    by_hand(),
)
STEPS.add("same-nothing-given", mail_bindings(), by_hand())
STEPS.add("same-no-port-to-remove", mail_port(name="POP", state="absent"), by_hand())
STEPS.add(
    "same-no-address-to-remove", mail_ip_binding(address="127.0.0.2", state="absent"), by_hand()
)
STEPS.add(
    "same-no-assignment-to-remove",
    mail_ip_binding(address="127.0.0.1", state="absent", ports=["SMTP"]),
    by_hand(),
)
STEPS.add(
    "same-address-as-stored-though-away",
    mail_bindings(ports=[{"name": "SMTP"}]),
    document([SMTP], [an_address(AWAY, "SMTP")]),
)
STEPS.add("same-no-config-nothing-to-remove", mail_port(name="POP", state="absent"))
STEPS.add(
    "key-path-emptied",
    mail_port(name="IMAPS", private_key_path=""),
    document([{**IMAPS, "private_key_path": "{pki}/key.pem"}]),
)
STEPS.add("info", mail_bindings_info(), by_hand())
STEPS.add("info-in-check-mode", mail_bindings_info(), by_hand(), check_mode=True)
STEPS.add("info-of-none", mail_bindings_info())
STEPS.add(
    "some-unassigned",
    mail_port(name="IMAP", description="x"),
    document([IMAP, SMTP, POP], [an_address("127.0.0.1", "SMTP")]),
)
STEPS.add(
    "all-assigned",
    mail_bindings(require_assigned=True),
    document([SMTP], [an_address("127.0.0.1", "SMTP")]),
)


class TestResults(ResultTests):
    pass


@pytest.mark.parametrize(
    "name", [step.name for step in STEPS if step.name.startswith(("same", "info", "all-assigned"))]
)
def test_changes_nothing(results, name):
    result = results[name]
    assert not result.failed, result["msg"]
    assert_nothing_changed(result)
    if "none" in name or "no-config" in name:
        assert new_files(result) == []


def test_info(results):
    for name in ("info", "info-in-check-mode"):
        assert results[name]["ports"] == BY_HAND["ports"]
        assert results[name]["ip_addresses"] == BY_HAND["ip_addresses"]
        assert results[name]["unassigned_ports"] == []
    assert results["info-of-none"]["ports"] == results["info-of-none"]["ip_addresses"] == []


def test_key_path_emptied(results, pki):
    result = results["key-path-emptied"]
    assert result["changed"]
    assert result["port"].get("private_key_path", "") == ""
    assert result["port"]["certificate_path"] == f"{pki}/combined.pem"


def test_unassigned_ports(results):
    result = results["some-unassigned"]
    assert result["unassigned_ports"] == ["IMAP", "POP"]
    assert any("IMAP" in warning and "POP" in warning for warning in result["warnings"])
    assert results["all-assigned"]["unassigned_ports"] == []
    assert not results["all-assigned"].get("warnings")
