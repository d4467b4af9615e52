# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows AnsibleModule: options in; result, diff and failure out.

Every task takes the same way: load, plan, check what the plan needs of the host, and, unless in check mode, save.
"""

from __future__ import annotations

import types
import typing as t

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
    Outcome,
    says,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import (
    InvalidConfig,
    Stored,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.file import FileStore

#: Options of all modules; plugins/doc_fragments/config.py documents them.
CONFIG_OPTIONS = {
    "config_path": {"type": "path", "default": "/etc/mail-bindings/bindings.json"},
    "store": {"type": "str", "choices": ["file", "smartermail"], "default": "file"},
    "smartermail_url": {"type": "str", "fallback": (env_fallback, ["SMARTERMAIL_URL"])},
    "smartermail_username": {"type": "str", "fallback": (env_fallback, ["SMARTERMAIL_USERNAME"])},
    "smartermail_password": {
        "type": "str",
        "no_log": True,
        "fallback": (env_fallback, ["SMARTERMAIL_PASSWORD"]),
    },
    "smartermail_api": {"type": "str", "choices": ["auto", "rest", "soap"], "default": "auto"},
    "smartermail_validate_certs": {"type": "bool", "default": True},
    "smartermail_ca_path": {"type": "path"},
    "smartermail_timeout": {"type": "float", "default": 30},
}
#: Options of those that write; plugins/doc_fragments/write.py.
WRITE_OPTIONS = {
    "backup": {"type": "bool", "default": False},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "raw"},
}
#: Options of those that declare ports; plugins/doc_fragments/certificate.py.
CERTIFICATE_OPTIONS = {
    "check_certificate": {"type": "bool", "default": True},
    "certificate_min_days": {"type": "int", "default": 0},
}
#: Option of those that take a certificate_password; plugins/doc_fragments/certificate.py.
PASSWORD_OPTIONS = {
    "update_password": {
        "type": "str",
        "choices": ["always", "on_create"],
        "default": "on_create",
        "no_log": False,
    }
}
LOCAL_ADDRESS_OPTIONS = {"require_local_address": {"type": "bool", "default": True}}


class Task(t.NamedTuple):
    """One task of a module that writes."""

    declaration: Declaration  # what is declared, empty where something is to go
    outcome: t.Callable[[Bindings], Outcome]  # from the current bindings
    ports: t.Iterable = ()  # names of the ports that the task names
    addresses: t.Iterable = ()  # and the addresses whose ports it assigns, canonical
    beside: t.Mapping = types.MappingProxyType({})  # port name -> its BESIDE_DOCUMENT options
    single: tuple = ()  # ("port", kind of list, key, identity): the result that a single module has beside the lists
    problems: t.Iterable = ()  # what is wrong with the task itself
    replace_invalid: bool = False
    whole: bool = True  # False: it speaks of ports alone, so that where nothing changes it does not matter who listens where


class ReportingModule(AnsibleModule):
    """AnsibleModule, but all that is wrong with the options is reported, with its place, and a secret stays one wherever it stands."""

    def __init__(self, argument_spec: dict, task: t.Optional[t.Callable] = None):
        self._task = task
        self._as_given: dict = {}
        super().__init__(argument_spec=argument_spec, supports_check_mode=True)
        self._task = None  # what fails from here on has its own message

    def _load_params(self):
        super()._load_params()
        # ansible-core masks what an option declares as secret. Not what stands under a mistyped key or a list too deep, and
        # in the system's log it shows lists by repr(), where a secret with a quote or a backslash reads otherwise.
        for secret in _secrets(self.params):
            for ignored in range(3):  # a list in a list is shown as the repr() of a repr()
                self.no_log_values.add(secret)
                secret = repr(secret)[1:-1]
        self._as_given = dict(self.params)
        for option in ("ports", "ip_addresses", "listeners"):
            entries = self.params.get(option)
            if entries is not None and self.argument_spec.get(option, {}).get("elements") == "dict":
                # null means left out. What is no entry ansible-core would print, whatever is in it, and stop there
                entries = entries if isinstance(entries, list) else [entries]
                self.params[option] = [
                    _without_nulls(entry) if isinstance(entry, dict) else {} for entry in entries
                ]

    def fail_json(self, msg, **kwargs):
        if self._task and hasattr(self, "validation_result"):
            try:
                from ansible_collections.mailops.bindings.plugins.module_utils._ansible.options import (
                    explained,
                )

                msg = (
                    explained(
                        self._as_given, self._task, self.argument_spec, self.validation_result
                    )
                    or msg
                )
            except Exception:  # pylint: disable=broad-except  # options too strange for us: its message stands
                pass
        super().fail_json(msg=msg, **kwargs)


def _secrets(value, secret: bool = False) -> t.Iterator[str]:
    """Every text and number under a key that speaks of a password, or tries to, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(
                inner, secret or ("pas" in str(key).lower() and key not in PASSWORD_OPTIONS)
            )
    elif isinstance(value, list):
        for inner in value:
            if secret or isinstance(inner, (dict, list)):
                yield from _secrets(inner, secret)
    elif secret and value not in (None, "", True, False):
        yield str(value)


def _without_nulls(entry: dict) -> dict:
    return {key: value for key, value in entry.items() if value is not None}


def declare(
    task: t.Callable[[dict], Task], options: dict, apply: t.Optional[t.Callable] = None
) -> None:
    """Run a module that writes: C(task) of its options, which are C(options) beside the common ones.

    C(apply(module, task)): how it is carried out, where more than the config is to change.
    """
    module = ReportingModule({**options, **CONFIG_OPTIONS, **WRITE_OPTIONS}, task)
    finish(module, lambda: (apply or _apply)(module, task(module.params)))


def finish(module: AnsibleModule, work: t.Callable[[], dict]) -> None:
    """End the module with what C(work) makes, or with why it could not."""
    try:
        result, failure = work(), None
    except Exception as error:  # pylint: disable=broad-except  # no traceback reaches a user
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.failures import (
            explained,
        )

        result, failure = {}, explained(error)
    # outside the handler, where ansible-core would add a traceback of its own
    if failure:
        module.fail_json(**failure)
    module.exit_json(**result)


# -- the way of a task that writes


def store_of(module: AnsibleModule, beside: t.Mapping = types.MappingProxyType({})):
    """The task's store. C(beside): name of a port -> what the task says of its certificate beside the document."""
    return STORES[module.params["store"]](module, beside)


def _file_store(module: AnsibleModule, beside: t.Mapping) -> FileStore:
    params = module.params
    path, backup = params["config_path"], params.get("backup", False)
    if not _asks_for_attributes(params):
        return FileStore(path, backup=backup)
    from ansible_collections.mailops.bindings.plugins.module_utils._ansible.attributes import (
        attributes,
    )

    return FileStore(path, lambda current: attributes(params, current), backup)


def _asks_for_attributes(params: dict) -> bool:
    return any(params.get(option) is not None for option in ("owner", "group", "mode"))


def _smartermail_store(module: AnsibleModule, beside: t.Mapping):
    from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.store import (
        SmarterMailStore,
    )

    passwords = {
        name: of_port["certificate_password"]
        for name, of_port in beside.items()
        if "certificate_password" in of_port
    }
    return SmarterMailStore(module.params, passwords, module.no_log_values.add)


STORES = {"file": _file_store, "smartermail": _smartermail_store}


class Prepared(t.NamedTuple):
    stored: Stored
    desired: Bindings
    changes: list
    certificates: list
    warnings: list


def _apply(module: AnsibleModule, task: Task) -> dict:
    store = store_of(module, task.beside)
    prepared = prepare(module, store, task, load(store, task, task.whole))
    if prepared.changes and not prepared.stored.whole:
        prepared = prepare(module, store, task, load(store, task))
    backup = ""
    if prepared.changes:
        store.check_writable(prepared.stored)
        if not module.check_mode:
            with store.lock():
                # others may have written since; a task that changes nothing never waits for them
                stored = load(store, task)
                if stored.revision != prepared.stored.revision:
                    prepared = prepare(module, store, task, stored)
                    store.check_writable(prepared.stored)
                if prepared.changes:
                    backup = store.save(prepared.stored, prepared.desired)
    for warning in prepared.warnings:
        module.warn(warning)
    result = report(module, prepared.stored, prepared.desired, prepared.changes)
    result["certificates"] = prepared.certificates
    if backup:
        result["backup_file"] = backup
    if task.single:
        result_key, kind, key, identity = task.single
        result[result_key] = next((entry for entry in result[kind] if entry[key] == identity), {})
    return result


def load(store, task: Task, whole: bool = True) -> Stored:
    try:
        return store.load(whole)
    except InvalidConfig as invalid:
        if not task.replace_invalid:
            from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import (
                faults as faults_of,
            )

            faults = [*task.problems, *faults_of(task.declaration)]
            raise Refused(
                "\n".join(
                    [
                        str(invalid),
                        *(["The task itself is not right either:"] if faults else []),
                        *faults,
                    ]
                )
            ) from None
        return invalid.stored


def prepare(module: AnsibleModule, store, task: Task, stored: Stored) -> Prepared:
    """All that a task would do, checked: the same in check mode and in a real run."""
    params = module.params
    desired, problems = task.outcome(stored.bindings)
    desired, stored, unfit = store.fit(stored, desired, task.declaration)
    problems = [*task.problems, *problems, *unfit]
    if params.get("require_local_address") and task.declaration.ip_addresses:
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.checks import (
            unreachable,
        )

        problems += unreachable(store, task.declaration, stored)
    if _asks_for_attributes(params):
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.attributes import (
            unknown,
        )

        problems += unknown(params)
    certificates, warnings = [], []
    names = (
        _with_certificate(task, desired)
        if store.local and params.get("check_certificate", True)
        else []
    )
    if names:
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.checks import (
            certificates as judged,
        )

        certificates, stopping, warnings = judged(params, task, names, stored.bindings, desired)
        problems += stopping
    if problems:
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.failures import (
            as_one,
        )

        raise Refused(as_one(problems))
    changes = store.extra_changes(stored, desired)
    if desired != stored.bindings:
        from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import (
            changes as changes_between,
        )

        changes = changes_between(stored.bindings, desired) + changes
    return Prepared(stored, desired, changes, certificates, warnings)


def _with_certificate(task: Task, desired: Bindings) -> list:
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


def report(module: AnsibleModule, stored: Stored, bindings: Bindings, changes: list) -> dict:
    """The results that all modules have: C(bindings) are what there is now, C(stored) tells what there is beside them."""
    for warning in stored.warnings:
        module.warn(warning)
    unassigned = model.unassigned_ports(bindings) if stored.whole else None
    if unassigned:
        module.warn(
            "no IP address listens on %s: assign with mail_ip_binding or mail_bindings"
            % ", ".join(unassigned)
        )
    diff: dict = {"before": {}, "after": {}}
    if changes:
        from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import (
            diff as diff_of,
        )

        diff = diff_of(changes)
    return {
        "changed": bool(changes),
        "changes": changes,
        "diff": diff,
        "ports": model.port_entries(bindings),
        "ip_addresses": model.ip_entries(bindings) if stored.whole else None,
        "unassigned_ports": unassigned,
        "unmapped": list(stored.unmapped),
    }


# -- what the tasks make of options


def canonical(entries: t.Iterable) -> list:
    """The addresses of these entries; what is none is left to the rules."""
    addresses = []
    for entry in entries:
        try:
            addresses.append(canonical_address(entry["address"]))
        except (ValueError, TypeError, KeyError):
            continue
    return addresses


def declaring(declaration: Declaration, options: t.Mapping) -> t.Callable[[Bindings], Outcome]:
    """What makes of the current bindings the config that says what they say and what is declared: see C(_plan.declared)."""

    def outcome(current: Bindings) -> Outcome:
        if says(current, declaration):
            return Outcome(current, [])
        from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import declared

        return declared(
            current,
            declaration,
            options["smartermail_url"] if on_server(options) else options["config_path"],
        )

    return outcome


def on_server(options: t.Mapping) -> bool:
    """Whether the task's store is a server that keeps its bindings itself."""
    return options.get("store") == "smartermail"


def given(options: t.Mapping, keys: t.Iterable[str]) -> dict:
    """Those of the options that the task gives: C(None) is left out, an empty string is a value."""
    return {key: options[key] for key in keys if options.get(key) is not None}
