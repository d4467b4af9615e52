# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From any set of listeners to any other, a server's empty set included, real on a host.

The transitions of a host are one play, since starting Ansible takes longer than most of them. What
listens after each of them is asked of ss(8) by a task of its own.
"""

from __future__ import annotations

import ipaddress
import random

import pytest

from support.fleet.declaring import KINDS, MODULE, SECURE

SERVERS = (("SMTP", "Submissions"), ("IMAP", "IMAPS", "POP3S"), ("LDAP", "LDAPS"))
NUMBERS = {KINDS[name][2] for names in SERVERS for name in names}
WILDCARDS = ("0.0.0.0", "::")
LENGTH = 6


def generated(seed, addresses):
    """Declarations, {address: names of ports} each; the first one has all servers listen."""
    choose = random.Random(seed)
    for count in range(LENGTH):
        declaration = {}
        for names in SERVERS:
            where = choose.choice([WILDCARDS, WILDCARDS[:1], addresses, addresses[:1], ()])
            if count == 0:
                where = addresses
            for name in choose.sample(names, choose.randint(1, len(names))):
                for address in where:
                    declaration.setdefault(address, []).append(name)
        yield declaration


def task(name, declaration, keep_loopback):
    ports = [
        dict(zip(("protocol", "encryption", "port"), KINDS[port]), name=port, **SECURE)
        for port in sorted({port for names in declaration.values() for port in names})
    ]
    entries = [{"address": address, "ports": names} for address, names in declaration.items()]
    options = {"exclusive": True, "keep_loopback": keep_loopback}
    return {"name": name, MODULE: {**options, "ports": ports, "ip_addresses": entries}}


def listening(output):
    """{(address, number)} of the mail ports in the output of ss; its * is both wildcards."""
    found = set()
    for line in output.splitlines():
        address, dummy, number = line.split()[3].rpartition(":")
        address = address.strip("[]").partition("%")[0]
        if int(number) in NUMBERS:
            found |= {(each, int(number)) for each in (WILDCARDS if address == "*" else [address])}
    return found


def is_loopback(place):
    return ipaddress.ip_address(place[0]).is_loopback


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize("keep_loopback", [False, True])
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 9))]
)
def test_any_set_of_listeners_follows_any_other(make_host, play, suite, keep_loopback, seed):
    host = make_host(f"step-{suite}-{seed}-{keep_loopback:d}", suite, dad=False)
    addresses = [address.split("/")[0] for address in host.addresses]
    declarations = list(generated(f"{seed} {suite}", addresses))
    look = {"ansible.builtin.command": "ss -Hltn", "changed_when": False}
    tasks = []
    for count, declaration in enumerate(declarations):
        tasks += [task(f"step {count}", declaration, keep_loopback)]
        tasks += [{"name": f"look {count}", **look}]
    played = play(tasks, host, timeout=900)
    for count, declaration in enumerate(declarations):
        step = played[f"step {count}"]
        assert not step.failed, (declarations[max(count - 1, 0) : count + 1], step["msg"])
        wanted = {(where, KINDS[name][2]) for where, names in declaration.items() for name in names}
        found = listening(played[f"look {count}"]["stdout"])
        assert wanted <= found, declaration
        more = found - wanted
        assert not more or (keep_loopback and all(map(is_loopback, more))), declaration
        assert {listener["status"] for listener in step["listeners"]} <= {"ok"}
