# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs that servers write themselves: the lines of a time, and no others."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import log_file

NEW_YEAR = time.mktime((2026, 1, 1, 0, 0, 0, 0, 0, -1))


def line(moment, text, prefix="mx postfix/smtpd[4711]: "):
    # as postlogd(8) and Dovecot write it, in the C locale
    local = time.localtime(moment)
    month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[local.tm_mon - 1]
    return "%s %s %s%s" % (month, time.strftime("%d %H:%M:%S", local), prefix, text)


def test_lines_of_the_time_are_found_in_both_forms(tmp_path):
    begin = NEW_YEAR + 86400 * 40
    (tmp_path / "log").write_text(
        "\n".join(
            [
                line(begin - 2, "before"),
                line(begin, "warning: first"),
                "no line of a log",
                "",
                line(begin + 1, "imap-login: Error: second", prefix=""),
                line(begin + 1, "fatal: third [x]: y", "mx postfix/master[1]: "),
                line(begin + 9, "after"),
            ]
        )
    )
    assert log_file.lines_between(str(tmp_path / "log"), begin + 0.9, begin + 2) == [
        "warning: first",
        "imap-login: Error: second",
        "fatal: third [x]: y",
    ]


def test_a_run_over_new_year_finds_the_lines_of_both_years(tmp_path):
    (tmp_path / "log").write_text(
        "\n".join([line(NEW_YEAR - 1, "old year"), line(NEW_YEAR + 1, "new year"), "Foo 1 1:1:1 x"])
    )
    found = log_file.lines_between(str(tmp_path / "log"), NEW_YEAR - 2, NEW_YEAR + 2)
    assert found == ["old year", "new year"]


def test_of_a_large_log_only_the_end_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "_MAX_BYTES", 100)
    (tmp_path / "log").write_text((line(NEW_YEAR, "x") + "\n") * 1000 + line(NEW_YEAR, "last"))
    found = log_file.lines_between(str(tmp_path / "log"), NEW_YEAR, NEW_YEAR)
    assert found[-1] == "last" and len(found) < 3


@pytest.mark.parametrize("kind", ["missing", "pipe", "folder", "device", "not text"])
def test_what_is_no_log_has_no_lines(tmp_path, kind):
    path = tmp_path / "log"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "not text":
        path.write_bytes(b"\xff\0\n" * 9)
    found = log_file.lines_between("/dev/zero" if kind == "device" else str(path), 0, time.time())
    assert found == []
