# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and signatures that common clients take: of servers, and of their authorities."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    digest_name,
)

if t.TYPE_CHECKING:
    from cryptography import x509

#: CA/Browser Forum, baseline requirements 6.1.5; Debian's OpenSSL refuses fewer at its default
#: security level.
MIN_RSA_BITS = 2048

_WEAK_DIGESTS = {"md5": "MD5", "sha1": "SHA-1"}
#: Names of the curves that OpenSSL, GnuTLS, NSS, Schannel and Apple's library all take.
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
#: An RSA key for PSS signatures only (RFC 4055), which Go and Apple's library do not take.
_RSA_PSS_KEY = "1.2.840.113549.1.1.10"
#: Signatures that they all take (RFC 8446, 4.2.3; RFC 4055; RFC 5758; RFC 8410).
_SIGNATURES = frozenset(
    (
        "1.2.840.113549.1.1.10",  # RSASSA-PSS
        "1.2.840.113549.1.1.11",  # RSA with SHA-256, 384, 512 and 224
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
        "1.2.840.113549.1.1.14",
        "1.2.840.10045.4.3.1",  # ECDSA with SHA-224, 256, 384 and 512
        "1.2.840.10045.4.3.2",
        "1.2.840.10045.4.3.3",
        "1.2.840.10045.4.3.4",
        "1.3.101.112",  # Ed25519
    )
)


def is_rsa(certificate: x509.Certificate) -> bool:
    """Has it an RSA key?"""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return isinstance(certificate.public_key(), rsa.RSAPublicKey)


def key_problem(certificate: x509.Certificate) -> str:
    """Why clients do not take its key, in words that follow its name; '' if they do."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            return "has a key of %d bits, which clients refuse: make one of at least %d" % (
                key.key_size,
                MIN_RSA_BITS,
            )
        # cryptography before 43 does not read such a key at all
        algorithm = getattr(certificate, "public_key_algorithm_oid", None)
        kind = "RSA-PSS" if algorithm and algorithm.dotted_string == _RSA_PSS_KEY else ""
    elif isinstance(key, ec.EllipticCurvePublicKey):
        kind = "" if key.curve.name in _CURVES else "ECDSA on the curve " + key.curve.name
    elif isinstance(key, ed25519.Ed25519PublicKey):
        kind = ""
    else:
        others = {"DSA": dsa.DSAPublicKey, "Ed448": ed448.Ed448PublicKey}
        named = (name for name, other in others.items() if isinstance(key, other))
        kind = next(named, "neither RSA nor ECDSA")
    if not kind:
        return ""
    return (
        "has a key of a kind that clients refuse (%s): make an RSA key, or an ECDSA key on P-256 "
        "or P-384" % kind
    )


def signature_problem(certificate: x509.Certificate) -> str:
    """Why clients do not take its signature, in words that follow its name; '' if they do."""
    digest = _WEAK_DIGESTS.get(digest_name(certificate))
    if digest:
        return "is signed with %s, which clients refuse: have it issued again with SHA-256" % digest
    algorithm = certificate.signature_algorithm_oid.dotted_string
    if algorithm in _SIGNATURES:
        return ""
    return (
        "has a signature of a kind that clients refuse (%s): have it issued again with RSA or "
        "ECDSA and SHA-256" % algorithm
    )
