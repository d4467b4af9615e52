# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens on this host for mail, and nobody declared.

Only what may well be a mail server is spoken to, by its program or its number: to others (a database, say) a stranger that
connects and says nothing is a fault to count.
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
from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import is_here
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import Judge, Visits
from ansible_collections.mailops.bindings.plugins.module_utils._probe.dialogue import ProbeResult

PATIENCE = 15.0  # seconds for a greeting, at the most: one that waits for DNS takes twelve

#: Standard numbers, and what to try there: (protocol, encryption). STARTTLS shows in what is offered.
_NUMBERS = {
    25: ("smtp", "none"),
    465: ("submission", "ssl"),
    587: ("submission", "none"),
    143: ("imap", "none"),
    993: ("imap", "ssl"),
    110: ("pop", "none"),
    995: ("pop", "ssl"),
    389: ("ldap", "none"),
    636: ("ldap", "ssl"),
}
#: Mail servers by the name of the process that holds their sockets, and what to try where the number says nothing.
_PROGRAMS = {
    "master": (("smtp", "none"),),  # Postfix; Cyrus before Debian 12 has the same
    "exim4": (("smtp", "none"),),
    "exim": (("smtp", "none"),),
    "sendmail-mta": (("smtp", "none"),),
    "smtpd": (("smtp", "none"),),
    "dovecot": (("imap", "none"),),
    "cyrmaster": (("imap", "none"),),
    "couriertcpd": (("imap", "none"),),
    "slapd": (("ldap", "none"), ("ldap", "ssl")),
}


def unexpected(
    bindings: Bindings,
    sockets: list[Socket],
    *,
    timeout: float,
    workers: int,
    now: datetime.datetime,
) -> list[dict]:
    """Those of the C(sockets) that speak one of the five protocols, on an address of the config or a wildcard, and are not declared.

    In their order, as C(_listener.probe) has listeners; protocol and encryption are what was found. Loopback is nobody's
    business: local programs send through it. So are other protocols of mail servers (LMTP, ManageSieve).
    """
    declared = {(listener.address, listener.port) for listener in listeners(bindings)}
    suspects = [
        socket
        for socket in sockets
        if (socket.address in bindings.ip_addresses or is_wildcard(socket.address))
        and not is_loopback(socket.address)
        and (socket.address, socket.port) not in declared
        and _guesses(socket)
    ]
    if not suspects:
        return []
    judge = Judge(0, now)
    results = []
    for socket, (listener, seen) in zip(
        suspects, _identified(suspects, Visits(min(timeout, PATIENCE), workers))
    ):
        if listener:
            result = judge.result(listener, seen)
            notes = [
                _whose(socket),
                _covers(socket, declared),
                "" if seen.status in ("ok", "no_auth") else result["detail"],
            ]
            results.append(dict(result, status="unexpected", detail="; ".join(filter(None, notes))))
    return results


def _guesses(socket: Socket) -> list:
    """What to try, the likeliest first. Nothing where it is no mail server by all that is known."""
    if socket.port in _NUMBERS:
        return [_NUMBERS[socket.port]]
    return list(_PROGRAMS.get(socket.program, ()))


def _identified(suspects: list, visits: Visits) -> list:
    """(listener as it is, what was seen) of each; (None, ...) where it speaks none of the five protocols."""
    guesses = [_guesses(socket) for socket in suspects]
    found: list = [(None, None)] * len(suspects)
    tried: list = [[] for ignored in suspects]
    while True:
        jobs = {}
        for index, socket in enumerate(suspects):
            guess = next((guess for guess in guesses[index] if guess not in tried[index]), None)
            # a socket on an address that is away (net.ipv4.ip_nonlocal_bind): who connects there meets another host
            if (
                guess
                and not found[index][0]
                and (is_wildcard(socket.address) or is_here(socket.address))
            ):
                tried[index].append(guess)
                jobs[index] = Listener(socket.address, socket.port, *guess)
        if not jobs:
            break
        for index, seen in visits.paid(jobs).items():
            found[index] = None, seen
            if seen.status in ("ok", "no_auth") or (
                seen.status == "refused" and seen.tongue
            ):  # turned away in its words
                found[index] = _as_it_is(jobs[index], seen), seen
            elif seen.tongue:  # it has said what it speaks, if not where it was expected
                guesses[index].insert(
                    0, (seen.tongue, "ssl" if seen.encryption == "ssl" else "none")
                )
    for index, socket in enumerate(suspects):
        listener, seen = found[index]
        if not listener and socket.program in _PROGRAMS and socket.port in _NUMBERS:
            # a mail server's, with a mail server's number: what else should it be, if it does not answer now?
            found[index] = (
                Listener(socket.address, socket.port, *_NUMBERS[socket.port]),
                seen or ProbeResult("ok"),
            )
    return found


def _as_it_is(listener: Listener, seen: ProbeResult) -> Listener:
    protocol = listener.protocol
    if protocol in ("smtp", "submission"):
        # mail servers talk to each other on 25, also where people log in there
        protocol = (
            "submission"
            if listener.port == 587 or (listener.port != 25 and "AUTH" in seen.offered)
            else "smtp"
        )
    return listener._replace(protocol=protocol, encryption=seen.encryption or listener.encryption)


def _whose(socket: Socket) -> str:
    return "nobody declared it" + (
        ": it is %s's (pid %d)" % (socket.program, socket.pids[0]) if socket.pids else ""
    )


def _covers(socket: Socket, declared: t.AbstractSet[tuple]) -> str:
    """What is to be said of a wildcard that answers for declared listeners too."""
    if not is_wildcard(socket.address):
        return ""
    covered = sorted(
        (
            address
            for address, port in declared
            if port == socket.port
            and family(address) == family(socket.address)
            and is_here(address)
        ),
        key=address_order,
    )
    return (
        "it is a wildcard, and answers on %s as declared, but also on every other address"
        % ", ".join(covered)
        if covered
        else ""
    )
