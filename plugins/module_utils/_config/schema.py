# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a bindings config as JSON Schema, and its violations in words. Pure.

Loaded only to explain a refusal.
"""

from __future__ import annotations

import typing as t

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
SCHEMA: t.Dict[str, t.Any] = {
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


def explain_frame(document: t.Any) -> t.List[str]:
    """What is wrong with the shape of the document, as messages."""
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, (int, float)) and version > SCHEMA_VERSION:
        # the rest of such a document may have a shape that this version does not know
        return [
            "schema_version: %s is newer than this version of mailops.bindings knows (%d): upgrade "
            "the collection" % (shown(version), SCHEMA_VERSION)
        ]
    return explain(document, SCHEMA, "")


def explain_entry(
    kind: str, entry: t.Any, label: str, complete: bool, known_beside: t.Iterable[str] = ()
) -> t.List[str]:
    """What is wrong with the shape of one entry, as messages.

    C(complete), C(known_beside): see C(documents.sift).
    """
    schema = SCHEMA["properties"][kind]["items"]
    if not complete:
        schema = {
            **schema,
            "required": [KINDS[kind].identity],
            "properties": {**schema["properties"], **dict.fromkeys(known_beside, {})},
        }
    return explain(entry, schema, label)


def explain(value: t.Any, schema: t.Mapping[str, t.Any], label: str) -> t.List[str]:
    """The schema's violations as messages that begin with C(label). Raises MissingLibrary."""
    try:
        from jsonschema import Draft7Validator
    except ImportError:
        raise MissingLibrary(
            "jsonschema",
            "Debian: python3-jsonschema",
            "%s is not valid, and nothing here can say where" % (label.rstrip(".") or "something"),
        ) from None
    messages: t.List[str] = []
    for error in Draft7Validator(schema).iter_errors(value):
        path = label + "".join(
            "[%d]" % step if isinstance(step, int) else ".%s" % step for step in error.absolute_path
        ).lstrip(".")
        # a keyword may report each of several keys, and our messages name all of them each time
        messages += [message for message in _messages(error, path) if message not in messages]
    return messages or ["%s: is not valid" % (label.rstrip(".") or "the document")]


# -- the violation of each keyword: (jsonschema's ValidationError, path of the value)


def _messages(error: t.Any, path: str) -> t.Iterable[str]:
    return _KEYWORDS.get(error.validator, _other)(error, path)


def _place(path: str) -> str:
    return path.rstrip(".") or "the document"


def _key(path: str, key: str) -> str:
    return path + key if not path or path.endswith(".") else "%s.%s" % (path, key)


def _required(error: t.Any, path: str) -> t.Iterator[str]:
    for key in error.validator_value:
        if key not in error.instance:
            yield "%s: is missing" % _key(path, key)


def _additional_properties(error: t.Any, path: str) -> t.Iterator[str]:
    known = error.schema["properties"]
    for key in sorted(set(error.instance) - set(known)):
        yield "%s: unknown key; known are %s" % (
            _key(path, key if key.isprintable() else shown(key)),
            ", ".join(sorted(known)),
        )


_TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object with keys",
}


def _type(error: t.Any, path: str) -> t.Iterator[str]:
    value = error.instance
    # the content of a list or an object is not shown: it may hold a secret
    if isinstance(value, (list, dict)):
        found = "a list" if isinstance(value, list) else "an object"
    else:
        found = shown(value)
    expected = (
        "a port number (1 to 65535)"
        if path.endswith("port")
        else _TYPE_NAMES[error.validator_value]
    )
    yield "%s: %s is not %s" % (_place(path), found, expected)


def _enum(error: t.Any, path: str) -> t.Iterator[str]:
    if isinstance(error.instance, str):  # a wrong type is reported by its own keyword
        choices = ", ".join(error.validator_value)
        yield "%s: %s is not one of %s" % (_place(path), shown(error.instance), choices)


def _range(error: t.Any, path: str) -> t.Iterator[str]:
    yield "%s: %s is not a port number (1 to 65535)" % (_place(path), shown(error.instance))


def _min_length(error: t.Any, path: str) -> t.Iterator[str]:
    yield "%s: is empty" % _place(path)


def _unique_items(error: t.Any, path: str) -> t.Iterator[str]:
    value = error.instance
    twice = sorted({shown(item) for item in value if value.count(item) > 1})
    yield "%s: has %s more than once" % (_place(path), ", ".join(twice))


def _const(error: t.Any, path: str) -> t.Iterator[str]:
    if is_integer(error.instance):  # a wrong type is reported by its own keyword
        yield "%s: is %s, but must be %s" % (
            _place(path),
            shown(error.instance),
            shown(error.validator_value),
        )


def _other(error: t.Any, path: str) -> t.Iterator[str]:
    yield "%s: %s" % (_place(path), error.message)


_KEYWORDS: t.Dict[str, t.Callable[[t.Any, str], t.Iterator[str]]] = {
    "required": _required,
    "additionalProperties": _additional_properties,
    "type": _type,
    "enum": _enum,
    "minimum": _range,
    "maximum": _range,
    "minLength": _min_length,
    "uniqueItems": _unique_items,
    "const": _const,
}
