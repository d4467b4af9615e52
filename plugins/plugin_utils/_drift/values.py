# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values from hosts → values of a shape that a report can rely on.

Nothing here raises: what has another shape than expected becomes empty, and texts are cut to size
and can be written and read anywhere.
"""

from __future__ import annotations

import re
import typing as t

TEXT_CHARACTERS = 600
NAME_CHARACTERS = 255
LINES = 60
ENTRIES = 200  # a host's warnings, a change's keys: far more than there ever are

_TRUE = ("true", "yes", "on", "1", "y", "t")

#: What would garble a page or a terminal: control characters, surrogates (UTF-8 has none), and
#: characters that change the direction of text.
_GARBLING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]"
)

#: A JSON object, as Ansible returns it.
Json = t.Dict[str, t.Any]


def as_mapping(value: t.Any) -> Json:
    """The dictionary, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: t.Any) -> list[t.Any]:
    """The items of a list or tuple, or none."""
    return list(value) if isinstance(value, (list, tuple)) else []


def as_bool(value: t.Any) -> bool:
    """As people write it in an inventory, where "false" is often text."""
    return value.strip().lower() in _TRUE if isinstance(value, str) else bool(value)


def as_integer(value: t.Any) -> t.Optional[int]:
    """A whole number of at most nine digits, also where it is written as text; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if re.fullmatch("-?[0-9]{1,9}", value) else None
    if isinstance(value, (int, float)) and abs(value) < 10**9 and value == int(value):
        return int(value)
    return None


def as_name(value: t.Any) -> str:
    """A short text: a host, a port's name, an address."""
    return as_text(value, NAME_CHARACTERS)


def as_text(value: t.Any, limit: int = TEXT_CHARACTERS) -> str:
    """A text of one line or several, of at most C(limit) characters; '' for a container."""
    if isinstance(value, str) and len(value) <= limit and value.isprintable():  # nearly all are
        return value
    if value is None or isinstance(value, (dict, list, tuple, set)):
        return ""
    try:
        text = ("true" if value else "false") if isinstance(value, bool) else "%s" % (value,)
    except ValueError:  # a number of thousands of digits
        return "…"
    text = text[: limit - 1] + "…" if len(text) > limit else text
    return _GARBLING.sub("\ufffd", text.replace("\r\n", "\n"))


def as_texts(value: t.Any) -> list[str]:
    """The texts of a list, at most C(LINES) and a line that says how many more there are."""
    items = as_list(value)
    texts = [as_text(item) for item in items[:LINES]]
    if len(items) > LINES:
        texts.append("… and %d more" % (len(items) - LINES))
    return texts


def as_entry(value: t.Any) -> Json:
    """What a change has before or after: a dictionary one level deep."""
    items = list(as_mapping(value).items())[:ENTRIES]
    return {as_name(key): _entry_value(item) for key, item in items}


def _entry_value(item: t.Any) -> t.Union[bool, int, str, list[str]]:
    if isinstance(item, bool):
        return item
    if isinstance(item, (list, tuple)):
        return as_texts(item)
    number = as_integer(item) if isinstance(item, int) else None
    return as_text(item) if number is None else number


_CERTIFICATE_FACTS: t.Mapping[str, t.Callable[[t.Any], t.Any]] = {
    "subject": as_text,
    "issuer": as_text,
    "names": as_texts,
    "not_before": as_text,
    "not_after": as_text,
    "days_left": as_integer,
    "fingerprint_sha256": as_text,
    "matches_file": as_bool,
}


def as_certificate(value: t.Any) -> Json:
    """The facts of a certificate that was served, those that are there."""
    facts = as_mapping(value)
    return {
        key: convert(facts[key])
        for key, convert in _CERTIFICATE_FACTS.items()
        if facts.get(key) is not None
    }


def as_certificate_file(value: t.Any) -> Json:
    """The facts of a certificate's file, all of them."""
    facts = as_mapping(value)
    return {
        "path": as_text(facts.get("path")),
        "names": as_texts(facts.get("names")),
        "not_after": as_text(facts.get("not_after")),
        "days_left": as_integer(facts.get("days_left")),
        "problems": as_texts(facts.get("problems")),
    }
