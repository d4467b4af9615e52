# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the server already and has no place in a config."""

from __future__ import annotations

import contextlib
import json

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.smartermail import Port, StandIn, State  # noqa: E402
from support.smartermail.tasks import (  # noqa: E402
    DOORS,
    HERE,
    IMAP,
    NEW,
    OLD,
    SIXTH,
    SMTP,
    THERE,
    WEIRD,
    assert_declares,
    assert_refuses,
    declare,
    serving,
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
