# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd is told only where it is the service manager."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import systemd


@pytest.mark.parametrize("booted", [True, False])
def test_units_are_read_again_only_by_systemd(monkeypatch, booted):
    told = []
    monkeypatch.setattr(systemd, "run", told.append)
    monkeypatch.setattr(systemd.os.path, "isdir", lambda path: booted)
    systemd.reread_units()
    assert told == ([["systemctl", "daemon-reload"]] if booted else [])
