# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No way to a server from the environment of those who run the tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("support.smartermail.tasks")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """An administrator who runs the tests may have set one of these."""
    for name in ("URL", "USERNAME", "PASSWORD"):
        monkeypatch.delenv("SMARTERMAIL_" + name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
