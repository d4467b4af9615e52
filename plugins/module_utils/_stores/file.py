# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings config as a JSON file: read whole, replaced whole."""

from __future__ import annotations

import json
import os
import stat
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils import _model, _rules
from ansible_collections.mailops.bindings.plugins.module_utils._files import NotAFile, TooLarge, as_whom, group_name, read_regular_file, user_name
from ansible_collections.mailops.bindings.plugins.module_utils._model import Bindings, Refused
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Fitting, InvalidConfig, Stored

MAX_BYTES = 64 * 1024 * 1024  # a million assignments have 20 MB
NEW_FILE_MODE = 0o640


class Revision(t.NamedTuple):
    """The file as it was read."""

    content: bytes
    uid: int
    gid: int
    mode: int


class FileStore:
    """One config file. C(attributes(mode) -> (uid, gid, mode)) says what owner, group and mode the task asks for, None for as it is."""

    local = True

    def __init__(self, path: str, attributes: t.Callable = lambda mode: (None, None, None), backup: bool = False):
        if not os.path.isabs(path) or path.endswith("/") or "\0" in path:
            raise Refused("config_path: %s must be the absolute path of a file" % _model.shown(path))
        self.path = path
        self.target = os.path.realpath(path)  # symbolic links are followed: the link stays, what it points to is replaced
        self._attributes = attributes
        self._backup = backup

    # -- reading

    def load(self, whole: bool = True) -> Stored:
        """The file's bindings, none where there is no file."""
        revision = self._read()
        if revision is None:
            return Stored(_model.EMPTY)
        try:
            return Stored(_rules.read(self._parse(revision.content)), revision)
        except Refused as why:  # also where the library that could say more is missing
            raise InvalidConfig(
                "%s is not a valid bindings config, and was left as it is:\n%s\n"
                "Mend the file, or replace it whole: mail_bindings with exclusive: true and replace_invalid: true keeps the broken file as a backup."
                % (self.path, _indented(str(why))),
                Stored(_model.EMPTY, revision, str(why)),
            ) from None

    def _read(self) -> t.Optional[Revision]:
        try:
            content, status = read_regular_file(self.target, MAX_BYTES)
        except FileNotFoundError:
            if os.path.islink(self.path):
                raise Refused("%s is a symbolic link to %s, which does not exist: make that file, or remove the link" % (self.path, self.target)) from None
            return None
        except OSError as error:
            raise Refused("%s can't be read: %s%s" % (self.path, error.strerror, as_whom(error))) from None
        except NotAFile as what:
            raise Refused("%s is %s: config_path names the config file itself" % (self.path, what)) from None
        except TooLarge as large:
            raise Refused("%s has %d bytes: that is no bindings config" % (self.path, large.size)) from None
        return Revision(content, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))

    def _parse(self, content: bytes):
        if not content.strip():
            raise Refused("the file is empty")
        twice: list = []
        try:
            document = json.loads(content.decode("utf-8"), object_pairs_hook=lambda pairs: _object(pairs, twice), parse_constant=_no_constant)
        except UnicodeDecodeError as error:
            raise Refused("byte %d is not UTF-8" % (error.start + 1)) from None
        except json.JSONDecodeError as error:
            raise Refused("line %d, column %d: not JSON: %s" % (error.lineno, error.colno, error.msg)) from None
        except RecursionError:
            raise Refused("not JSON that a config could be: nested too deeply") from None
        except ValueError as error:
            raise Refused("not JSON: %s" % error) from None
        if twice:
            raise Refused("\n".join(_paths_of(twice, document, "")))
        return document

    # -- what it can't hold

    def cannot_listen(self, stored: Stored, address: str, floating: bool) -> str:
        """Why no server of this host could listen on this address now; '' if one can."""
        from ansible_collections.mailops.bindings.plugins.module_utils._host import cannot_listen

        return cannot_listen(address, floating)

    def fit(self, stored: Stored, desired: Bindings, declaration: t.Any) -> Fitting:
        """It holds whatever a config can say."""
        return Fitting(desired)

    # -- the file's own owner, group and mode

    def _wanted(self, revision: t.Optional[Revision]) -> tuple:
        """(uid, gid, mode) that the file is to have; -1: as the system makes it."""
        uid, gid, mode = self._attributes(revision.mode if revision else NEW_FILE_MODE)
        had = (revision.uid, revision.gid, revision.mode) if revision else (-1, -1, NEW_FILE_MODE)
        return tuple(old if new is None else new for old, new in zip(had, (uid, gid, mode)))

    def extra_changes(self, stored: Stored, desired: Bindings) -> list:
        """Owner, group and mode of an existing file that are not as asked for, and that a broken one is replaced."""
        revision = stored.revision
        if revision is None:
            return []
        before, after = _described(revision[1:]), _described(self._wanted(revision))
        differing = [key for key in after if before[key] != after[key]]
        before, after = {key: before[key] for key in differing}, {key: after[key] for key in differing}
        if stored.broken:
            before["content"], after["content"] = "not valid: " + stored.broken, "valid"
        if not after:
            return []
        return [{"action": "change", "kind": "file", "name": self.path, "before": before, "after": after}]

    # -- writing

    def check_writable(self, stored: Stored) -> None:
        """Refuse what the write would stumble over."""
        self._file().check(self._wanted(stored.revision), self._backup or bool(stored.broken))

    def changed_since(self, stored: Stored) -> bool:
        """Has somebody written the file since it was read?"""
        return self._read() != stored.revision

    def lock(self):
        """Hold the lock file, as a context."""
        return self._file().lock()

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Make the file say C(bindings). Call it under the lock, with what was loaded under it. The backup's name, or ''."""
        revision = stored.revision
        same = revision and bindings == stored.bindings and not stored.broken  # and only its owner or mode is to change
        keep = (revision.content, revision[1:]) if revision and (self._backup or stored.broken) else None
        try:
            return self._file().replace(
                revision.content if same else _model.canonical_text(bindings).encode("utf-8"), self._wanted(revision), keep)
        except OSError as error:
            raise Refused("%s can't be written: %s%s. It was left as it was" % (self.path, error.strerror, as_whom(error))) from None

    def _file(self):
        from ansible_collections.mailops.bindings.plugins.module_utils._replacing import ReplacedFile

        return ReplacedFile(self.target)


def _object(pairs: list, twice: list) -> dict:
    """An object; where keys stand in it more than once, C(twice) takes (object, keys): JSON's readers disagree on which counts (RFC 8259, 4)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, ignored in pairs]
        twice.append((value, sorted({key for key in keys if keys.count(key) > 1})))
    return value


def _paths_of(twice: list, value, path: str):
    """A message for each key that stands more than once, with its path."""
    for other, keys in twice:
        if value is other:
            for key in keys:
                yield "%s: stands more than once" % (path + "." + (key if key.isprintable() else _model.shown(key))).lstrip(".")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths_of(twice, inner, path + "." + key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths_of(twice, inner, "%s[%d]" % (path, index))


def _no_constant(name: str):
    raise Refused("%s is not a number in JSON" % name)


def _described(attributes: tuple) -> dict:
    uid, gid, mode = attributes
    return {"owner": user_name(uid), "group": group_name(gid), "mode": "0%03o" % mode}


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
