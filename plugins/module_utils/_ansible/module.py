# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What knows AnsibleModule: options in; result, diff and failure out."""

from __future__ import annotations

import functools
import gc
import json
import types
import typing as t

# Loading code makes many objects and hardly any garbage: collections meanwhile take 3 % of a no-op
gc.disable()

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Stored

# what is loaded stays: no later collection has to look through it
gc.freeze()
gc.enable()

Options = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]

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
    "certificate_trust": {"type": "str", "default": "none"},
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


class ReportingModule(AnsibleModule):
    """An AnsibleModule that reports every problem of its options, each with its place.

    Secrets are masked wherever they stand. C(task): makes a C(Task) of the options.
    """

    def __init__(self, argument_spec: Result, task: t.Optional[t.Callable] = None):
        self._task = task
        self._as_given: Result = {}
        super().__init__(argument_spec=argument_spec, supports_check_mode=True)
        self._task = None  # what fails from here on has its own message

    def _load_params(self):
        super()._load_params()
        # ansible-core masks what an option declares as secret. It does not mask what is under a
        # mistyped key or a list too deep, and its log shows lists by repr(), which escapes quotes
        # and backslashes.
        for secret in _secrets(self.params):
            self.no_log_values.update(_forms(secret))
        self._as_given = dict(self.params)
        for option in ("ports", "ip_addresses", "listeners"):
            entries = self.params.get(option)
            if entries is not None and self.argument_spec.get(option, {}).get("elements") == "dict":
                # null means left out. ansible-core would print an entry of a wrong type, secrets
                # included, and stop there
                entries = entries if isinstance(entries, list) else [entries]
                for secret in _misplaced(entries):
                    self.no_log_values.update(_forms(secret))
                self.params[option] = [
                    _without_nulls(entry) if isinstance(entry, dict) else {} for entry in entries
                ]

    def fail_json(self, msg, **kwargs):
        if self._task and hasattr(self, "validation_result"):
            try:
                from ansible_collections.mailops.bindings.plugins.module_utils._ansible import (
                    option_problems,
                )

                explained = option_problems.explained(
                    self._as_given, self._task, self.argument_spec, self.validation_result
                )
                msg = explained or msg
            except Exception:  # pylint: disable=broad-except  # ansible-core's message stands
                pass
        super().fail_json(msg=msg, **kwargs)


#: Words in names of secrets.
_SECRET_WORDS = ("pas", "pwd", "secret", "token", "credential", "api_key", "api-key", "apikey")


@functools.lru_cache(maxsize=None)
def _is_secret(key: t.Any) -> bool:
    name = str(key).lower()
    return any(word in name for word in _SECRET_WORDS) and key not in PASSWORD_OPTIONS


def _secrets(value: t.Any, secret: bool = False) -> t.Iterator[str]:
    """Every text and number under a key that looks like a password's, at any depth.

    And the passwords of URLs, and private keys, wherever they are.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, secret or _is_secret(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, secret)
    elif secret and value not in (None, "", True, False):
        yield str(value)
    elif isinstance(value, str) and (("@" in value and "://" in value) or "PRIVATE KEY-" in value):
        from ansible_collections.mailops.bindings.plugins.module_utils._config import secrets

        yield from secrets.in_text(value)


def _misplaced(entries: t.List[t.Any]) -> t.Iterator[str]:
    """The secrets in texts that are no entries: "name=A password=x", or an entry as JSON."""
    for entry in entries:
        if isinstance(entry, str):
            from ansible_collections.mailops.bindings.plugins.module_utils._config import secrets

            yield from secrets.assigned_in(entry)


def _forms(secret: str) -> t.Set[str]:
    """The secret as results and messages may have it, which quote what they show.

    A list in a list is shown as the repr() of a repr(), and that as JSON.
    """
    forms = {secret}
    for dummy in range(3):
        forms.update(
            [repr(form)[1:-1] for form in forms], [json.dumps(form)[1:-1] for form in forms]
        )
    return forms


def _without_nulls(entry: Result) -> Result:
    return {key: value for key, value in entry.items() if value is not None}


def finish(module: AnsibleModule, work: t.Callable[[], Result]) -> None:
    """End the module with the result of C(work), or with why it failed."""
    try:
        result, failure = work(), None
    except Exception as error:  # pylint: disable=broad-except  # no traceback reaches a user
        from ansible_collections.mailops.bindings.plugins.module_utils._ansible.failures import (
            explained,
        )

        result, failure = {}, explained(error)
    # outside the handler, where ansible-core would add a traceback of its own
    if failure or result.get("failed"):
        module.fail_json(**(failure or result))
    module.exit_json(**result)


def store_of(module: AnsibleModule, beside: Options = types.MappingProxyType({})):
    """The task's store. C(beside): port name -> options of its certificate that no document has."""
    return STORES[module.params["store"]](module, beside)


def _file_store(module: AnsibleModule, beside: Options):
    from ansible_collections.mailops.bindings.plugins.module_utils._stores.file import FileStore

    params = module.params
    path, backup = params["config_path"], params.get("backup", False)
    if not asks_for_attributes(params):
        return FileStore(path, backup=backup)
    from ansible_collections.mailops.bindings.plugins.module_utils._ansible.attributes import (
        attributes,
    )

    return FileStore(path, lambda current: attributes(params, current), backup)


def asks_for_attributes(params: Options) -> bool:
    """Does the task say which owner, group or mode the config file should have?"""
    return any(params.get(option) is not None for option in ("owner", "group", "mode"))


def _smartermail_store(module: AnsibleModule, beside: Options):
    from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import store

    passwords = {
        name: options["certificate_password"]
        for name, options in beside.items()
        if "certificate_password" in options
    }
    return store.SmarterMailStore(module.params, passwords, module.no_log_values.add)


#: A new store is a folder or file of C(_stores) and a line here.
STORES = {"file": _file_store, "smartermail": _smartermail_store}


def report(
    module: AnsibleModule,
    stored: Stored,
    bindings: Bindings,
    changes: t.List[Result],
) -> Result:
    """The results that all modules have. C(bindings): as they now are."""
    for warning in stored.warnings:
        module.warn(warning)
    unassigned = model.unassigned_ports(bindings) if stored.whole else None
    if unassigned:
        module.warn(
            "no IP address listens on %s: assign with mail_ip_binding or mail_bindings"
            % ", ".join(unassigned)
        )
    diff: Result = {"before": {}, "after": {}}
    if changes:
        from ansible_collections.mailops.bindings.plugins.module_utils._config.changes import (
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
