# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction at a time."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import lock
from support.pretended_world import ALL

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


def test_a_second_run_waits_and_then_names_the_first(world, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.05)
    with (
        lock.locked(),
        pytest.raises(
            Refused, match=r"another run of mail_listeners.*process \d+ \(.*nothing was changed"
        ),
    ):
        world.run(ALL)
