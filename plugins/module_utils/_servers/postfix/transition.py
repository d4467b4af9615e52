# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one master.cf to another: the states on the way and on the way back, and the diff. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Plan
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.own_lines import (
    DISPLACED,
    MarkedLine,
    block,
    marked_lines,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.parser import (
    PostfixDetails,
    ReadMasterCf,
    Service,
    masked,
)

_MEANWHILE = "# For a moment only: entries that go, beside those that come."

_State = t.Mapping[str, t.Optional[bytes]]
_Live = t.Callable[[], t.AbstractSet[t.Tuple[str, int]]]


def planned(
    unchanged: Plan,
    details: PostfixDetails,
    after: ReadMasterCf,
    boot: _State,
    live: _Live,
    config_path: str,
) -> Plan:
    """The plan with its steps.

    boot: the drop-ins that change, which come with the last step
    live: gives the sockets that Postfix has now
    """
    before, path = details.current, details.path
    is_changed = before.file.lines != after.file.lines
    texts = _texts(before, after, live, config_path) if is_changed else []
    texts_back = _texts_back(before, after) if is_changed else []
    steps: list[_State] = [{path: _bytes(text)} for text in texts]
    if boot:
        steps[-1:] = [{**(steps[-1] if steps else {}), **boot}]
    first = {name: details.boot_files[name] for name in boot}
    shown = {
        name: ((first[name] or b"").decode(), (content or b"").decode())
        for name, content in boot.items()
    }
    if is_changed:
        first[path] = _bytes(before.file.text)
        shown[path] = _difference(before, after)
    return unchanged._replace(
        steps=tuple(steps),
        back=(*({path: _bytes(text)} for text in texts_back), first),
        activation="reload" if is_changed else "none",
        shown=shown,
    )


def _texts(before: ReadMasterCf, after: ReadMasterCf, live: _Live, config_path: str) -> list[str]:
    """The texts to be activated one after the other.

    New before old: where entries come and others go, all of them listen for a moment. Not those
    that do not listen now (C(live)), since Postfix may have exited because of them; and there can't
    be two postscreens.
    """
    old, new = _listening(before), _listening(after)
    going = [service for key, service in old.items() if key not in new]
    coming = [service for key, service in new.items() if key not in old]
    if going and coming:
        sockets = live()
        going = [service for service in going if sockets >= set(service.sockets)]
        if going and not any(service.is_postscreen for service in going + coming):
            return [_with_going(before, after, going, config_path), after.file.text]
    return [after.file.text]


def _texts_back(before: ReadMasterCf, after: ReadMasterCf) -> list[str]:
    """The texts on the way back, but for the last, which is C(before).

    A service that failed with what we wrote is throttled for a minute, even over a reload, unless
    it is away for a moment.
    """
    new = _listening(after)
    changed = [
        service
        for key, service in _listening(before).items()
        if key in new and new[key].entry.text != service.entry.text
    ]
    return [_without(before, changed)] if changed else []


def _listening(read: ReadMasterCf) -> dict[str, Service]:
    """By key."""
    return {service.key: service for service in read.services if service.sockets}


def _with_going(
    before: ReadMasterCf, after: ReadMasterCf, going: t.Iterable[Service], config_path: str
) -> str:
    """The text C(after) with services of C(before) that go once more at its end."""
    lines = [
        before.file.lines[number].rstrip("\r\n")
        for service in going
        for number in before.file.lines_of(service.entry)
    ]
    previous = after.file.lines[-1] if after.file.lines else ""
    return after.file.text + block(previous, after.file.line_end, config_path, [_MEANWHILE, *lines])


def _without(read: ReadMasterCf, services: t.Iterable[Service]) -> str:
    """The text with all entries of these services commented out."""
    lines, keys = list(read.file.lines), {service.key for service in services}
    for service in read.services:
        if service.key in keys:
            for number in read.file.lines_of(service.entry):
                lines[number] = DISPLACED + lines[number]
    return "".join(lines)


def _difference(before: ReadMasterCf, after: ReadMasterCf) -> tuple[str, str]:
    """What may be shown of both: our lines, and those that are or were displaced by them."""
    old, new = marked_lines(before.file.lines), marked_lines(after.file.lines)
    displaced = _displaced_numbers(old) | _displaced_numbers(new)
    return _shown(old, displaced), _shown(new, displaced)


def _displaced_numbers(marked: t.Iterable[MarkedLine]) -> set[int]:
    """The numbers of displaced lines among those of others, which are alike before and after."""
    others = (line for line in marked if not line.ours)
    return {number for number, line in enumerate(others) if line.displaced}


def _shown(marked: t.Iterable[MarkedLine], displaced: t.Container[int]) -> str:
    number, lines = 0, []
    for line in marked:
        if line.ours or number in displaced:
            lines.append(line.as_written)
        number += not line.ours
    return masked("".join(lines))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
