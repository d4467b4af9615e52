# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of certificates and keys, without a library: what they are, and the blocks in them.

PEM (certificate, chain and key, all in one file or in two), DER and PKCS#12.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import Block
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
    read_regular_file,
)

MAX_BYTES = 1024 * 1024  # a chain of ten certificates with their key has 30 kB

_DER_SEQUENCE = b"\x30"
_EC = bytes.fromhex("06072a8648ce3d0201")  # id-ecPublicKey (RFC 5480) in DER


class Source(t.NamedTuple):
    """Where a port's certificate and key are.

    C(key_path) '': in the certificate's file. C(password): of PKCS#12 or of the key.
    """

    path: str
    key_path: str = ""
    password: t.Optional[str] = None


class Finding(t.NamedTuple):
    """A problem of a certificate or key.

    C(option): the one at fault (certificate_path, private_key_path, certificate_password).
    """

    option: str
    message: str


class Unusable(Exception):
    """A certificate or key can't be used at all: C(finding) says why."""

    def __init__(self, option: str, message: str):
        super().__init__(message)
        self.finding = Finding(option, message)


class PemKey(t.NamedTuple):
    """A private key in PEM."""

    pem: bytes
    is_openssh: bool
    is_encrypted: bool


def content_of(path: str, option: str) -> tuple[bytes, int]:
    """(content, mode) of the file that C(option) names. Raises Unusable."""
    try:
        content, status = read_regular_file(path, MAX_BYTES)
    except OSError as error:
        raise Unusable(
            option,
            "%s can't be read: %s: check its path and permissions" % (path, error.strerror),
        ) from None
    except NotAFile as what:
        raise Unusable(option, "%s is %s: name a file" % (path, what)) from None
    except TooLarge as large:
        raise Unusable(
            option,
            "%s has %d bytes, too many for a certificate or key: name another file"
            % (path, large.size),
        ) from None
    if not content.strip():
        raise Unusable(option, "%s is empty: put the content there, or name another file" % path)
    return content, status.st_mode


def is_der(content: bytes) -> bool:
    """Does it begin as certificates, keys and PKCS#12 do in DER?"""
    return content[:1] == _DER_SEQUENCE


def is_pkcs12(content: bytes) -> bool:
    """A PFX is a sequence that begins with the version number 3 (RFC 7292, 4).

    A certificate is one that begins with another sequence.
    """
    if not is_der(content) or len(content) < 8:
        return False
    length_bytes = content[1] & 0x7F if content[1] & 0x80 else 0
    return content[2 + length_bytes : 5 + length_bytes] == b"\x02\x01\x03"


def pem_key(block: Block) -> PemKey:
    """A block that is a private key."""
    # RFC 7468, 11: in the label; RFC 1421, 4.6.1.1: in a header
    is_encrypted = "ENCRYPTED" in block.label or b"Proc-Type: 4,ENCRYPTED" in block.body
    return PemKey(block.pem, block.label.startswith("OPENSSH "), is_encrypted)


def kind_of_key(path: str) -> str:
    """EC, or other, also where it can't be decoded; '' for a file without a private key in PEM."""
    try:
        content = read_file(path) or b""
    except (OSError, NotAFile, TooLarge):
        return ""
    label, begin, rest = content.partition(b"PRIVATE KEY-----")
    if not begin:
        return ""
    if label.endswith(b"-----BEGIN EC "):
        return "EC"
    import binascii

    try:
        key = binascii.a2b_base64(rest.partition(b"-----")[0])
    except ValueError:
        return "other"
    return "EC" if _EC in key else "other"
