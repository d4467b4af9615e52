# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""script/test: runs sessions of noxfile.py, several at a time, and says how they ended."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOX = [sys.executable, "-m", "nox", "--noxfile", str(ROOT / "noxfile.py")]

DESCRIPTION = """\
Runs all sessions of noxfile.py, even after one has failed, and exits with 1 if any failed.
.venv/nox/bin/nox runs one of them as well, with options for its tool: nox -s NAME -- OPTIONS.
All that is made is in .venv/, which can be removed at any time."""

QUICK = "only unit tests on the newest ansible-core, without those that take long, and fast linters"
FULL = """also the tests marked "full", the modules on hosts with the oldest and the newest Python,
and, as root: Debian 11, 12, 13 and sid, the mail servers on whole Debian hosts in namespaces, the
role under Molecule, the quickstart with servers, and the drift report in a browser"""
STRICT = """fail, rather than skip, where there is no Python for an ansible-core, and, as root, where
there can be no namespaces"""
STEP = """only these sessions; "sanity" stands for sanity-2.17, sanity-2.19, ..., and "default" for
all that run without --quick and --full"""


GOOD = {"success": "ok", "skipped": "skipped"}
# The line at the end of pytest's output
SUMMARY = re.compile(
    r"^(?:=+ )?[0-9]+ (?:passed|failed|errors?|skipped|deselected|xfailed|warnings?)\b.* in [0-9.]+s",
    re.MULTILINE,
)
# What runs where no session is named
GROUPS = {"quick": ["quick"], "default": ["default"], "full": ["default", "full"]}


def main() -> int:
    arguments = arguments_of(sys.argv[1:])
    sessions = chosen(arguments.steps or GROUPS[arguments.extent])
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = run(sessions, arguments, pathlib.Path(folder))
    seconds = time.monotonic() - started
    print(f"\n== Result, after {seconds:.0f} s")
    for result in results:
        print(f"{result['name']:<20} {result['duration']:5.0f}s  {words_of(result)}")
    totals = [sum(result["counts"][which] for result in results) for which in range(3)]
    print("\n{} passed, {} failed, {} skipped".format(*totals))
    failed = [result["name"] for result in results if result["result"] not in GOOD]
    if failed:
        print("FAILED:", *failed)
        return 1
    print("All steps passed, or were skipped as said above.")
    return 0


def arguments_of(argv: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("script/test", None, DESCRIPTION, formatter_class=raw)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", dest="extent", action="store_const", const="quick", help=QUICK)
    extent.add_argument("--full", dest="extent", action="store_const", const="full", help=FULL)
    parser.add_argument("--strict", action="store_true", help=STRICT)
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count(),
        help="sessions at a time; %(default)s if left out",
    )
    parser.add_argument("steps", metavar="STEP", nargs="*", help=STEP)
    arguments = parser.parse_args(argv)
    arguments.extent = arguments.extent or "default"
    return arguments


def chosen(names: list[str]) -> list[str]:
    """The sessions that are meant, each once, in the order of noxfile.py."""
    command = [*NOX, "--list-sessions", "--json", "--tags", "quick", "default", "full"]
    listed = {
        entry["session"]: entry["tags"] for entry in json.loads(subprocess.check_output(command))
    }
    found = set()
    for name in names:
        meant = {
            session
            for session, tags in listed.items()
            if name in tags or session.startswith(f"{name}-")
        }
        if name in listed:
            meant = {name}
        if not meant:
            sys.exit(f"script/test: no such step: {name}; there are {', '.join(listed)}")
        found |= meant
    return [session for session in listed if session in found]


def run(
    sessions: list[str], arguments: argparse.Namespace, folder: pathlib.Path
) -> list[dict[str, Any]]:
    """Run them; the entries of nox's report, with the tests that each session ran."""
    jobs = min(arguments.jobs, len(sessions))
    environment = {
        **os.environ,
        "MAILOPS_FULL": "1" if arguments.extent == "full" else "",
        "MAILOPS_STRICT": "1" if arguments.strict else "",
        "MAILOPS_LOGS": str(folder),
    }
    if jobs > 1:
        # Sessions side by side take all processors: none of them needs several
        environment["PYTEST_XDIST_AUTO_NUM_WORKERS"] = "1"
    report = folder / "report.json"
    options = ["--parallel", str(jobs), "--report", str(report), "--session", *sessions]
    run_interruptibly([*NOX, *options], environment)
    if not report.exists():
        sys.exit("script/test: nox wrote no report")
    results = json.loads(report.read_text(encoding="utf-8"))["sessions"]
    for result in results:
        result["counts"] = counts_of(result["result"], folder / f"{result['name']}.log")
    return results


def run_interruptibly(command: list[str], environment: dict[str, str]) -> None:
    """Run nox, which ends its sessions if it is interrupted, and only then."""
    # A shell has what it starts in the background ignore that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *dummy: process.send_signal(signal.SIGINT))
    process.wait()


def counts_of(result: str, log: pathlib.Path) -> tuple[int, int, int]:
    """(passed, failed, skipped): the tests of a session that ran pytest; any other counts as one."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    summaries = "\n".join(SUMMARY.findall(text))
    passed, failed, skipped = (
        sum(map(int, re.findall(rf"([0-9]+) {word}\b", summaries)))
        for word in ("passed", "(?:failed|errors?)", "skipped")
    )
    if result == "success":
        # What failed in a file that passed at the second try is not counted
        return passed or int(not skipped), 0, skipped
    if result == "skipped":
        return passed, failed, skipped + 1
    return passed, failed or 1, skipped


def words_of(result: dict[str, Any]) -> str:
    word = GOOD.get(result["result"], "FAILED")
    return f"{word} ({result['reason']})" if result["reason"] else word


if __name__ == "__main__":
    sys.exit(main())
