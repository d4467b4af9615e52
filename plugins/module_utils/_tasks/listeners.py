# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_listeners: the config as mail_bindings would have it, and this host's servers with it."""

from __future__ import annotations

import contextlib
import datetime
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.pipeline import (
    Prepared,
    StoreCommitter,
    Task,
    load,
    prepare,
)
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
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.server_choice import (
    Selection,
)

if t.TYPE_CHECKING:
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
    "on_unhealthy": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    "probe": {"type": "bool", "default": True},
    "activate": {"type": "bool", "default": True},
    "start": {"type": "bool", "default": False},
    "keep_loopback": {"type": "bool", "default": True},
    "drain": {"type": "float", "default": 0},
    "timeout": {"type": "float", "default": 30},
}
#: Those that the transaction takes as they are.
TRANSACTION_OPTIONS = (
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
    "at_risk",
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


class ServersCommitter(StoreCommitter):
    """Commits the config and the files of this host's servers in one transaction."""

    config: Prepared
    transaction: Transaction

    def __init__(self, module: AnsibleModule, task: Task):
        if module.params["store"] == "smartermail":
            raise Refused(
                "store: mail_listeners configures this host's own servers, and SmarterMail acts by "
                "itself: use mail_bindings with store: smartermail"
            )
        problems = [*preflight.not_root(), *_wrong_options(module.params)]
        if problems:
            raise Refused("\n".join(problems))
        super().__init__(module, task)
        self.options = _transaction_options(module)
        self.selection = Selection(self.options)

    @contextlib.contextmanager
    def held(self) -> t.Iterator[None]:
        """The host's lock. Raises Refused if a signal ends the task before anything was changed."""
        check_mode = self.module.check_mode
        try:
            with signals.raised(), signals.lost_connection_told():
                with contextlib.nullcontext() if check_mode else lock.locked():
                    for warning in [] if check_mode else unfinished.recover():
                        self.module.warn(warning)
                    yield
        except signals.Interrupted as interrupted:
            raise Refused("%s. Nothing was changed" % interrupted) from None

    def prepared(self, whole: bool = True) -> Prepared:
        """The plan for the config. Slow programs of servers are started before it is checked."""
        stored = load(self.store, self.task, whole)
        self.selection.set_stored(listeners(stored.bindings))
        return prepare(self.module, self.store, self.task, stored)

    def plan(self) -> Prepared:
        """The plan for the config, and with it the servers'. Raises Refused with all problems."""
        self.config = super().plan()
        desired = listeners(self.config.desired)
        self.selection.begin_reading(desired)
        # imported while they run
        from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
            transaction,
        )

        self.transaction = transaction.Transaction(desired, self.options, self.selection)
        self.transaction.plan()
        return self._with(self.transaction.summary())

    def commit(self, prepared: Prepared) -> Prepared:
        """Carry the transaction out; the config is saved as a part of it."""
        if not self.config.changes:
            return self._with(self.transaction.carry_out(None))
        store: t.Any = self.store  # its own kind: mail_listeners has no other
        folder = os.path.dirname(store.target)
        made = "" if os.path.isdir(folder) else folder
        with store.lock():
            if store.changed_since(self.config.stored):
                raise Refused(
                    "%s was changed by another run just now: run again. Nothing was changed"
                    % store.path
                )
            return self._with(self.transaction.carry_out(_config_file(store, self.config, made)))

    def failure(self, prepared: Prepared) -> str:
        """Listeners that are not as declared, after all was done: on_unhealthy says if they may."""
        unhealthy = prepared.facts["unhealthy"]
        if not unhealthy or self.module.check_mode or self.module.params["on_unhealthy"] == "warn":
            return ""
        return "\n".join(
            [
                "These listeners are not as declared, and mail_listeners could not repair them:",
                *("  " + _problem(result) for result in unhealthy),
                "All else that was changed stays. With on_unhealthy: warn this is a warning",
            ]
        )

    def _with(self, facts: t.Dict[str, t.Any]) -> Prepared:
        """The plan for the config and the transaction's part of the result, as one."""
        config, transaction = self.config, self.transaction
        return Prepared(
            config.stored,
            config.desired,
            config.changes + transaction.changes,
            [*config.warnings, *_warnings(transaction, facts["listeners"])],
            {**config.facts, **facts, "unhealthy": transaction.unhealthy(facts["listeners"])},
        )


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


def _transaction_options(module: AnsibleModule) -> TransactionOptions:
    params = module.params
    return TransactionOptions(
        config_path=params["config_path"],
        now=datetime.datetime.now(datetime.timezone.utc),
        check_mode=module.check_mode,
        present=params["state"] == "present",
        min_days=params["certificate_min_days"],
        **{option: params[option] for option in TRANSACTION_OPTIONS},
    )


def _warnings(
    transaction: Transaction, results: t.Iterable[t.Mapping[str, t.Any]]
) -> t.Iterator[str]:
    """Sessions that end, what servers warn of, what is left out, and listeners with problems."""
    for participant, sessions in transaction.interruptions:
        yield "%s: all its sessions end with this, %d now: %s. Clients reconnect" % (
            participant.server.title,
            sessions,
            participant.plan.ends_sessions,
        )
    for participant in transaction.participants:
        yield from participant.plan.warnings
    yield from transaction.left_over
    passed_over = transaction.passed_over()
    if passed_over:
        yield "%s: not applied, because the server is not listed in `servers`" % (
            ", ".join(listener.name for listener in passed_over)
        )
    for result in results:
        if result["status"] in NOT_AS_DECLARED:
            yield _problem(result)


def _problem(result: t.Mapping[str, t.Any]) -> str:
    detail = ": " + result["detail"] if result["detail"] else ""
    return "%s: %s%s" % (result["name"], result["status"], detail)


def _config_file(store: t.Any, prepared: Prepared, made: str) -> ConfigFile:
    from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
        canonical_text,
    )
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
        ConfigFile,
    )

    revision: t.Any = prepared.stored.revision
    same = revision and prepared.desired == prepared.stored.bindings and not prepared.stored.broken
    return ConfigFile(
        store.target,
        revision.content if revision else None,
        revision.content if same else canonical_text(prepared.desired).encode(),
        lambda: store.save(prepared.stored, prepared.desired),
        made,
    )
