# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postfix starts at boot with the addresses that it binds, and without systemd."""

from __future__ import annotations

import time

from support.fleet.commands import wait_until

from .postfix_hosts import UNITS, DrivenPostfix, listener


def test_boot_waits_for_tentative_addresses(make_host, postfix):
    """During IPv6 duplicate address detection, Postfix would exit at its start."""
    host = make_host("boot-" + postfix.host.suite, postfix.host.suite, dad=True)
    booted = DrivenPostfix(host)
    four, six = host.addresses
    host.wait_for_addresses()
    wanted = [listener(four, 25), listener(six, 25), listener(six, 587)]
    told = booted.done(wanted)
    host.reboot()
    wait_until(lambda: booted.sockets() == set(map(tuple, told["live"])), 40)
    assert booted("read")["running"]
    assert (
        host.run(["systemctl", "is-failed", UNITS[host.suite]], check=False).stdout.strip()
        == "active"
    )

    # Postfix waits for a slow one; without our file it would not start
    unit = UNITS[host.suite]
    again = f"""
        interface=$(ip -o addr show to {six} | cut -d' ' -f2)
        sysctl -q -w net.ipv6.conf.$interface.dad_transmits=5
        systemctl stop {unit}
        ip addr del {six}/64 dev $interface
        ip addr add {six}/64 dev $interface
        exec systemctl start {unit}"""
    began = time.monotonic()
    host.run(again)
    assert time.monotonic() - began > 4 and booted.sockets() == set(map(tuple, told["live"]))
    host.run(f"rm -r /etc/systemd/system/{unit}.d; systemctl daemon-reload")
    host.run(again, check=False)
    assert not booted("read")["running"]


def test_host_without_systemd(make_host, postfix):
    host = make_host("plain-" + postfix.host.suite, postfix.host.suite, init="plain")
    plain = DrivenPostfix(host)
    assert plain("read")["running"] is False
    assert plain("activate", how="start")["failed"] == ""
    plain.done([listener(host.addresses[0], 25), listener(host.addresses[1], 587)])
    host.run("kill -9 $(cat /var/spool/postfix/pid/master.pid)")
    wait_until(lambda: not plain("read")["running"], 10)
    told = plain("activate", how="reload")
    assert told["failed"] == "" and told["live"] == told["sockets"]
    assert plain("apply", wanted=None)["failed"] == ""
