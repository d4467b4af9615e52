# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are slow, starting or gone, and other ways to write the same."""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.smartermail import Answer, Port, StandIn, State  # noqa: E402
from support.smartermail.tasks import (  # noqa: E402
    DOORS,
    HERE,
    IMAP,
    IMAPS,
    NEW,
    SIXTH,
    SMTP,
    THERE,
    UNAVAILABLE,
    assert_declares,
    declare,
    serving,
)

# -- servers that are slow, starting, or not what they should be


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize(
    "answer",
    [
        UNAVAILABLE,
        Answer(408),
        Answer(500, "<html>Runtime Error"),
        Answer(502),
        Answer(200, "<html><body>SmarterMail is starting"),
        Answer(200, ""),
        Answer(429, "", headers={"Retry-After": "1"}),
    ],
    ids=lambda answer: "%d %s" % (answer.status, answer.body[:6]),
)
def test_what_passes_is_waited_for(api, answer):
    with serving(SMTP) as server:
        server.fail("read", answer=answer, times=2 if answer.status in (429, 503) else 1)
        began = time.monotonic()
        result = declare(server, api, "mail_bindings_info", {}, smartermail_timeout=15)
        assert not result.get("failed"), result["msg"]
        assert [port["name"] for port in result["ports"]] == ["SMTP"]
        assert len(server.logins()) <= 1
        if "Retry-After" in answer.headers:
            assert time.monotonic() - began >= 2


@pytest.mark.parametrize("api", [*DOORS, "auto"])
@pytest.mark.parametrize(
    "answer, said",
    [
        (UNAVAILABLE, "503"),
        (Answer(429, "", headers={"Retry-After": "3600"}), "429"),
        (Answer(200, "<html>Hello"), ""),
    ],
    ids=["503", "429", "html"],
)
def test_what_does_not_pass_is_waited_for_no_longer_than_asked(api, answer, said):
    with serving(SMTP) as server:
        server.fail("*", answer=answer, times=1000)
        began = time.monotonic()
        result = declare(
            server, api, "mail_port", {"name": "POP", "protocol": "pop"}, smartermail_timeout=2
        )
        assert time.monotonic() - began < 8
        assert result.get("failed") and server.url in result["msg"] and said in result["msg"]
        assert 1 <= len(server.calls) < 20


@pytest.mark.parametrize("api", DOORS)
def test_a_server_that_never_answers_is_not_waited_for_for_ever(api):
    with serving(SMTP) as server:
        server.fail("*", delay=4, times=1000)
        began = time.monotonic()
        result = declare(
            server, api, "mail_port", {"name": "POP", "protocol": "pop"}, smartermail_timeout=1
        )
        assert time.monotonic() - began < 4
        assert result.get("failed") and server.url in result["msg"]


@pytest.mark.parametrize("api", DOORS)
def test_a_slow_server_is_waited_for(api):
    with serving(SMTP) as server:
        server.fail("read", delay=1.5)
        assert declare(
            server, api, "mail_port", {"name": "SMTP", "port": 26}, smartermail_timeout=20
        )["changed"]


def test_where_nobody_listens():
    with serving() as server:
        pass
    result = declare(server, "auto", "mail_bindings_info", {}, smartermail_timeout=1)
    assert result.get("failed") and server.url in result["msg"]


@pytest.mark.parametrize("name", ["ip-binding-manager", "toAdd"])
def test_a_token_that_expires_on_the_way_is_renewed_without_a_login(name):
    with serving(SMTP) as server:
        server.fail(name, before=lambda server: server.rest.expire())
        result = declare(server, "rest", "mail_port", {"name": "POP", "protocol": "pop"})
        assert not result.get("failed"), result["msg"]
        assert [port.name for port in server.state.ports] == ["SMTP", "POP"]
        assert len(server.logins()) == 1 and server.names().count("refresh-token") == 1


def test_a_token_that_never_works_is_given_up():
    with serving(SMTP) as server:
        server.fail("ip-binding-manager", before=lambda server: server.rest.expire(), times=1000)
        result = declare(
            server, "rest", "mail_port", {"name": "POP", "protocol": "pop"}, smartermail_timeout=5
        )
        assert result.get("failed")
        assert len(server.logins()) == 1 and len(server.calls) < 10


@pytest.mark.parametrize("expiration", ["absent", "odd"])
def test_when_a_token_ends_need_not_be_known(expiration):
    with serving(SMTP) as server:
        server.state.unknowns.expiration = expiration
        assert_declares(server, "rest", "mail_port", name="POP", protocol="pop")


def test_logins_elsewhere_do_no_harm():
    """One token lives per user and clientId."""
    with serving(SMTP) as server:
        server.fail("ip-binding-manager", before=lambda server: server.rest.evict(), times=1000)
        result = declare(server, "rest", "mail_port", {"name": "POP", "protocol": "pop"})
        assert not result.get("failed"), result["msg"]
        assert "refresh-token" not in server.names()


@pytest.mark.parametrize("api", DOORS)
def test_tasks_at_the_same_time_do_not_end_each_others_logins(api):
    program = (
        "import json, sys; from support.in_process import run; "
        "sys.stdout.write(json.dumps(run('mail_bindings_info', json.loads(sys.argv[1]))))"
    )
    with serving(SMTP) as server:
        server.fail("read", delay=1.0, times=2)
        with concurrent.futures.ThreadPoolExecutor(2) as workers:
            command = [sys.executable, "-c", program, json.dumps(server.options(api))]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            ended = list(
                workers.map(
                    lambda ignored: subprocess.run(
                        command, env=environment, capture_output=True, text=True, check=True
                    ),
                    range(2),
                )
            )
        assert [json.loads(process.stdout).get("msg") for process in ended] == [None] * 2
        assert "refresh-token" not in server.names()


@pytest.mark.parametrize("api", [*DOORS, "auto"])
def test_a_redirect_is_not_followed_with_the_password(api):
    with serving(SMTP) as server, StandIn(State()) as other:
        for status in (301, 302, 307, 308):
            server.fail(
                "*",
                answer=Answer(
                    status, headers={"Location": other.url + "/api/v1/auth/authenticate-user"}
                ),
                times=1000,
            )
            result = declare(server, api, "mail_bindings_info", {}, smartermail_timeout=2)
            assert result.get("failed")
            server.faults.clear()
        assert other.calls == []


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a '
    '"%s">%s]><x><Result>true</Result><Message>&f;</Message><Ports/></x>'
    % (
        "ha" * 20,
        "".join(
            '<!ENTITY %s "%s">' % (name, ("&%s;" % of) * 50) for name, of in zip("bcdef", "abcde")
        ),
    )
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE x SYSTEM "%s/x.dtd" [<!ENTITY a SYSTEM '
    '"file:///etc/passwd">]><x><Result>true</Result><Message>&a;</Message></x>'
)


def test_xml_with_a_doctype_is_refused():
    with serving(SMTP) as server, StandIn(State()) as other:
        for body in (BOMB, OUTSIDE % other.url):
            server.fail("read", answer=Answer(200, body, "text/xml"), times=1000)
            began = time.monotonic()
            result = declare(server, "soap", "mail_bindings_info", {}, smartermail_timeout=1)
            assert result.get("failed") and "root:" not in result["msg"]
            assert time.monotonic() - began < 6
            server.faults.clear()
        assert other.calls == []


@pytest.mark.parametrize(
    "api, body",
    [
        ("rest", "[]"),
        ("rest", "null"),
        ("rest", "{}"),
        ("rest", '{"success": true}'),
        ("rest", '{"success": true, "bindingManager": []}'),
        ("rest", '{"success": true, "bindingManager": {"bindingPorts": [1], "bindingInfo": []}}'),
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [], "bindingInfo": '
            '[{"ipAddress": 1, "portIDs": 2}]}}',
        ),
        ("rest", "[" * 10000),
        ("soap", "<x/>"),
        ("soap", "<x><Result>maybe</Result></x>"),
        ("soap", "<x>" * 10000),
    ],
    ids=lambda value: value[:60],
)
def test_answers_that_make_no_sense_are_refused_in_words(api, body):
    with serving(SMTP) as server:
        server.fail(
            "read",
            answer=Answer(200, body, "application/json" if api == "rest" else "text/xml"),
            times=1000,
        )
        result = declare(
            server, api, "mail_port", {"name": "POP", "protocol": "pop"}, smartermail_timeout=1
        )
        assert result.get("failed") and len(result["msg"]) < 2000
        assert server.writes() == []


@pytest.mark.parametrize(
    "api, body",
    [
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [{"id": {}, "name": [], '
            '"type": 0, "port": 25}], "bindingInfo": []}}',
        ),
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [{"id": "1", "name": "SMTP", '
            '"type": 0, "port": "x"}], "bindingInfo": []}}',
        ),
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [{}], "bindingInfo": [{}]}}',
        ),
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [{"id": "1", "name": "", '
            '"type": 0, "port": 99999}], "bindingInfo": []}}',
        ),
        (
            "soap",
            "<x><Result>true</Result><Ports><Item/></Ports><Hostnames><Item/></Hostnames></x>",
        ),
        (
            "soap",
            "<x><Result>true</Result><Ports><Item><ID>1</ID><Name>SMTP</Name><Protocol>SMTP</Protocol><Port>x</Port></Item></Ports><Hostnames/></x>",
        ),
    ],
    ids=lambda value: value[:60],
)
def test_ports_that_make_no_sense_are_refused_or_reported(api, body):
    with serving(SMTP) as server:
        server.fail(
            "read",
            answer=Answer(200, body, "application/json" if api == "rest" else "text/xml"),
            times=1000,
        )
        result = declare(server, api, "mail_bindings_info", {}, smartermail_timeout=1)
        assert result.get("failed") or (result["ports"] == [] and result["unmapped"])


def test_rest_is_not_there_before_version_17():
    with serving(SMTP, rest=False) as server:
        assert_declares(server, "auto", "mail_port", name="POP", protocol="pop")
    with serving(SMTP, rest=False) as server:
        result = declare(server, "rest", "mail_port", {"name": "POP", "protocol": "pop"})
        assert result.get("failed") and "smartermail_api: soap" in result["msg"]


def test_soap_may_be_gone_one_day():
    with serving(SMTP, soap=False) as server:
        assert_declares(server, "auto", "mail_port", name="POP", protocol="pop")
    with serving(SMTP, soap=False) as server:
        result = declare(server, "soap", "mail_port", {"name": "POP", "protocol": "pop"})
        assert result.get("failed") and "SOAP" in result["msg"]


def test_where_there_is_no_smartermail_at_all():
    with serving(rest=False, soap=False) as server:
        result = declare(server, "auto", "mail_bindings_info", {}, smartermail_timeout=2)
        assert result.get("failed") and server.url in result["msg"]


# -- other ways to write the same


@pytest.mark.parametrize("spelling", ["usual", "pascal", "lower"])
def test_keys_may_be_capitalised_otherwise(spelling):
    with serving(SMTP, IMAPS) as server:
        server.state.unknowns.spelling = spelling
        assert_declares(server, "rest", "mail_port", name="SMTP", port=26)
        assert_declares(
            server, "rest", "mail_port", name="IMAPS", certificate_path=NEW, certificate_password=""
        )


@pytest.mark.parametrize("api", DOORS)
def test_what_is_empty_may_be_null(api):
    with serving(
        Port("SMTP", description="in"),
        IMAP,
        IMAPS,
        addresses={HERE: ["SMTP"], THERE: ["IMAP", "IMAPS"], SIXTH: []},
    ) as server:
        (
            server.state.unknowns.nulls,
            server.state.unknowns.password_shown,
            server.state.unknowns.plain,
        ) = True, "empty", ""
        result = declare(server, api, "mail_bindings_info", {})
        assert [
            (port["name"], port["encryption"], port["description"]) for port in result["ports"]
        ] == [("IMAP", "none", ""), ("IMAPS", "ssl", ""), ("SMTP", "none", "in")]
        assert_declares(server, api, "mail_port", name="SMTP", description="")
        assert_declares(server, api, "mail_port", name="IMAP", port=144)
        assert_declares(server, api, "mail_ip_binding", address=SIXTH, ports=["IMAP"])


@pytest.mark.parametrize("api", DOORS)
def test_addresses_are_named_to_the_server_as_it_spells_them(api):
    with serving(
        SMTP,
        IMAP,
        addresses={"2001:DB8:0::0010": ["SMTP"], HERE: []},
        hostnames={"2001:DB8:0::0010": "mail.example.com"},
    ) as server:
        result = assert_declares(
            server, api, "mail_ip_binding", address="2001:db8::10", ports=["SMTP", "IMAP"]
        )
        assert server.state.assigned("2001:DB8:0::0010") == ["IMAP", "SMTP"]
        assert result["ip_address"]["address"] == "2001:db8::10"


@pytest.mark.parametrize("api", DOORS)
def test_addresses_that_we_know_no_name_for_are_left_alone(api):
    """Windows lists link-local addresses with their scope."""
    with serving(
        SMTP,
        IMAP,
        addresses={HERE: ["SMTP"], "fe80::1%12": ["SMTP"]},
        hostnames={"fe80::1%12": "link"},
    ) as server:
        assert_declares(server, api, "mail_ip_binding", address=HERE, ports=["SMTP", "IMAP"])
        assert server.state.assigned("fe80::1%12") == ["SMTP"]
        assert_declares(server, api, "mail_port", name="SMTP", port=26)
        assert server.state.assigned("fe80::1%12") == ["SMTP"]


@pytest.mark.parametrize("plain", ["None", "", "NONE", "none"])
def test_soaps_word_for_no_encryption(plain):
    with serving(SMTP, IMAPS) as server:
        server.state.unknowns.plain = plain
        assert_declares(server, "soap", "mail_port", name="SMTP", port=26)
        assert server.state.named("SMTP").encryption == "none"


def test_names_and_texts_come_through_whole():
    text = "Grüße & <b>\"'\\ ☃ a=b;c %41 + ]]>"
    for api in DOORS:
        with serving() as server:
            result = assert_declares(
                server, api, "mail_port", name=text, protocol="smtp", description=text
            )
            (port,) = server.state.ports
            assert (port.name, port.description) == (text, text)
            assert (result["port"]["name"], result["port"]["description"]) == (text, text)
