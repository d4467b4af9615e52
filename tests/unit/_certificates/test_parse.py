# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as the library reads them: facts, and strange or damaged ones."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import tempfile

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from support import pki
from support.judging import KEY, NOW, PASSWORD, WRONG_PASSWORD, certificate, only, written

# -- facts


@pytest.mark.skipif(
    not shutil.which("openssl"), reason="there is no openssl command to compare with"
)
@pytest.mark.parametrize(
    "name",
    [
        "cert.pem",
        "fullchain.pem",
        "cert.der",
        "ecdsa.pem",
        "ed25519.pem",
        "address.pem",
        "expired.pem",
        "sha1.pem",
    ],
)
def test_facts_are_those_that_openssl_shows(files, name):
    form = "DER" if name.endswith(".der") else "PEM"
    asked = "-subject -issuer -dates -fingerprint -sha256 -nameopt RFC2253,-esc_msb,utf8"
    output = subprocess.run(
        ["openssl", "x509", "-noout", "-in", str(files / name), "-inform", form, *asked.split()],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout.decode()
    shown = dict(line.partition("=")[::2] for line in output.splitlines() if "=" in line)

    def iso(text):
        return datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )

    fingerprint = next(value for key, value in shown.items() if key.lower().endswith("fingerprint"))
    facts = certificate(files, name, "key.pem").facts()
    assert facts["subject"] == shown["subject"]
    assert facts["issuer"] == shown["issuer"]
    assert facts["not_before"] == iso(shown["notBefore"])
    assert facts["not_after"] == iso(shown["notAfter"])
    assert facts["fingerprint_sha256"] == fingerprint


def test_facts_have_one_shape_whether_the_certificate_can_be_read_or_not(files):
    facts = certificate(files, "address.pem").facts()
    assert facts.pop("fingerprint_sha256").count(":") == 31
    assert facts == {
        "path": str(files / "address.pem"),
        "subject": r"CN=mail.example.com,O=Example\, Mail & Söhne,C=DE",
        "issuer": r"CN=Test Intermediate CA,O=Example\, Mail & Söhne,C=DE",
        "names": ["mail.example.com", "192.0.2.10", "2001:db8::10"],
        "not_before": "2030-05-02T12:34:56Z",
        "not_after": "2030-08-30T12:34:56Z",
        "days_left": 90,
        "key_matches": True,
    }
    unread = certificate(files, "garbage.pem").facts()
    assert set(unread) == set(facts) | {"fingerprint_sha256"}
    assert unread["path"] == str(files / "garbage.pem")
    assert unread["names"] == []
    assert {value for key, value in unread.items() if key not in ("path", "names")} == {None}


def test_facts_of_a_chain_are_those_of_its_first_certificate(files):
    chain, leaf = (
        certificate(files, "fullchain.pem", "key.pem").facts(),
        certificate(files, "cert.pem", "key.pem").facts(),
    )
    assert dict(chain, path="") == dict(leaf, path="")
    assert "Test Root CA" in certificate(files, "root-first.pem").facts()["subject"]


@pytest.mark.parametrize(
    "name", ["cert.der", "combined.pem", "password.p12", "empty-password.p12", "no-password.p12"]
)
def test_facts_do_not_depend_on_the_format(files, name):
    password = pki.PASSWORD if name == "password.p12" else None
    assert dict(certificate(files, name, "key.pem", password).facts(), path="") == dict(
        certificate(files, "cert.pem", "key.pem").facts(), path=""
    )


# -- formats and keys


def test_pkcs12_without_its_key_has_no_private_key(files, tmp_path):
    path = tmp_path / "no-key.p12"
    subprocess.run(
        [
            "openssl",
            "pkcs12",
            "-export",
            "-nokeys",
            "-in",
            str(files / "combined.pem"),
            "-passout",
            "pass:x",
            "-out",
            str(path),
        ],
        check=True,
    )
    finding = only(Certificate(Source(str(path), "", "x"), NOW).findings())
    assert finding.option == "private_key_path"
    assert "without a private key" in finding.message


@pytest.mark.parametrize(
    "password, option, message",
    [
        (pki.PASSWORD, None, None),
        (None, PASSWORD, "give certificate_password"),
        (WRONG_PASSWORD, PASSWORD, "does not open the private key"),
    ],
)
def test_an_encrypted_der_key_takes_its_password_too(files, tmp_path, password, option, message):
    path = written(tmp_path, pki.key_bytes(pki.key(), pki.PASSWORD, der=True))
    found = Certificate(Source(str(files / "cert.der"), path, password), NOW).findings()
    assert [
        (finding.option, path in finding.message, message in finding.message) for finding in found
    ] == ([(option, True, True)] if option else [])


@pytest.mark.parametrize("part", ["p", "dmp1", "iqmp"])
def test_an_rsa_key_whose_parts_do_not_belong_together_is_damaged(files, tmp_path, part):
    """It has the certificate's public key, and OpenSSL signs with it; other libraries may not."""
    key = serialization.load_der_private_key((files / "key.der").read_bytes(), None)
    der = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    number = getattr(key.private_numbers(), part)
    size = (number.bit_length() + 7) // 8
    bent = der.replace(number.to_bytes(size, "big"), (number ^ (1 << 400)).to_bytes(size, "big"))
    assert bent != der
    finding = only(
        Certificate(Source(str(files / "cert.pem"), written(tmp_path, bent)), NOW).findings()
    )
    assert finding.option == "private_key_path" and "damaged private key" in finding.message


def test_an_ecdsa_key_whose_halves_do_not_belong_together_is_damaged(files, tmp_path):
    """OpenSSL loads it, since the public half is the certificate's, and then signs wrongly."""
    key = serialization.load_pem_private_key((files / "ecdsa.pem").read_bytes(), None)
    der = pki.key_bytes(key, der=True)
    secret = key.private_numbers().private_value
    bent = der.replace(secret.to_bytes(32, "big"), (secret ^ (1 << 40)).to_bytes(32, "big"))
    assert bent != der
    finding = only(
        Certificate(Source(str(files / "ecdsa.pem"), written(tmp_path, bent)), NOW).findings()
    )
    assert finding.option == "private_key_path" and "damaged private key" in finding.message


# -- strange and damaged ones


def swapped(content: bytes, old: str, new: str) -> bytes:
    """DER with all of one hexadecimal string replaced by another of the same length."""
    old, new = bytes.fromhex(old), bytes.fromhex(new)
    assert old in content and len(old) == len(new)
    return content.replace(old, new)


STRANGE = [
    ("key of an unknown kind", "06092a864886f70d010101", "06092a864886f70d01017f"),
    (
        "RSA-PSS key",
        "06092a864886f70d010101",
        "06092a864886f70d01010a",
    ),  # RFC 4055: real ones have this object identifier
    ("version 116", "a003020102", "a003020173"),
    ("extension twice", "0603551d0e", "0603551d13"),
    ("time that is none", b"300830123456Z".hex(), b"309930123456Z".hex()),
    (
        "country of three letters",
        "0603550406" + "1302" + b"DE".hex(),
        "0603550406" + "1302" + "0001",
    ),
    ("country that is an organization", "060355040a", "0603550406"),
    ("text that is none", "06035504030c10", "06035504030310"),
    (
        "alternative name of an unusual kind",
        "8210" + pki.HOSTNAME.encode().hex(),
        "a310" + pki.HOSTNAME.encode().hex(),
    ),
]


@pytest.mark.parametrize(
    "old, new", [case[1:] for case in STRANGE], ids=[case[0] for case in STRANGE]
)
@pytest.mark.filterwarnings(
    "ignore:Attribute's length"
)  # of cryptography, which reads it all the same
def test_a_strange_certificate_is_no_fault_of_ours(files, tmp_path, old, new):
    path = written(tmp_path, swapped((files / "cert.der").read_bytes(), old, new))
    judged = Certificate(Source(path, str(files / "key.pem")), NOW)
    for finding in judged.findings(14, [pki.HOSTNAME, "192.0.2.1"]):
        assert path in finding.message
    assert judged.facts()["path"] == path


@given(
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=3
    ),
    st.sampled_from(["certificate", "key"]),
)
def test_a_damaged_file_is_found_or_harmless_but_never_a_fault_of_ours(files, damage, which):
    damaged = bytearray((files / {"certificate": "cert.der", "key": "key.der"}[which]).read_bytes())
    for place, value in damage:
        damaged[int(place * len(damaged))] = value
    with tempfile.TemporaryDirectory() as folder:
        path = pki.write(os.path.join(folder, "damaged"), bytes(damaged))
        source = (
            Source(path, str(files / "key.der"))
            if which == "certificate"
            else Source(str(files / "cert.der"), path)
        )
        judged = Certificate(source, NOW)
        for finding in judged.findings(14, [pki.HOSTNAME, "192.0.2.1"]):
            assert (path if finding.option == KEY else source.path) in finding.message
        assert judged.facts()["path"] == source.path
