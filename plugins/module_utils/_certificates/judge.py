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

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.chain import (
    problems as problems_of_chain,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.findings import (
    CHECKS,
    Checked,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.load import (
    load_problem,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    NO_FACTS,
    Key,
    certificate_in,
    key_in,
    leaf_facts,
    others_in,
    pkcs12,
    public_bytes,
    require_library,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import (
    damage,
    scan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import (
    Finding,
    Source,
    Unusable,
    content_of,
    is_pkcs12,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    MissingLibrary,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    every_user_reaches,
)

if t.TYPE_CHECKING:
    from cryptography import x509


_WRONG_KEY = "name the key that it was issued for, or issue it again"
_WRONG_ORDER = (
    "the key belongs to a later certificate of the chain: the server's own must come first"
)


# -- one certificate


class Certificate:
    """One certificate as a port would serve it.

    C(leaf) is None where it can't be read; C(key_matches) is None where it or the key can't.
    Raises MissingLibrary.
    """

    def __init__(self, source: Source, now: datetime.datetime, trust: str = "none"):
        """C(trust): as the option certificate_trust has it."""
        require_library()
        self.source, self.now = source, now
        self.leaf: t.Optional[x509.Certificate] = None
        self.others: list[x509.Certificate] = []  # of its chain, behind it
        self.key_matches: t.Optional[bool] = None
        self.load_problem = ""  # why OpenSSL can't load the two; '' also where they are not PEM
        self._key_is_pem = self._is_loadable = False
        self._trust = trust
        self._is_misplaced = False  # the first certificate of the file is not the server's own
        self._findings: list[Finding] = []
        try:
            self._read()
        except Unusable as unusable:
            self._findings.append(unusable.finding)

    def findings(self, min_days: int = 0, hostnames: t.Iterable[str] = ()) -> list[Finding]:
        """All that is wrong with it, for a server that is reached by these names."""
        found = list(self._findings)
        if self.leaf is not None and not self._is_misplaced:
            checked = Checked(self.leaf, self.now, min_days, tuple(hostnames))
            found += map(self._problem, _problems_of_leaf(checked))
            if self.key_matches is not False:  # else it is another chain that is meant
                chain = [self.leaf, *self.others]
                found += map(self._problem, problems_of_chain(chain, self.now))
        if self._is_loadable and self._trust != "none":
            from ansible_collections.mailops.bindings.plugins.module_utils._certificates import (
                trust,
            )

            problem = trust.untrusted(self.source, self._trust, not found)
            found += [self._problem(problem)] if problem else []
        return found

    def facts(self) -> dict[str, t.Any]:
        """The certificate as results show it."""
        facts = NO_FACTS if self.leaf is None else leaf_facts(self.leaf, self.now)
        return {"path": self.source.path, **facts, "key_matches": self.key_matches}

    def _read(self) -> None:
        path, dummy, password = self.source
        content, mode = content_of(path, "certificate_path")
        key = None
        if is_pkcs12(content):
            self.leaf, key = pkcs12(path, content, password)
        else:
            self.leaf = certificate_in(path, content)
        if key is None or self._key_is_apart:
            key, mode = self._read_key(content, mode)
        self._judge_mode(mode)
        self.key_matches = public_bytes(key) == public_bytes(self.leaf)
        if self.key_matches and scan(content).certificates and self._key_is_pem:
            self.load_problem = load_problem(path, self._key_path, password)
            self._is_loadable = not self.load_problem
        self.others = others_in(path, content)
        if not self.key_matches:
            self._blame_other_key(key)
        elif self.load_problem:
            raise Unusable("certificate_path", self.load_problem)

    @property
    def _key_path(self) -> str:
        return self.source.key_path or self.source.path

    @property
    def _key_is_apart(self) -> bool:
        return self._key_path != self.source.path

    def _read_key(self, content: bytes, mode: int) -> tuple[Key, int]:
        """(the private key, the mode of its file). C(content), C(mode): the certificate's."""
        path, dummy, password = self.source
        option = "certificate_path"
        if self._key_is_apart:
            option = "private_key_path"
            content, mode = content_of(self._key_path, option)
        elif not scan(content).key and not damage(content):
            raise Unusable(
                "private_key_path",
                "%s has no private key in it: name the key's file in private_key_path" % path,
            )
        self._key_is_pem = scan(content).key is not None
        return key_in(self._key_path, content, password, option), mode

    def _judge_mode(self, mode: int) -> None:
        if mode & stat.S_IROTH and every_user_reaches(self._key_path):
            self._blame_key(
                "can be read by every user of the host: run chmod o= on it and treat the key as "
                "compromised"
            )

    def _blame_other_key(self, key: Key) -> None:
        """The key is not the certificate's."""
        self._is_misplaced = any(
            public_bytes(key) == public_bytes(certificate) for certificate in self.others
        )
        self._blame_key(
            "does not match the certificate in %s: %s"
            % (self.source.path, _WRONG_ORDER if self._is_misplaced else _WRONG_KEY)
        )

    def _problem(self, problem: str) -> Finding:
        return Finding("certificate_path", "%s %s" % (self.source.path, problem))

    def _blame_key(self, problem: str) -> None:
        option = "private_key_path" if self.source.key_path else "certificate_path"
        message = "the private key in %s %s" % (self._key_path, problem)
        self._findings.append(Finding(option, message))


def _problems_of_leaf(checked: Checked) -> t.Iterator[str]:
    for check in CHECKS:
        yield from filter(None, check(checked))


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
    trust: str = "none",
) -> Judged:
    """Judge the certificates of the ports in C(labels): name -> path of its entry, for messages.

    C(beside): what the task says of a port's certificate beside the document (password, names).
    Problems stop the task for the ports that it creates or changes, others only get warnings: one
    expired file must not hold up an urgent change elsewhere. Raises MissingLibrary.
    """
    changed = {name for name in labels if current.ports.get(name) != desired.ports[name]}
    try:
        require_library()
    except MissingLibrary as missing:
        if changed:
            raise
        return Judged([], [], [str(missing)])
    judged, reached_by = Judged([], [], []), _hostnames_of_ports(desired)
    readings: dict[Source, _Reading] = {}  # each source is read once
    warned: dict[str, list[str]] = {}  # message -> the unchanged ports that it is about
    for name, label in labels.items():
        given = beside.get(name, {})
        source = _source(desired.ports[name], given)
        if source not in readings:
            readings[source] = _Reading(Certificate(source, now, trust))
        hostnames = reached_by.get(name, set()).union(given.get("certificate_hostnames") or ())
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
