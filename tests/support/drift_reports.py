# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift reports to assert on. Each is checked against its JSON Schema and for consistency."""

from __future__ import annotations

import json
import pathlib
import typing as t

from jsonschema import Draft7Validator

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift import words
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.report import drift_report

from .drift_fleet import CERTIFICATE, GENERATED, KEY, finding, listener_change, port

SCHEMA = json.loads(
    (pathlib.Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8")
)
HERE, NUMBER = "192.0.2.1", 993
AT = (HERE, NUMBER)
CONFIG_CHANGE = {
    "action": "change",
    "kind": "port",
    "name": "IMAPS",
    "before": port("IMAPS", "imap", 993, "tls"),
    "after": port("IMAPS", "imap", 993),
}
DESCRIPTION_CHANGE = {
    "action": "change",
    "kind": "port",
    "name": "IMAPS",
    "before": {**port("IMAPS", "imap", 993), "description": "x"},
    "after": port("IMAPS", "imap", 993),
}
SAYS = {
    "protocol": "imap",
    "encryption": "ssl",
    "certificate_path": CERTIFICATE,
    "private_key_path": KEY,
}
STALE = listener_change(
    "change",
    *AT,
    {**SAYS, "fingerprint_sha256": "A0"},
    {**SAYS, "fingerprint_sha256": "as in " + CERTIFICATE},
)

WORDS = [word.value for word in words.Word]
LEVELS = [level.value for level in words.Level]
DRIFT_WORDS = {word.value for word in words.DRIFT_WORDS}


def reported(*findings: t.Any, **more: t.Any) -> dict:
    """The report on these findings."""
    made = drift_report(list(findings), GENERATED, **more)
    Draft7Validator.check_schema(SCHEMA)
    Draft7Validator(SCHEMA).validate(made)
    assert json.loads(json.dumps(made)) == made
    assert_consistent(made)
    return made


def host(**more: t.Any) -> dict:
    """The row of a single host, as drift_fleet.finding makes it."""
    (row,) = reported(finding(**more))["hosts"]
    return row


def cell(row: dict, address: str = HERE, number: int = NUMBER) -> dict:
    """The cell of this listener."""
    return next(
        cell for cell in row["cells"] if (cell["address"], cell["port"]) == (address, number)
    )


def assert_consistent(made: dict) -> None:
    """Its counts are those of its rows, and a cell drifted if and only if its word says so."""
    counted = [row for row in made["hosts"] if not row["maintenance"]]
    assert made["counts"]["hosts"]["total"] == len(made["hosts"])
    assert sum(made["counts"]["hosts"].values()) == 2 * len(made["hosts"])
    for word in WORDS:
        assert made["counts"]["words"][word] == sum(
            cell["word"] == word for row in counted for cell in row["cells"]
        )
    for row in made["hosts"]:
        keys = [(cell["address"], cell["port"]) for cell in row["cells"]]
        assert len(set(keys)) == len(keys)
        assert {address for address, dummy in keys} <= {
            address["address"] for address in row["addresses"]
        }
        assert {number for dummy, number in keys} == {column["port"] for column in row["ports"]}
        for found in row["cells"]:
            assert bool(found["levels"]) == (found["word"] in DRIFT_WORDS)
        assert (row["verdict"] == "drift") == any(
            level["drift"] for level in row["levels"].values()
        )
