# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a config file that can't be read or may not be valid: loaded only then."""

from __future__ import annotations

import json
import os
import stat
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    read_document,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host import folders
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import NotAFile, TooLarge
from ansible_collections.mailops.bindings.plugins.module_utils._host.owners import (
    as_whom,
    user_name,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import (
    InvalidConfig,
    Stored,
)


def refuse_others_folder(path: str) -> None:
    """Raise Refused where another user could have root read or write other files than these."""
    folder = folders.others_folder(path)
    if not folder:
        return
    status = os.stat(folder)
    if status.st_uid != 0:
        why = "belongs to the user %s" % user_name(status.st_uid)
        remedy = ", or make the folder root's own: chown root %s" % folder
    else:
        why = "can be written by other users"
        # with the sticky bit it has to stay so, as /tmp
        remedy = "" if status.st_mode & stat.S_ISVTX else ", or run chmod go-w %s" % folder
    raise Refused(
        "config_path: the folder %s %s, and root would write where that user wants it to. Choose "
        "a path in a folder of root's own, such as /etc/mail-bindings%s" % (folder, why, remedy)
    )


def unreadable(path: str, target: str, error: Exception) -> Refused:
    """The message for this error of read_regular_file. C(path) leads to C(target)."""
    if isinstance(error, NotAFile):
        return Refused("%s is %s: config_path names the config file itself" % (path, error))
    if isinstance(error, TooLarge):
        return Refused("%s has %d bytes: that is no bindings config" % (path, error.size))
    if isinstance(error, FileNotFoundError):
        return Refused(
            "%s is a symbolic link to %s, which does not exist: make that file, or remove the link"
            % (path, target)
        )
    if isinstance(error, OSError):
        return Refused("%s can't be read: %s%s" % (path, error.strerror, as_whom(error)))
    return Refused("%s can't be read: %s" % (path, error))


def doubtful(path: str, revision: t.Any) -> Stored:
    """What this C(file.Revision) holds by all rules. Raises InvalidConfig with all problems."""
    try:
        return Stored(read_document(_parsed(revision.content)), revision)
    except Refused as why:  # also where the library that could say more is missing
        raise InvalidConfig(
            "%s is not a valid bindings config, and was left as it is:\n%s\n"
            "Correct the file, or replace it whole: mail_bindings with exclusive: true and "
            "replace_invalid: true keeps the broken file as a backup."
            % (path, "\n".join("  " + line for line in str(why).splitlines())),
            Stored(model.EMPTY, revision, str(why)),
        ) from None


def _parsed(content: bytes) -> t.Any:
    if not content.strip():
        raise Refused("the file is empty")
    twice: Repeated = []
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


#: Objects that have keys more than once, and these keys
Repeated = t.List[t.Tuple[t.Dict[str, t.Any], t.List[str]]]


def _object(pairs: t.List[t.Tuple[str, t.Any]], twice: Repeated) -> t.Dict[str, t.Any]:
    """An object; if it has keys more than once, it is added to C(twice)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, dummy in pairs]
        twice.append((value, sorted({key for key in keys if keys.count(key) > 1})))
    return value


def _paths_of(twice: Repeated, value: t.Any, path: str) -> t.Iterator[str]:
    """A message for each key that is there more than once, with its path."""
    for other, keys in twice:
        if value is other:
            for key in keys:
                yield "%s: is there more than once" % (
                    path + "." + (key if key.isprintable() else model.shown(key))
                ).lstrip(".")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths_of(twice, inner, path + "." + key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths_of(twice, inner, "%s[%d]" % (path, index))


def _no_constant(name: str) -> t.NoReturn:
    raise Refused("%s is not a number in JSON" % name)
