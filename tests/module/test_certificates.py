# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of ports: what is reported, what stops a task and what warns."""

from __future__ import annotations

import re

import pytest
from declare import document, mail_bindings, mail_ip_binding, mail_port
from semantics import IMAPS, SMTP, ResultTests, Steps

pytestmark = pytest.mark.needs_ansible

STEPS = Steps()
EXPIRED = {**IMAPS, "certificate_path": "{pki}/expired.pem"}
EXPIRED_STORED = document([EXPIRED, SMTP])
STEPS.add("certificate", mail_port(name="IMAPS", description="New"), document([IMAPS]))
STEPS.add("certificate-other-port", mail_port(name="SMTP", description="New"), EXPIRED_STORED)
STEPS.add(
    "certificate-expired-unchanged",
    mail_port(name="IMAPS", **{key: EXPIRED[key] for key in ("encryption", "certificate_path")}),
    EXPIRED_STORED,
)
STEPS.add(
    "certificate-expired-unchanged-among-changes",
    mail_bindings(ports=[{"name": "IMAPS", "protocol": "imap"}, {"name": "SMTP", "port": 26}]),
    EXPIRED_STORED,
)
STEPS.add(
    "certificate-expired-assigned",
    mail_ip_binding(address="127.0.0.1", ports=["IMAPS", "SMTP"]),
    EXPIRED_STORED,
)
STEPS.add("certificate-expired-changed", mail_port(name="IMAPS", port=1993), EXPIRED_STORED)
STEPS.add(
    "certificate-not-checked",
    mail_port(name="IMAPS", port=1993, check_certificate=False),
    EXPIRED_STORED,
)
STEPS.add(
    "certificate-not-there-not-checked",
    mail_port(
        name="X",
        protocol="pop",
        encryption="ssl",
        certificate_path="/nothing.pem",
        check_certificate=False,
    ),
)
STEPS.add(
    "certificate-other-hostname",
    mail_ip_binding(address="127.0.0.1", ports=["IMAPS"], hostname="imap.example.com"),
    document([IMAPS]),
)
GOOD_FILES = {
    "combined": {"certificate_path": "{pki}/combined.pem"},
    "two files": {"certificate_path": "{pki}/fullchain.pem", "private_key_path": "{pki}/key.pem"},
    "pkcs1": {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/rsa-key.pem"},
    "group": {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/group-key.pem"},
    "der": {"certificate_path": "{pki}/cert.der", "private_key_path": "{pki}/key.der"},
    "encrypted key": {
        "certificate_path": "{pki}/cert.pem",
        "private_key_path": "{pki}/encrypted-key.pem",
        "certificate_password": "{password}",
    },
    "ecdsa": {"certificate_path": "{pki}/ecdsa.pem"},
    "ed25519": {"certificate_path": "{pki}/ed25519.pem"},
    "wildcard": {
        "certificate_path": "{pki}/wildcard.pem",
        "certificate_hostnames": ["mail.example.com", "IMAP.example.com"],
    },
    "address": {
        "certificate_path": "{pki}/address.pem",
        "certificate_hostnames": ["mail.example.com", "2001:db8::10"],
    },
    "pkcs12": {"certificate_path": "{pki}/password.p12", "certificate_password": "{password}"},
    "pkcs12 no password": {"certificate_path": "{pki}/no-password.p12"},
    "pkcs12 empty password": {
        "certificate_path": "{pki}/empty-password.p12",
        "certificate_password": "",
    },
}
STEPS.add(
    "certificates-of-all-kinds",
    mail_bindings(
        ports=[
            {"name": name, "protocol": "imap", "encryption": "ssl", "port": 2000 + n, **files}
            for n, (name, files) in enumerate(GOOD_FILES.items())
        ]
    ),
)


class TestResults(ResultTests):
    pass


FACTS = {
    "path",
    "subject",
    "issuer",
    "names",
    "not_before",
    "not_after",
    "days_left",
    "fingerprint_sha256",
    "key_matches",
    "problems",
}


def test_certificate(results, pki):
    (certificate,) = results["certificate"]["certificates"]
    assert set(certificate) == FACTS
    assert certificate["path"] == f"{pki}/combined.pem"
    assert certificate["names"] == ["mail.example.com"]
    assert "mail.example.com" in certificate["subject"]
    assert "Intermediate" in certificate["issuer"]
    assert certificate["days_left"] in (89, 90)
    assert certificate["key_matches"] is True
    assert certificate["problems"] == []
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", certificate["fingerprint_sha256"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", certificate["not_after"])


def test_certificate_of_other_port_is_not_read(results):
    assert results["certificate-other-port"]["certificates"] == []
    assert not results["certificate-other-port"].failed


@pytest.mark.parametrize(
    ("name", "changed"),
    {
        "certificate-expired-unchanged": False,
        "certificate-expired-unchanged-among-changes": True,
        "certificate-expired-assigned": True,
    }.items(),
)
def test_expired_certificate_of_unchanged_port(results, name, changed):
    result = results[name]
    assert not result.failed, result["msg"]
    assert result["changed"] is changed
    (certificate,) = result["certificates"]
    assert certificate["days_left"] < 0
    assert any("expired" in problem for problem in certificate["problems"])
    assert any("expired" in warning and "IMAPS" in warning for warning in result["warnings"])


def test_expired_certificate_of_changed_port(results):
    result = results["certificate-expired-changed"]
    assert result.failed
    assert re.search("certificate_path: .*expired", result["msg"])


def test_certificate_not_checked(results):
    for name in ("certificate-not-checked", "certificate-not-there-not-checked"):
        assert not results[name].failed, results[name]["msg"]
        assert results[name]["changed"]
        assert results[name]["certificates"] == []


def test_certificate_for_other_hostname(results):
    result = results["certificate-other-hostname"]
    assert not result.failed, result["msg"]
    (certificate,) = result["certificates"]
    assert any("imap.example.com" in problem for problem in certificate["problems"])
    assert any("imap.example.com" in warning for warning in result["warnings"])


def test_good_certificates(results):
    result = results["certificates-of-all-kinds"]
    assert not result.failed, result["msg"]
    assert all(certificate["problems"] == [] for certificate in result["certificates"])
    assert all(certificate["key_matches"] is True for certificate in result["certificates"])
    assert {certificate["path"] for certificate in result["certificates"]} == {
        port["certificate_path"] for port in result["ports"]
    }
