# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks that other users can neither take nor hold up."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import stat
import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import lock_file

NOBODY = 65534
fork = multiprocessing.get_context("fork")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")


@pytest.fixture
def path(tmp_path):
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)  # every user gets there
    return str(tmp_path / "lock")


def as_nobody(work):
    """The exit status of a child that does this as an ordinary user."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
            status = 0
        except PermissionError:
            status = 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_its_file_is_private_and_goes_with_it(path):
    previous = os.umask(0)
    try:
        with lock_file.held(path, 0):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
            assert lock_file.holder(path).startswith("process %d (" % os.getpid())
    finally:
        os.umask(previous)
    assert not os.path.exists(path) and lock_file.holder(path) == ""


@needs_root
def test_another_user_can_not_take_it(path):
    def take():
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)

    with lock_file.held(path, 0):
        assert as_nobody(take) == 2
    with open(path, "w", encoding="ascii"):
        os.chmod(path, 0o600)  # as a killed run leaves it
    assert as_nobody(take) == 2
    with lock_file.held(path, 0):
        pass


@needs_root
@pytest.mark.parametrize("owner, mode", [(0, 0o644), (0, 0o660), (NOBODY, 0o600)])
def test_a_file_that_others_may_have_open_is_replaced(path, owner, mode):
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    os.chmod(path, mode)
    os.chown(path, owner, owner)
    fcntl.flock(handle, fcntl.LOCK_EX)  # and held for ever
    with lock_file.held(path, 0.5):
        assert not os.path.samestat(os.fstat(handle), os.stat(path))
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    os.close(handle)


def test_a_link_in_its_place_is_not_followed(path, tmp_path):
    os.symlink(tmp_path / "elsewhere", path)
    with pytest.raises(OSError), lock_file.held(path, 0):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_in_its_place_holds_nothing_up(path):
    os.mkfifo(path)
    with lock_file.held(path, 0.5):
        assert stat.S_ISREG(os.stat(path).st_mode)


def test_waiting_has_a_limit_and_names_the_holder(path):
    held, release = fork.Event(), fork.Event()

    def hold():
        with lock_file.held(path, 0):
            held.set()
            release.wait(20)

    holder = fork.Process(target=hold)
    holder.start()
    assert held.wait(20)
    began = time.monotonic()
    with pytest.raises(lock_file.Busy, match=r"process %d \(" % holder.pid):
        with lock_file.held(path, 0.2):
            pass
    assert 0.2 <= time.monotonic() - began < 5
    release.set()
    with lock_file.held(path, 10):  # it waits for one that is given up in time
        pass
    holder.join()


def test_a_file_made_again_and_again_ends_the_wait_too(path, monkeypatch):
    monkeypatch.setattr(lock_file, "_is_same", lambda *arguments: False)
    with pytest.raises(lock_file.Busy), lock_file.held(path, 0.1):
        pass
