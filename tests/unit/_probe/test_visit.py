# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visits to servers that are not as expected: status, detail, how often, and how they are left."""

from __future__ import annotations

import time

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe import connection, visit
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe
from ansible_collections.mailops.bindings.plugins.module_utils._probe.tls import TlsSession
from support import scripted
from support.probing import FAREWELLS, GREETINGS, NOW, ask


def dripping(session):
    while True:
        session.connection.sendall(b"2")
        time.sleep(0.05)


REFUSED_AT_EHLO = "refuses this client at EHLO [127.0.0.1]: "


def only_helo_and_not_this(answer):
    def script(session):
        session.say(b"220 old")
        for line in scripted.until_farewell(session):
            session.say(answer if line.startswith(b"HELO ") else b"502 5.5.2 not recognized")

    return script


@pytest.mark.parametrize(
    "protocol, script, status, detail, tries",
    [
        ("smtp", scripted.silent, "timeout", "no greeting within 0.1 seconds", 2),
        ("imap", dripping, "timeout", "no greeting within 0.1 seconds", 2),
        ("ldap", scripted.silent, "timeout", "no answer to an LDAP search within 0.1 seconds", 2),
        (
            "imap",
            scripted.closing,
            "wrong_protocol",
            "closed the connection before sending anything: it may expect the PROXY protocol",
            2,
        ),
        (
            "ldap",
            scripted.closing,
            "wrong_protocol",
            "closed the connection before sending anything: it may speak TLS from the first byte, "
            "expect the PROXY protocol",
            2,
        ),
        (
            "smtp",
            lambda session: session.say(b"220 hi"),
            "refused",
            "closed the connection instead of sending its answer to EHLO",
            2,
        ),
        ("smtp", scripted.endless_line, "wrong_protocol", "its greeting has no end: 2222", 2),
        ("smtp", scripted.endless_lines, "wrong_protocol", "its greeting has no end: 220-more", 2),
        (
            "smtp",
            scripted.saying(b"SSH-2.0-OpenSSH_9.2"),
            "wrong_protocol",
            "its greeting is of no protocol that is known here: SSH-2.0-OpenSSH_9.2",
            1,
        ),
        (
            "imap",
            scripted.saying(b'"IMPLEMENTATION" "Dovecot Pigeonhole"'),
            "wrong_protocol",
            "its greeting is of no protocol",
            1,
        ),
        ("imap", scripted.smtp(), "wrong_protocol", "speaks SMTP: 220 mail.example.com ESMTP", 1),
        ("pop", scripted.imap(), "wrong_protocol", "speaks IMAP: * OK", 1),
        ("submission", scripted.pop(), "wrong_protocol", "speaks POP: +OK ready", 1),
        ("ldap", scripted.imap(), "wrong_protocol", "speaks IMAP, not LDAP: * OK", 1),
        (
            "ldap",
            scripted.saying(b"nonsense"),
            "wrong_protocol",
            "speaks something else, not LDAP: nonsense",
            1,
        ),
        ("smtp", scripted.lmtp, "wrong_protocol", "answers EHLO with 500 5.5.1 Unknown command", 2),
        (
            "smtp",
            scripted.answering([b"220 FTP"], [b"530 Please login with USER and PASS."]),
            "wrong_protocol",
            "answers EHLO with 530 Please login",
            2,
        ),
        *(
            ("smtp", scripted.answering([b"220 hi"], lines), "refused", REFUSED_AT_EHLO + said, 2)
            for lines, said in (
                ([b"554 5.7.1 <[x]>: Helo command rejected"], "554 5.7.1 <[x]>: Helo command rej"),
                ([b"504 5.5.2 need fully-qualified hostname"], "504 5.5.2 need"),
                ([b"450 4.7.1 come back later"], "450 4.7.1 come back later. Let its own"),
                ([b"421 4.7.0 too busy"], "421 4.7.0 too busy"),
                ([b"550-no", b"550 never"], "550 never"),
                ([b"501 Syntactically invalid EHLO argument(s)"], "501 Syntactically"),
            )
        ),
        ("smtp", only_helo_and_not_this(b"504 no"), "refused", REFUSED_AT_EHLO + "504 no", 2),
        ("smtp", only_helo_and_not_this(b"500 what"), "wrong_protocol", "answers EHLO with 502", 2),
        (
            "imap",
            scripted.answering([b"* OK hi"], [b"a NO not now"]),
            "wrong_protocol",
            "answers CAPABILITY with a NO not now",
            2,
        ),
        (
            "smtp",
            scripted.saying(b"554 no SMTP service here"),
            "refused",
            "refuses this client: 554 no SMTP service here",
            2,
        ),
        (
            "smtp",
            scripted.saying(b"421 4.3.0 x Server local error"),
            "refused",
            "refuses this client: 421 4.3.0 x Server local error; it may expect the PROXY protocol",
            2,
        ),
        (
            "smtp",
            scripted.saying(b"220-wait", b"521 5.3.2 Service unavailable"),
            "refused",
            "refuses this client: 521 5.3.2 Service unavailable",
            2,
        ),  # postscreen
        (
            "imap",
            scripted.saying(b"* BYE too many"),
            "refused",
            "refuses this client: * BYE too many",
            2,
        ),
        ("pop", scripted.saying(b"-ERR busy"), "refused", "refuses this client: -ERR busy", 2),
        ("submission", scripted.smtp(offers_in_tls=[]), "no_auth", "offers no AUTH", 2),
    ],
)
@pytest.mark.usefixtures("short_farewell")
def test_a_listener_without_tls_that_is_not_as_expected(protocol, script, status, detail, tries):
    result, server = ask(script, protocol, timeout=0.1 if status == "timeout" else 5)
    assert result["status"] == status
    assert result["detail"].startswith(detail)
    assert len(server.sessions) == tries


def test_a_command_without_an_answer_is_a_timeout(monkeypatch):
    send = connection.Conversation.send

    def impatient_from_here_on(self, data, awaited):
        self.timeout = 0.1
        send(self, data, awaited)

    monkeypatch.setattr(connection.Conversation, "send", impatient_from_here_on)
    result, server = ask(scripted.answering([b"220 hi"], []), "smtp")
    assert (result["status"], result["detail"], len(server.sessions)) == (
        "timeout",
        "no answer to EHLO within 5 seconds",
        2,
    )


@pytest.mark.parametrize(
    "script, farewell",
    [
        (scripted.saying(b"SSH-2.0"), b"QUIT"),
        (scripted.lmtp, b"QUIT"),
        (scripted.saying(b"554 no"), b"QUIT"),
        (scripted.imap(), b"z LOGOUT"),
        (scripted.pop(), b"QUIT"),
        (scripted.smtp(offers_in_tls=[]), b"QUIT"),
        (scripted.answering([b"220 hi"], [b"250 nonsense", b"\xff"]), b"QUIT"),
    ],
)
def test_a_server_that_is_not_as_expected_is_left_politely(script, farewell):
    server = ask(script, "submission")[1]
    assert all(session.heard[-1] == farewell for session in server.sessions)


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop"])
def test_a_server_that_has_not_greeted_hears_no_more_than_a_handshake(protocol):
    """Postfix takes a client that speaks first for a spammer; others wait for a handshake."""
    heard = []

    def listening(session):
        heard.append(session.connection.recv(1000))

    ask(listening, protocol, timeout=0.1)
    assert [data[:1] for data in heard] == [b"\x16"] * 2


# -- TLS


class Nonsense:
    """In place of a context: what it says instead of TLS."""

    def __init__(self, data, then_close=True):
        self.data, self.then_close = data, then_close

    def wrap_socket(self, connection, server_side):
        connection.recv(4096)
        connection.sendall(self.data)
        while not self.then_close and connection.recv(4096):
            pass
        raise OSError


@pytest.mark.parametrize(
    "data, detail",
    [
        (
            b"\x15\x03\x03\x00\x02\x02\x28",
            "answer to the TLS handshake: sslv3 alert handshake failure",
        ),
        (b"\x16\x03\x03\x00\x05nonsense\x00\x00", "answer to the TLS handshake: "),
        (b"", "closed the connection instead of sending its answer to the TLS handshake"),
        (b"554 oops\r\n", "offers STARTTLS but continues without TLS: 554 oops"),
    ],
)
def test_a_handshake_that_fails_after_starttls(data, detail):
    result, server = ask(scripted.imap(Nonsense(data)), "imap", "tls", timeout=1)
    assert result["status"] == "tls_failed"
    assert result["detail"].startswith(detail)
    assert result["greeting"] == GREETINGS["imap"]
    assert len(server.sessions) == 2


def test_a_server_that_closes_within_the_handshake_has_sent_something():
    tls = Nonsense(b"\x16\x03\x03\x00\x50")
    result = ask(scripted.imap(tls, True), "imap", "ssl")[0]
    assert (result["status"], result["detail"]) == (
        "tls_failed",
        "closed the connection instead of sending its answer to the TLS handshake",
    )


@pytest.mark.usefixtures("short_farewell")
def test_a_handshake_without_an_answer_is_a_timeout(monkeypatch):
    start_tls = connection.Conversation.start_tls

    def impatient_from_here_on(self, hostname):
        self.timeout = 0.1
        return start_tls(self, hostname)

    monkeypatch.setattr(connection.Conversation, "start_tls", impatient_from_here_on)
    result = ask(scripted.imap(Nonsense(b"", then_close=False)), "imap", "tls")[0]
    assert (result["status"], result["detail"]) == (
        "timeout",
        "no answer to the TLS handshake within 5 seconds",
    )


def test_an_answer_before_tls_does_not_count_in_tls(tls):
    """CVE-2011-0411: what came in plain is no part of what is said in TLS."""

    def script(session):
        session.say(b"220 hi")
        session.hear()
        session.say(b"250-hi", b"250 STARTTLS")
        session.hear()
        session.say(b"220 go ahead", b"250-hi", b"250 AUTH PLAIN")
        session.start_tls(tls)
        for dummy in scripted.until_farewell(session):
            session.say(b"250 hi")

    assert ask(script, "submission", "tls")[0]["status"] == "no_auth"


@pytest.mark.parametrize("protocol", ["smtp", "submission", "imap", "pop"])
def test_a_server_without_tls_where_tls_is_declared_hears_only_the_farewell(protocol, monkeypatch):
    monkeypatch.setattr(visit, "UNUSUAL_SECONDS", 5)
    result, server = ask(scripted.SCRIPTS[protocol](), protocol, "ssl")
    assert result["status"] == "tls_failed"
    assert result["detail"].startswith("answers without TLS: ")
    assert [session.heard for session in server.sessions] == [[FAREWELLS[protocol]]]


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop"])
def test_a_server_without_tls_that_greets_late_is_left_politely(protocol):
    def late(session):
        session.wait_for_client()  # its handshake comes first
        scripted.SCRIPTS[protocol]()(session)

    result, server = ask(late, protocol, "ssl")
    assert (result["status"], len(server.sessions)) == ("tls_failed", 1)
    assert server.sessions[0].heard[-1] == FAREWELLS[protocol]


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop"])
def test_a_handshake_with_an_empty_line_in_it_is_ended_by_the_farewell(protocol, monkeypatch):
    """A server without TLS reads the random bytes of a handshake as lines, also as empty ones."""
    outgoing = TlsSession.outgoing
    monkeypatch.setattr(TlsSession, "outgoing", lambda self: outgoing(self) + b"\n\r\n")
    monkeypatch.setattr(visit, "UNUSUAL_SECONDS", 0)
    result, server = ask(scripted.SCRIPTS[protocol](), protocol, "ssl")
    assert result["status"] == "tls_failed"
    assert b"" in server.sessions[0].heard
    assert server.sessions[0].heard[-1] == FAREWELLS[protocol]


def test_on_the_standard_number_tls_begins_at_once(monkeypatch, tls):
    waited = []
    monkeypatch.setattr(
        connection.Conversation, "greeted_within", lambda self, seconds: waited.append(seconds)
    )
    ask(scripted.imap(tls, implicit=True), "imap", "ssl")
    with scripted.Server(scripted.imap(tls, implicit=True)) as server:
        monkeypatch.setattr(visit, "standard_number", lambda protocol, encryption: server.port)
        probe([Listener("127.0.0.1", server.port, "imap", "ssl")], now=NOW)
    assert len(waited) == 1


@pytest.mark.parametrize("encryption", ["none", "tls"])
@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop"])
@pytest.mark.usefixtures("no_greeting")
def test_tls_from_the_first_byte_where_a_greeting_was_expected(protocol, encryption, tls):
    result, server = ask(scripted.SCRIPTS[protocol](tls, implicit=True), protocol, encryption)
    assert result["status"] == "wrong_protocol"
    assert result["detail"] == "speaks TLS from the first byte, as with encryption ssl"
    assert [session.heard for session in server.sessions] == [[FAREWELLS[protocol]]]
    assert result["tls_version"] == "TLSv1.3" and result["greeting"] == GREETINGS[protocol]


def test_another_protocol_in_tls(tls):
    result, server = ask(scripted.imap(tls, implicit=True), "ldap", "ssl")
    assert result["status"] == "wrong_protocol" and result["detail"].startswith(
        "speaks IMAP, not LDAP: * OK"
    )
    assert server.sessions[0].heard[-1] == b"z LOGOUT"


def test_a_server_that_closes_at_once_fails_tls():
    result = ask(scripted.closing, "imap", "ssl")[0]
    assert result["status"] == "tls_failed" and "PROXY protocol" in result["detail"]


@pytest.mark.parametrize(
    "protocol, word", [("smtp", "STARTTLS"), ("imap", "STARTTLS"), ("pop", "STLS")]
)
def test_a_server_that_closes_on_starttls_fails_tls(protocol, word, tls):
    def script(session):
        say = session.say

        def until_starttls(*lines):
            if session.heard and word.encode() in session.heard[-1].upper().split():
                raise EOFError
            say(*lines)

        session.say = until_starttls
        scripted.SCRIPTS[protocol](tls)(session)

    result, server = ask(script, protocol, "tls")
    assert result["status"] == "tls_failed"
    assert result["detail"].startswith(
        "closed the connection instead of sending its answer to " + word
    )
    assert len(server.sessions) == 2


DEMANDS = b"421 4.7.1 mail.example.com Error: No client certificate presented"


@pytest.mark.parametrize("encryption", ["ssl", "tls"])
@pytest.mark.parametrize("answer", [DEMANDS, b"554 5.7.1 Client certificate not trusted"])
def test_certificate_that_is_demanded_by_a_reply_after_the_handshake(encryption, answer, tls):
    """As Postfix does (smtpd_tls_req_ccert)."""

    def script(session):
        if encryption == "tls":
            session.say(b"220 hi")
            session.hear()
            session.say(b"250-hi", b"250 STARTTLS")
            session.hear()
            session.say(b"220 go ahead")
        session.start_tls(tls)
        if encryption == "tls":
            session.hear()
        session.say(answer)

    result, server = ask(script, "submission", encryption)
    assert result["status"] == "ok" and result["tls_version"] == "TLSv1.3"
    assert result["detail"].startswith("requires a client certificate, which a probe does not")
    assert len(server.sessions) == 1


def test_certificate_that_is_demanded_before_the_handshake_is_a_refusal():
    result = ask(scripted.answering([b"220 hi"], [DEMANDS]), "smtp")[0]
    assert result["status"] == "refused"
