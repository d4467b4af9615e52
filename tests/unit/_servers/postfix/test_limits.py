# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Postfix can't do is refused, each with a remedy."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.limits import LIMITS
from support.postfix import (
    CLIENTS,
    MAIN,
    SMTP,
    WRITTEN,
    details,
    listener,
    refusals,
    smtp,
    submission,
    written,
)

NAME = "mail.example.com"
UNSHARED = {
    "postscreen_cache_map": "btree:$data_directory/cache",
    "data_directory": "/var/lib/postfix",
}


def named(address, *more):
    return smtp(address, *more)._replace(hostname=NAME)


@pytest.mark.parametrize(
    "text, main, wanted, more, message",
    [
        (
            SMTP,
            {"multi_instance_directories": "/etc/postfix-out"},
            [smtp("192.0.2.1")],
            {},
            "main.cf: this host runs several instances of Postfix (multi_instance_directories), "
            "and mail_listeners can't tell which of them should listen: "
            "set multi_instance_directories to nothing, or leave postfix out of the option servers",
        ),
        (
            SMTP,
            {"inet_protocols": "ipv4"},
            [smtp("2001:db8::1")],
            {},
            "[2001:db8::1]:25: Postfix does not use IPv6 on this host (inet_protocols in "
            "main.cf, or the kernel), and would exit on reload: set inet_protocols to all, and "
            "restart Postfix",
        ),
        (
            SMTP,
            {"inet_protocols": "ipv6"},
            [smtp("192.0.2.1")],
            {},
            "192.0.2.1:25: Postfix does not use IPv4 on this host (inet_protocols in main.cf, or "
            "the kernel), and would exit on reload: set inet_protocols to all, and restart Postfix",
        ),
        (
            "",
            {"master_service_disable": "192.0.2.1:25/inet"},
            [smtp("192.0.2.1")],
            {},
            "192.0.2.1:25: master_service_disable = 192.0.2.1:25/inet in main.cf switches "
            "this service off: remove the pattern that matches it",
        ),
        (
            "628 inet n - n - - qmqpd\n",
            {},
            [listener("192.0.2.1", 628, "smtp")],
            {},
            "192.0.2.1:628: master.cf, line 1 already runs Postfix's qmqpd on this port, which "
            "speaks neither smtp nor submission: declare another port, or move that service",
        ),
        (
            WRITTEN["postscreen"],
            UNSHARED,
            [smtp("192.0.2.1", "tls", *MAIN), smtp("192.0.2.2", "tls", *MAIN)],
            {},
            "master.cf, line 1: postscreen can't listen on 192.0.2.1:25 and 192.0.2.2:25 "
            "separately, because several of its entries can't share its cache "
            "(postscreen_cache_map = btree:/var/lib/postfix/cache): set postscreen_cache_map = "
            "proxy:btree:/var/lib/postfix/cache in main.cf and reload Postfix, or declare its port "
            "on both 0.0.0.0 and ::, or on one address, or replace postscreen by smtpd",
        ),
        (
            WRITTEN["postscreen"],
            {},
            [smtp("192.0.2.1")],
            {},
            "192.0.2.1:25: master.cf, line 1 is postscreen, which takes encryption and "
            "certificate from main.cf (now: tls with /tls/main.pem): declare these, or set "
            "smtpd_tls_cert_file and smtpd_tls_key_file in main.cf, or replace postscreen by smtpd",
        ),
        (
            "192.0.2.1:465 inet n - n - 1 postscreen\n",
            {},
            [smtp("192.0.2.1", "ssl")],
            {},
            "192.0.2.1:465: master.cf, line 1 is postscreen, which can't use TLS from the "
            "first byte: declare tls, or replace postscreen by smtpd",
        ),
        (
            SMTP,
            {"tls_server_sni_maps": "hash:/x"},
            [named("192.0.2.1")],
            {"serves_other": lambda *asked: asked == ("hash:/x", NAME, "/tls/a.pem")},
            "192.0.2.1:25: clients that ask for mail.example.com get another certificate than "
            "/tls/a.pem, by tls_server_sni_maps = hash:/x: give that name the declared key and "
            "certificate in this table (postmap -F), or remove the name from it, "
            'or write "-o tls_server_sni_maps=" in master.cf, line 1',
        ),
        (
            SMTP,
            {},
            [submission("192.0.2.1")],
            {"can_authenticate": False},
            "192.0.2.1:587: no setting says how Postfix should check logins: set smtpd_sasl_type = "
            "dovecot and smtpd_sasl_path = private/auth in main.cf, with Dovecot's socket for "
            "it, or set up Cyrus SASL (smtpd.conf)",
        ),
        (
            "465 inet n - n - - smtpd -o smtpd_milters=\n",
            {},
            [submission("192.0.2.1", "ssl")],
            {"can_authenticate": False},
            "192.0.2.1:465: no setting says how Postfix should check logins: set smtpd_sasl_type = "
            "dovecot and smtpd_sasl_path = private/auth in main.cf, with Dovecot's socket for "
            "it, or set up Cyrus SASL (smtpd.conf)",
        ),
        (
            SMTP,
            {},
            [smtp("192.0.2.1", certificate="/tls/{a}.pem")],
            {},
            "192.0.2.1:25: master.cf can't name the file /tls/{a}.pem: "
            "give it a name without braces, and without a blank at its end",
        ),
        (
            "gone.test:25 inet n - n - - smtpd\n",
            {},
            [smtp("192.0.2.1")],
            {},
            "master.cf, line 1: gone.test is no address that Postfix can listen on: unknown, or "
            "excluded by inet_protocols, and Postfix would exit because of it on reload: correct "
            "or remove that entry first",
        ),
    ],
)
def test_limit_is_refused_with_a_remedy(text, main, wanted, more, message):
    assert refusals(text, wanted, main, **more) == [message]


def test_state_absent_is_refused_where_master_would_exit():
    after = written(details(SMTP), [smtp("192.0.2.1")])
    assert refusals(after, None) == []
    (text,) = refusals(after + "gone.test:26 inet n - n - - smtpd\n", None)
    assert text.endswith(
        "gone.test is no address that Postfix can listen on: unknown, or excluded by "
        "inet_protocols, and Postfix would exit because of it on reload: correct or remove that "
        "entry first"
    )
    # nothing of ours is in the file, so that nothing is given back
    assert refusals(SMTP + "gone.test:26 inet n - n - - smtpd\n", None) == []


def test_every_limit_has_a_docstring():
    assert all(limit.violations.__doc__ for limit in LIMITS)


@pytest.mark.parametrize(
    "text, main, wanted",
    [
        (CLIENTS, {}, [submission("192.0.2.1")]),  # its template, or main.cf, says how
        (
            "465 inet n - n - - smtpd -o smtpd_sasl_type=dovecot\n",
            {},
            [submission("192.0.2.1", "ssl")],
        ),
        (WRITTEN["postscreen"], {}, [smtp("0.0.0.0", "tls", *MAIN), smtp("::", "tls", *MAIN)]),
        ("gone.test:25 inet n - n - - smtpd\n", {}, []),
    ],
)
def test_what_postfix_can_do_is_not_refused(text, main, wanted):
    assert refusals(text, wanted, main, can_authenticate="sasl" not in text) == []


SCREENS = "smtp inet n - n - 1 postscreen\n10025 inet n - n - 1 postscreen\n"
SCREENED = [
    listener(address, port, "smtp", "tls", *MAIN)
    for address in ("0.0.0.0", "::")
    for port in (25, 10025)
]


@pytest.mark.parametrize(
    "main", [UNSHARED, {"multi_instance_directories": "/etc/postfix-out"}, {}], ids=str
)
def test_what_changes_nothing_is_not_refused(main):
    """Two postscreens, and several instances: the host has them already."""
    assert refusals(SCREENS, SCREENED, main) == []
    # a change of another entry does not concern them
    more = [*SCREENED, submission("192.0.2.1")]
    assert len(refusals(SCREENS + CLIENTS, more, main)) == ("multi_instance_directories" in main)


def test_logins_that_were_set_up_when_we_wrote_the_entry_do_not_block_what_is_unchanged():
    wanted = [submission("192.0.2.1")]
    after = written(details(SMTP), wanted)
    assert refusals(after, wanted, can_authenticate=False) == []
    assert len(refusals(SMTP, wanted, can_authenticate=False)) == 1


@pytest.mark.parametrize("cache", ["proxy:btree:/x", "memcache:/x", ""])
def test_postscreens_with_a_shared_cache_listen_on_several_addresses(cache):
    wanted = [smtp("192.0.2.1", "tls", *MAIN), smtp("192.0.2.2", "tls", *MAIN)]
    text = WRITTEN["postscreen"]
    assert refusals(text, wanted, {"postscreen_cache_map": cache}) == []
    assert len(refusals(text, wanted, UNSHARED)) == 1
    own = text.replace("1       postscreen", "1 postscreen -o postscreen_cache_map=" + cache)
    assert refusals(own, wanted, UNSHARED) == []
    # one beside a kept one that has a cache of its own
    beside = "[::1]:26 inet n - n - 1 postscreen -o postscreen_cache_map=btree:/y\n"
    assert refusals(beside + text, wanted[:1], UNSHARED) == []
    same = beside.replace("/y", "$data_directory/cache")
    assert len(refusals(same + text, wanted[:1], UNSHARED)) == 1


def test_certificates_by_name_count_for_declared_names_only():
    """Names choose further certificates, as before."""
    maps, asked = {"tls_server_sni_maps": "hash:/x"}, []

    def other(*question):
        asked.append(question)
        return True

    ours = [smtp("0.0.0.0", "tls", *MAIN), smtp("::", "tls", *MAIN)]
    for wanted in ([smtp("192.0.2.1")], ours, [named("192.0.2.1", "none")]):
        assert refusals(SMTP, wanted, maps, serves_other=other) == []
    assert refusals(SMTP, [named("192.0.2.1")], {}, serves_other=other) == []
    override = SMTP + "  -o tls_server_sni_maps=\n"
    assert refusals(override, [named("192.0.2.1")], maps, serves_other=other) == []
    assert asked == []
    # also where the entry stays as it is: a visit would see the other certificate
    kept = [each._replace(hostname=NAME) for each in ours]
    assert len(refusals(SMTP, kept, maps, serves_other=other)) == 2
    assert refusals(SMTP, kept, maps, serves_other=lambda *question: False) == []
