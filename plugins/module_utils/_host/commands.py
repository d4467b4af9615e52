# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs of this host."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused


def run(
    argv: t.Sequence[str],
    input: t.Optional[bytes] = None,  # pylint: disable=redefined-builtin  # as in subprocess
    timeout: float = 60,
) -> t.Tuple[int, str, str]:
    """(exit status, standard output, standard error) of a program, run in the C locale.

    C(timeout) in seconds. Raises Refused if it can't be run or takes longer.
    """
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    try:
        # not AnsibleModule.run_command: it has no time limit, and a rollback must end. In a session
        # of its own, so that a closing terminal does not end programs that a rollback needs
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            argv,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=timeout,
            check=False,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Refused("%s can't be run: %s" % (argv[0], error.strerror)) from None
    except subprocess.TimeoutExpired:
        raise Refused("%s did not end within %d seconds" % (argv[0], timeout)) from None
    return (
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )
