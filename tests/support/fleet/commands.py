# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands on this machine and on test hosts, and processes that end with all that they started."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import time
from signal import SIGKILL


class CommandError(AssertionError):
    """A command failed that was not to; with all that it printed."""


class Process(subprocess.Popen):
    """A process that is ended together with all that it started.

    Entering a namespace takes a process of its own.
    """

    def __init__(self, command, **options):
        super().__init__(command, start_new_session=True, **options)

    def send_signal(self, signal):
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal)

    def __exit__(self, *exception):
        self.kill()
        return super().__exit__(*exception)


class EnteredProcess(Process):
    """One that nsenter runs as its child in a host's process namespace.

    nsenter itself is not signalled, so that it can see its child's end: an orphan would be left to
    the machine's init, and a host that is
    shut down waits for all processes that were not reaped.
    """

    def send_signal(self, signal):
        if self.poll() is not None:
            return
        if not self._signal_others(signal):
            super().send_signal(signal)
        elif signal == SIGKILL:
            # Again and again, as they may have started others while we looked.
            wait_until(lambda: not self._signal_others(signal) and self.poll() is not None, 5)

    def _signal_others(self, signal):
        others = [pid for pid in _process_group(self.pid) if pid != self.pid]
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal)
        return others


def _process_group(group):
    """The processes of a group that have not ended."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name, which may have anything in it.
            state, _parent, its_group = (
                (folder / "stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()[:3]
            )
            if int(its_group) == group and state != "Z":
                yield int(folder.name)


def run(
    command, input=None, check=True, timeout=60, what=None, process_class=Process, **options
) -> subprocess.CompletedProcess:
    """Run a command, without our standard input; its output is text.

    C(what): its name in the message of a failure.
    """
    shown = what or " ".join(str(word) for word in command)
    options = {"encoding": "utf-8", "errors": "replace", **options}
    process = process_class(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    with process:
        try:
            stdout, stderr = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise CommandError(
                f"{shown}\nhad not ended after {timeout} s:\n{stdout}\n{stderr}"
            ) from None
    if check and process.returncode:
        raise CommandError(f"{shown}\nreturned {process.returncode}:\n{stdout}\n{stderr}")
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def wait_until(condition, timeout, pause=0.02) -> bool:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
