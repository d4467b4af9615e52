# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener is, and what really answers where one should be.

Many are asked at a time, each by a visit (C(_dialogue)); the certificates that they served are judged afterwards.
"""

from __future__ import annotations

import datetime
import socket
import threading
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    is_wildcard,
    reached_at,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused

if t.TYPE_CHECKING:  # it takes ssl with it: loaded to probe
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.dialogue import (
        ProbeResult,
    )

CONNECT_SECONDS = 5.0  # enough for three SYNs (0, 1 and 3 s); who is there answers at once, however slow the greeting is
PAUSE_SECONDS = 0.5  # before what seems broken is tried once more
SCOUTS = 3  # connections at a time to an address where nobody has answered yet


def probe(
    wanted: t.Iterable[Listener],
    *,
    timeout: float = 30.0,
    workers: int = 8,
    min_days: int = 14,
    now: datetime.datetime,
    local: bool = True,
) -> list[dict]:
    """What really answers at these listeners, in their order. Nothing is raised: what went wrong is in the result.

    C(timeout): seconds for each answer. C(workers): connections at a time. C(min_days): a certificate with fewer whole days
    left at C(now) is expiring. C(local): the listeners are this host's: those on an address that it has not are not_local, and
    wildcards are reached through loopback.

    Each is C({address, port, name, protocol, encryption, status, detail, greeting, tls_version, cipher, certificate}). status is
    ok, expiring, expired, wrong_certificate, no_starttls, tls_failed, wrong_protocol, no_auth, refused, timeout or not_local;
    detail says more, in words; certificate is what was served (C(_certificate.leaf_facts)) and C(matches_file), None if it could
    not be compared; empty without TLS.
    """
    wanted = list(wanted)
    away = _away(wanted) if local else set()
    found = {index: _not_probed(listener, local, away) for index, listener in enumerate(wanted)}
    jobs = {index: listener for index, listener in enumerate(wanted) if found[index] is None}
    if jobs:
        visits = Visits(timeout, workers)
        found.update(visits.paid(jobs))
        again = {
            index: listener
            for index, listener in jobs.items()
            if found[index].status != "ok" and not found[index].sure
        }
        if again:
            time.sleep(PAUSE_SECONDS)
            found.update(visits.paid(again))
    judge = Judge(min_days, now)
    return [judge.result(listener, found[index]) for index, listener in enumerate(wanted)]


def _away(wanted: t.Iterable[Listener]) -> set:
    """The addresses that this host has not now; a wildcard is reached through its loopback, which is away where IPv6 is switched off."""
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import is_here

    return {
        address
        for address in {listener.address for listener in wanted}
        if not is_here(reached_at(address))
    }


def _not_probed(listener: Listener, local: bool, away: t.Container[str]) -> t.Optional[ProbeResult]:
    """What is said of a listener that nobody connects to; None if it can be probed."""
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.dialogue import (
        ProbeResult,
    )

    if not local:
        if is_wildcard(listener.address):
            return ProbeResult("ok", "not probed: a wildcard can only be probed on its own host")
        return None
    if listener.address not in away:
        return None
    if listener.floating:
        return ProbeResult("ok", "not probed: the address is floating, and away")
    return ProbeResult(
        "not_local",
        "%s is not an address of this host%s"
        % (
            reached_at(listener.address),
            ", nor can others connect: is IPv6 switched off?"
            if is_wildcard(listener.address)
            else "",
        ),
    )


# -- many visits at a time


class Visits:
    """Visits to many listeners, so many at a time. A dead address costs its timeout once, not once for each of its ports.

    Until somebody at an address has answered (a refusal is an answer too), only a few connections are tried there at a time;
    more than one, and of different protocols, since a firewall often has an opinion on port 25, or on all of SMTP, alone. If
    the first gets no answer, no more are made.
    """

    def __init__(self, timeout: float, workers: int):
        from ansible_collections.mailops.bindings.plugins.module_utils._probe import dialogue

        self._visit, self._nothing_seen, self._context = (
            dialogue.visit,
            dialogue.ProbeResult,
            dialogue.tls_context(),
        )
        self._timeout, self._workers = timeout, workers
        self._changed = threading.Condition()
        self._waiting: list = []  # (key, listener)
        self._alive: dict = {}  # address -> whether somebody answers there, as soon as that is known
        self._scouts: dict = {}  # address -> connections that are being tried

    def paid(self, jobs: dict) -> dict:
        """Visit each of these listeners once: key -> ProbeResult."""
        found: dict = {}
        self._waiting = _most_various_first(jobs)

        def work() -> None:
            for key, listener in iter(self._next, None):
                found[key] = self._paid(listener)

        # daemons: who interrupts the task need not wait for a slow greeting
        threads = [
            threading.Thread(target=work, daemon=True)
            for ignored in range(min(self._workers, len(jobs)))
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._waiting.clear()
        return {
            key: found.get(key) or self._nothing_seen("timeout", "the probe was cut short")
            for key in jobs
        }

    def _next(self) -> t.Optional[tuple]:
        """The next (key, listener), as soon as there is one that may be visited; None when all are taken."""
        with self._changed:
            while self._waiting:
                for index, (ignored, listener) in enumerate(self._waiting):
                    scouts = self._scouts.get(listener.address, 0)
                    if listener.address in self._alive or scouts < SCOUTS:
                        self._scouts[listener.address] = scouts + 1
                        return self._waiting.pop(index)
                self._changed.wait()
            return None

    def _paid(self, listener: Listener) -> ProbeResult:
        seen, connection, alive = self._nothing_seen(), None, None
        try:
            if self._alive.get(listener.address) is False:
                seen.ended("timeout", "nobody answers at this address", sure=True)
            else:
                connection, alive = self._connected(listener, seen)
        finally:
            with self._changed:
                self._scouts[listener.address] -= 1
                if alive or (alive is False and listener.address not in self._alive):
                    self._alive[listener.address] = alive
                self._changed.notify_all()
        if connection is None:
            return seen
        with connection:
            return self._visit(
                connection,
                listener.protocol,
                listener.encryption,
                listener.hostname,
                self._timeout,
                self._context,
            )

    def _connected(self, listener: Listener, seen: ProbeResult) -> tuple:
        """(connection, True); or None and what that says of the address: alive, dead, or None for nothing."""
        begin, seconds = time.monotonic(), min(self._timeout, CONNECT_SECONDS)
        connection = socket.socket(
            socket.AF_INET6 if ":" in listener.address else socket.AF_INET, socket.SOCK_STREAM
        )
        try:
            connection.settimeout(seconds)
            connection.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
            )  # what follows a TLS handshake would wait 40 ms for its ACK
            connection.connect((reached_at(listener.address), listener.port))
            return connection, True
        except ConnectionRefusedError:
            seen.ended(
                "refused", "connection refused: nothing listens here, or a firewall rejects it"
            )
            alive = True
        except socket.timeout:
            seen.ended("timeout", "no connection within %g seconds" % seconds, sure=True)
            alive = False
        except OSError as error:
            # "No route to host": at once it may be a firewall's word on this port; after three seconds it is ARP's on the address
            slow = time.monotonic() - begin > 1
            seen.ended(
                "timeout" if slow else "refused",
                "no connection: %s" % (error.strerror or error),
                sure=slow,
            )
            alive = False if slow else None
        connection.close()
        return None, alive


def _most_various_first(jobs: t.Mapping) -> list:
    """Of each address first one listener of each protocol: what comes first speaks for the rest, and firewalls drop whole protocols."""
    before: dict = {}  # (address, protocol) -> how many there were
    turns = {}
    for key, listener in jobs.items():
        kind = listener.address, listener.protocol
        turns[key] = before[kind] = before.get(kind, -1) + 1
    return sorted(jobs.items(), key=lambda job: turns[job[0]])


# -- the certificates that were served


class Judge:
    """Judges the certificates that were served, each of them and each file once."""

    def __init__(self, min_days: int, now: datetime.datetime):
        self._min_days, self._now = min_days, now
        self._facts: dict = {}  # DER -> facts
        self._files: dict = {}  # path -> (fingerprint, why there is none)

    def result(self, listener: Listener, seen: ProbeResult) -> dict:
        """The listener as results have it: its status is the certificate's where nothing else was wrong."""
        certificate: dict = {}
        faults: list = []
        if seen.der:
            if seen.der not in self._facts:
                self._facts[seen.der] = _served_facts(seen.der, self._now)
            certificate = dict(self._facts[seen.der], matches_file=None)
            faults = list(self._faults(listener, certificate))
        status = (
            seen.status
            if seen.status != "ok"
            else next((status for status, ignored in faults if status), "ok")
        )
        return {
            "address": listener.address,
            "port": listener.port,
            "name": listener.name,
            "protocol": listener.protocol,
            "encryption": listener.encryption,
            "status": status,
            "detail": "; ".join([*seen.notes, *(note for ignored, note in faults)]),
            "greeting": seen.greeting,
            "tls_version": seen.tls_version,
            "cipher": seen.cipher,
            "certificate": certificate,
        }

    def _faults(self, listener: Listener, certificate: dict) -> t.Iterator[tuple]:
        """(status, or '' where it is only to be said; note), the worst first."""
        if listener.certificate_path:
            fingerprint, why_not = self._in_file(listener.certificate_path)
            if why_not:
                yield "", "the certificate was not compared: " + why_not
            else:
                certificate["matches_file"] = fingerprint == certificate["fingerprint_sha256"]
                if not certificate["matches_file"]:
                    yield (
                        "wrong_certificate",
                        "serves another certificate than the one in %s: was the file renewed, and the server not reloaded?"
                        % (listener.certificate_path),
                    )
        if certificate["days_left"] is None:
            yield "", "the certificate's dates were not judged: " + _UNREAD
            return
        now = self._now.strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )  # as facts have it, and text in this form is in the order of time
        if now > certificate["not_after"]:
            yield "expired", "the certificate expired on %s" % certificate["not_after"][:10]
        elif now < certificate["not_before"]:
            yield "expired", "the certificate is not valid before %s" % certificate["not_before"]
        elif certificate["days_left"] < self._min_days:
            yield "expiring", "the certificate has %d days left" % certificate["days_left"]

    def _in_file(self, path: str) -> tuple:
        if path not in self._files:
            from ansible_collections.mailops.bindings.plugins.module_utils._certificates import (
                parse as _certificate,
            )

            try:
                self._files[path] = (
                    _certificate.leaf_facts(_certificate.leaf_in(path), self._now)[
                        "fingerprint_sha256"
                    ],
                    "",
                )
            except Refused as refused:
                self._files[path] = "", str(refused)
        return self._files[path]


_UNREAD = "it takes the Python library cryptography (Debian: python3-cryptography), and a certificate that it can read"


def _served_facts(der: bytes, now: datetime.datetime) -> dict:
    """What is to be known of a certificate in DER, as results have it; only its fingerprint where it can't be read."""
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates import (
        parse as _certificate,
    )

    try:
        return _certificate.leaf_facts(_certificate.leaf_of(der), now)
    except Exception:  # pylint: disable=broad-except  # ValueError, DuplicateExtension, …, by version; without the library MissingLibrary
        import hashlib

        return dict(
            _certificate.NO_FACTS,
            fingerprint_sha256=":".join("%02X" % byte for byte in hashlib.sha256(der).digest()),
        )
