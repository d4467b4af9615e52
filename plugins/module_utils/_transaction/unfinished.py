# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unfinished changes of an earlier run: mostly none, which is seen without reading anything."""

from __future__ import annotations

import os

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import lock


def recover() -> list[str]:
    """Undo the unfinished changes of an interrupted run; call it with the lock held.

    Warnings that say so; none if there is nothing to undo. Raises Refused if it can't be done.
    """
    if not os.path.lexists(lock.journal_path()):
        return []
    from ansible_collections.mailops.bindings.plugins.module_utils._servers import registry
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction import rollback

    return rollback.recover(registry.all_servers())


def refuse() -> None:
    """Raise Refused if a run has unfinished changes: check mode can't undo or foresee them."""
    path = lock.journal_path()
    if not os.path.lexists(path):
        return
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction import journal

    if not journal.pending():  # raises Refused itself where it can't be read
        return
    other_run = lock.other_run()
    if other_run:
        raise Refused(
            "another run of mail_listeners is going on, and check mode can't foresee what it will "
            "leave: wait for it (%s)" % other_run
        )
    raise Refused(
        "an earlier run was interrupted, and check mode can't foresee what undoing it will leave: "
        "run once without --check, which undoes it first (%s)" % path
    )
