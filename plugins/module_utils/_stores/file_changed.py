# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config file as a task changes it, and its owner, group and mode: loaded only where they are to change."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
    canonical_text,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import ReplacedFile
from ansible_collections.mailops.bindings.plugins.module_utils._host.owners import (
    as_whom,
    group_name,
    user_name,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Stored

NEW_FILE_MODE = 0o640


class ChangedFile:
    """C(path) as the task names it, C(target) where it leads. C(attributes): as C(FileStore) has them."""

    def __init__(self, path: str, target: str, attributes: t.Optional[t.Callable], backup: bool):
        self._path = path
        self._attributes = attributes or (lambda mode: (None, None, None))
        self._backup = backup
        self._file = ReplacedFile(target)
        self.lock = self._file.lock

    def _wanted(self, revision) -> tuple:
        """(uid, gid, mode) that the file is to have; -1: as the system makes it."""
        uid, gid, mode = self._attributes(revision.mode if revision else NEW_FILE_MODE)
        had = (revision.uid, revision.gid, revision.mode) if revision else (-1, -1, NEW_FILE_MODE)
        return tuple(old if new is None else new for old, new in zip(had, (uid, gid, mode)))

    def extra_changes(self, stored: Stored) -> list:
        """What C(FileStore.extra_changes) says of a file that exists."""
        revision: t.Any = stored.revision
        before, after = _described(revision[1:]), _described(self._wanted(revision))
        differing = [key for key in after if before[key] != after[key]]
        before, after = (
            {key: before[key] for key in differing},
            {key: after[key] for key in differing},
        )
        if stored.broken:
            before["content"], after["content"] = "not valid: " + stored.broken, "valid"
        if not after:
            return []
        return [
            {
                "action": "change",
                "kind": "file",
                "name": self._path,
                "before": before,
                "after": after,
            }
        ]

    def check(self, stored: Stored) -> None:
        """Refuse what the write would stumble over."""
        self._file.check(self._wanted(stored.revision), self._backup or bool(stored.broken))

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Make the file say C(bindings), under the lock. The backup's name, or ''."""
        revision: t.Any = stored.revision
        same = (
            revision and bindings == stored.bindings and not stored.broken
        )  # and only its owner or mode is to change
        keep = (
            (revision.content, revision[1:])
            if revision and (self._backup or stored.broken)
            else None
        )
        try:
            return self._file.replace(
                revision.content if same else canonical_text(bindings).encode("utf-8"),
                self._wanted(revision),
                keep,
            )
        except OSError as error:
            raise Refused(
                "%s can't be written: %s%s. It was left as it was"
                % (self._path, error.strerror, as_whom(error))
            ) from None


def _described(attributes: tuple) -> dict:
    uid, gid, mode = attributes
    return {"owner": user_name(uid), "group": group_name(gid), "mode": "0%03o" % mode}
