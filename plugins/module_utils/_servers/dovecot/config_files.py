# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's files: where they are, and our lines in dovecot.conf. Pure.

Dovecot goes by the last word on a setting. So all settings of ours are in one file of our own that
is read last, and no line of others is touched.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK

FOLDER = "/etc/dovecot"
MAIN_FILE = FOLDER + "/dovecot.conf"
#: Our file, if conf.d/*.conf is the last include of dovecot.conf, and this the last of its names.
IN_CONF_D = "%s/conf.d/99-%s.conf" % (FOLDER, MANAGED_MARK)
#: Our file, if a line of ours at the end of dovecot.conf includes it.
BESIDE = "%s/%s.conf" % (FOLDER, MANAGED_MARK)
#: The drop-in that lets Dovecot wait for its addresses at boot.
UNIT = "dovecot.service"
BOOT_FILE = boot_file(UNIT, "")[0]
#: All files that may be ours, or have lines of ours.
OUR_FILES = (MAIN_FILE, IN_CONF_D, BESIDE, BOOT_FILE)

#: protocol -> the Debian package that makes Dovecot speak it
PACKAGES = {"imap": "dovecot-imapd", "pop": "dovecot-pop3d"}

#: path -> content; None: no such file
Files = t.Mapping[str, t.Optional[bytes]]

_INCLUDE = "!include_try %s.conf" % MANAGED_MARK
_INCLUDE_LINE = re.compile(r"\s*!include(_try)?\s+(.*?)\s*(\s#.*)?$")
_CONFIG_PATH = re.compile(
    r'^# (?:config_path: |%s: listeners as declared in )("(?:[^"\\]|\\.)*")'
    % re.escape(MANAGED_MARK),
    re.MULTILINE,
)


def with_line(conf: bytes, config_path: str) -> bytes:
    """dovecot.conf with the lines that include our file.

    Its last line gets a newline only if the last line had one before.
    """
    end = "\r\n" if b"\r\n" in conf else "\n"
    comment = "# %s: listeners as declared in %s; state: absent takes these two lines out again" % (
        MANAGED_MARK,
        json.dumps(config_path),
    )
    ours = (comment + end + _INCLUDE).encode()
    if not conf or conf.endswith(b"\n"):
        return conf + ours + end.encode()
    return conf + end.encode() + ours


def without_line(conf: bytes) -> bytes:
    """dovecot.conf as it was before C(with_line), whatever else has changed since."""
    lines = conf.splitlines(keepends=True)
    ours = [line for line in lines if is_our_line(line)]
    rest = b"".join(line for line in lines if not is_our_line(line))
    if ours and lines[-1] == ours[-1] and not ours[-1].endswith(b"\n"):
        end = b"\r\n" if ours[0].endswith(b"\r\n") else b"\n"
        rest = rest[: -len(end)] if rest.endswith(end) else rest
    return rest


def is_our_line(line: bytes) -> bool:
    """Is it a line of C(with_line)?"""
    return line.strip() == _INCLUDE.encode() or line.startswith(("# %s: " % MANAGED_MARK).encode())


def ends_with_our_line(conf: bytes) -> bool:
    """Does dovecot.conf include our file last, and only there?"""
    lines = [line.strip() for line in conf.splitlines()]
    lines = [line for line in lines if line and not line.startswith(b"#")]
    return lines[-1:] == [_INCLUDE.encode()] and lines.count(_INCLUDE.encode()) == 1


def last_includes(conf: bytes) -> list[tuple[bool, str]]:
    """(must the file be there, pattern) of the includes at the end of dovecot.conf, the last first.

    That are those with only includes and comments after them.
    """
    found = []
    for line in reversed(without_line(conf).decode(errors="replace").splitlines()):
        include = _INCLUDE_LINE.match(line)
        if include:
            found.append((include.group(1) is None, include.group(2).strip('"')))
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    return found


def config_path_of(files: Files) -> str:
    """The bindings config that our parts were written from; '' if there are none."""
    for path in (IN_CONF_D, BESIDE, MAIN_FILE):
        found = _CONFIG_PATH.search((files.get(path) or b"").decode(errors="replace"))
        if found:
            path_of_config: str = json.loads(found.group(1))
            return path_of_config
    return ""


def our_text(path: str, content: t.Optional[bytes]) -> str:
    """Our part of a file, as text: all of it, but of dovecot.conf our lines only."""
    lines = (content or b"").splitlines(keepends=True)
    return b"".join(line for line in lines if path != MAIN_FILE or is_our_line(line)).decode(
        errors="replace"
    )
