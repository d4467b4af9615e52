# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: what a server can't serve or its clients would refuse is found, blamed on the right option, and the rest is left in peace.

The files are those of tests/pki.py, made for a NOW of 2030: what depends on the host's own clock fails here.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._certificates import (
    judge as _certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
    Source,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    EMPTY,
    Bindings,
    MissingLibrary,
    Port,
)
from support import pki

NOW = datetime.datetime(2030, 6, 1, 12, 34, 56, tzinfo=datetime.timezone.utc)
EXPIRES = NOW + datetime.timedelta(days=pki.DAYS)
SECOND, HOUR, DAY = (
    datetime.timedelta(seconds=1),
    datetime.timedelta(hours=1),
    datetime.timedelta(days=1),
)

WRONG_PASSWORD = "Correct-Horse-8"

#: A message says what to do after what is wrong: something that one does, after a colon.
REMEDY = re.compile(
    r": .*\b(check|chmod|convert|copy|export|give|have|issue|look|make|must|(?<!common )name|put|read|renew|run|use)\b"
)


@pytest.fixture(scope="module", name="files")
def fixture_files(tmp_path_factory):
    """The folder with the whole set."""
    return pki.write_set(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module", name="authority")
def fixture_authority():
    return pki.Authority(NOW)


def certificate(folder, name, key="", password=None, now=NOW) -> Certificate:
    return Certificate(Source(str(folder / name), str(folder / key) if key else "", password), now)


def written(folder, *contents, name="one.pem", mode=0o600) -> str:
    return pki.write(folder / name, b"".join(contents), mode)


def only(findings):
    assert len(findings) == 1, findings
    return findings[0]


@contextlib.contextmanager
def within(seconds):
    """What hangs fails."""

    def too_late(number, frame):
        raise AssertionError("took more than %d seconds" % seconds)

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def nobody():
    """Not root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


# -- what is good

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


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pem: pem.replace(b"\n", b"\r\n"), id="line ends of Windows"),
        pytest.param(lambda pem: b"\xef\xbb\xbf" + pem, id="byte order mark"),
        pytest.param(
            lambda pem: b"Bag Attributes\n    friendlyName: mail\nsubject=CN = mail\n" + pem,
            id="notes before it",
        ),
        pytest.param(lambda pem: b"0 s:CN = mail\n" + pem, id="notes that look like DER"),
        pytest.param(lambda pem: pem.rstrip(b"\n"), id="no newline at the end"),
        pytest.param(
            lambda pem: (
                pem
                + b"\n-----BEGIN DH PARAMETERS-----\nMAYCAQsCAQI=\n-----END DH PARAMETERS-----\n"
            ),
            id="something more",
        ),
    ],
)
def test_a_pem_file_may_look_in_many_ways(files, tmp_path, change):
    path = written(tmp_path, change((files / "combined.pem").read_bytes()))
    assert Certificate(Source(path), NOW).findings() == []


def test_openssl_s_own_form_is_not_passed_over_for_the_next_certificate(files, tmp_path):
    trusted = subprocess.run(
        ["openssl", "x509", "-in", str(files / "combined.pem"), "-trustout"],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    path = written(tmp_path, trusted + (files / "root-first.pem").read_bytes())
    finding = only(Certificate(Source(path), NOW).findings())
    assert finding.option == "certificate_path"
    assert "openssl x509 -in %s" % path in finding.message


def test_pkcs12_without_its_key_is_called_so(files, tmp_path):
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


def test_order_of_key_and_certificate_does_not_matter(files, tmp_path):
    path = written(
        tmp_path, (files / "fullchain.pem").read_bytes(), (files / "key.pem").read_bytes()
    )
    assert Certificate(Source(path), NOW).findings() == []


def test_links_are_followed(files, tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).symlink_to(files / name)
    assert certificate(tmp_path, "cert.pem", "key.pem").findings() == []


def test_any_purpose_and_no_named_purpose_are_good_for_a_server(authority, tmp_path):
    any_purpose = x509.ObjectIdentifier("2.5.29.37.0")
    for purposes in ((), [any_purpose], [pki.CLIENT_AUTH, pki.SERVER_AUTH]):
        key = pki.key("ecdsa")
        path = written(
            tmp_path,
            pki.key_bytes(key),
            pki.certificate_bytes(authority.issue(key, purposes=purposes)),
        )
        assert Certificate(Source(path), NOW).findings() == [], purposes


# -- what is bad: name, (certificate, key, password), what findings() is asked for, the option at fault, what its message says

STRICT = {"min_days": 14, "hostnames": [pki.HOSTNAME]}
CERTIFICATE, KEY, WITH = "certificate_path", "private_key_path", "certificate_password"

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
        WITH,
        "is encrypted: give certificate_password",
    ),
    (
        "encrypted key with an empty password",
        ("cert.pem", "encrypted-key.pem", ""),
        WITH,
        "is encrypted: give certificate_password",
    ),
    (
        "encrypted key with the wrong password",
        ("cert.pem", "encrypted-key.pem", WRONG_PASSWORD),
        WITH,
        "does not open the private key",
    ),
    (
        "encrypted PKCS#1 key without password",
        ("cert.pem", "encrypted-rsa-key.pem"),
        WITH,
        "is encrypted: give certificate_password",
    ),
    (
        "encrypted PKCS#1 key with the wrong password",
        ("cert.pem", "encrypted-rsa-key.pem", WRONG_PASSWORD),
        WITH,
        "does not open the private key",
    ),
    (
        "encrypted key in one file, without password",
        ("encrypted.pem",),
        WITH,
        "is encrypted: give certificate_password",
    ),
    (
        "PKCS#12 without its password",
        ("password.p12",),
        WITH,
        "needs its password: give certificate_password",
    ),
    (
        "PKCS#12 with an empty password",
        ("password.p12", "", ""),
        WITH,
        "certificate_password is not its password",
    ),
    (
        "PKCS#12 with the wrong password",
        ("password.p12", "", WRONG_PASSWORD),
        WITH,
        "certificate_password is not its password",
    ),
    (
        "PKCS#12 with a password that it has not",
        ("no-password.p12", "", WRONG_PASSWORD),
        WITH,
        "certificate_password is not its password",
    ),
]
#: Judged by their names, they have further faults: that of a root, and that of nobody's.
NOT_STRICT = {"chain in the wrong order", "chain in the wrong order, key apart"}


def bad(case):
    name, (first, *rest), option, message = case
    return pytest.param(first, rest, {} if name in NOT_STRICT else STRICT, option, message, id=name)


@pytest.mark.parametrize("name, rest, asked, option, message", [bad(case) for case in BAD])
def test_a_bad_one_has_one_finding_for_the_option_at_fault(
    files, name, rest, asked, option, message
):
    with within(20):
        finding = only(certificate(files, name, *rest).findings(**asked))
    assert finding.option == option
    assert message in finding.message
    paths = [str(files / path) for path in [name] + rest[:1] if path]
    assert paths[-1 if option == KEY or rest and option == WITH else 0] in finding.message


@pytest.mark.parametrize("name, rest, asked, option, message", [bad(case) for case in BAD])
def test_its_message_says_what_to_do(files, name, rest, asked, option, message):
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


def test_all_that_is_wrong_is_found_at_once(authority, tmp_path):
    weak = pki.key("rsa-1024")
    issued = authority.issue(
        weak, names=["www.example.net"], ends=-1, digest="sha1", purposes=[pki.CLIENT_AUTH]
    )
    path = written(tmp_path, pki.certificate_bytes(issued))
    key_path = written(tmp_path, pki.key_bytes(pki.key("ecdsa")), name="key.pem", mode=0o644)
    found = Certificate(Source(path, key_path), NOW).findings(14, ["mail.example.com", "192.0.2.1"])
    said = [(KEY, "every user"), (KEY, "does not match")]
    said += [
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
    assert [
        (finding.option, part)
        for finding, (ignored, part) in zip(found, said)
        if part in finding.message
    ] == said
    assert len(found) == len(said)


@pytest.mark.parametrize("which", ["the key", "the certificate"])
def test_a_certificate_is_judged_although_its_key_is_not_there(files, which):
    key = {"the key": "missing.pem", "the certificate": ""}[which]
    name = {"the key": "cert.pem", "the certificate": "without-key.pem"}[which]
    found = certificate(files, name, key, now=EXPIRES + DAY).findings()
    assert [finding.option for finding in found] == [KEY, CERTIFICATE]
    assert "expired" in found[1].message


@pytest.mark.parametrize(
    "password, option, message",
    [
        (pki.PASSWORD, None, None),
        (None, WITH, "give certificate_password"),
        (WRONG_PASSWORD, WITH, "does not open the private key"),
    ],
)
def test_an_encrypted_der_key_takes_its_password_too(files, tmp_path, password, option, message):
    path = written(tmp_path, pki.key_bytes(pki.key(), pki.PASSWORD, der=True))
    found = Certificate(Source(str(files / "cert.der"), path, password), NOW).findings()
    assert [
        (finding.option, path in finding.message, message in finding.message) for finding in found
    ] == ([(option, True, True)] if option else [])


# -- what the reading must withstand


@pytest.mark.parametrize("option", [CERTIFICATE, KEY])
def test_a_fifo_that_nobody_writes_to_is_not_waited_for(files, tmp_path, option):
    os.mkfifo(tmp_path / "fifo")
    paths = (
        (str(tmp_path / "fifo"), "")
        if option == CERTIFICATE
        else (str(files / "cert.pem"), str(tmp_path / "fifo"))
    )
    with within(5):
        finding = only(Certificate(Source(*paths), NOW).findings())
    assert finding.option == option
    assert finding.message.startswith("%s is a device, pipe" % (tmp_path / "fifo"))


@pytest.mark.parametrize("option", [CERTIFICATE, KEY])
def test_a_file_that_this_user_may_not_read_is_blamed(files, option):
    # not in tmp_path, whose folders only its owner may enter
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        paths = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
        for path in paths:
            pki.write(path, (files / os.path.basename(path)).read_bytes(), 0o444)
        refused = paths[option == KEY]
        with nobody():
            assert Certificate(Source(*paths), NOW).key_matches is True
        os.chmod(refused, 0o000)
        with nobody():
            finding = Certificate(Source(*paths), NOW).findings()[0]
    assert finding.option == option
    assert finding.message.startswith("%s can't be read: Permission denied" % refused)


@pytest.mark.parametrize("label", [b"CERTIFICATE", b"PRIVATE KEY"])
def test_a_file_of_nothing_but_beginnings_takes_no_time(files, tmp_path, label):
    begin = b"-----BEGIN %s-----\n" % label
    path = written(tmp_path, begin * (1000 * 1000 // len(begin)))
    paths = (path, "") if label == b"CERTIFICATE" else (str(files / "cert.pem"), path)
    with within(5):
        assert only(Certificate(Source(*paths), NOW).findings()).message.startswith(path)


@pytest.mark.parametrize(
    "name, key, password",
    [
        ("cert.der", "key.pem", None),
        ("combined.pem", "", None),
        ("no-password.p12", "", None),
    ],
)
def test_a_truncated_file_is_blamed(files, tmp_path, name, key, password):
    content = (files / name).read_bytes()
    for length in (1, 2, 7, 9, 40, len(content) // 4, len(content) // 2):
        path = written(tmp_path, content[:length], name=name)
        found = Certificate(Source(path, str(files / key) if key else "", password), NOW).findings()
        assert path in only(found).message


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


# -- the clock


@pytest.mark.parametrize(
    "now, problem",
    [
        (NOW - 30 * DAY - SECOND, "is not valid before 2030-05-02 12:34 UTC"),
        (NOW - 30 * DAY, None),
        (EXPIRES, None),
        (EXPIRES + SECOND, "expired on 2030-08-30"),
        (EXPIRES + 1000 * DAY, "expired on 2030-08-30"),
    ],
)
def test_valid_from_the_first_second_to_the_last(files, now, problem):
    found = certificate(files, "combined.pem", now=now).findings()
    assert [problem in finding.message for finding in found] == ([True] if problem else [])


@pytest.mark.parametrize(
    "now, min_days, days_left, enough",
    [
        (EXPIRES - 14 * DAY, 14, 14, True),
        (EXPIRES - 14 * DAY + SECOND, 14, 13, False),
        (EXPIRES - 14 * DAY - SECOND, 14, 14, True),
        (EXPIRES - 15 * DAY + SECOND, 15, 14, False),
        (EXPIRES - DAY, 1, 1, True),
        (EXPIRES - HOUR, 1, 0, False),
        (EXPIRES - HOUR, 0, 0, True),
        (EXPIRES, 0, 0, True),
    ],
)
def test_days_left_are_whole_days(files, now, min_days, days_left, enough):
    judged = certificate(files, "combined.pem", now=now)
    assert judged.facts()["days_left"] == days_left
    messages = [finding.message for finding in judged.findings(min_days)]
    said = "%s has %d days left, fewer than the %d asked for (certificate_min_days)" % (
        files / "combined.pem",
        days_left,
        min_days,
    )
    assert [message.startswith(said) for message in messages] == ([] if enough else [True])


def test_an_expired_one_is_not_also_short_of_days(files):
    judged = certificate(files, "combined.pem", now=EXPIRES + SECOND)
    assert judged.facts()["days_left"] < 0
    assert "expired" in only(judged.findings(min_days=14)).message


# -- names: RFC 9525, section 6.3

COVERED = [
    ("mail.example.com", "mail.example.com", True),
    ("mail.example.com", "MAIL.Example.COM", True),
    ("Mail.EXAMPLE.com", "mail.example.com", True),
    ("mail.example.com", "mail.example.com.", True),
    ("mail.example.com", "imap.example.com", False),
    ("mail.example.com", "example.com", False),
    ("mail.example.com", "notmail.example.com", False),
    ("mail.example.com", "mail.example.com.example.net", False),
    ("mail.example.com", "mail", False),
    ("*.example.com", "mail.example.com", True),
    ("*.example.com", "MAIL.EXAMPLE.COM", True),
    ("*.EXAMPLE.COM", "mail.example.com.", True),
    ("*.example.com", "a.mail.example.com", False),
    ("*.example.com", "example.com", False),
    ("*.example.com", "mail.example.net", False),
    ("*.mail.example.com", "mail.example.com", False),
    ("m*.example.com", "mail.example.com", False),
    ("*l.example.com", "mail.example.com", False),
    ("mail.*.com", "mail.example.com", False),
    ("*.*.com", "mail.example.com", False),
    ("*", "localhost", False),
    ("*.lan", "mail.lan", False),  # OpenSSL wants two labels behind the wildcard
    ("*.0.2.10", "192.0.2.10", False),
    ("192.0.2.10", "192.0.2.10", False),  # as a DNS name
    (["example.net", "*.example.com", "example.org"], "mail.example.com", True),
    ("mail.xn--bcher-kva.example", "mail.bücher.example", True),
    ("*.xn--bcher-kva.example", "Mail.BÜCHER.example", True),
    ("mail.xn--bcher-kva.example", "mail.bucher.example", False),
    ("mail.example.com", "mail..example.com", False),  # has no ASCII form
]


@pytest.mark.parametrize("names, hostname, covered", COVERED)
def test_a_name_is_covered_by_itself_or_by_a_wildcard_for_its_first_label(
    authority, tmp_path, names, hostname, covered
):
    names = [names] if isinstance(names, str) else names
    key = pki.key("ecdsa")
    path = written(
        tmp_path, pki.key_bytes(key), pki.certificate_bytes(authority.issue(key, names=names))
    )
    found = Certificate(Source(path), NOW).findings(hostnames=[hostname])
    said = "%s is not for %s: its names are %s" % (path, hostname, ", ".join(names))
    assert [(finding.option, finding.message.startswith(said)) for finding in found] == (
        [] if covered else [(CERTIFICATE, True)]
    )


@pytest.mark.parametrize(
    "name, hostname, covered",
    [
        ("address.pem", "192.0.2.10", True),
        ("address.pem", "2001:db8::10", True),
        ("address.pem", "2001:DB8:0:0::10", True),
        ("address.pem", "192.0.2.11", False),
        ("address.pem", "2001:db8::1", False),
        ("combined.pem", "192.0.2.10", False),
        ("address-as-dns-name.pem", "192.0.2.10", False),
    ],
)
def test_an_address_is_covered_by_its_own_entry_only(files, name, hostname, covered):
    assert (certificate(files, name).findings(hostnames=[hostname]) == []) is covered


def test_each_name_that_is_not_covered_is_said(files):
    found = certificate(files, "combined.pem").findings(
        hostnames=["imap.example.com", "mail.example.com", "example.com"]
    )
    assert [finding.message.split(":")[0].rpartition(" ")[2] for finding in found] == [
        "imap.example.com",
        "example.com",
    ]


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
def test_facts_are_those_that_openssl_tells(files, name):
    def openssl(*options):
        command = [
            "openssl",
            "x509",
            "-noout",
            "-in",
            str(files / name),
            "-inform",
            "DER" if name.endswith(".der") else "PEM",
        ] + list(options)
        output = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}
        ).stdout.decode()
        return dict(line.partition("=")[::2] for line in output.splitlines() if "=" in line)

    def iso(text):
        return datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )

    told = openssl("-subject", "-issuer", "-nameopt", "RFC2253,-esc_msb,utf8")
    told.update(openssl("-dates", "-fingerprint", "-sha256"))
    fingerprint = next(value for key, value in told.items() if key.lower().endswith("fingerprint"))
    facts = certificate(files, name, "key.pem").facts()
    assert facts["subject"] == told["subject"]
    assert facts["issuer"] == told["issuer"]
    assert facts["not_before"] == iso(told["notBefore"])
    assert facts["not_after"] == iso(told["notAfter"])
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


def test_facts_of_a_chain_are_those_of_its_first(files):
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


def test_a_missing_library_is_named_with_its_package(monkeypatch):
    new = Bindings({"A": Port("A", "imap", 993, "ssl", "/tls/cert.pem")}, {})
    monkeypatch.setattr(_certificate, "x509", None)
    with pytest.raises(MissingLibrary) as missing:
        _certificate.judge(EMPTY, new, {"A": ""}, {}, 0, NOW)
    assert missing.value.library == "cryptography"
    assert "python3-cryptography" in missing.value.package
    # a port that is left as it is needs no proof: that there is none is said
    certificates, problems, warnings = _certificate.judge(new, new, {"A": ""}, {}, 0, NOW)
    assert (certificates, problems) == ([], []) and "python3-cryptography" in warnings[0]


def test_what_is_wrong_stops_a_port_that_changes_and_warns_of_those_that_stay(files):
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
    judged = _certificate.judge(
        current, Bindings(ports, {}), {"A": "", "B": "", "C": "ports[0]."}, {}, 0, NOW
    )
    assert len(judged.certificates) == 1  # read once
    assert [message.partition(": ")[0] for message in judged.problems] == [
        "ports[0].certificate_path"
    ]
    assert [message.partition(": ")[0] for message in judged.warnings] == ["port A, B"]


def test_a_task_that_leaves_a_port_alone_need_not_know_its_password(files):
    port = Port("A", "imap", 993, "ssl", str(files / "password.p12"))
    bindings = Bindings({"A": port}, {})
    judged = _certificate.judge(bindings, bindings, {"A": ""}, {}, 0, NOW)
    assert judged.warnings == [] and "certificate_password" in judged.certificates[0]["problems"][0]
    assert (
        _certificate.judge(EMPTY, bindings, {"A": ""}, {}, 0, NOW)
        .problems[0]
        .startswith("certificate_password: ")
    )
    assert _certificate.judge(
        bindings, bindings, {"A": ""}, {"A": {"certificate_password": WRONG_PASSWORD}}, 0, NOW
    ).warnings


@pytest.mark.parametrize("part", ["p", "dmp1", "iqmp"])
def test_an_rsa_key_whose_parts_do_not_belong_together_is_damaged(files, tmp_path, part):
    """It has the certificate's public key; OpenSSL signs with it all the same, other libraries need not: hence no short cut at loading."""
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
