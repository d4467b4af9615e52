# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entries of others stay in master.cf, which are displaced, and which ours are. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    endpoint,
    is_loopback,
    is_wildcard,
    loopback_beside,
    reached_at,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.parser import (
    Service,
    declared_answer,
)

#: On loopback, entries of other numbers belong to content filters, and are never touched.
_STANDARD_NUMBERS = (25, 465, 587)

_SocketAddress = t.Tuple[str, int]


class NewEntry(t.NamedTuple):
    """An entry to be written."""

    name: str
    template: t.Optional[Service]  # the entry that it is made from
    sockets: tuple[tuple[str, int], ...]
    listener: t.Optional[Listener]  # None: on loopback, as the template is

    @property
    def adds_logins(self) -> bool:
        """Is it for submission, and made from an entry that is not?"""
        return (
            self.listener is not None
            and self.listener.protocol == "submission"
            and not (self.template and self.template.protocol == "submission")
        )

    @property
    def is_postscreen(self) -> bool:
        """Is it made from a postscreen?"""
        return self.template is not None and self.template.is_postscreen


class DesiredEntries(t.NamedTuple):
    """What becomes of a master.cf that others wrote."""

    kept: tuple[Service, ...]  # they answer as declared, or do not concern us
    displaced: tuple[Service, ...] = ()
    new: tuple[NewEntry, ...] = ()

    @property
    def declared(self) -> list[NewEntry]:
        """The new entries that are made for a declared listener."""
        return [entry for entry in self.new if entry.listener]


def desired_entries(
    services: t.Sequence[Service],
    desired: t.Sequence[Listener],
    loopback: t.Collection[str],
    keep_loopback: bool,
) -> DesiredEntries:
    """Compute it from others' services. C(loopback): the addresses of it that can be bound."""
    draft = _Draft(services, desired, keep_loopback)
    draft.replace_whole_entries()
    draft.add_listeners()
    if keep_loopback:
        draft.keep_loopback(loopback)
    return DesiredEntries(draft.kept, draft.displaced, tuple(draft.new))


class _Draft:
    """The new entries so far, and the sockets that are covered by them and by what is kept."""

    def __init__(
        self, services: t.Sequence[Service], desired: t.Sequence[Listener], keep_loopback: bool
    ):
        self.services = services
        self.declared = {(listener.address, listener.port): listener for listener in desired}
        self.numbers = () if keep_loopback else _STANDARD_NUMBERS
        keys = {service.key for service in services if self._is_displaced(service)}
        self.displaced = tuple(service for service in services if service.key in keys)
        self.kept = tuple(service for service in services if service.key not in keys)
        self.new: list[NewEntry] = []
        self.covered = {socket for service in self.kept for socket in service.sockets}

    def _managed_sockets(self, service: Service) -> list[_SocketAddress]:
        """The sockets of a service for which the declaration decides."""
        return [
            (address, port)
            for address, port in service.sockets
            if service.protocol
            and (
                not is_loopback(address) or (address, port) in self.declared or port in self.numbers
            )
        ]

    def _is_displaced(self, service: Service) -> bool:
        return any(
            socket not in self.declared or not service.answers_as(self.declared[socket])
            for socket in self._managed_sockets(service)
        )

    def replace_whole_entries(self) -> None:
        """Make one entry of one, where all its sockets are declared alike: master(8) keeps them."""
        for service in self.displaced:
            listeners = [
                self.declared[socket]
                for socket in self._managed_sockets(service)
                if socket in self.declared and socket not in self.covered
            ]
            if (
                len(listeners) == len(service.sockets)
                and len(set(map(declared_answer, listeners))) == 1
            ):
                self._add(service.entry.fields[0], service.sockets, listeners[0])

    def add_listeners(self) -> None:
        """Make an entry for each listener that no entry covers yet."""
        for socket, listener in self.declared.items():
            if socket not in self.covered:
                self._add(listener.name, (socket,), listener)

    def _add(self, name: str, sockets: tuple[tuple[str, int], ...], listener: Listener) -> None:
        self.new.append(NewEntry(name, _template(self.services, listener), sockets, listener))
        self.covered.update(sockets)

    def keep_loopback(self, loopback: t.Collection[str]) -> None:
        """Keep what displaced entries answer on loopback, for the programs of this host."""
        beside = loopback_beside((address for address, dummy in self.declared), loopback)
        for service in self.displaced:
            for address, port in service.sockets:
                socket = reached_at(address), port
                covered = {socket, (wildcard_of(address), port)} & self.covered
                kept = beside if is_wildcard(address) else loopback
                if is_loopback(socket[0]) and socket[0] in kept and not covered:
                    self.new.append(NewEntry(endpoint(*socket), service, (socket,), None))
                    self.covered.add(socket)


def _template(services: t.Iterable[Service], listener: Listener) -> t.Optional[Service]:
    """The entry that a listener's is made from: what answers there today, or the nearest.

    That may be one of the other protocol: whether an entry is for smtp or submission can mostly be
    only guessed, and its filters and restrictions must not be lost for a wrong guess. postscreen is
    for smtp for certain.
    """

    def distance(service: Service) -> tuple[bool, ...]:
        addresses = [address for address, dummy in service.sockets]
        return (
            listener.address not in addresses,
            wildcard_of(listener.address) not in addresses,
            service.protocol != listener.protocol,
            not any(map(is_wildcard, addresses)),
        )

    candidates = [service for service in services if _can_be_template(service, listener)]
    return min(candidates, key=distance, default=None)


def _can_be_template(service: Service, listener: Listener) -> bool:
    if not service.protocol or (service.is_postscreen and service.protocol != listener.protocol):
        return False
    return any(
        port == listener.port and (not is_loopback(address) or address == listener.address)
        for address, port in service.sockets
    )
