# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Served certificates: their dates, and how they compare with the declared file."""

from __future__ import annotations

import datetime
import ssl
import sys

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates import parse
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe import tls as tls_module
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe
from support import pki, scripted
from support.probing import NOW, ask


def test_facts_are_those_of_the_certificate_that_was_served(certificates, tls):
    result = ask(scripted.imap(tls, implicit=True), "imap", "ssl")[0]
    (chain,) = parse.chains_in(str(certificates / "cert.pem"))
    facts = parse.leaf_facts(parse.leaf_of(chain[0]), NOW)
    assert result["certificate"] == dict(facts, matches_file=None)


@pytest.mark.parametrize(
    "name, status, detail",
    [
        ("expired.pem", "expired", "the certificate expired on "),
        ("not-yet-valid.pem", "expired", "the certificate is not valid before "),
        ("five-days.pem", "expiring", "the certificate has 5 days left"),
        ("other-names.pem", "ok", ""),
    ],
)
@pytest.mark.parametrize("encryption", ["tls", "ssl"])
def test_a_certificate_is_judged_after_the_handshake(
    name, status, detail, encryption, certificates
):
    context = scripted.tls_context(certificates / name)
    result, server = ask(
        scripted.imap(context, encryption == "ssl"),
        "imap",
        encryption,
        certificate_path=str(certificates / name),
        hostname=pki.HOSTNAME,
    )
    assert result["status"] == status
    assert result["detail"].startswith(detail)
    assert (len(server.sessions), server.sessions[0].heard[-1]) == (1, b"z LOGOUT")


def test_expiring_depends_on_min_days_and_on_now(certificates):
    with scripted.Server(
        scripted.imap(scripted.tls_context(certificates / "five-days.pem"), implicit=True)
    ) as server:
        listener = Listener("127.0.0.1", server.port, "imap", "ssl")
        assert [probe([listener], min_days=days, now=NOW)[0]["status"] for days in (5, 6)] == [
            "ok",
            "expiring",
        ]
        assert probe([listener], now=NOW + datetime.timedelta(days=10))[0]["status"] == "expired"


def test_another_certificate_than_the_file_s_is_wrong_certificate(certificates, tls):
    result = ask(
        scripted.imap(tls, implicit=True),
        "imap",
        "ssl",
        certificate_path=str(certificates / "ecdsa.pem"),
    )[0]
    assert result["status"] == "wrong_certificate"
    assert str(certificates / "ecdsa.pem") in result["detail"]
    assert result["certificate"]["matches_file"] is False


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python does not show the served chain")
@pytest.mark.parametrize(
    "served, in_file, detail",
    [
        (["leaf"], ["leaf", "above"], "the file has 2 certificates, the server sends 1"),
        (["leaf", "above"], ["leaf", "above", "top"], ""),  # a root is not needed
        (["leaf", "top"], ["leaf", "above"], "others, or in another order"),
        (["leaf", "above"], ["leaf"], ""),  # a server may know the authorities above it
    ],
)
def test_a_chain_that_changed_behind_the_same_certificate(tmp_path, served, in_file, detail):
    authority = pki.Authority()
    certificates = {
        "leaf": authority.issue(),
        "above": authority.intermediate,
        "top": authority.root,
    }
    for name, chain in (("served", served), ("in-file", in_file)):
        content = pki.certificate_bytes(*(certificates[which] for which in chain))
        pki.write(tmp_path / name, pki.key_bytes(pki.key()) + content)
    result = ask(
        scripted.imap(scripted.tls_context(tmp_path / "served"), implicit=True),
        "imap",
        "ssl",
        certificate_path=str(tmp_path / "in-file"),
    )[0]
    assert result["status"] == ("wrong_certificate" if detail else "ok")
    assert detail in result["detail"]
    assert result["certificate"]["matches_file"] is not bool(detail)


def test_a_name_of_another_script_is_asked_for_by_idna_2008(certificates, tls):
    server = ask(scripted.imap(tls, implicit=True), "imap", "ssl", hostname="faß.example")[1]
    assert server.sessions[0].server_name == "xn--fa-hia.example"


def test_wrong_certificate_comes_before_expired(certificates):
    context = scripted.tls_context(certificates / "expired.pem")
    result = ask(
        scripted.imap(context, implicit=True),
        "imap",
        "ssl",
        certificate_path=str(certificates / "combined.pem"),
    )[0]
    assert result["status"] == "wrong_certificate" and "expired on" in result["detail"]


@pytest.mark.parametrize(
    "name", ["missing.pem", "garbage.pem", "password.p12", "directory.pem", "empty.pem"]
)
def test_a_file_that_can_t_be_read_is_not_compared(name, certificates, tls):
    result = ask(
        scripted.imap(tls, implicit=True), "imap", "ssl", certificate_path=str(certificates / name)
    )[0]
    assert result["status"] == "ok"
    assert result["detail"].startswith(
        "the certificate was not compared: %s" % (certificates / name)
    )
    assert result["certificate"]["matches_file"] is None


@pytest.mark.parametrize(
    "name", ["cert.der", "fullchain.pem", "no-password.p12", "without-key.pem", "encrypted.pem"]
)
def test_a_file_of_any_format_is_compared(name, certificates, tls):
    result = ask(
        scripted.imap(tls, implicit=True), "imap", "ssl", certificate_path=str(certificates / name)
    )[0]
    assert (result["status"], result["certificate"]["matches_file"]) == ("ok", True)


def test_where_python_does_not_show_the_chain_the_first_certificate_counts(
    certificates, tls, monkeypatch
):
    """Python 3.9, as Debian 11 has it."""
    monkeypatch.setattr(tls_module.TlsSession, "chain", property(lambda self: []))
    for name, status in (("fullchain.pem", "ok"), ("other-names.pem", "wrong_certificate")):
        result = ask(
            scripted.imap(tls, implicit=True),
            *("imap", "ssl"),
            certificate_path=str(certificates / name),
        )[0]
        assert result["status"] == status


def test_without_the_library_dates_are_not_judged_and_the_detail_says_so(certificates, monkeypatch):
    monkeypatch.setattr(parse, "HAS_LIBRARY", False)
    context = scripted.tls_context(certificates / "expired.pem")
    result = ask(
        scripted.imap(context, implicit=True),
        "imap",
        "ssl",
        certificate_path=str(certificates / "expired.pem"),
    )[0]
    assert result["status"] == "ok"
    assert result["detail"].count("python3-cryptography") == 1
    assert result["certificate"]["days_left"] is None
    assert result["certificate"]["matches_file"] is True
    assert len(result["certificate"]["fingerprint_sha256"]) == 95


def test_another_problem_comes_before_the_certificate_s(certificates):
    context = scripted.tls_context(certificates / "expired.pem")
    result = ask(scripted.smtp(context, offers_in_tls=[]), "submission", "tls")[0]
    assert result["status"] == "no_auth"
    assert "AUTH" in result["detail"] and "expired on" in result["detail"]


@pytest.mark.parametrize("protocol", ["imap", "ldap"])
def test_a_server_that_requires_a_client_certificate_has_served_its_own(protocol, certificates):
    context = scripted.tls_context(certificates / "combined.pem", verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(certificates / "ca.pem")
    result = ask(
        scripted.SCRIPTS[protocol](context, implicit=True),
        protocol,
        "ssl",
        certificate_path=str(certificates / "cert.pem"),
    )[0]
    assert result["status"] == "ok" and "a client certificate" in result["detail"]
    assert result["certificate"]["matches_file"] is True


def test_slapd_requires_one_by_closing_after_the_handshake(tls):
    result = ask(lambda session: session.start_tls(tls), "ldap", "ssl")[0]
    assert result["status"] == "ok" and "olcTLSVerifyClient" in result["detail"]


@pytest.mark.parametrize(
    "name", ["rsa-1024.pem", "md5.pem", "sha1.pem", "ecdsa.pem", "ed25519.pem"]
)
def test_weak_and_new_certificates_do_not_fail_the_handshake(name, certificates):
    result = ask(
        scripted.imap(scripted.tls_context(certificates / name), implicit=True),
        "imap",
        "ssl",
        certificate_path=str(certificates / name),
    )[0]
    assert (result["status"], result["certificate"]["matches_file"]) == ("ok", True)
