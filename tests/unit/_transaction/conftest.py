# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pretended host, for all tests of this room."""

from __future__ import annotations

from support.pretended_world import points, world  # noqa: F401  # pylint: disable=unused-import  # fixtures are found by name
