# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of calls, what nobody answers meanwhile, and what is undone when one fails."""

from __future__ import annotations

import random

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.smartermail import Answer, Port  # noqa: E402
from support.smartermail.tasks import (  # noqa: E402
    CERTIFICATE_PASSWORD,
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
