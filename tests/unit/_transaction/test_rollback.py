# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All or nothing: whatever fails, and wherever, everything is as it was."""

from __future__ import annotations

import errno
import os
import pathlib
import signal

import pytest
from _pytest.monkeypatch import MonkeyPatch  # pytest.MonkeyPatch only since 6.2

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    lock,
    rollback,
    unfinished,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
    RolledBack,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.journal import (
    JournalEntry,
)
from support.pretended_world import ALL, DOCUMENT, IMAP, LDAP, World, every, fails

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


class Surprise(Exception):
    """An error that no code expects."""


def raiser(error):
    def how():
        raise error

    return how


HARMS = {
    "exception": lambda: raiser(Surprise("secret-password")),
    "failed": lambda: raiser(Failed("it said no")),
    "full": lambda: raiser(OSError(errno.ENOSPC, "No space left on device")),
    "SIGTERM": lambda: lambda: os.kill(os.getpid(), signal.SIGTERM),
    "SIGHUP": lambda: lambda: os.kill(os.getpid(), signal.SIGHUP),
}


@pytest.mark.parametrize("harm", HARMS)
def test_any_failure_at_any_point_leaves_everything_as_before(points, harm, tmp_path):
    """Once, at every change of the disk, at every order to a server, and at every look."""
    committed = rolled_back = untouched = 0
    for index in every(points):
        folder = tmp_path / str(index)
        folder.mkdir()
        with MonkeyPatch().context() as patch:
            world = World(folder, patch)
            before = world.state()
            world.harm = fails(index, HARMS[harm]())
            try:
                world.run(ALL, document=DOCUMENT)
                committed += 1
                assert harm not in ("exception", "failed") or points[index].startswith(
                    ("fsync", "look")
                ), points[index]
                assert world.config.read_text() == DOCUMENT and world.dove.listens() == {
                    IMAP[:2]
                }, points[index]
            except RolledBack as refused:
                rolled_back += 1
                assert refused.facts["rolled_back"] is True, (points[index], str(refused))
                assert "Rolled back: every file is as it was" in str(refused), points[index]
                assert "secret-password" not in str(refused) and "Traceback" not in str(refused)
                assert world.state() == before, points[index]
            except Refused as refused:
                untouched += 1
                assert any(
                    words in str(refused)
                    for words in ("Nothing was changed", "can't be made", "left as it was")
                ), (points[index], str(refused))
                assert world.state() == before, points[index]
            except BaseException as error:  # pylint: disable=broad-except
                pytest.fail("%r at %s" % (error, points[index]))
            assert not world.journal.exists(), points[index]
            assert not world.litter(), (points[index], world.litter())
    assert rolled_back > 20 and untouched


def test_a_disk_that_stays_full_does_not_hinder_a_rollback(points, tmp_path):
    """From any write on nothing more can be written: the originals' second names need no room."""
    seen = set()
    for index in every(points):
        if not points[index].startswith(("fsync", "mkdir", "link", "put")):
            continue
        folder = tmp_path / str(index)
        folder.mkdir()
        with MonkeyPatch().context() as patch:
            world = World(folder, patch)
            before = world.state()

            def harm(number, point, index=index):
                if number >= index and point.startswith(("fsync", "mkdir", "link")):
                    raise OSError(errno.ENOSPC, "No space left on device")

            world.harm = harm
            try:
                world.run(ALL, document=DOCUMENT)
            except Refused as refused:
                assert "No space left on device" in str(refused), points[index]
                assert world.state() == before, points[index]
                assert not world.journal.exists()
                seen.add(str(refused).splitlines()[0].replace(str(folder), ""))
    # what it was that could not be written is named
    assert any("/lib/bindings/journal.json can't be written" in message for message in seen)
    assert any("/etc/post.conf can't be written" in message for message in seen)
    assert any("/etc/mail-bindings/bindings.json" in message for message in seen), seen


def test_a_second_signal_does_not_end_a_rollback(world):
    before = world.state()

    def harm(number, point):
        if "have activated dove" in world.passed:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)

    world.harm = harm
    with pytest.raises(RolledBack, match="ended by SIG"):
        world.run(ALL, document=DOCUMENT)
    assert world.state() == before


def test_untouched_servers_are_not_rolled_back(world):
    """A server that the run never came to is not told to reload, let alone to restart."""

    def refuse(number, point):
        if point == "have activated dove" and len(world.dove.told) == 1:
            raise Failed("no")

    world.harm = refuse
    with pytest.raises(RolledBack):
        world.run(ALL)
    assert world.slap.told == []
    assert world.dove.told == ["reload", "reload"]
    assert world.post.told == ["reload", "reload", "reload", "reload"]  # two steps there, two back


def test_a_dead_server_is_started_and_the_holder_of_its_port_is_named(world):
    before = world.state()

    def harm(number, point):
        if point == "put " + world.dove.path and not world.others:
            world.others.append(Socket(*IMAP[:2], (77,), "intruder"))

    world.harm = harm
    with pytest.raises(RolledBack) as caught:
        world.run(ALL)
    assert "process 77 (intruder) holds 127.0.0.2:143" in str(caught.value)
    assert "Dove has died" in str(caught.value)
    assert world.dove.told == ["reload", "start"]
    assert world.state() == before


def test_a_restart_follows_if_a_reload_does_not_restore_the_sockets(world):
    before = world.state()
    real = world.dove.activate

    def activate(how, sockets):
        real(how, sockets)
        if how == "reload" and world.dove.told.count("reload") > 1:
            world.dove.set_listening([])

    world.dove.activate = activate
    world.statuses[IMAP[:2]] = "tls_failed"
    with pytest.raises(RolledBack, match=r"127.0.0.2:143 \(imap, none\): tls_failed: so it is"):
        world.run(ALL)
    assert world.dove.told == ["reload", "reload", "restart"]
    assert world.state() == before


@pytest.mark.parametrize("broken", ["get", "put", "activate"])
def test_one_server_s_failure_does_not_hinder_the_rollback_of_others(world, broken):
    before = world.state()

    def fail(*arguments):
        raise Surprise("hunter2")

    def harm(number, point):
        if point == "have put " + world.slap.drop_in:
            world.harm = None
            setattr(world.slap, broken, fail)
            raise Failed("no")

    world.harm = harm
    with pytest.raises(RolledBack) as caught:
        world.run(ALL)
    assert caught.value.facts["rolled_back"] is False and "hunter2" not in str(caught.value)
    assert "Not all could be rolled back" in str(caught.value) and lock.journal_path() in str(
        caught.value
    )
    now = world.state()
    for server in (world.post, world.dove):
        assert now[server.path] == before[server.path] and now[server.name] == before[server.name]
    # and the next run does the rest
    for name in ("get", "put", "activate"):
        world.slap.__dict__.pop(name, None)
    world.harm = None
    assert unfinished.recover()
    assert world.state() == before


def test_degraded_old_listeners_are_no_complete_rollback(world):
    def harm(number, point):
        if point == "have activated slap" and len(world.slap.told) == 1:
            world.statuses[("127.0.0.3", 389)] = "timeout"
            raise Failed("no")

    world.harm = harm
    with pytest.raises(RolledBack) as caught:
        world.run(ALL)
    assert caught.value.facts["rolled_back"] is False
    assert (
        "Every file is as it was, but these do not answer as before:\n  127.0.0.3:389: timeout"
        in str(caught.value)
    )


def test_sockets_of_no_file_do_not_fail_a_rollback(world):
    """What listens and stands in no file can't come back by the files."""
    world.post.set_listening(world.post.configured_sockets() | {("127.0.0.1", 2626)})
    world.statuses[LDAP[:2]] = "tls_failed"
    with pytest.raises(RolledBack) as caught:
        world.run(ALL)
    assert "Not all" not in str(caught.value) and not world.journal.exists()
    assert world.post.listens() == {("127.0.0.1", 2525), ("127.0.0.3", 25)}


def test_an_edit_of_others_after_the_write_is_kept_and_shown_without_secrets(world):
    before = world.state()
    edited = (
        b"# theirs\n127.0.0.3 143 imap\ndnpass = hunter2\n"
        b"uri = ldap://admin:hunter3@127.0.0.1/\nusers = 12\n"
    )

    def harm(number, point):
        if point == "have activated dove" and len(world.dove.told) == 1:
            pathlib.Path(world.dove.path).write_bytes(edited)
            raise Failed("no")

    world.harm = harm
    for attempt in ("rollback", "recovery"):
        with pytest.raises(Refused) as caught:
            if attempt == "rollback":
                world.run(ALL, document=DOCUMENT)
            else:
                unfinished.recover()
        message = str(caught.value)
        assert (
            "%s has changed since mail_listeners wrote it, and is left as it is" % world.dove.path
            in message
        ), message
        assert (
            "as it was" in message
            and "as we wrote it" in message
            and "+users = 12" in message
            and "+dnpass = ********" in message
        )
        assert "hunter" not in message and lock.journal_path() in message
        assert pathlib.Path(world.dove.path).read_bytes() == edited
        assert world.journal.exists()
        now = world.state()
        assert (
            now[world.post.path] == before[world.post.path]
            and world.post.listens() == before["post"]
        )
    # it answers by what others wrote, so it is not told to read what may be half done
    pathlib.Path(world.dove.path).write_bytes(before[world.dove.path][-1])
    world.harm = None
    assert unfinished.recover()
    assert world.dove.listens() == before["dove"] and not world.journal.exists()


def test_an_edit_of_others_before_the_write_is_kept(world):
    theirs = b"# theirs, just now\n127.0.0.3 143 imap\n"

    def harm(number, point):
        if point == "have activated post" and len(world.post.told) == 1:
            pathlib.Path(world.dove.path).write_bytes(theirs)

    world.harm = harm
    with pytest.raises(RolledBack) as caught:
        world.run(ALL)
    assert "%s has changed since this task read it: run again" % world.dove.path in str(
        caught.value
    )
    assert caught.value.facts["rolled_back"] is True and not world.journal.exists()
    assert pathlib.Path(world.dove.path).read_bytes() == theirs and world.dove.told == []


# -- what is as it was is not risked


def entry_of(server, **more):
    """What undoes a change of this server, of which only the file is left."""
    before = pathlib.Path(server.path).read_bytes()
    return JournalEntry(
        server.name,
        ({server.path: b"ours"},),
        ({server.path: before},),
        running=True,
        sockets=frozenset(server.listens()),
        **more,
    )


@pytest.mark.parametrize("as_before", [True, False])
def test_a_server_that_listens_as_before_is_not_restarted(world, as_before):
    entry = entry_of(world.slap, activation="restart")
    pathlib.Path(world.slap.path).write_bytes(b"ours")
    if not as_before:
        world.slap.set_listening(())
    assert rollback.roll_back([entry], {"slap": world.slap}) == []
    assert world.slap.told == (["reload"] if as_before else ["restart"])
    assert world.slap.listens() == set(entry.sockets)


@pytest.mark.parametrize("restored", [True, False])
def test_a_reload_that_fails_is_no_reason_to_restart_what_listens(world, monkeypatch, restored):
    """If nothing had to be restored, all is as it was: the rollback has come to its end."""
    entry = entry_of(world.dove, activation="reload")
    if restored:
        pathlib.Path(world.dove.path).write_bytes(b"ours")
    told = []

    def activate(how, sockets):
        told.append(how)
        raise Failed("it does not take it")

    monkeypatch.setattr(world.dove, "activate", activate)
    problems = rollback.roll_back([entry], {"dove": world.dove})
    assert told == ["reload"]
    assert problems == (["it does not take it"] if restored else [])
