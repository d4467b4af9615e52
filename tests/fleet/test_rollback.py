# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_listeners when servers, ports or disks fail: all is as before, and the message says why.

Every run is on Debian 12 and 13 at the same time, unless the release can make no difference.
"""

from __future__ import annotations

import contextlib
import re

import pytest

from support import pki
from support.fleet.declaring import (
    ALL,
    CONFIG,
    DEFAULTS,
    KINDS,
    MASTER_CF,
    declared,
    differences,
    state,
)
from support.fleet.sabotage import (
    JOURNAL,
    NEW_CERTIFICATE,
    NEW_KEY,
    Trials,
    as_before,
    make_hosts_to_harm,
    rolled_back,
)


@pytest.fixture(name="hosts", scope="module")
def _hosts(make_hosts, authority):
    return make_hosts_to_harm(make_hosts, authority)


@pytest.fixture(name="stock", scope="module")
def _stock(hosts):
    """How each host was in the beginning."""
    return {host.name: state(host) for host in hosts}


@pytest.fixture(name="tried", scope="module")
def _tried(play, hosts):
    trials = Trials(play, hosts)
    yield trials
    print(*trials.outages, sep="\n")


def answers(clients, host):
    """What answered in the beginning."""
    for port, starttls in (
        (25, "smtp"),
        (587, "smtp"),
        (143, "imap"),
        (993, None),
        (995, None),
        (389, "ldap"),
    ):
        assert (
            clients.served_certificate(host.address, port, starttls) == host.facts["fingerprint"]
        ), port


# -- certificates and ports that change after the check


@pytest.mark.parametrize(
    "names, expected",
    [
        (
            ("SMTP", "Submissions", "IMAPS"),
            r":993 \(imap, ssl\): tls_failed|:465 \(submission, ssl\): "
            r"(tls_failed|timeout)|doveadm|Dovecot",
        ),
        (
            ("LDAP",),
            "OpenLDAP (refused|can't use) the certificate /etc/ssl/mail/new.pem with the key "
            "/etc/ssl/mail/new-key.pem",
        ),
    ],
)
def test_a_key_that_is_replaced_after_the_check_rolls_back(
    hosts, stock, tried, clients, names, expected
):
    key = pki.key_bytes(pki.key("ecdsa", "new")).decode()
    other = pki.key_bytes(pki.key("ecdsa", "other")).decode()
    for trial in tried(
        declared(*names, certificate=NEW_CERTIFICATE, key=NEW_KEY),
        "journal",
        do="cat >%s <<'END'\n%sEND\n" % (NEW_KEY, other),
    ):
        trial.host.write(NEW_KEY, key, 0o640)
        rolled_back(trial, stock, expected, but=[NEW_KEY])
        stock[trial.host.name] = state(trial.host)
        assert "PRIVATE KEY" not in trial.msg
        answers(clients, trial.host)


@pytest.mark.parametrize("names", [("SMTP", "SMTP2"), ("IMAP", "IMAP2"), ("LDAP", "LDAP2")])
def test_a_port_that_is_taken_after_the_check_rolls_back(hosts, stock, tried, clients, names):
    port = KINDS[names[1]][2]

    def hold(host):
        script = "import socket,time; s=socket.create_server((%r,%d)); time.sleep(60)" % (
            host.address,
            port,
        )
        return (
            "python3 -c '%s' >/dev/null 2>&1 & echo $! >/run/holder; n=0; while [ $n -lt 100 ] && "
            "! ss -Hltn | grep -q :%d; do n=$((n+1)); sleep .02; done"
        ) % (script.replace("'", '"'), port)

    for trial in tried(declared(*names), "journal", do=hold):
        trial.host.run("kill $(cat /run/holder); rm /run/holder")
        rolled_back(
            trial,
            stock,
            r"process \d+ \(python3\) holds %s:%d" % (re.escape(trial.host.address), port),
        )
        answers(clients, trial.host)


def test_an_option_that_only_the_daemon_refuses_rolls_back(hosts, stock, tried, clients):
    """Postfix ends smtpd at the first client and throttles it.

    The entry is as broken before and after: no reason to touch the other servers.
    """
    originals = {}
    for host in hosts:
        originals[host.name] = host.read(MASTER_CF)
        host.run(["cp", "-a", MASTER_CF, "/root/master.cf"])
        edited = re.sub(
            r"(?m)^(submission inet .*)$",
            r"\1\n  -o smtpd_client_connection_count_limit=maybe",
            originals[host.name],
        )
        assert edited != originals[host.name]
        host.write(MASTER_CF, edited)
        host.run(["postfix", "reload"])
    before = {host.name: state(host) for host in hosts}
    for trial in tried(declared("SMTP", "Submission", timeout=3), "bound", 587):
        rolled_back(
            trial,
            before,
            r":587 \(submission, tls\): timeout",
            "smtpd_client_connection_count_limit",
        )
        assert (
            clients.served_certificate(trial.host.address, 25, "smtp")
            == trial.host.facts["fingerprint"]
        )
        trial.host.run("cp -a /root/master.cf %s && postfix reload" % MASTER_CF)
    # the broken entry is repaired by hand, and is no longer throttled after a moment without it
    for host in hosts:
        stock[host.name] = state(host)


# -- servers that die


def test_all_servers_killed_during_the_activation_roll_back(hosts, stock, tried, clients):
    kill = (
        "kill -9 $(cat /var/spool/postfix/pid/master.pid) $(cat /run/dovecot/master.pid) "
        "$(pidof slapd)"
    )
    for trial in tried(declared(*ALL), "bound", 636, do=kill):
        rolled_back(trial, stock, "(OpenLDAP|Postfix|Dovecot)")
        answers(clients, trial.host)


@pytest.mark.parametrize(
    "port, pid, expected",
    [
        (
            25,
            "$(cat /var/spool/postfix/pid/master.pid)",
            "Postfix's master process is not running|Postfix has died",
        ),
        (
            993,
            "$(cat /run/dovecot/master.pid)",
            "Dovecot's main process has ended|Dovecot has died",
        ),
        (389, "$(pidof slapd)", "OpenLDAP does not start: it ended|OpenLDAP has died"),
    ],
    ids=["postfix", "dovecot", "slapd"],
)
def test_one_server_killed_during_the_activation_rolls_back(
    hosts, stock, tried, clients, port, pid, expected
):
    for trial in tried(declared("SMTP", "IMAPS", "LDAP"), "bound", port, do="kill -9 " + pid):
        rolled_back(trial, stock, expected)
        assert trial.away <= 5, trial
        answers(clients, trial.host)


# -- full disks


@contextlib.contextmanager
def full(hosts, folder, room):
    """The folder, on a file system that has C(room) left."""
    script = (
        f"mkdir -p /run/room {folder}; mount -t tmpfs -o size=3m,mode=0755 tmpfs /run/room; cp -a "
        f"{folder}/. /run/room/; chown --reference={folder} /run/room; chmod --reference={folder} "
        f"/run/room; mount --bind /run/room {folder}; dd if=/dev/zero of={folder}/filler bs=1024 "
        f"2>/dev/null; truncate -s -{room} {folder}/filler; df {folder} >/dev/null"
    )
    for host in hosts:
        host.run(["sh", "-c", script])
    try:
        yield
    finally:
        for host in hosts:
            host.run(f"umount {folder} /run/room; rmdir /run/room")


@pytest.mark.parametrize(
    "folder, names, expected, which",
    [
        (
            "/var/lib/mail-bindings",
            ALL,
            "the journal %s can't be written: No space left on device" % JOURNAL,
            [0],
        ),
        (
            "/etc/postfix",
            ("SMTP",),
            "%s can't be written: No space left on device" % MASTER_CF,
            [1],
        ),
        (
            "/etc/dovecot",
            ("SMTP", "IMAP"),
            "/etc/dovecot/.* can't be written: No space left on device",
            [0, 1],
        ),
        (
            "/etc/default",
            ("SMTP", "IMAP", "LDAP"),
            "%s can't be written: No space left on device" % DEFAULTS,
            [0],
        ),
        ("/etc/ldap/slapd.d", ("LDAP",), "OpenLDAP refused the certificate", [0, 1]),
        (
            "/etc/mail-bindings",
            ("SMTP",),
            "%s can't be written: No space left on device" % CONFIG,
            [1],
        ),
    ],
)
def test_a_full_disk_rolls_back(hosts, stock, tried, clients, folder, names, expected, which):
    hosts = [hosts[number] for number in which]
    certificate = {"certificate": NEW_CERTIFICATE, "key": NEW_KEY} if "slapd.d" in folder else {}
    with full(hosts, folder, 0):
        before = {host.name: state(host) for host in hosts}
        for trial in tried(declared(*names, **certificate), on=hosts):
            assert re.search(expected, trial.msg), trial.result
            assert differences(before[trial.host.name], state(trial.host)) == {}
            assert trial.result.get("rolled_back", "Nothing was changed" in trial.msg) is True, (
                trial.result
            )
            assert not trial.host.exists(JOURNAL)
    for host in hosts:
        host.run(
            "rmdir /etc/mail-bindings 2>/dev/null || true"
            + ("; systemctl restart slapd" if "slapd.d" in folder else "")
        )
        as_before(host, stock)
        answers(clients, host)
