# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the server: URL, proxy, CA, environment."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")


from support.in_process import run  # noqa: E402
from support.smartermail.tasks import DOORS, HERE, SMTP, WEIRD, assert_secret, declare, serving  # noqa: E402

# -- the way to the server


def test_the_way_may_be_in_the_environment(monkeypatch):
    with serving(SMTP) as server:
        for name, value in (
            ("URL", server.url),
            ("USERNAME", server.account.username),
            ("PASSWORD", WEIRD),
        ):
            monkeypatch.setenv("SMARTERMAIL_" + name, value)
        result = run(
            "mail_bindings_info", {"store": "smartermail", "smartermail_ca_path": server.ca_path}
        )
        assert [port["name"] for port in result["ports"]] == ["SMTP"]
        assert_secret(json.dumps(result, ensure_ascii=False), server.given_out())


@pytest.mark.parametrize(
    "option", ["smartermail_url", "smartermail_username", "smartermail_password"]
)
def test_what_is_needed_is_asked_for(option):
    with serving(SMTP) as server:
        options = server.options()
        del options[option]
        result = run("mail_bindings_info", options)
        assert result.get("failed") and option in result["msg"] and option.upper() in result["msg"]
        assert server.calls == []


def test_options_of_a_server_mean_nothing_to_a_file(tmp_path):
    """module_defaults of a play may hold them for all of its tasks."""
    with serving(SMTP) as server:
        options = {
            **server.options(),
            "store": "file",
            "config_path": str(tmp_path / "bindings.json"),
        }
        assert run("mail_port", {**options, "name": "SMTP", "protocol": "smtp"})["changed"]
        assert server.calls == []


def test_a_url_may_end_with_a_slash():
    for api in DOORS:
        with serving(SMTP) as server:
            result = declare(
                server, api, "mail_bindings_info", {}, smartermail_url=server.url + "/"
            )
            assert not result.get("failed"), result["msg"]


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "ftp://mail.example.com",
        "https://",
        "https://admin:secret@mail.example.com",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url):
    with serving(SMTP) as server:
        result = declare(server, "auto", "mail_bindings_info", {}, smartermail_url=url)
        assert result.get("failed") and "smartermail_url" in result["msg"]
        assert "admin:secret" not in result["msg"]


def test_a_certificate_that_nobody_vouches_for_is_refused():
    with serving(SMTP) as server:
        for api in (*DOORS, "auto"):
            result = declare(
                server,
                api,
                "mail_bindings_info",
                {},
                smartermail_ca_path=None,
                smartermail_timeout=3,
            )
            assert result.get("failed") and "smartermail_ca_path" in result["msg"]
        assert server.calls == []  # no password went out
        result = declare(
            server,
            "rest",
            "mail_bindings_info",
            {},
            smartermail_ca_path=None,
            smartermail_validate_certs=False,
        )
        assert not result.get("failed"), result["msg"]


def test_a_certificate_of_another_host_is_refused(monkeypatch):
    with serving(SMTP) as server:
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *more, **named: resolve(
                "127.0.0.1" if host == "mail.example.com" else host, *more, **named
            ),
        )
        result = declare(
            server,
            "rest",
            "mail_bindings_info",
            {},
            smartermail_url=server.url.replace("127.0.0.1", "mail.example.com"),
            smartermail_timeout=3,
        )
        assert result.get("failed")
        assert server.calls == []


def test_a_ca_path_that_is_not_there():
    with serving(SMTP) as server:
        result = declare(
            server,
            "rest",
            "mail_bindings_info",
            {},
            smartermail_ca_path="/nowhere/ca.pem",
            smartermail_timeout=2,
        )
        assert result.get("failed") and "/nowhere/ca.pem" in result["msg"]


class Proxy:
    """CONNECT, and a note of whereto."""

    def __enter__(self):
        self.asked = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *ignored):
        self._socket.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(
                    target=self._serve, args=[self._socket.accept()[0]], daemon=True
                ).start()

    def _serve(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.asked.append(head)
        host, port = head.split()[1].decode().rsplit(":", 1)
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._copy, args=[server, client], daemon=True)
            back.start()
            self._copy(client, server)
            back.join(10)

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("api", DOORS)
def test_a_proxy_of_the_environment_is_used_and_sees_no_secret(api, monkeypatch):
    with serving(SMTP) as server, Proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        result = declare(server, api, "mail_bindings_info", {})
        assert not result.get("failed"), result["msg"]
        assert proxy.asked and all(
            head.startswith(b"CONNECT 127.0.0.1:%d " % server.port) for head in proxy.asked
        )
        assert WEIRD.encode() not in b"".join(proxy.asked)


# -- the stand-in as a process, for playbooks


def test_the_stand_in_runs_by_itself(tmp_path):
    (tmp_path / "begin.json").write_text(
        json.dumps({"ports": [{"name": "SMTP"}], "addresses": {HERE: ["SMTP"]}})
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "support.smartermail", str(tmp_path)], env=environment
    )
    try:
        while not (tmp_path / "options.json").exists():
            assert process.poll() is None
            time.sleep(0.05)
        options = json.loads((tmp_path / "options.json").read_text())
        assert run("mail_port", {**options, "name": "POP", "protocol": "pop"})["changed"]
        assert [port["name"] for port in run("mail_bindings_info", options)["ports"]] == [
            "POP",
            "SMTP",
        ]
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert "POP" in (tmp_path / "state.json").read_text()
    assert (tmp_path / "violations.txt").read_text() == ""
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) >= 4
