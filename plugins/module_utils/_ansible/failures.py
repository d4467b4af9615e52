# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What failed, in the words of a result: loaded only then."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    MissingLibrary,
    Refused,
)


def explained(error: Exception) -> dict:
    """The result of a task that ended with this error: no traceback reaches a user."""
    if isinstance(error, MissingLibrary):
        message = missing_required_lib(
            "%s (%s)" % (error.library, error.package), reason="since " + error.reason
        )
        if error.library == "cryptography":
            message += " Or set check_certificate to false."
        return {"msg": message, "changed": False}
    if isinstance(error, Refused):
        return {"msg": str(error), "changed": False, **error.facts}
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    return {
        "msg": "a fault of mailops.bindings, please report it: %s in %s, line %d"
        % (
            type(error).__name__,
            os.path.basename(trace.tb_frame.f_code.co_filename),
            trace.tb_lineno,
        ),
        "changed": False,
    }


def as_one(problems: t.Iterable[str]) -> str:
    """One message for all that is wrong."""
    problems = [line for problem in problems for line in problem.splitlines()]
    if len(problems) < 2:
        return "".join(problems)
    return "%d things are wrong, and nothing was changed:\n%s" % (
        len(problems),
        "\n".join("  " + line for line in problems),
    )
