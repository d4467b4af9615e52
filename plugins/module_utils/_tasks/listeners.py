# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_listeners: the config as mail_bindings would have it, and this host's servers with it."""

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
    lock,
    preflight,
    signals,
    unfinished,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    TransactionOptions,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.selection import (
    Selection,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ansible_collections.mailops.bindings.plugins.module_utils._ansible.module import Prepared
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
        ConfigFile,
    )
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction.transaction import (
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
#: Those that the transaction takes as they are.
_SAME_OPTIONS = (
    "servers",
    "probe",
    "activate",
    "start",
    "keep_loopback",
    "require_local_address",
    "drain",
    "timeout",
)
#: Statuses of listeners that a warning is about.
NOT_AS_DECLARED = (
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


def apply(module: AnsibleModule, task: Task) -> dict[str, t.Any]:
    """Make the host's servers listen so, and say how it now is; in check mode, how it would be."""
    if module.params["store"] == "smartermail":
        raise Refused(
            "store: mail_listeners makes this host's own servers listen, and SmarterMail acts by "
            "itself: use mail_bindings with store: smartermail"
        )
    problems = [*preflight.not_root(), *_wrong_options(module.params)]
    if problems:
        raise Refused("\n".join(problems))
    try:
        with signals.raised(), signals.lost_connection_told():
            return _apply(module, task)
    except signals.Interrupted as interrupted:
        raise Refused("%s. Nothing was changed" % interrupted) from None


def _wrong_options(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    if params["state"] == "absent" and (
        params["ports"] is not None or params["ip_addresses"] is not None
    ):
        yield (
            "state absent gives the servers back and leaves the config as it is: "
            "leave ports and ip_addresses out"
        )
    if not 0 < params["timeout"] <= 3600:
        yield "timeout: give seconds, more than 0 and 3600 at the most"
    if not 0 <= params["drain"] <= 86400:
        yield "drain: give seconds, 0 to 86400 (a day)"


def _options(module: AnsibleModule) -> TransactionOptions:
    params = module.params
    return TransactionOptions(
        config_path=params["config_path"],
        now=datetime.datetime.now(datetime.timezone.utc),
        check_mode=module.check_mode,
        present=params["state"] == "present",
        min_days=params["certificate_min_days"],
        **{option: params[option] for option in _SAME_OPTIONS},
    )


def _apply(module: AnsibleModule, task: Task) -> dict[str, t.Any]:
    with contextlib.nullcontext() if module.check_mode else lock.locked():
        for warning in [] if module.check_mode else unfinished.recover():
            module.warn(warning)
        store = store_of(module)
        stored = load(store, task)
        options = _options(module)
        # a slow program of a server runs while the rest is imported and checked
        selection = Selection(options)
        selection.begin_reading(listeners(stored.bindings))
        prepared = prepare(module, store, task, stored)
        desired = listeners(prepared.desired)
        selection.begin_reading(desired)
        from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
            transaction,
        )

        servers = transaction.Transaction(desired, options, selection)
        servers.plan()
        changes = prepared.changes + servers.changes
        if prepared.changes:
            store.check_writable(prepared.stored)
        facts = servers.summary()
        if changes and not module.check_mode:
            facts = _carry_out(store, prepared, servers)
    for warning in (*prepared.warnings, *_warnings(servers, facts["listeners"])):
        module.warn(warning)
    return {
        **report(module, prepared.stored, prepared.desired, changes),
        "certificates": prepared.certificates,
        **facts,
    }


def _warnings(
    transaction: Transaction, results: t.Iterable[t.Mapping[str, t.Any]]
) -> t.Iterator[str]:
    for participant, sessions in transaction.interruptions:
        yield "%s: all its sessions end with this, %d now: %s. Clients reconnect" % (
            participant.server.title,
            sessions,
            participant.plan.ends_sessions,
        )
    passed_over = transaction.passed_over()
    if passed_over:
        yield "%s: not applied, because the server is not listed in servers" % ", ".join(
            listener.name for listener in passed_over
        )
    for result in results:
        if result["status"] in NOT_AS_DECLARED:
            detail = ": " + result["detail"] if result["detail"] else ""
            yield "%s: %s%s" % (result["name"], result["status"], detail)


def _carry_out(store: t.Any, prepared: Prepared, transaction: Transaction) -> dict[str, t.Any]:
    """Carry the transaction out; the bindings config is a part of it if it changes."""
    if not prepared.changes:
        return transaction.carry_out(None)
    folder = os.path.dirname(store.target)
    made = "" if os.path.isdir(folder) else folder
    with store.lock():
        if store.changed_since(prepared.stored):
            raise Refused(
                "%s was changed by another run just now: run again. Nothing was changed"
                % store.path
            )
        return transaction.carry_out(_config_file(store, prepared, made))


def _config_file(store: t.Any, prepared: Prepared, made: str) -> ConfigFile:
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
        ConfigFile,
    )

    revision: t.Any = prepared.stored.revision
    same = revision and prepared.desired == prepared.stored.bindings and not prepared.stored.broken
    return ConfigFile(
        store.target,
        revision.content if revision else None,
        revision.content if same else model.canonical_text(prepared.desired).encode(),
        lambda: store.save(prepared.stored, prepared.desired),
        made,
    )
