# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The original state, kept on disk during a transaction: for a rollback, also by a later run.

The journal is one file that exists from before the first change until all is done or undone.
Beside every file that is replaced lies a second name of the original (a hard link): restoring it
needs no room on a full disk, and restores owner, mode, times and inode too.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
import shutil
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
    ReplacedFile,
    sync_folder,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import read_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    SocketKey,
    State,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import lock as location

VERSION = 2

#: A file system without hard links, or a file that can't have more of them.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

_ACTIVATIONS = ("none", "reload", "restart", "start")

Json = dict[str, t.Any]


class JournalEntry(t.NamedTuple):
    """What one server is taken through, and how to undo it; states as in C(plans.Plan)."""

    server: str  # '' for the bindings config
    steps: tuple[State, ...]
    back: tuple[State, ...]
    running: bool = False  # did it run, and does it have to follow its files?
    sockets: frozenset[SocketKey] = frozenset()  # that it had before, by its files
    added: frozenset[SocketKey] = frozenset()  # that it had not before
    activation: str = "none"
    folder: str = ""  # that was made for the file

    def before(self, resource: str) -> t.Optional[bytes]:
        """The resource's original content."""
        return self.back[-1][resource]

    def resources(self) -> list[str]:
        """All that is written, in the order of writing."""
        return list(dict.fromkeys(resource for state in self.steps for resource in state))

    def contents(self, resource: str) -> list[t.Optional[bytes]]:
        """All contents that the resource can have by our doing alone."""
        return [state[resource] for state in (*self.steps, *self.back) if resource in state]

    def only(self, resources: t.Container[str]) -> JournalEntry:
        """The part of it that is about these resources."""

        def part(states: tuple[State, ...]) -> tuple[State, ...]:
            parts = [
                {resource: content for resource, content in state.items() if resource in resources}
                for state in states
            ]
            return tuple(filter(None, parts))

        return self._replace(steps=part(self.steps), back=part(self.back))


class Journal(t.NamedTuple):
    """What an interrupted run wrote down."""

    started: str  # ISO 8601, in UTC
    entries: list[JournalEntry]


def begin(entries: t.Sequence[JournalEntry], started: str) -> None:
    """Write down what is about to be done, and give every original its second name.

    Raises Refused; C(end) then removes what there is.
    """
    path = location.journal_path()
    document: Json = {
        "version": VERSION,
        "started": started,
        "entries": [_as_json(entry) for entry in entries],
    }
    document["checksum"] = _checksum(document)
    try:
        os.makedirs(location.JOURNAL_FOLDER, mode=0o700, exist_ok=True)
        os.chmod(location.JOURNAL_FOLDER, 0o700)
        ReplacedFile(path).replace(json.dumps(document).encode(), (0, 0, 0o600))
    except OSError as error:
        raise Refused("the journal %s can't be written: %s" % (path, error.strerror)) from None
    for resource in _files(entries):
        second = _second_name(resource)
        try:
            _keep(resource, second)
        except OSError as error:
            raise Refused(
                "%s, where the original is kept until all is done, can't be written: %s"
                % (second, error.strerror)
            ) from None


def end(entries: t.Sequence[JournalEntry]) -> None:
    """Remove the journal, as all is done or undone, and then the second names.

    Raises OSError if the journal can't be removed; without it the second names are only litter.
    """
    path = location.journal_path()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        sync_folder(location.JOURNAL_FOLDER)
    ReplacedFile(path).discard()
    for resource in _files(entries):
        target = os.path.realpath(resource)
        with contextlib.suppress(OSError):
            os.unlink(_second_name(resource))
        ReplacedFile(target).discard()
        if is_unit(resource):
            with contextlib.suppress(OSError):  # the folder may have files of others
                os.rmdir(os.path.dirname(target))


def lock(resource: str) -> t.ContextManager[t.Any]:
    """Hold the lock of the bindings config: not only transactions write it."""
    if not os.path.isdir(os.path.dirname(os.path.realpath(resource))):
        return contextlib.nullcontext()  # it never came to be
    return ReplacedFile(os.path.realpath(resource)).lock()


def remove_folders(entries: t.Iterable[JournalEntry]) -> None:
    """Remove the folders that were made, unless there is something in them."""
    for entry in entries:
        if entry.folder:
            with contextlib.suppress(OSError):
                os.rmdir(entry.folder)


def pending() -> t.Optional[Journal]:
    """The journal of a run that did not end; None if there is none.

    Raises Refused if it can't be read.
    """
    path = location.journal_path()
    content = read_file(path)
    if content is None:
        return None
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise Refused(
                "%s was written by another version of %s: run that version to undo its changes"
                % (path, MANAGED_MARK)
            )
        if document["checksum"] != _checksum(document):
            raise ValueError
        entries = [_from_json(entry) for entry in document["entries"]]
        return Journal(document["started"], entries)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise Refused(
            "%s, the journal of an earlier run, is damaged, and nothing of it is used. Each file "
            "that the run replaced has its original beside it, as .NAME.%s-before: compare and "
            "restore them by hand, restart their servers, then remove the journal"
            % (path, MANAGED_MARK)
        ) from None


def restore(server: Server, resource: str, content: t.Optional[bytes], last: bool) -> None:
    """Give the resource this content again. Raises OSError, Failed, Refused.

    C(last): for good, by the original file itself if it has its second name.
    """
    second = _second_name(resource)
    if last and _is_file(resource) and content is not None and read_file(second) == content:
        # if both names are one file, rename(2) does nothing, which is right
        os.rename(second, os.path.realpath(resource))
        server.written(resource)
    elif server.get(resource) != content:
        server.put(resource, content)


def _keep(resource: str, second: str) -> None:
    target = os.path.realpath(resource)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(second)  # litter of an earlier run
    try:
        os.link(target, second)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(target, second)
        status = os.stat(target)
        os.chown(second, status.st_uid, status.st_gid)


def _second_name(resource: str) -> str:
    folder, name = os.path.split(os.path.realpath(resource))
    return os.path.join(folder, ".%s.%s-before" % (name, MANAGED_MARK))


def _files(entries: t.Iterable[JournalEntry]) -> list[str]:
    return [resource for entry in entries for resource in entry.resources() if _is_file(resource)]


def _is_file(resource: str) -> bool:
    return resource.startswith("/")


def _as_json(entry: JournalEntry) -> Json:
    def encoded(state: State) -> Json:
        return {
            resource: None if content is None else base64.b64encode(content).decode()
            for resource, content in state.items()
        }

    return {
        **entry._asdict(),
        "steps": list(map(encoded, entry.steps)),
        "back": list(map(encoded, entry.back)),
        "sockets": sorted(entry.sockets),
        "added": sorted(entry.added),
    }


def _checksum(document: Json) -> str:
    """Of all that the journal says. Raises ValueError, TypeError for what can't be one."""
    content = {key: value for key, value in document.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _from_json(document: Json) -> JournalEntry:
    """Raises ValueError, and others, for what is not an entry: it is written over files."""
    entry = JournalEntry(
        **{
            **document,
            "steps": tuple(map(_state, document["steps"])),
            "back": tuple(map(_state, document["back"])),
            "sockets": _sockets(document["sockets"]),
            "added": _sockets(document["added"]),
        }
    )
    kinds = (
        (str, (entry.server, entry.activation, entry.folder)),
        (bool, (entry.running,)),
    )
    if not all(isinstance(value, kind) for kind, values in kinds for value in values):
        raise ValueError
    if entry.activation not in _ACTIVATIONS or not all(
        resource in entry.back[-1] for resource in entry.resources()
    ):
        raise ValueError
    return entry


def _state(state: Json) -> State:
    return {
        resource: None if text is None else base64.b64decode(text, validate=True)
        for resource, text in state.items()
    }


def _sockets(pairs: t.Iterable[t.Any]) -> frozenset[SocketKey]:
    if not all(isinstance(port, int) and isinstance(address, str) for address, port in pairs):
        raise ValueError
    return frozenset((address, port) for address, port in pairs)
