# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_listeners on whole hosts: stock mail servers listen as declared, and are given back."""

from __future__ import annotations

import contextlib
import subprocess
import time

import pytest

from support.fleet.declaring import MAIL_PORTS, PORTS, SECURE
from support.fleet.mail import PASSWORDS


@pytest.fixture(name="host", scope="module", params=["bookworm", "trixie"])
def _host(request, make_host):
    return make_host("mx-" + request.param, request.param, dad=False)


def declaration(host):
    four, six = (address.split("/")[0] for address in host.addresses)
    return {
        "exclusive": True,
        "ports": PORTS,
        "ip_addresses": [
            {"address": four, "ports": [port["name"] for port in PORTS]},
            {"address": six, "ports": ["SMTP", "Submissions", "IMAPS", "LDAPS"]},
        ],
    }


def outside(host):
    """What listens on other than loopback addresses, of the numbers of mail."""
    return {
        (address, port)
        for address, port, dummy in host.listening()
        if port in MAIL_PORTS and address not in ("127.0.0.1", "::1")
    }


def test_a_stock_server_is_configured_as_declared_and_given_back(host, play, clients):
    before = host.snapshot("/etc", "/root")
    sockets = host.listening()
    task = {"mailops.bindings.mail_listeners": declaration(host)}
    played = play([{"name": "foreseen", **task}], host, check=True, diff=True)
    foreseen = played["foreseen"]
    assert not foreseen.failed, played.output
    assert host.snapshot("/etc", "/root") == before
    assert host.listening() == sockets

    played = play([{"name": "done", **task}], host, diff=True)
    done = played["done"]
    assert not done.failed, played.output
    assert done["changes"] == foreseen["changes"]
    four, six = (address.split("/")[0] for address in host.addresses)
    numbers = {
        "SMTP": 25,
        "Submissions": 465,
        "Submission": 587,
        "IMAPS": 993,
        "IMAP": 143,
        "POP3S": 995,
        "LDAP": 389,
        "LDAPS": 636,
    }
    assert outside(host) == {(four, number) for number in numbers.values()} | {
        (six, numbers[name]) for name in ("SMTP", "Submissions", "IMAPS", "LDAPS")
    }
    for number, starttls in (
        (25, "smtp"),
        (465, None),
        (587, "smtp"),
        (993, None),
        (143, "imap"),
        (995, None),
        (389, "ldap"),
        (636, None),
    ):
        assert clients.served_certificate(four, number, starttls) == host.facts["fingerprint"], (
            number
        )
    assert all(listener["status"] == "ok" for listener in done["listeners"]), done["listeners"]

    after = host.snapshot("/etc")
    played = play([{"name": "again", **task}], host)
    again = played["again"]
    assert not again.failed, played.output
    assert again["changes"] == []
    assert host.snapshot("/etc") == after

    clients.smtp_send(
        four,
        "hello",
        f"bob@{host.fqdn}",
        sender=f"alice@{host.fqdn}",
        user="alice",
        password=PASSWORDS["alice"],
        port=587,
    )
    assert clients.imap_fetch(four, "bob", PASSWORDS["bob"], "hello")

    played = play([{"name": "back", "mailops.bindings.mail_listeners": {"state": "absent"}}], host)
    back = played["back"]
    assert not back.failed, played.output
    assert host.listening() == sockets
    original = {
        path: facts
        for path, facts in before.items()
        if path.startswith(("/etc/postfix", "/etc/dovecot", "/etc/default", "/etc/systemd"))
    }
    now = host.snapshot("/etc")
    assert {path: now.get(path, ())[-1:] for path in original} == {
        path: facts[-1:] for path, facts in original.items()
    }


def test_files_that_can_not_be_replaced_are_refused(host, play):
    before, task = (
        host.snapshot("/etc"),
        {"name": "step", "mailops.bindings.mail_listeners": declaration(host)},
    )
    host.run(
        "mount --bind /etc/postfix /etc/postfix; mount -o remount,ro,bind /etc/postfix; mount "
        "--bind /etc/default/slapd /etc/default/slapd"
    )
    try:
        foreseen, done = play([task], host, check=True)["step"], play([task], host)["step"]
    finally:
        host.run("umount /etc/postfix /etc/default/slapd")
    assert foreseen.failed and foreseen["msg"] == done["msg"]
    assert (
        "Postfix: /etc/postfix is not writable, not even for root: it is immutable (lsattr) or its "
        "file system is read-only" in done["msg"]
    )
    assert "OpenLDAP: /etc/default/slapd is mounted by itself" in done["msg"]
    assert host.snapshot("/etc") == before


def test_folders_may_be_symbolic_links(host, play):
    """A rehearsal, in check mode too, would write where they lead."""

    def contents():
        return {
            path: facts[-1]
            for path, facts in host.snapshot("/etc/default", "/etc/systemd", "/srv").items()
        }

    task = {"name": "step", "mailops.bindings.mail_listeners": declaration(host)}
    for path in ("/etc/postfix", "/etc/dovecot/conf.d"):
        host.run(f"mv {path} /srv/ && ln -s /srv/$(basename {path}) {path}")
    try:
        before, original = host.snapshot("/etc", "/srv"), contents()
        foreseen = play([task], host, check=True)["step"]
        assert not foreseen.failed, foreseen["msg"]
        assert host.snapshot("/etc", "/srv") == before
        done = play([task], host)["step"]
        assert not done.failed, done["msg"]
        assert done["changes"] == foreseen["changes"] and {
            change["kind"] for change in done["changes"]
        } >= {"file"}
        assert {number for dummy, number in outside(host)} == MAIL_PORTS - {110}
        assert play([task], host)["step"]["changes"] == []
        back = play(
            [{"name": "step", "mailops.bindings.mail_listeners": {"state": "absent"}}], host
        )["step"]
        assert not back.failed, back["msg"]
        assert contents() == original
    finally:
        for path in ("/etc/postfix", "/etc/dovecot/conf.d"):
            host.run(
                f"test ! -L {path} || (rm {path} && mv /srv/$(basename {path}) {path}); rm -rf "
                "/etc/mail-bindings"
            )


def test_protocols_of_servers_that_are_not_listed_are_warned_of(host, play):
    """Their listeners are in the config, and nothing is done for them."""
    before = host.snapshot("/etc", "/root")
    four = host.addresses[0].split("/")[0]
    played = play(
        [
            {
                "name": "part",
                "mailops.bindings.mail_listeners": {
                    "servers": ["dovecot"],
                    "ports": PORTS[:1] + PORTS[3:4],
                    "ip_addresses": [{"address": four, "ports": ["SMTP", "IMAPS"]}],
                },
            }
        ],
        host,
        check=True,
    )
    assert not played.failed, played.output
    assert [
        text
        for text in played["part"]["warnings"]
        if text.startswith("%s:25" % four) and "not applied, because the server" in text
    ], played["part"]["warnings"]
    assert not [text for text in played["part"]["warnings"] if ":993:" in text]
    assert host.snapshot("/etc", "/root") == before


def test_a_tentative_address_is_waited_for(host, play, clients):
    """The task before adds it, and duplicate address detection goes on for a second or two.

    Meanwhile no server can bind it.
    """
    # each host one of its own: the network remembers for a while whose an address was
    address = {"bookworm": "2001:db8:51::dad:12", "trixie": "2001:db8:51::dad:13"}[host.suite]
    host.run(
        ["sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1", "net.ipv6.conf.eth0.dad_transmits=2"]
    )
    running = host.run("cat /var/spool/postfix/pid/master.pid /run/dovecot/master.pid").stdout
    played = play(
        [
            {"name": "add", "ansible.builtin.command": f"ip address add {address}/64 dev eth0"},
            {
                "name": "listen",
                "mailops.bindings.mail_listeners": {
                    "ports": PORTS[:2] + PORTS[3:4],
                    "ip_addresses": [
                        {"address": address, "ports": ["SMTP", "Submissions", "IMAPS"]}
                    ],
                },
            },
        ],
        host,
    )
    assert not played.failed, played.output
    for number, starttls in ((25, "smtp"), (465, None), (993, None)):
        assert clients.served_certificate(address, number, starttls) == host.facts["fingerprint"]
    assert (
        host.run("cat /var/spool/postfix/pid/master.pid /run/dovecot/master.pid").stdout == running
    )  # neither died of it
    played = play([{"name": "back", "mailops.bindings.mail_listeners": {"state": "absent"}}], host)
    assert not played.failed, played.output
    host.run(["ip", "address", "del", address + "/64", "dev", "eth0"])


@contextlib.contextmanager
def logged_in(network, address):
    """A session over IMAPS, logged in: its process."""
    with network.popen(
        ["openssl", "s_client", "-quiet", "-connect", address + ":993"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout.readline().startswith("* OK")
            process.stdin.write("a LOGIN bob %s\r\n" % PASSWORDS["bob"])
            process.stdin.flush()
            assert any(line.startswith("a OK") for line in iter(process.stdout.readline, ""))
            yield process
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.kill()


def lives_on(process):
    """Does the session still answer?

    After a reload Dovecot takes 6 to 10 seconds to end all sessions.
    """
    time.sleep(13)
    with contextlib.suppress(OSError):
        process.stdin.write("b NOOP\r\n")
        process.stdin.flush()
    # its last words, if any, are a BYE
    return next(
        (line for line in iter(process.stdout.readline, "") if line.startswith(("b OK", "* BYE"))),
        "",
    ).startswith("b OK")


def test_a_run_that_ends_sessions_says_so_before(host, play, network):
    """Dovecot ends all sessions at our first change, and 2.4 also at our last.

    A change in between ends only those on listeners that are removed.
    """
    four = host.addresses[0].split("/")[0]
    ports = [PORTS[3], {"name": "POP3S", "protocol": "pop", "encryption": "ssl", **SECURE}]

    def task(**options):
        return {"mailops.bindings.mail_listeners": {"servers": ["dovecot"], **options}}

    def told(result):
        assert not result.failed, result["msg"]
        return [text for text in result.get("warnings", []) if "all its sessions end" in text]

    steps = [
        (
            ("bookworm", "trixie"),
            "no is not in effect yet",
            task(ports=ports, ip_addresses=[{"address": "0.0.0.0", "ports": ["IMAPS"]}]),
        ),
        ((), "", task(ip_addresses=[{"address": four, "ports": ["POP3S"]}])),
        (("trixie",), "yes", task(state="absent")),
    ]
    host.run("rm -rf /etc/mail-bindings")  # of tests before
    for ended_on, why, step in steps:
        with logged_in(network, four) as session:
            foreseen = play([{"name": "step", **step}], host, check=True)["step"]
            done = play([{"name": "step", **step}], host)["step"]
            assert told(foreseen) == told(done)
            assert done.changed
            if host.suite in ended_on:
                assert told(done) == [
                    "Dovecot: all its sessions end with this, 1 now: a reload ends them, since "
                    f"shutdown_clients = {why}. Clients reconnect"
                ]
                assert done["sessions_cut"] == {"dovecot": 1}
            else:
                assert told(done) == []
                assert "sessions_cut" not in done
            assert lives_on(session) == (host.suite not in ended_on)


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_host_without_ipv6_works(make_host, play, clients, suite):
    """There are wildcards of it then, as packages have them, and no ::1 that could be kept."""
    host = make_host(
        "four-" + suite, suite, ["198.51.100.%d/24" % {"bookworm": 61, "trixie": 62}[suite]]
    )
    host.run(
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && systemctl restart postfix dovecot slapd"
    )
    host.wait_for_ports(25, 993, 389)
    before = host.listening()
    assert {address for address, port, dummy in before if port == 993} == {"0.0.0.0", "::"}
    task = {
        "name": "step",
        "mailops.bindings.mail_listeners": {
            "exclusive": True,
            "ports": PORTS,
            "ip_addresses": [{"address": host.address, "ports": [port["name"] for port in PORTS]}],
        },
    }
    foreseen, done = play([task], host, check=True)["step"], play([task], host)["step"]
    assert not foreseen.failed, foreseen["msg"]
    assert not done.failed, done["msg"]
    assert done["changes"] == foreseen["changes"]
    assert outside(host) == {
        (host.address, number) for number in (25, 465, 587, 143, 993, 995, 389, 636)
    }
    assert {address for address, port, dummy in host.listening() if port in MAIL_PORTS} == {
        host.address,
        "127.0.0.1",
    }
    assert clients.served_certificate(host.address, 389, "ldap") == host.facts["fingerprint"]
    assert play([task], host)["step"]["changes"] == []
    back = play([{"name": "step", "mailops.bindings.mail_listeners": {"state": "absent"}}], host)[
        "step"
    ]
    assert not back.failed, back["msg"]
    assert host.listening() == before
