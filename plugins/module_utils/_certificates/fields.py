# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates say of themselves and of each other, for those that judge them."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    distinguished_name,
    extension,
)

with contextlib.suppress(ImportError):  # said where a certificate is read, which comes before
    from cryptography import x509

#: Extensions that may be critical: those that OpenSSL's clients know (X509_supported_extension).
_CRITICAL = frozenset(
    (
        "1.3.6.1.5.5.7.1.7",  # RFC 3779
        "1.3.6.1.5.5.7.1.8",
        "2.16.840.1.113730.1.1",  # Netscape's certificate type
        "2.5.29.15",  # RFC 5280, 4.2.1: key usage
        "2.5.29.17",  # subject alternative name
        "2.5.29.19",  # basic constraints
        "2.5.29.30",  # name constraints
        "2.5.29.31",  # CRL distribution points
        "2.5.29.32",  # certificate policies
        "2.5.29.33",  # policy mappings
        "2.5.29.36",  # policy constraints
        "2.5.29.37",  # extended key usage
        "2.5.29.54",  # inhibit anyPolicy
    )
)


def shown_subject(certificate: x509.Certificate) -> str:
    """For messages."""
    return distinguished_name(certificate, "subject") or "a subject that can't be read"


def shown_issuer(certificate: x509.Certificate) -> str:
    """For messages."""
    return distinguished_name(certificate, "issuer") or "its issuer"


def key_usages(certificate: x509.Certificate) -> t.Optional[x509.KeyUsage]:
    """Its key usage; None without one: for all."""
    usage: t.Optional[x509.KeyUsage] = extension(certificate, x509.KeyUsage)
    return usage


def unknown_critical_extensions(certificate: x509.Certificate) -> list[str]:
    """The object identifiers of critical extensions that OpenSSL's clients do not know."""
    return [
        extension.oid.dotted_string
        for extension in certificate.extensions
        if extension.critical and extension.oid.dotted_string not in _CRITICAL
    ]


def authority(certificate: x509.Certificate) -> tuple[bool, t.Optional[int]]:
    """(may it issue others, how many authorities may be below it; None: any number).

    RFC 5280, 4.2.1.3 and 4.2.1.9. A self-signed one of version 1 may.
    """
    constraints = extension(certificate, x509.BasicConstraints)
    usage = key_usages(certificate)
    if constraints is None:
        is_root = certificate.version == x509.Version.v1 and issued(certificate, certificate)
        return is_root, None
    may_issue = constraints.ca and (usage is None or usage.key_cert_sign)
    return may_issue, constraints.path_length


def names_its_issuer_s_address(certificate: x509.Certificate) -> bool:
    """Does it say where its issuer's certificate is, as public authorities have it?

    RFC 5280, 4.2.2.1.
    """
    access = extension(certificate, x509.AuthorityInformationAccess)
    issuers = x509.AuthorityInformationAccessOID.CA_ISSUERS
    return access is not None and any(entry.access_method == issuers for entry in access)


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Has one issued the other? By name, key identifier and signature, as OpenSSL does it."""
    try:
        if issuer.subject != certificate.issuer:
            return False
    except Exception:  # pylint: disable=broad-except  # a name that the library does not read
        pass
    own = extension(issuer, x509.SubjectKeyIdentifier)
    wanted = extension(certificate, x509.AuthorityKeyIdentifier)
    if own and wanted and wanted.key_identifier not in (None, own.digest):
        return False
    return _signed(issuer.public_key(), certificate)


def _signed(key: t.Any, certificate: x509.Certificate) -> bool:
    """Is this the key that signed it? True where the library can't tell."""
    from cryptography.exceptions import InvalidSignature

    try:
        how = _verification(key, certificate)
        if how is not None:
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, *how)
    except (InvalidSignature, TypeError, AttributeError):  # not one of this kind of key
        return False
    except Exception:  # pylint: disable=broad-except  # by the library's version
        return True
    return True


def _verification(key: t.Any, certificate: x509.Certificate) -> t.Optional[tuple[t.Any, ...]]:
    """What C(key.verify) takes behind signature and content; None where it can't be told."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    digest = certificate.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey):
        if certificate.signature_algorithm_oid != x509.SignatureAlgorithmOID.RSASSA_PSS:
            return padding.PKCS1v15(), digest
        parameters = getattr(certificate, "signature_algorithm_parameters", None)
        return (parameters, digest) if parameters else None  # before cryptography 41
    if isinstance(key, ec.EllipticCurvePublicKey):
        return (ec.ECDSA(digest),) if digest else ()
    return (digest,) if digest else ()
