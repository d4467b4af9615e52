# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations: waiting, reading and showing what servers say."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import tracemalloc
import warnings

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._probe import connection
from support import scripted
from support.probing import ask


@pytest.fixture
def lines_read(monkeypatch):
    """Released once for each line that the probe has read."""
    read, real = threading.Semaphore(0), connection.Conversation.line

    def line(self):
        found = real(self)
        read.release()
        return found

    monkeypatch.setattr(connection.Conversation, "line", line)
    return read


def test_a_long_greeting_comes_in_parts(lines_read):
    def postscreen(session):
        session.say(b"220-wait")
        assert lines_read.acquire(timeout=10)
        scripted.smtp(greeting=[b"220 come in"])(session)

    result, server = ask(postscreen, "smtp")
    assert (result["status"], result["greeting"], len(server.sessions)) == ("ok", "220 come in", 1)


def test_a_slow_greeting_is_waited_for(monkeypatch):
    waiting, receive = threading.Event(), connection.Conversation._receive_raw

    def receiving(self):
        waiting.set()
        return receive(self)

    monkeypatch.setattr(connection.Conversation, "_receive_raw", receiving)

    def slow(session):
        assert waiting.wait(10)
        scripted.smtp()(session)

    result, server = ask(slow, "smtp", timeout=10)
    assert (result["status"], len(server.sessions)) == ("ok", 1)


def test_a_greeting_is_shown_readable_and_short():
    greeting = ask(scripted.smtp(greeting=[b"220 \x1b[31mred\x07 \xff" + b"long " * 100]), "smtp")[
        0
    ]["greeting"]
    assert greeting.startswith("220  [31mred") and greeting.isprintable() and len(greeting) == 200


@pytest.mark.usefixtures("short_farewell")
def test_an_endless_answer_is_not_kept_in_memory():
    tracemalloc.start()
    try:
        assert ask(scripted.endless_lines, "smtp")[0]["status"] == "wrong_protocol"
        assert tracemalloc.get_traced_memory()[1] < 20 * connection.MAX_REPLY_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"])
def test_old_versions_of_tls_do_not_fail_the_handshake(version, certificates):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        number = ssl.TLSVersion[version]
        context = scripted.tls_context(
            certificates / "combined.pem", minimum_version=number, maximum_version=number
        )
    result = ask(scripted.imap(context, implicit=True), "imap", "ssl")[0]
    assert (result["status"], result["tls_version"]) == ("ok", version.replace("_", "."))


@pytest.mark.skipif(
    not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be asked to acknowledge at once"
)
def test_a_server_that_answers_in_pieces_does_not_wait_for_our_acknowledgement():
    """Its kernel holds the next piece back until then (Nagle); ours may take 40 ms for it."""

    def script(session):
        session.say(b"220 mx ESMTP")
        session.hear()
        for piece in (b"250-mx", b"250-SIZE", b"250 HELP"):
            session.say(piece)
        session.hear()
        session.say(b"221 bye")

    seconds = []
    while min(seconds, default=1) >= 0.03 and len(seconds) < 30:  # a busy machine needs a few tries
        began = time.monotonic()
        assert ask(script, "smtp")[0]["status"] == "ok"
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.03, seconds
