# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task that mail_bindings makes of its options."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.module import (
    CERTIFICATE_OPTIONS,
    LOCAL_ADDRESS_OPTIONS,
    PASSWORD_OPTIONS,
)
from ansible_collections.mailops.bindings.plugins.module_utils._ansible.pipeline import (
    Task,
    declaring,
    given,
    on_server,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_addresses,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    BESIDE_DOCUMENT,
    Declaration,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import IPBinding, Port
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)

#: The options of mail_bindings beside the common ones; mail_listeners has them too.
BINDINGS_OPTIONS = {
    "ports": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "protocol": {"type": "str", "choices": [*PROTOCOLS]},
            "port": {"type": "int"},
            "encryption": {"type": "str", "choices": [*ENCRYPTIONS]},
            "certificate_path": {"type": "str"},
            "private_key_path": {"type": "str", "no_log": False},
            "certificate_password": {"type": "str", "no_log": True},
            "certificate_hostnames": {"type": "list", "elements": "str"},
            "description": {"type": "str"},
        },
    },
    "ip_addresses": {
        "type": "list",
        "elements": "dict",
        "options": {
            "address": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "str"},
            "hostname": {"type": "str"},
            "description": {"type": "str"},
            "floating": {"type": "bool"},
        },
    },
    "exclusive": {"type": "bool", "default": False},
    "replace_invalid": {"type": "bool", "default": False},
    "require_assigned": {"type": "bool", "default": False},
    **CERTIFICATE_OPTIONS,
    **PASSWORD_OPTIONS,
    **LOCAL_ADDRESS_OPTIONS,
}


def bindings_task(params: t.Dict[str, t.Any]) -> Task:
    """The task that these options ask for."""
    exclusive, replace_invalid = bool(params.get("exclusive")), bool(params.get("replace_invalid"))
    ports, ip_addresses = (
        _entries(params.get("ports"), BESIDE_DOCUMENT),
        _entries(params.get("ip_addresses")),
    )
    declaration = Declaration(
        ports,
        ip_addresses,
        exclusive,
        exclusive,
        bool(params.get("require_assigned")),
        on_server=on_server(params),
    )
    problems = []
    if replace_invalid and not (exclusive and ports is not None and ip_addresses is not None):
        problems.append(
            "replace_invalid: needs exclusive: true, ports and ip_addresses, since nothing of a "
            "config that is not valid can be kept"
        )
    named = [
        option
        for option in params.get("ports") or ()
        if isinstance(option, dict) and "name" in option
    ]
    return Task(
        declaration,
        declaring(declaration, params),
        ports=[option["name"] for option in named],
        addresses=canonical_addresses(ip_addresses or ()),
        beside={
            option["name"]: given(option, BESIDE_DOCUMENT)
            for option in named
            if isinstance(option["name"], str)
        },
        problems=problems,
        replace_invalid=replace_invalid and not problems,
    )


def _entries(options: t.Any, beside: t.Container[str] = ()) -> t.Optional[t.List[t.Any]]:
    """The entries of a list option as the document would have them: without keys C(beside) it.

    Options that ansible-core has not validated may be anything: what is not an entry is kept, to be
    reported with its place.
    """
    if options is None:
        return None
    return [
        {
            key: value
            for key, value in option.items()
            if key not in beside and (value is not None or key not in _KNOWN)
        }
        if isinstance(option, dict)
        else option
        for option in (options if isinstance(options, list) else [options])
    ]


_KNOWN = {*Port._fields, *IPBinding._fields}
