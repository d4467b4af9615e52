# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that is lost without a terminal ends a task as with one; nothing else does."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._transaction import signals

ENDED, GONE_ON, WRONG = 1, 2, 3
LONG = 5 * signals.LOOK_SECONDS


def task(output, seconds, *before, listening=signals.raised) -> int:
    """The pid of a process with this output (None: closed) that is told of lost connections.

    It says by its status how it ended, after so many seconds at most.
    """
    child = os.fork()
    if child:
        return child
    status = WRONG
    try:
        if output is None:
            os.close(signals.OUTPUT)
        else:
            os.dup2(output, signals.OUTPUT)
        os.closerange(3, 100)  # the other end of a pipe, too
        for step in before:
            step()
        with listening(), signals.lost_connection_told():
            time.sleep(seconds)
        status = GONE_ON
    except signals.Interrupted as interrupted:
        status = ENDED if str(interrupted) == "the task was ended by SIGHUP" else WRONG
    finally:
        os._exit(status)


def ended(pid) -> int:
    status = os.waitpid(pid, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else WRONG


@contextlib.contextmanager
def pipe():
    ends = list(os.pipe())
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def test_a_lost_reader_ends_the_task():
    with pipe() as ends:
        pid, began = task(ends[1], 30), time.monotonic()
        os.close(ends.pop(0))
        assert ended(pid) == ENDED and time.monotonic() - began < 10


def test_an_ignored_hangup_lets_the_task_go_on():
    """As nohup has it."""
    with pipe() as ends:
        pid = task(ends[1], LONG, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        os.close(ends.pop(0))
        assert ended(pid) == GONE_ON


def test_a_reader_that_does_not_read_lets_the_task_go_on():
    """Also one that does not read: asynchronous tasks have a program behind a pipe, too."""
    with pipe() as ends:
        os.set_blocking(ends[1], False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(ends[1], bytes(4096))
        assert ended(task(ends[1], LONG)) == GONE_ON


@pytest.mark.parametrize(
    "output",
    ["/dev/null", "a file", "nothing", "a terminal", "a named pipe that we read ourselves"],
)
@pytest.mark.once
def test_output_without_a_reader_lets_the_task_go_on(tmp_path, output):
    with contextlib.ExitStack() as stack:

        def opened(path, flags):
            handle = os.open(path, flags, 0o600)
            stack.callback(os.close, handle)
            return handle

        if output == "nothing":
            handle = None
        elif output == "a terminal":
            other, handle = pty.openpty()
            stack.callback(os.close, other)
            stack.callback(os.close, handle)
        elif output == "a named pipe that we read ourselves":
            os.mkfifo(tmp_path / "pipe")
            handle = opened(tmp_path / "pipe", os.O_RDWR)
        else:
            handle = opened(
                output if output.startswith("/") else tmp_path / "output", os.O_WRONLY | os.O_CREAT
            )
        assert ended(task(handle, LONG)) == GONE_ON


def test_held_signals_let_the_task_go_on():
    with pipe() as ends:
        pid = task(ends[1], LONG, listening=signals.held)
        os.close(ends.pop(0))
        assert ended(pid) == GONE_ON
