# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's processes as they run now (proc(5))."""

from __future__ import annotations

import contextlib
import glob
import typing as t

BASE_DIR = "/run/dovecot"
PID_FILE = BASE_DIR + "/master.pid"
LOG_PROCESS = "log"  # a child of the main process, another one after each reload that it took


def main_process() -> t.Optional[int]:
    """The main process's number; None if it does not run."""
    with contextlib.suppress(OSError, ValueError):
        with open(PID_FILE, encoding="ascii") as file:
            pid = int(file.read())
        with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as file:
            return pid if file.read() == "dovecot\n" else None
    return None


def log_processes() -> frozenset[int]:
    """The main process's children that write its log (proc(5), stat)."""
    found = set()
    pid = main_process()
    for path in glob.glob("/proc/[0-9]*/stat") if pid else ():
        with contextlib.suppress(OSError):
            with open(path, encoding="utf-8", errors="replace") as file:
                child, dummy, rest = file.read().partition(" (")
            name, dummy, rest = rest.rpartition(") ")
            if name == LOG_PROCESS and int(rest.split()[1]) == pid:
                found.add(int(child))
    return frozenset(found)
