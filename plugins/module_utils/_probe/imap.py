# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IMAP: RFC 9051."""

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


class Imap(Dialogue):
    """What a probe says to an IMAP server."""

    name, starttls, farewell = "imap", "STARTTLS", b"z LOGOUT\r\n"
    greeting = rb"\* (?:OK|PREAUTH|BYE)\b"
    refusal = rb"\* BYE"

    def offers(self, conversation: Conversation) -> t.Union[t.AbstractSet[str], Ending]:
        """The words of the CAPABILITY response."""
        *lines, last = self._answer(conversation, "CAPABILITY")
        if not _is_ok(last):
            return Ending(ProbeStatus.WRONG_PROTOCOL, "answers CAPABILITY with " + readable(last))
        return {word for line in lines for word in words(line)}

    def start_tls(
        self, conversation: Conversation, offered: t.AbstractSet[str]
    ) -> t.Optional[Ending]:
        """Ask for TLS where it is offered."""
        if self.starttls not in offered:
            return Ending(ProbeStatus.NO_STARTTLS, "does not offer STARTTLS")
        last = self._answer(conversation, "STARTTLS")[-1]
        if _is_ok(last):
            return None
        return Ending(ProbeStatus.TLS_FAILED, "offers STARTTLS but refuses it: " + readable(last))

    @staticmethod
    def _answer(conversation: Conversation, command: str) -> list[bytes]:
        """The lines of the answer, the tagged one last."""
        conversation.send(b"a %s\r\n" % command.encode(), "answer to " + command)
        return conversation.lines(lambda line: not line.startswith(b"* "))


def _is_ok(tagged: bytes) -> bool:
    return words(tagged)[1:2] == ["OK"]
