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
from ansible_collections.mailops.bindings.plugins.module_utils._stores import InvalidConfig, Stored

LOCK_SECONDS = 30
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
        if not os.path.isabs(path) or "\0" in path:
            raise Refused("config_path: %s must be an absolute path" % _rules.shown(path))
        self.path = path
        # symbolic links are followed: the link stays, what it points to is replaced, the lock lies beside that
        self.target = os.path.realpath(path)
        self.folder, self.name = os.path.split(self.target)
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
        except _model.MissingLibrary as missing:
            raise _model.MissingLibrary(missing.library, missing.package, "%s: %s" % (self.path, missing.reason)) from None
        except Refused as why:
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
        try:
            return json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
        except UnicodeDecodeError as error:
            raise Refused("byte %d is not UTF-8" % (error.start + 1)) from None
        except json.JSONDecodeError as error:
            raise Refused("line %d, column %d: not JSON: %s" % (error.lineno, error.colno, error.msg)) from None
        except RecursionError:
            raise Refused("not JSON that a config could be: nested too deeply") from None
        except ValueError as error:
            raise Refused("not JSON: %s" % error) from None

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
        for path, needed in ((folder, os.W_OK | os.X_OK), (self.target, os.W_OK)):
            if os.path.exists(path) and not os.access(path, needed, effective_ids=os.access in os.supports_effective_ids):
                raise Refused("%s is not writable for the user %s: use become, or choose another config_path" % (path, _user(os.geteuid())))
        uid, gid, mode = self._wanted(stored.revision)
        if uid not in (-1, os.geteuid()) and not _may_chown():
            raise Refused("%s belongs, or is to belong, to the user %s, and only root can write such a file: use become" % (self.path, _user(uid)))
        if gid not in (-1, os.getegid(), *os.getgroups()) and not _may_chown():
            raise Refused("%s belongs, or is to belong, to the group %s, which %s is not in: use become" % (self.path, _group(gid), _user(os.geteuid())))

    @contextlib.contextmanager
    def lock(self):
        """Hold the lock file. It is removed with its release, and so is a folder that was made for nothing."""
        path = os.path.join(self.folder, ".%s.lock" % self.name)
        deadline = time.monotonic() + LOCK_SECONDS
        made_folder = False
        while True:
            try:
                made_folder = self._make_folder() or made_folder
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:  # another run failed, and took its new folder away between our two steps
                continue
            except OSError as error:
                raise Refused("the lock file %s can't be made: %s" % (path, error.strerror)) from None
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(handle, path):
                    break
                # its last holder removed it while we were waiting: what we hold, nobody else will look at
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    os.close(handle)
                    raise Refused("the lock file %s can't be locked: %s" % (path, error.strerror)) from None
                if time.monotonic() >= deadline:
                    holder = _holder(handle)
                    os.close(handle)
                    raise Refused(
                        "another run has held the lock %s for the last %d seconds: probably %s. Wait for it, or end it if it hangs; nothing was changed"
                        % (path, LOCK_SECONDS, holder)
                    ) from None
                time.sleep(0.02)
            os.close(handle)
        try:
            os.ftruncate(handle, 0)
            os.write(handle, b"%d\n" % os.getpid())
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)
            os.close(handle)
            if made_folder:
                with contextlib.suppress(OSError):  # not empty: the config is in it
                    os.rmdir(self.folder)

    def _make_folder(self) -> bool:
        try:
            os.mkdir(self.folder)
        except FileExistsError:
            return False
        os.chmod(self.folder, NEW_FOLDER_MODE)  # whatever the umask is
        _sync_folder(os.path.dirname(self.folder))
        return True

    def save(self, stored: Stored, bindings: Bindings, changes: list) -> str:
        """Make the file say C(bindings). Call it under the lock, with what was loaded under it."""
        revision, wanted = stored.revision, self._wanted(stored.revision)
        backup = ""
        try:
            if revision and (self._backup or stored.broken):
                # ansible-core's own naming of backups, so that what people clean up by still finds them
                backup = "%s.%d.%s" % (self.target, os.getpid(), time.strftime("%Y-%m-%d@%H:%M:%S~"))
                self._replace(backup, revision.content, revision[1:])
            if bindings != stored.bindings or stored.broken:
                self._replace(self.target, _model.canonical_text(bindings).encode("utf-8"), wanted)
            else:
                self._set_attributes(revision, wanted)
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
        temporary = os.path.join(self.folder, ".%s.new" % self.name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(handle, "wb") as file:
                if os.path.exists(self.target):
                    shutil.copystat(self.target, temporary)  # for the extended attributes: ACLs, SELinux context
                file.write(content)
                file.flush()
                os.fchown(handle, uid, gid)
                os.fchmod(handle, mode)
                os.fsync(handle)
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(self.folder)

    def _set_attributes(self, revision: Revision, wanted: tuple) -> None:
        try:
            os.chown(self.target, *wanted[:2])
            os.chmod(self.target, wanted[2])
        except OSError:
            with contextlib.suppress(OSError):
                os.chown(self.target, revision.uid, revision.gid)
                os.chmod(self.target, revision.mode)
            raise


def _object(pairs: list) -> dict:
    """An object, no key twice: JSON's readers disagree on which one counts (RFC 8259, section 4)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, ignored in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        which = value.get("name", value.get("address"))
        raise Refused("the key %s stands more than once in one object%s" % (_rules.shown(twice), " (%s)" % _rules.shown(which) if which else ""))
    return value


def _no_constant(name: str):
    raise Refused("%s is not a number in JSON" % name)


def _same_file(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _holder(handle: int) -> str:
    """Who wrote the lock file, as far as can be told."""
    try:
        pid = int(os.pread(handle, 32, 0))
        with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as file:
            return "process %d (%s)" % (pid, file.read().strip())
    except (OSError, ValueError):
        return "a process that lslocks(8) names"


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
    return " for the user %s: use become" % _user(os.geteuid()) if error.errno in (errno.EACCES, errno.EPERM) else ""


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
