# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a bindings config as JSON Schema, and in words what has not that shape. Loaded only to explain a refusal."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    SCHEMA_VERSION,
    MissingLibrary,
    shown,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.values import (
    KINDS,
    is_integer,
)

_TEXT = {"type": "string"}
_FILLED_TEXT = {"type": "string", "minLength": 1}

#: JSON Schema, draft 7, of the document; docs/bindings.schema.json is this.
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "mailops.bindings: ports and IP bindings of a mail server",
    "type": "object",
    "additionalProperties": False,
    "required": ["schema_version", "ports", "ip_addresses"],
    "properties": {
        "$schema": _TEXT,
        "schema_version": {"type": "integer", "const": SCHEMA_VERSION},
        "ports": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": list(KINDS["ports"].required),
                "properties": {
                    "name": _FILLED_TEXT,
                    "protocol": {"type": "string", "enum": list(PROTOCOLS)},
                    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                    "encryption": {"type": "string", "enum": list(ENCRYPTIONS), "default": "none"},
                    "certificate_path": _TEXT,
                    "private_key_path": _TEXT,
                    "description": _TEXT,
                },
            },
        },
        "ip_addresses": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": list(KINDS["ip_addresses"].required),
                "properties": {
                    "address": _FILLED_TEXT,
                    "ports": {"type": "array", "items": _FILLED_TEXT, "uniqueItems": True},
                    "hostname": _TEXT,
                    "description": _TEXT,
                    "floating": {"type": "boolean", "default": False},
                },
            },
        },
    },
}


def explain_frame(document) -> list:
    """What is wrong with the document around and in its entries, as messages."""
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, (int, float)) and version > SCHEMA_VERSION:
        # whatever else such a document holds is not ours to judge
        return [
            "schema_version: %s is newer than this version of mailops.bindings knows (%d): upgrade the collection"
            % (shown(version), SCHEMA_VERSION)
        ]
    return explain(document, SCHEMA, "")


def explain_entry(kind: str, entry, label: str, complete: bool, known_beside=()) -> list:
    """What is wrong with the shape of one entry, as messages. C(known_beside): keys that a task knows beside the document's."""
    schema = SCHEMA["properties"][kind]["items"]
    if not complete:
        schema = {
            **schema,
            "required": [KINDS[kind].identity],
            "properties": {**schema["properties"], **dict.fromkeys(known_beside, {})},
        }
    return explain(entry, schema, label)


def explain(value, schema: dict, label: str) -> list:
    """What the schema says is wrong with this value, as messages that begin with C(label). Raises MissingLibrary."""
    try:
        from jsonschema import Draft7Validator
    except ImportError:
        raise MissingLibrary(
            "jsonschema",
            "Debian: python3-jsonschema",
            "%s is not valid, and nothing here can say where" % (label.rstrip(".") or "something"),
        ) from None
    messages = []
    for error in Draft7Validator(schema).iter_errors(value):
        path = label + "".join(
            "[%d]" % step if isinstance(step, int) else ".%s" % step for step in error.absolute_path
        ).lstrip(".")
        for message in _words(error, path):
            if (
                message not in messages
            ):  # 'required' comes once for each missing key, and we name all of them
                messages.append(message)
    return messages or ["%s: is not valid" % (label.rstrip(".") or "the document")]


_TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object with keys",
}


def _words(error, path: str):
    """One violation of the schema in words. C(path) is where; for keys of an object, the object."""
    at = path.rstrip(".") or "the document"
    inner = path if not path or path.endswith(".") else path + "."
    keyword, wanted, value = error.validator, error.validator_value, error.instance
    if keyword == "required":
        for key in wanted:
            if key not in value:
                yield "%s%s: is missing" % (inner, key)
    elif keyword == "additionalProperties":
        known = error.schema["properties"]
        for key in sorted(set(value) - set(known)):
            yield "%s%s: unknown key; known are %s" % (
                inner,
                key if key.isprintable() else shown(key),
                ", ".join(sorted(known)),
            )
    elif keyword == "type":
        what = "a port number (1 to 65535)" if path.endswith("port") else _TYPE_NAMES[wanted]
        # of a list or an object only that it is one: who knows what is in it
        yield "%s: %s is not %s" % (
            at,
            {list: "a list", dict: "an object"}.get(type(value)) or shown(value),
            what,
        )
    elif keyword == "enum":
        # a wrong type is an error of its own keyword too; one message is enough
        if isinstance(value, str):
            yield "%s: %s is not one of %s" % (at, shown(value), ", ".join(wanted))
    elif keyword in ("minimum", "maximum"):
        yield "%s: %s is not a port number (1 to 65535)" % (at, shown(value))
    elif keyword == "minLength":
        yield "%s: is empty" % at
    elif keyword == "uniqueItems":
        twice = sorted({shown(item) for item in value if value.count(item) > 1})
        yield "%s: has %s more than once" % (at, ", ".join(twice))
    elif keyword == "const":
        if is_integer(value):
            yield "%s: is %s, but must be %s" % (at, shown(value), shown(wanted))
    else:
        yield "%s: %s" % (at, error.message)
