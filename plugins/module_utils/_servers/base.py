# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a mail server, as a transaction drives it.

A server knows its own files and programs, and nothing of other servers or of the transaction.
The order of calls:

    begin_reading ─► read ─► plan ─► [check mode stops here, after validate]
                                     validate ─► put … ─► activate
    and to roll back:                            put … ─► activate

Up to validate, and with it, nothing on the host is changed.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import read_file
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
    SocketKey,
    State,
)


class Failed(Exception):
    """A server did not do what it was told, after a change. C(str()): what it said, for users."""


class Server:
    """One kind of mail server on this host. What others have to know of it are its attributes."""

    #: As the option servers has it.
    name: str = ""
    #: As people write it.
    title: str = ""
    #: The protocols of the model that it can answer for.
    protocols: tuple[str, ...] = ()
    #: Names of the processes that hold its sockets, as the kernel has them (15 characters).
    programs: tuple[str, ...] = ()
    #: Files in which parts of ours would be, with MANAGED_MARK in them.
    files: tuple[str, ...] = ()
    #: protocol -> the Debian package that makes the server speak it.
    packages: t.Mapping[str, str] = {}
    #: Lines with these words in the server's log complain of nothing.
    harmless_log_words: tuple[str, ...] = ()
    #: The user that opens certificates and keys.
    reads_keys_as: str = "root"
    #: The library with which it loads them: OpenSSL or GnuTLS.
    tls_library: str = "OpenSSL"
    #: The command that makes the running server serve renewed certificates. The role's renewal hook
    #: runs it, without this collection.
    renewal_command: tuple[str, ...] = ()
    #: Its standard input, with %(certificate_path)s and %(private_key_path)s.
    renewal_stdin: str = ""

    @property
    def journal_matches(self) -> list[str]:
        """What selects the server's lines in systemd's journal (journalctl(1), FIELD=VALUE)."""
        return ["_COMM=" + program for program in self.programs]

    def log_file(self) -> str:
        """The file that it writes its log to by itself; '' if it logs to syslog. Raises Refused.

        Asked only after a failure.
        """
        return ""

    # -- how things are

    def installed(self) -> bool:
        """Is it on this host?"""
        raise NotImplementedError

    def running(self) -> bool:
        """Is its main process alive? By the process, not by the service manager's record."""
        raise NotImplementedError

    def main_process(self) -> int:
        """The number of its main process; 0 if it does not run, or that can't be told."""
        return 0

    def unit(self) -> str:
        """The service of systemd that runs it; '' if there is none."""
        return ""

    def holds(self, socket: Socket) -> bool:
        """Does one of its processes hold this socket? By name, the program file's path, and user.

        The name alone does not tell: Cyrus has a 'master' too. A user can have both, but servers
        make their sockets as root.
        """
        return (
            socket.program in self.programs
            and socket.uid == 0
            and any("/" + self.name in _program_file(pid) for pid in socket.pids)
        )

    def live_sockets(self, sockets: t.Iterable[Socket]) -> frozenset[SocketKey]:
        """Those of this host's listening sockets that are its own."""
        return frozenset((socket.address, socket.port) for socket in sockets if self.holds(socket))

    def begin_reading(self) -> None:
        """Start what C(read) will wait for, such as a slow program; returns at once.

        Called early in a task, before heavy imports, for every server that may take part; perhaps
        twice. C(read) works without it too, and may never be called after it.
        """

    def read(self) -> Configured:
        """What its files say, whether it runs or not. Raises Refused if that can't be told."""
        raise NotImplementedError

    def live_problem(self) -> str:
        """Why its own checker refuses its live files, which it would not start with; '' if not so.

        Starts a program: not for runs that change nothing.
        """
        return ""

    # -- what is to be done

    def plan(
        self,
        configured: Configured,
        desired: t.Optional[t.Sequence[Listener]],
        options: Options,
    ) -> Plan:
        """What to write so that it listens on C(desired), and on loopback as before; or refusals.

        C(desired) None: give back what was taken over. Pure: depends on C(configured) and on
        nothing else. Refusals are the server's own limits only: addresses of the host, ports of
        other programs and unreadable certificates are checked for all servers alike (preflight).
        """
        raise NotImplementedError

    def validate(self, state: State) -> None:
        """Have the server's own checker see this state, where live files can't be reached.

        Raises Refused.
        """
        raise NotImplementedError

    # -- doing it

    def get(self, resource: str) -> t.Optional[bytes]:
        """The resource's content now."""
        return read_file(resource)

    def put(self, resource: str, content: t.Optional[bytes]) -> None:
        """Replace the resource's content, whole. Raises OSError or Failed."""
        from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
            write_file,
        )

        write_file(resource, content)
        self.written(resource)

    def written(self, resource: str) -> None:
        """Do what has to follow the replacement of a file, by C(put) or by a rollback.

        Not C(systemd.reread_units), which is done once, after all of them.
        """
        if is_unit(resource):
            with contextlib.suppress(OSError):  # the folder may have files of others
                os.rmdir(os.path.dirname(resource))

    def activate(self, how: str, sockets: frozenset[SocketKey]) -> None:
        """Make it follow its files. C(how): reload, restart, or start if it is not running.

        C(sockets): what it should listen on afterwards, for servers that have to be told twice.
        Raises Failed.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it, if a transaction that started it is rolled back. Raises Failed."""
        raise NotImplementedError


def _program_file(pid: int) -> str:
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:  # it has ended since
        return ""
