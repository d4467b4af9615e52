# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix listens for SMTP and submission: by its master.cf, which C(master_cf) reads and writes. main.cf is read, and never written."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import kind_of_key
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    family as address_family,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    is_loopback,
    is_wildcard,
    meet,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.local import loopback
from ansible_collections.mailops.bindings.plugins.module_utils._host.sandbox import rehearse_in_copy
from ansible_collections.mailops.bindings.plugins.module_utils._host.systemd import has_systemd
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed, Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import UNITS, boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
    parser as master_cf,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
    render as master_cf_changes,
)

#: The unit that really runs Postfix: the second one, unless it only stands for the first (Debian up to 12).
_UNITS = ("postfix@-.service", "postfix.service")
_UNIT_FOLDERS = (
    "/etc/systemd/system/",
    "/run/systemd/system/",
    "/usr/lib/systemd/system/",
    "/lib/systemd/system/",
)
_PROC = "/proc"
_INIT_SCRIPT = "/etc/init.d/postfix"
_SASL_FOLDERS = ("/etc/postfix/sasl", "/etc/sasl2", "/usr/lib/sasl2")
_HOST_PARAMETERS = (
    "config_directory",
    "daemon_directory",
    "queue_directory",
    "multi_instance_enable",
    "multi_instance_directories",
    "smtpd_sasl_type",
    "cyrus_sasl_config_path",
)

#: master(8) acts on a reload, and dies of one, within this time.
_RELOAD_SECONDS = 3.0
_START_SECONDS = 10.0
#: postfix-script(1) waits no longer for one that ends.
_GONE_SECONDS = 5.0
_LOOK_SECONDS = 0.05


class Details(t.NamedTuple):
    """What C(render) needs of the host."""

    path: str  # of master.cf
    text: str
    host: master_cf.Host
    boot: t.Mapping = {}  # path of our drop-in for a unit -> its content now, or None
    unit: str = ""  # '' without systemd's folder
    queue: str = "/var/spool/postfix"
    can_authenticate: bool = True  # main.cf says how
    live: t.AbstractSet = frozenset()  # sockets that it has now


class Asked(t.NamedTuple):
    """What the rules look at."""

    details: Details
    found: tuple  # of master_cf.Service: in master.cf as others wrote it
    wanted: t.Sequence[Listener]
    wished: master_cf_changes.Wish
    changes: bool  # is anything to be written?

    @property
    def made(self) -> list:
        """What is written for a declared listener."""
        return [written for written in self.wished.written if written.listener]


# -- what Postfix can't do


def one_instance(asked: Asked) -> t.Iterator[str]:
    """Each instance has its own master.cf, and one must not take another's port."""
    main = asked.details.host.main
    if (
        main.get("multi_instance_enable", "").lower() == "yes"
        or main.get("multi_instance_directories", "").strip()
    ):
        yield (
            "main.cf: this host runs several instances of Postfix (multi_instance_directories), and which of them should listen can't be declared: "
            "set multi_instance_directories to nothing, or keep Postfix off the option servers"
        )


def families_are_used(asked: Asked) -> t.Iterator[str]:
    """An address of the other family passes every check, and kills master on reload."""
    used = master_cf.families(asked.details.host)
    for listener in asked.wanted:
        family = "ipv%d" % address_family(listener.address)
        if family not in used:
            yield (
                "%s: Postfix uses no %s on this host (inet_protocols in main.cf, or the kernel), and would die of it: "
                "set inet_protocols to all, and restart Postfix"
                % (listener.name, "IPv6" if family == "ipv6" else "IPv4")
            )


def services_are_on(asked: Asked) -> t.Iterator[str]:
    """What is switched off never listens, and nothing says so."""
    patterns = master_cf.expanded("master_service_disable", asked.details.host.main)
    for written in asked.made:
        if master_cf.disabled(written.name, patterns):
            yield "%s: master_service_disable = %s in main.cf switches it off: take that out" % (
                written.listener.name,
                patterns,
            )


def numbers_are_free(asked: Asked) -> t.Iterator[str]:
    """Postfix itself may have something else there, which no look at other programs' sockets shows."""
    for service in asked.wished.kept:
        for listener in asked.wanted:
            if service.protocol or not any(
                port == listener.port and meet(address, listener.address)
                for address, port in service.sockets
            ):
                continue
            yield (
                "%s: %s has Postfix's %s there, which speaks neither smtp nor submission: declare another port, or move that service"
                % (listener.name, service.entry.where, service.entry.fields[7])
            )


def postscreen_is_one(asked: Asked) -> t.Iterator[str]:
    """Two processes of postscreen can't share their cache: the second dies, and its port is silent."""
    made = [written for written in asked.made if written.template and written.template.screen]
    kept = [
        service
        for service in asked.wished.kept
        if service.screen and service.protocol and service.sockets
    ]
    if len(made) + len(kept) > 1:
        yield (
            "%s: postscreen is one entry of master.cf, with one address or all, and can't answer on %s with settings of their own: %s"
            % (
                (made[0].template if made else kept[0]).entry.where,
                " and ".join(written.listener.name for written in made),
                "declare its port on 0.0.0.0 and :: alike, or on one address, or put smtpd in its place",
            )
        )


def postscreen_is_plain(asked: Asked) -> t.Iterator[str]:
    """What postscreen serves is said in main.cf alone: its tlsproxy ignores what an entry says."""
    for written in asked.made:
        template = written.template
        if not template or not template.screen or template.says(written.listener):
            continue
        if written.listener.encryption == "ssl":
            yield (
                "%s: %s is postscreen, which does no TLS from the first byte: declare tls, or put smtpd in its place"
                % (written.listener.name, template.entry.where)
            )
        else:
            yield (
                "%s: %s is postscreen, whose encryption and certificate are main.cf's (now: %s): declare that, "
                "set smtpd_tls_cert_file and smtpd_tls_key_file there, or put smtpd in its place"
                % (
                    written.listener.name,
                    template.entry.where,
                    " with ".join(filter(None, (template.encryption, template.certificate))),
                )
            )


def names_choose_no_other_certificate(asked: Asked) -> t.Iterator[str]:
    """tls_server_sni_maps beats every entry's own certificate."""
    for written in asked.made:
        overrides = written.template.entry.overrides if written.template else {}
        maps = master_cf.expanded("tls_server_sni_maps", asked.details.host.main, overrides)
        if (
            asked.changes
            and written.listener.encryption != "none"
            and maps
            and not (written.template and written.template.screen)
        ):
            yield (
                "%s: tls_server_sni_maps = %s would serve other certificates than the declared one: take it out of main.cf%s"
                % (
                    written.listener.name,
                    maps,
                    ', or write "-o tls_server_sni_maps=" in %s' % written.template.entry.where
                    if written.template
                    else "",
                )
            )


def submission_can_ask(asked: Asked) -> t.Iterator[str]:
    """Where nothing says who may log in, smtpd ends itself at the first client: no SASL authentication mechanisms."""
    for written in asked.made:
        said_there = written.template and "smtpd_sasl_type" in written.template.entry.overrides
        if written.begins_logins and not said_there and not asked.details.can_authenticate:
            yield (
                "%s: nothing says how Postfix should check logins: set smtpd_sasl_type = dovecot and smtpd_sasl_path = private/auth in main.cf, "
                "with Dovecot's socket for it, or set up Cyrus SASL (smtpd.conf)"
                % written.listener.name
            )


def paths_can_be_written(asked: Asked) -> t.Iterator[str]:
    """master.cf has no way of quoting a brace."""
    for written in asked.made:
        for path in dict.fromkeys((written.listener.certificate_path, written.listener.key_path)):
            if re.search(r"[{}]|\s\Z", path):
                yield (
                    "%s: master.cf can't name the file %s: give it a name without braces, and without a blank at its end"
                    % (written.listener.name, path)
                )


def no_entry_kills(asked: Asked) -> t.Iterator[str]:
    """One bad entry, and master ends itself on reload: somebody else's too."""
    for service in asked.wished.kept:
        if service.deadly and asked.changes:
            yield (
                "%s: %s, and Postfix would die of it on reload: mend or remove that entry first"
                % (service.entry.where, service.dead)
            )


GIVING_BACK = (no_entry_kills,)  # what somebody may have written since
RULES = (
    one_instance,
    families_are_used,
    services_are_on,
    numbers_are_free,
    postscreen_is_one,
    postscreen_is_plain,
    names_choose_no_other_certificate,
    submission_can_ask,
    paths_can_be_written,
    *GIVING_BACK,
)


class Postfix(Server):
    """Postfix, by master.cf."""

    name = "postfix"
    title = "Postfix"
    protocols = ("smtp", "submission")
    programs = ("master", "smtpd", "postscreen", "qmqpd", "spawn")
    files = ("/etc/postfix/master.cf",)
    reads_keys_as = "root"  # before it gives its rights up, and before it goes into its chroot

    _daemons = "/usr/lib/postfix/sbin"

    def installed(self) -> bool:
        return (
            shutil.which(
                "postconf", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            )
            is not None
        )

    def running(self) -> bool:
        """master(8), -t: ends well when nobody holds the lock of a running master."""
        for folder in (self._daemons, "/usr/libexec/postfix"):
            if os.access(folder + "/master", os.X_OK):
                return run([folder + "/master", "-t"])[0] != 0
        return False

    # -- reading

    def read(self) -> Configured:
        details = self._details()
        found = master_cf.services(details.text, details.host)
        return Configured(
            listeners=master_cf.found_listeners(found),
            unmapped=master_cf.unmapped(self.name, found),
            sockets=master_cf.found_sockets(found),
            config_path=master_cf_changes.written_from(details.text),
            details=details,
        )

    def _details(self) -> Details:
        main = self._parameters(master_cf.PARAMETERS + _HOST_PARAMETERS)
        if "config_directory" not in main:
            raise Refused(
                "postconf does not say where Postfix's files are (config_directory): is Postfix set up?"
            )
        self._daemons = main.get("daemon_directory", self._daemons)
        path = main["config_directory"] + "/master.cf"
        text = _text(path)
        said = "%s\n%s" % (
            text,
            master_cf_changes.without_ours(text),
        )  # what stands behind our marks counts too: it may come back
        for ignored in range(5):  # values refer to values
            missing = {
                name
                for value in [*main.values(), *master_cf.values(said)]
                for name in master_cf.references(value)
            }.difference(main)
            if not missing:
                break
            main.update(dict.fromkeys(missing, ""), **self._parameters(sorted(missing)))
        host_names, port_names = master_cf.endpoint_names(said)
        host = master_cf.Host(main=main, families=_families(), loopback=loopback())
        host = host._replace(
            ports={
                name: number
                for name, number in ((name, _port(name)) for name in port_names)
                if number
            },
            names={
                name: _addresses(name) for name in host_names.union(master_cf.interface_names(host))
            },
        )
        kinds = {name: kind_of_key(name) for name in master_cf.chain_files(said, host)}
        host = host._replace(
            key_files=frozenset(name for name, kind in kinds.items() if kind),
            curves=frozenset(name for name, kind in kinds.items() if kind == "EC"),
        )
        systemd = os.path.isdir(UNITS)
        folders = main.get("cyrus_sasl_config_path", "").split(":")
        return Details(
            path,
            text,
            host,
            boot={name: read_file(name) for name in (boot_file(unit, "")[0] for unit in _UNITS)}
            if systemd
            else {},
            unit=_unit() if systemd else "",
            queue=main.get("queue_directory", "/var/spool/postfix"),
            can_authenticate=main.get("smtpd_sasl_type") != "cyrus"
            or any(
                os.path.exists(folder + "/smtpd.conf")
                for folder in (*folders, *_SASL_FOLDERS)
                if folder
            ),
            live=self._live(),
        )

    def _live(self) -> frozenset:
        from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import (
            listening,
        )

        return frozenset((live.address, live.port) for live in listening() if self.holds(live))

    @staticmethod
    def _parameters(names: t.Sequence[str]) -> dict:
        """main.cf's parameters, as they stand there; those with conditions, which only Postfix can judge, with their result."""
        found = _postconf(names)
        conditional = [name for name, value in found.items() if "${" in value]
        return {**found, **(_postconf(["-x", *conditional]) if conditional else {})}

    # -- planning

    def refusals(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> list:
        details = configured.details
        after = original = master_cf_changes.without_ours(details.text)
        found = tuple(master_cf.services(original, details.host))
        wished = master_cf_changes.Wish(found, (), ())
        if wanted is not None:
            wished = master_cf_changes.wish(found, wanted, details.host, options)
            after = master_cf_changes.with_wish(original, wished, details.host, options.config_path)
        asked = Asked(details, found, wanted or (), wished, after != details.text)
        return list(
            dict.fromkeys(
                message
                for rule in (GIVING_BACK if wanted is None else RULES)
                for message in rule(asked)
            )
        )

    def render(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> Plan:
        details = configured.details
        host, before = details.host, details.text
        after = original = master_cf_changes.without_ours(before)
        if wanted is not None:
            wished = master_cf_changes.wish(
                master_cf.services(original, host), wanted, host, options
            )
            after = master_cf_changes.with_wish(original, wished, host, options.config_path)
        found = master_cf.services(after, host)
        plan = Plan(
            listeners=master_cf.found_listeners(found), sockets=master_cf.found_sockets(found)
        )
        # where all is as somebody wrote it, that one minds how it boots: nothing is ours, and state: absent would find nothing to take out
        boot = _boot(details, (wanted or ()) if after != original else (), options)
        steps, back = master_cf_changes.way(before, after, host, details.live, options.config_path)
        steps = [{details.path: _bytes(text)} for text in steps]
        if boot:
            steps = [*steps[:-1], {**(steps[-1] if steps else {}), **boot}]
        if not steps:
            return plan
        there = {path: details.boot[path] for path in boot}
        shown = {
            path: tuple((content or b"").decode() for content in (details.boot[path], content))
            for path, content in boot.items()
        }
        if after != before:
            there[details.path] = _bytes(before)
            shown[details.path] = master_cf_changes.difference(before, after)
        return plan._replace(
            steps=tuple(steps),
            back=tuple({details.path: _bytes(text)} for text in back) + (there,),
            activation="reload" if after != before else "none",
            shown=shown,
        )

    # -- doing

    def rehearse(self, state: t.Mapping) -> None:
        """postconf reads the file as Postfix does, and touches nothing, where "postfix check" mends the queue's folders."""
        folder = _postconf(["config_directory"])["config_directory"]
        live = set(run(["postconf", "-M"])[2].splitlines())
        status, said = rehearse_in_copy(folder, state, ["postconf", "-M"])
        new = [line for line in said.splitlines() if line not in live]
        if status or new:
            raise Refused(
                "Postfix does not accept the new master.cf: %s"
                % ("; ".join(new[:3]) or "postconf -M ended with %d" % status)
            )

    def activate(self, how: str, sockets: frozenset) -> None:
        if how == "reload" and self.running() and self._reload():
            self._await(_RELOAD_SECONDS)
        else:
            self._restart()
            self._await(_START_SECONDS)
        if not self.running():
            raise Failed("Postfix's master is dead after %s" % how)

    def stop(self) -> None:
        unit = _unit() if has_systemd() else ""
        command = ["systemctl", "stop", unit] if unit else ["postfix", "stop"]
        status, ignored, said = run(command, timeout=120)
        if status:
            raise Failed("%s failed: %s" % (" ".join(command), said.strip()))

    def _reload(self) -> bool:
        """False: master is not there after all. Whoever else asks whether it is (systemd, at its death) holds its lock for a moment, as if it were."""
        status, ignored, said = run(["postfix", "reload"])
        deadline = time.monotonic() + _GONE_SECONDS
        while status and self.running():
            if time.monotonic() > deadline:
                raise Failed("postfix reload failed: %s" % said.strip())
            time.sleep(_LOOK_SECONDS)
        return not status

    def _restart(self) -> None:
        """Through what started it: systemd may believe it to be active with no master there, so that "start" would do nothing."""
        unit = _unit() if has_systemd() else ""
        if unit:
            run(
                ["systemctl", "reset-failed", unit]
            )  # or a few restarts in a row are too many for it
            commands = [["systemctl", "restart", unit]]
        elif os.access(_INIT_SCRIPT, os.X_OK):
            commands = [[_INIT_SCRIPT, "restart"]]
        else:
            commands = [["postfix", "stop"]] * self.running() + [["postfix", "start"]]
        for command in commands:
            status, ignored, said = run(command, timeout=120)
        if status:
            raise Failed("%s failed: %s" % (" ".join(command), said.strip()))

    def _await(self, seconds: float) -> None:
        """Until master listens as its files say, or has died, or time is up: who called looks again.

        Two reloads at once could be one to it, and then a service that was taken out and put back never was away.
        """
        with contextlib.suppress(Refused):
            details = self._details()
            services = master_cf.services(details.text, details.host)
            sockets = master_cf.found_sockets(services)
            keys = {service.key for service in services if service.sockets}
            deadline = time.monotonic() + seconds
            doomed: set = set()
            while time.monotonic() < deadline and self.running():
                last, doomed = doomed, set(_children_of_no_service(details, keys))
                if sockets == self._live() and not doomed:
                    return
                for pid in doomed & last:
                    # As master does itself, if it may: the unit of Debian 13 leaves it no CAP_KILL, and then it waits for the
                    # last of these sessions to end, at full speed, and does nothing else.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
                time.sleep(_LOOK_SECONDS)


def _children_of_no_service(details: Details, keys: t.Container[str]) -> t.Iterator[int]:
    """The pids of those that master has started for services on TCP that are not among these C(keys) any more (proc(5))."""
    try:
        with open(details.queue + "/pid/master.pid", encoding="ascii") as file:
            master = int(file.read())
    except (OSError, ValueError):
        return
    for pid in filter(str.isdecimal, os.listdir(_PROC)):
        try:
            with open("%s/%s/stat" % (_PROC, pid), encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if parent != master:
                continue
            with open("%s/%s/cmdline" % (_PROC, pid), encoding="utf-8", errors="replace") as file:
                arguments = file.read().split("\0")
        except OSError:  # it has ended
            continue
        named = dict(zip(arguments, arguments[1:]))  # master_ent(3): smtpd -n NAME -t inet -u …
        name = named.get("-n", arguments[0])
        if named.get("-t") == "inet":
            port_name = name.rpartition(":")[2]  # which may be nowhere in the file
            key = master_cf.service_key(
                name, details.host._replace(ports={port_name: _port(port_name)})
            )
            if key and key not in keys:
                yield int(pid)


def _boot(details: Details, wanted: t.Sequence[Listener], options: Options) -> dict:
    """The drop-ins that change: for the unit, where an address may be missing at boot; and none for another."""
    wishes = dict.fromkeys(details.boot)
    if details.unit and any(
        not is_wildcard(listener.address) and not is_loopback(listener.address)
        for listener in wanted
    ):
        path, content = boot_file(details.unit, options.config_path)
        wishes[path] = content
    return {path: content for path, content in wishes.items() if content != details.boot[path]}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(path: str) -> str:
    try:
        content = read_file(path)
    except (OSError, NotAFile, TooLarge) as error:
        raise Refused(
            "%s can't be read: %s" % (path, getattr(error, "strerror", None) or error)
        ) from None
    if content is None:
        raise Refused(
            "%s is missing: Postfix's layout on this host is not known, or it is not set up" % path
        )
    return content.decode("utf-8", "surrogateescape")


def _postconf(arguments: t.Sequence[str]) -> dict:
    status, output, said = run(["postconf", *arguments])
    if status:
        raise Refused("postconf can't read Postfix's settings: %s" % said.strip())
    return dict(
        (part.strip() for part in line.split("=", 1)) for line in output.splitlines() if "=" in line
    )


def _unit() -> str:
    """The systemd unit that runs master; '' where there is none."""
    for folder in _UNIT_FOLDERS:
        with contextlib.suppress(OSError, NotAFile):
            content = read_file(folder + _UNITS[1])
            if content is not None:
                return (
                    _UNITS[0]
                    if re.search(rb"^ExecStart=\s*(/usr)?/bin/true\s*$", content, re.MULTILINE)
                    else _UNITS[1]
                )
    return ""


def _families() -> tuple:
    """Postfix does without a family that the kernel has not."""
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


def _addresses(name: str) -> tuple:
    try:
        return tuple(
            dict.fromkeys(
                str(found[4][0])
                for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            )
        )
    except OSError:
        return ()
