# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values between a server and the transaction: what is configured, what would be done. Pure."""

from __future__ import annotations

import enum
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener

#: Every line of ours in a file of others, and every file that is all ours, has this word.
MANAGED_MARK = "mailops.bindings"

#: (address, port)
SocketKey = tuple[str, int]
#: resource -> its content, None for not there. A resource is the path of a file, or what the
#: server calls something else.
State = t.Mapping[str, t.Optional[bytes]]


#: (path of a certificate, path of its private key)
CertificateFiles = tuple[str, str]


class ConfiguredListener(t.NamedTuple):
    """A listener that a server is configured to have."""

    listener: Listener
    where: str  # for people: 'master.cf, line 12', 'inet_listener imaps'
    tls_optional: bool = False  # is TLS only offered, where the model requires it (submission)?


class UnmappedKind(enum.Enum):
    """What a remark is about, so that C(adopt) does not say the same again."""

    OTHER = "other"
    LOOPBACK = "loopback"  # a listener on a loopback address, which is never declared
    CERTIFICATE = "certificate"  # TLS whose certificate or key is in no file


class Unmapped(t.NamedTuple):
    """Configuration that has no place in the model: shown, never dropped in silence."""

    server: str
    where: str
    text: str  # as it stands there
    reason: str
    kind: UnmappedKind = UnmappedKind.OTHER

    def as_result(self) -> dict[str, str]:
        """As results have it."""
        return {
            "server": self.server,
            "where": self.where,
            "text": self.text,
            "reason": self.reason,
        }


class Configured(t.NamedTuple):
    """What a server's files say today."""

    #: Of the model's protocols, on loopback too.
    listeners: tuple[ConfiguredListener, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()
    #: All that the server would bind, of whatever protocol.
    sockets: frozenset[SocketKey] = frozenset()
    #: The bindings config that our parts of the files were written from; '' without such parts.
    config_path: str = ""
    #: Of the server itself, for its plan.
    details: t.Any = None
    #: Without one of these, none of its listeners answers after a restart: files that it opens …
    files_at_start: tuple[str, ...] = ()
    #: … and certificates that it loads.
    certificates_at_start: tuple[CertificateFiles, ...] = ()


class Options(t.NamedTuple):
    """Options of a task that a server's plan depends on, beside the listeners."""

    config_path: str = "/etc/mail-bindings/bindings.json"
    keep_loopback: bool = True


class Plan(t.NamedTuple):
    """What a server would do, or why it can't.

    C(steps) are the states on the way, each put and activated before the next: one, or none if
    nothing changes. A state has only the resources that differ from those before it. C(back) are
    the states on the way back from wherever the transaction stopped; the last of them is what is
    there now, for every resource of C(steps).
    """

    refusals: tuple[str, ...] = ()  # whole messages with their remedies
    steps: tuple[State, ...] = ()
    back: tuple[State, ...] = ()
    activation: str = "none"  # none, reload or restart: what the steps need
    #: Why a reload or restart also ends sessions on listeners that stay; '' if it does not.
    ends_sessions: str = ""
    listeners: tuple[ConfiguredListener, ...] = ()  # as Configured.listeners, afterwards
    sockets: frozenset[SocketKey] = frozenset()  # as Configured.sockets, afterwards
    #: resource -> (before, after): our lines and those that they replace, for the diff.
    shown: t.Mapping[str, tuple[str, str]] = {}
    warnings: tuple[str, ...] = ()  # whole messages: what a user has to know of this, in any case
