# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new master.cf is activated step by step, and rolled back step by step."""

from __future__ import annotations

from support.postfix import DROP_IN, PATH, SMTP, applied, details, planned, read, smtp, with_text


def test_new_entries_listen_before_old_ones_go():
    plan = planned(details(SMTP), [smtp("192.0.2.1")])
    first, last = (state[PATH].decode() for state in plan.steps)
    assert [DROP_IN in state for state in plan.steps] == [False, True]
    assert first.startswith(last) and first.endswith(
        "# For a moment only: entries that go, beside those that come.\n"
        + SMTP
        + "# mailops.bindings end\n"
    )
    assert {("0.0.0.0", 25), ("192.0.2.1", 25)} <= read(details(first)).sockets
    assert with_text(details(SMTP), first).original.file.text == SMTP
    assert plan.back == ({PATH: SMTP.encode(), DROP_IN: None},)
    # the other way round as well; but not what does not listen: Postfix may have exited for it
    after = applied(details(SMTP), plan)
    assert (
        len(planned(after, None).steps) == 2
        and len(planned(after, None, live=frozenset()).steps) == 1
    )
    # only more, or only less
    more = planned(after, [smtp("192.0.2.1"), smtp("192.0.2.2")])
    assert (
        len(more.steps) == 1 and len(planned(applied(after, more), [smtp("192.0.2.1")]).steps) == 1
    )
