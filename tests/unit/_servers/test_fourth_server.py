# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new server takes part in everything, although nothing but the registry knows it."""

from __future__ import annotations

import json
import os
import pathlib
import signal

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.adopt import adopted
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import unfinished
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
    RolledBack,
)
from support.fourth_server import Fourth
from support.pretended_world import IMAP, KILLED, LDAP, SMTP, World

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")

POP = ("127.0.0.2", 110, "pop")
FOREIGN = {"on": "127.0.0.3!143", "speak": "imap4", "tuning": "of others"}
OTHER = {"on": "127.0.0.1!119", "speak": "nntp"}
ORIGINAL = json.dumps({"workers": 7, "listen": [FOREIGN, OTHER]})
UNTOUCHED = {("127.0.0.3", 143), ("127.0.0.1", 119)}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A host without the server that has IMAP and POP3 otherwise: Fourth answers for them."""
    world = World(tmp_path, monkeypatch)
    world.fourth = Fourth(world)
    pathlib.Path(world.fourth.path).write_text(ORIGINAL, encoding="utf-8")
    world.fourth.set_listening(world.fourth.configured_sockets())
    world.servers.append(world.fourth)  # its line of the registry
    world.dove.set_listening(None)
    os.unlink(world.dove.path)
    return world


def document(world):
    return json.loads(pathlib.Path(world.fourth.path).read_text(encoding="utf-8"))


def test_it_listens_as_declared_and_is_given_back(world):
    foreseen = world.run([SMTP, IMAP, POP], check=True)
    assert document(world) == json.loads(ORIGINAL)
    done = world.run([SMTP, IMAP, POP])
    assert done.changes == foreseen.changes and done.activation["fourth"] == "reload"
    assert world.fourth.listens() == {("127.0.0.1", 119), IMAP[:2], POP[:2]}
    assert [
        (change["kind"], change["action"], change["name"])
        for change in done.changes
        if change["server"] == "fourth"
    ] == [
        ("file", "change", world.fourth.path),
        ("listener", "add", "127.0.0.2:110"),
        ("listener", "add", "127.0.0.2:143"),
        ("listener", "remove", "127.0.0.3:143"),
    ]
    assert world.run([SMTP, IMAP, POP]).changes == []
    world.run(present=False)
    assert document(world)["listen"] == [FOREIGN, OTHER] and document(world)["workers"] == 7
    assert world.fourth.listens() == UNTOUCHED


def test_its_refusals_and_those_of_others_come_together(world):
    world.post.write("127.0.0.3 25 smtp")
    pathlib.Path(world.fourth.path).write_text("{", encoding="utf-8")
    with pytest.raises(Refused, match="fourth.json is no JSON: mend it"):
        world.run([SMTP, IMAP])
    os.unlink(world.fourth.path)
    del world.servers[1]  # no other knows IMAP
    with pytest.raises(Refused) as caught:
        world.run([IMAP])
    assert str(caught.value) == (
        "Fourth is not installed on this host, and is what listens for imap and pop: "
        "install it (Debian: fourth-imapd, fourth-popd), or declare no such port here"
    )


@pytest.mark.parametrize("failing", ["imap", "ldap"])
def test_it_is_rolled_back_whether_it_fails_or_another_does(world, failing):
    before = world.state()
    world.statuses[{"imap": IMAP, "ldap": LDAP}[failing][:2]] = "tls_failed"
    with pytest.raises(RolledBack, match="%s, none.: tls_failed" % failing) as caught:
        world.run([SMTP, IMAP, LDAP])
    assert caught.value.facts["rolled_back"] is True and world.state() == before
    assert world.fourth.told == ["reload", "reload"] and world.fourth.listens() == UNTOUCHED


def test_its_changes_are_undone_after_a_kill(world):
    before = world.state()
    world.harm = lambda number, point: (
        os.kill(os.getpid(), signal.SIGKILL) if point == "have activated fourth" else None
    )
    assert world.run_in_child([SMTP, IMAP]) == KILLED
    world.harm = None
    assert document(world) != json.loads(ORIGINAL)
    (warning,) = unfinished.recover()
    assert world.fourth.path in warning and world.state() == before


def test_a_config_is_made_of_what_it_is_found_with(world):
    found = {"listen": [{**FOREIGN, "on": "192.0.2.1!143"}, OTHER]}
    pathlib.Path(world.fourth.path).write_text(json.dumps(found), encoding="utf-8")
    bindings, unmapped = adopted({"fourth": world.fourth.read()})
    assert bindings.ip_addresses["192.0.2.1"].ports == ("IMAP",)
    assert [entry.as_result()["reason"] for entry in unmapped] == ["speaks nntp"]


@pytest.mark.needs_ansible
def test_its_drift_is_in_the_report(world):
    pytest.importorskip("ansible", reason="the report is made on the controller")
    from ansible_collections.mailops.bindings.plugins.filter.drift_report import drift_report
    from support.in_process import run

    options = {
        "config_path": str(world.config),
        "ports": [{"name": "POP", "protocol": "pop"}],
        "ip_addresses": [{"address": "127.0.0.2", "ports": ["POP"]}],
    }

    def row():
        result = run("mail_listeners", options, check=True)
        report = drift_report([{"host": "mx1", "result": result}], "2026-11-22T10:36:13Z")
        return report["hosts"][0]

    assert run("mail_listeners", options)["activation"] == {"fourth": "reload"}
    assert row()["verdict"] == "clean"
    written = document(world)
    written["listen"][-1]["on"] = "127.0.0.2!1110"
    pathlib.Path(world.fourth.path).write_text(json.dumps(written), encoding="utf-8")
    world.fourth.activate("reload", frozenset())
    drifted = row()
    assert drifted["verdict"] == "drift" and drifted["levels"]["files"]["drift"]
    assert {(cell["name"], cell["word"]) for cell in drifted["cells"]} == {
        ("127.0.0.2:110", "missing"),
        ("127.0.0.2:1110", "unexpected"),
    }
    assert all(cell["levels"] == ["files"] for cell in drifted["cells"])
