# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hand-written files say, and what of it the model can't express."""

from __future__ import annotations

import pytest

from support.postfix import (
    CLIENTS,
    FILTERED,
    PATH,
    SMTP,
    WRITTEN,
    details,
    in_short,
    planned,
    read,
    smtp,
)


def test_certificate_that_clients_get_is_read_where_there_are_two():
    """OpenSSL prefers elliptic curves, and so do its clients."""
    chains = {"smtpd_tls_chain_files": "/tls/r.key /tls/r.pem /tls/e.pem"}
    keys = {"key_files": frozenset(["/tls/r.key", "/tls/e.pem"])}
    by_address = "192.0.2.1:25 inet n - y - - smtpd\n"
    assert in_short(by_address, {"smtpd_tls_eccert_file": "/tls/e.pem"}) == [
        "192.0.2.1:25 smtp tls /tls/e.pem"
    ]
    assert in_short(by_address, chains, **keys) == ["192.0.2.1:25 smtp tls /tls/r.pem /tls/r.key"]
    assert in_short(by_address, chains, **keys, curves=frozenset(["/tls/e.pem"])) == [
        "192.0.2.1:25 smtp tls /tls/e.pem"
    ]


@pytest.mark.parametrize(
    "text, main, expected",
    [
        # what an entry listens on
        (
            SMTP,
            {},
            [
                "0.0.0.0:25 smtp tls /tls/main.pem /tls/main.key",
                "[::]:25 smtp tls /tls/main.pem /tls/main.key",
            ],
        ),
        (SMTP, {"inet_protocols": "ipv4"}, ["0.0.0.0:25 smtp tls /tls/main.pem /tls/main.key"]),
        (
            SMTP,
            {"inet_protocols": "ipv6, ipv4", "inet_interfaces": "loopback-only"},
            [
                "127.0.0.1:25 smtp tls /tls/main.pem /tls/main.key",
                "[::1]:25 smtp tls /tls/main.pem /tls/main.key",
            ],
        ),
        (
            SMTP,
            {
                "inet_interfaces": "192.0.2.1, [2001:DB8::1] $mine",
                "mine": "localhost",
                "smtpd_tls_security_level": "",
            },
            [
                "192.0.2.1:25 smtp none",
                "[2001:db8::1]:25 smtp none",
                "127.0.0.1:25 smtp none",
                "[::1]:25 smtp none",
            ],
        ),
        (
            "192.0.2.1:465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n",
            {"inet_interfaces": "loopback-only"},
            ["192.0.2.1:465 smtp ssl /tls/main.pem /tls/main.key"],
        ),
        (
            "[IPv6:2001:db8::1]:smtp inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "none"},
            ["[2001:db8::1]:25 smtp none"],
        ),
        (
            ":submissions inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes\n",
            {"inet_protocols": "ipv4", "smtpd_tls_wrappermode": "yes"},
            ["0.0.0.0:465 submission ssl /tls/main.pem /tls/main.key"],
        ),
        # submission or not
        (
            "192.0.2.1:587 inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "encrypt"},
            ["192.0.2.1:587 submission tls /tls/main.pem /tls/main.key"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes\n",
            {"smtpd_tls_security_level": ""},
            ["192.0.2.1:25 smtp none"],
        ),
        (
            "192.0.2.1:2525 inet n - n - - smtpd -o smtpd_sasl_auth_enable=$people\n",
            {"people": "yes", "smtpd_use_tls": "no", "smtpd_tls_security_level": ""},
            ["192.0.2.1:2525 submission none"],
        ),
        # TLS that is offered but not asked for is, for submission, none; unless AUTH asks for it
        ("192.0.2.1:587 inet n - n - - smtpd\n", {}, ["192.0.2.1:587 submission none"]),
        (
            "192.0.2.1:587 inet n - n - - smtpd\n",
            {"smtpd_tls_auth_only": "yes"},
            ["192.0.2.1:587 submission tls /tls/main.pem /tls/main.key"],
        ),
        # which certificate
        (
            "192.0.2.1:25 inet n - n - - smtpd\n",
            {"smtpd_tls_cert_file": ""},
            ["192.0.2.1:25 smtp none"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=/tls/x.pem -o "
            "smtpd_tls_key_file=\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/x.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=/tls/x.pem\n",
            {"smtpd_tls_key_file": "$smtpd_tls_cert_file"},
            ["192.0.2.1:25 smtp tls /tls/x.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o { smtpd_tls_chain_files = /tls/k.pem, "
            "/tls/c.pem }\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/c.pem /tls/k.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_chain_files=/tls/both.pem\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/both.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_chain_files=/tls/rsa.pem,/tls/ec.pem\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/rsa.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=${dir}/x.pem -o "
            "smtpd_tls_key_file=$(dir)/$$x\n",
            {"dir": "/tls/$sub", "sub": "s"},
            ["192.0.2.1:25 smtp tls /tls/s/x.pem /tls/s/$x"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "", "smtpd_enforce_tls": "yes"},
            ["192.0.2.1:25 smtp tls /tls/main.pem /tls/main.key"],
        ),
        # Postfix looks a level up whatever its case
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_security_level=None\n",
            {},
            ["192.0.2.1:25 smtp none"],
        ),
        (
            "192.0.2.1:587 inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "May"},
            ["192.0.2.1:587 submission none"],
        ),
        (
            "192.0.2.1:25 inet n - n - 1 postscreen\n",
            {"postscreen_tls_security_level": "NONE"},
            ["192.0.2.1:25 smtp none"],
        ),
        # postscreen's is main.cf's, or its tlsproxy's
        (
            WRITTEN["postscreen"]
            .replace(
                "tlsproxy\n",
                "tlsproxy -o tlsproxy_tls_cert_file=/tls/t.pem -o "
                "tlsproxy_tls_key_file=/tls/t.key\n",
            )
            .replace(CLIENTS, ""),
            {"inet_protocols": "ipv4"},
            ["0.0.0.0:25 smtp tls /tls/t.pem /tls/t.key"],
        ),
        (
            "192.0.2.1:25 inet n - n - 1 postscreen -o smtpd_tls_chain_files=/tls/ignored.pem\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/main.pem /tls/main.key"],
        ),
        (
            "192.0.2.1:25 inet n - n - 1 postscreen\n",
            {"postscreen_tls_security_level": "none"},
            ["192.0.2.1:25 smtp none"],
        ),
        # of two entries for one service the last one wins, also as 25 and smtp
        (
            "25 inet n - n - - smtpd\n192.0.2.1:25 inet n - n - - smtpd\n"
            "smtp inet n - n - - smtpd -o smtpd_tls_security_level=none\n",
            {"inet_protocols": "ipv4"},
            ["192.0.2.1:25 smtp tls /tls/main.pem /tls/main.key", "0.0.0.0:25 smtp none"],
        ),
        # switched off
        (
            SMTP + "587 inet n - n - - smtpd\n",
            {"master_service_disable": "!SMTP/inet, inet", "inet_protocols": "ipv4"},
            ["0.0.0.0:25 smtp tls /tls/main.pem /tls/main.key"],
        ),
        (SMTP, {"master_service_disable": "smtp.inet"}, []),
    ],
)
def test_hand_written_entry_is_read_with_inherited_settings(text, main, expected):
    assert (
        in_short(text, main, key_files=frozenset(["/tls/k.pem", "/tls/rsa.pem", "/tls/ec.pem"]))
        == expected
    )


@pytest.mark.parametrize(
    "text, main, where, reason",
    [
        (
            "628 inet n - n - - qmqpd\n",
            {},
            1,
            "qmqpd speaks neither smtp nor submission: left as it is",
        ),
        (FILTERED, {}, 2, "listens on loopback only: left as it is"),
        (
            SMTP + "\n" + SMTP,
            {},
            1,
            "master.cf, line 3 is for the same service, and the last one wins",
        ),
        (SMTP, {"master_service_disable": "inet"}, 1, "switched off by master_service_disable"),
        (
            "nowhere.test:25 inet n - n - - smtpd\n",
            {},
            1,
            "nowhere.test is no address that Postfix can listen on: "
            "unknown, or excluded by inet_protocols",
        ),
        ("smtpp inet n - n - - smtpd\n", {}, 1, "there is no port smtpp in /etc/services"),
        (
            "[2001:db8::1]:25 inet n - n - - smtpd\n",
            {"inet_protocols": "ipv4"},
            1,
            "2001:db8::1 is no address that Postfix can listen on: "
            "unknown, or excluded by inet_protocols",
        ),
        (
            "587 inet n - n - - smtpd\n",
            {},
            1,
            "STARTTLS is offered with /tls/main.pem, but a login without it is allowed",
        ),
        (
            SMTP,
            {"smtpd_tls_eccert_file": "/tls/ec.pem"},
            1,
            "serves a second certificate, /tls/main.pem",
        ),
        (
            SMTP,
            {"tls_server_sni_maps": "hash:/etc/postfix/sni"},
            1,
            "tls_server_sni_maps serves other certificates to clients that ask for a name in it",
        ),
        (
            "25 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy\n",
            {},
            1,
            "expects the PROXY protocol (smtpd_upstream_proxy_protocol)",
        ),
        (
            "25 inet n - n - - smtpd -o smtpd_tls_req_ccert=yes\n",
            {},
            1,
            "asks for the client's certificate (smtpd_tls_req_ccert)",
        ),
        (
            "25 inet n - n - - smtpd -o smtpd_tls_security_level=${secure?{may}:{none}}\n",
            {},
            1,
            "smtpd_tls_security_level = ${secure?{may}:{none}}: "
            "a conditional value, which only Postfix can evaluate",
        ),
    ],
)
def test_settings_outside_the_model_are_unmapped(text, main, where, reason):
    (unmapped,) = read(details(text, main)).unmapped
    assert (unmapped.server, unmapped.where, unmapped.reason) == (
        "postfix",
        "master.cf, line %d" % where,
        reason,
    )
    assert unmapped.text == " ".join(text.splitlines()[where - 1].split()) or text is FILTERED


def test_sockets_of_other_protocols_are_read():
    assert read(details(WRITTEN["a host like no other"])).sockets == {
        (address, port) for address in ("0.0.0.0", "::") for port in (25, 587, 628, 10026)
    } | {("127.0.0.1", 10025)}


def test_passwords_are_masked():
    text = (
        "25 inet n - n - - smtpd -o smtpd_sasl_auth_enable=no -o sql_password=geheim "
        "-o { ldap_bind_passwd = so geheim }\n"
    )
    found = details(text, {"smtpd_tls_req_ccert": "yes"})
    shown = [read(found).unmapped[0].text, *planned(found, [smtp("192.0.2.1")]).shown[PATH]]
    assert all("geheim" not in text and "sql_password=********" in text for text in shown)
