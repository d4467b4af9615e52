# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the task may not read or write, without root."""

from __future__ import annotations

import os

import pytest
from declare import canonical, mail_bindings, mail_bindings_info, mail_port
from refusals import BASE, Case, CaseTests, run

pytestmark = pytest.mark.needs_ansible


def not_readable(path):
    path.write_bytes(canonical(BASE))
    path.chmod(0)


def in_read_only_folder(path):
    path.write_bytes(canonical(BASE))
    path.parent.chmod(0o555)


def no_config_in_read_only_folder(path):
    path.parent.chmod(0o555)


def of_another_user(path):
    path.write_bytes(canonical(BASE))
    os.chown(path, 65534, 65534)


CHANGE = mail_port(name="SMTP", port=26)
REPLACE = mail_bindings(exclusive=True, replace_invalid=True, ports=[], ip_addresses=[])
CASES = [
    Case("not-readable", CHANGE, [r"bindings\.json", "read|[Pp]ermission"], not_readable),
    Case(
        "not-readable-info",
        mail_bindings_info(),
        [r"bindings\.json", "read|[Pp]ermission"],
        not_readable,
    ),
    Case("not-readable-replaced", REPLACE, [r"bindings\.json", "read|[Pp]ermission"], not_readable),
    Case(
        "read-only-folder", CHANGE, ["read-only-folder", "writ|[Pp]ermission"], in_read_only_folder
    ),
    Case(
        "no-config-in-read-only-folder",
        mail_port(name="SMTP", protocol="smtp"),
        ["no-config-in-read-only-folder", "writ|[Pp]ermission"],
        no_config_in_read_only_folder,
    ),
    Case("of-another-user", CHANGE, [r"bindings\.json", "own|writ|[Pp]ermission"], of_another_user),
    Case(
        "to-another-user",
        mail_port(name="SMTP", owner="65534"),
        [r"bindings\.json|owner", "belong|[Pp]ermi"],
    ),
    Case(
        "mode-and-another-user",
        mail_port(name="SMTP", owner="65534", mode="0600"),
        [r"bindings\.json|owner", "belong|[Pp]ermi"],
    ),
]


@pytest.fixture(scope="module")
def refused(play, pki, unprivileged, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    return run(play, tmp_path_factory.mktemp("forbidden"), pki, CASES, prefix=unprivileged)


class TestCases(CaseTests):
    pass
