# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network of the test hosts: a control namespace with a bridge, with no route to anywhere else.

In the control namespace Ansible and the other clients run.
"""

from __future__ import annotations

import concurrent.futures
import fcntl
import pathlib
import secrets
import shutil
import subprocess
import threading

from .commands import Process, run
from .images import Images
from .isolation import (
    BRIDGE,
    NETNS,
    RUNS,
    allow_many_systemds,
    remove_cgroups,
    remove_leftovers,
    remove_namespace,
)

ADDRESSES = "198.51.100.1/24", "2001:db8:51::1/64"  # of the control namespace


class HostError(Exception):
    """A host did not come up; with what it said."""


class Network:
    """The control namespace, with the bridge that hosts are plugged into."""

    def __init__(self, work_folder, bases_folder):
        self.name = "mailops-" + secrets.token_hex(3)
        self.folder = pathlib.Path(work_folder)
        self.images = Images(bases_folder)
        self.key = self.folder / "id"  # an SSH key that all of the hosts know
        self.hosts = {}
        self._registered = None
        self._lock = threading.Lock()
        self._count = 0

    def up(self) -> Network:
        remove_leftovers()
        allow_many_systemds()
        self._register()
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", self.key])
        run(["ip", "netns", "add", self.name])
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", BRIDGE, "type", "bridge")
        self.run(["sysctl", "-qw", f"net.ipv6.conf.{BRIDGE}.accept_dad=0"])
        self.ip("link", "set", BRIDGE, "up")
        for address in ADDRESSES:
            self.ip(
                "address", "add", address, "dev", BRIDGE, *(["nodad"] if ":" in address else [])
            )
        return self

    def down(self) -> None:
        """Also takes down the hosts, and removes what is left of runs that died."""
        if self.hosts:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda host: host.down(), list(self.hosts.values())))
        remove_namespace(self.name)
        remove_cgroups(self.name)
        if self._registered:
            shutil.rmtree(RUNS / self.name, ignore_errors=True)
            self._registered.close()
            self._registered = None
        self.images.close()
        remove_leftovers()

    def run(
        self, argv, input=None, check=True, timeout=60, **options
    ) -> subprocess.CompletedProcess:
        """Run a command in the control namespace."""
        return run(
            [*self._enter(), *argv], input, check, timeout, what=" ".join(map(str, argv)), **options
        )

    def popen(self, argv, **options) -> Process:
        """Start a command in the control namespace: a context manager that kills it at its end."""
        return Process(
            [*self._enter(), *map(str, argv)],
            **{"encoding": "utf-8", "errors": "replace", **options},
        )

    def ip(self, *arguments) -> None:
        run(["ip", "-n", self.name, *arguments])

    def reaches(self, address, port, timeout=2) -> bool:
        """Whether a connection can be made."""
        script = 'exec timeout "$1" bash -c ": <>/dev/tcp/$2/$3"'
        return (
            self.run(["bash", "-c", script, "bash", timeout, address, port], check=False).returncode
            == 0
        )

    def next_addresses(self) -> list:
        """An IPv4 and an IPv6 address that no host has, unless it was told to take them."""
        taken = {address for host in self.hosts.values() for address in host.addresses}
        for number in range(101, 255):
            pair = [f"198.51.100.{number}", f"2001:db8:51::{number:x}"]
            if not taken.intersection(pair):
                return pair
        raise HostError("There are no addresses left")

    def _enter(self):
        return ["nsenter", f"--net={NETNS / self.name}"]

    def _register(self):
        """A folder that says whose the names are, and a lock on it that ends with us."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # It gets its name when it is locked, or another run could take it for a dead one's.
        folder = RUNS / f"new-{self.name}"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "folder").write_text(str(self.folder), encoding="utf-8")
        self._registered = open(folder / "lock", "w", encoding="utf-8")
        fcntl.flock(self._registered, fcntl.LOCK_EX)
        folder.rename(RUNS / self.name)

    def added(self, host) -> int:
        with self._lock:
            assert host.name not in self.hosts, f"There is a host {host.name} already"
            self.hosts[host.name] = host
            self._count += 1
            return self._count
