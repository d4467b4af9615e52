# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our parts of master.cf, and how they are told from others' lines. Pure.

Ours are blocks between two marks, which hold our entries. The entries that they displace stay where
they are, each of their lines behind C(DISPLACED). Without our blocks and these marks, the file is
as others wrote it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.master_cf import (
    MasterCf,
    MasterEntry,
)

#: Stands before each line of an entry that is replaced by ours.
DISPLACED = "#%s# " % MANAGED_MARK
#: Stands before an entry of ours, and is followed by what it was declared as: protocol, encryption.
DECLARED = "# %s: " % MANAGED_MARK
_BEGIN = "# %s begin: mail_listeners wrote this from " % MANAGED_MARK
_END = "# %s end" % MANAGED_MARK
_DAMAGED = (
    'master.cf, line %d: %s. Put back the missing mark, "'
    + _END
    + '" or "'
    + _BEGIN
    + '…", at line %d or where its block was'
)


class MarkedLine(t.NamedTuple):
    """A physical line of master.cf."""

    text: str  # with its end; of a displaced one without the mark
    ours: bool = False  # is it in a block of ours?
    displaced: bool = False

    @property
    def as_written(self) -> str:
        """The line as it stands in the file."""
        return (DISPLACED if self.displaced else "") + self.text


def marked_lines(lines: t.Sequence[str]) -> list[MarkedLine]:
    """Tell our lines from others'. Raises Refused where a mark is missing."""
    found: list[MarkedLine] = []
    begun = 0  # number of the line that began the block, counted from 1
    for number, line in enumerate(lines, 1):
        bare = line.rstrip("\r\n")
        if bare.startswith(_BEGIN):
            if begun:
                raise Refused(_DAMAGED % (number, "begins within another block of ours", begun))
            begun = number
        if bare == _END:
            if not begun:
                raise Refused(
                    _DAMAGED % (number, "ends no block of ours: its first line is missing", number)
                )
            if line == bare:
                _end_without_newline(found)
            begun = 0
            found.append(MarkedLine(line, ours=True))
        elif begun:
            found.append(MarkedLine(line, ours=True))
        elif line.startswith(DISPLACED):
            found.append(MarkedLine(line[len(DISPLACED) :], displaced=True))
        else:
            found.append(MarkedLine(line))
    if begun:
        raise Refused(_DAMAGED % (begun, "begins a block of ours that has no end", begun))
    return found


def _end_without_newline(found: list[MarkedLine]) -> None:
    """Our block is the last of a file without a newline at its end: nor had the line before it."""
    for index in reversed(range(len(found))):
        line = found[index]
        if not line.ours:
            for end in ("\r\n", "\n"):
                if line.text.endswith(end):
                    found[index] = line._replace(text=line.text[: -len(end)])
                    return
            return


def original_lines(marked: t.Iterable[MarkedLine]) -> list[str]:
    """The file as it was before we wrote in it, with what others changed meanwhile."""
    return [line.text for line in marked if not line.ours]


def written_from(lines: t.Iterable[str]) -> str:
    """The path of the bindings config that our parts were written from; '' without any."""
    for line in lines:
        if line.startswith(_BEGIN):
            return line[len(_BEGIN) :].rstrip("\r\n")
    return ""


def declared_as(file: MasterCf, entry: MasterEntry) -> tuple[str, str]:
    """(protocol, encryption) that an entry of ours was declared with; ('', '') for others."""
    before = file.lines[entry.first - 1].rstrip("\r\n") if entry.first else ""
    if not before.startswith(DECLARED):
        return "", ""
    protocol, dummy, encryption = before[len(DECLARED) :].partition(", ")
    return protocol, encryption


def block(previous: str, line_end: str, config_path: str, lines: t.Iterable[str]) -> str:
    """A block of ours with these lines (without ends), to stand behind the line C(previous).

    Where that one ends without a newline, so does the block.
    """
    text = line_end.join([_BEGIN + config_path, *lines, _END])
    if previous and not previous.endswith("\n"):
        return line_end + text
    return text + line_end
