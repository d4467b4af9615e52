# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs: what they answer, and that each comes to an end."""

from __future__ import annotations

import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run


def test_status_output_and_errors_come_back_in_the_c_locale(monkeypatch):
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    assert run(["sh", "-c", "cat; echo $LC_ALL; pwd; echo e >&2; exit 3"], b"in ") == (
        3,
        "in C\n/\n",
        "e\n",
    )


def test_one_that_hangs_is_ended_and_named():
    began = time.monotonic()
    with pytest.raises(Refused, match="sleep did not end within 0 seconds"):
        run(["sleep", "60"], timeout=0.2)
    assert time.monotonic() - began < 10


def test_one_that_is_not_there_is_named():
    with pytest.raises(Refused, match="/no/such/program can't be run: No such file"):
        run(["/no/such/program"])
