# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a service can read: as its user, and in the view that its sandbox gives it.

systemd can give a service a file system that differs from root's (systemd.exec(5), "Sandboxing"):
an empty /tmp, no /home, no access to some paths. What root can read it then can't.
"""

from __future__ import annotations

import os
import pwd
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._host import folders
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import has_systemd

#: Settings that hide fixed places, and their values that do not.
_FIXED = {
    "PrivateTmp": (("/tmp", "/var/tmp"), ("no",)),
    "ProtectHome": (("/home", "/root", "/run/user"), ("no", "read-only")),
    "RootDirectory": (("/",), ("", "/")),
    "RootImage": (("/",), ("",)),
}
#: Settings that list the places that they hide …
_LISTED = ("InaccessiblePaths", "TemporaryFileSystem")
#: … and those that list what is to be seen there all the same.
_BOUND = ("BindPaths", "BindReadOnlyPaths")
#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which root reads what is not its own
#: (capabilities(7)).
_READ_ALL = 1 << 1 | 1 << 2

#: What a child that tried to read a file ends with.
_SAME, _OTHER, _UNREADABLE = range(3)


class View(t.NamedTuple):
    """Who reads a server's files, and what it sees of them."""

    user: str = "root"
    pid: int = 0  # of its main process, 0 if it does not run
    unit: str = ""  # the service of systemd that runs it, '' if there is none
    settings: t.Mapping[str, str] = {}  # of the unit

    def user_reads(self, path: str) -> bool:
        """May the user read what root reads there? Folders, groups and ACLs all count."""
        return self.user == "root" or _tried(path, self.user, 0) != _UNREADABLE

    def process_reads(self, path: str) -> bool:
        """Does the running server see the same file there, and may it read it?"""
        return not self.pid or _tried(path, self.user, self.pid) == _SAME

    def hidden_by(self, path: str) -> str:
        """The setting by which its unit hides this file from it; '' if none does."""
        names = [path, *(os.path.join(step.path, step.rest) for step in folders.steps(path))]
        hiding = (_hiding(self.settings, name.rstrip("/")) for name in names)
        return next(filter(None, hiding), "")


def view_of(user: str, pid: int, unit: str) -> View:
    """The view of a server, with the settings of its unit as they are now."""
    if not unit or not has_systemd():
        return View(user, pid)
    names = ",".join((*_FIXED, *_LISTED, *_BOUND))
    lines = run(["systemctl", "show", "--property", names, unit])[1].splitlines()
    settings = {
        name: value for name, found, value in (line.partition("=") for line in lines) if found
    }
    return View(user, pid, unit, settings)


def _hiding(settings: t.Mapping[str, str], path: str) -> str:
    hiding, longest = "", ""
    for name, value, place in _hidden_places(settings):
        if _is_below(path, place) and len(place) > len(longest):
            hiding, longest = "%s=%s" % (name, value), place
    bound = (place for name in _BOUND for place in _same_place(settings.get(name, "")))
    if any(_is_below(path, place) and len(place) > len(longest) for place in bound):
        return ""
    return hiding


def _hidden_places(settings: t.Mapping[str, str]) -> t.Iterator[t.Tuple[str, str, str]]:
    """(setting, value, place) of all that is hidden."""
    for name, (places, harmless) in _FIXED.items():
        value = settings.get(name, harmless[0])
        if value not in harmless:
            yield from ((name, value, place) for place in places)
    for name in _LISTED:
        for word in settings.get(name, "").split():
            yield name, word, word.lstrip("-+").partition(":")[0]


def _same_place(bindings: str) -> t.Iterator[str]:
    """The places that are bound where they are: entries are SOURCE, or SOURCE:PLACE:OPTIONS."""
    for word in bindings.split():
        source, place = (word.lstrip("-+").split(":") + [""])[:2]
        if place in ("", source):
            yield source


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")


def _tried(path: str, user: str, pid: int) -> int:
    """Read the file in a child that has become the user, in the process's root directory."""
    try:
        account = pwd.getpwnam(user)
        seen = os.stat(path)
    except (KeyError, OSError):
        return _SAME  # the server will say so itself
    child = os.fork()
    if child == 0:
        status = _SAME  # where the process has ended, or can't be entered, it can't be told
        try:
            _become(account, pid)
            status = _UNREADABLE
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            status = _SAME if os.path.samestat(os.fstat(handle), seen) else _OTHER
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(account: pwd.struct_passwd, pid: int) -> None:
    """Have this process's root directory (0: keep ours), and this user's rights to read."""
    os.initgroups(account.pw_name, account.pw_gid)
    drop = None
    if pid:
        drop = None if _reads_all(pid) else _without_capabilities()
        # absolute links then lead to where they lead the process (path_resolution(7))
        os.chroot("/proc/%d/root" % pid)
        os.chdir("/")
    if account.pw_uid:
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    elif drop:
        drop()


def _reads_all(pid: int) -> bool:
    """May this process, if it is root's, read what modes do not let it?"""
    with open("/proc/%d/status" % pid, "rb") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith(b"CapEff:"))
    return bool(effective & _READ_ALL)


def _without_capabilities() -> t.Callable[[], t.Any]:
    """What takes all capabilities from a process (capset(2)); loaded before its root changes."""
    import ctypes

    capset = ctypes.CDLL(None).capset
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    return lambda: capset(header, (ctypes.c_uint32 * 6)())
