# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail protocols of the model: all that is known of each, in one table. Pure."""

from __future__ import annotations

import typing as t

ENCRYPTIONS = ("none", "ssl", "tls")


class Protocol(t.NamedTuple):
    """A protocol as a declaration names it."""

    name: str
    title: str  # what people call a port of it
    tls_title: str  # and one with TLS from the first byte
    number: int  # its standard port, without TLS or with STARTTLS (IANA, service names)
    tls_number: t.Optional[
        int
    ]  # with TLS from the first byte (RFC 8314); None: there is no such thing
    dialogue: str  # what is spoken there: the file of C(_probe) that knows it


#: By name, in the order in which people list them.
PROTOCOLS: t.Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("smtp", "SMTP", "SMTPS", 25, 465, "smtp"),
        Protocol("submission", "Submission", "Submissions", 587, 465, "smtp"),
        Protocol("imap", "IMAP", "IMAPS", 143, 993, "imap"),
        Protocol("pop", "POP3", "POP3S", 110, 995, "pop"),
        Protocol("ldap", "LDAP", "LDAPS", 389, 636, "ldap"),
    )
}


def standard_number(protocol: str, encryption: str) -> int:
    """The number that a port of this protocol and encryption has if none is given."""
    row = PROTOCOLS[protocol]
    return row.tls_number if encryption == "ssl" and row.tls_number else row.number
