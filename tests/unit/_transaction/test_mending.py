# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A listener that does not answer as declared, though its server's files are right."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._probe import client
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import risk, wait
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
    RolledBack,
)
from support.pretended_world import ALL, IMAP, SUBMISSION

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")

MENDED = {
    "action": "change",
    "kind": "listener",
    "name": "127.0.0.2:143",
    "server": "dove",
    "before": {"status": "tls_failed"},
    "after": {"status": "ok"},
}


@pytest.fixture(name="world")
def _world(world):
    """All is as declared but IMAP, which its server has wrong in its memory."""
    world.run(ALL)
    world.statuses[IMAP[:2]] = "tls_failed"
    return world


def mends(world, *orders):
    """The server answers as declared again after these orders."""

    def harm(number, point):
        if point == "have activated dove" and tuple(world.dove.told) == orders:
            del world.statuses[IMAP[:2]]

    world.harm = harm


def statuses(result):
    return {listener["name"]: listener["status"] for listener in result.listeners}


def test_a_reload_mends_it_as_check_mode_has_foreseen(world):
    foreseen = world.run(ALL, check=True)
    assert foreseen.changes == [MENDED]
    assert foreseen.activation == {"post": "none", "dove": "reload", "slap": "none"}
    assert statuses(foreseen)["127.0.0.2:143"] == "ok"
    before = world.state()
    mends(world, "reload")
    done = world.run(ALL)
    assert done.changes == [MENDED] and statuses(done)["127.0.0.2:143"] == "ok"
    assert done.unhealthy == [] and world.dove.told == ["reload"] and world.post.told == []
    assert world.state() == before and not world.journal.exists()
    assert world.run(ALL).changes == []


def test_a_restart_mends_what_a_reload_does_not(world):
    mends(world, "reload", "restart")
    done = world.run(ALL)
    assert done.changes == [MENDED] and done.activation["dove"] == "restart"
    assert statuses(done)["127.0.0.2:143"] == "ok" and done.unhealthy == []


def test_sessions_are_not_cut_for_it_unless_nothing_answers(world, monkeypatch):
    """The server's other listener answers."""
    second = ("127.0.0.2", 1143, "imap")
    world.statuses.clear()
    world.run([*ALL, second])
    world.statuses[IMAP[:2]] = "tls_failed"
    monkeypatch.setattr(wait, "established", lambda: [second[:2]])
    done = world.run([*ALL, second])
    assert world.dove.told == ["reload"] and done.activation["dove"] == "reload"
    assert done.changes == []
    assert done.unhealthy == [
        {"name": "127.0.0.2:143", "status": "tls_failed", "detail": "so it is"}
    ]
    world.statuses[second[:2]] = "wrong_protocol"
    done = world.run([*ALL, second])
    assert world.dove.told == ["reload", "restart"] and done.sessions_cut == {"dove": 1}


def test_what_stays_broken_holds_up_no_change_elsewhere(world):
    world.post.write("127.0.0.1 2525 smtp")
    world.post.set_listening(world.post.configured_sockets())
    done = world.run(ALL)
    assert {change["server"] for change in done.changes} == {"post"}
    assert world.dove.told == ["reload", "restart"]
    assert [listener["name"] for listener in done.unhealthy] == ["127.0.0.2:143"]
    assert SUBMISSION[:2] in world.post.listens()


def test_a_server_that_dies_of_it_is_a_failure(world):
    def harm(number, point):
        if point == "activate dove" and world.dove.told == ["reload"]:
            world.harm = None
            world.dove.set_listening(None)
            raise OSError("no such thing")

    world.harm = harm
    with pytest.raises(RolledBack, match="no such thing"):
        world.run(ALL)
    assert world.dove.listens() == {IMAP[:2]}


def test_a_reload_that_is_refused_holds_up_nothing_and_is_no_reason_for_a_restart(world):
    second = ("127.0.0.2", 1143, "imap")
    world.statuses.clear()
    world.run([*ALL, second])
    world.statuses[IMAP[:2]] = "tls_failed"

    def harm(number, point):
        if point == "activate dove":
            raise Failed("Dove does not take it")

    world.harm = harm
    world.post.write("127.0.0.1 2525 smtp")
    world.post.set_listening(world.post.configured_sockets())
    done = world.run([*ALL, second])
    assert {change["server"] for change in done.changes} == {"post"} and world.dove.told == []
    assert [(found["status"], found["detail"]) for found in done.unhealthy] == [
        ("tls_failed", "Dove does not take it; so it is"),
        ("at_risk", "Dove does not take it: it would not answer after a restart; so it is"),
    ]


def test_a_listener_that_nobody_declared_is_left_alone(world):
    world.statuses.clear()
    world.statuses["127.0.0.1", 2525] = "tls_failed"
    result = world.run(ALL)
    assert result.changes == [] and result.unhealthy == []


def test_a_listener_that_is_only_slow_is_not_broken(world, monkeypatch):
    """It is asked again with the whole timeout, as postscreen needs it."""
    real = world._probe

    def probe(listeners, *, timeout, min_days, now):
        world.statuses[IMAP[:2]] = "timeout" if timeout < 6 else "ok"
        return real(listeners, timeout=timeout, min_days=min_days, now=now)

    monkeypatch.setattr(client, "probe", probe)
    result = world.run(ALL, timeout=30.0)
    assert result.changes == [] and result.unhealthy == [] and world.dove.told == []


# -- at risk


def test_what_would_not_come_back_is_at_risk_and_left_alone(world):
    """Also one that is broken already: a reload would be the end of the others."""
    gone = str(world.folder / "gone.pem")
    world.dove.files_at_start = (gone,)
    for check in (True, False):
        result = world.run(ALL, check=check)
        assert result.changes == [] and world.dove.told == []
        assert statuses(result)["127.0.0.2:143"] == "tls_failed"
        assert gone in result.unhealthy[0]["detail"]
    world.statuses.clear()
    result = world.run(ALL)
    assert [(listener["name"], listener["status"]) for listener in result.unhealthy] == [
        ("127.0.0.2:143", "at_risk")
    ]
    assert result.unhealthy[0]["detail"].startswith(
        gone + " can't be read: No such file or directory: it would not answer after a restart"
    )
    assert [
        listener["status"] for listener in result.listeners_before if listener["port"] == 143
    ] == ["at_risk"]
    (world.folder / "gone.pem").touch()
    assert world.run(ALL).unhealthy == []


@pytest.mark.parametrize("status", ["tls_failed", "wrong_certificate"])
def test_a_server_is_not_reloaded_where_that_would_end_what_answers(world, monkeypatch, status):
    """One of its listeners is broken or stale, another would not come back."""
    second = ("127.0.0.2", 1143, "imap")
    world.statuses.clear()
    world.run([*ALL, second])
    world.statuses[IMAP[:2]] = status
    monkeypatch.setattr(
        risk.Risks, "of", lambda self, configured, user: {second[:2]: "its key is gone"}
    )
    result = world.run([*ALL, second])
    assert result.changes == [] and world.dove.told == []
    assert statuses(result)["127.0.0.2:143"] == status
    assert statuses(result)["127.0.0.2:1143"] == "at_risk"


def test_a_change_leaves_no_risk_unsaid(world):
    world.statuses.clear()
    world.dove.files_at_start = (str(world.folder / "gone.pem"),)
    result = world.run([*ALL, ("127.0.0.2", 1143, "imap")])
    assert [listener["status"] for listener in result.unhealthy] == ["at_risk"] * 2
