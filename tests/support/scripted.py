# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail servers on loopback that follow a script, and remember what they heard.

A script is a function of a C(Session): what the server does with one connection. Those below are
healthy servers, which their arguments make otherwise, and then servers that are not what a probe
expects.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import typing as t

Script = t.Callable[["Session"], t.Any]


def tls_context(path, **settings) -> ssl.SSLContext:
    """For a server with key and certificate in this file; settings are the context's attributes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    for name, value in settings.items():
        setattr(context, name, value)
    context.load_cert_chain(path)
    return context


class Session:
    """One connection, as the server has it. Hearing raises EOFError when the client has closed."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.heard: list[bytes] = []  # lines, or LDAP messages
        self.closed_by_client = False  # before the server closed
        self.server_name: t.Optional[str] = None
        self._received = b""

    def say(self, *lines: bytes) -> None:
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))

    def hear(self) -> bytes:
        """The next line, without its end."""
        while b"\n" not in self._received:
            self._receive()
        line, dummy, self._received = self._received.partition(b"\n")
        self.heard.append(line.rstrip(b"\r"))
        return self.heard[-1]

    def hear_message(self) -> bytes:
        """The next LDAP message, if it is a short one."""
        while len(self._received) < 2 or len(self._received) < 2 + self._received[1]:
            self._receive()
        end = 2 + self._received[1]
        message, self._received = self._received[:end], self._received[end:]
        self.heard.append(message)
        return message

    def wait_for_client(self) -> None:
        """Wait until the client has sent something, which stays to be heard."""
        self.connection.recv(1, socket.MSG_PEEK)

    def start_tls(self, context: ssl.SSLContext) -> None:
        context.sni_callback = lambda connection, name, dummy: setattr(self, "server_name", name)
        self.connection = context.wrap_socket(self.connection, server_side=True)

    def _receive(self) -> None:
        data = self.connection.recv(4096)
        if not data:
            self.closed_by_client = True
            raise EOFError
        self._received += data


class Server:
    """Listens, and serves each connection by its script in a thread. To be used as a context."""

    def __init__(self, script: Script, address: str = "127.0.0.1"):
        self.script = script
        self.address = address
        self.sessions: list[Session] = []
        self.most_at_a_time = 0
        self._at_a_time = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Server:
        self._socket = socket.create_server(
            (self.address, 0),
            family=socket.AF_INET6 if ":" in self.address else socket.AF_INET,
            backlog=100,
        )
        self.port = self._socket.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *dummy) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._socket.close()
        self._accepting.join(10)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            with self._lock:
                session = Session(connection)
                self.sessions.append(session)
                self._at_a_time += 1
                self.most_at_a_time = max(self.most_at_a_time, self._at_a_time)
                thread = threading.Thread(target=self._serve, args=[session], daemon=True)
                self._threads.append(thread)
            thread.start()

    def _serve(self, session: Session) -> None:
        connection = session.connection
        try:
            connection.settimeout(20)
            with contextlib.suppress(OSError, EOFError):
                self.script(session)
        finally:
            # its place is free from here on, and only then does the client see the end
            with self._lock:
                self._at_a_time -= 1
            with contextlib.suppress(OSError):
                session.connection.close()
            connection.close()


# -- healthy servers. C(tls): a context. C(implicit): TLS from the first byte on


def smtp(
    tls=None,
    implicit=False,
    greeting=(b"220 mail.example.com ESMTP",),
    offers=(b"SIZE 1000",),
    offers_in_tls=(b"AUTH PLAIN LOGIN",),
    starttls=b"220 go ahead",
) -> Script:
    def script(session):
        secured = implicit
        if implicit:
            session.start_tls(tls)
        session.say(*greeting)
        while True:
            verb = session.hear().split(b" ")[0].upper()
            if verb == b"EHLO":
                keywords = [
                    b"mail.example.com",
                    *offers,
                    *(offers_in_tls if secured or not tls else ()),
                    *([b"STARTTLS"] if tls and not secured else ()),
                ]
                lines = [b"250-" + keyword for keyword in keywords]
                session.say(*lines[:-1], b"250 " + keywords[-1])
            elif verb == b"STARTTLS" and tls and not secured:
                session.say(starttls)
                if starttls.startswith(b"220"):
                    session.start_tls(tls)
                    secured = True
            elif verb == b"QUIT":
                session.say(b"221 bye")
                return
            else:
                session.say(b"502 5.5.2 Error: command not recognized")

    return script


def imap(
    tls=None,
    implicit=False,
    greeting=b"* OK [CAPABILITY IMAP4rev1] ready",
    starttls=b"OK begin",
) -> Script:
    def script(session):
        secured = implicit
        if implicit:
            session.start_tls(tls)
        session.say(greeting)
        while True:
            tag, dummy, verb = session.hear().partition(b" ")
            verb = verb.upper()
            if verb == b"CAPABILITY":
                more = b" STARTTLS LOGINDISABLED" if tls and not secured else b" AUTH=PLAIN"
                session.say(b"* CAPABILITY IMAP4rev1" + more, tag + b" OK done")
            elif verb == b"STARTTLS" and tls and not secured:
                session.say(tag + b" " + starttls)
                if starttls.startswith(b"OK"):
                    session.start_tls(tls)
                    secured = True
            elif verb == b"LOGOUT":
                session.say(b"* BYE logging out", tag + b" OK done")
                return
            else:
                session.say(tag + b" BAD unknown command")

    return script


def pop(tls=None, implicit=False, greeting=b"+OK ready", capa=True, stls=b"+OK begin") -> Script:
    def script(session):
        secured = implicit
        if implicit:
            session.start_tls(tls)
        session.say(greeting)
        while True:
            verb = session.hear().upper()
            if verb == b"CAPA" and capa:
                more = [b"STLS"] if tls and not secured else []
                session.say(b"+OK", b"TOP", b"UIDL", *more, b".")
            elif verb == b"STLS" and tls and not secured:
                session.say(stls)
                if stls.startswith(b"+OK"):
                    session.start_tls(tls)
                    secured = True
            elif verb == b"QUIT":
                session.say(b"+OK bye")
                return
            else:
                session.say(b"-ERR unknown command")

    return script


def ldap(tls=None, implicit=False, search=b"\0", starttls=b"\0", shows_starttls=True) -> Script:
    """C(search), C(starttls): the result codes."""

    def script(session):
        if implicit:
            session.start_tls(tls)
        while True:
            message = session.hear_message()
            number, operation = message[4:5], message[5:6]
            if operation == b"\x42":  # unbind
                return
            if operation == b"\x63":  # search
                oid = b"1.3.6.1.4.1.1466.20037" * (bool(tls) and shows_starttls)
                entry = b"\x04\x00\x30" + _counted(b"supportedExtension" + oid)
                done = b"\x0a\x01" + search + b"\x04\x00\x04\x00"
                session.connection.sendall(
                    _message(number, b"\x64", entry) + _message(number, b"\x65", done)
                )
            elif operation == b"\x77":  # extended request: StartTLS
                response = b"\x0a\x01" + starttls + b"\x04\x00\x04\x00"
                session.connection.sendall(_message(number, b"\x78", response))
                if starttls == b"\0":
                    session.start_tls(tls)

    return script


def _message(number: bytes, kind: bytes, content: bytes) -> bytes:
    return b"\x30" + _counted(b"\x02\x01" + number + kind + _counted(content))


def _counted(content: bytes) -> bytes:
    """Length and content, the length as OpenLDAP writes it."""
    if len(content) < 0x80:
        return bytes([len(content)]) + content
    return b"\x84" + len(content).to_bytes(4, "big") + content


SCRIPTS: dict[str, t.Callable[..., Script]] = {
    "smtp": smtp,
    "submission": smtp,
    "imap": imap,
    "pop": pop,
    "ldap": ldap,
}

# -- servers that are not what a probe expects


def silent(session: Session) -> None:
    """Says nothing, until the client leaves."""
    while session.connection.recv(1000):
        pass


def closing(session: Session) -> None:
    """Closes the connection at once."""


def until_farewell(session: Session) -> t.Iterator[bytes]:
    """What it hears, until the client leaves."""
    while True:
        line = session.hear()
        if line in (b"QUIT", b"z LOGOUT"):
            return
        yield line


def saying(*lines: bytes) -> Script:
    """Says this, and then only listens."""
    return answering(lines, [])


def answering(greeting: t.Iterable[bytes], answer: t.Iterable[bytes]) -> Script:
    """Greets so, and says the same to all that it hears."""

    def script(session: Session) -> None:
        session.say(*greeting)
        for dummy in until_farewell(session):
            session.say(*answer)

    return script


lmtp = answering([b"220 LMTP"], [b"500 5.5.1 Unknown command"])


def endless_line(session: Session) -> None:
    """Sends a line without an end."""
    while True:
        session.connection.sendall(b"2" * 1000)


def endless_lines(session: Session) -> None:
    """Sends a greeting without a last line."""
    while True:
        session.connection.sendall(b"220-more\r\n" * 1000)
