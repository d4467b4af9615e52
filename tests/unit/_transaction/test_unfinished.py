# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interrupted run left is undone first by the next."""

from __future__ import annotations

import os
import signal

import pytest
from _pytest.monkeypatch import MonkeyPatch  # pytest.MonkeyPatch only since 6.2

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    journal,
    lock,
    unfinished,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
    RolledBack,
)
from support.pretended_world import (
    ALL,
    DOCUMENT,
    IMAP,
    KILLED,
    SMTP,
    SUBMISSION,
    World,
    every,
    fails,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


def without_backups(state):
    return {name: facts for name, facts in state.items() if not name.endswith("~")}


@pytest.mark.once
def test_a_run_killed_at_any_point_is_undone_by_the_next(points, tmp_path):
    warned = 0
    for index in every(points, but=()):
        folder = tmp_path / str(index)
        folder.mkdir()
        with MonkeyPatch().context() as patch:
            world = World(folder, patch)
            before = world.state()
            world.harm = fails(index, lambda: os.kill(os.getpid(), signal.SIGKILL))
            assert world.run_in_child(ALL, document=DOCUMENT) == KILLED
            world.harm = None
            if world.journal.exists():
                with pytest.raises(Refused, match="interrupted.*run once without --check"):
                    world.run(ALL, check=True)
            pending = world.journal.exists()
            warnings = unfinished.recover()
            assert bool(warnings) == pending, points[index]
            if pending:
                warned += 1
                assert (
                    "the run of 2026-11-22T10:36:13Z was interrupted, and its unfinished changes "
                    "were undone first"
                ) in warnings[0]
                assert without_backups(world.state()) == before, points[index]
            assert not world.journal.exists() and unfinished.recover() == []
            # and then it goes on as if nothing had been
            world.run(ALL, document=DOCUMENT)
            assert world.dove.listens() == {IMAP[:2]} and world.post.listens() == {
                ("127.0.0.1", 2525),
                SMTP[:2],
                SUBMISSION[:2],
            }
            # if it was killed while it cleared up, its litter goes with the next change
            assert not world.litter() or not pending, (points[index], world.litter())
    assert warned > 30


def test_a_run_killed_in_a_rollback_is_undone_by_the_next(points, tmp_path):
    begin = next(index for index, point in enumerate(points) if point == "have activated slap")
    for later in range(0, 40, 3):
        folder = tmp_path / str(later)
        folder.mkdir()
        with MonkeyPatch().context() as patch:
            world = World(folder, patch)
            before = world.state()

            def harm(number, point, later=later):
                if number == begin:
                    raise Failed("roll back")
                if number == begin + 1 + later:
                    os.kill(os.getpid(), signal.SIGKILL)

            world.harm = harm
            ended = world.run_in_child(ALL, document=DOCUMENT)
            world.harm = None
            if ended == KILLED and world.journal.exists():
                unfinished.recover()
                assert world.state() == before
            assert not world.journal.exists() and [
                facts for name, facts in world.state().items() if name in before
            ] == list(before.values())


def test_a_rollback_that_failed_is_finished_when_what_it_wanted_is_so(world, monkeypatch):
    """A server that did not come back in time is there later: it is not restarted for that."""
    before = world.state()

    def activate(how, sockets):
        world.dove.set_listening(None)
        raise Failed("it takes too long")

    with monkeypatch.context() as patch:
        patch.setattr(world.dove, "activate", activate)
        with pytest.raises(RolledBack, match="Not all could be rolled back"):
            world.run(ALL)
    assert world.journal.exists()
    with pytest.raises(Refused, match="an earlier run was interrupted, and check mode"):
        world.run(ALL, check=True)
    world.dove.set_listening(world.dove.configured_sockets())
    assert unfinished.recover() and world.dove.told == ["reload"]
    assert world.state() == before and not world.journal.exists() and not world.litter()


def test_an_edit_of_others_after_a_kill_stops_the_recovery(world):
    world.harm = lambda number, point: (
        os.kill(os.getpid(), signal.SIGKILL) if point == "activate slap" else None
    )
    assert world.run_in_child(ALL) == KILLED
    world.harm = None
    with open(world.slap.path, "a", encoding="utf-8") as file:
        file.write("rootpw {SSHA}hunter2\n")
    with pytest.raises(Refused) as caught:
        world.run(ALL)
    message = str(caught.value)
    assert (
        "the run of 2026-11-22T10:36:13Z was interrupted, and its changes can't all be undone"
        in message
        and "then remove " + lock.journal_path() in message
    )
    assert (
        world.slap.path in message and "+rootpw  ********" in message and "hunter2" not in message
    )
    world.journal.unlink()  # as it says: to keep what is there
    assert world.run(ALL).changes


def test_check_mode_beside_a_run_says_that_it_goes_on(world):
    journal.begin([], "now")
    with lock.locked():
        with pytest.raises(
            Refused, match=r"another run of mail_listeners is going on.*process \d+"
        ):
            world.run(ALL, check=True)
