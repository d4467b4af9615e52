# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that lead to anything are read as what they are."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
    read_regular_file,
)


def test_content_and_status_are_of_one_moment(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    content, status = read_regular_file(str(tmp_path / "file"), 7)
    assert content == b"content" == read_file(str(tmp_path / "file"))
    assert os.path.samestat(status, os.stat(tmp_path / "file"))


def test_what_is_missing_or_too_large(tmp_path):
    assert read_file(str(tmp_path / "file")) is None
    with pytest.raises(FileNotFoundError):
        read_regular_file(str(tmp_path / "file"), 7)
    (tmp_path / "file").write_bytes(b"12345678")
    with pytest.raises(TooLarge) as caught:
        read_regular_file(str(tmp_path / "file"), 7)
    assert caught.value.size == 8


@pytest.mark.parametrize("kind, words", [("folder", "a directory"), ("pipe", "device, pipe")])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path, kind, words):
    path = tmp_path / "name"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(NotAFile, match=words):
        read_regular_file(str(path), 7)
