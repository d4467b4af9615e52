# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd, if it is the service manager."""

from __future__ import annotations

import os

from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run


def has_systemd() -> bool:
    """Is systemd the service manager now (sd_booted(3))?"""
    return os.path.isdir("/run/systemd/system")


def reread_units() -> None:
    """Have systemd read the unit files again: all of them, which takes about a second."""
    if has_systemd():
        run(["systemctl", "daemon-reload"])
