# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a task that failed: loaded only then."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.mailops.bindings.plugins.module_utils._config.fault import fault
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    MissingLibrary,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import InvalidConfig


def explained(error: Exception) -> t.Dict[str, t.Any]:
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
    return {"msg": fault(error), "changed": False}


def as_one(problems: t.Iterable[str]) -> str:
    """One message for all problems."""
    lines = [line for problem in problems for line in problem.splitlines()]
    if len(lines) < 2:
        return "".join(lines)
    return "%d problems, and nothing was changed:\n%s" % (
        len(lines),
        "\n".join("  " + line for line in lines),
    )


def invalid_config(error: InvalidConfig, task: t.Any) -> Refused:
    """The refusal of a config that is not valid, with the problems of the task itself beside."""
    from ansible_collections.mailops.bindings.plugins.module_utils._config.plan import (
        declaration_problems,
    )

    lines = [str(error)]
    problems = [*task.problems, *declaration_problems(task.declaration)]
    if problems:
        lines += ["The task itself is not valid either:", *problems]
    return Refused("\n".join(lines))
