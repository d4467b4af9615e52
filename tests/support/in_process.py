# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's whole main() in this process: for the thousands of runs that no playbook could make in time."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pathlib
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.common import warnings

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core 2.17

    @contextlib.contextmanager
    def patch_module_args(options):
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode()
        yield
        basic._ANSIBLE_ARGS = None


try:
    from ansible.module_utils import _internal
except ImportError:  # ansible-core 2.17
    _internal = None


@contextlib.contextmanager
def as_on_a_host():
    """Warnings are the result's, and only this run's, whatever of the controller's code another test has loaded: since ansible-core 2.19 that counts."""
    warnings._global_warnings.clear()
    with (
        mock.patch.object(_internal, "is_controller", False)
        if _internal
        else contextlib.nullcontext()
    ):
        yield


def run(module: str, options: dict, check: bool = False) -> dict:
    """What the module answers to these options."""
    main = importlib.import_module(
        "ansible_collections.mailops.bindings.plugins.modules." + module
    ).main
    out = io.StringIO()
    with patch_module_args(
        {
            **options,
            "_ansible_check_mode": check,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
    ):
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit), as_on_a_host():
            main()
    return json.loads(out.getvalue())


def everything_in(folder: pathlib.Path) -> dict:
    """Every byte, owner, mode and time below a folder, and its own."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = os.lstat(path)
        content = path.read_bytes() if path.is_file() else None
        found[str(path)] = (
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            content,
        )
    return found
