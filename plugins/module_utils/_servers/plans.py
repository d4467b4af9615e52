# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that go between a server and the transaction: what is configured, and what would be done. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener

#: Every line that we write in a file of somebody else's, and every file that is all ours, has this word.
MANAGED_MARK = "mailops.bindings"


class ConfiguredListener(t.NamedTuple):
    """A listener that a server is configured to have."""

    listener: Listener
    where: str  # for people: 'master.cf, line 12', 'inet_listener imaps'


class Unmapped(t.NamedTuple):
    """What a server is configured with that has no place in the model: shown, never dropped in silence."""

    server: str
    where: str
    text: str  # as it stands there
    reason: str


class Configured(t.NamedTuple):
    """What a server's files say today."""

    listeners: tuple = ()  # of ConfiguredListener: the five protocols', loopback's too
    unmapped: tuple = ()  # of Unmapped
    sockets: frozenset = (
        frozenset()
    )  # of (address, port): all that the server would bind, of whatever protocol
    config_path: str = ""  # the bindings config that our parts of the files were written from; '' where there are none of ours
    details: t.Any = None  # the server's own business, for its render


class Options(t.NamedTuple):
    """What a task says of how, beside what."""

    config_path: str = "/etc/mail-bindings/bindings.json"
    keep_loopback: bool = True


class Plan(t.NamedTuple):
    """What a server would do. A state maps resources (paths of files, or what the server calls so) to bytes; C(None): not there.

    C(steps) are the states on the way, each put and activated before the next: a single one, or none if nothing changes. Only
    resources that differ from those before are in a state. C(back) are the states on the way back from wherever the
    transaction stopped; the last of them is what is there now, for every resource of C(steps).
    """

    refusals: tuple[str, ...] = ()  # why it can't be done, as whole messages with their remedies
    steps: tuple = ()
    back: tuple = ()
    activation: str = "none"  # none, reload or restart: what the steps need
    ends_sessions: str = ""  # why a reload or restart ends the sessions on listeners that stay as well; '' if it does not
    listeners: tuple = ()  # of ConfiguredListener: as Configured.listeners, afterwards
    sockets: frozenset = frozenset()  # as Configured.sockets, afterwards
    shown: t.Mapping = {}  # resource -> (before, after): our lines and those that they replace, as text, for the diff
