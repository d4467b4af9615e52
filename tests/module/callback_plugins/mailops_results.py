# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mailops_results
type: notification
short_description: Hand the results of all tasks to the module tests
description:
  - Writes a JSON list to the file that E(MAILOPS_RESULTS) names, one entry for each task and host, in order.
  - An entry also has what was in the folder of the task's C(config_path) right before the task and right after it.
"""

import hashlib
import json
import os
import stat

from ansible.plugins.callback import CallbackBase

# Of larger files only the hash is kept.
LARGE = 100_000


def tree(folder):
    """All below the folder, and itself: every byte, owner, mode and time (but that of the last reading)."""
    found = {}
    paths = [folder]
    while paths:
        path = paths.pop()
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            continue
        content = None
        if stat.S_ISDIR(info.st_mode):
            paths += [os.path.join(path, name) for name in os.listdir(path)]
        elif stat.S_ISLNK(info.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(info.st_mode):
            try:
                with open(path, "rb") as file:
                    content = file.read().decode("latin-1")
                if len(content) > LARGE:
                    content = hashlib.sha256(content.encode("latin-1")).hexdigest()
            except (
                FileNotFoundError
            ):  # another task's lock, or what it was about to put in a file's place
                continue
            except PermissionError:
                pass
        found[os.path.relpath(path, folder)] = {
            "mode": info.st_mode,
            "uid": info.st_uid,
            "gid": info.st_gid,
            "inode": info.st_ino,
            "mtime": info.st_mtime_ns,
            "ctime": info.st_ctime_ns,
            "content": content,
        }
    return found


def watched(task):
    path = task.args.get("config_path")
    return tree(os.path.dirname(path)) if path and os.path.isabs(path) else {}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "mailops_results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._before = {}
        self._entries = []

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._before = watched(task)

    def v2_runner_on_ok(self, result, **kwargs):
        self._add(result, failed=False)

    def v2_runner_on_failed(self, result, ignore_errors=False, **kwargs):
        self._add(result, failed=True)

    def v2_runner_on_unreachable(self, result):
        self._add(result, failed=True)

    def _add(self, result, failed):
        # The names with an underscore are deprecated from ansible-core 2.19 on, and the only ones before.
        task = getattr(result, "task", None) or result._task
        outcome = result.result if hasattr(result, "result") else result._result
        host = getattr(result, "host", None) or result._host
        self._entries.append(
            {
                "name": task.name,
                "task": task.action,
                "host": host.get_name(),
                "result": {**outcome, "failed": failed},
                "before": self._before,
                "after": watched(task),
            }
        )

    def v2_playbook_on_stats(self, stats):
        with open(os.environ["MAILOPS_RESULTS"], "w", encoding="utf-8") as file:
            json.dump(self._entries, file, default=str)
