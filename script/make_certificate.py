# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a private CA and a server certificate to try things with: python make_certificate.py FOLDER HOSTNAME

Writes ca.pem, fullchain.pem (the server's certificate, then the CA's) and key.pem. Certificates that have a month left are kept.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
DAYS = 90


def name(common_name: str) -> x509.Name:
    """A subject of nothing but a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def builder(subject: str, issuer: str, key, issuer_key) -> x509.CertificateBuilder:
    """What the CA's and the server's certificate have in common."""
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(hours=1))
        .not_valid_after(NOW + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        # Python 3.13 and later refuse certificates without it (RFC 5280, 4.2.1.1)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def key_usage(**used: bool) -> x509.KeyUsage:
    """A key usage of only these."""
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{usage: used.get(usage, False) for usage in every})


def is_fresh(path: pathlib.Path) -> bool:
    """Is there a certificate with a month left?"""
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    not_after = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after
    return not_after.replace(tzinfo=None) > NOW + datetime.timedelta(days=30)


def main(folder: pathlib.Path, hostname: str) -> None:
    """Make both, and write them."""
    folder.mkdir(parents=True, exist_ok=True)
    if is_fresh(folder / "fullchain.pem"):
        print("%s has one with a month left" % folder)
        return
    ca_name = "Private CA of %s" % folder
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = (
        builder(ca_name, ca_name, ca_key, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        builder(hostname, ca_name, key, ca_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    os.umask(0o077)  # the key is nobody else's from its first byte
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    for file, content in (
        ("ca.pem", ca.public_bytes(pem)),
        ("fullchain.pem", server.public_bytes(pem) + ca.public_bytes(pem)),
    ):
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o644)
    print("%s/fullchain.pem and key.pem, signed by ca.pem" % folder)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
