# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What whole no-op tasks cost beside ping and copy of ansible-core, through ansible-playbook and a local connection."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from _collection import CHECKOUT, collections_path

sys.path.insert(0, str(CHECKOUT / "tests"))


def contenders(folder: pathlib.Path) -> dict:
    """Task by name. Every one changes nothing when it runs for the second time."""
    from support import pki

    pki.write_set(folder / "pki")
    ports = [
        {"name": "port-%02d" % number, "protocol": "smtp", "port": 2000 + number}
        for number in range(40)
    ]
    names = [port["name"] for port in ports]
    config = str(folder / "whole.json")
    return {
        "ping": {"ansible.builtin.ping": {}},
        "mail_port": {
            "mailops.bindings.mail_port": {
                "name": "SMTP",
                "protocol": "smtp",
                "config_path": str(folder / "port.json"),
            }
        },
        "mail_port, with certificate": {
            "mailops.bindings.mail_port": {
                "name": "IMAPS",
                "protocol": "imap",
                "encryption": "ssl",
                "config_path": str(folder / "secure.json"),
                "certificate_path": str(folder / "pki/cert.pem"),
                "private_key_path": str(folder / "pki/key.pem"),
            }
        },
        "mail_bindings, 50 × 40": {
            "mailops.bindings.mail_bindings": {
                "config_path": config,
                "exclusive": True,
                "ports": ports,
                "ip_addresses": [
                    {"address": "127.0.1.%d" % (number + 1), "ports": names} for number in range(50)
                ],
            }
        },
        "copy of that file": {
            "ansible.builtin.copy": {
                "src": config,
                "dest": str(folder / "copy.json"),
                "mode": "0640",
            }
        },
    }


CALLBACK = '''
import json, os, time
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = """
name: seconds
type: aggregate
short_description: writes how long each task took
description: one line of JSON a task
"""
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "aggregate", "seconds", True
    def v2_playbook_on_task_start(self, task, is_conditional):
        self.start = time.perf_counter()
    def v2_runner_on_ok(self, result):
        changed = result.result["changed"] if hasattr(result, "result") else result._result["changed"]
        task = (result.task if hasattr(result, "task") else result._task).get_name()
        with open(os.environ["SECONDS_FILE"], "a") as file:
            file.write(json.dumps([task, time.perf_counter() - self.start, changed]) + chr(10))
'''


def measured(rounds: int) -> dict:
    """Seconds by contender, one a round; the first round makes what the others find."""
    with tempfile.TemporaryDirectory(prefix="mail-bindings-") as name:
        folder = pathlib.Path(name)
        (folder / "seconds.py").write_text(CALLBACK)
        tasks = [{"name": contender, **task} for contender, task in contenders(folder).items()]
        (folder / "play.yml").write_text(
            json.dumps(
                [{"hosts": "localhost", "gather_facts": False, "tasks": tasks * (rounds + 1)}]
            )
        )
        subprocess.run(
            [
                os.path.join(sys.prefix, "bin", "ansible-playbook"),
                "-i",
                "localhost,",
                "-c",
                "local",
                "-e",
                "ansible_python_interpreter=" + sys.executable,
                str(folder / "play.yml"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": collections_path(),
                "SECONDS_FILE": str(folder / "seconds"),
                "ANSIBLE_CALLBACK_PLUGINS": name,
                "ANSIBLE_CALLBACKS_ENABLED": "seconds",
                "ANSIBLE_LOCALHOST_WARNING": "False",
            },
        )
        lines = [json.loads(line) for line in (folder / "seconds").read_text().splitlines()][
            len(tasks) :
        ]
    if any(changed for contender, seconds, changed in lines):
        raise SystemExit("a task that should change nothing did")
    by_contender: dict = {}
    for contender, seconds, _changed in lines:
        by_contender.setdefault(contender, []).append(seconds)
    return by_contender


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=20)
    seconds = measured(parser.parse_args().rounds)
    print("%-30s %8s %8s %8s" % ("no-op task", "seconds", "× ping", "× copy"))
    for contender, own in seconds.items():
        ratios = [
            statistics.median(a / b for a, b in zip(own, seconds[other]))
            for other in ("ping", "copy of that file")
        ]
        print("%-30s %8.3f %8.2f %8.2f" % (contender, statistics.median(own), *ratios))


if __name__ == "__main__":
    main()
