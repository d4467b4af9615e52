# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal sees the new files in their place, and nothing of it reaches the live ones, wherever links lead."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host.sandbox import validate_in_copy

MAY_MOUNT = (
    subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode
    == 0
)

pytestmark = pytest.mark.skipif(not MAY_MOUNT, reason="mounts, and so takes root that may")


@pytest.mark.parametrize("linked", ["nothing", "the folder", "a folder in it", "a file in it"])
def test_the_live_files_can_not_be_reached(tmp_path, linked):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "etc"
    real = elsewhere if linked == "the folder" else folder
    real_conf_d = elsewhere if linked == "a folder in it" else real / "conf.d"
    real_main = elsewhere / "main.conf" if linked == "a file in it" else real / "main.conf"
    for made in (elsewhere, real, real_conf_d):
        made.mkdir(exist_ok=True)
    if linked == "the folder":
        folder.symlink_to(elsewhere)
    if linked == "a folder in it":
        (folder / "conf.d").symlink_to(elsewhere)
    if linked == "a file in it":
        (folder / "main.conf").symlink_to(real_main)
    live = {
        real_main: "main",
        real_conf_d / "changed.conf": "before",
        real_conf_d / "removed.conf": "here",
        real_conf_d / "other.conf": "other",
    }
    for path, content in live.items():
        path.write_text(content)

    state = {
        "main.conf": b"new main",
        "conf.d/changed.conf": b"after",
        "conf.d/removed.conf": None,
        "conf.d/added.conf": b"new",
    }
    status, said = validate_in_copy(
        str(folder),
        {"%s/%s" % (folder, name): content for name, content in state.items()},
        ["sh", "-c", 'cd "$0"; grep -r "" main.conf conf.d/* >&2', str(folder)],
    )

    assert not status, said
    assert sorted(said.split("\n")) == [
        "",
        "conf.d/added.conf:new",
        "conf.d/changed.conf:after",
        "conf.d/other.conf:other",
        "main.conf:new main",
    ]
    assert {path: path.read_text() for path in live} == live
    assert not (real_conf_d / "added.conf").exists()


def test_the_folder_may_be_large(tmp_path):
    (tmp_path / "lookup.db").write_bytes(bytes(70 << 20))
    assert validate_in_copy(
        str(tmp_path), {}, ["cmp", "-n", str(70 << 20), str(tmp_path / "lookup.db"), "/dev/zero"]
    ) == (0, "")


def test_nothing_else_of_the_host_is_hidden(tmp_path):
    """Certificates may be anywhere, also where things are mounted for a while; and the copy is as accessible as the folder."""
    tmp_path.chmod(0o751)
    os.chown(tmp_path, 65534, 65534)
    before = mount_points()
    status, said = validate_in_copy(
        str(tmp_path),
        {},
        [
            "sh",
            "-c",
            'cut -d " " -f5 /proc/self/mountinfo >&2; stat -c "%a %u" "$0" >&2',
            str(tmp_path),
        ],
    )
    stayed = before & mount_points()  # others mount and unmount meanwhile, as everywhere
    assert not status, said
    *inside, mode, owner = said.split()
    assert stayed | {str(tmp_path)} <= set(inside)
    assert (mode, owner) == ("751", "65534")


def mount_points():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {line.split()[4] for line in file}
