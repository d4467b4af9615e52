# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_results
type: notification
short_description: Hand the results of all tasks on all hosts to the fleet tests
description:
  - Writes a JSON list to the file that E(FLEET_RESULTS) names, one entry for each task and host, in
    the order in which they ended.
"""

import json
import os
import time

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "fleet_results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._began = {}
        self._entries = []

    def v2_runner_on_start(self, host, task):
        self._began[host.get_name(), task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result, **kwargs):
        self._add(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False, **kwargs):
        self._add(result, "failed")

    def v2_runner_on_skipped(self, result, **kwargs):
        self._add(result, "skipped")

    def v2_runner_on_unreachable(self, result, **kwargs):
        self._add(result, "unreachable")

    def _add(self, result, status):
        # ansible-core deprecates names with an underscore from 2.19 on; it has no others before
        task = getattr(result, "task", None) or result._task
        outcome = result.result if hasattr(result, "result") else result._result
        host = (getattr(result, "host", None) or result._host).get_name()
        ended = time.monotonic()
        seconds = ended - self._began.get((host, task._uuid), ended)
        self._entries.append(
            {
                "host": host,
                "name": task.name,
                "task": task.action,
                "status": status,
                "seconds": seconds,
                "result": dict(outcome),
            }
        )

    def v2_playbook_on_stats(self, stats):
        with open(os.environ["FLEET_RESULTS"], "w", encoding="utf-8") as file:
            json.dump(self._entries, file, default=str)
