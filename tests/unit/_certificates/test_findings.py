# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients expect of a certificate: the clock, names (RFC 9525), and purposes."""

from __future__ import annotations

import pytest
from cryptography import x509

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from support import pki
from support.judging import CERTIFICATE, DAY, EXPIRES, HOUR, NOW, SECOND, certificate, only, written

ANY_PURPOSE = x509.ObjectIdentifier("2.5.29.37.0")


@pytest.fixture
def judged(authority, tmp_path):
    """The messages about a certificate that is issued like this, without its path."""

    def findings(kind="ecdsa", hostnames=(), **how):
        key = pki.key(kind)
        content = pki.certificate_bytes(authority.issue(key, **how))
        path = written(tmp_path, pki.key_bytes(key), content)
        found = Certificate(Source(path), NOW).findings(hostnames=hostnames)
        assert {finding.option for finding in found} <= {CERTIFICATE}
        return [finding.message.replace(path + " ", "") for finding in found]

    return findings


@pytest.mark.parametrize(
    "purposes, good",
    [
        ([], True),
        ([pki.CLIENT_AUTH, pki.SERVER_AUTH], True),
        ([pki.CLIENT_AUTH], False),
        ([ANY_PURPOSE], False),  # OpenSSL's clients want the purpose by its name
        ([ANY_PURPOSE, pki.SERVER_AUTH], True),
    ],
)
def test_purposes(judged, purposes, good):
    found = judged(purposes=purposes)
    assert [message.partition(":")[0] for message in found] == ["is not for servers"] * (not good)


@pytest.mark.parametrize(
    "kind, usages, good",
    [
        ("ecdsa", ["digital_signature"], True),
        ("ecdsa", None, True),  # no key usage at all
        ("ecdsa", ["key_encipherment"], False),  # which an ECDSA key can't do
        ("ecdsa", ["key_agreement"], False),
        ("ecdsa", ["content_commitment"], False),
        ("ecdsa", ["key_cert_sign", "crl_sign"], False),
        ("rsa-2048", ["key_encipherment"], True),
        ("rsa-2048", ["digital_signature", "key_encipherment"], True),
        ("rsa-2048", ["key_cert_sign"], False),
    ],
)
def test_key_usages(judged, kind, usages, good):
    found = judged(kind, usages=usages)
    assert [message.partition(":")[0] for message in found] == ["is not for servers"] * (not good)


def test_a_critical_extension_that_no_client_knows(judged):
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert judged(extensions=[(unknown, False)]) == []
    (message,) = judged(extensions=[(unknown, True)])
    assert "1.2.3.4" in message and "critical" in message


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
    expected = "%s has %d days left, fewer than the %d of certificate_min_days" % (
        files / "combined.pem",
        days_left,
        min_days,
    )
    assert [message.startswith(expected) for message in messages] == ([] if enough else [True])


def test_an_expired_certificate_is_not_also_short_of_days(files):
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
    ("mail.example.com", "mail..example.com", False),
    ("xn--fa-hia.example.com", "faß.example.com", True),
    ("fass.example.com", "faß.example.com", False),  # as IDNA 2003 had it
    ("*.xn--nxasmm1c.com", "mail.βόλος.com", True),
    ("xn--nxasmq6b.com", "βόλος.com", False),
    ("mail.example.com", "☃.example.com", False),  # has no ASCII form
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
    expected = "%s is not for %s: its names are %s" % (path, hostname, names[0])
    assert [(finding.option, finding.message.startswith(expected)) for finding in found] == (
        [] if covered else [(CERTIFICATE, True)]
    )


@pytest.mark.parametrize(
    "name, hostname, shown",
    [
        ("192.0.2.10", "192.0.2.10", "192.0.2.10 (as DNS name, not as IP address)"),
        ("2001:db8::10", "2001:db8::10", "2001:db8::10 (as DNS name, not as IP address)"),
        ("mail.example.com.", pki.HOSTNAME, "mail.example.com. (with a dot at its end)"),
        ("https://mail.example.com", pki.HOSTNAME, "https://mail.example.com (not a host name)"),
        ("mail.example.com:993", pki.HOSTNAME, "mail.example.com:993 (not a host name)"),
        (" mail.example.com", pki.HOSTNAME, " mail.example.com (not a host name)"),
        ("m*.example.com", pki.HOSTNAME, "m*.example.com (not a host name)"),
        ("*.example.com", "a.mail.example.com", "*.example.com"),
    ],
)
def test_a_name_of_the_wrong_kind_is_said_to_be_one(judged, name, hostname, shown):
    (message,) = judged(hostnames=[hostname], names=[name])
    assert message == "is not for %s: its names are %s: have it issued for that name too" % (
        hostname,
        shown,
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


def test_each_name_that_is_not_covered_is_named(files):
    found = certificate(files, "combined.pem").findings(
        hostnames=["imap.example.com", "mail.example.com", "example.com"]
    )
    assert [finding.message.split(":")[0].rpartition(" ")[2] for finding in found] == [
        "imap.example.com",
        "example.com",
    ]
