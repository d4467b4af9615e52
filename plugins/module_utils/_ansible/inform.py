# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way of a module that reads."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.module import (
    CONFIG_OPTIONS,
    ReportingModule,
    finish,
    report,
    store_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Stored

#: The bindings, and what the result has beside them, of (options, function that reads the config)
Look = t.Callable[
    [t.Dict[str, t.Any], t.Callable[[], Bindings]], t.Tuple[Bindings, t.Dict[str, t.Any]]
]


def inform(options: t.Mapping[str, t.Any], look: Look) -> None:
    """Run a module that reads: the config, or what C(look) finds instead or beside it."""
    module = ReportingModule({**options, **CONFIG_OPTIONS})

    def work() -> t.Dict[str, t.Any]:
        stored = Stored(model.EMPTY)

        def read() -> Bindings:
            nonlocal stored
            stored = store_of(module).load()
            return stored.bindings

        bindings, beside = look(module.params, read)
        return {**report(module, stored, bindings, []), **beside}

    finish(module, work)
