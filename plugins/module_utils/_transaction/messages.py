# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong, in words, and without secrets: errors, a server's log, and others' edits."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._config.secrets import (
    without_secrets,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import NotAFile, TooLarge
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.signals import (
    Interrupted,
)

MAX_SHOWN_LINES = 40
MAX_COMPLAINTS = 10

#: A line of a log with one of these complains.
_COMPLAINING = ("fatal", "error", "panic", "warning", "failed", "invalid", "cannot", "can't")


def in_words(error: BaseException) -> str:
    """What went wrong, for a user."""
    if isinstance(error, OSError):
        reason = str(error.strerror or error)
        return "%s: %s" % (error.filename, reason) if error.filename else reason
    if isinstance(error, NotAFile):
        return "it is %s" % error
    if isinstance(error, TooLarge):
        return "it has %d bytes, and is none of a mail server's files" % error.size
    if isinstance(error, (Failed, Refused, Interrupted)):
        return str(error)
    from ansible_collections.mailops.bindings.plugins.module_utils._config.fault import fault

    return fault(error)


def complaints(lines: t.Iterable[str], harmless: t.Sequence[str] = ()) -> list[str]:
    """The last ten lines of a server's log that complain, each once, whatever its process number.

    C(harmless): words of lines that complain of nothing.
    """
    found: dict[str, str] = {}
    for line in lines:
        complaining = any(word in line.lower() for word in _COMPLAINING)
        if complaining and not any(word in line for word in harmless):
            found.setdefault(re.sub(r"\bpid \d+", "pid", line), _printable(line))
    return list(found.values())[-MAX_COMPLAINTS:]


def _printable(line: str) -> str:
    """Clients and local users have a say in what a log says: no control characters of theirs."""
    return "".join(character if character.isprintable() else "?" for character in line)


class Edited(t.NamedTuple):
    """A resource that was changed by another program or person after we wrote it."""

    resource: str
    original: t.Optional[bytes]
    written: t.Optional[bytes]
    current: t.Optional[bytes]

    def message(self) -> str:
        """It stays as it is: what it was, what we wrote, what it is now."""
        is_now = "as it is" if self.current is not None else "it is gone"
        shown = _difference(self.written, self.current, "as we wrote it", is_now)
        shown += _difference(self.original, self.written, "as it was", "as we wrote it")
        return "%s has changed since mail_listeners wrote it, and is left as it is:\n%s" % (
            self.resource,
            "\n".join("    " + without_secrets(line) for line in shown),
        )


def _difference(
    before: t.Optional[bytes], after: t.Optional[bytes], name_before: str, name_after: str
) -> list[str]:
    import difflib

    lines = difflib.unified_diff(
        _lines(before), _lines(after), name_before, name_after, lineterm="", n=0
    )
    shown = list(lines)
    if len(shown) > MAX_SHOWN_LINES:
        shown[MAX_SHOWN_LINES:] = ["… and %d lines more" % (len(shown) - MAX_SHOWN_LINES)]
    return shown


def _lines(content: t.Optional[bytes]) -> list[str]:
    return (content or b"").decode(errors="replace").splitlines()
