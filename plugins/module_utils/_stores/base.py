# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a store of bindings, and its values.

A new store is a file or folder in this room, and a line in C(_ansible.module.STORES).
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)


class Stored(t.NamedTuple):
    """What a store holds."""

    bindings: Bindings
    revision: t.Any = None  # equal for two loads if and only if nothing changed between them
    broken: str = ""  # why the content is not valid, if it is to be replaced
    unmapped: t.Sequence[t.Any] = ()  # what has no place in the bindings, as results have it
    whole: bool = True  # False: the assignments were not loaded
    warnings: t.Sequence[str] = ()  # what the user should know of how it was read


class Fitting(t.NamedTuple):
    """The desired bindings as a store would hold them."""

    bindings: Bindings
    stored: Stored  # what it holds now, and what results say of it once it holds these
    problems: t.Sequence[str] = ()  # what it can't hold, or its API can't do


class InvalidConfig(Refused):
    """The content of the store is not a valid config. C(stored): to go on if it may be replaced."""

    def __init__(self, message: str, stored: Stored):
        super().__init__(message)
        self.stored = stored


class Store:
    """A place of bindings. It is made of a task's options."""

    local = False  # True: this host listens, so that its addresses and certificates can be checked

    def load(self, whole: bool = True) -> Stored:
        """What is there now. Raises Refused, or InvalidConfig.

        C(whole=False): the assignments may be left out, if they take calls of their own.
        """
        raise NotImplementedError

    def cannot_listen(self, stored: Stored, address: str, floating: bool) -> str:
        """Why no port can answer on this address; '' if one can."""
        raise NotImplementedError

    def fit(self, stored: Stored, desired: Bindings, declaration: Declaration) -> Fitting:
        """The desired bindings as the store would hold them, and what it can't hold of them."""
        raise NotImplementedError

    def extra_changes(self, stored: Stored, desired: Bindings) -> t.List[t.Dict[str, t.Any]]:
        """Changes that the task's options ask for beside those of the bindings: a file's owner."""
        raise NotImplementedError

    def check_writable(self, stored: Stored) -> None:
        """Raises Refused if a write could not succeed; called in check mode too."""
        raise NotImplementedError

    def lock(self) -> t.ContextManager[None]:
        """Held while other runs must not write. Load again within it."""
        raise NotImplementedError

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Write once, whole or not at all. The backup's name, or ''."""
        raise NotImplementedError
