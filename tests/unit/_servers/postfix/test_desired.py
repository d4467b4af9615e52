# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entries of others stay, which are displaced, and what ours are made from."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from support.postfix import (
    FILTERED,
    MAIN,
    PATH,
    SMTP,
    WRITTEN,
    details,
    listener,
    planned,
    smtp,
    submission,
    written,
)


def test_submission_is_not_made_from_postscreen():
    """It has no logins."""
    after = written(
        details(WRITTEN["postscreen"]), [listener("192.0.2.1", 25, "submission", "tls", *MAIN)]
    )
    assert "\n192.0.2.1:25 inet n - y - - smtpd\n" in after
    assert "  -o smtpd_sasl_auth_enable=yes\n" in after


def test_changed_wildcard_stays_one_entry_so_that_its_sockets_stay_open():
    plan = planned(details(SMTP), [smtp("0.0.0.0"), smtp("::")])
    assert (
        len(plan.steps) == 1
        and b"\nsmtp inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=no\n" in plan.steps[0][PATH]
    )
    assert b"on loopback" not in plan.steps[0][PATH]
    # on the way back it is away for a moment: a throttled service does not recover by a reload
    assert [b"#mailops.bindings# smtp" in state[PATH] for state in plan.back] == [True, False]


def test_encryption_none_leaves_an_entry_that_offers_starttls_alone():
    wanted = [smtp("0.0.0.0", "none"), smtp("::", "none")]
    assert planned(details(SMTP)._replace(boot_files={}), wanted).steps == ()
    assert (
        planned(
            details(SMTP, {"smtpd_tls_security_level": "encrypt"})._replace(boot_files={}), wanted
        ).steps
        != ()
    )


def test_nearest_entry_is_the_template():
    text = """\
25 inet n - n - 1 smtpd
192.0.2.1:25 inet n - n - 2 smtpd
192.0.2.2:587 inet n - n - 3 smtpd -o smtpd_sasl_auth_enable=yes
127.0.0.1:2525 inet n - n - 4 smtpd
192.0.2.8:26 inet n - n - 5 smtpd
192.0.2.9:26 inet n - n - 6 smtpd -o smtpd_sasl_auth_enable=yes
"""
    after = written(
        details(text),
        [
            smtp("192.0.2.1"),
            smtp("192.0.2.2"),
            submission("192.0.2.3"),
            listener("192.0.2.1", 2525, "smtp"),
            listener("192.0.2.1", 26, "submission"),
            listener("192.0.2.2", 26, "smtp"),
            listener("192.0.2.9", 26, "smtp"),
        ],
    )
    for entry in (
        "192.0.2.1:25 inet n - n - 2 smtpd",
        "192.0.2.2:25 inet n - n - 1 smtpd",
        "192.0.2.3:587 inet n - n - 3 smtpd",
        "192.0.2.1:2525 inet n - n - - smtpd",
        # elsewhere, of the same protocol; but what answers there comes first, whatever its protocol
        "192.0.2.1:26 inet n - n - 6 smtpd",
        "192.0.2.2:26 inet n - n - 5 smtpd",
        "192.0.2.9:26 inet n - n - 6 smtpd",
    ):
        assert "\n%s\n" % entry in after


def test_loopback_is_kept_as_keep_loopback_says():
    sockets = planned(
        details(SMTP + FILTERED), [smtp("192.0.2.1")], Options(keep_loopback=False)
    ).sockets
    assert sockets == {("192.0.2.1", 25), ("127.0.0.1", 10025)}
    sockets = planned(details(SMTP, loopback=("127.0.0.1",)), [smtp("192.0.2.1")]).sockets
    # binding an address that is missing would end master
    assert sockets == {("192.0.2.1", 25), ("127.0.0.1", 25)}
    own = planned(details(SMTP), [smtp("192.0.2.1"), smtp("127.0.0.1")])
    assert sum(found.listener.address == "127.0.0.1" for found in own.listeners) == 1


def test_loopback_of_ipv6_is_kept_beside_an_address_of_it_or_where_it_is_named():
    """Else a host whose IPv6 is switched off would come to need ::1 for the next start."""

    def sockets(text, *wanted, **main):
        return set(planned(details(text, main), list(wanted)).sockets)

    one, six = smtp("192.0.2.1"), smtp("2001:db8::1")
    loopback = {("127.0.0.1", 25), ("::1", 25)}
    assert sockets(SMTP, one) == {("192.0.2.1", 25), ("127.0.0.1", 25)}
    assert sockets(SMTP, six) == {("2001:db8::1", 25), *loopback}
    everywhere = listener("::", 2525, "smtp")
    assert sockets(SMTP, one, everywhere) == {("192.0.2.1", 25), ("127.0.0.1", 25), ("::", 2525)}
    named = {"inet_interfaces": "192.0.2.2, localhost"}
    assert sockets(SMTP, one, **named) == {("192.0.2.1", 25), *loopback}
    assert sockets("[::1]:26 inet n - n - - smtpd\n" + SMTP, one) >= {("::1", 26)}
