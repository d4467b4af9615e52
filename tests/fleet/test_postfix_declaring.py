# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postfix listens as declared, and does all else as before."""

from __future__ import annotations

import pytest

from support.fleet.clients import Refused
from support.fleet.mail import PASSWORDS, put_certificate

from .postfix_hosts import LOOPBACK, MASTER, UNITS, listener


def test_listeners_have_certificates_of_their_own_and_clients_log_in(
    postfix, postfix_certificates, clients
):
    """A login and a message work on each, no client relays, and restrictions are as before."""
    host, (b, c) = postfix.host, postfix_certificates
    wanted = [
        listener(host.four, 25, files=b[0]),
        listener(host.four2, 25, files=c[0]),
        listener(host.six, 25, "none"),
        listener(host.four, 587, files=b[0]),
        listener(host.four2, 465, files=c[0]),
        listener(host.six, 587, files=c[0]),
        listener(host.six2, 2525, "tls", b[0]),
    ]
    told = postfix.done(wanted)
    assert {place for place in postfix.sockets() if place[0] not in LOOPBACK} == {
        (entry["address"], entry["port"]) for entry in wanted
    }
    assert {place for place in postfix.sockets() if place[0] in LOOPBACK} == {
        (address, port) for address in LOOPBACK for port in (25, 587)
    }
    assert told["config_path"] == "/etc/mail-bindings/bindings.json"
    assert (
        host.run(["systemctl", "show", "-p", "DropInPaths", UNITS[host.suite]])
        .stdout.strip()
        .endswith(f"{UNITS[host.suite]}.d/mailops.bindings.conf")
    )

    prints = dict(postfix_certificates)
    for entry in wanted:
        if entry["encryption"] != "none":
            seen = clients.served_certificate(
                entry["address"],
                entry["port"],
                None if entry["encryption"] == "ssl" else "smtp",
                host.fqdn,
            )
            assert seen == prints[entry["certificate_path"], entry["private_key_path"]], entry
    for_clients = [
        (host.four, 587, "starttls"),
        (host.four2, 465, "ssl"),
        (host.six, 587, "starttls"),
        (host.six2, 2525, "starttls"),
    ]
    for number, (address, port, tls) in enumerate(for_clients):
        assert "auth" in clients.smtp_capabilities(address, port, tls, name=host.fqdn)
        if tls == "starttls":
            assert "auth" not in clients.smtp_capabilities(address, port)
        clients.smtp_send(
            address,
            f"submitted {number}",
            "bob@example.test",
            user="alice",
            password=PASSWORDS["alice"],
            port=port,
            tls=tls,
            name=host.fqdn,
        )
        assert (
            len(
                clients.imap_fetch(
                    host.four, "bob", PASSWORDS["bob"], f"submitted {number}", name=host.fqdn
                )
            )
            == 1
        )
        for to in ("x@elsewhere.test", "bob@example.test"):
            with pytest.raises(Refused):
                clients.smtp_send(address, "for free", to, port=port, tls=tls, name=host.fqdn)
    with pytest.raises(Refused, match="530"):
        clients.smtp_send(host.four, "in clear", "bob@example.test", port=587, tls=None)
    with pytest.raises(Refused):
        clients.smtp_send(host.four2, "relayed", "x@elsewhere.test", name=host.fqdn)
    clients.smtp_send(host.four2, "delivered", "bob@example.test", name=host.fqdn)


def test_new_entries_keep_milters_chroot_limits_and_restrictions(
    postfix, postfix_certificates, clients
):
    host, ((b, _b), _c) = postfix.host, postfix_certificates
    text = host.read(MASTER).replace(
        "submission inet n       -       y       -       -       smtpd\n",
        """\
submission inet n       -       y       -       7       smtpd
  -o smtpd_milters=inet:127.0.0.1:9
  -o milter_default_action=tempfail
  -o smtpd_helo_required=yes
""",
    )
    with postfix.written(text):
        postfix.done(
            [
                listener(host.four, 587, files=b),
                listener(host.four, 25),
                listener(host.six2, 587, files=b),
            ]
        )
        for address in (host.four, host.six2):
            with pytest.raises(Refused, match="4[0-9][0-9]"):  # its milter does not run
                clients.smtp_send(
                    address,
                    "filtered",
                    "bob@example.test",
                    user="alice",
                    password=PASSWORDS["alice"],
                    port=587,
                    name=host.fqdn,
                )
        assert host.run(["postconf", "-M", f"{host.four}:587/inet"]).stdout.split()[4:8] == [
            "y",
            "-",
            "7",
            "smtpd",
        ]
        root = host.run(
            "for pid in $(pgrep -x smtpd); do readlink /proc/$pid/root; done"
        ).stdout.split()
        assert root and set(root) == {"/var/spool/postfix"}
        clients.smtp_send(host.four, "unfiltered", "bob@example.test", name=host.fqdn)


def test_open_entry_that_is_declared_as_submission_requires_logins(
    postfix, postfix_certificates, clients
):
    """Its number did not tell that it is for submission; its milter stays."""
    host, ((b, _b), _c) = postfix.host, postfix_certificates
    entry = (
        "2525 inet n - y - 7 smtpd\n  -o smtpd_sasl_auth_enable=no "
        "-o smtpd_relay_restrictions=permit -o smtpd_recipient_restrictions=permit\n"
    )
    refusing = "  -o smtpd_milters=inet:127.0.0.1:9 -o milter_default_action=tempfail\n"
    text = host.read(MASTER)
    wanted = [listener(host.four, 2525, "tls", b), listener(host.four2, 2525, "ssl", b)]
    with postfix.written(text + "\n" + entry):
        postfix.done(wanted)
        for address, tls in ((host.four, "starttls"), (host.four2, "ssl")):
            clients.smtp_send(
                address,
                f"once open {tls}",
                "bob@example.test",
                user="alice",
                password=PASSWORDS["alice"],
                port=2525,
                tls=tls,
                name=host.fqdn,
            )
            assert (
                len(
                    clients.imap_fetch(
                        host.four, "bob", PASSWORDS["bob"], f"once open {tls}", name=host.fqdn
                    )
                )
                == 1
            )
            for to in ("x@elsewhere.test", "bob@example.test"):
                with pytest.raises(Refused, match="5[0-9][0-9]"):
                    clients.smtp_send(address, "for free", to, port=2525, tls=tls, name=host.fqdn)
        assert host.run(["postconf", "-M", f"{host.four}:2525/inet"]).stdout.split()[4:8] == [
            "y",
            "-",
            "7",
            "smtpd",
        ]
        postfix("apply", wanted=None)
    with postfix.written(text + "\n" + entry + refusing):
        postfix.done(wanted)
        with pytest.raises(Refused, match="4[0-9][0-9]"):
            clients.smtp_send(
                host.four,
                "filtered",
                "bob@example.test",
                user="alice",
                password=PASSWORDS["alice"],
                port=2525,
                name=host.fqdn,
            )
        postfix("apply", wanted=None)


def test_renewed_certificate_is_served_after_a_reload(postfix, authority, clients):
    host, files = postfix.host, ("/etc/ssl/mail/renewed.pem", "/etc/ssl/mail/renewed.key")
    old = put_certificate(host, authority, *files, which="first")
    postfix.done([listener(host.four, 25, files=files)])
    assert clients.served_certificate(host.four, 25, "smtp") == old
    new = put_certificate(host, authority, *files, which="second")
    assert clients.served_certificate(host.four, 25, "smtp") == old  # by the same process
    assert postfix("activate", how="reload")["failed"] == ""
    assert clients.served_certificate(host.four, 25, "smtp") == new
