# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real certificates to test with: good ones, and one of each kind that is bad.

In Python, C(write_set(folder)), or C(Authority) for others; in a shell,
C(python tests/support/pki.py FOLDER). The files, all for mail.example.com, in PEM, and with an RSA
key of 2048 bits unless the list says something else:

    file                      mode  what it is
    ------------------------  ----  --------------------------------------------------------------
    ca.pem                    0644  the root, for clients to trust
    intermediate.pem          0644  what issued the others
    good, certificate and key in two files
    cert.pem                  0644  a certificate, valid for 90 days
    key.pem                   0600  its key, PKCS#8
    rsa-key.pem               0600  its key, PKCS#1 (BEGIN RSA PRIVATE KEY)
    group-key.pem             0640  its key, which a group may read
    fullchain.pem             0644  certificate, intermediate, root
    cert.der                  0644  the certificate, DER
    key.der                   0600  its key, DER
    encrypted-key.pem         0600  its key, encrypted (PKCS#8) with PASSWORD
    encrypted-rsa-key.pem     0600  its key, PKCS#1, encrypted (Proc-Type: 4,ENCRYPTED)
    good, all in one file
    combined.pem              0600  key, certificate, intermediate, root
    encrypted.pem             0600  the same, the key encrypted with PASSWORD
    ecdsa.pem                 0600  with an ECDSA key, P-256
    ed25519.pem               0600  with an Ed25519 key
    wildcard.pem              0600  for *.example.com
    address.pem               0600  for mail.example.com, 192.0.2.10 and 2001:db8::10
    password.p12              0600  PKCS#12 with PASSWORD
    empty-password.p12        0600  PKCS#12 with an empty password
    no-password.p12           0600  PKCS#12 without a password
    bad certificates, key and certificate in one file
    expired.pem               0600  since yesterday
    not-yet-valid.pem         0600  from tomorrow on
    five-days.pem             0600  5 days left
    other-names.pem           0600  for www.example.net and example.com
    common-name-only.pem      0600  for no name: CN=mail.example.com, no subject alternative name
    address-as-dns-name.pem   0600  192.0.2.10, but said to be a DNS name
    rsa-1024.pem              0600  with an RSA key of 1024 bits
    sha1.pem                  0600  signed with SHA-1
    md5.pem                   0600  signed with MD5
    client-only.pem           0600  for client authentication only
    root-first.pem            0600  key, root, intermediate, certificate: the wrong order
    glued.pem                 0644  certificate and intermediate joined without a line feed
    cut.pem                   0644  certificate and half an intermediate
    root-between.pem          0600  key, certificate, root, intermediate: the chain in the wrong order
    certificate-signing.pem   0600  with a key usage for signing certificates only
    secp256k1.pem             0600  with an ECDSA key on a curve that clients do not take
    bad keys
    without-key.pem           0644  a certificate and nothing else
    wrong-key.pem             0600  a certificate with other-key.pem
    other-key.pem             0600  a key that belongs to none of the certificates
    world-readable.pem        0644  as combined.pem, but every user may read it
    world-readable-key.pem    0644  as key.pem, but every user may read it
    no certificates
    key-only.pem              0600  a key where a certificate is expected
    empty.pem                 0644  an empty file
    big.pem                   0644  10 MB, which begin as fullchain.pem does
    garbage.pem               0644  something else
    directory.pem/            0755  a directory
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import hmac
import ipaddress
import os
import pathlib
import sys
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTNAME = "mail.example.com"
OTHER_NAMES = ("www.example.net", "example.com")
ADDRESSES = ("192.0.2.10", "2001:db8::10")
PASSWORD = "Tr0ub4dor&3"  # of encrypted keys and PKCS#12 files: a comic's, and no secret
DAYS = 90  # that certificates are valid for from now on

SERVER_AUTH, CLIENT_AUTH = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

# DER of 1.2.840.113549.1.1.*: the signatures with RSA and one of these
_SIGNED_WITH = {
    name: bytes.fromhex("06092a864886f70d0101") + bytes([number])
    for name, number in (("md5", 4), ("sha1", 5), ("sha256", 11))
}
_NULL = b"\x05\x00"
_CURVES = {
    "ecdsa": ec.SECP256R1,
    "p192": ec.SECP192R1,
    "p224": ec.SECP224R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
    "brainpool": ec.BrainpoolP256R1,
}
_EDWARDS = {"ed25519": ed25519.Ed25519PrivateKey, "ed448": ed448.Ed448PrivateKey}


# -- keys


@functools.lru_cache(maxsize=None)
def key(kind: str = "rsa-2048", which: str = "server"):
    """A new private key of this kind, the same for the same C(which): RSA keys take a while."""
    if kind.startswith("rsa-"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[4:]))
    if kind == "dsa":
        return dsa.generate_private_key(2048)
    if kind in _EDWARDS:
        return _EDWARDS[kind].generate()
    return ec.generate_private_key(_CURVES[kind]())


def key_bytes(private_key, password: str = "", pkcs1: bool = False, der: bool = False) -> bytes:
    """A private key as its file has it."""
    return private_key.private_bytes(
        Encoding.DER if der else Encoding.PEM,
        PrivateFormat.TraditionalOpenSSL if pkcs1 else PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()) if password else NoEncryption(),
    )


# -- certificates


class Authority:
    """A root, an intermediate, and what they issue.

    Certificates are valid from a month before C(now) until C(DAYS) after it.
    """

    def __init__(self, now: t.Optional[datetime.datetime] = None):
        self.now = (now or datetime.datetime.now(datetime.timezone.utc)).replace(microsecond=0)
        self.root = self.authority("Test Root CA", "root")
        self.intermediate = self.authority("Test Intermediate CA", "intermediate")

    def issue(
        self,
        private_key=None,
        names=(HOSTNAME,),
        addresses=(),
        common_name=HOSTNAME,
        begins=-30.0,
        ends=float(DAYS),
        purposes=(SERVER_AUTH,),
        digest="sha256",
        usages: t.Optional[t.Sequence[str]] = ("digital_signature",),
        extensions=(),
    ) -> x509.Certificate:
        """A server's certificate.

        C(begins) and C(ends) are days from now; C(purposes) empty: none are named; C(usages) None:
        no key usage; C(extensions): more of them, each with whether it is critical.
        """
        public_key = (private_key or key()).public_key()
        builder = self._builder(common_name, public_key, begins, ends)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        if usages is not None:
            builder = builder.add_extension(
                _key_usage(**dict.fromkeys(usages, True)), critical=True
            )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if names or addresses:
            alternatives = [x509.DNSName(name) for name in names] + [
                x509.IPAddress(ipaddress.ip_address(address)) for address in addresses
            ]
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        if digest != "sha256":
            return _signed_weakly(builder, digest)
        return self._signed(builder, "Test Intermediate CA", key("ecdsa", "intermediate"))

    def authority(
        self,
        common_name: str,
        which: str,
        issuer: str = "Test Root CA",
        issuer_which: str = "root",
        begins=-365.0,
        ends=3650.0,
        ca=True,
        path_length=None,
        usages=("key_cert_sign", "crl_sign"),
        digest="sha256",
        extensions=(),
    ) -> x509.Certificate:
        """The certificate of an authority with this name and key, issued by another."""
        public_key = key("ecdsa", which).public_key()
        builder = self._builder(common_name, public_key, begins, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        builder = builder.add_extension(_key_usage(**dict.fromkeys(usages, True)), critical=True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        if digest != "sha256":
            return _signed_weakly(builder, digest)
        return self._signed(builder, issuer, key("ecdsa", issuer_which))

    def _builder(
        self, common_name: str, public_key, begins: float, ends: float
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + datetime.timedelta(days=begins))
            .not_valid_after(self.now + datetime.timedelta(days=ends))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )

    @staticmethod
    def _signed(builder: x509.CertificateBuilder, issuer: str, issuer_key) -> x509.Certificate:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        return (
            builder.add_extension(identifier, critical=False)
            .issuer_name(_name(issuer))
            .sign(issuer_key, hashes.SHA256())
        )


def certificate_bytes(*certificates: x509.Certificate, der: bool = False) -> bytes:
    """Certificates as their file has them."""
    return b"".join(
        certificate.public_bytes(Encoding.DER if der else Encoding.PEM)
        for certificate in certificates
    )


def pkcs12_bytes(
    private_key, certificate: x509.Certificate, others=(), password: t.Optional[str] = None
) -> bytes:
    """A PKCS#12 file. An empty password is not the same as none: RFC 7292, B.1."""
    encryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else NoEncryption()
    )
    pfx = pkcs12.serialize_key_and_certificates(
        b"mail", private_key, certificate, list(others) or None, encryption
    )
    if password:
        return pfx
    version, safe = _elements(_elements(pfx)[0][1])[:2]
    content = _elements(_elements(safe[1])[1][1])[0][1]
    return _element(
        0x30, version[0], safe[0], _pkcs12_mac(content, b"" if password is None else b"\0\0")
    )


def _key_usage(**usages: bool) -> x509.KeyUsage:
    usage_names = (
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
    return x509.KeyUsage(**{usage: usages.get(usage, False) for usage in usage_names})


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(
                NameOID.ORGANIZATION_NAME, "Example, Mail & Söhne"
            ),  # to be escaped, and not ASCII
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _signed_weakly(builder: x509.CertificateBuilder, digest: str) -> x509.Certificate:
    """Signed with MD5 or SHA-1, by an old root.

    First with SHA-256, since no library makes certificates with the others any more.
    """
    issuer_key = key("rsa-1024", "old root")
    signed = Authority._signed(builder, "Old Root CA", issuer_key)
    content = signed.tbs_certificate_bytes.replace(_SIGNED_WITH["sha256"], _SIGNED_WITH[digest])
    signature = issuer_key.sign(
        content, padding.PKCS1v15(), {"md5": hashes.MD5, "sha1": hashes.SHA1}[digest]()
    )
    algorithm = _element(0x30, _SIGNED_WITH[digest], _NULL)
    return x509.load_der_x509_certificate(
        _element(0x30, content, algorithm, _element(0x03, b"\0", signature))
    )


def _pkcs12_mac(content: bytes, password: bytes) -> bytes:
    """RFC 7292, appendix B: one round of SHA-1. C(password): a BMPString, its terminator or b''."""
    salt = b"mailsalt"
    mac_key = hashlib.sha1(b"\3" * 64 + salt * 8 + (password * 64)[:64]).digest()
    digest = hmac.new(mac_key, content, "sha1").digest()
    algorithm = _element(0x30, bytes.fromhex("06052b0e03021a"), _NULL)
    return _element(0x30, _element(0x30, algorithm, _element(0x04, digest)), _element(0x04, salt))


# -- DER, as far as it is needed above


def _element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _elements(content: bytes) -> list:
    """(whole element, its content) of each."""
    found = []
    while content:
        begin, length = 2, content[1]
        if length & 0x80:
            begin += length & 0x7F
            length = int.from_bytes(content[2:begin], "big")
        found.append((content[: begin + length], content[begin : begin + length]))
        content = content[begin + length :]
    return found


# -- the set of files


def write_set(folder, now: t.Optional[datetime.datetime] = None) -> pathlib.Path:
    """Write all the files above into a folder, which is made if missing."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority(now)
    certificate = authority.issue()
    chain = certificate, authority.intermediate, authority.root
    good, good_key, other_key = (
        certificate_bytes(certificate),
        key_bytes(key()),
        key_bytes(key(which="other")),
    )

    def public(name: str, content: bytes) -> None:
        write(folder / name, content, 0o644)

    def private(name: str, *contents: bytes) -> None:
        write(folder / name, b"".join(contents), 0o600)

    def issued(name: str, private_key=None, **how) -> None:
        private_key = private_key or key()
        private(
            name, key_bytes(private_key), certificate_bytes(authority.issue(private_key, **how))
        )

    public("ca.pem", certificate_bytes(authority.root))
    public("intermediate.pem", certificate_bytes(authority.intermediate))

    public("cert.pem", good)
    private("key.pem", good_key)
    private("rsa-key.pem", key_bytes(key(), pkcs1=True))
    write(folder / "group-key.pem", good_key, 0o640)
    public("fullchain.pem", certificate_bytes(*chain))
    public("cert.der", certificate_bytes(certificate, der=True))
    private("key.der", key_bytes(key(), der=True))
    private("encrypted-key.pem", key_bytes(key(), PASSWORD))
    private("encrypted-rsa-key.pem", key_bytes(key(), PASSWORD, pkcs1=True))

    private("combined.pem", good_key, certificate_bytes(*chain))
    private("encrypted.pem", key_bytes(key(), PASSWORD), certificate_bytes(*chain))
    issued("ecdsa.pem", key("ecdsa"))
    issued("ed25519.pem", key("ed25519"))
    issued("wildcard.pem", names=["*.example.com"], common_name="*.example.com")
    issued("address.pem", addresses=ADDRESSES)
    private("password.p12", pkcs12_bytes(key(), certificate, chain[1:], PASSWORD))
    private("empty-password.p12", pkcs12_bytes(key(), certificate, chain[1:], ""))
    private("no-password.p12", pkcs12_bytes(key(), certificate, chain[1:]))

    issued("expired.pem", ends=-1)
    issued("not-yet-valid.pem", begins=1)
    issued(
        "five-days.pem", ends=5 + 1 / 24
    )  # an hour to spare: still five when a playbook gets there
    issued("other-names.pem", names=OTHER_NAMES, common_name=OTHER_NAMES[0])
    issued("common-name-only.pem", names=())
    issued("address-as-dns-name.pem", names=ADDRESSES[:1], common_name=ADDRESSES[0])
    issued("rsa-1024.pem", key("rsa-1024"))
    issued("sha1.pem", digest="sha1")
    issued("md5.pem", digest="md5")
    issued("client-only.pem", purposes=[CLIENT_AUTH])
    private("root-first.pem", good_key, certificate_bytes(*reversed(chain)))

    above = certificate_bytes(authority.intermediate)
    public("glued.pem", good.rstrip() + above)
    public("cut.pem", good + above[: len(above) // 2])
    private(
        "root-between.pem",
        good_key,
        certificate_bytes(certificate, authority.root, authority.intermediate),
    )
    issued("certificate-signing.pem", usages=["key_cert_sign"])
    issued("secp256k1.pem", key("secp256k1"))

    public("without-key.pem", good)
    private("wrong-key.pem", other_key, good)
    private("other-key.pem", other_key)
    public("world-readable.pem", good_key + certificate_bytes(*chain))
    public("world-readable-key.pem", good_key)

    private("key-only.pem", good_key)
    public("empty.pem", b"")
    public("big.pem", certificate_bytes(*chain))
    os.truncate(
        folder / "big.pem", 10 * 1024 * 1024
    )  # a file with a hole: it is 10 MB long, and takes no space
    public("garbage.pem", b"This is not the certificate that you are looking for.\n")
    (folder / "directory.pem").mkdir(mode=0o755, exist_ok=True)
    return folder


def write(path, content: bytes, mode: int = 0o600) -> str:
    """Write a file that has this mode at every moment. Returns its path."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
    return str(path)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python tests/support/pki.py FOLDER")
    write_set(sys.argv[1])
