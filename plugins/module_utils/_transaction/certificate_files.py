# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server can serve a certificate: by its files, and by what it sees of them."""

from __future__ import annotations

import datetime
import os

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import der_of
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    MAX_FILE_BYTES,
    NotAFile,
    TooLarge,
    read_regular_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.view import View

_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"\nProc-Type: 4,ENCRYPTED")


def why_not_servable(
    listener: Listener, view: View, title: str, tls_library: str, now: datetime.datetime
) -> str:
    """Why a server can't serve this listener's certificate; '' if it can.

    C(view): what the server, called C(title), sees of its files; C(tls_library): see C(Server).
    What clients will think of the certificate is not judged here.
    """
    for path in dict.fromkeys((listener.certificate_path, listener.key_path)):
        problem = _problem_of_file(path, path != listener.certificate_path, view, title)
        if problem:
            return problem
    certificate = Certificate(Source(listener.certificate_path, listener.private_key_path), now)
    if certificate.key_matches is not True:
        return next(
            (finding.message for finding in certificate.findings()), "its private key can't be used"
        )
    return certificate.load_problem or _refused_by(tls_library, listener, certificate)


def _refused_by(tls_library: str, listener: Listener, certificate: Certificate) -> str:
    """Why the server's library, if it is not OpenSSL, does not load what OpenSSL does."""
    if tls_library != "GnuTLS" or certificate.leaf is None:
        return ""
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.gnutls import (
        gnutls_problem,
    )

    own = der_of(certificate.leaf)
    return gnutls_problem(listener.certificate_path, listener.key_path, own)


def _problem_of_file(path: str, is_key: bool, view: View, title: str) -> str:
    try:
        content = read_regular_file(path, MAX_FILE_BYTES)[0]
    except (OSError, NotAFile, TooLarge) as error:
        return "%s can't be read: %s" % (
            path,
            getattr(error, "strerror", None) or "it is " + str(error),
        )
    if b"-----BEGIN " not in content:
        return "%s is not PEM, which is all that %s reads. Convert it: %s" % (
            path,
            title,
            _conversion(path, is_key),
        )
    if any(sign in content for sign in _ENCRYPTED):
        return (
            "the private key in %s is encrypted, and %s has no password for it when it starts: "
            "openssl pkey -in %s -out %s.plain" % (path, title, path, path)
        )
    return _problem_of_view(path, view, title)


def _problem_of_view(path: str, view: View, title: str) -> str:
    if not view.user_reads(path):
        return (
            "%s can't be read by the user %s, as which %s reads it: "
            "check its mode and those of the folders above it" % (path, view.user, title)
        )
    setting = view.hidden_by(path)
    if setting:
        return (
            "%s can't be read by %s, whose service does not see that place (%s in %s): "
            "put it elsewhere, as below /etc/ssl, or change that setting and restart the service"
            % (path, title, setting, view.unit)
        )
    if not view.process_reads(path):
        return (
            "%s can't be read by the running %s, which has another file there, or none, or may not "
            "open it: its process has a sandbox (namespaces, capabilities). Put it elsewhere, as "
            "below /etc/ssl; or, if its service has other settings since, restart that first"
            % (path, title)
        )
    return ""


def _conversion(path: str, is_key: bool) -> str:
    stem, extension = os.path.splitext(path)
    pkcs12 = "openssl pkcs12 -in %s -nodes -out %s.pem" % (path, stem)
    if extension.lower() in (".p12", ".pfx"):
        return pkcs12
    return "openssl %s -inform DER -in %s -out %s.pem (if it is PKCS#12: %s)" % (
        "pkey" if is_key else "x509",
        path,
        stem,
        pkcs12,
    )
