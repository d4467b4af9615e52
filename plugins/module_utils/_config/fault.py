# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a message names an error of our own code: loaded only then. Pure."""

from __future__ import annotations


def fault(error: BaseException, detail: str = "") -> str:
    """The message about an exception that no code expected: its type and where it was raised.

    What the exception says may hold a secret: C(detail) is as much of that as may be shown.
    """
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = ""
    if trace:
        file = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
        place = " in %s, line %d" % (file, trace.tb_lineno)
    return "a fault of mailops.bindings, please report it: %s%s%s" % (
        type(error).__name__,
        " (%s)" % detail if detail else "",
        place,
    )
