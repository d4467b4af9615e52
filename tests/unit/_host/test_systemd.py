# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd is told only where it is the service manager, and units get their own time."""

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


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("1min 30s", 90),
        ("5min", 300),
        ("1h 2min 3s 4ms", 3723.004),
        ("infinity", systemd.UNLIMITED_SECONDS),
        ("0", systemd.UNLIMITED_SECONDS),
        ("", systemd.UNLIMITED_SECONDS),
        ("1month", 86400),  # a day is the most
    ],
)
def test_limits_are_read_as_systemd_prints_them(text, seconds):
    assert systemd.seconds_of(text) == seconds


def test_a_unit_is_waited_for_as_long_as_its_own_limits_say(monkeypatch):
    called = []

    def run(argv, timeout=60):
        called.append((argv[1], timeout))
        return 0, "TimeoutStartUSec=5min\nTimeoutStopUSec=infinity\n", ""

    monkeypatch.setattr(systemd, "run", run)
    assert systemd.activate_unit("restart", "slapd.service")[0] == 0
    assert called == [("reset-failed", 60), ("show", 60), ("restart", 910)]
