# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a config file that can't be read, or may not be valid: loaded only then."""

from __future__ import annotations

import json

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, rules
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import NotAFile, TooLarge
from ansible_collections.mailops.bindings.plugins.module_utils._host.owners import as_whom
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import (
    InvalidConfig,
    Stored,
)


def unreadable(path: str, target: str, error: Exception) -> Refused:
    """What to say of the file C(path), which leads to C(target), after this error of read_regular_file."""
    if isinstance(error, NotAFile):
        return Refused("%s is %s: config_path names the config file itself" % (path, error))
    if isinstance(error, TooLarge):
        return Refused("%s has %d bytes: that is no bindings config" % (path, error.size))
    if isinstance(error, FileNotFoundError):
        return Refused(
            "%s is a symbolic link to %s, which does not exist: make that file, or remove the link"
            % (path, target)
        )
    return Refused("%s can't be read: %s%s" % (path, error.strerror, as_whom(error)))


def doubtful(path: str, revision) -> Stored:
    """What this revision of the file holds, as the rules see it. Raises InvalidConfig with all that is wrong."""
    try:
        return Stored(rules.read(_parsed(revision.content)), revision)
    except Refused as why:  # also where the library that could say more is missing
        raise InvalidConfig(
            "%s is not a valid bindings config, and was left as it is:\n%s\n"
            "Mend the file, or replace it whole: mail_bindings with exclusive: true and replace_invalid: true keeps the broken file as a backup."
            % (path, "\n".join("  " + line for line in str(why).splitlines())),
            Stored(model.EMPTY, revision, str(why)),
        ) from None


def _parsed(content: bytes):
    if not content.strip():
        raise Refused("the file is empty")
    twice: list = []
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=lambda pairs: _object(pairs, twice),
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as error:
        raise Refused("byte %d is not UTF-8" % (error.start + 1)) from None
    except json.JSONDecodeError as error:
        raise Refused(
            "line %d, column %d: not JSON: %s" % (error.lineno, error.colno, error.msg)
        ) from None
    except RecursionError:
        raise Refused("not JSON that a config could be: nested too deeply") from None
    except ValueError as error:
        raise Refused("not JSON: %s" % error) from None
    if twice:
        raise Refused("\n".join(_paths_of(twice, document, "")))
    return document


def _object(pairs: list, twice: list) -> dict:
    """An object; where keys stand in it more than once, C(twice) takes (object, keys)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, ignored in pairs]
        twice.append((value, sorted({key for key in keys if keys.count(key) > 1})))
    return value


def _paths_of(twice: list, value, path: str):
    """A message for each key that stands more than once, with its path."""
    for other, keys in twice:
        if value is other:
            for key in keys:
                yield "%s: stands more than once" % (
                    path + "." + (key if key.isprintable() else model.shown(key))
                ).lstrip(".")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths_of(twice, inner, path + "." + key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths_of(twice, inner, "%s[%d]" % (path, index))


def _no_constant(name: str):
    raise Refused("%s is not a number in JSON" % name)
