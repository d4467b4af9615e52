# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of certificates: their forms, and what reading has to withstand."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import tempfile

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from support import pki
from support.judging import CERTIFICATE, KEY, NOW, certificate, only, within, written


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pem: pem.replace(b"\n", b"\r\n"), id="line ends of Windows"),
        pytest.param(
            lambda pem: b"\xef\xbb\xbf" + pem,
            id="byte order mark",
            marks=pytest.mark.skipif(
                ssl.OPENSSL_VERSION_INFO < (3,), reason="OpenSSL 1.1 finds no block behind it"
            ),
        ),
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
def test_pem_is_read_in_all_its_forms(files, tmp_path, change):
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


def test_the_order_of_key_and_certificate_does_not_matter(files, tmp_path):
    path = written(
        tmp_path, (files / "fullchain.pem").read_bytes(), (files / "key.pem").read_bytes()
    )
    assert Certificate(Source(path), NOW).findings() == []


def test_links_are_followed(files, tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).symlink_to(files / name)
    assert certificate(tmp_path, "cert.pem", "key.pem").findings() == []


# -- what reading has to withstand


@contextlib.contextmanager
def not_root():
    """A user who may not read everything, as root may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("option", [CERTIFICATE, KEY])
def test_a_fifo_without_a_writer_is_not_waited_for(files, tmp_path, option):
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
        with not_root():
            assert Certificate(Source(*paths), NOW).key_matches is True
        os.chmod(refused, 0o000)
        with not_root():
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
