# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to a mail server: lines, bytes and deadlines, in plain text and in TLS."""

from __future__ import annotations

import re
import socket
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._probe.errors import (
    Closed,
    Endless,
    Greeted,
    Silent,
)

if t.TYPE_CHECKING:  # it loads ssl: imported for the first handshake
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.tls import TlsSession

FAREWELL_SECONDS = 5.0  # for the server to close the connection after our farewell
MAX_REPLY_BYTES = 64 * 1024
SHOWN_CHARACTERS = 200  # of a line, in a result

#: A server that answers in two pieces, as Postfix does after a TLS handshake, may not send the
#: second until the first is acknowledged, which our kernel delays by 40 ms (tcp(7), TCP_QUICKACK;
#: RFC 9293, 3.8.6.3).
_QUICKACK: t.Optional[int] = getattr(socket, "TCP_QUICKACK", None)

HANDSHAKE = "answer to the TLS handshake"
_ALERT, _HANDSHAKE_RECORD = 0x15, 0x16  # RFC 8446, 5.1


class Conversation:
    """One connection. Each answer has to arrive, whole, within C(timeout) seconds of our last word.

    C(awaited) names that answer for messages. Reading and sending raise Silent, Closed, OSError,
    and, once TLS has begun, TlsFault.
    """

    def __init__(self, connection: socket.socket, timeout: float):
        self._connection = connection
        self._received = b""  # and not read yet
        self._tls: t.Optional[TlsSession] = None
        self._deadline = time.monotonic() + timeout
        self.timeout = timeout
        self.awaited = "greeting"
        self.spoke = False  # we have sent something
        self.in_a_line = False  # what we sent last was no whole line
        self.answered = False  # the server has sent something, since the handshake if there was one

    def own_name(self) -> bytes:
        """The name for EHLO: our address, which takes no DNS (RFC 5321, 4.1.4)."""
        address = self._connection.getsockname()[0]
        name = "[IPv6:%s]" % address if ":" in address else "[%s]" % address
        return name.encode()

    @property
    def secured(self) -> bool:
        """A TLS handshake has succeeded."""
        return self._tls is not None

    # -- sending

    def send(self, data: bytes, awaited: str) -> None:
        """Send a command, whose answer is C(awaited)."""
        self.awaited, self._deadline = awaited, time.monotonic() + self.timeout
        self._send(self._tls.encrypted(data) if self._tls else data)

    def _send(self, data: bytes) -> None:
        self.spoke = True
        self._connection.settimeout(self.timeout)
        try:
            self._connection.sendall(data)
        except socket.timeout:
            raise Silent from None

    # -- reading

    def line(self) -> bytes:
        """The next line, without its end. Raises Endless."""
        while b"\n" not in self._received:
            if len(self._received) > MAX_REPLY_BYTES:
                raise Endless(readable(self._received[:1000]))
            self._receive()
        line, dummy, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r")

    def lines(self, is_last: t.Callable[[bytes], bool]) -> list[bytes]:
        """The next lines, up to and with the first that C(is_last). Raises Endless."""
        found: list[bytes] = []
        size = 0
        while not (found and is_last(found[-1])):
            found.append(self.line())
            size += len(found[-1]) + 1
            if size > MAX_REPLY_BYTES:
                raise Endless(readable(found[0]))
        return found

    def first(self) -> bytes:
        """The next byte, which stays the next to be read."""
        while not self._received:
            self._receive()
        return self._received[:1]

    def take(self, count: int) -> bytes:
        """The next C(count) bytes."""
        while len(self._received) < count:
            self._receive()
        data, self._received = self._received[:count], self._received[count:]
        return data

    def greeted_within(self, seconds: float) -> bool:
        """Does the server speak first, within so many seconds?"""
        self._deadline = time.monotonic() + min(seconds, self.timeout)
        try:
            return self.first() != b""
        except (OSError, Silent, Closed):
            return False

    def _receive(self) -> None:
        """Wait until the server has sent more."""
        data = self._decrypted(self._tls) if self._tls else self._receive_raw()
        self.answered = True
        self._received += data

    def _decrypted(self, tls: TlsSession) -> bytes:
        data = tls.decrypted(MAX_REPLY_BYTES)
        while data is None:
            tls.feed(self._receive_raw())
            data = tls.decrypted(MAX_REPLY_BYTES)
        if not data:
            raise Closed
        return data

    def _receive_raw(self) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Silent
        self._connection.settimeout(left)
        if _QUICKACK is not None:  # the kernel forgets it again
            self._connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        try:
            data = self._connection.recv(MAX_REPLY_BYTES)
        except socket.timeout:
            raise Silent from None
        if not data:
            raise Closed
        return data

    # -- TLS

    def start_tls(self, hostname: str) -> TlsSession:
        """Make the handshake, asking for C(hostname) (SNI), '' for none. Raises Greeted, TlsFault.

        What arrived in plain text before it is dropped: anybody on the way may have sent it
        (CVE-2011-0411).
        """
        from ansible_collections.mailops.bindings.plugins.module_utils._probe.tls import TlsSession

        self.awaited, self._deadline = HANDSHAKE, time.monotonic() + self.timeout
        self._received = b""
        tls = TlsSession(hostname)
        try:
            first = True
            while not tls.handshake():
                self._send(tls.outgoing())
                data = self._receive_raw()
                if first and data[0] not in (_ALERT, _HANDSHAKE_RECORD):
                    self._received = data
                    raise Greeted
                first, self.answered = False, True
                tls.feed(data)
        finally:
            rest = tls.outgoing()  # the last message, or the alert that says why it failed
            if rest:
                self._send(rest)
        self._tls, self.answered = tls, False
        return tls

    # -- leaving

    def hurry(self) -> None:
        """From now on, wait for no answer longer than FAREWELL_SECONDS."""
        self.timeout = min(self.timeout, FAREWELL_SECONDS)

    def leave(self, farewell: bytes) -> None:
        """Say goodbye, and wait until the server has closed the connection. Raises nothing.

        RFC 5321, 4.1.1.10: a client should wait. Only then is its place free for the next one.
        """
        if not farewell:
            return
        self.hurry()
        try:
            self.send(b"\r\n" * self.in_a_line + farewell, "farewell")
            while True:
                self._receive()
                self._received = b""
        except (OSError, Silent, Closed):
            pass


def readable(line: bytes) -> str:
    """A server's line for people: short, and nothing in it that a terminal would obey."""
    text = line.decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    text = text.strip()
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def words(line: bytes) -> list[str]:
    """The keywords of a line in upper case; AUTH=PLAIN, as old servers write it, is two."""
    return re.split("[ =]+", line.decode("ascii", "replace").upper().strip())
