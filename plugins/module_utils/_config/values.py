# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of single values and entries of the document: each check says only yes or no. Pure.

C(schema.SCHEMA) says the same as JSON Schema, and explains; a test compares the two.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    SCHEMA_VERSION,
    Entry,
    IPBinding,
    Misshapen,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)


def _text(value: t.Any) -> bool:
    return isinstance(value, str)


def _filled_text(value: t.Any) -> bool:
    return isinstance(value, str) and value != ""


def _number(value: t.Any) -> bool:
    return is_integer(value) and 1 <= value <= 65535


def is_integer(value: t.Any) -> bool:
    """As in JSON Schema (draft 6 on): 993.0 is an integer, and true, an int in Python, is not."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )


def _names(value: t.Any) -> bool:
    return (
        isinstance(value, list) and all(map(_filled_text, value)) and len(set(value)) == len(value)
    )


Shape = t.Dict[str, t.Callable[[t.Any], bool]]

_PORT_SHAPE: Shape = {
    "name": _filled_text,
    "protocol": tuple(PROTOCOLS).__contains__,
    "port": _number,
    "encryption": ENCRYPTIONS.__contains__,
    "certificate_path": _text,
    "private_key_path": _text,
    "description": _text,
}
_IP_SHAPE: Shape = {
    "address": _filled_text,
    "ports": _names,
    "hostname": _text,
    "description": _text,
    "floating": lambda value: isinstance(value, bool),
}


class Kind(t.NamedTuple):
    """One of the two lists of the document: the shape of its entries, and the keys they need."""

    shape: Shape
    identity: str
    required: t.Tuple[str, ...]
    make: t.Union[t.Type[Port], t.Type[IPBinding]]


KINDS = {
    "ports": Kind(_PORT_SHAPE, "name", ("name", "protocol", "port"), Port),
    "ip_addresses": Kind(_IP_SHAPE, "address", ("address", "ports"), IPBinding),
}


def values(kind: str, entry: t.Any, complete: bool) -> Entry:
    """The entry's values, normalised. Raises Misshapen.

    C(complete): as the document has it; else only the identity and what a task gives. An address is
    left as it is written: whether it is valid is a rule, not a shape.
    """
    shape, identity, required = KINDS[kind][:3]
    if not isinstance(entry, dict) or not all(
        key in entry for key in (required if complete else (identity,))
    ):
        raise Misshapen()
    for key, value in entry.items():
        if key not in shape or not shape[key](value):
            raise Misshapen()
    normal = dict(entry)
    if kind == "ports" and "port" in normal:
        normal["port"] = int(normal["port"])
    elif "ports" in normal:
        normal["ports"] = tuple(sorted(normal["ports"]))
    return normal


def check_frame(document: t.Any) -> None:
    """Raises Misshapen unless the document is an object of our version with its two lists."""
    if (
        not isinstance(document, dict)
        or not {"schema_version", "ports", "ip_addresses"}
        <= set(document)
        <= {"$schema", "schema_version", "ports", "ip_addresses"}
        or not is_integer(document["schema_version"])
        or document["schema_version"] != SCHEMA_VERSION
        or not isinstance(document["ports"], list)
        or not isinstance(document["ip_addresses"], list)
        or not isinstance(document.get("$schema", ""), str)
    ):
        raise Misshapen()
