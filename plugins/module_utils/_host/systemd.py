# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd, if it is the service manager."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import Finished, run

#: Seconds for a start or stop that its unit does not limit.
UNLIMITED_SECONDS = 600.0
#: systemd's units of time in seconds, as it prints them (systemd.time(7)).
_SECONDS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "month": 2629800.0,
    "y": 31557600.0,
}


def has_systemd() -> bool:
    """Is systemd the service manager now (sd_booted(3))?"""
    return os.path.isdir("/run/systemd/system")


def reread_units() -> None:
    """Have systemd read the unit files again: all of them, which takes about a second."""
    if has_systemd():
        run(["systemctl", "daemon-reload"])


def activate_unit(verb: str, unit: str) -> Finished:
    """Start, restart or stop a unit, and wait as long as it may take by its own settings.

    Raises Refused if it takes longer.
    """
    # a unit that has failed a few times in a row does not start until its count is reset
    run(["systemctl", "reset-failed", unit])
    return run(["systemctl", verb, unit], timeout=_limit(unit))


def _limit(unit: str) -> float:
    """The seconds that the unit's stop and start may take together."""
    output = run(["systemctl", "show", unit, "-p", "TimeoutStartUSec", "-p", "TimeoutStopUSec"])[1]
    values = (line.partition("=")[2] for line in output.splitlines())
    return 10 + sum(map(seconds_of, filter(None, values)))


def seconds_of(text: str) -> float:
    """A limit as systemctl show prints it: '1min 30s', 'infinity'. None or 0 is no limit."""
    parts = re.findall(r"([0-9.]+)([a-z]+)", text)
    known: t.List[float] = [float(number) * _SECONDS.get(unit, 0) for number, unit in parts]
    return min(sum(known), 86400.0) or UNLIMITED_SECONDS
