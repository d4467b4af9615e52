# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our entries, as they are written, and the drop-in of the unit."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from support.postfix import (
    DROP_IN,
    MAIN,
    PATH,
    SMTP,
    WRITTEN,
    applied,
    details,
    listener,
    planned,
    read,
    smtp,
    submission,
    written,
)

ABOUT = (
    "# Changes in here are lost: change that config, and apply it. "
    '"state: absent" gives back the lines behind "#mailops.bindings#".\n'
)


def test_displaced_entry_is_the_template_and_stays_in_the_file():
    text = """\
smtp inet n - y - 50 smtpd -v
  -o smtpd_helo_required=yes
  -o smtpd_tls_security_level=none
  -o smtpd_milters=
# the end
"""
    plan = planned(details(text), [smtp("192.0.2.1"), smtp("2001:db8::1", "none")])
    assert (
        plan.steps[-1][PATH].decode().replace(ABOUT, "# Changes in here are lost …\n")
        == """\
#mailops.bindings# smtp inet n - y - 50 smtpd -v
#mailops.bindings#   -o smtpd_helo_required=yes
#mailops.bindings#   -o smtpd_tls_security_level=none
#mailops.bindings#   -o smtpd_milters=
# mailops.bindings begin: mail_listeners wrote this from /etc/mail-bindings/bindings.json
# Changes in here are lost …
# mailops.bindings: smtp, tls
192.0.2.1:25 inet n - y - 50 smtpd
  -o smtpd_tls_wrappermode=no
  -o smtpd_tls_security_level=may
  -o smtpd_tls_cert_file=/tls/a.pem
  -o smtpd_tls_key_file=/tls/a.key
  -v
  -o smtpd_helo_required=yes
  -o smtpd_milters=
# mailops.bindings: smtp, none
[2001:db8::1]:25 inet n - y - 50 smtpd
  -v
  -o smtpd_helo_required=yes
  -o smtpd_tls_security_level=none
  -o smtpd_milters=
# on loopback as it was
127.0.0.1:25 inet n - y - 50 smtpd
  -v
  -o smtpd_helo_required=yes
  -o smtpd_tls_security_level=none
  -o smtpd_milters=
# on loopback as it was
[::1]:25 inet n - y - 50 smtpd
  -v
  -o smtpd_helo_required=yes
  -o smtpd_tls_security_level=none
  -o smtpd_milters=
# mailops.bindings end
# the end
"""
    )
    shown = plan.shown[PATH]
    assert (
        shown[0] == text[: -len("# the end\n")]
        and shown[1] + "# the end\n" == plan.steps[-1][PATH].decode()
    )


def test_other_certificates_of_main_cf_are_overridden():
    main = {
        "smtpd_tls_chain_files": "/tls/k.pem, /tls/c.pem",
        "smtpd_tls_eccert_file": "/tls/ec.pem",
    }
    text = written(details(SMTP, main), [smtp("192.0.2.1")])
    assert "  -o smtpd_tls_chain_files=\n  -o smtpd_tls_eccert_file=\n" in text
    assert "dcert" not in text


def test_submission_without_template_requires_login_and_relays_for_no_other_client():
    wanted = [
        submission("192.0.2.1", certificate="/tls/two words.pem"),
        smtp("0.0.0.0", "tls", *MAIN),
        smtp("::", "tls", *MAIN),
    ]
    text = written(details(SMTP), wanted)
    assert text.startswith(SMTP)  # the entry is left alone
    assert (
        """\
# mailops.bindings: submission, tls
192.0.2.1:587 inet n - y - - smtpd
  -o smtpd_tls_wrappermode=no
  -o smtpd_tls_security_level=encrypt
  -o { smtpd_tls_cert_file=/tls/two words.pem }
  -o smtpd_tls_key_file=/tls/a.key
  -o smtpd_tls_auth_only=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_delay_reject=yes
  -o smtpd_helo_restrictions=
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
# mailops.bindings end
"""
        in text
    )


def test_entry_of_the_same_number_is_the_template_whatever_its_protocol():
    """Its protocol is only guessed: its filters and restrictions are kept either way."""

    def entry(text, main, wanted):
        after = written(details(text, main), [wanted])
        return after[after.index("# mailops.bindings: ") : after.index("# on loopback")]

    assert (
        entry(
            "2525 inet n - y - 20 smtpd\n  -o content_filter=scan:[127.0.0.1]:10024\n"
            "  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n",
            {"smtpd_sasl_auth_enable": "yes"},
            listener("192.0.2.1", 2525, "smtp", "tls", *MAIN),
        )
        == """\
# mailops.bindings: smtp, tls
192.0.2.1:2525 inet n - y - 20 smtpd
  -o smtpd_tls_wrappermode=no
  -o smtpd_tls_security_level=may
  -o smtpd_tls_cert_file=/tls/main.pem
  -o smtpd_tls_key_file=/tls/main.key
  -o content_filter=scan:[127.0.0.1]:10024
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
"""
    )
    # only clients that log in may send, whatever the entry let through; its other options count
    assert (
        entry(
            "smtps inet n - y - 20 smtpd -v\n  -o smtpd_tls_wrappermode=yes "
            "-o smtpd_milters=unix:/run/m.sock -o smtpd_sasl_auth_enable=no\n"
            "  -o smtpd_relay_restrictions=permit -o { smtpd_delay_reject = no } "
            "-o smtpd_recipient_restrictions=permit_mynetworks\n"
            "  -o smtpd_tls_auth_only=no -o milter_macro_daemon_name=X\n",
            {},
            submission("192.0.2.1", "ssl"),
        )
        == """\
# mailops.bindings: submission, ssl
192.0.2.1:465 inet n - y - 20 smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_cert_file=/tls/a.pem
  -o smtpd_tls_key_file=/tls/a.key
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_delay_reject=yes
  -o smtpd_helo_restrictions=
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -v
  -o smtpd_milters=unix:/run/m.sock
  -o smtpd_recipient_restrictions=permit_mynetworks
  -o smtpd_tls_auth_only=no
  -o milter_macro_daemon_name=X
"""
    )


def test_encryption_none_keeps_starttls_optional():
    main = {"smtpd_tls_security_level": "encrypt"}
    before = details(
        "smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_tls_auth_only=yes\n", main
    )
    text = written(before, [listener("0.0.0.0", 465, "smtp")])
    assert (
        "\n0.0.0.0:465 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=no\n"
        "  -o smtpd_tls_security_level=may\n  -o smtpd_tls_auth_only=yes\n"
    ) in text


def test_postscreen_moves_to_one_address_and_loopback_gets_smtpd():
    plan = planned(details(WRITTEN["postscreen"]), [smtp("192.0.2.1", "tls", *MAIN)])
    text = plan.steps[-1][PATH].decode()
    assert len(plan.steps) == 1  # there can't be two for a moment
    assert "\n192.0.2.1:25 inet n - y - 1 postscreen\n" in text
    assert "\n127.0.0.1:25 inet n - y - - smtpd\n  -o smtpd_milters=unix:/run/spam.sock\n" in text


def test_drop_in_waits_for_addresses_at_boot_where_some_are_declared():
    def boot(wanted):
        return [state.get(DROP_IN) for state in planned(details(SMTP), wanted).steps[-1:]]

    assert boot([smtp("192.0.2.1")]) == [boot_file("postfix.service", Options().config_path)[1]]
    assert boot([smtp("0.0.0.0"), smtp("::"), smtp("127.0.0.1", "ssl")]) == [None]
    # an entry that is left alone is not ours, and gets no drop-in
    by_hand = details("192.0.2.1:25 inet n - y - - smtpd\n")
    assert planned(by_hand, [smtp("192.0.2.1", "none")]).steps == ()
    assert planned(
        by_hand._replace(boot_files={DROP_IN: b"old"}), [smtp("192.0.2.1", "none")]
    ).steps == ({DROP_IN: None},)
    only = planned(details(SMTP)._replace(boot_files={DROP_IN: b"old"}), None)
    assert (only.steps, only.back, only.activation) == (
        ({DROP_IN: None},),
        ({DROP_IN: b"old"},),
        "none",
    )


OFFERED = "submission inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes\n"
AUTH_ONLY = {"smtpd_tls_auth_only": "yes"}


def test_submission_where_tls_is_only_offered_is_said_and_so_is_that_it_becomes_required():
    as_it_is = [submission(address, "tls", *MAIN) for address in ("0.0.0.0", "::")]
    found = details(OFFERED, AUTH_ONLY)
    configured = read(found)
    assert [each.tls_optional for each in configured.listeners] == [True, True]
    assert "TLS is offered and not required here" in configured.unmapped[0].reason
    adopted = planned(found, as_it_is)
    assert adopted.steps == ()
    assert adopted.warnings[0] == (
        "0.0.0.0:587: TLS is offered and not required (master.cf, line 1: "
        "smtpd_tls_security_level = may), so clients can send without it. To require it, add -o "
        "smtpd_tls_security_level=encrypt there"
    )
    wanted = [submission("192.0.2.1")]
    moved = planned(found, wanted)
    assert moved.warnings == (
        "192.0.2.1:587: TLS becomes required, which master.cf, line 1 only offered: clients that "
        "send without TLS are rejected",
    )
    optional = {each.listener.address: each.tls_optional for each in moved.listeners}
    assert not optional.pop("192.0.2.1") and all(optional.values())  # loopback stays as it was
    # once it is written, nothing more is said of it
    assert planned(applied(found, moved), [*wanted, smtp("192.0.2.1")]).warnings == ()
    assert planned(found, [submission("192.0.2.1", "none")]).warnings == ()


@pytest.mark.parametrize(
    "text, main",
    [
        (OFFERED, {"smtpd_tls_security_level": "encrypt"}),
        (OFFERED.rstrip() + " -o smtpd_tls_security_level=encrypt\n", AUTH_ONLY),
        (OFFERED.replace("submission", "smtp"), AUTH_ONLY),
        (OFFERED, {}),  # it is read as encryption none
    ],
)
def test_tls_that_is_required_or_not_of_submission_is_not_remarked_upon(text, main):
    assert not any(each.tls_optional for each in read(details(text, main)).listeners)
