# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying a plan out: order, activation, units, and how long to wait."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host import systemd
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    execution,
    unfinished,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
    RolledBack,
)
from support.pretended_world import ALL, IMAP, KILLED, LDAP, SMTP, SUBMISSION

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


def test_an_ignored_hangup_stays_ignored(world):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        world.harm = lambda number, point: os.kill(os.getpid(), signal.SIGHUP)
        world.run(ALL)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN and world.dove.listens() == {
            IMAP[:2]
        }
    finally:
        signal.signal(signal.SIGHUP, before)


def test_old_listeners_go_only_when_the_new_ones_are_proved(world):
    """Where a server can have both."""
    missed = []
    world.harm = lambda number, point: (
        missed.append(point) if ("127.0.0.3", 25) not in world.post.listens() else None
    )
    world.statuses[SUBMISSION[:2]] = "no_auth"
    with pytest.raises(RolledBack, match=r"127.0.0.2:587 \(submission, none\): no_auth: so it is"):
        world.run([SMTP, SUBMISSION])
    # but for the moment in which a failed service has to be away
    assert {point.split()[0] for point in missed}.isdisjoint({"probe"}), missed
    assert world.post.told == ["reload", "reload", "reload"]


def test_start_starts_a_server_and_a_rollback_stops_it(world):
    world.dove.set_listening(None)
    with pytest.raises(
        Refused,
        match="Dove is not running: start it first, or set start to true, or take dove off servers",
    ):
        world.run(ALL)
    before = world.state()
    world.statuses[LDAP[:2]] = "tls_failed"
    with pytest.raises(RolledBack):
        world.run(ALL, start=True)
    assert world.dove.told == ["start", "stop"] and world.state() == before
    world.statuses.clear()
    assert world.run(ALL, start=True).activation["dove"] == "start"
    assert world.dove.listens() == {IMAP[:2]} and world.dove.told == ["start"]


def test_without_activation_only_files_are_written(world):
    before = world.state()
    for server in world.servers:
        server.set_listening(None)
    world.harm = lambda number, point: (
        os.kill(os.getpid(), signal.SIGKILL) if point == "have put " + world.slap.path else None
    )
    assert world.run_in_child(ALL, activate=False) == KILLED
    world.harm = None
    assert unfinished.recover()
    assert {name: facts for name, facts in world.state().items() if name.startswith("/")} == {
        name: facts for name, facts in before.items() if name.startswith("/")
    }
    done = world.run(ALL, activate=False)
    assert set(done.activation.values()) == {"none"} and not any(
        server.told or server.running() for server in world.servers
    )
    assert world.probed == []
    assert world.run(ALL, activate=False).changes == []


def test_a_short_timeout_still_lets_sockets_settle(world, monkeypatch):
    """The sockets are right, and have not been so for long enough when the time is up."""
    monkeypatch.setattr(execution, "STABLE_SECONDS", 0.2)
    world.run(ALL, timeout=0.05)
    assert world.dove.listens() == {IMAP[:2]}


def test_a_server_that_dies_late_is_rolled_back(world, monkeypatch):
    """At the third look after the units were put: all sockets had been as desired before."""
    monkeypatch.setattr(execution, "STABLE_SECONDS", 60)
    before = world.state()
    looks = []

    def harm(number, point):
        if point == "look" and "have put " + world.slap.drop_in in world.passed:
            looks.append(number)
            if len(looks) == 3:
                world.post.set_listening(None)

    world.harm = harm
    with pytest.raises(RolledBack, match="Post has died"):
        world.run(ALL)
    assert world.state() == before


def test_systemd_reads_units_once_for_all_servers_and_once_in_a_rollback(world, monkeypatch):
    told = []
    monkeypatch.setattr(systemd, "has_systemd", lambda: True)
    monkeypatch.setattr(
        systemd,
        "run",
        lambda argv: told.append(
            (argv, [os.path.exists(server.drop_in) for server in world.servers])
        ),
    )
    before = world.state()
    world.statuses[IMAP[:2]] = "no_starttls"
    with pytest.raises(RolledBack):
        world.run(ALL)
    assert (
        told
        == [
            (["systemctl", "daemon-reload"], [True] * 3),
            (["systemctl", "daemon-reload"], [False] * 3),
        ]
        and world.state() == before
    )
    del world.statuses[IMAP[:2]], told[:]
    world.run(ALL)
    assert told == [(["systemctl", "daemon-reload"], [True] * 3)]
    world.harm = lambda number, point: (
        world.slap.set_listening(None) if point == "activate slap" else None
    )
    with pytest.raises(RolledBack):  # before it came to the units
        world.run([*ALL, ("127.0.0.2", 636, "ldap")])
    assert len(told) == 1


@pytest.mark.parametrize("path", ["log", ""])
def test_a_failure_has_the_words_of_a_servers_own_log_file(world, path):
    """Those of this run, and no others."""
    log = world.folder / "log"
    this, other = (
        time.strftime("%b %d %H:%M:%S", time.localtime(time.time() - ago)) for ago in (0, 3600)
    )
    log.write_text(
        "%s mx post/smtpd[1]: fatal: now\n%s mx post/x[1]: fatal: then\n" % (this, other)
    )
    world.post.log_file = lambda: path and str(log)
    world.statuses[SMTP[:2]] = "timeout"
    with pytest.raises(RolledBack) as caught:
        world.run([SMTP])
    assert ("  Post: fatal: now" in str(caught.value)) == bool(path)
    assert "then" not in str(caught.value)
