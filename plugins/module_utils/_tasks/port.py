# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task that mail_port makes of its options."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.pipeline import (
    Task,
    declaring,
    given,
    on_server,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    BESIDE_DOCUMENT,
    Declaration,
    Outcome,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings, Port


def port_task(params: t.Dict[str, t.Any]) -> Task:
    """The task that these options ask for."""
    name = params["name"]
    single = ("port", "ports", "name", name)
    if params.get("state") == "absent":
        return Task(
            Declaration(),
            lambda current: _without(current, name, params["unassign"]),
            single=single,
            whole=False,
        )
    declaration = Declaration(
        ports=[given(params, Port._fields)], single=True, on_server=on_server(params)
    )
    return Task(
        declaration,
        declaring(declaration, params),
        ports=[name],
        beside={name: given(params, BESIDE_DOCUMENT)},
        single=single,
        whole=False,
    )


def _without(current: Bindings, name: str, unassign: bool) -> Outcome:
    from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import without_port

    return without_port(current, name, unassign)
