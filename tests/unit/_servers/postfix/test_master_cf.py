# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged files are refused: by the syntax of master.cf, and by the marks of our blocks."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from support.postfix import SMTP, details

PUT_BACK = (
    'Put back the missing mark, "# mailops.bindings end" or "# mailops.bindings begin: '
    'mail_listeners wrote this from …", at line %d or where its block was'
)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            SMTP + "# x\nsubmission inet n - n\n  - - \n",
            "master.cf, line 3: too few fields, Postfix needs 8: correct the line "
            "(postfix check says more)",
        ),
        (
            "# mailops.bindings begin: mail_listeners wrote this from /x.json\n" + SMTP,
            "master.cf, line 1: begins a block of ours that has no end. " + PUT_BACK % 1,
        ),
        (
            "# mailops.bindings begin: mail_listeners wrote this from /x.json\n" * 2,
            "master.cf, line 2: begins within another block of ours. " + PUT_BACK % 1,
        ),
        (
            SMTP + "# mailops.bindings end\n",
            "master.cf, line 2: ends no block of ours: its first line is missing. " + PUT_BACK % 2,
        ),
    ],
)
def test_damaged_file_is_refused_with_the_line(text, message):
    with pytest.raises(Refused) as refused:
        details(text)
    assert str(refused.value) == message
