# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of mail_port, as a task."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils import _model, _plan
from ansible_collections.mailops.bindings.plugins.module_utils._module import Task, config_name, entry_rules, given
from ansible_collections.mailops.bindings.plugins.module_utils._plan import BESIDE_DOCUMENT


def port_task(params: dict) -> Task:
    """What mail_port makes of its options."""
    name = params["name"]
    single = ("port", "ports", name)
    if params.get("state") == "absent":
        return Task(_plan.Declaration(), lambda current: _plan.without_port(current, name, params["unassign"]), single=single, whole=False)
    declaration = _plan.Declaration(ports=[given(params, _model.KINDS["ports"].shape)], single=True, entry_rules=entry_rules(params))
    return Task(
        declaration,
        lambda current: _plan.declared(current, declaration, config_name(params)),
        ports=[name],
        beside={name: given(params, BESIDE_DOCUMENT)},
        single=single,
        whole=False,
    )
