# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that go between a store and a task. C(interface) says what a store is."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)


class Stored:
    """What a store holds."""

    def __init__(
        self,
        bindings: Bindings,
        revision: t.Any = None,  # equal for two loads if and only if nothing changed between them
        broken: str = "",  # why the content is not valid, if it is to be replaced
        unmapped: t.Sequence[t.Any] = (),  # what has no place in the bindings, as results have it
        whole: bool = True,  # False: the assignments were not loaded
        warnings: t.Sequence[str] = (),  # what the user should know of how it was read
    ):
        self.bindings, self.revision, self.broken = bindings, revision, broken
        self.unmapped, self.whole, self.warnings = unmapped, whole, warnings

    def replaced(self, **values: t.Any) -> Stored:
        """The same with other values."""
        return Stored(**{**vars(self), **values})


class Fitting:
    """The desired bindings as a store would hold them."""

    def __init__(
        self,
        bindings: Bindings,
        stored: Stored,  # what it holds now, and what results say of it once it holds these
        problems: t.Sequence[str] = (),  # what it can't hold, or its API can't do
    ):
        self.bindings, self.stored, self.problems = bindings, stored, problems


class InvalidConfig(Refused):
    """The content of the store is not a valid config. C(stored): to go on if it may be replaced."""

    def __init__(self, message: str, stored: Stored):
        super().__init__(message)
        self.stored = stored
