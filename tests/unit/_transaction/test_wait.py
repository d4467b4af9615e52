# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions are counted by listener: the kernel tells of connections of our own."""

from __future__ import annotations

import socket

from ansible_collections.mailops.bindings.plugins.module_utils._transaction import wait


def test_sessions_are_counted_by_address_and_by_its_wildcard():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with (
            socket.create_connection(("127.0.0.1", port)),
            socket.create_connection(("127.0.0.1", port)),
        ):
            assert wait.sessions([("127.0.0.1", port)]) == wait.sessions([("0.0.0.0", port)]) == 2
            # on another address, on the other family's wildcard, on another port
            assert wait.sessions([("127.0.0.2", port), ("::", port), ("0.0.0.0", 1)]) == 0
            assert wait.sessions([]) == 0
