# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config file is read whole and replaced whole: whoever else writes, whatever kills us, however full the disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import pathlib
import random
import resource
import signal
import stat
import subprocess
import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    EMPTY,
    Bindings,
    Port,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host import atomic_file
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import InvalidConfig
from ansible_collections.mailops.bindings.plugins.module_utils._stores.file import FileStore

fork = multiprocessing.get_context("fork")


def bindings(*names):
    return Bindings({name: Port(name, "smtp", 25) for name in names}, {})


def save(store, wanted):
    with store.lock():
        return store.save(store.load(), wanted)


def names_in(path):
    return [port["name"] for port in json.loads(path.read_text(encoding="utf-8"))["ports"]]


@pytest.fixture
def config(tmp_path):
    return tmp_path / "mail-bindings" / "bindings.json"


@pytest.fixture
def store(config):
    return FileStore(str(config))


def test_a_new_config_and_its_folder_have_the_documented_modes(store, config):
    previous = os.umask(0o077)
    try:
        save(store, bindings("A"))
    finally:
        os.umask(previous)
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o755
    assert os.listdir(config.parent) == ["bindings.json"]
    assert store.load().bindings == bindings("A")


def test_an_existing_config_keeps_its_owner_and_mode(store, config):
    config.parent.mkdir()
    config.write_text('{"schema_version": 1, "ports": [], "ip_addresses": []}')
    config.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(config, 1234, 5678)
    before = config.stat()
    save(store, bindings("A"))
    after = config.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert after.st_ino != before.st_ino


def test_extended_attributes_survive(store, config):
    save(store, bindings("A"))
    try:
        os.setxattr(config, "user.note", b"kept")
    except OSError as error:
        pytest.skip("this file system has no extended attributes: %s" % error)
    save(store, bindings("B"))
    assert os.getxattr(config, "user.note") == b"kept"


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    target = tmp_path / "elsewhere" / "real.json"
    link = tmp_path / "link.json"
    target.parent.mkdir()
    save(FileStore(str(target)), bindings("A"))
    link.symlink_to("elsewhere/real.json")
    store = FileStore(str(link))
    with store.lock():
        assert sorted(os.listdir(target.parent)) == [".real.json.lock", "real.json"]
        store.save(store.load(), bindings("B"))
    assert link.is_symlink() and names_in(target) == ["B"]
    assert os.listdir(tmp_path / "elsewhere") == ["real.json"]


def test_a_backup_has_the_bytes_and_attributes_of_before(config):
    save(FileStore(str(config)), bindings("A"))
    config.chmod(0o600)
    before = config.read_bytes()
    backup = pathlib.Path(save(FileStore(str(config), backup=True), bindings("B")))
    assert backup.parent == config.parent and backup.name.startswith("bindings.json.")
    assert backup.read_bytes() == before and stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert names_in(config) == ["B"]


@pytest.mark.parametrize(
    "content, where",
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b'{"schema_version": 1, "ports": [\n', "line 2, column 1: not JSON"),
        (b"\xff\xfe{}", "byte 1 is not UTF-8"),
        (b'{"schema_version": 1, "ports": [{"name": "caf\xe9"', "byte 46 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON: Unexpected UTF-8 BOM"),
        (b"[]", "the document: a list is not an object"),
        (b"null", "the document: null is not an object"),
        (b'{"schema_version": 2}', "schema_version: 2 is newer"),
        (b'{"schema_version": 1, "schema_version": 1}', "schema_version: is there more than once"),
        (
            b'{"ports": [{}, {"port": 1, "port": 2, "a": 1, "a": 1}]}',
            r"  ports[1].a: is there more than once\n  ports[1].port: is there more than once",
        ),
        (b'{"schema_version": NaN}', "NaN is not a number in JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema_version": ' + b"1" * 10_000 + b"}", "is newer than this version|not JSON"),
    ],
)
def test_a_config_that_is_not_valid_is_refused_says_where_and_names_the_way_out(
    store, config, content, where
):
    config.parent.mkdir()
    config.write_bytes(content)
    with pytest.raises(
        InvalidConfig, match=where.replace("[", r"\[").replace("(", r"\(").replace(")", r"\)")
    ) as invalid:
        store.load()
    assert str(invalid.value).startswith(str(config)) and "replace_invalid: true" in str(
        invalid.value
    )
    assert config.read_bytes() == content


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda path: path.mkdir(), "is a directory"),
        (os.mkfifo, "is a device, pipe or socket"),
        (
            lambda path: path.symlink_to("nowhere.json"),
            "is a symbolic link to .*nowhere.json, which does not exist",
        ),
        (lambda path: path.symlink_to(path.name), "can't be read|symbolic link"),
        (lambda path: path.symlink_to("/dev/null"), "is a device, pipe or socket"),
    ],
)
def test_what_is_no_file_is_refused(store, config, make, reason):
    config.parent.mkdir()
    make(config)
    with pytest.raises(Refused, match=reason):
        FileStore(str(config)).load()


@pytest.mark.parametrize(
    "path",
    ["bindings.json", "/tmp/", "/tmp/\0", "/etc/a\nb.json", "/etc/\x1b[2J.json", "/etc/\u2028"],
)
def test_a_path_is_the_absolute_one_of_a_file(path):
    with pytest.raises(Refused, match="config_path: .* must be the absolute path of a file"):
        FileStore(path)


def refusal(store):
    with pytest.raises(Refused) as refused:
        store.check_writable(store.load())
    return str(refused.value)


@pytest.mark.parametrize("name", [".bindings.json.lock", ".bindings.json.new"])
def test_what_stands_in_the_way_is_seen_before_anything_is_written(store, config, name):
    config.parent.mkdir()
    (config.parent / name).mkdir()
    assert name in refusal(store) and "remove it" in refusal(store)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_file_that_is_mounted_by_itself_is_seen_before_anything_is_written(tmp_path):
    config = tmp_path / "a b\\c" / "bindings.json"
    store = FileStore(str(config))
    save(store, bindings("A"))
    if subprocess.run(["mount", "--bind", config, config], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        with pytest.raises(Refused, match="busy"):
            save(store, bindings("B"))
        assert "is mounted by itself" in refusal(store)
    finally:
        subprocess.run(["umount", config], check=True)
    store.check_writable(store.load())
    assert names_in(config) == ["A"]


def test_a_name_leaves_room_for_the_files_beside_it(tmp_path):
    assert "too long" in refusal(FileStore(str(tmp_path / ("x" * 252))))
    assert "too long" in refusal(FileStore(str(tmp_path / ("x" * 230)), backup=True))
    save(FileStore(str(tmp_path / ("x" * 249))), bindings("A"))


def test_where_no_file_can_be_made_the_run_ends(tmp_path):
    store = FileStore("/proc/bindings.json")
    with pytest.raises(Refused, match="lock file /proc/.bindings.json.lock can't be made"):
        with store.lock():
            pass


def test_a_folder_that_can_not_be_synced_is_no_failure(store, config, monkeypatch):
    save(store, bindings("A"))
    real = os.open

    def no_folders(path, flags, *mode, dir_fd=None):
        if flags & os.O_DIRECTORY and not flags & os.O_PATH:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", no_folders)
    save(store, bindings("B"))
    assert names_in(config) == ["B"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away, and so takes root")
@pytest.mark.parametrize(
    "owner, mode, remedy",
    [(65534, 0o755, "chown root"), (0, 0o777, "chmod go-w"), (0, 0o1777, "/etc/mail-bindings$")],
)
def test_root_takes_no_config_in_a_folder_of_others(config, owner, mode, remedy):
    config.parent.mkdir()
    os.chown(config.parent, owner, owner)
    config.parent.chmod(mode)
    with pytest.raises(Refused, match="config_path: the folder %s .*%s" % (config.parent, remedy)):
        FileStore(str(config))
    link = config.parent.parent / "link.json"
    link.symlink_to(config)
    with pytest.raises(Refused, match="config_path: the folder %s" % config.parent):
        FileStore(str(link))


def test_owner_and_mode_alone_change_in_one_step_and_keep_the_bytes(config):
    save(FileStore(str(config)), bindings("A"))
    config.write_bytes(config.read_bytes() + b"  ")
    content, inode = config.read_bytes(), config.stat().st_ino
    save(FileStore(str(config), attributes=lambda mode: (None, None, 0o600)), bindings("A"))
    assert (config.read_bytes(), stat.S_IMODE(config.stat().st_mode)) == (content, 0o600)
    assert config.stat().st_ino != inode


def test_a_config_lies_in_one_missing_folder_at_the_most(tmp_path):
    store = FileStore(str(tmp_path / "a" / "b" / "bindings.json"))
    with pytest.raises(Refused, match="/a does not exist: only the last folder"):
        store.check_writable(store.load())
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="Not a directory|is not a directory"):
        store = FileStore(str(tmp_path / "file" / "bindings.json"))
        store.check_writable(store.load())


def in_child(work) -> int:
    """Run in a forked process, as another user or with other limits; its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "folder_mode, file_mode, owner, reason",
    [
        (0o755, 0o666, 65534, "is not writable for the user nobody: use become"),
        (0o777, 0o644, 0, "is not writable for the user nobody: use become"),
        (0o777, 0o666, 0, "the user root, and only root can write such a file: use become"),
    ],
)
def test_a_user_who_may_not_write_is_told_before_anything_is(
    tmp_path, folder_mode, file_mode, owner, reason
):
    folder = tmp_path / "folder"
    config = folder / "bindings.json"
    save(FileStore(str(config)), bindings("A"))
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(0o755)
    folder.chmod(folder_mode)
    config.chmod(file_mode)
    os.chown(config, owner, 65534)

    def work():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        store = FileStore(str(config))
        with pytest.raises(Refused, match=reason):
            store.check_writable(store.load())

    assert in_child(work) == 0
    assert os.listdir(folder) == ["bindings.json"]


@pytest.mark.parametrize("backup", [False, True])
@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_leaves_all_as_it_was(config, exists, backup):
    if exists:
        save(FileStore(str(config)), bindings("A"))
    content = config.read_bytes() if exists else None

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (300, 300)
        )  # a write beyond fails, as on a full disk
        with pytest.raises(
            Refused, match="can't be written: File too large. It was left as it was"
        ):
            save(
                FileStore(str(config), backup=backup),
                bindings(*("port-%d" % number for number in range(20))),
            )

    assert in_child(work) == 0
    if exists:
        assert os.listdir(config.parent) == ["bindings.json"] and config.read_bytes() == content
    else:
        assert not config.parent.exists()


def test_who_waits_too_long_for_the_lock_is_told_who_may_hold_it(store, monkeypatch):
    monkeypatch.setattr(atomic_file, "LOCK_SECONDS", 0.2)
    release, held = fork.Event(), fork.Event()

    def hold():
        with store.lock():
            held.set()
            release.wait(20)

    holder = fork.Process(target=hold)
    holder.start()
    assert held.wait(20)
    try:
        with pytest.raises(
            Refused,
            match=r"another run has held the lock .*/\.bindings\.json\.lock .*process %d \("
            % holder.pid,
        ):
            with store.lock():
                pass
    finally:
        release.set()
        holder.join()
    with store.lock():  # and afterwards it is free
        pass


def test_sixty_four_processes_add_a_port_each_and_none_is_lost(store, config):
    start = fork.Event()

    def add(number):
        start.wait()
        with store.lock():
            stored = store.load()
            name = "port-%02d" % number
            store.save(
                stored, Bindings({**stored.bindings.ports, name: Port(name, "smtp", 25)}, {})
            )

    processes = [fork.Process(target=add, args=(number,)) for number in range(64)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 64
    assert names_in(config) == ["port-%02d" % number for number in range(64)]
    assert os.listdir(config.parent) == ["bindings.json"]


@pytest.mark.once
def test_killed_at_any_moment_the_config_is_the_old_or_the_new_one_whole(store, config):
    old, new = (
        bindings(*("old-%d" % number for number in range(200))),
        bindings(*("new-%d" % number for number in range(200))),
    )
    save(store, old)
    whole = {True: config.read_bytes()}
    save(store, new)
    whole[False] = config.read_bytes()
    start = time.perf_counter()
    save(store, old)
    once = time.perf_counter() - start

    chance = random.Random(20261122)
    outcomes = {"killed": 0, "old": 0, "new": 0}
    while outcomes["killed"] < 200:
        pid = os.fork()
        if pid == 0:
            is_old = config.read_bytes() == whole[True]
            save(FileStore(str(config)), new if is_old else old)
            os._exit(0)
        time.sleep(chance.uniform(0, 2 * once))
        os.kill(pid, signal.SIGKILL)
        outcomes["killed"] += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        content = config.read_bytes()
        assert content in whole.values()
        outcomes["old" if content == whole[True] else "new"] += 1
        assert store.load().bindings in (old, new)
    save(store, EMPTY)  # the next run works, and clears away what the killed ones left
    assert os.listdir(config.parent) == ["bindings.json"]
    assert outcomes["old"] and outcomes["new"], outcomes
