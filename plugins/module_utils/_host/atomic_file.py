# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces files atomically, and under a lock. Loaded only to change something."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host import folders, lock_file
from ansible_collections.mailops.bindings.plugins.module_utils._host.owners import (
    as_whom,
    group_name,
    user_name,
)

LOCK_SECONDS = 30
BACKUP_TIME = "%Y-%m-%d@%H:%M:%S~"  # as ansible-core names backups, so that scripts find them
NEW_FOLDER_MODE = 0o755
#: (uid, gid, mode)
Attributes = t.Tuple[int, int, int]
NEW_FILE_ATTRIBUTES: Attributes = (0, 0, 0o644)  # of a server's file that is new
#: Extended attributes that this file system, or this user, can't give (as shutil.copystat has it).
_NOT_FOR_THIS_FILE = (errno.EPERM, errno.ENOTSUP, errno.ENODATA, errno.EINVAL, errno.EACCES)


class ReplacedFile:
    """A file that is replaced whole. C(target): its absolute path without symbolic links."""

    def __init__(self, target: str):
        self.target = target
        self.folder, self.name = os.path.split(target)
        self._lock = os.path.join(self.folder, ".%s.lock" % self.name)
        self._temporary = os.path.join(self.folder, ".%s.new" % self.name)
        self._made_folder = False

    def check(self, attributes: Attributes, backup: bool) -> None:
        """Raises Refused if the file can't be written. C(attributes): -1 for the default."""
        folder = self._existing_folder()
        self._check_name(folder, backup)
        reason = why_not_writable(self.target)
        if reason:
            raise Refused(reason)
        if _blocks(
            self._lock,
            lambda status: stat.S_ISREG(status.st_mode) and os.geteuid() in (0, status.st_uid),
        ):
            raise Refused(
                "the lock file %s can't be locked: if no other run is active, remove it%s"
                % (self._lock, _or_become())
            )
        self._check_replaceable(os.stat(folder))
        self._check_owner(*attributes[:2])

    def _existing_folder(self) -> str:
        """The file's folder, or the one above if the file's is still to be made."""
        if os.path.isdir(self.folder):
            return self.folder
        if os.path.lexists(self.folder):
            raise Refused(
                "%s is not a directory: config_path must be a file in a directory" % self.folder
            )
        above = os.path.dirname(self.folder)
        if not os.path.isdir(above):
            raise Refused(
                "%s does not exist: only the last folder of config_path is made, make this one "
                "first" % above
            )
        return above

    def _check_name(self, folder: str, backup: bool) -> None:
        suffix = len(".4194304.") + len(time.strftime(BACKUP_TIME)) if backup else len("..lock")
        if len(os.fsencode(self.name)) + suffix > os.pathconf(folder, "PC_NAME_MAX"):
            raise Refused(
                "config_path: the name %s is too long for the files beside it: choose a shorter one"
                % self.name
            )

    def _check_replaceable(self, folder: os.stat_result) -> None:
        """In a folder with the sticky bit, as /tmp, a user can replace only files of its own."""
        for path in (self._temporary, self.target):
            if _blocks(
                path,
                lambda status: (
                    not stat.S_ISDIR(status.st_mode)
                    and (
                        os.geteuid() in (0, folder.st_uid, status.st_uid)
                        or not folder.st_mode & stat.S_ISVTX
                    )
                ),
            ):
                raise Refused("%s can't be replaced: remove it%s" % (path, _or_become()))

    def _check_owner(self, uid: int, gid: int) -> None:
        if uid not in (-1, os.geteuid()) and not _may_chown():
            raise Refused(
                "%s belongs, or is to belong, to the user %s, and only root can write such a file: "
                "use become" % (self.target, user_name(uid))
            )
        if gid not in (-1, os.getegid(), *os.getgroups()) and not _may_chown():
            raise Refused(
                "%s belongs, or is to belong, to the group %s, which %s is not in: use become"
                % (self.target, group_name(gid), user_name(os.geteuid()))
            )

    @contextlib.contextmanager
    def lock(self) -> t.Iterator[None]:
        """Hold the lock file. On release it is removed, as is a folder that was made in vain."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._remove_folder)
            self._acquire(stack)
            yield

    def _acquire(self, stack: contextlib.ExitStack) -> None:
        attempts = 0
        while True:
            try:
                self._make_folder()
                folder = stack.enter_context(folders.opened(self.folder))
                name = os.path.basename(self._lock)
                stack.enter_context(lock_file.held(name, LOCK_SECONDS, folder))
                return
            except lock_file.Busy as holder:
                raise Refused(
                    "another run has held the lock %s for the last %d seconds: probably %s. "
                    "Wait for it, or end it if it hangs; nothing was changed"
                    % (self._lock, LOCK_SECONDS, holder)
                ) from None
            except OSError as error:
                # another run may have failed and removed its new folder between our two steps
                attempts += 1
                if not isinstance(error, FileNotFoundError) or attempts > 100:
                    raise Refused(
                        "the lock file %s can't be made: %s%s"
                        % (self._lock, error.strerror, as_whom(error))
                    ) from None

    def _make_folder(self) -> None:
        above, name = os.path.split(self.folder)
        with folders.opened(above) as handle:
            try:
                os.mkdir(name, dir_fd=handle)
            except FileExistsError:
                return
            self._made_folder = True
            made = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            try:
                os.fchmod(made, NEW_FOLDER_MODE)  # whatever the umask is
            finally:
                os.close(made)
            folders.sync(handle)

    def _remove_folder(self) -> None:
        if self._made_folder:
            with contextlib.suppress(OSError):  # not empty: the config is in it
                os.rmdir(self.folder)

    def replace(
        self,
        content: bytes,
        attributes: Attributes,
        keep: t.Optional[t.Tuple[bytes, Attributes]] = None,
    ) -> str:
        """Write the file with these attributes, under the lock. Returns the backup's name or ''.

        C(keep): what the backup is made of. Raises OSError.
        """
        backup = ""
        with folders.opened(self.folder) as folder:
            try:
                if keep:
                    backup = "%s.%d.%s" % (self.name, os.getpid(), time.strftime(BACKUP_TIME))
                    self._replace(folder, backup, *keep)
                self._replace(folder, self.name, content, attributes)
            except OSError:
                if backup:
                    with contextlib.suppress(OSError):
                        os.unlink(backup, dir_fd=folder)
                raise
        return os.path.join(self.folder, backup) if backup else ""

    def discard(self) -> None:
        """Remove the temporary file of a run that was killed while it wrote."""
        with contextlib.suppress(OSError), folders.opened(self.folder) as folder:
            os.unlink(os.path.basename(self._temporary), dir_fd=folder)

    def _replace(self, folder: int, name: str, content: bytes, attributes: Attributes) -> None:
        """Put a new file in place of C(name): at any moment the old or the new one is on disk.

        All is done by handles: whatever takes one of these names meanwhile, no other file gets
        this content, owner or mode.
        """
        uid, gid, mode = attributes
        # always the same name, since we hold the lock: the next run removes a killed run's file
        temporary = os.path.basename(self._temporary)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        handle = os.open(
            temporary,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
            dir_fd=folder,
        )
        try:
            with open(handle, "wb") as file:
                _copy_extended_attributes(folder, self.name, handle)
                file.write(content)
                file.flush()
                os.fchown(handle, uid, gid)
                os.fchmod(handle, mode)
                os.fsync(handle)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        folders.sync(folder)


def _copy_extended_attributes(folder: int, name: str, handle: int) -> None:
    """Give an open file those of this one, if it exists: ACLs, SELinux context."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        source = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        for attribute in _listed(source):
            try:
                os.setxattr(handle, attribute, os.getxattr(source, attribute))
            except OSError as error:
                if error.errno not in _NOT_FOR_THIS_FILE:
                    raise
    finally:
        os.close(source)


def _listed(handle: int) -> t.List[str]:
    try:
        return os.listxattr(handle)
    except OSError as error:
        if error.errno not in _NOT_FOR_THIS_FILE:
            raise
        return []


def why_not_writable(target: str) -> str:
    """Why no file can be put in this place now; '' if one can. Missing folders are no reason."""
    folder = os.path.dirname(target)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    for path, needed in ((folder, os.W_OK | os.X_OK), (target, os.W_OK)):
        if os.path.exists(path) and not _may(path, needed):
            return "%s is not writable%s" % (path, _what_to_do())
    if _is_mounted(target):
        return (
            "%s is mounted by itself, as into a container, and so can't be replaced: mount the "
            "folder that it is in" % target
        )
    return ""


def sync_folder(folder: str) -> None:
    """Have a rename in this folder on disk."""
    with contextlib.suppress(OSError), folders.opened(folder) as handle:
        folders.sync(handle)


def _blocks(path: str, fine: t.Callable[[os.stat_result], bool]) -> bool:
    """Is there something that is not C(fine(status))? Another run may remove it at any time."""
    try:
        return not fine(os.lstat(path))
    except FileNotFoundError:
        return False


def _is_mounted(path: str) -> bool:
    """Is this file a mount point? Then no rename can replace it (proc(5), mountinfo)."""
    escaped = path.translate({ord(character): "\\%03o" % ord(character) for character in " \t\n\\"})
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return any(line.split(" ")[4] == escaped for line in file)
    except OSError:
        return False


def _may(path: str, how: int) -> bool:
    return os.access(path, how, effective_ids=os.access in os.supports_effective_ids)


def _what_to_do() -> str:
    if os.geteuid() == 0:
        return ", not even for root: it is immutable (lsattr) or its file system is read-only"
    return " for the user %s: use become, or choose another config_path" % user_name(os.geteuid())


def _or_become() -> str:
    return "" if os.geteuid() == 0 else ", or use become"


def _may_chown() -> bool:
    """May this process change owners? Not every root may (capabilities(7): CAP_CHOWN is bit 0)."""
    try:
        with open("/proc/self/status", "rb") as file:
            return bool(
                next(int(line.split()[1], 16) for line in file if line.startswith(b"CapEff:")) & 1
            )
    except (OSError, StopIteration):
        return os.geteuid() == 0


def write_file(path: str, content: t.Optional[bytes]) -> None:
    """Replace the file, keeping owner, mode and extended attributes; None removes it.

    A symbolic link is followed. A missing folder is made, and one that becomes empty stays.
    """
    target = os.path.realpath(path)
    if content is None:
        try:
            os.unlink(target)
        except FileNotFoundError:
            pass
        return
    try:
        status = os.stat(target)
        attributes = (status.st_uid, status.st_gid, status.st_mode & 0o7777)
    except FileNotFoundError:
        attributes = NEW_FILE_ATTRIBUTES
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    ReplacedFile(target).replace(content, attributes)
