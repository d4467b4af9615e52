# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a module that reads."""

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


def inform(options: dict, look: t.Optional[t.Callable] = None) -> None:
    """Run a module that reads the config.

    C(look(options, read)): the bindings to show, and what results have beside them, where more than the config is looked at;
    C(read()) reads it.
    """
    module = ReportingModule({**options, **CONFIG_OPTIONS})

    def work() -> dict:
        stored = Stored(model.EMPTY)

        def read() -> Bindings:
            nonlocal stored
            stored = store_of(module).load()
            return stored.bindings

        bindings, beside = look(module.params, read) if look else (read(), {})
        return {**report(module, stored, bindings, []), **beside}

    finish(module, work)
