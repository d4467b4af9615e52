# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""master(8) is reloaded, restarted and waited for."""

from __future__ import annotations

import shutil

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import control
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.server import (
    Postfix,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    PARAMETERS,
)
from support.postfix import DEBIAN, PATH, FakeHost


@pytest.mark.parametrize(
    "unit, content",
    [
        ("postfix@-.service", b"[Service]\nType=oneshot\nExecStart=/bin/true\n"),
        ("postfix.service", b"[Service]\nType=forking\nExecStart=postfix debian-systemd-start\n"),
    ],
)
def test_restart_uses_the_unit_that_runs_master(monkeypatch, unit, content):
    host = FakeHost(
        monkeypatch,
        {"systemd": True, "running": False},
        {"/usr/lib/systemd/system/postfix.service": content},
    )
    with pytest.raises(
        Failed, match="Postfix's master process is not running after reload"
    ):  # nor was it before, so that it was restarted
        Postfix().activate("reload", frozenset())
    limits = "systemctl show %s -p TimeoutStartUSec -p TimeoutStopUSec" % unit
    assert host.commands() == [
        "systemctl reset-failed " + unit,
        limits,
        "systemctl restart " + unit,
    ]


@pytest.mark.parametrize(
    "answers, commands",
    [
        ({}, ["postfix stop", "postfix start"]),
        ({"/etc/init.d/postfix": True}, ["/etc/init.d/postfix restart"]),
        (
            {"/etc/init.d/postfix": True, "systemd": True},
            ["/etc/init.d/postfix restart"],
        ),  # and no unit of its own
    ],
)
def test_restart_without_systemd_uses_init_script_or_postfix(monkeypatch, answers, commands):
    host = FakeHost(monkeypatch, answers)
    Postfix().activate("restart", frozenset())
    assert host.commands() == commands


def test_running_postfix_is_only_reloaded_and_its_errors_are_passed_on(monkeypatch):
    host = FakeHost(monkeypatch)
    Postfix().activate("reload", frozenset())
    assert host.commands() == ["postfix reload"]
    host.answers["postfix reload"] = (1, "", "postfix/postfix-script: fatal: no\n")
    monkeypatch.setattr(control, "_EXIT_SECONDS", 0.1)
    with pytest.raises(Failed, match="postfix reload failed: postfix/postfix-script: fatal: no"):
        Postfix().activate("reload", frozenset())


def test_postfix_that_only_seemed_to_run_is_started(monkeypatch):
    """As master exits, systemd runs C(master -t), which holds its lock for a moment.

    Seen once in hundreds of runs.
    """
    host = FakeHost(
        monkeypatch,
        {
            "postfix reload": (
                1,
                "",
                "postfix/postfix-script: fatal: the Postfix mail system is not running\n",
            )
        },
    )
    seen = iter([True, True, False])
    monkeypatch.setattr(Postfix, "running", lambda self: next(seen, True))
    Postfix().activate("reload", frozenset())
    assert host.commands() == ["postfix reload", "postfix stop", "postfix start"]


def test_sessions_of_removed_services_are_ended(monkeypatch, tmp_path):
    """Debian 13's master can't do that itself, and would wait for them and do nothing else."""
    main = {
        **dict.fromkeys(PARAMETERS, ""),
        **DEBIAN,
        "config_directory": "/etc/postfix",
        "queue_directory": str(tmp_path),
    }
    FakeHost(
        monkeypatch,
        {"main": main},
        {PATH: b"192.0.2.1:smtp inet n - n - - smtpd\n25 inet n - n - - smtpd\n"},
    )
    monkeypatch.setattr(control, "_PROC", str(tmp_path))
    monkeypatch.setattr(control, "_RELOAD_SECONDS", 1)
    (tmp_path / "pid").mkdir()
    (tmp_path / "pid" / "master.pid").write_text("       90\n")

    def runs(pid, parent, *arguments):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1")
        (tmp_path / str(pid) / "cmdline").write_text("\0".join(arguments) + "\0")

    for pid, parent, *arguments in [
        (101, 90, "smtpd", "-n", "192.0.2.1:25", "-t", "inet", "-u"),  # in the file: 192.0.2.1:smtp
        (102, 90, "smtpd", "-n", "smtp", "-t", "inet", "-u"),  # as 25
        (103, 90, "smtpd", "-n", "[2001:db8::1]:smtp", "-t", "inet", "-u", "-o", "stress="),
        (104, 90, "smtpd", "-n", "submissions", "-t", "inet", "-u"),
        # of another Postfix, in a container
        (105, 91, "smtpd", "-n", "submissions", "-t", "inet", "-u"),
        (106, 90, "smtpd", "-t", "pass", "-u"),
        (107, 90, "qmgr", "-l", "-t", "unix", "-u"),
        (108, 90, "smtpd", "-n", "no-such-port", "-t", "inet", "-u"),
    ]:
        runs(pid, parent, *arguments)
    ended = []

    def kill(pid, number):
        ended.append((pid, number))
        shutil.rmtree(tmp_path / str(pid))

    monkeypatch.setattr(control.os, "kill", kill)
    server = Postfix()
    monkeypatch.setattr(
        server, "_live", lambda: frozenset({("192.0.2.1", 25), ("0.0.0.0", 25), ("::", 25)})
    )
    server.activate("reload", frozenset())
    assert sorted(ended) == [(103, control.signal.SIGTERM), (104, control.signal.SIGTERM)]
