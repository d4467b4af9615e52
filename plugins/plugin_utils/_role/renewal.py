# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the renewal hook, which the role installs on hosts. Pure.

The hook is roles/mail_bindings/files/mail_bindings_renewed.py. It needs nothing of this collection,
so that all it has to know of servers and protocols is in its configuration.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import PROTOCOLS
from ansible_collections.mailops.bindings.plugins.module_utils._servers.registry import all_servers

#: Key and certificate are renewed one after the other: so long the hook waits until they match.
WAIT_SECONDS = 30


def renewal_config(config_path: str) -> t.Dict[str, t.Any]:
    """What the hook goes by; C(config_path) is the bindings config on the host."""
    servers = all_servers()
    return {
        "config_path": config_path,
        "wait_seconds": WAIT_SECONDS,
        "protocols": {
            protocol.name: {
                "servers": [server.name for server in servers if protocol.name in server.protocols],
                "starttls": protocol.starttls,
                "farewell": protocol.farewell,
            }
            for protocol in PROTOCOLS.values()
        },
        "servers": {
            server.name: {
                "title": server.title,
                "command": list(server.renewal_command),
                "stdin": server.renewal_stdin,
            }
            for server in servers
        },
    }
