# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax of Postfix's master.cf (master(5)): physical lines, and the entries in them. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused

_BLANK = " \t\r\n\v\f"
_SEPARATOR = re.compile("[ \t\r\n]+")
_FIELDS = 8


class MasterEntry(t.NamedTuple):
    """A logical line: one service."""

    first: int  # its first and its last physical line, counted from 0
    last: int
    #: service name, type, private, unprivileged, chroot, wakeup, process limit, command
    fields: tuple[str, ...]
    #: what the command gets: (name, value, text) of an option -o, ('', '', text) of all else
    arguments: tuple[tuple[str, str, str], ...] = ()

    @property
    def where(self) -> str:
        """Its place, as messages name it."""
        return "master.cf, line %d" % (self.first + 1)

    @property
    def command(self) -> str:
        """The program that it runs."""
        return self.fields[7]

    @property
    def overrides(self) -> dict[str, str]:
        """The parameters of main.cf that its options -o replace."""
        return {name: value for name, value, dummy in self.arguments if name}

    @property
    def text(self) -> str:
        """The entry on one line."""
        return " ".join(self.fields + tuple(text for dummy, dummy, text in self.arguments))


class MasterCf(t.NamedTuple):
    """A parsed master.cf."""

    lines: tuple[str, ...]  # with their ends
    entries: tuple[MasterEntry, ...]

    @property
    def text(self) -> str:
        """The whole file."""
        return "".join(self.lines)

    @property
    def line_end(self) -> str:
        """How its lines end, by the first of them."""
        return "\r\n" if self.lines and self.lines[0].endswith("\r\n") else "\n"

    def lines_of(self, entry: MasterEntry) -> range:
        """The numbers of an entry's physical lines."""
        return range(entry.first, entry.last + 1)


def parse(text: str) -> MasterCf:
    """Parse a whole file. Raises Refused, with the line."""
    return parse_lines(physical_lines(text))


def parse_lines(lines: t.Sequence[str], lenient: t.Container[int] = ()) -> MasterCf:
    """Parse physical lines. Raises Refused, with the line.

    C(lenient): numbers of lines, counted from 0, where a broken entry is passed over.
    """
    return MasterCf(tuple(lines), tuple(_entries(lines, lenient)))


def physical_lines(text: str) -> list[str]:
    """The lines with their ends. Only a newline ends one."""
    *whole, rest = text.split("\n")
    return [line + "\n" for line in whole] + ([rest] if rest else [])


def _entries(lines: t.Sequence[str], lenient: t.Container[int]) -> t.Iterator[MasterEntry]:
    for first, last, text in _logical_lines(lines):
        try:
            yield _entry(first, last, text)
        except Refused:
            if first not in lenient:
                raise


def _logical_lines(lines: t.Sequence[str]) -> t.Iterator[tuple[int, int, str]]:
    """(number of the first line, of the last, text) of each.

    Comments and empty lines between the parts of an entry belong to it.
    """
    first = last = 0
    parts: list[str] = []
    for number, line in enumerate(lines):
        stripped = line.strip(_BLANK)
        if not stripped or stripped.startswith("#"):
            continue
        if line[0] in _BLANK:
            if parts:  # Postfix ignores a line that continues nothing
                last = number
                parts.append(line)
            continue
        if parts:
            yield first, last, "".join(parts)
        first, last, parts = number, number, [line]
    if parts:
        yield first, last, "".join(parts)


def _entry(first: int, last: int, text: str) -> MasterEntry:
    fields = _SEPARATOR.split(text, maxsplit=_FIELDS)
    if len([field for field in fields[:_FIELDS] if field]) < _FIELDS:
        raise Refused(
            "master.cf, line %d: too few fields, Postfix needs 8: correct the line "
            "(postfix check says more)" % (first + 1)
        )
    arguments = tuple(_arguments(_tokens("".join(fields[_FIELDS:]))))
    return MasterEntry(first, last, tuple(fields[:_FIELDS]), arguments)


def _arguments(tokens: t.Iterable[str]) -> t.Iterator[tuple[str, str, str]]:
    remaining = iter(tokens)
    for token in remaining:
        if not token.startswith("-o"):
            yield "", "", token
            continue
        setting = next(remaining, "") if token == "-o" else token[2:]
        inner = setting[1:-1] if setting.startswith("{") and setting.endswith("}") else setting
        name, dummy, value = inner.partition("=")
        yield name.strip(), value.strip(), "-o " + setting


def _tokens(text: str) -> list[str]:
    """Split at blanks that are not within braces."""
    if "{" not in text:
        return [token for token in _SEPARATOR.split(text) if token]
    tokens, level, token = [], 0, ""
    for character in text + " ":
        if not level and character in " \t\r\n":
            if token:
                tokens.append(token)
            token = ""
            continue
        level += (character == "{") - (character == "}" and level > 0)
        token += " " if character in "\r\n" else character
    return tokens + ([token.strip()] if token.strip() else [])  # with a brace that is never closed
