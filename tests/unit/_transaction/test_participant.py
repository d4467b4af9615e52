# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one server's part in a transaction changes, and how it was found."""

from __future__ import annotations

import datetime

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    ConfiguredListener,
    Plan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    How,
    Participant,
)

HOW = How(
    config_path="/etc/b.json", now=datetime.datetime(2026, 11, 22, tzinfo=datetime.timezone.utc)
)
PEM = {"certificate_path": "/etc/ssl/a.pem", "private_key_path": "/etc/ssl/a.key"}


class Running(Server):
    name = title = "any"

    def running(self):
        return True


def a_side(before, wanted, plan=None, live=None):
    found = tuple(ConfiguredListener(listener, "") for listener in before)
    sockets = frozenset((listener.address, listener.port) for listener in before)
    side = Participant(Running(), Configured(listeners=found, sockets=sockets), wanted, HOW)
    side.planned(Plan() if plan is None else plan)
    side.looked_at(sockets if live is None else frozenset(live))
    return side


def test_none_where_the_server_offers_starttls_anyway_is_no_change():
    """OpenLDAP offers it on every ldap:// listener once it has a certificate."""
    there = Listener("192.0.2.1", 389, "ldap", "tls", **PEM)
    side = a_side([there], [Listener("192.0.2.1", 389, "ldap", "none", port_name="LDAP")])
    assert side.changes() == [] and side.idle


def test_how_listeners_were_found():
    there, gone = (
        Listener("192.0.2.1", 993, "imap", "ssl", **PEM),
        Listener("192.0.2.2", 993, "imap", "ssl", **PEM),
    )
    undeclared = Listener("192.0.2.1", 143, "imap", "none")
    left_of_a_wildcard = Listener("127.0.0.1", 1143, "imap", "none")
    plan = Plan(
        steps=({"/etc/x": b""},),
        back=({"/etc/x": b""},),
        listeners=(
            ConfiguredListener(there, ""),
            ConfiguredListener(gone, ""),
            ConfiguredListener(left_of_a_wildcard, ""),
        ),
    )
    side = a_side([there, undeclared], [there, gone], plan)
    found = {
        listener["name"]: (listener["status"], listener["detail"])
        for listener in side.found(lambda listener: ("refused", "nothing listens there"))
    }
    assert found == {
        "192.0.2.1:993": ("ok", "not probed"),
        "192.0.2.2:993": ("refused", "nothing listens there"),
        "192.0.2.1:143": ("unexpected", "nobody declared it"),
    }


def test_a_wildcard_is_asked_where_others_will_connect_too():
    """Its loopback part may be greeted sooner, and is no measure for who comes in its place."""
    wildcards = [
        Listener("0.0.0.0", 25, "smtp", "none"),
        Listener("::", 25, "smtp", "none"),
        Listener("192.0.2.9", 587, "submission", "none"),
    ]
    beside = [Listener("0.0.0.0", 465, "smtp", "none"), Listener("192.0.2.1", 465, "smtp", "none")]
    parts = [
        Listener("127.0.0.1", 25, "smtp", "none"),
        Listener("192.0.2.1", 25, "smtp", "none"),
        Listener("192.0.2.2", 25, "smtp", "none"),
    ]
    plan = Plan(
        steps=({"/etc/x": b""},),
        back=({"/etc/x": b""},),
        listeners=tuple(ConfiguredListener(listener, "") for listener in parts + wildcards[1:]),
    )
    side = a_side(wildcards + beside, parts[1:], plan)
    asked = [("0.0.0.0", 25), ("::", 25), ("192.0.2.9", 587), ("0.0.0.0", 465), ("192.0.2.1", 465)]
    assert keys(side.asked()) == asked
    assert keys(side.asked_elsewhere(lambda address: True)) == [
        ("192.0.2.2", 25),
        ("192.0.2.2", 465),
    ]
    assert keys(side.asked_elsewhere(lambda address: address != "192.0.2.2")) == [("192.0.2.1", 25)]
    assert (
        keys(side.asked_elsewhere(lambda address: False)) == []
    )  # floating, and away: another host would answer
    side.answered({"address": "192.0.2.1", "port": 25, "status": "wrong_certificate"})
    assert side.seen == {} and not side.stale
    assert a_side(wildcards, wildcards).asked_elsewhere(lambda address: True) == []


def keys(listeners):
    return [(listener.address, listener.port) for listener in listeners]
