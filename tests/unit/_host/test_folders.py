# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folders other users than root can change names in, and that a handle follows no link."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import folders

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


@pytest.fixture
def tree(tmp_path):
    """a/b/ with a file in it, all root's."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("")
    return tmp_path


@needs_root
def test_roots_own_folders_are_fine_in_tmp_too(tree):
    assert folders.others_folder(str(tree / "a" / "b" / "file")) == ""
    assert folders.others_folder(str(tree / "a" / "b" / "missing")) == ""
    assert folders.others_folder(str(tree / "a" / "missing" / "file")) == ""
    assert folders.others_folder("/etc/mail-bindings/bindings.json") == ""


@needs_root
@pytest.mark.parametrize("name", ["a", "a/b"])
@pytest.mark.parametrize("mode", [None, 0o775, 0o757, 0o1777])
def test_a_folder_of_others_is_named_wherever_it_is_on_the_way(tree, name, mode):
    folder = tree / name
    if mode is None:
        os.chown(folder, NOBODY, NOBODY)
    else:
        folder.chmod(mode)
    found = folders.others_folder(str(tree / "a" / "b" / "file"))
    # the sticky bit keeps root's folder a/b where it is, but no file
    assert found == ("" if (name, mode) == ("a", 0o1777) else str(folder))


@needs_root
def test_what_is_missing_in_tmp_could_be_made_by_others(tree):
    assert folders.others_folder("/tmp/mailops-is-not-there/bindings.json") == "/tmp"
    os.chown(tree / "a" / "b", NOBODY, NOBODY)
    (tree / "a").chmod(0o1777)
    assert folders.others_folder(str(tree / "a" / "b" / "file")) == str(tree / "a")


@needs_root
@pytest.mark.parametrize("through", ["file", "folder", "two links", "dots"])
def test_links_are_followed_and_the_folders_that_they_lie_in_count(tree, through):
    home = tree / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    path = tree / "start"
    if through == "file":
        path.symlink_to("home/config")
    elif through == "folder":
        path.symlink_to(home)
        path = path / "config"
    elif through == "two links":  # the link in the middle could be another tomorrow
        (home / "middle").symlink_to(tree / "a" / "b")
        path.symlink_to("home/middle/file")
    else:
        path.symlink_to("a/../home/config")
    assert folders.others_folder(str(path)) == str(home)


@needs_root
def test_a_loop_of_links_comes_to_an_end(tree):
    (tree / "loop").symlink_to("loop")
    assert folders.others_folder(str(tree / "loop" / "file")) == ""


def test_a_handle_is_the_folder_and_follows_no_link(tree):
    with folders.opened(str(tree / "a" / "b")) as handle:
        assert os.path.samestat(os.fstat(handle), os.stat(tree / "a" / "b"))
        folders.sync(handle)
    (tree / "link").symlink_to("a")
    for path in (tree / "link", tree / "link" / "b", tree / "a" / "b" / "file", tree / "missing"):
        with pytest.raises(OSError), folders.opened(str(path)):
            pass
    with folders.opened("/") as handle:
        assert os.path.samestat(os.fstat(handle), os.stat("/"))
