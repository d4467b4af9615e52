# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables become the ports, addresses and listeners that are declared."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._role.document import (
    declared_listeners,
    profile_addresses,
    profile_ports,
)

CERTIFICATE = {"certificate_path": "/c.pem", "private_key_path": "/k.pem"}


def numbers(ports):
    return {port["name"]: (port["protocol"], port["port"], port["encryption"]) for port in ports}


SECURE = {
    "SMTP": ("smtp", 25, "tls"),
    "Submissions": ("submission", 465, "ssl"),
    "Submission": ("submission", 587, "tls"),
    "IMAPS": ("imap", 993, "ssl"),
    "POP3S": ("pop", 995, "ssl"),
}


def test_the_profiles_have_the_ports_that_are_documented():
    assert numbers(profile_ports([], "secure")) == SECURE
    assert numbers(profile_ports([], "classic")) == {
        **SECURE,
        "POP3": ("pop", 110, "tls"),
        "IMAP": ("imap", 143, "tls"),
    }
    assert profile_ports([], "custom") == []


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="give one of secure, classic, custom, not sekure"):
        profile_ports([], "sekure")


def test_a_port_of_the_same_name_replaces_that_of_the_profile():
    imaps = {"name": "IMAPS", "protocol": "imap", "port": 1993, "encryption": "none"}
    found = profile_ports([imaps, {"name": "LDAP", "protocol": "ldap"}], "secure")
    assert [port["name"] for port in found] == [
        "SMTP",
        "Submissions",
        "Submission",
        "POP3S",
        "IMAPS",
        "LDAP",
    ]
    assert found[-2:] == [imaps, {"name": "LDAP", "protocol": "ldap"}]


def test_ports_with_tls_get_the_certificate_unless_they_name_their_own():
    own = {"name": "POP3S", "encryption": "ssl", "certificate_path": "/own.pem"}
    plain = {"name": "POP3", "encryption": "none"}
    found = profile_ports([own, plain], "secure", "/c.pem", "/k.pem")
    by_name = {port["name"]: port for port in found}
    assert by_name["POP3S"] == own and by_name["POP3"] == plain
    for name in ("SMTP", "Submissions", "Submission", "IMAPS"):
        assert {key: by_name[name][key] for key in CERTIFICATE} == CERTIFICATE


def test_a_key_without_a_certificate_does_not_stay_with_the_role_s_certificate():
    (found,) = profile_ports(
        [{"name": "A", "encryption": "tls", "private_key_path": "/other.pem"}],
        "custom",
        "/c.pem",
        "/k.pem",
    )
    assert found == {"name": "A", "encryption": "tls", **CERTIFICATE}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("encryption", ENCRYPTIONS)
def test_a_complete_port_has_the_values_of_a_new_one(protocol, encryption):
    given = {"name": "A", "protocol": protocol, "encryption": encryption}
    (found,) = profile_ports([given], "custom", "/c.pem", complete=True)
    assert found["port"] == standard_number(protocol, encryption)
    assert found["private_key_path"] == found["description"] == ""
    assert ("certificate_path" in found) == (encryption != "none")


def test_a_complete_port_keeps_what_it_says():
    given = {
        "name": "A",
        "protocol": "imap",
        "port": 1993,
        "encryption": "ssl",
        "description": "ours",
        **CERTIFICATE,
    }
    assert profile_ports([given], "custom", complete=True) == [given]


def test_a_complete_port_without_a_protocol_gets_no_number():
    (found,) = profile_ports([{"name": "A"}], "custom", complete=True)
    assert found == {"name": "A", "encryption": "none", "private_key_path": "", "description": ""}


def test_an_incomplete_port_is_left_as_it_is():
    assert profile_ports([{"name": "A"}], "custom") == [{"name": "A"}]


def test_every_address_answers_on_all_ports():
    assert profile_addresses([], ["192.0.2.1", "2001:db8::1", "192.0.2.1"], ["A", "B"]) == [
        {"address": "192.0.2.1", "ports": ["A", "B"]},
        {"address": "2001:db8::1", "ports": ["A", "B"]},
    ]


def test_an_entry_replaces_the_one_for_the_same_address():
    own = {"address": "192.0.2.2", "ports": ["B"]}
    found = profile_addresses([own], ["192.0.2.1", "192.0.2.2"], ["A"], hostname="mx")
    assert found == [{"address": "192.0.2.1", "ports": ["A"], "hostname": "mx"}, own]


def test_a_complete_address_has_the_values_of_a_new_one_but_for_its_ports():
    found = profile_addresses([{"address": "192.0.2.2"}], ["192.0.2.1"], ["A"], "mx", complete=True)
    new = {"hostname": "", "floating": False, "description": ""}
    assert found == [
        {**new, "address": "192.0.2.1", "ports": ["A"], "hostname": "mx"},
        {**new, "address": "192.0.2.2"},
    ]


def test_declared_listeners_are_those_of_ports_on_addresses():
    ports = [
        {"name": "IMAPS", "protocol": "imap", "port": 993, "encryption": "ssl", **CERTIFICATE},
        {"name": "SMTP", "protocol": "smtp"},
        {"name": "no protocol"},
    ]
    addresses = [
        {"address": "192.0.2.1", "ports": ["SMTP", "no protocol"], "hostname": "mx"},
        {"address": "192.0.2.2", "ports": ["IMAPS"], "floating": False},
        {"address": "192.0.2.3", "ports": ["IMAPS"], "floating": True},
        {"address": "192.0.2.4"},
    ]
    assert declared_listeners(ports, addresses) == [
        {"address": "192.0.2.1", "protocol": "smtp", "encryption": "none", "hostname": "mx"},
        {
            "address": "192.0.2.2",
            "protocol": "imap",
            "encryption": "ssl",
            "port": 993,
            "certificate_path": "/c.pem",
        },
    ]
