# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_listeners: what mail_bindings would make of the options, and this host's servers taken there with it."""

from __future__ import annotations

import contextlib
import datetime
import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.module import (
    Task,
    load,
    prepare,
    report,
    store_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import listeners
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    preflight as refusals,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    signals,
    transaction,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import How
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.transaction import (
    ConfigFile,
    Transaction,
)

#: The options of mail_listeners beside those of mail_bindings.
LISTENERS_OPTIONS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "servers": {"type": "list", "elements": "str", "choices": ["postfix", "dovecot", "slapd"]},
    "probe": {"type": "bool", "default": True},
    "activate": {"type": "bool", "default": True},
    "start": {"type": "bool", "default": False},
    "keep_loopback": {"type": "bool", "default": True},
    "drain": {"type": "float", "default": 0},
    "timeout": {"type": "float", "default": 30},
}
NOT_WELL = (
    "expired",
    "wrong_certificate",
    "no_starttls",
    "tls_failed",
    "wrong_protocol",
    "no_auth",
    "refused",
    "timeout",
    "not_local",
)


def apply(module, task: Task) -> dict:
    """Take the host there, and say how it now is; in check mode, how it would be."""
    if module.params["store"] == "smartermail":
        raise Refused(
            "store: mail_listeners makes this host's own servers listen, and SmarterMail acts by itself: use mail_bindings with store: smartermail"
        )
    problems = [*refusals.not_root(), *_wrong_options(module.params)]
    if problems:
        raise Refused("\n".join(problems))
    try:
        with signals.raised(), signals.lost_connection_told():
            return _apply(module, task)
    except signals.Interrupted as ended:
        raise Refused("%s. Nothing was changed" % ended) from None


def _wrong_options(params: dict) -> t.Iterator[str]:
    if params["state"] == "absent" and (
        params["ports"] is not None or params["ip_addresses"] is not None
    ):
        yield "state absent gives the servers back and leaves the config as it is: leave ports and ip_addresses out"
    if not 0 < params["timeout"] <= 3600:
        yield "timeout: give seconds, more than 0 and 3600 at the most"
    if not 0 <= params["drain"] <= 86400:
        yield "drain: give seconds, 0 to 86400 (a day)"


def _apply(module, task: Task) -> dict:
    params = module.params
    how = How(
        config_path=params["config_path"],
        now=datetime.datetime.now(datetime.timezone.utc),
        check_mode=module.check_mode,
        present=params["state"] == "present",
        min_days=params["certificate_min_days"],
        **{
            option: params[option]
            for option in (
                "servers",
                "probe",
                "activate",
                "start",
                "keep_loopback",
                "require_local_address",
                "drain",
                "timeout",
            )
        },
    )
    with contextlib.nullcontext() if module.check_mode else transaction.locked():
        if not module.check_mode:
            for warning in transaction.recover():
                module.warn(warning)
        store = store_of(module)
        prepared = prepare(module, store, task, load(store, task))
        changing = Transaction(listeners(prepared.desired), how)
        changing.plan()
        changes = prepared.changes + changing.changes
        if prepared.changes:
            store.check_writable(prepared.stored)
        facts = changing.summary()
        if changes and not module.check_mode:
            facts = _carry_out(store, prepared, changing)
    for warning in prepared.warnings:
        module.warn(warning)
    for side, sessions in changing.ending:
        module.warn(
            "%s: all its sessions end with this, %d now: %s. Clients reconnect"
            % (side.server.title, sessions, side.plan.ends_sessions)
        )
    passed_over = changing.passed_over()
    if passed_over:
        module.warn(
            "servers leaves out what listens for %s: nobody was made to listen there, and nothing was proved"
            % (", ".join(listener.name for listener in passed_over))
        )
    for listener in facts["listeners"]:
        if listener["status"] in NOT_WELL:
            module.warn(
                "%s: %s%s"
                % (
                    listener["name"],
                    listener["status"],
                    ": " + listener["detail"] if listener["detail"] else "",
                )
            )
    return {
        **report(module, prepared.stored, prepared.desired, changes),
        "certificates": prepared.certificates,
        **facts,
    }


def _carry_out(store, prepared, changing: Transaction) -> dict:
    if not prepared.changes:
        return changing.carry_out(None)
    folder = os.path.dirname(store.target)
    made = "" if os.path.isdir(folder) else folder
    with store.lock():
        if store.changed_since(prepared.stored):
            raise Refused(
                "%s was changed by another run just now: run again. Nothing was changed"
                % store.path
            )
        return changing.carry_out(_config_file(store, prepared, made))


def _config_file(store, prepared, made: str) -> ConfigFile:
    revision: t.Any = prepared.stored.revision
    same = revision and prepared.desired == prepared.stored.bindings and not prepared.stored.broken
    return ConfigFile(
        store.target,
        revision.content if revision else None,
        revision.content if same else model.canonical_text(prepared.desired).encode(),
        lambda: store.save(prepared.stored, prepared.desired),
        made,
    )
