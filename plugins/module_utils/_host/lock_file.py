# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks that other users can't take: files that only their owner can open.

flock(2) needs no more than an open file. A lock on what every user can read, as a folder of the
system, is one that every user can hold.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
import typing as t

MODE = 0o600
LOOK_SECONDS = 0.02


class Busy(Exception):
    """The lock was not free in time. C(str()): the process that holds it, in words."""


@contextlib.contextmanager
def held(
    name: str,
    seconds: float,
    folder: t.Optional[int] = None,
    look_seconds: float = LOOK_SECONDS,
) -> t.Iterator[None]:
    """Hold a lock, and remove its file on release.

    C(folder): a handle of its folder, None if C(name) is an absolute path. Only this user may be
    able to write there. Raises Busy after C(seconds), or OSError if the file can't be locked.
    """
    handle = _acquire(name, seconds, folder, look_seconds)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        os.close(handle)


def holder(name: str) -> str:
    """The process that holds the lock now, in words; '' if none does. Makes no file."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(handle)
    finally:
        os.close(handle)
    return ""


def _acquire(name: str, seconds: float, folder: t.Optional[int], look_seconds: float) -> int:
    deadline = time.monotonic() + seconds
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        handle = os.open(name, flags, MODE, dir_fd=folder)
        try:
            if not _is_private(handle):
                # others may hold it for ever: the next turn makes a new one
                os.unlink(name, dir_fd=folder)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same(handle, name, folder):
                    return os.dup(handle)
            # its last holder removed it while we waited: other runs lock a new one
            why = Busy("a process that makes it again and again")
        except BlockingIOError:
            why = Busy(_holder(handle))
        finally:
            os.close(handle)
        if time.monotonic() >= deadline:
            raise why
        time.sleep(look_seconds)


def _is_private(handle: int) -> bool:
    """Is it a file that no other user can open, or has opened?"""
    status = os.fstat(handle)
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_uid == os.geteuid()
        and not stat.S_IMODE(status.st_mode) & 0o077
    )


def _is_same(handle: int, name: str, folder: t.Optional[int]) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), found)


def _holder(handle: int) -> str:
    """The process that holds this file's lock, in words (proc(5), /proc/locks)."""
    status = os.fstat(handle)
    device = "%02x:%02x" % (os.major(status.st_dev), os.minor(status.st_dev))
    try:
        with open("/proc/locks", encoding="ascii") as file:
            locks = [line.split() for line in file]
        pids = {
            fields[5]: fields[4]
            for fields in locks
            if fields[1] == "FLOCK" and fields[5].endswith(":%d" % status.st_ino)
        }
        # overlay file systems have another device in /proc/locks
        pid = pids.get("%s:%d" % (device, status.st_ino)) or next(iter(pids.values()))
        with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as file:
            return "process %s (%s)" % (pid, file.read().strip())
    except (OSError, StopIteration, IndexError):
        return "a process that lslocks(8) names"
