# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs of this host."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused

#: Where programs are looked for, whatever the PATH of this task is.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"LC_ALL": "C", "PATH": SEARCH_PATH}

#: (exit status, standard output, standard error)
Finished = tuple[int, str, str]


def run(
    argv: t.Sequence[str],
    input: t.Optional[bytes] = None,  # pylint: disable=redefined-builtin  # as in subprocess
    timeout: float = 60,
) -> Finished:
    """What a program answers, in the C locale. C(timeout) in seconds.

    Raises Refused if it can't be run or takes longer.
    """
    return finished(start(argv, input is not None), input, timeout)


def start(argv: t.Sequence[str], has_input: bool = False) -> subprocess.Popen[bytes]:
    """Start a program, for C(finished) to wait for. Raises Refused if it can't be run."""
    try:
        # not AnsibleModule.run_command: it knows no time limit, and a rollback must come to an end.
        # In a session of its own, since the signal that a closed terminal sends is for us: a
        # rollback needs programs that live
        return subprocess.Popen(  # pylint: disable=ansible-bad-function,consider-using-with
            argv,
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Refused("%s can't be run: %s" % (argv[0], error.strerror)) from None


def finished(
    process: subprocess.Popen[bytes],
    input: t.Optional[bytes] = None,  # pylint: disable=redefined-builtin  # as in subprocess
    timeout: float = 60,
) -> Finished:
    """Wait for a program of C(start), C(timeout) seconds at most. Raises Refused after that."""
    with process:
        try:
            output, errors = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Refused(
                "%s did not end within %d seconds" % (_program(process), timeout)
            ) from None
        except BaseException:  # pylint: disable=broad-except  # such as the end of this task
            process.kill()
            raise
    return process.returncode, output.decode(errors="replace"), errors.decode(errors="replace")


def _program(process: subprocess.Popen[bytes]) -> str:
    argv = t.cast("t.Sequence[str]", process.args)
    return argv[0]
