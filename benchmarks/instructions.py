# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instructions of the Python process that a no-op module is, beside ping's and another checkout's.

Load on the machine does not change them, so that one run is enough. Needs valgrind.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from _collection import CHECKOUT, collections_path

sys.path.insert(0, str(CHECKOUT / "tests"))

# counts what callgrind counts, in half the time
VALGRIND = (
    *("valgrind", "--tool=cachegrind", "--cache-sim=no"),
    "--cachegrind-out-file=/dev/null",
)
CONTENDERS = ("ping", "mail_port", "mail_bindings, 50 × 40")


def payload(name: str, task: dict, checkout: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The file that Ansible sends to a host for this task. The task is run twice, so that the second run is a no-op."""
    home = folder / name
    home.mkdir()
    play = home / "play.yml"
    tasks = [{"name": name, **task}]
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    remote = home / "remote"
    for dummy in range(2):
        shutil.rmtree(remote, ignore_errors=True)
        done = subprocess.run(
            [
                os.path.join(sys.prefix, "bin", "ansible-playbook"),
                *("-i", "localhost,", "-c", "local"),
                *("-e", "ansible_python_interpreter=" + sys.executable),
                str(play),
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": collections_path(checkout),
                "ANSIBLE_KEEP_REMOTE_FILES": "1",
                "ANSIBLE_REMOTE_TMP": str(remote),
                "ANSIBLE_LOCALHOST_WARNING": "False",
                "ANSIBLE_NOCOLOR": "1",
            },
        )
    if "changed=0" not in done.stdout:
        raise SystemExit("%s: the second run changes something" % name)
    (file,) = remote.rglob("AnsiballZ_*.py")
    return file


def instructions(file: pathlib.Path) -> int:
    """How many instructions this module takes."""
    done = subprocess.run(
        [*VALGRIND, sys.executable, file],
        capture_output=True,
        text=True,
        check=False,
        # one hash seed: dicts of strings cost the same in every run
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise SystemExit("%s failed:\n%s\n%s" % (file.name, done.stdout, done.stderr))
    return int(found.group(1).replace(",", ""))


def measured(checkout: pathlib.Path) -> dict[str, int]:
    """Instructions by contender."""
    from tasks import contenders

    with tempfile.TemporaryDirectory(prefix="mail-bindings-") as name:
        folder = pathlib.Path(name)
        tasks = contenders(folder)
        return {
            contender: instructions(payload(contender, tasks[contender], checkout, folder))
            for contender in CONTENDERS
        }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--against", type=pathlib.Path, metavar="CHECKOUT", help="another checkout to compare with"
    )
    against = parser.parse_args().against
    ours = measured(CHECKOUT)
    theirs = measured(against.resolve()) if against else {}
    print(
        "%-30s %14s %8s%s" % ("no-op module", "instructions", "× ping", "  × other" * bool(theirs))
    )
    for contender, count in ours.items():
        ratio = "%9.3f" % (count / theirs[contender]) if theirs else ""
        print("%-30s %14d %8.3f%s" % (contender, count, count / ours["ping"], ratio))


if __name__ == "__main__":
    main()
