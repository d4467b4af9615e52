# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running doveconf(1): one shell for all that a run has to know of Dovecot's configuration."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import finished, start
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import config_files

#: Parts of us that may be hidden from doveconf.
OWN_FILES = (config_files.IN_CONF_D, config_files.BESIDE)

_END = "# -- mailops"  # between the outputs of two calls

#: 2.3 prints all that there is in one call. 2.4 prints filters only if it is not asked for
#: settings by name, and defaults (the port of imaps) only if it is. C(-P): else keys are hidden.
#: Passwords and keys stay within this shell. C($@): files that are taken for empty.
_SCRIPT = r"""
set -e
for hidden; do mount --bind /dev/null "$hidden"; done
chosen() {
  printf '%%s\n' "$1" | sed -nE '
    /^service .*\{$/,/^\}$/ {
      /^  inet_listener .*\{$/,/^  \}$/ { p; d }
      /^[^ ]|^  (protocol|type|executable) = /p
      d
    }
    /^protocols \{$/,/^\}$/ { p; d }
    /^# [0-9]|\{$|^ *\}$|^(protocols|listen|base_dir|instance_name|shutdown_clients) = /p
    /^ *(ssl|ssl_cert|ssl_alt_cert|cert_file|alt_cert_file) = /p
    /^ *(ssl_key|ssl_alt_key|key_file|alt_key_file) = [<\/"]/p'
}
printed=$(doveconf -P)
chosen "$printed"
case $printed in "# 2."[0-3].*) exit;; esac
echo "%(end)s"
printed=$(doveconf protocols listen ssl base_dir instance_name shutdown_clients service)
chosen "$printed"
""" % {"end": _END}


class Reading:
    """doveconf, started; C(hidden): those of our files that it takes for empty."""

    def __init__(self, hidden: t.Sequence[str]):
        self._stamps = _stamps()
        aside = ["unshare", "--mount", "--propagation", "private"] if hidden else []
        self._process = start([*aside, "sh", "-c", _SCRIPT, "sh", *hidden])

    def is_current(self) -> bool:
        """Are the files that we write as they were when it was started?"""
        return self._stamps == _stamps()

    def printed(self) -> list[str]:
        """The output of each call, without what is secret. Raises Refused."""
        status, printed, errors = finished(self._process)
        if status:
            raise Refused("Dovecot's configuration can't be read: %s" % brief(errors))
        return printed.split(_END + "\n")

    def discard(self) -> None:
        """End it, if its answer is not needed."""
        self._process.kill()
        finished(self._process)


def hidden_files() -> list[str]:
    """Those of our files that exist."""
    return [path for path in OWN_FILES if os.path.exists(path)]


def _stamps() -> list[t.Optional[tuple[int, ...]]]:
    return [_stamp(path) for path in (config_files.MAIN_FILE, *OWN_FILES)]


def _stamp(path: str) -> t.Optional[tuple[int, ...]]:
    """Differs after each write; None if there is no such file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def brief(errors: str) -> str:
    """The last errors of what a program said on its standard error."""
    lines = errors.splitlines()
    lines = [line for line in lines if "Error" in line or "Fatal" in line] or lines
    return " / ".join(dict.fromkeys(lines[-3:])) or "it gives no reason"
