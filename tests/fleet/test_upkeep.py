# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_listeners on hosts in use: renewed certificates, files edited by hand, earlier problems."""

from __future__ import annotations

import re
import time

import pytest

from support import pki
from support.fleet.declaring import (
    ALL,
    CONFIG,
    DEFAULTS,
    MASTER_CF,
    MODULE,
    declared,
    differences,
    sockets,
    state,
)
from support.fleet.mail import put_certificate

INFO = "mailops.bindings.mail_listeners_info"
LOOPBACK = ("127.0.0.1", "::1")
#: An entry of master.cf that listens and never answers.
BROKEN = "127.0.0.1:2526 inet n - y - - smtpd\n  -o smtpd_client_connection_count_limit=maybe\n"
MAIL = (25, 465, 587, 110, 143, 993, 995, 389, 636)


@pytest.fixture(scope="module")
def hosts(make_hosts):
    return make_hosts(
        {"name": "live-12", "suite": "bookworm"}, {"name": "live-13", "suite": "trixie"}
    )


@pytest.fixture
def run(play, hosts):
    """run(options) -> {host: result}: on all hosts, and it must go well."""

    def runs(options, module=MODULE, fails=False, **playing):
        played = play([{"name": "run", module: options}], hosts, **playing)
        found = {
            host: next(result for result in played if result.host == host.name) for host in hosts
        }
        for result in found.values():
            assert result.failed == fails, result
        return found

    return runs


def masters(host):
    """The main process of each server: the same as long as it is not restarted."""
    return host.run(
        "cat /var/spool/postfix/pid/master.pid /run/dovecot/master.pid; pidof slapd"
    ).stdout.split()


def reloads(host, since):
    """Which servers reloaded or restarted."""
    journal = host.run(["journalctl", "-q", "-o", "cat", "--since", f"@{since}"]).stdout
    patterns = {
        "postfix": "reload -- version|starting the Postfix",
        "dovecot": "SIGHUP received|Dovecot v.* starting up",
        "slapd": "@.*slapd|slapd starting",
    }
    return {name for name, pattern in patterns.items() if re.search(pattern, journal)}


def moment() -> int:
    """A second from which on the journal has nothing of before."""
    time.sleep(1)
    return int(time.time())


def mail(host, also_loopback=False):
    return {
        (address, port)
        for address, port in sockets(host)
        if port in MAIL and (also_loopback or address not in LOOPBACK)
    }


def test_activate_false_writes_only_files(hosts, run):
    """As for an image."""
    before = {host: sockets(host) for host in hosts}
    began = moment()
    for host, result in run(declared("SMTP", "IMAPS", "LDAP", activate=False)).items():
        assert result["changed"] and set(result["activation"].values()) == {"none"}
        assert sockets(host) == before[host] and not reloads(host, began)
        assert "mailops.bindings" in host.read(MASTER_CF) and host.exists(CONFIG)
    # a run that activates makes the servers follow
    foreseen = run({}, check=True)
    for host, result in run({}).items():
        assert result["changes"] == foreseen[host]["changes"] and result["changes"]
        assert mail(host) == {(host.address, 25), (host.address, 993), (host.address, 389)}


def test_check_mode_changes_nothing_on_a_new_host(hosts, run):
    before = {
        host: (state(host), sorted(host.snapshot("/var/lib/mail-bindings"))) for host in hosts
    }
    foreseen = run(declared(*ALL), check=True)
    for host in hosts:
        assert (
            differences(before[host][0], state(host)) == {}
            and sorted(host.snapshot("/var/lib/mail-bindings")) == before[host][1]
        )
    done = run(declared(*ALL))
    for host in hosts:
        assert done[host]["changes"] == foreseen[host]["changes"]
        assert {listener["status"] for listener in done[host]["listeners"]} == {"ok"}
    after = {host: (state(host), masters(host)) for host in hosts}
    began = moment()
    for host, result in run(declared(*ALL)).items():
        assert result["changes"] == [] and not result["changed"]
        assert (
            differences(after[host][0], state(host)) == {}
            and masters(host) == after[host][1]
            and not reloads(host, began)
        )


@pytest.mark.parametrize(
    "names, server",
    [(("SMTP",), "postfix"), (("IMAP", "IMAPS"), "dovecot"), (("LDAP", "LDAPS"), "slapd")],
)
def test_only_the_server_of_a_renewed_certificate_reloads(
    hosts, run, clients, authority, names, server
):
    """Each server has a file of its own here."""
    paths = [f"/etc/ssl/mail/{server}.pem", f"/etc/ssl/mail/{server}-key.pem"]
    for host in hosts:
        put_certificate(host, authority, *paths)
    options = declared(*names, certificate=paths[0], key=paths[1])
    options["exclusive"] = False
    run(options)
    renewed = {host: put_certificate(host, authority, *paths) for host in hosts}
    ports = {port["port"]: port for port in options["ports"]}
    for host, result in run({}, module=INFO).items():
        statuses = {
            listener["port"]: listener["status"]
            for listener in result["listeners"]
            if listener["address"] == host.address
        }
        # Postfix reads a certificate with every new process: the first client may get the new one
        assert {statuses.pop(port) for port in ports} <= (
            {"wrong_certificate", "ok"} if server == "postfix" else {"wrong_certificate"}
        ), result
        assert set(statuses.values()) == {"ok"}, result
    pids = {host: masters(host) for host in hosts}
    began = moment()
    foreseen = run({}, check=True)
    for host, result in run({}).items():
        assert result["changes"] == foreseen[host]["changes"]
        if result["changes"]:
            # slapd's certificate is loopback's too
            assert {int(change["name"].rpartition(":")[2]) for change in result["changes"]} <= set(
                ports
            ), result
            assert {name for name, how in result["activation"].items() if how != "none"} == {server}
        assert reloads(host, began) <= {server} and masters(host) == pids[host]
        for number, port in ports.items():
            assert (
                clients.served_certificate(
                    host.address, number, port["protocol"] if port["encryption"] == "tls" else None
                )
                == renewed[host]
            )
    for result in run({}).values():
        assert result["changes"] == []


def test_a_chain_that_changes_behind_its_certificate_is_served(hosts, run, play, authority):
    """First the certificate alone; then its intermediate comes behind it; then files are damaged."""
    path, key_path = "/etc/ssl/mail/chain.pem", "/etc/ssl/mail/chain-key.pem"
    names = ("SMTP", "IMAP", "IMAPS", "LDAP", "LDAPS")
    options = {**declared(*names, certificate=path, key=key_path), "exclusive": False}
    whole = {}
    for host in hosts:
        put_certificate(host, authority, path, key_path)
        whole[host] = host.read(path)
        host.write(path, whole[host].partition("\n-----BEGIN")[0] + "\n")

    def served(host):
        return [
            int(
                host.run(
                    f"openssl s_client -showcerts -connect {host.address}:{port} </dev/null "
                    "2>/dev/null | grep -c BEGIN.CERTIFICATE"
                ).stdout
            )
            for port in (993, 636)
        ]

    for host, result in run(options).items():
        assert {listener["status"] for listener in result["listeners"]} == {"ok"}
        assert served(host) == [1, 1]
        host.write(path, whole[host])
    for result in run({}, module=INFO).values():
        details = [
            listener["detail"] for listener in result["listeners"] if listener["port"] == 993
        ]
        assert "the file has 2 certificates, the server sends 1" in details[0], result
    foreseen = run({}, check=True)
    for host, result in run({}).items():
        assert result["changes"] == foreseen[host]["changes"] and served(host) == [2, 2]
        # what slapd's GnuTLS takes for its own certificate, and OpenSSL skips
        other = authority.issue(pki.key("ecdsa", "mail"), names=["other.example"])
        text = pki.certificate_bytes(other).decode().replace("-----BEGIN", "# -----BEGIN")
        host.write(path, text + whole[host])
    refused_by_gnutls = {**declared("LDAP2", certificate=path, key=key_path), "exclusive": False}
    # Debian 13's slapd is linked to OpenSSL
    played = play([{"name": "run", MODULE: refused_by_gnutls}], hosts[:1], check=True)
    result = next(result for result in played if result.host == hosts[0].name)
    assert result.failed and "GnuTLS takes for the server's" in result["msg"], result
    for host in hosts:
        host.write(path, whole[host].replace("-----\n-----", "----------"))  # glued
    changed = {**declared("IMAP2", certificate=path, key=key_path), "exclusive": False}
    for check in (True, False):
        for host, result in run(changed, fails=True, check=check).items():
            assert "has the end of a block and the beginning of the next" in result["msg"]
            assert served(host) == [2, 2]
    for host in hosts:
        host.write(path, whole[host])
    for result in run({}).values():
        assert {listener["status"] for listener in result["listeners"]} == {"ok"}


def test_changes_by_hand_are_seen_and_undone(hosts, run, clients):
    for host in hosts:
        text = host.read(MASTER_CF)
        host.write(
            MASTER_CF,
            re.sub(
                r"(?m)^%s:465 inet" % re.escape(host.address), host.address + ":4650 inet", text
            ),
        )  # and not reloaded
        host.run(
            "find /etc/dovecot -name '*mailops*' -delete; doveadm reload"
        )  # our listeners are gone, and the stock ones back
    before = {host: state(host) for host in hosts}
    foreseen = run({}, check=True)
    for host, result in foreseen.items():
        assert {MASTER_CF, f"{host.address}:993"} <= {
            change["name"] for change in result["changes"]
        }, result["changes"]
        assert differences(before[host], state(host)) == {}
    for host, result in run({}).items():
        assert result["changes"] == foreseen[host]["changes"]
        assert clients.served_certificate(host.address, 465) == host.facts["fingerprint"]
    for result in run({}).values():
        assert result["changes"] == []


def test_an_earlier_problem_neither_blocks_nor_rolls_back_a_run(hosts, run, clients, authority):
    """An expired certificate, and a listener that has never answered."""
    for host in hosts:
        put_certificate(
            host,
            authority,
            "/etc/ssl/mail/old.pem",
            "/etc/ssl/mail/old-key.pem",
            which="old",
            ends=-1.0,
        )
    expired = declared(
        "POP3S",
        certificate="/etc/ssl/mail/old.pem",
        key="/etc/ssl/mail/old-key.pem",
        check_certificate=False,
    )
    run({**expired, "exclusive": False})
    for host in hosts:
        text = host.read(MASTER_CF)
        host.write(
            MASTER_CF,
            text + BROKEN,
        )
        host.run(["postfix", "reload"])
    options = {**declared("SMTP", "SMTP2"), "exclusive": False}
    for host, result in run({**options, "timeout": 3}).items():
        assert f"{host.address}:2525" in {change["name"] for change in result["changes"]}
        statuses = {listener["name"]: listener["status"] for listener in result["listeners"]}
        assert (
            statuses[f"{host.address}:995"] == "expired" and statuses["127.0.0.1:2526"] == "timeout"
        )
        assert any("expired" in warning for warning in result["warnings"])
        assert clients.served_certificate(host.address, 2525, "smtp")
        host.write(
            MASTER_CF,
            host.read(MASTER_CF).replace(
                BROKEN,
                "",
            ),
        )
        host.run(["postfix", "reload"])


def test_a_stopped_server_is_refused_or_started(hosts, run):
    """Without Dovecot no client can log in to Postfix. The run did not break that, and goes on."""
    for host in hosts:
        host.run("systemctl stop dovecot")
    for result in run({}, fails=True).values():
        assert (
            "Dovecot is not running: start it first, or set start to true, "
            "or take dovecot off servers" in result["msg"]
        )
    options = {"servers": ["postfix", "slapd"], "timeout": 2, "on_unhealthy": "warn"}
    for host, result in run(options).items():
        assert result["changes"] == [] and (host.address, 993) not in mail(host)
    for host, result in run({"start": True, "timeout": 2}).items():
        assert result["activation"]["dovecot"] == "start" and (host.address, 993) in mail(host)


def test_keep_loopback_false_removes_loopback(hosts, run):
    for host, result in run(
        {
            **declared("SMTP"),
            "servers": ["postfix"],
            "keep_loopback": False,
            "probe": False,
            "drain": 1,
        }
    ).items():
        assert {address for address, port in mail(host, also_loopback=True) if port == 25} == {
            host.address
        }
        assert (host.address, 993) in mail(host)  # of a server that was left out
        assert all(
            listener["detail"] == "as it would be: not probed" for listener in result["listeners"]
        )


def test_state_absent_gives_the_servers_back(hosts, run):
    for host in run({"state": "absent"}):
        assert "mailops" not in host.read(MASTER_CF) + host.read(DEFAULTS)
        assert host.run("find /etc/dovecot /etc/systemd -name '*mailops*'").stdout == ""
    for result in run({"state": "absent"}).values():
        assert result["changes"] == []
