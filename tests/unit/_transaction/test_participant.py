# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction changes of one server, and how it was before."""

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
    Participant,
    TransactionOptions,
)

OPTIONS = TransactionOptions(
    config_path="/etc/b.json", now=datetime.datetime(2026, 11, 22, tzinfo=datetime.timezone.utc)
)
PEM = {"certificate_path": "/etc/ssl/a.pem", "private_key_path": "/etc/ssl/a.key"}


class Running(Server):
    name = title = "any"

    def running(self):
        return True


def a_participant(before, desired, plan=None, live=None):
    found = tuple(ConfiguredListener(listener, "") for listener in before)
    sockets = frozenset((listener.address, listener.port) for listener in before)
    participant = Participant(
        Running(), Configured(listeners=found, sockets=sockets), desired, OPTIONS
    )
    participant.set_plan(Plan() if plan is None else plan)
    participant.set_live(sockets if live is None else frozenset(live))
    return participant


def test_encryption_none_of_a_server_that_offers_starttls_is_no_change():
    """OpenLDAP offers it on every ldap:// listener once it has a certificate."""
    offered = Listener("192.0.2.1", 389, "ldap", "tls", **PEM)
    participant = a_participant(
        [offered], [Listener("192.0.2.1", 389, "ldap", "none", port_name="LDAP")]
    )
    assert participant.changes() == [] and participant.idle


def test_results_before_have_the_declared_and_the_unexpected():
    present, missing = (
        Listener("192.0.2.1", 993, "imap", "ssl", **PEM),
        Listener("192.0.2.2", 993, "imap", "ssl", **PEM),
    )
    undeclared = Listener("192.0.2.1", 143, "imap", "none")
    left_of_a_wildcard = Listener("127.0.0.1", 1143, "imap", "none")
    plan = Plan(
        steps=({"/etc/x": b""},),
        back=({"/etc/x": b""},),
        listeners=(
            ConfiguredListener(present, ""),
            ConfiguredListener(missing, ""),
            ConfiguredListener(left_of_a_wildcard, ""),
        ),
    )
    participant = a_participant([present, undeclared], [present, missing], plan)
    found = {
        listener["name"]: (listener["status"], listener["detail"])
        for listener in participant.results_before(
            lambda listener: ("refused", "nothing listens there")
        )
    }
    assert found == {
        "192.0.2.1:993": ("ok", "not probed"),
        "192.0.2.2:993": ("refused", "nothing listens there"),
        "192.0.2.1:143": ("unexpected", "not declared"),
    }


def test_a_wildcard_is_probed_on_addresses_that_will_replace_it():
    """Loopback may be greeted faster, and so is no measure for them."""
    wildcards = [
        Listener("0.0.0.0", 25, "smtp", "none"),
        Listener("::", 25, "smtp", "none"),
        Listener("192.0.2.9", 587, "submission", "none"),
    ]
    beside = [
        Listener("0.0.0.0", 465, "smtp", "none"),
        Listener("192.0.2.1", 465, "smtp", "none"),
    ]
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
    participant = a_participant(wildcards + beside, parts[1:], plan)
    probed = [("0.0.0.0", 25), ("::", 25), ("192.0.2.9", 587), ("0.0.0.0", 465), ("192.0.2.1", 465)]
    assert keys(participant.to_probe()) == probed
    assert keys(participant.parts_to_probe(lambda address: True)) == [
        ("192.0.2.2", 25),
        ("192.0.2.2", 465),
    ]
    assert keys(participant.parts_to_probe(lambda address: address != "192.0.2.2")) == [
        ("192.0.2.1", 25)
    ]
    # floating, and away: another host would answer
    assert keys(participant.parts_to_probe(lambda address: False)) == []
    participant.add_result({"address": "192.0.2.1", "port": 25, "status": "wrong_certificate"})
    assert participant.results == {} and not participant.stale
    assert a_participant(wildcards, wildcards).parts_to_probe(lambda address: True) == []


def keys(listeners):
    return [(listener.address, listener.port) for listener in listeners]


def test_tls_that_becomes_required_is_in_changes():
    wildcard, replaced, other = (
        Listener(address, port, "submission", "tls", **PEM)
        for address, port in (("0.0.0.0", 587), ("192.0.2.9", 1587), ("192.0.2.9", 2587))
    )
    new = wildcard._replace(address="192.0.2.1")
    loopback = wildcard._replace(address="127.0.0.1")
    plan = Plan(
        steps=({"/etc/x": b""},),
        back=({"/etc/x": b""},),
        listeners=(
            *(ConfiguredListener(listener, "") for listener in (new, replaced)),
            *(
                ConfiguredListener(listener, "", tls_optional=True)
                for listener in (loopback, other)
            ),
        ),
    )
    before = [wildcard, replaced, other]
    participant = a_participant(before, [new, replaced, other], plan)
    participant.configured = participant.configured._replace(
        listeners=tuple(ConfiguredListener(each, "", tls_optional=True) for each in before)
    )

    def facts():
        changes = (change for change in participant.changes() if change["kind"] == "listener")
        return {
            change["name"]: [change[side].get("tls_required") for side in ("before", "after")]
            for change in changes
        }

    assert facts() == {
        "0.0.0.0:587": [False, None],
        "127.0.0.1:587": [None, None],
        "192.0.2.1:587": [None, True],
        "192.0.2.9:1587": [False, True],
    }
    participant.plan = Plan()  # nothing is written: nothing becomes required
    assert facts()["192.0.2.1:587"] == [None, None] and "192.0.2.9:1587" not in facts()


def test_loopback_of_ipv6_that_goes_with_its_wildcard_is_a_removal():
    before = [Listener(address, 25, "smtp", "none") for address in ("0.0.0.0", "::")]

    def removed(*after):
        listeners = [Listener(address, 25, "smtp", "none") for address in after]
        plan = Plan(
            steps=({"/etc/x": b""},),
            back=({"/etc/x": b""},),
            listeners=tuple(ConfiguredListener(listener, "") for listener in listeners),
        )
        changes = a_participant(before, listeners[:1], plan).changes()
        return {change["name"] for change in changes if change["action"] == "remove"} - {"/etc/x"}

    wildcards = {"0.0.0.0:25", "[::]:25"}
    assert removed("192.0.2.1", "127.0.0.1") == {*wildcards, "[::1]:25"}
    assert removed("192.0.2.1", "127.0.0.1", "::1") == wildcards
    assert removed("192.0.2.1") == wildcards  # keep_loopback: false
    assert removed("::", "127.0.0.1") == {"0.0.0.0:25"}
