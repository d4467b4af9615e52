# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mail_listeners costs beside a role written by hand that takes the same Debian host to the same listeners, over SSH.

Each round, for both of them, in turn: a new mail host in namespaces of this machine, the first apply, and a run that finds nothing to do.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

# they are found by the path that was just set, so that they can't stand above it: E402
from support import pki
from support.fleet.mail import mail_host, put_certificate
from support.fleet.network import Network
from support.fleet.playing import Player, network_to_play_on

CERTIFICATES = [
    {
        "certificate_path": "/etc/ssl/mail/%s.pem" % name,
        "private_key_path": "/etc/ssl/mail/%s.key" % name,
    }
    for name in ("one", "two")
]
LOOPBACK = ["127.0.0.1", "::1"]
# name, protocol, encryption, number: what the addresses of both certificates answer on; LDAP has one certificate for all in slapd
MAIL = [
    ("SMTP", "smtp", "tls", 25),
    ("Submission", "submission", "tls", 587),
    ("Submissions", "submission", "ssl", 465),
    ("IMAPS", "imap", "ssl", 993),
    ("POP3S", "pop", "ssl", 995),
]
LDAP = ("LDAP", "ldap", "tls", 389)
EXPECTED_ON_LOOPBACK = {25, 587, 110, 143, 993, 995, 389}  # as it was: local programs may need it
RUNS = ("first apply", "no-op")


def pairs(host) -> list:
    """The host's addresses, an IPv4 and an IPv6 one for each certificate."""
    return [host.addresses[:2], host.addresses[2:]]


def by_hand(host) -> dict:
    """The role, with its variables."""
    numbers = [number for name, protocol, encryption, number in MAIL]
    listeners = [
        {"address": address, "port": number} for address in host.addresses for number in numbers
    ]
    listeners += [{"address": address, "port": LDAP[3]} for address in pairs(host)[0]]
    return {
        "roles": [{"role": str(HERE / "roles" / "by_hand")}],
        "vars": {
            "by_hand_hosts": [
                {"addresses": addresses, **certificate}
                for addresses, certificate in zip(pairs(host), CERTIFICATES)
            ],
            "by_hand_loopback": LOOPBACK,
            "by_hand_ldap_addresses": pairs(host)[0],
            "by_hand_listeners": listeners,
            "by_hand_dovecot_2_4": host.suite != "bookworm",
        },
    }


def by_module(host) -> dict:
    """One task that says the same."""
    ports, entries = [], []
    for number, (addresses, certificate) in enumerate(zip(pairs(host), CERTIFICATES), 1):
        kinds = [*MAIL, LDAP] if number == 1 else MAIL
        ports += [
            {
                "name": "%s %d" % (name, number),
                "protocol": protocol,
                "port": port,
                "encryption": encryption,
                **certificate,
            }
            for name, protocol, encryption, port in kinds
        ]
        entries += [
            {"address": address, "ports": ["%s %d" % (kind[0], number) for kind in kinds]}
            for address in addresses
        ]
    return {
        "tasks": [
            {
                "name": "mail_listeners",
                "mailops.bindings.mail_listeners": {
                    "exclusive": True,
                    "ports": ports,
                    "ip_addresses": entries,
                },
            }
        ]
    }


CONTENDERS = {"role by hand": by_hand, "mail_listeners": by_module}


def measured(network: Network, player: Player, rounds: int, suite: str) -> list:
    """For each round {(contender, run): (seconds of ansible-playbook, of its tasks, of those but wait_for)}."""
    authority = pki.Authority()
    found = []
    for number in range(rounds):
        seconds = {}
        # the one that begins is the other one each time
        for position, contender in enumerate(sorted(CONTENDERS, reverse=number % 2 == 1)):
            host = mail_host(
                network,
                "mx%d-%d" % (number, position),
                authority,
                suite,
                addresses(2 * number + position),
                ldap_tls=False,
            )
            for pair, certificate in zip(pairs(host), CERTIFICATES):
                put_certificate(
                    host,
                    authority,
                    certificate["certificate_path"],
                    certificate["private_key_path"],
                    addresses=pair,
                    which=certificate["certificate_path"],
                )
            for run in RUNS:
                seconds[contender, run] = one_run(
                    player, host, contender, changed=run == "first apply"
                )
            check(host)
            host.down()
        found.append(seconds)
        print(
            "round %d: %s"
            % (
                number + 1,
                ", ".join(
                    "%s %s %.1f s" % (*key, value[0]) for key, value in sorted(seconds.items())
                ),
            ),
            file=sys.stderr,
        )
    return found


def addresses(number: int) -> list:
    """Others for each host: SSH's connection to one that is gone must not be taken for one to this."""
    first = 10 + 2 * number % 200
    return [
        address
        for last in (first, first + 1)
        for address in ("198.51.100.%d" % last, "2001:db8:51::%x" % last)
    ]


def one_run(player: Player, host, contender: str, changed: bool) -> tuple:
    """Play it, and see that it did what it should."""
    playbook = CONTENDERS[contender](host)
    began = time.perf_counter()
    played = player.play(
        playbook.pop("tasks", []), host, play_keywords={**playbook, "ignore_errors": False}
    )
    whole = time.perf_counter() - began
    if played.failed or bool(played.changed) is not changed:
        raise SystemExit("%s: expected changed: %s\n%s" % (contender, changed, played.output))
    tasks = [(result.task, result.seconds) for result in played]
    return (
        whole,
        sum(seconds for task, seconds in tasks),
        sum(seconds for task, seconds in tasks if "wait_for" not in task),
    )


def check(host) -> None:
    """Both are to lead to the same listeners."""
    numbers = {kind[3] for kind in MAIL}
    wanted = {(address, number) for address in host.addresses for number in numbers}
    wanted |= {(address, LDAP[3]) for address in pairs(host)[0]} | {
        (address, number) for address in LOOPBACK for number in EXPECTED_ON_LOOPBACK
    }
    listening = {(address, port) for address, port, program in host.listening() if port != 22}
    if listening != wanted:
        raise SystemExit(
            "%s listens on other than it should: %s" % (host, sorted(listening ^ wanted))
        )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--suite", default="bookworm")
    arguments = parser.parse_args()
    with network_to_play_on() as (network, player):
        rounds = measured(network, player, arguments.rounds, arguments.suite)
    print(
        "%-26s %12s %18s %28s"
        % ("median seconds of", "whole run", "tasks", "tasks but for wait_for")
    )
    for run in RUNS:
        for contender in CONTENDERS:
            print_line("%s, %s" % (run, contender), [seconds[contender, run] for seconds in rounds])
        print_line(
            "%s, × the role" % run,
            [
                [
                    own / other
                    for own, other in zip(
                        seconds["mail_listeners", run], seconds["role by hand", run]
                    )
                ]
                for seconds in rounds
            ],
        )


def print_line(name: str, rows: list) -> None:
    """The median of each column."""
    print("%-26s %12.2f %18.2f %28.2f" % (name, *map(statistics.median, zip(*rows))))


if __name__ == "__main__":
    main()
