# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_listeners when things go wrong, on whole hosts with real servers: it is all as before, and the message says why.

Every run is on Debian 12 and 13 at the same time, but where the release can make no difference. What harms it waits on the host
until it has come far enough (saboteur.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
import types
from signal import SIGINT, SIGKILL

import pytest

from support import pki

from .declaring import ALL, CONFIG, DEFAULTS, KINDS, MASTER_CF, MODULE, declared, differences, state
from .hosts import wait_until
from .mail import put_certificate

JOURNAL = "/var/lib/mail-bindings/journal.json"
NEW_CERTIFICATE, NEW_KEY = "/etc/ssl/mail/new.pem", "/etc/ssl/mail/new-key.pem"
SABOTEUR = pathlib.Path(__file__).with_name("saboteur.py").read_text(encoding="utf-8")

outages = []


@pytest.fixture(scope="module")
def hosts(make_hosts, authority):
    found = make_hosts(
        {"name": "back-12", "suite": "bookworm"}, {"name": "back-13", "suite": "trixie"}
    )
    for host in found:
        put_certificate(host, authority, NEW_CERTIFICATE, NEW_KEY, which="new")
    yield found
    for line in outages:
        print(line)


@pytest.fixture(scope="module")
def stock(hosts):
    """How each host was in the beginning."""
    return {host.name: state(host) for host in hosts}


@pytest.fixture
def tried(play, hosts):
    """tried(options, when, ...) -> {host: what came of it}: a run on all hosts, and harm to each of them at that moment."""

    def run(
        options,
        *when,
        check=False,
        do="",
        signal="",
        after=0.0,
        watched=True,
        on=None,
        module=MODULE,
        **playing,
    ):
        chosen = on or hosts
        with contextlib.ExitStack() as stack:
            saboteurs = {}
            for host in chosen if when else ():
                how = {
                    "when": when[0],
                    "what": str(when[1]) if len(when) > 1 else "",
                    "after": after,
                    "signal_name": signal,
                }
                how["do"] = do(host) if callable(do) else do
                saboteurs[host.name] = stack.enter_context(
                    host.popen(["python3", "-c", SABOTEUR, json.dumps(how)], stdout=subprocess.PIPE)
                )
                assert saboteurs[host.name].stdout.readline() == "ready\n"
            played = play([{"name": "tried", module: options}], chosen, check=check, **playing)
            reports = {
                name: json.loads(process.stdout.readline()) for name, process in saboteurs.items()
            }
        found = {}
        for host in chosen:
            results = [result for result in played if result.host == host.name]
            assert results, played.output
            assert "Traceback" not in results[0].get("msg", "") and "Traceback" not in results[
                0
            ].get("module_stderr", ""), results[0]
            report = reports.get(host.name, {"harmed": True})
            assert report["harmed"], (host.name, when, results[0])
            if when:
                outages.append(
                    "%s %-34s %-20s old listeners away for %5.2f s, of these %5.2f s of going back; ended %5.2f s after the harm"
                    % (
                        host.name,
                        " ".join(map(str, when)),
                        signal or (do if isinstance(do, str) else "port")[:20].split("\n")[0],
                        report["away"],
                        report["back"],
                        report["took"],
                    )
                )
            found[host.name] = types.SimpleNamespace(
                host=host, result=results[0], msg=results[0].get("msg", ""), **report
            )
        return found.values()

    return run


def rolled_back(trial, stock, *expected, but=()):
    """It failed, said why, and all is as it was."""
    assert trial.result.failed, trial.result
    for pattern in expected:
        assert re.search(pattern, trial.msg), (pattern, trial.msg)
    assert trial.result.get("rolled_back") is True and trial.result["changed"] is False, (
        trial.result
    )
    assert (
        len(set(trial.msg.splitlines())) == len(trial.msg.splitlines())
        and "SIGHUP received" not in trial.msg
    ), trial.msg
    as_before(trial.host, stock, but)


def as_before(host, stock, but=()):
    before = {
        path: facts
        for path, facts in stock[host.name].items()
        if not path.startswith(tuple(but) or "\0")
    }
    found = differences(before, state(host, but))
    assert not found, str(found)[:2000]
    assert not host.exists(JOURNAL)
    assert (
        host.run(
            "find /etc /var/lib/mail-bindings -name '*-before' -o -name '*.new' | grep -v slapd.d || true"
        ).stdout
        == ""
    )


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


# -- certificates and ports that change after they were looked at


@pytest.mark.parametrize(
    "names, expected",
    [
        (
            ("SMTP", "Submissions", "IMAPS"),
            r":993 \(imap, ssl\): tls_failed|:465 \(submission, ssl\): (tls_failed|timeout)|doveadm|Dovecot",
        ),
        (
            ("LDAP",),
            "OpenLDAP (refused|can't use) the certificate /etc/ssl/mail/new.pem with the key /etc/ssl/mail/new-key.pem",
        ),
    ],
)
def test_the_key_of_another_certificate_put_in_place_after_the_check(
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
def test_a_port_taken_between_the_check_and_the_activation(hosts, stock, tried, clients, names):
    port = KINDS[names[1]][2]

    def hold(host):
        script = "import socket,time; s=socket.create_server((%r,%d)); time.sleep(60)" % (
            host.address,
            port,
        )
        return (
            "python3 -c '%s' >/dev/null 2>&1 & echo $! >/run/holder; n=0; "
            "while [ $n -lt 100 ] && ! ss -Hltn | grep -q :%d; do n=$((n+1)); sleep .02; done"
        ) % (script.replace("'", '"'), port)

    for trial in tried(declared(*names), "journal", do=hold):
        trial.host.run("kill $(cat /run/holder); rm /run/holder")
        rolled_back(
            trial,
            stock,
            r"process \d+ \(python3\) holds %s:%d" % (re.escape(trial.host.address), port),
        )
        answers(clients, trial.host)


def test_an_option_that_the_checker_passes_and_the_daemon_dies_of(hosts, stock, tried, clients):
    """Postfix ends smtpd at the first client and throttles it. The entry has been so before, and is so again: no reason to touch the others."""
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
    # the broken entry is mended by hand: it is throttled no more when it has been away for a moment
    for host in hosts:
        stock[host.name] = state(host)


# -- servers that die


def test_every_server_killed_during_the_activation(hosts, stock, tried, clients):
    kill = "kill -9 $(cat /var/spool/postfix/pid/master.pid) $(cat /run/dovecot/master.pid) $(pidof slapd)"
    for trial in tried(declared(*ALL), "bound", 636, do=kill):
        rolled_back(trial, stock, "(OpenLDAP|Postfix|Dovecot)")
        answers(clients, trial.host)


@pytest.mark.parametrize(
    "port, pid, expected",
    [
        (
            25,
            "$(cat /var/spool/postfix/pid/master.pid)",
            "Postfix's master is dead|Postfix has died",
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
def test_one_server_killed_during_the_activation(hosts, stock, tried, clients, port, pid, expected):
    for trial in tried(declared("SMTP", "IMAPS", "LDAP"), "bound", port, do="kill -9 " + pid):
        rolled_back(trial, stock, expected)
        assert trial.away <= 5, trial
        answers(clients, trial.host)


# -- full disks


@contextlib.contextmanager
def full(hosts, folder, room):
    """The folder, on a file system that has C(room) left."""
    script = (
        f"mkdir -p /run/room {folder}; mount -t tmpfs -o size=3m,mode=0755 tmpfs /run/room; "
        f"cp -a {folder}/. /run/room/; chown --reference={folder} /run/room; "
        f"chmod --reference={folder} /run/room; mount --bind /run/room {folder}; "
        f"dd if=/dev/zero of={folder}/filler bs=1024 2>/dev/null; truncate -s -{room} {folder}/filler; df {folder} >/dev/null"
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
def test_a_full_disk(hosts, stock, tried, clients, folder, names, expected, which):
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


# -- the end of the run itself

PHASES = [
    ("journal",),
    ("written", MASTER_CF),
    ("bound", 25),
    ("bound", 995),
    ("written", DEFAULTS),
    ("bound", 636),
]


@pytest.mark.parametrize(
    "phase", PHASES, ids=lambda phase: "-".join(map(str, phase)).replace("/", ".")
)
def test_ended(hosts, stock, tried, phase):
    for trial in tried(declared(*ALL), *phase, signal="SIGTERM"):
        assert "the task was ended by SIGTERM" in trial.msg, trial.result
        if "Nothing was changed" not in trial.msg:
            rolled_back(trial, stock)
        as_before(trial.host, stock)


@pytest.mark.parametrize(
    "phase", PHASES, ids=lambda phase: "-".join(map(str, phase)).replace("/", ".")
)
def test_killed(hosts, stock, tried, play, phase):
    for trial in tried(declared(*ALL), *phase, signal="SIGKILL"):
        assert trial.result.failed and trial.host.exists(JOURNAL), trial.result
    foreseen = (
        play([{"name": "foreseen", MODULE: {}}], hosts, check=True) if phase == ("journal",) else []
    )
    for result in foreseen:
        assert "run once without --check" in result["msg"], result
    for result in play([{"name": "after", MODULE: {}}], hosts):
        assert not result.failed and result["changes"] == [], result
        assert any(
            re.search(
                "the run of .* was interrupted, and its unfinished changes were undone first: .*%s"
                % MASTER_CF,
                text,
            )
            for text in result["warnings"]
        )
    for host in hosts:
        as_before(host, stock)


def test_killed_and_then_somebody_edits_a_file(hosts, stock, tried, play):
    for trial in tried(declared("SMTP", "IMAP"), "bound", 143, signal="SIGKILL"):
        trial.host.run("cp -a %s /root/ours; echo '# theirs' >>%s" % (MASTER_CF, MASTER_CF))
    for result in play([{"name": "after", MODULE: {}}], hosts):
        assert (
            result.failed
            and "+# theirs" in result["msg"]
            and "%s was changed by somebody else" % MASTER_CF in result["msg"]
        ), result
    for host in hosts:
        assert host.read(MASTER_CF).endswith("# theirs\n") and host.exists(JOURNAL)
        host.run("mv /root/ours %s" % MASTER_CF)
    for result in play([{"name": "after", MODULE: {}}], hosts):
        assert not result.failed, result
    for host in hosts:
        as_before(host, stock)


@pytest.mark.parametrize(
    "terminal, phase",
    [(False, ("bound", 143)), (True, ("written", MASTER_CF))],
    ids=["without a terminal", "with a terminal"],
)
def test_a_lost_connection_is_an_end_that_rolls_back(hosts, stock, tried, phase, terminal):
    environment = {"ANSIBLE_PIPELINING": "false", "ANSIBLE_SSH_USETTY": "true"} if terminal else {}
    for trial in tried(declared("SMTP", "IMAP"), *phase, signal="hangup", environment=environment):
        assert trial.result.status == "unreachable" or trial.result.failed, trial.result
        as_before(trial.host, stock)


def kill_clients(process, hosts):
    """The programs that Ansible waits for."""
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            argv = pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
            if argv[0] == "ssh" and any(host.address in argv for host in hosts):
                os.kill(pid, SIGKILL)


def press_control_c(process, hosts):
    """All that the terminal's user has started gets it."""
    os.killpg(process.pid, SIGINT)


@pytest.mark.parametrize("lose, which", [(kill_clients, 0), (press_control_c, 1)])
def test_a_connection_that_ends_on_our_side_is_a_lost_one_too(hosts, stock, play, lose, which):
    """Here it is a session in a connection that plays share, which lives on (ControlPersist)."""
    hosts = [hosts[which]]

    def watcher(process):
        assert wait_until(lambda: all(host.exists(JOURNAL) for host in hosts), 60)
        lose(process, hosts)

    play([{"name": "connect", "ansible.builtin.ping": {}}], hosts)
    played = play([{"name": "lost", MODULE: declared("SMTP", "IMAP")}], hosts, watcher=watcher)
    assert all(result.failed for result in played), played.output  # after Ctrl-C there are none
    for host in hosts:
        wait_for_its_end(host)
        as_before(host, stock)


def wait_for_its_end(host):
    host.run(["flock", "--wait", "60", "/var/lib", "true"])


def test_who_does_not_wait_for_the_end_has_not_lost_the_connection(hosts, stock, play):
    """An asynchronous task; the connection ends long before it."""
    hosts = hosts[:1]
    played = play(
        [{"name": "begun", MODULE: declared("SMTP", "IMAP"), "async": 120, "poll": 0}], hosts
    )
    assert not played.failed, played.output
    for host in hosts:
        assert wait_until(lambda: host.exists(JOURNAL), 60)
        wait_for_its_end(host)
    for result in play([{"name": "again", MODULE: declared("SMTP", "IMAP")}], hosts):
        assert not result.failed and result["changes"] == [], result
    give_back(play, hosts, stock)


def give_back(play, hosts, stock):
    for result in play([{"name": "back", MODULE: {"state": "absent"}}], hosts):
        assert not result.failed, result
    for host in hosts:
        host.run("rm -rf /etc/mail-bindings")
        now, before = state(host), stock[host.name]
        # whole files come back with state: absent, not inodes and times
        assert {
            name: facts[-1] if isinstance(facts, tuple) else facts for name, facts in now.items()
        } == {
            name: facts[-1] if isinstance(facts, tuple) else facts for name, facts in before.items()
        }
        stock[host.name] = now
