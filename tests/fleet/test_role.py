# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role on five hosts of two distributions: what it announces is what it does, once; and it refuses by the names of its variables."""

from __future__ import annotations

import json

import pytest

from .mail import CERTIFICATE, PRIVATE_KEY

APPLY = "mailops.bindings.apply"
DRIFT = "mailops.bindings.drift"
ROLE = "mailops.bindings.mail_bindings"
TASK = "Make the servers listen as declared"
CONFIG = "/etc/mail-bindings/bindings.json"
TREES = "/etc", "/root", "/usr/local", "/var/lib/mail-bindings", "/var/spool/cron", "/opt", "/srv"
SECURE = {25, 465, 587, 993, 995}
VARIABLES = {"mail_bindings_certificate_path": CERTIFICATE, "mail_bindings_private_key_path": PRIVATE_KEY}


@pytest.fixture(scope="module")
def fleet(make_hosts):
    """Two of them are told their addresses, the others find them."""
    return make_hosts(*({"name": f"mx{number}", "suite": "trixie" if number % 2 else "bookworm"} for number in range(1, 6)))


@pytest.fixture(scope="module")
def variables(fleet):
    given = {host.name: {"mail_bindings_addresses": host.addresses, "mail_bindings_hostname": host.fqdn} for host in fleet[:2]}
    return {"all": VARIABLES, **given}


def seen(host) -> dict:
    """All that is in its files, and its listening sockets."""
    return {"sockets": host.listening(), **host.snapshot(*(tree for tree in TREES if host.exists(tree)))}


def mail_sockets(host) -> set:
    """Of the numbers of mail, on other than loopback addresses."""
    return {(address, port) for address, port, ignored in host.listening(also_loopback=False) if port in SECURE | {110, 143, 389, 636}}


def played_tasks(played, host) -> list:
    """What is counted: all that is played on a host, skipped or not, but for the validation of arguments."""
    return [result.name for result in played.of(host) if "Validating arguments" not in (result.name or "")]


def differing(before, now) -> dict:
    return {name: (before.get(name), now.get(name)) for name in before.keys() | now.keys() if before.get(name) != now.get(name)}


# -- five hosts

def test_what_check_mode_announces_is_what_a_run_does_once(fleet, variables, play, clients):
    before = {host.name: seen(host) for host in fleet}
    foreseen = play(APPLY, fleet, check=True, variables=variables)
    assert foreseen.returncode == 0, foreseen.output
    for host in fleet:
        assert differing(before[host.name], seen(host)) == {}

    done = play(APPLY, fleet, variables=variables)
    assert done.returncode == 0, done.output
    for host in fleet:
        changes = done[host.name, TASK]["changes"]
        assert changes == foreseen[host.name, TASK]["changes"] and changes
        assert [result.name for result in done.of(host) if result.changed] == [result.name for result in foreseen.of(host) if result.changed] == [TASK]
        assert {(address, port) for address, port in mail_sockets(host) if port != 389} == {(address, port) for address in host.addresses for port in SECURE}
        assert clients.served_certificate(host.address, 993) == host.facts["fingerprint"]

    after = {host.name: seen(host) for host in fleet}
    again = play(APPLY, fleet, variables=variables)
    assert again.returncode == 0 and not again.changed, again.output
    for host in fleet:
        assert len(played_tasks(again, host)) <= 4, played_tasks(again, host)
        assert not [result for result in again.of(host) if "Gathering Facts" in result.name]
        assert differing(after[host.name], seen(host)) == {}
        looked = [result.name for result in done.of(host) if result.status == "ok" and "addresses" in result.name]
        assert looked == ([] if host in fleet[:2] else ["Read which addresses the config has", "Find the host's own addresses"])
        assert again[host.name, "Find the host's own addresses"].status == "skipped"


def test_the_entry_point_assert_stops_where_a_host_is_not_as_declared(fleet, variables, play):
    tasks = [{"name": "as declared", "ansible.builtin.import_role": {"name": ROLE, "tasks_from": "assert"}}]
    played = play(tasks, fleet[:2], variables=variables, ignore_errors=False)
    assert played.returncode == 0, played.output
    fleet[0].run(["sed", "-i", "s/^#* *smtps* .*inet.*/# &/", "/etc/postfix/master.cf"])
    before = seen(fleet[0])
    played = play(tasks, fleet[:2], variables=variables, ignore_errors=False)
    assert [result.host for result in played.failed] == [fleet[0].name], played.output
    assert f"{fleet[0].name} is not as declared: " in played.failed[0]["msg"] and "master.cf" in played.failed[0]["msg"]
    assert differing(before, seen(fleet[0])) == {}
    assert play(APPLY, fleet[:1], variables=variables).returncode == 0
    assert play(tasks, fleet[:1], variables=variables, ignore_errors=False).returncode == 0
