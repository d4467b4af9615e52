# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a bindings config lives. A store is one module here and one line in C(_module.STORES).

A store is made of a task's options and has:

local                  whether it is this host that listens by it, so that its addresses and certificates can be looked at here
load(whole) -> Stored  what is there now; raises Refused, or InvalidConfig where the content is at fault.
                       whole=False: who listens where may be left out, where that takes calls of its own
cannot_listen(Stored, address, floating) -> str    why no port can answer on this address, '' if one can
fit(Stored, Bindings, Declaration) -> Fitting      what is desired as the store would hold it, and what of it it can't hold
extra_changes(Stored, Bindings) -> list    changes beside the model's own (a file's owner), from the task's options
check_writable(Stored)           raises Refused where a write could not succeed; called in check mode too
lock()                 context: nobody else that keeps the rules writes meanwhile; load again inside it
save(Stored, Bindings) -> str    writes once, whole or not at all; the backup's name or ''
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)


class Stored(t.NamedTuple):
    """What a store holds: its bindings, and C(revision), equal for two loads if and only if nothing changed between them."""

    bindings: Bindings
    revision: object = None
    broken: str = ""  # why the content is not valid, where it is to be replaced
    unmapped: t.Sequence = ()  # what is there and has no place in the bindings, as results have it
    whole: bool = True  # False: who listens where was left out
    warnings: t.Sequence = ()  # what the user should know of how it was read


class Fitting(t.NamedTuple):
    """What is desired as a store would hold it."""

    bindings: Bindings
    stored: Stored  # what it holds now, and what results are to say of it once it holds these
    problems: t.Sequence = ()  # messages: what it, or its door, can't do


class InvalidConfig(Refused):
    """What the store holds is not a valid config. C(stored) is how to go on where it may be replaced."""

    def __init__(self, message: str, stored: Stored):
        super().__init__(message)
        self.stored = stored
