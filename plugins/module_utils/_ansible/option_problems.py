# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The problems of options that ansible-core has refused: loaded only then.

ansible-core's own validation reports one error, and not in which entry of a list.
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

Options = t.Dict[str, t.Any]


def explained(
    as_given: Options, task: t.Callable[[Options], t.Any], argument_spec: Options, result: t.Any
) -> str:
    """One message for all problems.

    C(task): makes a C(pipeline.Task) of options. C(result): ansible-core's, of its validation.
    """
    try:
        ours = declaration_problems(task(converted(as_given)).declaration)
    except MissingLibrary:
        ours = []
    return as_one(problems(as_given, argument_spec, result, ours))


def problems(
    as_given: Options, argument_spec: Options, result: t.Any, ours: t.List[str]
) -> t.List[str]:
    """C(ours), of the entries; unknown options; and what only ansible-core's C(result) says."""
    known = sorted(argument_spec)
    unknown = [
        "%s: unknown option; known are %s" % (name, ", ".join(known))
        for name in sorted(map(str, as_given))
        if name not in result._aliases and name not in known and not name.startswith("_ansible_")
    ]
    # our messages about the keys of entries are better
    of_entries = r"\b(%s|ip_addresses|Supported parameters)\b" % "|".join(
        sorted({key for kind in KINDS.values() for key in kind.shape}.union(BESIDE_DOCUMENT))
    )
    others = [
        message
        for message in result.error_messages
        if not (ours or unknown) or not re.search(of_entries, message)
    ]
    return unknown + ours + others


def converted(options: Options) -> Options:
    """The options as ansible-core converts them; what it can't convert stays as it is."""
    checks = {
        "port": check_type_int,
        "floating": check_type_bool,
        "exclusive": check_type_bool,
        "require_assigned": check_type_bool,
        "replace_invalid": check_type_bool,
        "unassign": check_type_bool,
    }

    def convert(key: str, value: t.Any) -> t.Any:
        if isinstance(value, list) and key in ("ports", "ip_addresses"):
            return [convert_all(entry) if isinstance(entry, dict) else entry for entry in value]
        check = checks.get(key) or (
            check_type_list if key in ("ports", "ip_addresses") else check_type_str
        )
        try:
            return value if value is None or isinstance(value, (dict, list)) else check(value)
        except (TypeError, ValueError):
            return value

    def convert_all(entry: Options) -> Options:
        return {key: convert(key, value) for key, value in entry.items()}

    converted = convert_all({"address": options.get("ip"), **options})
    return {
        key: converted.get(key)
        for key in set(converted) | {"name", "address", "ports", "ip_addresses"}
    }
