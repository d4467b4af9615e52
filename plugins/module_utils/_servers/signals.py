# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that is to end (SIGTERM, SIGINT, or SIGHUP as after a lost connection) first puts back what it did."""

from __future__ import annotations

import contextlib
import signal

KINDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


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
