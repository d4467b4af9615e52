# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenLDAP's slapd, 2.5 and 2.6, as Debian sets it up.

Its URLs are in a file and count from its next start on. Its certificate is in cn=config: one for all listeners, changed while
it runs, and, once there, only taken away while it does not.
"""

from __future__ import annotations

import glob
import os
import shlex
import socket
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    WILDCARDS,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.local import (
    bind_error,
    loopback,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.owners import as_whom
from ansible_collections.mailops.bindings.plugins.module_utils._host.sandbox import rehearse_in_copy
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import has_systemd
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import UNITS, boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser as files
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import (
    render as slapd_plan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    SERVICES,
    Tls,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.render import (
    TLS,
    UNIT,
    Host,
)

PROGRAM = "/usr/sbin/slapd"
INIT_SCRIPT = "/etc/init.d/slapd"
APPARMOR = "/etc/apparmor.d/usr.sbin.slapd"
UNIT_FOLDERS = (
    UNITS,
    "/run/systemd/system/",
    "/usr/local/lib/systemd/system/",
    "/lib/systemd/system/",
    "/usr/lib/systemd/system/",
)
CONFIGS = ("/etc/ldap/slapd.d", "/etc/openldap/slapd.d", "/etc/ldap/slapd.conf")
LATE_DEATH_SECONDS = 0.2

_LAYOUT = (
    "OpenLDAP here: a layout that we do not know: %s. mail_listeners works where /etc/default/slapd says SLAPD_SERVICES and the service "
    "reads it from there, as Debian's package sets it up: go back to that, or leave slapd out of servers"
)

#: Runs a slapd ($2 …) until it has written its pid file into the folder $1, which it does last. Status 7: it ended before.
_REHEARSAL = (
    'd=$1; shift; mkdir -m 0777 "$d"; "$@" & n=0; while [ ! -s "$d/pid" ] && [ $n -lt 100 ] && kill -0 $!; do sleep 0.05; n=$((n+1)); done; '
    's=7; [ ! -s "$d/pid" ] || s=0; kill -9 $!; wait; exit $s'
)
_REHEARSAL_REFUSED = 7


class Process(t.NamedTuple):
    """A slapd that runs."""

    pid: int
    argv: tuple
    of_service: bool  # would restarting the service end it?

    @property
    def services(self) -> t.Optional[str]:
        """Its -h."""
        return self.argv[self.argv.index("-h") + 1] if "-h" in self.argv[:-1] else None


class Slapd(Server):
    """See Server. Resources: /etc/default/slapd, the drop-in of its unit, and C(TLS)."""

    name = "slapd"
    title = "OpenLDAP"
    # slapd reads the files again where their settings are written, with the same values too
    renewal_command = ("ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///")
    renewal_stdin = """\
dn: cn=config
changetype: modify
replace: olcTLSCertificateFile
olcTLSCertificateFile: %(certificate_path)s
-
replace: olcTLSCertificateKeyFile
olcTLSCertificateKeyFile: %(private_key_path)s
"""
    protocols = ("ldap",)
    programs = ("slapd",)
    files = (DEFAULTS,)

    @property
    def reads_keys_as(self) -> str:
        return self._user()[0] or "root"

    def installed(self) -> bool:
        return os.path.exists(PROGRAM)

    def running(self) -> bool:
        return bool(_processes())

    def read(self) -> Configured:
        processes = _processes()
        problems = list(_process_problems(processes))
        text = _text(DEFAULTS)
        reader, services, options, where = "shell", None, "", DEFAULTS
        try:
            reader = _reader()
            if not text:
                raise files.Unknown("%s is missing or empty" % DEFAULTS)
            services, options = (
                files.value(text, SERVICES, reader),
                files.value(text, "SLAPD_OPTIONS", reader),
            )
            for name in ("SLAPD_CONF", "SLAPD_USER", "SLAPD_GROUP"):
                files.value(text, name, reader)  # what can't be told is not to be guessed
            if {"-h", "-f", "-F", "-u", "-g"} & {
                word[:2] for word in shlex.split(options)
            }:  # -F/folder is one word (getopt(3))
                raise files.Unknown("SLAPD_OPTIONS in %s has %s" % (DEFAULTS, options))
        except (files.Unknown, ValueError) as error:
            problems.insert(0, _LAYOUT % error)
            services, options = (processes[0].services or "" if processes else None), ""
            where = "the command line of the running slapd"
        families = _families(shlex.split(options))
        how = (families, _localhost(families))
        urls = tuple(files.urls(services, *how)) if services is not None else ()
        conf, settings, replicated = _config(text, reader)
        if where == DEFAULTS and not os.path.isdir(conf):
            problems.append(
                "OpenLDAP is configured by %s, where nothing can be changed while it runs: convert it (slaptest -f %s -F /etc/ldap/slapd.d, as the user %s, "
                "into an empty folder), empty SLAPD_CONF in %s, and restart slapd"
                % (conf, conf, self.reads_keys_as, DEFAULTS)
            )
        problems.extend(_start_problems(text, reader))
        return slapd_plan.configured(
            Host(
                text,
                reader,
                how,
                urls,
                where,
                settings,
                replicated,
                read_file(boot_file(UNIT, "")[0]),
                os.path.isdir(UNITS),
                tuple(problems),
                loopback(),
            )
        )

    def refusals(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> list:
        return slapd_plan.refusals(configured.details, wanted, options)

    def render(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> Plan:
        return slapd_plan.plan(configured.details, wanted, options)

    def rehearse(self, state: t.Mapping) -> None:
        if not state.get(TLS):
            return
        self._rehearse(files.tls_settings(files.ldif_settings(state[TLS].decode())))
        for process in _processes():
            try:
                self._may_change(process)
            except Failed as reason:  # the word for what comes after something was changed
                raise Refused(str(reason)) from None

    def get(self, resource: str) -> t.Optional[bytes]:
        return files.tls_lines(self._tls()) if resource == TLS else read_file(resource)

    def put(self, resource: str, content: t.Optional[bytes]) -> None:
        if resource != TLS:
            super().put(resource, content)
            return
        tls = files.tls_settings(files.ldif_settings((content or b"").decode()))
        processes = _processes()
        if processes and tls.certificate:
            self._change(processes[0], tls)
            return
        # slapd does not give its certificate up while it runs (result 53)
        try:
            if processes:
                self.stop()
            self._change_files(tls)
        finally:
            if processes:
                self._restart()

    def activate(self, how: str, sockets: frozenset) -> None:
        processes = _processes()
        text = _text(DEFAULTS)
        if (
            how == "reload"
            and processes
            and (processes[0].services or "") == files.value(text, SERVICES, _reader())
        ):
            tls = self._tls()
            if tls.certificate:  # setting it again is what makes it read the files again
                self._rehearse(tls, Failed)
                self._change(processes[0], tls)
        else:
            self._restart()

    def stop(self) -> None:
        status, said = self._service("stop")
        if status or self.running():
            raise Failed("OpenLDAP does not stop: %s" % said)

    # -- cn=config

    def _user(self) -> t.Tuple[str, str]:
        """(user, group) that slapd runs as, '' for whoever starts it."""
        try:
            text, reader = _text(DEFAULTS), _reader()
            return files.value(text, "SLAPD_USER", reader), files.value(text, "SLAPD_GROUP", reader)
        except files.Unknown:
            return "openldap", "openldap"

    def _as_user(self) -> list:
        """What to begin a command with that is to run as slapd does: as root it would leave files that slapd can't read."""
        user, group = self._user()
        return (
            ["setpriv", "--reuid=" + user, "--regid=" + (group or user), "--init-groups", "--"]
            if user
            else []
        )

    def _tls(self) -> Tls:
        return files.tls_settings(_live_config()[1])

    def _change(self, process: Process, tls: Tls) -> None:
        """Have the running slapd use this certificate, or raise Failed with the one from before in use again."""
        before = self._tls()
        status, said = _run(
            ["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", _ldapi(process)], files.tls_change(tls)
        )
        if not status:
            return
        if before.certificate and before != tls:
            # 2.5 does without TLS from a refused change on, until it gets good values
            _run(
                ["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", _ldapi(process)],
                files.tls_change(before),
            )
        raise Failed(
            "OpenLDAP refused the certificate %s with the key %s: %s%s"
            % (tls.certificate, tls.key, said, _apparmor())
        )

    def _change_files(self, tls: Tls) -> None:
        folder = _live_config()[0]
        status, said = _run(
            [*self._as_user(), "slapmodify", "-n", "0", "-F", folder], files.tls_change(tls)
        )
        if status:
            raise Failed(
                "OpenLDAP's configuration could not be changed: slapmodify said: %s" % said
            )

    def _rehearse(self, tls: Tls, error: type = Refused) -> None:
        """Try a certificate on a slapd that has nothing else, in a place of its own: no checker of OpenLDAP's looks at certificates."""
        folder, settings, replicated = _live_config()
        conf, private = folder + "/rehearsal.conf", folder + "/rehearsal"
        user, group = self._user()
        status, said = rehearse_in_copy(
            folder,
            {conf: files.rehearsal_conf(settings, tls, private + "/pid")},
            [
                "sh",
                "-c",
                _REHEARSAL,
                "sh",
                private,
                PROGRAM,
                "-d",
                "0",
                "-f",
                conf,
                "-h",
                "ldapi://" + (private + "/ldapi").replace("/", "%2F"),
                *(["-u", user] if user else []),
                *(["-g", group] if group else []),
            ],
        )
        # where the place can't be made (no right to mount), the change itself has to tell
        if status == _REHEARSAL_REFUSED:
            raise error(
                "OpenLDAP can't use the certificate %s with the key %s: a slapd that was tried with them, as the user %s, ended at once%s%s"
                % (tls.certificate, tls.key, user or "root", _apparmor(), _missing(tls))
            )

    def _may_change(self, process: Process) -> None:
        """Raise Refused unless root may change cn=config through the local socket."""
        uri = _ldapi(process)
        remedy = "Debian's default is olcAccess {0}to * by dn.exact=gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth manage, on olcDatabase={0}config"
        status, said, problem = run(["ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", uri])
        if status:
            raise Refused(
                "OpenLDAP does not answer root on %s (%s): it is needed to change the certificate. %s"
                % (uri, problem.strip(), remedy)
            )
        who = said.strip().partition(":")[2]
        status, said, problem = run(
            [
                *self._as_user(),
                "slapacl",
                "-u",
                "-F",
                _live_config()[0],
                "-D",
                who,
                "-b",
                "cn=config",
                "olcTLSCertificateFile/write",
            ]
        )
        if not status and "DENIED" in said + problem:
            raise Refused(
                "OpenLDAP does not let %s, which is root on %s, change cn=config: give it the right. %s"
                % (who, uri, remedy)
            )

    # -- the service

    def _service(self, verb: str) -> t.Tuple[int, str]:
        if not has_systemd():
            return _run([INIT_SCRIPT, verb])
        run(["systemctl", "reset-failed", UNIT])  # systemd counts starts, and would soon refuse one
        return _run(["systemctl", verb, UNIT])

    def _restart(self) -> None:
        tls = self._tls()
        if tls.certificate and self.running():
            self._rehearse(tls, Failed)  # with one that it can't use it would not come back
        status, said = self._service("restart")
        deadline = time.monotonic() + LATE_DEATH_SECONDS
        while (
            not status and self.running() and time.monotonic() < deadline
        ):  # some errors return 0, and then it stops
            time.sleep(0.05)
        if status:
            raise Failed("OpenLDAP does not start: %s" % said)
        if not self.running():
            raise Failed("OpenLDAP does not start: it ended again at once, and its log may say why")


# -- looking at the host


def _text(path: str) -> str:
    try:
        return (read_file(path) or b"").decode("utf-8", "surrogateescape")
    except OSError as error:
        raise Refused("%s can't be read: %s%s" % (path, error.strerror, as_whom(error))) from None
    except (NotAFile, TooLarge):
        raise Refused("%s can't be read: it is no file, or far too large" % path) from None


def _processes() -> list:
    """The slapds of this host, not of its containers (namespaces(7)). What has just ended is none."""
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(folder + "/comm", encoding="utf-8", errors="replace") as file:
                # by both: the init script is called slapd too, and slapcat, slaptest, … are the same program
                if file.read().strip() != "slapd" or not os.path.basename(
                    os.readlink(folder + "/exe")
                ).startswith("slapd"):
                    continue
            if os.readlink(folder + "/ns/net") != os.readlink("/proc/self/ns/net"):
                continue
            with open(folder + "/cmdline", "rb") as file:
                argv = file.read().decode(errors="replace").split("\0")[:-1]
            with open(folder + "/cgroup", encoding="utf-8", errors="replace") as file:
                of_service = (
                    "/%s\n" % UNIT in file.read() if has_systemd() else not folder == "/proc/1"
                )
        except OSError:
            continue
        if argv:  # a zombie has none
            found.append(Process(int(folder[len("/proc/") :]), tuple(argv), of_service))
    return sorted(found)


def _process_problems(processes: t.Sequence[Process]) -> t.Iterator[str]:
    if len(processes) > 1:
        yield (
            "several slapds run on this host (processes %s): mail_listeners can't tell which of them is meant. "
            "Stop the others, or leave slapd out of servers"
            % ", ".join(str(process.pid) for process in processes)
        )
    for process in processes[:1]:
        if not process.of_service:
            yield (
                "the slapd that runs (process %d: %s) is not the service's: a restart of that would not replace it. "
                "Stop it, start the service %s, and try again"
                % (process.pid, " ".join(process.argv), UNIT)
            )


def _start_problems(text: str, reader: str) -> t.Iterator[str]:
    """What makes Debian's init script start nothing, and return 0. The unit of Debian 13 knows neither."""
    if reader == "shell":
        try:
            sentinel = files.value(text, "SLAPD_SENTINEL_FILE", reader)
            if files.value(text, "SLAPD_NO_START", reader):
                yield (
                    "SLAPD_NO_START in %s keeps slapd from starting: take it out, or leave slapd out of servers"
                    % DEFAULTS
                )
            if sentinel and os.path.exists(sentinel):
                yield (
                    "%s keeps slapd from starting: remove it, or leave slapd out of servers"
                    % sentinel
                )
        except files.Unknown:
            pass  # said already


def _reader() -> str:
    """Who reads /etc/default/slapd: systemd or shell. Raises Unknown."""
    paths = [path for path in (folder + UNIT for folder in UNIT_FOLDERS) if os.path.lexists(path)][
        :1
    ]
    for folder in reversed(UNIT_FOLDERS):
        paths += sorted(glob.glob("%s%s.d/*.conf" % (folder, UNIT)))
    reads = files.reads_defaults([_unit_text(path) for path in paths])
    if reads is None or (os.path.exists(INIT_SCRIPT) and not has_systemd()):
        if not all(word in _text(INIT_SCRIPT) for word in (DEFAULTS, SERVICES)):
            raise files.Unknown(
                "%s does not take its URLs from SLAPD_SERVICES of %s" % (INIT_SCRIPT, DEFAULTS)
            )
        return "shell"
    if not reads:
        raise files.Unknown(
            "%s does not take its URLs from SLAPD_SERVICES of %s (systemctl cat %s)"
            % (UNIT, DEFAULTS, UNIT)
        )
    return "systemd"


def _unit_text(path: str) -> str:
    return "" if os.path.realpath(path) == "/dev/null" else _text(path)


def _config(text: str, reader: str) -> t.Tuple[str, t.Mapping, bool]:
    """(its path, the global settings, is cn=config replicated?) of slapd's configuration, a folder or slapd.conf.

    Read where slapd keeps it, whether it runs or not: no program has to be started, and no secret passes through.
    """
    try:
        path = files.value(text, "SLAPD_CONF", reader)
    except files.Unknown:
        path = ""
    path = (path or next(filter(os.path.exists, CONFIGS), CONFIGS[-1])).rstrip("/")
    if not os.path.isdir(path):
        return path, files.conf_settings(_text(path)), False
    database = files.ldif_settings(_text(path + "/cn=config/olcDatabase={0}config.ldif"))
    return path, files.ldif_settings(_text(path + "/cn=config.ldif")), "syncrepl" in database


def _live_config() -> t.Tuple[str, t.Mapping, bool]:
    return _config(_text(DEFAULTS), _reader())


def _families(options: t.Sequence[str]) -> tuple:
    """The wildcards that slapd binds where a URL has no host."""
    families = WILDCARDS if os.path.exists("/proc/net/if_inet6") else WILDCARDS[:1]
    return tuple(
        wildcard for wildcard, other in zip(families, ("-6", "-4")) if other not in options
    )


def _localhost(families: t.Container[str]) -> tuple:
    """What slapd binds for localhost: of the families that it is to have, what can be bound."""
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError:
        return ("127.0.0.1",)
    addresses = dict.fromkeys(entry[4][0] for entry in found)
    return tuple(
        address
        for address in addresses
        if wildcard_of(address) in families and bind_error(address) is None
    )


def _ldapi(process: Process) -> str:
    """The URL of the running slapd's local socket, as a client needs it: without what follows the host."""
    for word in (process.services or "").split():
        if word.lower().startswith("ldapi://"):
            return "ldapi://%s/" % word[len("ldapi://") :].partition("/")[0].partition("?")[0]
    raise Failed(
        "the running OpenLDAP has no ldapi:/// to change its certificate by: add it to SLAPD_SERVICES in %s, and restart slapd"
        % DEFAULTS
    )


def _run(argv: t.Sequence[str], input: t.Optional[bytes] = None) -> t.Tuple[int, str]:  # pylint: disable=redefined-builtin
    """(exit status, all that it said) of a program that changes something. Raises Failed where it can't be run."""
    try:
        status, output, problem = run(argv, input)
    except Refused as error:
        raise Failed(str(error)) from None
    return status, " ".join((output + "\n" + problem).split())


def _missing(tls: Tls) -> str:
    """A declared file was seen before; one that is given back may be long gone."""
    missing = ", ".join(path for path in dict.fromkeys(tls) if path and not os.path.exists(path))
    way_out = "put it back; or, where state: absent is to give it back, set other files in cn=config yourself first, which it then leaves as they are"
    return "; missing: %s: %s" % (missing, way_out) if missing else ""


def _apparmor() -> str:
    return (
        " (%s may keep slapd from reading them: aa-status)" % APPARMOR
        if os.path.exists(APPARMOR)
        else ""
    )
