# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of a PEM file without a library."""

from __future__ import annotations

import binascii
import contextlib

from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)

_CURVE = bytes.fromhex("06072a8648ce3d0201")  # id-ecPublicKey (RFC 5480) in DER


def kind_of_key(path: str) -> str:
    """EC, other, or '' for a file that holds no private key. What can't be decoded is other."""
    try:
        content = read_file(path) or b""
    except (OSError, NotAFile, TooLarge):
        return ""
    kind, begin, rest = content.partition(b"PRIVATE KEY-----")
    if not begin:
        return ""
    with contextlib.suppress(ValueError):
        if kind.endswith(b"-----BEGIN EC ") or _CURVE in binascii.a2b_base64(
            rest.partition(b"-----")[0]
        ):
            return "EC"
    return "other"
