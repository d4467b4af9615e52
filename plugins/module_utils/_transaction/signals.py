# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that end a task (SIGTERM, SIGINT, and SIGHUP as after a lost connection).

The task first rolls back what it did.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import threading
import typing as t

KINDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OUTPUT = 1
LOOK_SECONDS = 0.1


class Interrupted(BaseException):
    """A signal ended the task. Not an Exception, which code on the way might handle as its own."""


@contextlib.contextmanager
def raised() -> t.Iterator[None]:
    """The first of these signals raises Interrupted.

    From then on, or from C(hold) on, they are not heard until the end.
    """

    def interrupted(number: int, dummy_frame: t.Any) -> None:
        hold()
        raise Interrupted("the task was ended by %s" % signal.Signals(number).name)

    before = {kind: signal.getsignal(kind) for kind in KINDS}
    # a parent that ignores one of them (nohup) wants it ignored
    before = {kind: handler for kind, handler in before.items() if handler != signal.SIG_IGN}
    for kind in before:
        signal.signal(kind, interrupted)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextlib.contextmanager
def lost_connection_told() -> t.Iterator[None]:
    """Raise SIGHUP when the connection is lost, as a terminal would, although there is none.

    A lost connection means that the reader of our output has closed its end of the pipe (poll(2),
    POLLERR). Output to anything but a pipe has no reader that could go.
    """
    try:
        piped = stat.S_ISFIFO(os.fstat(OUTPUT).st_mode)
    except OSError:  # closed
        piped = False
    if not piped:
        yield
        return
    output, ended, task = select.poll(), threading.Event(), threading.get_ident()
    output.register(OUTPUT, 0)

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            if any(event & (select.POLLERR | select.POLLHUP) for dummy, event in output.poll(0)):
                signal.pthread_kill(task, signal.SIGHUP)
                return

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()


@contextlib.contextmanager
def held() -> t.Iterator[None]:
    """None of these signals is heard."""
    with raised():
        hold()
        yield


def hold() -> None:
    """From now on, do not hear them. Not SIG_IGN, which servers that we start would inherit."""
    for kind in KINDS:
        if signal.getsignal(kind) != signal.SIG_IGN:
            signal.signal(kind, _not_heard)


def _not_heard(dummy_number: int, dummy_frame: t.Any) -> None:
    pass
