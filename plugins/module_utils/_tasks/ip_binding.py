# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of mail_ip_binding, as a task."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils import _model, _plan
from ansible_collections.mailops.bindings.plugins.module_utils._module import Task, canonical, config_name, given


def ip_binding_task(params: dict) -> Task:
    """What mail_ip_binding makes of its options."""
    addresses = canonical([params])
    single = ("ip_address", "ip_addresses", *addresses) if addresses else ()
    if params.get("state") == "absent":
        return Task(_plan.Declaration(), lambda current: _plan.without_ip(current, params["address"], params["ports"]), single=single)
    declaration = _plan.Declaration(
        ip_addresses=[given(params, _model.KINDS["ip_addresses"].shape)], exact_assignments=bool(params.get("exclusive")), single=True)
    return Task(
        declaration,
        lambda current: _plan.declared(current, declaration, config_name(params)),
        addresses=addresses,
        single=single,
    )
