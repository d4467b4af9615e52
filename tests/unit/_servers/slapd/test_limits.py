# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenLDAP can't do is refused, with a remedy."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.server import Slapd
from support.slapd import IPV4_ONLY, ONE, OTHER, applied, configured, ldap, planned, refused

REFUSED = [
    (
        [ldap("198.51.100.11"), ldap("198.51.100.12", tls=OTHER)],
        {},
        [
            "OpenLDAP has one certificate for all its listeners, but /etc/ssl/mail/fullchain.pem "
            "with the key /etc/ssl/mail/key.pem (198.51.100.11:389) and /etc/ssl/old/cert.pem with "
            "the key /etc/ssl/old/key.pem (198.51.100.12:389) are declared: use one certificate, "
            "with all names in it, on every ldap port"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"text": 'SLAPD_SERVICES="ldap://ldap.example.com/ ldapi:///"\n'},
        [
            "SLAPD_SERVICES in /etc/default/slapd has ldap://ldap.example.com/, but "
            "ldap.example.com is not an IP address: replace it with a URL that has an address, or "
            "remove it"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"text": 'SLAPD_SERVICES="ldap:/// nonsense ldapi:///"\n'},
        [
            "SLAPD_SERVICES in /etc/default/slapd has nonsense, but it is not a valid URL: replace "
            "it with a URL that has an address, or remove it"
        ],
    ),
    (
        [ldap("0.0.0.0"), ldap("198.51.100.11")],
        {},
        [
            "OpenLDAP can't listen on ldap://0.0.0.0:389/ and ldap://198.51.100.11:389/ at the "
            "same time: it does not start with two URLs for one socket, nor with a wildcard and an "
            "address on one port. Declare either the wildcard or the addresses"
        ],
    ),
    (
        [ldap("198.51.100.9")],
        {"text": 'SLAPD_SERVICES="pldap://198.51.100.9/ ldapi:///"\n'},
        [
            "OpenLDAP can't listen on ldap://198.51.100.9:389/ and pldap://198.51.100.9/ at the "
            "same time: it does not start with two URLs for one socket, nor with a wildcard and an "
            "address on one port. Declare either the wildcard or the addresses"
        ],
    ),
    (
        [ldap("2001:db8:51::11")],
        {"addresses": IPV4_ONLY},
        [
            "[2001:db8:51::11]:389: OpenLDAP does not serve IPv6 on this host: see SLAPD_OPTIONS "
            "in /etc/default/slapd and the host's own settings"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"settings": {"serverid": ["1 ldap://one.example.com/", "2 ldap://two.example.com/"]}},
        [
            "olcServerID in cn=config names URLs (ldap://one.example.com/, "
            "ldap://two.example.com/), and OpenLDAP does not start unless it listens on one of "
            "them, written the same way. It would listen on ldapi:/// ldap://127.0.0.1:389/ "
            "ldap://198.51.100.11:389/: first change olcServerID to one of these URLs, or to the "
            "number alone"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"replicated": True},
        [
            "cn=config is replicated (olcSyncrepl on olcDatabase={0}config), so a certificate that "
            "is set here would be set on other servers too. Set olcTLSCertificateFile "
            "/etc/ssl/mail/fullchain.pem and olcTLSCertificateKeyFile /etc/ssl/mail/key.pem "
            "yourself, on the provider"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"settings": {"tlscertificate;binary": ["x"]}},
        [
            "cn=config contains a certificate itself (olcTLSCertificate;binary), and OpenLDAP uses "
            "no certificate file beside it: first delete it and its key from cn=config"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"text": 'SLAPD_SERVICES="ldap:///"\n'},
        [
            "OpenLDAP has no ldapi:/// URL, by which its certificate is changed: add it to "
            "SLAPD_SERVICES in /etc/default/slapd, and restart slapd"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"problems": ("an unsupported layout",)},
        ["an unsupported layout"],
    ),
]


@pytest.mark.parametrize("wanted, how, messages", REFUSED)
def test_limits_are_refused_with_a_remedy(wanted, how, messages):
    assert refused(configured(**how), wanted) == messages


@pytest.mark.parametrize(
    "wanted, how",
    [
        # replicated, with olcServerID, without ldapi: but nothing of it is to change
        (
            [ldap("0.0.0.0"), ldap("::")],
            {
                "text": 'SLAPD_SERVICES="ldap:///"\n',
                "tls": ONE,
                "replicated": True,
                "settings": {"serverid": ["1 ldap://x/"]},
            },
        ),
        ([ldap("198.51.100.11", encryption="none")], {"settings": {"serverid": ["1"]}}),
        # all that it starts with today stays
        (
            [ldap("0.0.0.0"), ldap("::"), ldap("198.51.100.11", 636, "ssl")],
            {"settings": {"serverid": ["1 ldap://one.example.com/", "2 ldap://two.example.com/"]}},
        ),
        (
            [ldap("198.51.100.11", encryption="none")],
            {
                "settings": {
                    "serverid": ["1 ldap://one.example.com/", "2 LDAP://198.51.100.11:389/"]
                }
            },
        ),
        ([ldap("::"), ldap("198.51.100.11")], {}),
        (
            [ldap("0.0.0.0", encryption="none"), ldap("::", encryption="none")],
            {"text": 'SLAPD_SERVICES="ldap://127.0.0.1/ ldapi:///"\n'},
        ),
    ],
)
def test_what_stays_within_the_limits_is_not_refused(wanted, how):
    assert refused(configured(**how), wanted) == []


NAMED = 'SLAPD_SERVICES="ldap://ldap.example.com/ ldap://198.51.100.9/ ldapi:///"\n'
TWICE = 'SLAPD_SERVICES="ldap://198.51.100.9/ pldap://198.51.100.9/ ldapi:///"\n'


@pytest.mark.parametrize("text", [NAMED, TWICE])
def test_urls_that_stay_as_they_are_are_not_refused(text):
    before = configured(text, ONE)
    assert refused(before, [ldap("198.51.100.9")]) == []
    assert planned([ldap("198.51.100.9")], before).steps == ()
    assert len(refused(before, [ldap("198.51.100.9"), ldap("198.51.100.11")])) == 1


@pytest.mark.parametrize(
    "wanted, refusals",
    [
        ([ldap("0.0.0.0"), ldap("::")], 0),
        ([ldap("0.0.0.0", encryption="none"), ldap("::")], 0),
        ([ldap("0.0.0.0")], 1),
        ([ldap("0.0.0.0"), ldap("::"), ldap("198.51.100.11")], 1),
        ([ldap("0.0.0.0"), ldap("::", tls=OTHER)], 1),
        ([ldap("0.0.0.0"), ldap("::", encryption="ssl")], 1),
        ([], 1),
    ],
)
def test_unsupported_layout_is_refused_only_where_it_is_not_as_declared(wanted, refusals):
    text = 'SLAPD_SERVICES="ldap:/// ldap://127.0.0.1:1389/ ldapi:///"\n'
    before = configured(text, ONE, problems=("an unsupported layout",))
    assert refused(before, wanted) == ["an unsupported layout"] * refusals
    plan = Slapd().plan(before, wanted, Options())
    assert plan.steps == () and len(plan.listeners) == (0 if refusals else 3)


# -- state: absent


@pytest.mark.parametrize(
    "since, refusal",
    [
        ({"replicated": True}, "cn=config is replicated"),
        (
            {"settings": {"serverid": ["1 ldap://198.51.100.11:389/"]}},
            "olcServerID in cn=config names URLs (ldap://198.51.100.11:389/)",
        ),
        ({"problems": ("no longer known",)}, "no longer known"),
    ],
)
def test_absent_is_refused_if_it_would_break_something(since, refusal):
    """Replicated since, our giving the certificate back would change other servers; and OpenLDAP
    would not start with a serverID of another URL."""
    before = configured(tls=OTHER)
    after = applied(planned([ldap("198.51.100.11")], before), before)
    (text,) = refused(configured(after.details.text, ONE, **since), None)
    assert text.startswith(refusal)


def test_a_certificate_is_removed_without_the_local_socket():
    """That is done while OpenLDAP is stopped."""
    before = configured()
    after = applied(planned([ldap("198.51.100.11")], before), before)
    text = after.details.text.replace('SERVICES="ldapi:/// ', 'SERVICES="')
    assert "ldapi" not in parser.value_of(text, "SLAPD_SERVICES", "systemd")
    assert refused(configured(text, ONE), None) == []


def test_absent_is_refused_in_an_unsupported_layout():
    assert refused(configured(problems=("no longer",)), None) == ["no longer"]
