# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server can serve a certificate: by its files, and by the user that reads them."""

from __future__ import annotations

import datetime
import os
import pwd

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    MAX_FILE_BYTES,
    NotAFile,
    TooLarge,
    read_regular_file,
)

_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"\nProc-Type: 4,ENCRYPTED")


def why_not_servable(listener: Listener, user: str, title: str, now: datetime.datetime) -> str:
    """Why a server can't serve this listener's certificate; '' if it can.

    C(user): the one that reads its files; C(title): the server's. What clients will think of the
    certificate is not judged here.
    """
    for path in dict.fromkeys((listener.certificate_path, listener.key_path)):
        problem = _problem_of_file(path, path != listener.certificate_path, user, title)
        if problem:
            return problem
    certificate = Certificate(Source(listener.certificate_path, listener.private_key_path), now)
    if certificate.key_matches is True:
        return ""
    return next(
        (finding.message for finding in certificate.findings()), "its private key can't be used"
    )


def _problem_of_file(path: str, is_key: bool, user: str, title: str) -> str:
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
    if not may_read(path, user):
        return (
            "%s can't be read by the user %s, as which %s reads it: "
            "check its mode and those of the folders above it" % (path, user, title)
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


def may_read(path: str, user: str) -> bool:
    """May this user open the file? Tried as the user: folders, groups and ACLs all count."""
    if user == "root":
        return True
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return True  # the server will say so itself
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.initgroups(user, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            os.close(os.open(path, os.O_RDONLY))
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
