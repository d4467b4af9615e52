# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether one certificate has issued another, with each kind of key, and what can't be told."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from ansible_collections.mailops.bindings.plugins.module_utils._certificates import fields
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.fields import issued
from support import pki
from support.judging import NOW


def certificate(kind, signer, name="Some CA", issuer="Some CA", **signing):
    """With a key of this kind, signed by the key C(signer)."""
    named = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer)
    ]
    builder = x509.CertificateBuilder().subject_name(named[0]).issuer_name(named[1])
    builder = builder.public_key(pki.key(kind).public_key()).serial_number(7)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=9))
    return builder.sign(signer, signing.pop("digest", hashes.SHA256()), **signing)


@pytest.mark.parametrize("kind", ["ecdsa", "p384", "rsa-2048", "ed25519", "ed448", "dsa"])
def test_by_name_and_signature(kind):
    key, other = pki.key(kind), pki.key("p521", "other")
    how = {"digest": None} if kind in ("ed25519", "ed448") else {}
    root = certificate(kind, key, **how)
    assert issued(root, root)
    assert issued(root, certificate("ecdsa", key, name="mail", **how))
    assert not issued(root, certificate("ecdsa", key, name="mail", issuer="Another CA", **how))
    assert not issued(root, certificate("ecdsa", other, name="mail"))
    assert not issued(root, certificate("ecdsa", pki.key("ed25519", "other"), digest=None))


@pytest.mark.skipif(
    not hasattr(x509.Certificate, "signature_algorithm_parameters"),
    reason="cryptography before 41 neither makes nor checks them",
)
def test_a_pss_signature():
    how = {"rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), 32)}
    key, other = pki.key("rsa-2048"), pki.key("rsa-2048", "other")
    root = certificate("rsa-2048", key, **how)
    assert issued(root, root)
    assert not issued(root, certificate("ecdsa", other, **how))


@pytest.mark.parametrize("error", [UnsupportedAlgorithm("no such hash"), ValueError("what is it")])
def test_what_the_library_can_t_tell_is_no_finding(monkeypatch, error):
    def refuses(*dummy):
        raise error

    monkeypatch.setattr(fields, "_verification", refuses)
    root = certificate("ecdsa", pki.key("ecdsa"))
    assert issued(root, certificate("ecdsa", pki.key("ecdsa", "other")))
