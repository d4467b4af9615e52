# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can a socket be bound to this address now? That answers for addresses that are all here; C(_host) knows the rest."""

from __future__ import annotations

import socket
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import LOOPBACK


def bind_error(address: str) -> t.Optional[OSError]:
    """Why no socket can be bound to the address; None if one can."""
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
        ) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error
    return None


def loopback() -> t.Tuple[str, ...]:
    """The loopback addresses that can be bound: where IPv6 is switched off (ip-sysctl: disable_ipv6), its wildcard can, and ::1 can't."""
    return tuple(address for address in LOOPBACK if bind_error(address) is None)
