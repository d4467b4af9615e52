# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One visit to a mail server: what it speaks, whether it offers TLS, and with which certificate. Five protocols.

A visitor is a polite guest: it says QUIT or LOGOUT and waits until the server has closed, so that nothing that counts failures
(fail2ban, anvil) counts it, and it never tries to log in. During the TLS handshake nothing is verified: a bad certificate is to be
seen, not missed.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)

FAREWELL_SECONDS = 5.0  # for the server to close after QUIT; and for a TLS handshake where nothing else was answered
UNUSUAL_SECONDS = 1.0  # for a server to speak first that is not expected to
MAX_REPLY_BYTES = 64 * 1024
SHOWN_CHARACTERS = 200  # of a greeting

#: Who says something in two pieces, as Postfix does after a TLS handshake, is kept by its kernel from sending the second until ours has acknowledged
#: the first, which it does not hurry to: 40 ms (tcp(7), TCP_QUICKACK; RFC 9293, 3.7.4).
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)

_HANDSHAKE = "answer to the TLS handshake"
_BEHIND_PROXY = "expect the PROXY protocol (a listener behind HAProxy)"


class ProbeResult:
    """What was seen of a listener."""

    def __init__(self, status: str = "ok", note: str = ""):
        self.status = status
        self.notes = [note] if note else []  # in words
        self.sure = False  # a second visit would show the same
        self.tongue = (
            ""  # the protocol that it speaks, smtp also for submission; '' if it has not said
        )
        self.encryption = ""  # ssl, tls if it offers STARTTLS, none; '' if that was not seen
        self.offered: t.AbstractSet[str] = frozenset()  # the keywords of what it offers, in the end
        self.greeting = self.tls_version = self.cipher = ""
        self.der = b""  # the certificate that it served

    def ended(self, status: str, note: str, sure: bool = False) -> None:
        """That is how it ended, and why."""
        self.status, self.sure = status, sure
        self.notes.insert(0, note)


class _Visit(t.NamedTuple):
    """A visit under way. C(encryption): the one that is wanted."""

    conversation: _Conversation
    protocol: str
    encryption: str
    hostname: str
    context: ssl.SSLContext
    seen: ProbeResult


class _Ended(Exception):
    """There is nothing more to be learned: the status, why, and whether that is sure (C(ProbeResult.ended))."""


class _Silent(Exception):
    """No answer in time."""


class _Closed(Exception):
    """The server has closed the connection."""


class _Greeted(Exception):
    """The server has greeted where it was to wait for TLS, or for LDAP."""


def visit(
    connection: socket.socket,
    protocol: str,
    encryption: str,
    hostname: str,
    timeout: float,
    context: ssl.SSLContext,
) -> ProbeResult:
    """Find out what answers on this connection, where C(protocol) and C(encryption) are expected, and leave politely.

    C(hostname) is asked for in the TLS handshake (SNI), '' for none. C(timeout): seconds for each answer. Raises nothing.
    """
    seen, conversation = ProbeResult(), _Conversation(connection, timeout)
    try:
        _converse(_Visit(conversation, protocol, encryption, hostname, context, seen))
    except _Ended as ended:
        seen.ended(*ended.args)
    except _Silent:
        seen.ended("timeout", "no %s within %g seconds" % (conversation.awaited, timeout))
    except (_Closed, ConnectionError):
        _cut(conversation, protocol, seen)
    except ssl.SSLError as error:
        reason = (error.reason or "").replace("_", " ")
        if (
            "CERTIFICATE REQUIRED" in reason
        ):  # TLS 1.3: the handshake is over for the client before the server has judged it
            seen.notes.append(
                "it demands a client certificate, which a probe has not: nothing more could be seen"
            )
        else:
            seen.ended("tls_failed", "%s: %s" % (conversation.awaited, reason.lower() or error))
    except OSError as error:
        seen.ended("timeout", "no %s: %s" % (conversation.awaited, error.strerror or error))
    except Exception as error:  # pylint: disable=broad-except  # one odd server must not hide what the others say
        seen.ended(
            "wrong_protocol",
            "its %s can't be understood (%s)" % (conversation.awaited, type(error).__name__),
        )
    conversation.leave(_FAREWELLS.get(seen.tongue, b""))
    return seen


def _cut(conversation: _Conversation, protocol: str, seen: ProbeResult) -> None:
    """The server has closed the connection, and we wanted to know more."""
    if conversation.secured and protocol == "ldap" and not conversation.answered:
        # slapd finishes the handshake first, and then looks at what it demanded
        seen.notes.append(
            "it closed the connection right after the TLS handshake: it seems to demand a client certificate (olcTLSVerifyClient), which a probe has not"
        )
        return
    handshake = conversation.awaited == _HANDSHAKE
    why = "closed the connection instead of giving its %s" % conversation.awaited
    if not (conversation.answered or conversation.secured):
        # who waits for TLS hears nonsense in a search; the others are silent until they hear the handshake, and that is tried
        tls = (
            "not speak TLS here, "
            if handshake
            else "speak TLS from the first byte, "
            if protocol == "ldap"
            else ""
        )
        why = (
            "closed the connection before it said anything: it may %s%s, or refuse this client"
            % (tls, _BEHIND_PROXY)
        )
    seen.ended("tls_failed" if handshake else "wrong_protocol", why)


def _converse(visit: _Visit) -> None:
    """The whole conversation, up to the farewell."""
    try:
        _converse_as_expected(visit)
    except _Greeted:
        conversation, seen = visit.conversation, visit.seen
        line = conversation.line()
        conversation.in_a_line = conversation.said  # as it must have understood us
        if visit.encryption == "tls" and conversation.awaited == _HANDSHAKE:
            raise _Ended(
                "tls_failed",
                "offers %s, and goes on without TLS: %s"
                % (_DIALOGUES[visit.protocol].starttls, _readable(line)),
            ) from None
        seen.tongue, seen.greeting = _tongue(line), _readable(line)
        if visit.encryption == "ssl" and not conversation.secured:
            seen.encryption = "none"
            raise _Ended(
                "tls_failed", "answers without TLS: " + seen.greeting + _why_421(line), True
            ) from None
        raise _Ended(
            "wrong_protocol",
            "speaks %s, not LDAP: %s" % (seen.tongue.upper() or "something else", seen.greeting),
            True,
        ) from None


def _converse_as_expected(visit: _Visit) -> None:
    conversation, seen = visit.conversation, visit.seen
    dialogue = _DIALOGUES[visit.protocol]
    if visit.encryption == "ssl" or dialogue is _Ldap:
        # Who speaks before a server has greeted is taken for a spammer, and counted. On a number that is not the usual one a
        # greeting is well possible, and worth a moment
        if conversation.port() != standard_number(
            visit.protocol, visit.encryption
        ) and conversation.greeted_within(UNUSUAL_SECONDS):
            raise _Greeted
    if visit.encryption == "ssl":
        _secure(visit)
        seen.encryption = "ssl"
    dialogue.greet(visit)
    seen.offered = dialogue.offers(conversation)
    if visit.encryption != "ssl":
        seen.encryption = "tls" if dialogue.starttls in seen.offered else "none"
    if visit.encryption == "tls":
        dialogue.start_tls(conversation, seen.offered)
        _secure(visit)
        seen.offered = dialogue.offers(conversation)
    elif seen.encryption == "tls":
        seen.notes.append("offers %s too" % dialogue.starttls)
    if visit.protocol == "submission" and "AUTH" not in seen.offered:
        if visit.encryption == "none" and seen.encryption == "tls":
            seen.notes.append("offers no AUTH before it")
        else:
            raise _Ended("no_auth", "offers no AUTH: nobody can log in")


def _why_421(line: bytes) -> str:
    """What Postfix says to who does not speak the PROXY protocol to it, after five seconds."""
    return "; it may " + _BEHIND_PROXY if line.startswith(b"421 4.3.0 ") else ""


def _secure(visit: _Visit) -> None:
    """The TLS handshake."""
    tls = visit.conversation.start_tls(visit.context, visit.hostname)
    visit.seen.tls_version, visit.seen.cipher = tls.version() or "", (tls.cipher() or ("",))[0]
    visit.seen.der = tls.getpeercert(binary_form=True) or b""


def _readable(line: bytes) -> str:
    """What a server said, as people can read it: short, and nothing that a terminal would obey."""
    text = line.decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    text = text.strip()
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _words(line: bytes) -> list:
    """The keywords of a line, upper case; also of AUTH=PLAIN, as old servers write it."""
    return re.split("[ =]+", line.decode("ascii", "replace").upper().strip())


def _tongue(line: bytes) -> str:
    """The protocol that a server greets in; '' if it is none of ours."""
    for tongue, greeting in _GREETINGS:
        if re.match(greeting, line, re.IGNORECASE):
            return tongue
    return ""


_GREETINGS = (
    ("smtp", rb"[2-5]\d\d(?:[ -]|$)"),
    ("imap", rb"\* (?:OK|PREAUTH|BYE)\b"),
    ("pop", rb"(?:\+OK|-ERR)\b"),
)


class _Conversation:
    """One connection, plain and then perhaps in TLS. What is awaited has to come, whole, within C(timeout) of what was sent last."""

    def __init__(self, connection: socket.socket, timeout: float):
        self._connection = connection
        self._received = b""  # and not read yet
        self._tls: t.Optional[ssl.SSLObject] = None
        self.timeout = timeout
        self.awaited = "greeting"
        self.said = False  # something was sent
        self.in_a_line = False  # the last that was sent was no whole line
        self.answered = False  # something came, since the last handshake
        self._deadline = time.monotonic() + timeout

    def port(self) -> int:
        """The server's."""
        return self._connection.getpeername()[1]

    def own_name(self) -> bytes:
        """What to say in EHLO: our address, as is right for a client without a name of its own (RFC 5321, 4.1.4), and takes no DNS."""
        address = self._connection.getsockname()[0]
        return ("[IPv6:%s]" if ":" in address else "[%s]").__mod__(address).encode()

    @property
    def secured(self) -> bool:
        """A TLS handshake succeeded."""
        return self._tls is not None

    def send(self, data: bytes, awaited: str) -> None:
        """Say something, to which this is the answer."""
        self.awaited, self._deadline = awaited, time.monotonic() + self.timeout
        if self._tls:
            self._tls.write(data)
            data = self._outgoing.read()
        self._send(data)

    def line(self) -> bytes:
        """The next line, without its end."""
        while b"\n" not in self._received:
            if len(self._received) > MAX_REPLY_BYTES:
                raise _Ended(
                    "wrong_protocol",
                    "its %s has no end: %s" % (self.awaited, _readable(self._received[:1000])),
                )
            self._receive()
        line, ignored, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r")

    def lines(self, last: t.Callable[[bytes], t.Any]) -> list:
        """The next lines up to the one that is the last."""
        found, size = [], 0
        while not (found and last(found[-1])):
            found.append(self.line())
            size += len(found[-1]) + 1
            if size > MAX_REPLY_BYTES:
                raise _Ended(
                    "wrong_protocol", "its %s has no end: %s" % (self.awaited, _readable(found[0]))
                )
        return found

    def first(self) -> bytes:
        """The next byte, which stays the next."""
        while not self._received:
            self._receive()
        return self._received[:1]

    def greeted_within(self, seconds: float) -> bool:
        """Whether the server speaks first, in so many seconds."""
        self._deadline = time.monotonic() + min(seconds, self.timeout)
        try:
            return self.first() != b""
        except (OSError, _Silent, _Closed):
            return False

    def bytes(self, count: int) -> bytes:
        """So many bytes."""
        while len(self._received) < count:
            self._receive()
        data, self._received = self._received[:count], self._received[count:]
        return data

    def start_tls(self, context: ssl.SSLContext, hostname: str) -> ssl.SSLObject:
        """The handshake. What came in plain after the last line is dropped: who sent it may have been anybody (CVE-2011-0411)."""
        self.awaited, self._deadline, self._received = (
            _HANDSHAKE,
            time.monotonic() + self.timeout,
            b"",
        )
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname or None)
        except ValueError:  # a name that can't be asked for, as one that begins with a dot
            tls = context.wrap_bio(self._incoming, self._outgoing)
        first = True
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send(self._outgoing.read())
                data = self._receive_raw()
                if first and data[0] not in (0x15, 0x16):  # an alert or a handshake: RFC 8446, 5.1
                    self._received = data
                    raise _Greeted from None
                first, self.answered = False, True
                self._incoming.write(data)
            except ssl.SSLError:
                self._send(self._outgoing.read())  # the alert that says why
                raise
            else:
                break
        self._send(self._outgoing.read())
        self._tls, self.answered = tls, False
        return tls

    def leave(self, farewell: bytes) -> None:
        """Say goodbye, and wait until the server has closed: only then its place is free for the next."""
        self.timeout = min(self.timeout, FAREWELL_SECONDS)
        try:
            if farewell:
                self.send(b"\r\n" * self.in_a_line + farewell, "farewell")
                while True:
                    self._receive()
                    self._received = b""
        except (OSError, _Closed, _Silent):
            pass

    def _receive(self) -> None:
        """Wait for more."""
        while self._tls:
            try:
                data = self._tls.read(MAX_REPLY_BYTES)
            except ssl.SSLWantReadError:
                self._incoming.write(self._receive_raw())
                continue
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:
                raise _Closed
            break
        else:
            data = self._receive_raw()
        self.answered = True
        self._received += data

    def _receive_raw(self) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _Silent
        self._connection.settimeout(left)
        if _QUICKACK is not None:  # it does not last
            self._connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        try:
            data = self._connection.recv(MAX_REPLY_BYTES)
        except socket.timeout:
            raise _Silent from None
        if not data:
            raise _Closed
        return data

    def _send(self, data: bytes) -> None:
        self.said = True
        self._connection.settimeout(self.timeout)
        try:
            self._connection.sendall(data)
        except socket.timeout:
            raise _Silent from None


# -- the five protocols: greet; what is offered; start_tls


class _Text:
    """What the protocols that greet with a line have in common."""

    tongue = starttls = ""
    turns_away = b""  # how a greeting begins that is a refusal

    @classmethod
    def greet(cls, visit: _Visit) -> None:
        conversation, seen = visit.conversation, visit.seen
        try:
            line = conversation.line()
        except _Silent:
            if visit.encryption != "ssl" and not conversation.answered:
                cls._try_tls(visit)
            raise
        seen.tongue, seen.greeting = _tongue(line), _readable(line)
        if seen.tongue != cls.tongue:
            speaks = (
                "speaks %s" % seen.tongue.upper()
                if seen.tongue
                else "greets as none of the five protocols does"
            )
            seen.tongue = seen.tongue or cls.tongue  # to leave in: perhaps it is understood
            raise _Ended("wrong_protocol", "%s: %s" % (speaks, seen.greeting), True)
        greeting = cls.whole_greeting(conversation, line)
        seen.greeting = _readable(greeting)
        if re.match(cls.turns_away, greeting, re.IGNORECASE):
            raise _Ended("refused", "turns us away: " + seen.greeting + _why_421(greeting))

    @staticmethod
    def _try_tls(visit: _Visit) -> None:
        """Silence: perhaps it waits for a TLS handshake. To find out costs nothing more, since this connection is lost anyway."""
        conversation, seen = visit.conversation, visit.seen
        timeout, conversation.timeout = (
            conversation.timeout,
            min(conversation.timeout, FAREWELL_SECONDS),
        )
        try:
            _secure(visit)
            line = conversation.line()
            seen.tongue, seen.greeting = _tongue(line), _readable(line)
        except (OSError, _Closed, _Silent, _Greeted):
            pass
        conversation.timeout, conversation.awaited = timeout, "greeting"
        if conversation.secured:
            seen.encryption = "ssl"
            raise _Ended(
                "wrong_protocol", "speaks TLS from the first byte, as with encryption ssl", True
            )

    @staticmethod
    def whole_greeting(conversation: _Conversation, line: bytes) -> bytes:
        return line


class _Smtp(_Text):
    """RFC 5321; STARTTLS: RFC 3207; AUTH: RFC 4954."""

    tongue, starttls = "smtp", "STARTTLS"
    turns_away = rb"[345]"

    @staticmethod
    def whole_greeting(conversation: _Conversation, line: bytes) -> bytes:
        # postscreen says "220-" at once, and "220 " six seconds later, or that it refuses
        return line if _is_last(line) else conversation.lines(_is_last)[-1]

    @staticmethod
    def offers(conversation: _Conversation) -> t.AbstractSet[str]:
        conversation.send(b"EHLO %s\r\n" % conversation.own_name(), "answer to EHLO")
        reply = conversation.lines(_is_last)
        if reply[-1].startswith(
            (b"500", b"502")
        ):  # perhaps from before there were extensions: RFC 5321, 3.2
            conversation.send(b"HELO %s\r\n" % conversation.own_name(), "answer to HELO")
            if conversation.lines(_is_last)[-1].startswith(b"250"):
                return frozenset()
        if not reply[-1].startswith(b"250"):  # FTP greets with 220 too, and LMTP
            raise _Ended("wrong_protocol", "answers EHLO with " + _readable(reply[-1]))
        return {_words(line[4:])[0] for line in reply[1:]}

    @staticmethod
    def start_tls(conversation: _Conversation, offered: t.AbstractSet[str]) -> None:
        if "STARTTLS" not in offered:
            raise _Ended("no_starttls", "does not offer STARTTLS")
        conversation.send(b"STARTTLS\r\n", "answer to STARTTLS")
        reply = conversation.lines(_is_last)[-1]
        if not reply.startswith(b"220"):
            raise _Ended("tls_failed", "offers STARTTLS, and refuses it: " + _readable(reply))


def _is_last(line: bytes) -> bool:
    """The last line of an SMTP reply: RFC 5321, 4.2.1. What is no such line at all is the last too."""
    return line[3:4] != b"-" or not line[:3].isdigit()


class _Imap(_Text):
    """RFC 9051."""

    tongue, starttls = "imap", "STARTTLS"
    turns_away = rb"\* BYE"

    @classmethod
    def offers(cls, conversation: _Conversation) -> t.AbstractSet[str]:
        *lines, last = cls._answer(conversation, b"CAPABILITY")
        if _words(last)[1:2] != ["OK"]:
            raise _Ended("wrong_protocol", "answers CAPABILITY with " + _readable(last))
        return {word for line in lines for word in _words(line)}

    @classmethod
    def start_tls(cls, conversation: _Conversation, offered: t.AbstractSet[str]) -> None:
        if "STARTTLS" not in offered:
            raise _Ended("no_starttls", "does not offer STARTTLS")
        last = cls._answer(conversation, b"STARTTLS")[-1]
        if _words(last)[1:2] != ["OK"]:
            raise _Ended("tls_failed", "offers STARTTLS, and refuses it: " + _readable(last))

    @staticmethod
    def _answer(conversation: _Conversation, command: bytes) -> list:
        """The lines of the answer, the tagged one last."""
        conversation.send(b"a %s\r\n" % command, "answer to " + command.decode())
        return conversation.lines(lambda line: not line.startswith(b"* "))


class _Pop(_Text):
    """RFC 1939; CAPA: RFC 2449; STLS: RFC 2595."""

    tongue, starttls = "pop", "STLS"
    turns_away = b"-ERR"

    @staticmethod
    def offers(conversation: _Conversation) -> t.AbstractSet[str]:
        conversation.send(b"CAPA\r\n", "answer to CAPA")
        if not conversation.line().startswith(b"+OK"):
            return frozenset()  # from before there were extensions
        return {_words(line)[0] for line in conversation.lines(lambda line: line == b".")}

    @staticmethod
    def start_tls(conversation: _Conversation, offered: t.AbstractSet[str]) -> None:
        if "STLS" not in offered:
            raise _Ended("no_starttls", "does not offer STLS")
        conversation.send(b"STLS\r\n", "answer to STLS")
        reply = conversation.line()
        if not reply.startswith(b"+OK"):
            raise _Ended("tls_failed", "offers STLS, and refuses it: " + _readable(reply))


class _Ldap:
    """RFC 4511, in the few bytes of BER that it takes (X.690). The server says nothing by itself: there is no greeting."""

    starttls = "StartTLS"
    _START_TLS_OID = b"1.3.6.1.4.1.1466.20037"  # 4.14.1
    _START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _START_TLS_OID
    # of the root DSE (RFC 4512, 5.1): base "", scope baseObject, filter (objectClass=*), the attribute supportedExtension
    _SEARCH = (
        b"\x30\x39\x02\x01\x02"
        b"\x63\x34\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"
        b"\x87\x0bobjectClass"
        b"\x30\x14\x04\x12supportedExtension"
    )
    UNBIND = b"\x30\x05\x02\x01\x03\x42\x00"
    _SEARCH_DONE, _EXTENDED_RESPONSE = 0x65, 0x78

    @staticmethod
    def greet(visit: _Visit) -> None:
        visit.seen.tongue = "ldap"

    @classmethod
    def offers(cls, conversation: _Conversation) -> t.AbstractSet[str]:
        """By an anonymous search, without a bind: a refusal of it proves that this is LDAP as well."""
        conversation.send(cls._SEARCH, "answer to an LDAP search")
        offered = set()
        while True:
            kind, content = cls._message(conversation)
            if cls._START_TLS_OID in content:
                offered.add(cls.starttls)
            if kind == cls._SEARCH_DONE:
                return offered
            if kind == cls._EXTENDED_RESPONSE:  # a notice of disconnection: 4.4.1
                raise _Ended("refused", "turns us away: " + _readable(content))

    @classmethod
    def start_tls(cls, conversation: _Conversation, offered: t.AbstractSet[str]) -> None:
        """Not by what is C(offered): the root DSE may not be for everybody."""
        conversation.send(cls._START_TLS, "answer to StartTLS")
        kind, content = cls._message(conversation)
        if (
            kind != cls._EXTENDED_RESPONSE or content[:3] != b"\x0a\x01\x00"
        ):  # resultCode, ENUMERATED: success
            raise _Ended("no_starttls", "refuses StartTLS (result %d)" % content[2])

    @classmethod
    def _message(cls, conversation: _Conversation) -> tuple:
        """(tag of the operation, its content) of the next LDAPMessage: 4.1.1."""
        if conversation.first() != b"\x30":
            raise _Greeted
        conversation.bytes(1)
        message = conversation.bytes(_length(conversation.bytes))
        at = 2 + message[1]  # behind the message's number
        kind, rest = message[at], message[at + 1 :]
        return kind, rest[(rest[0] & 0x7F if rest[0] & 0x80 else 0) + 1 :]


def _length(read: t.Callable[[int], bytes]) -> int:
    """The length of a BER element: X.690, 8.1.3."""
    length = read(1)[0]
    if length & 0x80:
        length = int.from_bytes(read(length & 0x7F), "big")
    if length > MAX_REPLY_BYTES:
        raise _Ended("wrong_protocol", "answers an LDAP search with something else")
    return length


_DIALOGUES = {"smtp": _Smtp, "submission": _Smtp, "imap": _Imap, "pop": _Pop, "ldap": _Ldap}
_FAREWELLS = {
    "smtp": b"QUIT\r\n",
    "imap": b"z LOGOUT\r\n",
    "pop": b"QUIT\r\n",
    "ldap": _Ldap.UNBIND,
}


def tls_context() -> ssl.SSLContext:
    """A client that takes whatever a server offers: old versions, ciphers and short keys are to be seen, not to fail."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= 0x4  # SSL_OP_LEGACY_SERVER_CONNECT, which has a name from Python 3.12 on
    try:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    except ssl.SSLError:  # a library that knows no levels
        pass
    return context
