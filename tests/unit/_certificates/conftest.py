# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that all tests of this room judge."""

from __future__ import annotations

import pytest

from support import pki
from support.judging import NOW, reachable


@pytest.fixture(scope="package", name="files")
def fixture_files(tmp_path_factory):
    """The folder with the whole set, which every user can reach."""
    folder = pki.write_set(tmp_path_factory.mktemp("pki"), NOW)
    reachable(folder)
    return folder


@pytest.fixture(scope="package", name="authority")
def fixture_authority():
    """Issues others."""
    return pki.Authority(NOW)
