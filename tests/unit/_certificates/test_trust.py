# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_trust: whether a chain leads to the authorities that clients trust. By the clock."""

from __future__ import annotations

import ssl
import types

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
    judge,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.trust import (
    option_problem,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    EMPTY,
    Bindings,
    Port,
)
from support import pki
from support.judging import CERTIFICATE, only, written

AUTHORITY = pki.Authority()
OTHER = AUTHORITY.authority("Other Root CA", "other root", "Other Root CA", "other root")


def findings(folder, trust, *chain, password=None, kind="ecdsa", **how):
    key = pki.key(kind)
    content = pki.certificate_bytes(AUTHORITY.issue(key, **how), *chain)
    path = written(folder, pki.key_bytes(key, password or ""), content)
    return Certificate(Source(path, "", password), AUTHORITY.now, trust).findings()


@pytest.fixture(name="store")
def fixture_store(tmp_path):
    """Write a file of authorities."""

    def write(*authorities):
        return written(tmp_path, pki.certificate_bytes(*authorities), name="store.pem", mode=0o644)

    return write


def test_a_chain_that_leads_to_the_store_is_trusted(tmp_path, store):
    above = AUTHORITY.intermediate
    assert findings(tmp_path, store(AUTHORITY.root), above) == []
    assert findings(tmp_path, store(OTHER, AUTHORITY.root), above, AUTHORITY.root) == []
    assert findings(tmp_path, store(above)) == []  # an intermediate may be what is trusted
    assert findings(tmp_path, store(AUTHORITY.root), above, password=pki.PASSWORD) == []
    assert findings(tmp_path, store(AUTHORITY.root), above, kind="rsa-2048") == []


@pytest.mark.parametrize("chain", [(), (AUTHORITY.intermediate,)])
@pytest.mark.parametrize("trust", ["other", "system"])
def test_a_chain_that_leads_elsewhere_is_not(tmp_path, store, chain, trust):
    finding = only(findings(tmp_path, store(OTHER) if trust == "other" else trust, *chain))
    assert finding.option == CERTIFICATE
    shown = "this host's trust store" if trust == "system" else "the authorities in "
    assert "is not trusted by clients that trust " + shown in finding.message
    assert "local issuer certificate" in finding.message


def test_without_its_intermediate_a_chain_leads_nowhere(tmp_path, store):
    assert "append the missing" in only(findings(tmp_path, store(AUTHORITY.root))).message


def test_none_trusts_each_authority(tmp_path):
    assert findings(tmp_path, "none") == []


@pytest.mark.parametrize(
    "how, words",
    [
        ({"ends": -1}, "expired on"),
        ({"purposes": [pki.CLIENT_AUTH]}, "lacks server authentication"),
        ({"kind": "rsa-1024"}, "1024 bits"),
        ({"kind": "secp256k1"}, "secp256k1"),
    ],
)
def test_what_is_found_anyway_is_said_once(tmp_path, store, how, words):
    found = findings(tmp_path, store(AUTHORITY.root), AUTHORITY.intermediate, **how)
    assert words in only(found).message


def test_what_only_clients_find_is_said(tmp_path, store):
    """An authority that may issue for other names only (RFC 5280, 4.2.1.10)."""
    constraints = pki.x509.NameConstraints([pki.x509.DNSName("example.net")], None), True
    above = AUTHORITY.authority("Test Intermediate CA", "intermediate", extensions=[constraints])
    finding = only(findings(tmp_path, store(AUTHORITY.root), above))
    assert "permitted subtree violation" in finding.message


@pytest.mark.parametrize("trust", ["none", "system"])
def test_known_stores(trust, tmp_path, monkeypatch):
    paths = types.SimpleNamespace(cafile=None, capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    problem = "certificate_trust: this host has no trust store: install ca-certificates"
    assert option_problem(trust) == ("" if trust == "none" else problem)
    (tmp_path / "ca.pem").touch()
    assert option_problem(trust) == ""


@pytest.mark.parametrize(
    "trust, words",
    [
        ("relative.pem", "neither none nor system nor an absolute path"),
        ("", "neither none nor system"),
        ("/absent/ca.pem", "/absent/ca.pem can't be read"),
        ("/", "is a directory"),
        ("no-certificate", "has no certificate in PEM"),
    ],
)
def test_a_store_that_can_t_be_used(tmp_path, trust, words):
    if trust == "no-certificate":
        trust = written(tmp_path, pki.key_bytes(pki.key("ecdsa")))
    problem = option_problem(trust)
    assert problem.startswith("certificate_trust: ") and words in problem


def test_it_stops_new_ports_and_warns_of_those_that_stay(tmp_path, store):
    key = pki.key("ecdsa")
    path = written(tmp_path, pki.key_bytes(key), pki.certificate_bytes(AUTHORITY.issue(key)))
    bindings = Bindings({"A": Port("A", "imap", 993, "ssl", path)}, {})
    labels, trust = {"A": "ports[0]."}, store(OTHER)
    judged = judge(EMPTY, bindings, labels, {}, 0, AUTHORITY.now, trust)
    assert judged.problems[0].startswith("ports[0].certificate_path: ") and not judged.warnings
    judged = judge(bindings, bindings, labels, {}, 0, AUTHORITY.now, trust)
    assert not judged.problems and judged.warnings[0].startswith("port A: ")
