# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What test hosts are isolated by: namespaces, cgroups and mounts of this machine.

The names that all runs on a machine share (of network namespaces and cgroups) begin with the run's
own, so that several runs do not meet; and each run first removes the leftovers of killed ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import time
from signal import SIGKILL

from .commands import run

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NETNS = pathlib.Path("/run/netns")
RUNS = pathlib.Path("/run/mailops-fleet")
BRIDGE = "br0"


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
    if cgroups() is None:
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
        cd /mnt
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work /mnt/root
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
    return shutil.which(program, path=os.environ.get("PATH", "") + ":" + SYSTEM_PATH)


def cgroups():
    """Where the machine's cgroups of version 2 are."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            folder, kind = line.split()[1:3]
            if kind == "cgroup2":
                return pathlib.Path(folder)
    return None


def remove_leftovers() -> None:
    """Remove what runs left that did not come to their end: hosts, mounts, namespaces, cgroups."""
    for folder in RUNS.glob("mailops-*"):
        with contextlib.suppress(OSError), open(folder / "lock", "r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for namespace in NETNS.glob(folder.name + "*"):
                remove_namespace(namespace.name)
            remove_cgroups(folder.name)
            work = pathlib.Path((folder / "folder").read_text(encoding="utf-8"))
            for root in (work / "hosts").glob("*/root"):
                unmount(root)
            shutil.rmtree(work / "hosts", ignore_errors=True)
            shutil.rmtree(folder)


def allow_many_systemds():
    """Raise the kernel's limit of inotify instances, which is enough for about fifteen of them."""
    setting = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")
    if int(setting.read_text(encoding="ascii")) < 4096:
        setting.write_text("4096", encoding="ascii")


def remove_namespace(name):
    if not (NETNS / name).exists():
        return
    # A host's init is among them, and with it goes whatever runs on the host. SSH's shared
    # connections are, too.
    for pid in run(["ip", "netns", "pids", name], check=False).stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), SIGKILL)
    run(["ip", "netns", "del", name], check=False)


def remove_cgroups(name):
    top = cgroups() / name
    if not top.exists():
        return
    for _attempt in range(50):
        for folder, _folders, _files in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        if not top.exists():
            return
        time.sleep(0.02)


def unmount(path):
    # Lazily: a process that is about to be gone may still be in there.
    while os.path.ismount(path):
        run(["umount", "--lazy", path])
