# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers see of a host, where its other users can interfere, and logs without syslog."""

from __future__ import annotations

import re
import subprocess

import pytest

from support.fleet.declaring import CONFIG, MODULE, declared, differences, state
from support.fleet.mail import put_certificate

CLOSED = "/srv/closed"
#: server -> drop-in of its unit, and the folder that it hides.
DROP_INS = {
    "postfix": ("ProtectHome=yes", "/root/tls"),
    "dovecot": ("TemporaryFileSystem=/opt\nBindReadOnlyPaths=/opt/tls", "/opt/hidden"),
    "slapd": ("InaccessiblePaths=" + CLOSED, CLOSED),
}
LOCK = "/run/mail-bindings.lock"


@pytest.fixture(scope="module")
def hosts(make_hosts):
    return make_hosts(
        {"name": "box-12", "suite": "bookworm"}, {"name": "box-13", "suite": "trixie"}
    )


@pytest.fixture
def run(play, hosts):
    """run(options, ...) -> {host: [result, ...]}, a task for each on all hosts; "check" is one."""

    def runs(*tasks):
        played = play(
            [
                {
                    "name": "run",
                    MODULE: {key: value for key, value in task.items() if key != "check"},
                    "check_mode": task.get("check", False),
                }
                for task in tasks
            ],
            hosts,
        )
        found = {host: [] for host in hosts}
        for result in played:
            next(found[host] for host in hosts if host.name == result.host).append(result)
        assert all(len(results) == len(tasks) for results in found.values()), played.output
        return found

    return runs


def unit_of(host, server):
    # Debian 12's unit postfix.service only stands for the one that runs Postfix
    is_12 = host.suite == "bookworm"
    return "postfix@-.service" if server == "postfix" and is_12 else server + ".service"


def drop_in(host, server, text, restart=True):
    unit = unit_of(host, server)
    host.write("/etc/systemd/system/%s.d/test.conf" % unit, "[Service]\n%s\n" % text)
    host.run("systemctl daemon-reload" + ("; systemctl restart " + unit if restart else ""))


def sees(host, pid_file, path) -> bool:
    """Can the process open it? Asked of a root directory that is the process's."""
    pid = host.read(pid_file).strip()
    return host.run(["chroot", f"/proc/{pid}/root", "cat", path], check=False).returncode == 0


def test_what_a_servers_sandbox_hides_is_refused(hosts, run, authority, clients):
    """Dovecot keeps its old settings when it can't read a file, and does not start with them."""
    for host in hosts:
        for folder in ("/tmp/tls", *(folder for dummy, folder in DROP_INS.values()), "/opt/tls"):
            paths = folder + "/cert.pem", folder + "/key.pem"
            host.facts["opt"] = put_certificate(host, authority, *paths, which=folder[1:4])
            host.run(["chmod", "755", folder])
        host.run("ln -s /tmp/tls /etc/ssl/mail/linked")
    for (result,) in run(declared("SMTP", "IMAPS", "LDAPS")).values():
        assert not result.failed, result
    for server, (text, dummy) in DROP_INS.items():
        for host in hosts:
            drop_in(host, server, text, restart=server != "slapd")
    before = {host: state(host) for host in hosts}
    hidden = with_certificates(SMTP="/root/tls", LDAPS=CLOSED, IMAPS="/opt/hidden")
    linked = with_certificates(IMAPS="/etc/ssl/mail/linked")
    tmp = with_certificates(IMAPS="/tmp/tls")
    expected = [
        [
            "/root/tls/cert.pem can't be read by Postfix, whose service does not see that place "
            "(ProtectHome=yes in postfix",
            CLOSED + "/cert.pem can't be read by OpenLDAP",
            "(InaccessiblePaths=%s in slapd.service)" % CLOSED,
            "/opt/hidden/cert.pem can't be read by Dovecot",
            "(TemporaryFileSystem=/opt in dovecot.service)",
        ],
        ["/etc/ssl/mail/linked/cert.pem can't be read by Dovecot", "(PrivateTmp=yes in dovecot"],
        ["/tmp/tls/cert.pem can't be read by Dovecot", "(PrivateTmp=yes in dovecot"],
    ]
    for host, results in run({**hidden, "check": True}, {**linked, "check": True}, tmp).items():
        for result, all_words in zip(results, expected):
            assert result.failed and all(words in result["msg"] for words in all_words), result
        assert differences(before[host], state(host)) == {}
        assert not sees(host, "/run/dovecot/master.pid", "/tmp/tls/cert.pem")
        assert sees(host, "/run/dovecot/master.pid", "/opt/tls/cert.pem")
        host.run("systemctl stop dovecot")
    # one that does not run, and then what its sandbox lets through, which is served
    fine = with_certificates(IMAPS="/opt/tls", start=True)
    tmp["start"] = True
    for host, (refused, done) in run({**tmp, "check": True}, fine).items():
        assert refused.failed and "PrivateTmp=yes" in refused["msg"], refused
        assert not done.failed, done
        host.run("systemctl restart dovecot")
        host.wait_for_ports(993)
        assert clients.served_certificate(host.address, 993) == host.facts["opt"]


def with_certificates(start=False, **folders):
    """SMTP, IMAPS and LDAPS, with the certificates and keys in these folders."""
    wanted = declared("SMTP", "IMAPS", "LDAPS", start=start)
    for port in wanted["ports"]:
        folder = folders.get(port["name"])
        if folder:
            paths = {"certificate_path": "/cert.pem", "private_key_path": "/key.pem"}
            port.update({key: folder + name for key, name in paths.items()})
    return wanted


def test_postfix_says_why_in_a_log_file_of_its_own(hosts, play):
    """As in containers: nothing of it reaches the journal."""
    host = hosts[1]
    host.run(
        "cp -a /etc/postfix/main.cf /root/main.cf; postconf -e maillog_file=/var/log/postfix.log "
        "smtpd_client_connection_count_limit=maybe; systemctl restart postfix"
    )
    # words of another user, whose program has a name of Postfix's
    spoof = "cp /usr/bin/logger smtpd; while :; do ./smtpd fatal: evil; sleep 0.3; done"
    as_eve = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", "cd /tmp; " + spoof]
    with host.popen(as_eve):
        task = {"name": "run", MODULE: declared("SMTP", "Submissions", timeout=3)}
        (result,) = play([task], host)
    assert result.failed and result["rolled_back"], result
    spoofed = ["journalctl", "-q", "-o", "cat", "_COMM=smtpd", "--grep=evil"]
    assert "evil" in host.run(spoofed).stdout and "evil" not in result["msg"], result["msg"]
    words = "fatal: bad numerical configuration: smtpd_client_connection_count_limit"
    assert "Postfix: " + words in result["msg"], result["msg"]
    assert words in host.read("/var/log/postfix.log")
    host.run("cp -a /root/main.cf /etc/postfix/main.cf; systemctl restart postfix")


#: What an ordinary user does meanwhile: holds locks, and runs programs with names of servers.
EVE = """
cd /home/eve
mkdir postfix; cp /usr/bin/python3 postfix/master; cp /bin/sleep slapd
postfix/master -c 'import socket, time; s = socket.create_server(("", 9999)); time.sleep(90)' &
./slapd 90 -h ldapi://%2Fhome%2Feve%2Fldapi &
for path in / /var/lib /run /etc /etc/mail-bindings LOCK; do flock -w 1 "$path" sleep 90 & done
echo ready
wait
""".replace("LOCK", LOCK)


def test_another_user_can_neither_stop_nor_redirect_a_run(hosts, run):
    """By locks, folders of its own, and programs that have the names of servers."""
    for host in hosts:
        # as a hand may have left it
        host.run(f"touch {LOCK} /etc/mail-bindings/.bindings.json.lock; chmod 644 {LOCK}")
        host.run("mkdir -p /home/eve; chown nobody /home/eve; ln -s /etc/shadow /home/eve/b.json")
        host.facts["shadow"] = host.run(["stat", "-c", "%a %u %g %Y", "/etc/shadow"]).stdout
        as_eve = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", EVE]
        host.facts["eve"] = host.popen(as_eve, stdout=subprocess.PIPE).__enter__()
        assert host.facts["eve"].stdout.readline() == "ready\n"
        host.wait_for_ports(9999)
    others = [
        declared("SMTP", config_path=path, mode="0644")
        for path in ("/home/eve/b.json", "/home/eve/new/b.json", "/tmp/b.json")
    ]
    try:
        for host, (result, again, *refused) in run(
            declared("SMTP", "LDAPS"), declared("SMTP", "LDAPS"), *others
        ).items():
            assert not result.failed and result["changed"], result
            assert not again.failed and not again["changed"], again
            assert "9999" not in str([result["changes"], result["listeners"]])
            for other in refused:
                assert other.failed and re.search("the folder /(home/eve|tmp) ", other["msg"])
            shadow = host.run(["stat", "-c", "%a %u %g %Y", "/etc/shadow"]).stdout
            assert shadow == host.facts["shadow"] and not host.exists("/tmp/b.json")
            assert not host.exists(LOCK), host.run(["ls", "-la", "/run"]).stdout
            assert host.run(["stat", "-c", "%a %u", CONFIG]).stdout.split() == ["640", "0"]
            assert ("0.0.0.0", 9999, "master") in host.listening()
    finally:
        for host in hosts:
            host.facts["eve"].__exit__(None, None, None)
