# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks for × what is there → what will be there, and the changes between. Pure: check mode is this and no more."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import rules
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    BESIDE_DOCUMENT,
    Declaration,
    Outcome,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
    ip_entry,
    port_entry,
    shown,
    unassigned_ports,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)


class _Sifted(t.NamedTuple):
    """What was declared: the ports' entries as far as they are well-formed, the well-formed entries, and what is wrong."""

    all_ports: list
    ports: list
    ip_addresses: list
    problems: list


def _sift(declaration: Declaration) -> _Sifted:
    problems = []
    (all_ports, ports), (all_ip_addresses, ip_addresses) = (
        rules.sift(
            kind,
            entries or (),
            lambda index, kind=kind: declaration.label(kind, index),
            False,
            problems,
            known_beside,
        )
        for kind, entries, known_beside in (
            ("ports", declaration.ports, BESIDE_DOCUMENT),
            ("ip_addresses", declaration.ip_addresses, ()),
        )
    )
    entry_rules = rules.SERVER_ENTRY_RULES if declaration.on_server else rules.ENTRY_RULES
    problems += rules.broken(entry_rules, all_ports, all_ip_addresses)
    return _Sifted(all_ports, ports, ip_addresses, problems)


def faults(declaration: Declaration) -> list:
    """What is wrong with what was declared, whatever the config says, as messages."""
    return _sift(declaration).problems


def declared(
    current: Bindings, declaration: Declaration, config_path: str = "the config"
) -> Outcome:
    """The config that says what C(current) said and what is declared.

    C(config_path) names the file where an entry is at fault that the task did not name.
    """
    sifted = _sift(declaration)
    problems = sifted.problems

    ports = _stored("ports", current.ports, declaration.ports, declaration, config_path)
    for name, (label, given) in rules.distinct("ports", sifted.ports).items():
        if name not in current.ports and "protocol" not in given:
            problems.append("%sprotocol: is needed to create the port %s" % (label, shown(name)))
            continue
        ports[name] = (label, merged_port(current.ports.get(name), given))

    ip_addresses = _stored(
        "ip_addresses", current.ip_addresses, declaration.ip_addresses, declaration, config_path
    )
    for address, (label, given) in rules.distinct("ip_addresses", sifted.ip_addresses).items():
        ip_addresses[address] = (
            label,
            merged_ip(current.ip_addresses.get(address), given, declaration.exact_assignments),
        )

    desired = Bindings(
        {name: port for name, (label, port) in ports.items()},
        {address: binding for address, (label, binding) in ip_addresses.items()},
        current.schema,
    )
    if desired != current:  # else the rules hold, as they did when it was read
        broken = rules.judge(list(ports.values()), list(ip_addresses.values()), sifted.all_ports)
        problems += broken and _new(broken, current, config_path)
    if declaration.require_assigned:
        problems += [
            "%sname: no IP address listens on %s, and require_assigned is set: assign it, or take it out"
            % (ports[name][0], shown(name))
            for name in unassigned_ports(desired)
        ]
    return Outcome(desired, problems)


def _new(broken: list, current: Bindings, config_path: str) -> list:
    """These messages without those that are of the current config and not of what the task says: a file never has any, a server may."""
    labelled = (
        list(_labelled(kind, getattr(current, kind), config_path).values())
        for kind in ("ports", "ip_addresses")
    )
    before = rules.judge(*labelled, [])
    return [message for message in broken if message not in before]


def _stored(kind, stored, spoken_of, declaration, config_path):
    """The stored values that stay, labelled as what they are."""
    return (
        {}
        if declaration.only_these and spoken_of is not None
        else _labelled(kind, stored, config_path)
    )


def _labelled(kind, stored, config_path):
    return {
        identity: ("%s: %s[%d]." % (config_path, kind, index), value)
        for index, (identity, value) in enumerate(stored.items())
    }


def merged_port(stored: t.Optional[Port], given: dict) -> Port:
    """The stored port with the given values, and with what follows from them."""
    port = (stored or Port(given["name"], given["protocol"], 0))._replace(**given)
    # a number that was only the standard one of the old protocol and encryption follows them
    if "port" not in given and (
        stored is None or stored.port == standard_number(stored.protocol, stored.encryption)
    ):
        port = port._replace(port=standard_number(port.protocol, port.encryption))
    if port.encryption == "none":
        port = port._replace(
            **{key: given.get(key, "") for key in ("certificate_path", "private_key_path")}
        )
    return port


def merged_ip(stored: t.Optional[IPBinding], given: dict, exact: bool) -> IPBinding:
    """The stored IP binding with the given values; its ports exactly the given ones, or at least these."""
    binding = (stored or IPBinding(given["address"]))._replace(**given)
    if stored and "ports" in given and not exact:
        binding = binding._replace(ports=tuple(sorted(set(stored.ports).union(given["ports"]))))
    return binding


def without_port(current: Bindings, name: str, unassign: bool) -> Outcome:
    """The config without this port: a problem where an IP listens on it, unless it may be unassigned there."""
    problems = faults(Declaration(ports=[{"name": name}], single=True))
    if name not in current.ports:
        return Outcome(current, problems)
    using = [address for address, binding in current.ip_addresses.items() if name in binding.ports]
    if using and not unassign:
        problems.append(
            "name: the port %s is assigned to %s: unassign it there first, or set unassign to true"
            % (shown(name), ", ".join(using))
        )
    ports = {other: port for other, port in current.ports.items() if other != name}
    ip_addresses = dict(current.ip_addresses)
    for address in using:
        ip_addresses[address] = _without(ip_addresses[address], {name})
    return Outcome(current._replace(ports=ports, ip_addresses=ip_addresses), problems)


def without_ip(current: Bindings, address: str, names: t.Optional[list]) -> Outcome:
    """The config without this IP address, or, where names of ports are given, with the address not answering on these."""
    problems = faults(Declaration(ip_addresses=[{"address": address}], single=True))
    if problems or canonical_address(address) not in current.ip_addresses:
        return Outcome(current, problems)
    canonical = canonical_address(address)
    ip_addresses = dict(current.ip_addresses)
    if names is None:
        del ip_addresses[canonical]
    else:
        ip_addresses[canonical] = _without(ip_addresses[canonical], set(names))
    return Outcome(current._replace(ip_addresses=ip_addresses), problems)


def _without(binding: IPBinding, names: set) -> IPBinding:
    return binding._replace(ports=tuple(name for name in binding.ports if name not in names))


# -- the changes between two configs


def changes(current: Bindings, desired: Bindings) -> list:
    """What has to be done to C(current) to make it C(desired): ports by name, then IP bindings in address order.

    A change is C({action, kind, name, before, after}); before and after are entries of the document, empty where there is none.
    """
    found = _differing("port", current.ports, desired.ports, port_entry, None)
    found += _differing(
        "ip_binding", current.ip_addresses, desired.ip_addresses, ip_entry, address_order
    )
    return found


def _differing(kind, current, desired, entry, order) -> list:
    if current == desired:
        return []
    found = []
    for identity in sorted(set(current) | set(desired), key=order):
        before, after = current.get(identity), desired.get(identity)
        if before != after:
            found.append(
                {
                    "action": "add" if before is None else "remove" if after is None else "change",
                    "kind": kind,
                    "name": identity,
                    "before": {} if before is None else entry(before),
                    "after": {} if after is None else entry(after),
                }
            )
    return found


_PARTS = {"port": "ports", "ip_binding": "ip_addresses", "file": "files", "listener": "listeners"}


def diff(found: list) -> dict:
    """The changes as C(--diff) shows them: before and after by kind and name, of an entry that stays only what differs in it."""
    sides = {"before": {}, "after": {}}
    for change in found:
        for side, other in (("before", "after"), ("after", "before")):
            entry = change[side]
            if change["action"] == "change":
                entry = {
                    key: value
                    for key, value in entry.items()
                    if key not in change[other] or change[other][key] != value
                }
            if entry or change["action"] == "change":
                sides[side].setdefault(_PARTS[change["kind"]], {})[change["name"]] = entry
    return sides
