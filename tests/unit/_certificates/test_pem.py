# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of PEM files, as OpenSSL takes them, and where damage is."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import (
    damage,
    scan,
)

#: Content of three blocks: each a sequence with one number.
TEXTS = {name: b"MAMCAQ%d=" % number for number, name in enumerate("AEI")}


def block(name="A", label="CERTIFICATE"):
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (
        label.encode(),
        TEXTS[name],
        label.encode(),
    )


def key():
    return block("I", "PRIVATE KEY")


def indented(content, blanks=b"  "):
    return b"".join(blanks + line for line in content.splitlines(True))


@pytest.mark.parametrize(
    "content, labels",
    [
        (b"", []),
        (block(), ["CERTIFICATE"]),
        (block() + key() + block("E"), ["CERTIFICATE", "PRIVATE KEY", "CERTIFICATE"]),
        (b"\xef\xbb\xbf" + block(), ["CERTIFICATE"]),
        (block().replace(b"\n", b"\r\n"), ["CERTIFICATE"]),
        (block().replace(b"\n", b" \t\n"), ["CERTIFICATE"]),
        (block().rstrip(), ["CERTIFICATE"]),
        (b"Bag Attributes\n" + block(), ["CERTIFICATE"]),
        (b"-----END CERTIFICATE-----\n" + block(), ["CERTIFICATE"]),
        (indented(block()) + block("E"), ["CERTIFICATE"]),
        (indented(block(), b"# ") + block("E"), ["CERTIFICATE"]),
        (block().replace(b"\n", b"\r"), []),
        (indented(block()), []),
        (block().replace(b"BEGIN", b"begin"), []),
        (block() + block("E")[:30], ["CERTIFICATE"]),
    ],
)
def test_blocks_begin_and_end_with_lines_of_their_own(content, labels):
    assert [found.label for found in scan(content).blocks] == labels


def test_a_block_is_read_without_what_is_around_it():
    found = scan(b"notes\n" + block().replace(b"\n", b" \r\n")).blocks[0]
    assert (found.line, found.pem, found.der) == (2, block(), b"\x30\x03\x02\x01\x0d")


@pytest.mark.parametrize(
    "content, chains",
    [
        (key(), []),
        (block() + block("E"), ["AE"]),
        (block() + key() + block("E"), ["AE"]),
        (key() + block() + block("E"), ["AE"]),
        (key() + block() + key() + block("E") + block("I"), ["A", "EI"]),
        (key() + key() + block() + block("E"), ["AE"]),
        (block() + key() + key() + block("E"), ["AE"]),
        (block("A", "TRUSTED CERTIFICATE") + block("E", "X509 CERTIFICATE"), ["AE"]),
        (block("E") + block("A", "TRUSTED CERTIFICATE"), ["E"]),  # which OpenSSL skips
    ],
)
def test_a_file_has_several_chains_where_each_has_its_key_before_it(content, chains):
    names = {text: name for name, text in TEXTS.items()}
    found = [
        "".join(names[certificate.body[0]] for certificate in chain)
        for chain in scan(content).chains
    ]
    assert found == chains


@pytest.mark.parametrize(
    "content, words",
    [
        (block(), ""),
        (b"no PEM at all", ""),
        (block().rstrip() + block("E"), "line 3 has the end of a block and the beginning"),
        (key().rstrip() + block("E"), "line 3 has the end of a block and the beginning"),
        (block() + block("E")[:30], "begins in line 4 has no end"),
        (block() + block("E")[:-26] + block(), "begins in line 6 before the one of line 4"),
        (block().replace(b"END CERT", b"END X509 CERT"), "begins in line 1 ends in line 3 with"),
        (block().replace(b"MA", b"!!"), "begins in line 1 is damaged"),
        (block().replace(b"MAMC", b""), "begins in line 1 is damaged"),
        (block() + block("E").replace(b"=", b"==AAAA"), "begins in line 4 is damaged"),
        (block().replace(b"MA", b"Comment: mail\n\nMA"), "begins in line 1 has header lines"),
        (indented(block()), "blanks or other text stand before it"),
        (indented(block(), b"# "), "blanks or other text stand before it"),
        (block().replace(b"\n", b"\r"), "its lines do not end with a line feed"),
        (block().decode().encode("utf-16"), "UTF-16"),
        (block().decode().encode("utf-16-be"), "UTF-16"),
    ],
)
def test_damage_is_said_with_its_place(content, words):
    found = damage(content)
    assert words in found and bool(found) == bool(words), found


def test_an_encrypted_key_may_have_header_lines():
    encrypted = key().replace(b"MA", b"Proc-Type: 4,ENCRYPTED\n\nMA")
    assert damage(encrypted) == ""
