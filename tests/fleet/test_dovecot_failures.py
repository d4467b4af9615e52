# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Dovecot refuses, and what goes wrong."""

from __future__ import annotations

import time

from support.fleet.commands import wait_until

from .dovecot_hosts import different, listener


def test_active_dovecot_socket_is_refused(dovecot):
    host = dovecot.host
    host.run(
        "systemctl stop dovecot.service; systemctl start dovecot.socket; systemctl start "
        "dovecot.service"
    )
    try:
        (message,) = dovecot("apply", wanted=[listener(host.four, 993)])["refusals"]
        assert (
            message.startswith("dovecot.socket is active")
            and "systemctl disable --now dovecot.socket && systemctl restart dovecot.service"
            in message
        )
        assert dovecot("apply", wanted="what it has")["refusals"] == []
        assert "systemd" in {program for dummy, port, program in host.listening() if port == 143}
    finally:
        host.run("systemctl disable --now dovecot.socket && systemctl restart dovecot.service")


def test_inactive_protocol_is_refused(dovecot):
    with dovecot.configured("protocols = imap\n"):
        (message,) = dovecot("apply", wanted=[listener(dovecot.host.four, 995)])["refusals"]
        assert "dovecot-pop3d" in message


def test_several_instances_are_refused(dovecot):
    with dovecot.configured("instance_name = second\n"):
        (message,) = dovecot("apply", wanted=[listener(dovecot.host.four, 995)])["refusals"]
        assert "instance_name = second" in message


def test_broken_configuration_is_refused(dovecot):
    with dovecot.configured("service imap-login {\n"):
        assert dovecot("read")["failed"].startswith(
            "Refused: Dovecot's configuration can't be read: doveconf: Fatal: Error in "
            "configuration file"
        )


def test_validation_finds_unreadable_files_and_changes_nothing(dovecot):
    """The message has nothing of a key."""
    host = dovecot.host
    before = host.snapshot("/etc")
    told = dovecot(
        "apply",
        wanted=[listener(host.four, 993, files=("/etc/ssl/nothing.pem", "/etc/ssl/nothing.key"))],
    )
    if dovecot.release == "2.3":
        assert (
            "doveconf rejects" in told["failed"]
            and "/etc/ssl/nothing.pem" in told["failed"]
            and "PRIVATE" not in told["failed"]
        )
        assert different(before, host.snapshot("/etc")) == []


def test_reload_that_dovecot_refuses_is_noticed_where_the_certificate_is_the_same(dovecot, clients):
    """Its unit has a /tmp of its own. What listens stays as it was: nobody else could tell."""
    host = dovecot.host
    assert dovecot("apply", wanted=[listener(host.four, 993)])["failed"] == ""
    host.run("mkdir -p /tmp/tls && cp /etc/ssl/mail/fullchain.pem /etc/ssl/mail/key.pem /tmp/tls")
    files = ("/tmp/tls/fullchain.pem", "/tmp/tls/key.pem")
    told = dovecot("apply", wanted=[listener(host.four, 993, files=files)])
    assert told["failed"].startswith("Failed: Dovecot does not take its new configuration")
    host.run("systemctl restart dovecot")
    assert clients.served_certificate(host.four, 993) == host.facts["fingerprint"]


def test_missing_address_kills_dovecot_and_rollback_restores_it(dovecot, clients):
    """No checker sees it: doveconf and reload return 0. It answers again within 5 seconds."""
    host = dovecot.host
    told = dovecot("apply", wanted=[listener("198.51.100.250", 993)])
    assert told["failed"] == "Failed: Dovecot's main process has ended"
    began = time.monotonic()
    assert wait_until(lambda: host.listens_on(993), 5)
    assert clients.served_certificate(host.four, 993) == host.facts["fingerprint"]
    assert time.monotonic() - began < 5
    told = dovecot("read")
    assert told["running"] and told["live"] == told["sockets"]


def test_port_of_another_process_fails_the_change(dovecot):
    host = dovecot.host
    with host.popen(
        [
            "python3",
            "-c",
            f"import socket,time; s=socket.create_server(({host.four2!r}, 1993)); time.sleep(60)",
        ]
    ):
        assert wait_until(lambda: host.listens_on(1993), 5)
        told = dovecot("apply", wanted=[listener(host.four2, 1993, "ssl", protocol="imap")])
        assert told["failed"] == f"Failed: Dovecot does not listen on {host.four2}:1993"
    told = dovecot("read")
    assert told["running"] and told["live"] == told["sockets"]


def test_killed_main_process_is_started_again(dovecot):
    host = dovecot.host
    for how in ("reload", "restart", "start"):
        host.run("kill -9 $(cat /run/dovecot/master.pid)")
        wait_until(lambda: not dovecot("read")["running"], 5)
        told = dovecot("activate", how=how)
        assert told["failed"] == "" and told["running"] and told["live"] == told["sockets"], (
            how,
            told,
        )


def test_dovecot_that_was_started_in_vain_is_stopped(dovecot):
    """As a rollback does if Dovecot did not run before."""
    told = dovecot("stop")
    assert told["failed"] == "" and not told["running"] and told["live"] == []
    told = dovecot("activate", how="start")
    assert told["failed"] == "" and told["running"] and told["live"] == told["sockets"]
