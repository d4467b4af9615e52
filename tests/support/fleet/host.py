# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole Debian hosts in namespaces of this machine.

Each has its own network, processes, file tree, systemd and SSH server.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import pathlib
import re
import shutil
import stat
import subprocess
from signal import SIGKILL, SIGRTMIN

from .commands import CommandError, EnteredProcess, Process, run, wait_until
from .isolation import (
    BRIDGE,
    NETNS,
    SYSTEM_PATH,
    cgroups,
    remove_cgroups,
    remove_namespace,
    unmount,
)
from .network import HostError

HERE = pathlib.Path(__file__).resolve().parent

_HOST_ENVIRONMENT = ["env", "-i", f"PATH={SYSTEM_PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"]


class Host:
    """A host; C(mail): of the image where the mail servers are set up."""

    def __init__(
        self, network, name, suite="bookworm", addresses=(), mail=False, init="systemd", dad=False
    ):
        """C(mail): from the image with the mail servers set up.

        addresses: with or without a prefix length; without any, a pair that is free
        init: "systemd", or "plain": only an SSH server runs, which takes less memory and time
        dad: how often duplicate address detection asks, a second apart, before an IPv6 address
            stops being tentative: True, which is once, on real networks; 10 delays an address
            for longer than the servers take to start
        """
        assert re.fullmatch("[a-z][a-z0-9-]*", name) and init in ("systemd", "plain")
        self.network = network
        self.name = name
        self.suite = suite
        self.init = init
        self.dad = dad
        self.mail = mail
        self.addresses = [
            _canonical(address)[0] for address in addresses or network.next_addresses()
        ]
        self.folder = network.folder / "hosts" / name
        self.root = (
            self.folder / "root"
        )  # the file tree: from here it can be seen without /run, /tmp, /proc, …
        self.pid = None  # of the host's init
        self.facts = {}  # what a fixture that sets the host up tells tests
        self._process = None
        self._link = f"v{network.added(self)}"

    def __repr__(self):
        return f"<{self.name}: {self.suite}, {' '.join(self.addresses)}>"

    # -- its life

    @property
    def address(self) -> str:
        """The one that it is managed by."""
        return self.addresses[0]

    @property
    def fqdn(self) -> str:
        return f"{self.name}.test"

    def prepare(self) -> Host:
        """Make the file tree, so that it can be changed before anything runs."""
        if os.path.ismount(self.root):
            return self
        for folder in ("upper", "work", "root"):
            (self.folder / folder).mkdir(parents=True)
        layers = ":".join(map(str, self.network.images.layers(self.suite, self.mail)))
        # volatile: what is synced needs to survive a host's death, but not this machine's.
        options = (
            f"volatile,lowerdir={layers},"
            f"upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        )
        run(["mount", "-t", "overlay", self.name, "-o", options, self.root])
        self.write("/etc/hostname", self.name + "\n")
        self.write(
            "/root/.ssh/authorized_keys",
            self.network.key.with_suffix(".pub").read_text(encoding="utf-8"),
            0o600,
        )
        return self

    def up(self, wait=True) -> Host:
        """C(wait): until systemd says that all has been started."""
        self.prepare()
        names = "".join(f"{address} {self.fqdn} {self.name}\n" for address in self.addresses)
        self.write(
            "/etc/hosts", f"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{names}"
        )
        self._plug_in()
        self._launch()
        if wait:
            self.wait()
        return self

    def down(self) -> None:
        """Ends the host as a power cut does, and removes it."""
        self.cut()
        unmount(self.root)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.network.hosts.pop(self.name, None)

    def cut(self) -> None:
        """Cut the power: nothing runs any more, and what is in the file tree stays."""
        if self._process:
            # With its init the kernel kills all that a host runs.
            if self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, SIGKILL)
                wait_until(lambda: self._process.poll() is not None, 5)
            self._process.kill()
            self._process.wait()
        self._process = self.pid = None
        # The kernel may keep a namespace for a while after it was removed, and the link would live
        # on with it.
        run(["ip", "-n", self.network.name, "link", "del", self._link], check=False)
        remove_namespace(self._namespace)
        remove_cgroups(f"{self.network.name}/{self.name}")

    def reboot(self, power_cut=False, wait=True) -> None:
        """Start again with the same file tree, after a shutdown in good order or a power cut.

        The addresses are those of C(addresses).
        """
        if not power_cut and self.init == "systemd":
            os.kill(self.pid, SIGRTMIN + 4)  # what "systemctl poweroff" asks for
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
        self.cut()
        self.up(wait)

    def wait(self, timeout=60) -> None:
        """Wait until systemd has started all that it is to start, well or not."""
        if self.init == "systemd":
            state = self.run(
                ["systemctl", "is-system-running", "--wait"], check=False, timeout=timeout
            ).stdout.strip()
            if state not in ("running", "degraded"):
                raise HostError(f"{self.name} is {state or 'dead'}:\n{self.journal()}")

    # -- its network

    def add_address(self, address) -> str:
        """The host has it after a reboot, too."""
        plain = self._put_address(address)
        self.addresses.append(plain)
        return plain

    def remove_address(self, address) -> None:
        plain, prefix = _canonical(address)
        self.ip("address", "del", f"{plain}/{prefix}", "dev", "eth0")
        self.addresses.remove(plain)

    def ip(self, *arguments) -> None:
        run(["ip", "-n", self._namespace, *arguments])

    def listening(self, also_loopback=True) -> set:
        """(address, port, program) of all that listens on TCP.

        The wildcard of both families is "*"; the program is the one that began to listen.
        """
        found = set()
        for line in self.run(["ss", "-Hltnp"]).stdout.splitlines():
            address, port = line.split()[3].rsplit(":", 1)
            address = address.strip("[]").partition("%")[0]
            users = re.findall(r'\("([^"]*)",pid=(\d+)', line)
            program = min(users, key=lambda user: int(user[1]))[0] if users else ""
            if also_loopback or address == "*" or not ipaddress.ip_address(address).is_loopback:
                found.add((address, int(port), program))
        return found

    def listens_on(self, port) -> bool:
        """Whether something does, on whatever address: a look that costs next to nothing."""
        wanted = f":{port:04X}"
        for table in ("tcp", "tcp6"):
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{self.pid}/net/{table}", encoding="ascii") as lines,
            ):
                for line in lines:
                    fields = line.split()
                    if fields[3] == "0A" and fields[1].endswith(wanted):
                        return True
        return False

    def wait_for_ports(self, *ports, timeout=20) -> None:
        if not wait_until(lambda: all(map(self.listens_on, ports)), timeout):
            missing = [port for port in ports if not self.listens_on(port)]
            raise HostError(f"{self.name} does not listen on {missing}:\n{self.journal()}")

    def wait_for_addresses(self, timeout=10) -> None:
        """Until duplicate address detection has ended: before, an address can not be bound."""
        if not wait_until(
            lambda: "tentative" not in self.run(["ip", "-6", "address"]).stdout, timeout
        ):
            raise HostError(f"{self.name} has addresses that are tentative still")

    # -- what runs on it, and its files

    def run(
        self, command, input=None, check=True, timeout=60, **options
    ) -> subprocess.CompletedProcess:
        """Run a command, or text for sh, on the host; before it is up, in its file tree."""
        argv = (
            ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        )
        what = f"{self.name}: {command if isinstance(command, str) else ' '.join(argv)}"
        return run(
            [*self._enter(), *argv], input, check, timeout, what, self._process_class, **options
        )

    def popen(self, command, **options) -> Process:
        """Start a command on the host: a context manager, which kills it at its end."""
        argv = (
            ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        )
        return self._process_class(
            [*self._enter(), *argv], **{"encoding": "utf-8", "errors": "replace", **options}
        )

    def write(self, path, content, mode=0o644, owner=None) -> None:
        """Write a file, in place if it exists, and make missing folders. C(owner): for chown."""
        # On the host rather than from outside: a symbolic link there must not lead to a file of
        # this machine.
        content = content.encode() if isinstance(content, str) else content
        script = (
            'umask 022; mkdir -p "${1%/*}"; cat >"$1"; chmod "$2" "$1"; '
            '[ -z "$3" ] || chown "$3" "$1"'
        )
        self.run(
            ["sh", "-euc", script, "sh", path, f"{mode:o}", owner or ""],
            content,
            encoding=None,
            errors=None,
        )

    def read(self, path) -> str:
        return self.run(["cat", "--", path]).stdout

    def exists(self, path) -> bool:
        return self.run(["test", "-e", path], check=False).returncode == 0

    def snapshot(self, *folders) -> dict:
        """All that is in the folders, and themselves, by path.

        As (type, mode, uid, gid, mtime_ns, inode, sha256 or target of a link).
        """
        top = f"/proc/{self.pid}/root" if self.pid else str(self.root)
        found = {}
        for folder in folders:
            found[folder] = _seen(top + folder)
            for parent, names, files in os.walk(top + folder):
                for name in names + files:
                    path = os.path.join(parent, name)
                    with contextlib.suppress(FileNotFoundError):  # gone since
                        found[path[len(top) :]] = _seen(path)
        return found

    def processor_seconds(self) -> float:
        """What all its processes, ended ones too, took of the machine's processors."""
        statistics = (cgroups() / self.network.name / self.name / "cpu.stat").read_text(
            encoding="ascii"
        )
        return int(dict(map(str.split, statistics.splitlines()))["usage_usec"]) / 1e6

    def journal(self, lines=80) -> str:
        """What it said last, for a failure's message."""
        console = self.folder / "console"
        text = (
            console.read_text(encoding="utf-8", errors="replace")[-3000:]
            if console.exists()
            else ""
        )
        if self.pid and self.init == "systemd":
            for command in (
                ["systemctl", "--failed", "--no-legend", "--plain"],
                ["journalctl", "--no-pager", "-o", "short-precise", "-n", lines],
            ):
                with contextlib.suppress(CommandError):
                    text += self.run(command, check=False, timeout=10).stdout
        return text

    # -- how

    @property
    def _namespace(self):
        return f"{self.network.name}-{self.name}"

    @property
    def _process_class(self):
        return EnteredProcess if self.pid else Process

    def _enter(self):
        if not self.pid:
            return ["chroot", str(self.root), *_HOST_ENVIRONMENT]
        return [
            "nsenter",
            f"--target={self.pid}",
            *("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd"),
            *_HOST_ENVIRONMENT,
        ]

    def _plug_in(self):
        run(["ip", "netns", "add", self._namespace])
        self.ip("link", "set", "lo", "up")
        # One that comes back under its name is to have the MAC address that its neighbours
        # remember.
        mac = "02:" + hashlib.sha256(self.name.encode()).hexdigest()[:10]
        mac = ":".join([mac[:2], *re.findall("..", mac[3:])])
        self.network.ip(
            "link",
            "add",
            self._link,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "address",
            mac,
            "netns",
            self._namespace,
        )
        self.network.ip("link", "set", self._link, "master", BRIDGE, "up")
        setting = f"dad_transmits={int(self.dad)}" if self.dad else "accept_dad=0"
        run(
            [
                "nsenter",
                f"--net={NETNS / self._namespace}",
                "sysctl",
                "-qw",
                f"net.ipv6.conf.eth0.{setting}",
            ]
        )
        self.ip("link", "set", "eth0", "up")
        for address in self.addresses:
            self._put_address(address)

    def _put_address(self, address):
        plain, prefix = _canonical(address)
        self.ip(
            "address",
            "add",
            f"{plain}/{prefix}",
            "dev",
            "eth0",
            *(["nodad"] if ":" in plain and not self.dad else []),
        )
        # another host may have had it a moment ago
        self.network.ip("neighbour", "flush", "to", plain)
        return plain

    def _launch(self):
        cgroup = cgroups() / self.network.name / self.name
        cgroup.mkdir(parents=True, exist_ok=True)
        # Into a cgroup of its own first, which is then the top one that the host sees.
        script = 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"'
        spaces = [
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            *(["--cgroup"] if self.init == "systemd" else []),
        ]
        with open(self.folder / "console", "ab") as console:
            self._process = Process(
                [
                    *("sh", "-euc", script, "sh", cgroup),
                    *("nsenter", f"--net={NETNS / self._namespace}"),
                    *("unshare", *spaces, "--fork", "--kill-child"),
                    *("bash", HERE / "launch_host.sh", self.root, self.name, self.init),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                cwd="/",
            )
        wait_until(lambda: self._answers() or self._process.poll() is not None, 30)
        if not self._answers():
            text = self.journal()
            self.cut()
            raise HostError(f"{self.name} ({self.suite}) did not come up:\n{text}")

    def _answers(self):
        """Whether there is an SSH server."""
        if self.pid is None:
            with (
                contextlib.suppress(OSError),
                open(
                    f"/proc/{self._process.pid}/task/{self._process.pid}/children", encoding="ascii"
                ) as children,
            ):
                self.pid = next(map(int, children.read().split()), None)
        return self.pid is not None and self.listens_on(22)


def _canonical(address):
    """(address, prefix length), with that of the test network where none is given."""
    plain, _slash, prefix = str(address).partition("/")
    parsed = ipaddress.ip_address(plain)
    return str(parsed), prefix or ("64" if parsed.version == 6 else "24")


def _seen(path):
    info = os.lstat(path)
    kind, content = stat.S_IFMT(info.st_mode), None
    if stat.S_ISLNK(info.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            content = (
                hashlib.file_digest(file, "sha256").hexdigest()
                if hasattr(hashlib, "file_digest")
                else hashlib.sha256(file.read()).hexdigest()
            )
    return (
        kind,
        stat.S_IMODE(info.st_mode),
        info.st_uid,
        info.st_gid,
        info.st_mtime_ns,
        info.st_ino,
        content,
    )
