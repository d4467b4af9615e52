# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undoing changes: roll back (this run's) and recover (an earlier run's), by the journal's entries.

Every file gets its original content, and the servers follow it. Never over an edit that others
made since: it is kept, and shown.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import reread_units
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import State
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    journal,
    lock,
    signals,
    wait,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.messages import (
    Edited,
    in_words,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.wait import Expectation

#: Seconds for the old sockets to return by the gentle step, before the server is restarted.
PATIENCE = 3.0
#: Seconds for them after a restart, whose end the server's unit limits: unless it dies.
RESTART_PATIENCE = 30.0
STEP_SECONDS = 1.0  # for a step on the way to have its effect
STABLE_SECONDS = 1.0  # a server that can't bind dies within one


class Follower(t.NamedTuple):
    """A server that has to follow its original files again."""

    entry: journal.JournalEntry
    server: Server
    edited: bool  # others have changed one of its files
    undone: bool  # something of it had to be restored


# -- this run


def roll_back(
    entries: t.Sequence[journal.JournalEntry], servers: t.Mapping[str, Server]
) -> list[str]:
    """Undo these entries, the last one first. What could not be undone, as messages.

    C(servers): by name, those of the entries.
    """
    problems: list[str] = []
    followers = []
    for entry in reversed(entries):
        server = servers.get(entry.server) or Server()  # the bindings config has none
        try:
            edited, undone = _restore_files(entry, server, problems)
            if entry.running and (entry.steps or entry.activation != "none"):
                followers.append(Follower(entry, server, edited, undone))
            elif entry.activation == "start" and server.running():
                server.stop()
        except Exception as error:  # pylint: disable=broad-except  # the other servers go on
            subject = server.title or ", ".join(entry.resources())
            problems.append("%s: %s" % (subject, in_words(error)))
    if any(is_unit(resource) for entry in entries for resource in entry.resources()):
        try:
            reread_units()
        except Refused as refused:
            problems.append(str(refused))
    return problems + _activate_again(followers)


def _restore_files(
    entry: journal.JournalEntry, server: Server, problems: list[str]
) -> tuple[bool, bool]:
    """Give its resources their original content. Adds to C(problems).

    Returns whether others have edited one, and whether there was one to restore.
    """
    edited = _edited(entry, server)
    problems += edited.values()
    ours = [resource for resource in entry.resources() if resource not in edited]
    undone = [resource for resource in ours if server.get(resource) != entry.before(resource)]
    for state in entry.back[:-1]:
        _restore_on_the_way(entry, server, state, undone)
    for state in entry.back[-1:]:
        for resource in ours:
            if resource in state:
                try:
                    journal.restore(server, resource, state[resource], last=True)
                except Exception as error:  # pylint: disable=broad-except  # the others go on
                    problems.append("%s: %s" % (resource, in_words(error)))
    return bool(edited), bool(undone)


def _edited(entry: journal.JournalEntry, server: Server) -> dict[str, str]:
    """The resources that are not as they can be by our doing: name -> message."""
    found = {}
    for resource in entry.resources():
        try:
            current = server.get(resource)
        except Exception as error:  # pylint: disable=broad-except  # whatever it is, it stays
            message = "%s can't be read, and is left as it is: %s"
            found[resource] = message % (resource, in_words(error))
            continue
        if current not in entry.contents(resource):
            written = next(state[resource] for state in reversed(entry.steps) if resource in state)
            edited = Edited(resource, entry.before(resource), written, current)
            found[resource] = edited.message()
    return found


def _restore_on_the_way(
    entry: journal.JournalEntry, server: Server, state: State, undone: t.Container[str]
) -> None:
    """Take a step on the way back, if there is something to undo; one that fails is left out."""
    resources = [resource for resource in state if resource in undone]
    for resource in resources:
        with contextlib.suppress(Exception):  # pylint: disable=broad-except
            journal.restore(server, resource, state[resource], last=False)
    if resources and entry.running and server.running():
        with contextlib.suppress(Exception):  # pylint: disable=broad-except
            wait.wait_for_change(
                server, lambda: server.activate("reload", frozenset()), STEP_SECONDS
            )


def _activate_again(followers: t.Iterable[Follower]) -> list[str]:
    """Make servers follow their original files: by the gentle step, or else by a restart.

    Files that others edit do not say what was before, and may be half done: their server is
    started if it has died, and otherwise left alone. Returns what is wrong in the end.
    """
    followers = [
        follower for follower in followers if not follower.edited or not follower.server.running()
    ]
    if not followers:
        return []
    expected = {follower.server.name: _expected(follower) for follower in followers}
    failures = _activate_gently(followers, expected)
    unmet = wait.wait_until_listening([*expected.values()], PATIENCE, STABLE_SECONDS)
    again = _names(unmet)  # a server that listens as before is not risked, whatever it says
    for follower in followers:
        if not follower.undone and follower.server.name not in again:
            failures.pop(follower.server.name, None)  # all is as before
    for name in again:
        failures.pop(name, None)
        _activate(expected[name], "restart", failures)
    unmet = wait.wait_until_listening(
        [expected[name] for name in again], RESTART_PATIENCE, STABLE_SECONDS
    )
    problems = [*failures.items(), *((found.server.name, problem) for found, problem in unmet)]
    return ["\n".join(texts) for texts in _by_name(problems).values()]


def _activate_gently(
    followers: t.Iterable[Follower], expected: t.Mapping[str, Expectation]
) -> dict[str, str]:
    """Reload, or restart what needs that and does not listen as before; name -> what failed."""
    failures: dict[str, str] = {}
    late = _names(wait.unmet(expected.values()))
    for follower in followers:
        name = follower.server.name
        restart = follower.entry.activation == "restart" and name in late
        _activate(expected[name], "restart" if restart else "reload", failures)
    return failures


def _by_name(problems: t.Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, problem in problems:
        found.setdefault(name, []).append(problem)
    return found


def _names(unmet: wait.Unmet) -> set[str]:
    """The names of the servers of these expectations."""
    return {expectation.server.name for expectation, dummy in unmet}


def _expected(follower: Follower) -> Expectation:
    if follower.edited:
        return Expectation(follower.server, frozenset())
    return Expectation(follower.server, follower.entry.sockets, follower.entry.added)


def _activate(expectation: Expectation, how: str, failures: dict[str, str]) -> None:
    """Reload, restart or start a server; if that fails, its name and why go to C(failures)."""
    server = expectation.server
    try:
        server.activate(how if server.running() else "start", expectation.open)
    except Exception as error:  # pylint: disable=broad-except  # the other servers go on
        failures[server.name] = in_words(error)


# -- an earlier run


def recover(servers: t.Iterable[Server]) -> list[str]:
    """Undo the changes of a run that was interrupted, by its journal. Warnings that say so.

    C(servers): all kinds that this collection has. Raises Refused if not all can be undone, as
    where others have edited a file since.
    """
    found = journal.pending()
    if found is None:
        return []
    by_name = {server.name: server for server in servers}
    entries = [_to_recover(entry, by_name) for entry in found.entries]
    with signals.held(), contextlib.ExitStack() as locks:
        for entry in entries:
            for resource in entry.resources() if not entry.server else ():
                locks.enter_context(journal.lock(resource))
        problems = roll_back(entries, by_name)
        if problems:
            raise Refused(
                "the run of %s was interrupted, and its changes can't all be undone:\n%s\n"
                "Undo these by hand, then remove %s"
                % (
                    found.started,
                    "\n".join("  " + line for line in problems),
                    lock.journal_path(),
                )
            )
        journal.end(entries)
    journal.remove_folders(entries)
    names = ", ".join(resource for entry in entries for resource in entry.resources())
    return [
        "the run of %s was interrupted, and its unfinished changes were undone first: %s"
        % (found.started, names or "no file")
    ]


def _to_recover(
    entry: journal.JournalEntry, servers: t.Mapping[str, Server]
) -> journal.JournalEntry:
    """A server that was started is not stopped, since it may be in use: it follows its files."""
    server = servers.get(entry.server)
    if entry.activation == "start" and server and server.running():
        return entry._replace(running=True)
    return entry
