# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as objects of the library cryptography, and what they say.

Written for cryptography 3.3 (Debian 11) and later.
"""

from __future__ import annotations

import datetime
import types
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import (
    damage,
    scan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import (
    PemKey,
    Unusable,
    content_of,
    is_der,
    is_pkcs12,
    pem_key,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    MissingLibrary,
    Refused,
)

try:
    from cryptography import __version__ as version
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization

    HAS_LIBRARY = True
    #: cryptography 39 and later can load an RSA key without its costly check: see _checked.
    _SKIP_CHECK = (
        {"unsafe_skip_rsa_key_validation": True} if int(version.split(".")[0]) >= 39 else {}
    )
except ImportError:  # said when a certificate is to be read: a task may do without
    HAS_LIBRARY = False

Key = t.Any  # a private key: the library's own name of the type depends on its version

#: The facts of a certificate that can't be read.
NO_FACTS: t.Mapping[str, t.Any] = types.MappingProxyType(
    {
        "subject": None,
        "issuer": None,
        "names": [],
        "not_before": None,
        "not_after": None,
        "days_left": None,
        "fingerprint_sha256": None,
    }
)


def require_library() -> None:
    """Raises MissingLibrary."""
    if not HAS_LIBRARY:
        raise MissingLibrary(
            "cryptography", "Debian: python3-cryptography", "certificates can't be checked"
        )


# -- facts


def leaf_facts(leaf: x509.Certificate, now: datetime.datetime) -> dict[str, t.Any]:
    """What results say of a certificate itself. Times in ISO 8601, UTC."""
    not_before, not_after = validity(leaf)
    return {
        "subject": distinguished_name(leaf, "subject"),
        "issuer": distinguished_name(leaf, "issuer"),
        "names": shown_names(leaf),
        "not_before": not_before.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days_left": (not_after - now).days,
        "fingerprint_sha256": fingerprint(leaf),
    }


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, as results have it."""
    return with_colons(certificate.fingerprint(hashes.SHA256()))


def with_colons(digest: bytes) -> str:
    """AB:CD:..., as openssl writes a fingerprint."""
    return ":".join("%02X" % byte for byte in digest)


def validity(certificate: x509.Certificate) -> tuple[datetime.datetime, datetime.datetime]:
    """(not before, not after), aware, in UTC."""
    if hasattr(certificate, "not_valid_after_utc"):  # cryptography 42 and later
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    utc = datetime.timezone.utc
    not_before, not_after = certificate.not_valid_before, certificate.not_valid_after
    return not_before.replace(tzinfo=utc), not_after.replace(tzinfo=utc)


def shown_names(certificate: x509.Certificate) -> list[str]:
    """The names that clients may reach the server by, addresses last."""
    dns_names, addresses = names(certificate)
    return dns_names + [str(address) for address in addresses]


def names(certificate: x509.Certificate) -> tuple[list[str], list[t.Any]]:
    """(DNS names, C(ipaddress) objects) of the subject alternative name.

    The common name counts for no client (RFC 9525, 6.3).
    """
    alternatives = extension(certificate, x509.SubjectAlternativeName)
    if alternatives is None:
        return [], []
    return (
        alternatives.get_values_for_type(x509.DNSName),
        alternatives.get_values_for_type(x509.IPAddress),
    )


def purposes(certificate: x509.Certificate) -> t.Optional[set[str]]:
    """The object identifiers of its extended key usage; None without one: for all purposes."""
    usage = extension(certificate, x509.ExtendedKeyUsage)
    return None if usage is None else {purpose.dotted_string for purpose in usage}


def digest_name(certificate: x509.Certificate) -> str:
    """The hash of its signature, such as sha256; '' where there is none (Ed25519)."""
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return digest.name if digest else ""


def public_bytes(holder: t.Any) -> bytes:
    """The public key of a certificate or private key."""
    der, kind = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    encoded: bytes = holder.public_key().public_bytes(der, kind)
    return encoded


def distinguished_name(certificate: x509.Certificate, which: str) -> t.Optional[str]:
    """Its subject or issuer (RFC 4514); None where that can't be read."""
    try:
        name: str = getattr(certificate, which).rfc4514_string()
        return name
    except Exception:  # pylint: disable=broad-except  # a country of three letters, KeyError
        return None


def extension(certificate: x509.Certificate, kind: t.Any) -> t.Any:
    """The value of its extension of this class; None without one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


# -- certificates


def leaf_of(der: bytes) -> x509.Certificate:
    """The certificate that a server has sent. Raises MissingLibrary, or the library's error."""
    require_library()
    return _whole(x509.load_der_x509_certificate(der))


def chains_in(path: str) -> list[list[bytes]]:
    """The certificates in a file, DER, each chain with the server's own first. Raises Refused."""
    try:
        content, dummy = content_of(path, "certificate_path")
        chains = scan(content).chains
        if chains and not is_pkcs12(content):
            return [[block.der for block in chain] for chain in chains]
        require_library()
        leaf = pkcs12(path, content, None)[0] if is_pkcs12(content) else None
        return [[der_of(leaf or certificate_in(path, content))]]
    except Unusable as unusable:
        raise Refused(unusable.finding.message) from None
    except ValueError:
        raise Refused(_damaged(path).finding.message) from None


def der_of(certificate: x509.Certificate) -> bytes:
    """As it is sent."""
    encoded: bytes = certificate.public_bytes(serialization.Encoding.DER)
    return encoded


def certificate_in(path: str, content: bytes) -> x509.Certificate:
    """The server's own certificate in a file in PEM or DER: the first. Raises Unusable."""
    blocks = scan(content).certificates
    if blocks and blocks[0].label != "CERTIFICATE":
        raise Unusable(
            "certificate_path",
            "%s begins with a %s, a form that only OpenSSL reads: name a copy in plain "
            "PEM, made with openssl x509 -in %s (and the rest of the chain behind it)"
            % (path, blocks[0].label, path),
        )
    try:
        if blocks:
            return _whole(x509.load_der_x509_certificate(blocks[0].der))
        if is_der(content):
            return _whole(x509.load_der_x509_certificate(content))
    except Exception:  # pylint: disable=broad-except  # by the library's version
        raise _damaged(path, damage(content)) from None
    raise _no_certificate(path, content)


def others_in(path: str, content: bytes) -> list[x509.Certificate]:
    """The certificates behind the server's own in its chain, in their order. Raises Unusable."""
    chains = scan(content).chains
    found = []
    for number, block in enumerate(chains[0][1:] if chains else (), 2):
        try:
            found.append(_whole(x509.load_der_x509_certificate(block.der)))
        except Exception:  # pylint: disable=broad-except  # by the library's version
            where = "certificate %d (from line %d on) is damaged: put the whole one there" % (
                number,
                block.line,
            )
            raise _damaged(path, where) from None
    return found


def _no_certificate(path: str, content: bytes) -> Unusable:
    where = damage(content)
    if where:
        problem = "%s has no certificate that OpenSSL can read: %s" % (path, where)
    elif scan(content).key:
        problem = (
            "%s holds a private key, but no certificate: name the certificate's file, and this one "
            "in private_key_path" % path
        )
    else:
        problem = (
            "%s is not a certificate (neither PEM nor DER nor PKCS#12): name another file" % path
        )
    return Unusable("certificate_path", problem)


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    """The certificate, after all its parts that are judged were parsed.

    The library parses a part when it is asked for.
    """
    for part in (public_bytes, validity, names, purposes, digest_name):
        part(certificate)
    return certificate


def _damaged(path: str, where: str = "") -> Unusable:
    if where:
        return Unusable("certificate_path", "%s holds a damaged certificate: %s" % (path, where))
    return Unusable(
        "certificate_path",
        "%s holds a damaged certificate, something else in its place, or a kind that this host's "
        "cryptography can't read: look at it with openssl x509 -text; check_certificate: false "
        "does without" % path,
    )


def pkcs12(path: str, content: bytes, password: t.Optional[str]) -> tuple[x509.Certificate, Key]:
    """(certificate, private key) of a PKCS#12 file. Raises Unusable."""
    from cryptography.hazmat.primitives.serialization import pkcs12 as library

    secret = password.encode() if password else None
    try:
        key, certificate, dummy = library.load_key_and_certificates(content, secret)
    except Exception:  # pylint: disable=broad-except  # by the library's version
        if password is None:
            why = "that needs its password: give certificate_password"
        else:
            why = (
                ", and certificate_password is not its password: give the right one (or the file "
                "is damaged)"
            )
        raise _pkcs12_problem("certificate_password", path, why) from None
    if key is None:  # the library tells the certificate by its key
        why = "without a private key: export it again with the key"
        raise _pkcs12_problem("private_key_path", path, why)
    if certificate is None:
        why = "without a certificate for its key: export it again with the certificate"
        raise _pkcs12_problem("certificate_path", path, why)
    try:
        return _whole(certificate), key
    except Exception:  # pylint: disable=broad-except  # by the library's version
        raise _damaged(path) from None


def _pkcs12_problem(option: str, path: str, why: str) -> Unusable:
    blank = "" if why.startswith(",") else " "
    return Unusable(option, "%s is a PKCS#12 file%s%s" % (path, blank, why))


# -- keys


def key_in(path: str, content: bytes, password: t.Optional[str], option: str) -> Key:
    """The private key of a file in PEM or DER that C(option) names. Raises Unusable."""
    scanned = scan(content)
    in_pem = pem_key(scanned.key) if scanned.key else None
    if not in_pem and not is_der(content):
        where = damage(content)
        if where:
            raise Unusable(
                option, "%s holds no private key that OpenSSL can read: %s" % (path, where)
            )
        certificate = "a certificate, but " if scanned.certificates else ""
        raise Unusable(
            option, "%s holds %sno private key: name the key's file" % (path, certificate)
        )
    try:
        if in_pem:
            return _pem_key_in(path, in_pem, password, option)
        return _der_key_in(path, content, password)
    except UnsupportedAlgorithm:
        raise Unusable(
            option, "the private key in %s is of a kind that is not supported: use another" % path
        ) from None
    except (ValueError, TypeError):
        raise Unusable(
            option,
            "%s holds a damaged private key, or something else in its place: name the key's file"
            % path,
        ) from None


def _pem_key_in(path: str, found: PemKey, password: t.Optional[str], option: str) -> Key:
    if found.is_encrypted and not password:
        raise _password_needed(path)
    if found.is_openssh:
        raise Unusable(
            option,
            "the private key in %s is in OpenSSH's own format, which mail servers do not read: "
            "convert a copy with ssh-keygen -p -m PEM" % path,
        )
    secret = password.encode() if password and found.is_encrypted else None
    try:
        return _checked(serialization.load_pem_private_key(found.pem, secret, **_SKIP_CHECK))
    except (ValueError, TypeError):
        if found.is_encrypted:
            raise _wrong_password(path) from None
        raise


def _der_key_in(path: str, content: bytes, password: t.Optional[str]) -> Key:
    try:
        return _checked(serialization.load_der_private_key(content, None, **_SKIP_CHECK))
    except TypeError:  # it is encrypted
        if not password:
            raise _password_needed(path) from None
    try:
        secret = password.encode()
        return _checked(serialization.load_der_private_key(content, secret, **_SKIP_CHECK))
    except (ValueError, TypeError):
        raise _wrong_password(path) from None


def _checked(key: Key) -> Key:
    """The key, if the numbers of an RSA or ECDSA key belong together. Raises ValueError.

    In place of the library's own check, which also tests that the factors of an RSA key are prime,
    for 40 ms and against forged keys only: RFC 8017, 3.2. Of an ECDSA key old libraries take the
    public half from the file, and so does OpenSSL.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        derived = ec.derive_private_key(key.private_numbers().private_value, key.curve)
        if public_bytes(derived) != public_bytes(key):
            raise ValueError
    elif _SKIP_CHECK and isinstance(key, rsa.RSAPrivateKey):
        _check_rsa(key.private_numbers())
    return key


def _check_rsa(number: t.Any) -> None:
    p, q, e = number.p, number.q, number.public_numbers.e
    if not (
        min(p, q) > 1
        and p * q == number.public_numbers.n
        and e * number.d % (p - 1) == e * number.d % (q - 1) == 1
        and e * number.dmp1 % (p - 1) == e * number.dmq1 % (q - 1) == 1
        and number.iqmp * q % p == 1
    ):
        raise ValueError


def _password_needed(path: str) -> Unusable:
    return Unusable(
        "certificate_password",
        "the private key in %s is encrypted: give certificate_password" % path,
    )


def _wrong_password(path: str) -> Unusable:
    return Unusable(
        "certificate_password",
        "certificate_password does not open the private key in %s: give the right one (or the key "
        "is damaged)" % path,
    )
