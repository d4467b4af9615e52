# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task can't have on a SmarterMail server: of the store, of the server, or of the door to
it. Pure.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import steps
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    Held,
    ServerPort,
    View,
    meeting_others,
)


class Door(t.Protocol):
    """What of a door to the API counts here; C(rest) and C(soap) are the two."""

    name: str
    protocols: t.Mapping[str, str]  # ours -> the door's, for those whose word is known
    assigns: bool  # can it assign a port that is there?
    names_hosts: bool  # can it read and give host names?


class Request(t.NamedTuple):
    """A task, held against the server."""

    door: Door
    url: str
    held: Held
    seen: View
    desired: Bindings
    target: steps.Wanted
    declaration: Declaration
    passwords: t.Container[
        str
    ]  # names of the ports for which the task gives a certificate password
    names: t.AbstractSet[str]  # of the ports that the task names
    unassign: bool  # may a port be removed that addresses still have?

    @property
    def replaced(self) -> set[str]:
        """Names of the ports that are there and have to be added again."""
        return {
            entry.port.name
            for entry in self.target.entries
            if not entry.port.id and entry.port.name in self.seen.ports
        }

    @property
    def removed(self) -> set[str]:
        """Names of the ports that go, unless the task lets them go wherever they are assigned."""
        return set() if self.unassign else set(self.seen.ports).difference(self.desired.ports)

    @property
    def may_miss_addresses(self) -> bool:
        """Could an address have one of these ports that SOAP can't list?

        Only a task that names all addresses rules it out.
        """
        names_all = self.declaration.only_these and self.declaration.ip_addresses is not None
        return bool(
            self.held.whole
            and self.door.assigns
            and (self.replaced or self.removed)
            and not names_all
        )


def problems(request: Request) -> list[str]:
    """All that stands against the request, as whole messages with their remedies."""
    found = list(_foreign_names(request))
    for binding in request.desired.ip_addresses.values():
        found += _unfit_address(request.door, binding, label_of(request, binding.address))
    for entry in request.target.entries:
        label = label_of(request, entry.port.name, "ports")
        found += [label + problem for problem in _unfit_port(request, entry.port)]
    found += meeting_others(request.seen, request.held, request.desired)
    if request.may_miss_addresses and not request.held.assigned:
        found += _unseen(request)
    return found


def warnings(request: Request) -> list[str]:
    """Where SOAP can't see all addresses: which were looked at, and what that may mean."""
    if not request.may_miss_addresses:
        return []
    return [
        "%s: SOAP can't list the server's IP addresses, and these were looked at: %s. "
        "If others answered on %s, %s"
        % (request.url, ", ".join(request.held.assigned) or "none", _listed(names), consequence)
        for names, consequence in (
            (request.replaced, "assign it there, since SOAP adds a port again to change it"),
            (request.removed, "they do no longer"),
        )
        if names
    ]


def label_of(request: Request, identity: str, kind: str = "ip_addresses") -> str:
    """The path of an entry in the task, such as 'ports[3].', or its name if the task does not
    declare it.
    """
    for index, entry in enumerate(getattr(request.declaration, kind) or ()):
        if kind == "ports" and entry.get("name") == identity:
            return request.declaration.label(kind, index)
        with contextlib.suppress(ValueError):
            if kind == "ip_addresses" and canonical_address(entry["address"]) == identity:
                return request.declaration.label(kind, index)
    return "%s: " % (model.shown(identity) if kind == "ports" else identity)


def _listed(names: t.Iterable[str]) -> str:
    return ", ".join(map(model.shown, sorted(names)))


def _unseen(request: Request) -> t.Iterator[str]:
    """Changes that could lose an assignment which SOAP can't show."""
    where = (
        "%s: over SOAP no IP address of the server can be seen, since none has a host name and "
        "the task names none, and so not " % request.url
    )
    remedy = (
        "name the addresses in ip_addresses of mail_bindings (without ports they keep theirs), "
        "or use smartermail_api: rest"
    )
    if request.replaced:
        yield "%swhere %s must be assigned again: %s" % (where, _listed(request.replaced), remedy)
    if request.removed:
        yield (
            "%swhether others answer on %s: set unassign of mail_port to true to remove it all "
            "the same, or %s" % (where, _listed(request.removed), remedy)
        )


def _foreign_names(request: Request) -> t.Iterator[str]:
    """Ports that the task names and that have no place in a config."""
    seen = request.seen
    others = {
        other.name: (other, entry["reason"]) for other, entry in zip(seen.others, seen.unmapped)
    }
    for name in sorted(request.names & set(others)):
        other, reason = others[name]
        learns = not other.protocol and request.door.name == "rest"
        yield (
            "%sname: the server has a port %s that stays as it is: %s. Leave it out, or take "
            "another name%s"
            % (
                label_of(request, name, "ports"),
                model.shown(name),
                reason,
                ", or, if it is for submission or ldap, use smartermail_api: soap"
                if learns
                else "",
            )
        )


def _unfit_address(door: Door, binding: IPBinding, label: str) -> t.Iterator[str]:
    if binding.description:
        yield "%sdescription: SmarterMail has none for an IP address: leave it out" % label
    if binding.floating:
        yield (
            "%sfloating: the list of IP addresses is the server's network card's: leave floating "
            "out" % label
        )
    if binding.hostname and not door.names_hosts:
        yield (
            "%shostname: is not available over REST: leave it out, or use smartermail_api: soap"
            % label
        )


def _unfit_port(request: Request, port: ServerPort) -> t.Iterator[str]:
    desired, old = request.desired.ports[port.name], request.seen.ports.get(port.name)
    if desired.private_key_path:
        yield (
            "private_key_path: SmarterMail reads the key from the certificate's own file (PFX): "
            "leave private_key_path out"
        )
    if port.id:  # it stays
        return
    if port.protocol not in request.door.protocols:
        yield _unknown_protocol(request.door, port.protocol)
    if "\r" in port.description and request.door.name == "soap":
        yield (
            "description: has a carriage return, which XML does not give back: leave it out, "
            "or use smartermail_api: rest"
        )
    if old:
        yield from _unfit_again(request, port, old, desired)


def _unknown_protocol(door: Door, protocol: str) -> str:
    if door.name == "soap":
        remedy = (
            ", and SOAP can learn it only from the server: make one %s port in its web interface "
            "first" % protocol
        )
    else:
        remedy = (
            " over REST: make this port in the web interface and leave it out here, "
            "or use smartermail_api: soap, which can learn it from a port that is there"
        )
    return "protocol: how SmarterMail's API calls %s is not known%s" % (protocol, remedy)


def _unfit_again(
    request: Request, port: ServerPort, old: ServerPort, desired: Port
) -> t.Iterator[str]:
    """What stands against adding again a port that is there."""
    door = request.door
    # a path that is left over without encryption has its password too; a new path there is a new
    # port's certificate
    same = old.encryption != "none" or old.certificate_path == port.certificate_path
    needs_password = bool(old.certificate_path and port.certificate_path and same)
    if needs_password and port.name not in request.passwords:
        could_assign = not door.assigns and old.port == desired
        yield (
            "certificate_password: %s has to be added again, since smartermail_api %s can't %s a "
            "port that is there, "
            "and its certificate's password can't be read: give it with mail_port or "
            "mail_bindings ('' for none)%s"
            % (
                model.shown(port.name),
                door.name,
                "edit" if door.assigns else "edit or assign",
                ", or use smartermail_api: soap, which can assign" if could_assign else "",
            )
        )
    if port.more and door.name == "soap":
        yield (
            "%s has to be added again, and SOAP can't say what this version keeps of it (%s): "
            "use smartermail_api: rest" % (model.shown(port.name), ", ".join(sorted(port.more)))
        )
