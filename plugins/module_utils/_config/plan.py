# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task makes of a config: entries merged or removed, and what is wrong with that. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import documents, rules
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    BESIDE_DOCUMENT,
    Declaration,
    Outcome,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Entry,
    IPBinding,
    Port,
    shown,
    unassigned_ports,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)


class _Sifted(t.NamedTuple):
    """The declared entries, labelled, and their problems."""

    all_ports: documents.Labelled  # the values of each that have the right shape
    ports: documents.Labelled  # those whose values all have it
    ip_addresses: documents.Labelled
    problems: t.List[str]


def _sift(declaration: Declaration) -> _Sifted:
    problems: t.List[str] = []
    all_ports, ports = documents.sift(
        "ports",
        declaration.ports or (),
        lambda index: declaration.label("ports", index),
        False,
        problems,
        BESIDE_DOCUMENT,
    )
    all_ip_addresses, ip_addresses = documents.sift(
        "ip_addresses",
        declaration.ip_addresses or (),
        lambda index: declaration.label("ip_addresses", index),
        False,
        problems,
    )
    entry_rules = rules.SERVER_ENTRY_RULES if declaration.on_server else rules.ENTRY_RULES
    problems += rules.broken(entry_rules, all_ports, all_ip_addresses)
    return _Sifted(all_ports, ports, ip_addresses, problems)


def declaration_problems(declaration: Declaration) -> t.List[str]:
    """What is wrong with a declaration, whatever the config says, as messages."""
    return _sift(declaration).problems


def declared(
    current: Bindings, declaration: Declaration, config_path: str = "the config"
) -> Outcome:
    """The current config with what is declared.

    C(config_path) names the file in messages about entries that the task did not name.
    """
    sifted = _sift(declaration)
    problems = sifted.problems
    keep = not declaration.only_these
    ports: t.Dict[str, t.Tuple[str, Port]] = (
        _labelled("ports", current.ports, config_path) if keep or declaration.ports is None else {}
    )
    for name, (label, given) in documents.distinct("ports", sifted.ports).items():
        if name not in current.ports and "protocol" not in given:
            problems.append("%sprotocol: is needed to create the port %s" % (label, shown(name)))
        else:
            ports[name] = (label, merged_port(current.ports.get(name), given))
    ip_addresses: t.Dict[str, t.Tuple[str, IPBinding]] = (
        _labelled("ip_addresses", current.ip_addresses, config_path)
        if keep or declaration.ip_addresses is None
        else {}
    )
    for address, (label, given) in documents.distinct("ip_addresses", sifted.ip_addresses).items():
        stored = current.ip_addresses.get(address)
        ip_addresses[address] = (label, merged_ip(stored, given, declaration.exact_assignments))
    desired = Bindings(
        {name: port for name, (dummy, port) in ports.items()},
        {address: binding for address, (dummy, binding) in ip_addresses.items()},
        current.schema,
    )
    if desired != current:  # else it keeps the rules, as it did when it was read
        broken = rules.judge(list(ports.values()), list(ip_addresses.values()), sifted.all_ports)
        problems += broken and _new(broken, current, config_path)
    if declaration.require_assigned:
        problems += _unassigned(desired, ports)
    return Outcome(desired, problems)


def _unassigned(desired: Bindings, ports: t.Mapping[str, t.Tuple[str, Port]]) -> t.Iterator[str]:
    for name in unassigned_ports(desired):
        yield (
            "%sname: no IP address listens on %s, and require_assigned is set: assign it, or take "
            "it out" % (ports[name][0], shown(name))
        )


def _new(broken: t.Iterable[str], current: Bindings, config_path: str) -> t.List[str]:
    """These messages without those about the current config: a file has none, a server may."""
    before = rules.judge(
        list(_labelled("ports", current.ports, config_path).values()),
        list(_labelled("ip_addresses", current.ip_addresses, config_path).values()),
        [],
    )
    return [message for message in broken if message not in before]


_Value = t.TypeVar("_Value", Port, IPBinding)


def _labelled(
    kind: str, stored: t.Mapping[str, _Value], config_path: str
) -> t.Dict[str, t.Tuple[str, _Value]]:
    """identity -> (path for messages, value) of what is stored."""
    return {
        identity: ("%s: %s[%d]." % (config_path, kind, index), value)
        for index, (identity, value) in enumerate(stored.items())
    }


def merged_port(stored: t.Optional[Port], given: Entry) -> Port:
    """The stored port with the given values, and with what follows from them."""
    port = (stored or Port(given["name"], given["protocol"], 0))._replace(**given)
    # a number that was the standard one of the old protocol and encryption follows them
    if "port" not in given and (
        stored is None or stored.port == standard_number(stored.protocol, stored.encryption)
    ):
        port = port._replace(port=standard_number(port.protocol, port.encryption))
    if port.encryption == "none":
        port = port._replace(
            **{key: given.get(key, "") for key in ("certificate_path", "private_key_path")}
        )
    return port


def merged_ip(stored: t.Optional[IPBinding], given: Entry, exact: bool) -> IPBinding:
    """The stored IP binding with the given values. C(exact): with just the given ports."""
    binding = (stored or IPBinding(given["address"]))._replace(**given)
    if stored and "ports" in given and not exact:
        binding = binding._replace(ports=tuple(sorted(set(stored.ports).union(given["ports"]))))
    return binding


def without_port(current: Bindings, name: str, unassign: bool) -> Outcome:
    """The config without this port. One that an IP listens on is a problem, unless C(unassign)."""
    problems = declaration_problems(Declaration(ports=[{"name": name}], single=True))
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


def without_ip(current: Bindings, address: str, names: t.Optional[t.Iterable[str]]) -> Outcome:
    """The config without this IP address. C(names): only without these of its ports."""
    problems = declaration_problems(Declaration(ip_addresses=[{"address": address}], single=True))
    if problems or canonical_address(address) not in current.ip_addresses:
        return Outcome(current, problems)
    canonical = canonical_address(address)
    ip_addresses = dict(current.ip_addresses)
    if names is None:
        del ip_addresses[canonical]
    else:
        ip_addresses[canonical] = _without(ip_addresses[canonical], set(names))
    return Outcome(current._replace(ip_addresses=ip_addresses), problems)


def _without(binding: IPBinding, names: t.Container[str]) -> IPBinding:
    return binding._replace(ports=tuple(name for name in binding.ports if name not in names))
