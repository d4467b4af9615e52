# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which calls lie between what is there and what is desired, and in which order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible_collections.mailops.bindings.plugins.module_utils._config import changes  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import steps  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    Held,
    view,
)  # noqa: E402
from support.smartermail.records import ELSEWHERE, HERE, THERE, held, port  # noqa: E402

# -- which calls, in which order


def planned(there, desired, assigns, passwords=(), again=()):
    seen = view(there)
    target = steps.wanted(seen, there, desired, dict(passwords), again, assigns)
    return [
        str(step)
        for step in steps.steps(
            steps.entries(there, seen.ports.values()), there.hostnames, target, assigns
        )
    ]


def changed(there, name, **values):
    bindings = view(there).bindings
    return bindings._replace(
        ports={**bindings.ports, name: bindings.ports[name]._replace(**values)}
    )


ONE = held([port("A", id="1")], {HERE: ["A"], THERE: ["A"], ELSEWHERE: []})


def test_soap_prepares_the_new_port_and_swaps_it_in():
    assert planned(ONE, changed(ONE, "A", description="new"), True) == [
        'add the port "A" (25, none)',
        'take the port "A" (id 1) off 192.0.2.10',
        'assign the port "A" to 192.0.2.10',
        'take the port "A" (id 1) off 192.0.2.11',
        'assign the port "A" to 192.0.2.11',
        'delete the port "A" (id 1)',
    ]


def test_soap_assigns_a_new_number_before_it_takes_the_old_one_off():
    assert planned(ONE, changed(ONE, "A", port=26), True) == [
        'add the port "A" (26, none)',
        'assign the port "A" to 192.0.2.10',
        'assign the port "A" to 192.0.2.11',
        'take the port "A" (id 1) off 192.0.2.10',
        'take the port "A" (id 1) off 192.0.2.11',
        'delete the port "A" (id 1)',
    ]


def test_rest_deletes_first_only_where_the_number_stays_on_an_address():
    assert planned(ONE, changed(ONE, "A", description="new"), False) == [
        'delete the port "A" (id 1)',
        'add the port "A" (25, none) on 192.0.2.10, 192.0.2.11',
    ]
    assert planned(ONE, changed(ONE, "A", port=26), False) == [
        'add the port "A" (26, none) on 192.0.2.10, 192.0.2.11',
        'delete the port "A" (id 1)',
    ]
    elsewhere = view(ONE).bindings._replace(
        ip_addresses={"2001:db8::1": IPBinding("2001:db8::1", ("A",))}
    )
    assert planned(ONE, elsewhere, False) == [
        'add the port "A" (25, none) on 2001:DB8::1',
        'delete the port "A" (id 1)',
    ]


def test_soap_only_moves_a_port_whose_addresses_change():
    elsewhere = view(ONE).bindings._replace(
        ip_addresses={
            "2001:db8::1": IPBinding("2001:db8::1", ("A",)),
            THERE: IPBinding(THERE, ("A",)),
        }
    )
    assert planned(ONE, elsewhere, True) == [
        'assign the port "A" (id 1) to 2001:DB8::1',
        'take the port "A" (id 1) off 192.0.2.10',
    ]


def test_a_wildcard_is_in_the_way_of_its_family_only():
    there = held(
        [port("All", id="1"), port("Six", id="2", number=26)],
        {"0.0.0.0": ["All"], HERE: [], ELSEWHERE: ["Six"]},
    )
    desired = Bindings(
        {"New": Port("New", "smtp", 25)},
        {HERE: IPBinding(HERE, ("New",)), "2001:db8::1": IPBinding("2001:db8::1", ("New",))},
    )
    assert planned(there, desired, True) == [
        'add the port "New" (25, none)',
        'assign the port "New" to 2001:DB8::1',
        'take the port "All" (id 1) off 0.0.0.0',
        'assign the port "New" to 192.0.2.10',
        'take the port "Six" (id 2) off 2001:DB8::1',
        'delete the port "All" (id 1)',
        'delete the port "Six" (id 2)',
    ]


def test_an_address_that_no_config_can_name_keeps_its_port():
    there = held([port("A", id="1")], {HERE: ["A"], "fe80::1%12": ["A"]})
    assert (
        planned(there, changed(there, "A", port=26), False)[0]
        == 'add the port "A" (26, none) on 192.0.2.10, fe80::1%12'
    )


def test_host_names_are_taken_off_before_another_is_given():
    there = held(
        [port("A", id="1")], {HERE: ["A"], THERE: ["A"]}, {HERE: "old.example.com", THERE: ""}
    )
    bindings = view(there).bindings
    desired = bindings._replace(
        ip_addresses={
            HERE: bindings.ip_addresses[HERE]._replace(hostname="new.example.com"),
            THERE: bindings.ip_addresses[THERE]._replace(hostname="b.example.com"),
        }
    )
    assert planned(there, desired, True) == [
        "take the host name off 192.0.2.10",
        "give 192.0.2.10 the host name new.example.com",
        "give 192.0.2.11 the host name b.example.com",
    ]


class Pretended:
    """A server that does as it is told, and refuses two ports of one number on an address."""

    def __init__(self, there):
        self.ports = {each.id: each for each in there.ports}
        self.on = {address: set(ids) for address, ids in there.assigned.items()}
        self.made = 0
        self.new: dict = {}

    def carry_out(self, step):
        if isinstance(step, steps.Add):
            self.made += 1
            new = "new %d" % self.made
            self.ports[new] = step.port._replace(id=new)
            self.new[step.port.name] = new
            for address in step.addresses:
                self._assign(new, address)
        elif isinstance(step, steps.Delete):
            del self.ports[step.port.id]
            for ids in self.on.values():
                ids.discard(step.port.id)
        elif isinstance(step, steps.Assign):
            self._assign(step.port.id or self.new[step.port.name], step.address)
        else:
            self.on[step.address].remove(step.port.id or self.new[step.port.name])

    def _assign(self, port_id, address):
        assert port_id not in self.on[address]
        assert self.ports[port_id].number not in self.numbers(address)
        self.on[address].add(port_id)

    def numbers(self, address):
        return {self.ports[each].number for each in self.on[address]}

    @property
    def held(self):
        return Held(
            tuple(self.ports.values()),
            {address: tuple(sorted(ids)) for address, ids in self.on.items()},
            {},
        )


ADDRESSES = (HERE, THERE, "2001:db8::1")


@st.composite
def configs(draw):
    """Valid ones, in which few numbers go round."""
    numbers = draw(st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from([25, 26, 27])))
    bound = {}
    for address in ADDRESSES:
        names, taken = [], set()
        for name in sorted(draw(st.sets(st.sampled_from(sorted(numbers))))) if numbers else ():
            if numbers[name] not in taken:
                taken.add(numbers[name])
                names.append(name)
        if names:
            bound[address] = IPBinding(address, tuple(names))
    return Bindings(
        {
            name: Port(name, "smtp", number, description=draw(st.sampled_from(["", "x"])))
            for name, number in numbers.items()
        },
        bound,
    )


@given(configs(), configs(), st.booleans())
def test_the_calls_make_what_is_wanted_and_never_two_of_a_number_on_an_address(
    before, desired, assigns
):
    there = held(
        [
            port(name, each.protocol, each.port, description=each.description)
            for name, each in before.ports.items()
        ],
        {
            address: before.ip_addresses[address].ports if address in before.ip_addresses else ()
            for address in ADDRESSES
        },
    )
    server = Pretended(there)
    seen = view(there)
    assert seen.bindings == before
    stays = {address: server.numbers(address) for address in ADDRESSES}
    todo = steps.steps(
        steps.entries(there, seen.ports.values()),
        {},
        steps.wanted(seen, there, desired, {}, (), assigns),
        assigns,
    )
    lost: list = []
    for step in todo:
        before_step = {address: server.numbers(address) for address in ADDRESSES}
        server.carry_out(step)
        for address in ADDRESSES:
            lost += [(address, number) for number in before_step[address] - server.numbers(address)]
    after = view(server.held).bindings
    assert (after.ports, after.ip_addresses) == (desired.ports, desired.ip_addresses)
    assert (todo == []) == (changes.changes(before, desired) == [])
    # nothing that stays is lost more than once on the way
    assert all(
        lost.count((address, number)) <= 1
        for address in ADDRESSES
        for number in stays[address] & server.numbers(address)
    )
