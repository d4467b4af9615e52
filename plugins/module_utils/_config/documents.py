# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads entries and documents, reports all that is wrong with them, and writes them. Pure.

C(strict) is loaded instead where a document is valid, which is the usual case.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import values
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    SCHEMA_VERSION,
    Bindings,
    Entry,
    IPBinding,
    Misshapen,
    Port,
    Refused,
    ip_entries,
    port_entries,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.rules import (
    ENTRY_RULES,
    broken,
    is_unicode,
    judge,
)

Labelled = t.List[t.Tuple[str, Entry]]


def _well_formed_values(kind: str, entry: t.Any) -> Entry:
    """Those of the entry's values that have the right shape, where others have not."""
    shape = values.KINDS[kind].shape
    return (
        {key: value for key, value in entry.items() if key in shape and shape[key](value)}
        if isinstance(entry, dict)
        else {}
    )


def sift(
    kind: str,
    entries: t.Iterable[t.Any],
    label: t.Callable[[int], str],
    complete: bool,
    problems: t.List[str],
    known_beside: t.Iterable[str] = (),
) -> t.Tuple[Labelled, Labelled]:
    """(all, well-formed) of these entries as lists of (label, values).

    Problems of shape are added to C(problems); the entry's other values are still among all, for
    the rules of entries. C(label) makes an entry's path of its index. C(known_beside): keys that a
    task may give and no document has.
    """
    every: Labelled = []
    sound: Labelled = []
    identity = values.KINDS[kind].identity
    for index, entry in enumerate(entries):
        try:
            normal = values.values(kind, entry, complete)
            sound.append((label(index), normal))
        except Misshapen:
            from ansible_collections.mailops.bindings.plugins.module_utils._config.schema import (
                explain_entry,
            )

            problems.extend(explain_entry(kind, entry, label(index), complete, known_beside))
            normal = _well_formed_values(kind, entry)
        if identity in normal:
            every.append((label(index), normal))
    return every, sound


def distinct(kind: str, labelled: Labelled) -> t.Dict[str, t.Tuple[str, Entry]]:
    """These entries by identity, the first of each, without those whose address is not valid.

    The rules of entries report both.
    """
    by_identity: t.Dict[str, t.Tuple[str, Entry]] = {}
    for label, entry in labelled:
        identity = entry[values.KINDS[kind].identity]
        if kind == "ip_addresses":
            try:
                identity = canonical_address(identity)
            except ValueError:
                continue
            entry = dict(entry, address=identity)
        by_identity.setdefault(identity, (label, entry))
    return by_identity


def read_document(document: t.Any) -> Bindings:
    """The config that a document says. Raises Refused with all problems, a line each."""
    try:
        values.check_frame(document)
    except Misshapen:
        from ansible_collections.mailops.bindings.plugins.module_utils._config.schema import (
            explain_frame,
        )

        raise Refused("\n".join(explain_frame(document))) from None
    problems: t.List[str] = []
    all_ports, sound_ports = sift("ports", document["ports"], "ports[{0}].".format, True, problems)
    all_ip_addresses, sound_ip_addresses = sift(
        "ip_addresses", document["ip_addresses"], "ip_addresses[{0}].".format, True, problems
    )
    problems += broken(ENTRY_RULES, all_ports, all_ip_addresses)
    ports = [(label, Port(**entry)) for label, entry in distinct("ports", sound_ports).values()]
    ip_addresses = [
        (label, IPBinding(**entry))
        for label, entry in distinct("ip_addresses", sound_ip_addresses).values()
    ]
    problems += judge(ports, ip_addresses, all_ports)
    if not is_unicode(document.get("$schema", "")):
        problems.append("$schema: has a character that is not valid Unicode")
    if problems:
        raise Refused("\n".join(problems))
    return Bindings(
        {port.name: port for dummy, port in ports},
        {binding.address: binding for dummy, binding in ip_addresses},
        document.get("$schema"),
    )


def canonical_text(bindings: Bindings) -> str:
    """The canonical text of a config: what is written to the file."""
    document: t.Dict[str, t.Any] = {
        "schema_version": SCHEMA_VERSION,
        "ports": port_entries(bindings),
        "ip_addresses": ip_entries(bindings),
    }
    if bindings.schema is not None:
        document["$schema"] = bindings.schema
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
