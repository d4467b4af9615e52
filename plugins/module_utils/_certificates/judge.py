# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this certificate one that a mail server can serve, and that its clients accept?

Judges the server's own certificate: the first of a chain.
"""

from __future__ import annotations

import datetime
import stat
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.findings import (
    CHECKS,
    Checked,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    NO_FACTS,
    Key,
    certificate_in,
    key_in,
    leaf_facts,
    pkcs12,
    public_bytes,
    require_library,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import (
    Finding,
    Source,
    Unusable,
    content_of,
    is_pkcs12,
    pem_certificates,
    pem_key,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    MissingLibrary,
    Port,
)

if t.TYPE_CHECKING:
    from cryptography import x509


# -- one certificate


class Certificate:
    """One certificate as a port would serve it.

    C(leaf) is None where it can't be read; C(key_matches) is None where it or the key can't.
    Raises MissingLibrary.
    """

    def __init__(self, source: Source, now: datetime.datetime):
        require_library()
        self.source, self.now = source, now
        self.leaf: t.Optional[x509.Certificate] = None
        self.key_matches: t.Optional[bool] = None
        self._findings: list[Finding] = []
        try:
            self._read()
        except Unusable as unusable:
            self._findings.append(unusable.finding)

    def findings(self, min_days: int = 0, hostnames: t.Iterable[str] = ()) -> list[Finding]:
        """All that is wrong with it, for a server that is reached by these names."""
        found = list(self._findings)
        if self.leaf is not None:
            checked = Checked(self.leaf, self.now, min_days, tuple(hostnames))
            for check in CHECKS:
                for problem in check(checked):
                    message = "%s %s" % (self.source.path, problem)
                    found.append(Finding("certificate_path", message))
        return found

    def facts(self) -> dict[str, t.Any]:
        """The certificate as results show it."""
        facts = NO_FACTS if self.leaf is None else leaf_facts(self.leaf, self.now)
        return {"path": self.source.path, **facts, "key_matches": self.key_matches}

    def _read(self) -> None:
        path, key_path, password = self.source
        content, mode = content_of(path, "certificate_path")
        key = None
        if is_pkcs12(content):
            self.leaf, key = pkcs12(path, content, password)
        else:
            self.leaf = certificate_in(path, content)
        if key_path and key_path != path:
            key_content, mode = content_of(key_path, "private_key_path")
            key = key_in(key_path, key_content, password, "private_key_path")
        elif key is None:
            if not pem_key(content):
                raise Unusable(
                    "private_key_path",
                    "%s has no private key in it: name the key's file in private_key_path" % path,
                )
            key = key_in(path, content, password, "certificate_path")
        if mode & stat.S_IROTH:
            self._blame_key(
                "can be read by every user of the host: run chmod o= on it and treat the key as "
                "compromised"
            )
        self.key_matches = public_bytes(key) == public_bytes(self.leaf)
        if not self.key_matches:
            why = _why_no_match(path, content, key)
            self._blame_key("does not match the certificate in %s: %s" % (path, why))

    def _blame_key(self, problem: str) -> None:
        path, key_path, dummy = self.source
        option = "private_key_path" if key_path else "certificate_path"
        message = "the private key in %s %s" % (key_path or path, problem)
        self._findings.append(Finding(option, message))


def _why_no_match(path: str, content: bytes, key: Key) -> str:
    """What to do about a key that is not the first certificate's."""
    later = (certificate_in(path, block) for block in pem_certificates(content)[1:])
    if any(public_bytes(certificate) == public_bytes(key) for certificate in later):
        return (
            "the key belongs to a later certificate of the chain: the server's own must come first"
        )
    return "name the key that it was issued for, or issue it again"


# -- the certificates of a task


class Judged(t.NamedTuple):
    """The certificates of a task: as results have them, what stops it, what it warns of."""

    certificates: list[dict[str, t.Any]]
    problems: list[str]
    warnings: list[str]


Beside = t.Mapping[str, t.Mapping[str, t.Any]]


def judge(
    current: Bindings,
    desired: Bindings,
    labels: t.Mapping[str, str],
    beside: Beside,
    min_days: int,
    now: datetime.datetime,
) -> Judged:
    """Judge the certificates of the ports in C(labels): name -> path of its entry, for messages.

    C(beside): what the task says of a port's certificate beside the document (password, names).
    Problems stop the task for the ports that it creates or changes; for the others they are
    warnings: one expired file must not hold up an urgent change elsewhere. Raises MissingLibrary.
    """
    changed = {name for name in labels if current.ports.get(name) != desired.ports[name]}
    try:
        require_library()
    except MissingLibrary as missing:
        if changed:
            raise
        return Judged([], [], [str(missing)])
    judged = Judged([], [], [])
    reached_by = _hostnames_of_ports(desired)
    readings: dict[Source, _Reading] = {}  # each source is read once
    warned: dict[str, list[str]] = {}  # message -> the unchanged ports that it is about
    for name, label in labels.items():
        given = beside.get(name, {})
        source = _source(desired.ports[name], given)
        if source not in readings:
            readings[source] = _Reading(Certificate(source, now))
        hostnames = {*reached_by.get(name, ()), *(given.get("certificate_hostnames") or ())}
        for finding in readings[source].findings(min_days, sorted(hostnames)):
            if name in changed:
                judged.problems.append("%s%s: %s" % (label, finding.option, finding.message))
            elif finding.option != "certificate_password" or source.password is not None:
                # a task that leaves a port alone need not know its password
                warned.setdefault(finding.message, []).append(name)
    judged.certificates.extend(reading.facts for reading in readings.values())
    judged.warnings.extend("port %s: %s" % (", ".join(warned[text]), text) for text in warned)
    return judged


class _Reading:
    """A certificate that several ports may serve, and its facts with all their problems."""

    def __init__(self, certificate: Certificate):
        self._certificate = certificate
        self.facts: dict[str, t.Any] = {**certificate.facts(), "problems": []}

    def findings(self, min_days: int, hostnames: t.Iterable[str]) -> list[Finding]:
        found = self._certificate.findings(min_days, hostnames)
        problems = self.facts["problems"]
        for finding in found:
            if finding.message not in problems:
                problems.append(finding.message)
        return found


def _source(port: Port, given: t.Mapping[str, t.Any]) -> Source:
    return Source(port.certificate_path, port.private_key_path, given.get("certificate_password"))


def _hostnames_of_ports(bindings: Bindings) -> dict[str, set[str]]:
    """Port name -> the hostnames of the addresses that it is assigned to."""
    found: dict[str, set[str]] = {}
    for binding in bindings.ip_addresses.values():
        for name in binding.ports if binding.hostname else ():
            found.setdefault(name, set()).add(binding.hostname)
    return found
