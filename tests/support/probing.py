# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To probe scripted servers: what all tests of probes go by."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import probe
from support import scripted

AWAY = "203.0.113.9"  # an address of the documentation range (RFC 5737), which no host has
NOW = datetime.datetime.now(datetime.timezone.utc)
FAREWELLS = {
    "smtp": b"QUIT",
    "submission": b"QUIT",
    "imap": b"z LOGOUT",
    "pop": b"QUIT",
    "ldap": b"\x30\x05\x02\x01\x03\x42\x00",
}
#: Of the healthy servers of C(scripted).
GREETINGS = {
    "smtp": "220 mail.example.com ESMTP",
    "submission": "220 mail.example.com ESMTP",
    "imap": "* OK [CAPABILITY IMAP4rev1] ready",
    "pop": "+OK ready",
    "ldap": "",
}


def ask(
    script: scripted.Script,
    protocol: str,
    encryption: str = "none",
    address: str = "127.0.0.1",
    timeout: float = 5,
    **more: t.Any,
) -> tuple[dict[str, t.Any], scripted.Server]:
    """(the probe's result for a server with this script, the server after it)."""
    with scripted.Server(script, address) as server:
        listener = Listener(address, server.port, protocol, encryption, **more)
        (result,) = probe([listener], timeout=timeout, now=NOW)
    return result, server
