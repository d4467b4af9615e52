# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that succeed: each change is tried in check mode, for real and once more.

A test file has tables CHANGES and STEPS, which run in one play (fixture results), and a class of its
own for the tests that every change must pass: C(class TestChanges(ChangeTests)).
"""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import typing

import pytest
from declare import a_port, an_address, canonical, document

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

SMTP = a_port("SMTP", "smtp", 25)
IMAP = a_port("IMAP", "imap", 143, description="Old")
TLS = {"encryption": "ssl", "certificate_path": "{pki}/combined.pem"}
IMAPS = a_port("IMAPS", "imap", 993, **TLS)
POP = a_port(
    "POP",
    "pop",
    2110,
    private_key_path="{pki}/key.pem",
    encryption="tls",
    certificate_path="{pki}/cert.pem",
)
TWO_PORTS = document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP")])


@dataclasses.dataclass
class Change:
    """A task that changes something."""

    name: str
    task: dict
    # The config before and after, a document or bytes; None: there is none, or as before.
    before: typing.Any = None
    after: typing.Any = None
    # Other things to prepare in the config's folder.
    prepare: typing.Callable | None = None
    config_path: str = "{folder}/bindings.json"
    file: str = "bindings.json"  # where the config is afterwards, in its folder


class Changes(list):
    """Changes as parameters of tests."""

    def add(self, name, task, before=None, after=None, marks=(), **more):
        change = Change(name, task, before, after, **more)
        self.append(pytest.param(change, id=name, marks=marks))


@dataclasses.dataclass
class Step:
    """A task that is run once, as it is."""

    name: str
    task: dict
    before: typing.Any
    more: dict = dataclasses.field(default_factory=dict)


class Steps(list):
    def add(self, name, task, before=None, **more):
        self.append(Step(name, task, before, more))


def text(content):
    """A config as people write it by hand."""
    return json.dumps(content).encode()


def prepare(place, before, pki):
    place.mkdir()
    path = place / "bindings.json"
    if before is not None:
        path.write_bytes(
            expand(before, pki) if isinstance(before, bytes) else canonical(expand(before, pki))
        )
    return path


def expand(value, pki, password=""):
    """Put the place of the certificates, and the password, where they are named."""
    if isinstance(value, (bytes, type(None))):
        return value
    return json.loads(json.dumps(value).replace("{pki}", str(pki)).replace("{password}", password))


def tasks_of(changes, steps, folder, pki, pki_password):
    """The tasks of a play that tries all of these."""
    for parameters in changes:
        if parameters.marks and os.geteuid() != 0:
            continue
        (change,) = parameters.values
        path = prepare(folder / change.name, change.before, pki)
        if change.prepare:
            change.prepare(path)
        task = expand(change.task, pki, pki_password)
        ((module, options),) = task.items()
        options["config_path"] = change.config_path.format(folder=path.parent)
        yield {"name": f"{change.name} (check)", **task, "check_mode": True}
        yield {"name": change.name, **task}
        yield {"name": f"{change.name} (again)", **task}
    for step in steps:
        path = prepare(folder / step.name, step.before, pki)
        task = expand(step.task, pki, pki_password)
        ((module, options),) = task.items()
        options["config_path"] = str(path)
        yield {"name": step.name, **task, **step.more}


class ResultTests:
    """What holds for the result of every task."""

    def test_no_traceback_is_shown(self, results):
        assert "Traceback" not in results.output
        assert "MODULE FAILURE" not in results.output

    def test_results_have_one_shape(self, results):
        for result in results:
            if result.failed:
                continue
            name = result.name
            assert result["changed"] == bool(result["changes"]), name
            diff = result["diff"]
            assert result["changed"] == bool(diff["before"] or diff["after"]), name
            assert {"ports", "ip_addresses", "unassigned_ports"} <= set(result), name
            assert ("certificates" in result) == (not result.task.endswith("info")), name
            assert ("port" in result) == result.task.endswith("mail_port"), name
            assert ("ip_address" in result) == result.task.endswith("mail_ip_binding"), name
            for change in result["changes"]:
                assert set(change) == {"action", "kind", "name", "before", "after"}, name
                assert change["action"] == (
                    "remove" if not change["after"] else "change" if change["before"] else "add"
                ), name

    def test_diff_has_the_parts_that_changed(self, results):
        for result in results:
            if result.failed:
                continue
            expected = {"before": {}, "after": {}}
            for change in result["changes"]:
                group = {"port": "ports", "ip_binding": "ip_addresses", "file": "files"}[
                    change["kind"]
                ]
                for side, other in (("before", "after"), ("after", "before")):
                    if change[side]:
                        parts = {
                            key: value
                            for key, value in change[side].items()
                            if change[other].get(key, ...) != value
                        }
                        expected[side].setdefault(group, {})[change["name"]] = parts
            assert result["diff"] == expected, result.name


class ChangeTests(ResultTests):
    """What holds for every change; C(conftest) makes a test of each for each of CHANGES."""

    def test_config_says_what_is_declared(self, results, pki, change):
        result = results[change.name]
        assert not result.failed, result["msg"]
        assert result["changed"]
        expected = expand(change.after if change.after is not None else change.before, pki)
        # As text: the failure's message is readable then.
        assert json.loads(result.config(change.file)) == expected
        assert result["ports"] == expected["ports"]
        assert result["ip_addresses"] == expected["ip_addresses"]
        if change.after is not None:
            assert result.config(change.file) == canonical(expected)

    def test_check_mode_agrees(self, results, change):
        checked, real = results[f"{change.name} (check)"], results[change.name]
        assert not checked.failed, checked["msg"]
        assert checked.after == checked.before
        for key in (
            "changed",
            "changes",
            "diff",
            "ports",
            "ip_addresses",
            "unassigned_ports",
            "certificates",
            "warnings",
            "port",
            "ip_address",
        ):
            assert checked.get(key) == real.get(key), key

    def test_again_changes_nothing(self, results, change):
        again, real = results[f"{change.name} (again)"], results[change.name]
        assert not again.failed, again["msg"]
        assert_nothing_changed(again)
        assert again["ports"] == real["ports"]
        assert again["ip_addresses"] == real["ip_addresses"]


def assert_nothing_changed(result):
    assert result["changed"] is False
    assert result["changes"] == []
    assert result["diff"] == {"before": {}, "after": {}}
    assert "backup_file" not in result
    # The folder's times tell that a lock came and went.
    assert without_folder(result.after) == without_folder(result.before)


def without_folder(tree):
    return {name: entry for name, entry in tree.items() if name not in (".", ".bindings.json.lock")}


def changes_of(result):
    return [(change["action"], change["kind"], change["name"]) for change in result["changes"]]


def permissions(result, name="bindings.json"):
    return oct(stat.S_IMODE(result.after[name]["mode"]))


def new_files(result):
    return sorted(set(result.after) - set(result.before) - {".bindings.json.lock"})
