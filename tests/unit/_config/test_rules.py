# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of the bindings config, each with the message that it gives."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest
from hypothesis import given
from jsonschema import Draft7Validator

from ansible_collections.mailops.bindings.plugins.module_utils._config import rules, schema, strict
from ansible_collections.mailops.bindings.plugins.module_utils._config import values as _shapes
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    read_document,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Misshapen,
    MissingLibrary,
    Refused,
)
from support import strategies


def port(name="A", number=25, **more):
    return {"name": name, "protocol": "smtp", "port": number, **more}


def ip(address="192.0.2.1", ports=(), **more):
    return {"address": address, "ports": list(ports), **more}


def document(ports=(), ip_addresses=(), **more):
    return {"schema_version": 1, "ports": list(ports), "ip_addresses": list(ip_addresses), **more}


def complaints(value):
    with pytest.raises(Refused) as refused:
        read_document(value)
    with pytest.raises(Misshapen):  # the quick reader must not let pass what a rule refuses
        strict.read(value)
    return str(refused.value).splitlines()


@pytest.mark.parametrize(
    "value, message",
    [
        # the shape of a port
        (
            document([port(protocol="xmpp")]),
            'ports[0].protocol: "xmpp" is not one of smtp, submission, imap, pop, ldap',
        ),
        (document([port(protocol=7)]), "ports[0].protocol: 7 is not text"),
        (
            document([port(encryption="starttls")]),
            'ports[0].encryption: "starttls" is not one of none, ssl, tls',
        ),
        (
            document([port(colour="red")]),
            "ports[0].colour: unknown key; known are certificate_path, description, encryption, name, port, private_key_path, protocol",
        ),
        (document([port(number=0)]), "ports[0].port: 0 is not a port number (1 to 65535)"),
        (document([port(number=65536)]), "ports[0].port: 65536 is not a port number (1 to 65535)"),
        (
            document([port(number="smtp")]),
            'ports[0].port: "smtp" is not a port number (1 to 65535)',
        ),
        (document([port(number="25")]), 'ports[0].port: "25" is not a port number (1 to 65535)'),
        (document([port(number=True)]), "ports[0].port: true is not a port number (1 to 65535)"),
        (document([port(number=25.5)]), "ports[0].port: 25.5 is not a port number (1 to 65535)"),
        (document([port(description=None)]), "ports[0].description: null is not text"),
        (document([{"name": "A", "port": 25}]), "ports[0].protocol: is missing"),
        (document([port(), "SMTP"]), 'ports[1]: "SMTP" is not an object with keys'),
        # its name
        (document([port(name="")]), "ports[0].name: is empty"),
        (
            document([port(name=" A")]),
            'ports[0].name: " A" must be printable, without blanks at its ends',
        ),
        (
            document([port(name="A\n")]),
            'ports[0].name: "A\\n" must be printable, without blanks at its ends',
        ),
        (
            document([port(name="\ud800")]),
            'ports[0].name: "\\ud800" must be printable, without blanks at its ends',
        ),
        (
            document([port(), port(number=26)]),
            'ports[1].name: "A" is already the name of ports[0]: names are unique',
        ),
        (
            document([port(description="\udfff")]),
            "ports[0].description: has a character that is not valid Unicode",
        ),
        # its certificate
        (
            document([port(encryption="ssl")]),
            "ports[0].certificate_path: encryption ssl needs a certificate: give its absolute path",
        ),
        (
            document([port(encryption="tls", certificate_path="")]),
            "ports[0].certificate_path: encryption tls needs a certificate: give its absolute path",
        ),
        (
            document([port(certificate_path="/x")]),
            "ports[0].certificate_path: encryption none serves no certificate: leave certificate_path out, or set encryption to ssl or tls",
        ),
        (
            document([port(private_key_path="/x")]),
            "ports[0].private_key_path: encryption none serves no certificate: leave private_key_path out, or set encryption to ssl or tls",
        ),
        (
            document([port(encryption="ssl", certificate_path="x.pem")]),
            'ports[0].certificate_path: "x.pem" must be an absolute path',
        ),
        (
            document([port(encryption="ssl", certificate_path="/x", private_key_path="~/k")]),
            'ports[0].private_key_path: "~/k" must be an absolute path',
        ),
        (
            document([port(encryption="ssl", certificate_path="/x\0")]),
            'ports[0].certificate_path: "/x\\u0000" must be an absolute path',
        ),
        # the shape of an IP
        (document([], [{"address": "192.0.2.1"}]), "ip_addresses[0].ports: is missing"),
        (
            document([], [ip(floating="yes")]),
            'ip_addresses[0].floating: "yes" is not true or false',
        ),
        (document([], [dict(ip(), ports="A")]), 'ip_addresses[0].ports: "A" is not a list'),
        (
            document([port()], [ip(ports=["A", "A"])]),
            'ip_addresses[0].ports: has "A" more than once',
        ),
        (
            document([], [ip(hostname="mail example")]),
            'ip_addresses[0].hostname: "mail example" is not a host name',
        ),
        # its address (all notations: test_model)
        (
            document([], [ip("192.0.2.010")]),
            'ip_addresses[0].address: "192.0.2.010" is not an IPv4 or IPv6 address: '
            "leading zeros are ambiguous (octal or decimal?); if decimal is meant, write 192.0.2.10",
        ),
        (
            document([], [ip("::ffff:192.0.2.1")]),
            'ip_addresses[0].address: "::ffff:192.0.2.1" is an IPv4 address in IPv6 notation: write 192.0.2.1',
        ),
        (
            document([], [ip("192.0.2.0/24")]),
            'ip_addresses[0].address: "192.0.2.0/24" is a network, not an address: leave the prefix length out',
        ),
        (
            document([], [ip("2001:db8::1"), ip("2001:DB8:0::1")]),
            'ip_addresses[1].address: "2001:DB8:0::1" is the same address as ip_addresses[0]: each has one entry',
        ),
        # what stands beside each other
        (
            document([port()], [ip(ports=["B"])]),
            'ip_addresses[0].ports: there is no port "B" to assign to 192.0.2.1: declare it, or take it off the list',
        ),
        (
            document([port(), port("B")], [ip(ports=["A", "B"])]),
            'ip_addresses[0].ports: "A" and "B" both have number 25 and meet on 192.0.2.1: give one another number, or unassign it',
        ),
        (
            document([port(), port("B")], [ip(ports=["A"]), ip("0.0.0.0", ["B"])]),
            'ip_addresses[0].ports: "A" on 192.0.2.1 and "B" on 0.0.0.0 both have number 25, and 0.0.0.0 answers on every IPv4 address: unassign one of them',
        ),
        (
            document([port()], [ip("2001:db8::1", ["A"]), ip("::", ["A"])]),
            'ip_addresses[0].ports: "A" on 2001:db8::1 and "A" on :: both have number 25, and :: answers on every IPv6 address: unassign one of them',
        ),
        # the document
        ([], "the document: a list is not an object with keys"),
        (None, "the document: null is not an object with keys"),
        ({"schema_version": 1, "ports": []}, "ip_addresses: is missing"),
        (
            document(schema_version=2, anything="new"),
            "schema_version: 2 is newer than this version of mailops.bindings knows (1): upgrade the collection",
        ),
        (
            document(schema_version=2.5),
            "schema_version: 2.5 is newer than this version of mailops.bindings knows (1): upgrade the collection",
        ),
        (document(schema_version=0.5), "schema_version: 0.5 is not a whole number"),
        (document(schema_version=0), "schema_version: is 0, but must be 1"),
        (document(schema_version="1"), 'schema_version: "1" is not a whole number'),
        (document(schema_version=True), "schema_version: true is not a whole number"),
        (
            document(port=[]),
            "port: unknown key; known are $schema, ip_addresses, ports, schema_version",
        ),
        (dict(document(), ports={}), "ports: an object is not a list"),
        ({**document(), "$schema": "\ud800"}, "$schema: has a character that is not valid Unicode"),
    ],
)
def test_a_broken_rule_is_one_message_that_says_where_and_what(value, message):
    assert complaints(value) == [message]


@pytest.mark.parametrize(
    "value, certain",
    [
        (document(), True),
        (
            document([port(), port("B")], [ip(ports=["A"]), ip("192.0.2.2", ["B"])]),
            True,
        ),  # one number on two addresses
        (
            document(
                [port(), port("B")], [ip("0.0.0.0", ["A"]), ip("::", ["B"]), ip("2001:db8::1")]
            ),
            True,
        ),  # one number in two families
        (document([port(number=65535, encryption="tls", certificate_path="/c")]), True),
        (document([port(number=25.0, certificate_path="")]), False),
        (document([port(description="two\nlines")]), False),
    ],
)
def test_what_is_legal_is_read(value, certain):
    bindings = read_document(value)
    assert (len(bindings.ports), len(bindings.ip_addresses)) == (
        len(value["ports"]),
        len(value["ip_addresses"]),
    )
    if certain:
        assert strict.read(value) == bindings
    else:  # what nearly nobody writes is left to the rules
        with pytest.raises(Misshapen):
            strict.read(value)


@given(strategies.bent_documents())
def test_what_the_strict_reader_reads_the_rules_read_as_the_same(value):
    try:
        bindings = strict.read(value)
    except Misshapen:
        return
    assert bindings == read_document(value)


@given(strategies.documents())
def test_the_strict_reader_doubts_no_valid_document_but_for_unprintable_texts(value):
    for entry in value["ports"] + value["ip_addresses"]:
        if "description" in entry:
            entry["description"] = "".join(filter(str.isprintable, entry["description"]))
    assert strict.read(value) == read_document(value)


@given(strategies.crowded_documents())
def test_the_strict_reader_and_the_rules_agree_on_what_meets_on_an_address(value):
    def read(reader):
        try:
            return reader(value)
        except (Misshapen, Refused):
            return None

    assert read(strict.read) == read(read_document)


def test_all_that_is_wrong_is_said_at_once_and_nothing_twice():
    value = document(
        [
            port(number=0, encryption="ssl", certificate_path="a.pem"),
            port("B", encryption="ssl"),
            port("B", 99),
            port("C", x=1, protocol="nntp"),
        ],
        [ip("192.0.2.1/24", ["A"]), ip("192.0.2.2", ["A", "C", "missing"]), ip("192.0.2.2")],
    )
    found = complaints(value)
    assert [message.partition(":")[0] for message in found] == [
        "ports[0].port",
        "ports[3].x",
        "ports[3].protocol",
        "ports[2].name",
        "ip_addresses[0].address",
        "ip_addresses[2].address",
        "ports[0].certificate_path",
        "ports[1].certificate_path",
        "ip_addresses[1].ports",
    ]
    assert "missing" in found[-1]  # A and C are declared, if badly: that they are is not denied


def test_a_long_value_is_shown_short():
    (message,) = complaints(document([port(protocol="x" * 10_000)]))
    assert len(message) < 160


@given(strategies.bent_documents())
def test_a_document_is_read_or_every_complaint_names_a_place(value):
    try:
        read_document(value)
    except Refused as refused:
        for line in str(refused).splitlines():
            place = line.split(":")[0].split("[")[0].split(".")[0]
            assert place in {
                "the document",
                "ports",
                "ip_addresses",
                "schema_version",
                "$schema",
                "x",
                "floating",
                "hostname",
                "encryption",
            }, line


def test_without_jsonschema_the_refusal_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(MissingLibrary) as missing:
        read_document(document([port(number=0)]))
    assert "ports[0] is not valid" in str(missing.value) and "python3-jsonschema" in str(
        missing.value
    )


def test_a_valid_document_needs_no_jsonschema(monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert read_document(document([port()])).ports


def test_the_schema_is_one_and_is_the_published_file():
    Draft7Validator.check_schema(schema.SCHEMA)
    published = pathlib.Path(rules.__file__).parents[3] / "docs" / "bindings.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == schema.SCHEMA


def test_every_rule_says_what_it_is_for():
    assert all(rule.__doc__ for rule in rules.ENTRY_RULES + rules.RULES)
    assert _shapes.KINDS.keys() == {"ports", "ip_addresses"}
