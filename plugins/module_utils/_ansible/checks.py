# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task's plan is held against on the host: its addresses and certificates. Loaded only where the task has any."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Stored


def unreachable(store, declaration: Declaration, stored: Stored) -> list:
    """Declared addresses that the host can't listen on. What is no address at all, the rules report."""
    problems = []
    for index, entry in enumerate(declaration.ip_addresses):
        try:
            address = canonical_address(entry["address"])
        except ValueError:
            continue
        known = stored.bindings.ip_addresses.get(address)
        reason = store.cannot_listen(
            stored, address, entry.get("floating", bool(known and known.floating))
        )
        if reason:
            problems.append("%saddress: %s" % (declaration.label("ip_addresses", index), reason))
    return problems


def certificates(
    params: dict, task: t.Any, names: t.Iterable, current: Bindings, desired: Bindings
) -> tuple:
    """(as results have them, what stops the task, what it warns of): the certificates of these ports, which all have one."""
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import judge

    labels = {
        entry["name"]: task.declaration.label("ports", index)
        for index, entry in enumerate(task.declaration.ports or ())
    }
    return judge(
        current,
        desired,
        {name: labels.get(name, "") for name in names},
        task.beside,
        params.get("certificate_min_days", 0),
        datetime.datetime.now(datetime.timezone.utc),
    )
