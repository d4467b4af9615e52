# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For a look at this host: which declared listeners would not answer after a restart.

Unlike a transaction it has each server's own checker see the live files, and needs no plan.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import wildcard_of
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._servers import registry
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import SocketKey
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.risk import Risks

_NOT_CONFIGURED = "the files of %s do not have this listener"


class Foresight:
    """The servers that answer for the declared listeners: they begin to read at once."""

    def __init__(self, declared: t.Sequence[Listener]):
        self._declared: dict[str, list[Listener]] = {}  # by the server's name
        self._servers: dict[str, Server] = {}
        kinds = registry.all_servers()
        for listener in declared:
            server = registry.server_for(listener.protocol, kinds)
            if server and (server.name in self._servers or server.installed()):
                self._servers[server.name] = server
                self._declared.setdefault(server.name, []).append(listener)
        for server in self._servers.values():
            server.begin_reading()

    def risks(self, sockets: t.Sequence[Socket]) -> dict[SocketKey, str]:
        """Why listeners would not answer after a restart: those for which that is known.

        C(sockets): all of this host. What another program listens on is not judged.
        """
        risks, found = Risks(), {}
        for name, server in self._servers.items():
            live = server.live_sockets(sockets)
            held = [each for each in self._declared[name] if _found(each, live)]
            if held:
                found.update(_of_server(server, held, risks))
        return found


def _of_server(
    server: Server, listeners: t.Sequence[Listener], risks: Risks
) -> dict[SocketKey, str]:
    problem = server.live_problem()
    if problem:
        reason = "%s refuses its files: %s" % (server.title, problem)
        return {(listener.address, listener.port): reason for listener in listeners}
    try:
        configured = server.read()
    except Refused:  # a layout that this collection does not know: nothing can be told
        return {}
    user = server.reads_keys_as
    whole, reasons = risks.of_server(configured, user), risks.of(configured, user)
    found = {}
    for listener in listeners:
        key = listener.address, listener.port
        part_of = wildcard_of(listener.address), listener.port
        reason = whole or reasons.get(key if key in configured.sockets else part_of, "")
        if not _found(listener, configured.sockets):
            reason = reason or _NOT_CONFIGURED % server.title
        if reason:
            found[key] = reason
    return found


def _found(listener: Listener, sockets: t.Container[SocketKey]) -> bool:
    """Is it one of these sockets, or a part of a wildcard's?"""
    addresses = (listener.address, wildcard_of(listener.address), "::")  # :: may be for both
    return any((address, listener.port) in sockets for address in addresses)
