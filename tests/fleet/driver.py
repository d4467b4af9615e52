# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a test host: takes one server through the steps of a transaction.

    python3 driver.py postfix|dovecot|slapd

Each line of standard input is an order, a JSON object; C(do) says which, its other keys are the
arguments of the function of that name. Each answer is a line of JSON as well:

    refusals    of the plan
    failed      "Refused: ..." or "Failed: ...", '' if nothing failed
    why, back   of a failure that was rolled back: its message, and the seconds of the rollback
    seconds     that the order took
    steps, in_order, activation, planned, foreseen, warnings, again, as_planned, as_before, visited: of apply
    listeners, where, sockets, unmapped, config_path, running, live: after the order
"""

from __future__ import annotations

import json
import socket
import sys
import time

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import reread_units
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.registry import all_servers

SERVER = next(server for server in all_servers() if server.name == sys.argv[1])


def obey(do, **order):
    """Carry out one order, and describe the server afterwards."""
    answer = {"refusals": [], "steps": [], "failed": ""}
    try:
        configured = SERVER.read()
        began = time.monotonic()
        ORDERS[do](configured, answer, **order)
        answer["seconds"] = time.monotonic() - began
        describe(SERVER.read(), answer)
    except (Refused, Failed) as error:
        answer["failed"] = "%s: %s" % (type(error).__name__, error)
    answer["running"] = SERVER.running()
    return answer


def describe(configured, answer):
    """What its files and the kernel say."""
    answer.update(
        listeners=as_dicts(configured.listeners),
        where=[found.where for found in configured.listeners],
        sockets=sorted(configured.sockets),
        unmapped=[unmapped.as_result() for unmapped in configured.unmapped],
        config_path=configured.config_path,
        live=sorted((found.address, found.port) for found in listening() if SERVER.holds(found)),
    )


# -- the orders


def read(configured, answer, details=()):
    """C(details): attributes of the server's own details."""
    answer["reads_keys_as"] = SERVER.reads_keys_as
    answer["details"] = {name: getattr(configured.details, name) for name in details}


def activate(configured, answer, how="reload"):
    """C(how): reload, restart or start."""
    SERVER.activate(how, configured.sockets)


def stop(configured, answer):
    """Stop it."""
    SERVER.stop()


def put(configured, answer, resource, content):
    """Write one resource; a C(content) of None removes it."""
    SERVER.put(resource, None if content is None else content.encode())


def apply(configured, answer, wanted, options=None, spoil=None, pause=0, validate=True, dry=False):
    """Plan, validate, write and activate; roll back if that fails. C(dry): only plan.

    wanted: listeners as dicts; None gives back what was taken over; "what it has" is what was read
    spoil: (text, replacement) for what is written, after which all is rolled back
    pause: seconds between steps
    """
    if wanted == "what it has":
        wanted = [found.listener for found in configured.listeners]
    elif wanted is not None:
        wanted = [Listener(**listener) for listener in wanted]
    options = Options(**options or {})
    plan = SERVER.plan(configured, wanted, options)
    answer["refusals"] = plan.refusals
    if plan.refusals:
        return
    answer.update(
        steps=[sorted(state) for state in plan.steps],
        in_order=[list(state) for state in plan.steps],
        activation=plan.activation,
        planned=sorted(plan.sockets),
        foreseen=as_dicts(plan.listeners),
        warnings=plan.warnings,
    )
    if dry:
        return
    before = {resource: SERVER.get(resource) for state in plan.steps for resource in state}
    if validate and plan.steps:
        SERVER.validate(
            {resource: content for state in plan.steps for resource, content in state.items()}
        )
    try:
        go(plan.steps, plan.activation, plan.sockets, configured.sockets, spoil, pause)
        if spoil:
            answer["visited"] = [greeting(found.listener) for found in plan.listeners]
            raise Failed("spoiled")
    except Failed as failed:
        answer.update(why=str(failed), failed="Failed: %s" % failed)
        began = time.monotonic()
        how = "restart" if plan.activation == "restart" else "reload"
        go(plan.back, how, configured.sockets, configured.sockets)
        answer["back"] = time.monotonic() - began
        answer["as_before"] = before == {resource: SERVER.get(resource) for resource in before}
        return
    found = SERVER.read()
    answer["again"] = len(SERVER.plan(found, wanted, options).steps)
    answer["as_planned"] = (found.listeners, found.sockets) == (plan.listeners, plan.sockets)


ORDERS = {"read": read, "activate": activate, "stop": stop, "put": put, "apply": apply}


def go(states, activation, last, before, spoil=None, pause=0):
    """Take one state after another; C(last), C(before): the sockets at the end and at the start."""
    for number, state in enumerate(states, 1):
        for resource, content in state.items():
            if spoil and content:
                content = content.replace(*map(str.encode, spoil))
            if SERVER.get(resource) != content:
                SERVER.put(resource, content)
        if activation != "none":
            SERVER.activate(
                activation if SERVER.running() else "start",
                last if number == len(states) else last | before,
            )
        if number < len(states):
            time.sleep(pause)
    if any(is_unit(resource) for state in states for resource in state):
        reread_units()


def greeting(listener):
    """What it says first, or the error of the connection."""
    try:
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.address, listener.address)
        with socket.create_connection((address, listener.port), timeout=1) as connection:
            return connection.recv(100).decode()
    except OSError as error:
        return str(error)


def as_dicts(configured_listeners):
    return [found.listener._asdict() for found in configured_listeners]


for line in sys.stdin:
    print(json.dumps(obey(**json.loads(line))), flush=True)
