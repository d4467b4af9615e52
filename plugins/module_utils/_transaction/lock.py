# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction at a time on this host; and the place of its journal."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused

#: In a folder where only root can make files. It goes with the run.
LOCK = "/run/mail-bindings.lock"
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
    from ansible_collections.mailops.bindings.plugins.module_utils._host import lock_file

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_file.held(LOCK, LOCK_SECONDS, look_seconds=LOOK_SECONDS))
        except lock_file.Busy as holder:
            raise Refused(
                "another run of mail_listeners, or its renewal hook, has held the lock %s for the "
                "last %d seconds: probably %s. Wait for it, or end it if it hangs; nothing was "
                "changed" % (LOCK, LOCK_SECONDS, holder)
            ) from None
        except OSError as error:
            raise Refused("the lock %s can't be taken: %s" % (LOCK, error.strerror)) from None
        yield


def other_run() -> str:
    """The process that holds the lock, in words; '' if none does."""
    from ansible_collections.mailops.bindings.plugins.module_utils._host import lock_file

    return lock_file.holder(LOCK)
