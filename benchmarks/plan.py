# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How planning grows: 1,000 to 10,000 assignments, in process. Linear growth is ten times."""

from __future__ import annotations

import json
import time

from _collection import importable

importable()

# found only once importable() has run, so that they can't stand above it: E402
from ansible_collections.mailops.bindings.plugins.module_utils._config import (
    changes,
    documents,
    plan,
)

PORTS = 20


def document(assignments: int) -> dict:
    """A document in which every address answers on all of the ports."""
    names = ["port-%02d" % number for number in range(PORTS)]
    return {
        "schema_version": 1,
        "ports": [
            {"name": name, "protocol": "smtp", "port": 2000 + index}
            for index, name in enumerate(names)
        ],
        "ip_addresses": [
            {"address": "10.0.%d.%d" % divmod(number, 250), "ports": names}
            for number in range(assignments // PORTS)
        ],
    }


def once(content: str, declaration: plan.Declaration) -> float:
    """Seconds of processor time for what a task does between reading and writing: parse, check, plan, compare, write out."""
    start = time.process_time()
    current = documents.read_document(json.loads(content))
    outcome = plan.declared(current, declaration)
    assert not outcome.problems
    desired = outcome.bindings
    changes.diff(changes.changes(current, desired))
    documents.canonical_text(desired)
    return time.process_time() - start


def main() -> None:
    """Print seconds and growth, for a plan that changes nothing and for one that changes every address."""
    for what, hostname in (
        ("nothing changes", None),
        ("every address changes", "mail.example.com"),
    ):
        seconds = {}
        for assignments in (1_000, 10_000):
            content = json.dumps(document(assignments))
            declared = document(assignments)
            for entry in declared["ip_addresses"] if hostname else ():
                entry["hostname"] = hostname
            declaration = plan.Declaration(declared["ports"], declared["ip_addresses"], True, True)
            seconds[assignments] = min(once(content, declaration) for ignored in range(25))
        growth = seconds[10_000] / seconds[1_000]
        print(
            "%-22s 1,000 assignments %6.1f ms, 10,000 %6.1f ms: grows %.1f-fold, %.2f × linear"
            % (what, seconds[1_000] * 1000, seconds[10_000] * 1000, growth, growth / 10)
        )


if __name__ == "__main__":
    main()
