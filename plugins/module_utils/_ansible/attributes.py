# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options owner, group and mode: loaded only if a task gives one."""

from __future__ import annotations

import grp
import pwd
import re
import types
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused, shown
from ansible_collections.mailops.bindings.plugins.module_utils._stores.file_changed import (
    NEW_FILE_MODE,
)


def attributes(
    params: t.Mapping[str, t.Any], current: int
) -> t.Tuple[t.Optional[int], t.Optional[int], t.Optional[int]]:
    """(uid, gid, mode) that the options ask for, None for what they leave as it is. Raises Refused.

    C(current): the file's mode, for a symbolic one.
    """
    return _uid(params["owner"]), _gid(params["group"]), _mode(params["mode"], current)


def attribute_problems(params: t.Mapping[str, t.Any]) -> t.List[str]:
    """What is wrong with owner, group and mode, each."""
    problems = []
    for check in (
        lambda: _uid(params["owner"]),
        lambda: _gid(params["group"]),
        lambda: _mode(params["mode"], NEW_FILE_MODE),
    ):
        try:
            check()
        except Refused as refused:
            problems.append(str(refused))
    return problems


def _uid(owner: t.Optional[str]) -> t.Optional[int]:
    return _number_of(owner, "owner", "user", lambda name: pwd.getpwnam(name).pw_uid)


def _gid(group: t.Optional[str]) -> t.Optional[int]:
    return _number_of(group, "group", "group", lambda name: grp.getgrnam(name).gr_gid)


def _number_of(
    value: t.Optional[str], option: str, what: str, look_up: t.Callable[[str], int]
) -> t.Optional[int]:
    if value is None:
        return None
    try:
        return look_up(value)
    except (KeyError, ValueError):
        # the highest number is -1 to the kernel, which leaves the owner as it is
        if value.isascii() and value.isdecimal() and len(value) <= 10 and int(value) < 2**32 - 1:
            return int(value)
        raise Refused(
            "%s: there is no %s %s on this host: name one, or give its number"
            % (option, what, shown(value))
        ) from None


def _mode(mode: t.Any, current: int) -> t.Optional[int]:
    """The mode that the option asks for: octal, or symbolic as in ansible.builtin.file."""
    if mode is None:
        return None
    bits = -1
    if isinstance(mode, str) and re.fullmatch("[0-7]+", mode):
        bits = int(mode, 8)
    elif isinstance(mode, str) and mode:
        try:
            # as ansible-core reads symbolic modes; of the file's status it needs st_mode
            status = types.SimpleNamespace(st_mode=0o100000 | current)
            bits = AnsibleModule._symbolic_mode_to_octal(status, mode)
        except Exception:  # pylint: disable=broad-except  # refused below, in our words
            pass
    elif isinstance(mode, int) and not isinstance(mode, bool):
        bits = mode
    # 640 without quotes is 01200, which its owner can't read
    if not 0o400 <= bits <= 0o777:
        raise Refused(
            "mode: %s is not valid for a config: give it in quotes as octal, '0640', or symbolic, "
            "u=rw,g=r" % shown(mode)
        )
    return bits
