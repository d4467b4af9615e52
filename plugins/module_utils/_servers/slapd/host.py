# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How OpenLDAP is set up on this host: processes, units and files are read, nothing changes."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shlex
import socket
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    WILDCARDS,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.local import (
    bind_error,
    loopback,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.owners import as_whom
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import has_systemd
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import UNITS, boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    SERVICES,
    UNIT,
    HostAddresses,
    Settings,
    Setup,
    Tls,
    UnknownLayout,
    value_of,
)

INIT_SCRIPT = "/etc/init.d/slapd"
#: Where systemd looks for units, the first before the others (systemd.unit(5)).
UNIT_FOLDERS = (
    UNITS,
    "/run/systemd/system/",
    "/usr/local/lib/systemd/system/",
    "/lib/systemd/system/",
    "/usr/lib/systemd/system/",
)
CONFIGS = ("/etc/ldap/slapd.d", "/etc/openldap/slapd.d", "/etc/ldap/slapd.conf")
#: OpenLDAP's library, which slapd is linked to.
LIBRARIES = ("/usr/lib/*/libldap*.so.*", "/usr/lib64/libldap*.so.*")
_GNUTLS = b"libgnutls.so"
#: Options of slapd that say what the settings of /etc/default/slapd say.
_OVERRIDING_OPTIONS = {"-h", "-f", "-F", "-u", "-g"}

_LAYOUT = (
    "Unsupported OpenLDAP layout: %s. Supported: the service reads SLAPD_SERVICES from "
    "/etc/default/slapd, as Debian's package sets it up. Restore that, or leave slapd out of "
    "servers"
)


class SlapdProcess(t.NamedTuple):
    """A slapd that runs."""

    pid: int
    argv: tuple[str, ...]
    of_service: bool  # would a restart of the service end it?

    @property
    def services(self) -> t.Optional[str]:
        """The value of its -h."""
        return self.argv[self.argv.index("-h") + 1] if "-h" in self.argv[:-1] else None


class Config(t.NamedTuple):
    """slapd's configuration: a folder with cn=config, or a slapd.conf."""

    path: str
    settings: Settings  # the global ones
    replicated: bool = False  # is cn=config?


def read_setup() -> Setup:
    """All of it. Works whether slapd runs or not. Raises Refused if a file can't be read."""
    running = processes()
    text = text_of(DEFAULTS)
    read = _read_defaults(text, running)
    addresses = _addresses(read.options, "%s %s" % (text, read.services))
    config = read_config(text, read.reader)
    problems = [*read.problems, *process_problems(running)]
    if not read.problems and not os.path.isdir(config.path):
        problems.append(
            "OpenLDAP is configured by %s, which can't be changed while slapd runs: convert it "
            "(slaptest -f %s -F /etc/ldap/slapd.d, as the user %s, into an empty folder), empty "
            "SLAPD_CONF in %s, and restart slapd"
            % (config.path, config.path, user()[0] or "root", DEFAULTS)
        )
    problems.extend(_start_problems(text, read.reader))
    return parser.setup_of(
        text,
        read.reader,
        () if read.services is None else parser.urls_of(read.services, addresses),
        config.settings,
        addresses=addresses,
        where=read.where,
        replicated=config.replicated,
        boot=read_file(boot_file(UNIT, "")[0]),
        has_units=os.path.isdir(UNITS),
        problems=tuple(problems),
    )


class _Defaults(t.NamedTuple):
    """What /etc/default/slapd says, and where it can't be told, the running slapd."""

    services: t.Optional[str]  # the URLs; None: slapd does not run either
    options: t.Sequence[str] = ()
    reader: str = "shell"
    where: str = DEFAULTS  # the URLs are from
    problems: tuple[str, ...] = ()


def _read_defaults(text: str, running: t.Sequence[SlapdProcess]) -> _Defaults:
    of_process = _Defaults(
        running[0].services or "" if running else None,
        where="the command line of the running slapd",
    )
    try:
        reader = reader_of_defaults()
    except UnknownLayout as error:
        return of_process._replace(problems=(_LAYOUT % error,))
    try:
        return _Defaults(*_checked_settings(text, reader), reader)
    except (UnknownLayout, ValueError) as error:
        problem = _LAYOUT % error
    of_process = of_process._replace(reader=reader)
    others = parser.original(text, Tls()).text
    with contextlib.suppress(UnknownLayout, ValueError):
        if others != text:  # an edit has broken our line, which is written anew, or removed
            return of_process._replace(options=_checked_settings(others, reader)[1])
    return of_process._replace(problems=(problem,))


def _checked_settings(text: str, reader: str) -> tuple[str, list[str]]:
    """(the URLs, slapd's further options). Raises UnknownLayout, ValueError."""
    if not text:
        raise UnknownLayout("%s is missing or empty" % DEFAULTS)
    services = value_of(text, SERVICES, reader)
    options_text = value_of(text, "SLAPD_OPTIONS", reader)
    for name in ("SLAPD_CONF", "SLAPD_USER", "SLAPD_GROUP"):
        value_of(text, name, reader)  # raises if the text does not tell it
    options = shlex.split(options_text)
    if _OVERRIDING_OPTIONS & {word[:2] for word in options}:  # -F/folder is one word (getopt(3))
        raise UnknownLayout("SLAPD_OPTIONS in %s has %s" % (DEFAULTS, options_text))
    return services, options


# -- files


def text_of(path: str) -> str:
    """The file's text, '' if it is not there. Raises Refused."""
    try:
        return (read_file(path) or b"").decode("utf-8", "surrogateescape")
    except OSError as error:
        raise Refused("%s can't be read: %s%s" % (path, error.strerror, as_whom(error))) from None
    except (NotAFile, TooLarge):
        raise Refused("%s can't be read: it is not a regular file, or too large" % path) from None


def reader_of_defaults() -> str:
    """What reads /etc/default/slapd: systemd or shell. Raises UnknownLayout."""
    found = (folder + UNIT for folder in UNIT_FOLDERS)
    paths = [path for path in found if os.path.lexists(path)][:1]
    for folder in reversed(UNIT_FOLDERS):
        paths += sorted(glob.glob("%s%s.d/*.conf" % (folder, UNIT)))
    reads = parser.reads_defaults([_unit_text(path) for path in paths])
    if reads is None or (os.path.exists(INIT_SCRIPT) and not has_systemd()):
        if not all(word in text_of(INIT_SCRIPT) for word in (DEFAULTS, SERVICES)):
            raise UnknownLayout(
                "%s does not take its URLs from SLAPD_SERVICES of %s" % (INIT_SCRIPT, DEFAULTS)
            )
        return "shell"
    if not reads:
        raise UnknownLayout(
            "%s does not take its URLs from SLAPD_SERVICES of %s (systemctl cat %s)"
            % (UNIT, DEFAULTS, UNIT)
        )
    return "systemd"


def _unit_text(path: str) -> str:
    return "" if os.path.realpath(path) == "/dev/null" else text_of(path)


def read_config(text: str, reader: str) -> Config:
    """The configuration that a text of /etc/default/slapd leads to.

    Read from slapd's own files: no program has to be started, and slapd need not run.
    """
    try:
        path = value_of(text, "SLAPD_CONF", reader)
    except UnknownLayout:
        path = ""
    path = (path or next(filter(os.path.exists, CONFIGS), CONFIGS[-1])).rstrip("/")
    if not os.path.isdir(path):
        return Config(path, parser.conf_settings(text_of(path)))
    database = parser.ldif_settings(text_of(path + "/cn=config/olcDatabase={0}config.ldif"))
    settings = parser.ldif_settings(text_of(path + "/cn=config.ldif"))
    return Config(path, settings, "syncrepl" in database)


def current_config() -> Config:
    """The configuration as it is now. Raises UnknownLayout."""
    return read_config(text_of(DEFAULTS), reader_of_defaults())


def user() -> tuple[str, str]:
    """(user, group) that slapd runs as; '' for those that start it."""
    try:
        text, reader = text_of(DEFAULTS), reader_of_defaults()
        return value_of(text, "SLAPD_USER", reader), value_of(text, "SLAPD_GROUP", reader)
    except UnknownLayout:
        return "openldap", "openldap"


def is_linked_to_gnutls() -> bool:
    """Does OpenLDAP's library take TLS from GnuTLS, as up to Debian 12, and not from OpenSSL?"""
    return any(
        _GNUTLS in (read_file(path) or b"") for pattern in LIBRARIES for path in glob.glob(pattern)
    )


def _start_problems(text: str, reader: str) -> t.Iterator[str]:
    """What makes Debian's init script start nothing, and return 0. systemd does not know it."""
    if reader != "shell":
        return
    try:
        sentinel = value_of(text, "SLAPD_SENTINEL_FILE", reader)
        no_start = value_of(text, "SLAPD_NO_START", reader)
    except UnknownLayout:
        return  # it is among the problems already
    if no_start:
        yield (
            "SLAPD_NO_START in %s keeps slapd from starting: remove it, or leave slapd out of "
            "servers" % DEFAULTS
        )
    if sentinel and os.path.exists(sentinel):
        yield "%s keeps slapd from starting: remove it, or leave slapd out of servers" % sentinel


# -- processes


def processes() -> list[SlapdProcess]:
    """The slapds of this host, not of its containers (namespaces(7)).

    Any user can have a program of this name: only those of root, of slapd's own user and of its
    service count.
    """
    folders = ("/proc/" + name for name in os.listdir("/proc") if name.isdigit())
    found = (_slapd_process(folder) for folder in folders)
    return sorted(process for process in found if process and _is_trusted(process))


def _is_trusted(process: SlapdProcess) -> bool:
    if has_systemd() and process.of_service:
        return True
    uid = _uid(process.pid)
    return uid == 0 or uid == _uid_of(user()[0])


def _uid_of(name: str) -> int:
    """The user's number, which the name may be; root's if there is no such user."""
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return 0


def _uid(pid: int) -> t.Optional[int]:
    """The user of a process; None if it has ended. The owner of its folder in /proc may differ."""
    with contextlib.suppress(OSError):
        for line in _content("/proc/%d/status" % pid).splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[2])  # the effective one
    return None


def _slapd_process(folder: str) -> t.Optional[SlapdProcess]:
    """The slapd of a folder of /proc (proc(5)); None for other programs and ended processes."""
    try:
        if _content(folder + "/comm").strip() != "slapd":
            return None
        # both: the init script is called slapd too, and slapcat, slaptest, … are the same program
        program = os.path.basename(os.readlink(folder + "/exe"))
        if not program.startswith("slapd"):
            return None
        if os.readlink(folder + "/ns/net") != os.readlink("/proc/self/ns/net"):
            return None
        argv = tuple(_content(folder + "/cmdline").split("\0")[:-1])
        if has_systemd():
            cgroup = _content(folder + "/cgroup")
            # users have services of any name, too, below user.slice (systemd.special(7))
            of_service = "/%s\n" % UNIT in cgroup and "/user.slice/" not in cgroup
        else:
            of_service = folder != "/proc/1"
    except OSError:
        return None
    if not argv:  # a zombie
        return None
    return SlapdProcess(int(folder[len("/proc/") :]), argv, of_service)


def _content(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def process_problems(running: t.Sequence[SlapdProcess]) -> t.Iterator[str]:
    """What is wrong with the slapds that run: several, or one that the service did not start."""
    if len(running) > 1:
        yield (
            "Several slapds run on this host (processes %s), and mail_listeners can't tell which "
            "one is meant: stop the others, or leave slapd out of servers"
            % ", ".join(str(process.pid) for process in running)
        )
    for process in running[:1]:
        if not process.of_service:
            yield (
                "The running slapd (process %d: %s) is not the service's, and a restart of the "
                "service would not replace it: stop it, start the service %s, and try again"
                % (process.pid, " ".join(process.argv), UNIT)
            )


# -- addresses


def _addresses(options: t.Sequence[str], urls: str) -> HostAddresses:
    """What URLs mean here; localhost is resolved only if it is in C(urls)."""
    has_ipv6 = os.path.exists("/proc/net/if_inet6")
    wildcards = tuple(
        wildcard
        for wildcard, other in zip(WILDCARDS[: 1 + has_ipv6], ("-6", "-4"))
        if other not in options
    )
    bindable = loopback()
    localhost = _localhost(wildcards) if "localhost" in urls.lower() else bindable
    return HostAddresses(wildcards, localhost, bindable)


def _localhost(wildcards: t.Container[str]) -> tuple[str, ...]:
    """What slapd binds for localhost: of the families that it serves, what can be bound."""
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError:
        return ("127.0.0.1",)
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(
        address
        for address in addresses
        if wildcard_of(address) in wildcards and bind_error(address) is None
    )
