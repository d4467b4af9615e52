# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key, as a server's own library loads them."""

from __future__ import annotations

import re
import ssl
import typing as t

_WHERE_IN_PYTHON = re.compile(r" \(_ssl\.c:\d+\)")


class _Encrypted(Exception):
    """OpenSSL asked for a password."""


def load_problem(
    certificate_path: str, private_key_path: str, password: t.Optional[str] = None
) -> str:
    """Why this host's OpenSSL can't load these files, in its own words; '' if it can.

    C(private_key_path) is the same as C(certificate_path) where the key is in that file. The whole
    file is loaded, as SSL_CTX_use_certificate_chain_file(3) does it, so that any damaged block
    is found. It is loaded by the calling process, so it says nothing of the server's permissions.
    Weak keys are loaded too: how weak they may be, each server sets for itself. Not accepted is
    what OpenSSL itself skips, and Postfix and Dovecot don't: NUL characters at the ends of lines.
    """
    context = lenient_context(ssl.PROTOCOL_TLS_SERVER)
    paths = certificate_path, private_key_path
    return loading_problem(context, *paths, password) or next(filter(None, map(_nul, paths)), "")


def _nul(path: str) -> str:
    try:
        with open(path, "rb") as file:
            has_nul = b"\0" in file.read()
    except OSError as error:  # gone since it was loaded
        return "%s can't be read: %s" % (path, error.strerror)
    reason = "has NUL characters, where some servers stop reading: save it as ASCII"
    return "%s %s" % (path, reason) if has_nul else ""


def lenient_context(protocol: t.Any) -> ssl.SSLContext:
    """A context that takes weak keys and signatures too."""
    context = ssl.SSLContext(protocol)
    try:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    except ssl.SSLError:  # a library without security levels
        pass
    return context


def loading_problem(
    context: ssl.SSLContext,
    certificate_path: str,
    private_key_path: str,
    password: t.Optional[str] = None,
) -> str:
    """Load both into this context; C(load_problem)'s answer if that fails."""

    def given() -> str:
        if not password:
            raise _Encrypted
        return password

    try:
        context.load_cert_chain(certificate_path, private_key_path, given)
    except _Encrypted:
        return "the private key is encrypted"
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        return _explained(error, dict.fromkeys((certificate_path, private_key_path)))
    return ""


def _explained(error: Exception, paths: t.Iterable[str]) -> str:
    """OpenSSL's words, and what can be seen in the files: which block is damaged, and where."""
    words = _WHERE_IN_PYTHON.sub("", str(error))
    if not isinstance(error, ssl.SSLError):
        return words
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import damage
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import (
        Unusable,
        content_of,
    )

    for path in paths:
        try:
            where = damage(content_of(path, "certificate_path")[0])
        except Unusable as unusable:
            return unusable.finding.message
        if where:
            return "%s can't be loaded by OpenSSL (%s): %s" % (path, words, where)
    return "%s can't be loaded by OpenSSL (%s): have them issued again, or look at %s" % (
        " and ".join(paths),
        words,
        "each block with openssl asn1parse",
    )
