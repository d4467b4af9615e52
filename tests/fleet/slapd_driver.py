# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a test host: does one thing with the class Slapd, as JSON from standard input says, and prints what came of it.

    {"do": "read"}
    {"do": "apply", "wanted": [[address, port, encryption, certificate, key], …] or null, "rehearse": true}
    {"do": "activate", "how": "reload"}
    {"do": "put", "resource": "cn=config", "content": "…" or null}

As the transaction does, C(apply) goes back where something fails, and says how long that took.
"""

from __future__ import annotations

import json
import sys
import time

sys.path.insert(0, "/root/c")

# pylint: disable=wrong-import-position
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import reread_units
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.server import Slapd

SERVER = Slapd()


def read():
    configured = SERVER.read()
    return {
        "listeners": _said(configured.listeners),
        "where": [found.where for found in configured.listeners],
        "unmapped": [entry.text for entry in configured.unmapped],
        "sockets": sorted(configured.sockets),
        "config_path": configured.config_path,
        "problems": configured.details.problems,
        "reader": configured.details.reader,
        "running": SERVER.running(),
        "reads_keys_as": SERVER.reads_keys_as,
        "replicated": configured.details.replicated,
    }


def apply(wanted, rehearse=True, keep_loopback=True):
    options = Options(keep_loopback=keep_loopback)
    if wanted is not None:
        wanted = [
            Listener(address, port, "ldap", encryption, certificate, key)
            for address, port, encryption, certificate, key in wanted
        ]
    configured = SERVER.read()
    refused = SERVER.refusals(configured, wanted, options)
    if refused:
        return {"refused": refused}
    plan = SERVER.render(configured, wanted, options)
    result = {"steps": [list(state) for state in plan.steps], "activation": plan.activation}
    before = {resource: SERVER.get(resource) for state in plan.steps for resource in state}
    try:
        for state in plan.steps if rehearse else ():
            SERVER.rehearse(state)
        for state in plan.steps:
            _put(state)
            if plan.activation != "none":
                SERVER.activate(plan.activation, plan.sockets)
        if any(map(is_unit, before)):
            reread_units()
    except Refused as reason:
        return {**result, "refused": [str(reason)]}
    except Failed as reason:
        began = time.monotonic()
        for state in plan.back:
            _put(state)
            SERVER.activate(
                plan.activation if plan.activation != "none" else "reload", configured.sockets
            )
        same = before == {resource: SERVER.get(resource) for resource in before}
        return {
            **result,
            "failed": str(reason),
            "back_seconds": time.monotonic() - began,
            "as_before": same,
        }
    now = SERVER.read()
    again = SERVER.render(now, wanted, options)
    as_planned = (now.listeners, now.sockets) == (plan.listeners, plan.sockets)
    return {
        **result,
        "as_planned": as_planned,
        "again": len(again.steps),
        "listeners": _said(now.listeners),
    }


def _put(state):
    for resource, content in state.items():
        if SERVER.get(resource) != content:
            SERVER.put(resource, content)


def _said(listeners):
    return [
        [
            found.listener.address,
            found.listener.port,
            found.listener.encryption,
            found.listener.certificate_path,
            found.listener.key_path,
        ]
        for found in listeners
    ]


def put(resource, content):
    SERVER.put(resource, None if content is None else content.encode())


def activate(how):
    SERVER.activate(how, frozenset())


def main():
    asked = json.load(sys.stdin)
    try:
        answer = {"read": read, "apply": apply, "put": put, "activate": activate}[asked.pop("do")](
            **asked
        )
    except (Failed, Refused) as reason:
        answer = {type(reason).__name__.lower(): str(reason)}
    json.dump(answer, sys.stdout)


main()
