# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a socket can be bound to an address now: all that is needed if every address is here.

C(addresses) says why not.
"""

from __future__ import annotations

import socket
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import LOOPBACK


def bind_error(address: str) -> t.Optional[OSError]:
    """Why a socket can't be bound to the address; None if it can."""
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
        ) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error
    return None


def loopback() -> t.Tuple[str, ...]:
    """The loopback addresses that can be bound: not ::1 if IPv6 is disabled (ip-sysctl)."""
    return tuple(address for address in LOOPBACK if bind_error(address) is None)
