# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_listeners_info: what answers at the declared listeners, and what else listens."""

from __future__ import annotations

import datetime
import os
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
    ENCRYPTIONS,
    PROTOCOLS,
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host import sockets
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import at_risk

if t.TYPE_CHECKING:
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction.foresight import (
        Foresight,
    )

MAX_TIMEOUT = 3600

#: The options of mail_listeners_info beside the common ones.
LISTENERS_INFO_OPTIONS = {
    "listeners": {
        "type": "list",
        "elements": "dict",
        "options": {
            "address": {"type": "str", "required": True},
            "port": {"type": "int"},
            "protocol": {"type": "str", "choices": [*PROTOCOLS], "required": True},
            "encryption": {"type": "str", "choices": [*ENCRYPTIONS], "default": "none"},
            "certificate_path": {"type": "str"},
            "hostname": {"type": "str"},
        },
    },
    "timeout": {"type": "float", "default": 30},
    "workers": {"type": "int", "default": 8},
    "certificate_min_days": {"type": "int", "default": 14},
}

Options = t.Mapping[str, t.Any]
Entry = dict[str, t.Any]


def look(
    options: Options, read: t.Callable[[], Bindings]
) -> tuple[Bindings, dict[str, list[Entry]]]:
    """(the bindings, C({listeners})): of the config, on this host; or of the task, anywhere.

    C(read): reads the config. Raises Refused with every problem of the options.
    """
    given = options["listeners"]
    entries = [
        {key: value for key, value in entry.items() if value is not None} for entry in given or ()
    ]
    problems = [*_option_problems(options), *_entry_problems(entries)]
    if problems:
        raise Refused("\n".join(problems))
    now = datetime.datetime.now(datetime.timezone.utc)
    if given is not None:
        asked = [_listener(entry) for entry in entries]
        return model.EMPTY, {"listeners": _probed(asked, options, now, local=False)}
    bindings = read()
    if options["store"] == "smartermail":
        # on another machine: its files can't be read here, and its other listeners are not known
        remote = [
            listener._replace(certificate_path="", private_key_path="")
            for listener in listeners(bindings)
        ]
        return bindings, {"listeners": _probed(remote, options, now, local=False)}
    declared = listeners(bindings)
    foresight = _foresight(declared)
    probed, live = _probed(declared, options, now), sockets.listening()
    risks = foresight.risks(live) if foresight else {}
    return bindings, {
        "listeners": [
            at_risk(result, risks.get((result["address"], result["port"]), "")) for result in probed
        ]
        + _unexpected(bindings, live, options, now)
    }


def _foresight(declared: list[Listener]) -> t.Optional[Foresight]:
    """Begun before the probes, for which it does not wait. Servers' files are root's."""
    if os.geteuid() != 0 or not declared:
        return None
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction import foresight

    return foresight.Foresight(declared)


def _probed(
    wanted: list[Listener], options: Options, now: datetime.datetime, **where: bool
) -> list[Entry]:
    return probe(
        wanted,
        timeout=options["timeout"],
        workers=options["workers"],
        min_days=options["certificate_min_days"],
        now=now,
        **where,
    )


def _unexpected(
    bindings: Bindings, live: list[sockets.Socket], options: Options, now: datetime.datetime
) -> list[Entry]:
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.unexpected import (
        unexpected,
    )

    return unexpected(
        bindings, live, timeout=options["timeout"], workers=options["workers"], now=now
    )


def _option_problems(options: Options) -> t.Iterator[str]:
    if not 0 < options["timeout"] <= MAX_TIMEOUT:
        yield "timeout: give seconds, more than 0 and at most %d" % MAX_TIMEOUT
    if options["workers"] < 1:
        yield "workers: give at least 1"


def _entry_problems(entries: list[Entry]) -> t.Iterator[str]:
    """Every problem of the task's listeners, each with its place."""
    labelled = [("listeners[%d]." % index, entry) for index, entry in enumerate(entries)]
    yield from rules.broken(
        (rules.addresses_are_plain, rules.texts_are_unicode, rules.hostnames_are_printable),
        [],
        labelled,
    )
    yield from rules.broken((rules.paths_are_absolute,), labelled, [])
    for label, entry in labelled:
        if not 1 <= entry.get("port", 1) <= 65535:
            yield "%sport: %d is no port number: 1 to 65535" % (label, entry["port"])


def _listener(entry: Entry) -> Listener:
    port = entry.get("port", standard_number(entry["protocol"], entry["encryption"]))
    return Listener(**{**entry, "address": canonical_address(entry["address"]), "port": port})
