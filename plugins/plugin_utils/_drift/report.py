# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on each host of a fleet → one report of what drifted, where and in which way.

Pure: no file, no clock. A report is made of whatever is given, since one host whose finding is out
of shape must not cost the others theirs. What can't be understood was not checked, and is never
called clean.
"""

from __future__ import annotations

import collections.abc
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.cells import cells_of
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.finding import (
    DeclaredBindings,
    HostFinding,
    read_finding,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.listeners import address_order
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import (
    Json,
    as_bool,
    as_certificate_file,
    as_list,
    as_mapping,
    as_name,
    as_text,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.words import (
    Level,
    Verdict,
    Word,
)

SCHEMA_VERSION = 1


def drift_report(findings: t.Any, generated: t.Any, hosts: t.Any = None) -> Json:
    """The report on these findings, as docs/report.schema.json has it.

    C(generated) is the time to put on it, C(hosts) the names of those that should be in it.
    """
    rows = [_host_row(read_finding(finding)) for finding in _as_findings(findings)]
    found = {row["host"] for row in rows}
    rows += [
        _host_row(read_finding({"host": name}))
        for name in dict.fromkeys(as_list(hosts))
        if as_name(name) not in found
    ]
    rows.sort(key=_worst_first)
    counted = [row for row in rows if not row["maintenance"]]
    verdicts = {
        verdict: sum(row["verdict"] == verdict.value for row in counted) for verdict in Verdict
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "generated": as_text(generated),
        "verdict": _verdict_of_fleet(verdicts, rows).value,
        "counts": {
            "hosts": {
                "total": len(rows),
                **{verdict.value: number for verdict, number in verdicts.items()},
                "maintenance": len(rows) - len(counted),
            },
            "words": {
                word.value: sum(row["counts"][word.value] for row in counted) for word in Word
            },
            "levels": {
                level.value: sum(row["levels"][level.value]["drift"] for row in counted)
                for level in Level
            },
        },
        "hosts": rows,
    }


def _as_findings(findings: t.Any) -> t.Iterable[t.Any]:
    """A single finding may be given without being in a list."""
    if findings is None:
        return []
    if isinstance(findings, (str, bytes, dict)):
        return [findings]
    return findings if isinstance(findings, collections.abc.Iterable) else [findings]


def _verdict_of_fleet(counts: t.Mapping[Verdict, int], rows: t.Sequence[Json]) -> Verdict:
    """The worst of the hosts' that count. A run that met no host has seen nothing."""
    if not rows:
        return Verdict.INCOMPLETE
    return next((verdict for verdict in Verdict if counts[verdict]), Verdict.CLEAN)


_RANK_OF_VERDICT = {Verdict.DRIFT.value: 0, Verdict.INCOMPLETE.value: 1}
_RANK_OF_MAINTENANCE, _RANK_OF_EXPIRING, _RANK_OF_CLEAN = 2, 3, 4


def _worst_first(row: Json) -> t.Tuple[t.Any, ...]:
    """Sort key: verdict, then how many listeners have which word, the worst first, then name."""
    counts = row["counts"]
    if row["verdict"] == Verdict.CLEAN.value:
        rank = _RANK_OF_EXPIRING if counts[Word.EXPIRING.value] else _RANK_OF_CLEAN
    else:
        rank = _RANK_OF_MAINTENANCE if row["maintenance"] else _RANK_OF_VERDICT[row["verdict"]]
    worse = (-counts[word.value] for word in Word if word is not Word.AS_DECLARED)
    return (rank, *worse, _natural(row["host"]))


def _natural(text: str) -> t.List[t.Tuple[int, int, str]]:
    """Sort key: mx2 before mx10."""
    return [
        (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)
        for part in re.split("([0-9]+)", text.lower())
    ]


def _host_row(finding: HostFinding) -> Json:
    """A host's row of the report."""
    cells, ignored = cells_of(finding)
    levels = _levels(finding, cells)
    counts = {word.value: sum(cell["word"] == word.value for cell in cells) for word in Word}
    return {
        "host": finding.host or "(no name)",
        "verdict": _verdict_of_host(finding, levels, counts).value,
        "maintenance": finding.maintenance,
        "error": finding.error,
        "counts": counts,
        "levels": levels,
        "addresses": _addresses(finding.declared, cells),
        "ports": _columns(cells),
        "cells": cells,
        "ignored": ignored,
        "certificates": [as_certificate_file(facts) for facts in finding.certificates],
        "warnings": _warnings(finding, cells),
    }


def _verdict_of_host(
    finding: HostFinding, levels: t.Mapping[str, Json], counts: t.Mapping[str, int]
) -> Verdict:
    if any(level["drift"] for level in levels.values()):
        return Verdict.DRIFT
    if finding.error or counts[Word.NOT_CHECKED.value]:
        return Verdict.INCOMPLETE
    return Verdict.CLEAN


def _levels(finding: HostFinding, cells: t.Sequence[Json]) -> t.Dict[str, Json]:
    """For each of the three ways the changes and listeners that drifted in it.

    A change of a listener is in its cell, unless it does not say which listener it is of.
    """
    found = {}
    for level in Level:
        changes = [
            change.as_dict()
            for change in finding.changes
            if change.level is level and not change.key
        ]
        listeners = [cell["name"] for cell in cells if level.value in cell["levels"]]
        found[level.value] = {
            "drift": bool(changes or listeners),
            "changes": changes,
            "listeners": listeners,
        }
    return found


def _addresses(declared: DeclaredBindings, cells: t.Sequence[Json]) -> t.List[Json]:
    """The rows of the matrix."""
    entries = {address: as_mapping(entry) for address, entry in declared.ip_addresses.items()}
    addresses = {*entries, *(cell["address"] for cell in cells)}
    return [
        {
            "address": address,
            "hostname": as_text(entries.get(address, {}).get("hostname")),
            "floating": as_bool(entries.get(address, {}).get("floating")),
            "declared": address in entries,
        }
        for address in sorted(addresses, key=address_order)
    ]


_COLUMN_FACTS = {"names": "port_name", "protocols": "protocol", "encryptions": "encryption"}


def _columns(cells: t.Iterable[Json]) -> t.List[Json]:
    """The columns of the matrix, by number."""
    columns: t.Dict[int, t.List[Json]] = {}
    for cell in cells:
        columns.setdefault(cell["port"], []).append(cell)
    return [
        {
            "port": number,
            **{
                fact: sorted({cell[key] for cell in columns[number]} - {""})
                for fact, key in _COLUMN_FACTS.items()
            },
        }
        for number in sorted(columns)
    ]


def _warnings(finding: HostFinding, cells: t.Iterable[Json]) -> t.List[str]:
    """Those that say more than a cell does already."""
    repeated = tuple(cell["name"] + ": " for cell in cells)
    return [warning for warning in finding.warnings if warning and not warning.startswith(repeated)]
