# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options owner, group and mode: loaded where a task gives one."""

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


def attributes(params: dict, current: int) -> tuple:
    """(uid, gid, mode) that the options ask for where the file's mode is C(current); None for what they leave as it is. Raises Refused."""
    return _uid(params["owner"]), _gid(params["group"]), _mode(params["mode"], current)


def unknown(params: dict) -> list:
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


def _number_of(value, option, what, look_up) -> t.Optional[int]:
    if value is None:
        return None
    try:
        return look_up(value)
    except (KeyError, ValueError):
        # the highest number is -1 to the kernel, which means: as it is
        if value.isascii() and value.isdecimal() and len(value) <= 10 and int(value) < 2**32 - 1:
            return int(value)
        raise Refused(
            "%s: there is no %s %s on this host: name one, or give its number"
            % (option, what, shown(value))
        ) from None


def _mode(mode, current: int) -> t.Optional[int]:
    """The mode that the option asks for. Octal as number or text, or symbolic (u=rw,g=r), as in ansible.builtin.file."""
    if mode is None:
        return None
    wanted = -1
    if isinstance(mode, str) and re.fullmatch("[0-7]+", mode):
        wanted = int(mode, 8)
    elif isinstance(mode, str) and mode:
        try:
            # ansible-core's own reading of symbolic modes; st_mode is all that it looks at
            wanted = AnsibleModule._symbolic_mode_to_octal(
                types.SimpleNamespace(st_mode=0o100000 | current), mode
            )
        except Exception:  # pylint: disable=broad-except  # whatever it finds wrong, we refuse below in our words
            pass
    elif isinstance(mode, int) and not isinstance(mode, bool):
        wanted = mode
    # 640 without quotes is 01200: what its owner can't read was never meant
    if not 0o400 <= wanted <= 0o777:
        raise Refused(
            "mode: %s is none for a config: give it in quotes as octal, '0640', or symbolic, u=rw,g=r"
            % shown(mode)
        )
    return wanted
