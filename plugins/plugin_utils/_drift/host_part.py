# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of a report → what its part of the page shows.

Layout and markup are in templates/host.html.j2.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.notes import (
    DiffPart,
    Note,
    cell_label,
    cells_by_note,
    diff_of,
    is_noteworthy,
    note_of,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import Json
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.words import (
    Level,
    Verdict,
    Word,
)

ERROR_CHARACTERS = 240  # of an error's first line, beside the name of its host

#: The CSS class of each word, one letter: a page has tens of thousands.
CSS_OF_WORD: t.Mapping[str, str] = dict(zip((word.value for word in Word), "mdwruxeo"))
CSS_OF_VERDICT = {
    Verdict.DRIFT.value: CSS_OF_WORD[Word.MISSING.value],
    Verdict.INCOMPLETE.value: CSS_OF_WORD[Word.NOT_CHECKED.value],
    Verdict.CLEAN.value: CSS_OF_WORD[Word.AS_DECLARED.value],
}
TEXT_OF_VERDICT = {
    Verdict.DRIFT.value: "drift",
    Verdict.INCOMPLETE.value: "not checked",
    Verdict.CLEAN.value: "clean",
}
TEXT_OF_LEVEL = {
    Level.CONFIG.value: "Declared against the host's config",
    Level.FILES.value: "Config against the servers' files",
    Level.LISTENING.value: "Files against what really listens",
}
#: A host's line says these of levels that drifted without any listener.
_SHORT_OF_LEVEL = {
    Level.CONFIG.value: "config differs",
    Level.FILES.value: "servers' files differ",
}
_ENCRYPTIONS = {"ssl": "SSL", "tls": "STARTTLS", "none": "plain"}
_KINDS = {"ip_binding": "address"}


class Remark(t.NamedTuple):
    """A few words with a CSS class, which may be ''."""

    css: str
    text: str


class ColumnHead(t.NamedTuple):
    """A port at the head of a column of the matrix."""

    number: int
    names: str
    spoken: str


class MatrixCell(t.NamedTuple):
    """A cell of the matrix, and the number of the note that it leads to."""

    css: str
    label: str
    note: t.Optional[int]


class MatrixRow(t.NamedTuple):
    """An address and its cells; None where nothing is declared."""

    address: str
    remarks: str
    cells: t.List[t.Optional[MatrixCell]]


class ShownChange(t.NamedTuple):
    """A change that a level of drift is made of."""

    action: str
    name: str
    diff: t.List[DiffPart]


class ShownLevel(t.NamedTuple):
    """One of the three ways to drift: what drifted in it, or that nothing did."""

    title: str
    drifted: str  # "2 changes, 1 listener"; '' if it has not
    instead: str  # "the same", "not known"
    changes: t.List[ShownChange]


class HostPart(t.NamedTuple):
    """All that the page shows of a host."""

    number: int  # makes its anchors unique
    name: str
    opened: bool
    mark: str  # what the filters of the page go by, as the next two
    word_marks: str
    level_marks: str
    verdict_css: str
    verdict: str
    in_short: t.List[Remark]
    error: str
    columns: t.List[ColumnHead]
    rows: t.List[MatrixRow]
    bare_rows: t.List[MatrixRow]  # without links to notes
    noteworthy: bool
    notes: t.List[Note]
    levels: t.List[ShownLevel]
    remarks: t.List[str]


def host_part(number: int, host: Json, opened: bool) -> HostPart:
    """What the page shows of this host."""
    notes = cells_by_note(host)
    note_of_cell = {cell["name"]: note for note, cells in enumerate(notes) for cell in cells}
    verdict, maintenance = host["verdict"], host["maintenance"]
    return HostPart(
        number=number,
        name=host["host"],
        opened=opened,
        mark="maintenance" if maintenance else verdict,
        word_marks=" ".join(CSS_OF_WORD[word.value] for word in Word if host["counts"][word.value]),
        level_marks=" ".join(level.value for level in Level if _drifted(host, level.value)),
        verdict_css="" if maintenance else CSS_OF_VERDICT[verdict],
        verdict="maintenance" if maintenance else TEXT_OF_VERDICT[verdict],
        in_short=list(_in_short(host)),
        error=host["error"],
        columns=[_column_head(column) for column in host["ports"]],
        rows=_rows(host, note_of_cell),
        bare_rows=_rows(host, {}),
        noteworthy=any(map(is_noteworthy, host["cells"])),
        notes=[note_of(cells, host) for cells in notes],
        levels=_levels(host),
        remarks=_remarks(host),
    )


def many(number: int, noun: str) -> str:
    """1 host, 2 hosts"""
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def _drifted(host: Json, level: str) -> bool:
    return host["levels"][level]["drift"]


def _in_short(host: Json) -> t.Iterator[Remark]:
    """The line beside the host's name."""
    counts = host["counts"]
    if host["maintenance"]:
        yield Remark("", "%s, not counted" % TEXT_OF_VERDICT[host["verdict"]])
    for word in Word:
        if counts[word.value] and word is not Word.AS_DECLARED:
            yield Remark(CSS_OF_WORD[word.value], "%d %s" % (counts[word.value], word.value))
    for level, text in _SHORT_OF_LEVEL.items():
        if _drifted(host, level) and not host["levels"][level]["listeners"]:
            yield Remark(CSS_OF_WORD[Word.DIFFERS.value], text)
    if counts[Word.AS_DECLARED.value]:
        yield Remark("", "%d as declared" % counts[Word.AS_DECLARED.value])
    if host["error"]:
        yield Remark("why", _first_line(host["error"]))


def _first_line(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= ERROR_CHARACTERS else line[: ERROR_CHARACTERS - 1] + "…"


def _column_head(column: Json) -> ColumnHead:
    encryptions = "/".join(_ENCRYPTIONS.get(word, word) for word in column["encryptions"])
    spoken = " ".join(filter(None, ["/".join(column["protocols"]), encryptions]))
    return ColumnHead(column["port"], ", ".join(column["names"]) or "not declared", spoken)


def _rows(host: Json, notes: t.Mapping[str, int]) -> t.List[MatrixRow]:
    cells = {
        (cell["address"], cell["port"]): MatrixCell(
            CSS_OF_WORD[cell["word"]], cell_label(cell), notes.get(cell["name"])
        )
        for cell in host["cells"]
    }
    return [
        MatrixRow(
            address["address"],
            _address_remarks(address),
            [cells.get((address["address"], column["port"])) for column in host["ports"]],
        )
        for address in host["addresses"]
        if cells
    ]


def _address_remarks(address: Json) -> str:
    floating = "floating" if address["floating"] else ""
    undeclared = "" if address["declared"] else "not declared"
    return ", ".join(filter(None, [address["hostname"], floating, undeclared]))


def _levels(host: Json) -> t.List[ShownLevel]:
    """The three ways to drift; none where the host has not drifted."""
    if not any(_drifted(host, level.value) for level in Level):
        return []
    instead = "not known" if host["error"] and not host["cells"] else "the same"
    return [_level(level.value, host["levels"][level.value], instead) for level in Level]


def _level(name: str, level: Json, instead: str) -> ShownLevel:
    numbers = [
        many(len(level[key]), noun)
        for key, noun in (("changes", "change"), ("listeners", "listener"))
        if level[key]
    ]
    changes = [_change(change) for change in level["changes"]]
    return ShownLevel(TEXT_OF_LEVEL[name], ", ".join(numbers), instead, changes)


def _change(change: Json) -> ShownChange:
    """Before and after without the name, which is said already."""
    before, after = (
        {key: value for key, value in change[side].items() if value != change["name"]}
        for side in ("before", "after")
    )
    kind = _KINDS.get(change["kind"], change["kind"])
    return ShownChange(
        "%s the %s" % (change["action"], kind), change["name"], diff_of(before, after)
    )


def _remarks(host: Json) -> t.List[str]:
    """Problems of certificate files, warnings, and what is ignored."""
    lines = [
        "%s: %s" % (certificate["path"], "; ".join(certificate["problems"]))
        for certificate in host["certificates"]
        if certificate["problems"]
    ]
    lines += host["warnings"]
    if host["ignored"]:
        lines.append("Ignored, not declared: " + ", ".join(host["ignored"]))
    return lines
