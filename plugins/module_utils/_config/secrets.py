# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in texts that are no place for them: found, and masked. Pure; loaded only for that."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

MASK = "********"

_WORDS = r"(?:pass|pwd|pw\b|secret|credential|token|api[_-]?key|private key|rootpw)"
#: What follows such a word in a line of a server's file …
_IN_LINE = re.compile(r"(?i)(%s[^=:\s]*\s*[=:\s]).*" % _WORDS)
#: … and in a value, which may be an object in Python's or JSON's form. Quotes may be escaped.
_IN_VALUE = re.compile(r"(?is)(%s[^=:\s]*\s*[=:]).*" % _WORDS)
_ASSIGNED = re.compile(
    r"""(?is)%s[^=:\s]*\s*[=:]\s*(?:"((?:\\.|[^"\\])+)|'((?:\\.|[^'\\])+)|([^\s"',;}\]]+))"""
    % _WORDS
)
_IN_URL = re.compile(r"(://[^/\s:@]*:)([^/\s]+)@")
_PRIVATE_KEY = re.compile(r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*")


def in_text(text: str) -> t.Iterator[str]:
    """The passwords of URLs in a text, as they are written and decoded; and a whole private key."""
    for dummy, password in _IN_URL.findall(text):
        yield password
        yield urllib.parse.unquote(password)
    if _PRIVATE_KEY.search(text):
        yield text
        yield from (line for line in text.splitlines() if line and not line.startswith("-----"))


def assigned_in(text: str) -> t.Iterator[str]:
    """The values that a text assigns to names of secrets, where it should be an object."""
    for values in _ASSIGNED.findall(text):
        yield from filter(None, values)


def masked(text: str) -> str:
    """A value as messages may show it."""
    return _masked(_IN_VALUE, text)


def without_secrets(line: str) -> str:
    """A line of a server's file as it may be shown.

    Nothing after a word that speaks of a secret, and no password in a URL.
    """
    return _masked(_IN_LINE, line)


def _masked(pattern: t.Pattern[str], text: str) -> str:
    for found in (pattern, _PRIVATE_KEY):
        text = found.sub(r"\1 " + MASK, text)
    return _IN_URL.sub(r"\1%s@" % MASK, text)
