# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers of this host take part in a transaction, and why."""

from __future__ import annotations

import contextlib
import enum
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers import registry
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    Participant,
    TransactionOptions,
)


class Reason(enum.Enum):
    """Why a server may take part."""

    DECLARED = "listeners of its protocols are declared"
    NAMED = "the option servers names it"
    FORMERLY_DECLARED = "listeners of its protocols were declared, and no longer are"
    MANAGED = "its files may have parts of ours"


#: With these it has to be installed.
_REQUIRED = (Reason.DECLARED, Reason.NAMED)


class Candidate(t.NamedTuple):
    """A server that may take part, as far as that can be told without reading its configuration."""

    server: Server
    desired: list[Listener]
    reason: Reason
    installed: bool

    @property
    def required(self) -> bool:
        """Does it have to be installed?"""
        return self.reason in _REQUIRED


class Selection:
    """Chooses among the servers of one task."""

    def __init__(self, options: TransactionOptions):
        self.options = options
        #: What stays of ours because its server is not installed, as whole messages.
        self.left_over: list[str] = []
        self._stored: t.Sequence[Listener] = ()
        self._latest: t.Optional[tuple[t.Sequence[Listener], list[Candidate]]] = None
        self.servers = [
            server
            for server in registry.all_servers()
            if options.servers is None or server.name in options.servers
        ]

    def set_stored(self, stored: t.Sequence[Listener]) -> None:
        """What the config declares so far: a server may listen for it without parts of ours."""
        self._stored = stored
        self.begin_reading(stored)

    def begin_reading(self, desired: t.Sequence[Listener]) -> None:
        """Have the servers for these listeners start what they will wait for in C(read).

        C(desired) may still be a guess.
        """
        for candidate in self.candidates(desired):
            if candidate.installed:
                candidate.server.begin_reading()

    def read(self, desired: t.Sequence[Listener]) -> tuple[list[Participant], list[str]]:
        """(the servers that take part, with what they are configured with; problems)."""
        participants, problems = [], []
        for candidate in self.candidates(desired):
            try:
                participant = self._read(candidate)
            except Refused as refused:
                problems.append(str(refused))
                continue
            if participant:
                participants.append(participant)
        return participants, problems

    def candidates(self, desired: t.Sequence[Listener]) -> list[Candidate]:
        """The servers that may take part; the others need not be read."""
        if self._latest and self._latest[0] == desired:
            return self._latest[1]
        by_server = self._by_server(desired if self.options.present else ())
        formerly = self._by_server(self._stored if self.options.present else ())
        found = []
        for server in self.servers:
            reason = self._reason(server, by_server[server], formerly[server])
            if reason:
                found.append(Candidate(server, by_server[server], reason, server.installed()))
        self._latest = desired, found
        return found

    def _by_server(self, desired: t.Iterable[Listener]) -> dict[Server, list[Listener]]:
        """server -> the declared listeners that it answers for on this host."""
        found: dict[Server, list[Listener]] = {server: [] for server in self.servers}
        answering: dict[str, t.Optional[Server]] = {}
        for listener in desired:
            protocol = listener.protocol
            if protocol not in answering:
                answering[protocol] = registry.server_for(protocol, self.servers)
            server = answering[protocol]
            if server:
                found[server].append(listener)
        return found

    def _reason(
        self, server: Server, desired: t.Sequence[Listener], formerly: t.Sequence[Listener]
    ) -> t.Optional[Reason]:
        """Why a server may take part; None if it does not."""
        if desired:
            return Reason.DECLARED
        if self.options.servers is not None:
            return Reason.NAMED if self.options.present else Reason.MANAGED
        if formerly:
            return Reason.FORMERLY_DECLARED
        return Reason.MANAGED if _has_managed_parts(server) else None

    def _read(self, candidate: Candidate) -> t.Optional[Participant]:
        """The participant; None if it does not take part after all.

        Raises Refused also for an unreadable server that need not take part but may have parts of
        ours: what was declared there would stay, and no message would say so.
        """
        server, options = candidate.server, self.options
        if not candidate.installed:
            if candidate.required:
                raise Refused(_not_installed(server))
            self.left_over += _left_over(server)
            return None
        configured = server.read()
        if candidate.reason is Reason.MANAGED and not configured.config_path:
            return None
        return Participant(
            server, configured, candidate.desired if options.present else None, options
        )


def _has_managed_parts(server: Server) -> bool:
    """Do its files have parts of ours, as far as they can be read?"""
    return any(map(_is_managed, server.files))


def _is_managed(path: str) -> bool:
    with contextlib.suppress(OSError, NotAFile, TooLarge):
        return MANAGED_MARK.encode() in (read_file(path) or b"")
    return False


def _left_over(server: Server) -> t.Iterator[str]:
    paths = [*filter(_is_managed, server.files)]
    if paths:
        yield (
            "%s: its programs are not found on this host, so what mail_listeners wrote stays in %s "
            "(marked %s): install it and run this again, or remove these parts by hand"
            % (server.title, ", ".join(paths), MANAGED_MARK)
        )


def _not_installed(server: Server) -> str:
    packages = ", ".join(dict.fromkeys(server.packages.values()))
    return (
        "%s is not installed on this host, and is what listens for %s: "
        "install it%s, or declare no such port here"
    ) % (
        server.title,
        " and ".join(server.protocols),
        " (Debian: %s)" % packages if packages else "",
    )
