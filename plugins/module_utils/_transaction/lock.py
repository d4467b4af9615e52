# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction at a time on this host; and the place of its journal."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused

#: It is always there, so that a run that changes nothing makes no file.
LOCKED_FOLDER = "/var/lib"
LOCK_SECONDS = 120
LOOK_SECONDS = 0.05
#: Of the journal, which exists while a transaction is under way (C(journal)).
JOURNAL_FOLDER = "/var/lib/mail-bindings"


def journal_path() -> str:
    """The journal of a transaction that is under way, or was interrupted."""
    return JOURNAL_FOLDER + "/journal.json"


@contextlib.contextmanager
def locked() -> t.Iterator[None]:
    """Hold the lock of transactions. Raises Refused if another run does not give it up in time."""
    import fcntl

    with _opened_folder() as handle:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Refused(_held(handle)) from None
                time.sleep(LOOK_SECONDS)
        yield


def _held(handle: int) -> str:
    return (
        "another run of mail_listeners has been going on for the last %d seconds: probably %s. "
        "Wait for it, or end it if it hangs; nothing was changed" % (LOCK_SECONDS, _holder(handle))
    )


def other_run() -> str:
    """The process that holds the lock, in words; '' if none does."""
    import fcntl

    with _opened_folder() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(handle)
    return ""


@contextlib.contextmanager
def _opened_folder() -> t.Iterator[int]:
    handle = os.open(LOCKED_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
        holder_of,
    )

    return holder_of(handle)
