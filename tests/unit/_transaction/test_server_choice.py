# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers take part, and which of them are read at all."""

from __future__ import annotations

import functools
import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    TransactionOptions,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.server_choice import (
    Reason,
    Selection,
)
from support.pretended_world import ALL, IMAP, LDAP, NOW, SMTP, SUBMISSION

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


def test_only_named_servers_take_part(world):
    done = world.run(ALL, servers=["dove"])
    assert done.passed_over == ["%s:%d" % listener[:2] for listener in (SMTP, SUBMISSION, LDAP)]
    assert (
        world.run(ALL, check=True).passed_over
        == world.run(servers=["dove"], check=True, present=False).passed_over
        == []
    )
    assert list(done.participants) == ["dove"] and world.post.listens() == {
        ("127.0.0.1", 2525),
        ("127.0.0.3", 25),
    }
    os.unlink(world.slap.path)
    with pytest.raises(
        Refused,
        match="Slap is not installed on this host, and is what listens for ldap: install it, or "
        "declare no such port here",
    ):
        world.run(ALL)


def test_an_unreadable_server_with_managed_parts_is_refused(world, monkeypatch):
    """Else what was declared there would stay, and no message would say so."""

    def unreadable():
        raise Refused("post.conf, line 9: too few fields")

    monkeypatch.setattr(world.post, "read", unreadable)
    monkeypatch.setattr(world.post, "files", (world.post.path,))
    # nothing of ours, nothing declared: it does not take part
    assert "post" not in world.run(present=False).participants
    # where a file should be may be a folder
    monkeypatch.setattr(world.post, "files", (os.path.dirname(world.post.path), world.post.path))
    assert "post" not in world.run(present=False).participants
    world.post.write("# " + MANAGED_MARK)
    for present in (True, False):
        with pytest.raises(Refused, match="post.conf, line 9"):
            world.run([IMAP], present=present, check=True)


def test_a_server_without_declared_listeners_or_managed_parts_is_not_read(world, monkeypatch):
    def read():
        raise AssertionError("it was read")

    for server in (world.post, world.slap):
        monkeypatch.setattr(server, "read", read)
    assert list(world.run([IMAP]).participants) == ["dove"]
    with pytest.raises(AssertionError):  # one that is named is read
        world.run([IMAP], servers=["dove", "slap"])


def test_a_server_whose_listeners_are_declared_no_more_is_read_and_loses_them(world):
    world.run(ALL)
    done = world.run([IMAP])
    assert list(done.participants) == ["post", "dove", "slap"]
    assert world.post.listens() == {("127.0.0.1", 2525)} and world.slap.listens() == set()


@pytest.mark.parametrize(
    "present, named, declared, reason",
    [
        (True, None, False, Reason.FORMERLY_DECLARED),
        (True, None, True, Reason.DECLARED),
        (True, ["post"], False, None),
        (False, None, False, None),
    ],
)
def test_a_server_that_the_config_declared_takes_part_without_parts_of_ours(
    world, present, named, declared, reason
):
    """Its own files may have said what was declared, so that nothing was written."""
    options = TransactionOptions(str(world.config), NOW, present=present, servers=named)
    stored = [Listener(*IMAP, "none")]
    selection = Selection(options)
    selection.set_stored(stored)
    candidates = selection.candidates(stored if declared else [])
    reasons = {candidate.server.name: candidate.reason for candidate in candidates}
    assert reasons.get("dove") == reason
    participants = {participant.server.name for participant in selection.read([])[0]}
    assert ("dove" in participants) == (named is None and present)


def test_a_server_that_the_config_declared_may_be_gone(world, monkeypatch):
    monkeypatch.setattr(world.dove, "installed", lambda: False)
    selection = Selection(TransactionOptions(str(world.config), NOW))
    selection.set_stored([Listener(*IMAP, "none")])
    assert selection.read([]) == ([], [])


def test_all_servers_that_may_take_part_begin_to_read_before_any_is_read(world, monkeypatch):
    order = []
    for server in world.servers:
        real = server.read

        def read(name=server.name, real=real):
            order.append("read " + name)
            return real()

        monkeypatch.setattr(server, "read", read)
        begin = functools.partial(order.append, "begin " + server.name)
        monkeypatch.setattr(server, "begin_reading", begin)
    os.unlink(world.slap.path)  # not installed, and so never asked
    options = TransactionOptions(str(world.config), NOW)
    desired = [Listener(*listener, "none") for listener in (SMTP, IMAP, LDAP)]
    selection = Selection(options)
    selection.begin_reading(desired)
    dummy, problems = selection.read(desired)
    assert order == ["begin post", "begin dove", "read post", "read dove"] and len(problems) == 1


@pytest.mark.parametrize(
    "present, named, declared, managed, reason",
    [
        (True, None, True, False, Reason.DECLARED),
        (True, ["dove"], True, False, Reason.DECLARED),
        (True, None, False, True, Reason.MANAGED),
        (True, None, False, False, None),
        (True, ["dove"], False, False, Reason.NAMED),
        (False, ["dove"], True, False, Reason.MANAGED),
        (False, None, True, False, None),
        (False, None, True, True, Reason.MANAGED),
    ],
)
def test_the_reason_to_take_part(world, present, named, declared, managed, reason):
    if managed:
        world.dove.write("# " + MANAGED_MARK)
    options = TransactionOptions(str(world.config), NOW, present=present, servers=named)
    desired = [Listener(*IMAP, "none")] if declared else []
    candidates = Selection(options).candidates(desired)
    assert [(candidate.server.name, candidate.reason) for candidate in candidates] == (
        [("dove", reason)] if reason else []
    )


@pytest.mark.parametrize("named", [None, ["post", "slap"]])
def test_parts_of_ours_that_stay_because_the_server_is_gone_are_named(world, monkeypatch, named):
    world.slap.write("# " + MANAGED_MARK)
    monkeypatch.setattr(world.slap, "installed", lambda: False)
    options = TransactionOptions(str(world.config), NOW, present=False, servers=named)
    selection = Selection(options)
    assert selection.read([])[1] == []
    assert selection.left_over == [
        "Slap: its programs are not found on this host, so what mail_listeners wrote stays in %s "
        "(marked %s): install it and run this again, or remove these parts by hand"
        % (world.slap.path, MANAGED_MARK)
    ]
    world.slap.write("")
    selection = Selection(options)
    selection.read([])
    assert selection.left_over == []
