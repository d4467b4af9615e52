# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DER (X.690), as far as it is needed without a library."""

from __future__ import annotations

SEQUENCE = 0x30
_VERSION = 0xA0  # of a certificate: the context's tag 0


def element(content: bytes, begin: int = 0) -> tuple[int, int, int]:
    """(tag, where its content begins, where it ends) of the element there. Raises ValueError."""
    try:
        tag, length, begin = content[begin], content[begin + 1], begin + 2
    except IndexError:
        raise ValueError("cut off") from None
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(content[begin : begin + size], "big")
        begin += size
    if begin + length > len(content):
        raise ValueError("cut off")
    return tag, begin, begin + length


def is_sequence(content: bytes) -> bool:
    """Is it one sequence and nothing more?"""
    try:
        tag, dummy, end = element(content)
    except ValueError:
        return False
    return tag == SEQUENCE and end == len(content)


def names(certificate: bytes) -> tuple[bytes, bytes]:
    """(subject, issuer) of a certificate, as they are encoded. Raises ValueError.

    RFC 5280, 4.1: version, serial number, signature, issuer, validity, subject.
    """
    begin = element(certificate, element(certificate)[1])[1]
    if element(certificate, begin)[0] == _VERSION:
        begin = element(certificate, begin)[2]
    fields = []
    for dummy in range(5):
        end = element(certificate, begin)[2]
        fields.append(certificate[begin:end])
        begin = end
    return fields[4], fields[2]
