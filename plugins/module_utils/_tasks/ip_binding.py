# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task that mail_ip_binding makes of its options."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.pipeline import (
    Task,
    declaring,
    given,
    on_server,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_addresses,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
    Outcome,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
)


def ip_binding_task(params: t.Dict[str, t.Any]) -> Task:
    """The task that these options ask for."""
    addresses = canonical_addresses([params])
    single = ("ip_address", "ip_addresses", "address", *addresses) if addresses else ()
    if params.get("state") == "absent":
        return Task(
            Declaration(),
            lambda current: _without(current, params["address"], params["ports"]),
            single=single,
        )
    declaration = Declaration(
        ip_addresses=[given(params, IPBinding._fields)],
        exact_assignments=bool(params.get("exclusive")),
        single=True,
        on_server=on_server(params),
    )
    return Task(
        declaration,
        declaring(declaration, params),
        addresses=addresses,
        single=single,
    )


def _without(current: Bindings, address: str, names: t.Optional[t.List[str]]) -> Outcome:
    from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import without_ip

    return without_ip(current, address, names)
