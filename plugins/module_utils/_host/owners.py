# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of users and groups, and what messages say about permissions."""

from __future__ import annotations

import errno
import grp
import os
import pwd


def user_name(uid: int) -> str:
    """The user's name, or its number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The group's name, or its number if it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def as_whom(error: OSError) -> str:
    """What a message adds to an error about permissions; '' for other errors."""
    if error.errno not in (errno.EACCES, errno.EPERM):
        return ""
    if os.geteuid() == 0:
        return ", even for root: it may be immutable or append-only (lsattr)"
    return " for the user %s: use become" % user_name(os.geteuid())
