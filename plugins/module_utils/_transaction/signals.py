# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that is to end (SIGTERM, SIGINT, or SIGHUP as after a lost connection) first puts back what it did."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import threading

KINDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OUTPUT = 1
LOOK_SECONDS = 0.1


class Interrupted(BaseException):
    """A signal ended the task: not an Exception, so that nothing on the way takes it for one of its own."""


@contextlib.contextmanager
def raised():
    """The first of these signals raises Interrupted; from then on, or from C(hold) on, they are not heard until the end."""

    def interrupted(number, frame):
        hold()
        raise Interrupted("the task was ended by %s" % signal.Signals(number).name)

    # who started us with one of them ignored (nohup) wants it so
    before = {kind: signal.getsignal(kind) for kind in KINDS}
    before = {kind: handler for kind, handler in before.items() if handler != signal.SIG_IGN}
    for kind in before:
        signal.signal(kind, interrupted)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextlib.contextmanager
def lost_connection_told():
    """Without a terminal nobody is told of a lost connection. But then nobody reads our output any more: whoever had the other end of the pipe has closed it
    (poll(2), POLLERR), and we tell ourselves by the SIGHUP that a terminal would have sent.

    Output to anything but a pipe has no reader that could go.
    """
    try:
        piped = stat.S_ISFIFO(os.fstat(OUTPUT).st_mode)
    except OSError:  # closed
        piped = False
    if not piped:
        yield
        return
    output, ended, us = select.poll(), threading.Event(), threading.get_ident()
    output.register(OUTPUT, 0)

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            if any(event & (select.POLLERR | select.POLLHUP) for ignored, event in output.poll(0)):
                signal.pthread_kill(us, signal.SIGHUP)
                return

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()


@contextlib.contextmanager
def held():
    """None of these signals is heard."""
    with raised():
        hold()
        yield


def hold() -> None:
    """From now on, do not hear them. Not C(SIG_IGN), which the servers that we start would inherit."""
    for kind in KINDS:
        if signal.getsignal(kind) != signal.SIG_IGN:
            signal.signal(kind, _not_heard)


def _not_heard(number, frame):
    pass
