# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dialogue: what a probe says and expects in one protocol. Each has a file of its own."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._probe.connection import Conversation
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import Ending


class Dialogue:
    """One protocol. Its methods raise what C(Conversation) does."""

    name = ""  # as in the column C(dialogue) of the protocols' table
    starttls = ""  # the protocol's own name of STARTTLS, as C(offers) has it
    farewell = b""
    greeting = b""  # pattern: how each greeting begins; b'' for a server that waits for its client
    refusal = b""  # pattern: how a greeting begins that refuses the client
    certificate_demand = b""  # pattern: a reply that refuses a client without a certificate

    def whole_greeting(self, conversation: Conversation, line: bytes) -> bytes:
        """The last line of a greeting that begins with this one."""
        return line

    def offers(self, conversation: Conversation) -> t.Union[t.AbstractSet[str], Ending]:
        """What the server offers, as keywords in the protocol's spelling."""
        raise NotImplementedError

    def start_tls(
        self, conversation: Conversation, offered: t.AbstractSet[str]
    ) -> t.Optional[Ending]:
        """Ask for TLS: None if the handshake may begin."""
        raise NotImplementedError

    def greets_with(self, line: bytes) -> bool:
        """Is this a greeting in this protocol?"""
        return bool(self.greeting) and bool(re.match(self.greeting, line, re.IGNORECASE))

    def refuses_with(self, greeting: bytes) -> bool:
        """Does this greeting refuse the client?"""
        return bool(self.refusal) and bool(re.match(self.refusal, greeting, re.IGNORECASE))

    def demands_certificate(self, line: bytes) -> bool:
        """Does this reply refuse a client for want of a certificate?"""
        pattern = self.certificate_demand
        return bool(pattern) and bool(re.match(pattern, line, re.IGNORECASE))
