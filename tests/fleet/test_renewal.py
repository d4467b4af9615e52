# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The renewal hook, by certbot or systemd: servers serve renewed certificates without Ansible."""

from __future__ import annotations

import contextlib
import json

import pytest

from support.fleet.clients import Refused
from support.fleet.commands import wait_until
from support.fleet.mail import put_certificate

from .role import APPLY, ROLE, TASK, differing, played_tasks, seen

HOOK = "/etc/letsencrypt/renewal-hooks/deploy/mail-bindings"
LIVE, ARCHIVE = "/etc/letsencrypt/live/mail", "/etc/letsencrypt/archive/mail"
PLAIN = "/etc/ssl/mail/renewed"
SERVED = ((25, "smtp"), (993, None), (636, None))
UNIT = "mail-bindings-renewed"


def hooked(host, hook, folder):
    """Variables with Postfix, Dovecot and OpenLDAP."""
    secure = {
        "certificate_path": f"{folder}/fullchain.pem",
        "private_key_path": f"{folder}/privkey.pem",
    }
    return {
        "mail_bindings_profile": "custom",
        "mail_bindings_addresses": host.addresses,
        "mail_bindings_renewal_hook": hook,
        "ansible_managed": "managed\nby two lines",
        "mail_bindings_ports": [
            {"name": "SMTP", "protocol": "smtp", "encryption": "tls", **secure},
            {"name": "IMAPS", "protocol": "imap", "encryption": "ssl", **secure},
            {"name": "LDAPS", "protocol": "ldap", "encryption": "ssl", **secure},
        ],
    }


def issue(host, authority, folder, number, which) -> str:
    """A certificate and its key, as certbot names them, beside those that are in use."""
    return put_certificate(
        host,
        authority,
        f"{folder}/fullchain{number}.pem",
        f"{folder}/privkey{number}.pem",
        which=which,
    )


def take(host, kind, number):
    """As certbot does it: the link goes, and comes back to the new file."""
    host.run(f"rm {LIVE}/{kind}.pem; ln -s ../../archive/mail/{kind}{number}.pem {LIVE}/{kind}.pem")


def move(host, kind, number):
    """As others do: a new file takes the name."""
    host.run(f"mv {PLAIN}/{kind}{number}.pem {PLAIN}/{kind}.pem")


def all_serve(clients, host, fingerprint, ports=SERVED, timeout=25) -> bool:
    def there():
        with contextlib.suppress(Refused):
            return all(
                clients.served_certificate(address, port, starttls) == fingerprint
                for address in host.addresses
                for port, starttls in ports
            )
        return False

    return wait_until(there, timeout, 0.3)


@pytest.fixture(scope="module")
def hosts(make_hosts):
    return make_hosts({"name": "rn1", "suite": "trixie"}, {"name": "rn2", "suite": "bookworm"})


@pytest.fixture(scope="module", autouse=True)
def stock(hosts):
    """What listened in the beginning."""
    return {host.name: host.listening() for host in hosts}


@pytest.fixture(scope="module")
def renewed(hosts, stock, authority):
    """The hosts with a certificate in each of the two ways, and its number."""
    for host in hosts:
        host.run(f"mkdir -p {LIVE} {ARCHIVE} {PLAIN} {HOOK.rpartition('/')[0]}")
        issue(host, authority, ARCHIVE, 1, "one")
        issue(host, authority, PLAIN, "", "one")
        for kind in ("fullchain", "privkey"):
            host.run(f"ln -s ../../archive/mail/{kind}1.pem {LIVE}/{kind}.pem")
    return hosts


def applied(play, hosts, hook, folder, **more):
    variables = {host.name: {**hooked(host, hook, folder), **more} for host in hosts}
    played = play(APPLY, hosts, variables=variables)
    assert played.returncode == 0, played.output
    return played


def test_certbot_s_hook_has_servers_take_a_renewed_certificate(renewed, authority, play, clients):
    for host in renewed:
        # as an earlier release has left it: it is replaced
        host.write(HOOK, "#!/bin/sh\nexit 1\n", 0o755)
    applied(play, renewed, "certbot", LIVE)
    again = applied(play, renewed, "certbot", LIVE)
    assert not again.changed and all(len(played_tasks(again, host)) <= 4 for host in renewed)
    for host in renewed:
        old = clients.served_certificate(host.address, 993)
        new = issue(host, authority, ARCHIVE, 2, "two")
        assert new != old
        take(host, "privkey", 2)
        # a key of another certificate is not taken: the hook waits, and then says so
        config = host.read(HOOK + ".json")
        hasty = {**json.loads(config), "wait_seconds": 1}
        host.write(HOOK + ".json", json.dumps(hasty), 0o644)
        run = host.run(
            ["env", "-i", "PATH=/usr/bin:/bin", f"RENEWED_LINEAGE={LIVE}", HOOK], check=False
        )
        assert (
            run.returncode == 1
            and "is not that of" in run.stderr
            and "Dovecot was not told" in run.stderr
        ), run
        assert all_serve(clients, host, old, SERVED[1:], 0)
        host.write(HOOK + ".json", config, 0o644)

        take(host, "fullchain", 2)
        run = host.run(
            ["env", "-i", "PATH=/usr/bin:/bin", f"RENEWED_LINEAGE={LIVE}", HOOK], check=False
        )
        assert run.returncode == 0 and not run.stderr, run
        assert all_serve(clients, host, new, timeout=0)
        assert f"{host.address} port 993 (IMAPS) serves its renewed certificate" in run.stdout
        # nothing to do, nobody told
        sessions = host.run("ps -o pid= -C imap-login,smtpd").stdout
        run = host.run([HOOK])
        assert (
            run.stdout == ""
            and host.run("ps -o pid= -C imap-login,smtpd").stdout.split()[:1]
            == sessions.split()[:1]
        )
    assert not applied(play, renewed, "certbot", LIVE).changed


@pytest.mark.parametrize(
    "folder, put, renewals",
    [(PLAIN, move, [(3, "three")]), (LIVE, take, [(3, "three"), (4, "four")])],
    ids=["rename", "symlink"],
)
def test_systemd_s_watch_has_servers_take_renewed_certificates(
    renewed, authority, play, clients, folder, put, renewals
):
    applied(play, renewed, "systemd", folder)
    if put is take:
        again = applied(play, renewed, "systemd", folder)
        assert not again.changed and all(len(played_tasks(again, host)) <= 4 for host in renewed)
    for host in renewed:
        assert host.run(["systemctl", "is-enabled", UNIT + ".path"]).stdout.strip() == "enabled"
    for number, which in renewals:  # the watch goes on after the first
        old = {host: clients.served_certificate(host.address, 993) for host in renewed}
        new = {
            host: issue(host, authority, ARCHIVE if put is take else PLAIN, number, which)
            for host in renewed
        }
        for host in renewed:
            put(host, "fullchain", number)
        for host in renewed:
            assert wait_until(lambda: is_active(host, "service") == "activating", 10), host.journal(
                20
            )
            # until the key is there, whose it is not is not taken
            assert all_serve(clients, host, old[host], SERVED[1:], 0)
        for host in renewed:
            put(host, "privkey", number)
        for host in renewed:
            assert all_serve(clients, host, new[host]), host.journal(20)
        for host in renewed:
            assert wait_until(lambda: is_active(host, "service") == "inactive", 15)
    for host in renewed:
        # however often a file is touched, the watch does not give up
        host.run(
            f"for i in 1 2 3 4 5 6 7 8; do touch {folder}/fullchain.pem;"
            f" systemctl start {UNIT}.service; done"
        )
        assert is_active(host, "path") == "active"


def test_the_entry_point_assert_compares_the_hook_and_changes_nothing(renewed, play):
    """Handlers don't inherit that its tasks are in check mode."""
    host = renewed[0]
    applied(play, [host], "systemd", PLAIN)
    tasks = [
        {
            "name": "as declared",
            "ansible.builtin.import_role": {"name": ROLE, "tasks_from": "assert"},
        }
    ]
    declared = hooked(host, "systemd", PLAIN)
    assert play(tasks, host, variables={host.name: declared}, ignore_errors=False).returncode == 0
    host.run(f"systemctl disable --now {UNIT}.path; rm /usr/local/sbin/{UNIT}")
    before = seen(host)
    for more, expected in (
        ({}, f"/usr/local/sbin/{UNIT}"),
        ({"mail_bindings_state": "absent"}, "master.cf"),
    ):
        played = play(tasks, host, variables={host.name: {**declared, **more}}, ignore_errors=False)
        assert played.returncode == 2 and expected in played.failed[0]["msg"], played.output
        assert played.failed[0].name == "The host is as declared"
    assert (
        play(
            "mailops.bindings.drift",
            host,
            variables={host.name: {**declared, "mail_bindings_state": "absent"}},
        ).returncode
        == 2
    )
    assert (
        differing(before, seen(host)).keys() <= {"/root/.ansible/tmp"}
        and is_active(host, "path") == "inactive"
    )
    applied(play, [host], "systemd", PLAIN)
    assert is_active(host, "path") == "active"


def is_active(host, kind) -> str:
    return host.run(["systemctl", "is-active", f"{UNIT}.{kind}"], check=False).stdout.strip()


def test_state_absent_gives_the_servers_back_and_removes_the_hooks(renewed, play, stock):
    variables = {"all": {"mail_bindings_state": "absent"}}
    foreseen = play(APPLY, renewed, check=True, variables=variables)
    assert foreseen.returncode == 0 and all(host.exists(HOOK) for host in renewed), foreseen.output
    done = play(APPLY, renewed, variables=variables)
    assert done.returncode == 0, done.output
    for host in renewed:
        assert done[host.name, TASK]["changes"] == foreseen[host.name, TASK]["changes"]
        assert host.listening() == stock[host.name]
        left = host.run(
            "find / -xdev -name 'mail-bindings*' -not -path '/proc/*'"
            " | grep -v '^/etc/mail-bindings$'",
            check=False,
        ).stdout
        assert left in ("", "/var/lib/mail-bindings\n")
        assert is_active(host, "path") == "inactive"
    assert not play(APPLY, renewed, variables=variables).changed
