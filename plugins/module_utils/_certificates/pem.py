# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of a PEM file, as OpenSSL takes them, and where a file is damaged.

As PEM_read_bio(3) does it: a block begins and ends with a line of its own; blanks at the end of a
line do not count, at its beginning they do; what stands outside blocks is skipped.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
import re
import sys
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.der import is_sequence

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
_BLANKS = bytes(range(0x21))  # OpenSSL takes all control characters for blanks
_BEGIN_LINE = re.compile(rb"-----BEGIN [^\r]+-----")
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]*(=\s*)*")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Labels of blocks that OpenSSL takes for a certificate; the first may be TRUSTED too.
_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
_TRUSTED = "TRUSTED CERTIFICATE"


class Block(t.NamedTuple):
    """One block, without what is around it."""

    label: str
    line: int  # of its BEGIN, counted from 1
    body: tuple[bytes, ...]

    @property
    def pem(self) -> bytes:
        """The block in its plainest form."""
        label = self.label.encode()
        first, last = _BEGIN + label + _DASHES, _END + label + _DASHES
        return b"\n".join([first, *self.body, last, b""])

    @property
    def der(self) -> bytes:
        """Its content. Raises ValueError."""
        return binascii.a2b_base64(b"".join(self.body))

    @property
    def is_key(self) -> bool:
        """Is it a private key?"""
        return self.label.endswith("PRIVATE KEY")


class Scanned(t.NamedTuple):
    """What is in a file up to its first damaged block."""

    blocks: list[Block]
    damage: str  # what is wrong with the next block, where, and its remedy; '' if there is none

    @property
    def certificates(self) -> list[Block]:
        """Those that OpenSSL loads, the server's own first."""
        certificates = [block for block in self.blocks if block.label.endswith("CERTIFICATE")]
        return [
            block
            for index, block in enumerate(certificates)
            if block.label in _LABELS or (block.label == _TRUSTED and index == 0)
        ]

    @property
    def chains(self) -> list[list[Block]]:
        """The certificates, in several chains where each has a private key of its own before it.

        So Postfix has an RSA and an ECDSA certificate in one file (postconf(5),
        smtpd_tls_chain_files).
        """
        certificates = self.certificates
        keys = [block.line for block in self.blocks if block.is_key]
        if len(keys) < 2 or not certificates or certificates[0].line < keys[0]:
            return [certificates] if certificates else []
        found = [
            [block for block in certificates if begin < block.line < end]
            for begin, end in zip(keys, [*keys[1:], sys.maxsize])
        ]
        return [chain for chain in found if chain]

    @property
    def key(self) -> t.Optional[Block]:
        """The first private key."""
        return next((block for block in self.blocks if block.is_key), None)


@functools.lru_cache(maxsize=2)  # a certificate's file and its key's
def scan(content: bytes) -> Scanned:
    """Find the blocks of a file."""
    blocks: list[Block] = []
    label, begun = b"", 0
    body: list[bytes] = []
    if content.startswith(_BYTE_ORDER_MARK):
        content = content[len(_BYTE_ORDER_MARK) :]
    for number, line in enumerate(content.split(b"\n"), 1):
        line = line.rstrip(_BLANKS)
        if not begun:
            if _is_begin(line):
                label, begun, body = line[len(_BEGIN) : -len(_DASHES)], number, []
        elif line == _END + label + _DASHES:
            blocks.append(Block(label.decode("ascii", "replace"), begun, tuple(body)))
            begun = 0
        elif _END in line or line.startswith(_BEGIN):
            return Scanned(blocks, _bad_line(begun, number, line))
        else:
            body.append(line)
    damage = ""
    if begun:
        damage = "the block that begins in line %d has no end: the file was cut off: %s" % (
            begun,
            "put the whole block there",
        )
    return Scanned(blocks, damage)


def own_der(content: bytes) -> bytes:
    """The certificate that a server presents for itself: the first; empty if there is none."""
    for block in scan(content).certificates[:1]:
        with contextlib.suppress(ValueError):
            return block.der
    return b""


def damage(content: bytes) -> str:
    """Why OpenSSL does not find the blocks of this file, as far as that can be told; '' if not."""
    scanned = scan(content)
    if scanned.damage:
        return scanned.damage
    for block in scanned.blocks:
        problem = _bad_body(block)
        if problem:
            return problem
    if scanned.blocks or _BEGIN not in content.replace(b"\0", b""):
        return ""
    return _hidden(content)


def _is_begin(line: bytes) -> bool:
    return _BEGIN_LINE.fullmatch(line) is not None


def _bad_line(begun: int, number: int, line: bytes) -> str:
    if line.startswith(_BEGIN):
        what, remedy = "begins in line %d before the one of line %d has ended", "put its end there"
        return "a block " + what % (number, begun) + ": " + remedy
    if _BEGIN in line:
        return (
            "line %d has the end of a block and the beginning of the next: put a line break "
            "between them" % number
        )
    return (
        "the block that begins in line %d ends in line %d with something else than its own END "
        "line: put the whole block there" % (begun, number)
    )


def _bad_body(block: Block) -> str:
    """What is wrong with the text of a block or the length of its content."""
    if any(b":" in line for line in block.body):
        if block.is_key:  # as an encrypted key has it (RFC 1421, 4.6.1.1)
            return ""
        return "the block that begins in line %d has header lines: remove them" % block.line
    if _BASE64.fullmatch(b"".join(block.body)):
        with contextlib.suppress(ValueError):
            if is_sequence(block.der):
                return ""
    return "the block that begins in line %d is damaged: put the whole block there" % block.line


def _hidden(content: bytes) -> str:
    """Why there is not one block although a BEGIN is there."""
    if b"\0" in content:
        return "it is in UTF-16: save it as ASCII"
    if b"\n" not in content.strip():
        return "its lines do not end with a line feed: save it with line ends of Unix"
    return "no line of it begins with -----BEGIN: blanks or other text stand before it: remove them"
