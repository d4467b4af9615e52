# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was before a transaction, on disk, so that it can be put back: also by the next run, if this one is killed.

A journal is one file that exists from before the first change until all is done or undone. Beside every file that is
replaced lies a second name of the original (a hard link): putting it back takes no room on a full disk, and gives back
owner, mode, times and inode too.
"""

from __future__ import annotations

import base64
import contextlib
import errno
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
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK

FOLDER = "/var/lib/mail-bindings"
PATH = FOLDER + "/journal.json"
VERSION = 1

_NO_LINKS = (
    errno.EPERM,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
)  # a file system without hard links, or a file without more of them


class Entry(t.NamedTuple):
    """What one server is taken through. States map resources to bytes, None for not there, as in C(base.Plan)."""

    server: str  # '' for the bindings config
    steps: tuple
    back: tuple
    running: bool = False  # was it, and is it to follow its files?
    sockets: frozenset = frozenset()  # what it listened on before, by its files
    added: frozenset = frozenset()  # what it was not to listen on before
    activation: str = "none"
    folder: str = ""  # that was made for the file

    def before(self, resource: str) -> t.Optional[bytes]:
        """What the resource was."""
        return self.back[-1][resource]

    def resources(self) -> list:
        """All that is written, in the order of writing."""
        return list(dict.fromkeys(resource for state in self.steps for resource in state))

    def ours(self, resource: str) -> list:
        """All that the resource may be without anybody else's doing."""
        return [state[resource] for state in (*self.steps, *self.back) if resource in state]

    def only(self, resources: t.Container[str]) -> Entry:
        """The part of it that is about these resources."""

        def part(states):
            parts = [
                {resource: content for resource, content in state.items() if resource in resources}
                for state in states
            ]
            return tuple(filter(None, parts))

        return self._replace(steps=part(self.steps), back=part(self.back))


def begin(entries: t.Sequence[Entry], started: str) -> None:
    """Write down what is about to be done, and give every original its second name. Raises Refused; C(end) then takes away what there is."""
    document = {
        "version": VERSION,
        "started": started,
        "entries": [_as_json(entry) for entry in entries],
    }
    writing = PATH
    try:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        ReplacedFile(PATH).replace(json.dumps(document).encode(), (0, 0, 0o600))
        for entry in entries:
            for resource in filter(_is_file, entry.resources()):
                writing = _second_name(resource)
                _keep(resource, writing)
    except OSError as error:
        raise Refused(
            "%s, where the original is kept until all is done, can't be written: %s"
            % (writing, error.strerror)
            if writing != PATH
            else "the journal %s can't be written: %s" % (PATH, error.strerror)
        ) from None


def end(entries: t.Sequence[Entry]) -> None:
    """All is done or undone: forget it. Raises OSError where that can't be; once the journal is gone, originals are only litter."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(PATH)
        sync_folder(FOLDER)
    ReplacedFile(PATH).discard()
    for entry in entries:
        for resource in filter(_is_file, entry.resources()):
            target = os.path.realpath(resource)
            with contextlib.suppress(OSError):
                os.unlink(_second_name(resource))
            ReplacedFile(target).discard()
            if is_unit(resource):
                with contextlib.suppress(OSError):  # there may be files of others
                    os.rmdir(os.path.dirname(target))


def lock(resource: str):
    """Hold the lock of the bindings config, as a context: not only transactions write it."""
    if not os.path.isdir(os.path.dirname(os.path.realpath(resource))):
        return contextlib.nullcontext()  # it never came to be
    return ReplacedFile(os.path.realpath(resource)).lock()


def remove_folders(entries: t.Sequence[Entry]) -> None:
    """Remove the folders that were made, unless there is something in them."""
    for entry in entries:
        if entry.folder:
            with contextlib.suppress(OSError):
                os.rmdir(entry.folder)


def pending() -> t.Optional[dict]:
    """The journal of a run that did not end: C({started, entries}); None if there is none. Raises Refused where it can't be read."""
    content = read_file(PATH)
    if content is None:
        return None
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise Refused(
                "%s was written by another version of %s: let that version put things right"
                % (PATH, MANAGED_MARK)
            )
        return {
            "started": document["started"],
            "entries": [_from_json(entry) for entry in document["entries"]],
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(
            "%s, the journal of an earlier run, can't be read: look at what it says was replaced, then remove it"
            % PATH
        ) from None


def put_back(server: Server, resource: str, content: t.Optional[bytes], last: bool) -> None:
    """Make the resource be this again; C(last): for good, by the original itself where it has its second name. Raises OSError, Failed, Refused."""
    second = _second_name(resource)
    if last and _is_file(resource) and content is not None and read_file(second) == content:
        os.rename(
            second, os.path.realpath(resource)
        )  # one file of two names: nothing happens, and that is right
        server.written(resource)
    elif server.get(resource) != content:
        server.put(resource, content)


def _keep(resource: str, second: str) -> None:
    target = os.path.realpath(resource)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(second)  # litter
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


def _is_file(resource: str) -> bool:
    return resource.startswith("/")


def _as_json(entry: Entry) -> dict:
    def encoded(state):
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


def _from_json(document: dict) -> Entry:
    def decoded(state):
        return {
            resource: None if text is None else base64.b64decode(text)
            for resource, text in state.items()
        }

    def sockets(pairs):
        return frozenset((address, port) for address, port in pairs)

    return Entry(
        **{
            **document,
            "steps": tuple(map(decoded, document["steps"])),
            "back": tuple(map(decoded, document["back"])),
            "sockets": sockets(document["sockets"]),
            "added": sockets(document["added"]),
        }
    )
