# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_listeners on whole hosts: a stock mail server is taken to what is declared, proved from outside, and given back."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time

import pytest

from support.fleet.mail import CERTIFICATE, PASSWORDS, PRIVATE_KEY, put_certificate

FIVE = ("smtp", "submission", "imap", "pop", "ldap")
SECURE = {"certificate_path": CERTIFICATE, "private_key_path": PRIVATE_KEY}
PORTS = [
    {"name": "SMTP", "protocol": "smtp", "encryption": "tls", **SECURE},
    {"name": "Submissions", "protocol": "submission", "encryption": "ssl", **SECURE},
    {"name": "Submission", "protocol": "submission", "encryption": "tls", **SECURE},
    {"name": "IMAPS", "protocol": "imap", "encryption": "ssl", **SECURE},
    {"name": "IMAP", "protocol": "imap", "encryption": "tls", **SECURE},
    {"name": "POP3S", "protocol": "pop", "encryption": "ssl", **SECURE},
    {"name": "LDAP", "protocol": "ldap", "encryption": "tls", **SECURE},
    {"name": "LDAPS", "protocol": "ldap", "encryption": "ssl", **SECURE},
]
MAIL_PORTS = {25, 465, 587, 143, 993, 110, 995, 389, 636}


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def host(request, make_host):
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
        for address, port, ignored in host.listening()
        if port in MAIL_PORTS and address not in ("127.0.0.1", "::1")
    }


def test_a_stock_server_is_taken_to_what_is_declared_and_back(host, play, clients):
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


def test_what_was_set_up_by_hand_is_adopted_without_a_byte_or_a_reload(host, play):
    tree = host.snapshot(
        "/etc/postfix", "/etc/dovecot", "/etc/default", "/etc/ldap", "/etc/systemd"
    )
    sockets = host.listening()
    started = host.run("ps -o lstart= -C master,dovecot,slapd").stdout
    played = play(
        [
            {
                "name": "read",
                "mailops.bindings.mail_bindings_info": {"source": "servers"},
                "register": "servers",
            },
            {
                "name": "adopt",
                "mailops.bindings.mail_listeners": {
                    "ports": "{{ servers.ports }}",
                    "ip_addresses": "{{ servers.ip_addresses }}",
                    "exclusive": True,
                    "check_certificate": False,
                },
            },
            {"name": "again", "mailops.bindings.mail_listeners": {}},
            {
                "name": "drop",
                "ansible.builtin.file": {"path": "/etc/mail-bindings", "state": "absent"},
            },
        ],
        host,
    )
    assert not played.failed, played.output
    addresses = {entry["address"]: entry["ports"] for entry in played["read"]["ip_addresses"]}
    assert set(addresses) == {"0.0.0.0", "::"}
    assert {"SMTP", "Submission", "IMAP", "IMAPS", "POP3", "POP3S", "LDAP"} <= set(
        addresses["0.0.0.0"]
    )
    assert {change["kind"] for change in played["adopt"]["changes"]} == {"port", "ip_binding"}, (
        played["adopt"]["changes"]
    )
    assert set(played["adopt"]["activation"].values()) == {"none"}
    assert played["again"]["changes"] == []
    assert (
        host.snapshot("/etc/postfix", "/etc/dovecot", "/etc/default", "/etc/ldap", "/etc/systemd")
        == tree
    )
    assert host.listening() == sockets
    assert host.run("ps -o lstart= -C master,dovecot,slapd").stdout == started


@contextlib.contextmanager
def answering_on_25(host, entries):
    """Postfix with these entries in place of the stock one for port 25; then as before."""
    original = host.read("/etc/postfix/master.cf")
    changed, count = re.subn("(?m)^smtp +inet .*\n", entries, original)
    assert count == 1

    def put(text):
        host.write("/etc/postfix/master.cf", text)
        host.run("touch --date='1 hour ago' /etc/postfix/master.cf; postfix reload")

    put(changed)
    try:
        yield
    finally:
        put(original)


def test_addresses_that_were_set_up_by_hand_are_adopted_and_nothing_is_left_of_that(
    host, play, authority
):
    """With two certificates, as many have them: an RSA one for old clients."""
    four, six = (address.split("/")[0] for address in host.addresses)
    put_certificate(
        host, authority, "/etc/ssl/mail/rsa.pem", "/etc/ssl/mail/rsa.key", kind="rsa-2048"
    )
    files = {
        "cert": "/etc/ssl/mail/rsa.pem",
        "key": "/etc/ssl/mail/rsa.key",
        "eccert": CERTIFICATE,
        "eckey": PRIVATE_KEY,
    }
    options = "".join(f"  -o smtpd_tls_{name}_file={path}\n" for name, path in files.items())
    chains = f"  -o smtpd_tls_chain_files=/etc/ssl/mail/rsa.key,/etc/ssl/mail/rsa.pem,{PRIVATE_KEY},{CERTIFICATE}\n"
    with answering_on_25(
        host,
        f"{four}:smtp inet n - y - - smtpd\n{options}[{six}]:25 inet n - y - - smtpd\n{chains}",
    ):
        before = host.snapshot("/etc")
        played = play(
            [
                {
                    "name": "read",
                    "mailops.bindings.mail_bindings_info": {"source": "servers"},
                    "register": "servers",
                },
                {
                    "name": "adopt",
                    "mailops.bindings.mail_listeners": {
                        "ports": "{{ servers.ports }}",
                        "ip_addresses": "{{ servers.ip_addresses }}",
                        "exclusive": True,
                        "check_certificate": False,
                    },
                },
                {"name": "back", "mailops.bindings.mail_listeners": {"state": "absent"}},
                {
                    "name": "drop",
                    "ansible.builtin.file": {"path": "/etc/mail-bindings", "state": "absent"},
                },
            ],
            host,
        )
        assert not played.failed, played.output
        assert {four: ["SMTP"], six: ["SMTP"]}.items() <= {
            entry["address"]: entry["ports"] for entry in played["read"]["ip_addresses"]
        }.items()
        assert {change["kind"] for change in played["adopt"]["changes"]} == {
            "port",
            "ip_binding",
        }, played["adopt"]["changes"]
        assert not played["back"].changed
        after = host.snapshot("/etc")
        assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == {
            "/etc"
        }  # a folder came and went


def test_a_wildcard_goes_to_an_address_that_is_greeted_later_than_loopback(host, play):
    """By Debian's mynetworks postscreen greets loopback at once, and has the host's own addresses wait for six seconds.

    The entry for urd, which is 465 in /etc/services alone, goes meanwhile.
    """
    with answering_on_25(
        host,
        "urd inet n - y - - smtpd\nsmtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\ndnsblog unix - - y - 0 dnsblog\n"
        "tlsproxy unix - - y - 0 tlsproxy\n",
    ):
        before = host.read("/etc/postfix/master.cf")
        task = {
            "servers": ["postfix"],
            "exclusive": True,
            "ports": PORTS[:1],
            "ip_addresses": [{"address": host.address, "ports": ["SMTP"]}],
        }
        played = play(
            [
                {"name": "done", "mailops.bindings.mail_listeners": task},
                {"name": "again", "mailops.bindings.mail_listeners": task},
                {"name": "back", "mailops.bindings.mail_listeners": {"state": "absent"}},
                {
                    "name": "drop",
                    "ansible.builtin.file": {"path": "/etc/mail-bindings", "state": "absent"},
                },
            ],
            host,
        )
        assert not played.failed, played.output
        assert (f"{host.address}:25", "ok") in [
            (listener["name"], listener["status"]) for listener in played["done"]["listeners"]
        ]
        assert not played["again"].changed
        assert host.read("/etc/postfix/master.cf") == before


def test_files_that_can_not_be_replaced_are_refused_in_check_mode_too(host, play):
    before, task = (
        host.snapshot("/etc"),
        {"name": "step", "mailops.bindings.mail_listeners": declaration(host)},
    )
    host.run(
        "mount --bind /etc/postfix /etc/postfix; mount -o remount,ro,bind /etc/postfix; mount --bind /etc/default/slapd /etc/default/slapd"
    )
    try:
        foreseen, done = play([task], host, check=True)["step"], play([task], host)["step"]
    finally:
        host.run("umount /etc/postfix /etc/default/slapd")
    assert foreseen.failed and foreseen["msg"] == done["msg"]
    assert (
        "Postfix: /etc/postfix is not writable, not even for root: it is immutable (lsattr) or its file system is read-only"
        in done["msg"]
    )
    assert "OpenLDAP: /etc/default/slapd is mounted by itself" in done["msg"]
    assert host.snapshot("/etc") == before


def test_folders_may_be_links(host, play):
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
        assert {number for ignored, number in outside(host)} == MAIL_PORTS - {110}
        assert play([task], host)["step"]["changes"] == []
        back = play(
            [{"name": "step", "mailops.bindings.mail_listeners": {"state": "absent"}}], host
        )["step"]
        assert not back.failed, back["msg"]
        assert contents() == original
    finally:
        for path in ("/etc/postfix", "/etc/dovecot/conf.d"):
            host.run(
                f"test ! -L {path} || (rm {path} && mv /srv/$(basename {path}) {path}); rm -rf /etc/mail-bindings"
            )


def test_what_no_named_server_listens_for_is_warned_of(host, play):
    """It stands in the config then, and nobody looks after it."""
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


def test_an_address_that_was_added_a_moment_ago_is_waited_for(host, play, clients):
    """As a playbook does: the task before adds it, and for a second or two nobody can bind to it, since duplicate address detection goes on."""
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
    """Does the session still answer, longer after a reload than Dovecot takes to end all (6 to 10 seconds)?"""
    time.sleep(13)
    with contextlib.suppress(OSError):
        process.stdin.write("b NOOP\r\n")
        process.stdin.flush()
    # its last words, if any, are a BYE
    return next(
        (line for line in iter(process.stdout.readline, "") if line.startswith(("b OK", "* BYE"))),
        "",
    ).startswith("b OK")


def test_who_loses_sessions_is_told_before(host, play, network):
    """Dovecot ends all when it first hears of us, 2.4 also when it last does; what is changed in between ends none but on the listeners that go."""
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
                    f"Dovecot: all its sessions end with this, 1 now: a reload ends them, since shutdown_clients = {why}. Clients reconnect"
                ]
                assert done["sessions_cut"] == {"dovecot": 1}
            else:
                assert told(done) == []
                assert "sessions_cut" not in done
            assert lives_on(session) == (host.suite not in ended_on)


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_host_whose_ipv6_is_switched_off(make_host, play, clients, suite):
    """There are wildcards of it then, as packages have them, and no ::1 that could be kept."""
    host = make_host(
        "four-" + suite, suite, ["198.51.100.%d/24" % {"bookworm": 61, "trixie": 62}[suite]]
    )
    host.run(
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && systemctl restart postfix dovecot slapd"
    )
    host.wait_for_ports(25, 993, 389)
    before = host.listening()
    assert {address for address, port, ignored in before if port == 993} == {"0.0.0.0", "::"}
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
    assert {address for address, port, ignored in host.listening() if port in MAIL_PORTS} == {
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
