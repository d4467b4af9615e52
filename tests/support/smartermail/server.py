# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS around the two doors: a record of every call, and faults on demand."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import pathlib
import socket
import socketserver
import ssl
import tempfile
import threading
import time
import typing as t

from support import pki

from .rest import VERSION, Account, Rest, parsed, spelled
from .soap import ENVELOPES, METHODS, Malformed, Soap
from .state import State

REST, SOAP = "/api/v1/", "/Services/svcServerAdmin.asmx"
READS = {
    "ip-binding-manager",
    "get-version",
    "root",
    "ListServerPorts",
    "ListPortsAssignedToIP",
    "ListHostnames",
}
LOGINS = {"authenticate-user", "refresh-token"}
WRITES = {"toAdd", "toRemove", "toAdd/toRemove", *METHODS} - READS


@dataclasses.dataclass
class Call:
    """One request, as the server had it."""

    number: int
    # authenticate-user, ip-binding-manager, toAdd, toRemove, ListServerPorts, …; the path of what
    # is none of them
    name: str
    arguments: t.Any  # parsed
    door: str  # rest, soap, or ''
    time: float = dataclasses.field(default_factory=time.monotonic)
    status: int = 0  # of the answer; 0: there was none
    carried_out: bool = False

    @property
    def writes(self) -> bool:
        return self.name in WRITES


@dataclasses.dataclass
class Answer:
    """An answer that the server gives in place of its own."""

    status: int = 200
    body: str = ""
    content_type: str = "text/html"
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Fault:
    """What goes wrong with calls of this name ('*': all; 'write'; 'read'; 'soap'; 'rest'), after
    C(skip) of them, C(times) times.
    """

    name: str
    answer: t.Optional[Answer] = None  # and the call is not carried out, unless it is late
    late: bool = False
    refusal: str = (
        ""  # the server says no, as it does: with this message, and the call is not carried out
    )
    before: t.Optional[t.Callable] = None  # before(server), and then the call is carried out
    after: t.Optional[t.Callable] = None  # after(server), once it was
    cut: str = ""  # the connection: before or after it was carried out
    delay: float = 0.0  # seconds
    skip: int = 0
    times: float = 1

    def strikes(self, call: Call) -> bool:
        if (
            self.name
            not in (
                "*",
                call.name,
                "write" if call.writes else "read" if call.name in READS else "",
                call.door,
            )
            or not self.times
        ):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class StandIn:
    """A server on loopback. Use it as a context."""

    def __init__(
        self,
        state: t.Optional[State] = None,
        rest: bool = True,
        soap: bool = True,
        port: int = 0,
        host: str = "127.0.0.1",
    ):
        self.state = state or State()
        self.account = Account()
        self.violations: list = []
        self.rest: t.Optional[Rest] = (
            Rest(self.state, self.account, self.violations) if rest else None
        )
        self.soap: t.Optional[Soap] = (
            Soap(self.state, self.account, self.violations) if soap else None
        )
        self.calls: list = []
        self.faults: list = []
        self.host, self.port = host, port
        self.on_call: t.Callable = lambda call: None
        self._lock = threading.RLock()

    def __enter__(self) -> StandIn:
        # the root on every server is another one, but their name and key are the same within a
        # process: it is made once
        self.ca_path = str(certificates() / "ca.pem")
        self._server = _Server((self.host, self.port), self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *ignored) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def url(self) -> str:
        return "https://%s:%d" % (self.host, self.port)

    def options(self, api: str = "auto", **more) -> dict:
        """The options of a task for this server."""
        return {
            "store": "smartermail",
            "smartermail_url": self.url,
            "smartermail_username": self.account.username,
            "smartermail_password": self.account.password,
            "smartermail_ca_path": self.ca_path,
            "smartermail_api": api,
            **more,
        }

    # -- what went on

    def names(self, since: int = 0) -> list:
        """Of the calls, in order."""
        return [call.name for call in self.calls[since:]]

    def writes(self, since: int = 0) -> list:
        return [call for call in self.calls[since:] if call.writes]

    def logins(self, since: int = 0) -> list:
        return [call for call in self.calls[since:] if call.name == "authenticate-user"]

    def given_out(self) -> list:
        """All that must be in no output: the password, and every token."""
        return [self.account.password, *(self.rest.secrets if self.rest else ())]

    def fail(self, name: str, **how) -> Fault:
        """Let calls of this name go wrong, see Fault."""
        self.faults.append(Fault(name, **how))
        return self.faults[-1]

    # -- one request

    def take(self, method: str, path: str, headers, body: bytes) -> t.Optional[Answer]:
        """The answer to a request; None: cut the connection."""
        with self._lock:
            call, carry_out = self._understood(method, path, headers, body)
            self.calls.append(call)
            fault = next((fault for fault in self.faults if fault.strikes(call)), None) or Fault("")
        if fault.delay:
            time.sleep(fault.delay)
        with self._lock:
            answer = self._answered(call, carry_out, fault)
            call.status = answer.status if answer else 0
            self.on_call(call)
        return answer

    def _answered(self, call: Call, carry_out: t.Callable, fault: Fault) -> t.Optional[Answer]:
        if fault.before:
            fault.before(self)
        if (fault.answer and not fault.late) or fault.cut == "before":
            return fault.answer
        self.state.call, self.state.refusal = call.number, fault.refusal
        answer = carry_out()
        call.carried_out = not fault.refusal
        if fault.after:
            fault.after(self)
        return None if fault.cut else fault.answer or answer

    def _understood(self, method: str, path: str, headers, body: bytes) -> tuple:
        """(Call, what carries it out and gives the answer) of a request."""
        number = len(self.calls) + 1
        if path.startswith(REST) and self.rest:
            arguments = parsed(body)
            name = self.rest.name(method, path[len(REST) :], arguments)
            if name and (
                method == "GET" or headers.get("Content-Type", "").startswith("application/json")
            ):
                rest, authorization = self.rest, headers.get("Authorization", "")
                return Call(number, name, arguments, "rest"), lambda: _json_pair(
                    rest.answer(name, arguments, authorization), self.state.unknowns.spelling
                )
        elif path.startswith(SOAP) and self.soap and method == "POST":
            return self._understood_soap(
                number, path[len(SOAP) :].lstrip("/"), headers, body, self.soap
            )
        elif (method, path) == ("GET", "/interface/root") and self.rest:
            page = '<html><script>var stProductVersion = "%s";</script></html>' % VERSION
            return Call(number, "root", None, "rest"), lambda: Answer(200, page)
        if (self.rest and path.startswith(REST)) or (self.soap and path.startswith(SOAP)):
            self.violations.append("%s %s is not known" % (method, path))
        return Call(number, "%s %s" % (method, path), None, ""), lambda: Answer(404, NOT_FOUND)

    def _understood_soap(self, number: int, path: str, headers, body: bytes, soap: Soap) -> tuple:
        content_type = headers.get("Content-Type", "")
        try:
            method, arguments, namespace = soap.read(
                path, content_type, headers.get("SOAPAction", ""), body
            )
            if method not in METHODS:
                raise Malformed("%s Web Service method name is not valid." % method)
        except (Malformed, ValueError, SyntaxError) as error:
            message = str(error)
            self.violations.append("%s%s: %s" % (SOAP, path, message))
            return Call(number, path or "soap", None, "soap"), lambda: Answer(
                500, message, "text/plain"
            )

        def carry_out() -> Answer:
            kind = next(
                (kind for kind, known in ENVELOPES.items() if known == namespace), "text/xml"
            )
            try:
                return Answer(
                    200, soap.answer(method, arguments, namespace), kind + "; charset=utf-8"
                )
            except Malformed as error:
                return Answer(500, str(error), "text/plain")

        return Call(number, method, arguments, "soap"), carry_out


NOT_FOUND = (
    "<!DOCTYPE html><html><head><title>404 - File or directory not "
    "found.</title></head><body>Server Error</body></html>"
)


def _json(answer: dict, spelling: str, status: int = 200) -> Answer:
    return Answer(status, json.dumps(spelled(answer, spelling)), "application/json; charset=utf-8")


def _json_pair(answered: tuple, spelling: str) -> Answer:
    status, answer = answered
    return _json(answer, spelling, status)


# -- HTTPS


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, address: tuple, stand_in: StandIn):
        self.stand_in = stand_in
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates() / "server.pem")
        super().__init__(address, _Handler)

    def get_request(self) -> tuple:
        connection, address = super().get_request()
        connection.settimeout(20)
        # the handshake is the thread's own, so that a client that does not come forward holds up
        # nobody
        return self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), address

    def server_bind(self) -> None:
        # HTTPServer's own asks the DNS for our name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address) -> None:
        """Clients that go away, as those do that do not trust us, are nothing to report."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # or the second part of an answer waits for the client to acknowledge the first one
    )
    server_version, sys_version = "Microsoft-IIS/10.0", ""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.stand_in.take(self.command, self.path, self.headers, body)
        if answer is None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = answer.body.encode("utf-8")
        with contextlib.suppress(OSError):  # the client may have given up
            self.send_response(answer.status)
            for name, value in {
                "Content-Type": answer.content_type,
                "Content-Length": str(len(content)),
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format, *args) -> None:  # pylint: disable=redefined-builtin  # the base class calls it so
        """Nothing on standard error."""


_made: dict = {}


def certificates() -> pathlib.Path:
    """A folder with server.pem, for loopback, and ca.pem, for clients to trust.

    Gone with the process.
    """
    if not _made:
        _made["folder"] = tempfile.TemporaryDirectory(prefix="smartermail-stand-in-")
        folder = pathlib.Path(_made["folder"].name)
        authority, key = pki.Authority(), pki.key("ecdsa", "SmarterMail")
        certificate = authority.issue(
            key, names=("localhost",), addresses=("127.0.0.1", "::1"), common_name="localhost"
        )
        pki.write(
            folder / "server.pem",
            pki.key_bytes(key) + pki.certificate_bytes(certificate, authority.intermediate),
        )
        pki.write(folder / "ca.pem", pki.certificate_bytes(authority.root), 0o644)
    return pathlib.Path(_made["folder"].name)
