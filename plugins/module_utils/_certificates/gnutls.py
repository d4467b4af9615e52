# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key, as a server that is linked to GnuTLS loads them.

That is slapd of Debian up to 12. By the library itself, which is there where such a server is. It
reads PEM by other rules than OpenSSL, and does not know all curves.
"""

from __future__ import annotations

import ctypes
import typing as t

_LIBRARY = "libgnutls.so.30"
_PEM = 1  # GNUTLS_X509_FMT_PEM
_MAX_CERTIFICATES = 6  # that slapd reads of a file (VERIFY_DEPTH in OpenLDAP's tls_g.c)


_DER = 0  # GNUTLS_X509_FMT_DER


class _Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_uint)]


def gnutls_problem(certificate_path: str, private_key_path: str, own: bytes) -> str:
    """Why this host's GnuTLS does not serve C(own), a certificate in DER, with these files.

    '' if it does, and where it is not there. As OpenLDAP's tlsg_ctx_init does it. Raises OSError.
    """
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return ""
    library.gnutls_strerror.restype = ctypes.c_char_p
    certificates = (ctypes.c_void_p * _MAX_CERTIFICATES)()
    for path, code in _loaded(library, certificates, certificate_path, private_key_path):
        if code < 0:
            words = library.gnutls_strerror(code).decode("utf-8", "replace").rstrip(".")
            return "%s can't be loaded by GnuTLS (%s)" % (path, words)
    first = _Datum()
    library.gnutls_x509_crt_export2(ctypes.c_void_p(certificates[0]), _DER, ctypes.byref(first))
    if ctypes.string_at(first.data, first.size) == own:
        return ""
    return (
        "%s has a certificate that is indented or commented out before the server's own, which "
        "GnuTLS takes for the server's: remove it" % certificate_path
    )


def _loaded(
    library: t.Any, certificates: t.Any, path: str, key_path: str
) -> t.Iterator[tuple[str, int]]:
    """Each step: (the file that it is about, GnuTLS' code)."""
    count = ctypes.c_uint(_MAX_CERTIFICATES)
    key, credentials = ctypes.c_void_p(), ctypes.c_void_p()
    yield key_path, library.gnutls_x509_privkey_init(ctypes.byref(key))
    content = _content(key_path)
    yield key_path, library.gnutls_x509_privkey_import(key, ctypes.byref(content), _PEM)
    content = _content(path)
    yield (
        path,
        library.gnutls_x509_crt_list_import(
            certificates, ctypes.byref(count), ctypes.byref(content), _PEM, 0
        ),
    )
    yield path, library.gnutls_certificate_allocate_credentials(ctypes.byref(credentials))
    # what is loaded stays: the process ends soon
    yield path, library.gnutls_certificate_set_x509_key(credentials, certificates, count, key)


def _content(path: str) -> _Datum:
    with open(path, "rb") as file:
        content = file.read()
    return _Datum(ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p), len(content))
