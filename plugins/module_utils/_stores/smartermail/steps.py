# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a SmarterMail server holds to what it should: which calls, in which order.

Pure.

Neither door can edit a port: it is added again. The SOAP door can assign one that is there, the
REST door says with the addition where a port is to answer. So over SOAP what is new is added first,
where nothing listens yet, then address by address what is old is swapped for it, and what is old
goes last; over REST a port that keeps its number on an address must go before it comes back. The
same code undoes: from what the server holds in the middle to what it held before.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    canonical_address,
    family,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings, Port
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    Held,
    ServerPort,
    View,
)


class Entry(t.NamedTuple):
    """A port, and the addresses that it answers on as the server spells them."""

    port: ServerPort
    addresses: frozenset


class Wanted(t.NamedTuple):
    """What a server should hold. What is not spoken of, it keeps."""

    entries: list  # of Entry; those without an id are to be added
    hostnames: dict  # address -> host name


# -- the calls


class Add(t.NamedTuple):
    """Add a port, and, over REST, have it answer on these addresses."""

    port: ServerPort
    addresses: frozenset

    def __str__(self) -> str:
        return "add the port %s (%d, %s)%s" % (
            self.port.title,
            self.port.number,
            self.port.encryption,
            _on(self.addresses),
        )


class Delete(t.NamedTuple):
    """Delete a port, and with it whatever assignments it has."""

    port: ServerPort
    addresses: frozenset

    def __str__(self) -> str:
        return "delete the port %s" % self.port.title


class Assign(t.NamedTuple):
    """Let an address answer on a port; C(port.id) is '' for one that was added on the way."""

    port: ServerPort
    address: str

    def __str__(self) -> str:
        return "assign the port %s to %s" % (self.port.title, self.address)


class Unassign(t.NamedTuple):
    """Let an address no longer answer on a port."""

    port: ServerPort
    address: str

    def __str__(self) -> str:
        return "take the port %s off %s" % (self.port.title, self.address)


class AddHostname(t.NamedTuple):
    """Give an address without a host name one."""

    address: str
    hostname: str

    def __str__(self) -> str:
        return "give %s the host name %s" % (self.address, self.hostname)


class DeleteHostname(t.NamedTuple):
    """Take the host name off an address."""

    address: str
    hostname: str  # that it has

    def __str__(self) -> str:
        return "take the host name off %s" % self.address


def _on(addresses: t.Iterable) -> str:
    return " on " + ", ".join(sorted(addresses)) if addresses else ""


# -- what the server should hold


def entries(held: Held, ports: t.Iterable[ServerPort]) -> list:
    """These of the server's ports as they are assigned now."""
    return [
        Entry(port, frozenset(address for address, ids in held.assigned.items() if port.id in ids))
        for port in ports
    ]


def wanted(
    seen: View,
    held: Held,
    desired: Bindings,
    passwords: t.Mapping,
    again: t.Iterable,
    assigns: bool,
) -> Wanted:
    """What the server should hold for its bindings to be C(desired).

    C(passwords): name -> certificate password, for ports that are added. C(again): names of ports
    to add again though they do not differ. C(assigns): the door can assign a port that is there;
    else one whose addresses change is added again too.
    """
    on = _desired_addresses(seen, desired)
    # an address that a config can't name keeps the port
    nameless = set(held.assigned) - set(seen.spelled.values())
    now = {entry.port.name: entry for entry in entries(held, seen.ports.values())}
    found = []
    for name, port in desired.ports.items():
        old = now.get(name)
        addresses = frozenset(on[name].union(old.addresses & nameless if old else ()))
        can_stay = old and old.port.port == port and name not in again
        if old and can_stay and (assigns or old.addresses == addresses):
            found.append(Entry(old.port, addresses))
        else:
            found.append(Entry(_new_port(port, passwords.get(name) or "", old), addresses))
    return Wanted(found, _desired_hostnames(seen, desired))


def _desired_addresses(seen: View, desired: Bindings) -> dict[str, set[str]]:
    """Port name -> the addresses that it should answer on, as the server spells them."""
    on: dict[str, set[str]] = {name: set() for name in desired.ports}
    for address, binding in desired.ip_addresses.items():
        for name in set(binding.ports) & set(on):  # the rules report a port that is missing
            on[name].add(seen.spelled.get(address, address))
    return on


def _new_port(port: Port, password: str, old: t.Optional[Entry]) -> ServerPort:
    """A port that is to be added, or added again."""
    return ServerPort(
        "",
        port.name,
        port.protocol,
        port.port,
        port.encryption,
        port.certificate_path,
        port.description,
        password,
        old.port.more if old else {},
    )


def _desired_hostnames(seen: View, desired: Bindings) -> dict[str, str]:
    """Address, as the server spells it -> its host name; '' for none."""
    spelled = {**{canonical: canonical for canonical in desired.ip_addresses}, **seen.spelled}
    bindings = desired.ip_addresses
    return {
        address: bindings[canonical].hostname if canonical in bindings else ""
        for canonical, address in spelled.items()
    }


# -- the calls between


def steps(now: list, held_hostnames: t.Mapping, target: Wanted, assigns: bool) -> list:
    """The calls that take the server from the entries C(now) to C(target), in their order."""
    old = {entry.port.id: entry for entry in now}
    stay = {entry.port.id: entry for entry in target.entries if entry.port.id}
    new = sorted((entry for entry in target.entries if not entry.port.id), key=_by_name)
    gone = sorted((entry for entry in now if entry.port.id not in stay), key=_by_name)
    names = _hostname_steps(held_hostnames, target.hostnames)
    if not assigns:
        comes = [_Move(Add(*entry), _places(entry)) for entry in new]
        goes = [_Move(Delete(*entry), _places(entry)) for entry in gone]
        return _ordered(comes, goes) + names
    comes = _moves(Assign, [*new, *(_beyond(entry, old[key]) for key, entry in stay.items())])
    goes = _moves(Unassign, [*gone, *(_beyond(old[key], entry) for key, entry in stay.items())])
    return [
        *(Add(entry.port, frozenset()) for entry in new),
        *_ordered(comes, goes),
        *names,
        *(Delete(entry.port, frozenset()) for entry in gone),
    ]


def _by_name(entry: Entry) -> str:
    return entry.port.name


def _beyond(entry: Entry, other: Entry) -> Entry:
    """The entry with those of its addresses that the other has not."""
    return entry._replace(addresses=entry.addresses - other.addresses)


class _Move(t.NamedTuple):
    """A call that begins or ends listening at these places, each (address, number)."""

    step: t.Any
    places: list


def _places(entry: Entry) -> list:
    return [(canonical(address), entry.port.number) for address in entry.addresses]


def _moves(kind: t.Callable, moved: t.Iterable[Entry]) -> list:
    return [
        _Move(kind(entry.port, address), [(canonical(address), entry.port.number)])
        for entry in moved
        for address in sorted(entry.addresses)
    ]


def _ordered(comes: list, goes: list) -> list:
    """What comes before what goes; but what is in the way of another goes just before that comes,
    and then what brings new places first.
    """
    by_number: dict = {}
    for index, move in enumerate(goes):
        for place in move.places:
            by_number.setdefault(place[1], []).append((place[0], index))
    held = {place for move in goes for place in move.places}
    free, swapped, gone = [], [], set()
    for move in sorted(comes, key=lambda move: (held.issuperset(move.places), _by_place(move))):
        in_the_way = sorted(
            {
                index
                for address, number in move.places
                for other, index in by_number.get(number, ())
                if _meet(address, other)
            }
        )
        if not in_the_way:
            free.append(move.step)
            continue
        swapped += [goes[index].step for index in in_the_way if index not in gone]
        swapped.append(move.step)
        gone.update(in_the_way)
    return free + swapped + [move.step for index, move in enumerate(goes) if index not in gone]


def _by_place(move: _Move) -> list:
    return sorted((number, _address_order(address)) for address, number in move.places)


def _meet(address: str, other: str) -> bool:
    """Whether two listeners of one number can't have these; a wildcard listens on all of its
    family.
    """
    return address == other or (
        family(address) == family(other) and wildcard_of(address) in (address, other)
    )


def canonical(address: str) -> str:
    try:
        return canonical_address(address)
    except ValueError:  # one that a config can't name
        return address


def _address_order(address: str) -> tuple:
    try:
        return (*address_order(address), "")
    except ValueError:
        return 7, 0, address


def _hostname_steps(now: t.Mapping, target: t.Mapping) -> list:
    found: list = []
    for address in sorted(target):
        before, after = now.get(address, ""), target[address]
        if before != after:
            # what AddHostname does where there is one is not known
            found += [DeleteHostname(address, before)] if before else []
            found += [AddHostname(address, after)] if after else []
    return found
