# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail protocols of the model: all that is known of each, in one table. Pure."""

from __future__ import annotations

import typing as t

ENCRYPTIONS = ("none", "ssl", "tls")


class Protocol:
    """A protocol as a declaration names it."""

    def __init__(
        self,
        name: str,
        title: str,  # the usual name of a port of it, without TLS or with STARTTLS
        tls_title: str,  # the usual name of a port with TLS from the first byte
        number: int,  # standard port without TLS or with STARTTLS (IANA, service names)
        tls_number: t.Optional[int],  # with TLS from the first byte (RFC 8314); None: not defined
        dialogue: str,  # what is spoken there: the file of C(_probe) that knows it
        starttls: str,  # the word for it after -starttls of s_client(1)
        farewell: str,  # what ends a session politely; '' if the client just closes it
    ):
        self.name, self.title, self.tls_title = name, title, tls_title
        self.number, self.tls_number, self.dialogue = number, tls_number, dialogue
        self.starttls, self.farewell = starttls, farewell


#: By name, in the order in which people list them. A new protocol is a line here.
PROTOCOLS: t.Dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("smtp", "SMTP", "SMTPS", 25, 465, "smtp", "smtp", "QUIT\r\n"),
        Protocol("submission", "Submission", "Submissions", 587, 465, "smtp", "smtp", "QUIT\r\n"),
        Protocol("imap", "IMAP", "IMAPS", 143, 993, "imap", "imap", "z LOGOUT\r\n"),
        Protocol("pop", "POP3", "POP3S", 110, 995, "pop", "pop3", "QUIT\r\n"),
        Protocol("ldap", "LDAP", "LDAPS", 389, 636, "ldap", "ldap", ""),
    )
}


def standard_number(protocol: str, encryption: str) -> int:
    """The number that a port of this protocol and encryption has if none is given."""
    row = PROTOCOLS[protocol]
    return row.tls_number if encryption == "ssl" and row.tls_number else row.number


def usual_title(protocol: str, encryption: str) -> str:
    """The usual name of a port of this protocol and encryption: IMAPS."""
    row = PROTOCOLS[protocol]
    return row.tls_title if encryption == "ssl" else row.title


def by_number(port: int) -> t.Optional[t.Tuple[str, str]]:
    """(protocol, encryption) usual on this port, None for a port that is not in the table.

    The encryption is none or ssl: whether STARTTLS is offered, the number does not say. 465 is
    submission (RFC 8314, 7.3), although smtp with ssl has it as well.
    """
    for row in reversed(PROTOCOLS.values()):
        if port == row.number:
            return row.name, "none"
        if port == row.tls_number:
            return row.name, "ssl"
    return None
