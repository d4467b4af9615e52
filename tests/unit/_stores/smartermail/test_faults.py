# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with a SmarterMail server in the middle, and what is then put back and told."""

from __future__ import annotations

import dataclasses
import json

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.in_process import run  # noqa: E402
from support.smartermail import Answer, Port  # noqa: E402
from support.smartermail.state import Refusal  # noqa: E402
from support.smartermail.tasks import (  # noqa: E402
    CERTIFICATE_PASSWORD,
    DOORS,
    HERE,
    IMAPS,
    NEW,
    OLD,
    SIXTH,
    SMTP,
    THERE,
    assert_declares,
    assert_refuses,
    declare,
    serving,
)

POP = Port("POP", "POP", 110)
LEFTOVER = Port("POP", "POP", 110, "none", OLD, "the old password")


def taking(server, change):
    """Every port that is added goes through C(change) first: it may be another one then, or be
    refused.
    """
    add = server.state.add_port
    server.state.add_port = lambda port, addresses=(): add(change(port), addresses)


# -- what is there already


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize(
    "name", ["IMAP: TLS", "a.b: c. d", "long: " + 60 * "x" + ": %s" + 40 * "y"]
)
def test_a_name_may_have_what_messages_are_taken_apart_by(api, name):
    with serving(
        Port(name, "IMAP", 143, "tls"), Port(name + "!", "POP", 110, "none", OLD)
    ) as server:
        result = declare(server, api, "mail_bindings_info", {})
        assert not result.get("failed"), result["msg"]
        assert [entry["text"] for entry in result["unmapped"]] == ["", OLD]
        assert not declare(server, api, "mail_port", {"name": "SMTP", "protocol": "smtp"}).get(
            "failed"
        )


# -- faults of ours


@pytest.mark.parametrize("api", DOORS)
def test_a_fault_of_ours_is_undone_too(api, monkeypatch):
    from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.store import (
        SmarterMailStore,
    )

    def fail(*ignored):
        raise ZeroDivisionError("by 'secret'")

    with serving(SMTP) as server:
        server.account.password = "secret"
        before = server.state.summary()
        monkeypatch.setattr(SmarterMailStore, "_prove", fail)
        result = run(
            "mail_port",
            {**server.options(api), "name": "POP", "protocol": "pop", "check_certificate": False},
        )
        assert result["failed"] and result["rolled_back"] and not result["changed"]
        assert (
            "a fault of mailops.bindings, please report it: ZeroDivisionError (by '********')"
            in result["msg"]
        )
        assert "Traceback" not in json.dumps(result)
        assert server.state.summary() == before


# -- answers


def test_numbers_of_another_kind():
    with serving() as server:
        server.fail("*", answer=Answer(503, "", headers={"Retry-After": "\u00b2"}))
        assert not declare(server, "rest", "mail_bindings_info", {}).get("failed")
        ports = [{"id": "1", "name": "x", "type": 0, "port": 1e999}]
        server.fail(
            "ip-binding-manager",
            answer=Answer(
                200,
                json.dumps(
                    {"success": True, "bindingManager": {"bindingPorts": ports, "bindingInfo": []}}
                ),
                "application/json",
            ),
        )
        assert (
            "in a form that is not known"
            in declare(server, "rest", "mail_bindings_info", {})["msg"]
        )


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
        assert declare(
            server, "soap", "mail_bindings", {"exclusive": True, "ports": [], "ip_addresses": []}
        )["failed"]
        assert [
            call.arguments["encryption"] for call in server.calls if call.name == "AddServerPort"
        ] == ["None"]


# -- what is put back

WRONG = "The certificate can not be opened with this password"


def _only_with(password, *names):
    def change(port):
        if port.name in names and port.password != password:
            raise Refusal(WRONG)
        return port

    return change


def test_a_step_back_that_is_refused_does_not_stop_the_others():
    with serving(SMTP, IMAPS) as server:
        taking(server, _only_with(None, "IMAPS"))
        result = declare(
            server,
            "rest",
            "mail_bindings",
            {
                "ports": [
                    {"name": "IMAPS", "description": "x", "certificate_password": "a typo"},
                    {"name": "POP", "protocol": "pop"},
                    {"name": "SMTP", "port": 26},
                ],
                "ip_addresses": [{"address": HERE, "ports": ["POP"]}],
            },
        )
        assert result["failed"] and result["changed"] and not result["rolled_back"]
        assert result["msg"].count(WRONG) == 2 and 'port "IMAPS" is not there' in result["msg"]
        assert [(port.name, port.port) for port in server.state.ports] == [("SMTP", 25)]
        assert server.state.assigned(HERE) == ["SMTP"]


@pytest.mark.parametrize("api", DOORS)
def test_what_took_the_place_of_a_port_that_does_not_come_back_stays(api):
    with serving(SMTP, POP) as server:

        def refuse_the_old_one(port):
            if port.port == 110:
                raise Refusal("no more")
            return port

        taking(server, refuse_the_old_one)
        server.fail("toRemove" if api == "rest" else "DeleteServerPort", refusal="busy", skip=1)
        result = declare(
            server,
            api,
            "mail_bindings",
            {"ports": [{"name": "SMTP", "port": 26}, {"name": "POP", "port": 111}]},
        )
        assert result["failed"] and "busy" in result["msg"] and "no more" in result["msg"]
        assert sorted((port.name, port.port) for port in server.state.ports) == [
            ("POP", 111),
            ("SMTP", 25),
        ]
        assert server.state.assigned(HERE) == ["POP", "SMTP"]


def _stripped(port):
    return dataclasses.replace(port, description=port.description.strip())


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize(
    "options", [{"name": "SMTP"}, {"name": "POP", "protocol": "pop"}], ids=["change", "create"]
)
@pytest.mark.parametrize("fault", [{}, {"cut": "after"}], ids=str)
def test_a_port_that_the_server_has_otherwise_is_ours_all_the_same(api, options, fault):
    with serving(SMTP) as server:
        before = server.state.summary()
        taking(server, _stripped)
        if fault:
            server.fail("toAdd" if api == "rest" else "AddServerPort", **fault)
        result = declare(
            server, api, "mail_port", {**options, "description": "a blank "}, smartermail_timeout=6
        )
        assert result["failed"] and result["rolled_back"] and not result["changed"], result["msg"]
        assert server.state.summary() == before


def test_line_ends_that_xml_folds_are_refused_over_soap():
    with serving(SMTP) as server:
        assert_refuses(
            server, "soap", "mail_port", "description", "rest", name="SMTP", description="a\r\nb"
        )
        assert_declares(server, "soap", "mail_port", name="SMTP", description="a\nb")
        assert_declares(server, "rest", "mail_port", name="SMTP", description="a\r\nb")


@pytest.mark.parametrize("api", DOORS)
def test_a_typo_in_a_certificates_password_costs_no_port_where_the_server_shows_the_old_one(api):
    with serving(IMAPS) as server:
        server.state.unknowns.password_shown = "clear"
        before = server.state.summary()
        taking(server, _only_with("the old password", "IMAPS"))
        result = declare(
            server,
            api,
            "mail_port",
            {"name": "IMAPS", "description": "x", "certificate_password": "a typo"},
        )
        assert result["failed"] and WRONG in result["msg"] and not result["changed"]
        assert result["rolled_back"] == (api == "rest")  # over SOAP nothing had been changed yet
        assert server.state.summary() == before


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("shown", ["masked", "clear", "empty", "absent"])
def test_a_certificates_password_that_may_be_lost_is_no_way_back(api, shown):
    with serving(IMAPS, POP) as server:
        server.state.unknowns.password_shown = shown
        before = server.state.summary()
        server.fail("toRemove" if api == "rest" else "DeleteServerPort", refusal="busy", skip=1)
        result = declare(
            server, api, "mail_bindings", {"exclusive": True, "ports": [], "ip_addresses": []}
        )
        assert result["failed"] and (result["rolled_back"], result["changed"]) == (
            (True, False) if server.state.summary() == before else (False, True)
        )
        assert ('except the certificate password of "IMAPS"' in result["msg"]) == result["changed"]


def test_fields_that_soap_can_not_give_back_are_told():
    with serving(Port("IMAP", "IMAP", 143, extra={"MaxConnections": "500"}), POP) as server:
        server.fail("DeleteServerPort", refusal="busy", skip=1)
        result = declare(
            server, "soap", "mail_bindings", {"exclusive": True, "ports": [], "ip_addresses": []}
        )
        assert result["failed"] and result["changed"] and not result["rolled_back"]
        assert "maxconnections" in result["msg"] and "500" not in result["msg"]


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("options", [{"port": 26}, {"description": "x"}], ids=str)
def test_a_server_where_no_two_ports_have_one_name_keeps_what_it_has(api, options):
    with serving(SMTP) as server:
        server.state.unknowns.shared_name = False
        before = server.state.summary()
        result = declare(server, api, "mail_port", {"name": "SMTP", **options})
        if result.get("failed"):
            assert (
                "A port of this name exists" in result["msg"]
                and "Nothing was changed" in result["msg"]
            )
            assert server.state.summary() == before
        else:  # over REST a port that keeps its number goes before it comes back
            assert (api, options) == ("rest", {"description": "x"})


# -- a login that is refused


def _lock(server):
    server.account.refusal = "Account locked"


def test_over_soap_a_login_that_is_refused_on_the_way_is_tried_no_more_than_shows_it():
    with serving(SMTP) as server:
        server.fail("write", before=_lock)
        result = declare(server, "soap", "mail_port", {"name": "POP", "protocol": "pop"})
        assert result["failed"] and "Account locked" in result["msg"]
        # a call that is refused may be refused for what it says; a reading says nothing but who we
        # are
        assert [call.name for call in server.calls][-2:] == ["AddServerPort", "ListServerPorts"]
        assert server.soap.refused_logins == 2
        server.violations.clear()


def test_over_soap_a_login_may_be_refused_in_http():
    with serving(SMTP) as server:
        server.fail("soap", answer=Answer(401, ""), times=99, skip=6)
        result = declare(server, "soap", "mail_port", {"name": "POP", "protocol": "pop"})
        assert result["failed"] and "HTTP 401" in result["msg"]
        assert [call.status for call in server.calls].count(401) == 1


# -- addresses that SOAP can't see


def _with_hostnames(hostnames, here=("SMTP",)):
    return serving(
        SMTP, addresses={HERE: list(here), THERE: ["SMTP"], SIXTH: []}, hostnames=hostnames
    )


def test_over_soap_no_assignment_is_lost_where_nobody_could_look():
    with _with_hostnames({}) as server:
        server.state.unknowns.all_hostnames = False  # what has none is not listed
        assert_refuses(
            server,
            "soap",
            "mail_port",
            "must be assigned again",
            "ip_addresses",
            "smartermail_api: rest",
            name="SMTP",
            description="x",
        )
        assert_refuses(
            server,
            "soap",
            "mail_bindings",
            "must be assigned again",
            ports=[{"name": "SMTP", "description": "x"}],
        )
        assert_declares(
            server,
            "soap",
            "mail_bindings",
            ports=[{"name": "SMTP", "description": "x"}],
            ip_addresses=[{"address": address} for address in (HERE, THERE, SIXTH)],
        )
        assert (server.state.assigned(HERE), server.state.assigned(THERE)) == (["SMTP"], ["SMTP"])
        assert_declares(
            server, "soap", "mail_port", name="POP", protocol="pop"
        )  # which nobody can have assigned


def test_over_soap_a_port_that_may_be_in_use_does_not_go_unless_it_may():
    with _with_hostnames({}) as server:
        server.state.unknowns.all_hostnames = False  # what has none is not listed
        message = assert_refuses(
            server,
            "soap",
            "mail_port",
            "whether others answer on",
            "unassign",
            name="SMTP",
            state="absent",
        )
        assert "assigned again" not in message
        assert declare(
            server, "soap", "mail_port", {"name": "SMTP", "state": "absent", "unassign": True}
        )["changed"]
        assert server.state.ports == []


def test_over_soap_it_is_said_where_was_looked():
    """Nobody knows whether the list of host names has all addresses: where each in it has one, it
    may, and it may not.
    """
    for options, then in (
        ({"description": "x"}, "assign it there"),
        ({"state": "absent"}, "they do no longer"),
    ):
        with _with_hostnames({HERE: "mail.example.com"}, here=()) as server:
            server.state.unknowns.all_hostnames = False  # what has none is not listed
            for check in (True, False):
                result = declare(server, "soap", "mail_port", {"name": "SMTP", **options}, check)
                assert result["changed"]
                warned = str(result["warnings"])  # with ansible-core 2.21 they are more than texts
                assert (
                    'these were looked at: %s. If others answered on "SMTP", %s' % (HERE, then)
                    in warned
                ), warned


# -- certificate paths that are left over


@pytest.mark.parametrize("api", DOORS)
def test_a_path_that_is_left_over_has_a_password_too(api):
    with serving(LEFTOVER) as server:
        assert_refuses(
            server, api, "mail_port", "certificate_password", "POP", name="POP", encryption="ssl"
        )
        if api == "rest":
            assert_refuses(
                server,
                api,
                "mail_ip_binding",
                "certificate_password",
                "POP",
                address=THERE,
                ports=["POP"],
            )
        assert_declares(
            server,
            api,
            "mail_port",
            name="POP",
            encryption="ssl",
            certificate_password=CERTIFICATE_PASSWORD,
        )
        assert server.state.named("POP").password == CERTIFICATE_PASSWORD
    with serving(LEFTOVER) as server:
        assert_declares(
            server, api, "mail_port", name="POP", encryption="ssl", certificate_path=NEW
        )


@pytest.mark.parametrize("api", DOORS)
def test_what_is_unmapped_is_so_after_the_change(api):
    with serving(LEFTOVER, Port("IMAP", "IMAP", 143, "none", OLD)) as server:
        for check in (True, False):
            result = declare(server, api, "mail_port", {"name": "POP", "description": "x"}, check)
            assert [entry["where"] for entry in result["unmapped"]] == [
                'port "IMAP".certificate_path'
            ]
            assert "certificate_path" not in result["port"]
        assert declare(server, api, "mail_bindings_info", {})["unmapped"] == result["unmapped"]
