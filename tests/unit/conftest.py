# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many examples hypothesis tries: --hypothesis-profile=quick for the quick loop. And signals are as usual."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# In CI always the same examples: what lands must not depend on luck. No deadline: machines that run tests are busy ones
settings.register_profile(
    "thorough",
    max_examples=200,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", parent=settings.get_profile("thorough"), max_examples=20)
settings.load_profile("thorough")

# Who ran us under nohup has SIGHUP ignored, which is handed on, and what a task does at a SIGHUP would not be tried
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def temporary_folders_can_be_entered(tmp_path_factory):
    """By other users, as whom some tests look at files.

    pytest keeps these folders to ourselves, and does so again whenever another run begins.
    """
    folder = tmp_path_factory.getbasetemp()
    while folder.name.startswith(("popen-", "pytest-")):
        folder.chmod(0o711)
        folder = folder.parent
