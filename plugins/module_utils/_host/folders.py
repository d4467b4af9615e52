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


class Step(t.NamedTuple):
    """One name that is looked up on the way to a file."""

    folder: str  # that the name is in; without links
    path: str  # the name there, perhaps a link
    rest: str  # what is to be looked up from there, '' for the last one


def steps(path: str) -> t.Iterator[Step]:
    """The names on the way to this file, up to the first that does not exist.

    Links are followed one by one, since the folders that they lie in count too.
    """
    folder, names, links = "/", _reversed(path), 0
    while names and links <= _MAX_LINKS:
        name = names.pop()
        inner = os.path.normpath(os.path.join(folder, name))
        if name not in (".", ".."):
            yield Step(folder, inner, "/".join(reversed(names)))
        link = _link(inner)
        if link:
            links += 1
            folder = "/" if link.startswith("/") else folder
            names += _reversed(link)
        elif os.path.isdir(inner):
            folder = inner
        else:
            return


def others_folder(path: str) -> str:
    """The first folder on the way to this file where other users than root can change names.

    '' if there is none. As in sshd_config(5), StrictModes.
    """
    return next((step.folder for step in steps(path) if not _only_roots(step)), "")


def _only_roots(step: Step) -> bool:
    """Is this name in a folder of root's alone, or a folder in one with the sticky bit, as /tmp?

    There other users can't replace what is root's, but can make what is missing.
    """
    try:
        above = os.stat(step.folder)
        if above.st_uid != 0:
            return False
        if not above.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return True
        return bool(above.st_mode & stat.S_ISVTX and step.rest and not os.lstat(step.path).st_uid)
    except OSError:  # another user has just changed it
        return False


def _reversed(path: str) -> t.List[str]:
    return [name for name in reversed(path.split("/")) if name]


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
