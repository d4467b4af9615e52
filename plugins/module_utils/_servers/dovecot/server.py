# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot 2.3 and 2.4: IMAP and POP3."""

from __future__ import annotations

import concurrent.futures
import contextlib
import glob
import ipaddress
import os
import shutil
import signal
import socket
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import kind_of_key
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import endpoint
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.local import loopback
from ansible_collections.mailops.bindings.plugins.module_utils._host.sandbox import rehearse_in_copy
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import has_systemd
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import UNITS
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    render as config,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
)

BASE_DIR = "/run/dovecot"
PID_FILE = BASE_DIR + "/master.pid"
UNIT = "dovecot.service"

HEARD_SECONDS = 0.2  # by then it has taken note of a reload, which it does when it gets round to it
SETTLE_SECONDS = 3  # by then it listens as its files say, or never will; and whoever waits for a rollback waits for this too
STOP_SECONDS = 8
_END = "# -- mailops"  # between the outputs of several commands


class Dovecot(Server):
    """All in C(dovecot_config), but for what looks at the host."""

    name = "dovecot"
    title = "Dovecot"
    renewal_command = ("doveadm", "reload")
    protocols = ("imap", "pop")
    programs = (
        "dovecot",
        "imap-login",
        "pop3-login",
        "submission-logi",
        "managesieve-log",
        "imap-urlauth-lo",
        "lmtp",
        "doveadm",
        "doveadm-server",
        "auth",
        "stats",
        "director",
        "replicator",
    )
    files = (config.MAIN_FILE, config.IN_CONF_D, config.BESIDE)
    harmless_log_words = ("SIGHUP received",)  # a reload, which Dovecot warns of

    def installed(self) -> bool:
        return (
            shutil.which("dovecot", path="/usr/local/sbin:/usr/sbin:/sbin") is not None
            and shutil.which("doveconf") is not None
        )

    def running(self) -> bool:
        return _master() is not None

    def read(self) -> Configured:
        files = {
            path: _read(path)
            for path in (config.MAIN_FILE, config.IN_CONF_D, config.BESIDE, config.BOOT_FILE)
        }
        if files[config.MAIN_FILE] is None:
            raise Refused(
                "Dovecot has no %s: this layout is not known, so its listeners can't be declared"
                % config.MAIN_FILE
            )
        ours = [path for path in (config.IN_CONF_D, config.BESIDE) if files[path] is not None]
        with (
            concurrent.futures.ThreadPoolExecutor() as pool
        ):  # each takes its time, with 2.4 a tenth of a second
            printed = list(pool.map(_printed, [(), ours] if ours else [()]))
        live, base = (
            config.as_served(config.view(*one, _resolve), lambda path: kind_of_key(path) == "EC")
            for one in (printed[0], printed[-1])
        )
        details = config.Details(
            base,
            files,
            live.shutdown_clients,
            _in_conf_d(files[config.MAIN_FILE]),
            os.path.isdir(UNITS),
            lambda: _troubles(config.parse(printed[0][0])),
            loopback(),
        )
        return Configured(
            config.listeners(live),
            config.unmapped(live),
            config.sockets(live.entries),
            config.config_path_of(files),
            details,
        )

    def refusals(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> list:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.limits import (
            refusals,
        )

        return refusals(configured.details, wanted, options)

    def render(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> Plan:
        return config.render(configured.details, wanted, options)

    def rehearse(self, state: t.Mapping) -> None:
        status, said = rehearse_in_copy(
            config.FOLDER, state, ["doveconf", "-nx", "-c", config.MAIN_FILE]
        )
        if status:
            raise Refused("doveconf refuses what Dovecot would be told: %s" % _brief(said))

    def activate(self, how: str, sockets: frozenset) -> None:
        before = self._live()
        if how == "reload" and self.running():
            _reload()
        else:
            self._start(how)
        self._settle(before, sockets)

    def _start(self, how: str) -> None:
        if has_systemd():
            # a unit that failed a few times in a row is not started again until its count is forgotten
            run(["systemctl", "reset-failed", UNIT])
            argv = ["systemctl", "start" if how == "start" else "restart", UNIT]
        else:
            if self.running():
                run(["doveadm", "stop"])
            self._end_left_over()
            # its processes keep what they are given for output, and whoever reads that would wait for their end
            argv = ["sh", "-c", "exec dovecot >/dev/null 2>&1"]
        status, dummy, said = run(argv)
        if status:
            raise Failed(
                "Dovecot can't be started: %s"
                % (
                    _brief(said)
                    if said
                    else "it ended with status %d, and its log says why" % status
                )
            )

    def _end_left_over(self) -> None:
        """Wait until the old processes are gone. Those that a killed main process left behind hold its ports: they are ended."""
        for how in (None, signal.SIGTERM, signal.SIGKILL):
            for pid in self._holders() if how else ():
                with contextlib.suppress(OSError):
                    os.kill(pid, how)
            deadline = time.monotonic() + STOP_SECONDS / 4
            while self._holders() and time.monotonic() < deadline:
                time.sleep(0.05)

    def _holders(self) -> set:
        return {pid for one in listening() if self.holds(one) for pid in one.pids}

    def _live(self) -> set:
        return {(one.address, one.port) for one in listening() if self.holds(one)}

    def _settle(self, before: set, sockets: frozenset) -> None:
        """Look until it listens so, and reload until it does.

        A wildcard and an address exclude each other on one port, and for a moment old login processes hold what the main
        process has given up: it then goes without the new socket until the next reload, which can be at once. Else there is no
        hurry: some who connect in the instant of a reload are turned away.
        """
        hurried = any(config.exclude(new, old) for new in sockets - before for old in before)
        began, reloaded, patience = time.monotonic(), time.monotonic(), 0.05 if hurried else 0.5
        while True:
            time.sleep(0.02)
            live, now = self._live(), time.monotonic()
            if live == sockets and now - reloaded >= HEARD_SECONDS:
                return
            if not self.running():
                raise Failed("Dovecot's main process has ended")
            if now - began > SETTLE_SECONDS:
                break
            if sockets - live and now - reloaded > patience:
                _reload()
                reloaded, patience = time.monotonic(), min(patience * 2, 0.5)
        missing = [endpoint(address, port) for address, port in sorted(sockets - live)]
        if missing:
            raise Failed("Dovecot does not listen on %s" % ", ".join(missing))


def _reload() -> None:
    status, dummy, said = run(["doveadm", "reload"])
    if status and _master():
        raise Failed("doveadm reload failed: %s" % _brief(said))


# -- reading


def _read(path: str) -> t.Optional[bytes]:
    try:
        return read_file(path)
    except NotAFile as error:
        raise Refused("%s is %s, where a file should be" % (path, error)) from None
    except OSError as error:
        raise Refused("%s can't be read: %s" % (path, error.strerror)) from None


#: What doveconf says for all clients, with its services, and for some clients only, which no other option than -n prints; with -P, or 2.3 hides where
#: its keys are. What passwords and keys it prints then stay in this shell. C($@): files to be taken for empty.
_ASK = r"""
set -e
for hidden; do mount --bind /dev/null "$hidden"; done
changed=$(doveconf -nP)
for_all=$(doveconf protocols listen ssl base_dir instance_name shutdown_clients ssl_cert ssl_key ssl_alt_cert ssl_alt_key \
  ssl_server/cert_file ssl_server/key_file ssl_server/alt_cert_file ssl_server/alt_key_file service)
printf '%%s\n' "$for_all" | grep -Ev '(_key|key_file) = [^</"]'
echo "%(end)s"
printf '%%s\n' "$changed" | grep -E '^# [0-9]|[{]$|^ *[}]$|^ *(ssl|ssl_cert|cert_file) = |^ *(ssl_key|key_file) = [</"]'
""" % {"end": _END}


def _printed(hidden: t.Sequence[str]) -> list:
    """What doveconf prints for all clients, and for some, of the files without those C(hidden)."""
    aside = ["unshare", "--mount", "--propagation", "private"] if hidden else []
    status, printed, said = run([*aside, "sh", "-c", _ASK, "sh", *hidden])
    if status:
        raise Refused("what Dovecot is configured to do can't be told: %s" % _brief(said))
    return printed.split(_END + "\n")


def _resolve(name: str) -> t.Iterator[str]:
    with contextlib.suppress(OSError):
        for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
            yield str(ipaddress.ip_address(found[4][0]))


def _in_conf_d(conf: bytes) -> bool:
    """Would our file in conf.d be the last that is read?"""
    for required, pattern in config.last_includes(conf):
        pattern = os.path.join(config.FOLDER, pattern)
        if pattern == os.path.join(os.path.dirname(config.IN_CONF_D), "*.conf"):
            return all(path <= config.IN_CONF_D for path in glob.glob(pattern))
        if required or glob.glob(pattern):
            break
    return False


def _troubles(nodes: t.Sequence[config.Node]) -> t.Iterator[str]:
    """What stands against changing anything on this host."""
    if (
        os.path.realpath(config.setting(nodes, "base_dir")) != os.path.realpath(BASE_DIR)
        or config.setting(nodes, "instance_name") != "dovecot"
    ):
        yield (
            "this Dovecot is one of several instances (base_dir = %s, instance_name = %s), which mail_listeners does not know how to tell apart: "
            "leave imap and pop out of what it declares here"
            % (config.setting(nodes, "base_dir"), config.setting(nodes, "instance_name"))
        )
    pid = _master()
    with contextlib.suppress(OSError):
        if pid:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
            used = [after for word, after in zip(words, words[1:]) if word == "-c"]
            if used and os.path.realpath(used[-1]) != os.path.realpath(config.MAIN_FILE):
                yield (
                    "Dovecot runs with %s: start it with %s, the only file that mail_listeners knows"
                    % (used[-1], config.MAIN_FILE)
                )
    if has_systemd() and run(["systemctl", "is-active", "--quiet", "dovecot.socket"])[0] == 0:
        yield (
            "dovecot.socket is active: systemd holds Dovecot's ports, and new listeners on them fail. "
            "End that first: systemctl disable --now dovecot.socket && systemctl restart %s" % UNIT
        )


# -- running


def _master() -> t.Optional[int]:
    """The main process's number; None where it does not run."""
    with contextlib.suppress(OSError, ValueError):
        with open(PID_FILE, encoding="ascii") as file:
            pid = int(file.read())
        with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as file:
            return pid if file.read() == "dovecot\n" else None
    return None


def _brief(said: str) -> str:
    """The errors of what a program said on its standard error."""
    lines = [
        line for line in said.splitlines() if "Error" in line or "Fatal" in line
    ] or said.splitlines()
    return " / ".join(dict.fromkeys(lines[-3:])) or "it does not say why"
