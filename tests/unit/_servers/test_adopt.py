# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers set up by hand become a config that says just that, and what it can't say is listed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    read_document,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import (
    Listener,
    listeners,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.adopt import adopted
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    ConfiguredListener,
    Unmapped,
    UnmappedKind,
)

PEM = {"certificate_path": "/etc/ssl/a.pem", "private_key_path": "/etc/ssl/a.key"}


def configured(*found, unmapped=()):
    return Configured(
        tuple(
            ConfiguredListener(listener, "line %d" % number)
            for number, listener in enumerate(found)
        ),
        tuple(unmapped),
    )


def test_listeners_that_are_alike_are_one_port_on_several_addresses():
    bindings, unmapped = adopted(
        {
            "dovecot": configured(
                Listener("192.0.2.1", 993, "imap", "ssl", **PEM),
                Listener("2001:db8::1", 993, "imap", "ssl", **PEM),
                Listener("192.0.2.1", 143, "imap", "none"),
            )
        }
    )
    assert model.port_entries(bindings) == [
        {"name": "IMAP", "protocol": "imap", "port": 143, "encryption": "none", "description": ""},
        {
            "name": "IMAPS",
            "protocol": "imap",
            "port": 993,
            "encryption": "ssl",
            "description": "",
            **PEM,
        },
    ]
    assert {address: binding.ports for address, binding in bindings.ip_addresses.items()} == {
        "192.0.2.1": ("IMAP", "IMAPS"),
        "2001:db8::1": ("IMAPS",),
    }
    assert unmapped == []


def test_another_number_or_certificate_makes_a_port_with_a_name_of_its_own():
    other = {"certificate_path": "/etc/ssl/b.pem"}
    bindings, dummy = adopted(
        {
            "postfix": configured(
                Listener("192.0.2.1", 25, "smtp", "tls", **PEM),
                Listener("192.0.2.2", 25, "smtp", "tls", **other),
                Listener("192.0.2.1", 2525, "smtp", "none"),
            )
        }
    )
    assert sorted(bindings.ports) == ["SMTP", "SMTP (192.0.2.2)", "SMTP 2525"]


def test_listeners_that_the_config_can_not_say_are_listed_with_a_reason():
    theirs = Unmapped("postfix", "master.cf, line 9", "127.0.0.1:10025 inet", "a content filter's")
    bindings, unmapped = adopted(
        {
            "postfix": configured(
                Listener("127.0.0.1", 25, "smtp", "none"),
                Listener("0.0.0.0", 25, "smtp", "none"),
                Listener("192.0.2.1", 25, "smtp", "none"),
                unmapped=[theirs],
            ),
            "slapd": configured(Listener("192.0.2.1", 636, "ldap", "ssl")),
        }
    )
    assert list(bindings.ip_addresses) == ["0.0.0.0"]
    assert unmapped[0] == theirs
    assert [(entry.server, entry.where, entry.text) for entry in unmapped[1:]] == [
        ("postfix", "line 0", "127.0.0.1:25 (smtp, none)"),
        ("postfix", "line 2", "192.0.2.1:25 (smtp, none)"),
        ("slapd", "line 0", "192.0.2.1:636 (ldap, ssl)"),
    ]
    assert (
        "loopback" in unmapped[1].reason
        and "wildcard" in unmapped[2].reason
        and "certificate" in unmapped[3].reason
    )


def test_a_remark_of_a_server_is_not_repeated():
    loopback = Listener("127.0.0.1", 25, "smtp", "none")
    text = "127.0.0.1:25 inet n - y - - smtpd"
    theirs = Unmapped("postfix", "line 0", text, "stays", UnmappedKind.LOOPBACK)
    dummy, unmapped = adopted({"postfix": configured(loopback, unmapped=[theirs])})
    assert unmapped == [theirs]


def test_the_words_of_a_remark_do_not_decide_what_is_listed():
    """Only its kind does: a remark of another kind may speak of the same."""
    without_certificate = Listener("192.0.2.1", 25, "smtp", "tls")
    remark = Unmapped("postfix", "line 0", "", "asks for the client's certificate, on loopback")
    for kind, listed in ((UnmappedKind.OTHER, 2), (UnmappedKind.CERTIFICATE, 1)):
        found = configured(without_certificate, unmapped=[remark._replace(kind=kind)])
        assert len(adopted({"postfix": found}).unmapped) == listed


def test_a_remark_of_another_kind_does_not_hide_why_a_listener_is_left_out():
    remark = Unmapped("postfix", "line 1", "192.0.2.1:25 inet", "serves a second certificate")
    bindings, unmapped = adopted(
        {
            "postfix": configured(
                Listener("0.0.0.0", 25, "smtp", "none"),
                Listener("192.0.2.1", 25, "smtp", "tls", **PEM),
                unmapped=[remark],
            )
        }
    )
    assert list(bindings.ip_addresses) == ["0.0.0.0"]
    assert [entry.where for entry in unmapped] == ["line 1", "line 1"] and "wildcard" in unmapped[
        1
    ].reason


def test_addresses_that_the_config_can_not_name_are_listed():
    bindings, unmapped = adopted(
        {
            "postfix": configured(
                Listener("fe80::1%eth0", 25, "smtp", "none"),
                Listener("::ffff:192.0.2.1", 25, "smtp", "none"),
            )
        }
    )
    assert not bindings.ip_addresses
    assert [
        "scope" in unmapped[0].reason,
        "IPv4 address in IPv6 notation" in unmapped[1].reason,
    ] == [True, True], unmapped


def test_an_address_that_is_away_is_floating():
    bindings, dummy = adopted(
        {"slapd": configured(Listener("192.0.2.1", 389, "ldap", "none"))}, away={"192.0.2.1"}
    )
    assert bindings.ip_addresses["192.0.2.1"].floating


found_listeners = st.builds(
    Listener,
    address=st.sampled_from(
        [
            "0.0.0.0",
            "::",
            "127.0.0.1",
            "::1",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::1",
            "fe80::1%eth0",
            "::ffff:192.0.2.1",
        ]
    ),
    port=st.sampled_from([25, 465, 587, 993, 2525]),
    protocol=st.sampled_from(["smtp", "submission", "imap"]),
    encryption=st.sampled_from(["none", "tls", "ssl"]),
    certificate_path=st.sampled_from(["", "/etc/ssl/a.pem", "/etc/ssl/b.pem"]),
    private_key_path=st.sampled_from(["", "/etc/ssl/a.key"]),
)


@given(st.lists(found_listeners, unique_by=lambda listener: (listener.address, listener.port)))
def test_every_listener_is_declared_or_listed_and_the_config_is_valid(found):
    bindings, unmapped = adopted({"postfix": configured(*found)})
    document = {
        "schema_version": 1,
        "ports": model.port_entries(bindings),
        "ip_addresses": model.ip_entries(bindings),
    }
    assert read_document(document) == bindings
    declared = {
        (listener.address, listener.port, listener.protocol, listener.encryption)
        for listener in listeners(bindings)
    }
    assert declared <= {
        (listener.address, listener.port, listener.protocol, listener.encryption)
        for listener in found
    }
    assert len(declared) + len(unmapped) == len(found)
