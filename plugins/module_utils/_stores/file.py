# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings config as a JSON file: read whole, replaced whole."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, strict
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
)
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


class Revision:
    """The file as it was read. C(attributes): (uid, gid, mode)."""

    def __init__(self, content: bytes, attributes: t.Tuple[int, int, int]):
        self.content, self.attributes = content, attributes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Revision) and vars(self) == vars(other)


class FileStore:
    """One config file: a C(interface.Store).

    C(attributes): mode of the file -> (uid, gid, mode) that the task asks for, None for what it
    leaves as it is.
    """

    local = True

    def __init__(
        self,
        path: str,
        attributes: t.Optional[t.Callable[[int], t.Any]] = None,
        backup: bool = False,
    ):
        if not os.path.isabs(path) or path.endswith("/") or not path.isprintable():
            raise Refused(
                "config_path: %s must be the absolute path of a file, in printable characters"
                % model.shown(path)
            )
        self.path = path
        self.target = os.path.realpath(
            path
        )  # a symbolic link stays: the file it leads to is replaced
        self._attributes = attributes
        self._backup = backup
        if os.geteuid() == 0 and not self._in_roots_folders():
            from ansible_collections.mailops.bindings.plugins.module_utils._stores import (
                file_problems,
            )

            file_problems.refuse_others_folder(path)

    def _in_roots_folders(self) -> bool:
        """Is it seen at once that no other user than root can change what is on the way to it?"""
        if self.target != self.path:
            return False
        folder = self.target
        while folder != "/":
            folder = os.path.dirname(folder)
            with contextlib.suppress(OSError):  # it may be missing
                status = os.stat(folder)
                if status.st_uid != 0 or status.st_mode & 0o022:
                    return False
        return True

    # -- reading

    def load(self, whole: bool = True) -> Stored:
        """The file's bindings; none if there is no file."""
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
        from ansible_collections.mailops.bindings.plugins.module_utils._stores import file_problems

        return file_problems.doubtful(self.path, revision)

    def _read(self) -> t.Optional[Revision]:
        try:
            content, status = read_regular_file(self.target, MAX_BYTES)
        except (OSError, NotAFile, TooLarge) as error:
            if isinstance(error, FileNotFoundError) and not os.path.islink(self.path):
                return None
            from ansible_collections.mailops.bindings.plugins.module_utils._stores import (
                file_problems,
            )

            raise file_problems.unreadable(self.path, self.target, error) from None
        attributes = status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)
        return Revision(content, attributes)

    # -- what it can hold

    def cannot_listen(self, stored: Stored, address: str, floating: bool) -> str:
        """Why a server of this host can't listen on this address now; '' if it can."""
        from ansible_collections.mailops.bindings.plugins.module_utils._host.local import bind_error

        if not floating and bind_error(address) is None:
            return ""
        from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import (
            cannot_listen,
        )

        return cannot_listen(address, floating)

    def fit(self, stored: Stored, desired: Bindings, declaration: Declaration) -> Fitting:
        """A file holds any config."""
        return Fitting(desired, stored)

    # -- changing

    def extra_changes(self, stored: Stored, desired: Bindings) -> t.List[t.Dict[str, t.Any]]:
        """Differing owner, group and mode of an existing file, and a broken one's replacement."""
        return (
            self._changed().extra_changes(stored)
            if stored.revision and (self._attributes or stored.broken)
            else []
        )

    def check_writable(self, stored: Stored) -> None:
        """Raises Refused if the file can't be written."""
        self._changed().check(stored)

    def changed_since(self, stored: Stored) -> bool:
        """Was the file written since it was read?"""
        return self._read() != stored.revision

    def lock(self) -> t.ContextManager[None]:
        """Holds the lock file."""
        return self._changed().lock()

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Write the bindings, under the lock and as loaded under it. The backup's name or ''."""
        return self._changed().save(stored, bindings)

    def _changed(self):
        from ansible_collections.mailops.bindings.plugins.module_utils._stores.file_changed import (
            ChangedFile,
        )

        return ChangedFile(self.path, self.target, self._attributes, self._backup)


def _object(pairs: t.List[t.Tuple[str, t.Any]]) -> t.Dict[str, t.Any]:
    value = dict(pairs)
    if len(value) != len(pairs):  # of a repeated key, readers take the first or last (RFC 8259, 4)
        raise Misshapen()
    return value
