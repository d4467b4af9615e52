# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to look at 200 listeners of one host, for several numbers of workers, beside one listener.

The host is a Debian mail host in namespaces of this machine: 20 addresses, on which Postfix, Dovecot and OpenLDAP answer on ten ports each.
A number of workers that keeps its promise takes (200 / workers) times as long as one listener: 1.0 in the last column.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

# they are found by the path that was just set, so that they can't stand above it: E402
from support import pki
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, mail_host
from support.fleet.playing import Player, network_to_play_on

ADDRESSES = ["198.51.100.%d" % last for last in range(10, 30)]
PORTS = [
    {
        "name": "%s %d" % (protocol, number),
        "protocol": protocol,
        "encryption": encryption,
        "port": number,
        "certificate_path": CERTIFICATE,
        "private_key_path": PRIVATE_KEY,
    }
    for protocol, encryption, number in (
        ("smtp", "tls", 25),
        ("smtp", "tls", 2525),
        ("submission", "tls", 587),
        ("submission", "tls", 2587),
        ("submission", "ssl", 465),
        ("imap", "tls", 143),
        ("imap", "ssl", 993),
        ("pop", "tls", 110),
        ("pop", "ssl", 995),
        ("ldap", "tls", 389),
    )
]
COLLECTION = "root/collections/ansible_collections/mailops/bindings/plugins"


def listener(address: str, port: dict) -> dict:
    """It as mail_listeners_info takes it."""
    return {
        "address": address,
        **{key: port[key] for key in ("protocol", "encryption", "port", "certificate_path")},
    }


def apply(player: Player, host) -> None:
    """Let the servers listen."""
    names = [port["name"] for port in PORTS]
    declaration = {
        "exclusive": True,
        "ports": PORTS,
        "ip_addresses": [{"address": address, "ports": names} for address in ADDRESSES],
    }
    played = player.play([{"mailops.bindings.mail_listeners": declaration}], host)
    if played.failed:
        raise SystemExit(played.output)


def tasks(player: Player, host, workers: list) -> dict:
    """{number of workers: (seconds of a whole mail_listeners_info with one listener, with all of them)}, each the median of three."""
    every = [listener(address, port) for address in ADDRESSES for port in PORTS]
    ones = [[one] for one in every[: len(PORTS)]]
    found = {}
    for number in workers:
        options = {"workers": number, "certificate_min_days": 0}
        played = player.play(
            [
                {"mailops.bindings.mail_listeners_info": {**options, "listeners": these}}
                for these in [*ones, every, every, every]
            ],
            host,
        )
        if played.failed or any(
            answer["status"] != "ok" for result in played for answer in result["listeners"]
        ):
            raise SystemExit(played.output)
        seconds = [result.seconds for result in played]
        found[number] = (
            statistics.median(seconds[: len(ones)]),
            statistics.median(seconds[len(ones) :]),
        )
    return found


def visits(host, workers: list, rounds: int) -> dict:
    """The same of the visits alone, without Ansible and a new Python: medians of the rounds."""
    shutil.copytree(ROOT / "plugins" / "module_utils", host.root / COLLECTION / "module_utils")
    host.write("/root/on_host.py", (HERE / "on_host.py").read_text(encoding="utf-8"))
    order = {
        "addresses": ADDRESSES,
        "ports": [listener("", port) for port in PORTS],
        "workers": workers,
        "rounds": rounds,
    }
    answer = host.run(
        ["env", "PYTHONPATH=/root/collections", "python3", "/root/on_host.py"],
        input=json.dumps(order),
        timeout=600,
    ).stdout
    return {int(number): pair for number, pair in json.loads(answer).items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--workers", nargs="*", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--suite", default="bookworm")
    arguments = parser.parse_args()
    with network_to_play_on() as (network, player):
        host = mail_host(network, "mx", pki.Authority(), arguments.suite, ADDRESSES)
        apply(player, host)
        measured = {
            "visits alone": visits(host, arguments.workers, arguments.rounds),
            "the whole task": tasks(player, host, arguments.workers),
        }
    every = len(ADDRESSES) * len(PORTS)
    print(
        "%-16s %8s %10s %10s %26s"
        % ("seconds of", "workers", "one", "all %d" % every, "× (%d / workers) × one" % every)
    )
    for what, found in measured.items():
        for number, (one, everything) in found.items():
            print(
                "%-16s %8d %10.4f %10.3f %26.2f"
                % (what, number, one, everything, everything / (every / number * one))
            )


if __name__ == "__main__":
    main()
