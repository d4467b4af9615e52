# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task makes of a config: what follows, what stays, what is refused, and which changes that is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from ansible_collections.mailops.bindings.plugins.module_utils._config import changes, plan
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
    is_satisfied,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    canonical_text,
    read_document,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    EMPTY,
    Bindings,
    IPBinding,
    Port,
)
from support import strategies

SMTP = Port("SMTP", "smtp", 25)
IMAPS = Port("IMAPS", "imap", 993, "ssl", "/tls/chain.pem", "/tls/key.pem")
CURRENT = Bindings(
    {"SMTP": SMTP, "IMAPS": IMAPS},
    {"192.0.2.1": IPBinding("192.0.2.1", ("IMAPS", "SMTP"), "mail.example.com")},
)


def sound(outcome):
    assert outcome.problems == []
    return outcome.bindings


def declared(current, declaration):
    return sound(plan.declared(current, declaration))


def changed(declaration, **options):
    return Declaration(**{**vars(declaration), **options})


def one_port(current=CURRENT, **entry):
    return declared(current, Declaration(ports=[entry], single=True)).ports[entry["name"]]


def one_ip(current=CURRENT, exclusive=True, **entry):
    desired = declared(
        current, Declaration(ip_addresses=[entry], exact_assignments=exclusive, single=True)
    )
    return desired.ip_addresses[entry["address"]]


def port_problems(**entry):
    return plan.declared(CURRENT, Declaration(ports=[entry], single=True)).problems


@pytest.mark.parametrize(
    "entry, number, encryption",
    [
        ({"protocol": "smtp"}, 25, "none"),
        ({"protocol": "smtp", "encryption": "ssl", "certificate_path": "/c"}, 465, "ssl"),
        ({"protocol": "submission", "encryption": "tls", "certificate_path": "/c"}, 587, "tls"),
        ({"protocol": "ldap", "port": 3890}, 3890, "none"),
    ],
)
def test_a_new_port_gets_its_standard_number_and_no_encryption(entry, number, encryption):
    port = one_port(EMPTY, name="new", **entry)
    assert (port.port, port.encryption) == (number, encryption)


@pytest.mark.parametrize(
    "stored, entry, number",
    [
        (IMAPS, {"encryption": "tls"}, 143),
        (IMAPS, {"protocol": "pop"}, 995),
        (IMAPS, {"protocol": "pop", "encryption": "none"}, 110),
        (IMAPS, {"encryption": "tls", "port": 993}, 993),
        (IMAPS, {"encryption": "ssl"}, 993),
        (IMAPS._replace(port=1993), {"encryption": "tls"}, 1993),
        (SMTP, {"protocol": "submission"}, 587),
        (SMTP._replace(port=587), {"protocol": "submission"}, 587),
        (SMTP, {"description": "x"}, 25),
    ],
)
def test_a_standard_number_follows_protocol_and_encryption_and_any_other_stays(
    stored, entry, number
):
    assert (
        one_port(Bindings({"P": stored._replace(name="P")}, {}), name="P", **entry).port == number
    )


def test_a_change_to_none_drops_the_certificate_but_refuses_one_that_is_given():
    assert one_port(name="IMAPS", encryption="none") == Port("IMAPS", "imap", 143)
    assert port_problems(name="IMAPS", encryption="none", certificate_path="/c") == [
        "certificate_path: encryption none serves no certificate: leave certificate_path out, or set encryption to ssl or tls"
    ]


def test_what_is_left_out_stays_and_an_empty_string_is_a_value():
    assert one_port(name="IMAPS", description="x") == IMAPS._replace(description="x")
    assert one_port(name="IMAPS", private_key_path="") == IMAPS._replace(private_key_path="")
    assert one_ip(address="192.0.2.1", description="x") == CURRENT.ip_addresses[
        "192.0.2.1"
    ]._replace(description="x")
    assert one_ip(address="192.0.2.1", hostname="").hostname == ""
    assert one_ip(address="192.0.2.1", ports=[]).ports == ()


def test_an_ip_answers_on_exactly_or_at_least_these_ports():
    assert one_ip(address="192.0.2.1", ports=["SMTP"]).ports == ("SMTP",)
    current = CURRENT._replace(ip_addresses={"192.0.2.1": IPBinding("192.0.2.1", ("SMTP",))})
    assert one_ip(current, exclusive=False, address="192.0.2.1", ports=["IMAPS"]).ports == (
        "IMAPS",
        "SMTP",
    )
    assert one_ip(current, address="192.0.2.9").ports == ()


def test_an_address_is_the_same_in_any_notation():
    current = declared(
        CURRENT, Declaration(ip_addresses=[{"address": "2001:db8::1", "ports": ["SMTP"]}])
    )
    again = declared(
        current, Declaration(ip_addresses=[{"address": "2001:DB8:0:0::1", "ports": ["SMTP"]}])
    )
    assert again == current
    assert (
        "2001:db8::1" not in sound(plan.without_ip(current, "2001:0db8::0001", None)).ip_addresses
    )


def test_exclusive_leaves_nothing_else_of_the_lists_that_are_given():
    only = Declaration(
        ports=[{"name": "SMTP"}], ip_addresses=[], only_these=True, exact_assignments=True
    )
    assert declared(CURRENT, only) == Bindings({"SMTP": SMTP}, {})
    assert declared(CURRENT, changed(only, ip_addresses=None, ports=None)) == CURRENT
    # an address that keeps a port which is no longer declared
    assert plan.declared(CURRENT, changed(only, ip_addresses=None), "/etc/b.json").problems == [
        '/etc/b.json: ip_addresses[0].ports: there is no port "IMAPS" to assign to 192.0.2.1: declare it, or take it off the list'
    ]


def test_violations_name_the_task_s_own_entries_by_their_place_in_it():
    declaration = Declaration(
        ports=[
            {"name": "SMTP"},
            {"name": "new"},
            {"name": "POP3S", "protocol": "pop", "encryption": "ssl"},
        ],
        ip_addresses=[{"address": "192.0.2.2", "ports": ["nobody"]}],
    )
    assert [line.partition(": ")[0] for line in plan.declared(CURRENT, declaration).problems] == [
        "ports[1].protocol",
        "ports[2].certificate_path",
        "ip_addresses[0].ports",
    ]
    assert port_problems(name="new") == ['protocol: is needed to create the port "new"']


def test_a_violation_of_a_stored_entry_names_the_config():
    assert port_problems(name="IMAPS", port=25) == [
        'the config: ip_addresses[0].ports: "IMAPS" and "SMTP" both have number 25 and meet on 192.0.2.1: give one another number, or unassign it'
    ]


def test_every_port_must_be_assigned_where_that_is_asked_for():
    declaration = Declaration(ports=[{"name": "new", "protocol": "pop"}], require_assigned=True)
    assert plan.declared(CURRENT, declaration).problems == [
        'ports[0].name: no IP address listens on "new", and require_assigned is set: assign it, or take it out'
    ]
    assert declared(CURRENT, changed(declaration, ports=[]))


def test_an_assigned_port_is_not_removed_unless_it_may_be_unassigned():
    assert plan.without_port(CURRENT, "SMTP", False).problems == [
        'name: the port "SMTP" is assigned to 192.0.2.1: unassign it there first, or set unassign to true'
    ]
    left = sound(plan.without_port(CURRENT, "SMTP", True))
    assert set(left.ports) == {"IMAPS"} and left.ip_addresses["192.0.2.1"].ports == ("IMAPS",)
    assert sound(plan.without_port(CURRENT, "nobody", False)) == CURRENT


def test_ports_are_taken_off_an_ip_and_an_ip_out_of_the_config():
    assert sound(plan.without_ip(CURRENT, "192.0.2.1", ["SMTP", "nobody"])).ip_addresses[
        "192.0.2.1"
    ].ports == ("IMAPS",)
    assert sound(plan.without_ip(CURRENT, "192.0.2.1", None)).ip_addresses == {}
    assert sound(plan.without_ip(CURRENT, "192.0.2.9", None)) == CURRENT


def test_what_is_to_go_must_be_a_name_or_an_address():
    assert (
        plan.without_ip(CURRENT, "192.0.2.010", None)
        .problems[0]
        .startswith('address: "192.0.2.010" is not')
    )
    assert plan.without_port(CURRENT, "", False).problems == ["name: is empty"]


def test_changes_are_ports_by_name_then_addresses_in_order_and_the_diff_shows_only_these():
    desired = declared(
        CURRENT,
        Declaration(
            ports=[{"name": "SMTP"}, {"name": "A", "protocol": "pop"}],
            only_these=True,
            exact_assignments=True,
            ip_addresses=[
                {"address": address, "ports": ["SMTP"]}
                for address in ("::1", "192.0.2.10", "192.0.2.9")
            ],
        ),
    )
    found = changes.changes(CURRENT, desired)
    assert [(change["action"], change["kind"], change["name"]) for change in found] == [
        ("add", "port", "A"),
        ("remove", "port", "IMAPS"),
        ("remove", "ip_binding", "192.0.2.1"),
        ("add", "ip_binding", "192.0.2.9"),
        ("add", "ip_binding", "192.0.2.10"),
        ("add", "ip_binding", "::1"),
    ]
    shown = changes.diff(found)
    assert set(shown["before"]["ports"]) == {"IMAPS"} and set(shown["after"]["ports"]) == {"A"}
    assert set(shown["before"]["ip_addresses"]) == {"192.0.2.1"}


def test_the_diff_of_an_entry_that_stays_is_what_differs_in_it():
    found = changes.changes(
        CURRENT,
        declared(
            CURRENT,
            Declaration(ports=[{"name": "IMAPS", "private_key_path": "", "description": "x"}]),
        ),
    )
    assert changes.diff(found) == {
        "before": {"ports": {"IMAPS": {"private_key_path": "/tls/key.pem", "description": ""}}},
        "after": {"ports": {"IMAPS": {"description": "x"}}},
    }
    assert found[0]["after"] == {
        "name": "IMAPS",
        "protocol": "imap",
        "port": 993,
        "encryption": "ssl",
        "certificate_path": "/tls/chain.pem",
        "description": "x",
    }


@given(strategies.documents(), strategies.declarations())
def test_planning_twice_changes_nothing_more_and_what_is_planned_is_valid(document, options):
    exclusive = options.pop("exclusive", False)
    declaration = Declaration(**options, only_these=exclusive, exact_assignments=exclusive)
    current = read_document(document)
    outcome = plan.declared(current, declaration)
    desired = outcome.bindings
    if outcome.problems:
        return
    assert declared(desired, declaration) == desired
    assert is_satisfied(desired, declaration)
    assert changes.changes(desired, desired) == []
    assert bool(changes.changes(current, desired)) == (current != desired)
    assert read_document(json.loads(canonical_text(desired))) == desired


def assert_says_what_the_plan_finds(current, declaration):
    outcome = plan.declared(current, declaration)
    assert is_satisfied(current, declaration) == (
        (outcome.bindings, outcome.problems) == (current, [])
    )


@given(strategies.documents(), strategies.declarations())
def test_a_config_says_what_is_declared_if_and_only_if_the_plan_changes_nothing(document, options):
    exclusive = options.pop("exclusive", False)
    assert_says_what_the_plan_finds(
        read_document(document),
        Declaration(**options, only_these=exclusive, exact_assignments=exclusive),
    )


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"ports": []},
        {"ports": [{"name": "SMTP"}]},
        {"ports": [{"name": "SMTP"}, {"name": "SMTP"}]},
        {"ports": [{"name": "SMTP", "port": 26}]},
        {
            "ports": [
                {"name": "SMTP"},
                {"name": "IMAPS", "encryption": "ssl", "private_key_path": "/tls/key.pem"},
            ]
        },
        {"ip_addresses": [{"address": "192.0.2.1"}]},
        {"ip_addresses": [{"address": "192.0.2.1", "ports": ["SMTP"]}]},
        {"ip_addresses": [{"address": "192.0.2.1", "ports": ["SMTP", "SMTP"]}]},
        {
            "ip_addresses": [
                {"address": "192.0.2.1", "ports": ["SMTP", "IMAPS"], "hostname": "mail.example.com"}
            ]
        },
        {"ip_addresses": [{"address": "192.0.2.1", "ports": ["SMTP", "IMAPS"], "hostname": ""}]},
        {"ip_addresses": [{"address": "192.0.2.010"}]},
        {"ip_addresses": [{"address": "2001:DB8::1"}]},
    ],
)
def test_the_same_where_little_differs(entries, exclusive):
    for require_assigned in (False, True):
        for current in (
            CURRENT,
            EMPTY,
            CURRENT._replace(ip_addresses={"2001:db8::1": IPBinding("2001:db8::1", ("SMTP",))}),
        ):
            assert_says_what_the_plan_finds(
                current,
                Declaration(
                    **entries,
                    only_these=exclusive,
                    exact_assignments=exclusive,
                    require_assigned=require_assigned,
                ),
            )


def test_what_a_server_says_is_left_to_the_plan():
    assert not is_satisfied(CURRENT, Declaration(on_server=True))
