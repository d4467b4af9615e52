# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one server's part in a transaction changes, and how it was found."""

from __future__ import annotations

import datetime

from ansible_collections.mailops.bindings.plugins.module_utils._listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Configured, Found, Plan, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.side import How, Side

HOW = How(config_path="/etc/b.json", now=datetime.datetime(2026, 11, 22, tzinfo=datetime.timezone.utc))
PEM = {"certificate_path": "/etc/ssl/a.pem", "private_key_path": "/etc/ssl/a.key"}


class Running(Server):
    name = title = "any"

    def running(self):
        return True


def a_side(before, wanted, plan=None, live=None):
    found = tuple(Found(listener, "") for listener in before)
    sockets = frozenset((listener.address, listener.port) for listener in before)
    side = Side(Running(), Configured(listeners=found, sockets=sockets), wanted, HOW)
    side.planned(Plan() if plan is None else plan)
    side.looked_at(sockets if live is None else frozenset(live))
    return side


def test_none_where_the_server_offers_starttls_anyway_is_no_change():
    """OpenLDAP offers it on every ldap:// listener once it has a certificate."""
    there = Listener("192.0.2.1", 389, "ldap", "tls", **PEM)
    side = a_side([there], [Listener("192.0.2.1", 389, "ldap", "none", port_name="LDAP")])
    assert side.changes() == [] and side.idle


def test_how_listeners_were_found():
    there, gone = Listener("192.0.2.1", 993, "imap", "ssl", **PEM), Listener("192.0.2.2", 993, "imap", "ssl", **PEM)
    undeclared = Listener("192.0.2.1", 143, "imap", "none")
    left_of_a_wildcard = Listener("127.0.0.1", 1143, "imap", "none")
    plan = Plan(steps=({"/etc/x": b""},), back=({"/etc/x": b""},), listeners=(Found(there, ""), Found(gone, ""), Found(left_of_a_wildcard, "")))
    side = a_side([there, undeclared], [there, gone], plan)
    found = {listener["name"]: (listener["status"], listener["detail"]) for listener in side.found(lambda listener: ("refused", "nothing listens there"))}
    assert found == {
        "192.0.2.1:993": ("ok", "not probed"),
        "192.0.2.2:993": ("refused", "nothing listens there"),
        "192.0.2.1:143": ("unexpected", "nobody declared it"),
    }
