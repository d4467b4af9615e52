# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All or nothing: whatever happens, and wherever, everything is as it was; and nothing is touched that need not be."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import time

import pytest
from _pytest.monkeypatch import MonkeyPatch  # pytest.MonkeyPatch only since 6.2

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host import systemd
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    journal,
    rollback,
    transaction,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.transaction import (
    RolledBack,
)
from support.pretended import KILLED, World, world  # noqa: F401  # pylint: disable=unused-import

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")

SMTP, SUBMISSION = ("127.0.0.2", 25, "smtp"), ("127.0.0.2", 587, "submission")
IMAP, LDAP = ("127.0.0.2", 143, "imap"), ("127.0.0.2", 389, "ldap")
ALL = [SMTP, SUBMISSION, IMAP, LDAP]
DOCUMENT = '{\n  "ip_addresses": [],\n  "ports": [],\n  "schema_version": 1\n}\n'


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """The points that a run passes in which nothing goes wrong."""
    with MonkeyPatch().context() as patch:
        there = World(tmp_path_factory.mktemp("points"), patch)
        there.run(ALL, document=DOCUMENT)
        return [point.replace(str(there.folder), "") for point in there.passed]


def test_it_listens_as_declared_and_then_there_is_nothing_to_do(world):
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
    assert not [
        path
        for path in world.folder.rglob("*")
        if "-before" in path.name or path.name.endswith((".new", ".lock"))
    ]
    assert not world.journal.exists()
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


class Surprise(Exception):
    """What nobody thought of."""


def fails(index, how):
    def harm(number, point):
        if number == index:
            how()

    return harm


def raiser(error):
    def how():
        raise error

    return how


def every(points, begin="mkdir /lib", but=("rmdir", "unlink")):
    """Numbers of all points from the journal on; without those whose failure is nobody's concern."""
    first = next(index for index, point in enumerate(points) if point.startswith(begin))
    return [index for index in range(first, len(points)) if not points[index].startswith(but)]


HARMS = {
    "exception": lambda: raiser(Surprise("secret-password")),
    "failed": lambda: raiser(Failed("it said no")),
    "full": lambda: raiser(OSError(errno.ENOSPC, "No space left on device")),
    "SIGTERM": lambda: lambda: os.kill(os.getpid(), signal.SIGTERM),
    "SIGHUP": lambda: lambda: os.kill(os.getpid(), signal.SIGHUP),
}


@pytest.mark.parametrize("harm", HARMS)
def test_whatever_happens_wherever_everything_is_as_before(points, harm, tmp_path):
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
            left = [
                path
                for path in folder.rglob("*")
                if "-before" in path.name or path.name.endswith((".new", ".lock"))
            ]
            assert not left, (points[index], left)
    assert rolled_back > 20 and untouched


def test_a_disk_that_stays_full(points, tmp_path):
    """From any write on nothing more can be written, also on the way back: the originals' second names take no room."""
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


@pytest.mark.once
def test_killed_wherever_the_next_run_puts_it_right_first(points, tmp_path):
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
            warnings = transaction.recover()
            assert bool(warnings) == pending, points[index]
            if pending:
                warned += 1
                assert (
                    "the run of 2026-11-22T10:36:13Z was interrupted; what it had done was put back first"
                    in warnings[0]
                )
                assert without_backups(world.state()) == before, points[index]
            assert not world.journal.exists() and transaction.recover() == []
            # and then it goes on as if nothing had been
            world.run(ALL, document=DOCUMENT)
            assert world.dove.listens() == {IMAP[:2]} and world.post.listens() == {
                ("127.0.0.1", 2525),
                SMTP[:2],
                SUBMISSION[:2],
            }
            left = [
                path
                for path in folder.rglob("*")
                if path.name.endswith((".new", ".lock")) or "-before" in path.name
            ]
            # what was done was done, when it was killed while it cleared up: its litter goes with the next change
            assert not left or not pending, (points[index], left)
    assert warned > 30


def without_backups(state):
    return {name: facts for name, facts in state.items() if not name.endswith("~")}


def test_killed_while_it_puts_things_back_it_goes_on_from_there(points, tmp_path):
    begin = next(index for index, point in enumerate(points) if point == "have activated slap")
    for later in range(0, 40, 3):
        folder = tmp_path / str(later)
        folder.mkdir()
        with MonkeyPatch().context() as patch:
            world = World(folder, patch)
            before = world.state()

            def harm(number, point, later=later):
                if number == begin:
                    raise Failed("go back")
                if number == begin + 1 + later:
                    os.kill(os.getpid(), signal.SIGKILL)

            world.harm = harm
            ended = world.run_in_child(ALL, document=DOCUMENT)
            world.harm = None
            if ended == KILLED and world.journal.exists():
                transaction.recover()
                assert world.state() == before
            assert not world.journal.exists() and [
                facts for name, facts in world.state().items() if name in before
            ] == list(before.values())


def test_a_second_signal_does_not_end_the_way_back(world):
    before = world.state()

    def harm(number, point):
        if "have activated dove" in world.passed:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)

    world.harm = harm
    with pytest.raises(RolledBack, match="ended by SIG"):
        world.run(ALL, document=DOCUMENT)
    assert world.state() == before


def test_who_ignores_hangups_goes_on_ignoring_them(world):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        world.harm = lambda number, point: os.kill(os.getpid(), signal.SIGHUP)
        world.run(ALL)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN and world.dove.listens() == {
            IMAP[:2]
        }
    finally:
        signal.signal(signal.SIGHUP, before)


# -- what is put back, and how


def test_only_what_was_touched_goes_back(world):
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


def test_a_server_that_died_is_started_and_who_took_its_port_is_named(world):
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


def test_restarted_where_the_gentle_step_does_not_bring_the_sockets_back(world):
    before = world.state()
    real = world.dove.activate

    def activate(how, sockets):
        real(how, sockets)
        if how == "reload" and world.dove.told.count("reload") > 1:
            world.dove.be([])

    world.dove.activate = activate
    world.statuses[IMAP[:2]] = "tls_failed"
    with pytest.raises(RolledBack, match=r"127.0.0.2:143 \(imap, none\): tls_failed: so it is"):
        world.run(ALL)
    assert world.dove.told == ["reload", "reload", "restart"]
    assert world.state() == before


@pytest.mark.parametrize("broken", ["get", "put", "activate"])
def test_the_trouble_of_one_server_does_not_keep_the_others_from_coming_back(world, broken):
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
    assert "Not all could be put back" in str(caught.value) and journal.PATH in str(caught.value)
    now = world.state()
    for server in (world.post, world.dove):
        assert now[server.path] == before[server.path] and now[server.name] == before[server.name]
    # and the next run does the rest
    for name in ("get", "put", "activate"):
        world.slap.__dict__.pop(name, None)
    world.harm = None
    assert transaction.recover()
    assert world.state() == before


def test_old_listeners_that_do_not_answer_again_are_no_rollback(world):
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


def test_the_drift_of_before_is_no_trouble_of_the_rollback(world):
    """What listens and stands in no file can't come back by the files."""
    world.post.be(
        [listener.listener for listener in world.post.read().listeners]
        + [world.post.read().listeners[0].listener._replace(port=2626)]
    )
    world.statuses[LDAP[:2]] = "tls_failed"
    with pytest.raises(RolledBack) as caught:
        world.run(ALL)
    assert "Not all" not in str(caught.value) and not world.journal.exists()
    assert world.post.listens() == {("127.0.0.1", 2525), ("127.0.0.3", 25)}


# -- what somebody else does meanwhile


def test_a_foreign_edit_after_the_write_is_left_and_shown_without_its_secrets(world):
    before = world.state()
    edited = b"# theirs\n127.0.0.3 143 imap\ndnpass = hunter2\nuri = ldap://admin:hunter3@127.0.0.1/\nusers = 12\n"

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
                transaction.recover()
        said = str(caught.value)
        assert (
            "%s was changed by somebody else meanwhile, and is left as it is" % world.dove.path
            in said
        ), said
        assert (
            "as it was" in said
            and "as we wrote it" in said
            and "+users = 12" in said
            and "+dnpass = ********" in said
        )
        assert "hunter" not in said and journal.PATH in said
        assert pathlib.Path(world.dove.path).read_bytes() == edited
        assert world.journal.exists()
        now = world.state()
        assert (
            now[world.post.path] == before[world.post.path]
            and world.post.listens() == before["post"]
        )
    # it answers by what somebody wrote, so it is not told to read what may be half done
    pathlib.Path(world.dove.path).write_bytes(before[world.dove.path][-1])
    world.harm = None
    assert transaction.recover()
    assert world.dove.listens() == before["dove"] and not world.journal.exists()


def test_a_foreign_edit_before_the_write_is_kept_and_is_no_trouble(world):
    theirs = b"# theirs, just now\n127.0.0.3 143 imap\n"

    def harm(number, point):
        if point == "have activated post" and len(world.post.told) == 1:
            pathlib.Path(world.dove.path).write_bytes(theirs)

    world.harm = harm
    with pytest.raises(RolledBack) as caught:
        world.run(ALL)
    assert "%s was changed by somebody else since it was read: run again" % world.dove.path in str(
        caught.value
    )
    assert caught.value.facts["rolled_back"] is True and not world.journal.exists()
    assert pathlib.Path(world.dove.path).read_bytes() == theirs and world.dove.told == []


def test_a_foreign_edit_after_a_kill_stops_the_recovery_there(world):
    world.harm = lambda number, point: (
        os.kill(os.getpid(), signal.SIGKILL) if point == "activate slap" else None
    )
    assert world.run_in_child(ALL) == KILLED
    world.harm = None
    with open(world.slap.path, "a", encoding="utf-8") as file:
        file.write("rootpw {SSHA}hunter2\n")
    with pytest.raises(Refused) as caught:
        world.run(ALL)
    said = str(caught.value)
    assert (
        "the run of 2026-11-22T10:36:13Z was interrupted, and what it left can't be put back"
        in said
        and "then remove " + journal.PATH in said
    )
    assert world.slap.path in said and "+rootpw  ********" in said and "hunter2" not in said
    world.journal.unlink()  # as it says: to keep what is there
    assert world.run(ALL).changes


# -- what was wrong before


def test_a_fault_of_before_neither_blocks_nor_is_rolled_back(world):
    world.statuses[("127.0.0.1", 2525)] = "timeout"  # it never answered
    world.run([SMTP])
    assert SMTP[:2] in world.post.listens()
    world.statuses[SMTP[:2]] = "expired"
    assert [change["name"] for change in world.run([SMTP, SUBMISSION]).changes] == [
        world.post.path,
        "127.0.0.2:587",
    ]


def test_what_gets_worse_is_rolled_back(world):
    world.run([SMTP])
    before = world.state()

    def get_worse(number, point):
        if point == "have activated post" and len(world.post.told) == 1:
            world.statuses[SMTP[:2]] = "wrong_certificate"

    world.harm = get_worse
    with pytest.raises(RolledBack, match=r"127.0.0.2:25 \(smtp, none\): wrong_certificate"):
        world.run([SMTP, SUBMISSION])
    assert world.state() == before


def test_old_listeners_go_when_the_new_ones_beside_them_are_proved(world):
    """Where a server can have both."""
    missed = []
    world.harm = lambda number, point: (
        missed.append(point) if ("127.0.0.3", 25) not in world.post.listens() else None
    )
    world.statuses[SUBMISSION[:2]] = "no_auth"
    with pytest.raises(RolledBack, match=r"127.0.0.2:587 \(submission, none\): no_auth: so it is"):
        world.run([SMTP, SUBMISSION])
    # but for the moment that a service of its which failed has to be away
    assert {point.split()[0] for point in missed}.isdisjoint({"probe"}), missed
    assert world.post.told == ["reload", "reload", "reload"]


def test_who_never_answers_is_no_measure_for_how_long_a_verdict_takes(world, monkeypatch):
    real, asked = world._probe, []

    def probe(wanted, *, timeout, min_days, now):
        asked.append((sorted(listener.port for listener in wanted), timeout))
        return real(wanted, timeout=timeout, min_days=min_days, now=now)

    monkeypatch.setattr(transaction._listener, "probe", probe)
    world.statuses[("127.0.0.3", 143)] = "timeout"
    world.run(ALL, timeout=30.0)
    assert asked[:2] == [([25, 143, 389, 2525], 2.5), ([143], 30.0)]
    assert {timeout for ignored, timeout in asked[2:]} == {5.0}


def test_a_new_listener_that_is_not_well_is_rolled_back(world):
    before = world.state()
    world.statuses[SUBMISSION[:2]] = "no_auth"
    with pytest.raises(RolledBack, match=r"127.0.0.2:587 \(submission, none\): no_auth: so it is"):
        world.run(ALL)
    assert world.state() == before


def test_who_can_not_give_back_any_more_is_asked_before_anybody_does(world):
    world.run(ALL)
    world.dove.write(pathlib.Path(world.dove.path).read_text(encoding="utf-8") + "# keep")
    before = world.state()
    for check in (True, False):
        with pytest.raises(Refused, match="it is in use"):
            world.run(present=False, check=check)
        assert world.state() == before and not any(server.told for server in world.servers)


def test_what_comes_back_with_absent_may_be_as_bad_as_it_was_but_must_answer(world):
    world.run(ALL)
    world.statuses[("127.0.0.3", 143)] = "no_starttls"
    world.run(present=False)
    assert world.dove.listens() == {("127.0.0.3", 143)}
    world.statuses.clear()
    world.run(ALL)
    world.statuses[("127.0.0.3", 143)] = "timeout"
    with pytest.raises(RolledBack):
        world.run(present=False)
    assert world.dove.listens() == {IMAP[:2]}


def test_a_listener_of_others_at_an_address_that_is_away_is_refused_before_it_kills(world):
    """Written by somebody and never loaded: a reload would kill the server, and the way back too."""
    with open(world.dove.path, "a", encoding="utf-8") as file:
        file.write("192.0.2.77 110 pop\n")
    before = world.state()
    real = world.dove.render
    world.dove.render = lambda *arguments: with_sockets(real(*arguments), ("192.0.2.77", 110))
    with pytest.raises(
        Refused,
        match="Dove does not listen on 192.0.2.77:110 yet.*192.0.2.77 is not an address of this host",
    ):
        world.run(ALL)
    assert world.state() == before


def with_sockets(plan, *sockets):
    return plan._replace(sockets=plan.sockets.union(sockets))


# -- certificates that were renewed


def test_a_renewed_certificate_is_a_reload_of_that_server_alone(world):
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


def test_a_renewed_certificate_that_still_is_not_served_fails(world):
    world.run(ALL)
    world.statuses[IMAP[:2]] = "wrong_certificate"
    with pytest.raises(RolledBack, match="wrong_certificate"):
        world.run(ALL)
    assert world.dove.listens() == {IMAP[:2]}


# -- options


def test_a_stopped_server_that_nothing_is_asked_of_stays_stopped(world):
    world.run(ALL)
    world.dove.be(None)
    done = world.run(present=False)
    assert (
        world.dove.listens() is None and world.dove.told == [] and done.activation["dove"] == "none"
    )
    assert "# ours" not in pathlib.Path(world.dove.path).read_text(encoding="utf-8")
    assert [change["name"] for change in done.changes if "143" in change["name"]] == [
        "127.0.0.2:143",
        "127.0.0.3:143",
    ]
    assert world.run(servers=["dove"]).activation == {"dove": "none"}
    assert world.dove.listens() is None


def test_started_when_asked_to_and_stopped_again_where_that_fails(world):
    world.dove.be(None)
    with pytest.raises(
        Refused,
        match="Dove is not running: start it first, or set start to true, or take dove off servers",
    ):
        world.run(ALL)
    before = world.state()
    world.statuses[LDAP[:2]] = "tls_failed"
    with pytest.raises(RolledBack):
        world.run(ALL, start=True)
    assert world.dove.told == ["start", "stop"] and world.state() == before
    world.statuses.clear()
    assert world.run(ALL, start=True).activation["dove"] == "start"
    assert world.dove.listens() == {IMAP[:2]} and world.dove.told == ["start"]


def test_without_activation_only_files_are_written_and_a_kill_starts_nothing(world):
    before = world.state()
    for server in world.servers:
        server.be(None)
    world.harm = lambda number, point: (
        os.kill(os.getpid(), signal.SIGKILL) if point == "have put " + world.slap.path else None
    )
    assert world.run_in_child(ALL, activate=False) == KILLED
    world.harm = None
    assert transaction.recover()
    assert {name: facts for name, facts in world.state().items() if name.startswith("/")} == {
        name: facts for name, facts in before.items() if name.startswith("/")
    }
    done = world.run(ALL, activate=False)
    assert set(done.activation.values()) == {"none"} and not any(
        server.told or server.running() for server in world.servers
    )
    assert world.probed == []
    assert world.run(ALL, activate=False).changes == []


def test_without_probe_only_sockets_are_looked_at(world):
    world.statuses.update({key[:2]: "timeout" for key in ALL})
    world.run(ALL, probe=False)
    assert world.probed == [] and world.dove.listens() == {IMAP[:2]}


def test_only_the_servers_that_are_asked_for(world):
    done = world.run(ALL, servers=["dove"])
    assert done.passed_over == ["%s:%d" % one[:2] for one in (SMTP, SUBMISSION, LDAP)]
    assert (
        world.run(ALL, check=True).passed_over
        == world.run(servers=["dove"], check=True, present=False).passed_over
        == []
    )
    assert list(done.sides) == ["dove"] and world.post.listens() == {
        ("127.0.0.1", 2525),
        ("127.0.0.3", 25),
    }
    os.unlink(world.slap.path)
    with pytest.raises(
        Refused,
        match="Slap is not installed on this host, and is what listens for ldap: install it, or declare no such port here",
    ):
        world.run(ALL)


def test_a_server_with_parts_of_ours_is_not_passed_over_because_it_can_not_be_read(
    world, monkeypatch
):
    """Else what was declared there would stay, and nobody would be told."""

    def unreadable():
        raise Refused("post.conf, line 9: too few fields")

    monkeypatch.setattr(world.post, "read", unreadable)
    monkeypatch.setattr(world.post, "files", (world.post.path,))
    assert (
        "post" not in world.run(present=False).sides
    )  # nothing of ours, nothing declared: not our affair
    monkeypatch.setattr(
        world.post, "files", (os.path.dirname(world.post.path), world.post.path)
    )  # where a file should be may be a folder
    assert "post" not in world.run(present=False).sides
    world.post.write("# " + MANAGED_MARK)
    for present in (True, False):
        with pytest.raises(Refused, match="post.conf, line 9"):
            world.run([IMAP], present=present, check=True)


def test_a_short_patience_still_lets_it_settle(world, monkeypatch):
    """The sockets are right, and have not been so for long enough when the time is up."""
    monkeypatch.setattr(transaction, "STABLE_SECONDS", 0.2)
    world.run(ALL, timeout=0.05)
    assert world.dove.listens() == {IMAP[:2]}


def test_a_server_that_dies_late_is_seen(world, monkeypatch):
    monkeypatch.setattr(transaction, "STABLE_SECONDS", 0.3)
    before = world.state()
    began = []

    def harm(number, point):
        if point == "have activated slap" and not began:
            began.append(time.monotonic())
        if began and len(began) == 1 and time.monotonic() - began[0] > 0.15:
            began.append(0)
            world.post.be(None)

    world.harm = harm
    with pytest.raises(RolledBack, match="Post has died"):
        world.run(ALL)
    assert world.state() == before


# -- who else


def test_another_config_is_named(world):
    world.run(ALL)
    with pytest.raises(Refused, match="Post listens as .*/bindings.json says, not /etc/other.json"):
        world.run(ALL, config_path="/etc/other.json")


def test_check_mode_beside_a_run_says_that_it_goes_on(world):
    world.journal.parent.mkdir()
    world.journal.write_text('{"version": 1, "started": "now", "entries": []}')
    with transaction.locked():
        with pytest.raises(
            Refused, match=r"another run of mail_listeners is going on.*process \d+"
        ):
            world.run(ALL, check=True)


def test_a_second_run_waits_and_then_says_for_whom(world, monkeypatch):
    monkeypatch.setattr(transaction, "LOCK_SECONDS", 0.05)
    with (
        transaction.locked(),
        pytest.raises(
            Refused, match=r"another run of mail_listeners.*process \d+ \(.*nothing was changed"
        ),
    ):
        world.run(ALL)


@pytest.mark.parametrize(
    "line, shown",
    [
        (
            "-o smtp_sasl_password_maps=static:user:hunter2 -o x=y",
            "-o smtp_sasl_password_maps= ********",
        ),
        (
            "connect = host=localhost password=hunter2 dbname=mail",
            "connect = host=localhost password= ********",
        ),
        ("+sql_url: mysql://mail:hunter2@db/mail", "+sql_url: mysql://mail:********@db/mail"),
        ("127.0.0.1:25 inet n - y - - smtpd", "127.0.0.1:25 inet n - y - - smtpd"),
        ("olcRootPW: hunter2", "olcRootPW: ********"),
    ],
)
def test_no_secret_is_shown(line, shown):
    assert rollback.without_secrets(line) == shown


# -- the whole module


@pytest.mark.needs_ansible
def test_a_signal_before_anything_was_done_is_a_plain_failure(world):
    from support.in_process import run

    before = world.state()
    world.harm = lambda number, point: (
        os.kill(os.getpid(), signal.SIGTERM) if point.startswith("rehearse") else None
    )
    options = {
        "config_path": str(world.config),
        "ports": [{"name": "IMAP", "protocol": "imap"}],
        "ip_addresses": [{"address": "127.0.0.2", "ports": ["IMAP"]}],
    }
    answer = run("mail_listeners", options)
    assert (
        answer["failed"] and answer["msg"] == "the task was ended by SIGTERM. Nothing was changed"
    )
    assert world.state() == before and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    world.harm = None
    assert (
        run("mail_listeners", options, check=True)["changes"]
        == run("mail_listeners", options)["changes"]
    )
    assert world.dove.listens() == {IMAP[:2]} and world.config.exists()
    world.statuses[("127.0.0.4", 143)] = "timeout"
    answer = run(
        "mail_listeners", {**options, "ip_addresses": [{"address": "127.0.0.4", "ports": ["IMAP"]}]}
    )
    assert (
        answer["failed"] is True
        and answer["changed"] is False
        and answer["rolled_back"] is True
        and "127.0.0.4:143 (imap, none): timeout" in answer["msg"]
    )


@pytest.mark.needs_ansible
@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"state": "absent", "ports": []},
            "state absent gives the servers back and leaves the config as it is: leave ports and ip_addresses out",
        ),
        ({"timeout": 0}, "timeout: give seconds, more than 0 and 3600 at the most"),
        ({"drain": -1}, "drain: give seconds, 0 to 86400 (a day)"),
    ],
)
def test_options_that_make_no_sense(world, options, message):
    from support.in_process import run

    answer = run("mail_listeners", options)
    assert answer["failed"] and answer["msg"] == message


@pytest.mark.needs_ansible
def test_who_is_not_root_is_told_so_before_anything_else(world, monkeypatch):
    from support.in_process import run

    world.journal.parent.mkdir()
    world.journal.write_text("{")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert (
        run("mail_listeners", {})["msg"]
        == "mail_listeners changes servers, and needs root for that: use become"
    )


def test_what_a_server_said_is_shown_once_and_only_what_it_complained_of():
    said = [
        "master: Warning: SIGHUP received - reloading configuration",
        "master: Error: service(imap-login): listen(192.0.2.1, 143) failed: Address already in use",
        "connect from unknown[127.0.0.1]",
        "warning: process /usr/lib/postfix/sbin/smtpd pid 1446 exit status 1",
    ]
    last = "warning: process /usr/lib/postfix/sbin/smtpd pid 1447 exit status 2"
    assert rollback.complaints([*said, *said, said[3].replace("1446", "1456"), last]) == [
        said[1],
        said[3],
        last,
    ]
    assert rollback.complaints(["error %s" % number for number in range(30)]) == [
        "error %s" % number for number in range(20, 30)
    ]


def test_systemd_reads_the_units_of_all_servers_once_on_the_way_there_and_once_on_the_way_back(
    world, monkeypatch
):
    told = []
    monkeypatch.setattr(systemd, "has_systemd", lambda: True)
    monkeypatch.setattr(
        systemd,
        "run",
        lambda argv: told.append(
            (argv, [os.path.exists(server.drop_in) for server in world.servers])
        ),
    )
    before = world.state()
    world.statuses[IMAP[:2]] = "no_starttls"
    with pytest.raises(RolledBack):
        world.run(ALL)
    assert (
        told
        == [
            (["systemctl", "daemon-reload"], [True] * 3),
            (["systemctl", "daemon-reload"], [False] * 3),
        ]
        and world.state() == before
    )
    del world.statuses[IMAP[:2]], told[:]
    world.run(ALL)
    assert told == [(["systemctl", "daemon-reload"], [True] * 3)]
    world.harm = lambda number, point: world.slap.be(None) if point == "activate slap" else None
    with pytest.raises(RolledBack):  # before it came to the units
        world.run([*ALL, ("127.0.0.2", 636, "ldap")])
    assert len(told) == 1


def test_what_is_new_is_visited_while_the_rest_settles_and_only_who_is_not_well_again(world):
    world.run([SMTP, IMAP])
    world.statuses[LDAP[:2]] = "tls_failed"
    world.harm = lambda number, point: (
        world.statuses.clear() if point == "probe" and len(world.probed) == 3 else None
    )
    world.run(ALL)
    new, later = world.probed[-2:]
    assert (
        new == ["127.0.0.2:389", "127.0.0.2:587"]
        and "127.0.0.2:389" in later
        and "127.0.0.2:587" not in later
    ), world.probed
