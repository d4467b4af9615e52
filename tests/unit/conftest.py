# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many examples hypothesis tries: --hypothesis-profile=quick for the quick loop."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# no deadline: machines that run tests are busy ones
settings.register_profile("thorough", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", parent=settings.get_profile("thorough"), max_examples=20)
settings.load_profile("thorough")
