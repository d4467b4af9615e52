# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings config as a JSON file: read whole, replaced whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import json
import os
import pwd
import shutil
import stat
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils import _model, _rules
from ansible_collections.mailops.bindings.plugins.module_utils._files import NotAFile, TooLarge, read_regular_file
from ansible_collections.mailops.bindings.plugins.module_utils._model import Bindings, Refused
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import InvalidConfig, Stored

LOCK_SECONDS = 30
BACKUP_TIME = "%Y-%m-%d@%H:%M:%S~"  # ansible-core's own way of naming backups, so that what people clean up by still finds them
MAX_BYTES = 64 * 1024 * 1024  # a million assignments have 20 MB
NEW_FILE_MODE = 0o640
NEW_FOLDER_MODE = 0o755


class Revision(t.NamedTuple):
    """The file as it was read."""

    content: bytes
    uid: int
    gid: int
    mode: int


class FileStore:
    """One config file. C(attributes(mode) -> (uid, gid, mode)) says what owner, group and mode the task asks for, None for as it is."""

    def __init__(self, path: str, attributes: t.Callable = lambda mode: (None, None, None), backup: bool = False):
        if not os.path.isabs(path) or path.endswith("/") or "\0" in path:
            raise Refused("config_path: %s must be the absolute path of a file" % _rules.shown(path))
        self.path = path
        # symbolic links are followed: the link stays, what it points to is replaced, the lock lies beside that
        self.target = os.path.realpath(path)
        self.folder, self.name = os.path.split(self.target)
        self._lock = os.path.join(self.folder, ".%s.lock" % self.name)
        self._temporary = os.path.join(self.folder, ".%s.new" % self.name)
        self._made_folder = False
        self._attributes = attributes
        self._backup = backup

    # -- reading

    def load(self) -> Stored:
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
            raise Refused("%s can't be read: %s%s" % (self.path, error.strerror, _as_whom(error))) from None
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

    # -- the file's own owner, group and mode

    def _wanted(self, revision: t.Optional[Revision]) -> tuple:
        """(uid, gid, mode) that the file is to have; -1: as the system makes it."""
        uid, gid, mode = self._attributes(revision.mode if revision else NEW_FILE_MODE)
        had = (revision.uid, revision.gid, revision.mode) if revision else (-1, -1, NEW_FILE_MODE)
        return tuple(old if new is None else new for old, new in zip(had, (uid, gid, mode)))

    def extra_changes(self, stored: Stored) -> list:
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
        folder = self.folder
        if not os.path.isdir(folder):
            if os.path.lexists(folder):
                raise Refused("%s is not a directory: config_path can't lie in it" % folder)
            folder = os.path.dirname(folder)
            if not os.path.isdir(folder):
                raise Refused("%s does not exist: only the last folder of config_path is made, make this one first" % folder)
        longest = len(os.fsencode(self.name)) + (len(".4194304.") + len(time.strftime(BACKUP_TIME)) if self._backup or stored.broken else len("..lock"))
        if longest > os.pathconf(folder, "PC_NAME_MAX"):
            raise Refused("config_path: the name %s is too long for the files beside it: choose a shorter one" % _rules.shown(self.name))
        for path, needed in ((folder, os.W_OK | os.X_OK), (self.target, os.W_OK)):
            if os.path.exists(path) and not _may(path, needed):
                raise Refused("%s is not writable%s" % (path, _what_to_do()))
        if _in_the_way(self._lock, lambda status: stat.S_ISREG(status.st_mode) and os.geteuid() in (0, status.st_uid)):
            raise Refused("the lock file %s is not ours to take: if no other run is going on, remove it%s" % (self._lock, _or_become()))
        above = os.stat(folder)
        for path in (self._temporary, self.target):
            # in a folder with the sticky bit, as /tmp, only one's own files can be replaced
            if _in_the_way(path, lambda status: not stat.S_ISDIR(status.st_mode) and (
                    os.geteuid() in (0, above.st_uid, status.st_uid) or not above.st_mode & stat.S_ISVTX)):
                raise Refused("%s stands in the way and can't be replaced: remove it%s" % (path, _or_become()))
        uid, gid, mode = self._wanted(stored.revision)
        if uid not in (-1, os.geteuid()) and not _may_chown():
            raise Refused("%s belongs, or is to belong, to the user %s, and only root can write such a file: use become" % (self.path, _user(uid)))
        if gid not in (-1, os.getegid(), *os.getgroups()) and not _may_chown():
            raise Refused("%s belongs, or is to belong, to the group %s, which %s is not in: use become" % (self.path, _group(gid), _user(os.geteuid())))

    @contextlib.contextmanager
    def lock(self):
        """Hold the lock file. It is removed with its release, and so is a folder that was made for nothing."""
        handle = None
        try:
            handle = self._acquire()
            yield
        finally:
            if handle is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self._lock)
                os.close(handle)
            if self._made_folder:
                with contextlib.suppress(OSError):  # not empty: the config is in it
                    os.rmdir(self.folder)

    def _acquire(self) -> int:
        deadline = time.monotonic() + LOCK_SECONDS
        attempts_to_make = 0
        while True:
            try:
                self._make_folder()
                handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except OSError as error:
                # another run may have failed, and taken its new folder away between our two steps
                attempts_to_make += 1
                if not isinstance(error, FileNotFoundError) or attempts_to_make > 100:
                    raise Refused("the lock file %s can't be made: %s%s" % (self._lock, error.strerror, _as_whom(error))) from None
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(handle, self._lock):
                    return handle
                # its last holder removed it while we were waiting: what we hold, nobody else will look at
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    os.close(handle)
                    raise Refused("the lock file %s can't be locked: %s" % (self._lock, error.strerror)) from None
                if time.monotonic() >= deadline:
                    holder = _holder(handle)
                    os.close(handle)
                    raise Refused(
                        "another run has held the lock %s for the last %d seconds: probably %s. Wait for it, or end it if it hangs; nothing was changed"
                        % (self._lock, LOCK_SECONDS, holder)
                    ) from None
                time.sleep(0.02)
            os.close(handle)

    def _make_folder(self) -> None:
        try:
            os.mkdir(self.folder)
        except FileExistsError:
            return
        self._made_folder = True
        os.chmod(self.folder, NEW_FOLDER_MODE)  # whatever the umask is
        _sync_folder(os.path.dirname(self.folder))

    def save(self, stored: Stored, bindings: Bindings) -> str:
        """Make the file say C(bindings). Call it under the lock, with what was loaded under it."""
        revision = stored.revision
        backup = ""
        try:
            if revision and (self._backup or stored.broken):
                backup = "%s.%d.%s" % (self.target, os.getpid(), time.strftime(BACKUP_TIME))
                self._replace(backup, revision.content, revision[1:])
            same = revision and bindings == stored.bindings and not stored.broken  # and only its owner or mode is to change
            self._replace(self.target, revision.content if same else _model.canonical_text(bindings).encode("utf-8"), self._wanted(revision))
        except OSError as error:
            if backup:
                with contextlib.suppress(OSError):
                    os.unlink(backup)
            raise Refused("%s can't be written: %s%s. It was left as it was" % (self.path, error.strerror, _as_whom(error))) from None
        return backup

    def _replace(self, path: str, content: bytes, attributes: tuple) -> None:
        """Put a whole new file in place of C(path): at any moment the old one is there or the new one, on disk too."""
        uid, gid, mode = attributes
        # one name, since we hold the lock: what a killed run left behind is removed by the next
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)
        handle = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(handle, "wb") as file:
                if os.path.exists(self.target):
                    shutil.copystat(self.target, self._temporary)  # for the extended attributes: ACLs, SELinux context
                file.write(content)
                file.flush()
                os.fchown(handle, uid, gid)
                os.fchmod(handle, mode)
                os.fsync(handle)
            os.rename(self._temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            raise
        _sync_folder(self.folder)


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
                yield "%s: stands more than once" % (path + "." + (key if key.isprintable() else _rules.shown(key))).lstrip(".")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths_of(twice, inner, path + "." + key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths_of(twice, inner, "%s[%d]" % (path, index))


def _no_constant(name: str):
    raise Refused("%s is not a number in JSON" % name)


def _same_file(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _holder(handle: int) -> str:
    """Who holds the lock that we could not get, as far as the kernel tells (proc(5), /proc/locks)."""
    inode = ":%d" % os.fstat(handle).st_ino
    try:
        with open("/proc/locks", encoding="ascii") as file:
            pid = next(fields[4] for fields in map(str.split, file) if fields[1] == "FLOCK" and fields[5].endswith(inode))
        with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as file:
            return "process %s (%s)" % (pid, file.read().strip())
    except (OSError, StopIteration, IndexError):
        return "a process that lslocks(8) names"


def _sync_folder(folder: str) -> None:
    """Have a rename on disk. What has happened by now has happened: where a folder can't be synced, that is left to the system."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _in_the_way(path: str, fine: t.Callable) -> bool:
    """Is there something that is not C(fine(status))? Other runs come and go meanwhile: what is gone is in nobody's way."""
    try:
        return not fine(os.lstat(path))
    except FileNotFoundError:
        return False


def _may(path: str, how: int) -> bool:
    return os.access(path, how, effective_ids=os.access in os.supports_effective_ids)


def _what_to_do() -> str:
    if os.geteuid() == 0:
        return ", not even for root: it is immutable (lsattr) or its file system is read-only"
    return " for the user %s: use become, or choose another config_path" % _user(os.geteuid())


def _or_become() -> str:
    return "" if os.geteuid() == 0 else ", or use become"


def _may_chown() -> bool:
    """May this process give files away? Not every root may, nor only root (capabilities(7): CAP_CHOWN is bit 0)."""
    try:
        with open("/proc/self/status", "rb") as file:
            return bool(next(int(line.split()[1], 16) for line in file if line.startswith(b"CapEff:")) & 1)
    except (OSError, StopIteration):
        return os.geteuid() == 0


def _described(attributes: tuple) -> dict:
    uid, gid, mode = attributes
    return {"owner": _user(uid), "group": _group(gid), "mode": "0%03o" % mode}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _as_whom(error: OSError) -> str:
    if error.errno not in (errno.EACCES, errno.EPERM):
        return ""
    if os.geteuid() == 0:
        return ", even for root: it may be immutable or append-only (lsattr)"
    return " for the user %s: use become" % _user(os.geteuid())


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
