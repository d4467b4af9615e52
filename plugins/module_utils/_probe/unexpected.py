# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens on this host for mail although it is not declared.

Only what is probably a mail server is connected to, by its program or its number: others (a
database, say) count a client that connects and says nothing as an error.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    family,
    is_loopback,
    is_wildcard,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import (
    Listener,
    listeners,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    PROTOCOLS,
    by_number,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import is_here
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._probe.judge import Judge
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    ProbeResult,
    ProbeStatus,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.visits import VisitPool

GREETING_SECONDS = 15.0  # at the most: a greeting that waits for DNS takes twelve


class Guess(t.NamedTuple):
    """What to expect of a listener. STARTTLS shows in what it offers."""

    protocol: str
    encryption: str


class _Identified(t.NamedTuple):
    """A socket, visited: what it is (None: none of our protocols), and what was seen."""

    listener: t.Optional[Listener]
    result: t.Optional[ProbeResult]


_SMTP, _IMAP = Guess("smtp", "none"), Guess("imap", "none")
#: Mail servers by the name of the process that holds their sockets, for numbers that say nothing.
_BY_PROGRAM: t.Mapping[str, tuple[Guess, ...]] = {
    "master": (_SMTP,),  # Postfix; Cyrus before Debian 12 has the same
    "exim4": (_SMTP,),
    "exim": (_SMTP,),
    "sendmail-mta": (_SMTP,),
    "smtpd": (_SMTP,),
    "dovecot": (_IMAP,),
    "cyrmaster": (_IMAP,),
    "couriertcpd": (_IMAP,),
    "slapd": (Guess("ldap", "none"), Guess("ldap", "ssl")),
}
#: Its main process, or its login process (15 characters), hold its sockets.
_DOVECOT_PROGRAMS = ("dovecot", "submission-logi")


def unexpected(
    bindings: Bindings,
    sockets: list[Socket],
    *,
    timeout: float,
    workers: int,
    now: datetime.datetime,
) -> list[dict[str, t.Any]]:
    """Those of the C(sockets) that speak a protocol of ours and are not declared.

    On an address of the config or a wildcard, in their order, as C(_probe.client.probe) has
    listeners; protocol and encryption are what was found. Not on loopback, through which local
    programs send; and no other protocols of mail servers (LMTP, ManageSieve).
    """
    declared = {(listener.address, listener.port) for listener in listeners(bindings)}
    suspects = [
        socket
        for socket in sockets
        if _is_in_scope(socket, bindings)
        and (socket.address, socket.port) not in declared
        and _guesses(socket)
    ]
    if not suspects:
        return []
    visits, judge = VisitPool(min(timeout, GREETING_SECONDS), workers), Judge(0, now)
    entries = []
    for socket, (listener, result) in zip(suspects, _identified(suspects, visits)):
        if listener and result:
            entry = judge.entry(listener, result)
            problem = (
                "" if result.status in (ProbeStatus.OK, ProbeStatus.NO_AUTH) else entry["detail"]
            )
            notes = filter(None, [_holder(socket, listener), _covers(socket, declared), problem])
            entries.append({**entry, "status": ProbeStatus.UNEXPECTED, "detail": "; ".join(notes)})
    return entries


def _is_in_scope(socket: Socket, bindings: Bindings) -> bool:
    """Is its address one that the config speaks of, or all addresses?"""
    if is_loopback(socket.address):
        return False
    return is_wildcard(socket.address) or socket.address in bindings.ip_addresses


def _guesses(socket: Socket) -> tuple[Guess, ...]:
    """What to try, the most probable first; nothing where it is probably no mail server."""
    standard = by_number(socket.port)
    return (Guess(*standard),) if standard else _BY_PROGRAM.get(socket.program, ())


class _Suspect:
    """A socket while it is being identified."""

    def __init__(self, socket: Socket):
        self.socket = socket
        self._guesses = [*_guesses(socket)] if _is_reachable(socket) else []
        self._tried: set[Guess] = set()
        self._found = _Identified(None, None)

    def job(self) -> t.Optional[Listener]:
        """What to visit it as, next; None if nothing is left to try."""
        guess = next((guess for guess in self._guesses if guess not in self._tried), None)
        if self._found.listener or not guess:
            return None
        self._tried.add(guess)
        return Listener(self.socket.address, self.socket.port, *guess)

    def take(self, listener: Listener, result: ProbeResult) -> None:
        """The result of a visit. One that met another protocol is the next guess."""
        if _is_recognised(result):
            self._found = _Identified(_as_it_is(listener, result), result)
            return
        self._found = _Identified(None, result)
        if result.spoken:
            encryption = "ssl" if result.encryption == "ssl" else "none"
            self._guesses.insert(0, Guess(result.spoken, encryption))

    def identified(self) -> _Identified:
        """What it is, after all visits."""
        return self._found if self._found.listener else _by_name(self.socket, self._found.result)


def _identified(sockets: list[Socket], visits: VisitPool) -> list[_Identified]:
    """What each of them is."""
    suspects = [_Suspect(socket) for socket in sockets]
    while True:
        jobs = {suspect: job for suspect in suspects for job in [suspect.job()] if job}
        if not jobs:
            return [suspect.identified() for suspect in suspects]
        for suspect, result in visits.made(jobs).items():
            suspect.take(jobs[suspect], result)


def _is_reachable(socket: Socket) -> bool:
    """Not so on an address that is away (net.ipv4.ip_nonlocal_bind): another host has it."""
    return is_wildcard(socket.address) or is_here(socket.address)


def _is_recognised(result: ProbeResult) -> bool:
    """Was it what it was taken for? Also if it refused us, in its own protocol."""
    if result.status == ProbeStatus.REFUSED:
        return bool(result.spoken)
    return result.status in (ProbeStatus.OK, ProbeStatus.NO_AUTH)


def _by_name(socket: Socket, result: t.Optional[ProbeResult]) -> _Identified:
    """One that does not answer now: a mail server's program on a mail server's number is one."""
    standard = by_number(socket.port)
    if standard and socket.program in _BY_PROGRAM:
        listener = Listener(socket.address, socket.port, *standard)
        return _Identified(listener, result or ProbeResult())
    return _Identified(None, result)


def _as_it_is(listener: Listener, result: ProbeResult) -> Listener:
    """The listener with the protocol and encryption that were seen."""
    protocol = listener.protocol
    if PROTOCOLS[protocol].dialogue == "smtp":
        protocol = _smtp_or_submission(listener.port, result.offered)
    return listener._replace(protocol=protocol, encryption=result.encryption or listener.encryption)


def _smtp_or_submission(number: int, offered: t.AbstractSet[str]) -> str:
    """Mail servers talk to each other on 25, also where people log in there."""
    if number == PROTOCOLS["submission"].number:
        return "submission"
    return "submission" if number != PROTOCOLS["smtp"].number and "AUTH" in offered else "smtp"


def _holder(socket: Socket, listener: Listener) -> str:
    """That it is not declared, and which process holds it."""
    if not socket.pids:
        return "not declared"
    held = "not declared: held by %s (pid %d)" % (socket.program, socket.pids[0])
    speaks_smtp = PROTOCOLS[listener.protocol].dialogue == "smtp"
    if speaks_smtp and socket.program.startswith(_DOVECOT_PROGRAMS):
        held += ": Dovecot's own submission service, which can't be declared"
    return held


def _covers(socket: Socket, declared: t.AbstractSet[tuple[str, int]]) -> str:
    """What to say of a wildcard that answers for declared listeners too."""
    if not is_wildcard(socket.address):
        return ""
    same_port = (address for address, port in declared if port == socket.port)
    covered = [
        address
        for address in same_port
        if family(address) == family(socket.address) and is_here(address)
    ]
    if not covered:
        return ""
    return "a wildcard: it answers on %s as declared, and also on every other address" % ", ".join(
        sorted(covered, key=address_order)
    )
