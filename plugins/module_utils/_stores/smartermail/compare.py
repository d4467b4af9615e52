# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between what a server held before a task and what it holds now, in words. Pure."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Port
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import Held


def differences(before: Held, now: Held) -> t.Iterator[str]:
    """A phrase for each difference, whatever the ids: ports, their unknown fields, assignments,
    host names.
    """
    yield from _ports(before, now)
    yield from _unknown_fields(before, now)
    yield from _assignments(before, now)
    yield from _hostnames(before, now)


def _counted(held: Held) -> t.Counter[Port]:
    return collections.Counter(port.port for port in held.ports)


def _ports(before: Held, now: Held) -> t.Iterator[str]:
    old, new = _counted(before), _counted(now)
    for state, extra in (("is there", new - old), ("is not there", old - new)):
        for port in sorted(extra):
            yield "port %s %s (%s, %d, %s%s)" % (
                model.shown(port.name),
                state,
                port.protocol or "unknown protocol",
                port.port,
                port.encryption,
                port.certificate_path and ", " + port.certificate_path,
            )


def _unknown_fields(before: Held, now: Held) -> t.Iterator[str]:
    """Fields that we don't know. Their values are not shown: they may be secret."""
    for port in sorted(_counted(before).keys() & _counted(now).keys()):
        old, new = _fields_of(before, port), _fields_of(now, port)
        if sorted(map(_text, old)) != sorted(map(_text, new)):
            keys = sorted({key for fields in (*old, *new) for key in fields})
            yield "port %s has other values in fields that this collection does not know (%s)" % (
                model.shown(port.name),
                ", ".join(keys),
            )


def _fields_of(held: Held, port: Port) -> list[t.Mapping[str, t.Any]]:
    return [server_port.more for server_port in held.ports if server_port.port == port]


def _text(fields: t.Mapping[str, t.Any]) -> str:
    return str(sorted(fields.items()))


def _assignments(before: Held, now: Held) -> t.Iterator[str]:
    for address in sorted({**before.assigned, **now.assigned}):
        old, new = _names_on(before, address), _names_on(now, address)
        if old != new:
            yield "%s answers on %s, before on %s" % (
                address,
                ", ".join(new) or "no port",
                ", ".join(old) or "none",
            )


def _names_on(held: Held, address: str) -> list[str]:
    ids = held.assigned.get(address, ())
    return sorted(port.name for port in held.ports if port.id in ids)


def _hostnames(before: Held, now: Held) -> t.Iterator[str]:
    for address in sorted({**before.hostnames, **now.hostnames}):
        old, new = before.hostnames.get(address, ""), now.hostnames.get(address, "")
        if old != new:
            yield "%s has the host name %s, before %s" % (address, new or "of none", old or "none")
