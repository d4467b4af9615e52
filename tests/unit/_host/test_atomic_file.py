# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are replaced by handles: whoever owns the folder, no other file is written or given away."""

from __future__ import annotations

import contextlib
import os
import stat

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host import atomic_file
from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
    ReplacedFile,
    write_file,
)

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


@pytest.fixture
def secret(tmp_path):
    """A file of root's elsewhere, as /etc/shadow, that must stay as it is."""
    path = tmp_path / "secret"
    path.write_text("root's own")
    path.chmod(0o600)
    return path


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("before")
    return ReplacedFile(str(folder / "file"))


def facts(path):
    status = os.stat(path)
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), path.read_text()


def test_content_owner_and_mode_are_new_and_attributes_stay(file):
    with contextlib.suppress(OSError):
        os.setxattr(file.target, "user.kept", b"yes")
    kept = os.listxattr(file.target)
    file.replace(b"after", (os.getuid(), os.getgid(), 0o604))
    with open(file.target, encoding="ascii") as found:
        assert found.read() == "after"
    assert stat.S_IMODE(os.stat(file.target).st_mode) == 0o604
    assert os.listxattr(file.target) == kept


@needs_root
@pytest.mark.parametrize("call", ["setxattr", "fchown", "fchmod", "fsync", "rename"])
@pytest.mark.parametrize("name", [".file.new", "file"])
def test_a_link_that_is_swapped_in_between_gets_nothing(file, secret, monkeypatch, call, name):
    """At any moment the folder's owner puts a link to another file in place of one of ours."""
    before, real = facts(secret), getattr(os, call)

    def swapping(*arguments, **options):
        path = os.path.join(file.folder, name)
        if os.path.isfile(path) and not os.path.islink(path):
            os.unlink(path)
            os.symlink(secret, path)
        return real(*arguments, **options)

    os.setxattr(file.target, "user.kept", b"yes")
    monkeypatch.setattr(os, call, swapping)
    with contextlib.suppress(OSError):
        file.replace(b"after", (NOBODY, NOBODY, 0o666))
    assert facts(secret) == before and os.listxattr(secret) == []


def test_a_folder_that_has_become_a_link_is_not_followed(file, secret, tmp_path):
    os.rename(file.folder, tmp_path / "away")
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", file.folder)
    with pytest.raises(OSError):
        file.replace(b"after", (-1, -1, 0o644))
    with pytest.raises(Refused, match="can't be made"), file.lock():
        pass
    file.discard()
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_backup_lies_beside_the_file_and_goes_if_the_file_can_not_be_written(file, monkeypatch):
    backup = file.replace(b"after", (-1, -1, 0o644), (b"before", (-1, -1, 0o600)))
    assert os.path.dirname(backup) == file.folder and os.path.basename(backup).startswith("file.")
    with open(backup, encoding="ascii") as kept:
        assert kept.read() == "before"
    real = os.rename

    def full(source, target, **options):
        if target == "file":
            raise OSError(28, "No space left on device")
        return real(source, target, **options)

    monkeypatch.setattr(os, "rename", full)
    os.unlink(backup)
    with pytest.raises(OSError):
        file.replace(b"again", (-1, -1, 0o644), (b"after", (-1, -1, 0o600)))
    assert os.listdir(file.folder) == ["file"]


def test_a_servers_file_behind_a_link_is_written_where_it_is(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "conf").write_text("before")
    (tmp_path / "link").symlink_to("real/conf")
    write_file(str(tmp_path / "link"), b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "conf").read_text() == "after"
    write_file(str(tmp_path / "link"), None)
    assert os.listdir(tmp_path / "real") == []


@needs_root
def test_a_servers_new_file_gets_its_folder_and_the_documented_mode(tmp_path):
    write_file(str(tmp_path / "new" / "conf"), b"")
    assert facts(tmp_path / "new" / "conf")[:3] == atomic_file.NEW_FILE_ATTRIBUTES
