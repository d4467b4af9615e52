# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test hosts themselves: if these fail, no other fleet test means anything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.fleet.clients import Refused
from support.fleet.commands import CommandError, wait_until
from support.fleet.isolation import remove_leftovers
from support.fleet.mail import PASSWORDS, PORTS
from support.fleet.playing import ROOT

SUITES = {"old": "bookworm", "new": "trixie"}
VERSIONS = {"bookworm": ("3.7.", "2.3.", "2.5."), "trixie": ("3.10.", "2.4.", "2.6.")}


@pytest.fixture(scope="module")
def pair(make_hosts):
    """A host of each suite, at the same time."""
    return make_hosts(*({"name": name, "suite": suite} for name, suite in SUITES.items()))


@pytest.fixture(scope="module", params=list(SUITES))
def host(request, pair):
    return pair[list(SUITES).index(request.param)]


def test_all_that_systemd_starts_is_running(host):
    assert host.run(["systemctl", "is-system-running"], check=False).stdout.strip() == "running", (
        host.journal()
    )


def test_the_servers_are_those_of_the_suite(host):
    postfix, dovecot, slapd = VERSIONS[host.suite]
    assert host.run(["postconf", "-h", "mail_version"]).stdout.startswith(postfix)
    assert host.run(["dovecot", "--version"]).stdout.startswith(dovecot)
    assert f"slapd {slapd}" in host.run(["slapd", "-VV"]).stderr


def test_the_servers_listen_as_debian_ships_them_and_on_587(host):
    programs = {
        25: "master",
        587: "master",
        110: "dovecot",
        143: "dovecot",
        993: "dovecot",
        995: "dovecot",
        389: "slapd",
        22: "sshd",
    }
    assert host.listening() == {
        (address, port, program)
        for address in ("0.0.0.0", "::")
        for port, program in programs.items()
    }


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_a_message_goes_from_alice_to_bob(host, clients, family):
    address, subject = host.addresses[family], f"IPv{(4, 6)[family]} to {host.name}"
    clients.smtp_send(
        address, subject, "bob@example.test", user="alice", password=PASSWORDS["alice"]
    )
    (message,) = clients.imap_fetch(address, "bob", PASSWORDS["bob"], subject)
    assert "Hello!" in message
    assert subject in clients.pop_list(address, "bob", PASSWORDS["bob"])


def test_a_message_from_another_host_is_delivered(host, clients):
    clients.smtp_send(
        host.address, "from elsewhere", "bob@example.test", sender="carol@example.net"
    )
    assert len(clients.imap_fetch(host.address, "bob", PASSWORDS["bob"], "from elsewhere")) == 1


@pytest.mark.parametrize("port", [25, 587])
def test_relaying_needs_a_login(host, clients, port):
    with pytest.raises(Refused, match="Relay access denied|Access denied"):
        clients.smtp_send(
            host.address, "spam", "dave@example.net", sender="carol@example.net", port=port
        )


def test_a_wrong_password_is_refused(host, clients):
    with pytest.raises(Refused, match="authentication failed"):
        clients.smtp_send(host.address, "spam", "bob@example.test", user="alice", password="wrong")


def test_the_directory_is_searched(host, clients):
    assert clients.ldapsearch(host.address) == [
        f"uid={name},ou=people,dc=example,dc=test" for name in PASSWORDS
    ]
    listed = host.run(
        "ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b cn=config -s base olcTLSCertificateFile"
    ).stdout
    assert "/etc/ssl/mail/fullchain.pem" in listed


@pytest.mark.parametrize(
    "port, starttls",
    [
        (25, "smtp"),
        (587, "smtp"),
        (143, "imap"),
        (993, None),
        (110, "pop3"),
        (995, None),
        (389, "ldap"),
    ],
)
def test_each_host_serves_its_own_certificate(host, clients, port, starttls):
    for address in host.addresses:
        assert (
            clients.served_certificate(address, port, starttls, servername=host.fqdn)
            == host.facts["fingerprint"]
        )


def test_a_closed_port_has_no_certificate(host, clients):
    with pytest.raises(Refused):
        clients.served_certificate(host.address, 465)


def test_a_play_runs_over_ssh(pair, play):
    tasks = [
        {"name": "ping", "ping": {}},
        {"name": "name", "command": "hostname", "changed_when": False},
        {"name": "no", "command": "false"},
    ]
    played = play(tasks, pair)
    assert [played[host.name, "ping"]["ping"] for host in pair] == ["pong", "pong"]
    assert [played[host.name, "name"]["stdout"] for host in pair] == [host.name for host in pair]
    assert {result.host for result in played.failed} == set(SUITES)
    assert [result.name for result in played.of("old")] == ["ping", "name", "no"]


def test_a_play_finds_the_collection(pair, play):
    played = play([{"name": "read", "mailops.bindings.mail_bindings_info": {}}], pair, check=True)
    assert not played.failed and not played.changed, played.output


def test_a_missing_host_is_unreachable(pair, play, make_host):
    away = make_host("away", mail=False, init="plain")
    away.cut()
    played = play([{"name": "ping", "ping": {}}], [pair[0], away], extra_args=["--timeout", "2"])
    assert played["away", "ping"].status == "unreachable"
    assert played["old", "ping"].status == "ok"


def test_a_snapshot_sees_every_change(host):
    host.write("/srv/file", "one")
    host.run("ln -sfn /nowhere /srv/link")
    before = host.snapshot("/etc", "/srv")
    assert len(before) > 300 and "/etc/postfix/main.cf" in before
    assert host.snapshot("/etc", "/srv") == before
    seen = {}
    for command in (
        "touch /srv/file",
        "chmod 600 /srv/file",
        "chown bob /srv/file",
        "echo two >/srv/file",
        "cp /srv/file /srv/f; mv /srv/f /srv/file",
        "ln -sfn /elsewhere /srv/link",
        "touch /srv/new",
        "rm /srv/file",
    ):
        host.run(command)
        now = host.snapshot("/etc", "/srv")
        seen[command] = {path for path in {*before, *now} if before.get(path) != now.get(path)}
        before = now
    assert all(seen.values()), seen
    assert seen["touch /srv/file"] == {"/srv/file"}


def test_files_are_written_on_the_host_also_through_links(host, tmp_path):
    ours = tmp_path / "ours"
    ours.write_text("ours")
    host.run(["mkdir", "-p", tmp_path])
    host.run(["ln", "-s", ours, "/srv/leads-out"])
    host.write("/srv/leads-out", "theirs", 0o640, "postfix:mail")
    assert (host.read(ours), ours.read_text()) == ("theirs", "ours")
    assert host.run(["stat", "-c", "%a %U %G", ours]).stdout == "640 postfix mail\n"


def test_addresses_are_added_and_removed(host, network):
    address = host.add_address("198.51.100.77")
    assert network.reaches(address, 22)
    host.remove_address(address)
    assert not network.reaches(address, 22, timeout=0.5)


def test_a_timeout_ends_a_command_and_its_children(host):
    with pytest.raises(CommandError, match="had not ended"):
        host.run("sleep 4711 & sleep 4711", timeout=0.3)
    with host.popen("sleep 4711 & sleep 4711"):
        assert wait_until(lambda: "sleep 4711" in host.run(["ps", "axo", "args"]).stdout, 5)
    assert wait_until(lambda: "sleep 4711" not in host.run(["ps", "axo", "args"]).stdout, 5)


def test_a_reboot_keeps_addresses_files_and_servers(host, clients):
    address = host.add_address("2001:db8:51::77")
    host.write("/srv/kept", "kept")
    listening, first = host.listening(), host.pid
    host.reboot(power_cut=host.name == "new")
    host.wait_for_ports(*PORTS)
    assert host.pid != first and host.read("/srv/kept") == "kept"
    assert host.listening() == listening
    for served in host.addresses:
        assert clients.served_certificate(served, 993) == host.facts["fingerprint"]
    clients.smtp_send(
        address,
        "after the reboot",
        "bob@example.test",
        user="alice",
        password=PASSWORDS["alice"],
        name=host.fqdn,
    )
    assert (
        len(
            clients.imap_fetch(address, "bob", PASSWORDS["bob"], "after the reboot", name=host.fqdn)
        )
        == 1
    )
    host.remove_address(address)


def test_addresses_are_tentative_during_duplicate_address_detection(make_host):
    host = make_host(
        "dad", mail=False, dad=True, init="plain", addresses=["198.51.100.60", "2001:db8:51::60"]
    )
    assert (
        "tentative"
        in host.run(["ip", "-6", "address", "show", "dev", "eth0", "scope", "global"]).stdout
    )
    assert wait_until(
        lambda: "tentative" not in host.run(["ip", "-6", "address", "show", "dev", "eth0"]).stdout,
        5,
    )
    twin = make_host(
        "twin", mail=False, dad=True, init="plain", addresses=["198.51.100.61", "2001:db8:51::60"]
    )
    assert wait_until(
        lambda: "dadfailed" in twin.run(["ip", "-6", "address", "show", "dev", "eth0"]).stdout, 5
    )


def test_the_network_has_no_route_out(host, network):
    assert (
        "default"
        not in network.run(["ip", "route"]).stdout + network.run(["ip", "-6", "route"]).stdout
    )
    assert (
        "default" not in host.run(["ip", "route"]).stdout + host.run(["ip", "-6", "route"]).stdout
    )


def test_only_leftovers_of_killed_runs_are_removed(tmp_path, network, pair):
    program = """
import os, signal, sys
from support.fleet.host import Host
from support.fleet.network import Network
network = Network(sys.argv[1], sys.argv[2]).up()
host = Host(network, "left", init="plain").up()
print(network.name, host.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-c", program, str(tmp_path), str(network.images.folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    name, pid = done.stdout.decode().split()
    assert (
        os.path.exists(f"/run/netns/{name}")
        and os.path.exists(f"/proc/{pid}")
        and os.path.ismount(tmp_path / "hosts" / "left" / "root")
    )
    remove_leftovers()
    assert not os.path.exists(f"/run/netns/{name}") and not os.path.exists(
        f"/run/netns/{name}-left"
    )
    assert wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5)
    assert not os.path.exists(tmp_path / "hosts") and not os.path.exists(
        f"/run/mailops-fleet/{name}"
    )
    assert all(host.listens_on(22) for host in pair)
