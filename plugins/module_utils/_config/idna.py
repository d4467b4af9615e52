# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names in other scripts as DNS and certificates have them: IDNA 2008, without a library.

Python's own codec is of IDNA 2003, which has another name for sharp s, final sigma and joiners.
"""

from __future__ import annotations

import unicodedata

# RFC 5892, 2.6: exceptions from what the properties of a character say
_VALID = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007")
_NOT_VALID = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
#: RFC 5892, A.3 to A.9: characters that are valid in their own scripts.
_IN_CONTEXT = frozenset("\u00b7\u0375\u05f3\u05f4\u30fb")
_NON_JOINER, _JOINER = "\u200c", "\u200d"
#: RFC 5892, 2.1: letters, marks and digits.
_LETTERS = frozenset(("Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"))
_VIRAMA = 9  # a canonical combining class
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")  # RFC 3490, 3.1


def ascii_form(hostname: str) -> str:
    """The name with each label that is not ASCII as an A-label, in lower case. Raises ValueError.

    Letters are mapped as browsers do it (UTS 46, nontransitional): to lower case, and to NFKC.
    """
    if hostname.isascii():
        return hostname.lower()
    return ".".join(_a_label(label) for label in hostname.translate(_DOTS).split("."))


def _a_label(label: str) -> str:
    mapped = unicodedata.normalize("NFKC", _lower(unicodedata.normalize("NFKC", label)))
    if mapped.isascii():
        return mapped
    if unicodedata.category(mapped[0])[0] == "M" or mapped[2:4] == "--":  # RFC 5891, 4.2.3
        raise ValueError(label)
    for index, character in enumerate(mapped):
        if not _is_valid(mapped, index, character):
            raise ValueError(label)
    encoded = "xn--" + mapped.encode("punycode").decode("ascii")
    if len(encoded) > 63:
        raise ValueError(label)
    return encoded


def _lower(text: str) -> str:
    """Each letter by itself: Python has a final sigma where a capital one ends a word."""
    return "".join(character.lower() for character in text)


def _is_valid(label: str, index: int, character: str) -> bool:
    if character in (_JOINER, _NON_JOINER):
        return _joins(label, index, character)
    if character in _VALID or character in _IN_CONTEXT or character == "-":
        return True
    stable = unicodedata.normalize("NFKC", character.casefold()) == character
    return character not in _NOT_VALID and unicodedata.category(character) in _LETTERS and stable


def _joins(label: str, index: int, character: str) -> bool:
    """RFC 5892, A.1 and A.2: behind a virama; a non-joiner also between two letters of Arabic.

    Python does not know how a letter joins: all letters of a script that joins are taken.
    """
    if index and unicodedata.combining(label[index - 1]) == _VIRAMA:
        return True
    around = [label[:index][-1:], label[index + 1 :][:1]]
    return character == _NON_JOINER and all(
        side and unicodedata.bidirectional(side) == "AL" for side in around
    )
