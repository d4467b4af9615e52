# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers see of a host, where its other users can interfere, and logs without syslog."""

from __future__ import annotations

import re

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
    """run(options) -> {host: result}, on all hosts."""

    def runs(options, **playing):
        played = play([{"name": "run", MODULE: options}], hosts, **playing)
        return {
            host: next(result for result in played if result.host == host.name) for host in hosts
        }

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
        for folder in ("/tmp/tls", "/opt/tls", *(folder for dummy, folder in DROP_INS.values())):
            put_certificate(host, authority, folder + "/cert.pem", folder + "/key.pem")
            host.run(["chmod", "755", folder])
        host.run("ln -s /tmp/tls/cert.pem /etc/ssl/mail/linked.pem")
    for result in run(declared("SMTP", "IMAPS", "LDAPS")).values():
        assert not result.failed, result
    for server, (text, dummy) in DROP_INS.items():
        for host in hosts:
            drop_in(host, server, text, restart=server != "slapd")
    before = {host: state(host) for host in hosts}
    cases = [
        ("IMAPS", "/tmp/tls", "Dovecot", "PrivateTmp=yes in dovecot.service"),
        ("IMAPS", "/opt/hidden", "Dovecot", "TemporaryFileSystem=/opt"),
        ("SMTP", "/root/tls", "Postfix", "ProtectHome=yes in postfix"),
        ("LDAPS", CLOSED, "OpenLDAP", "InaccessiblePaths=%s in slapd.service" % CLOSED),
    ]
    for name, folder, title, words in cases:
        wanted = declared("SMTP", "IMAPS", "LDAPS")
        for port in wanted["ports"]:
            if port["name"] == name:
                port.update(
                    certificate_path=folder + "/cert.pem", private_key_path=folder + "/key.pem"
                )
        for check in (True, False):
            for host, result in run(wanted, check=check).items():
                assert result.failed and words in result["msg"], result
                assert "%s/cert.pem can't be read by %s" % (folder, title) in result["msg"]
                assert differences(before[host], state(host)) == {}
    wanted = declared("IMAPS", certificate="/etc/ssl/mail/linked.pem")
    for result in run(wanted, check=True).values():
        assert result.failed and "linked.pem can't be read by Dovecot" in result["msg"], result
    for host in hosts:
        assert not sees(host, "/run/dovecot/master.pid", "/tmp/tls/cert.pem")
        assert sees(host, "/run/dovecot/master.pid", "/opt/tls/cert.pem")
        host.run("systemctl stop dovecot")
    tmp = {"certificate": "/tmp/tls/cert.pem", "key": "/tmp/tls/key.pem"}
    for result in run(declared("IMAPS", start=True, **tmp), check=True).values():
        assert result.failed and "PrivateTmp=yes" in result["msg"], result
    # what its sandbox lets through is served, after a restart too
    opt = {"certificate": "/opt/tls/cert.pem", "key": "/opt/tls/key.pem"}
    for host, result in run(declared("IMAPS", start=True, **opt)).items():
        assert not result.failed, result
        host.run("systemctl restart dovecot")
        host.wait_for_ports(993)
        assert clients.served_certificate(host.address, 993)


def test_postfix_says_why_in_a_log_file_of_its_own(hosts, run):
    """As in containers: nothing of it reaches the journal."""
    for host in hosts:
        host.run(["cp", "-a", "/etc/postfix/main.cf", "/root/main.cf"])
        host.run(
            "postconf -e maillog_file=/var/log/postfix.log "
            "smtpd_client_restrictions=no_such_restriction; systemctl restart "
            + unit_of(host, "postfix")
        )
    for host, result in run(declared("SMTP", "Submissions", timeout=5)).items():
        assert result.failed and result["rolled_back"], result
        assert "Postfix: warning: unknown smtpd restriction" in result["msg"], result["msg"]
        assert "no_such_restriction" in host.read("/var/log/postfix.log")
        host.run(
            "cp -a /root/main.cf /etc/postfix/main.cf; systemctl restart "
            + unit_of(host, "postfix")
        )


def test_another_user_can_neither_stop_nor_redirect_a_run(hosts, run):
    """Holding locks, and owning folders."""
    held = 'for path in / /var/lib /run /etc /etc/mail-bindings %s; do flock -w 1 "$path" sleep 60 & done; wait'
    for host in hosts:
        # as an earlier run may have left it, or a hand
        host.run(f"touch {LOCK} /etc/mail-bindings/.bindings.json.lock; chmod 644 {LOCK}")
        host.run("mkdir -p /home/eve; chown nobody /home/eve; ln -s /etc/shadow /home/eve/b.json")
        host.facts["shadow"] = host.run(["stat", "-c", "%a %u %g %Y", "/etc/shadow"]).stdout
        host.facts["eve"] = host.popen(
            ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", held % LOCK]
        )
        host.facts["eve"].__enter__()
    try:
        for host, result in run(declared("SMTP", "LDAPS")).items():
            assert not result.failed and result["changed"], result
            assert not host.exists(LOCK), host.run(["ls", "-la", "/run"]).stdout
            assert host.run(["stat", "-c", "%a %u", CONFIG]).stdout.split() == ["640", "0"]
        for path in ("/home/eve/b.json", "/home/eve/new/b.json", "/tmp/b.json"):
            for host, result in run(declared("SMTP", config_path=path, mode="0644")).items():
                assert result.failed and re.search("the folder /(home/eve|tmp) ", result["msg"])
                shadow = host.run(["stat", "-c", "%a %u %g %Y", "/etc/shadow"]).stdout
                assert shadow == host.facts["shadow"] and not host.exists("/tmp/b.json")
    finally:
        for host in hosts:
            host.facts["eve"].__exit__(None, None, None)
