# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a SmarterMail server holds: ports, its network card's addresses with the ports that answer
there, host names.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing as t


@dataclasses.dataclass
class Unknowns:
    """What is not known of the real server.

    The defaults are what tests begin with, not what is likelier.
    """

    password_shown: str = "masked"  # in bindingPorts: masked, clear, empty, absent
    nulls: bool = False  # in place of empty texts and lists in answers; XML leaves them out then
    spelling: str = "usual"  # of JSON keys in answers: usual (as public code has it), pascal, lower
    shared_number: bool = (
        True  # may two ports with one number answer on one address? One public script has it so
    )
    shared_name: bool = True  # may two ports have one name?
    second_hostname: str = "refused"  # AddHostname where the address has one: refused, replaces
    # ListHostnames has addresses without one too, which are seen by nothing else over SOAP
    all_hostnames: bool = True
    unknown_address: str = (
        "refused"  # ListPortsAssignedToIP for an address that the server has not: refused, empty
    )
    missing_id: str = "refused"  # toRemove of an id that is not there: refused, ignored
    submission: str = (
        "Submission Port"  # SOAP's word; the help has this one, people also say Submission
    )
    plain: str = "None"  # SOAP's Encryption of a port without any
    soap_password: bool = True  # AddServerPort takes a password: "newer builds"
    refused_login_status: int = 200  # HTTP status of a refused login
    stale_token_status: int = 401
    expiration: str = "iso"  # accessTokenExpiration: iso, absent, odd (not a time)
    all_or_nothing: bool = False  # toAdd and toRemove with several entries of which one is refused


class Refusal(Exception):
    """The server says no. C(str()) is its message."""


@dataclasses.dataclass
class Port:
    """A port as the server has it.

    C(protocol): SMTP, POP, IMAP, and those whose numbers over REST nobody has seen.
    """

    name: str
    protocol: str = "SMTP"
    port: int = 25
    encryption: str = "none"  # none, ssl, tls
    certificate_path: str = ""
    password: str = ""
    description: str = ""
    id: str = ""
    extra: dict = dataclasses.field(
        default_factory=dict
    )  # fields that builds from 9378 on have; which ones is not known


class State:
    """A server's bindings.

    C(moments): after each change, (number of the call that made it, all (address, number) that
    answer).
    """

    def __init__(
        self,
        ports: t.Iterable[Port] = (),
        addresses: t.Optional[dict] = None,
        hostnames: t.Optional[dict] = None,
    ):
        """C(addresses): address, as the server spells it -> names or ids of its ports."""
        self.unknowns = Unknowns()
        self.ports = [dataclasses.replace(port, id=port.id or new_id()) for port in ports]
        ids = {port.name: port.id for port in self.ports}
        self.addresses = {
            address: [ids.get(port, port) for port in names]
            for address, names in (addresses or {}).items()
        }
        self.hostnames = dict(hostnames or {})
        self.extra_fields = {
            key for port in self.ports for key in port.extra
        }  # that this build has
        self.call = 0  # that is being carried out
        self.refusal = ""  # of whatever is asked for now
        self.attempts = 0  # to change something
        self.refused_attempts = range(
            0
        )  # range(3, 4): the third is refused; range(3, 1000): and all after it
        self.moments = [(0, self.answering())]

    # -- reading

    def port(self, port_id: str) -> t.Optional[Port]:
        return next((port for port in self.ports if port.id == port_id), None)

    def named(self, name: str) -> Port:
        """The one port of this name."""
        (port,) = [port for port in self.ports if port.name == name]
        return port

    def assigned(self, address: str) -> list:
        """Names of the ports that this address answers on, sorted."""
        return sorted(port.name for port in self.ports if port.id in self.addresses[address])

    def answering(self) -> frozenset:
        return frozenset(
            (address, port.port)
            for address, ids in self.addresses.items()
            for port in self.ports
            if port.id in ids
        )

    def summary(self) -> dict:
        """All of it but ids, to compare servers and moments."""
        return {
            "ports": sorted(
                (dataclasses.astuple(dataclasses.replace(port, id="")) for port in self.ports),
                key=repr,
            ),
            "addresses": {address: self.assigned(address) for address in self.addresses},
            "hostnames": dict(self.hostnames),
        }

    def gaps(self) -> list:
        """(address, number, call that ended it, call that brought it back) for all that stopped
        answering and answers again.
        """
        found, ended = [], {}
        for (ignored, before), (call, after) in zip(self.moments, self.moments[1:]):
            ended.update(dict.fromkeys(before - after, call))
            found += [
                (*place, ended.pop(place), call)
                for place in sorted(after - before)
                if place in ended
            ]
        return found

    # -- changing: each raises Refusal, and changes nothing then

    def add_port(self, port: Port, addresses: t.Sequence[str] = ()) -> str:
        self._attempt()
        for address in addresses:
            self._check_address(address)
            self._check_number(port, address)
        if not port.name:
            raise Refusal("The name is missing")
        if not self.unknowns.shared_name and any(other.name == port.name for other in self.ports):
            raise Refusal("A port of this name exists")
        port = dataclasses.replace(port, id=new_id())
        self.ports.append(port)
        for address in addresses:
            self.addresses[address].append(port.id)
        self._changed()
        return port.id

    def delete_port(self, port_id: str) -> None:
        """Assigned or not, as the help says."""
        self._attempt()
        self._check_port(port_id)
        self.ports = [port for port in self.ports if port.id != port_id]
        for ids in self.addresses.values():
            ids[:] = [each for each in ids if each != port_id]
        self._changed()

    def assign(self, port_id: str, address: str) -> None:
        self._attempt()
        port = self._check_port(port_id)
        self._check_address(address)
        if port_id in self.addresses[address]:
            raise Refusal("The port is assigned to this IP address already")
        self._check_number(port, address)
        self.addresses[address].append(port_id)
        self._changed()

    def unassign(self, port_id: str, address: str) -> None:
        self._attempt()
        self._check_port(port_id)
        self._check_address(address)
        if port_id not in self.addresses[address]:
            raise Refusal("The port is not assigned to this IP address")
        self.addresses[address].remove(port_id)
        self._changed()

    def add_hostname(self, hostname: str, address: str) -> None:
        self._attempt()
        self._check_address(address)
        if address in self.hostnames and self.unknowns.second_hostname == "refused":
            raise Refusal("The IP address has a hostname already")
        self.hostnames[address] = hostname
        self._changed()

    def delete_hostname(self, address: str) -> None:
        self._attempt()
        self._check_address(address)
        if address not in self.hostnames:
            raise Refusal("The IP address has no hostname")
        del self.hostnames[address]
        self._changed()

    def _attempt(self) -> None:
        self.attempts += 1
        if self.attempts in self.refused_attempts:
            raise Refusal("The server is busy with itself")

    def _check_port(self, port_id: str) -> Port:
        port = self.port(port_id)
        if port is None:
            raise Refusal("There is no such port")
        return port

    def _check_address(self, address: str) -> None:
        """The list is the network card's: none can be added, and each is known as it is spelled
        there.
        """
        if address not in self.addresses:
            raise Refusal("There is no such IP address")

    def _check_number(self, port: Port, address: str) -> None:
        if not self.unknowns.shared_number and (address, port.port) in self.answering():
            raise Refusal("The port number is in use on this IP address")

    def _changed(self) -> None:
        self.moments.append((self.call, self.answering()))


def new_id() -> str:
    """Ids are opaque."""
    return secrets.token_hex(8)
