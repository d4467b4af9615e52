# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of users and groups, and what is said of a right that is missing."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import owners


def test_a_number_without_a_name_is_its_own():
    assert (owners.user_name(0), owners.group_name(0)) == ("root", "root")
    assert (owners.user_name(987654), owners.group_name(987654)) == ("987654", "987654")


@pytest.mark.parametrize(
    "user, code, words",
    [
        (0, errno.EACCES, ", even for root: it may be immutable or append-only (lsattr)"),
        (65534, errno.EPERM, " for the user nobody: use become"),
        (0, errno.ENOSPC, ""),
    ],
)
def test_an_error_about_rights_says_whose(monkeypatch, user, code, words):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert owners.as_whom(OSError(code, "")) == words
