# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong, in words, and without secrets."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._transaction import messages


@pytest.mark.parametrize(
    "line, shown",
    [
        (
            "-o smtp_sasl_password_maps=static:user:hunter2 -o x=y",
            "-o smtp_sasl_password_maps= ********",
        ),
        (
            "connect = host=localhost password=hunter2 dbname=mail",
            "connect = host=localhost password= ********",
        ),
        ("+sql_url: mysql://mail:hunter2@db/mail", "+sql_url: mysql://mail:********@db/mail"),
        ("127.0.0.1:25 inet n - y - - smtpd", "127.0.0.1:25 inet n - y - - smtpd"),
        ("olcRootPW: hunter2", "olcRootPW: ********"),
    ],
)
def test_no_secret_is_shown(line, shown):
    assert messages.without_secrets(line) == shown


def test_only_complaints_of_a_log_are_shown_and_each_once():
    log = [
        "master: Warning: SIGHUP received - reloading configuration",
        "master: Error: service(imap-login): listen(192.0.2.1, 143) failed: Address already in use",
        "connect from unknown[127.0.0.1]",
        "warning: process /usr/lib/postfix/sbin/smtpd pid 1446 exit status 1",
    ]
    harmless = ("SIGHUP received",)
    last = "warning: process /usr/lib/postfix/sbin/smtpd pid 1447 exit status 2"
    assert messages.complaints([*log, *log, log[3].replace("1446", "1456"), last], harmless) == [
        log[1],
        log[3],
        last,
    ]
    assert messages.complaints(["error %s" % number for number in range(30)]) == [
        "error %s" % number for number in range(20, 30)
    ]
