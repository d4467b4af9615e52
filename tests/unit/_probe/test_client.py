# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes as a whole: results of healthy listeners, of broken ones, and what is not probed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host import addresses
from ansible_collections.mailops.bindings.plugins.module_utils._probe import pop
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe
from support import pki, scripted
from support.probing import AWAY, FAREWELLS, GREETINGS, NOW, ask


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("encryption", ["none", "tls", "ssl"])
@pytest.mark.parametrize("protocol", sorted(scripted.SCRIPTS))
def test_a_healthy_listener_is_ok_and_is_left_politely(
    protocol, encryption, address, certificates, tls
):
    script = scripted.SCRIPTS[protocol](
        None if encryption == "none" else tls, implicit=encryption == "ssl"
    )
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
    assert result["greeting"] == GREETINGS[protocol]
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


def test_without_a_hostname_no_sni_is_sent(tls):
    assert ask(scripted.imap(tls, implicit=True), "imap", "ssl")[1].sessions[0].server_name is None


def test_a_hostname_that_sni_can_t_carry_is_not_sent(tls):
    result, server = ask(scripted.imap(tls, implicit=True), "imap", "ssl", hostname=".example.com")
    assert result["status"] == "ok"
    assert server.sessions[0].server_name is None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_a_port_where_nothing_listens_is_refused():
    (result,) = probe([Listener("127.0.0.1", free_port(), "imap", "ssl")], now=NOW)
    assert result["status"] == "refused" and result["detail"].startswith("connection refused")


def test_a_listener_that_is_well_at_the_second_visit_is_ok():
    first = threading.Event()

    def script(session):
        if first.is_set():
            scripted.imap()(session)
        first.set()

    result, server = ask(script, "imap")
    assert (result["status"], result["detail"], len(server.sessions)) == ("ok", "", 2)


def test_a_fault_of_ours_is_one_result_and_leaves_the_others_alone(monkeypatch):
    def fault(dialogue, conversation):
        raise ZeroDivisionError

    monkeypatch.setattr(pop.Pop, "offers", fault)
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


LOADED = """
import datetime, sys
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe

listener = Listener("127.0.0.1", int(sys.argv[1]), "imap", "none")
(result,) = probe([listener], now=datetime.datetime.now(datetime.timezone.utc))
assert result["status"] == "ok", result
print(*(name.partition("bindings.plugins.module_utils.")[2] or name for name in sys.modules))
"""


def test_a_probe_without_tls_loads_no_tls_no_certificates_and_no_other_protocol():
    with scripted.Server(scripted.imap()) as server:
        loaded = subprocess.run(
            [sys.executable, "-S", "-c", LOADED, str(server.port)],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout.decode()
    assert "_probe.imap" in loaded.split()
    unused = {"ssl", "cryptography", "_probe.tls", "_certificates.parse", "_probe.ldap"}
    assert not unused & set(loaded.split())


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
            "::1 is not an address of this host, and other hosts can't connect either: "
            "is IPv6 disabled?",
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
def test_a_listener_that_can_t_be_reached_is_not_connected_to(
    listener, local, status, detail, monkeypatch
):
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(addresses, "is_here", lambda address: False)
    (result,) = probe([listener], now=NOW, local=local)
    assert (result["status"], result["detail"]) == (status, detail)


def test_a_floating_address_that_is_here_is_probed():
    assert ask(scripted.imap(), "imap", floating=True)[0]["greeting"]


def test_no_listeners_give_no_results():
    assert probe([], now=NOW) == []
