# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one value of the document may look like: says only yes or no.

One function per kind of value; the same is said in JSON Schema by C(_schema.SCHEMA) (a test holds them together).
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    SCHEMA_VERSION,
    IPBinding,
    Misshapen,
    Port,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)


def _text(value) -> bool:
    return isinstance(value, str)


def _filled_text(value) -> bool:
    return isinstance(value, str) and value != ""


def _number(value) -> bool:
    return is_integer(value) and 1 <= value <= 65535


def is_integer(value) -> bool:
    """As JSON Schema (draft 6 on) sees it: 993.0 is one too, and true, which is an int in Python, is none."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )


def _names(value) -> bool:
    return (
        isinstance(value, list) and all(map(_filled_text, value)) and len(set(value)) == len(value)
    )


_PORT_SHAPE = {
    "name": _filled_text,
    "protocol": tuple(PROTOCOLS).__contains__,
    "port": _number,
    "encryption": ENCRYPTIONS.__contains__,
    "certificate_path": _text,
    "private_key_path": _text,
    "description": _text,
}
_IP_SHAPE = {
    "address": _filled_text,
    "ports": _names,
    "hostname": _text,
    "description": _text,
    "floating": lambda value: isinstance(value, bool),
}


class Kind(t.NamedTuple):
    """One of the two lists of the document: what its entries look like and which of their keys must be there."""

    shape: dict
    identity: str
    required: tuple
    make: type


KINDS = {
    "ports": Kind(_PORT_SHAPE, "name", ("name", "protocol", "port"), Port),
    "ip_addresses": Kind(_IP_SHAPE, "address", ("address", "ports"), IPBinding),
}


def values(kind: str, entry: dict, complete: bool) -> dict:
    """The entry's values, normalised; C(complete): as the document has it, else only what a task gives, and who it is.

    Raises Misshapen. An IP's address is left as it is written: whether it is one is a rule, not a shape.
    """
    shape, identity, required, make = KINDS[kind]
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


def check_frame(document) -> None:
    """The document around its entries: raises Misshapen unless it is an object of our version with two lists."""
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
