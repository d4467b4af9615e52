# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of OpenLDAP: its certificate in cn=config, live or in its files, and its service.

The certificate is one for all listeners; it is changed while slapd runs, and, once set, it can
only be removed while slapd does not run.
"""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.sandbox import validate_in_copy
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import (
    activate_unit,
    has_systemd,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import host, render
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.host import (
    SlapdProcess,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    SERVICES,
    UNIT,
    Tls,
    tls_settings,
    value_of,
)

PROGRAM = "/usr/sbin/slapd"
APPARMOR = "/etc/apparmor.d/usr.sbin.slapd"
#: slapd 2.5 may report a start that it does not survive.
LATE_DEATH_SECONDS = 0.2

#: Runs a slapd ($2 …) until it has written its pid file into the folder $1, which it does last.
#: Status 7: it ended before.
_VALIDATION = (
    'd=$1; shift; mkdir -m 0777 "$d"; "$@" & n=0; '
    'while [ ! -s "$d/pid" ] && [ $n -lt 100 ] && kill -0 $!; do sleep 0.05; n=$((n+1)); done; '
    's=7; [ ! -s "$d/pid" ] || s=0; kill -9 $!; wait; exit $s'
)
_UNUSABLE = 7

_GRANT = (
    "Debian's default is olcAccess {0}to * by "
    "dn.exact=gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth manage, "
    "on olcDatabase={0}config"
)


def _current_tls() -> Tls:
    return tls_settings(host.current_config().settings)


# -- the certificate as a resource


def get_resource() -> t.Optional[bytes]:
    """The certificate in cn=config, as C(render.tls_lines) has it. Raises UnknownLayout."""
    return render.tls_lines(_current_tls())


def put_resource(content: t.Optional[bytes]) -> None:
    """Have OpenLDAP use this certificate; None stops it for a moment. Raises Failed."""
    tls = render.tls_of(content)
    running = host.processes()
    if running and tls.certificate:
        _change(running[0], tls)
        return
    # slapd does not give up its certificate while it runs (result 53)
    try:
        if running:
            stop()
        _change_files(tls)
    finally:
        if running:
            restart()


def validate_resource(content: t.Optional[bytes]) -> None:
    """Can OpenLDAP use this certificate, and may root set it? Raises Refused."""
    _validate(render.tls_of(content), Refused)
    for process in host.processes():
        try:
            _check_access(_ldapi(process))
        except Failed as reason:  # the exception for what fails after a change
            raise Refused(str(reason)) from None


# -- before a change


def live_problem() -> str:
    """Why slaptest(8) refuses the configuration; '' if it does not."""
    path = host.current_config().path
    kind = "-F" if os.path.isdir(path) else "-f"
    status, dummy, errors = run([*_as_user(), "slaptest", "-Q", "-u", kind, path])
    return " / ".join(errors.strip().splitlines()[-2:]) if status else ""


def _validate(tls: Tls, error: type[Exception]) -> None:
    """Try a certificate on a slapd that has nothing else, in a sandbox. Raises C(error).

    No checker of OpenLDAP looks at certificates.
    """
    config = host.current_config()
    conf, private = config.path + "/rehearsal.conf", config.path + "/rehearsal"
    user, group = host.user()
    socket_url = "ldapi://" + (private + "/ldapi").replace("/", "%2F")
    argv = [PROGRAM, "-d", "0", "-f", conf, "-h", socket_url]
    argv += ["-u", user] if user else []
    argv += ["-g", group] if group else []
    status, dummy = validate_in_copy(
        config.path,
        {conf: render.validation_conf(config.settings, tls, private + "/pid")},
        ["sh", "-c", _VALIDATION, "sh", private, *argv],
    )
    # any other status: no sandbox could be made (no right to mount), and the change itself tells
    if status == _UNUSABLE:
        raise error(
            "OpenLDAP can't use the certificate %s with the key %s: a slapd that was started with "
            "them as a test, as the user %s, ended at once%s%s"
            % (tls.certificate, tls.key, user or "root", _apparmor(), _missing(tls))
        )


def _check_access(uri: str) -> None:
    status, output, problem = run(["ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", uri])
    if status:
        raise Refused(
            "OpenLDAP does not answer root on %s (%s), by which its certificate is changed. %s"
            % (uri, problem.strip(), _GRANT)
        )
    identity = output.strip().partition(":")[2]
    folder = host.current_config().path
    command = ["slapacl", "-u", "-F", folder, "-D", identity, "-b", "cn=config"]
    status, output, problem = run(
        [*_as_user(), *command, "olcTLSCertificateFile/write"],
    )
    if not status and "DENIED" in output + problem:
        raise Refused(
            "OpenLDAP does not let %s, which is root on %s, change cn=config: grant it that right. "
            "%s" % (identity, uri, _GRANT)
        )


# -- a change


def reload() -> None:
    """Have it follow its files: it reads certificate and key again when they are set again."""
    running = host.processes()
    if not running or (running[0].services or "") != _written_services():
        restart()
        return
    tls = _current_tls()
    if tls.certificate:
        _validate(tls, Failed)
        _change(running[0], tls)


def _written_services() -> str:
    return value_of(host.text_of(DEFAULTS), SERVICES, host.reader_of_defaults())


def _change(process: SlapdProcess, tls: Tls) -> None:
    """Change the running slapd's certificate; if it refuses, use the one from before again."""
    before = _current_tls()
    command = ["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", _ldapi(process)]
    status, output = _run(command, render.tls_change(tls))
    if not status:
        return
    if before.certificate and before != tls:
        # after a refused change 2.5 does without TLS until it gets good values
        _run(command, render.tls_change(before))
    raise Failed(
        "OpenLDAP refused the certificate %s with the key %s: %s%s"
        % (tls.certificate, tls.key, output, _apparmor())
    )


def _change_files(tls: Tls) -> None:
    folder = host.current_config().path
    command = [*_as_user(), "slapmodify", "-n", "0", "-F", folder]
    status, output = _run(command, render.tls_change(tls))
    if status:
        raise Failed("OpenLDAP's configuration could not be changed: slapmodify said: %s" % output)


def _as_user() -> list[str]:
    """What begins a command that is to run as slapd: files that root makes it can't read."""
    user, group = host.user()
    if not user:
        return []
    return ["setpriv", "--reuid=" + user, "--regid=" + (group or user), "--init-groups", "--"]


def _ldapi(process: SlapdProcess) -> str:
    """The URL of its local socket as clients need it, without what follows the host."""
    for word in (process.services or "").split():
        if word.lower().startswith("ldapi://"):
            return "ldapi://%s/" % word[len("ldapi://") :].partition("/")[0].partition("?")[0]
    raise Failed(
        "The running OpenLDAP has no ldapi:/// URL, by which its certificate is changed: add it "
        "to SLAPD_SERVICES in %s, and restart slapd" % DEFAULTS
    )


# -- the service


def restart() -> None:
    """Start it, ended before if it runs. Raises Failed."""
    tls = _current_tls()
    if tls.certificate and host.processes():
        _validate(tls, Failed)  # with one that it can't use it would not come back
    status, output = _service("restart")
    if status:
        raise Failed("OpenLDAP does not start: %s" % output)
    deadline = time.monotonic() + LATE_DEATH_SECONDS
    while host.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    if not host.processes():
        raise Failed("OpenLDAP does not start: it ended again at once, and its log may say why")


def stop() -> None:
    """Stop it. Raises Failed."""
    status, output = _service("stop")
    if status or host.processes():
        raise Failed("OpenLDAP does not stop: %s" % output)


def _service(verb: str) -> tuple[int, str]:
    if not has_systemd():
        return _run([host.INIT_SCRIPT, verb])
    try:
        status, output, problem = activate_unit(verb, UNIT)
    except Refused as error:
        raise Failed(str(error)) from None
    return status, " ".join((output + "\n" + problem).split())


# -- running programs


def _run(argv: t.Sequence[str], content: t.Optional[bytes] = None) -> tuple[int, str]:
    """(exit status, all output) of a program that changes something. Raises Failed."""
    try:
        status, output, problem = run(argv, content)
    except Refused as error:
        raise Failed(str(error)) from None
    return status, " ".join((output + "\n" + problem).split())


def _missing(tls: Tls) -> str:
    """A declared file was seen before; one that is given back may be gone."""
    missing = ", ".join(path for path in dict.fromkeys(tls) if path and not os.path.exists(path))
    if not missing:
        return ""
    return (
        "; missing: %s: restore it; or, if state: absent is to give it back, first set other files "
        "in cn=config yourself, which are then kept" % missing
    )


def _apparmor() -> str:
    if not os.path.exists(APPARMOR):
        return ""
    return " (%s may keep slapd from reading them: aa-status)" % APPARMOR
