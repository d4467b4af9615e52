# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files whose names come from a user or a server's config: they may be anything."""

from __future__ import annotations

import os
import stat
import typing as t

MAX_FILE_BYTES = 10_000_000


class NotAFile(Exception):
    """The name is not a regular file's: C(str()) says what it is."""


class TooLarge(Exception):
    """The file is too large to be read: C(size) in bytes."""

    def __init__(self, size: int):
        super().__init__(size)
        self.size = size


def read_regular_file(path: str, max_bytes: int) -> t.Tuple[bytes, os.stat_result]:
    """(content, status), both of one moment. Raises OSError, NotAFile, TooLarge."""
    # opening a FIFO would wait for its writer
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFile(
                "a directory" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
            )
        if status.st_size > max_bytes:
            raise TooLarge(status.st_size)
        with open(handle, "rb", closefd=False) as file:
            return file.read(max_bytes), status
    finally:
        os.close(handle)


def read_file(path: str) -> t.Optional[bytes]:
    """The file's bytes, None if it does not exist. Raises OSError, NotAFile, TooLarge."""
    try:
        return read_regular_file(path, MAX_FILE_BYTES)[0]
    except FileNotFoundError:
        return None


def every_user_reaches(path: str) -> bool:
    """May every user of the host enter all folders that the file is in? Links are followed.

    False where it can't be told.
    """
    folder = os.path.realpath(path)
    try:
        while folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
            if not os.stat(folder).st_mode & stat.S_IXOTH:
                return False
    except OSError:
        return False
    return True
