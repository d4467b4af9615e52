# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as a whole: what is wrong, which option is at fault, and what stops a task."""

from __future__ import annotations

import itertools
import re

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates import parse
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
    judge,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    EMPTY,
    Bindings,
    MissingLibrary,
    Port,
)
from support import pki
from support.judging import (
    CERTIFICATE,
    DAY,
    EXPIRES,
    KEY,
    NOW,
    PASSWORD,
    WRONG_PASSWORD,
    certificate,
    only,
    reachable,
    within,
    written,
)

#: A message says what to do after what is wrong: something that one does, after a colon.
REMEDY = re.compile(
    r": .*\b(check|convert|export|give|have|issue|look|make|must|"
    r"(?<!common )name|put|renew|run|use)\b"
)


GOOD = [
    ("two files", "cert.pem", "key.pem", None),
    ("PKCS#1 key", "cert.pem", "rsa-key.pem", None),
    ("key that a group may read", "cert.pem", "group-key.pem", None),
    ("chain and key", "fullchain.pem", "key.pem", None),
    ("one file", "combined.pem", "", None),
    ("one file, named twice", "combined.pem", "combined.pem", None),
    ("key of a file with both", "cert.pem", "combined.pem", None),
    ("ECDSA", "ecdsa.pem", "", None),
    ("Ed25519", "ed25519.pem", "", None),
    ("wildcard", "wildcard.pem", "", None),
    ("with addresses", "address.pem", "", None),
    ("DER", "cert.der", "key.der", None),
    ("DER and PEM", "cert.der", "key.pem", None),
    ("encrypted key", "cert.pem", "encrypted-key.pem", pki.PASSWORD),
    ("encrypted PKCS#1 key", "cert.pem", "encrypted-rsa-key.pem", pki.PASSWORD),
    ("encrypted key in one file", "encrypted.pem", "", pki.PASSWORD),
    ("password for a key without one", "cert.pem", "key.pem", pki.PASSWORD),
    ("PKCS#12 with its password", "password.p12", "", pki.PASSWORD),
    ("PKCS#12 with an empty password, none given", "empty-password.p12", "", None),
    ("PKCS#12 with an empty password, given", "empty-password.p12", "", ""),
    ("PKCS#12 without a password, none given", "no-password.p12", "", None),
    ("PKCS#12 without a password, an empty one given", "no-password.p12", "", ""),
    ("PKCS#12 and its key in a file", "no-password.p12", "key.pem", None),
]


@pytest.mark.parametrize(
    "name, key, password", [case[1:] for case in GOOD], ids=[case[0] for case in GOOD]
)
def test_a_good_certificate_has_no_findings(files, name, key, password):
    judged = certificate(files, name, key, password)
    assert judged.findings(min_days=pki.DAYS, hostnames=[pki.HOSTNAME]) == []
    assert judged.findings() == []
    assert judged.key_matches is True


# -- name, (certificate, key, password), the option at fault, what the message says

STRICT = {"min_days": 14, "hostnames": [pki.HOSTNAME]}

BAD = [
    ("missing", ("missing.pem", "key.pem"), CERTIFICATE, "can't be read: No such file"),
    ("directory", ("directory.pem", "key.pem"), CERTIFICATE, "is a directory"),
    ("device", ("/dev/zero", "key.pem"), CERTIFICATE, "is a device"),
    ("empty", ("empty.pem", "key.pem"), CERTIFICATE, "is empty"),
    ("10 MB", ("big.pem", "key.pem"), CERTIFICATE, "has 10485760 bytes"),
    ("garbage", ("garbage.pem", "key.pem"), CERTIFICATE, "is not a certificate"),
    ("key only", ("key-only.pem",), CERTIFICATE, "holds a private key, but no certificate"),
    (
        "key as the certificate of itself",
        ("key-only.pem", "key.pem"),
        CERTIFICATE,
        "holds a private key, but no certificate",
    ),
    ("DER key as certificate", ("key.der", "key.pem"), CERTIFICATE, "something else in its place"),
    ("expired", ("expired.pem",), CERTIFICATE, "expired on 2030-05-31"),
    (
        "not yet valid",
        ("not-yet-valid.pem",),
        CERTIFICATE,
        "is not valid before 2030-06-02 12:34 UTC",
    ),
    ("few days left", ("five-days.pem",), CERTIFICATE, "has 5 days left, fewer than the 14"),
    (
        "other names",
        ("other-names.pem",),
        CERTIFICATE,
        "is not for mail.example.com: its names are www.example.net, example.com",
    ),
    (
        "common name only",
        ("common-name-only.pem",),
        CERTIFICATE,
        "is not for mail.example.com: its names are none",
    ),
    ("RSA 1024", ("rsa-1024.pem",), CERTIFICATE, "has a key of 1024 bits"),
    ("SHA-1", ("sha1.pem",), CERTIFICATE, "is signed with SHA-1"),
    ("MD5", ("md5.pem",), CERTIFICATE, "is signed with MD5"),
    ("client only", ("client-only.pem",), CERTIFICATE, "is not for servers"),
    ("no key", ("without-key.pem",), KEY, "has no private key in it"),
    ("no key, DER", ("cert.der",), KEY, "has no private key in it"),
    (
        "certificate as key",
        ("cert.pem", "without-key.pem"),
        KEY,
        "holds a certificate, but no private key",
    ),
    (
        "certificate as key, DER",
        ("cert.pem", "cert.der"),
        KEY,
        "holds a damaged private key, or something else",
    ),
    ("key missing", ("cert.pem", "missing.pem"), KEY, "can't be read: No such file"),
    ("key directory", ("cert.pem", "directory.pem"), KEY, "is a directory"),
    ("key empty", ("cert.pem", "empty.pem"), KEY, "is empty"),
    ("key 10 MB", ("cert.pem", "big.pem"), KEY, "has 10485760 bytes"),
    ("key garbage", ("cert.pem", "garbage.pem"), KEY, "holds no private key"),
    ("wrong key", ("cert.pem", "other-key.pem"), KEY, "does not match the certificate"),
    ("wrong key of another kind", ("cert.pem", "ecdsa.pem"), KEY, "does not match the certificate"),
    ("wrong key in one file", ("wrong-key.pem",), CERTIFICATE, "does not match the certificate"),
    ("glued", ("glued.pem", "key.pem"), CERTIFICATE, "has the end of a block and the beginning"),
    ("cut", ("cut.pem", "key.pem"), CERTIFICATE, "can't be loaded by OpenSSL"),
    ("root between", ("root-between.pem",), CERTIFICATE, "sends certificate 2 (CN=Test Root CA"),
    ("for signing", ("certificate-signing.pem",), CERTIFICATE, "is not for servers"),
    ("secp256k1", ("secp256k1.pem",), CERTIFICATE, "has a key of a kind that clients refuse"),
    (
        "chain in the wrong order",
        ("root-first.pem",),
        CERTIFICATE,
        "belongs to a later certificate of the chain",
    ),
    (
        "chain in the wrong order, key apart",
        ("root-first.pem", "key.pem"),
        KEY,
        "belongs to a later certificate of the chain",
    ),
    (
        "world-readable key",
        ("cert.pem", "world-readable-key.pem"),
        KEY,
        "can be read by every user",
    ),
    (
        "world-readable key in one file",
        ("world-readable.pem",),
        CERTIFICATE,
        "can be read by every user",
    ),
    (
        "encrypted key without password",
        ("cert.pem", "encrypted-key.pem"),
        PASSWORD,
        "is encrypted: give certificate_password",
    ),
    (
        "encrypted key with an empty password",
        ("cert.pem", "encrypted-key.pem", ""),
        PASSWORD,
        "is encrypted: give certificate_password",
    ),
    (
        "encrypted key with the wrong password",
        ("cert.pem", "encrypted-key.pem", WRONG_PASSWORD),
        PASSWORD,
        "does not open the private key",
    ),
    (
        "encrypted PKCS#1 key without password",
        ("cert.pem", "encrypted-rsa-key.pem"),
        PASSWORD,
        "is encrypted: give certificate_password",
    ),
    (
        "encrypted PKCS#1 key with the wrong password",
        ("cert.pem", "encrypted-rsa-key.pem", WRONG_PASSWORD),
        PASSWORD,
        "does not open the private key",
    ),
    (
        "encrypted key in one file, without password",
        ("encrypted.pem",),
        PASSWORD,
        "is encrypted: give certificate_password",
    ),
    (
        "PKCS#12 without its password",
        ("password.p12",),
        PASSWORD,
        "needs its password: give certificate_password",
    ),
    (
        "PKCS#12 with an empty password",
        ("password.p12", "", ""),
        PASSWORD,
        "certificate_password is not its password",
    ),
    (
        "PKCS#12 with the wrong password",
        ("password.p12", "", WRONG_PASSWORD),
        PASSWORD,
        "certificate_password is not its password",
    ),
    (
        "PKCS#12 with a password that it has not",
        ("no-password.p12", "", WRONG_PASSWORD),
        PASSWORD,
        "certificate_password is not its password",
    ),
]


def bad(case):
    name, (first, *rest), option, message = case
    return pytest.param(first, rest, STRICT, option, message, id=name)


@pytest.mark.parametrize("name, rest, asked, option, message", [bad(case) for case in BAD])
def test_a_bad_certificate_has_one_finding_for_the_option_at_fault(
    files, name, rest, asked, option, message
):
    with within(20):
        finding = only(certificate(files, name, *rest).findings(**asked))
    assert finding.option == option
    assert message in finding.message
    paths = [str(files / path) for path in [name] + rest[:1] if path]
    assert paths[-1 if option == KEY or rest and option == PASSWORD else 0] in finding.message


@pytest.mark.parametrize("name, rest, asked, option, message", [bad(case) for case in BAD])
def test_the_message_says_what_to_do(files, name, rest, asked, option, message):
    assert REMEDY.search(only(certificate(files, name, *rest).findings(**asked)).message)


@pytest.mark.parametrize(
    "name, rest, matches",
    [
        ("cert.pem", ["key.pem"], True),
        ("expired.pem", [], True),
        ("cert.pem", ["other-key.pem"], False),
        ("wrong-key.pem", [], False),
        ("root-first.pem", [], False),
        ("without-key.pem", [], None),
        ("cert.pem", ["missing.pem"], None),
        ("cert.pem", ["encrypted-key.pem"], None),
        ("missing.pem", ["key.pem"], None),
        ("password.p12", [], None),
    ],
)
def test_key_matches_is_true_or_false_only_where_both_were_read(files, name, rest, matches):
    judged = certificate(files, name, *rest)
    assert judged.key_matches is matches
    assert judged.facts()["key_matches"] is matches


def test_all_problems_are_found_at_once(authority, tmp_path):
    weak = pki.key("rsa-1024")
    issued = authority.issue(
        weak, names=["www.example.net"], ends=-1, digest="sha1", purposes=[pki.CLIENT_AUTH]
    )
    path = written(tmp_path, pki.certificate_bytes(issued))
    reachable(tmp_path)
    key_path = written(tmp_path, pki.key_bytes(pki.key("ecdsa")), name="key.pem", mode=0o644)
    found = Certificate(Source(path, key_path), NOW).findings(14, ["mail.example.com", "192.0.2.1"])
    expected = [(KEY, "every user"), (KEY, "does not match")]
    expected += [
        (CERTIFICATE, part)
        for part in (
            "expired",
            "not for mail.example.com",
            "not for 192.0.2.1",
            "1024 bits",
            "SHA-1",
            "not for servers",
        )
    ]
    shown = [
        (finding.option, part)
        for finding, (dummy, part) in zip(found, expected)
        if part in finding.message
    ]
    assert shown == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("which", ["the key", "the certificate"])
def test_a_certificate_is_judged_although_its_key_is_missing(files, which):
    key = {"the key": "missing.pem", "the certificate": ""}[which]
    name = {"the key": "cert.pem", "the certificate": "without-key.pem"}[which]
    found = certificate(files, name, key, now=EXPIRES + DAY).findings()
    assert [finding.option for finding in found] == [KEY, CERTIFICATE]
    assert "expired" in found[1].message


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("closed", ["", "upper", "upper/lower"])
def test_a_key_that_only_root_can_reach_is_not_world_readable(tmp_path, link, closed):
    """As old versions of certbot have it: a key of mode 0644 below a folder of mode 0700."""
    reachable(tmp_path)
    folder = tmp_path / "upper" / "lower"
    folder.mkdir(parents=True)
    key = pki.key("ecdsa")
    content = pki.key_bytes(key) + pki.certificate_bytes(pki.Authority(NOW).issue(key))
    path = written(folder, content, mode=0o644)
    (tmp_path / closed).chmod(0o700 if closed else 0o755)
    if link:  # it does not matter how open the way of a link is
        (tmp_path / "link.pem").symlink_to(path)
        path = str(tmp_path / "link.pem")
    found = [finding.message for finding in Certificate(Source(path), NOW).findings()]
    assert ["can be read by every user" in message for message in found] == [True] * (not closed)


@pytest.mark.parametrize(
    "kind, good",
    [
        ("ecdsa", True),
        ("p384", True),
        ("p521", True),
        ("ed25519", True),
        ("p192", False),
        ("p224", False),
        ("secp256k1", False),
        ("brainpool", False),
        ("ed448", False),
        ("dsa", False),
    ],
)
def test_kinds_of_keys(authority, tmp_path, kind, good):
    key = pki.key(kind)
    path = written(tmp_path, pki.key_bytes(key), pki.certificate_bytes(authority.issue(key)))
    found = [finding.message for finding in Certificate(Source(path), NOW).findings()]
    expected = "%s has a key of a kind that clients refuse" % path
    assert [message.startswith(expected) for message in found] == [True] * (not good)


# -- secrets


@pytest.mark.parametrize("password", [pki.PASSWORD, WRONG_PASSWORD])
def test_a_password_is_in_no_finding_and_no_fact(files, password):
    names = sorted(path.name for path in files.iterdir())
    keys = [
        "encrypted-key.pem",
        "encrypted-rsa-key.pem",
        "other-key.pem",
        "world-readable-key.pem",
        "garbage.pem",
        "password.p12",
    ]
    for name, key in [(name, "") for name in names] + list(
        itertools.product(["cert.pem", "combined.pem", "password.p12"], keys)
    ):
        judged = certificate(files, name, key, password)
        assert password not in repr(judged.findings(100, ["other.example.net"])) + repr(
            judged.facts()
        ) + repr(judged), (name, key)


# -- the certificates of a task


def test_a_missing_library_is_named_with_its_package(monkeypatch):
    new = Bindings({"A": Port("A", "imap", 993, "ssl", "/tls/cert.pem")}, {})
    monkeypatch.setattr(parse, "HAS_LIBRARY", False)
    with pytest.raises(MissingLibrary) as missing:
        judge(EMPTY, new, {"A": ""}, {}, 0, NOW)
    assert missing.value.library == "cryptography"
    assert "python3-cryptography" in missing.value.package
    # a port that is left as it is needs no proof: that there is none is expected
    certificates, problems, warnings = judge(new, new, {"A": ""}, {}, 0, NOW)
    assert (certificates, problems) == ([], []) and "python3-cryptography" in warnings[0]


def test_problems_stop_ports_that_change_and_warn_of_those_that_stay(files):
    expired = {
        "protocol": "imap",
        "encryption": "ssl",
        "certificate_path": str(files / "expired.pem"),
    }
    ports = {
        name: Port(name=name, port=number, **expired)
        for name, number in (("A", 993), ("B", 994), ("C", 995))
    }
    current = Bindings({name: ports[name] for name in "AB"}, {})
    judged = judge(current, Bindings(ports, {}), {"A": "", "B": "", "C": "ports[0]."}, {}, 0, NOW)
    assert len(judged.certificates) == 1  # read once
    assert [message.partition(": ")[0] for message in judged.problems] == [
        "ports[0].certificate_path"
    ]
    assert [message.partition(": ")[0] for message in judged.warnings] == ["port A, B"]


def test_a_task_that_leaves_a_port_alone_need_not_know_its_password(files):
    port = Port("A", "imap", 993, "ssl", str(files / "password.p12"))
    bindings = Bindings({"A": port}, {})
    judged = judge(bindings, bindings, {"A": ""}, {}, 0, NOW)
    assert judged.warnings == [] and "certificate_password" in judged.certificates[0]["problems"][0]
    assert (
        judge(EMPTY, bindings, {"A": ""}, {}, 0, NOW)
        .problems[0]
        .startswith("certificate_password: ")
    )
    assert judge(
        bindings, bindings, {"A": ""}, {"A": {"certificate_password": WRONG_PASSWORD}}, 0, NOW
    ).warnings
