# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of mail_bindings_info: what the config says, or what the servers are configured with."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import is_wildcard
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)


def look(options: dict, read: t.Callable[[], Bindings]) -> tuple:
    """(the bindings, what the result has beside them). C(read()) reads the config."""
    if options["source"] == "config":
        return read(), {}
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import is_here
    from ansible_collections.mailops.bindings.plugins.module_utils._servers import registry
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.adopt import adopted

    servers = [server for server in registry.all_servers() if server.installed()]
    if not servers:
        raise Refused(
            "source: none of Postfix, Dovecot and OpenLDAP is installed on this host: install one, or read the config"
        )
    configured = {server.name: server.read() for server in servers}
    addresses = {
        found.listener.address for config in configured.values() for found in config.listeners
    }
    away = {address for address in addresses if not is_wildcard(address) and not is_here(address)}
    bindings, unmapped = adopted(configured, away)
    return bindings, {"unmapped": [entry._asdict() for entry in unmapped]}
