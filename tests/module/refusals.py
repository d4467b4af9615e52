# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that must fail, say where and what to do, and leave everything as it was: in check mode too.

A test file has a table CASES, whose cases run in one play (fixture refused), and a class of its own
for the tests that every case must pass: C(class TestCases(CaseTests)).
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing

from declare import a_port, an_address, canonical, document

BASE = document(
    [a_port("IMAP", "imap", 143), a_port("SMTP", "smtp", 25)],
    [an_address("127.0.0.1", "IMAP", "SMTP"), an_address("127.0.0.2")],
)
PROTOCOLS = "smtp.*submission.*imap.*pop.*ldap"
ENCRYPTIONS = r"\bnone\b.*\bssl\b.*\btls\b"
BAD_NAMES = {
    "empty": "",
    "blank-before": " SMTP",
    "blank-after": "SMTP ",
    "newline": "SM\nTP",
    "newline-after": "SMTP\n",
    "tab": "SM\tTP",
    "escape": "SM\x1bTP",
    "no-break-space": "SM\u00a0TP",
    "right-to-left": "SM\u202eTP",
}
BAD_ADDRESSES = {
    "ipv4-mapped": "::ffff:192.0.2.1",
    "ipv4-mapped-in-hex": "::ffff:c000:201",
    "leading-zeros": "192.0.2.010",
    "prefix-length": "192.0.2.1/24",
    "prefix-length-32": "192.0.2.1/32",
    "ipv6-prefix-length": "2001:db8::1/64",
    "multicast": "224.0.0.1",
    "ipv6-multicast": "ff02::1",
    "scoped": "fe80::1%eth0",
    "name": "localhost",
    "empty": "",
    "short": "192.0.2",
    "long": "192.0.2.1.1",
    "with-port": "192.0.2.1:25",
    "in-brackets": "[2001:db8::1]",
    "number": 3221225985,
    "blank": " 127.0.0.1",
    "newline": "127.0.0.1\n",
    "other-digits": "192.0.2.\u0661",
}


@dataclasses.dataclass
class Case:
    """A task that must fail."""

    name: str
    task: dict
    # What its message must have: the place of the problem and a remedy.
    says: list[str]
    # What is at config_path before: the content of a file, or a function that makes it.
    config: bytes | typing.Callable | None = canonical(BASE)
    config_path: str | None = None


class Cases(list):
    def add(self, name, task, *says, **more):
        self.append(Case(name, task, list(says), **more))


def run(play, folder, pki, cases, **how):
    """Run each case in check mode and then for real, all in one play."""
    tasks = []
    for case in cases:
        place = folder / case.name
        place.mkdir()
        path = place / "bindings.json"
        if callable(case.config):
            case.config(path)
        elif case.config is not None:
            path.write_bytes(case.config)
            path.chmod(0o604)
        ((module, options),) = case.task.items()
        options = json.loads(json.dumps(options).replace("{pki}", str(pki)))
        options["config_path"] = (case.config_path or "{folder}/bindings.json").format(folder=place)
        tasks.append({"name": f"{case.name} (check)", module: options, "check_mode": True})
        tasks.append({"name": case.name, module: options})
    return play(tasks, extra_args=["-vvv"], **how)


class CaseTests:
    """What holds for every case; C(conftest) makes a test of each for each of CASES."""

    def test_fails_and_says_why(self, refused, case):
        result = refused[case.name]
        assert result.failed, result
        assert not result.get("changed")
        for pattern in case.says:
            assert re.search(pattern, result["msg"]), f"no {pattern!r} in: {result['msg']}"
        assert what_matters(result.after) == what_matters(result.before)

    def test_says_the_same_in_check_mode(self, refused, case):
        checked = refused[f"{case.name} (check)"]
        assert checked.failed
        assert checked["msg"] == refused[case.name]["msg"]
        assert checked.after == checked.before

    def test_no_traceback_is_shown(self, refused):
        task = None
        for line in refused.output.splitlines():
            if line.startswith("TASK ["):
                task = line
            assert "Traceback" not in line, task
        assert "MODULE FAILURE" not in refused.output


def what_matters(tree):
    """Without times that a file which came and went changes, and without the lock, which may stay."""
    return {
        name: {key: value for key, value in entry.items() if key != "ctime"}
        for name, entry in tree.items()
        if name not in (".", ".bindings.json.lock")
    }
