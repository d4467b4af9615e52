# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe says of good and bad listeners, and how it behaves as a guest. The servers are scripted, the sockets and TLS are real."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
import tracemalloc
import warnings

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates import (
    judge as _certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import (
    Listener,
    listeners,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host import addresses
from ansible_collections.mailops.bindings.plugins.module_utils._probe import client as _listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe import dialogue
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe
from support import pki, scripted

AWAY = "203.0.113.9"  # an address of the documentation range (RFC 5737), which no host has
SCRIPTS = {
    "smtp": scripted.smtp,
    "submission": scripted.smtp,
    "imap": scripted.imap,
    "pop": scripted.pop,
    "ldap": scripted.ldap,
}
FAREWELLS = {
    "smtp": b"QUIT",
    "submission": b"QUIT",
    "imap": b"z LOGOUT",
    "pop": b"QUIT",
    "ldap": b"\x30\x05\x02\x01\x03\x42\x00",
}
GREETINGS = {
    "smtp": "220 mail.example.com ESMTP",
    "imap": "* OK [CAPABILITY IMAP4rev1] ready",
    "pop": "+OK ready",
}
NOW = datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return pki.write_set(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def tls(certificates):
    return scripted.tls_context(certificates / "combined.pem")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(_listener, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(dialogue, "UNUSUAL_SECONDS", 0.05)
    monkeypatch.setattr(dialogue, "FAREWELL_SECONDS", 0.2)


def ask(script, protocol, encryption="none", address="127.0.0.1", timeout=5, **more):
    """(what the probe says of a server with this script, the server)."""
    with scripted.Server(script, address) as server:
        (result,) = probe(
            [Listener(address, server.port, protocol, encryption, **more)], timeout=timeout, now=NOW
        )
    return result, server


# -- values


def test_a_listener_is_named_by_its_address_and_port():
    assert Listener("192.0.2.1", 993, "imap", "ssl").name == "192.0.2.1:993"
    assert Listener("2001:db8::1", 993, "imap", "ssl").name == "[2001:db8::1]:993"


def test_the_key_is_in_the_certificate_s_file_unless_another_is_named():
    assert Listener("192.0.2.1", 993, "imap", "ssl", "/cert").key_path == "/cert"
    assert Listener("192.0.2.1", 993, "imap", "ssl", "/cert", "/key").key_path == "/key"


def test_listeners_of_a_config_are_in_address_order_and_then_by_number():
    ports = {
        "A": Port("A", "imap", 993, "ssl", "/cert", "/key", "text"),
        "B": Port("B", "smtp", 25),
        "C": Port("C", "pop", 110),
        "unused": Port("unused", "ldap", 389),
    }
    ip_addresses = {
        "2001:db8::1": IPBinding("2001:db8::1", ("B",)),
        "192.0.2.10": IPBinding("192.0.2.10", ("A", "B"), "mail.example.com", floating=True),
        "192.0.2.9": IPBinding("192.0.2.9", ("C",)),
    }
    assert listeners(Bindings(ports, ip_addresses)) == [
        Listener("192.0.2.9", 110, "pop", "none", port_name="C"),
        Listener(
            "192.0.2.10",
            25,
            "smtp",
            "none",
            hostname="mail.example.com",
            floating=True,
            port_name="B",
        ),
        Listener("192.0.2.10", 993, "imap", "ssl", "/cert", "/key", "mail.example.com", True, "A"),
        Listener("2001:db8::1", 25, "smtp", "none", port_name="B"),
    ]


# -- healthy servers


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("encryption", ["none", "tls", "ssl"])
@pytest.mark.parametrize("protocol", sorted(SCRIPTS))
def test_a_healthy_listener_is_ok_and_is_left_politely(
    protocol, encryption, address, certificates, tls
):
    script = SCRIPTS[protocol](None if encryption == "none" else tls, implicit=encryption == "ssl")
    result, server = ask(
        script,
        protocol,
        encryption,
        address,
        certificate_path="" if encryption == "none" else str(certificates / "cert.pem"),
        hostname=pki.HOSTNAME,
    )
    assert (result["status"], result["detail"]) == ("ok", "")
    assert result["name"] == Listener(address, server.port, protocol, encryption).name
    assert (result["address"], result["port"], result["protocol"], result["encryption"]) == (
        address,
        server.port,
        protocol,
        encryption,
    )
    assert result["greeting"] == GREETINGS.get({"submission": "smtp"}.get(protocol, protocol), "")
    (session,) = server.sessions
    assert session.heard[-1] == FAREWELLS[protocol]
    assert not session.closed_by_client, "it waits until the server has closed"
    assert not any(
        word in line.upper()
        for line in session.heard
        for word in (b"AUTH", b"LOGIN", b"USER", b"MAIL")
    )
    if encryption == "none":
        assert (result["tls_version"], result["cipher"], result["certificate"]) == ("", "", {})
    else:
        assert result["tls_version"] == "TLSv1.3" and result["cipher"].startswith("TLS_")
        assert result["certificate"]["matches_file"] is True
        assert session.server_name == pki.HOSTNAME


def test_a_certificate_s_facts_are_those_of_the_one_that_was_served(certificates, tls):
    result = ask(scripted.imap(tls, implicit=True), "imap", "ssl")[0]
    certificate = _certificate.leaf_facts(_certificate.leaf_in(str(certificates / "cert.pem")), NOW)
    assert result["certificate"] == dict(certificate, matches_file=None)


def test_no_name_is_asked_for_where_none_is_given(tls):
    assert ask(scripted.imap(tls, implicit=True), "imap", "ssl")[1].sessions[0].server_name is None


def test_a_name_that_can_t_be_asked_for_is_not(tls):
    result, server = ask(scripted.imap(tls, implicit=True), "imap", "ssl", hostname=".example.com")
    assert result["status"] == "ok"
    assert server.sessions[0].server_name is None


@pytest.mark.parametrize("address, name", [("127.0.0.1", b"[127.0.0.1]"), ("::1", b"[IPv6:::1]")])
def test_one_ehlo_name(address, name, tls):
    heard = ask(scripted.smtp(tls), "submission", "tls", address)[1].sessions[0].heard
    assert [line for line in heard if line.startswith(b"EHLO")] == [b"EHLO " + name] * 2


@pytest.mark.parametrize(
    "protocol, word",
    [("smtp", "STARTTLS"), ("imap", "STARTTLS"), ("pop", "STLS"), ("ldap", "StartTLS")],
)
def test_starttls_that_nobody_asked_for_is_mentioned(protocol, word, tls):
    result = ask(SCRIPTS[protocol](tls), protocol)[0]
    assert (result["status"], result["detail"]) == ("ok", "offers %s too" % word)


def test_submission_without_tls_may_offer_auth_after_starttls_only(tls):
    result = ask(scripted.smtp(tls), "submission")[0]
    assert (result["status"], result["detail"]) == (
        "ok",
        "offers STARTTLS too; offers no AUTH before it",
    )


def test_auth_as_old_servers_write_it():
    assert ask(scripted.smtp(offers_in_tls=[b"AUTH=LOGIN"]), "submission")[0]["status"] == "ok"


def test_pop_without_capa_is_pop():
    assert ask(scripted.pop(capa=False), "pop")[0]["status"] == "ok"
    assert ask(scripted.pop(capa=False), "pop", "tls")[0]["status"] == "no_starttls"


@pytest.mark.parametrize("encryption, status", [("none", "ok"), ("tls", "no_starttls")])
def test_smtp_without_ehlo_is_smtp(encryption, status):
    def old(session):
        session.say(b"220 old")
        for line in until_farewell(session):
            session.say(
                b"250 hello"
                if line.startswith(b"HELO ")
                else b"502 5.5.2 Error: command not recognized"
            )

    assert ask(old, "smtp", encryption)[0]["status"] == status


@pytest.mark.parametrize("encryption", ["none", "tls", "ssl"])
def test_a_directory_that_tells_strangers_nothing_is_ldap(encryption, tls):
    script = scripted.ldap(
        None if encryption == "none" else tls,
        encryption == "ssl",
        search=b"\x32",
        shows_starttls=False,
    )
    assert ask(script, "ldap", encryption)[0]["status"] == "ok"


def test_a_long_greeting_comes_in_parts():
    def postscreen(session):
        session.say(b"220-wait")
        time.sleep(0.3)
        scripted.smtp(greeting=[b"220 come in"])(session)

    result, server = ask(postscreen, "smtp")
    assert (result["status"], result["greeting"], len(server.sessions)) == ("ok", "220 come in", 1)


@pytest.mark.once
def test_a_slow_greeting_is_waited_for():
    def slow(session):
        time.sleep(1)
        scripted.smtp()(session)

    result, server = ask(slow, "smtp", timeout=10)
    assert (result["status"], len(server.sessions)) == ("ok", 1)


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"])
def test_old_versions_of_tls_are_seen_not_failed(version, certificates):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        number = ssl.TLSVersion[version]
        context = scripted.tls_context(
            certificates / "combined.pem", minimum_version=number, maximum_version=number
        )
    result = ask(scripted.imap(context, implicit=True), "imap", "ssl")[0]
    assert (result["status"], result["tls_version"]) == ("ok", version.replace("_", "."))


@pytest.mark.parametrize(
    "name", ["rsa-1024.pem", "md5.pem", "sha1.pem", "ecdsa.pem", "ed25519.pem"]
)
def test_weak_and_new_certificates_are_seen_not_failed(name, certificates):
    result = ask(
        scripted.imap(scripted.tls_context(certificates / name), implicit=True),
        "imap",
        "ssl",
        certificate_path=str(certificates / name),
    )[0]
    assert (result["status"], result["certificate"]["matches_file"]) == ("ok", True)


def test_what_a_server_says_is_made_readable():
    greeting = ask(scripted.smtp(greeting=[b"220 \x1b[31mred\x07 \xff" + b"long " * 100]), "smtp")[
        0
    ]["greeting"]
    assert greeting.startswith("220  [31mred") and greeting.isprintable() and len(greeting) == 200


# -- certificates


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


def test_the_days_of_a_certificate_are_the_caller_s(certificates):
    with scripted.Server(
        scripted.imap(scripted.tls_context(certificates / "five-days.pem"), implicit=True)
    ) as server:
        listener = Listener("127.0.0.1", server.port, "imap", "ssl")
        assert [probe([listener], min_days=days, now=NOW)[0]["status"] for days in (5, 6)] == [
            "ok",
            "expiring",
        ]
        assert probe([listener], now=NOW + datetime.timedelta(days=10))[0]["status"] == "expired"


def test_a_file_that_was_renewed_is_not_what_is_served(certificates, tls):
    result = ask(
        scripted.imap(tls, implicit=True),
        "imap",
        "ssl",
        certificate_path=str(certificates / "ecdsa.pem"),
    )[0]
    assert result["status"] == "wrong_certificate"
    assert str(certificates / "ecdsa.pem") in result["detail"]
    assert result["certificate"]["matches_file"] is False


def test_an_expired_certificate_whose_file_was_renewed_takes_a_reload(certificates):
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
def test_any_file_with_the_certificate_will_do(name, certificates, tls):
    result = ask(
        scripted.imap(tls, implicit=True), "imap", "ssl", certificate_path=str(certificates / name)
    )[0]
    assert (result["status"], result["certificate"]["matches_file"]) == ("ok", True)


def test_without_the_library_certificates_are_not_judged_and_that_is_said(
    certificates, monkeypatch
):
    monkeypatch.setattr(_certificate, "x509", None)
    context = scripted.tls_context(certificates / "expired.pem")
    result = ask(
        scripted.imap(context, implicit=True),
        "imap",
        "ssl",
        certificate_path=str(certificates / "expired.pem"),
    )[0]
    assert result["status"] == "ok"
    assert result["detail"].count("python3-cryptography") == 2
    assert (
        result["certificate"]["days_left"] is None
        and len(result["certificate"]["fingerprint_sha256"]) == 95
    )


def test_what_else_is_wrong_comes_before_the_certificate(certificates):
    context = scripted.tls_context(certificates / "expired.pem")
    result = ask(scripted.smtp(context, offers_in_tls=[]), "submission", "tls")[0]
    assert result["status"] == "no_auth"
    assert "AUTH" in result["detail"] and "expired on" in result["detail"]


@pytest.mark.parametrize("protocol", ["imap", "ldap"])
def test_a_server_that_demands_a_client_certificate_served_its_own(protocol, certificates):
    context = scripted.tls_context(certificates / "combined.pem", verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(certificates / "ca.pem")
    result = ask(
        SCRIPTS[protocol](context, implicit=True),
        protocol,
        "ssl",
        certificate_path=str(certificates / "cert.pem"),
    )[0]
    assert result["status"] == "ok" and "a client certificate" in result["detail"]
    assert result["certificate"]["matches_file"] is True


def test_slapd_demands_one_by_closing_after_the_handshake(tls):
    result = ask(lambda session: session.start_tls(tls), "ldap", "ssl")[0]
    assert result["status"] == "ok" and "olcTLSVerifyClient" in result["detail"]


# -- what is not as expected: the status, what is said of it, and how often it was tried


def silent(session):
    while session.connection.recv(1000):
        pass


def closing(session):
    pass


def until_farewell(session):
    """What it hears, until the client leaves."""
    while True:
        line = session.hear()
        if line in (b"", b"QUIT", b"z LOGOUT"):
            return
        yield line


def saying(*lines):
    def script(session):
        session.say(*lines)
        for ignored in until_farewell(session):
            pass

    return script


def lmtp(session):
    session.say(b"220 LMTP")
    for ignored in until_farewell(session):
        session.say(b"500 5.5.1 Unknown command")


def dripping(session):
    while True:
        session.connection.sendall(b"2")
        time.sleep(0.05)


def endless_line(session):
    while True:
        session.connection.sendall(b"2" * 1000)


def endless_lines(session):
    while True:
        session.connection.sendall(b"220-more\r\n" * 1000)


def answering(greeting, answer):
    """Greets, and says the same to all that it hears."""

    def script(session):
        session.say(greeting)
        for ignored in until_farewell(session):
            session.say(*answer)

    return script


@pytest.mark.parametrize(
    "protocol, script, status, detail, tries",
    [
        ("smtp", silent, "timeout", "no greeting within 0.3 seconds", 2),
        ("imap", dripping, "timeout", "no greeting within 0.3 seconds", 2),
        ("ldap", silent, "timeout", "no answer to an LDAP search within 0.3 seconds", 2),
        ("smtp", answering(b"220 hi", []), "timeout", "no answer to EHLO within 0.3 seconds", 2),
        (
            "imap",
            closing,
            "wrong_protocol",
            "closed the connection before it said anything: it may expect the PROXY protocol",
            2,
        ),
        (
            "ldap",
            closing,
            "wrong_protocol",
            "closed the connection before it said anything: it may speak TLS from the first byte, expect the PROXY protocol",
            2,
        ),
        (
            "smtp",
            lambda session: session.say(b"220 hi"),
            "wrong_protocol",
            "closed the connection instead of giving its answer to EHLO",
            2,
        ),
        ("smtp", endless_line, "wrong_protocol", "its greeting has no end: 2222", 2),
        ("smtp", endless_lines, "wrong_protocol", "its greeting has no end: 220-more", 2),
        (
            "smtp",
            saying(b"SSH-2.0-OpenSSH_9.2"),
            "wrong_protocol",
            "greets as none of the five protocols does: SSH-2.0-OpenSSH_9.2",
            1,
        ),
        (
            "imap",
            saying(b'"IMPLEMENTATION" "Dovecot Pigeonhole"'),
            "wrong_protocol",
            "greets as none",
            1,
        ),
        ("imap", scripted.smtp(), "wrong_protocol", "speaks SMTP: 220 mail.example.com ESMTP", 1),
        ("pop", scripted.imap(), "wrong_protocol", "speaks IMAP: * OK", 1),
        ("submission", scripted.pop(), "wrong_protocol", "speaks POP: +OK ready", 1),
        ("ldap", scripted.imap(), "wrong_protocol", "speaks IMAP, not LDAP: * OK", 1),
        (
            "ldap",
            saying(b"nonsense"),
            "wrong_protocol",
            "speaks something else, not LDAP: nonsense",
            1,
        ),
        ("smtp", lmtp, "wrong_protocol", "answers EHLO with 500 5.5.1 Unknown command", 2),
        (
            "imap",
            answering(b"* OK hi", [b"a NO not now"]),
            "wrong_protocol",
            "answers CAPABILITY with a NO not now",
            2,
        ),
        (
            "smtp",
            saying(b"554 no SMTP service here"),
            "refused",
            "turns us away: 554 no SMTP service here",
            2,
        ),
        (
            "smtp",
            saying(b"421 4.3.0 x Server local error"),
            "refused",
            "turns us away: 421 4.3.0 x Server local error; it may expect the PROXY protocol",
            2,
        ),
        (
            "smtp",
            saying(b"220-wait", b"521 5.3.2 Service unavailable"),
            "refused",
            "turns us away: 521 5.3.2 Service unavailable",
            2,
        ),  # postscreen
        ("imap", saying(b"* BYE too many"), "refused", "turns us away: * BYE too many", 2),
        ("pop", saying(b"-ERR busy"), "refused", "turns us away: -ERR busy", 2),
        ("submission", scripted.smtp(offers_in_tls=[]), "no_auth", "offers no AUTH", 2),
    ],
)
@pytest.mark.once
def test_a_listener_without_tls_that_is_not_as_expected(protocol, script, status, detail, tries):
    result, server = ask(script, protocol, timeout=0.3 if status == "timeout" else 5)
    assert result["status"] == status
    assert result["detail"].startswith(detail)
    assert len(server.sessions) == tries


@pytest.mark.parametrize(
    "script, farewell",
    [
        (saying(b"SSH-2.0"), b"QUIT"),
        (lmtp, b"QUIT"),
        (saying(b"554 no"), b"QUIT"),
        (scripted.imap(), b"z LOGOUT"),
        (scripted.pop(), b"QUIT"),
        (scripted.smtp(offers_in_tls=[]), b"QUIT"),
        (answering(b"220 hi", [b"250 nonsense", b"\xff"]), b"QUIT"),
    ],
)
def test_also_what_is_not_as_expected_is_left_politely(script, farewell):
    server = ask(script, "submission")[1]
    assert all(session.heard[-1] == farewell for session in server.sessions)


def test_who_never_stops_talking_is_not_kept_in_memory():
    tracemalloc.start()
    try:
        assert ask(endless_lines, "smtp")[0]["status"] == "wrong_protocol"
        assert tracemalloc.get_traced_memory()[1] < 20 * dialogue.MAX_REPLY_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop"])
@pytest.mark.once
def test_who_has_not_greeted_is_left_without_a_word(protocol):
    """Postfix takes whoever speaks first for a spammer. Only a TLS handshake is tried, since who says nothing may be waiting for one."""
    heard = []

    def listening(session):
        heard.append(session.connection.recv(1000))

    ask(listening, protocol, timeout=0.3)
    assert [data[:1] for data in heard] == [b"\x16"] * 2


@pytest.mark.parametrize("protocol", ["smtp", "submission", "imap", "pop", "ldap"])
def test_without_starttls(protocol):
    script = scripted.ldap(starttls=b"\x02") if protocol == "ldap" else SCRIPTS[protocol]()
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
    result, server = ask(SCRIPTS[protocol](tls, **how), protocol, "tls")
    assert result["status"] == "tls_failed"
    assert "and refuses it: " in result["detail"] and how.popitem()[1].decode() in result["detail"]
    assert [session.heard[-1] for session in server.sessions] == [FAREWELLS[protocol]] * 2


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
        (b"", "closed the connection instead of giving its answer to the TLS handshake"),
        (b"554 oops\r\n", "offers STARTTLS, and goes on without TLS: 554 oops"),
    ],
)
def test_a_handshake_that_fails_after_starttls(data, detail):
    result, server = ask(scripted.imap(Nonsense(data)), "imap", "tls", timeout=1)
    assert result["status"] == "tls_failed"
    assert result["detail"].startswith(detail)
    assert result["greeting"] == GREETINGS["imap"]
    assert len(server.sessions) == 2


def test_who_leaves_in_the_middle_of_a_handshake_had_said_something():
    tls = Nonsense(b"\x16\x03\x03\x00\x50")
    result = ask(scripted.imap(tls, True), "imap", "ssl")[0]
    assert (result["status"], result["detail"]) == (
        "tls_failed",
        "closed the connection instead of giving its answer to the TLS handshake",
    )


@pytest.mark.once
def test_a_handshake_without_an_answer(tls):
    result = ask(scripted.imap(Nonsense(b"", then_close=False)), "imap", "tls", timeout=0.3)[0]
    assert (result["status"], result["detail"]) == (
        "timeout",
        "no answer to the TLS handshake within 0.3 seconds",
    )


def test_nobody_can_slip_an_answer_in_before_tls(tls):
    """CVE-2011-0411: what came in plain is no part of what is said in TLS."""

    def script(session):
        session.say(b"220 hi")
        session.hear()
        session.say(b"250-hi", b"250 STARTTLS")
        session.hear()
        session.say(b"220 go ahead", b"250-hi", b"250 AUTH PLAIN")
        session.start_tls(tls)
        for ignored in until_farewell(session):
            session.say(b"250 hi")

    assert ask(script, "submission", "tls")[0]["status"] == "no_auth"


@pytest.mark.parametrize("protocol", ["smtp", "submission", "imap", "pop"])
def test_one_without_tls_where_tls_was_expected_hears_nothing_but_the_farewell(protocol):
    result, server = ask(SCRIPTS[protocol](), protocol, "ssl")
    assert result["status"] == "tls_failed"
    assert result["detail"].startswith("answers without TLS: ")
    assert [session.heard for session in server.sessions] == [[FAREWELLS[protocol]]]


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop"])
def test_one_without_tls_that_greets_late_is_left_politely_too(protocol):
    def late(session):
        time.sleep(0.3)
        SCRIPTS[protocol]()(session)

    result, server = ask(late, protocol, "ssl")
    assert (result["status"], len(server.sessions)) == ("tls_failed", 1)
    assert server.sessions[0].heard[-1] == FAREWELLS[protocol]


def test_on_the_usual_number_nobody_waits_for_a_greeting_before_tls(monkeypatch, tls):
    waited = []
    monkeypatch.setattr(
        dialogue._Conversation, "greeted_within", lambda self, seconds: waited.append(seconds)
    )
    ask(scripted.imap(tls, implicit=True), "imap", "ssl")
    with scripted.Server(scripted.imap(tls, implicit=True)) as server:
        monkeypatch.setattr(dialogue, "standard_number", lambda protocol, encryption: server.port)
        probe([Listener("127.0.0.1", server.port, "imap", "ssl")], now=NOW)
    assert len(waited) == 1


@pytest.mark.parametrize("encryption", ["none", "tls"])
@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop"])
@pytest.mark.once
def test_tls_from_the_first_byte_where_a_greeting_was_expected(
    protocol, encryption, tls, monkeypatch
):
    monkeypatch.setattr(dialogue, "FAREWELL_SECONDS", 5)
    result, server = ask(SCRIPTS[protocol](tls, implicit=True), protocol, encryption, timeout=0.7)
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


def test_tls_where_a_server_closes_at_once():
    result = ask(closing, "imap", "ssl")[0]
    assert result["status"] == "tls_failed" and "PROXY protocol" in result["detail"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as there:
        return there.getsockname()[1]


def test_where_nothing_listens():
    (result,) = probe([Listener("127.0.0.1", free_port(), "imap", "ssl")], now=NOW)
    assert result["status"] == "refused" and result["detail"].startswith("connection refused")


def test_what_seemed_broken_and_is_well_the_second_time_is_well():
    first = threading.Event()

    def script(session):
        if first.is_set():
            scripted.imap()(session)
        first.set()

    result, server = ask(script, "imap")
    assert (result["status"], result["detail"], len(server.sessions)) == ("ok", "", 2)


def test_a_fault_of_ours_is_a_result_and_spoils_no_other(monkeypatch):
    def fault(conversation):
        raise ZeroDivisionError

    monkeypatch.setattr(dialogue._Pop, "offers", fault)
    with scripted.Server(scripted.pop()) as one, scripted.Server(scripted.imap()) as other:
        results = probe(
            [
                Listener("127.0.0.1", one.port, "pop", "none"),
                Listener("127.0.0.1", other.port, "imap", "none"),
            ],
            now=NOW,
        )
    assert [result["status"] for result in results] == ["wrong_protocol", "ok"]
    assert "ZeroDivisionError" in results[0]["detail"]


# -- addresses


def test_a_wildcard_is_reached_through_loopback():
    for wildcard, address in (("0.0.0.0", "127.0.0.1"), ("::", "::1")):
        with scripted.Server(scripted.imap(), address) as server:
            (result,) = probe([Listener(wildcard, server.port, "imap", "none")], now=NOW)
        assert (result["status"], result["address"], len(server.sessions)) == ("ok", wildcard, 1)


@pytest.mark.parametrize(
    "listener, local, status, detail",
    [
        (
            Listener(AWAY, 25, "smtp", "none"),
            True,
            "not_local",
            "203.0.113.9 is not an address of this host",
        ),
        (
            Listener("::", 25, "smtp", "none"),
            True,
            "not_local",
            "::1 is not an address of this host, nor can others connect: is IPv6 switched off?",
        ),
        (
            Listener(AWAY, 25, "smtp", "none", floating=True),
            True,
            "ok",
            "not probed: the address is floating, and away",
        ),
        (
            Listener("0.0.0.0", 25, "smtp", "none"),
            False,
            "ok",
            "not probed: a wildcard can only be probed on its own host",
        ),
        (
            Listener("::", 25, "smtp", "none"),
            False,
            "ok",
            "not probed: a wildcard can only be probed on its own host",
        ),
    ],
)
def test_what_can_t_be_probed_is_not(listener, local, status, detail, monkeypatch):
    monkeypatch.setattr(_listener.socket, "socket", None)
    monkeypatch.setattr(addresses, "is_here", lambda address: False)
    (result,) = probe([listener], now=NOW, local=local)
    assert (result["status"], result["detail"]) == (status, detail)


def test_a_floating_address_that_is_here_is_probed():
    assert ask(scripted.imap(), "imap", floating=True)[0]["greeting"]


def test_nothing_is_made_of_nothing():
    assert probe([], now=NOW) == []


# -- how many connections, and to whom


def test_never_more_connections_at_a_time_than_workers():
    def slow(session):
        time.sleep(0.02)
        scripted.imap()(session)

    with scripted.Server(slow) as server:
        results = probe(
            [Listener("127.0.0.1", server.port, "imap", "none")] * 40, workers=4, now=NOW
        )
    assert [result["status"] for result in results] == ["ok"] * 40
    assert (len(server.sessions), server.most_at_a_time) == (40, 4)


class Connections:
    """In place of socket.socket: connections that are accepted or not, as C(answer(address, port)) does."""

    def __init__(self, answer):
        self.answer = answer
        self.made: list = []
        self.at_a_time = self.most_at_a_time = 0
        self._lock = threading.Lock()

    def __call__(self, family, kind):
        return self

    def connect(self, where):
        with self._lock:
            self.made.append(where)
            self.at_a_time += 1
            self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        try:
            self.answer(*where)
        finally:
            with self._lock:
                self.at_a_time -= 1

    def settimeout(self, seconds):
        pass

    def setsockopt(self, *option):
        pass

    def close(self):
        pass


def raising(error, seconds=0.05):
    time.sleep(seconds)
    raise error


def probed_by(connections, monkeypatch, addresses, ports, **how):
    monkeypatch.setattr(_listener.socket, "socket", connections)
    return probe(
        [Listener(address, port, "smtp", "none") for address in addresses for port in ports],
        now=NOW,
        local=False,
        **how,
    )


def test_a_dead_address_costs_its_timeout_once(monkeypatch):
    connections = Connections(lambda address, port: raising(socket.timeout()))
    results = probed_by(connections, monkeypatch, [AWAY, "203.0.113.10"], range(1, 101), workers=8)
    assert {result["status"] for result in results} == {"timeout"}
    assert {result["detail"] for result in results} == {
        "no connection within 5 seconds",
        "nobody answers at this address",
    }
    for address in (AWAY, "203.0.113.10"):
        ports = [port for there, port in connections.made if there == address]
        assert len(ports) == len(set(ports)) == _listener.SCOUTS, (
            "a few at the same time, and none again"
        )


def test_with_one_worker_a_dead_address_costs_one_connection(monkeypatch):
    connections = Connections(lambda address, port: raising(socket.timeout()))
    results = probed_by(connections, monkeypatch, [AWAY], range(1, 101), workers=1, timeout=2)
    assert len(connections.made) == 1
    assert results[0]["detail"] == "no connection within 2 seconds"


def test_one_filtered_port_does_not_make_an_address_dead(monkeypatch):
    def answer(address, port):
        if port == 25:
            raising(socket.timeout(), 0.3)
        raise ConnectionRefusedError

    connections = Connections(answer)
    results = probed_by(connections, monkeypatch, [AWAY], [25, *range(100, 120)])
    assert [result["status"] for result in results] == ["timeout"] + ["refused"] * 20
    assert connections.made.count((AWAY, 25)) == 1, "the kernel has tried that three times"
    assert connections.made.count((AWAY, 100)) == 2
    assert connections.most_at_a_time <= 8


def test_a_filtered_protocol_does_not_make_an_address_dead(monkeypatch):
    def answer(address, port):
        if port in (25, 2525, 465, 587):
            raising(socket.timeout(), 0.3)
        raise ConnectionRefusedError

    monkeypatch.setattr(_listener.socket, "socket", Connections(answer))
    wanted = [
        Listener(AWAY, port, protocol, "none")
        for protocol, ports in (
            ("smtp", (25, 2525)),
            ("submission", (465, 587)),
            ("imap", (143, 993)),
        )
        for port in ports
    ]
    results = probe(wanted, now=NOW, local=False)
    assert [(result["port"], result["status"]) for result in results] == [
        (25, "timeout"),
        (2525, "timeout"),
        (465, "timeout"),
        (587, "timeout"),
        (143, "refused"),
        (993, "refused"),
    ]


def test_a_firewall_that_says_no_route_speaks_for_one_port(monkeypatch):
    def answer(address, port):
        raise OSError(113, "No route to host") if port == 25 else ConnectionRefusedError

    results = probed_by(Connections(answer), monkeypatch, [AWAY], range(25, 35), workers=1)
    assert [result["detail"] for result in results][:2] == [
        "no connection: No route to host",
        "connection refused: nothing listens here, or a firewall rejects it",
    ]


@pytest.mark.once
def test_an_address_that_nobody_has_on_this_network_is_dead(monkeypatch):
    connections = Connections(lambda address, port: raising(OSError(113, "No route to host"), 1.1))
    results = probed_by(connections, monkeypatch, [AWAY], range(1, 101))
    assert {result["status"] for result in results} == {"timeout"}
    assert len(connections.made) == _listener.SCOUTS


def test_who_is_interrupted_leaves_the_rest_alone(monkeypatch):
    connections = Connections(lambda address, port: raising(ConnectionRefusedError()))

    class Interrupted(Exception):
        pass

    def join(self):
        raise Interrupted

    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(Interrupted):
        probed_by(connections, monkeypatch, [AWAY], range(1, 101), workers=2)
    time.sleep(0.2)
    assert len(connections.made) <= 4


@pytest.mark.skipif(
    not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be asked to acknowledge at once"
)
def test_who_answers_in_pieces_is_not_kept_waiting_for_our_acknowledgement():
    """Its kernel holds the next piece back until then (Nagle), and ours takes 40 ms to say so if it is not in a hurry."""

    def script(session):
        session.say(b"220 mx ESMTP")
        session.hear()
        for piece in (b"250-mx", b"250-SIZE", b"250 HELP"):
            session.say(piece)
        session.hear()
        session.say(b"221 bye")

    seconds = []
    for ignored in range(7):
        began = time.monotonic()
        assert ask(script, "smtp")[0]["status"] == "ok"
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.03, seconds
