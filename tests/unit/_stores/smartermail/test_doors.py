# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole modules in process against the stand-in for SmarterMail, over real HTTPS, through both of its doors."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from xml.sax import saxutils

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.smartermail import Answer, Port, StandIn, State  # noqa: E402
from support.smartermail.scenario import ADDRESSES, STEPS, options_of, told  # noqa: E402

from support.in_process import run  # noqa: E402

DOORS = ("rest", "soap")
HERE, THERE, SIXTH = ADDRESSES
#: What JSON, forms, XML and shells all have their own ways of writing.
WEIRD = "p\"\\&<ü'%s ☃+=;"
CERTIFICATE_PASSWORD = "P\"F\\X&<ö>'%41 ☂"
OLD, NEW = "C:\\Certificates\\2025.pfx", "C:\\Certificates\\2026.pfx"

SMTP = Port("SMTP", "SMTP", 25)
IMAP = Port("IMAP", "IMAP", 143)
IMAPS = Port("IMAPS", "IMAP", 993, "ssl", OLD, "the old password")
SUBMISSION, LDAP = Port("Submission", "Submission", 587), Port("LDAP", "LDAP", 389)
UNAVAILABLE = Answer(503, "<html><body>Service Unavailable</body></html>")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """Whoever runs the tests may have one of these set."""
    for name in ("URL", "USERNAME", "PASSWORD"):
        monkeypatch.delenv("SMARTERMAIL_" + name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextlib.contextmanager
def serving(*ports, addresses=None, hostnames=None, **how):
    """A server with these ports. In the end it has been asked nothing that is not known to work."""
    state = State(
        ports,
        {HERE: [port.name for port in ports], THERE: [], SIXTH: []}
        if addresses is None
        else addresses,
        hostnames,
    )
    with StandIn(state, **how) as server:
        server.account.password = WEIRD
        yield server
    assert server.violations == []


def declare(server, api, module, options, check=False, **more):
    """The result, in which there is no secret and no excuse."""
    result = run(module, {**server.options(api), **options_of(module, options), **more}, check)
    assert "a fault of mailops.bindings" not in result.get("msg", ""), result["msg"]
    assert_secret(
        json.dumps(result, ensure_ascii=False),
        [
            *server.given_out(),
            *(port.password for port in server.state.ports),
            CERTIFICATE_PASSWORD,
        ],
    )
    return result


def assert_secret(text, secrets):
    """None of these, in any usual way of writing, is in the text."""
    for secret in filter(None, secrets):
        for written in (
            secret,
            repr(secret)[1:-1],
            json.dumps(secret)[1:-1],
            json.dumps(json.dumps(secret))[3:-3],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            urllib.parse.quote(secret),
            urllib.parse.quote_plus(secret),
            saxutils.escape(secret),
            base64.b64encode(secret.encode()).decode(),
        ):
            assert written not in text


def assert_declares(server, api, module, **options):
    """Check mode makes no write and says what the real run then does; a second run changes nothing. The real run's result."""
    before, calls = server.state.summary(), len(server.calls)
    announced = declare(server, api, module, options, check=True)
    assert (server.writes(calls), server.state.summary()) == ([], before)
    result = declare(server, api, module, options)
    assert told(announced) == told(result)
    assert not result.get("failed"), result["msg"]
    assert result["changed"] and server.state.summary() != before
    calls = len(server.calls)
    again = declare(server, api, module, options)
    assert (again.get("msg"), again["changed"], again["changes"], server.writes(calls)) == (
        None,
        False,
        [],
        [],
    )
    assert again["ports"] == result["ports"]
    assert again["ip_addresses"] == result["ip_addresses"] or (
        again["ip_addresses"] is None and module == "mail_port" and server.calls[-1].door == "soap"
    )
    return result


def assert_refuses(server, api, module, *parts, **options):
    """In check mode and for real, with a message that has these parts; nothing is written. The message."""
    before, calls = server.state.summary(), len(server.calls)
    announced, result = (
        declare(server, api, module, options, check=True),
        declare(server, api, module, options),
    )
    assert result.get("failed"), "it should have been refused"
    assert announced["msg"] == result["msg"]
    assert not result["changed"]
    for part in parts:
        assert part.lower() in result["msg"].lower()
    assert (server.writes(calls), server.state.summary()) == ([], before)
    return result["msg"]


# -- the same story on every store


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What the file store says at each step: (in check mode, for real, once more)."""
    config = {"config_path": str(tmp_path_factory.mktemp("story") / "bindings.json")}
    return [
        tuple(
            told(run(module, {**options_of(module, options), **config}, check))
            for check in (True, False, False)
        )
        for ignored, module, options in STEPS
    ]


@pytest.mark.parametrize("api", DOORS)
def test_every_store_tells_the_same_story(api, story):
    with serving(addresses={address: [] for address in ADDRESSES}) as server:
        for (name, module, options), expected in zip(STEPS, story):
            before, calls = server.state.summary(), len(server.calls)
            announced = declare(server, api, module, options, check=True)
            assert (server.writes(calls), server.state.summary()) == ([], before), name
            real = declare(server, api, module, options)
            made = server.state.summary()
            assert (made != before) == bool(real["changed"]), name
            calls = len(server.calls)
            again = declare(server, api, module, options)
            assert (server.writes(calls), server.state.summary()) == ([], made), name
            if api == "soap" and module == "mail_port" and not real.get("failed"):
                # two requests at the most where nothing changes: who answers on which port is not among what they tell
                for result, says in ((announced, 0), (real, 1), (again, 2)):
                    if not result["changed"]:
                        result.update(
                            {
                                key: expected[says][key]
                                for key in ("ip_addresses", "unassigned_ports")
                                if result[key] is None
                            }
                        )
            assert (told(announced), told(real), told(again)) == expected, "%s: %s" % (
                name,
                real.get("msg"),
            )
            if not real.get("failed"):
                assert {port["name"]: port["port"] for port in real["ports"]} == {
                    port.name: port.port for port in server.state.ports
                }, name
                assert {entry["address"]: entry["ports"] for entry in real["ip_addresses"]} == {
                    address: names for address, names in made["addresses"].items() if names
                }, name
        assert server.state.ports == []


NAMES = ["SMTP", "IMAP", "IMAPS", "POP"]


@st.composite
def _ports(draw, names):
    """Ports of these names that the rules accept, as a task declares them; some numbers are used twice."""
    entries = []
    for name in names:
        entry = {
            "name": name,
            "protocol": draw(st.sampled_from(["smtp", "imap", "pop"])),
            "port": draw(st.integers(25, 29)),
        }
        entry["encryption"] = draw(st.sampled_from(["none", "none", "ssl", "tls"]))
        entry["description"] = draw(st.sampled_from(["", "ü"]))
        if entry["encryption"] != "none":
            entry["certificate_path"] = draw(st.sampled_from(["/tls/a.pfx", "/tls/b.pfx"]))
        entries.append(entry)
    return entries


@st.composite
def _declarations(draw):
    """Options of mail_bindings that name every port and no address without ports; the rules may refuse them."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    assigned = st.lists(st.sampled_from(names), unique=True, min_size=1)
    addresses = draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
    return {
        "ports": draw(_ports(names)),
        "ip_addresses": [{"address": address, "ports": draw(assigned)} for address in addresses],
    }


@settings(max_examples=25)
@given(_declarations(), _declarations(), st.booleans())
def test_whatever_is_there_and_whatever_is_declared_the_stores_agree(
    tmp_path_factory, begin, declared, exclusive
):
    declared = {
        **declared,
        "exclusive": exclusive,
        "ports": [{**port, "certificate_password": ""} for port in declared["ports"]],
    }
    config = {
        "config_path": str(tmp_path_factory.mktemp("agree") / "bindings.json"),
        "check_certificate": False,
    }
    if run("mail_bindings", {**begin, **config}).get("failed"):
        return  # what is there is to keep the rules
    current = run("mail_bindings_info", {"config_path": config["config_path"]})
    by_file = run("mail_bindings", {**declared, **config})
    for api in DOORS:
        ports = [
            Port(
                port["name"],
                port["protocol"].upper(),
                port["port"],
                port["encryption"],
                port.get("certificate_path", ""),
                description=port["description"],
            )
            for port in current["ports"]
        ]
        addresses = {address: [] for address in ADDRESSES}
        addresses.update({entry["address"]: entry["ports"] for entry in current["ip_addresses"]})
        with serving(*ports, addresses=addresses) as server:
            before = server.state.summary()
            announced = declare(server, api, "mail_bindings", declared, check=True)
            assert server.writes() == []
            result = declare(server, api, "mail_bindings", declared)
            assert told(announced) == told(result)
            if result.get("failed"):
                # a port that was not named may have to be added again, which takes its certificate's password
                assert by_file.get("failed") or (
                    api == "rest" and "certificate_password" in result["msg"]
                ), result["msg"]
                assert server.state.summary() == before and server.writes() == []
                event("refused")
                continue
            assert told(result) == told(by_file)
            assert {port.name: port.port for port in server.state.ports} == {
                port["name"]: port["port"] for port in by_file["ports"]
            }
            assert {
                address: names
                for address, names in server.state.summary()["addresses"].items()
                if names
            } == {entry["address"]: entry["ports"] for entry in by_file["ip_addresses"]}
            made, calls = server.state.summary(), len(server.calls)
            again = declare(server, api, "mail_bindings", declared)
            assert (again["changed"], server.writes(calls), server.state.summary()) == (
                False,
                [],
                made,
            )
            event("changed" if result["changed"] else "unchanged")


# -- how often it asks


def _large():
    """(ports, addresses, the same as options of mail_bindings): 100 ports × 20 addresses."""
    ports = [Port("Port %d" % number, "IMAP", 1000 + number) for number in range(100)]
    addresses = {"127.0.1.%d" % number: [port.name for port in ports] for number in range(20)}
    declared = {
        "exclusive": True,
        "ports": [{"name": port.name, "protocol": "imap", "port": port.port} for port in ports],
        "ip_addresses": [
            {"address": address, "ports": names} for address, names in addresses.items()
        ],
    }
    return ports, addresses, declared


@pytest.mark.parametrize("api, most", [("rest", 2), ("soap", 2 + 20)])
def test_a_task_that_changes_nothing_asks_little(api, most):
    ports, addresses, declared = _large()
    with serving(*ports, addresses=addresses) as server:
        result = declare(server, api, "mail_bindings", declared)
        assert (result.get("msg"), result["changed"], server.writes()) == (None, False, [])
        assert len(server.calls) <= most and len(server.logins()) <= 1


@pytest.mark.parametrize("api", DOORS)
def test_a_port_that_is_as_declared_takes_two_requests(api):
    ports, addresses, declared = _large()
    with serving(*ports, addresses=addresses) as server:
        result = declare(server, api, "mail_port", declared["ports"][7])
        assert (result.get("msg"), result["changed"], server.writes()) == (None, False, [])
        assert result["port"]["name"] == "Port 7"
        assert len(server.calls) <= 2


@pytest.mark.parametrize("api", DOORS)
def test_a_task_logs_in_once(api):
    with serving(SMTP, IMAP, IMAPS) as server:
        assert declare(
            server,
            api,
            "mail_bindings",
            {
                "exclusive": True,
                "ports": [
                    {"name": "SMTP", "protocol": "smtp", "port": 26},
                    {"name": "POP", "protocol": "pop"},
                ],
                "ip_addresses": [
                    {"address": HERE, "ports": ["SMTP"]},
                    {"address": SIXTH, "ports": ["POP"]},
                ],
            },
        )["changed"]
        assert len(server.logins()) == (api == "rest")


# -- the order of what is done, and what nobody answers meanwhile


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("shared_number", [True, False])
def test_a_new_number_answers_before_the_old_one_goes(api, shared_number):
    with serving(SMTP, IMAP, addresses={HERE: ["IMAP", "SMTP"], SIXTH: ["IMAP"]}) as server:
        server.state.unknowns.shared_number = shared_number
        assert_declares(server, api, "mail_port", name="IMAP", port=1143)
        assert server.state.gaps() == []
        assert all((HERE, 25) in answering for ignored, answering in server.state.moments)
        for address in (HERE, SIXTH):  # both do for a moment
            begins = next(
                index
                for index, (ignored, answering) in enumerate(server.state.moments)
                if (address, 1143) in answering
            )
            assert (address, 143) in server.state.moments[begins][1]


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("shared_number", [True, False])
def test_the_same_number_is_away_for_no_longer_than_from_one_request_to_the_next(
    api, shared_number
):
    with serving(
        SMTP, IMAPS, addresses={HERE: ["IMAPS", "SMTP"], THERE: ["IMAPS"], SIXTH: ["SMTP"]}
    ) as server:
        server.state.unknowns.shared_number = shared_number
        options = {
            "name": "IMAPS",
            "certificate_path": NEW,
            "certificate_password": CERTIFICATE_PASSWORD,
        }
        assert_declares(server, api, "mail_port", **options)
        renewed = server.state.named("IMAPS")
        assert (renewed.certificate_path, renewed.password) == (NEW, CERTIFICATE_PASSWORD)
        assert all(back == gone + 1 for ignored, ignored2, gone, back in server.state.gaps())
        assert {number for ignored, number, ignored2, ignored3 in server.state.gaps()} <= {993}


@pytest.mark.parametrize("api", DOORS)
def test_ports_are_assigned_before_others_are_unassigned(api):
    with serving(SMTP, IMAP, addresses={HERE: ["SMTP"], SIXTH: ["SMTP", "IMAP"]}) as server:
        assert_declares(server, api, "mail_ip_binding", address=HERE, ports=["IMAP"])
        answering = [
            {number for address, number in moment if address == HERE}
            for ignored, moment in server.state.moments
        ]
        assert all(answering)  # at every moment something does
        assert all(back == gone + 1 for ignored, ignored2, gone, back in server.state.gaps())
        if api == "soap":
            assert [call.name for call in server.writes()] == ["AssignPortToIP", "RemovePortFromIP"]


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("shared_number", [True, False])
def test_a_number_that_goes_from_port_to_port_is_handed_over(api, shared_number):
    with serving(
        SMTP, Port("Inbound", "SMTP", 2525), IMAP, addresses={HERE: ["SMTP", "IMAP"], SIXTH: []}
    ) as server:
        server.state.unknowns.shared_number = shared_number
        assert_declares(
            server,
            api,
            "mail_bindings",
            ports=[{"name": "SMTP", "port": 2525}, {"name": "Inbound", "port": 25}],
            exclusive=True,
            ip_addresses=[{"address": HERE, "ports": ["Inbound", "SMTP"]}],
        )
        assert {port.name: port.port for port in server.state.ports} == {
            "SMTP": 2525,
            "Inbound": 25,
        }


def test_two_ports_swap_their_numbers():
    for api in DOORS:
        for shared_number in (True, False):
            with serving(SMTP, IMAP) as server:
                server.state.unknowns.shared_number = shared_number
                assert_declares(
                    server,
                    api,
                    "mail_bindings",
                    ports=[{"name": "SMTP", "port": 143}, {"name": "IMAP", "port": 25}],
                )


# -- what goes wrong in the middle

MANY = {
    "exclusive": True,
    "ports": [
        {"name": "SMTP", "protocol": "smtp", "port": 26},
        {"name": "IMAP", "protocol": "imap", "description": "new"},
        {"name": "POP", "protocol": "pop"},
        {"name": "POP2", "protocol": "pop", "port": 109},
    ],
    "ip_addresses": [
        {"address": HERE, "ports": ["SMTP", "POP"]},
        {"address": THERE, "ports": ["IMAP", "POP2"]},
    ],
}
BEFORE = [SMTP, IMAP, Port("Old", "SMTP", 2525)]
BEFORE_ON = {HERE: ["SMTP", "IMAP", "Old"], THERE: ["SMTP"], SIXTH: []}


def _attempts(api):
    with serving(*BEFORE, addresses=BEFORE_ON) as server:
        assert declare(server, api, "mail_bindings", MANY)["changed"]
        return server.state.attempts


@pytest.mark.parametrize("api", DOORS)
def test_a_change_that_is_refused_in_the_middle_is_undone(api):
    for refused in range(1, _attempts(api) + 1):
        with serving(*BEFORE, addresses=BEFORE_ON) as server:
            before = server.state.summary()
            server.state.unknowns.all_or_nothing = bool(refused % 2)
            server.state.refused_attempts = range(refused, refused + 1)
            result = declare(server, api, "mail_bindings", MANY)
            assert result.get("failed") and not result["changed"]
            assert "The server is busy with itself" in result["msg"]
            assert server.state.summary() == before, "refused was change %d: %s" % (
                refused,
                result["msg"],
            )


@pytest.mark.parametrize("api", DOORS)
def test_what_can_not_be_undone_is_said(api):
    for refused in range(1, _attempts(api) + 1, 2):
        with serving(*BEFORE, addresses=BEFORE_ON) as server:
            before = server.state.summary()
            server.state.refused_attempts = range(refused, 1000)
            result = declare(server, api, "mail_bindings", MANY)
            assert result.get("failed")
            assert "The server is busy with itself" in result["msg"]
            after = server.state.summary()
            differing = {port[0] for port in before["ports"]} ^ {port[0] for port in after["ports"]}
            differing |= {
                address
                for address in BEFORE_ON
                if before["addresses"][address] != after["addresses"][address]
            }
            for name in differing:
                assert name in result["msg"], (
                    "refused from change %d on, %s is not as it was: %s"
                    % (refused, name, result["msg"])
                )
            if refused == 1:
                assert after == before
            # and the next run, when all is well again, makes it so
            server.state.refused_attempts = range(0)
            if not any(
                len([port for port in server.state.ports if port.name == name]) > 1
                for name in ("SMTP", "IMAP")
            ):
                assert not declare(server, api, "mail_bindings", MANY).get("failed")


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("times", [1, 99])
def test_a_certificate_that_the_server_will_not_take_is_told(api, times):
    """The old password is not known, so that the old port can't always be had again."""
    with serving(SMTP, IMAPS) as server:
        before = server.state.summary()
        server.fail(
            "toAdd" if api == "rest" else "AddServerPort",
            refusal="The certificate can not be read",
            times=times,
        )
        result = declare(
            server,
            api,
            "mail_port",
            {
                "name": "IMAPS",
                "certificate_path": NEW,
                "certificate_password": CERTIFICATE_PASSWORD,
            },
        )
        assert result.get("failed") and "The certificate can not be read" in result["msg"]
        assert (
            server.state.assigned(HERE) == ["IMAPS", "SMTP"]
            if server.state.summary() == before
            else "IMAPS" in result["msg"]
        )


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize(
    "fault",
    [
        {"cut": "after"},
        {"cut": "before"},
        {"answer": UNAVAILABLE},
        {"answer": UNAVAILABLE, "late": True},
        {"answer": Answer(200, "<html>Welcome"), "late": True},
        {"answer": Answer(429, "", headers={"Retry-After": "1"})},
    ],
    ids=str,
)
def test_nothing_is_made_twice_whatever_becomes_of_the_answer(api, fault):
    with serving(SMTP, IMAP) as server:
        before = server.state.summary()
        server.fail("write", **fault)
        options = {"name": "POP", "protocol": "pop"}
        result = declare(server, api, "mail_port", options, smartermail_timeout=6)
        names = [port.name for port in server.state.ports]
        assert names.count("POP") <= 1
        if result.get("failed"):
            assert server.state.summary() == before or "POP" in result["msg"]
        else:
            assert names.count("POP") == 1
        again = declare(server, api, "mail_port", options)
        assert not again.get("failed"), again["msg"]
        assert [port.name for port in server.state.ports].count("POP") == 1


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
    program = "import json, sys; from unit.in_process import run; sys.stdout.write(json.dumps(run('mail_bindings_info', json.loads(sys.argv[1]))))"
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
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "%s">%s]><x><Result>true</Result><Message>&f;</Message><Ports/></x>'
    % (
        "ha" * 20,
        "".join(
            '<!ENTITY %s "%s">' % (name, ("&%s;" % of) * 50) for name, of in zip("bcdef", "abcde")
        ),
    )
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x SYSTEM "%s/x.dtd" [<!ENTITY a SYSTEM "file:///etc/passwd">]><x><Result>true</Result><Message>&a;</Message></x>'


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
            '{"success": true, "bindingManager": {"bindingPorts": [], "bindingInfo": [{"ipAddress": 1, "portIDs": 2}]}}',
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
            '{"success": true, "bindingManager": {"bindingPorts": [{"id": {}, "name": [], "type": 0, "port": 25}], "bindingInfo": []}}',
        ),
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [{"id": "1", "name": "SMTP", "type": 0, "port": "x"}], "bindingInfo": []}}',
        ),
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [{}], "bindingInfo": [{}]}}',
        ),
        (
            "rest",
            '{"success": true, "bindingManager": {"bindingPorts": [{"id": "1", "name": "", "type": 0, "port": 99999}], "bindingInfo": []}}',
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


# -- logins that are refused

REFUSALS = [
    "USERNAME_OR_PASSWORD_INCORRECT",
    "USER_NOT_FOUND",
    "TWO_FACTOR_REQUIRED",
    "INVALID_TWO_FACTOR_CODE",
    "CHANGE_PASSWORD_NEEDED",
    "PASSWORD_EXPIRED",
    "APP_PASSWORD_REQUIRED",
    "USER_DISABLED",
    "ACCOUNT_LOCKED",
    "IP_BLOCKED",
    "DOMAIN_SUSPENDED",
    "LOGIN_FAILED|ACCOUNT_LOCKED",
    "SOMETHING_NEW",
]


@pytest.mark.parametrize("api", ["rest", "auto"])
@pytest.mark.parametrize(
    "refusal, statuses",
    [(REFUSALS[0], (200, 400, 401, 403)), *((refusal, (200,)) for refusal in REFUSALS[1:])],
)
def test_a_refused_login_is_said_and_never_tried_again(api, refusal, statuses):
    for status in statuses:
        with serving(SMTP) as server:
            server.account.refusal = refusal
            server.state.unknowns.refused_login_status = status
            result = declare(
                server, api, "mail_port", {"name": "POP", "protocol": "pop"}, smartermail_timeout=3
            )
            assert result.get("failed") and server.writes() == []
            assert any(part in result["msg"] for part in refusal.split("|"))
            assert "admin" in result["msg"] and server.url in result["msg"]
            # another door is no reason to try the same password once more: the server may lock us out
            assert server.rest.refused_logins + server.soap.refused_logins == 1
            assert "refresh-token" not in server.names()


@pytest.mark.parametrize("api", [*DOORS, "auto"])
def test_a_wrong_password_is_given_once(api):
    with serving(SMTP) as server:
        result = declare(
            server,
            api,
            "mail_port",
            {"name": "POP", "protocol": "pop"},
            smartermail_password="wrong" + WEIRD,
        )
        assert result.get("failed")
        assert "smartermail_password" in result["msg"] and "wrong" + WEIRD not in json.dumps(
            result, ensure_ascii=False
        )
        assert server.rest.refused_logins + server.soap.refused_logins == 1
        assert server.calls[-1].name in ("authenticate-user", "ListServerPorts", "ListHostnames")


def test_an_account_with_two_factors_gets_a_token_that_is_worth_nothing():
    with serving(SMTP) as server:
        server.account.two_factors = True
        result = declare(server, "rest", "mail_bindings_info", {}, smartermail_timeout=5)
        assert result.get("failed") and "factor" in result["msg"]
        assert len(server.logins()) == 1


def test_a_password_that_has_to_be_changed():
    with serving(SMTP) as server:
        server.account.change_password_needed = True
        result = declare(server, "rest", "mail_bindings_info", {})
        assert not result.get("failed") or "password" in result["msg"]
        assert len(server.logins()) == 1


def test_somebody_who_is_no_system_administrator():
    with serving(SMTP) as server:
        server.account.is_admin = False
        result = declare(server, "rest", "mail_bindings_info", {})
        assert result.get("failed") and "administrator" in result["msg"]


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


# -- other people at the same time


@pytest.mark.parametrize("api", DOORS)
def test_what_was_changed_between_reading_and_writing_is_seen(api):
    with serving(SMTP, IMAP) as server:
        reads = "ip-binding-manager" if api == "rest" else "ListServerPorts"
        server.fail(
            reads, after=lambda server: server.state.add_port(Port("Other", "POP", 110), [HERE])
        )
        result = declare(server, api, "mail_port", {"name": "SMTP", "description": "new"})
        assert not result.get("failed"), result["msg"]
        assert server.state.assigned(HERE) == ["IMAP", "Other", "SMTP"]
        assert server.state.named("SMTP").description == "new"


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("missing_id", ["refused", "ignored"])
def test_a_port_that_vanishes_between_reading_and_writing(api, missing_id):
    with serving(SMTP, IMAP, addresses={HERE: ["SMTP"], THERE: ["IMAP"]}) as server:
        server.state.unknowns.missing_id = missing_id

        def vanish(server):
            if any(port.name == "SMTP" for port in server.state.ports):
                server.state.delete_port(server.state.named("SMTP").id)

        server.fail("write", before=vanish)
        result = declare(
            server, api, "mail_port", {"name": "SMTP", "state": "absent", "unassign": True}
        )
        assert not result.get("failed") or "SMTP" in result["msg"]
        assert [port.name for port in server.state.ports] == ["IMAP"]


@pytest.mark.parametrize("api", DOORS)
def test_a_port_that_vanishes_while_it_is_changed_is_not_made_two(api):
    with serving(SMTP, IMAP) as server:
        before = server.state.summary()
        server.fail(
            "write", before=lambda server: server.state.delete_port(server.state.named("SMTP").id)
        )
        result = declare(server, api, "mail_port", {"name": "SMTP", "description": "new"})
        assert [port.name for port in server.state.ports].count("SMTP") <= 1
        assert (
            not result.get("failed") or "SMTP" in result["msg"] or server.state.summary() == before
        )


# -- what is on the server already, and breaks our rules

XMPP = Port("XMPP", "XMPP", 5222)
HALF = [
    Port("SSL", "SMTP", 465, "ssl", OLD, "a password"),
    Port("TLS", "SMTP", 465, "tls", OLD, "a password"),
]  # one public script makes these
LEFTOVER = Port("POP", "POP", 110, "none", OLD, "a password")
TWINS = [Port("Twin", "POP", 1101), Port("Twin", "POP", 1102)]


def _odd_server():
    ports = [SMTP, IMAP, XMPP, *HALF, LEFTOVER, *TWINS]
    state = State(
        ports, {HERE: ["SMTP", "XMPP", "SSL", "TLS", "POP"], THERE: ["SSL", "TLS"], SIXTH: []}
    )
    state.addresses[THERE] += [port.id for port in state.ports if port.name == "Twin"]
    return state


@contextlib.contextmanager
def odd_server():
    with StandIn(_odd_server()) as server:
        server.account.password = WEIRD
        yield server
    assert server.violations == []


@pytest.mark.parametrize("api", DOORS)
def test_what_breaks_our_rules_is_reported(api):
    with odd_server() as server:
        result = declare(server, api, "mail_bindings_info", {})
        assert not result.get("failed"), result["msg"]
        told_of = json.dumps([result.get("warnings"), result.get("unmapped")])
        for name in ("XMPP", "SSL", "TLS", "Twin"):
            assert name in told_of


@pytest.mark.parametrize("api", DOORS)
def test_what_breaks_our_rules_is_passed_through(api):
    with odd_server() as server:
        untouched = {port.id: port for port in server.state.ports if port.name != "SMTP"}
        assert_declares(server, api, "mail_port", name="SMTP", port=26)
        assert_declares(server, api, "mail_port", name="New", protocol="pop", port=2110)
        assert_declares(server, api, "mail_ip_binding", address=SIXTH, ports=["SMTP"])
        assert_declares(server, api, "mail_port", name="New", state="absent")
        assert {port.id: port for port in server.state.ports if port.name != "SMTP"} == untouched
        assert server.state.assigned(HERE) == ["POP", "SMTP", "SSL", "TLS", "XMPP"]
        assert server.state.assigned(THERE) == ["SSL", "TLS", "Twin", "Twin"]


@pytest.mark.parametrize("api", DOORS)
def test_what_has_no_place_in_our_model_stays_also_where_only_the_declared_is_to(api):
    with odd_server() as server:
        xmpp, twins = (
            server.state.named("XMPP"),
            [port for port in server.state.ports if port.name == "Twin"],
        )
        assert_declares(
            server,
            api,
            "mail_bindings",
            exclusive=True,
            ports=[{"name": "SMTP", "protocol": "smtp"}],
            ip_addresses=[{"address": HERE, "ports": ["SMTP"]}],
        )
        assert server.state.named("XMPP") == xmpp
        assert xmpp.id in server.state.addresses[HERE]
        assert [port for port in server.state.ports if port.name == "Twin"] == twins
        assert "SMTP" in server.state.assigned(HERE) and "IMAP" not in [
            port.name for port in server.state.ports
        ]


@pytest.mark.parametrize("api", DOORS)
def test_an_assignment_of_what_has_no_place_in_our_model_stays(api):
    with serving(SMTP, IMAP, XMPP, addresses={HERE: ["SMTP", "XMPP"], SIXTH: ["XMPP"]}) as server:
        assert_declares(server, api, "mail_ip_binding", address=HERE, ports=["IMAP"])
        assert server.state.assigned(HERE) == ["IMAP", "XMPP"]
        declare(server, api, "mail_ip_binding", {"address": HERE, "state": "absent"})
        assert "XMPP" in server.state.assigned(HERE)
        assert server.state.assigned(SIXTH) == ["XMPP"]


@pytest.mark.parametrize("api", DOORS)
def test_a_name_that_two_ports_have_can_not_be_declared(api):
    with odd_server() as server:
        assert_refuses(server, api, "mail_port", "Twin", name="Twin", port=1103)
        assert_refuses(server, api, "mail_ip_binding", "Twin", address=SIXTH, ports=["Twin"])
        assert_refuses(
            server, api, "mail_bindings", "Twin", ports=[{"name": "Twin", "protocol": "pop"}]
        )


@pytest.mark.parametrize("api", DOORS)
def test_a_name_of_a_protocol_that_we_do_not_know_can_not_be_declared(api):
    with odd_server() as server:
        assert_refuses(server, api, "mail_port", "XMPP", name="XMPP", protocol="smtp")


@pytest.mark.parametrize("api", DOORS)
def test_what_would_meet_a_port_that_has_no_place_in_our_model_is_refused(api):
    with odd_server() as server:
        assert_refuses(
            server,
            api,
            "mail_bindings",
            "5222",
            ports=[{"name": "New", "protocol": "smtp", "port": 5222}],
            ip_addresses=[{"address": HERE, "ports": ["New"]}],
        )


@pytest.mark.parametrize("api", DOORS)
def test_what_is_declared_must_keep_the_rules(api):
    with odd_server() as server:
        assert_refuses(server, api, "mail_ip_binding", "465", address=SIXTH, ports=["SSL", "TLS"])
        assert_refuses(server, api, "mail_port", "465", name="SMTP", port=465)


@pytest.mark.parametrize("api", DOORS)
def test_two_ports_with_one_id(api):
    twin = {"id": "7", "certificate_path": ""}
    with serving(
        SMTP,
        Port("A", "IMAP", 143, **twin),
        Port("B", "POP", 110, **twin),
        addresses={HERE: ["SMTP"]},
    ) as server:
        before = server.state.summary()["ports"]
        assert_refuses(server, api, "mail_port", "A", name="A", port=1143)
        assert server.state.summary()["ports"] == before
        declare(server, api, "mail_port", {"name": "SMTP", "port": 26})
        assert [port.name for port in server.state.ports if port.id == "7"] == ["A", "B"]


def test_what_newer_builds_know_of_a_port_survives():
    extra = {
        "maxConnections": 500,
        "tlsVersions": ["1.2", "1.3"],
        "isEnabled": True,
        "options": {"a": None},
    }
    for spelling in ("usual", "pascal"):
        with serving(
            Port("SMTP", "SMTP", 25, extra=extra),
            Port("IMAPS", "IMAP", 993, "ssl", OLD, "an old password", extra=extra),
        ) as server:
            if spelling == "pascal":
                server.state.unknowns.spelling = spelling
                for port in server.state.ports:
                    port.extra = {
                        key[0].upper() + key[1:]: value
                        for key, value in extra.items()
                        if key != "options"
                    }
                server.state.extra_fields = set(server.state.ports[0].extra)
            expected = server.state.ports[0].extra
            assert_declares(server, "rest", "mail_port", name="SMTP", port=26)
            assert_declares(
                server,
                "rest",
                "mail_port",
                name="IMAPS",
                certificate_path=NEW,
                certificate_password="",
            )
            assert [port.extra for port in server.state.ports] == [expected, expected]


# -- what a door, or the store, can't do


@pytest.mark.parametrize(
    "option",
    [
        {"backup": True},
        {"owner": "root"},
        {"group": "root"},
        {"mode": "0600"},
        {"config_path": "/etc/x.json", "backup": True},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "module, options",
    [
        ("mail_port", {"name": "POP", "protocol": "pop"}),
        ("mail_ip_binding", {"address": HERE, "ports": ["SMTP"]}),
        ("mail_bindings", {"ports": [{"name": "POP", "protocol": "pop"}]}),
    ],
)
def test_options_of_files_are_refused(module, options, option):
    with serving(SMTP) as server:
        assert_refuses(server, "rest", module, list(option)[-1], **options, **option)
        assert server.calls == []


@pytest.mark.parametrize(
    "module, options, option",
    [
        (
            "mail_port",
            {
                "name": "SMTP",
                "encryption": "ssl",
                "certificate_path": OLD,
                "private_key_path": "/etc/key.pem",
            },
            "private_key_path",
        ),
        (
            "mail_bindings",
            {
                "ports": [
                    {
                        "name": "SMTP",
                        "encryption": "ssl",
                        "certificate_path": OLD,
                        "private_key_path": "/etc/key.pem",
                    }
                ]
            },
            "private_key_path",
        ),
        ("mail_ip_binding", {"address": HERE, "description": "the first"}, "description"),
        ("mail_ip_binding", {"address": HERE, "floating": True}, "floating"),
        (
            "mail_bindings",
            {"ip_addresses": [{"address": HERE, "description": "the first"}]},
            "description",
        ),
        ("mail_bindings", {"ip_addresses": [{"address": HERE, "floating": True}]}, "floating"),
    ],
    ids=str,
)
def test_what_smartermail_has_not_is_refused(module, options, option):
    for api in DOORS:
        with serving(SMTP) as server:
            assert_refuses(server, api, module, option, **options)


def test_servers_by_mail_listeners_are_not_for_smartermail():
    with serving(SMTP) as server:
        assert_refuses(server, "rest", "mail_listeners", "smartermail")


@pytest.mark.parametrize("api", DOORS)
def test_addresses_that_the_server_has_not_are_refused(api):
    with serving(SMTP) as server:
        assert_refuses(
            server, api, "mail_ip_binding", "192.0.2.99", address="192.0.2.99", ports=["SMTP"]
        )
        assert_refuses(
            server,
            api,
            "mail_bindings",
            "192.0.2.99",
            "ip_addresses[1]",
            ip_addresses=[
                {"address": HERE, "ports": ["SMTP"]},
                {"address": "192.0.2.99", "ports": ["SMTP"]},
            ],
        )


@pytest.mark.parametrize("api", DOORS)
def test_an_address_that_is_not_there_yet_is_the_servers_to_refuse(api):
    with serving(SMTP) as server:
        before = server.state.summary()
        result = declare(
            server,
            api,
            "mail_ip_binding",
            {"address": "192.0.2.99", "ports": ["SMTP"], "require_local_address": False},
        )
        assert result.get("failed") and "There is no such IP address" in result["msg"]
        assert server.state.summary() == before


@pytest.mark.parametrize("protocol", ["submission", "ldap"])
def test_protocols_whose_word_nobody_knows_are_refused(protocol):
    for api in DOORS:
        with serving(SMTP) as server:
            assert_refuses(server, api, "mail_port", protocol, name="New", protocol=protocol)


def test_over_rest_what_has_a_number_that_nobody_knows_is_left_alone():
    with serving(SMTP, SUBMISSION, LDAP) as server:
        result = declare(server, "rest", "mail_bindings_info", {})
        assert [port["name"] for port in result["ports"]] == ["SMTP"]
        assert {"Submission", "LDAP"} <= set(
            json.dumps(result["unmapped"]).replace('"', " ").replace("\\", " ").split()
        )
        assert_refuses(
            server,
            "rest",
            "mail_port",
            "Submission",
            "soap",
            name="Submission",
            protocol="submission",
            port=588,
        )


@pytest.mark.parametrize("word", ["Submission Port", "Submission", "SUBMISSION"])
def test_over_soap_the_server_says_the_word(word):
    with serving(SMTP, SUBMISSION, LDAP) as server:
        server.state.unknowns.submission = word
        result = declare(server, "soap", "mail_bindings_info", {})
        assert {port["name"]: port["protocol"] for port in result["ports"]} == {
            "SMTP": "smtp",
            "Submission": "submission",
            "LDAP": "ldap",
        }
        assert_declares(server, "soap", "mail_port", name="Submission", port=588)
        assert_declares(
            server, "soap", "mail_port", name="Submission 2", protocol="submission", port=589
        )
        assert_declares(server, "soap", "mail_port", name="LDAP", port=390)
        assert [port.protocol for port in server.state.ports] == [
            "SMTP",
            "Submission",
            "Submission",
            "LDAP",
        ]


def test_windows_paths_are_paths_here():
    for api in DOORS:
        for path in (
            "D:\\SmarterMail\\Certs\\mail example.pfx",
            "\\\\files\\certs\\mail.pfx",
            "C:/certs/mail.pfx",
        ):
            with serving(SMTP) as server:
                result = assert_declares(
                    server,
                    api,
                    "mail_port",
                    name="IMAPS",
                    protocol="imap",
                    encryption="ssl",
                    certificate_path=path,
                    certificate_password="",
                )
                assert (
                    result["port"]["certificate_path"]
                    == server.state.named("IMAPS").certificate_path
                    == path
                )
    with serving(SMTP) as server:
        assert_refuses(
            server,
            "rest",
            "mail_port",
            "certificate_path",
            name="IMAPS",
            protocol="imap",
            encryption="ssl",
            certificate_path="mail.pfx",
            certificate_password="",
        )


# -- host names


def test_host_names_over_soap():
    for second, everywhere in (("refused", False), ("replaces", True), ("refused", True)):
        with serving(SMTP, hostnames={SIXTH: "six.example.com"}) as server:
            server.state.unknowns.second_hostname, server.state.unknowns.all_hostnames = (
                second,
                everywhere,
            )
            result = assert_declares(
                server, "soap", "mail_ip_binding", address=HERE, hostname="mail.example.com"
            )
            assert result["ip_address"]["hostname"] == "mail.example.com"
            assert_declares(
                server,
                "soap",
                "mail_bindings",
                ip_addresses=[{"address": HERE, "hostname": "mx.example.com"}],
            )
            assert server.state.hostnames == {HERE: "mx.example.com", SIXTH: "six.example.com"}
            assert_declares(server, "soap", "mail_ip_binding", address=HERE, hostname="")
            assert server.state.hostnames == {SIXTH: "six.example.com"}


def test_soap_edits_no_port_whose_addresses_it_can_not_see():
    """Over SOAP nothing but ListHostnames could list the addresses; a port that is added again would lose those that nobody named."""
    with serving(SMTP) as server:
        server.state.unknowns.all_hostnames = False
        assert_refuses(server, "soap", "mail_port", "ip_addresses", name="SMTP", port=26)
        assert_declares(
            server,
            "soap",
            "mail_bindings",
            ports=[{"name": "SMTP", "port": 26}],
            ip_addresses=[{"address": HERE}, {"address": THERE}, {"address": SIXTH}],
        )
        assert server.state.assigned(HERE) == ["SMTP"]


def test_soap_may_list_no_ports_for_an_address_that_is_not_there():
    with serving(SMTP) as server:
        server.state.unknowns.unknown_address = "empty"
        before = server.state.summary()
        result = declare(
            server, "soap", "mail_ip_binding", {"address": "192.0.2.99", "ports": ["SMTP"]}
        )
        assert result.get("failed") and "192.0.2.99" in result["msg"]
        assert server.state.summary() == before


def test_a_host_name_that_the_server_does_not_take_leaves_the_old_one():
    with serving(SMTP, hostnames={HERE: "mail.example.com"}) as server:
        server.fail("AddHostname", refusal="No such name")
        result = declare(
            server, "soap", "mail_ip_binding", {"address": HERE, "hostname": "mx.example.com"}
        )
        assert result.get("failed") and "No such name" in result["msg"]
        assert server.state.hostnames == {HERE: "mail.example.com"}


def test_host_names_are_refused_over_rest_and_the_other_door_is_named():
    with serving(SMTP) as server:
        assert_refuses(
            server,
            "rest",
            "mail_ip_binding",
            "hostname",
            "soap",
            address=HERE,
            hostname="mail.example.com",
        )
        assert_refuses(
            server,
            "rest",
            "mail_bindings",
            "hostname",
            "soap",
            ip_addresses=[{"address": HERE, "ports": ["SMTP"], "hostname": "mail.example.com"}],
        )


# -- passwords of certificates


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("shown", ["masked", "clear", "empty", "absent"])
def test_a_certificate_password_is_never_compared(api, shown):
    with serving(SMTP, IMAPS) as server:
        server.state.unknowns.password_shown = shown
        for update_password in (None, "on_create"):
            options = {
                "name": "IMAPS",
                "certificate_password": CERTIFICATE_PASSWORD,
                **({"update_password": update_password} if update_password else {}),
            }
            result = declare(server, api, "mail_port", options)
            assert (result.get("msg"), result["changed"], server.writes()) == (None, False, [])
        assert server.state.named("IMAPS").password == "the old password"


@pytest.mark.parametrize("api", DOORS)
def test_a_certificate_password_is_written_always_if_told_so(api):
    for module, options in (
        (
            "mail_port",
            {
                "name": "IMAPS",
                "certificate_password": CERTIFICATE_PASSWORD,
                "update_password": "always",
            },
        ),
        (
            "mail_bindings",
            {
                "ports": [{"name": "IMAPS", "certificate_password": CERTIFICATE_PASSWORD}],
                "update_password": "always",
            },
        ),
    ):
        with serving(SMTP, IMAPS) as server:
            announced = declare(server, api, module, options, check=True)
            assert announced.get("changed") and server.writes() == []
            for ignored in range(2):
                result = declare(server, api, module, options)
                assert result.get("changed") and told(result) == told(announced)
                assert server.state.named("IMAPS").password == CERTIFICATE_PASSWORD
                assert server.state.assigned(HERE) == ["IMAPS", "SMTP"]


@pytest.mark.parametrize("api", DOORS)
def test_a_new_port_has_its_certificates_password(api):
    for update_password in ("on_create", "always"):
        with serving(SMTP) as server:
            declare(
                server,
                api,
                "mail_port",
                {
                    "name": "IMAPS",
                    "protocol": "imap",
                    "encryption": "ssl",
                    "certificate_path": NEW,
                    "certificate_password": CERTIFICATE_PASSWORD,
                    "update_password": update_password,
                },
            )
            assert server.state.named("IMAPS").password == CERTIFICATE_PASSWORD


@pytest.mark.parametrize("shown", ["masked", "clear", "empty", "absent"])
def test_adding_a_port_again_takes_its_certificates_password(shown):
    for module, options in (
        ("mail_port", {"name": "IMAPS", "port": 1993}),
        ("mail_ip_binding", {"address": THERE, "ports": ["IMAPS"]}),
        ("mail_bindings", {"ports": [{"name": "IMAPS", "description": "new"}]}),
    ):
        with serving(SMTP, IMAPS) as server:
            server.state.unknowns.password_shown = shown
            assert_refuses(server, "rest", module, "certificate_password", "IMAPS", **options)
    for password in ("", CERTIFICATE_PASSWORD):
        with serving(SMTP, IMAPS) as server:
            server.state.unknowns.password_shown = shown
            assert_declares(
                server, "rest", "mail_port", name="IMAPS", port=1993, certificate_password=password
            )
            assert server.state.named("IMAPS").password == password


def test_assigning_over_soap_takes_no_password():
    with serving(SMTP, IMAPS) as server:
        assert_declares(server, "soap", "mail_ip_binding", address=THERE, ports=["IMAPS"])
        assert server.state.named("IMAPS").password == "the old password"


# -- the way to the server


def test_the_way_may_be_in_the_environment(monkeypatch):
    with serving(SMTP) as server:
        for name, value in (
            ("URL", server.url),
            ("USERNAME", server.account.username),
            ("PASSWORD", WEIRD),
        ):
            monkeypatch.setenv("SMARTERMAIL_" + name, value)
        result = run(
            "mail_bindings_info", {"store": "smartermail", "smartermail_ca_path": server.ca_path}
        )
        assert [port["name"] for port in result["ports"]] == ["SMTP"]
        assert_secret(json.dumps(result, ensure_ascii=False), server.given_out())


@pytest.mark.parametrize(
    "option", ["smartermail_url", "smartermail_username", "smartermail_password"]
)
def test_what_is_needed_is_asked_for(option):
    with serving(SMTP) as server:
        options = server.options()
        del options[option]
        result = run("mail_bindings_info", options)
        assert result.get("failed") and option in result["msg"] and option.upper() in result["msg"]
        assert server.calls == []


def test_options_of_a_server_mean_nothing_to_a_file(tmp_path):
    """module_defaults of a play may hold them for all of its tasks."""
    with serving(SMTP) as server:
        options = {
            **server.options(),
            "store": "file",
            "config_path": str(tmp_path / "bindings.json"),
        }
        assert run("mail_port", {**options, "name": "SMTP", "protocol": "smtp"})["changed"]
        assert server.calls == []


def test_a_url_may_end_with_a_slash():
    for api in DOORS:
        with serving(SMTP) as server:
            result = declare(
                server, api, "mail_bindings_info", {}, smartermail_url=server.url + "/"
            )
            assert not result.get("failed"), result["msg"]


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "ftp://mail.example.com",
        "https://",
        "https://admin:secret@mail.example.com",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url):
    with serving(SMTP) as server:
        result = declare(server, "auto", "mail_bindings_info", {}, smartermail_url=url)
        assert result.get("failed") and "smartermail_url" in result["msg"]
        assert "admin:secret" not in result["msg"]


def test_a_certificate_that_nobody_vouches_for_is_refused():
    with serving(SMTP) as server:
        for api in (*DOORS, "auto"):
            result = declare(
                server,
                api,
                "mail_bindings_info",
                {},
                smartermail_ca_path=None,
                smartermail_timeout=3,
            )
            assert result.get("failed") and "smartermail_ca_path" in result["msg"]
        assert server.calls == []  # no password went out
        result = declare(
            server,
            "rest",
            "mail_bindings_info",
            {},
            smartermail_ca_path=None,
            smartermail_validate_certs=False,
        )
        assert not result.get("failed"), result["msg"]


def test_a_certificate_of_another_host_is_refused(monkeypatch):
    with serving(SMTP) as server:
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *more, **named: resolve(
                "127.0.0.1" if host == "mail.example.com" else host, *more, **named
            ),
        )
        result = declare(
            server,
            "rest",
            "mail_bindings_info",
            {},
            smartermail_url=server.url.replace("127.0.0.1", "mail.example.com"),
            smartermail_timeout=3,
        )
        assert result.get("failed")
        assert server.calls == []


def test_a_ca_path_that_is_not_there():
    with serving(SMTP) as server:
        result = declare(
            server,
            "rest",
            "mail_bindings_info",
            {},
            smartermail_ca_path="/nowhere/ca.pem",
            smartermail_timeout=2,
        )
        assert result.get("failed") and "/nowhere/ca.pem" in result["msg"]


class Proxy:
    """CONNECT, and a note of whereto."""

    def __enter__(self):
        self.asked = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *ignored):
        self._socket.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(
                    target=self._serve, args=[self._socket.accept()[0]], daemon=True
                ).start()

    def _serve(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.asked.append(head)
        host, port = head.split()[1].decode().rsplit(":", 1)
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._copy, args=[server, client], daemon=True)
            back.start()
            self._copy(client, server)
            back.join(10)

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("api", DOORS)
def test_a_proxy_of_the_environment_is_used_and_sees_no_secret(api, monkeypatch):
    with serving(SMTP) as server, Proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        result = declare(server, api, "mail_bindings_info", {})
        assert not result.get("failed"), result["msg"]
        assert proxy.asked and all(
            head.startswith(b"CONNECT 127.0.0.1:%d " % server.port) for head in proxy.asked
        )
        assert WEIRD.encode() not in b"".join(proxy.asked)


# -- secrets


@pytest.mark.parametrize("api", DOORS)
def test_nothing_that_is_secret_is_in_a_file(api, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(SMTP, IMAPS) as server:
        declare(
            server,
            api,
            "mail_port",
            {
                "name": "IMAPS",
                "certificate_path": NEW,
                "certificate_password": CERTIFICATE_PASSWORD,
            },
        )
        server.fail("*", answer=UNAVAILABLE, times=100)
        declare(
            server,
            api,
            "mail_port",
            {
                "name": "IMAPS",
                "certificate_path": OLD,
                "certificate_password": CERTIFICATE_PASSWORD,
            },
            smartermail_timeout=1,
        )
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert_secret(
                    path.read_bytes().decode("utf-8", "replace"),
                    [*server.given_out(), CERTIFICATE_PASSWORD],
                )


@pytest.mark.parametrize("api", DOORS)
def test_a_server_that_says_the_password_back_is_not_repeated(api):
    """Error pages of ASP.NET may show what was sent."""
    with serving(SMTP) as server:
        for echoed in (
            WEIRD,
            urllib.parse.quote_plus(WEIRD),
            saxutils.escape(WEIRD),
            json.dumps(WEIRD),
        ):
            server.fail("*", answer=Answer(400, "<html>authPassword=%s" % echoed))
            assert declare(server, api, "mail_bindings_info", {}, smartermail_timeout=1).get(
                "failed"
            )
            server.faults.clear()
            server.fail(
                "write",
                answer=Answer(
                    200,
                    json.dumps({"success": False, "message": echoed})
                    if api == "rest"
                    else "<x><Result>false</Result><Message>%s</Message></x>"
                    % (saxutils.escape(echoed)),
                    "application/json" if api == "rest" else "text/xml",
                ),
            )
            assert declare(server, api, "mail_port", {"name": "POP", "protocol": "pop"}).get(
                "failed"
            )
            server.faults.clear()


# -- the stand-in as a process, for playbooks


def test_the_stand_in_runs_by_itself(tmp_path):
    (tmp_path / "begin.json").write_text(
        json.dumps({"ports": [{"name": "SMTP"}], "addresses": {HERE: ["SMTP"]}})
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "smartermail", str(tmp_path)], env=environment
    )
    try:
        while not (tmp_path / "options.json").exists():
            assert process.poll() is None
            time.sleep(0.05)
        options = json.loads((tmp_path / "options.json").read_text())
        assert run("mail_port", {**options, "name": "POP", "protocol": "pop"})["changed"]
        assert [port["name"] for port in run("mail_bindings_info", options)["ports"]] == [
            "POP",
            "SMTP",
        ]
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert "POP" in (tmp_path / "state.json").read_text()
    assert (tmp_path / "violations.txt").read_text() == ""
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) >= 4


# -- any length of luck


@pytest.mark.parametrize("api", DOORS)
def test_faults_at_random_never_leave_two_of_one(api):
    chance = random.Random(5)
    for ignored in range(4):
        with serving(*BEFORE, addresses=BEFORE_ON) as server:
            server.fail(
                "*",
                skip=chance.randrange(2, 12),
                times=chance.randrange(1, 3),
                **chance.choice(
                    [
                        {"answer": UNAVAILABLE},
                        {"cut": "after"},
                        {"cut": "before"},
                        {"answer": UNAVAILABLE, "late": True},
                    ]
                ),
            )
            result = declare(server, api, "mail_bindings", MANY, smartermail_timeout=10)
            names = [port.name for port in server.state.ports]
            if not result.get("failed"):
                assert sorted(names) == ["IMAP", "POP", "POP2", "SMTP"]
            else:
                twice = {name for name in names if names.count(name) > 1}
                assert all(name in result["msg"] for name in twice), result["msg"]
