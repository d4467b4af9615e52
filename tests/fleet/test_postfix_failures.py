# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change that fails is rolled back, and a dead master is started."""

from __future__ import annotations

import subprocess
import time

import pytest

from support.fleet.commands import wait_until

from .postfix_hosts import MASTER, UNITS, at_once, different, listener


def test_missing_address_ends_master_and_the_change_is_rolled_back(postfix, clients):
    """postfix check and reload report nothing, and the unit may be active."""
    host = postfix.host
    before = host.snapshot("/etc")
    host.run(["postfix", "check"])
    told = postfix("apply", wanted=[listener("198.51.100.250", 25), listener(host.four, 25)])
    assert "not running after reload" in told["why"], told
    assert told["running"] and told["live"] == told["sockets"] and told["back"] < at_once()
    assert different(before, host.snapshot("/etc")) == []
    assert "starttls" in clients.smtp_capabilities(host.four, 25)
    # the same entry in the file before: what ended master is in no state on the way
    host.write(MASTER, host.read(MASTER) + "198.51.100.250:26 inet n - n - - smtpd\n")
    host.run(["postfix", "reload"])
    wait_until(lambda: not postfix("read")["running"], 10)
    told = postfix("apply", wanted=[listener(host.four, 25), listener(host.four, 587)])
    assert "why" not in told and told["live"] == told["planned"] == told["sockets"]
    # it is given back as all else
    told = postfix("apply", wanted=None)
    assert (
        "not running after reload" in told["why"]
        and told["config_path"]
        and told["live"] == told["sockets"]
    )
    host.write(
        MASTER,
        host.read(MASTER).replace(
            "#mailops.bindings# 198.51.100.250:26 inet n - n - - smtpd\n", ""
        ),
    )


def test_change_is_rolled_back_if_another_program_takes_the_port(postfix):
    host = postfix.host
    taker = (
        "import socket, time; taken = socket.create_server(('%s', 2525)); "
        "print(1, flush=True); time.sleep(60)"
    )
    with host.popen(["python3", "-c", taker % host.four], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        told = postfix("apply", wanted=[listener(host.four, 2525, "tls"), listener(host.four, 25)])
    assert (
        "not running after reload" in told["why"]
        and told["live"] == told["sockets"]
        and told["back"] < at_once()
    )


def test_throttled_service_answers_after_the_rollback(postfix, clients):
    """A bad value passes every check; once a client has met it, a reload does not help a minute."""
    host = postfix.host
    postfix.done([listener(host.four, 25), listener(host.four, 587)])
    told = postfix(
        "apply",
        wanted=[
            listener(host.four, 25, "tls", ("/etc/ssl/mail/none.pem", "")),
            listener(host.four, 587),
        ],
        spoil=["smtpd_tls_wrappermode=no", "smtpd_tls_wrappermode=perhaps"],
    )
    assert told["why"] == "spoiled" and not all(
        greeting.startswith("220 ") for greeting in told["visited"]
    )
    began = time.monotonic()
    assert (
        "starttls" in clients.smtp_capabilities(host.four, 25)
        and told["back"] + time.monotonic() - began < at_once()
    )


@pytest.mark.parametrize("how", ["reload", "restart", "start"])
def test_dead_master_is_started(postfix, how):
    host = postfix.host
    postfix.done([listener(host.four, 25), listener(host.four, 587)])
    host.run("kill -9 $(cat /var/spool/postfix/pid/master.pid)")
    wait_until(lambda: not postfix.sockets(), 10)
    assert not postfix("read")["running"]
    told = postfix("activate", how=how)
    assert told["failed"] == "" and told["running"] and told["live"] == told["sockets"]
    assert host.run(["systemctl", "is-active", UNITS[host.suite]]).stdout.strip() == "active"


def test_master_that_a_failed_bind_ended_is_started_though_its_unit_is_active(postfix):
    host = postfix.host
    good = host.read(MASTER)
    host.write(MASTER, good + "198.51.100.250:25 inet n - n - - smtpd\n")
    assert (
        host.run(["postfix", "check"]).returncode == host.run(["postfix", "reload"]).returncode == 0
    )
    wait_until(lambda: not postfix("read")["running"], 10)
    host.write(MASTER, good)
    told = postfix("activate", how="restart")
    assert told["failed"] == "" and told["live"] == told["sockets"]
