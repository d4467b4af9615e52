# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One visit to a mail server: what it speaks, whether it offers TLS, and with which certificate.

A visitor is a polite guest: it says QUIT or LOGOUT and waits until the server has closed, so that
nothing that counts failures (fail2ban, anvil) counts it, and it never tries to log in.
"""

from __future__ import annotations

import socket
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.connection import (
    HANDSHAKE,
    Conversation,
    readable,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.errors import (
    CertificateDemanded,
    Closed,
    Endless,
    Greeted,
    Silent,
    TlsFault,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.registry import (
    dialogue_of,
    greeted_by,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    Ending,
    ProbeResult,
    ProbeStatus,
)

UNUSUAL_SECONDS = 1.0  # for a server to speak first that is not expected to

_CERTIFICATE_DEMANDED = (
    "requires a client certificate, which a probe does not have: the rest was not seen"
)
_BEHIND_PROXY = "expect the PROXY protocol (a listener behind HAProxy)"


def visit(connection: socket.socket, listener: Listener, timeout: float) -> ProbeResult:
    """Find out what answers on this connection to the listener, and leave politely.

    Its hostname is asked for in the TLS handshake (SNI), '' for none. C(timeout): seconds for each
    answer. Raises nothing.
    """
    current = _Visit(Conversation(connection, timeout), listener, timeout)
    ending = current.ending()
    if ending:
        current.result.end(ending)
    current.conversation.leave(current.farewell)
    return current.result


class _Visit:
    """A visit under way."""

    def __init__(self, conversation: Conversation, listener: Listener, timeout: float):
        self.conversation, self.result = conversation, ProbeResult()
        self.farewell = b""  # while we do not know what the server speaks, we say nothing
        self._listener, self._timeout = listener, timeout
        self._dialogue = dialogue_of(listener.protocol)

    def ending(self) -> t.Optional[Ending]:
        """Go through the whole visit: None if all was seen."""
        conversation = self.conversation
        try:
            return self._converse()
        except Silent:
            return Ending(
                ProbeStatus.TIMEOUT,
                "no %s within %g seconds" % (conversation.awaited, self._timeout),
            )
        except Endless as endless:
            return Ending(
                ProbeStatus.WRONG_PROTOCOL,
                "its %s has no end: %s" % (conversation.awaited, endless),
            )
        except (Closed, ConnectionError):
            return self._closed()
        except TlsFault as fault:
            if not fault.wants_certificate:
                return Ending(ProbeStatus.TLS_FAILED, "%s: %s" % (conversation.awaited, fault))
            self.result.notes.append(_CERTIFICATE_DEMANDED)
            return None
        except CertificateDemanded:
            self.result.notes.append(_CERTIFICATE_DEMANDED)
            return None
        except OSError as error:
            return Ending(
                ProbeStatus.TIMEOUT, "no %s: %s" % (conversation.awaited, error.strerror or error)
            )
        except Exception as error:  # pylint: disable=broad-except  # it must not hide other results
            return Ending(
                ProbeStatus.WRONG_PROTOCOL,
                "its %s can't be understood (%s)" % (conversation.awaited, type(error).__name__),
            )

    # -- the steps: each is None, or the visit ends with it

    def _converse(self) -> t.Optional[Ending]:
        try:
            return self._as_expected()
        except Greeted:
            return self._in_plain_text()

    def _as_expected(self) -> t.Optional[Ending]:
        """The visit of a listener as it is declared."""
        encryption, result = self._listener.encryption, self.result
        if self._speaks_first():
            raise Greeted
        if encryption == "ssl":
            self._secure()
            result.encryption = "ssl"
        ending = self._greet() or self._ask()
        if ending:
            return ending
        if encryption != "ssl":
            offered = self._dialogue.starttls in result.offered
            result.encryption = "tls" if offered else "none"
        if encryption == "tls":
            ending = self._dialogue.start_tls(self.conversation, result.offered)
            if ending:
                return ending
            self._secure()
            ending = self._ask()
        elif result.encryption == "tls":
            result.notes.append("also offers %s" % self._dialogue.starttls)
        return ending or self._auth()

    def _speaks_first(self) -> bool:
        """Does the server greet, although a client of TLS or LDAP has to speak first?

        A client that speaks before a server has greeted is taken for a spammer, and counted. On the
        standard number nothing is waited for; on another, a greeting is possible: wait a moment.
        """
        listener = self._listener
        if listener.encryption != "ssl" and self._dialogue.greeting:
            return False
        if listener.port == standard_number(listener.protocol, listener.encryption):
            return False
        return self.conversation.greeted_within(UNUSUAL_SECONDS)

    def _secure(self) -> None:
        """Make the TLS handshake."""
        tls, result = self.conversation.start_tls(self._listener.hostname), self.result
        result.tls_version, result.cipher = tls.version, tls.cipher
        result.der, result.chain = tls.certificate, tls.chain

    def _greet(self) -> t.Optional[Ending]:
        """Wait for the greeting, in a protocol that has one."""
        dialogue, result = self._dialogue, self.result
        if not dialogue.greeting:
            result.spoken, self.farewell = dialogue.name, dialogue.farewell
            return None
        try:
            line = self.conversation.line()
        except Silent:
            if self._listener.encryption != "ssl" and not self.conversation.answered:
                if self._is_tls():
                    return Ending(
                        ProbeStatus.WRONG_PROTOCOL,
                        "speaks TLS from the first byte, as with encryption ssl",
                        sure=True,
                    )
            raise
        self._hear_greeting(line)
        if result.spoken != dialogue.name:
            # leave in the words of the expected protocol: perhaps they are understood
            self.farewell = self.farewell or dialogue.farewell
            return Ending(ProbeStatus.WRONG_PROTOCOL, self._other_greeting(), sure=True)
        greeting = dialogue.whole_greeting(self.conversation, line)
        result.greeting = readable(greeting)
        if self.conversation.secured and dialogue.demands_certificate(greeting):
            raise CertificateDemanded
        if dialogue.refuses_with(greeting):
            return Ending(
                ProbeStatus.REFUSED,
                "refuses this client: " + result.greeting + _hint_of_421(greeting),
            )
        return None

    def _is_tls(self) -> bool:
        """Try a handshake with a server that has not greeted: this connection is lost anyway."""
        conversation, awaited = self.conversation, self.conversation.awaited
        conversation.hurry()
        try:
            self._secure()
            self._hear_greeting(conversation.line())
        except (OSError, Closed, Silent, Greeted, Endless):
            pass
        conversation.awaited = awaited
        if conversation.secured:
            self.result.encryption = "ssl"
        return conversation.secured

    def _ask(self) -> t.Optional[Ending]:
        """Ask what the server offers."""
        offered = self._dialogue.offers(self.conversation)
        if isinstance(offered, Ending):
            return offered
        self.result.offered = offered
        return None

    def _auth(self) -> t.Optional[Ending]:
        """Submission is of no use without AUTH."""
        if self._listener.protocol != "submission" or "AUTH" in self.result.offered:
            return None
        if self._listener.encryption == "none" and self.result.encryption == "tls":
            self.result.notes.append("offers no AUTH before it")
            return None
        return Ending(ProbeStatus.NO_AUTH, "offers no AUTH: clients can't log in")

    # -- what else a server can do

    def _hear_greeting(self, line: bytes) -> None:
        """Take down a greeting, and remember how to leave."""
        dialogue = greeted_by(line, self._dialogue)
        self.result.greeting = readable(line)
        if dialogue:
            self.result.spoken, self.farewell = dialogue.name, dialogue.farewell

    def _other_greeting(self) -> str:
        spoken, greeting = self.result.spoken, self.result.greeting
        if spoken:
            return "speaks %s: %s" % (spoken.upper(), greeting)
        return "its greeting is of no protocol that is known here: " + greeting

    def _in_plain_text(self) -> Ending:
        """The server has sent text in place of TLS or LDAP."""
        conversation, result = self.conversation, self.result
        line = conversation.line()
        conversation.in_a_line = conversation.spoke  # the server takes what we sent for text
        if self._listener.encryption == "tls" and conversation.awaited == HANDSHAKE:
            return Ending(
                ProbeStatus.TLS_FAILED,
                "offers %s but continues without TLS: %s"
                % (self._dialogue.starttls, readable(line)),
            )
        result.spoken, self.farewell = "", b""
        self._hear_greeting(line)
        if self._listener.encryption == "ssl" and not conversation.secured:
            result.encryption = "none"
            note = "answers without TLS: " + result.greeting + _hint_of_421(line)
            return Ending(ProbeStatus.TLS_FAILED, note, sure=True)
        spoken = result.spoken.upper() or "something else"
        return Ending(
            ProbeStatus.WRONG_PROTOCOL,
            "speaks %s, not %s: %s" % (spoken, self._dialogue.name.upper(), result.greeting),
            sure=True,
        )

    def _closed(self) -> t.Optional[Ending]:
        """The server has closed the connection before everything was seen."""
        conversation, is_ldap = self.conversation, self._dialogue.name == "ldap"
        if is_ldap and conversation.secured and not conversation.answered:
            # slapd finishes the handshake, and only then misses the certificate that it requires
            self.result.notes.append(
                "closed the connection right after the TLS handshake: it seems to require a client "
                "certificate (olcTLSVerifyClient), which a probe does not have"
            )
            return None
        in_handshake = conversation.awaited == HANDSHAKE
        at_starttls = conversation.awaited == "answer to " + self._dialogue.starttls
        note = "closed the connection instead of sending its " + conversation.awaited
        if not (conversation.answered or conversation.secured):
            note = (
                "closed the connection before sending anything: it may %s%s, or refuse this client"
            )
            note %= self._tls_hint(in_handshake), _BEHIND_PROXY
        elif self._dialogue.greeting and self.result.greeting and not in_handshake:
            note += ": it may refuse this client"
        if in_handshake or at_starttls:
            return Ending(ProbeStatus.TLS_FAILED, note)
        greeted = self._dialogue.greeting and self.result.spoken == self._dialogue.name
        return Ending(ProbeStatus.REFUSED if greeted else ProbeStatus.WRONG_PROTOCOL, note)

    def _tls_hint(self, in_handshake: bool) -> str:
        """What TLS may have to do with it. Servers that greet would have waited for a handshake."""
        if in_handshake:
            return "not speak TLS here, "
        return "" if self._dialogue.greeting else "speak TLS from the first byte, "


def _hint_of_421(line: bytes) -> str:
    """Postfix says so after five seconds to a client that did not speak the PROXY protocol."""
    return "; it may " + _BEHIND_PROXY if line.startswith(b"421 4.3.0 ") else ""
