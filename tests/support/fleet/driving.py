# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One server on a test host, taken through the steps of a transaction by fleet/driver.py."""

from __future__ import annotations

import json
import subprocess

from .host import Host
from .playing import ROOT

DRIVER = ROOT / "tests" / "fleet" / "driver.py"
#: Runs a program of ours on the host with our code, in a shell.
PYTHON = "PYTHONPATH=/root/c exec python3"
_PLUGINS = "/root/c/ansible_collections/mailops/bindings/plugins"


def put_collection(host: Host) -> None:
    """Copy our code to the host, where C(PYTHON) finds it."""
    archive = subprocess.run(
        ["tar", "--exclude=__pycache__", "-cf", "-", "module_utils"],
        cwd=ROOT / "plugins",
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    host.run(f"mkdir -p {_PLUGINS}; tar -xf - -C {_PLUGINS}", archive, encoding=None, errors=None)


class DrivenServer:
    """A host and our class of one of its servers."""

    server = ""  # its name
    programs = ()  # names of its processes that listen

    def __init__(self, host: Host):
        self.host = host
        put_collection(host)
        host.write("/root/driver.py", DRIVER.read_text(encoding="utf-8"))

    def __call__(self, do: str, **order) -> dict:
        """Give one order; see driver.py for orders and answers."""
        return self.many({"do": do, **order})[0]

    def many(self, *orders: dict) -> list[dict]:
        """Give several orders to one process."""
        output = self.host.run(
            f"PYTHONPATH=/root/c exec python3 /root/driver.py {self.server}",
            "".join(json.dumps(order) + "\n" for order in orders),
            timeout=240,
        ).stdout
        return [json.loads(line) for line in output.splitlines()]

    def done(self, wanted, **options) -> dict:
        """Apply what is declared: it does what it planned, and has nothing left to do."""
        answer, again = self.many(*[{"do": "apply", "wanted": wanted, "options": options}] * 2)
        assert answer["refusals"] == [] and answer["failed"] == "", answer
        assert by_place(answer["listeners"]) == by_place(answer["foreseen"])
        assert answer["live"] == answer["sockets"] == answer["planned"]
        assert again["steps"] == [] and again["live"] == answer["live"]
        assert self.sockets() == set(map(tuple, answer["live"]))
        return answer

    def sockets(self) -> set[tuple[str, int]]:
        """What the kernel says, by ss."""
        return {
            ("0.0.0.0" if address == "*" else address, port)
            for address, port, program in self.host.listening()
            if program in self.programs
        }


def by_place(listeners: list[dict]) -> list[dict]:
    """Sorted by address and port."""
    return sorted(listeners, key=lambda listener: (listener["address"], listener["port"]))
