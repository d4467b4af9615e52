# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the certificates that were served with the files that listeners declare."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    ProbeResult,
    ProbeStatus,
)

Facts = dict[str, t.Any]

_UNREAD = (
    "the certificate's dates were not checked: this takes the Python library cryptography (Debian: "
    "python3-cryptography), and a certificate that it can read"
)


class Problem(t.NamedTuple):
    """What is wrong with a served certificate. C(status) '': only to be said."""

    status: str
    note: str


class Judge:
    """Judges the certificates that were served: each of them, and each file, is read once."""

    def __init__(self, min_days: int, now: datetime.datetime):
        self._min_days, self._now = min_days, now
        self._facts: dict[bytes, Facts] = {}  # DER -> facts
        self._files: dict[str, tuple[list[list[bytes]], str]] = {}  # path -> see C(_in_file)

    @staticmethod
    def prepare() -> None:
        """Load what reads certificates, while the servers are still answering."""
        from ansible_collections.mailops.bindings.plugins.module_utils._certificates import parse

        del parse  # it is loaded

    def entry(self, listener: Listener, result: ProbeResult) -> dict[str, t.Any]:
        """The listener as results have it: its status is its certificate's if all else is well."""
        certificate: Facts = {}
        problems: list[Problem] = []
        if result.der:
            if result.der not in self._facts:
                self._facts[result.der] = _facts_of(result.der, self._now)
            certificate = {**self._facts[result.der], "matches_file": None}
            problems = [*self._compared(listener, result, certificate), *self._dated(certificate)]
        status = result.status
        if status == ProbeStatus.OK:
            status = next((problem.status for problem in problems if problem.status), status)
        return {
            "address": listener.address,
            "port": listener.port,
            "name": listener.name,
            "protocol": listener.protocol,
            "encryption": listener.encryption,
            "status": status,
            "detail": "; ".join([*result.notes, *(problem.note for problem in problems)]),
            "greeting": result.greeting,
            "tls_version": result.tls_version,
            "cipher": result.cipher,
            "certificate": certificate,
        }

    def _compared(
        self, listener: Listener, result: ProbeResult, certificate: Facts
    ) -> t.Iterator[Problem]:
        """Compare what was served with the declared file, and set C(matches_file)."""
        path = listener.certificate_path
        if not path:
            return
        chains, why_not = self._in_file(path)
        if why_not:
            yield Problem("", "the certificate was not compared: " + why_not)
            return
        from ansible_collections.mailops.bindings.plugins.module_utils._probe.comparison import (
            difference,
        )

        differs = difference(result.chain or [result.der], chains)
        if differs and not result.chain:  # Python 3.9 does not show what is behind the first
            differs = ""
        certificate["matches_file"] = differs == ""
        if differs is None:
            yield Problem(
                ProbeStatus.WRONG_CERTIFICATE,
                "serves another certificate than the one in %s: was the file renewed and the "
                "server not reloaded?" % path,
            )
        elif differs:
            yield Problem(
                ProbeStatus.WRONG_CERTIFICATE,
                "the chain differs from the one in %s: %s: was the file changed and the server "
                "not reloaded?" % (path, differs),
            )

    def _dated(self, certificate: Facts) -> t.Iterator[Problem]:
        """Is it valid now, and for how long?"""
        if certificate["days_left"] is None:
            yield Problem("", _UNREAD)
            return
        # as facts have times: text that sorts in the order of time
        now = self._now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if now > certificate["not_after"]:
            date = certificate["not_after"][:10]
            yield Problem(ProbeStatus.EXPIRED, "the certificate expired on " + date)
        elif now < certificate["not_before"]:
            date = certificate["not_before"]
            yield Problem(ProbeStatus.EXPIRED, "the certificate is not valid before " + date)
        elif certificate["days_left"] < self._min_days:
            days = certificate["days_left"]
            yield Problem(ProbeStatus.EXPIRING, "the certificate has %d days left" % days)

    def _in_file(self, path: str) -> tuple[list[list[bytes]], str]:
        """(the chains in the file, why there are none)."""
        if path not in self._files:
            from ansible_collections.mailops.bindings.plugins.module_utils._certificates import (
                parse,
            )

            try:
                self._files[path] = parse.chains_in(path), ""
            except Refused as refused:
                self._files[path] = [], str(refused)
        return self._files[path]


def _facts_of(der: bytes, now: datetime.datetime) -> Facts:
    """The facts of a certificate in DER; only its fingerprint where it can't be read."""
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates import parse

    try:
        return parse.leaf_facts(parse.leaf_of(der), now)
    except Exception:  # pylint: disable=broad-except  # MissingLibrary, or the library's many
        import hashlib

        digest = hashlib.sha256(der).digest()
        return {**parse.NO_FACTS, "fingerprint_sha256": parse.with_colons(digest)}
