# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts, reloads and stops master(8), and waits until it listens as its files say."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import activate_unit
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed

_PROC = "/proc"
_INIT_SCRIPT = "/etc/init.d/postfix"
_COMMAND_SECONDS = 120

#: master(8) acts on a reload, and exits because of one, within this time.
_RELOAD_SECONDS = 3.0
_START_SECONDS = 10.0
#: postfix-script(1) waits no longer for a master that exits.
_EXIT_SECONDS = 5.0
_POLL_SECONDS = 0.05


class Expected(t.NamedTuple):
    """What master should do by its files."""

    sockets: frozenset[tuple[str, int]]
    keys: frozenset[str]  # of the services that listen
    key_of: t.Callable[[str], str]  # a service's name -> its key; '' if there is no such port
    queue: str  # queue_directory


class Control:
    """One master process.

    running: is it there now?
    live: the sockets that it has now
    expected: reads its files. Raises Refused
    unit: the systemd unit that runs it, '' if systemd does not
    """

    def __init__(
        self,
        running: t.Callable[[], bool],
        live: t.Callable[[], frozenset[tuple[str, int]]],
        expected: t.Callable[[], Expected],
        unit: str,
    ):
        self._running, self._live, self._expected = running, live, expected
        self._unit = unit

    def activate(self, how: str) -> None:
        """Make it follow its files; C(how): reload, restart or start. Raises Failed."""
        if how == "reload" and self._running() and self._reload():
            self._wait_until_listening(_RELOAD_SECONDS)
        else:
            self._restart()
            self._wait_until_listening(_START_SECONDS)
        if not self._running():
            raise Failed("Postfix's master process is not running after %s" % how)

    def stop(self) -> None:
        """Stop it. Raises Failed."""
        _succeed(["systemctl", "stop", self._unit] if self._unit else ["postfix", "stop"])

    def _reload(self) -> bool:
        """Returns False if master is not running. A concurrent C(master -t) briefly holds the lock.

        systemd runs one when master exits. Raises Failed.
        """
        status, dummy, errors = run(["postfix", "reload"])
        deadline = time.monotonic() + _EXIT_SECONDS
        while status and self._running():
            if time.monotonic() > deadline:
                raise Failed("postfix reload failed: %s" % errors.strip())
            time.sleep(_POLL_SECONDS)
        return not status

    def _restart(self) -> None:
        """Restart it by what started it.

        systemd may take the unit for active without a master, and "start" would then do nothing.
        """
        if self._unit:
            status, dummy, errors = activate_unit("restart", self._unit)
            if status:
                raise Failed("systemctl restart %s failed: %s" % (self._unit, errors.strip()))
        elif os.access(_INIT_SCRIPT, os.X_OK):
            _succeed([_INIT_SCRIPT, "restart"])
        else:
            if self._running():
                run(["postfix", "stop"], timeout=_COMMAND_SECONDS)
            _succeed(["postfix", "start"])

    def _wait_until_listening(self, seconds: float) -> None:
        """Wait until master listens as its files say, has exited, or time is up; the caller checks.

        Without it, master could take two reloads for one, and a service that was taken out and put
        back would never have been away.
        """
        with contextlib.suppress(Refused):
            expected = self._expected()
            deadline = time.monotonic() + seconds
            orphans: set[int] = set()
            while time.monotonic() < deadline and self._running():
                last, orphans = orphans, set(_orphans(expected))
                if expected.sockets == self._live() and not orphans:
                    return
                for pid in orphans & last:
                    # As master does itself, if it may: Debian 13's unit leaves it no CAP_KILL, and
                    # it then waits for the last of these sessions, at full speed, and does nothing
                    # else.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
                time.sleep(_POLL_SECONDS)


def _succeed(command: list[str]) -> None:
    status, dummy, errors = run(command, timeout=_COMMAND_SECONDS)
    if status:
        raise Failed("%s failed: %s" % (" ".join(command), errors.strip()))


def _orphans(expected: Expected) -> t.Iterator[int]:
    """The pids of master's children for services on TCP that are not in its files any more."""
    try:
        with open(expected.queue + "/pid/master.pid", encoding="ascii") as file:
            master = int(file.read())
    except (OSError, ValueError):
        return
    for pid in filter(str.isdecimal, os.listdir(_PROC)):
        name = _service_name(pid, master)
        key = expected.key_of(name) if name else ""
        if key and key not in expected.keys:
            yield int(pid)


def _service_name(pid: str, master: int) -> str:
    """The name of the service on TCP that this child of master's serves; '' for all else (proc(5)).

    Its arguments are as in master_ent(3): smtpd -n NAME -t inet -u …
    """
    try:
        with open("%s/%s/stat" % (_PROC, pid), encoding="utf-8", errors="replace") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        if parent != master:
            return ""
        with open("%s/%s/cmdline" % (_PROC, pid), encoding="utf-8", errors="replace") as file:
            arguments = file.read().split("\0")
    except OSError:  # the process has ended
        return ""
    options = dict(zip(arguments, arguments[1:]))
    return options.get("-n", arguments[0]) if options.get("-t") == "inet" else ""
