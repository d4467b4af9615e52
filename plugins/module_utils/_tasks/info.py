# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_bindings_info: what the config says, or what the servers are configured with."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import is_wildcard
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)

if t.TYPE_CHECKING:
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Unmapped


def look(
    options: t.Mapping[str, t.Any], read: t.Callable[[], Bindings]
) -> tuple[Bindings, dict[str, t.Any]]:
    """(the bindings, what the result has beside them). C(read()) reads the config."""
    if options["source"] == "config":
        return read(), {}
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import is_here
    from ansible_collections.mailops.bindings.plugins.module_utils._servers import registry
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.adopt import adopted

    servers = registry.all_servers()
    installed = [server for server in servers if server.installed()]
    if not installed:
        titles = [server.title for server in servers]
        raise Refused(
            "source: none of %s and %s is installed on this host: install one, or read the config"
            % (", ".join(titles[:-1]), titles[-1])
        )
    for server in installed:
        server.begin_reading()
    configured = {server.name: server.read() for server in installed}
    addresses = {
        found.listener.address for config in configured.values() for found in config.listeners
    }
    away = {address for address in addresses if not is_wildcard(address) and not is_here(address)}
    bindings, unmapped = adopted(configured, away)
    unmapped += _silent_servers(servers, installed)
    return bindings, {"unmapped": [entry.as_result() for entry in unmapped]}


def _silent_servers(
    servers: t.Iterable[Server], installed: t.Container[Server]
) -> t.Iterator[Unmapped]:
    """The servers that do not answer, although there are files of them."""
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Unmapped

    for server in servers:
        main_file = server.files[0]
        if server in installed and not server.running():
            reason = (
                "%s is not running: what is listed of it is what its files say, and nothing "
                "answers there now. Start it, or leave its ports out" % server.title
            )
            yield Unmapped(server.name, main_file, "not running", reason)
        elif server not in installed and os.path.exists(main_file):
            reason = (
                "%s has files here, but its programs are not found: it was not read" % server.title
            )
            yield Unmapped(server.name, main_file, "not installed", reason)
