# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a socket can be bound to an address now."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._host import local


def test_an_address_can_be_bound_or_it_is_said_why_not():
    assert local.bind_error("127.0.0.1") is None and "127.0.0.1" in local.loopback()
    for address in ("198.51.100.250", "2001:db8::250"):
        assert isinstance(local.bind_error(address), OSError)
