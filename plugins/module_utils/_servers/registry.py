# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers there are, and which of them answers for a protocol on this host."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server


def all_servers() -> list[Server]:
    """One of each kind, in the order in which a transaction takes them. A new server is a line here."""
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
