# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift playbook on real hosts: changes by hand are in their cell, with the right word."""

from __future__ import annotations

import json

import pytest

from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, put_certificate

from .role import differing, remove_port, seen

APPLY, DRIFT = "mailops.bindings.apply", "mailops.bindings.drift"
CONFIG = "/etc/mail-bindings/bindings.json"
POP_CERTIFICATE, POP_KEY = "/etc/ssl/mail/pop.pem", "/etc/ssl/mail/pop-key.pem"
FLOATING = "198.51.100.250"

#: A program that greets on ports, as programs do that are not managed here.
GREETER = """
import socket, sys, threading
def serve(address, port, greeting):
    server = socket.create_server((address, int(port)))
    while True:
        connection = server.accept()[0]
        with connection:
            connection.sendall(greeting.encode() + b"\\r\\n")
            connection.recv(100)
for words in zip(*[iter(sys.argv[1:])] * 3):
    threading.Thread(target=serve, args=words).start()
print("ready", flush=True)
"""


@pytest.fixture(scope="module")
def hosts(make_hosts, authority):
    """Each has three addresses. POP3S has a certificate of its own."""
    found = make_hosts(
        *(
            {
                "name": f"dr{number}",
                "suite": suite,
                "addresses": [
                    f"198.51.100.{120 + number}",
                    f"2001:db8:51::{120 + number:x}",
                    f"198.51.100.{130 + number}",
                ],
            }
            for number, suite in enumerate(("bookworm", "trixie", "bookworm"))
        )
    )
    return found


@pytest.fixture(scope="module")
def pop(hosts, authority):
    """Which certificate POP3S has on each of them."""
    return {
        host.name: put_certificate(host, authority, POP_CERTIFICATE, POP_KEY, which="pop")
        for host in hosts
    }


@pytest.fixture(scope="module")
def variables(hosts):
    pop = {
        "name": "POP3S",
        "protocol": "pop",
        "port": 995,
        "encryption": "ssl",
        "certificate_path": POP_CERTIFICATE,
        "private_key_path": POP_KEY,
    }
    everywhere = {
        "mail_bindings_certificate_path": CERTIFICATE,
        "mail_bindings_private_key_path": PRIVATE_KEY,
        "mail_bindings_ports": [pop],
    }
    return {
        "all": everywhere,
        **{host.name: {"mail_bindings_addresses": list(host.addresses)} for host in hosts},
    }


@pytest.fixture(scope="module", autouse=True)
def declared(hosts, pop, variables, play):
    played = play(APPLY, hosts, variables=variables)
    assert played.returncode == 0, played.output


@pytest.fixture
def report(play, network, hosts, variables):
    """report(expected exit status) -> (report.json, what was played), from the default folder."""

    def run(status, on=None, more=None, **options):
        merged = {
            name: {**variables.get(name, {}), **(more or {}).get(name, {})}
            for name in {*variables, *(more or {})}
        }
        played = play(DRIFT, on or hosts, variables=merged, **options)
        folder = (
            max(
                folder for folder in (network.folder / "plays").iterdir() if folder.name.isdecimal()
            )
            / "mail-bindings-report"
        )
        assert played.returncode == status, played.output
        found = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        assert "<html" in (folder / "report.html").read_text(encoding="utf-8")
        tail = "\n".join(played.stdout.splitlines()[-15:])
        assert f"verdict: {found['verdict']}." in tail, played.output
        return {**found, "rows": {row["host"]: row for row in found["hosts"]}}, played

    return run


def cells(found, host) -> dict:
    """{(address, port): cell}"""
    return {(cell["address"], cell["port"]): cell for cell in found["rows"][host.name]["cells"]}


def words(found, host) -> dict:
    return {key: cell["word"] for key, cell in cells(found, host).items()}


def unlike(found, host) -> dict:
    return {
        key: (cell["word"], cell["detail"])
        for key, cell in cells(found, host).items()
        if cell["word"] != "as declared"
    }


def test_the_strategy_free_makes_one_report(hosts, report):
    """Large fleets have it in ansible.cfg. It ignores run_once."""
    found, played = report(0, environment={"ANSIBLE_STRATEGY": "free"})
    assert found["verdict"] == "clean" and len(found["hosts"]) == len(hosts)
    assert [result.name for result in played].count("Write the report for people") == 1


def test_changes_by_hand_are_reported_and_undone_by_a_run(
    hosts, pop, play, report, variables, authority, clients
):
    """Five kinds of change on each host; and a host that is unreachable."""
    for host in hosts[:2]:
        remove_port(host, 465)
        host.run(["postfix", "reload"])
        host.write(
            "/etc/dovecot/conf.d/98-more.conf",
            "service imap-login {\n  inet_listener more {\n    port = 1143\n  }\n}\n",
        )
        host.run(["doveadm", "reload"])
        host.wait_for_ports(1143)
        # Dovecot reads certificates for the first client after a reload
        assert clients.served_certificate(host.address, 995) == pop[host.name]
        put_certificate(host, authority, POP_CERTIFICATE, POP_KEY, which="pop 2")
        host.ip("address", "del", f"{host.addresses[2]}/24", "dev", "eth0")
        config = json.loads(host.read(CONFIG))
        next(port for port in config["ports"] if port["name"] == "Submission")["port"] = 588
        host.write(CONFIG, json.dumps(config), 0o640)
    hosts[2].run("systemctl stop ssh.service; systemctl stop ssh.socket; pkill sshd", check=False)
    before = {host.name: seen(host) for host in hosts}
    found, dummy = report(2)
    hosts[2].run("systemctl start ssh")
    assert found["verdict"] == "drift" and found["counts"]["hosts"] == {
        "total": 3,
        "drift": 2,
        "incomplete": 1,
        "clean": 0,
        "maintenance": 0,
    }
    assert found["rows"][hosts[2].name]["error"].startswith("unreachable: ")
    assert set(words(found, hosts[2]).values()) == {"could not be checked"}
    for host in hosts[:2]:
        assert differing(before[host.name], seen(host)) == {}
        row, word = found["rows"][host.name], cells(found, host)
        assert row["error"] == "" and row["verdict"] == "drift", row["error"]
        for address in host.addresses[:2]:
            assert [
                (port, word[address, port]["word"], word[address, port]["levels"])
                for port in (25, 465, 587, 993, 995)
            ] == [
                # no server would start again without the third address
                (25, "at risk", ["listening"]),
                (465, "missing", ["files"]),
                (587, "at risk", ["config", "listening"]),
                (993, "at risk", ["listening"]),
                (995, "at risk", ["listening"]),
            ], unlike(found, host)
            assert word[address, 588]["word"] == "unexpected"
        for port in (25, 465, 587, 993, 995):
            assert (
                word[host.addresses[2], port]["word"],
                word[host.addresses[2], port]["status"],
            ) == ("missing", "not_local"), unlike(found, host)
        assert {
            (cell["word"], tuple(cell["levels"])) for key, cell in word.items() if key[1] == 1143
        } == {("unexpected", ("files",))}, unlike(found, host)
        assert all(row["levels"][level]["drift"] for level in ("config", "files", "listening"))

    for host in hosts[:2]:
        host.ip("address", "add", f"{host.addresses[2]}/24", "dev", "eth0")
    applied = play(APPLY, hosts, variables=variables)
    assert applied.returncode == 0, applied.output
    found, dummy = report(0)
    assert found["verdict"] == "clean" and all(not unlike(found, host) for host in hosts)


def test_a_host_at_risk_has_cells_and_those_that_fail_have_theirs(hosts, play, report, authority):
    """A certificate with another key; and wrong variables, on all but one host."""
    host = hosts[0]
    old, key = host.read(POP_CERTIFICATE), host.read(POP_KEY)
    put_certificate(host, authority, POP_CERTIFICATE, "/root/other-key.pem", which="torn")
    wrong = {
        hosts[1].name: {"mail_bindings_profile": "sekure"},
        hosts[2].name: {"mail_bindings_renewal_hook": "cron"},
    }
    found, dummy = report(2, more=wrong)
    host.write(POP_CERTIFICATE, old)
    host.write(POP_KEY, key, 0o640, "root:ssl-cert")
    row = found["rows"][host.name]
    assert row["verdict"] == "drift" and row["error"] == ""
    assert {key: word for key, word in words(found, host).items() if word != "as declared"} == {
        (address, 995): "at risk" for address in host.addresses
    }, unlike(found, host)
    assert all(
        POP_KEY in cell["detail"] and cell["levels"] == ["listening"]
        for (dummy, port), cell in cells(found, host).items()
        if port == 995
    )
    for other, variable in zip(hosts[1:], ("mail_bindings_profile", "mail_bindings_renewal_hook")):
        assert (
            variable in found["rows"][other.name]["error"]
            and found["rows"][other.name]["verdict"] == "incomplete"
        )


def test_limit_is_heeded_and_no_hosts_are_incomplete(hosts, report, play):
    found, dummy = report(0, extra_args=["--limit", hosts[1].name])
    assert list(found["rows"]) == [hosts[1].name] and found["verdict"] == "clean"
    found, dummy = report(2, extra_args=["--extra-vars", "mail_bindings_hosts=nobody"])
    assert found["verdict"] == "incomplete" and not found["hosts"]


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("dr0,dr2", [0, 2]),
        ("dr0:dr2", [0, 2]),
        ("all, !dr1", [0, 2]),
        (["dr0", "dr2"], [0, 2]),
        (["all", "!dr1"], [0, 2]),
        ("all,!localhost", [0, 1, 2]),
    ],
)
def test_hosts_can_be_any_pattern_or_list(hosts, report, pattern, expected):
    found, dummy = report(0, extra_vars={"mail_bindings_hosts": pattern})
    assert sorted(found["rows"]) == [hosts[number].name for number in expected]


@pytest.mark.parametrize("pattern", ["nobody", ["nobody"], "nobody,!localhost"])
def test_there_is_a_report_also_without_hosts(hosts, report, pattern):
    found, dummy = report(
        2, extra_vars={"mail_bindings_hosts": pattern}, extra_args=["--limit", hosts[1].name]
    )
    assert found["verdict"] == "incomplete" and not found["hosts"]


def test_no_false_alarm(hosts, play, report, authority, variables):
    floating = {"address": FLOATING, "floating": True, "ports": ["SMTP", "IMAPS"]}
    more = {
        "all": {**variables["all"], "mail_bindings_ip_addresses": [floating]},
        hosts[2].name: {"mail_bindings_maintenance": True},
    }
    for host in hosts[:2]:
        host.run(["sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1"])
        host.run(
            "printf '127.0.0.1:10025 inet n - n - - smtpd\\n  -o smtpd_client_restrictions=\\n' "
            ">>/etc/postfix/master.cf"
        )
        # a banner that takes its time
        host.run(
            [
                "postconf",
                "-e",
                "smtpd_delay_reject = no",
                "smtpd_client_restrictions = sleep 3, permit",
            ]
        )
        host.run("touch -d '1 hour ago' /etc/postfix/main.cf /etc/postfix/master.cf")
        host.write(
            "/etc/dovecot/conf.d/98-lmtp.conf",
            "service lmtp {\n  inet_listener lmtp {\n    port = 24\n  }\n}\n",
        )
        # renewed a minute ago, and about to expire
        put_certificate(host, authority, which="mail 2")
        put_certificate(host, authority, POP_CERTIFICATE, POP_KEY, which="pop 3", ends=8)
        host.run("postfix reload; doveadm reload")
    merged = {name: {**variables.get(name, {}), **more.get(name, {})} for name in variables}
    applied = play(APPLY, hosts[:2], variables=merged)
    assert applied.returncode == 0, applied.output
    remove_port(hosts[2], 465)
    greeters = [
        "127.0.0.1",
        "10024",
        "220 [127.0.0.1] ESMTP amavisd-new service ready",
        "0.0.0.0",
        "4190",
        '"IMPLEMENTATION" "Dovecot Pigeonhole"\r\nOK "ready."',
    ]
    with (
        hosts[0].popen(["python3", "-c", GREETER, *greeters], stdout=-1) as first,
        hosts[1].popen(["python3", "-c", GREETER, *greeters], stdout=-1) as second,
    ):
        assert first.stdout.readline() == second.stdout.readline() == "ready\n"
        found, dummy = report(0, more=more)
    assert found["verdict"] == "clean"
    for host in hosts[:2]:
        word = words(found, host)
        assert {port for address, port in word} == {25, 465, 587, 993, 995}
        assert {key: value for key, value in word.items() if value != "as declared"} == {
            (address, 995): "certificate expiring" for address in host.addresses
        }, unlike(found, host)
        assert word[FLOATING, 25] == word[FLOATING, 993] == "as declared"
    row = found["rows"][hosts[2].name]
    assert (
        row["maintenance"]
        and row["verdict"] == "drift"
        and found["counts"]["hosts"]["maintenance"] == 1
    )
