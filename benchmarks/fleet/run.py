# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet costs the machine that Ansible runs on: the role mail_bindings beside a role written by hand, over SSH, by number of hosts.

Each round makes two fleets of mail hosts in namespaces of this machine, one for each role; then come the first run and runs that find nothing
to do, the two in turn. --local also counts inventory hosts with a local connection, of which there can be more than there can be real ones.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import resource
import signal
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "servers"), str(ROOT / "tests")]

# they are found by the path that was just set, so that they can't stand above it: E402
import run as servers  # the role written by hand, and what both are to lead to

from support import pki
from support.fleet.mail import mail_host, put_certificate
from support.fleet.playing import network_to_play_on

MOST = 126  # hosts in a fleet: two fleets share a /24
Settings = collections.namedtuple("Settings", "forks strategy pipelining")
# seconds: by the clock; of processors where Ansible runs, and of its main process alone, whatever the forks; of processors on the hosts
Cost = collections.namedtuple("Cost", "wall controller main hosts")
LocalHost = collections.namedtuple("LocalHost", "name address")


# -- who is compared: (what Player.play is to play, with which variables; whether the first run changes something)


def role_by_hand(hosts, folder):
    """The role of benchmarks/servers, with a host's variables in the inventory."""
    plays = {host.name: servers.by_hand(host) for host in hosts}
    keywords = {"roles": plays[hosts[0].name]["roles"], "become": True, "ignore_errors": False}
    return {
        "tasks": [],
        "play_keywords": keywords,
        "variables": {name: play["vars"] for name, play in plays.items()},
    }, True


def role_mail_bindings(hosts, folder):
    """The same listeners, by playbooks/apply.yml."""
    names = ("name", "protocol", "encryption", "port")
    ports = [dict(zip(names, kind)) for kind in [*servers.MAIL, servers.LDAP]]
    variables = {host.name: {"mail_bindings_addresses": host.addresses} for host in hosts}
    variables["all"] = {"mail_bindings_profile": "custom", "mail_bindings_ports": ports}
    variables["all"].update(
        {"mail_bindings_" + name: path for name, path in servers.CERTIFICATES[0].items()}
    )
    return {"tasks": "mailops.bindings.apply", "variables": variables}, True


def ping(hosts, folder):
    """What Ansible itself costs."""
    return {
        "tasks": [{"name": "ping", "ansible.builtin.ping": {}}],
        "variables": locally(hosts),
    }, False


def mail_bindings(hosts, folder):
    """A config for each host, of as many ports and addresses as the role's."""
    ports = [
        dict(zip(("name", "protocol", "port"), (kind[0], kind[1], kind[3])))
        for kind in [*servers.MAIL, servers.LDAP]
    ]
    addresses = [
        {"address": address, "ports": [port["name"] for port in ports]}
        for address in ("192.0.2.10", "2001:db8::10")
    ]
    task = {
        "exclusive": True,
        "require_local_address": False,
        "ports": ports,
        "ip_addresses": addresses,
    }
    task["config_path"] = str(folder) + "/{{ inventory_hostname }}.json"
    return {
        "tasks": [{"name": "declare", "mailops.bindings.mail_bindings": task}],
        "variables": locally(hosts),
    }, True


def locally(hosts):
    """Variables of the inventory."""
    return {
        host.name: {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        for host in hosts
    }


# each the first beside the second
OVER_SSH = {"role mail_bindings": role_mail_bindings, "role by hand": role_by_hand}
LOCAL = {"mail_bindings": mail_bindings, "ping": ping}


# -- one run


def cost_of(player, hosts, playing, settings, changed) -> Cost:
    """Play it, and see that it changed what it should: something on all hosts, or nothing on any."""
    before_hosts, before = processors_of(hosts), resource.getrusage(resource.RUSAGE_CHILDREN)
    watch = MainProcess()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(
        prefix="mf"
    ) as sockets:  # with connections of its own, as a run has that comes once a night
        played = player.play(
            **playing,
            watcher=watch,
            extra_args=["--forks", settings.forks],
            environment={
                "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
                "ANSIBLE_STRATEGY": settings.strategy,
                "ANSIBLE_PIPELINING": str(settings.pipelining == "on"),
            },
            hosts=hosts,
        )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    expected = {host.name for host in hosts} if changed else set()
    if played.returncode or played.failed or {result.host for result in played.changed} != expected:
        raise SystemExit(
            "expected to change: %s\n%s" % (sorted(expected) or "nothing", played.output)
        )
    controller = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, controller, watch.seconds, processors_of(hosts) - before_hosts)


class MainProcess:
    """Player's watcher: how much processor time a process has taken, its children's not counted."""

    seconds = 0.0

    def __call__(self, process):
        while process.poll() is None:  # until then its numbers can be read, also if it has ended
            fields = (
                pathlib.Path("/proc/%d/stat" % process.pid)
                .read_text(encoding="utf-8")
                .rpartition(")")[2]
                .split()
            )
            self.seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            time.sleep(0.1)


def processors_of(hosts) -> float:
    """Seconds of processors on the hosts so far; what runs over a local connection is the controller's."""
    return sum(host.processor_seconds() for host in hosts if not isinstance(host, LocalHost))


# -- fleets


@contextlib.contextmanager
def real_fleets(network, authority, count, suite, contenders):
    """A fleet for each contender, alike but for the addresses."""
    with contextlib.ExitStack() as cleanup, concurrent.futures.ThreadPoolExecutor(4) as pool:

        def make(number):
            addresses = ["198.51.100.%d" % (2 + number), "2001:db8:51::%x" % (2 + number)]
            name = "mx%d" % number
            cleanup.callback(lambda: network.hosts[name].down() if name in network.hosts else None)
            host = mail_host(network, name, authority, suite, addresses, ldap_tls=False)
            certificate = servers.CERTIFICATES[0]
            put_certificate(
                host,
                authority,
                certificate["certificate_path"],
                certificate["private_key_path"],
                which="one",
            )
            return host

        pki.key("ecdsa", "one"), pki.key("ecdsa", "mail")  # made once, not by each thread
        hosts = list(pool.map(make, range(len(contenders) * count)))
        yield {
            contender: hosts[position :: len(contenders)]
            for position, contender in enumerate(contenders)
        }


@contextlib.contextmanager
def local_fleets(count):
    """Names only."""
    hosts = [LocalHost("mx%d" % number, "127.0.0.1") for number in range(count)]
    yield dict.fromkeys(LOCAL, hosts)


def measured(player, contenders, fleets, settings, no_ops) -> dict:
    """Costs by (contender, settings, run), for one round with new hosts; a list for each."""
    costs = collections.defaultdict(list)
    with fleets as hosts, tempfile.TemporaryDirectory(prefix="mail-bindings-") as folder:
        runs = [
            ("first run", settings[0]),
            *(("no-op", one) for ignored in range(no_ops) for one in settings),
        ]
        for number, (run, one) in enumerate(runs):
            # the one that begins is the other one each time
            for contender in sorted(contenders, reverse=number % 2 == 1):
                playing, changes = contenders[contender](hosts[contender], folder)
                cost = cost_of(
                    player, hosts[contender], playing, one, changed=changes and run == "first run"
                )
                costs[contender, one, run].append(cost)
                print(
                    "%s, %s, %s: %.1f s, of processors %.1f s; load %s"
                    % (
                        contender,
                        run,
                        " ".join(map(str, one)),
                        cost.wall,
                        cost.controller,
                        os.getloadavg()[0],
                    ),
                    file=sys.stderr,
                )
        for host in itertools.chain(*hosts.values()):
            if not isinstance(host, LocalHost):
                servers.check(host)
    return costs


# -- the table

COLUMNS = "hosts forks strategy pipelining run who".split()


def print_costs(count, contenders, costs) -> None:
    """Medians, for each host but the first column; and the ratios of the first contender to the second, pair by pair."""
    for settings, run in dict.fromkeys((settings, run) for ignored, settings, run in costs):
        for contender in contenders:
            rows = [
                [cost.wall, *(seconds / count for seconds in cost)]
                for cost in costs[contender, settings, run]
            ]
            print_line(count, settings, run, contender, rows)
        if len(contenders) == 1:
            continue
        own, other = contenders
        ratios = [
            [a.wall / b.wall, a.wall / b.wall, *(x / y if y else 0 for x, y in zip(a[1:], b[1:]))]
            for a, b in zip(costs[own, settings, run], costs[other, settings, run])
        ]
        print_line(count, settings, run, "× " + other, ratios)


def print_line(count, settings, run, who, rows) -> None:
    """The median of each column."""
    medians = tuple(map(statistics.median, zip(*rows)))
    print(
        "%5d %5d %-8s %-10s %-10s %-20s" % (count, *settings, run, who)
        + "%9.2f %9.3f %11.3f %9.3f %9.3f" % medians,
        flush=True,
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "hosts",
        nargs="*",
        type=int,
        default=[1, 5, 20, 100],
        help="how many real hosts (1 5 20 100)",
    )
    parser.add_argument(
        "--local",
        nargs="+",
        type=int,
        default=[],
        metavar="HOSTS",
        help="how many inventory hosts with a local connection",
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often new fleets are made, for a first run (1)"
    )
    parser.add_argument(
        "--no-ops", type=int, default=3, help="runs that change nothing, in each round (3)"
    )
    parser.add_argument(
        "--alone",
        action="store_true",
        help="without the role by hand and ping, to compare settings",
    )
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--forks", nargs="+", type=int, default=[20])
    parser.add_argument("--strategy", nargs="+", choices=["linear", "free"], default=["linear"])
    parser.add_argument("--pipelining", nargs="+", choices=["on", "off"], default=["on"])
    arguments = parser.parse_args()
    if max(arguments.hosts, default=0) > MOST:
        parser.error("the network has addresses for %d hosts in a fleet" % MOST)
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit("ended"))  # so that no host is left
    settings = [
        Settings(*each)
        for each in itertools.product(arguments.forks, arguments.strategy, arguments.pipelining)
    ]
    with network_to_play_on() as (network, player):
        authority = pki.Authority()
        print("seconds; those after the first column are for each host")
        print(
            "%5s %5s %-8s %-10s %-10s %-20s" % tuple(COLUMNS)
            + "%9s %9s %11s %9s %9s" % ("wall", "wall", "controller", "its main", "on hosts")
        )
        for kind, count in [(OVER_SSH, count) for count in arguments.hosts] + [
            (LOCAL, count) for count in arguments.local
        ]:
            contenders = dict(list(kind.items())[:1]) if arguments.alone else kind
            costs = collections.defaultdict(list)
            for _ignored in range(arguments.rounds):
                fleets = (
                    real_fleets(network, authority, count, arguments.suite, contenders)
                    if kind is OVER_SSH
                    else local_fleets(count)
                )
                for key, found in measured(
                    player, contenders, fleets, settings, arguments.no_ops
                ).items():
                    costs[key] += found
            print_costs(count, contenders, costs)


if __name__ == "__main__":
    main()
