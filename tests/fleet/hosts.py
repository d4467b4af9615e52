# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole Debian hosts in namespaces of this machine: each with its own network, processes, file tree, systemd and SSH server.

They and a control namespace, where Ansible and the other clients run, hang on one bridge. Nothing there has a route to anywhere else. The
names that all runs on a machine share (of network namespaces and cgroups) begin with the run's own, so that several runs don't meet; and
each run first removes what is left of those that died.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import hashlib
import ipaddress
import os
import pathlib
import re
import secrets
import shutil
import stat
import subprocess
import threading
import time
from signal import SIGKILL, SIGRTMIN

from .images import Images

HERE = pathlib.Path(__file__).resolve().parent

ADDRESSES = "198.51.100.1/24", "2001:db8:51::1/64"  # of the control namespace

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HOST_ENVIRONMENT = ["env", "-i", f"PATH={_SYSTEM_PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"]
_NETNS = pathlib.Path("/run/netns")
_RUNS = pathlib.Path("/run/mailops-fleet")
_BRIDGE = "br0"


class CommandError(AssertionError):
    """A command failed that was not to; with all that it printed."""


class HostError(Exception):
    """A host did not come up; with what it said."""


# -- commands


class Process(subprocess.Popen):
    """A process that is ended together with all that it started, as entering a namespace takes a process of its own."""

    def __init__(self, command, **options):
        super().__init__(command, start_new_session=True, **options)

    def send_signal(self, signal):
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal)

    def __exit__(self, *exception):
        self.kill()
        return super().__exit__(*exception)


class _Entered(Process):
    """One that nsenter runs as its child in a host's process namespace.

    nsenter itself is not signalled, so that it can see its child's end: an orphan would be left to the machine's init, and a host that is
    shut down waits for whatever nobody has reaped yet.
    """

    def send_signal(self, signal):
        if self.poll() is not None:
            return
        if not self._signal_others(signal):
            super().send_signal(signal)
        elif signal == SIGKILL:
            # Again and again, as they may have started others while we looked.
            wait_until(lambda: not self._signal_others(signal) and self.poll() is not None, 5)

    def _signal_others(self, signal):
        others = [pid for pid in _process_group(self.pid) if pid != self.pid]
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal)
        return others


def _process_group(group):
    """The processes of a group that have not ended."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name, which may have anything in it.
            state, _parent, its_group = (
                (folder / "stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()[:3]
            )
            if int(its_group) == group and state != "Z":
                yield int(folder.name)


def run(
    command, input=None, check=True, timeout=60, what=None, process_class=Process, **options
) -> subprocess.CompletedProcess:
    """Run a command, without our standard input; its output is text. C(what) is what it is called where it fails."""
    shown = what or " ".join(str(word) for word in command)
    options = {"encoding": "utf-8", "errors": "replace", **options}
    process = process_class(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    with process:
        try:
            stdout, stderr = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise CommandError(
                f"{shown}\nhad not ended after {timeout} s:\n{stdout}\n{stderr}"
            ) from None
    if check and process.returncode:
        raise CommandError(f"{shown}\nreturned {process.returncode}:\n{stdout}\n{stderr}")
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def why_not_here() -> str:
    """Why there can be no test hosts on this machine; empty if there can."""
    if os.geteuid() != 0:
        return "it takes root"
    missing = [
        name
        for name in (
            "ip",
            "ldapsearch",
            "mmdebstrap",
            "mount",
            "nsenter",
            "openssl",
            "ssh",
            "ssh-keygen",
            "unshare",
        )
        if not _found(name)
    ]
    if missing:
        return "these programs are not installed: " + ", ".join(missing)
    if _cgroups() is None:
        return "there are no cgroups of version 2 here"
    tried = run(
        [
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--uts",
            "--ipc",
            "--cgroup",
            "--fork",
            "sh",
            "-euc",
            """
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root
        mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
        ip link add br0 type bridge
        ip link add v0 type veth peer name v1
    """,
        ],
        check=False,
    )
    if tried.returncode:
        return "namespaces, overlay mounts or virtual networks are not allowed here: " + " ".join(
            tried.stderr.split()
        )
    return ""


def _found(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":" + _SYSTEM_PATH)


def _cgroups():
    """Where the machine's cgroups of version 2 are."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            folder, kind = line.split()[1:3]
            if kind == "cgroup2":
                return pathlib.Path(folder)
    return None


# -- the network


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
        _allow_many_systemds()
        self._register()
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", self.key])
        run(["ip", "netns", "add", self.name])
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", _BRIDGE, "type", "bridge")
        self.run(["sysctl", "-qw", f"net.ipv6.conf.{_BRIDGE}.accept_dad=0"])
        self.ip("link", "set", _BRIDGE, "up")
        for address in ADDRESSES:
            self.ip(
                "address", "add", address, "dev", _BRIDGE, *(["nodad"] if ":" in address else [])
            )
        return self

    def down(self) -> None:
        """Also takes down the hosts, and removes what is left of runs that died."""
        if self.hosts:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(Host.down, list(self.hosts.values())))
        _remove_namespace(self.name)
        _remove_cgroups(self.name)
        if self._registered:
            shutil.rmtree(_RUNS / self.name, ignore_errors=True)
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
        """Start a command in the control namespace: a context manager, at whose end it is killed."""
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
        return ["nsenter", f"--net={_NETNS / self.name}"]

    def _register(self):
        """A folder that says whose the names are, and a lock on it that ends with us."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # It gets its name when it is locked, or another run could take it for a dead one's.
        folder = _RUNS / f"new-{self.name}"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "folder").write_text(str(self.folder), encoding="utf-8")
        self._registered = open(folder / "lock", "w", encoding="utf-8")
        fcntl.flock(self._registered, fcntl.LOCK_EX)
        folder.rename(_RUNS / self.name)

    def _added(self, host) -> int:
        with self._lock:
            assert host.name not in self.hosts, f"There is a host {host.name} already"
            self.hosts[host.name] = host
            self._count += 1
            return self._count


def remove_leftovers() -> None:
    """Remove what runs left that did not come to their end: hosts, mounts, namespaces, cgroups."""
    for folder in _RUNS.glob("mailops-*"):
        with contextlib.suppress(OSError), open(folder / "lock", "r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for namespace in _NETNS.glob(folder.name + "*"):
                _remove_namespace(namespace.name)
            _remove_cgroups(folder.name)
            work = pathlib.Path((folder / "folder").read_text(encoding="utf-8"))
            for root in (work / "hosts").glob("*/root"):
                _unmount(root)
            shutil.rmtree(work / "hosts", ignore_errors=True)
            shutil.rmtree(folder)


def _allow_many_systemds():
    """Each watches some files, and the kernel's default is enough for about fifteen of them; it is only ever raised."""
    setting = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")
    if int(setting.read_text(encoding="ascii")) < 4096:
        setting.write_text("4096", encoding="ascii")


def _remove_namespace(name):
    if not (_NETNS / name).exists():
        return
    # A host's init is among them, and with it goes whatever runs on the host. SSH's shared connections are, too.
    for pid in run(["ip", "netns", "pids", name], check=False).stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), SIGKILL)
    run(["ip", "netns", "del", name], check=False)


def _remove_cgroups(name):
    top = _cgroups() / name
    if not top.exists():
        return
    for _attempt in range(50):
        for folder, _folders, _files in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        if not top.exists():
            return
        time.sleep(0.02)


def _unmount(path):
    # Lazily: a process that is about to be gone may still be in there.
    while os.path.ismount(path):
        run(["umount", "--lazy", path])


# -- hosts


class Host:
    """A host; C(mail): of the image where the mail servers are set up."""

    def __init__(
        self, network, name, suite="bookworm", addresses=(), mail=False, init="systemd", dad=False
    ):
        """
        addresses: with or without a prefix length; without any, a pair that is free
        init: "systemd", or "plain": nothing but an SSH server runs, which takes less memory and time
        dad: how often duplicate address detection asks, a second apart, before an IPv6 address stops being tentative: real networks have True,
            which is once; 10 holds an address up for longer than the servers take to start
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
        self.facts = {}  # for those who set the host up, to say what is there
        self._process = None
        self._link = f"v{network._added(self)}"

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
        options = f"volatile,lowerdir={layers},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
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
        _unmount(self.root)
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
        # The kernel may keep a namespace for a while after it was removed, and the link would live on with it.
        run(["ip", "-n", self.network.name, "link", "del", self._link], check=False)
        _remove_namespace(self._namespace)
        _remove_cgroups(f"{self.network.name}/{self.name}")

    def reboot(self, power_cut=False, wait=True) -> None:
        """Start again with the same file tree, after a shutdown in good order or a power cut. The addresses are those of C(addresses)."""
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
        """(address, port, program) of what listens on TCP; the wildcard of both families is "*". The program is the one that began to."""
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
        """Until duplicate address detection has ended: nobody can bind to an address before."""
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
        """Start a command on the host: a context manager, at whose end it is killed."""
        argv = (
            ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        )
        return self._process_class(
            [*self._enter(), *argv], **{"encoding": "utf-8", "errors": "replace", **options}
        )

    def write(self, path, content, mode=0o644, owner=None) -> None:
        """Write a file, in place where it is already there, and with missing folders made. C(owner): for chown."""
        # On the host rather than from outside: a symbolic link there must not lead to a file of this machine.
        content = content.encode() if isinstance(content, str) else content
        script = 'umask 022; mkdir -p "${1%/*}"; cat >"$1"; chmod "$2" "$1"; [ -z "$3" ] || chown "$3" "$1"'
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
        """All that is in the folders, and themselves: {path: (type, mode, uid, gid, mtime_ns, inode, sha256 or target of a link)}."""
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
        """What all that runs on it, and has run since it came up, took of the machine's processors."""
        statistics = (_cgroups() / self.network.name / self.name / "cpu.stat").read_text(
            encoding="ascii"
        )
        return int(dict(map(str.split, statistics.splitlines()))["usage_usec"]) / 1e6

    def journal(self, lines=80) -> str:
        """What it said last, for a failure's message."""
        console = self.folder / "console"
        said = (
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
                    said += self.run(command, check=False, timeout=10).stdout
        return said

    # -- how

    @property
    def _namespace(self):
        return f"{self.network.name}-{self.name}"

    @property
    def _process_class(self):
        return _Entered if self.pid else Process

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
        # One that comes back under its name is to have the MAC address that its neighbours remember.
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
        self.network.ip("link", "set", self._link, "master", _BRIDGE, "up")
        setting = f"dad_transmits={int(self.dad)}" if self.dad else "accept_dad=0"
        run(
            [
                "nsenter",
                f"--net={_NETNS / self._namespace}",
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
        # Somebody else may have had it a moment ago.
        self.network.ip("neighbour", "flush", "to", plain)
        return plain

    def _launch(self):
        cgroup = _cgroups() / self.network.name / self.name
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
                    *("nsenter", f"--net={_NETNS / self._namespace}"),
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
            said = self.journal()
            self.cut()
            raise HostError(f"{self.name} ({self.suite}) did not come up:\n{said}")

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


def wait_until(condition, timeout, pause=0.02) -> bool:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


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
