# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GnuTLS says of certificate and key files when it loads them as slapd does."""

from __future__ import annotations

import ctypes

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates import gnutls
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.gnutls import (
    gnutls_problem,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.load import (
    load_problem,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    chains_in,
)
from support import pki
from support.judging import written


def _has_library():
    try:
        return bool(ctypes.CDLL("libgnutls.so.30"))
    except OSError:
        return False


needs_gnutls = pytest.mark.skipif(not _has_library(), reason="takes GnuTLS")


@needs_gnutls
@pytest.mark.parametrize(
    "name", ["combined.pem", "ecdsa.pem", "ed25519.pem", "rsa-1024.pem", "sha1.pem"]
)
def test_what_slapd_loads(files, name):
    path = str(files / name)
    assert gnutls_problem(path, path, chains_in(path)[0][0]) == ""


@needs_gnutls
@pytest.mark.parametrize(
    "certificate, key, words",
    [
        ("cert.pem", "other-key.pem", "key"),
        ("cert.pem", "encrypted-key.pem", ""),
        ("garbage.pem", "key.pem", "garbage.pem"),
        ("cert.der", "key.pem", "cert.der"),
    ],
)
def test_what_slapd_does_not_load(files, certificate, key, words):
    problem = gnutls_problem(str(files / certificate), str(files / key), b"")
    assert "GnuTLS" in problem and words in problem


@needs_gnutls
def test_a_block_behind_a_comment_sign_is_not_skipped_by_gnutls(files, tmp_path):
    commented = (files / "other-names.pem").read_bytes().replace(b"-----BEGIN", b"#-----BEGIN")
    path = written(tmp_path, commented, (files / "combined.pem").read_bytes())
    assert load_problem(path, path) == ""
    assert "before the server's own" in gnutls_problem(path, path, chains_in(path)[0][0])


@needs_gnutls
def test_a_curve_that_gnutls_does_not_know(authority, tmp_path):
    key = pki.key("secp256k1")
    path = written(tmp_path, pki.key_bytes(key), pki.certificate_bytes(authority.issue(key)))
    assert load_problem(path, path) == ""
    assert "GnuTLS" in gnutls_problem(path, path, b"")


def test_without_the_library_nothing_is_said(files, monkeypatch):
    monkeypatch.setattr(gnutls, "_LIBRARY", "libabsent.so.1")
    assert gnutls_problem(str(files / "garbage.pem"), str(files / "key.pem"), b"") == ""
