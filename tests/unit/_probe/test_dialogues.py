# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocols: what healthy servers of each may say, and how STARTTLS can fail."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import PROTOCOLS
from ansible_collections.mailops.bindings.plugins.module_utils._probe.registry import LOADERS
from support import scripted
from support.probing import FAREWELLS, ask


def test_every_protocol_has_a_dialogue_of_its_name():
    assert {row.dialogue for row in PROTOCOLS.values()} == set(LOADERS)
    for name, load in LOADERS.items():
        assert load().name == name


@pytest.mark.parametrize("address, name", [("127.0.0.1", b"[127.0.0.1]"), ("::1", b"[IPv6:::1]")])
def test_ehlo_names_our_address_each_time(address, name, tls):
    heard = ask(scripted.smtp(tls), "submission", "tls", address)[1].sessions[0].heard
    assert [line for line in heard if line.startswith(b"EHLO")] == [b"EHLO " + name] * 2


@pytest.mark.parametrize(
    "protocol, word",
    [("smtp", "STARTTLS"), ("imap", "STARTTLS"), ("pop", "STLS"), ("ldap", "StartTLS")],
)
def test_starttls_without_being_declared_is_mentioned(protocol, word, tls):
    result = ask(scripted.SCRIPTS[protocol](tls), protocol)[0]
    assert (result["status"], result["detail"]) == ("ok", "also offers %s" % word)


def test_submission_without_tls_may_offer_auth_only_after_starttls(tls):
    result = ask(scripted.smtp(tls), "submission")[0]
    assert (result["status"], result["detail"]) == (
        "ok",
        "also offers STARTTLS; offers no AUTH before it",
    )


def test_auth_with_an_equals_sign_is_auth():
    assert ask(scripted.smtp(offers_in_tls=[b"AUTH=LOGIN"]), "submission")[0]["status"] == "ok"


def test_pop_without_capa_is_pop():
    assert ask(scripted.pop(capa=False), "pop")[0]["status"] == "ok"
    assert ask(scripted.pop(capa=False), "pop", "tls")[0]["status"] == "no_starttls"


@pytest.mark.parametrize("encryption, status", [("none", "ok"), ("tls", "no_starttls")])
def test_smtp_without_ehlo_is_smtp(encryption, status):
    def old(session):
        session.say(b"220 old")
        for line in scripted.until_farewell(session):
            session.say(
                b"250 hello"
                if line.startswith(b"HELO ")
                else b"502 5.5.2 Error: command not recognized"
            )

    assert ask(old, "smtp", encryption)[0]["status"] == status


@pytest.mark.parametrize("encryption", ["none", "tls", "ssl"])
def test_a_directory_that_refuses_strangers_is_ldap(encryption, tls):
    script = scripted.ldap(
        None if encryption == "none" else tls,
        encryption == "ssl",
        search=b"\x32",
        shows_starttls=False,
    )
    assert ask(script, "ldap", encryption)[0]["status"] == "ok"


@pytest.mark.parametrize("protocol", ["smtp", "submission", "imap", "pop", "ldap"])
def test_no_starttls_where_it_is_not_offered(protocol):
    script = scripted.ldap(starttls=b"\x02") if protocol == "ldap" else scripted.SCRIPTS[protocol]()
    result, server = ask(script, protocol, "tls")
    assert result["status"] == "no_starttls"
    assert ("refuses StartTLS (result 2)" if protocol == "ldap" else "does not offer") in result[
        "detail"
    ]
    assert [session.heard[-1] for session in server.sessions] == [FAREWELLS[protocol]] * 2


@pytest.mark.parametrize(
    "protocol, how",
    [
        ("smtp", {"starttls": b"454 4.7.0 TLS not available"}),
        ("imap", {"starttls": b"NO not now"}),
        ("pop", {"stls": b"-ERR not now"}),
    ],
)
def test_starttls_that_is_offered_and_refused(protocol, how, tls):
    result, server = ask(scripted.SCRIPTS[protocol](tls, **how), protocol, "tls")
    assert result["status"] == "tls_failed"
    assert "but refuses it: " in result["detail"] and how.popitem()[1].decode() in result["detail"]
    assert [session.heard[-1] for session in server.sessions] == [FAREWELLS[protocol]] * 2
