# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_listeners as a whole module, over pretended servers."""

from __future__ import annotations

import os
import signal

import pytest

from support.pretended_world import IMAP

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


@pytest.mark.needs_ansible
def test_a_signal_before_a_change_is_a_plain_failure(world):
    from support.in_process import run

    before = world.state()
    world.harm = lambda number, point: (
        os.kill(os.getpid(), signal.SIGTERM) if point.startswith("validate") else None
    )
    options = {
        "config_path": str(world.config),
        "ports": [{"name": "IMAP", "protocol": "imap"}],
        "ip_addresses": [{"address": "127.0.0.2", "ports": ["IMAP"]}],
    }
    answer = run("mail_listeners", options)
    assert (
        answer["failed"] and answer["msg"] == "the task was ended by SIGTERM. Nothing was changed"
    )
    assert world.state() == before and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    world.harm = None
    assert (
        run("mail_listeners", options, check=True)["changes"]
        == run("mail_listeners", options)["changes"]
    )
    assert world.dove.listens() == {IMAP[:2]} and world.config.exists()
    world.statuses[("127.0.0.4", 143)] = "timeout"
    answer = run(
        "mail_listeners", {**options, "ip_addresses": [{"address": "127.0.0.4", "ports": ["IMAP"]}]}
    )
    assert (
        answer["failed"] is True
        and answer["changed"] is False
        and answer["rolled_back"] is True
        and "127.0.0.4:143 (imap, none): timeout" in answer["msg"]
    )


@pytest.mark.needs_ansible
@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"state": "absent", "ports": []},
            "state absent gives the servers back and leaves the config as it is: "
            "leave ports and ip_addresses out",
        ),
        ({"timeout": 0}, "timeout: give seconds, more than 0 and 3600 at the most"),
        ({"drain": -1}, "drain: give seconds, 0 to 86400 (a day)"),
    ],
)
def test_contradicting_options_are_refused(world, options, message):
    from support.in_process import run

    answer = run("mail_listeners", options)
    assert answer["failed"] and answer["msg"] == message


@pytest.mark.needs_ansible
def test_without_root_it_is_refused_before_anything_else(world, monkeypatch):
    from support.in_process import run

    world.journal.parent.mkdir()
    world.journal.write_text("{")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert (
        run("mail_listeners", {})["msg"]
        == "mail_listeners changes servers, and needs root for that: use become"
    )


@pytest.mark.needs_ansible
def test_changes_of_servers_name_their_server_and_are_documented(world):
    yaml = pytest.importorskip("yaml")
    from ansible_collections.mailops.bindings.plugins.modules import mail_listeners
    from support.in_process import run

    documented = yaml.safe_load(mail_listeners.RETURN)["changes"]["contains"]
    options = {
        "config_path": str(world.config),
        "ports": [{"name": "IMAP", "protocol": "imap"}],
        "ip_addresses": [{"address": "127.0.0.2", "ports": ["IMAP"]}],
    }
    changes = run("mail_listeners", options, check=True)["changes"]
    assert [(change["kind"], change.get("server")) for change in changes] == [
        ("port", None),
        ("ip_binding", None),
        ("file", "dove"),
        ("file", "dove"),
        ("listener", "dove"),
        ("listener", "dove"),
    ]
    for change in changes:
        assert set(change) | {"server"} == set(documented)


@pytest.mark.needs_ansible
def test_what_stays_broken_fails_the_task_after_all_is_done_unless_it_may_warn(world):
    from support.in_process import run

    options = {
        "config_path": str(world.config),
        "ports": [{"name": "IMAP", "protocol": "imap"}],
        "ip_addresses": [{"address": "127.0.0.2", "ports": ["IMAP"]}],
    }
    assert run("mail_listeners", options)["unhealthy"] == []
    world.statuses[IMAP[:2]] = "tls_failed"
    unhealthy = [{"name": "127.0.0.2:143", "status": "tls_failed", "detail": "so it is"}]
    options["ports"].append({"name": "LDAP", "protocol": "ldap"})
    options["ip_addresses"][0]["ports"].append("LDAP")
    failed = run("mail_listeners", options)
    assert failed["failed"] and failed["changed"] and failed["unhealthy"] == unhealthy
    assert "  127.0.0.2:143: tls_failed: so it is\n" in failed["msg"]
    assert world.slap.listens() == {("127.0.0.2", 389)} and world.config.exists()
    assert run("mail_listeners", options)["changed"] is False  # nothing of it was repaired
    foreseen = run("mail_listeners", options, check=True)
    assert not foreseen.get("failed") and foreseen["unhealthy"] == []  # a reload may repair it
    warned = run("mail_listeners", {**options, "on_unhealthy": "warn"})
    assert not warned.get("failed") and warned["unhealthy"] == unhealthy
    assert "127.0.0.2:143: tls_failed: so it is" in str(warned["warnings"])
