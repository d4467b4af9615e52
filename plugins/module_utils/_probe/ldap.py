# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LDAP: RFC 4511, in the few bytes of BER (X.690) that a probe needs."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._probe.connection import (
    MAX_REPLY_BYTES,
    Conversation,
    readable,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.dialogue import Dialogue
from ansible_collections.mailops.bindings.plugins.module_utils._probe.errors import Greeted
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    Ending,
    ProbeStatus,
)

_SEQUENCE = b"\x30"
_SEARCH_DONE, _EXTENDED_RESPONSE = 0x65, 0x78  # tags: 4.5.2, 4.12
_START_TLS_OID = b"1.3.6.1.4.1.1466.20037"  # 4.14.1
_START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _START_TLS_OID
#: Of the root DSE (RFC 4512, 5.1), the attribute supportedExtension: base "", scope baseObject,
#: filter (objectClass=*).
_SEARCH = (
    b"\x30\x39\x02\x01\x02"
    b"\x63\x34\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"
    b"\x87\x0bobjectClass"
    b"\x30\x14\x04\x12supportedExtension"
)
_SUCCESS = b"\x0a\x01\x00"  # resultCode, ENUMERATED: 4.1.9
_UNBIND = b"\x30\x05\x02\x01\x03\x42\x00"


class Ldap(Dialogue):
    """What a probe says to an LDAP server, which waits for its client: there is no greeting."""

    name, starttls, farewell = "ldap", "StartTLS", _UNBIND

    def offers(self, conversation: Conversation) -> t.Union[t.AbstractSet[str], Ending]:
        """StartTLS, if the root DSE names it.

        By an anonymous search without a bind: a server that refuses it has proved that it speaks
        LDAP as well.
        """
        conversation.send(_SEARCH, "answer to an LDAP search")
        offered: set[str] = set()
        while True:
            message = _message(conversation)
            if message is None:
                return Ending(
                    ProbeStatus.WRONG_PROTOCOL,
                    "answers an LDAP search with something that is not LDAP",
                )
            tag, content = message
            if _START_TLS_OID in content:
                offered.add(self.starttls)
            if tag == _SEARCH_DONE:
                return offered
            if tag == _EXTENDED_RESPONSE:  # a notice of disconnection: 4.4.1
                return Ending(ProbeStatus.REFUSED, "refuses this client: " + readable(content))

    def start_tls(
        self, conversation: Conversation, offered: t.AbstractSet[str]
    ) -> t.Optional[Ending]:
        """Ask for TLS, offered or not: a server may hide its root DSE from strangers."""
        conversation.send(_START_TLS, "answer to StartTLS")
        message = _message(conversation)
        if message and message[0] == _EXTENDED_RESPONSE and message[1].startswith(_SUCCESS):
            return None
        code = " (result %d)" % message[1][2] if message else ""
        return Ending(ProbeStatus.NO_STARTTLS, "refuses StartTLS" + code)


def _message(conversation: Conversation) -> t.Optional[tuple[int, bytes]]:
    """(tag of the operation, its content) of the next LDAPMessage (4.1.1); None if it is too long.

    Raises Greeted where no message begins.
    """
    if conversation.first() != _SEQUENCE:
        raise Greeted
    conversation.take(1)
    length = conversation.take(1)[0]
    if length & 0x80:  # X.690, 8.1.3
        length = int.from_bytes(conversation.take(length & 0x7F), "big")
    if length > MAX_REPLY_BYTES:
        return None
    message = conversation.take(length)
    at = 2 + message[1]  # behind the message's number
    tag, rest = message[at], message[at + 1 :]
    return tag, rest[(rest[0] & 0x7F if rest[0] & 0x80 else 0) + 1 :]
