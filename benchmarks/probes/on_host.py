# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of C(run.py) that runs on the mail host: {workers: (seconds for a visit to one listener, to all)}, the medians of the rounds."""

from __future__ import annotations

import datetime
import json
import statistics
import sys
import time

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe


def seconds(these: list, workers: int) -> float:
    """How long it takes to visit these."""
    began = time.perf_counter()
    seen = probe(
        these, workers=workers, min_days=0, now=datetime.datetime.now(datetime.timezone.utc)
    )
    took = time.perf_counter() - began
    if any(one["status"] != "ok" for one in seen):
        raise SystemExit([one for one in seen if one["status"] != "ok"])
    return took


def main() -> None:
    """Each round: one of each kind of listener, alone, then all of them, with each number of workers in turn."""
    order = json.load(sys.stdin)
    every = [
        Listener(**{**port, "address": address})
        for address in order["addresses"]
        for port in order["ports"]
    ]
    kinds = every[: len(order["ports"])]
    seconds(kinds, 1)  # what is loaded only once
    found: dict = {workers: [] for workers in order["workers"]}
    for ignored in range(order["rounds"]):
        for workers, pairs in found.items():
            pairs.append(
                (statistics.mean(seconds([one], 1) for one in kinds), seconds(every, workers))
            )
    print(
        json.dumps(
            {
                workers: [statistics.median(column) for column in zip(*pairs)]
                for workers, pairs in found.items()
            }
        )
    )


if __name__ == "__main__":
    main()
