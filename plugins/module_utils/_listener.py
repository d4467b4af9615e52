# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener is, and what really answers where one should be.

A probe is a polite guest: it says QUIT or LOGOUT and waits until the server has closed, so that nothing that counts failures
(fail2ban, anvil) counts it; it never tries to log in. During the TLS handshake nothing is verified: the certificate is judged
afterwards, so that a bad one is seen rather than missed.
"""

from __future__ import annotations

import datetime
import re
import socket
import ssl
import threading
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._model import Bindings, Refused, address_order

CONNECT_SECONDS = 5.0  # enough for three SYNs (0, 1 and 3 s); who is there answers at once, however slow the greeting is
FAREWELL_SECONDS = 5.0  # for the server to close after QUIT
PAUSE_SECONDS = 0.5  # before what seems broken is tried once more
SCOUTS = 3  # connections at a time to an address where nobody has answered yet
MAX_REPLY_BYTES = 64 * 1024

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_BROKEN = ("refused", "timeout", "wrong_protocol", "no_starttls", "tls_failed", "no_auth")
_BEHIND_PROXY = "it may expect the PROXY protocol (a listener behind HAProxy), or refuse this client"


class Listener(t.NamedTuple):
    """One address and port, and what should answer there. The texts are '' where there is nothing to say."""

    address: str
    port: int
    protocol: str
    encryption: str
    certificate_path: str = ""
    private_key_path: str = ""
    hostname: str = ""
    floating: bool = False
    port_name: str = ""

    @property
    def name(self) -> str:
        """As results name it: 192.0.2.1:993, [2001:db8::1]:993."""
        return ("[%s]:%d" if ":" in self.address else "%s:%d") % (self.address, self.port)

    @property
    def key_path(self) -> str:
        """The file that holds the private key: the certificate's own unless another is named."""
        return self.private_key_path or self.certificate_path


def listeners(bindings: Bindings) -> list[Listener]:
    """All that should listen by this config, in address order, then by port number."""
    found = []
    for address in sorted(bindings.ip_addresses, key=address_order):
        binding = bindings.ip_addresses[address]
        for port in sorted((bindings.ports[name] for name in binding.ports), key=lambda port: port.port):
            found.append(Listener(
                address, port.port, port.protocol, port.encryption, port.certificate_path, port.private_key_path,
                binding.hostname, binding.floating, port.name))
    return found


def probe(
    wanted: t.Iterable[Listener], *, timeout: float = 30.0, workers: int = 8, min_days: int = 14, now: datetime.datetime, local: bool = True,
) -> list[dict]:
    """What really answers at these listeners, in their order. Nothing is raised: what went wrong is in the result.

    C(timeout): seconds for each answer. C(workers): connections at a time. C(min_days): a certificate with fewer whole days
    left at C(now) is expiring. C(local): the listeners are this host's: those on an address that it has not are not_local, and
    wildcards are reached through loopback.

    Each is C({address, port, name, protocol, encryption, status, detail, greeting, tls_version, cipher, certificate}). status is
    ok, expiring, expired, wrong_certificate, no_starttls, tls_failed, wrong_protocol, no_auth, refused, timeout or not_local;
    detail says more, in words; certificate is what was served (C(_certificate.leaf_facts)) and C(matches_file), None if it could
    not be compared; empty without TLS.
    """
    wanted = list(wanted)
    context = _tls_context()
    found, jobs = {}, {}
    for index, listener in enumerate(wanted):
        why_not = _not_probed(listener, local)
        if why_not:
            found[index] = why_not
        else:
            jobs[index] = listener
    addresses = _Addresses()
    found.update(_round(jobs, addresses, timeout, workers, context))
    again = {index: listener for index, listener in jobs.items() if found[index].status in _BROKEN and not found[index].sure}
    if again:
        time.sleep(PAUSE_SECONDS)
        found.update(_round(again, addresses, timeout, workers, context))
    judge = _Judge(min_days, now)
    return [_result(listener, judge.judged(listener, found[index])) for index, listener in enumerate(wanted)]


def _result(listener: Listener, seen: _Seen) -> dict:
    return {
        "address": listener.address,
        "port": listener.port,
        "name": listener.name,
        "protocol": listener.protocol,
        "encryption": listener.encryption,
        "status": seen.status,
        "detail": "; ".join(seen.notes),
        "greeting": seen.greeting,
        "tls_version": seen.tls_version,
        "cipher": seen.cipher,
        "certificate": seen.certificate,
    }


def _not_probed(listener: Listener, local: bool) -> t.Optional[_Seen]:
    """What is said of a listener that nobody connects to; None if it can be probed."""
    if not local:
        if listener.address in _LOOPBACK:
            return _Seen("ok", "not probed: a wildcard can only be probed on its own host")
        return None
    from ansible_collections.mailops.bindings.plugins.module_utils._host import is_here

    if listener.address in _LOOPBACK or is_here(listener.address):
        return None
    if listener.floating:
        return _Seen("ok", "not probed: the address is floating, and away")
    return _Seen("not_local", "%s is not an address of this host" % listener.address)


class _Seen:
    """What one visit to a listener has shown."""

    def __init__(self, status: str = "ok", note: str = ""):
        self.status = status
        self.notes = [note] if note else []
        self.sure = False  # a second visit would show the same
        self.greeting = self.tls_version = self.cipher = ""
        self.tongue = ""  # the protocol that it speaks; smtp also for submission
        self.encryption = ""  # ssl, tls if it offers STARTTLS, or none; '' if that was not seen
        self.der = b""  # the certificate that it served
        self.certificate: dict = {}

    def ended(self, status: str, note: str, sure: bool = False) -> None:
        self.status, self.sure = status, sure
        self.notes.insert(0, note)


# -- many visits at a time

class _Addresses:
    """Who gets a connection next. A dead address costs its timeout once, not once for each of its ports.

    Until somebody at an address has answered (a refusal is an answer too), only a few connections are tried there at a time,
    not just one: port 25 alone is often filtered. If the first of them gets no answer, no more are made.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._alive: dict = {}  # address -> True, or False once it is dead
        self._scouts: dict = {}  # address -> connections under way

    def next(self, waiting: list) -> t.Optional[tuple]:
        """Take (key, listener) out of C(waiting), as soon as there is one that may be visited. None when all are taken."""
        with self._changed:
            while waiting:
                for position, (ignored, listener) in enumerate(waiting):
                    if listener.address in self._alive or self._scouts.get(listener.address, 0) < SCOUTS:
                        self._scouts[listener.address] = self._scouts.get(listener.address, 0) + 1
                        return waiting.pop(position)
                self._changed.wait()
            return None

    def dead(self, address: str) -> bool:
        """Nobody answered there."""
        return self._alive.get(address) is False

    def connected(self, address: str, alive: bool) -> None:
        """Somebody answered there, or nobody did."""
        with self._changed:
            self._scouts[address] -= 1
            self._alive[address] = alive or self._alive.get(address, False)
            self._changed.notify_all()


def _round(jobs: dict, addresses: _Addresses, timeout: float, workers: int, context: ssl.SSLContext) -> dict:
    """Visit these listeners once: key -> _Seen."""
    found: dict = {}
    waiting = list(jobs.items())

    def work() -> None:
        while True:
            job = addresses.next(waiting)
            if job is None:
                return
            key, listener = job
            found[key] = _visited(listener, addresses, timeout, context)

    # daemons: who interrupts the task does not wait for a slow greeting
    threads = [threading.Thread(target=work, daemon=True) for ignored in range(min(workers, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _visited(listener: Listener, addresses: _Addresses, timeout: float, context: ssl.SSLContext) -> _Seen:
    """One visit, whatever happens."""
    seen, answered = _Seen(), True
    connection = None
    try:
        if addresses.dead(listener.address):
            answered = False
            seen.ended("timeout", "nobody answers at this address", sure=True)
        else:
            seconds = min(timeout, CONNECT_SECONDS)
            try:
                connection = _connect(_LOOPBACK.get(listener.address, listener.address), listener.port, seconds)
            except socket.timeout:
                answered = False
                seen.ended("timeout", "no connection within %g seconds" % seconds, sure=True)
            except ConnectionRefusedError:
                seen.ended("refused", "connection refused: nothing listens here, or a firewall rejects it")
            except OSError as error:  # no route, a firewall of this host, …
                answered = False
                seen.ended("timeout", "no connection: %s" % (error.strerror or error))
    finally:
        addresses.connected(listener.address, answered)
    if connection is not None:
        with connection:
            _talk(_Conversation(connection, timeout), listener, context, seen)
    return seen


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


# -- one visit

class _Ended(Exception):
    """There is nothing more to be learned: with which status, and why."""

    def __init__(self, status: str, note: str, sure: bool = False):
        super().__init__(status, note, sure)


class _Silent(Exception):
    """No answer in time."""


class _Closed(Exception):
    """The server has closed the connection."""


class _NotTLS(Exception):
    """The answer to a TLS handshake was not TLS."""


def _talk(conversation: _Conversation, listener: Listener, context: ssl.SSLContext, seen: _Seen) -> None:
    """Find out what answers, and leave politely."""
    try:
        _converse(conversation, listener, context, seen)
    except _Ended as ended:
        seen.ended(*ended.args)
    except _Silent:
        seen.ended("timeout", "no %s within %g seconds" % (conversation.awaited, conversation.timeout))
    except (_Closed, ConnectionError, ssl.SSLError) as error:
        _cut(conversation, listener, seen, error)
    except OSError as error:
        seen.ended("timeout", "no %s: %s" % (conversation.awaited, error.strerror or error))
    except Exception as error:  # pylint: disable=broad-except  # one odd server must not hide what the others say
        seen.ended("wrong_protocol", "its %s can't be understood (%s)" % (conversation.awaited, type(error).__name__))
    conversation.leave(_FAREWELLS.get(seen.tongue, b""))


def _cut(conversation: _Conversation, listener: Listener, seen: _Seen, error: Exception) -> None:
    """The server has ended the conversation, or TLS has."""
    reason = getattr(error, "reason", None) or ""
    if "CERTIFICATE_REQUIRED" in reason:  # TLS 1.3: the handshake is over for the client before the server has judged it
        seen.notes.append("it demands a client certificate, which a probe has not: nothing more could be seen")
    elif isinstance(error, ssl.SSLError):
        seen.ended("tls_failed", "%s: %s" % (conversation.awaited, _words(reason) or error))
    elif conversation.secured and listener.protocol == "ldap" and not conversation.answered:
        seen.notes.append(
            "it closed the connection right after the TLS handshake: it seems to demand a client certificate (olcTLSVerifyClient), which a probe has not")
    elif conversation.answered or conversation.secured:
        status = "tls_failed" if conversation.awaited == _HANDSHAKE else "wrong_protocol"
        seen.ended(status, "closed the connection instead of %s" % conversation.awaited)
    else:
        status = "tls_failed" if conversation.awaited == _HANDSHAKE else "wrong_protocol"
        seen.ended(status, "closed the connection before it said anything: " + _BEHIND_PROXY)


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()


def _converse(conversation: _Conversation, listener: Listener, context: ssl.SSLContext, seen: _Seen) -> None:
    """The whole conversation, up to the farewell."""
    dialogue = _DIALOGUES[listener.protocol]
    if listener.encryption == "ssl":
        try:
            _secure(conversation, listener, context, seen)
        except _NotTLS:
            conversation.send(b"\r\n", "greeting")  # ends the line that the handshake was to a server without TLS
            line = conversation.line()
            seen.greeting, seen.tongue = _readable(line), _tongue(line)
            raise _Ended("tls_failed", "answers without TLS: %s" % seen.greeting, True) from None
        seen.encryption = "ssl"
    dialogue.greet(conversation, listener, context, seen)
    offered = dialogue.offers(conversation)
    if listener.encryption != "ssl":
        seen.encryption = "tls" if dialogue.starttls in offered else "none"
    if listener.encryption == "tls":
        dialogue.start_tls(conversation, offered)
        _secure(conversation, listener, context, seen)
        offered = dialogue.offers(conversation)
    elif seen.encryption == "tls":
        seen.notes.append("offers %s too" % dialogue.starttls)
    if listener.protocol == "submission" and "AUTH" not in offered:
        if seen.encryption == "tls" and listener.encryption == "none":
            seen.notes.append("and no AUTH before it")
        else:
            raise _Ended("no_auth", "offers no AUTH: nobody can log in")


def _secure(conversation: _Conversation, listener: Listener, context: ssl.SSLContext, seen: _Seen) -> None:
    tls = conversation.start_tls(context, listener.hostname)
    seen.tls_version, seen.cipher = tls.version() or "", (tls.cipher() or ("",))[0]
    seen.der = tls.getpeercert(binary_form=True) or b""


def _readable(line: bytes) -> str:
    """What a server said, as people can read it: short, and nothing that a terminal would obey."""
    text = "".join(character if character.isprintable() else " " for character in line.decode("utf-8", "replace")).strip()
    return text if len(text) <= 200 else text[:197] + "..."


def _tongue(line: bytes) -> str:
    """The protocol that a server greets in; '' if it is none of ours."""
    if re.match(rb"[2-5]\d\d(?:[ -]|$)", line):
        return "smtp"
    if re.match(rb"\* (?:OK|PREAUTH|BYE)\b", line, re.IGNORECASE):
        return "imap"
    if re.match(rb"(?:\+OK|-ERR)\b", line):
        return "pop"
    return ""


_HANDSHAKE = "answer to the TLS handshake"


class _Conversation:
    """One connection, plain and then perhaps in TLS. What is awaited has to come, whole, within C(timeout) of what was sent last."""

    def __init__(self, connection: socket.socket, timeout: float):
        self._connection = connection
        self._received = b""  # and not read yet
        self._tls: t.Optional[ssl.SSLObject] = None
        self.timeout = timeout
        self.awaited = "greeting"
        self.answered = False  # something came, since the last handshake
        self._deadline = time.monotonic() + timeout

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
                raise _Ended("wrong_protocol", "its %s has no end: %s" % (self.awaited, _readable(self._received[:1000])))
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
                raise _Ended("wrong_protocol", "its %s has no end: %s" % (self.awaited, _readable(found[0])))
        return found

    def bytes(self, count: int) -> bytes:
        """So many bytes."""
        while len(self._received) < count:
            self._receive()
        data, self._received = self._received[:count], self._received[count:]
        return data

    def start_tls(self, context: ssl.SSLContext, hostname: str) -> ssl.SSLObject:
        """The handshake. What came in plain after the last line is dropped: who sent it may have been anybody (CVE-2011-0411)."""
        self.awaited, self._deadline, self._received = _HANDSHAKE, time.monotonic() + self.timeout, b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname or None)
        first = True
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send(self._outgoing.read())
                data = self._receive_raw()
                if first and data[0] not in (0x15, 0x16):  # an alert or a handshake: RFC 8446, 5.1
                    self._received = data
                    raise _NotTLS from None
                first = False
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
                self.send(farewell, "farewell")
                while True:
                    self._receive()
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
        try:
            data = self._connection.recv(MAX_REPLY_BYTES)
        except socket.timeout:
            raise _Silent from None
        if not data:
            raise _Closed
        return data

    def _send(self, data: bytes) -> None:
        self._connection.settimeout(self.timeout)
        try:
            self._connection.sendall(data)
        except socket.timeout:
            raise _Silent from None


# -- the five protocols: greet; what is offered; STARTTLS

class _Text:
    """What the protocols that greet with a line have in common."""

    tongue = starttls = ""

    @classmethod
    def greet(cls, conversation: _Conversation, listener: Listener, context: ssl.SSLContext, seen: _Seen) -> None:
        try:
            line = conversation.line()
        except _Silent:
            if listener.encryption != "ssl":
                cls._greet_in_tls(conversation, listener, context, seen)
            raise
        seen.tongue = _tongue(line)
        seen.greeting = _readable(line)
        if seen.tongue != cls.tongue:
            speaks = "speaks %s" % seen.tongue.upper() if seen.tongue else "greets like none of the five protocols"
            seen.tongue = seen.tongue or cls.tongue  # to leave in: perhaps it understands
            raise _Ended("wrong_protocol", "%s: %s" % (speaks, seen.greeting), True)
        if cls.turned_away(line):
            raise _Ended("refused", "turns us away: %s" % seen.greeting)
        last = cls.rest_of_greeting(conversation, line)
        seen.greeting = _readable(last)

    @staticmethod
    def _greet_in_tls(conversation: _Conversation, listener: Listener, context: ssl.SSLContext, seen: _Seen) -> None:
        """Silence: perhaps it waits for a TLS handshake. To find out costs nothing more: this connection is lost anyway."""
        timeout, awaited = conversation.timeout, conversation.awaited
        conversation.timeout = min(timeout, CONNECT_SECONDS)
        try:
            _secure(conversation, listener, context, seen)
            seen.encryption = "ssl"
            line = conversation.line()
        except (OSError, _Closed, _Silent, _NotTLS):
            conversation.timeout, conversation.awaited = timeout, awaited
            return
        seen.tongue, seen.greeting = _tongue(line), _readable(line)
        raise _Ended("wrong_protocol", "speaks TLS from the first byte (encryption ssl)", True)

    @staticmethod
    def rest_of_greeting(conversation: _Conversation, line: bytes) -> bytes:
        return line


class _Smtp(_Text):
    """RFC 5321; STARTTLS: RFC 3207; AUTH: RFC 4954."""

    tongue, starttls = "smtp", "STARTTLS"

    @staticmethod
    def turned_away(line: bytes) -> bool:
        return not line.startswith(b"2")

    @staticmethod
    def rest_of_greeting(conversation: _Conversation, line: bytes) -> bytes:
        return line if line[3:4] != b"-" else conversation.lines(_is_last)[-1]  # postscreen says 220- long before 220

    @staticmethod
    def offers(conversation: _Conversation) -> set:
        conversation.send(b"EHLO %s\r\n" % conversation.own_name(), "answer to EHLO")
        reply = conversation.lines(_is_last)
        if not reply[-1].startswith(b"250"):
            raise _Ended("wrong_protocol", "answers EHLO with %s" % _readable(reply[-1]))
        return {re.split(b"[ =]", line[4:])[0].decode("ascii", "replace").upper() for line in reply[1:]}

    @staticmethod
    def start_tls(conversation: _Conversation, offered: set) -> None:
        if "STARTTLS" not in offered:
            raise _Ended("no_starttls", "does not offer STARTTLS")
        conversation.send(b"STARTTLS\r\n", "answer to STARTTLS")
        reply = conversation.lines(_is_last)[-1]
        if not reply.startswith(b"220"):
            raise _Ended("tls_failed", "offers STARTTLS, and refuses it: %s" % _readable(reply))


def _is_last(line: bytes) -> bool:
    """The last line of an SMTP reply: RFC 5321, 4.2.1. What is no such line is the last too."""
    return line[3:4] != b"-" or not line[:3].isdigit()


class _Imap(_Text):
    """RFC 9051."""

    tongue, starttls = "imap", "STARTTLS"

    @staticmethod
    def turned_away(line: bytes) -> bool:
        return line[2:5].upper() == b"BYE"

    @staticmethod
    def offers(conversation: _Conversation) -> set:
        reply = _Imap._command(conversation, b"CAPABILITY")
        if not re.match(rb"\S+ OK\b", reply[-1], re.IGNORECASE):
            raise _Ended("wrong_protocol", "answers CAPABILITY with %s" % _readable(reply[-1]))
        lines = [line for line in reply[:-1] if line[:13].upper() == b"* CAPABILITY "]
        return {word.decode("ascii", "replace").upper() for line in lines for word in line[13:].split()}

    @staticmethod
    def start_tls(conversation: _Conversation, offered: set) -> None:
        if "STARTTLS" not in offered:
            raise _Ended("no_starttls", "does not offer STARTTLS")
        reply = _Imap._command(conversation, b"STARTTLS")[-1]
        if not re.match(rb"\S+ OK\b", reply, re.IGNORECASE):
            raise _Ended("tls_failed", "offers STARTTLS, and refuses it: %s" % _readable(reply))

    @staticmethod
    def _command(conversation: _Conversation, command: bytes) -> list:
        conversation.send(b"a %s\r\n" % command, "answer to " + command.decode())
        return conversation.lines(lambda line: not line.startswith(b"* "))


class _Pop(_Text):
    """RFC 1939; CAPA: RFC 2449; STLS: RFC 2595."""

    tongue, starttls = "pop", "STLS"

    @staticmethod
    def turned_away(line: bytes) -> bool:
        return line.startswith(b"-")

    @staticmethod
    def offers(conversation: _Conversation) -> set:
        conversation.send(b"CAPA\r\n", "answer to CAPA")
        if not conversation.line().startswith(b"+OK"):
            return set()  # an old one, which has no extensions
        lines = conversation.lines(lambda line: line == b".")
        return {line.split()[0].decode("ascii", "replace").upper() for line in lines if line.split()}

    @staticmethod
    def start_tls(conversation: _Conversation, offered: set) -> None:
        if "STLS" not in offered:
            raise _Ended("no_starttls", "does not offer STLS")
        conversation.send(b"STLS\r\n", "answer to STLS")
        reply = conversation.line()
        if not reply.startswith(b"+OK"):
            raise _Ended("tls_failed", "offers STLS, and refuses it: %s" % _readable(reply))


class _Ldap:
    """RFC 4511, in the few bytes of BER that it takes (X.690). The server says nothing by itself: there is no greeting."""

    starttls = "StartTLS"
    _START_TLS_OID = b"1.3.6.1.4.1.1466.20037"  # 4.14.1
    _START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _START_TLS_OID
    # the root DSE (RFC 4512, 5.1): base "", scope baseObject, (objectClass=*), the attribute supportedExtension
    _SEARCH = b"\x30\x39\x02\x01\x02\x63\x34\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x14\x04\x12supportedExtension"
    UNBIND = b"\x30\x05\x02\x01\x03\x42\x00"
    _SEARCH_DONE, _EXTENDED_RESPONSE = 0x65, 0x78

    @staticmethod
    def greet(conversation: _Conversation, listener: Listener, context: ssl.SSLContext, seen: _Seen) -> None:
        seen.tongue = "ldap"

    @classmethod
    def offers(cls, conversation: _Conversation) -> set:
        """An anonymous search, without a bind: also a refusal proves that it is LDAP."""
        conversation.send(cls._SEARCH, "answer to an LDAP search")
        offered = set()
        while True:
            kind, content = cls._message(conversation)
            if cls._START_TLS_OID in content:
                offered.add(cls.starttls)
            if kind == cls._SEARCH_DONE:
                return offered
            if kind == cls._EXTENDED_RESPONSE:  # a notice of disconnection: 4.4.1
                raise _Ended("refused", "turns us away: %s" % _readable(content))

    @classmethod
    def start_tls(cls, conversation: _Conversation, offered: set) -> None:
        """Whether it is offered, the answer says: the root DSE may not be for everybody."""
        conversation.send(cls._START_TLS, "answer to StartTLS")
        kind, content = cls._message(conversation)
        code = content[2:3]  # 0A 01 code: ENUMERATED
        if kind != cls._EXTENDED_RESPONSE or code != b"\0":
            raise _Ended("no_starttls", "refuses StartTLS: result %d" % (code[0] if code else -1))

    @classmethod
    def _message(cls, conversation: _Conversation) -> tuple:
        """(tag of the operation, its content) of the next LDAPMessage: 4.1.1."""
        first = conversation.bytes(1)
        if first != b"\x30":
            line = first + conversation.line()
            tongue = _tongue(line)
            raise _Ended("wrong_protocol", "speaks %s, not LDAP: %s" % (tongue.upper() or "something else", _readable(line)), bool(tongue))
        content = conversation.bytes(cls._length(conversation))
        at = 2 + content[1]  # behind the message's id
        kind, length = content[at], content[at + 1]
        return kind, content[at + 2 + (length & 0x7F if length & 0x80 else 0):]

    @staticmethod
    def _length(conversation: _Conversation) -> int:
        length = conversation.bytes(1)[0]
        if length & 0x80:
            length = int.from_bytes(conversation.bytes(length & 0x7F), "big")
        if length > MAX_REPLY_BYTES:
            raise _Ended("wrong_protocol", "its %s is not LDAP" % conversation.awaited)
        return length


_DIALOGUES = {"smtp": _Smtp, "submission": _Smtp, "imap": _Imap, "pop": _Pop, "ldap": _Ldap}
_FAREWELLS = {"smtp": b"QUIT\r\n", "imap": b"z LOGOUT\r\n", "pop": b"QUIT\r\n", "ldap": _Ldap.UNBIND}


# -- TLS, and the certificate that came with it

def _tls_context() -> ssl.SSLContext:
    """A client that takes whatever a server offers: old versions, ciphers and keys are to be seen, not to fail."""
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


class _Judge:
    """Judges the certificates that were served, each of them and each file once."""

    def __init__(self, min_days: int, now: datetime.datetime):
        self._min_days, self._now = min_days, now
        self._facts: dict = {}  # DER -> facts
        self._files: dict = {}  # path -> (fingerprint, why there is none)

    def judged(self, listener: Listener, seen: _Seen) -> _Seen:
        """The same with the certificate's facts, and, where nothing else was wrong, what is wrong with it."""
        if not seen.der:
            return seen
        if seen.der not in self._facts:
            self._facts[seen.der] = served_facts(seen.der, self._now)
        seen.certificate = dict(self._facts[seen.der], matches_file=None)
        found = list(self._faults(listener, seen.certificate))
        seen.notes += [note for ignored, note in found]
        if seen.status == "ok":
            seen.status = next((status for status, ignored in found if status), "ok")
        return seen

    def _faults(self, listener: Listener, certificate: dict) -> t.Iterator[tuple]:
        """(status, or '' where it is only to be said; note), the worst first."""
        if listener.certificate_path:
            fingerprint, why_not = self._in_file(listener.certificate_path)
            if why_not:
                yield "", "the certificate was not compared: " + why_not
            else:
                certificate["matches_file"] = fingerprint == certificate["fingerprint_sha256"]
                if not certificate["matches_file"]:
                    yield "wrong_certificate", "serves another certificate than the one in %s: was the file renewed, and the server not reloaded?" % (
                        listener.certificate_path)
        if certificate["days_left"] is None:
            yield "", "the certificate's dates were not judged: " + _UNREAD
            return
        now = self._now.strftime("%Y-%m-%dT%H:%M:%SZ")  # as facts have it, and text in this form is in the order of time
        if now > certificate["not_after"]:
            yield "expired", "the certificate expired on %s" % certificate["not_after"][:10]
        elif now < certificate["not_before"]:
            yield "expired", "the certificate is not valid before %s" % certificate["not_before"]
        elif certificate["days_left"] < self._min_days:
            yield "expiring", "the certificate has %d days left" % certificate["days_left"]

    def _in_file(self, path: str) -> tuple:
        if path not in self._files:
            from ansible_collections.mailops.bindings.plugins.module_utils import _certificate

            try:
                self._files[path] = _certificate.leaf_facts(_certificate.leaf_in(path), self._now)["fingerprint_sha256"], ""
            except Refused as refused:
                self._files[path] = "", str(refused)
        return self._files[path]


_UNREAD = "it takes the Python library cryptography (Debian: python3-cryptography), and a certificate that it can read"


def served_facts(der: bytes, now: datetime.datetime) -> dict:
    """What is to be known of a certificate in DER, as results have it; only its fingerprint where it can't be read."""
    from ansible_collections.mailops.bindings.plugins.module_utils import _certificate

    try:
        return _certificate.leaf_facts(_certificate.leaf_of(der), now)
    except Exception:  # pylint: disable=broad-except  # ValueError, DuplicateExtension, …, by version; without the library MissingLibrary
        import hashlib

        return dict(_certificate.NO_FACTS, fingerprint_sha256=":".join("%02X" % byte for byte in hashlib.sha256(der).digest()))
