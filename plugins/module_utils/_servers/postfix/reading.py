# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads all that a plan for Postfix depends on: its files, by its own postconf, and the host."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import finished, run
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.local import loopback
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import UNITS, boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.master_cf import (
    MasterEntry,
    parse_lines,
    physical_lines,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.own_lines import (
    marked_lines,
    original_lines,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.parser import (
    PostfixDetails,
    interpret,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    READ_PARAMETERS,
    PostfixHost,
    chain_files,
    overridden_values,
    references,
    service_key,
    split_endpoint,
    unresolved_interfaces,
    unresolved_names,
    words,
)

#: The unit that runs Postfix: the second one, unless it only stands for the first (Debian to 12).
_BOOT_UNITS = ("postfix@-.service", "postfix.service")
_UNIT_FOLDERS = (
    "/etc/systemd/system/",
    "/run/systemd/system/",
    "/usr/lib/systemd/system/",
    "/lib/systemd/system/",
)
#: Unless main.cf's own folder is another one, which only postconf knows.
MASTER_CF = "/etc/postfix/master.cf"
_SASL_FOLDERS = ("/etc/postfix/sasl", "/etc/sasl2", "/usr/lib/sasl2")
_MAX_ROUNDS = 5  # of values that refer to values


def read_details(begun: t.Optional[subprocess.Popen[bytes]] = None) -> PostfixDetails:
    """Read the host. C(begun): postconf, if it was started with READ_PARAMETERS. Raises Refused."""
    main = _settings(READ_PARAMETERS, begun)
    if "config_directory" not in main:
        raise Refused(
            "postconf does not say where Postfix's files are (config_directory): "
            "check that Postfix is set up"
        )
    path = main["config_directory"] + "/master.cf"
    lines = physical_lines(_text(path))
    marked = marked_lines(lines)
    # what an edit has broken in our lines does not count: they are written anew, or removed
    ours = {number for number, line in enumerate(marked) if line.ours}
    current = original = parse_lines(lines, ours)
    if ours or any(line.displaced for line in marked):
        original = parse_lines(original_lines(marked))
    # Entries behind our marks count, too: they may come back.
    host = _host(main, {*current.entries, *original.entries})
    read = interpret(current, host)
    has_unit_folder = os.path.isdir(UNITS)
    return PostfixDetails(
        path,
        host,
        read,
        read if original is current else interpret(original, host),
        boot_files=_boot_files() if has_unit_folder else {},
        unit=unit_of_master() if has_unit_folder else "",
        can_authenticate=_can_authenticate(main),
        serves_other=serves_other,
    )


# -- main.cf and what its values refer to


def _settings(
    names: t.Sequence[str], begun: t.Optional[subprocess.Popen[bytes]] = None
) -> dict[str, str]:
    """Parameters of main.cf as they stand there.

    Only Postfix can evaluate conditional values: those are given with their result.
    """
    found = postconf(names, begun)
    conditional = [name for name, value in found.items() if "${" in value]
    return {**found, **(postconf(["-x", *conditional]) if conditional else {})}


def postconf(
    arguments: t.Sequence[str], begun: t.Optional[subprocess.Popen[bytes]] = None
) -> dict[str, str]:
    """The parameters that postconf prints, by name. C(begun): it, if it runs already.

    It fails where master.cf has a broken entry. Raises Refused if that is not one of ours.
    """
    status, output, errors = finished(begun) if begun else run(["postconf", *arguments])
    if status:
        status, output = _without_our_lines(["postconf", *arguments])
    if status:
        raise Refused("postconf can't read Postfix's settings: %s" % errors.strip())
    pairs = (line.partition("=") for line in output.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, dummy, value in pairs}


#: Runs a program ($2 …) that sees the standard input in place of the file $1, and no other does.
_INSTEAD = """
set -e
mount -t tmpfs -o mode=0700 tmpfs /run
cat >/run/instead
mount --bind /run/instead "$1"
shift
exec "$@"
"""


def _without_our_lines(argv: t.Sequence[str]) -> tuple[int, str]:
    """(exit status, output) of a program for which master.cf is without our lines."""
    text = _text(MASTER_CF)
    others = "".join(original_lines(marked_lines(physical_lines(text))))
    if others == text:
        return 1, ""
    aside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _INSTEAD, "sh"]
    content = others.encode("utf-8", "surrogateescape")
    status, output, dummy = run([*aside, MASTER_CF, *argv], input=content)
    return status, output


def _host(main: dict[str, str], entries: t.Collection[MasterEntry]) -> PostfixHost:
    """All that the meaning of these entries depends on."""
    _add_references(main, overridden_values(entries))
    host = PostfixHost(main=main, families=_families(), loopback=loopback())
    host_names, port_names = unresolved_names(entries)
    host_names.update(unresolved_interfaces(host))
    ports = {name: _port(name) for name in port_names}
    host = host._replace(
        ports={name: port for name, port in ports.items() if port},
        names={name: _addresses(name) for name in host_names},
    )
    return _with_keys(host, chain_files(entries, host))


def _add_references(main: dict[str, str], overrides: t.Sequence[str]) -> None:
    """Add the parameters that these values and main's own refer to, directly or not."""
    values: t.Iterable[str] = [*main.values(), *overrides]
    for dummy in range(_MAX_ROUNDS):
        missing = {name for value in values for name in references(value)}.difference(main)
        if not missing:
            return
        found = {**dict.fromkeys(missing, ""), **_settings(sorted(missing))}
        main.update(found)
        values = found.values()


def _with_keys(host: PostfixHost, files: t.Collection[str]) -> PostfixHost:
    if not files:
        return host
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import (
        kind_of_key,
    )

    kinds = {name: kind_of_key(name) for name in files}
    return host._replace(
        key_files=frozenset(name for name, kind in kinds.items() if kind),
        curves=frozenset(name for name, kind in kinds.items() if kind == "EC"),
    )


def serves_other(maps: str, name: str, path: str) -> bool:
    """Do these maps have a certificate for the name that is not the one in the file?

    Postfix looks for the name, then for its parent domains with a leading dot (postconf(5),
    tls_server_sni_maps). False where that can't be told.
    """
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.pem import own_der

    labels = name.split(".")
    parents = ["." + ".".join(labels[number:]) for number in range(1, len(labels))]
    for key in (name, *parents):
        status, pem, dummy = run(["postmap", "-F", "-q", key, *words(maps)])
        if not status and pem:
            with contextlib.suppress(OSError, NotAFile, TooLarge):
                return own_der(pem.encode()) != own_der(read_file(path) or b"")
            return False
    return False


def _can_authenticate(main: t.Mapping[str, str]) -> bool:
    """Does main.cf, or Cyrus SASL's configuration, say how logins are checked?"""
    if main.get("smtpd_sasl_type") != "cyrus":
        return True
    folders = [*main.get("cyrus_sasl_config_path", "").split(":"), *_SASL_FOLDERS]
    return any(os.path.exists(folder + "/smtpd.conf") for folder in folders if folder)


# -- the host


def _text(path: str) -> str:
    try:
        content = read_file(path)
    except (OSError, NotAFile, TooLarge) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused("%s can't be read: %s" % (path, reason)) from None
    if content is None:
        raise Refused("%s is missing: check that Postfix is set up on this host" % path)
    return content.decode("utf-8", "surrogateescape")


def _boot_files() -> dict[str, t.Optional[bytes]]:
    """path of our drop-in for each unit -> its content."""
    paths = [boot_file(unit, "")[0] for unit in _BOOT_UNITS]
    return {path: read_file(path) for path in paths}


def unit_of_master() -> str:
    """The systemd unit that runs master; '' where there is none."""
    instance, unit = _BOOT_UNITS
    for folder in _UNIT_FOLDERS:
        with contextlib.suppress(OSError, NotAFile):
            content = read_file(folder + unit)
            if content is not None:
                commands = [line.replace(b" ", b"") for line in content.splitlines()]
                is_empty = b"ExecStart=/bin/true" in commands
                return instance if is_empty or b"ExecStart=/usr/bin/true" in commands else unit
    return ""


def _families() -> tuple[str, ...]:
    """The families that the kernel has; Postfix does without the others."""
    found = []
    for name, family in (("ipv4", socket.AF_INET), ("ipv6", socket.AF_INET6)):
        with contextlib.suppress(OSError):
            socket.socket(family, socket.SOCK_DGRAM).close()
            found.append(name)
    return tuple(found)


def _port(name: str) -> t.Optional[int]:
    try:
        return socket.getservbyname(name, "tcp")
    except OSError:
        return None


def _addresses(name: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def key_of_running(name: str, host: PostfixHost) -> str:
    """The key of a service that runs, and may not be in the file any more."""
    port_name = split_endpoint(name)[1]
    port = _port(port_name)
    return service_key(name, host._replace(ports={port_name: port} if port else {}))
