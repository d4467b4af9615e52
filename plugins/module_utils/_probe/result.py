# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probe results: what a connection saw of a listener, and the status of it."""

from __future__ import annotations

import typing as t


class ProbeStatus:
    """Statuses of a listener, plain strings as results have them."""

    OK = "ok"
    EXPIRING = "expiring"
    AT_RISK = "at_risk"
    EXPIRED = "expired"
    WRONG_CERTIFICATE = "wrong_certificate"
    NO_STARTTLS = "no_starttls"
    TLS_FAILED = "tls_failed"
    WRONG_PROTOCOL = "wrong_protocol"
    NO_AUTH = "no_auth"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    NOT_LOCAL = "not_local"
    UNEXPECTED = "unexpected"


class Ending(t.NamedTuple):
    """Why a visit ended before everything was seen."""

    status: str
    note: str  # for people
    sure: bool = False  # a second visit would end in the same way


class ProbeResult:
    """What one connection saw of a listener. A visit fills it in as it goes on."""

    def __init__(self, status: str = ProbeStatus.OK, note: str = ""):
        self.status = status
        self.notes = [note] if note else []  # for people
        self.sure = False  # a second visit would show the same
        self.spoken = (
            ""  # the dialogue of the server's protocol; '' while the server has not shown it
        )
        self.encryption = ""  # ssl, tls if STARTTLS is offered, none; '' if that was not seen
        self.offered: t.AbstractSet[str] = frozenset()  # keywords of its last answer
        self.greeting = ""
        self.tls_version = ""
        self.cipher = ""
        self.der = b""  # the certificate that was served
        self.chain: list[bytes] = []  # all that were served, if that can be seen; that one first

    def end(self, ending: Ending) -> None:
        """Record that the visit ended so."""
        self.status, self.sure = ending.status, ending.sure
        self.notes.insert(0, ending.note)


#: Statuses of a listener that answers as declared, with some certificate …
SERVED = (
    ProbeStatus.OK,
    ProbeStatus.EXPIRING,
    ProbeStatus.EXPIRED,
    ProbeStatus.WRONG_CERTIFICATE,
)
#: … and with the one in its file.
RIGHTLY_SERVED = SERVED[:3]


def at_risk(result: dict[str, t.Any], reason: str) -> dict[str, t.Any]:
    """The result of a listener, if it would not answer after a restart; C(reason): why, or ''.

    One that does not answer now keeps its status; it is the likely reason for it.
    """
    if not reason:
        return result
    status = result["status"]
    if status in SERVED:
        status, reason = ProbeStatus.AT_RISK, reason + ": it would not answer after a restart"
    return {
        **result,
        "status": status,
        "detail": "; ".join(filter(None, [reason, result["detail"]])),
    }
