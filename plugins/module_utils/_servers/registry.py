# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers there are, and which of them answers for a protocol on this host."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server


def all_servers() -> list[Server]:
    """One of each kind, in the order in which a transaction takes them.

    A new server is an import and a name here; nothing else outside its folder knows it.
    """
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.server import (
        Dovecot,
    )
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.server import (
        Postfix,
    )
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.server import (
        Slapd,
    )

    return [Postfix(), Dovecot(), Slapd()]


def server_for(protocol: str, servers: t.Sequence[Server]) -> t.Optional[Server]:
    """Which of C(servers) answers for a protocol on this host; None if none of them can.

    The first that is installed; if none is, the first that could, for messages to name it.
    """
    able = [server for server in servers if protocol in server.protocols]
    if len(able) < 2:  # most protocols have one server, which need not be looked for
        return able[0] if able else None
    return next((server for server in able if server.installed()), able[0])
