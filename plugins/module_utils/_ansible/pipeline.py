# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way of a task that writes: load, plan and check, [check mode stops here], commit, report.

Check mode and a real run compute the same plan by the same code. A committer says what is written:
the config alone (C(StoreCommitter)), or the config and the servers (C(_tasks.listeners)).
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.module import (
    CONFIG_OPTIONS,
    WRITE_OPTIONS,
    ReportingModule,
    asks_for_attributes,
    finish,
    report,
    store_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
    Outcome,
    is_satisfied,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import (
    InvalidConfig,
    Stored,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ansible_collections.mailops.bindings.plugins.module_utils._stores.interface import Store

Options = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]

# Task and Prepared are not NamedTuples: making such a class takes as long as compiling a file.


class Task:
    """What one task of a module that writes asks for."""

    def __init__(
        self,
        declaration: Declaration,  # what is declared; empty where something is to be removed
        outcome: t.Callable[[Bindings], Outcome],  # from the current bindings
        ports: t.Iterable[str] = (),  # names of the ports that the task names
        addresses: t.Iterable[str] = (),  # canonical addresses whose ports it assigns
        beside: t.Optional[Options] = None,  # port -> its BESIDE_DOCUMENT options
        single: t.Tuple[str, ...] = (),  # (result key, list, identity's key, identity)
        problems: t.Sequence[str] = (),  # what is wrong with the task itself
        replace_invalid: bool = False,
        whole: bool = True,  # False: if its ports do not change, assignments need no loading
    ):
        self.declaration, self.outcome = declaration, outcome
        self.ports, self.addresses = ports, addresses
        self.beside, self.single = beside or {}, single
        self.problems, self.replace_invalid, self.whole = problems, replace_invalid, whole


class Prepared:
    """All that a task would do, checked, and what its result says beside the bindings."""

    def __init__(
        self,
        stored: Stored,
        desired: Bindings,
        changes: t.List[Result],
        warnings: t.List[str],
        facts: Result,
    ):
        self.stored, self.desired, self.changes = stored, desired, changes
        self.warnings, self.facts = warnings, facts


class StoreCommitter:
    """Commits a plan to the store alone."""

    def __init__(self, module: AnsibleModule, task: Task):
        self.module, self.task = module, task
        self.store = store_of(module, task.beside)

    def held(self) -> t.ContextManager[None]:
        """What is held from before the plan until after the commit."""
        return contextlib.nullcontext()

    def plan(self) -> Prepared:
        """What would be done. Raises Refused with all problems."""
        prepared = self.prepared(self.task.whole)
        if prepared.changes and not prepared.stored.whole:
            prepared = self.prepared()
        if prepared.changes:
            self.store.check_writable(prepared.stored)
        return prepared

    def failure(self, prepared: Prepared) -> str:  # pylint: disable=unused-argument
        """Why the task fails although it was carried out; '' if it does not."""
        return ""

    def prepared(self, whole: bool = True) -> Prepared:
        """The plan for what the store holds now. C(whole): see C(Store.load)."""
        return prepare(self.module, self.store, self.task, load(self.store, self.task, whole))

    def commit(self, prepared: Prepared) -> Prepared:
        """Do it, and return what was done: another run may have written since the plan was made."""
        with self.store.lock():
            stored = load(self.store, self.task)
            if stored.revision != prepared.stored.revision:
                prepared = prepare(self.module, self.store, self.task, stored)
                self.store.check_writable(prepared.stored)
            if prepared.changes:
                backup = self.store.save(prepared.stored, prepared.desired)
                if backup:
                    prepared.facts["backup_file"] = backup
        return prepared


def declare(
    task: t.Callable[[Result], Task],
    options: Options,
    committer: t.Callable[[AnsibleModule, Task], StoreCommitter] = StoreCommitter,
) -> None:
    """Run a module that writes. C(options): its own; C(task): what it makes of all options."""
    module = ReportingModule({**options, **CONFIG_OPTIONS, **WRITE_OPTIONS}, task)
    finish(module, lambda: _carried_out(module, committer(module, task(module.params))))


def _carried_out(module: AnsibleModule, committer: StoreCommitter) -> Result:
    with committer.held():
        prepared = committer.plan()
        if prepared.changes and not module.check_mode:
            prepared = committer.commit(prepared)
    for warning in prepared.warnings:
        module.warn(warning)
    result = report(module, prepared.stored, prepared.desired, prepared.changes)
    result.update(prepared.facts)
    failure = committer.failure(prepared)
    if failure:
        result.update(failed=True, msg=failure)
    if committer.task.single:
        result_key, kind, key, identity = committer.task.single
        result[result_key] = next((entry for entry in result[kind] if entry[key] == identity), {})
    return result


def load(store: Store, task: Task, whole: bool = True) -> Stored:
    """What the store holds. Raises Refused, which also lists what is wrong with the task itself."""
    try:
        return store.load(whole)
    except InvalidConfig as invalid:
        if task.replace_invalid:
            return invalid.stored
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.failures import (
            invalid_config,
        )

        raise invalid_config(invalid, task) from None


def prepare(module: AnsibleModule, store: Store, task: Task, stored: Stored) -> Prepared:
    """The plan for what is stored, checked, in check mode too. Raises Refused with all problems."""
    params = module.params
    outcome = task.outcome(stored.bindings)
    fitting = store.fit(stored, outcome.bindings, task.declaration)
    desired, stored = fitting.bindings, fitting.stored
    problems = [*task.problems, *outcome.problems, *fitting.problems]
    problems += _host_problems(params, store, task, stored)
    certificates: t.List[Result] = []
    warnings: t.List[str] = []
    names = (
        _with_certificate(task, desired)
        if store.local and params.get("check_certificate", True)
        else []
    )
    if names:
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.checks import (
            judge_certificates,
        )

        certificates, stopping, warnings = judge_certificates(
            params, task, names, stored.bindings, desired
        )
        problems += stopping
    if problems:
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.failures import (
            as_one,
        )

        raise Refused(as_one(problems))
    changes = store.extra_changes(stored, desired)
    if desired != stored.bindings:
        from ansible_collections.mailops.bindings.plugins.module_utils._config.changes import (
            changes as changes_between,
        )

        changes = changes_between(stored.bindings, desired) + changes
    return Prepared(stored, desired, changes, warnings, {"certificates": certificates})


def _host_problems(params: Options, store: Store, task: Task, stored: Stored) -> t.List[str]:
    """What the host lacks: declared addresses, a user or group that is to own the config."""
    problems = []
    if params.get("require_local_address") and task.declaration.ip_addresses:
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.checks import (
            address_problems,
        )

        problems += address_problems(store, task.declaration, stored)
    if asks_for_attributes(params):
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.attributes import (
            attribute_problems,
        )

        problems += attribute_problems(params)
    return problems


def _with_certificate(task: Task, desired: Bindings) -> t.List[str]:
    """Those of the ports that the task names or assigns that have a certificate."""
    named = set(task.ports).union(
        *(
            desired.ip_addresses[address].ports
            for address in task.addresses
            if address in desired.ip_addresses
        )
    )
    return [
        name
        for name in sorted(named)
        if name in desired.ports and desired.ports[name].certificate_path
    ]


# -- for the functions of _tasks that make a Task of options


def declaring(declaration: Declaration, options: Options) -> t.Callable[[Bindings], Outcome]:
    """The outcome of a task that declares: what was there, and what is declared."""

    def outcome(current: Bindings) -> Outcome:
        if is_satisfied(current, declaration):
            return Outcome(current, [])
        from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import declared

        place = options["smartermail_url"] if on_server(options) else options["config_path"]
        return declared(current, declaration, place)

    return outcome


def on_server(options: Options) -> bool:
    """Whether the task's store is a server that keeps its bindings itself."""
    return options.get("store") == "smartermail"


def given(options: Options, keys: t.Iterable[str]) -> Result:
    """Those of the options that the task gives: None means left out, an empty string is a value."""
    return {key: options[key] for key in keys if options.get(key) is not None}
