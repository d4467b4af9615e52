# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a SmarterMail server holds, and what of it a bindings config can say.

Pure.

Much of what its administrators may have there has no place in a config: protocols whose numbers or
words nobody has published, two ports of one name. That is named in C(unmapped), and no task touches
it. What breaks our rules only (two ports with one number on an address, a certificate path left
over) is in the bindings all the same, and named there too.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, rules
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)

#: Protocols whose names both doors have been seen to take; how they call submission, LDAP and XMPP
#: is not known.
PROTOCOLS = {"smtp": "SMTP", "pop": "POP", "imap": "IMAP"}


class ServerPort(t.NamedTuple):
    """A port as the server has it, or as it is to be added."""

    id: str  # the server's own; '' for one that is to be added
    name: str
    protocol: str  # the config's word; '' where the server's is not known
    number: int
    encryption: str  # likewise
    certificate_path: str = ""
    description: str = ""
    # to send; or as the server gave it back: clear, masked or empty, and so never shown or compared
    password: str = ""
    more: t.Mapping = {}  # fields that we don't know, as they came
    words: str = ""  # protocol and encryption as the server says them

    @property
    def port(self) -> Port:
        """The same in a config's words."""
        return Port(
            self.name,
            self.protocol,
            self.number,
            self.encryption,
            self.certificate_path,
            "",
            self.description,
        )

    @property
    def title(self) -> str:
        """As messages name it."""
        return (
            "%s (id %s)" % (model.shown(self.name), model.shown(self.id)[1:-1])
            if self.id
            else model.shown(self.name)
        )


class Held(t.NamedTuple):
    """What a server holds. Addresses are spelled as it spells them."""

    ports: tuple  # of ServerPort
    assigned: dict  # address -> ids of its ports, sorted
    hostnames: dict  # address -> host name; only where the door can read them
    # addresses that the task names and the server does not know -> what it says of them
    unlisted: dict = {}
    whole: bool = True  # False: only the ports were read


class View(t.NamedTuple):
    """What a config can say of it, and the way back."""

    bindings: Bindings
    unmapped: list  # of {server, where, text, reason}
    ports: dict  # name -> ServerPort, for those in the bindings
    others: list  # the ports that are not
    spelled: dict  # canonical address -> as the server spells it


def view(held: Held) -> View:
    """What a config can say of what the server holds."""
    ports, others, unmapped = _sorted_ports(held)
    spelled, ip_addresses, unmapped_addresses = _sorted_addresses(held, ports)
    bindings = Bindings({name: port.port for name, port in ports.items()}, ip_addresses)
    unmapped += [*unmapped_addresses, *broken_rules(bindings)]
    return View(bindings, unmapped, ports, others, spelled)


def _sorted_ports(held: Held) -> tuple[dict[str, ServerPort], list[ServerPort], list[dict]]:
    """(those with a place in a config by name, the others, why not)."""
    ids = collections.Counter(port.id for port in held.ports)
    names = collections.Counter(port.name for port in held.ports)
    ports, others, unmapped = {}, [], []
    for port in held.ports:
        reason = _no_place(port, ids, names)
        if reason:
            others.append(port)
            text = "number %s, %s" % (port.number or "unknown", port.words)
            unmapped.append(_entry("port " + port.title, text, reason))
        else:
            ports[port.name] = port
    return ports, others, unmapped


def _sorted_addresses(
    held: Held, ports: t.Mapping[str, ServerPort]
) -> tuple[dict[str, str], dict[str, IPBinding], list[dict]]:
    """(canonical address -> the server's spelling, the bindings, what has no place in them)."""
    name_of = {port.id: name for name, port in ports.items()}
    ids = {port.id for port in held.ports}
    spelled: dict[str, str] = {}
    bindings: dict[str, IPBinding] = {}
    unmapped = []
    for address, assigned in held.assigned.items():
        where = "IP address " + address
        unmapped += [
            _entry(where, "port %s" % model.shown(lost), "the server has no such port")
            for lost in assigned
            if lost not in ids
        ]
        hostname = held.hostnames.get(address, "")
        try:
            canonical = canonical_address(address)
        except ValueError as reason:
            if assigned or hostname:
                unmapped.append(_entry(where, "%d ports" % len(assigned), str(reason)))
            continue
        spelled.setdefault(canonical, address)
        binding = bindings.get(canonical, IPBinding(canonical))
        names = {name_of[port_id] for port_id in assigned if port_id in name_of}
        bindings[canonical] = binding._replace(
            ports=tuple(sorted(names.union(binding.ports))), hostname=binding.hostname or hostname
        )
    used = {
        address: binding
        for address, binding in bindings.items()
        if binding.ports or binding.hostname
    }
    return spelled, used, unmapped


def _no_place(port: ServerPort, ids: t.Mapping, names: t.Mapping) -> str:
    """Why a config can't say this port; '' if it can."""
    if not port.protocol:
        return "its protocol has no place in a config, or how this API calls it is not known"
    if not port.encryption:
        return "its encryption is not known"
    if not 1 <= port.number <= 65535:
        return "its number is none"
    if not port.id or ids[port.id] > 1:
        return "its id is not its own, so that the API can't be told which port is meant"
    if names[port.name] > 1:
        return "its name is not its own: give it another in SmarterMail's web interface"
    if not port.name or not port.name.isprintable() or port.name != port.name.strip():
        return (
            "its name is not printable, or has blanks at its ends: give it another in "
            "SmarterMail's web interface"
        )
    try:
        (port.description + port.certificate_path).encode()
    except UnicodeEncodeError:
        return "has a character that is not valid Unicode"
    return ""


def broken_rules(bindings: Bindings) -> list:
    """What of the bindings breaks the rules of a config, as entries of C(unmapped)."""
    titles = ["port %s" % model.shown(name) for name in bindings.ports] + [
        "IP address %s" % address for address in bindings.ip_addresses
    ]
    entries: list[t.Any] = [*bindings.ports.values(), *bindings.ip_addresses.values()]
    # labels are numbers: a name may have anything in it that a message is taken apart by, and long
    # ones are shown alike
    labelled = [("%d." % index, entry) for index, entry in enumerate(entries)]
    found = []
    for message in rules.judge(
        labelled[: len(bindings.ports)], labelled[len(bindings.ports) :], []
    ):
        index, dummy, message = message.partition(".")
        key, dummy, reason = message.partition(": ")
        value = getattr(entries[int(index)], key)
        found.append(
            _entry(
                "%s.%s" % (titles[int(index)], key),
                ", ".join(value) if isinstance(value, tuple) else value,
                reason,
            )
        )
    return found


def _entry(where: str, text: str, reason: str) -> dict:
    return {"server": "smartermail", "where": where, "text": text, "reason": reason}


def meeting_others(seen: View, held: Held, desired: Bindings) -> list:
    """Where what is desired would meet, on one number, a port that is none of the config's; but not
    where it does already.
    """

    def messages(bindings: Bindings, others: list) -> list:
        ports = [
            *bindings.ports.values(),
            *(Port(other.title, "smtp", other.number) for other in others),
        ]
        ip_addresses = []
        for address in sorted({*bindings.ip_addresses, *seen.spelled}):
            assigned = held.assigned.get(seen.spelled.get(address, ""), ())
            beside = tuple(other.title for other in others if other.id in assigned)
            binding = bindings.ip_addresses.get(address) or IPBinding(address)
            ip_addresses.append(binding._replace(ports=beside + binding.ports))
        return rules.broken(
            (rules.numbers_do_not_meet,),
            [("", port) for port in ports],
            [("", binding) for binding in ip_addresses],
        )

    others = [port for port in seen.others if port.number]
    already = {*messages(seen.bindings, others), *messages(desired, [])} if others else ()
    return (
        [message for message in messages(desired, others) if message not in already]
        if others
        else []
    )
