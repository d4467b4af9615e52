# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is ok answers after a restart too, what would not is at risk, what is broken is repaired."""

from __future__ import annotations

import concurrent.futures
import os
import random

import pytest

from support.fleet.clients import Refused
from support.fleet.commands import wait_until
from support.fleet.declaring import MODULE
from support.fleet.mail import put_certificate

INFO = {"name": "seen", "mailops.bindings.mail_listeners_info": {"timeout": 4}}
SERVERS = ("postfix", "dovecot", "slapd")
#: name -> protocol, encryption, number, server, what openssl calls the protocol
KINDS = {
    "SMTP": ("smtp", "tls", 25, "postfix", "smtp"),
    "Submissions": ("submission", "ssl", 465, "postfix", None),
    "IMAP": ("imap", "tls", 143, "dovecot", "imap"),
    "IMAPS": ("imap", "ssl", 993, "dovecot", None),
    "LDAP": ("ldap", "tls", 389, "slapd", "ldap"),
    "LDAPS": ("ldap", "ssl", 636, "slapd", None),
}
SERVER_OF = {number: server for dummy, dummy2, number, server, dummy3 in KINDS.values()}
STARTTLS = {number: starttls for dummy, dummy2, number, dummy3, starttls in KINDS.values()}

FILES = "/etc/ssl/mail /etc/postfix /etc/dovecot /etc/ldap/slapd.d"
_LOCAL = """printf 'local 192.0.2.1 {\\n  %s/etc/nothing.pem\\n}\\n' "$(
    doveconf -n | grep -q '^ssl_server_cert_file' && echo 'ssl_server_cert_file = ' || echo 'ssl_cert = <'
)" > /etc/dovecot/conf.d/11-local.conf"""
#: What is done to a host, and the servers of which listeners are at risk then, or broken.
FAULTS = {
    "gone": (
        [
            "rm /etc/ssl/mail/dovecot.pem",
            "rm /etc/ssl/mail/postfix.key",
            "openssl ecparam -name prime256v1 -genkey -noout -out /etc/ssl/mail/slapd.key",
        ],
        {*SERVERS},
    ),
    "spoilt": (
        [
            "truncate -s 0 /etc/ssl/mail/dovecot.key",
            "cat /etc/ssl/mail/slapd.pem > /etc/ssl/mail/postfix.pem",
            "rm /etc/ssl/mail/slapd.pem",
        ],
        {*SERVERS},
    ),
    "a file that is not declared, and a listener that is not in the files": (
        [_LOCAL, "sed -i '/^%(four)s:465 /s/^/#/' /etc/postfix/master.cf"],
        {"dovecot", "postfix"},
    ),
    "refused by the checkers": (
        [
            "echo 'smtp inet n' >> /etc/postfix/master.cf",
            "echo 'service {' >> /etc/dovecot/conf.d/10-ssl.conf",
        ],
        {"dovecot", "postfix"},
    ),
    "an address": (["ip address del %(six)s/64 dev eth0"], {*SERVERS}),
}
#: Parts of random faults; %(server)s is one of the servers.
PARTS = (
    "rm -f /etc/ssl/mail/%(server)s.pem",
    "rm -f /etc/ssl/mail/%(server)s.key",
    "truncate -s 0 /etc/ssl/mail/%(server)s.pem",
    "truncate -s 0 /etc/ssl/mail/%(server)s.key",
    "truncate -s 900 /etc/ssl/mail/%(server)s.pem",
    "sed -i 's/^.\\{20\\}/#&/' /etc/ssl/mail/%(server)s.pem",
    "cp /etc/ssl/mail/postfix.pem /etc/ssl/mail/%(server)s.pem",
    "openssl ecparam -name prime256v1 -genkey -noout -out /etc/ssl/mail/%(server)s.key",
    "chown root: /etc/ssl/mail/%(server)s.key; chmod 600 /etc/ssl/mail/%(server)s.key",
    "chmod 700 /etc/ssl/mail",
    "ip address del %(six)s/64 dev eth0",
    "systemctl stop %(server)s",
    "systemctl restart %(server)s",
    "systemctl reload-or-restart %(server)s",
    "sed -i '/^%(four)s:465 /s/^/#/' /etc/postfix/master.cf",
    "echo 'smtp inet n' >> /etc/postfix/master.cf",
    "echo 'service {' >> /etc/dovecot/conf.d/10-ssl.conf",
    _LOCAL,
)


@pytest.fixture(name="hosts", scope="module")
def _hosts(make_hosts, authority):
    made = make_hosts(
        {"name": "risk-12", "suite": "bookworm", "dad": False},
        {"name": "risk-13", "suite": "trixie", "dad": False},
    )
    for host in made:
        for server in SERVERS:
            path = f"/etc/ssl/mail/{server}."
            host.facts[server] = put_certificate(
                host, authority, path + "pem", path + "key", which=server
            )
    return made


@pytest.fixture(name="declare", scope="module")
def _declare(play, hosts):
    """declare(**options) -> {host: result}: of a task that declares all, and how it is played."""
    ports = [
        {
            "name": name,
            "protocol": protocol,
            "encryption": encryption,
            "certificate_path": f"/etc/ssl/mail/{server}.pem",
            "private_key_path": f"/etc/ssl/mail/{server}.key",
        }
        for name, (protocol, encryption, dummy, server, dummy2) in KINDS.items()
    ]
    addresses = "{{ [{'address': ansible_host, 'ports': %r}, {'address': six, 'ports': ['SMTP', 'IMAPS', 'LDAPS']}] }}"
    task = {"exclusive": True, "ports": ports, "ip_addresses": addresses % [*KINDS]}
    six = {host.name: host.addresses[1] for host in hosts}

    def declares(fails=False, check=False, **options):
        played = play(
            [
                {
                    "name": "declared",
                    MODULE: {**task, **options},
                    "vars": {"six": "{{ %r[inventory_hostname] }}" % six},
                }
            ],
            hosts,
            check=check,
        )
        found = {host: result for host in hosts for result in played.of(host)}
        assert len(found) == len(hosts), played.output
        for result in found.values():
            assert result.failed == fails, result
        return found

    for host, result in declares().items():
        assert all(found["status"] == "ok" for found in result["listeners"]), (host, result)
    return declares


def served(host, clients, listeners):
    """Those of the listeners that a client on another host gets with their certificate."""

    def is_served(listener):
        address, number = listener["address"], listener["port"]
        try:
            found = clients.served_certificate(address, number, STARTTLS[number], timeout=4)
        except Refused:
            return False
        return found == host.facts[SERVER_OF[number]]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = list(pool.map(is_served, listeners))
    return {listener["name"] for listener, is_there in zip(listeners, found) if is_there}


def restart(host):
    host.run(
        "systemctl reset-failed; postfix stop; pkill -x master;"
        "for unit in postfix dovecot slapd; do systemctl restart $unit & done; wait; sleep 0.5",
        check=False,
    )


def at_once(do, hosts):
    """On all hosts at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(do, hosts))


def restore(host):
    host.run(f"rm -rf {FILES} /etc/dovecot/conf.d/11-local.conf; cp -a /root/kept/. /")
    host.ip("address", "replace", f"{host.addresses[1]}/64", "dev", "eth0", "nodad")
    restart(host)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_ok_answers_after_a_restart_and_what_would_not_is_at_risk(
    fault, hosts, declare, play, clients
):
    commands, servers = FAULTS[fault]
    for host in hosts:
        host.run(f"rm -rf /root/kept; mkdir /root/kept; cp -a --parents {FILES} /root/kept")
        four, six = host.addresses
        for command in commands:
            host.run(command.replace("%(six)s", six).replace("%(four)s", four))
    try:
        played = play([INFO], hosts)
        at_once(restart, hosts)
        for host in hosts:
            (result,) = played.of(host)
            seen = [found for found in result["listeners"] if found["status"] != "unexpected"]
            statuses = {found["name"]: found["status"] for found in seen}
            fine = {name for name, status in statuses.items() if status == "ok"}
            assert len(seen) == len(KINDS) + 3
            others = {SERVER_OF[found["port"]] for found in seen if found["name"] not in fine}
            assert others == servers, (host.name, statuses)
            # those of Postfix have failed already: it reads its files for each of its processes
            assert ("at_risk" in statuses.values()) == bool(servers), (host.name, statuses)
            assert served(host, clients, seen) == fine, (host.name, statuses)
    finally:
        at_once(restore, hosts)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(int(os.environ.get("MAILOPS_RANDOM_FAULTS", "20"))))
def test_random_faults_are_told_by_what_a_client_gets_now_and_after_a_restart(
    seed, hosts, declare, play, clients
):
    choose = random.Random(seed)
    commands = [
        part.replace("%(server)s", choose.choice(SERVERS))
        for part in choose.choices(PARTS, k=choose.randint(1, 4))
    ]
    for host in hosts:
        host.run(f"rm -rf /root/kept; mkdir /root/kept; cp -a --parents {FILES} /root/kept")
        four, six = host.addresses
        for command in commands:
            host.run(command.replace("%(six)s", six).replace("%(four)s", four), check=False)
    try:
        played = play([INFO], hosts)
        seen = {
            host: [
                found
                for found in played.of(host)[0]["listeners"]
                if found["status"] != "unexpected"
            ]
            for host in hosts
        }
        now = {host: served(host, clients, seen[host]) for host in hosts}
        at_once(restart, hosts)
        for host in hosts:
            statuses = {found["name"]: found["status"] for found in seen[host]}
            fine = {name for name, status in statuses.items() if status == "ok"}
            then = served(host, clients, seen[host])
            assert fine == now[host] & then, (host.name, commands, statuses, now[host], then)
    finally:
        at_once(restore, hosts)


def test_it_fails_the_task_and_is_a_warning_in_check_mode(hosts, declare):
    for host in hosts:
        host.run("mv /etc/ssl/mail/postfix.key /root")
    try:
        for result in declare(fails=True, check_certificate=False, timeout=4).values():
            assert result["changed"] is False
            assert {found["name"].rpartition(":")[2] for found in result["unhealthy"]} == {
                "25",
                "465",
            }
            assert "/etc/ssl/mail/postfix.key can't be read" in result["msg"]
        for result in declare(
            on_unhealthy="warn", check_certificate=False, check=True, timeout=4
        ).values():
            assert result["unhealthy"] and any("postfix.key" in text for text in result["warnings"])
    finally:
        for host in hosts:
            host.run("mv /root/postfix.key /etc/ssl/mail")
        at_once(restart, hosts)  # its processes keep what they have
    for result in declare().values():
        assert result["unhealthy"] == [] and not result["changed"]


def test_what_a_server_has_wrong_in_its_memory_is_repaired_and_proved(hosts, declare, clients):
    """The files are right again, and nobody has told Dovecot."""
    key = "/etc/ssl/mail/dovecot.key"
    for host in hosts:
        host.run(f"cp -a {key} /root/kept.key; truncate -s 0 {key}; doveadm reload")
        # it reads them for its first client
        assert wait_until(lambda host=host: not served(host, clients, _imaps(host)), 8)
        host.run(f"cp -a /root/kept.key {key}")
        assert served(host, clients, _imaps(host)) == set()
    foreseen = declare(check=True)
    for host, result in declare().items():
        assert result["changes"] == foreseen[host]["changes"]
        assert {change["name"] for change in result["changes"]} >= {
            found["name"] for found in _imaps(host)
        }
        assert [(change["before"], change["after"]) for change in result["changes"]] == [
            ({"status": change["before"]["status"]}, {"status": "ok"})
            for change in result["changes"]
        ]
        assert result["activation"] == {"postfix": "none", "dovecot": "reload", "slapd": "none"}
        assert result["unhealthy"] == []
        assert len(served(host, clients, _imaps(host))) == 2
    for result in declare().values():
        assert result["changes"] == []


def _imaps(host):
    return [
        {
            "name": ("[%s]:993" if ":" in address else "%s:993") % address,
            "address": address,
            "port": 993,
        }
        for address in host.addresses
    ]
