# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values: addresses in one notation, a document in one form, and shapes that agree with the schema."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, schema
from ansible_collections.mailops.bindings.plugins.module_utils._config import values as _shapes
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    read_document,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)
from support import strategies


@pytest.mark.parametrize(
    "written, canonical",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("2001:DB8:0:0::10", "2001:db8::10"),
        ("2001:0db8:0000:0000:0000:0000:0000:0010", "2001:db8::10"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("::ffff:0:192.0.2.1", "::ffff:0:c000:201"),  # not the IPv4-mapped range
    ],
)
def test_an_address_has_one_notation(written, canonical):
    assert canonical_address(written) == canonical


@pytest.mark.parametrize(
    "written, reason",
    [
        ("192.0.2.010", "write 192.0.2.10"),
        ("010.0.0.1", "write 10.0.0.1"),
        ("192.0.2.1/24", "leave the prefix length out"),
        ("2001:db8::1/64", "leave the prefix length out"),
        ("fe80::1%eth0", "has a scope"),
        ("::ffff:192.0.2.1", "write 192.0.2.1"),
        ("::ffff:c000:201", "write 192.0.2.1"),
        ("255.255.255.255", "broadcast"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("192.0.2", "is not an IPv4 or IPv6 address"),
        ("192.0.2.256", "is not an IPv4 or IPv6 address"),
        ("192.0.2.1:25", "is not an IPv4 or IPv6 address"),
        ("[2001:db8::1]", "is not an IPv4 or IPv6 address"),
        (" 192.0.2.1", "is not an IPv4 or IPv6 address"),
        ("192.0.2.1\n", "is not an IPv4 or IPv6 address"),
        ("٣.0.2.1", "is not an IPv4 or IPv6 address"),
        ("mail.example.com", "is not an IPv4 or IPv6 address"),
        ("3221225985", "is not an IPv4 or IPv6 address"),
        ("", "is not an IPv4 or IPv6 address"),
        ("1" * 5000 + ".0.0.1", "is not an IPv4 or IPv6 address"),
    ],
)
def test_what_is_no_plain_address_is_refused_with_its_reason(written, reason):
    with pytest.raises(ValueError, match=reason):
        canonical_address(written)


@given(st.ip_addresses())
def test_every_notation_of_an_address_is_refused_or_canonical(address):
    def outcome(text):
        try:
            return canonical_address(text)
        except ValueError:
            return None

    assert outcome(address.exploded) == outcome(str(address)) == outcome(str(address).upper())
    assert outcome(str(address)) in (None, str(ipaddress.ip_address(str(address))))


@pytest.mark.parametrize(
    "protocol, plain, ssl",
    [
        ("smtp", 25, 465),
        ("submission", 587, 465),
        ("imap", 143, 993),
        ("pop", 110, 995),
        ("ldap", 389, 636),
    ],
)
def test_standard_numbers(protocol, plain, ssl):
    assert [standard_number(protocol, encryption) for encryption in ("none", "tls", "ssl")] == [
        plain,
        plain,
        ssl,
    ]


def test_the_canonical_text_is_sorted_and_ends_with_a_newline():
    bindings = read_document(
        {
            "schema_version": 1,
            "ports": [
                {"name": "b", "protocol": "smtp", "port": 2},
                {"name": "a", "protocol": "imap", "port": 1, "description": "für alle"},
            ],
            "ip_addresses": [
                {"address": address, "ports": ["b", "a"]}
                for address in ("::1", "192.0.2.10", "192.0.2.9", "0.0.0.0")[:3]
            ],
        }
    )
    text = model.canonical_text(bindings)
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    written = json.loads(text)
    assert [port["name"] for port in written["ports"]] == ["a", "b"]
    assert [entry["address"] for entry in written["ip_addresses"]] == [
        "192.0.2.9",
        "192.0.2.10",
        "::1",
    ]
    assert written["ip_addresses"][0]["ports"] == ["a", "b"]
    assert "für alle" in text
    assert "certificate_path" not in text


@given(strategies.documents())
def test_what_is_written_reads_as_the_same(document):
    bindings = read_document(document)
    assert read_document(json.loads(model.canonical_text(bindings))) == bindings
    assert bindings.schema == document.get("$schema")


@given(strategies.bent_documents())
def test_the_strict_parser_and_the_schema_accept_the_same_documents(document):
    def well_formed():
        try:
            _shapes.check_frame(document)
            for kind in _shapes.KINDS:
                for entry in document[kind]:
                    _shapes.values(kind, entry, complete=True)
        except model.Misshapen:
            return False
        return True

    assert well_formed() == Draft7Validator(schema.SCHEMA).is_valid(document)


def test_every_value_has_a_shape():
    for kind in _shapes.KINDS.values():
        assert tuple(kind.shape) == kind.make._fields
