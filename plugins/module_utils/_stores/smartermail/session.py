# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one server: time limits, retries, and secrets that stay secret."""

from __future__ import annotations

import email.utils
import http.client
import json
import ssl
import time
import typing as t
import urllib.error
import urllib.parse
from xml.sax.saxutils import escape

from ansible.module_utils.urls import open_url

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused, shown

MAX_BYTES = 16 * 1024 * 1024  # ten thousand ports have 4 MB
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds before a call is tried again
AGENT = "ansible-collection-mailops.bindings"


class Transient(Exception):
    """No answer that could be used, which may pass.

    C(wait): the seconds that the server asks for, if it does. C(answered): there was one, so that
    nothing is on its way any more.
    """

    def __init__(self, message: str, wait: t.Optional[float] = None, answered: bool = False):
        super().__init__(message)
        self.wait, self.answered = wait, answered


class Hopeless(Refused):
    """Whatever else is asked of the server now will fare no better: it does not answer, or shuts us
    out.
    """


class Answer(t.NamedTuple):
    """What the server answered, other than transiently:

    C(status) is under 500; C(content) is what C(parse) made of it, None if it could not.
    """

    status: int
    content: t.Any
    text: str  # to quote from


class Session:
    """C(timeout): seconds for each call, with all that is tried again.

    C(hide): told of every secret, so that no result has it.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        validate_certs: bool = True,
        ca_path: t.Optional[str] = None,
        hide: t.Callable = lambda secret: None,
        clock: t.Callable = time.monotonic,
        sleep: t.Callable = time.sleep,
    ):
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._tls = {"validate_certs": validate_certs, "ca_path": ca_path}
        self._hide = hide
        self._secrets: set = set()
        self.clock, self.sleep = clock, sleep
        self._reached = (
            False  # it has answered: what it does not answer from now on may be a restart
        )

    # -- secrets

    def keep_secret(self, secret: str, everywhere: bool = True) -> None:
        """From now on nothing that is quoted has it; C(everywhere): and nothing in the result."""
        if secret:
            self._secrets.update(
                (
                    secret,
                    json.dumps(secret)[1:-1],
                    json.dumps(secret, ensure_ascii=False)[1:-1],
                    escape(secret),
                    urllib.parse.quote(secret),
                    urllib.parse.quote(secret, safe=""),
                    urllib.parse.quote_plus(secret),
                )
            )
            if everywhere:
                self._hide(secret)

    def quoted(self, text: t.Any) -> str:
        """What the server said, for a message: one line, short, without secrets."""
        text = str(text)
        for secret in sorted(
            self._secrets, key=len, reverse=True
        ):  # before its blanks are folded, and before it is cut
            text = text.replace(secret, "********")
        text = " ".join(text.split())
        return text if len(text) <= 200 else text[:200] + "..."

    # -- calls

    def patiently(
        self, what: str, attempt: t.Callable, beforehand: t.Callable = lambda: None
    ) -> t.Any:
        """C(attempt(end)), again while its answers are transient, until the time is up.

        C(end) is when, on the clock.

        C(beforehand()) is called before it is tried again; what it returns, if not None, is
        returned instead. Raises Refused; C(what) names the call.
        """
        end, pause = self.clock() + self.timeout, FIRST_PAUSE
        while True:
            try:
                return attempt(end)
            except Transient as why:
                wait = pause if why.wait is None else why.wait
                message = str(why)
            if self.clock() + wait >= end:
                settled = beforehand()
                if settled is not None:
                    return settled
                raise Hopeless(
                    "%s: %s: %s, and nothing better within %g s. Raise smartermail_timeout, or "
                    "check the service" % (self.url, what, message, self.timeout)
                )
            self.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)
            settled = beforehand()
            if settled is not None:
                return settled

    def once(
        self,
        method: str,
        path: str,
        body: t.Optional[bytes],
        headers: t.Mapping,
        end: float,
        parse: t.Callable,
    ) -> Answer:
        """One request. C(parse(text)) raises ValueError for what is no answer of this server.

        Raises Transient, and Refused where it can't be reached or sends us elsewhere.
        """
        status, content = self._exchange(method, path, body, headers, end)
        self._reached = True
        text = content.decode("utf-8-sig", "replace")
        try:
            return Answer(status, parse(text), text)
        except ValueError as why:
            if status < 300:
                raise Transient(
                    "an answer that is none of SmarterMail's (%s)" % self.quoted(why), answered=True
                ) from None
            return Answer(status, None, text)

    def _exchange(
        self, method: str, path: str, body: t.Optional[bytes], headers: t.Mapping, end: float
    ) -> tuple[int, bytes]:
        """(status, body) of one exchange. Raises as C(once) does."""
        try:
            response = open_url(
                self.url + path,
                data=body,
                method=method,
                headers={"Accept": "*/*", **headers},
                timeout=max(0.1, end - self.clock()),
                http_agent=AGENT,
                follow_redirects="none",
                use_netrc=False,
                **self._tls,
            )
            return response.getcode(), self._body(response, end)
        except urllib.error.HTTPError as error:
            return error.code, self._content_of(error, end)
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from None
        except (OSError, http.client.HTTPException) as error:  # after the request was sent
            reason = self.quoted(error) or type(error).__name__
            raise Transient("no answer (%s)" % reason) from None
        except ValueError as error:  # a proxy or a file of certificates that can't be used
            raise Refused("%s can't be asked: %s" % (self.url, self.quoted(error))) from None

    def _content_of(self, error: urllib.error.HTTPError, end: float) -> bytes:
        """The body of an error that is final. Raises Transient, and Refused for a redirection."""
        if 300 <= error.code < 400:
            raise Refused(
                "%s sends us to %s: give that as smartermail_url, since a password is not "
                "carried elsewhere"
                % (self.url, shown(self.quoted(error.headers.get("Location", ""))))
            ) from None
        wait = _retry_after(error.headers.get("Retry-After"))
        content = self._error_body(error, end)
        if error.code in (408, 429) or error.code >= 500:
            self._reached = True
            kind = error.headers.get("Content-Type", "")
            raise Transient(
                self._with_text("HTTP %d" % error.code, kind, content), wait, True
            ) from None
        return content

    def _body(self, response, end: float) -> bytes:
        """What is sent, in time: a timeout of the socket is one for each piece."""
        read = getattr(response, "read1", response.read)
        content = b""
        while True:
            piece = read(65536)
            if not piece:
                return content
            content += piece
            if len(content) > MAX_BYTES:
                raise Refused(
                    "%s answers with more than %d bytes: that is no answer of SmarterMail"
                    % (self.url, MAX_BYTES)
                )
            if self.clock() > end:
                raise Transient("an answer that does not end")

    def _error_body(self, error, end: float) -> bytes:
        try:
            return self._body(error, end)
        except (OSError, http.client.HTTPException):
            return b""

    def _with_text(self, what: str, content_type: str, content: bytes) -> str:
        if not content_type.startswith("text/plain"):
            return what
        return "%s (%s)" % (what, self.quoted(content.decode("utf-8", "replace")))

    def _unreachable(self, reason: t.Any) -> Exception:
        message = self.quoted(getattr(reason, "strerror", None) or reason)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Refused(
                "%s: its certificate can't be verified: %s. Name the authority's certificate in "
                "smartermail_ca_path, or the server as its certificate does"
                % (self.url, self.quoted(reason.verify_message))
            )
        if self._reached:
            return Transient("can't be reached: " + message)
        return Refused(
            "%s can't be reached: %s. Is smartermail_url right, and the service running?"
            % (self.url, message)
        )


def _retry_after(value: t.Optional[str]) -> t.Optional[float]:
    """The seconds of a Retry-After header (RFC 9110, 10.2.3), which has a number or a date."""
    if not value:
        return None
    if value.isascii() and value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
