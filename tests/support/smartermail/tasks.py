# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks against the stand-in, whole modules in process: declared, refused, and never leaked."""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.parse
from xml.sax import saxutils

from support.in_process import run
from support.smartermail import Answer, Port, StandIn, State
from support.smartermail.scenario import ADDRESSES, options_of, told

DOORS = ("rest", "soap")
HERE, THERE, SIXTH = ADDRESSES
#: What JSON, forms, XML and shells all have their own ways of writing.
WEIRD = "p\"\\&<ü'%s ☃+=;"
CERTIFICATE_PASSWORD = "P\"F\\X&<ö>'%41 ☂"
OLD, NEW = "C:\\Certificates\\2025.pfx", "C:\\Certificates\\2026.pfx"

SMTP = Port("SMTP", "SMTP", 25)
IMAP = Port("IMAP", "IMAP", 143)
IMAPS = Port("IMAPS", "IMAP", 993, "ssl", OLD, "the old password")
SUBMISSION, LDAP = Port("Submission", "Submission", 587), Port("LDAP", "LDAP", 389)
UNAVAILABLE = Answer(503, "<html><body>Service Unavailable</body></html>")


@contextlib.contextmanager
def serving(*ports, addresses=None, hostnames=None, **how):
    """A server with these ports. In the end it has been asked nothing that is not known to work."""
    state = State(
        ports,
        {HERE: [port.name for port in ports], THERE: [], SIXTH: []}
        if addresses is None
        else addresses,
        hostnames,
    )
    with StandIn(state, **how) as server:
        server.account.password = WEIRD
        yield server
    assert server.violations == []


def declare(server, api, module, options, check=False, **more):
    """The result, in which there is no secret and no excuse."""
    result = run(module, {**server.options(api), **options_of(module, options), **more}, check)
    assert "a fault of mailops.bindings" not in result.get("msg", ""), result["msg"]
    assert_secret(
        json.dumps(result, ensure_ascii=False),
        [
            *server.given_out(),
            *(port.password for port in server.state.ports),
            CERTIFICATE_PASSWORD,
        ],
    )
    return result


def assert_secret(text, secrets):
    """None of these, in any usual way of writing, is in the text."""
    for secret in filter(None, secrets):
        for written in (
            secret,
            repr(secret)[1:-1],
            json.dumps(secret)[1:-1],
            json.dumps(json.dumps(secret))[3:-3],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            urllib.parse.quote(secret),
            urllib.parse.quote_plus(secret),
            saxutils.escape(secret),
            base64.b64encode(secret.encode()).decode(),
        ):
            assert written not in text


def assert_declares(server, api, module, **options):
    """Check mode makes no write and says what the real run then does; a second run changes nothing.

    The real run's result.
    """
    before, calls = server.state.summary(), len(server.calls)
    announced = declare(server, api, module, options, check=True)
    assert (server.writes(calls), server.state.summary()) == ([], before)
    result = declare(server, api, module, options)
    assert told(announced) == told(result)
    assert not result.get("failed"), result["msg"]
    assert result["changed"] and server.state.summary() != before
    calls = len(server.calls)
    again = declare(server, api, module, options)
    assert (again.get("msg"), again["changed"], again["changes"], server.writes(calls)) == (
        None,
        False,
        [],
        [],
    )
    assert again["ports"] == result["ports"]
    assert again["ip_addresses"] == result["ip_addresses"] or (
        again["ip_addresses"] is None and module == "mail_port" and server.calls[-1].door == "soap"
    )
    return result


def assert_refuses(server, api, module, *parts, **options):
    """In check mode and for real, with a message that has these parts; nothing is written.

    The message.
    """
    before, calls = server.state.summary(), len(server.calls)
    announced, result = (
        declare(server, api, module, options, check=True),
        declare(server, api, module, options),
    )
    assert result.get("failed"), "it should have been refused"
    assert announced["msg"] == result["msg"]
    assert not result["changed"]
    for part in parts:
        assert part.lower() in result["msg"].lower()
    assert (server.writes(calls), server.state.summary()) == ([], before)
    return result["msg"]
