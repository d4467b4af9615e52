# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of a server, as the store reads them."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    Held,
    ServerPort,
)

HERE, THERE, ELSEWHERE = "192.0.2.10", "192.0.2.11", "2001:DB8::1"


def port(name, protocol="smtp", number=25, encryption="none", path="", **more):
    return ServerPort(
        more.pop("id", "id of " + name), name, protocol, number, encryption, path, **more
    )


def held(ports, assigned, hostnames=(), **more):
    """C(assigned): address -> names."""
    ids = {each.name: each.id for each in ports}
    return Held(
        tuple(ports),
        {
            address: tuple(sorted(ids.get(name, name) for name in names))
            for address, names in assigned.items()
        },
        dict(hostnames),
        **more,
    )
