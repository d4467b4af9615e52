# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's configuration in the words of the model."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    listeners,
    parser,
)
from support.dovecot import (
    BOTH,
    FOUR,
    OPTIONS,
    OTHER,
    TWO_CERTIFICATES,
    configuration,
    details,
    everywhere,
    inet,
    listener,
    logins,
    plan,
    refusals,
    service,
)


@BOTH
def test_stock_server_listens_on_wildcards_and_needs_no_change(release):
    base = configuration(release)
    found = [entry.listener for entry in listeners.listeners(base)]
    assert found == sorted(
        [
            *everywhere(143, "imap"),
            *everywhere(993, "imap"),
            *everywhere(110, "pop"),
            *everywhere(995, "pop"),
        ],
        key=lambda entry: (":" in entry.address, entry.port),
    )
    assert listeners.listeners(base)[0].where == "service pop3-login, inet_listener pop3"
    assert parser.sockets(base.inet_listeners) == {(entry.address, entry.port) for entry in found}
    assert listeners.unmapped(base) == ()
    assert plan(details(base), found, OPTIONS).steps == ()


def test_what_has_no_place_in_the_model_is_unmapped():
    base = configuration(
        (2, 3),
        [
            *logins(
                (2, 3),
                [
                    inet("imap", 143, addresses="127.0.0.1"),
                    inet("imaps", 993, "yes", haproxy="yes"),
                ],
                [],
            ),
            service(
                "imap-plain",
                inet("old", 1143, addresses=FOUR),
                protocol="imap",
                kind="login",
                executable="imap-login -o ssl=no",
            ),
            service("lmtp", inet("lmtp", 24, addresses="127.0.0.1"), protocol="lmtp"),
        ],
        "local_name mail.example.com {\n  ssl_cert = </sni\n}\nlocal 192.0.2.77 {\n  ssl_cert = "
        "</far\n  ssl_key = # hidden, use -P to show it\n}\n"
        "remote 10.0.0.0/8 {\n  ssl = required\n}\nlocal 192.0.2.78 {\n  "
        "mail_max_userip_connections = 3\n}\n",
    )
    assert [(entry.where, entry.reason) for entry in listeners.unmapped(base)] == [
        (
            "service imap-login, inet_listener imap",
            "a loopback listener: kept as it is, never declared",
        ),
        (
            "service imap-login, inet_listener imaps",
            "a setting of one listener: kept when the listener is taken over",
        ),
        (
            "service imap-plain, inet_listener old",
            "a login service of its own: kept when the listener is taken over",
        ),
        ("service lmtp, inet_listener lmtp", "a listener of another protocol: lmtp"),
        ("local_name mail.example.com", "a certificate or TLS setting by server name (SNI)"),
        ("local 192.0.2.77", "a certificate or TLS setting for an address without a listener"),
        ("remote 10.0.0.0/8", "a TLS setting by the client's address"),
    ]
    assert (
        listeners.unmapped(base)[1].text
        == "inet_listener imaps { address = 0.0.0.0, ::; port = 993; ssl = yes; haproxy = yes }"
    )
    assert [
        entry.listener.encryption
        for entry in listeners.listeners(base)
        if entry.listener.port == 1143
    ] == ["none"]


def test_certificate_that_is_not_in_a_file_is_unmapped():
    base = configuration(
        (2, 3), certificate=("-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----")
    )
    assert {
        (entry.listener.port, entry.listener.encryption) for entry in listeners.listeners(base)
    } == {
        (143, "none"),
        (110, "none"),
    }
    assert {(entry.where.split()[-1], entry.reason) for entry in listeners.unmapped(base)} == {
        ("imap", "its certificate and key are not in files"),
        ("pop3", "its certificate and key are not in files"),
        ("imaps", "its certificate and key are not in files: this listener can't be declared"),
        ("pop3s", "its certificate and key are not in files: this listener can't be declared"),
    }
    assert not any("BEGIN" in entry.text for entry in listeners.unmapped(base))


@BOTH
def test_second_certificate_is_unmapped_and_refused_beside_a_declared_one(release):
    base = configuration(release, services=[TWO_CERTIFICATES[release], *logins(release)])
    assert [
        (entry.text, "one of two certificates" in entry.reason)
        for entry in listeners.unmapped(base)
        if "alt_cert" in entry.where
    ] == [("/etc/tls/alt.pem", True)]
    name = "ssl_alt_cert" if release < (2, 4) else "ssl_server_alt_cert_file"
    (message,) = refusals(details(base), [listener(FOUR, 993, certificate=OTHER)], OPTIONS)
    assert message == (
        FOUR
        + ":993: Dovecot has two certificates for all its services (%s, /etc/tls/alt.pem), and "
        "some clients would get one of them instead of the declared "
        "one: remove %s" % (base.tls.certificate, name)
    )
    # where nothing is set, nothing is in the way: it stays as it is
    assert (
        refusals(details(base), [entry.listener for entry in listeners.listeners(base)], OPTIONS)
        == []
    )


@BOTH
def test_submission_service_of_dovecot_has_no_place_and_is_called_so(release):
    services = [
        *logins(release),
        service(
            "submission-login",
            inet("submissions", 465, "yes", release=release),
            protocol="submission",
            kind="login",
        ),
    ]
    base = configuration(release, services=services, protocols="imap pop3 submission")
    found = {entry.where: (entry.text, entry.reason) for entry in listeners.unmapped(base)}
    text, reason = found["service submission-login, inet_listener submissions"]
    assert "port = 465" in text
    assert reason.startswith("Dovecot's own submission service, which can't be declared")
    assert not any(each.listener.port == 465 for each in listeners.listeners(base))
