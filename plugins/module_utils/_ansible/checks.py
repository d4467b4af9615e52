# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a plan against this host: its addresses and certificates. Loaded only if it has any."""

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

if t.TYPE_CHECKING:
    from ansible_collections.mailops.bindings.plugins.module_utils._stores.interface import Store


def address_problems(store: Store, declaration: Declaration, stored: Stored) -> t.List[str]:
    """Messages about declared addresses that the host can't listen on.

    Those that are not valid, the rules report.
    """
    problems = []
    for index, entry in enumerate(declaration.ip_addresses or ()):
        try:
            address = canonical_address(entry["address"])
        except ValueError:
            continue
        current = stored.bindings.ip_addresses.get(address)
        floating = entry.get("floating", bool(current and current.floating))
        reason = store.cannot_listen(stored, address, floating)
        if reason:
            problems.append("%saddress: %s" % (declaration.label("ip_addresses", index), reason))
    return problems


def judge_certificates(
    params: t.Mapping[str, t.Any],
    task: t.Any,
    names: t.Iterable[str],
    current: Bindings,
    desired: Bindings,
) -> t.Tuple[t.List[t.Dict[str, t.Any]], t.List[str], t.List[str]]:
    """(certificates as results have them, problems that stop the task, warnings).

    C(task): a C(pipeline.Task), C(names): ports that all have a certificate.
    """
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import judge

    trust = params.get("certificate_trust") or "none"
    if trust != "none":
        from ansible_collections.mailops.bindings.plugins.module_utils._certificates.trust import (
            option_problem,
        )

        problem = option_problem(trust)
        if problem:
            return [], [problem], []
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
        trust,
    )
