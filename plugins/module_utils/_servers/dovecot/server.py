# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot 2.3 and 2.4: IMAP and POP3. What looks at the host, and what changes it."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import shutil
import signal
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import endpoint
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import (
    SEARCH_PATH,
    run,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import listening
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import (
    activate_unit,
    has_systemd,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import UNITS
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    config_files,
    process,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.command import (
    Reading,
    brief,
    hidden_files,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
    SocketKey,
    State,
)

# parser, listeners, render and limits are imported where they are used: doveconf runs meanwhile

if t.TYPE_CHECKING:
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.parser import (
        DovecotConfig,
        Section,
    )


SETTLE_SECONDS = 3  # by then it listens as its files say, or never will; a rollback waits for this
STOP_SECONDS = 8


class Dovecot(Server):
    """Dovecot as this host has it."""

    name = "dovecot"
    title = "Dovecot"
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
    files = (config_files.MAIN_FILE, config_files.IN_CONF_D, config_files.BESIDE)
    packages = config_files.PACKAGES
    harmless_log_words = ("SIGHUP received",)  # a reload, which it logs as a warning
    renewal_command = ("doveadm", "reload")

    _begun: t.Optional[Reading] = None

    def installed(self) -> bool:
        return all(shutil.which(name, path=SEARCH_PATH) for name in ("dovecot", "doveconf"))

    def running(self) -> bool:
        return process.main_process() is not None

    def main_process(self) -> int:
        return process.main_process() or 0

    def unit(self) -> str:
        return config_files.UNIT

    def log_file(self) -> str:
        path = run(["doveconf", "-h", "log_path"])[1].strip()
        return path if path.startswith("/") else ""

    def begin_reading(self) -> None:
        """Start doveconf, which takes a tenth of a second; C(read) waits for it.

        What it prints counts only if our files are the same then.
        """
        with contextlib.suppress(Refused):
            if self._begun is None and self.installed():
                self._begun = Reading(hidden_files())

    def read(self) -> Configured:
        found = {path: _read(path) for path in config_files.OUR_FILES}
        if found[config_files.MAIN_FILE] is None:
            raise Refused(
                "Unsupported Dovecot layout: there is no %s, so its listeners can't be declared"
                % config_files.MAIN_FILE
            )
        base, live, in_conf_d = self._configurations(found)
        from ansible_collections.mailops.bindings.plugins.module_utils._host.local import loopback
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
            listeners,
            parser,
            render,
        )

        details = render.DovecotDetails(
            base,
            found,
            live.shutdown_clients,
            in_conf_d,
            os.path.isdir(UNITS),
            functools.partial(_problems, live),
            loopback(),
            _same_certificate,
        )
        return Configured(
            listeners.listeners(live),
            listeners.unmapped(live),
            parser.sockets(live.inet_listeners),
            config_files.config_path_of(found),
            details,
            listeners.certificate_files(live),
        )

    def _configurations(
        self, found: config_files.Files
    ) -> tuple[DovecotConfig, DovecotConfig, bool]:
        """(without our file, with it, is a file in conf.d read last?)."""
        reading = self._current_reading()
        from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import (
            kind_of_key,
        )
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
            parser,
        )

        in_conf_d = _in_conf_d(found[config_files.MAIN_FILE] or b"")
        resolve = functools.lru_cache(maxsize=None)(_resolve)

        def config(printed: t.Sequence[str], ours: t.Optional[Section] = None) -> DovecotConfig:
            section, release = parser.combined(printed), parser.release_of(printed[0])
            read = parser.config_of(section, release, resolve, ours)
            return parser.as_served(read, lambda path: kind_of_key(path) == "EC")

        printed = reading.printed()
        base = config(printed)
        if found[config_files.IN_CONF_D] is None and found[config_files.BESIDE] is None:
            return base, base, in_conf_d
        text = _own_text_read_last(found, in_conf_d)
        ours = parser.own_section(text)
        if ours is not None:
            return base, config(printed, ours), in_conf_d
        try:
            return base, config(Reading(()).printed()), in_conf_d
        except Refused:
            # since an edit or an upgrade Dovecot can't read it: it is written anew, or removed
            return base, base, in_conf_d

    def _current_reading(self) -> Reading:
        begun, self._begun = self._begun, None
        if begun and begun.is_current():
            return begun
        if begun:
            begun.discard()
        return Reading(hidden_files())

    def live_problem(self) -> str:
        # it prints private keys
        status, dummy, errors = run(["sh", "-c", "exec doveconf -nx >/dev/null"])
        return brief(errors) if status else ""

    def plan(
        self,
        configured: Configured,
        desired: t.Optional[t.Sequence[Listener]],
        options: Options,
    ) -> Plan:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
            limits,
            render,
        )

        details = configured.details
        state = (
            render.DesiredDovecot()
            if desired is None
            else render.desired_state(details.base, desired, options, details.loopback)
        )
        plan = render.planned(details, desired, state, options)
        case = limits.DovecotCase(details, desired or (), state, bool(plan.steps))
        refusals = limits.refusals(case, absent=desired is None)
        return Plan(refusals=refusals) if refusals else plan

    def validate(self, state: State) -> None:
        """Have doveconf see this state, in a copy of the folder. Raises Refused."""
        from ansible_collections.mailops.bindings.plugins.module_utils._host.sandbox import (
            validate_in_copy,
        )

        argv = ["doveconf", "-nx", "-c", config_files.MAIN_FILE]
        status, errors = validate_in_copy(config_files.FOLDER, state, argv)
        if status:
            raise Refused("doveconf rejects the new configuration: %s" % brief(errors))

    def activate(self, how: str, sockets: frozenset[SocketKey]) -> None:
        before, loggers = self._live(), process.log_processes()
        if how == "reload" and self.running():
            _reload()
        else:
            self._start(how)
        self._wait_until_listening(before, sockets, loggers)

    def _start(self, how: str) -> None:
        if has_systemd():
            verb = "start" if how == "start" else "restart"
            status, dummy, errors = activate_unit(verb, config_files.UNIT)
        else:
            if self.running():
                run(["doveadm", "stop"])
            self._end_orphans()
            # its processes keep the output that they are given, and run() waits for its end
            status, dummy, errors = run(["sh", "-c", "exec dovecot >/dev/null 2>&1"])
        if status:
            reason = brief(errors) if errors else "it ended with status %d, see its log" % status
            raise Failed("Dovecot can't be started: %s" % reason)

    def stop(self) -> None:
        if has_systemd():
            status, dummy, errors = run(["systemctl", "stop", config_files.UNIT])
        else:
            status, dummy, errors = run(["doveadm", "stop"])
        self._end_orphans()
        if self.running():
            raise Failed(
                "Dovecot can't be stopped: %s"
                % (brief(errors) if errors else "the command ended with status %d" % status)
            )

    def _end_orphans(self) -> None:
        """Wait until the old processes are gone; end those that a killed main process left."""
        for how in (None, signal.SIGTERM, signal.SIGKILL):
            if how:
                for pid in self._holders():
                    with contextlib.suppress(OSError):
                        os.kill(pid, how)
            deadline = time.monotonic() + STOP_SECONDS / 4
            while self._holders() and time.monotonic() < deadline:
                time.sleep(0.05)

    def _holders(self) -> set[int]:
        """The processes that hold its sockets."""
        return {pid for socket in listening() if self.holds(socket) for pid in socket.pids}

    def _live(self) -> frozenset[SocketKey]:
        return self.live_sockets(listening())

    def _wait_until_listening(
        self, before: frozenset[SocketKey], sockets: frozenset[SocketKey], loggers: frozenset[int]
    ) -> None:
        """Look until it listens on these, and reload until it does. Raises Failed.

        C(loggers): the log processes of before. It keeps them, its settings and its sockets where
        it refuses its files, of which doveadm says nothing (src/master/main.c,
        sig_settings_reload).
        A wildcard and an address exclude each other on one port, and for a moment old login
        processes hold what the main process has given up: it then does without the new socket until
        the next reload, which can be at once. Otherwise there is no hurry: some clients that
        connect in the instant of a reload are turned away.
        """
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
            parser,
        )

        hurried = any(parser.exclude(new, old) for new in sockets - before for old in before)
        began, reloaded, patience = time.monotonic(), time.monotonic(), 0.05 if hurried else 0.5
        while True:
            time.sleep(0.02)
            live, now = self._live(), time.monotonic()
            taken = bool(process.log_processes() - loggers)
            if live == sockets and taken:
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
        if not taken:
            raise Failed(
                "Dovecot does not take its new configuration, and goes on with what it has read "
                "before: its log says why"
            )


def _reload() -> None:
    status, dummy, errors = run(["doveadm", "reload"])
    if status and process.main_process():
        raise Failed("doveadm reload failed: %s" % brief(errors))


# -- reading


def _read(path: str) -> t.Optional[bytes]:
    try:
        return read_file(path)
    except NotAFile as error:
        raise Refused("%s is %s, not a file" % (path, error)) from None
    except OSError as error:
        raise Refused("%s can't be read: %s" % (path, error.strerror)) from None


def _own_text_read_last(found: config_files.Files, in_conf_d: bool) -> str:
    """Our file, if Dovecot reads it, once and after all others; else ''."""
    here, beside = found[config_files.IN_CONF_D], found[config_files.BESIDE]
    read_last = [
        content
        for content, other, is_last in (
            (here, beside, in_conf_d),
            (beside, here, config_files.ends_with_our_line(found[config_files.MAIN_FILE] or b"")),
        )
        if content is not None and other is None and is_last
    ]
    with contextlib.suppress(UnicodeDecodeError):
        return read_last[0].decode() if read_last else ""
    return ""


def _resolve(name: str) -> tuple[str, ...]:
    """The addresses of a host's name."""
    import ipaddress
    import socket

    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(str(ipaddress.ip_address(entry[4][0])) for entry in found)


def _in_conf_d(conf: bytes) -> bool:
    """Would our file in conf.d be the last that is read?"""
    for required, pattern in config_files.last_includes(conf):
        pattern = os.path.join(config_files.FOLDER, pattern)
        if pattern == os.path.join(os.path.dirname(config_files.IN_CONF_D), "*.conf"):
            return all(path <= config_files.IN_CONF_D for path in glob.glob(pattern))
        if required or glob.glob(pattern):
            break
    return False


def _same_certificate(path: str, other: str) -> bool:
    """Do these files begin with the same certificate?"""
    if path == other:
        return True
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import own_der

    try:
        first, second = (own_der(read_file(each) or b"") for each in (path, other))
    except (OSError, NotAFile, TooLarge):
        return False
    return bool(first) and first == second


# -- what prevents any change on this host


def _problems(config: DovecotConfig) -> t.Iterator[str]:
    """Whole messages, each with its remedy."""
    yield from _several_instances(config)
    yield from _other_main_file()
    if has_systemd() and run(["systemctl", "is-active", "--quiet", "dovecot.socket"])[0] == 0:
        yield (
            "dovecot.socket is active: systemd holds Dovecot's ports, and new listeners on them "
            "fail. Switch it off first: systemctl disable --now dovecot.socket && "
            "systemctl restart %s" % config_files.UNIT
        )


def _several_instances(config: DovecotConfig) -> t.Iterator[str]:
    same_folder = os.path.realpath(config.base_dir) == os.path.realpath(process.BASE_DIR)
    if not same_folder or config.instance_name != "dovecot":
        yield (
            "this Dovecot is one of several instances (base_dir = %s, instance_name = %s), which "
            "mail_listeners does not support: leave imap and pop out of what is declared here"
            % (config.base_dir, config.instance_name)
        )


def _other_main_file() -> t.Iterator[str]:
    pid = process.main_process()
    with contextlib.suppress(OSError):
        if pid:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
            used = [after for word, after in zip(words, words[1:]) if word == "-c"]
            if used and os.path.realpath(used[-1]) != os.path.realpath(config_files.MAIN_FILE):
                yield (
                    "Dovecot runs with %s: start it with %s, the only main file that "
                    "mail_listeners supports" % (used[-1], config_files.MAIN_FILE)
                )
