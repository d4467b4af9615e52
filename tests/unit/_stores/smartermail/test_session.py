# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP: what is tried again, for how long, and what is never quoted."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
from xml.sax.saxutils import escape

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import session  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.session import (
    Session,
    Transient,
)  # noqa: E402

# -- HTTP


class Clock:
    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def patient(timeout=30.0):
    clock = Clock()
    return Session("https://mail.example.com", timeout, clock=clock, sleep=clock.sleep), clock


def test_what_is_transient_is_tried_again_at_growing_intervals_until_the_time_is_up():
    asking, clock = patient()

    def attempt(end):
        raise Transient("HTTP 503", answered=True)

    with pytest.raises(Refused, match="reading: HTTP 503, and nothing better within 30 s"):
        asking.patiently("reading", attempt)
    assert clock.slept == [0.5, 1, 2, 4, 8, 8]


@pytest.mark.parametrize("wait, slept", [(3.0, [3.0] * 9), (29.0, [29.0]), (31.0, [])])
def test_what_the_server_asks_for_is_waited_but_not_beyond_the_time(wait, slept):
    asking, clock = patient()

    def attempt(end):
        raise Transient("HTTP 429", wait, True)

    with pytest.raises(Refused):
        asking.patiently("reading", attempt)
    assert clock.slept == slept


def test_what_turns_out_to_be_done_is_not_tried_again():
    asking, clock = patient()
    attempts = []

    def attempt(end):
        attempts.append(end)
        raise Transient("no answer")

    assert asking.patiently("adding", attempt, lambda: "id" if len(attempts) == 2 else None) == "id"
    assert len(attempts) == 2


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after(value, seconds):
    assert session._retry_after(value) == seconds


@pytest.mark.parametrize("secret", ["p&ss<word>", 'qu"ote\\back', "blank and ü", "a%41"])
def test_no_secret_is_quoted_however_it_is_written(secret):
    asking, clock = patient()
    asking.keep_secret(secret)
    for text in soap_json_and_url(secret):
        quoted = asking.quoted("failed for %s today" % text)
        assert text not in quoted and quoted == "failed for ******** today"


def soap_json_and_url(secret):
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        escape(secret),
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
    }


def test_a_server_that_was_never_reached_is_not_waited_for(monkeypatch):
    asking, clock = patient()

    def refuse(*args, **kwargs):
        raise urllib.error.URLError(ConnectionRefusedError(111, "Connection refused"))

    monkeypatch.setattr(session, "open_url", refuse)
    with pytest.raises(Refused, match="can't be reached: Connection refused"):
        asking.once("GET", "/", None, {}, 30.0, str)
    asking._reached = True
    with pytest.raises(Transient):
        asking.once("GET", "/", None, {}, 30.0, str)
