# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenSSL says of certificate and key files when it loads them as a server does."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.load import (
    load_problem,
)


@pytest.fixture
def file(tmp_path, files):
    """Write a certificate file of other files' text, joined as it is given."""

    def write(*parts):
        path = tmp_path / "certificate.pem"
        path.write_bytes(
            b"".join(
                part if isinstance(part, bytes) else (files / part).read_bytes() for part in parts
            )
        )
        return str(path)

    return write


def test_what_servers_load(files):
    assert load_problem(str(files / "fullchain.pem"), str(files / "key.pem")) == ""
    assert load_problem(str(files / "ecdsa.pem"), str(files / "ecdsa.pem")) == ""


def test_a_renewal_joined_without_the_newline(files, file):
    glued = file((files / "cert.pem").read_bytes().rstrip(b"\n"), "intermediate.pem")
    assert "PEM" in load_problem(glued, str(files / "key.pem"))


def test_a_chain_that_was_cut_off(files, file):
    half = (files / "intermediate.pem").read_bytes()
    cut = file("cert.pem", half[: len(half) // 2])
    assert "PEM" in load_problem(cut, str(files / "key.pem"))


def test_nul_characters_that_only_openssl_skips(files, file):
    """Seen with Postfix: no private key found, or a part of the chain."""
    whole = (files / "fullchain.pem").read_bytes() + (files / "key.pem").read_bytes()
    for padded in (whole.replace(b"\n", b"\0\n"), whole + b"\0"):
        path = file(padded)
        assert load_problem(path, path).startswith(path + " has NUL characters")


@pytest.mark.parametrize(
    "certificate, key, words",
    [
        ("cert.pem", "other-key.pem", "mismatch"),
        ("cert.pem", "encrypted-key.pem", "encrypted"),
        ("cert.pem", "absent.pem", "No such file"),
        ("empty.pem", "key.pem", ""),
    ],
)
def test_what_no_server_loads(files, certificate, key, words):
    problem = load_problem(str(files / certificate), str(files / key))
    assert problem and words.lower() in problem.lower()
