# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of the certificates behind a server's own."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from support import pki
from support.judging import CERTIFICATE, NOW, written


def public():
    """The extension by which a public authority says where its certificate is."""
    location = x509.UniformResourceIdentifier("http://ca.example/intermediate.der")
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)
    return x509.AuthorityInformationAccess([access]), False


@pytest.fixture(scope="module", name="chains")
def fixture_chains(authority):
    """Name of a certificate -> it."""
    other = pki.Authority(NOW)
    return {
        "own": authority.issue(pki.key("ecdsa", "server")),
        "public": authority.issue(pki.key("ecdsa", "server"), extensions=[public()]),
        "self-signed": authority.authority(
            "mail", "server", "mail", "server", usages=["digital_signature"], extensions=[public()]
        ),
        "intermediate": authority.intermediate,
        "root": authority.root,
        "renewed": other.authority("Test Intermediate CA", "renewed"),  # another key
        "reissued": other.authority("Test Intermediate CA", "intermediate"),  # the same key
        "elsewhere": other.authority("Other CA", "elsewhere"),
        "expired": authority.authority("Test Intermediate CA", "intermediate", ends=-1),
        "future": authority.authority("Test Intermediate CA", "intermediate", begins=1),
        "no-authority": authority.authority("Test Intermediate CA", "intermediate", ca=False),
        "no-signing": authority.authority(
            "Test Intermediate CA", "intermediate", usages=["crl_sign"]
        ),
        "weak": authority.authority("Test Intermediate CA", "intermediate", digest="sha1"),
        "upper": authority.authority("Upper CA", "upper", path_length=0),
        "lower": authority.authority("Test Intermediate CA", "intermediate", "Upper CA", "upper"),
    }


@pytest.mark.parametrize(
    "names, words",
    [
        ("own", []),  # a private authority, which clients may know
        ("own intermediate", []),
        ("own intermediate root", []),
        ("own reissued", []),
        ("own intermediate reissued", []),  # two ways up
        ("public intermediate", []),
        ("self-signed", []),
        ("public", ["has no intermediate certificate"]),
        ("own root intermediate", ["certificate 2 (CN=Test Root CA", "before a certificate that"]),
        ("own own intermediate", ["certificate 2 (CN=mail.example.com", "is there already"]),
        ("own intermediate intermediate", ["certificate 3", "is there already"]),
        (
            "own root",
            ["certificate 2", "has issued none of those before it: put the certificate of"],
        ),
        ("own renewed", ["certificate 2", "has the name of the issuer", "did not sign it"]),
        ("own intermediate elsewhere", ["certificate 3 (CN=Other CA", "has issued none"]),
        ("own expired", ["certificate 2", "expired on 2030-05-31"]),
        ("own future", ["certificate 2", "is not valid before 2030-06-02"]),
        ("own no-authority", ["certificate 2", "is not one of an authority"]),
        ("own no-signing", ["certificate 2", "is not one of an authority"]),
        ("own weak", ["certificate 2", "is signed with SHA-1", "present chain"]),
        ("own lower upper", ["certificate 3", "allows 0 authorities below it, and 1 are here"]),
    ],
)
def test_a_chain_leads_upwards_one_by_one(chains, tmp_path, names, words):
    content = pki.certificate_bytes(*(chains[name] for name in names.split()))
    path = written(tmp_path, pki.key_bytes(pki.key("ecdsa", "server")), content)
    found = Certificate(Source(path), NOW).findings()
    assert [finding.option for finding in found] == [CERTIFICATE] * bool(words), found
    for word in words:
        assert word in found[0].message
