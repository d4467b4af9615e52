# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal keeps any state, and originals are restored as the very files that they were."""

from __future__ import annotations

import errno
import json
import os

import pytest
from _pytest.monkeypatch import MonkeyPatch  # pytest.MonkeyPatch only since 6.2
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers import boot
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import journal, lock
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.journal import (
    Journal,
    JournalEntry,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")

states = st.tuples(
    st.dictionaries(
        st.sampled_from(["/nowhere/a", "/nowhere/b", "cn=config"]),
        st.none() | st.binary(max_size=40),
        min_size=1,
    )
)
sockets = st.frozensets(
    st.tuples(st.sampled_from(["192.0.2.1", "::"]), st.integers(1, 65535)), max_size=3
)
entries = st.builds(
    JournalEntry,
    st.sampled_from(["", "postfix"]),
    states,
    states,
    st.booleans(),
    sockets,
    sockets,
    st.sampled_from(["none", "reload", "restart", "start"]),
    st.sampled_from(["", "/etc/mail-bindings"]),
).map(lambda entry: entry._replace(back=({**dict.fromkeys(entry.resources()), **entry.back[-1]},)))


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with MonkeyPatch().context() as patch:
        folder = tmp_path_factory.mktemp("journal")
        patch.setattr(lock, "JOURNAL_FOLDER", str(folder / "bindings"))
        patch.setattr(boot, "UNITS", str(folder / "units") + "/")
        yield folder


@given(st.lists(entries, max_size=3))
def test_a_written_journal_is_read_again(found):
    assert journal.pending() is None
    journal.begin(found, "then")
    assert (
        os.stat(lock.journal_path()).st_mode & 0o777,
        os.stat(lock.JOURNAL_FOLDER).st_mode & 0o777,
    ) == (
        0o600,
        0o700,
    )
    assert journal.pending() == Journal("then", found)
    journal.end(found)
    assert journal.pending() is None and os.listdir(lock.JOURNAL_FOLDER) == []


DAMAGED = "is damaged, and nothing of it is used.*restore them by hand"


@pytest.mark.parametrize(
    "content, message",
    [
        ("", DAMAGED),
        ("{", DAMAGED),
        ("[]", DAMAGED),
        ('{"version": 2, "started": "x", "entries": []}', DAMAGED),
        ('{"version": 2, "started": "x", "entries": [], "checksum": "0"}', DAMAGED),
        (
            '{"version": 1}',
            "was written by another version of mailops.bindings: "
            "run that version to undo its changes",
        ),
    ],
)
def test_an_unreadable_journal_is_left_and_named(content, message):
    refused(content, message)


def refused(content, message=DAMAGED):
    os.makedirs(lock.JOURNAL_FOLDER, exist_ok=True)
    with open(lock.journal_path(), "w", encoding="utf-8") as file:
        file.write(content)
    with pytest.raises(Refused, match=message) as caught:
        journal.pending()
    assert lock.journal_path() in str(caught.value)
    os.unlink(lock.journal_path())


def test_whatever_is_damaged_is_refused(tmp_path):
    """At each byte: changed, and cut off there."""
    entry = JournalEntry("x", ({str(tmp_path / "a"): b"ours"},), ({str(tmp_path / "a"): b"was"},))
    journal.begin([entry], "then")
    with open(lock.journal_path(), encoding="utf-8") as file:
        text = file.read()
    for place, character in enumerate(text):
        changed = text[:place] + ("y" if character == "x" else "x") + text[place + 1 :]
        refused(changed, "is damaged|another version")
        refused(text[:place])


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [{"/x.conf": "b3Vy*cw=="}]},  # which base64 without validation takes
        {"steps": [{"/x.conf": 7}]},
        {"steps": [{"/x.conf": "b3Vycw==", "/y.conf": None}]},  # with nothing to go back to
        {"activation": "explode"},
        {"running": "yes"},
        {"server": 7},
        {"sockets": [["192.0.2.1", "25"]]},
        {"later": 1},
    ],
)
def test_a_whole_journal_of_the_wrong_kind_is_refused(change):
    """Its checksum is right: another program has written it."""
    entry = JournalEntry("x", ({"/x.conf": b"ours"},), ({"/x.conf": None},))
    document = {"version": 2, "started": "x", "entries": [{**journal._as_json(entry), **change}]}
    document["checksum"] = journal._checksum(document)
    refused(json.dumps(document))


def facts(path):
    status = os.stat(path)
    return (
        status.st_ino,
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        path.read_bytes(),
    )


@pytest.mark.parametrize("links", [True, False])
def test_an_original_is_restored_itself(tmp_path, monkeypatch, links):
    target, link = tmp_path / "real" / "main.conf", tmp_path / "main.conf"
    target.parent.mkdir()
    target.write_bytes(b"as it was")
    os.chown(target, 1234, 4321)
    os.chmod(target, 0o604)
    os.utime(target, (1e9, 1e9))
    link.symlink_to(target)
    if not links:

        def no_links(source, name):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
    before = facts(target)
    entry = JournalEntry("x", ({str(link): b"ours"},), ({str(link): b"as it was"},))
    journal.begin([entry], "then")
    server = Server()
    server.put(str(link), b"ours")
    assert target.read_bytes() == b"ours" and link.is_symlink()
    journal.restore(server, str(link), b"as it was", last=True)
    journal.end([entry])
    assert facts(target)[not links :] == before[not links :]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["main.conf", "main.conf", "real"]


def test_a_new_drop_in_goes_with_its_folder(folder):
    path = str(folder / "units" / "x.service.d" / "ours.conf")
    os.mkdir(folder / "units")
    entry = JournalEntry("x", ({path: b"ours"},), ({path: None},))
    journal.begin([entry], "then")
    os.makedirs(os.path.dirname(path))  # the disk is full, and no more came of it
    journal.end([entry])
    assert os.listdir(folder / "units") == []


def test_no_room_for_a_second_name_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "x.conf"
    path.write_bytes(b"as it was")

    def full(source, name):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    entry = JournalEntry("x", ({str(path): b"ours"},), ({str(path): b"as it was"},))
    with pytest.raises(
        Refused,
        match=r"\.x\.conf\.mailops\.bindings-before, where the original is kept until all is done, "
        "can't be written: No space left",
    ):
        journal.begin([entry], "then")
    journal.end([entry])
    assert os.listdir(tmp_path) == ["x.conf"] and journal.pending() is None


def test_only_keeps_the_part_about_some_resources():
    entry = JournalEntry(
        "x", ({"/a": b"1"}, {"/a": b"2", "/b": b"3"}), ({"/a": b"4"}, {"/a": b"5", "/b": None})
    )
    assert entry.only({"/b"}) == entry._replace(steps=({"/b": b"3"},), back=({"/b": None},))
    assert entry.only(()).resources() == [] and entry.contents("/a") == [b"1", b"2", b"4", b"5"]
