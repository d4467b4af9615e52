# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: every file as it was, and the servers following it. Never over what somebody has changed since."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.fault import fault
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import NotAFile, TooLarge
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import reread_units
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import journal, signals
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import wait as watch
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.wait import Goal

PATIENCE = (
    3.0  # seconds for the old sockets to be back by the gentle step, before the server is restarted
)
STEP_SECONDS = 1.0  # for a step on the way to have its effect
STABLE_SECONDS = 1.0  # a server that can't bind dies within one
MAX_SHOWN_LINES = 40
MAX_COMPLAINTS = 10


def go_back(entries: t.Sequence[journal.Entry], servers: t.Mapping) -> list:
    """Take every server back to how it was, the last one first. What could not be put back, as messages."""
    left: list = []
    followers = []
    for entry in reversed(entries):
        server = servers.get(entry.server) or Server()
        try:
            foreign = _files_back(entry, server, left)
            if entry.running and (entry.steps or entry.activation != "none"):
                followers.append((entry, server, foreign))
            elif entry.activation == "start" and server.running():
                server.stop()
        except Exception as error:  # pylint: disable=broad-except  # one server's trouble does not keep the others from coming back
            left.append("%s: %s" % (server.title or ", ".join(entry.resources()), in_words(error)))
    if any(is_unit(resource) for entry in entries for resource in entry.resources()):
        try:
            reread_units()
        except Refused as refused:
            left.append(str(refused))
    return left + _answering_again(followers)


def _files_back(entry: journal.Entry, server: Server, left: list) -> bool:
    """Put its files back, and tell C(left) what could not be. Has somebody else changed one?"""
    foreign = {}
    for resource in entry.resources():
        try:
            now = server.get(resource)
        except Exception as error:  # pylint: disable=broad-except
            foreign[resource] = "%s can't be read, and is left as it is: %s" % (
                resource,
                in_words(error),
            )
            continue
        if now not in entry.ours(resource):
            foreign[resource] = _foreign(entry, resource, now)
    left += foreign.values()
    ours = [resource for resource in entry.resources() if resource not in foreign]
    undone = [resource for resource in ours if server.get(resource) != entry.before(resource)]
    for state in entry.back:
        last = state is entry.back[-1]
        on_the_way = [resource for resource in state if resource in (ours if last else undone)]
        for resource in on_the_way:
            try:
                journal.put_back(server, resource, state[resource], last)
            except Exception as error:  # pylint: disable=broad-except
                if last:  # a step on the way that can't be taken is left out
                    left.append("%s: %s" % (resource, in_words(error)))
        if on_the_way and not last and entry.running and server.running():
            with contextlib.suppress(Exception):  # pylint: disable=broad-except
                watch.changing(server, lambda: server.activate("reload", frozenset()), STEP_SECONDS)
    return bool(foreign)


def _answering_again(followers: t.Sequence[tuple]) -> list:
    """Make the old files count: by the gentle step, and by a restart where that does not do. What is wrong after all."""
    # where somebody is at work on its files, they do not say what was before: such a server is started if it has died, and not told more
    followers = [
        (entry, server, foreign)
        for entry, server, foreign in followers
        if not foreign or not server.running()
    ]
    if not followers:
        return []
    goals = {
        server.name: Goal(
            server, *((frozenset(), frozenset()) if foreign else (entry.sockets, entry.added))
        )
        for entry, server, foreign in followers
    }
    troubles: dict = {}

    def told(server: Server, how: str) -> None:
        troubles.pop(server.name, None)
        try:
            server.activate(how if server.running() else "start", goals[server.name].there)
        except Exception as error:  # pylint: disable=broad-except
            troubles[server.name] = in_words(error)

    for entry, server, ignored in followers:
        told(server, entry.activation if entry.activation == "restart" else "reload")
    fine = [goal for name, goal in goals.items() if name not in troubles]
    again = {
        goal.server.name
        for goal, ignored in watch.wait_until_listening(fine, PATIENCE, STABLE_SECONDS)
    } | set(troubles)
    if not again:
        return []
    for name in again:
        told(goals[name].server, "restart")
    problems = dict(
        watch.wait_until_listening([goals[name] for name in again], PATIENCE, STABLE_SECONDS)
    )
    return [
        "\n".join(filter(None, (troubles.get(goal.server.name), problem)))
        for goal, problem in problems.items()
    ]


# -- what a run left that did not come to its end


def recover(servers: t.Callable[[], list]) -> list:
    """Put right what an earlier run was killed over. Warnings that say so. Raises Refused where somebody has changed things since."""
    found = journal.pending()
    if found is None:
        return []
    known = {server.name: server for server in servers()}
    # one that was started is not stopped: by now somebody may count on it. It is to follow the old files
    entries = [
        entry._replace(running=True)
        if entry.activation == "start" and known[entry.server].running()
        else entry
        for entry in found["entries"]
    ]
    with signals.held(), contextlib.ExitStack() as locks:
        for entry in entries:
            for resource in entry.resources() if not entry.server else ():
                locks.enter_context(journal.lock(resource))
        left = go_back(entries, known)
        if left:
            raise Refused(
                "the run of %s was interrupted, and what it left can't be put back:\n%s\nPut these right by hand, then remove %s"
                % (found["started"], "\n".join("  " + line for line in left), journal.PATH)
            )
        journal.end(entries)
    journal.remove_folders(entries)
    names = ", ".join(resource for entry in entries for resource in entry.resources()) or "no file"
    return [
        "the run of %s was interrupted; what it had done was put back first: %s"
        % (found["started"], names)
    ]


# -- in words


def in_words(reason: BaseException) -> str:
    """What went wrong, for a user."""
    if isinstance(reason, OSError):
        return (
            "%s: %s" % (reason.filename, reason.strerror)
            if reason.filename
            else str(reason.strerror or reason)
        )
    if isinstance(reason, NotAFile):
        return "it is %s" % reason
    if isinstance(reason, TooLarge):
        return "it has %d bytes, and is none of a mail server's files" % reason.size
    if isinstance(reason, (Failed, Refused, signals.Interrupted)):
        return str(reason)
    return fault(reason)


def complaints(lines: t.Iterable[str]) -> list:
    """What of a server's log is worth telling: the last ten lines that complain, each once, whatever process it is about."""
    words = ("fatal", "error", "panic", "warning", "failed", "invalid", "cannot", "can't")
    found: dict = {}
    for line in lines:
        # that it was told to reload, Dovecot takes for worth a warning
        if any(word in line.lower() for word in words) and "SIGHUP received" not in line:
            found.setdefault(re.sub(r"\bpid \d+", "pid", line), line)
    return list(found.values())[-MAX_COMPLAINTS:]


def _foreign(entry: journal.Entry, resource: str, now: t.Optional[bytes]) -> str:
    """Somebody has changed what we wrote: it is theirs now. What was, what we wrote, what is there."""
    import difflib

    def lines(content):
        return (content or b"").decode(errors="replace").splitlines()

    def difference(before, after, *names):
        shown = list(difflib.unified_diff(lines(before), lines(after), *names, lineterm="", n=0))
        if len(shown) > MAX_SHOWN_LINES:
            shown[MAX_SHOWN_LINES:] = ["… and %d lines more" % (len(shown) - MAX_SHOWN_LINES)]
        return shown

    ours = next(state[resource] for state in reversed(entry.steps) if resource in state)
    shown = difference(ours, now, "as we wrote it", "as it is" if now is not None else "it is gone")
    shown += difference(entry.before(resource), ours, "as it was", "as we wrote it")
    return "%s was changed by somebody else meanwhile, and is left as it is:\n%s" % (
        resource,
        "\n".join("    " + without_secrets(line) for line in shown),
    )


def without_secrets(line: str) -> str:
    """A line of a server's file as it may be shown: nothing of it after a word that speaks of a secret, and no password in a URL."""
    line = re.sub(
        r"(?i)((?:pass|pwd|pw\b|secret|credential|token|private key|rootpw)[^=:\s]*\s*[=:\s]).*",
        r"\1 ********",
        line,
    )
    return re.sub(r"(://[^/\s:@]*:)[^/\s@]+@", r"\1********@", line)
