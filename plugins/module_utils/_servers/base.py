# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every mail server is to C(mail_listeners): the interface, the values that go through it, and what all of them use.

A server knows its own files and programs, and nothing of other servers or of the transaction that drives it. The order:

    read ─► refusals ─► render ─► [check mode stops here] ─► rehearse ─► put … ─► activate      and, to go back, put … ─► activate

Up to C(rehearse), and with it, nothing on the host is touched.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import write_file
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import read_file
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import is_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
)


class Failed(Exception):
    """A server did not do what it was told, after something was changed. C(str()): what it said, for the user."""


class Server:
    """One kind of mail server on this host."""

    name = ""  # as the option servers has it
    title = ""  # as people write it
    protocols: tuple = ()
    programs: tuple = ()  # names of the processes that hold its sockets, as the kernel has them (15 characters)
    reads_keys_as = "root"  # the user that opens certificates and keys
    files: tuple = ()  # those in which parts of ours would be, with MANAGED_MARK in them
    #: What makes the running server serve renewed certificates: a command, and its standard input with %(certificate_path)s
    #: and %(private_key_path)s. The role's renewal hook runs it, without this collection.
    renewal_command: t.Sequence[str] = ()
    renewal_stdin = ""

    def installed(self) -> bool:
        """Is it there?"""
        raise NotImplementedError

    def running(self) -> bool:
        """Is its main process there now? Not what the service manager believes."""
        raise NotImplementedError

    def holds(self, socket: Socket) -> bool:
        """Is this socket one of its processes'? By name and by the program file's path: Cyrus has a 'master' too."""
        return socket.program in self.programs and any(
            "/" + self.name in _program_file(pid) for pid in socket.pids
        )

    def read(self) -> Configured:
        """What its files say. Works whether it runs or not. Raises Refused where it can't be told."""
        raise NotImplementedError

    def plan(
        self,
        configured: Configured,
        desired: t.Optional[t.Sequence[Listener]],
        options: Options,
    ) -> Plan:
        """What is to be written so that it listens on C(desired), and on loopback as it did; or why it can't be.

        C(None): give back what was taken over. Pure: of what C(read) has found, and nothing else. Refusals are the server's own limits
        only: addresses of the host, ports of other programs and certificates that can't be read are looked at for all servers alike.
        """
        refusals = self.refusals(configured, desired, options)
        return (
            Plan(refusals=tuple(refusals))
            if refusals
            else self.render(configured, desired, options)
        )

    def refusals(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> list:
        """All that it can't do, as whole messages, each with its remedy. Its own limits only: addresses of the host,
        ports of other programs and certificates that can't be read are looked at for all servers alike.

        C(None): what has come since to stand against giving back what we took over."""
        raise NotImplementedError

    def render(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> Plan:
        """What is to be written so that it listens exactly so, on loopback as it did. C(None): give back what we took over.

        Pure: of what C(read) has found, and nothing else.
        """
        raise NotImplementedError

    def rehearse(self, state: t.Mapping) -> None:
        """Have the server's own checker look at this state where the live files can't be reached. Raises Refused."""
        raise NotImplementedError

    def get(self, resource: str) -> t.Optional[bytes]:
        """What the resource is now."""
        return read_file(resource)

    def put(self, resource: str, content: t.Optional[bytes]) -> None:
        """Make the resource be this, whole. Raises OSError or Failed."""
        write_file(resource, content)
        self.written(resource)

    def written(self, resource: str) -> None:
        """Do what is due after a file was replaced, whoever did it. Not C(reread_units), which is due once, after all of them."""
        if is_unit(resource):
            with contextlib.suppress(OSError):  # there may be files of others
                os.rmdir(os.path.dirname(resource))

    def activate(self, how: str, sockets: frozenset) -> None:
        """Make the running server follow its files: C(how) is reload, restart or start (when it is not running).

        C(sockets): what it should then listen on; a server that needs to be told twice looks at them. Raises Failed.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it again, after it was started for nothing. Raises Failed."""
        raise NotImplementedError


# -- what servers use


def _program_file(pid: int) -> str:
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:  # it has ended since
        return ""
