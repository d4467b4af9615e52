# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mail_listeners that changes nothing costs on a whole host, beside ping and another checkout.

The host is a Debian mail host in namespaces of this machine, with Postfix and Dovecot on two
addresses, as the role's profile "secure" declares them. Processor time is that of the module and of
the programs that it starts, on the host; wall time is that of the task, over SSH.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import shlex
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import pki
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, mail_host
from support.fleet.playing import Player, network_to_play_on

ADDRESSES = ["198.51.100.10", "198.51.100.11"]
PORTS = [
    {
        "name": name,
        "protocol": protocol,
        "encryption": encryption,
        "certificate_path": CERTIFICATE,
        "private_key_path": PRIVATE_KEY,
    }
    for name, protocol, encryption in (
        ("SMTP", "smtp", "tls"),
        ("Submissions", "submission", "ssl"),
        ("Submission", "submission", "tls"),
        ("IMAPS", "imap", "ssl"),
        ("POP3S", "pop", "ssl"),
    )
]
DECLARATION = {
    "exclusive": True,
    "ports": PORTS,
    "ip_addresses": [
        {"address": address, "ports": [port["name"] for port in PORTS]} for address in ADDRESSES
    ],
}
TASK = {"name": "no-op", "mailops.bindings.mail_listeners": DECLARATION}
PING = {"name": "ping", "ansible.builtin.ping": {}}

#: Prints the processor seconds of a program and its children (getrusage(2)).
TIMED = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
    "stdout=subprocess.DEVNULL); used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(used.ru_utime + used.ru_stime)"
)


def payload(player: Player, host, task: dict, name: str, environment: dict[str, str]) -> str:
    """The path on the host of the program that Ansible makes of a task."""
    folder = "/root/payload-" + name
    kept = {
        **environment,
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_PIPELINING": "false",
        "ANSIBLE_REMOTE_TEMP": folder,
    }
    played = player.play([task], host, environment=kept)
    if played.failed or played.changed:
        raise SystemExit("not a no-op:\n" + played.output)
    (path,) = host.run("find %s -name 'AnsiballZ_*.py'" % folder).stdout.split()
    return path


def processor_seconds(host, path: str) -> float:
    command = "python3 -c %s python3 %s" % (shlex.quote(TIMED), path)
    return float(host.run(command).stdout)


@contextlib.contextmanager
def environments(against: pathlib.Path | None):
    """Name -> what has ansible-playbook use that checkout's collection."""
    found: dict[str, dict[str, str]] = {"this": {}}
    with tempfile.TemporaryDirectory() as name:
        if against:
            folder = pathlib.Path(name) / "ansible_collections" / "mailops"
            folder.mkdir(parents=True)
            (folder / "bindings").symlink_to(against.resolve())
            found["other"] = {"ANSIBLE_COLLECTIONS_PATH": name}
        yield found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--against", type=pathlib.Path, metavar="CHECKOUT")
    arguments = parser.parse_args()
    processor: dict[str, list[float]] = {}
    wall: dict[str, list[float]] = {}
    with network_to_play_on() as (network, player):
        host = mail_host(network, "mx", pki.Authority(), arguments.suite, ADDRESSES)
        first = player.play([TASK], host)
        if first.failed:
            raise SystemExit(first.output)
        with environments(arguments.against) as contenders:
            paths = {"ping": payload(player, host, PING, "ping", {})}
            for name, environment in contenders.items():
                paths[name] = payload(player, host, TASK, name, environment)
            for dummy in range(arguments.rounds):
                for name, path in paths.items():
                    processor.setdefault(name, []).append(processor_seconds(host, path))
                for name, environment in contenders.items():
                    played = player.play([PING, TASK], host, environment=environment)
                    seconds = [result.seconds for result in played]
                    wall.setdefault(name, []).append(seconds[1] / seconds[0])
    print("%-8s %26s %26s" % ("no-op", "processor seconds (× other)", "wall time × ping's"))
    other = statistics.median(processor.get("other", processor["this"]))
    for name, seconds in processor.items():
        ratio = statistics.median(seconds) / other
        beside = "%.2f" % statistics.median(wall[name]) if name in wall else ""
        print("%-8s %18.3f (%.2f) %26s" % (name, statistics.median(seconds), ratio, beside))


if __name__ == "__main__":
    main()
