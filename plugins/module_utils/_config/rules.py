# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a bindings config valid beyond its shape: the rules that no schema can say.

Entries come here with a label, the path of the entry for the user ('ports[3].', or '' where the task has only the one).
Every rule yields whole messages, 'ports[3].certificate_path: …', so that all that is wrong is reported at once.
"""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._config import values as _shapes
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
    family,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Misshapen,
    Port,
    Refused,
    shown,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.values import KINDS

# -- rules of entries, as somebody wrote them: what can be said of one without the rest of the config, and that each is one


def names_are_printable(ports, ip_addresses):
    """A port's name is printable and has no blanks at its ends: it is typed again elsewhere."""
    for label, entry in ports:
        name = entry["name"]
        if not name.isprintable() or name != name.strip():
            yield "%sname: %s must be printable, without blanks at its ends" % (label, shown(name))


def names_are_unique(ports, ip_addresses):
    """A port is known by its name."""
    first = {}
    for label, entry in ports:
        if first.setdefault(entry["name"], label) != label:
            yield "%sname: %s is already the name of %s: names are unique" % (
                label,
                shown(entry["name"]),
                first[entry["name"]].rstrip("."),
            )


def addresses_are_plain(ports, ip_addresses):
    """An address is one interface's or a wildcard, in any usual notation."""
    for label, entry in ip_addresses:
        try:
            canonical_address(entry["address"])
        except ValueError as reason:
            yield "%saddress: %s %s" % (label, shown(entry["address"]), reason)


def addresses_are_unique(ports, ip_addresses):
    """An IP is known by its address, however that is written."""
    first = {}
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


def texts_are_unicode(ports, ip_addresses):
    """A JSON escape can spell half a character (a lone surrogate), which no file can hold."""
    for label, entry in ports + ip_addresses:
        for key in ("description", "hostname"):
            if not _is_unicode(entry.get(key, "")):
                yield "%s%s: has a character that is not valid Unicode" % (label, key)


def hostnames_are_printable(ports, ip_addresses):
    """A host name stands in greetings: no blanks, nothing unprintable."""
    for label, entry in ip_addresses:
        hostname = entry.get("hostname", "")
        if not hostname.isprintable() or " " in hostname:
            yield "%shostname: %s is not a host name" % (label, shown(hostname))


def paths_are_absolute(ports, ip_addresses):
    """A server's working directory is not the administrator's."""
    return _not_absolute(ports, lambda path: path.startswith("/"), "an absolute path")


def server_paths_are_absolute(ports, ip_addresses):
    """The same of a server that may run on Windows: with a drive, a share (UNC), or as elsewhere."""
    return _not_absolute(
        ports,
        lambda path: (
            path.startswith(("/", "\\\\"))
            or (path[:1].isalpha() and path[:1].isascii() and path[1:3] in (":\\", ":/"))
        ),
        "an absolute path of the server (C:\\..., \\\\server\\share\\... or /...)",
    )


def _not_absolute(ports, is_absolute, wanted):
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


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# -- rules of the whole: of Port and IPBinding as they would stand in the file


def certificates_belong_to_tls(ports, ip_addresses):
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
                    "%s%s: encryption none serves no certificate: leave %s out, or set encryption to ssl or tls"
                    % (label, key, key)
                )


def assigned_ports_exist(ports, ip_addresses):
    """An IP can only answer on a port that is declared."""
    known = {port.name for label, port in ports}
    for label, binding in ip_addresses:
        for name in binding.ports:
            if name not in known:
                yield (
                    "%sports: there is no port %s to assign to %s: declare it, or take it off the list"
                    % (label, shown(name), binding.address)
                )


def numbers_do_not_meet(ports, ip_addresses):
    """Two listeners can't have one number on one IP, and a wildcard listens on every address of its family."""
    number = {port.name: port.port for label, port in ports}
    on_wildcard = {"0.0.0.0": {}, "::": {}}
    for label, binding in ip_addresses:
        here = on_wildcard.get(binding.address, {})
        for name in binding.ports:
            if name not in number:
                continue
            other = here.setdefault(number[name], name)
            if other != name:
                yield (
                    "%sports: %s and %s both have number %d and meet on %s: give one another number, or unassign it"
                    % (label, shown(other), shown(name), number[name], binding.address)
                )
    for label, binding in ip_addresses:
        wildcard = wildcard_of(binding.address)
        if binding.address == wildcard or not on_wildcard[wildcard]:
            continue
        for name in binding.ports:
            other = on_wildcard[wildcard].get(number.get(name))
            if other is not None:
                yield (
                    "%sports: %s on %s and %s on %s both have number %d, and %s answers on every IPv%s address: unassign one of them"
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


def broken(rules, ports: list, ip_addresses: list) -> list:
    """What these rules find in these labelled entries, as messages."""
    return [message for rule in rules for message in rule(ports, ip_addresses)]


# -- reading entries and documents


def _well_formed_values(kind: str, entry) -> dict:
    """Those of the entry's values that have the right shape, where others have not."""
    shape = KINDS[kind].shape
    return (
        {key: value for key, value in entry.items() if key in shape and shape[key](value)}
        if isinstance(entry, dict)
        else {}
    )


def sift(kind: str, entries: list, label, complete: bool, problems: list, known_beside=()) -> tuple:
    """(all, well-formed) of these entries as lists of (label, values).

    What has not the shape of the schema goes to C(problems); the values beside it are still among all, for the rules of
    entries. C(label) makes the path of an entry of its index. C(known_beside): keys that a task knows beside the document's.
    """
    every, sound = [], []
    identity = KINDS[kind].identity
    for index, entry in enumerate(entries):
        try:
            values = _shapes.values(kind, entry, complete)
            sound.append((label(index), values))
        except Misshapen:
            from ansible_collections.mailops.bindings.plugins.module_utils._config.schema import (
                explain_entry,
            )

            problems.extend(explain_entry(kind, entry, label(index), complete, known_beside))
            values = _well_formed_values(kind, entry)
        if identity in values:
            every.append((label(index), values))
    return every, sound


def distinct(kind: str, labelled: list) -> dict:
    """These entries by their identity, the first of each; those whose address is none are left out. The rules have reported both."""
    by_identity = {}
    for label, entry in labelled:
        identity = entry[KINDS[kind].identity]
        if kind == "ip_addresses":
            try:
                identity = canonical_address(identity)
            except ValueError:
                continue
            entry = dict(entry, address=identity)
        by_identity.setdefault(identity, (label, entry))
    return by_identity


def read(document) -> Bindings:
    """The config that a document says.

    Raises Refused with all that is wrong with it, a line each.
    """
    try:
        _shapes.check_frame(document)
    except Misshapen:
        from ansible_collections.mailops.bindings.plugins.module_utils._config.schema import (
            explain_frame,
        )

        raise Refused("\n".join(explain_frame(document))) from None
    problems = []
    all_ports, ports = sift("ports", document["ports"], "ports[{0}].".format, True, problems)
    all_ip_addresses, ip_addresses = sift(
        "ip_addresses", document["ip_addresses"], "ip_addresses[{0}].".format, True, problems
    )
    problems += broken(ENTRY_RULES, all_ports, all_ip_addresses)
    ports = [(label, Port(**entry)) for label, entry in distinct("ports", ports).values()]
    ip_addresses = [
        (label, IPBinding(**entry))
        for label, entry in distinct("ip_addresses", ip_addresses).values()
    ]
    problems += judge(ports, ip_addresses, all_ports)
    if not _is_unicode(document.get("$schema", "")):
        problems.append("$schema: has a character that is not valid Unicode")
    if problems:
        raise Refused("\n".join(problems))
    return Bindings(
        {port.name: port for label, port in ports},
        {binding.address: binding for label, binding in ip_addresses},
        document.get("$schema"),
    )


def judge(ports: list, ip_addresses: list, all_ports: list) -> list:
    """What the rules of the whole say of these labelled values.

    Of the entries in C(all_ports) some are broken and not among C(ports): that has been said, so they are not missed again.
    """
    lost = {entry["name"] for label, entry in all_ports}.difference(
        port.name for label, port in ports
    )
    if lost:
        ip_addresses = [
            (
                label,
                binding._replace(ports=tuple(name for name in binding.ports if name not in lost)),
            )
            for label, binding in ip_addresses
        ]
    return broken(RULES, ports, ip_addresses)
