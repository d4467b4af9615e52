# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a bindings config that no schema can say: a function each. Pure.

Entries and values come with a label, the path of the entry for the user: 'ports[3].', or '' if the
task has only one. A rule yields whole messages, 'ports[3].certificate_path: …': all problems are
reported at once. A new rule is a function and a line in one of the tables.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    WILDCARDS,
    canonical_address,
    family,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Entry,
    IPBinding,
    Port,
    shown,
)

Entries = t.Sequence[t.Tuple[str, Entry]]
Ports = t.Sequence[t.Tuple[str, Port]]
IPBindings = t.Sequence[t.Tuple[str, IPBinding]]
Messages = t.Iterator[str]

# -- rules of entries, as they are written: of each alone, and that no two have one identity


def names_are_printable(ports: Entries, ip_addresses: Entries) -> Messages:
    """A port's name is printable and has no blanks at its ends: people type it elsewhere."""
    for label, entry in ports:
        name = entry["name"]
        if not name.isprintable() or name != name.strip():
            yield "%sname: %s must be printable, without blanks at its ends" % (label, shown(name))


def names_are_unique(ports: Entries, ip_addresses: Entries) -> Messages:
    """A port's name is its identity."""
    first: t.Dict[str, str] = {}
    for label, entry in ports:
        if first.setdefault(entry["name"], label) != label:
            yield "%sname: %s is already the name of %s: names are unique" % (
                label,
                shown(entry["name"]),
                first[entry["name"]].rstrip("."),
            )


def addresses_are_plain(ports: Entries, ip_addresses: Entries) -> Messages:
    """An address is one interface's or a wildcard, in any usual notation."""
    for label, entry in ip_addresses:
        try:
            canonical_address(entry["address"])
        except ValueError as reason:
            yield "%saddress: %s %s" % (label, shown(entry["address"]), reason)


def addresses_are_unique(ports: Entries, ip_addresses: Entries) -> Messages:
    """An IP's address is its identity, in whatever notation."""
    first: t.Dict[str, str] = {}
    for label, entry in ip_addresses:
        try:
            address = canonical_address(entry["address"])
        except ValueError:
            continue
        if first.setdefault(address, label) != label:
            yield "%saddress: %s is the same address as %s: each has one entry" % (
                label,
                shown(entry["address"]),
                first[address].rstrip("."),
            )


def texts_are_unicode(ports: Entries, ip_addresses: Entries) -> Messages:
    """A JSON escape can spell half a character (a lone surrogate), which can't be written."""
    for label, entry in (*ports, *ip_addresses):
        for key in ("description", "hostname"):
            if not is_unicode(entry.get(key, "")):
                yield "%s%s: has a character that is not valid Unicode" % (label, key)


def hostnames_are_printable(ports: Entries, ip_addresses: Entries) -> Messages:
    """A host name is sent in greetings: no blanks, only printable characters."""
    for label, entry in ip_addresses:
        hostname = entry.get("hostname", "")
        if not hostname.isprintable() or " " in hostname:
            yield "%shostname: %s is not a host name" % (label, shown(hostname))


def paths_are_absolute(ports: Entries, ip_addresses: Entries) -> Messages:
    """A server's working directory is not the administrator's."""
    return _not_absolute(ports, lambda path: path.startswith("/"), "an absolute path")


def server_paths_are_absolute(ports: Entries, ip_addresses: Entries) -> Messages:
    """On a server that may run on Windows: with a drive, as a share (UNC), or as elsewhere."""
    return _not_absolute(
        ports,
        lambda path: (
            path.startswith(("/", "\\\\"))
            or (path[:1].isalpha() and path[:1].isascii() and path[1:3] in (":\\", ":/"))
        ),
        "an absolute path of the server (C:\\..., \\\\server\\share\\... or /...)",
    )


def _not_absolute(ports: Entries, is_absolute: t.Callable[[str], bool], wanted: str) -> Messages:
    for label, entry in ports:
        for key in ("certificate_path", "private_key_path"):
            path = entry.get(key, "")
            if path and not (is_absolute(path) and path.isprintable()):
                yield "%s%s: %s must be %s" % (label, key, shown(path), wanted)


ENTRY_RULES = (
    names_are_printable,
    names_are_unique,
    addresses_are_plain,
    addresses_are_unique,
    texts_are_unicode,
    hostnames_are_printable,
    paths_are_absolute,
)
SERVER_ENTRY_RULES = tuple(
    server_paths_are_absolute if rule is paths_are_absolute else rule for rule in ENTRY_RULES
)


def is_unicode(text: str) -> bool:
    """Can the text be written as UTF-8?"""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# -- rules of the whole: of Port and IPBinding as they would stand in the file


def certificates_belong_to_tls(ports: Ports, ip_addresses: IPBindings) -> Messages:
    """TLS needs a certificate; without TLS one would never be served."""
    for label, port in ports:
        if port.encryption != "none":
            if not port.certificate_path:
                yield (
                    "%scertificate_path: encryption %s needs a certificate: give its absolute path"
                    % (label, port.encryption)
                )
            continue
        for key in ("certificate_path", "private_key_path"):
            if getattr(port, key):
                yield (
                    "%s%s: encryption none serves no certificate: leave %s out, or set encryption "
                    "to ssl or tls" % (label, key, key)
                )


def assigned_ports_exist(ports: Ports, ip_addresses: IPBindings) -> Messages:
    """An IP can only answer on a port that is declared."""
    declared = {port.name for dummy, port in ports}
    for label, binding in ip_addresses:
        for name in binding.ports:
            if name not in declared:
                yield (
                    "%sports: there is no port %s to assign to %s: declare it, or take it off the "
                    "list" % (label, shown(name), binding.address)
                )


def numbers_do_not_meet(ports: Ports, ip_addresses: IPBindings) -> Messages:
    """Two listeners can't share a number on an IP; a wildcard covers all IPs of its family."""
    number = {port.name: port.port for dummy, port in ports}
    on_wildcard: t.Dict[str, t.Dict[int, str]] = {wildcard: {} for wildcard in WILDCARDS}
    for label, binding in ip_addresses:
        yield from _met_on_one(label, binding, number, on_wildcard.get(binding.address, {}))
    for label, binding in ip_addresses:
        wildcard = wildcard_of(binding.address)
        if binding.address != wildcard and on_wildcard[wildcard]:
            yield from _met_on_wildcard(label, binding, number, on_wildcard[wildcard])


def _met_on_one(
    label: str, binding: IPBinding, number: t.Mapping[str, int], taken: t.Dict[int, str]
) -> Messages:
    """C(taken): number -> port that has it here; the binding's are added."""
    for name in binding.ports:
        if name in number:
            other = taken.setdefault(number[name], name)
            if other != name:
                yield (
                    "%sports: %s and %s both have number %d and meet on %s: give one another "
                    "number, or unassign it"
                    % (label, shown(other), shown(name), number[name], binding.address)
                )


def _met_on_wildcard(
    label: str, binding: IPBinding, number: t.Mapping[str, int], taken: t.Mapping[int, str]
) -> Messages:
    """C(taken): number -> port that has it on the wildcard."""
    wildcard = wildcard_of(binding.address)
    for name in binding.ports:
        other = taken.get(number.get(name, 0))
        if other is not None:
            yield (
                "%sports: %s on %s and %s on %s both have number %d, and %s answers on every IPv%s "
                "address: unassign one of them"
                % (
                    label,
                    shown(name),
                    binding.address,
                    shown(other),
                    wildcard,
                    number[name],
                    wildcard,
                    family(wildcard),
                )
            )


RULES = (
    certificates_belong_to_tls,
    assigned_ports_exist,
    numbers_do_not_meet,
)


def broken(
    rules: t.Iterable[t.Callable[[t.Any, t.Any], Messages]],
    ports: t.Sequence[t.Any],
    ip_addresses: t.Sequence[t.Any],
) -> t.List[str]:
    """The messages of these rules about these labelled entries or values."""
    return [message for rule in rules for message in rule(ports, ip_addresses)]


def judge(ports: Ports, ip_addresses: IPBindings, all_ports: Entries) -> t.List[str]:
    """What the rules of the whole say of these labelled values.

    Entries in C(all_ports) that are not among C(ports) have problems that were reported: an
    assignment to one of them is not reported again.
    """
    reported = {entry["name"] for dummy, entry in all_ports}.difference(
        port.name for dummy, port in ports
    )
    if reported:
        ip_addresses = [
            (
                label,
                binding._replace(ports=tuple(n for n in binding.ports if n not in reported)),
            )
            for label, binding in ip_addresses
        ]
    return broken(RULES, ports, ip_addresses)
