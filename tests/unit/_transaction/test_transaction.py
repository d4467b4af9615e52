# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of a whole transaction: what is refused, what changes, and that nothing else does."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK
from support.pretended_world import ALL, DOCUMENT, IMAP, LDAP, SMTP, SUBMISSION

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


def with_sockets(plan, *sockets):
    return plan._replace(sockets=plan.sockets.union(sockets))


def test_servers_listen_as_declared_and_a_second_run_changes_nothing(world):
    before = world.state()
    foreseen = world.run(ALL, check=True)
    assert world.state() == before and not world.journal.parent.exists()
    done = world.run(ALL, document=DOCUMENT)
    assert (
        done.changes == foreseen.changes
        and done.activation
        == foreseen.activation
        == dict.fromkeys(("post", "dove", "slap"), "reload")
    )
    assert world.post.listens() == {("127.0.0.1", 2525), SMTP[:2], SUBMISSION[:2]}
    assert world.dove.listens() == {IMAP[:2]} and world.slap.listens() == {LDAP[:2]}
    assert world.config.read_text() == DOCUMENT
    assert not world.litter() and not world.journal.exists()
    after = world.state()
    again = world.run(ALL)
    assert again.changes == [] and world.state() == after
    assert not any(server.told for server in world.servers)
    assert not [point for point in world.passed if not point.startswith(("look", "probe"))]
    world.run(present=False)
    now = world.state()
    assert {name: now[name] for name in ("post", "dove", "slap")} == {
        name: before[name] for name in ("post", "dove", "slap")
    }
    assert [pathlib.Path(server.path).read_bytes() for server in world.servers] == [
        before[server.path][-1] for server in world.servers
    ]


def test_a_server_that_can_not_give_back_is_refused_before_any_other_does(world):
    world.run(ALL)
    world.dove.write(pathlib.Path(world.dove.path).read_text(encoding="utf-8") + "# keep")
    before = world.state()
    for check in (True, False):
        with pytest.raises(Refused, match="it is in use"):
            world.run(present=False, check=check)
        assert world.state() == before and not any(server.told for server in world.servers)


def test_an_address_of_others_that_is_away_is_refused(world):
    """Written by others and never loaded: a reload would kill the server, and a rollback too."""
    with open(world.dove.path, "a", encoding="utf-8") as file:
        file.write("192.0.2.77 110 pop\n")
    before = world.state()
    real = world.dove.plan
    world.dove.plan = lambda *arguments: with_sockets(real(*arguments), ("192.0.2.77", 110))
    with pytest.raises(
        Refused,
        match="Dove does not listen on 192.0.2.77:110 yet.*192.0.2.77 is not an address of this",
    ):
        world.run(ALL)
    assert world.state() == before


def test_a_renewed_certificate_reloads_only_its_server(world):
    world.run(ALL)
    before = world.state()
    world.statuses[IMAP[:2]] = "wrong_certificate"
    foreseen = world.run(ALL, check=True)
    assert foreseen.activation == {"post": "none", "dove": "reload", "slap": "none"}
    assert [(change["action"], change["kind"], change["name"]) for change in foreseen.changes] == [
        ("change", "listener", "127.0.0.2:143")
    ]
    assert foreseen.changes[0]["before"]["fingerprint_sha256"] == "AB:CD"
    world.harm = lambda number, point: (
        world.statuses.clear() if point == "have activated dove" else None
    )
    done = world.run(ALL)
    assert done.changes == foreseen.changes and (
        world.post.told,
        world.dove.told,
        world.slap.told,
    ) == ([], ["reload"], [])
    assert world.state() == before
    assert world.run(ALL).changes == []


def test_a_stopped_server_without_declared_listeners_stays_stopped(world):
    world.run(ALL)
    world.dove.set_listening(None)
    done = world.run(present=False)
    assert (
        world.dove.listens() is None and world.dove.told == [] and done.activation["dove"] == "none"
    )
    assert MANAGED_MARK not in pathlib.Path(world.dove.path).read_text(encoding="utf-8")
    assert [change["name"] for change in done.changes if "143" in change["name"]] == [
        "127.0.0.2:143",
        "127.0.0.3:143",
    ]
    assert world.run(servers=["dove"]).activation == {"dove": "none"}
    assert world.dove.listens() is None


def test_another_config_path_is_refused(world):
    world.run(ALL)
    with pytest.raises(Refused, match="Post listens as .*/bindings.json says, not /etc/other.json"):
        world.run(ALL, config_path="/etc/other.json")
