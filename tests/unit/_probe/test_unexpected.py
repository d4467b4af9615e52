# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens and is not declared: which sockets are visited, and what results say of them."""

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    EMPTY,
    Bindings,
    IPBinding,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import by_number
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._probe import unexpected
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import ProbeResult
from support import scripted
from support.probing import AWAY, NOW


def found(bindings, *sockets, timeout=5):
    return unexpected.unexpected(bindings, list(sockets), timeout=timeout, workers=4, now=NOW)


def config(address, *numbers):
    ports = {"P%d" % number: Port("P%d" % number, "imap", number) for number in numbers}
    return Bindings(ports, {address: IPBinding(address, tuple(ports))})


def sieve(session):
    session.say(b'"IMPLEMENTATION" "Dovecot Pigeonhole"', b"OK")
    session.hear()


@contextlib.contextmanager
def closed():
    """A port where nothing listens."""
    with scripted.Server(scripted.silent) as server:
        pass
    yield server


# -- what it is, by the program that holds the socket


@pytest.mark.parametrize(
    "program, script, implicit, protocol, encryption",
    [
        ("master", scripted.smtp, False, "smtp", "tls"),
        ("master", scripted.smtp, None, "submission", "none"),  # without TLS it offers AUTH at once
        ("master", scripted.smtp, True, "submission", "ssl"),
        ("exim4", scripted.smtp, False, "smtp", "tls"),
        ("dovecot", scripted.imap, False, "imap", "tls"),
        ("dovecot", scripted.imap, None, "imap", "none"),
        ("dovecot", scripted.imap, True, "imap", "ssl"),
        ("dovecot", scripted.pop, False, "pop", "tls"),
        ("dovecot", scripted.pop, True, "pop", "ssl"),
        ("dovecot", scripted.smtp, None, "submission", "none"),
        ("slapd", scripted.ldap, False, "ldap", "tls"),
        ("slapd", scripted.ldap, None, "ldap", "none"),
        ("slapd", scripted.ldap, True, "ldap", "ssl"),
    ],
)
def test_a_mail_server_on_any_number_is_identified(
    program, script, implicit, protocol, encryption, tls, request
):
    if implicit:
        request.getfixturevalue("no_greeting")
    with scripted.Server(script(None if implicit is None else tls, bool(implicit))) as server:
        (result,) = found(EMPTY, Socket("0.0.0.0", server.port, (7, 8), program))
    assert (result["status"], result["protocol"], result["encryption"]) == (
        "unexpected",
        protocol,
        encryption,
    )
    assert result["detail"].startswith("not declared: held by %s (pid 7)" % program)
    assert (result["address"], result["name"]) == ("0.0.0.0", "0.0.0.0:%d" % server.port)
    assert bool(result["certificate"]) == (encryption == "ssl")
    assert server.sessions[-1].heard[-1] in (b"QUIT", b"z LOGOUT", b"\x30\x05\x02\x01\x03\x42\x00")


@pytest.mark.parametrize("script", [scripted.lmtp, sieve, scripted.silent])
@pytest.mark.usefixtures("short_farewell")
def test_other_protocols_of_mail_servers_are_not_ours(script):
    with scripted.Server(script) as server:
        assert found(EMPTY, Socket("0.0.0.0", server.port, (7,), "dovecot"), timeout=0.1) == []


def test_a_server_that_refuses_us_is_unexpected_too():
    with scripted.Server(lambda session: session.say(b"554 go away")) as server:
        (result,) = found(EMPTY, Socket("0.0.0.0", server.port, (7,), "master"))
    assert result["protocol"] == "smtp" and "refuses this client: 554 go away" in result["detail"]


# -- and by its number


@pytest.mark.parametrize(
    "guess, script, protocol",
    [
        (("smtp", "none"), scripted.smtp, "submission"),
        (("imap", "none"), scripted.imap, "imap"),
        (("pop", "none"), scripted.imap, "imap"),
        (("ldap", "none"), scripted.ldap, "ldap"),
    ],
)
def test_on_a_standard_number_any_program_is_visited(guess, script, protocol, monkeypatch):
    with scripted.Server(script()) as server:
        monkeypatch.setattr(unexpected, "by_number", {server.port: guess}.get)
        (result,) = found(EMPTY, Socket("0.0.0.0", server.port))
    assert (result["protocol"], result["detail"]) == (protocol, "not declared")


def test_without_an_answer_program_and_number_together_tell_a_mail_server(
    monkeypatch,
):
    with closed() as server:
        monkeypatch.setattr(unexpected, "by_number", {server.port: ("submission", "ssl")}.get)
        results = found(
            EMPTY,
            Socket("0.0.0.0", server.port, (7,), "master"),
            Socket("0.0.0.0", server.port, (8,), "nginx"),
        )
    (result,) = results
    assert (result["protocol"], result["encryption"]) == ("submission", "ssl")
    assert "connection refused" in result["detail"]


@pytest.mark.parametrize(
    "port, offers, protocol",
    [
        (587, [], "submission"),
        (25, [b"AUTH PLAIN"], "smtp"),
        (465, [], "smtp"),
        (465, [b"AUTH PLAIN"], "submission"),
    ],
)
def test_submission_is_told_from_smtp_by_its_number_and_by_auth(port, offers, protocol):
    result = ProbeResult()
    result.offered, result.encryption = {offer.split()[0].decode() for offer in offers}, "none"
    assert (
        unexpected._as_it_is(Listener("0.0.0.0", port, *by_number(port)), result).protocol
        == protocol
    )


# -- what is left alone


def no_visits(monkeypatch):
    monkeypatch.setattr(unexpected, "VisitPool", None)


@pytest.mark.parametrize(
    "sock",
    [
        Socket(
            "0.0.0.0", 3306, (7,), "mariadbd"
        ),  # not a mail server's, not a mail server's number
        Socket("0.0.0.0", 4190),
        Socket("127.0.0.1", 10025, (7,), "master"),  # a content filter sends back to here
        Socket("127.0.0.2", 25, (7,), "master"),
        Socket("::1", 25, (7,), "master"),
        Socket("192.0.2.77", 25, (7,), "master"),  # an address that the config does not name
        Socket("192.0.2.10", 993, (7,), "dovecot"),  # declared
    ],
)
def test_a_socket_that_is_not_suspected_is_not_visited(sock, monkeypatch):
    no_visits(monkeypatch)
    bindings = config("192.0.2.10", 993)
    bindings.ip_addresses.update({"127.0.0.1": IPBinding("127.0.0.1"), "::1": IPBinding("::1")})
    assert found(bindings, sock) == []


def test_a_socket_on_an_address_that_is_away_is_not_visited_but_reported():
    """Servers may bind to it (net.ipv4.ip_nonlocal_bind); a connection reaches another host."""
    with scripted.Server(scripted.smtp()) as server:
        bindings = config(AWAY, server.port)
        (result,) = found(
            bindings, Socket(AWAY, 25, (7,), "master"), Socket(AWAY, 2525, (7,), "master")
        )
    assert (result["name"], result["protocol"], result["greeting"]) == (AWAY + ":25", "smtp", "")
    assert server.sessions == []


# -- wildcards


def test_a_wildcard_that_answers_for_declared_listeners_is_unexpected(monkeypatch):
    monkeypatch.setattr(unexpected, "is_here", lambda address: address != AWAY)
    with scripted.Server(scripted.imap()) as server:
        bindings = config("192.0.2.10", server.port)
        bindings.ip_addresses[AWAY] = bindings.ip_addresses["192.0.2.10"]._replace(address=AWAY)
        (result,) = found(bindings, Socket("0.0.0.0", server.port, (7,), "dovecot"))
        assert (
            "answers on 192.0.2.10 as declared, and also on every other address" in result["detail"]
        )
        assert (
            found(config("0.0.0.0", server.port), Socket("0.0.0.0", server.port, (7,), "dovecot"))
            == []
        )
    with scripted.Server(scripted.imap(), "::1") as server:
        (result,) = found(
            config("192.0.2.10", server.port), Socket("::", server.port, (7,), "dovecot")
        )
        assert "as declared" not in result["detail"]


@pytest.mark.parametrize("program", ["dovecot", "submission-logi", "master"])
def test_submission_service_of_dovecot_is_called_so(program, monkeypatch):
    """Postfix answers for submission: nobody can declare Dovecot's."""
    with scripted.Server(scripted.smtp()) as server:
        monkeypatch.setattr(unexpected, "by_number", lambda number: ("submission", "tls"))
        (result,) = found(config("127.0.0.2", 993), Socket("0.0.0.0", server.port, (7,), program))
    assert result["status"] == "unexpected"
    words = (
        "held by %s (pid 7): Dovecot's own submission service, which can't be declared" % program
    )
    assert (words in result["detail"]) == (program != "master")
