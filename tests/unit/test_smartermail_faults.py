# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with a SmarterMail server in the middle, and what is then put back and told; through both doors, as in test_smartermail_doors.py."""

from __future__ import annotations

import dataclasses
import json

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from smartermail import Answer, Port  # noqa: E402
from smartermail.state import Refusal  # noqa: E402

from .in_process import run  # noqa: E402
from .test_smartermail_doors import (  # noqa: E402, F401  # the fixture is for every test here too
    CERTIFICATE_PASSWORD, DOORS, HERE, IMAP, IMAPS, NEW, OLD, SIXTH, SMTP, THERE, _environment, assert_declares, assert_refuses, declare, serving)

POP = Port("POP", "POP", 110)
LEFTOVER = Port("POP", "POP", 110, "none", OLD, "the old password")


def taking(server, change):
    """Every port that is added goes through C(change) first: it may be another one then, or be refused."""
    add = server.state.add_port
    server.state.add_port = lambda port, addresses=(): add(change(port), addresses)


# -- what is there already

@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("name", ["IMAP: TLS", "a.b: c. d", "long: " + 60 * "x" + ": %s" + 40 * "y"])
def test_a_name_may_have_what_messages_are_taken_apart_by(api, name):
    with serving(Port(name, "IMAP", 143, "tls"), Port(name + "!", "POP", 110, "none", OLD)) as server:
        result = declare(server, api, "mail_bindings_info", {})
        assert not result.get("failed"), result["msg"]
        assert [entry["text"] for entry in result["unmapped"]] == ["", OLD]
        assert not declare(server, api, "mail_port", {"name": "SMTP", "protocol": "smtp"}).get("failed")


# -- faults of ours

@pytest.mark.parametrize("api", DOORS)
def test_a_fault_of_ours_is_undone_too(api, monkeypatch):
    from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.store import SmarterMailStore

    def fail(*ignored):
        raise ZeroDivisionError("by 'secret'")

    with serving(SMTP) as server:
        server.account.password = "secret"
        before = server.state.summary()
        monkeypatch.setattr(SmarterMailStore, "_prove", fail)
        result = run("mail_port", {**server.options(api), "name": "POP", "protocol": "pop", "check_certificate": False})
        assert result["failed"] and result["rolled_back"] and not result["changed"]
        assert "a fault of mailops.bindings, please report it: ZeroDivisionError (by '********')" in result["msg"]
        assert "Traceback" not in json.dumps(result)
        assert server.state.summary() == before


# -- secrets

@pytest.mark.parametrize("url", [
    "https://admin:S3cret#1@mail.example.com", "https://admin:S3cret/1@mail.example.com", "https://admin:S3cret?1@mail.example.com",
    "https://admin:S3cret@1@mail.example.com", "admin:S3cret@mail.example.com", "https://admin:S3cret@mail.example.com:99999"])
def test_a_password_in_the_url_is_in_no_result(url):
    result = run("mail_bindings_info", {"store": "smartermail", "smartermail_username": "u", "smartermail_password": "p", "smartermail_url": url})
    assert result["failed"] and "smartermail_url" in result["msg"]
    assert "S3cret" not in json.dumps(result)


def test_a_password_with_blanks_is_not_quoted_with_fewer():
    with serving() as server:
        server.account.password = "correct horse  battery\tstaple"
        server.fail("*", answer=Answer(200, json.dumps({"success": False, "message": "no: " + server.account.password}), "application/json"))
        assert "battery" not in declare(server, "rest", "mail_bindings_info", {})["msg"]


def test_half_a_password_is_one_too():
    with serving() as server:
        server.account.password = "Abcdefghijklmnopqrstuvwxyz0123456789"
        server.fail("*", answer=Answer(302, "", headers={
            "Location": "https://login.example.com/?username=admin&password=%s&returnUrl=%%2Fapi%%2Fv1%%2Fauth%%2Fauthenticate-user" % server.account.password}))
        message = declare(server, "rest", "mail_bindings_info", {})["msg"]
        assert "sends us to" in message and "Abcdef" not in message and "456789" not in message


# -- answers

def test_numbers_of_another_kind():
    with serving() as server:
        server.fail("*", answer=Answer(503, "", headers={"Retry-After": "\u00b2"}))
        assert not declare(server, "rest", "mail_bindings_info", {}).get("failed")
        ports = [{"id": "1", "name": "x", "type": 0, "port": 1e999}]
        server.fail("ip-binding-manager", answer=Answer(
            200, json.dumps({"success": True, "bindingManager": {"bindingPorts": ports, "bindingInfo": []}}), "application/json"))
        assert "in a form that is not known" in declare(server, "rest", "mail_bindings_info", {})["msg"]


@pytest.mark.parametrize("api", DOORS)
def test_a_ca_path_without_a_certificate_is_said_at_once(api, tmp_path):
    (tmp_path / "ca.pem").write_text("junk")
    with serving() as server:
        for path in (tmp_path, tmp_path / "ca.pem"):
            result = declare(server, api, "mail_bindings_info", {}, smartermail_ca_path=str(path))
            assert result["failed"] and "smartermail_ca_path: %s" % path in result["msg"]
        assert server.calls == []


def test_the_word_for_no_encryption_is_not_forgotten():
    with serving(SMTP, Port("SMTP2", "SMTP", 26, "ssl", OLD)) as server:
        server.fail("DeleteServerPort", refusal="busy", skip=1)
        assert declare(server, "soap", "mail_bindings", {"exclusive": True, "ports": [], "ip_addresses": []})["failed"]
        assert [call.arguments["encryption"] for call in server.calls if call.name == "AddServerPort"] == ["None"]
