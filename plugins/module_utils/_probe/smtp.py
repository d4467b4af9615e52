# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SMTP, submission with it: RFC 5321; STARTTLS: RFC 3207; AUTH: RFC 4954."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._probe.connection import (
    Conversation,
    readable,
    words,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.dialogue import Dialogue
from ansible_collections.mailops.bindings.plugins.module_utils._probe.errors import (
    CertificateDemanded,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    Ending,
    ProbeStatus,
)

#: What a server answers that does not know EHLO or HELO: of FTP, 530 asks for a login first.
_NOT_UNDERSTOOD = (b"500", b"502", b"503", b"530")
_REFUSED_AT_EHLO = (
    "refuses this client at EHLO %s: %s. Let its own addresses through before what rejects them "
    "(smtpd_helo_restrictions, smtpd_client_restrictions: permit_mynetworks first)"
)


class Smtp(Dialogue):
    """What a probe says to an SMTP server."""

    name, starttls, farewell = "smtp", "STARTTLS", b"QUIT\r\n"
    greeting = rb"[2-5]\d\d(?:[ -]|$)"
    refusal = rb"[345]"
    #: Postfix says so after the handshake (smtpd_tls_req_ccert); it is no matter of the protocol.
    certificate_demand = rb"[45]\d\d .*client certificate"

    def whole_greeting(self, conversation: Conversation, line: bytes) -> bytes:
        """postscreen says "220-" at once, and six seconds later "220 ", or that it refuses."""
        return line if _is_last(line) else conversation.lines(_is_last)[-1]

    def offers(self, conversation: Conversation) -> t.Union[t.AbstractSet[str], Ending]:
        """The extensions that EHLO lists; none where only HELO is understood (RFC 5321, 3.2)."""
        name = conversation.own_name()
        conversation.send(b"EHLO %s\r\n" % name, "answer to EHLO")
        reply = conversation.lines(_is_last)
        if reply[-1].startswith((b"500", b"502")):
            conversation.send(b"HELO %s\r\n" % name, "answer to HELO")
            answer = conversation.lines(_is_last)[-1]
            if answer.startswith(b"250"):
                return frozenset()
            reply = reply if answer.startswith(_NOT_UNDERSTOOD) else [answer]
        if reply[-1].startswith(b"250"):
            return {words(line[4:])[0] for line in reply[1:]}
        if conversation.secured and self.demands_certificate(reply[-1]):
            raise CertificateDemanded
        refuses = re.match(rb"[45]\d\d(?: |$)", reply[-1])
        if refuses and not reply[-1].startswith(_NOT_UNDERSTOOD):
            return Ending(
                ProbeStatus.REFUSED, _REFUSED_AT_EHLO % (readable(name), readable(reply[-1]))
            )
        # LMTP greets with 220 too, and so does FTP
        return Ending(ProbeStatus.WRONG_PROTOCOL, "answers EHLO with " + readable(reply[-1]))

    def start_tls(
        self, conversation: Conversation, offered: t.AbstractSet[str]
    ) -> t.Optional[Ending]:
        """Ask for TLS where it is offered."""
        if self.starttls not in offered:
            return Ending(ProbeStatus.NO_STARTTLS, "does not offer STARTTLS")
        conversation.send(b"STARTTLS\r\n", "answer to STARTTLS")
        reply = conversation.lines(_is_last)[-1]
        if reply.startswith(b"220"):
            return None
        return Ending(ProbeStatus.TLS_FAILED, "offers STARTTLS but refuses it: " + readable(reply))


def _is_last(line: bytes) -> bool:
    """The last line of a reply (RFC 5321, 4.2.1). A line that is none of a reply ends it too."""
    return line[3:4] != b"-" or not line[:3].isdigit()
