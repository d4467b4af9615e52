# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a bindings config lives. A store is one module here and one line in C(_module.STORES).

A store is made of a task's options and has:

load() -> Stored       what is there now; raises Refused, or InvalidConfig where the content is at fault
extra_changes(Stored) -> list    changes beside the model's own (a file's owner), from the task's options
check_writable(Stored)           raises Refused where a write could not succeed; called in check mode too
lock()                 context: nobody else that keeps the rules writes meanwhile; load again inside it
save(Stored, Bindings) -> str    writes once, whole or not at all; the backup's name or ''
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._model import Bindings, Refused


class Stored(t.NamedTuple):
    """What a store holds: its bindings, and C(revision), equal for two loads if and only if nothing changed between them."""

    bindings: Bindings
    revision: object = None
    broken: str = ""  # why the content is not valid, where it is to be replaced


class InvalidConfig(Refused):
    """What the store holds is not a valid config. C(stored) is how to go on where it may be replaced."""

    def __init__(self, message: str, stored: Stored):
        super().__init__(message)
        self.stored = stored
