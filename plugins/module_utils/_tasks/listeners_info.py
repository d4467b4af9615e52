# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_listeners_info: what answers at the listeners of the config, or at those of the task, and what else listens."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, rules
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import (
    Listener,
    listeners,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe

#: The options of mail_listeners_info beside the common ones.
LISTENERS_INFO_OPTIONS = {
    "listeners": {
        "type": "list",
        "elements": "dict",
        "options": {
            "address": {"type": "str", "required": True},
            "port": {"type": "int"},
            "protocol": {
                "type": "str",
                "choices": ["smtp", "submission", "imap", "pop", "ldap"],
                "required": True,
            },
            "encryption": {"type": "str", "choices": ["none", "ssl", "tls"], "default": "none"},
            "certificate_path": {"type": "str"},
            "hostname": {"type": "str"},
        },
    },
    "timeout": {"type": "float", "default": 30},
    "workers": {"type": "int", "default": 8},
    "certificate_min_days": {"type": "int", "default": 14},
}


def look(options: dict, read: t.Callable[[], Bindings]) -> tuple:
    """(the bindings, C({listeners})): those of the config, on this host; or those of the task, wherever they are."""
    timeout, workers = options["timeout"], options["workers"]
    now = datetime.datetime.now(datetime.timezone.utc)
    how: dict = {
        "timeout": timeout,
        "workers": workers,
        "min_days": options["certificate_min_days"],
        "now": now,
    }
    problems = []
    if not 0 < timeout <= 3600:
        problems.append("timeout: give seconds, more than 0 and 3600 at the most")
    if workers < 1:
        problems.append("workers: it takes 1 at least")
    given = options["listeners"]
    if given is not None:
        entries = [
            {key: value for key, value in entry.items() if value is not None} for entry in given
        ]
        problems += _faults(entries)
    if problems:
        raise Refused("\n".join(problems))
    if given is not None:
        return model.EMPTY, {"listeners": probe(map(_listener, entries), **how, local=False)}
    if options["store"] == "smartermail":
        # another machine's: its files can't be read here, and nobody can tell what else listens there
        bindings = read()
        there = [
            listener._replace(certificate_path="", private_key_path="")
            for listener in listeners(bindings)
        ]
        return bindings, {"listeners": probe(there, **how, local=False)}
    from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.unexpected import (
        unexpected,
    )

    bindings = read()
    answering = probe(listeners(bindings), **how)
    return bindings, {
        "listeners": answering
        + unexpected(bindings, listening(), timeout=timeout, workers=workers, now=now)
    }


def _faults(entries: list) -> list:
    """All that is wrong with the listeners of a task, each with its place."""
    labelled = [("listeners[%d]." % index, entry) for index, entry in enumerate(entries)]
    problems = rules.broken(
        (rules.addresses_are_plain, rules.texts_are_unicode, rules.hostnames_are_printable),
        [],
        labelled,
    )
    problems += rules.broken((rules.paths_are_absolute,), labelled, [])
    for label, entry in labelled:
        if not 1 <= entry.get("port", 1) <= 65535:
            problems.append("%sport: %d is no port number: 1 to 65535" % (label, entry["port"]))
    return problems


def _listener(entry: dict) -> Listener:
    port = entry.get("port", standard_number(entry["protocol"], entry["encryption"]))
    return Listener(**{**entry, "address": canonical_address(entry["address"]), "port": port})
