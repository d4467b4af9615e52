# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a test host: takes Postfix through what a transaction would, order by order (lines of JSON), and tells what it saw after each."""

from __future__ import annotations

import json
import socket
import sys
import time

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import reread_units
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.server import (
    Postfix,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening

SERVER = Postfix()


def obey(do, **order):
    """C(do): read, activate (C(how)) or apply (C(wanted): listeners, None for absent, or "what it has")."""
    told = {"refusals": [], "failed": ""}
    began = time.monotonic()
    try:
        configured = SERVER.read()
        if do == "activate":
            SERVER.activate(order["how"], configured.sockets)
        if do == "apply":
            apply(configured, told, **order)
        told["seconds"] = time.monotonic() - began
        configured = SERVER.read()
    except (Refused, Failed) as error:
        return {
            **told,
            "failed": "%s: %s" % (type(error).__name__, error),
            "running": SERVER.running(),
        }
    told.update(
        listeners=[found.listener._asdict() for found in configured.listeners],
        sockets=sorted(configured.sockets),
        unmapped=[unmapped._asdict() for unmapped in configured.unmapped],
        config_path=configured.config_path,
        running=SERVER.running(),
        live=sorted((found.address, found.port) for found in listening() if SERVER.holds(found)),
    )
    return told


def apply(configured, told, wanted, options=None, spoil=None, pause=0):
    """C(spoil): text to be put in place of another in what is written. Then, and where it fails, everything goes back."""
    if wanted == "what it has":
        wanted = [found.listener for found in configured.listeners]
    elif wanted is not None:
        wanted = [Listener(**listener) for listener in wanted]
    options = Options(**options or {})
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
        go(plan.steps, plan.activation, plan.sockets, configured.sockets, spoil, pause)
        if spoil:
            told["visited"] = [visited(found.listener) for found in plan.listeners]
            raise Failed("spoiled")
    except Failed as failed:
        told["why"] = str(failed)
        began = time.monotonic()
        go(plan.back, plan.activation, configured.sockets, configured.sockets)
        told["back"] = time.monotonic() - began


def go(states, activation, last, before, spoil=None, pause=0):
    for number, state in enumerate(states, 1):
        for resource, content in state.items():
            SERVER.put(
                resource, content.replace(*map(str.encode, spoil)) if spoil and content else content
            )
        if activation != "none":
            SERVER.activate(activation, last if number == len(states) else last | before)
        if number < len(states):
            time.sleep(pause)
    if any(map(is_unit, {resource for state in states for resource in state})):
        reread_units()


def visited(listener):
    """What it says first."""
    try:
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.address, listener.address)
        with socket.create_connection((address, listener.port), timeout=1) as connection:
            return connection.recv(100).decode()
    except OSError as error:
        return str(error)


for line in sys.stdin:
    print(json.dumps(obey(**json.loads(line))), flush=True)
