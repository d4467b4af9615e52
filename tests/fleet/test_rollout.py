# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rollout playbook on five real hosts: one that fails is rolled back, and stops the fleet."""

from __future__ import annotations

import json
import pathlib

import pytest

from support.fleet.commands import wait_until
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY

from .role import differing, mail_sockets, seen

APPLY, ROLLOUT = "mailops.bindings.apply", "mailops.bindings.rollout"
TASK = "Make the servers listen as declared"
SABOTEUR = pathlib.Path(__file__).with_name("saboteur.py").read_text(encoding="utf-8")
CERTIFICATES = {
    "mail_bindings_certificate_path": CERTIFICATE,
    "mail_bindings_private_key_path": PRIVATE_KEY,
}
SECURE = {"certificate_path": CERTIFICATE, "private_key_path": PRIVATE_KEY}
OLD = {
    "mail_bindings_profile": "custom",
    "mail_bindings_ports": [
        {"name": "SMTP", "protocol": "smtp", "port": 25, "encryption": "tls", **SECURE},
        {"name": "IMAP", "protocol": "imap", "port": 143, "encryption": "tls", **SECURE},
    ],
}
OLD_PORTS, NEW_PORTS = {25, 143}, {25, 465, 587, 993, 995, 143, 110}
BATCHES = [1, 2, "100%"]


@pytest.fixture(scope="module")
def fleet(make_hosts):
    return make_hosts(
        *(
            {"name": f"ro{number}", "suite": "trixie" if number % 2 else "bookworm"}
            for number in range(1, 6)
        )
    )


@pytest.fixture(scope="module")
def variables(fleet):
    return {
        "all": CERTIFICATES,
        **{host.name: {"mail_bindings_addresses": host.addresses} for host in fleet},
    }


@pytest.fixture
def old(fleet, variables, play):
    """All of them are in the old state: {host: what is there}."""
    if all(ports(host) == OLD_PORTS for host in fleet):
        return {host.name: seen(host) for host in fleet}
    played = play(APPLY, fleet, variables={**variables, "all": {**CERTIFICATES, **OLD}})
    assert played.returncode == 0, played.output
    return {host.name: seen(host) for host in fleet}


@pytest.fixture
def rollout(fleet, variables, play):
    def run(more=None, **options):
        everywhere = {
            **CERTIFICATES,
            "mail_bindings_profile": "classic",
            "mail_bindings_batches": BATCHES,
            **(more or {}).get("all", {}),
        }
        merged = {
            name: {**variables.get(name, {}), **(more or {}).get(name, {})} for name in variables
        }
        return play(ROLLOUT, fleet, variables={**merged, "all": everywhere}, **options)

    return run


@pytest.fixture(scope="module")
def tasks(network):
    """tasks(name, [...]) -> a path of a file with tasks, relative to the inventory."""

    def write(name, content):
        folder = network.folder / "plays" / "tasks"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return f"../tasks/{name}"

    return write


def test_the_first_rollout_installs_the_renewal_hook(make_host, play):
    """The rehearsal has written no unit, so that no handler may start one."""
    host = make_host("ro9", "trixie")
    variables = {
        "all": {
            **CERTIFICATES,
            "mail_bindings_renewal_hook": "systemd",
            "mail_bindings_addresses": host.addresses,
        }
    }
    played = play(ROLLOUT, host, variables=variables)
    assert played.returncode == 0 and "new state: ro9" in tail(played), played.output
    assert host.run(["systemctl", "is-active", "mail-bindings-renewed.path"]).stdout == "active\n"


def ports(host) -> set:
    return {port for address, port in mail_sockets(host) if port != 389}


def tail(played) -> str:
    return "\n".join(played.stdout.splitlines()[-40:])


def states(played) -> dict:
    return {
        result["msg"][0].partition(":")[0]: result["msg"]
        for result in played
        if result.name == "Say which hosts have which state" and result.status == "ok"
    }


FULL = """set -e
cp -a /etc/postfix /root/postfix
mount -t tmpfs -o size=400k tmpfs /etc/postfix
cp -a /root/postfix/. /etc/postfix/
dd if=/dev/zero of=/etc/postfix/fill bs=4k || true
"""
HARM = {
    "another key": (
        "openssl ecparam -name prime256v1 -genkey -noout | tee /etc/ssl/mail/key.pem >/dev/null",
        "key.pem",
    ),
    "port taken": (
        "systemd-run --unit=holder python3 -c 'import socket, time;"
        ' held = socket.create_server(("{{ ansible_host }}", 993)); time.sleep(600)\'; sleep 1',
        "python3",
    ),
    "disk full": (FULL, "No space left on device"),
}


@pytest.mark.parametrize(
    "harm, settings",
    [
        ("another key", {"ANSIBLE_ANY_ERRORS_FATAL": "true"}),
        ("port taken", {"ANSIBLE_STRATEGY": "free"}),
        ("disk full", {}),
    ],
)
def test_a_host_that_fails_stops_the_rollout_and_is_rolled_back(
    fleet, old, rollout, tasks, harm, settings
):
    """Between the rehearsal and its turn; it is the first of two in the second batch of three.

    settings: of ansible.cfg. With the strategy free no host would wait for another, and none stop.
    With any_errors_fatal the others of its batch would be rolled back too, and say so.
    """
    command, cause = HARM[harm]
    victim = fleet[2]
    kept = victim.read(PRIVATE_KEY)
    harming = tasks("harm.yml", [{"name": "do harm", "ansible.builtin.shell": {"cmd": command}}])
    try:
        played = rollout(
            {victim.name: {"mail_bindings_before_host": harming}}, environment=settings
        )
        assert played.returncode == 2, played.output
        assert "993" not in victim.read("/etc/mail-bindings/bindings.json")
    finally:
        victim.write(PRIVATE_KEY, kept, 0o640, "root:ssl-cert")
        victim.run(
            "umount -l /etc/postfix; rm -rf /root/postfix; systemctl stop holder", check=False
        )
    assert ports(victim) == OLD_PORTS
    assert f"{victim.name} failed and has its old listeners" in tail(played) and cause in tail(
        played
    ), played.output
    assert f"new state: {fleet[0].name}, {fleet[1].name}" in tail(played), tail(played)
    assert f"old state: {victim.name}, {fleet[3].name}, {fleet[4].name}" in tail(played)
    assert ports(fleet[0]) == ports(fleet[1]) == NEW_PORTS
    for host in fleet[3:]:
        assert differing(old[host.name], seen(host)) == {}


def test_a_listener_that_the_controller_cannot_reach_rolls_its_host_back(fleet, old, rollout):
    victim = fleet[1]
    victim.run(
        "nft add table inet t; nft add chain inet t in '{ type filter hook input priority 0; }'; "
        "nft add rule inet t in iif eth0 tcp dport 993 reject with tcp reset"
    )
    try:
        played = rollout()
    finally:
        victim.run("nft delete table inet t")
    assert played.returncode == 2, played.output
    assert f"{victim.name} failed and has its old listeners: From where Ansible runs" in tail(
        played
    ) and f"{victim.address}:993 refused" in tail(played)
    assert f"old state: {victim.name}, {fleet[3].name}, {fleet[4].name}" in tail(played)
    assert differing(
        {
            key: value
            for key, value in old[victim.name].items()
            if key == "sockets" or key.startswith("/etc/mail-bindings/")
        },
        {
            key: value
            for key, value in seen(victim).items()
            if key == "sockets" or key.startswith("/etc/mail-bindings/")
        },
    ).keys() <= {"/etc/mail-bindings/bindings.json"}
    assert ports(victim) == OLD_PORTS
    for host in fleet[3:]:
        assert differing(old[host.name], seen(host)) == {}


def test_a_host_that_loses_ssh_rolls_itself_back(fleet, old, rollout):
    """Though no controller is told."""
    victim = fleet[2]
    order = json.dumps(
        {
            "when": "journal",
            "do": "systemctl stop ssh.service ssh.socket || systemctl stop ssh.service",
            "signal_name": "hangup",
        }
    )
    with victim.popen(["python3", "-c", SABOTEUR, order], stdout=-1) as saboteur:
        assert saboteur.stdout.readline() == "ready\n"
        played = rollout()
        assert json.loads(saboteur.stdout.readline())["harmed"]
    victim.run("systemctl start ssh")
    assert played.returncode in (2, 4), played.output
    assert f"{victim.name} failed, and how it listens now is not known" in tail(played), (
        played.output
    )
    assert f"not known: {victim.name}" in tail(
        played
    ) and f"old state: {fleet[3].name}, {fleet[4].name}" in tail(played)
    assert wait_until(
        lambda: (
            ports(victim) == OLD_PORTS and not victim.exists("/var/lib/mail-bindings/journal.json")
        ),
        30,
    ), ports(victim)
    for host in fleet[3:]:
        assert differing(old[host.name], seen(host)) == {}


def test_a_rehearsal_that_fails_changes_no_host(fleet, old, rollout, tasks):
    """All hosts that failed are named, with their reasons."""
    fleet[4].run("systemctl stop ssh.service; systemctl stop ssh.socket; pkill sshd", check=False)
    try:
        played = rollout(
            {
                fleet[1].name: {"mail_bindings_certificate_path": "/nowhere.pem"},
                fleet[2].name: {"mail_bindings_profile": "sekure"},
                fleet[3].name: {"mail_bindings_before_host": "../tasks/nowhere.yml"},
            }
        )
    finally:
        fleet[4].run("systemctl start ssh")
    assert played.returncode == 2, played.output
    for expected in (
        "The rehearsal failed, and no host was touched",
        "/nowhere.pem",
        "mail_bindings_profile",
        "nowhere.yml",
        *(f"{host.name}: " for host in fleet[1:]),
    ):
        assert expected in tail(played), (expected, played.output)
    for host in fleet:
        assert differing(old[host.name], seen(host)) == {}


def test_check_mode_only_rehearses_and_limit_is_heeded(fleet, old, rollout, tasks):
    before = tasks(
        "before.yml", [{"name": "not yet", "ansible.builtin.fail": {"msg": "not in a rehearsal"}}]
    )
    played = rollout(
        {"all": {"mail_bindings_before_host": before}},
        check=True,
        extra_args=["--limit", "ro1,ro4"],
    )
    assert played.returncode == 0, played.output
    assert "No host was touched. The rehearsal went well on: ro1, ro4" in tail(played)
    assert {result.host for result in played} == {"ro1", "ro4"}
    for host in fleet:
        assert differing(old[host.name], seen(host)) == {}


def test_a_rollout_reaches_all_hosts(fleet, old, rollout, tasks):
    """Hosts of one group are in different batches; with a pause, and tasks before and after a host.

    The inventory sets ansible_become for all hosts, the controller too, which has no sudo.
    """
    become = {
        "ansible_become": True,
        "ansible_become_user": "nobody",
        "ansible_become_exe": "/nonexistent/sudo",
    }
    before = tasks(
        "before.yml", [{"name": "drain", "ansible.builtin.command": "touch /root/drained"}]
    )
    after = tasks(
        "after.yml", [{"name": "take back", "ansible.builtin.command": "rm /root/drained"}]
    )
    own = {host.name: {"ansible_become": False} for host in fleet}
    for host in fleet[1:3]:
        own[host.name]["mail_bindings_apart"] = "a pair"
    played = rollout(
        {
            "all": {
                "mail_bindings_before_host": before,
                "mail_bindings_after_host": after,
                "mail_bindings_pause": 1,
                **become,
            },
            **own,
        }
    )
    assert played.returncode == 0, played.output
    events = [
        result.host if result.name == TASK else "|"
        for result in played
        if result.name == TASK
        or (result.name == "Wait before the next batch" and result.status == "ok")
    ][len(fleet) :]
    batches, names = (
        [set(batch.split()) for batch in " ".join(events).split("|")],
        [host.name for host in fleet],
    )
    assert batches == [{names[0]}, {names[1], names[3]}, {names[2], names[4]}], events
    assert "new state: ro1, ro2, ro4, ro3, ro5" in tail(played), tail(played)
    for host in fleet:
        assert ports(host) == NEW_PORTS and not host.exists("/root/drained")
        order = [
            result.name
            for result in played.of(host)
            if result.name
            in ("drain", TASK, "Visit every listener from here, as clients will", "take back")
        ]
        assert order == [
            TASK,
            "drain",
            TASK,
            "Visit every listener from here, as clients will",
            "take back",
        ]
