# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads log files that servers write themselves, without syslog. Loaded only after a failure."""

from __future__ import annotations

import os
import re
import stat
import time
import typing as t

#: The part at a file's end that is looked at.
_MAX_BYTES = 256 * 1024
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # in every locale
#: Time, perhaps host and program with its process number, text (RFC 3164, 4.1).
_LINE = re.compile(r"(\w{3}) +(\d\d?) (\d\d):(\d\d):(\d\d) (?:\S+ \S+\[\d+\]: )?(.*)", re.ASCII)


def lines_between(path: str, since: float, until: float) -> t.List[str]:
    """The texts of the lines of this time (Unix times); none if the file can't be read.

    Lines have whole seconds of local time, and no year: the one that makes them the latest counts.
    """
    found = []
    for line in _tail(path):
        match = _LINE.match(line)
        if match and int(since) <= _moment(match, until) <= until:
            found.append(match.group(6))
    return found


def _tail(path: str) -> t.List[str]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return []  # such as /dev/stdout
        content = os.pread(handle, _MAX_BYTES, max(0, status.st_size - _MAX_BYTES))
    finally:
        os.close(handle)
    return content.decode(errors="replace").splitlines()


def _moment(match: t.Match[str], until: float) -> float:
    name, day, hour, minute, second = match.groups()[:5]
    if name not in _MONTHS:
        return -1
    numbers = _MONTHS.index(name) + 1, int(day), int(hour), int(minute), int(second)
    year = time.localtime(until).tm_year
    moment = time.mktime((year, *numbers, 0, 0, -1))
    return moment if moment <= until else time.mktime((year - 1, *numbers, 0, 0, -1))
