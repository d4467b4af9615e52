# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key, as a server's own library loads them."""

from __future__ import annotations

import ssl


class _Encrypted(Exception):
    """OpenSSL asked for a password."""


def load_problem(certificate_path: str, private_key_path: str) -> str:
    """Why this host's OpenSSL can't load these files, in its own words; '' if it can.

    C(private_key_path) is the same as C(certificate_path) where the key is in that file. The whole
    file is loaded, as SSL_CTX_use_certificate_chain_file(3) does it, so that any damaged block
    is found. It is loaded by the calling process, so it says nothing of the server's permissions.
    """

    def password() -> str:
        raise _Encrypted

    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_path, private_key_path, password)
    except _Encrypted:
        return "the private key is encrypted"
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        return str(error)
    return ""
