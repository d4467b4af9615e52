# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders as handles, which stay what they are when names change; and who can change names."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LINKS = 40  # as the kernel follows (path_resolution(7))


@contextlib.contextmanager
def opened(path: str) -> t.Iterator[int]:
    """A handle of this folder, for the argument dir_fd.

    No part of C(path), which is absolute, may be a symbolic link: one that was put there meanwhile
    is not followed. Raises OSError.
    """
    handle = os.open("/", _FLAGS)
    try:
        for name in path.split("/"):
            if name:
                inner = os.open(name, _FLAGS, dir_fd=handle)
                os.close(handle)
                handle = inner
        yield handle
    finally:
        os.close(handle)


def sync(handle: int) -> None:
    """Have a rename on disk. If a folder can't be synced, the system does it in its own time."""
    with contextlib.suppress(OSError):
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle)
        try:
            os.fsync(readable)
        finally:
            os.close(readable)


def others_folder(path: str) -> str:
    """The first folder on the way to this file where other users than root can change names.

    '' if there is none. Links are followed, and their folders count. As in sshd_config(5),
    StrictModes.
    """
    folder, names, links = "/", _reversed(path), 0
    while names:
        name = names.pop()
        inner = os.path.normpath(os.path.join(folder, name))
        if name not in (".", "..") and not is_roots(folder) and not _keeps(folder, inner, names):
            return folder
        link = _link(inner)
        if not link:
            if not os.path.isdir(inner):
                return ""  # the file itself, or what root has yet to make
            folder = inner
            continue
        links += 1
        if links > _MAX_LINKS:
            return ""  # no file can be opened there
        folder = "/" if link.startswith("/") else folder
        names += _reversed(link)
    return ""


def is_roots(folder: str) -> bool:
    """Can only root change names in this folder? Yes too if it does not exist."""
    try:
        status = os.stat(folder)
    except OSError:
        return True
    return status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _keeps(folder: str, inner: str, names: t.Sequence[str]) -> bool:
    """Does a folder with the sticky bit, as /tmp, keep this folder of root's from others?

    Not a file: others could make those beside it.
    """
    try:
        above, status = os.stat(folder), os.lstat(inner)
    except OSError:
        return False
    return (
        above.st_uid == 0
        and bool(above.st_mode & stat.S_ISVTX)
        and status.st_uid == 0
        and bool(names)
    )


def _reversed(path: str) -> t.List[str]:
    return [name for name in reversed(path.split("/")) if name]


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
