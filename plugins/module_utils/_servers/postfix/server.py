# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix listens for smtp and submission, by its master.cf. main.cf is read, and never written."""

from __future__ import annotations

import contextlib
import os
import shutil
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import (
    SEARCH_PATH,
    run,
    start,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import has_systemd
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
    SocketKey,
    State,
)

if t.TYPE_CHECKING:
    import subprocess

    from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.control import (
        Control,
        Expected,
    )
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.parser import (
        PostfixDetails,
    )


class Postfix(Server):
    """Postfix, by master.cf."""

    name = "postfix"
    title = "Postfix"
    protocols = ("smtp", "submission")
    packages = {"smtp": "postfix", "submission": "postfix"}
    programs = ("master", "smtpd", "postscreen", "qmqpd", "spawn")
    files = ("/etc/postfix/master.cf",)
    renewal_command = ("postfix", "reload")
    reads_keys_as = "root"  # before it drops its rights, and before it enters its chroot

    _daemons = "/usr/lib/postfix/sbin"  # daemon_directory
    _queue = "/var/spool/postfix"  # queue_directory
    _begun: t.Optional[subprocess.Popen[bytes]] = None  # postconf

    def installed(self) -> bool:
        return shutil.which("postconf", path=SEARCH_PATH) is not None

    def running(self) -> bool:
        """A running master holds a lock; C(master -t) (master(8)) succeeds when no process does."""
        if _is_locked(self._queue + "/pid/master.pid"):
            return True
        for folder in (self._daemons, "/usr/libexec/postfix"):
            if os.access(folder + "/master", os.X_OK):
                # it fails as well if no program of Postfix accepts main.cf
                return run([folder + "/master", "-t"])[0] != 0 and not _problem_of_main_cf()
        return False

    def main_process(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            with open(self._queue + "/pid/master.pid", encoding="ascii") as file:
                return int(file.read()) if self.running() else 0
        return 0

    def unit(self) -> str:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            reading,
        )

        return reading.unit_of_master()

    def log_file(self) -> str:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            reading,
        )

        return reading.postconf(["-x", "maillog_file"]).get("maillog_file", "")

    # -- reading

    def begin_reading(self) -> None:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            settings,
        )

        with contextlib.suppress(Refused):
            if self._begun is None:
                self._begun = start(["postconf", *settings.READ_PARAMETERS])

    def read(self) -> Configured:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            own_lines,
            parser,
        )

        details = self._details()
        services = details.current.services
        return Configured(
            listeners=parser.configured_listeners(services),
            unmapped=parser.unmapped(self.name, services),
            sockets=parser.bound_sockets(services),
            config_path=own_lines.written_from(details.current.file.lines),
            details=details,
        )

    def live_problem(self) -> str:
        """postconf reads main.cf and master.cf, and refuses what master(8) would die of."""
        status, dummy, errors = run(["postconf", "-M"])
        return " / ".join(errors.strip().splitlines()[-1:]) if status else ""

    def _details(self) -> PostfixDetails:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            reading,
        )

        begun, self._begun = self._begun, None
        details = reading.read_details(begun)
        self._daemons = details.host.main.get("daemon_directory", self._daemons)
        self._queue = details.host.main.get("queue_directory", self._queue)
        return details

    def _live(self) -> frozenset[SocketKey]:
        from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import (
            listening,
        )

        return self.live_sockets(listening())

    # -- planning

    def plan(
        self,
        configured: Configured,
        desired: t.Optional[t.Sequence[Listener]],
        options: Options,
    ) -> Plan:
        """See C(Server.plan). Where entries come and others go, it looks at the live sockets."""
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            render,
        )

        return render.plan(configured.details, desired, options, self._live)

    # -- acting

    def validate(self, state: State) -> None:
        """postconf reads the file as Postfix does, and changes nothing.

        "postfix check" would repair the queue's folders.
        """
        from ansible_collections.mailops.bindings.plugins.module_utils._host.sandbox import (
            validate_in_copy,
        )
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            reading,
        )

        folder = reading.postconf(["config_directory"])["config_directory"]
        _check_main_cf()
        live = set(run(["postconf", "-M"])[2].splitlines())
        status, errors = validate_in_copy(folder, state, ["postconf", "-M"])
        new = [line for line in errors.splitlines() if line not in live]
        if status or new:
            raise Refused(
                "Postfix does not accept the new master.cf: %s"
                % ("; ".join(new[:3]) or "postconf -M ended with status %d" % status)
            )

    def activate(self, how: str, sockets: frozenset[SocketKey]) -> None:
        self._control().activate(how)

    def stop(self) -> None:
        self._control().stop()

    def _control(self) -> Control:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
            control,
            parser,
            reading,
        )

        def expected() -> Expected:
            details = self._details()
            services = details.current.services
            return control.Expected(
                parser.bound_sockets(services),
                frozenset(service.key for service in services if service.sockets),
                lambda name: reading.key_of_running(name, details.host),
                self._queue,
            )

        unit = reading.unit_of_master() if has_systemd() else ""
        return control.Control(self.running, self._live, expected, unit)


def _problem_of_main_cf() -> str:
    """Why no program of Postfix accepts main.cf; '' if they do. postmap reads it as all do."""
    status, dummy, errors = run(["postmap", "-q", "key", "static:value"])
    return "; ".join(errors.splitlines()[:3]) or "postmap ended" if status else ""


def _check_main_cf() -> None:
    """postconf does not check values. Raises Refused."""
    problem = _problem_of_main_cf()
    if problem:
        raise Refused(
            "Postfix does not accept its main.cf (%s): correct it first, postfix check says more"
            % problem
        )


def _is_locked(path: str) -> bool:
    """Does a process hold a lock of the file (flock(2), as Postfix does it on Linux)?"""
    import fcntl

    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is no such file
        return False
    return False
