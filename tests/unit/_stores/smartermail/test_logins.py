# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that are refused."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")


from support.smartermail.tasks import DOORS, SMTP, WEIRD, declare, serving  # noqa: E402

# -- logins that are refused

REFUSALS = [
    "USERNAME_OR_PASSWORD_INCORRECT",
    "USER_NOT_FOUND",
    "TWO_FACTOR_REQUIRED",
    "INVALID_TWO_FACTOR_CODE",
    "CHANGE_PASSWORD_NEEDED",
    "PASSWORD_EXPIRED",
    "APP_PASSWORD_REQUIRED",
    "USER_DISABLED",
    "ACCOUNT_LOCKED",
    "IP_BLOCKED",
    "DOMAIN_SUSPENDED",
    "LOGIN_FAILED|ACCOUNT_LOCKED",
    "SOMETHING_NEW",
]


@pytest.mark.parametrize("api", ["rest", "auto"])
@pytest.mark.parametrize(
    "refusal, statuses",
    [(REFUSALS[0], (200, 400, 401, 403)), *((refusal, (200,)) for refusal in REFUSALS[1:])],
)
def test_a_refused_login_is_said_and_never_tried_again(api, refusal, statuses):
    for status in statuses:
        with serving(SMTP) as server:
            server.account.refusal = refusal
            server.state.unknowns.refused_login_status = status
            result = declare(
                server, api, "mail_port", {"name": "POP", "protocol": "pop"}, smartermail_timeout=3
            )
            assert result.get("failed") and server.writes() == []
            assert any(part in result["msg"] for part in refusal.split("|"))
            assert "admin" in result["msg"] and server.url in result["msg"]
            # another door is no reason to try the same password once more: the server may lock us
            # out
            assert server.rest.refused_logins + server.soap.refused_logins == 1
            assert "refresh-token" not in server.names()


@pytest.mark.parametrize("api", [*DOORS, "auto"])
def test_a_wrong_password_is_given_once(api):
    with serving(SMTP) as server:
        result = declare(
            server,
            api,
            "mail_port",
            {"name": "POP", "protocol": "pop"},
            smartermail_password="wrong" + WEIRD,
        )
        assert result.get("failed")
        assert "smartermail_password" in result["msg"] and "wrong" + WEIRD not in json.dumps(
            result, ensure_ascii=False
        )
        assert server.rest.refused_logins + server.soap.refused_logins == 1
        assert server.calls[-1].name in ("authenticate-user", "ListServerPorts", "ListHostnames")


def test_an_account_with_two_factors_gets_a_token_that_is_worth_nothing():
    with serving(SMTP) as server:
        server.account.two_factors = True
        result = declare(server, "rest", "mail_bindings_info", {}, smartermail_timeout=5)
        assert result.get("failed") and "factor" in result["msg"]
        assert len(server.logins()) == 1


def test_a_password_that_has_to_be_changed():
    with serving(SMTP) as server:
        server.account.change_password_needed = True
        result = declare(server, "rest", "mail_bindings_info", {})
        assert not result.get("failed") or "password" in result["msg"]
        assert len(server.logins()) == 1


def test_somebody_who_is_no_system_administrator():
    with serving(SMTP) as server:
        server.account.is_admin = False
        result = declare(server, "rest", "mail_bindings_info", {})
        assert result.get("failed") and "administrator" in result["msg"]
