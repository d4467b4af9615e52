# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs on a host, as notes below its matrix.

What is the same on ten addresses is said once.
"""

from __future__ import annotations

import collections
import difflib
import itertools
import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import Json
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.words import Word

NAMED = 40  # listeners that are named in one note
CONTEXT = 2  # lines around those of a diff that differ

_ENCRYPTIONS = {"ssl": "SSL", "tls": "STARTTLS"}
_EVIDENCE = ("subject", "issuer", "names", "not_before", "not_after", "fingerprint_sha256")


class DiffPart(t.NamedTuple):
    """Lines of a diff with the same sign: "-", "+" or " "."""

    sign: str
    text: str


class Place(t.NamedTuple):
    """What a note is about: "ports", ["993", "995"], "on all 3 addresses"; or a listener's name."""

    before: str
    values: t.List[str]
    after: str


class Note(t.NamedTuple):
    """One thing that differs, for one or more listeners."""

    word: Word
    label: str
    places: t.List[Place]
    more: int  # listeners that are not named
    everywhere: int  # all listeners of the host; 0 where C(places) says which
    about: str  # the port's name and what is spoken on it, where all have the same number
    detail: str
    diff: t.List[DiffPart]
    evidence: str  # lines
    summary: str  # of what can be unfolded


class _Line(t.NamedTuple):
    """A kind of line of the matrix whose listeners, if all of them differ, are named as one."""

    key: str
    singular: str
    plural: str
    beside: str


_LINES = (_Line("port", "port", "ports", "addresses"), _Line("address", "", "", "ports"))


def cell_label(cell: Json) -> str:
    """The cell's word. An expired certificate is shown as what it is."""
    expired = cell["status"] == "expired" and cell["word"] == Word.EXPIRING.value
    return "certificate expired" if expired else cell["word"]


def is_noteworthy(cell: Json) -> bool:
    """Is there more to say of it than the matrix does?"""
    return cell["word"] != Word.AS_DECLARED.value


def cells_by_note(host: Json) -> t.List[t.List[Json]]:
    """The noteworthy cells of a host, those together that one note is about; the worst first."""
    found: t.Dict[str, t.List[Json]] = {}
    for cell in host["cells"]:
        if not is_noteworthy(cell):
            continue
        if host["error"] and cell["word"] == Word.NOT_CHECKED.value:
            continue  # the error says why
        found.setdefault(_likeness(cell), []).append(cell)
    severity = {word.value: number for number, word in enumerate(Word)}
    return sorted(found.values(), key=lambda cells: severity[cells[0]["word"]])


def _likeness(cell: Json) -> str:
    """Cells with the same likeness share a note."""
    fingerprint = cell["certificate"].get("fingerprint_sha256")
    shown = (cell_label(cell), cell["detail"], _sides(cell))
    return repr((*shown, cell["levels"], cell["greeting"], fingerprint))


def note_of(cells: t.Sequence[Json], host: Json) -> Note:
    """The note on these cells of the host."""
    cell, everywhere = cells[0], host["cells"]
    same_number = len({other["port"] for other in cells}) == 1
    about = ", ".join(filter(None, [cell["port_name"], _spoken(cell)])) if same_number else ""
    whole = len(cells) if len(cells) == len(everywhere) > 2 else 0
    places, left = ([], []) if whole else _places(cells, everywhere)
    named = [Place("", [other["name"]], "") for other in left[:NAMED]]
    sides = _sides(cell)
    return Note(
        word=Word(cell["word"]),
        label=cell_label(cell),
        places=places + named,
        more=max(len(left) - NAMED, 0),
        everywhere=whole,
        about=about,
        detail=cell["detail"],
        diff=diff_of(*sides),
        evidence=_evidence(cell),
        summary="Before and after" if any(sides) else "What was seen",
    )


def _sides(cell: Json) -> t.Tuple[Json, Json]:
    """Before and after, where that says more than the matrix does."""
    return (cell["before"], cell["after"]) if cell["before"] else ({}, {})


def _spoken(cell: Json) -> str:
    return " ".join(filter(None, [cell["protocol"], _ENCRYPTIONS.get(cell["encryption"], "")]))


def _places(
    cells: t.Sequence[Json], everywhere: t.Sequence[Json]
) -> t.Tuple[t.List[Place], t.List[Json]]:
    """Whole columns and rows of the matrix; and the cells that are in none of them."""
    places: t.List[Place] = []
    left = list(cells)
    for line in _LINES:
        found = collections.Counter(cell[line.key] for cell in left)
        total = collections.Counter(cell[line.key] for cell in everywhere)
        whole: t.Dict[int, t.List[t.Any]] = {}
        for value, number in found.items():
            if number == total[value] > 2:
                whole.setdefault(number, []).append(value)
        for size in sorted(whole):
            noun = line.singular if len(whole[size]) == 1 else line.plural
            after = "on all %d %s" % (size, line.beside)
            places.append(Place(noun, [str(value) for value in whole[size]], after))
        complete = {value for values in whole.values() for value in values}
        left = [cell for cell in left if cell[line.key] not in complete]
    return places, left


def _evidence(cell: Json) -> str:
    """What the listener said and served, line by line."""
    facts = [("greeting", cell["greeting"])]
    facts += [(key.replace("_", " "), cell["certificate"].get(key)) for key in _EVIDENCE]
    return "\n".join("%s: %s" % (label, _joined(value)) for label, value in facts if value)


def diff_of(before: Json, after: Json) -> t.List[DiffPart]:
    """Two entries, or the lines of two files, line by line; empty if they are the same."""
    compared = difflib.unified_diff(_lines(before), _lines(after), n=CONTEXT, lineterm="")
    lines = [line for line in list(compared)[2:] if not line.startswith("@@")]
    return [
        DiffPart(sign, "\n".join("%s %s" % (sign, line[1:]) for line in together))
        for sign, together in itertools.groupby(lines, key=lambda line: line[0])
    ]


def _lines(entry: Json) -> t.List[str]:
    if set(entry) == {"lines"} and isinstance(entry["lines"], list):
        return [line for lines in entry["lines"] for line in lines.split("\n")]
    shown = ("%s: %s" % (key, _joined(entry[key])) for key in sorted(entry) if _says(entry[key]))
    return [line for lines in shown for line in lines.split("\n")]


def _says(value: t.Any) -> bool:
    return value not in ("", False)


def _joined(value: t.Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
