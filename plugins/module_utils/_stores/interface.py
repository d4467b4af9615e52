# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store of bindings is. No run loads this: it is for types, and for people.

A new store is a file or folder in this room, and a line in C(_ansible.module.STORES).
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Fitting, Stored


class Store(t.Protocol):
    """A place of bindings. It is made of a task's options."""

    #: True: this host listens, so that its addresses and certificates can be checked
    local: bool

    def load(self, whole: bool = True) -> Stored:
        """What is there now. Raises Refused, or InvalidConfig.

        C(whole=False): the assignments may be left out, if they take calls of their own.
        """

    def cannot_listen(self, stored: Stored, address: str, floating: bool) -> str:
        """Why no port can answer on this address; '' if one can."""

    def fit(self, stored: Stored, desired: Bindings, declaration: Declaration) -> Fitting:
        """The desired bindings as the store would hold them, and what it can't hold of them."""

    def extra_changes(self, stored: Stored, desired: Bindings) -> t.List[t.Dict[str, t.Any]]:
        """Changes that the task's options ask for beside those of the bindings: a file's owner."""

    def check_writable(self, stored: Stored) -> None:
        """Raises Refused if a write could not succeed; called in check mode too."""

    def lock(self) -> t.ContextManager[None]:
        """Held while other runs must not write. Load again within it."""

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Write once, whole or not at all. The backup's name, or ''."""
