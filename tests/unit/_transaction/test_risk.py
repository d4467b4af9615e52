# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would not answer after a restart: files, certificates and addresses, each looked at once."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host import addresses
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    ConfiguredListener,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import risk
from support import pki

IMAPS, IMAP, PLAIN = ("127.0.0.1", 993), ("127.0.0.1", 143), ("127.0.0.1", 1143)


@pytest.fixture(name="files")
def _files(tmp_path):
    """A certificate and its key, that load."""
    key = pki.key("ecdsa", "risk")
    certificate = pki.Authority().issue(key, names=["mx.example.com"])
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    paths[0].write_bytes(pki.certificate_bytes(certificate))
    paths[1].write_bytes(pki.key_bytes(key))
    return paths


def configured(files, **more):
    certificate, key = map(str, files)
    found = [
        Listener(*IMAPS, "imap", "ssl", certificate, key),
        Listener(*IMAP, "imap", "tls", certificate, key),
        Listener(*PLAIN, "imap", "none", certificate, key),
    ]
    return Configured(
        tuple(ConfiguredListener(listener, "") for listener in found),
        sockets=frozenset({IMAPS, IMAP, PLAIN}),
        **more,
    )


def of(whole, user="root"):
    return risk.Risks().of(whole, user)


def test_what_would_come_back_is_not_at_risk(files):
    pair = str(files[0]), str(files[1])
    whole = configured(files, files_at_start=pair, certificates_at_start=(pair,))
    assert of(whole) == {}
    assert of(Configured(sockets=frozenset({("::", 25), ("0.0.0.0", 25)}))) == {}


@pytest.mark.parametrize(
    "which, fault, words",
    [
        (0, None, "can't be read: No such file"),
        (1, None, "can't be read: No such file"),
        (0, b"", "does not load: "),
        (1, b"", "does not load: "),
        (1, "another", "key values mismatch"),
    ],
)
def test_a_certificate_that_is_spoilt_puts_its_listeners_at_risk(files, which, fault, words):
    if fault is None:
        files[which].unlink()
    else:
        content = pki.key_bytes(pki.key("ecdsa", "other")) if fault == "another" else fault
        files[which].write_bytes(content)
    found = of(configured(files))
    assert set(found) == {IMAPS, IMAP} and words in found[IMAPS]


def test_what_a_server_can_not_start_without_puts_all_of_it_at_risk(files, tmp_path):
    gone = str(tmp_path / "gone.pem")
    everything = {IMAPS, IMAP, PLAIN}
    assert set(of(configured(files, files_at_start=(gone,)))) == everything
    pair = (str(files[0]), str(files[0]))
    assert set(of(configured(files, certificates_at_start=(pair,)))) == everything
    empty = tmp_path / "empty.pem"
    empty.touch()
    assert of(configured(files, files_at_start=(str(empty),))) == {}


def test_an_address_that_is_gone_puts_the_whole_server_at_risk(files, monkeypatch):
    away = configured(files)._replace(sockets=frozenset({IMAPS, ("203.0.113.7", 993)}))
    asked = []

    def cannot_listen(address, floating):
        asked.append((address, floating))
        return "gone"

    monkeypatch.setattr(addresses, "cannot_listen", cannot_listen)
    risks = risk.Risks()
    for dummy in range(2):
        found = risks.of(away, "root")
        assert set(found) == {IMAPS, IMAP, PLAIN}
        assert found[IMAPS].startswith("203.0.113.7 is in its files, and is not an address")
    assert asked == [("203.0.113.7", False)]
    monkeypatch.setattr(risk, "bind_error", lambda address: None)  # ip_nonlocal_bind
    assert of(away) == {}


def test_each_certificate_is_loaded_once(files, monkeypatch):
    loaded = []
    monkeypatch.setattr(risk, "load_problem", lambda *pair: loaded.append(pair) or "")
    risks = risk.Risks()
    for dummy in range(2):
        risks.of(configured(files), "root")
    assert loaded == [(str(files[0]), str(files[1]))]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")
def test_a_file_that_the_server_s_user_may_not_read_is_a_risk(files, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    files[0].chmod(0o644)
    files[1].chmod(0o600)
    assert of(configured(files)) == {}
    found = of(configured(files), "nobody")
    assert set(found) == {IMAPS, IMAP}
    assert found[IMAPS] == "%s can't be read by the user nobody" % files[1]
    files[1].chmod(0o644)
    assert of(configured(files), "nobody") == {}
