# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values from hosts get a shape, a size and characters that a report can have."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift import values
from support.drift_fleet import file_change, seen
from support.drift_reports import AT, cell, host


def test_long_texts_are_cut_and_control_characters_replaced():
    row = host(
        before=[seen(*AT, "wrong_protocol", "x" * 5000, greeting="\x1b[31mred\u202egnp\ud800\0")]
    )
    assert len(cell(row)["detail"]) == values.TEXT_CHARACTERS
    assert cell(row)["greeting"] == "\ufffd[31mred\ufffdgnp\ufffd\ufffd"
    lines = host(changes=[{**file_change(), "after": {"lines": ["y"] * 1000}}])["levels"]["files"][
        "changes"
    ][0]["after"]["lines"]
    assert len(lines) == values.LINES + 1
    assert lines[-1] == "… and 940 more"
