# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""POP3: RFC 1939; CAPA: RFC 2449; STLS: RFC 2595."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._probe.connection import (
    Conversation,
    readable,
    words,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.dialogue import Dialogue
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    Ending,
    ProbeStatus,
)


class Pop(Dialogue):
    """What a probe says to a POP3 server."""

    name, starttls, farewell = "pop", "STLS", b"QUIT\r\n"
    greeting = rb"(?:\+OK|-ERR)\b"
    refusal = b"-ERR"

    def offers(self, conversation: Conversation) -> t.Union[t.AbstractSet[str], Ending]:
        """The capabilities; none where the server does not know CAPA."""
        conversation.send(b"CAPA\r\n", "answer to CAPA")
        if not conversation.line().startswith(b"+OK"):
            return frozenset()
        return {words(line)[0] for line in conversation.lines(lambda line: line == b".")}

    def start_tls(
        self, conversation: Conversation, offered: t.AbstractSet[str]
    ) -> t.Optional[Ending]:
        """Ask for TLS where it is offered."""
        if self.starttls not in offered:
            return Ending(ProbeStatus.NO_STARTTLS, "does not offer STLS")
        conversation.send(b"STLS\r\n", "answer to STLS")
        reply = conversation.line()
        if reply.startswith(b"+OK"):
            return None
        return Ending(ProbeStatus.TLS_FAILED, "offers STLS but refuses it: " + readable(reply))
