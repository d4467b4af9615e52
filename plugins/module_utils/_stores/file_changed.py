# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes the config file, its owner, group and mode: loaded only for that."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    canonical_text,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
    Attributes as FileAttributes,
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
    """The config file. C(path): as the task names it, C(target): where its links lead.

    C(attributes): as C(file.FileStore) has it.
    """

    def __init__(
        self, path: str, target: str, attributes: t.Optional[t.Callable[[int], t.Any]], backup: bool
    ):
        self._path = path
        self._attributes = attributes or (lambda mode: (None, None, None))
        self._backup = backup
        self._file = ReplacedFile(target)
        self.lock = self._file.lock

    def _desired(self, revision: t.Any) -> FileAttributes:
        """What the file should have; -1: as the system makes it."""
        had = revision.attributes if revision else (-1, -1, NEW_FILE_MODE)
        uid, gid, mode = self._attributes(had[2])
        return (
            had[0] if uid is None else uid,
            had[1] if gid is None else gid,
            had[2] if mode is None else mode,
        )

    def extra_changes(self, stored: Stored) -> t.List[t.Dict[str, t.Any]]:
        """See C(FileStore.extra_changes); of a file that exists."""
        revision = stored.revision
        before, after = _described(revision.attributes), _described(self._desired(revision))
        differing = [key for key in after if before[key] != after[key]]
        before = {key: before[key] for key in differing}
        after = {key: after[key] for key in differing}
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
        """Raises Refused if the file can't be written."""
        self._file.check(self._desired(stored.revision), self._backup or bool(stored.broken))

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Write the bindings, under the lock. The backup's name or ''."""
        revision = stored.revision
        # then only its owner or mode is to change
        same = revision and bindings == stored.bindings and not stored.broken
        keep = (
            (revision.content, revision.attributes)
            if revision and (self._backup or stored.broken)
            else None
        )
        try:
            return self._file.replace(
                revision.content if same else canonical_text(bindings).encode("utf-8"),
                self._desired(revision),
                keep,
            )
        except OSError as error:
            raise Refused(
                "%s can't be written: %s%s. It was left as it was"
                % (self._path, error.strerror, as_whom(error))
            ) from None


def _described(attributes: FileAttributes) -> t.Dict[str, str]:
    uid, gid, mode = attributes
    return {"owner": user_name(uid), "group": group_name(gid), "mode": "0%03o" % mode}
