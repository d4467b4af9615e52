# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a test host: takes Dovecot through what a transaction would, order by order (lines of JSON), and tells what it saw after each."""

from __future__ import annotations

import json
import sys
import time

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import reread_units
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.server import (
    Dovecot,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening

SERVER = Dovecot()


def obey(do, wanted=None, options=None, how="reload"):
    """C(do): read, activate (C(how)), apply (C(wanted): listeners, None for absent, or "what it has")."""
    told = {"refusals": [], "steps": [], "failed": ""}
    began = time.monotonic()
    try:
        configured = SERVER.read()
        if do == "activate":
            SERVER.activate(how, configured.sockets)
        if do == "apply":
            if wanted == "what it has":
                wanted = [found.listener for found in configured.listeners]
            elif wanted is not None:
                wanted = [Listener(**listener) for listener in wanted]
            apply(configured, wanted, Options(**options or {}), told)
        told["seconds"] = time.monotonic() - began
        configured = SERVER.read()
    except (Refused, Failed) as error:
        told["failed"] = "%s: %s" % (type(error).__name__, error)
        return told
    told.update(
        listeners=[found.listener._asdict() for found in configured.listeners],
        sockets=sorted(configured.sockets),
        unmapped=[unmapped._asdict() for unmapped in configured.unmapped],
        config_path=configured.config_path,
        running=SERVER.running(),
        live=sorted(
            (socket.address, socket.port) for socket in listening() if SERVER.holds(socket)
        ),
    )
    return told


def apply(configured, wanted, options, told):
    told["refusals"] = SERVER.refusals(configured, wanted, options)
    if told["refusals"]:
        return
    plan = SERVER.render(configured, wanted, options)
    told.update(
        steps=[sorted(state) for state in plan.steps],
        planned=sorted(plan.sockets),
        foreseen=[found.listener._asdict() for found in plan.listeners],
    )
    if plan.steps:
        SERVER.rehearse(
            {resource: content for state in plan.steps for resource, content in state.items()}
        )
    try:
        go(plan.steps, plan.activation, plan.sockets)
    except Failed:
        go(plan.back, plan.activation, configured.sockets)
        raise


def go(states, activation, sockets):
    for state in states:
        for resource, content in state.items():
            SERVER.put(resource, content)
        if activation != "none":
            SERVER.activate(activation if SERVER.running() else "start", sockets)
    if any(map(is_unit, {resource for state in states for resource in state})):
        reread_units()


for line in sys.stdin:
    print(json.dumps(obey(**json.loads(line))), flush=True)
