# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings config as a JSON file: read whole, replaced whole."""

from __future__ import annotations

import json
import os
import stat
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, strict
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Misshapen,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_regular_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Fitting, Stored

MAX_BYTES = 64 * 1024 * 1024  # a million assignments have 20 MB


class Revision(t.NamedTuple):
    """The file as it was read."""

    content: bytes
    uid: int
    gid: int
    mode: int


class FileStore:
    """One config file. C(attributes(mode) -> (uid, gid, mode)) says what owner, group and mode the task asks for, None for as it is."""

    local = True

    def __init__(self, path: str, attributes: t.Optional[t.Callable] = None, backup: bool = False):
        if not os.path.isabs(path) or path.endswith("/") or "\0" in path:
            raise Refused("config_path: %s must be the absolute path of a file" % model.shown(path))
        self.path = path
        self.target = os.path.realpath(
            path
        )  # symbolic links are followed: the link stays, what it points to is replaced
        self._attributes = attributes
        self._backup = backup

    # -- reading

    def load(self, whole: bool = True) -> Stored:
        """The file's bindings, none where there is no file."""
        revision = self._read()
        if revision is None:
            return Stored(model.EMPTY)
        try:
            return Stored(
                strict.read(
                    json.loads(revision.content.decode("utf-8"), object_pairs_hook=_object)
                ),
                revision,
            )
        except (ValueError, RecursionError, Misshapen):
            pass
        from ansible_collections.mailops.bindings.plugins.module_utils._stores.file_faults import (
            doubtful,
        )

        return doubtful(self.path, revision)

    def _read(self) -> t.Optional[Revision]:
        try:
            content, status = read_regular_file(self.target, MAX_BYTES)
        except (OSError, NotAFile, TooLarge) as error:
            if isinstance(error, FileNotFoundError) and not os.path.islink(self.path):
                return None
            from ansible_collections.mailops.bindings.plugins.module_utils._stores.file_faults import (
                unreadable,
            )

            raise unreadable(self.path, self.target, error) from None
        return Revision(content, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))

    # -- what it can't hold

    def cannot_listen(self, stored: Stored, address: str, floating: bool) -> str:
        """Why no server of this host could listen on this address now; '' if one can."""
        from ansible_collections.mailops.bindings.plugins.module_utils._host.local import bind_error

        if not floating and bind_error(address) is None:
            return ""
        from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import (
            cannot_listen,
        )

        return cannot_listen(address, floating)

    def fit(self, stored: Stored, desired: Bindings, declaration: t.Any) -> Fitting:
        """It holds whatever a config can say."""
        return Fitting(desired, stored)

    # -- changing

    def extra_changes(self, stored: Stored, desired: Bindings) -> list:
        """Owner, group and mode of an existing file that are not as asked for, and that a broken one is replaced."""
        return (
            self._changed().extra_changes(stored)
            if stored.revision and (self._attributes or stored.broken)
            else []
        )

    def check_writable(self, stored: Stored) -> None:
        """Refuse what the write would stumble over."""
        self._changed().check(stored)

    def changed_since(self, stored: Stored) -> bool:
        """Has somebody written the file since it was read?"""
        return self._read() != stored.revision

    def lock(self):
        """Hold the lock file, as a context."""
        return self._changed().lock()

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Make the file say C(bindings). Call it under the lock, with what was loaded under it. The backup's name, or ''."""
        return self._changed().save(stored, bindings)

    def _changed(self):
        from ansible_collections.mailops.bindings.plugins.module_utils._stores.file_changed import (
            ChangedFile,
        )

        return ChangedFile(self.path, self.target, self._attributes, self._backup)


def _object(pairs: list) -> dict:
    value = dict(pairs)
    if len(value) != len(
        pairs
    ):  # a key stands twice: JSON's readers disagree on which counts (RFC 8259, 4)
        raise Misshapen()
    return value
