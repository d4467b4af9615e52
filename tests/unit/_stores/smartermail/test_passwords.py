# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of certificates, and other secrets."""

from __future__ import annotations

import json
import urllib.parse
from xml.sax import saxutils

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.in_process import run  # noqa: E402
from support.smartermail import Answer  # noqa: E402
from support.smartermail.scenario import told  # noqa: E402
from support.smartermail.tasks import (  # noqa: E402
    CERTIFICATE_PASSWORD,
    DOORS,
    HERE,
    IMAPS,
    NEW,
    OLD,
    SMTP,
    THERE,
    UNAVAILABLE,
    WEIRD,
    assert_declares,
    assert_refuses,
    assert_secret,
    declare,
    serving,
)

# -- passwords of certificates


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("shown", ["masked", "clear", "empty", "absent"])
def test_a_certificate_password_is_never_compared(api, shown):
    with serving(SMTP, IMAPS) as server:
        server.state.unknowns.password_shown = shown
        for update_password in (None, "on_create"):
            options = {
                "name": "IMAPS",
                "certificate_password": CERTIFICATE_PASSWORD,
                **({"update_password": update_password} if update_password else {}),
            }
            result = declare(server, api, "mail_port", options)
            assert (result.get("msg"), result["changed"], server.writes()) == (None, False, [])
        assert server.state.named("IMAPS").password == "the old password"


@pytest.mark.parametrize("api", DOORS)
def test_a_certificate_password_is_written_always_if_told_so(api):
    for module, options in (
        (
            "mail_port",
            {
                "name": "IMAPS",
                "certificate_password": CERTIFICATE_PASSWORD,
                "update_password": "always",
            },
        ),
        (
            "mail_bindings",
            {
                "ports": [{"name": "IMAPS", "certificate_password": CERTIFICATE_PASSWORD}],
                "update_password": "always",
            },
        ),
    ):
        with serving(SMTP, IMAPS) as server:
            announced = declare(server, api, module, options, check=True)
            assert announced.get("changed") and server.writes() == []
            for _ignored in range(2):
                result = declare(server, api, module, options)
                assert result.get("changed") and told(result) == told(announced)
                assert server.state.named("IMAPS").password == CERTIFICATE_PASSWORD
                assert server.state.assigned(HERE) == ["IMAPS", "SMTP"]


@pytest.mark.parametrize("api", DOORS)
def test_a_new_port_has_its_certificates_password(api):
    for update_password in ("on_create", "always"):
        with serving(SMTP) as server:
            declare(
                server,
                api,
                "mail_port",
                {
                    "name": "IMAPS",
                    "protocol": "imap",
                    "encryption": "ssl",
                    "certificate_path": NEW,
                    "certificate_password": CERTIFICATE_PASSWORD,
                    "update_password": update_password,
                },
            )
            assert server.state.named("IMAPS").password == CERTIFICATE_PASSWORD


@pytest.mark.parametrize("shown", ["masked", "clear", "empty", "absent"])
def test_adding_a_port_again_takes_its_certificates_password(shown):
    for module, options in (
        ("mail_port", {"name": "IMAPS", "port": 1993}),
        ("mail_ip_binding", {"address": THERE, "ports": ["IMAPS"]}),
        ("mail_bindings", {"ports": [{"name": "IMAPS", "description": "new"}]}),
    ):
        with serving(SMTP, IMAPS) as server:
            server.state.unknowns.password_shown = shown
            assert_refuses(server, "rest", module, "certificate_password", "IMAPS", **options)
    for password in ("", CERTIFICATE_PASSWORD):
        with serving(SMTP, IMAPS) as server:
            server.state.unknowns.password_shown = shown
            assert_declares(
                server, "rest", "mail_port", name="IMAPS", port=1993, certificate_password=password
            )
            assert server.state.named("IMAPS").password == password


def test_assigning_over_soap_takes_no_password():
    with serving(SMTP, IMAPS) as server:
        assert_declares(server, "soap", "mail_ip_binding", address=THERE, ports=["IMAPS"])
        assert server.state.named("IMAPS").password == "the old password"


# -- secrets


@pytest.mark.parametrize("api", DOORS)
def test_nothing_that_is_secret_is_in_a_file(api, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(SMTP, IMAPS) as server:
        declare(
            server,
            api,
            "mail_port",
            {
                "name": "IMAPS",
                "certificate_path": NEW,
                "certificate_password": CERTIFICATE_PASSWORD,
            },
        )
        server.fail("*", answer=UNAVAILABLE, times=100)
        declare(
            server,
            api,
            "mail_port",
            {
                "name": "IMAPS",
                "certificate_path": OLD,
                "certificate_password": CERTIFICATE_PASSWORD,
            },
            smartermail_timeout=1,
        )
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert_secret(
                    path.read_bytes().decode("utf-8", "replace"),
                    [*server.given_out(), CERTIFICATE_PASSWORD],
                )


@pytest.mark.parametrize("api", DOORS)
def test_a_server_that_says_the_password_back_is_not_repeated(api):
    """Error pages of ASP.NET may show what was sent."""
    with serving(SMTP) as server:
        for echoed in (
            WEIRD,
            urllib.parse.quote_plus(WEIRD),
            saxutils.escape(WEIRD),
            json.dumps(WEIRD),
        ):
            server.fail("*", answer=Answer(400, "<html>authPassword=%s" % echoed))
            assert declare(server, api, "mail_bindings_info", {}, smartermail_timeout=1).get(
                "failed"
            )
            server.faults.clear()
            server.fail(
                "write",
                answer=Answer(
                    200,
                    json.dumps({"success": False, "message": echoed})
                    if api == "rest"
                    else "<x><Result>false</Result><Message>%s</Message></x>"
                    % (saxutils.escape(echoed)),
                    "application/json" if api == "rest" else "text/xml",
                ),
            )
            assert declare(server, api, "mail_port", {"name": "POP", "protocol": "pop"}).get(
                "failed"
            )
            server.faults.clear()


# -- passwords in URLs and answers


@pytest.mark.parametrize(
    "url",
    [
        "https://admin:S3cret#1@mail.example.com",
        "https://admin:S3cret/1@mail.example.com",
        "https://admin:S3cret?1@mail.example.com",
        "https://admin:S3cret@1@mail.example.com",
        "admin:S3cret@mail.example.com",
        "https://admin:S3cret@mail.example.com:99999",
    ],
)
def test_a_password_in_the_url_is_in_no_result(url):
    result = run(
        "mail_bindings_info",
        {
            "store": "smartermail",
            "smartermail_username": "u",
            "smartermail_password": "p",
            "smartermail_url": url,
        },
    )
    assert result["failed"] and "smartermail_url" in result["msg"]
    assert "S3cret" not in json.dumps(result)


def test_a_password_with_blanks_is_not_quoted_with_fewer():
    with serving() as server:
        server.account.password = "correct horse  battery\tstaple"
        server.fail(
            "*",
            answer=Answer(
                200,
                json.dumps({"success": False, "message": "no: " + server.account.password}),
                "application/json",
            ),
        )
        assert "battery" not in declare(server, "rest", "mail_bindings_info", {})["msg"]


def test_half_a_password_is_one_too():
    with serving() as server:
        server.account.password = "Abcdefghijklmnopqrstuvwxyz0123456789"
        server.fail(
            "*",
            answer=Answer(
                302,
                "",
                headers={
                    "Location": "https://login.example.com/?username=admin&password=%s&returnUrl=%%2Fapi%%2Fv1%%2Fauth%%2Fauthenticate"
                    % server.account.password
                },
            ),
        )
        message = declare(server, "rest", "mail_bindings_info", {})["msg"]
        assert "sends us to" in message and "Abcdef" not in message and "456789" not in message
