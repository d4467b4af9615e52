# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_listeners_info as a whole: its options, and where the listeners come from."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible_collections.mailops.bindings.plugins.module_utils._host import sockets  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._probe import client
from support import scripted  # noqa: E402
from support.in_process import everything_in, run  # noqa: E402


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client, "PAUSE_SECONDS", 0)


@pytest.fixture
def listening_sockets(monkeypatch):
    """What seems to listen on this host."""
    found: list = []
    monkeypatch.setattr(sockets, "listening", lambda: found)
    return found


def written(path, ports, ip_addresses):
    path.write_text(json.dumps({"schema_version": 1, "ports": ports, "ip_addresses": ip_addresses}))
    return {"config_path": str(path)}


@pytest.mark.parametrize("check", [False, True])
def test_the_config_s_listeners_are_probed_and_what_else_listens_is_unexpected(
    check, tmp_path, listening_sockets
):
    with scripted.Server(scripted.imap()) as declared, scripted.Server(scripted.pop()) as other:
        options = written(
            tmp_path / "bindings.json",
            [
                {"name": "IMAP", "protocol": "imap", "port": declared.port},
                {"name": "SMTP", "protocol": "smtp", "port": declared.port + 1},
            ],
            [
                {"address": "127.0.0.1", "ports": ["IMAP"]},
                {"address": "203.0.113.9", "ports": ["IMAP"]},
                {"address": "203.0.113.10", "ports": ["IMAP"], "floating": True},
            ],
        )
        listening_sockets += [
            Socket("127.0.0.1", declared.port, (7,), "dovecot"),
            Socket("0.0.0.0", other.port, (7,), "dovecot"),
        ]
        before = everything_in(tmp_path)
        result = run("mail_listeners_info", options, check)
        assert everything_in(tmp_path) == before
    assert [
        (listener["address"], listener["port"], listener["status"])
        for listener in result["listeners"]
    ] == [
        ("127.0.0.1", declared.port, "ok"),
        ("203.0.113.9", declared.port, "not_local"),
        ("203.0.113.10", declared.port, "ok"),
        ("0.0.0.0", other.port, "unexpected"),
    ]
    assert (
        result["changed"] is False
        and result["changes"] == []
        and result["diff"] == {"before": {}, "after": {}}
    )
    assert [port["name"] for port in result["ports"]] == ["IMAP", "SMTP"] and result[
        "unassigned_ports"
    ] == ["SMTP"]
    assert (len(declared.sessions), len(other.sessions)) == (1, 2), (
        "the other was first taken for IMAP"
    )


def test_listeners_of_the_task_are_probed_wherever_they_are_and_no_config_is_read(tmp_path):
    broken = tmp_path / "bindings.json"
    broken.write_text("{")
    with scripted.Server(scripted.imap()) as server:
        result = run(
            "mail_listeners_info",
            {
                "config_path": str(broken),
                "listeners": [
                    {
                        "address": "127.0.0.1",
                        "port": server.port,
                        "protocol": "imap",
                        "encryption": None,
                        "hostname": None,
                        "certificate_path": None,
                    },
                    {"address": "127.0.0.2", "protocol": "imap", "encryption": "ssl"},
                    {"address": "0:0::1", "protocol": "submission", "encryption": "tls"},
                    {"address": "::", "protocol": "pop"},
                ],
            },
        )
    assert [(listener["name"], listener["encryption"]) for listener in result["listeners"]] == [
        ("127.0.0.1:%d" % server.port, "none"),
        ("127.0.0.2:993", "ssl"),
        ("[::1]:587", "tls"),
        ("[::]:110", "none"),
    ]
    assert [listener["status"] for listener in result["listeners"]][0::3] == ["ok", "ok"]
    assert result["ports"] == [] and result["ip_addresses"] == []


def test_timeout_workers_and_min_days_reach_the_probe(monkeypatch, tmp_path, listening_sockets):
    seen = {}
    from ansible_collections.mailops.bindings.plugins.module_utils._tasks import listeners_info

    monkeypatch.setattr(listeners_info, "probe", lambda wanted, **how: seen.update(how) or [])
    run(
        "mail_listeners_info",
        {
            "timeout": 2.5,
            "workers": 3,
            "certificate_min_days": 30,
            "config_path": str(tmp_path / "none.json"),
        },
    )
    assert (seen["timeout"], seen["workers"], seen["min_days"]) == (
        2.5,
        3,
        30,
    ) and "local" not in seen


@pytest.mark.parametrize(
    "options, message",
    [
        ({"timeout": 0}, "timeout: give seconds, more than 0 and at most 3600"),
        ({"timeout": float("inf")}, "timeout: give seconds"),
        ({"timeout": float("nan")}, "timeout: give seconds"),
        ({"workers": 0}, "workers: give at least 1"),
        (
            {"listeners": [{"address": "192.0.2.0/24", "protocol": "imap"}]},
            'listeners[0].address: "192.0.2.0/24" is a network',
        ),
        (
            {"listeners": [{"address": "mail.example.com", "protocol": "imap"}]},
            "listeners[0].address: ",
        ),
        (
            {"listeners": [{"address": "192.0.2.1", "protocol": "imap", "port": 65536}]},
            "listeners[0].port: 65536 is no port number",
        ),
        (
            {"listeners": [{"address": "192.0.2.1", "protocol": "imap", "port": 0}]},
            "listeners[0].port: 0 is no port number",
        ),
        (
            {
                "listeners": [
                    {"address": "192.0.2.1", "protocol": "imap", "certificate_path": "cert.pem"}
                ]
            },
            "listeners[0].certificate_path: ",
        ),
        (
            {"listeners": [{"address": "192.0.2.1", "protocol": "imap", "hostname": "a b"}]},
            "listeners[0].hostname: ",
        ),
        ({"listeners": [{"protocol": "imap"}]}, "address"),
        ({"listeners": [{"address": "192.0.2.1", "protocol": "nntp"}]}, "nntp"),
    ],
)
def test_bad_input_is_refused(options, message):
    result = run("mail_listeners_info", options)
    assert result["failed"] is True and message in result["msg"]


def test_all_problems_are_reported_at_once():
    message = run(
        "mail_listeners_info",
        {
            "workers": 0,
            "listeners": [
                {"address": "x", "protocol": "imap", "port": 0},
                {"address": "192.0.2.1", "protocol": "imap", "hostname": "a b"},
            ],
        },
    )["msg"]
    assert all(
        place in message
        for place in (
            "workers: ",
            "listeners[0].address: ",
            "listeners[0].port: ",
            "listeners[1].hostname: ",
        )
    )


def test_a_config_that_is_not_valid_is_a_failure(tmp_path):
    path = tmp_path / "bindings.json"
    path.write_text("{")
    result = run("mail_listeners_info", {"config_path": str(path)})
    assert result["failed"] is True and "not a valid bindings config" in result["msg"]
