# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dovecot is configured to do, from texts as doveconf prints them."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    listeners,
    parser,
)
from support.dovecot import (
    BOTH,
    FOUR,
    HOST,
    OPTIONS,
    SECOND,
    SIX,
    TWO_CERTIFICATES,
    configuration,
    configuration_of,
    details,
    inet,
    logins,
    no_name,
    plan,
    printed,
    refusals,
)


def test_service_of_an_inactive_protocol_does_not_listen():
    assert 587 not in {port for dummy, port in parser.sockets(configuration((2, 3)).inet_listeners)}
    assert 587 in {
        port
        for dummy, port in parser.sockets(
            configuration((2, 3), protocols="imap submission").inet_listeners
        )
    }


@pytest.mark.parametrize(
    "listen, addresses",
    [
        ("*, ::", {"0.0.0.0", "::"}),
        ("*, [::]", {"0.0.0.0", "::"}),
        ("* ::", {"0.0.0.0", "::"}),
        ("*", {"0.0.0.0"}),
        ("[::]", {"::"}),
        ("0.0.0.0", {"0.0.0.0"}),
        ("192.0.2.10, [2001:DB8:0::10]", {FOUR, SIX}),
        ("192.0.2.10,2001:db8::10", {FOUR, SIX}),
    ],
)
@BOTH
def test_addresses_are_read_in_all_notations(release, listen, addresses):
    """For all listeners, and for one."""
    own = configuration(
        release,
        logins(release, [inet("imap", 143, release=release, addresses=listen)], []),
        listen="127.0.0.1",
    )
    assert parser.sockets(own.inet_listeners) == {(address, 143) for address in addresses}
    shared = configuration(
        release, logins(release, [inet("imap", 143, release=release)], []), listen=listen
    )
    assert parser.sockets(shared.inet_listeners) == {(address, 143) for address in addresses}


@BOTH
def test_comma_at_the_end_is_no_wildcard(release):
    """Observed with 2.3.19: listen = 127.0.0.5, binds that address only."""
    assert {
        address
        for address, port in parser.sockets(
            configuration(release, listen=FOUR + ",").inet_listeners
        )
    } == {FOUR}


def test_host_name_in_place_of_an_address_is_resolved():
    text = "\n".join(logins((2, 3), [inet("imap", 143, addresses="mail.example.com")], []))
    found = configuration_of(
        "# 2.3.4", "protocols = imap\nssl = no\nlisten = *\n" + text, lambda name: [FOUR, SIX]
    )
    assert parser.sockets(found.inet_listeners) == {(FOUR, 143), (SIX, 143)}


@BOTH
def test_ssl_no_closes_tls_listeners(release):
    base = configuration(release, ssl="no")
    assert {
        (entry.listener.port, entry.listener.encryption) for entry in listeners.listeners(base)
    } == {
        (110, "none"),
        (143, "none"),
    }


@BOTH
def test_port_0_switches_a_listener_off(release):
    base = configuration(
        release,
        logins(release, [inet("imap", 0, release=release), inet("imaps", 993, "yes", release)], []),
    )
    assert {entry.listener.port for entry in listeners.listeners(base)} == {993}


@BOTH
def test_narrower_filter_decides_on_the_certificate(release):
    cert, key, end = (
        ("ssl_cert = <%s", "ssl_key = <%s", "")
        if release < (2, 4)
        else ("ssl_server {\ncert_file = %s", "key_file = %s", "\n}")
    )

    def settings(name):
        return cert % name + "\n" + key % (name + ".key") + end

    changed = (
        "protocol imap {\n%s\n}\nlocal 192.0.2.0/24 {\n  protocol imap {\n%s\n  }\n}\nlocal "
        "192.0.2.10 {\n  protocol imap {\n%s\n  }\n}\n"
        % (settings("/imap"), settings("/net"), settings("/one"))
    )
    base = configuration(release, changed=changed)
    assert [
        base.tls_of("imap", address).certificate for address in (FOUR, SECOND, SIX, "0.0.0.0")
    ] == ["/one", "/net", "/imap", "/imap"]
    assert base.tls_of("pop3", FOUR).certificate == HOST[0]


def test_later_filter_decides_in_2_4():
    narrow, net = (
        "local %s {\n  ssl_server {\n    cert_file = %s\n    key_file = /key\n  }\n}\n" % pair
        for pair in ((FOUR, "/one"), ("192.0.2.0/24", "/net"))
    )
    assert configuration((2, 4), changed=narrow + net).tls_of("imap", FOUR).certificate == "/net"
    assert configuration((2, 4), changed=net + narrow).tls_of("imap", FOUR).certificate == "/one"


@BOTH
@pytest.mark.parametrize(
    "curves, served",
    [((), "alt"), (("alt",), "alt"), (("main",), "main"), (("main", "alt"), "alt")],
)  # seen with both: test_the_second_certificate_is_the_one_that_clients_get
def test_certificate_that_clients_get_is_read_of_two(release, curves, served):
    base = configuration(release, services=[TWO_CERTIFICATES[release], *logins(release)])
    files = {"main": base.tls, "alt": base.second._replace(ssl=base.tls.ssl)}
    read = parser.as_served(base, [files[entry].key for entry in curves].__contains__)
    assert read.tls == files[served]
    assert {read.tls.certificate, read.second.certificate} == {
        entry.certificate for entry in files.values()
    }
    assert {
        found.listener.certificate_path
        for found in listeners.listeners(read)
        if found.listener.encryption != "none"
    } == {files[served].certificate}
    declared = [found.listener for found in listeners.listeners(read)]
    assert (
        refusals(details(read), declared, OPTIONS) == []
        and plan(details(read), declared, OPTIONS).steps == ()
    )


# -- one call of doveconf, as for 2.3


def test_one_output_says_all_in_2_3():
    changed, by_name = printed((2, 3), changed="local 192.0.2.10 {\n  ssl = no\n}\n")
    text = (changed + by_name).replace("imap lmtp pop3", '" imap lmtp pop3"')
    section = parser.combined([text])
    assert parser.config_of(section, parser.release_of(text), no_name) == configuration_of(
        changed, by_name
    )


# -- our own file

OURS = """\
# Written by mail_listeners

shutdown_clients = no

service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener mailops-993-ssl {
    address = 192.0.2.10
    port = 993
    ssl = yes
    haproxy = yes
  }
}

local 192.0.2.10 {
  local_name a.example {
    protocol imap {
      ssl_cert = </a
      ssl_key = </b
    }
  }
}
"""


def test_our_file_is_read_as_dovecot_reads_it():
    found = configuration_of(*printed((2, 3)), ours=OURS)
    assert not found.shutdown_clients
    assert parser.sockets(found.inet_listeners) == {
        (FOUR, 993),
        *((address, port) for address in ("0.0.0.0", "::") for port in (110, 993, 995)),
    }
    assert found.inet_listeners[1]._replace(service="") == parser.InetListener(
        "", "mailops-993-ssl", 993, True, (FOUR,), "imap", True, False, (("haproxy", "yes"),)
    )
    assert found.filters[-1].where == "local 192.0.2.10, local_name a.example, protocol imap"


@pytest.mark.parametrize(
    "old, new",
    [
        ("shutdown_clients = no\n", ""),
        ("shutdown_clients = no", "shutdown_clients = yes"),
        ("shutdown_clients = no", "shutdown_clients = no\nmail_debug = yes"),
        ("shutdown_clients = no", "shutdown_clients = no\n!include other.conf"),
        ("shutdown_clients = no", "shutdown_clients=no"),
        ("    port = 0\n", "    port = 0  # off\n"),
        ("    port = 0\n", "    port = $port\n"),
        ("    port = 0\n", "    port = 0\n  unix_listener x {\n  }\n"),
        ("    port = 993\n", "    port = 993 \\\n"),
        ("    port = 993\n", "    port = 993\n    port = 994\n"),
        ("  inet_listener imap {\n", "  process_limit = 1\n  inet_listener imap {\n"),
        ("local 192.0.2.10 {\n", "local 192.0.2.10 {\n  ssl = no\n"),
        ("local 192.0.2.10 {", "remote 192.0.2.10 {"),
        ("}\n\nlocal", "\nlocal"),
        ("}\n\nlocal", "}\n}\n\nlocal"),
        ("</a", "</%{env:X}"),
    ],
)
def test_our_file_is_left_to_doveconf_if_it_was_edited(old, new):
    assert parser.own_section(OURS)
    assert old in OURS and parser.own_section(OURS.replace(old, new, 1)) is None


def test_filter_repeated_in_our_file_keeps_its_place():
    cert = "  protocol imap {\n    ssl_server {\n      cert_file = %s\n    }\n  }\n}\n"
    changed = "local 192.0.2.10 {\n  protocol imap {\n    x = 1\n  }\n}\nlocal 192.0.2.0/24 {\n" + (
        cert % "/net"
    )
    ours = (
        "shutdown_clients = no\nlocal %s {\n  protocol imap {\n"
        '    ssl_server_cert_file = "/ours"\n  }\n}\n'
    )
    texts = printed((2, 4), changed=changed)
    repeated = configuration_of(*texts, ours=ours % FOUR)
    assert repeated.tls_of("imap", FOUR).certificate == "/net"
    added = configuration_of(*texts, ours=ours % SECOND)
    assert added.tls_of("imap", SECOND).certificate == "/ours"
