# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the options of a task that ansible-core has refused: loaded only then.

ansible-core's own validation reports one error, and says 'found in ports', not in which of forty.
"""

from __future__ import annotations

import re
import typing as t

from ansible.module_utils.common.validation import (
    check_type_bool,
    check_type_int,
    check_type_list,
    check_type_str,
)

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.failures import as_one
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    BESIDE_DOCUMENT,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import MissingLibrary
from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import (
    declaration_problems,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.values import KINDS


def explained(as_given: dict, task: t.Callable, argument_spec: dict, result) -> str:
    """One message for all that is wrong. C(task): of the options, what the module makes of them."""
    try:
        ours = declaration_problems(task(converted(as_given)).declaration)
    except MissingLibrary:
        ours = []
    return as_one(faults(as_given, argument_spec, result, ours))


def faults(as_given: dict, argument_spec: dict, result, ours: list) -> list:
    """All that is wrong: C(ours), of the entries; unknown options; and what only ansible-core's C(result) says."""
    known = sorted(argument_spec)
    unknown = [
        "%s: unknown option; known are %s" % (name, ", ".join(known))
        for name in sorted(map(str, as_given))
        if name not in result._aliases and name not in known and not name.startswith("_ansible_")
    ]
    # what is said of the keys of entries, we have said better
    explained = r"\b(%s|ip_addresses|Supported parameters)\b" % "|".join(
        sorted({key for kind in KINDS.values() for key in kind.shape}.union(BESIDE_DOCUMENT))
    )
    others = [
        message
        for message in result.error_messages
        if not (ours or unknown) or not re.search(explained, message)
    ]
    return unknown + ours + others


def converted(options: dict) -> dict:
    """The options as ansible-core would convert them, where it could; what it could not stays, to be reported with its place."""
    checks = {
        "port": check_type_int,
        "floating": check_type_bool,
        "exclusive": check_type_bool,
        "require_assigned": check_type_bool,
        "replace_invalid": check_type_bool,
        "unassign": check_type_bool,
    }

    def convert(key, value):
        if isinstance(value, list) and key in ("ports", "ip_addresses"):
            return [convert_all(entry) if isinstance(entry, dict) else entry for entry in value]
        check = checks.get(key) or (
            check_type_list if key in ("ports", "ip_addresses") else check_type_str
        )
        try:
            return value if value is None or isinstance(value, (dict, list)) else check(value)
        except (TypeError, ValueError):
            return value

    def convert_all(entry):
        return {key: convert(key, value) for key, value in entry.items()}

    converted = convert_all({"address": options.get("ip"), **options})
    return {
        key: converted.get(key)
        for key in set(converted) | {"name", "address", "ports", "ip_addresses"}
    }
