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

from ansible_collections.mailops.bindings.plugins.module_utils._listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers import slapd_files as files
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import (
    UNITS, Configured, Failed, Found, Options, Plan, Server, Unmapped, boot_file, has_systemd, read_file, rehearse_in_copy, run)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd_files import DEFAULTS, SERVICES, Tls

#: The two values of cn=config that are ours, as one resource: it stands in results as the name of what changed.
TLS = "cn=config"

UNIT = "slapd.service"
PROGRAM = "/usr/sbin/slapd"
INIT_SCRIPT = "/etc/init.d/slapd"
APPARMOR = "/etc/apparmor.d/usr.sbin.slapd"
UNIT_FOLDERS = (UNITS, "/run/systemd/system/", "/usr/local/lib/systemd/system/", "/lib/systemd/system/", "/usr/lib/systemd/system/")
CONFIGS = ("/etc/ldap/slapd.d", "/etc/openldap/slapd.d", "/etc/ldap/slapd.conf")
LATE_DEATH_SECONDS = 0.5

_LAYOUT = ("OpenLDAP here: a layout that we do not know: %s. mail_listeners works where /etc/default/slapd says SLAPD_SERVICES and the service reads it from there, "
           "as Debian's package sets it up: go back to that, or leave slapd out of servers")

#: Runs a slapd ($2 …) until it has written its pid file into the folder $1, which it does last. Status 7: it ended before.
_REHEARSAL = 'd=$1; shift; mkdir -m 0777 "$d"; "$@" & n=0; while [ ! -s "$d/pid" ] && [ $n -lt 100 ] && kill -0 $!; do sleep 0.05; n=$((n+1)); done; ' \
             's=7; [ ! -s "$d/pid" ] || s=0; kill -9 $!; wait; exit $s'
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


class Host(t.NamedTuple):
    """What read() has found, for refusals() and render()."""

    text: str = ""  # /etc/default/slapd
    reader: str = "shell"
    how: tuple = ()  # to read URLs by: the wildcards, localhost's addresses
    before: files.Original = files.Original("", Tls())
    urls: tuple = ()  # of Url: today's
    tls: Tls = Tls()
    settings: t.Mapping = {}  # of cn=config, or of slapd.conf
    replicated: bool = False  # is cn=config?
    boot: t.Optional[bytes] = None
    units: bool = False  # does the host have systemd's?
    problems: tuple = ()  # why nothing can be changed here


class Slapd(Server):
    """See Server. Resources: /etc/default/slapd, the drop-in of its unit, and C(TLS)."""

    name = "slapd"
    title = "OpenLDAP"
    protocols = ("ldap",)
    programs = ("slapd",)

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
            services, options = _value(text, SERVICES, reader), _value(text, "SLAPD_OPTIONS", reader)
            if {"-h", "-f", "-F"} & set(shlex.split(options)):
                raise files.Unknown("SLAPD_OPTIONS in %s has %s" % (DEFAULTS, options))
        except (files.Unknown, ValueError) as error:
            problems.insert(0, _LAYOUT % error)
            services, options = (processes[0].services or "" if processes else None), ""
            where = "the command line of the running slapd"
        how = (_families(shlex.split(options)), _localhost())
        urls = tuple(files.urls(services, *how)) if services is not None else ()
        conf, settings, replicated = _config(text, reader)
        if where == DEFAULTS and not os.path.isdir(conf):
            problems.append(
                "OpenLDAP is configured by %s, where nothing can be changed while it runs: convert it (slaptest -f %s -F /etc/ldap/slapd.d, as the user %s, "
                "into an empty folder), empty SLAPD_CONF in %s, and restart slapd" % (conf, conf, self.reads_keys_as, DEFAULTS))
        problems.extend(_start_problems(text, reader))
        tls = files.tls_settings(settings)
        host = Host(text, reader, how, files.original(text, tls), urls, tls, settings, replicated,
                    read_file(boot_file(UNIT, "")[0]), os.path.isdir(UNITS), tuple(problems))
        listeners, sockets = _found(urls, tls, where)
        return Configured(listeners, _unmapped(urls, settings, where), sockets, host.before.config_path, host)

    def refusals(self, configured: Configured, wanted: t.Sequence[Listener], options: Options) -> list:
        host = configured.details
        return list(host.problems) or [message for refuse in REFUSALS for message in refuse(host, wanted, options)]

    def render(self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options) -> Plan:
        host = configured.details
        if host.problems:
            raise Refused("\n".join(host.problems))
        texts, tls = _goal(host, wanted, options)
        before = [url.text for url in _urls(host, host.before.text)]
        ours = texts != before
        text = files.written(host.before.text, host.reader, " ".join(texts) if ours else None, host.before.tls, tls, options.config_path)
        boot, content = boot_file(UNIT, options.config_path)
        if not (ours and host.units and any(_is_specific(listener.address) for listener in wanted or ())):
            content = None
        urls = _urls(host, text)
        restart = [url.text for url in urls] != [url.text for url in host.urls] or tls != host.tls and not tls.certificate
        # the certificate first: refused, it leaves the rest as it was. But slapd is stopped for it to go, and then starts with the new URLs
        after = [(boot, content), (TLS, files.tls_lines(tls)), (DEFAULTS, _bytes(text))]
        now = {boot: host.boot, TLS: files.tls_lines(host.tls), DEFAULTS: _bytes(host.text)}
        step = {resource: value for resource, value in sorted(after, key=lambda pair: pair[1] is None) if value != now[resource]}
        # the way back: the URLs first, so that whatever starts slapd starts it with good ones
        back = {resource: now[resource] for resource in (boot, DEFAULTS, TLS) if resource in step}
        listeners, sockets = _found(urls, tls, DEFAULTS)
        diffs = {boot: (_shown(host.boot), _shown(content)), TLS: (_shown(now[TLS]), _shown(files.tls_lines(tls))),
                 DEFAULTS: (files.shown(host.text, host.reader), files.shown(text, host.reader))}
        return Plan((step,) if step else (), (back,) if step else (), "restart" if restart else "none", listeners, sockets,
                    {resource: diffs[resource] for resource in step})

    def rehearse(self, state: t.Mapping) -> None:
        if not state.get(TLS):
            return
        tls = files.tls_settings(files.ldif_settings(state[TLS].decode()))
        self._rehearse(tls)
        processes = _processes()
        if processes:
            self._may_change(processes[0])

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
        if how == "reload" and processes and (processes[0].services or "") == _value(text, SERVICES, _reader()):
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
            return _value(text, "SLAPD_USER", reader), _value(text, "SLAPD_GROUP", reader)
        except files.Unknown:
            return "openldap", "openldap"

    def _as_user(self) -> list:
        """What to begin a command with that is to run as slapd does: as root it would leave files that slapd can't read."""
        user, group = self._user()
        return ["setpriv", "--reuid=" + user, "--regid=" + (group or user), "--init-groups", "--"] if user else []

    def _tls(self) -> Tls:
        return files.tls_settings(_config(_text(DEFAULTS), _reader())[1])

    def _change(self, process: Process, tls: Tls) -> None:
        """Have the running slapd use this certificate, or raise Failed with the one from before in use again."""
        before = self._tls()
        status, said = _run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", _ldapi(process)], files.tls_change(tls))
        if not status:
            return
        if before.certificate and before != tls:
            # 2.5 does without TLS from a refused change on, until it gets good values
            _run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", _ldapi(process)], files.tls_change(before))
        raise Failed("OpenLDAP refused the certificate %s with the key %s: %s%s" % (tls.certificate, tls.key, said, _apparmor()))

    def _change_files(self, tls: Tls) -> None:
        folder = _config(_text(DEFAULTS), _reader())[0]
        status, said = _run([*self._as_user(), "slapmodify", "-n", "0", "-F", folder], files.tls_change(tls))
        if status:
            raise Failed("OpenLDAP's configuration could not be changed: slapmodify said: %s" % said)

    def _rehearse(self, tls: Tls, error: type = Refused) -> None:
        """Try a certificate on a slapd that has nothing else, in a place of its own: no checker of OpenLDAP's looks at certificates."""
        folder, settings, replicated = _config(_text(DEFAULTS), _reader())
        conf, private = folder + "/rehearsal.conf", folder + "/rehearsal"
        user, group = self._user()
        status, said = rehearse_in_copy(folder, {conf: files.rehearsal_conf(settings, tls, private + "/pid")}, [
            "sh", "-c", _REHEARSAL, "sh", private, PROGRAM, "-d", "0", "-f", conf, "-h", "ldapi://" + (private + "/ldapi").replace("/", "%2F"),
            *(["-u", user] if user else []), *(["-g", group] if group else [])])
        # where the place can't be made (no right to mount), the change itself has to tell
        if status == _REHEARSAL_REFUSED:
            raise error("OpenLDAP can't use the certificate %s with the key %s: a slapd that was tried with them, as the user %s, ended at once%s"
                        % (tls.certificate, tls.key, user or "root", _apparmor()))

    def _may_change(self, process: Process) -> None:
        """Raise Refused unless root may change cn=config through the local socket."""
        uri = _ldapi(process)
        remedy = "Debian's default is olcAccess {0}to * by dn.exact=gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth manage, on olcDatabase={0}config"
        status, said, problem = run(["ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", uri])
        if status:
            raise Refused("OpenLDAP does not answer root on %s (%s): it is needed to change the certificate. %s" % (uri, problem.strip(), remedy))
        who = said.strip().partition(":")[2]
        status, said, problem = run([*self._as_user(), "slapacl", "-u", "-F", _config(_text(DEFAULTS), _reader())[0], "-D", who, "-b", "cn=config",
                                     "olcTLSCertificateFile/write"])
        if not status and "DENIED" in said + problem:
            raise Refused("OpenLDAP does not let %s, which is root on %s, change cn=config: give it the right. %s" % (who, uri, remedy))

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
        while not status and self.running() and time.monotonic() < deadline:  # some errors return 0, and then it stops
            time.sleep(0.05)
        if status or not self.running():
            raise Failed("OpenLDAP does not start: %s" % said)


# -- refusals: functions of (host, wanted, options) that yield whole messages

def one_certificate(host, wanted, options):
    """cn=config has one certificate."""
    pairs = sorted({(listener.certificate_path, listener.key_path) for listener in wanted if listener.encryption != "none"})
    if len(pairs) > 1:
        yield "OpenLDAP has one certificate for all its listeners, and %s are declared: put all names in one certificate, and use it on every ldap port" % (
            ", ".join("%s (%s)" % (pair[0], ", ".join(found.name for found in wanted if (found.certificate_path, found.key_path) == pair)) for pair in pairs))


def urls_have_addresses(host, wanted, options):
    """What a name means may change with every start."""
    for url in _urls(host, host.before.text):
        if url.unknown:
            yield "SLAPD_SERVICES in %s has %s, and %s: write the address that slapd is to listen on, or take the URL out" % (DEFAULTS, url.text, url.unknown)


def sockets_do_not_meet(host, wanted, options):
    """slapd does not start if two of its URLs meet, a wildcard and an address of its family for instance (no SO_REUSEPORT)."""
    seen: dict = {}
    for url in (files.url(text, *host.how) for text in _goal(host, wanted, options)[0]):
        for address, port in url.sockets:
            seen.setdefault((address, port), []).append(url.text)
    for (address, port), texts in sorted(seen.items()):
        beside = seen.get((files.wildcard_of(address), port), []) if address not in files.WILDCARDS else []
        if len(texts) > 1 or beside:
            yield ("OpenLDAP can't have %s at the same time: it does not start with two URLs on one socket, nor with a wildcard beside an address on one port. "
                   "Declare either the wildcard or the addresses" % " and ".join(sorted({*beside, *texts})))


def families_are_served(host, wanted, options):
    """slapd -4 and -6, or a host without IPv6."""
    for listener in wanted:
        if files.wildcard_of(listener.address) not in host.how[0]:
            yield "%s: OpenLDAP has no IPv%d here: see SLAPD_OPTIONS in %s and the host's own settings" % (
                listener.name, 6 if ":" in listener.address else 4, DEFAULTS)


def server_ids_match(host, wanted, options):
    """With URLs in olcServerID, slapd does not start unless it listens on one of them."""
    known = {value.split()[1].lower() for value in host.settings.get("serverid", ()) if len(value.split()) > 1}
    texts = _goal(host, wanted, options)[0]
    if known and texts != [url.text for url in host.urls] and not known & {text.lower() for text in texts}:
        yield ("olcServerID in cn=config names URLs (%s), and OpenLDAP does not start unless it listens on one of them, written the same way; it would listen on %s: "
               "change olcServerID first, to one of these, or to the number alone" % (", ".join(sorted(known)), " ".join(texts)))


def certificate_is_ours_to_set(host, wanted, options):
    """What would come in the way of a change of the certificate."""
    tls = _goal(host, wanted, options)[1]
    if tls == host.tls:
        return
    if host.replicated:
        yield ("cn=config is replicated (olcSyncrepl on olcDatabase={0}config): a certificate that is set here would be set on other servers too. "
               "Set olcTLSCertificateFile %s and olcTLSCertificateKeyFile %s yourself, on the provider" % tls)
    if "tlscertificate;binary" in host.settings or "tlscertificatekey;binary" in host.settings:
        yield "cn=config has a certificate in itself (olcTLSCertificate;binary), beside which no file can be used: delete it and its key from cn=config first"
    if not any(url.scheme == "ldapi" for url in host.urls):
        yield ("OpenLDAP has no ldapi:/// to change its certificate by: add it to SLAPD_SERVICES in %s, and restart slapd" % DEFAULTS)


REFUSALS = (one_certificate, urls_have_addresses, sockets_do_not_meet, families_are_served, server_ids_match, certificate_is_ours_to_set)


# -- pure helpers

def _goal(host: Host, wanted: t.Optional[t.Sequence[Listener]], options: Options) -> t.Tuple[list, Tls]:
    """(texts of the URLs, certificate) to have."""
    before = _urls(host, host.before.text)
    if wanted is None:
        return [url.text for url in before], host.before.tls
    pairs = sorted({Tls(listener.certificate_path, listener.key_path) for listener in wanted if listener.encryption != "none"})
    return files.merged(before, wanted, options.keep_loopback), pairs[0] if pairs else host.before.tls


def _urls(host: Host, text: str) -> list:
    return files.urls(_value(text, SERVICES, host.reader), *host.how)


def _value(text: str, name: str, reader: str) -> str:
    found = files.setting(text, name, reader)
    return found.value if found else ""


def _found(urls, tls, where):
    """(tuple of Found, frozenset of all sockets) of these URLs."""
    listeners = tuple(
        Found(Listener(address, port, "ldap", "ssl" if url.scheme == "ldaps" else "tls" if tls.certificate else "none",
                       tls.certificate, tls.key if tls.key != tls.certificate else ""), "%s: %s" % (where, url.text))
        for url in urls if not (url.unmapped or url.scheme == "ldaps" and not tls.certificate) for address, port in url.sockets)
    return listeners, frozenset(socket for url in urls for socket in url.sockets)


def _unmapped(urls, settings, where):
    """All that these URLs and TLS settings say that the model does not know."""
    tls = files.tls_settings(settings)
    found = [Unmapped("slapd", where, url.text, url.unmapped) for url in urls if url.unmapped]
    found += [Unmapped("slapd", where, url.text, "ldaps without a certificate in cn=config: nobody can connect")
              for url in urls if url.scheme == "ldaps" and not tls.certificate]
    for name, label in (("tlscertificate;binary", "olcTLSCertificate;binary"), ("tlsverifyclient", "olcTLSVerifyClient")):
        value = settings.get(name, ["never"])[0]
        if value.lower() not in ("never", "0"):
            found.append(Unmapped("slapd", TLS, label if "binary" in label else "%s: %s" % (label, value),
                                  "a certificate that is in no file" if "binary" in label else "clients are asked for a certificate; it stays so"))
    return tuple(found)


def _is_specific(address: str) -> bool:
    return address not in files.WILDCARDS and not files.is_loopback(address)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _shown(content: t.Optional[bytes]) -> str:
    return (content or b"").decode(errors="replace")


# -- looking at the host

def _text(path: str) -> str:
    return (read_file(path) or b"").decode("utf-8", "surrogateescape")


def _processes() -> list:
    """The slapds of this host, not of its containers (namespaces(7)). What has just ended is none."""
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(folder + "/comm", encoding="utf-8", errors="replace") as file:
                # by both: the init script is called slapd too, and slapcat, slaptest, … are the same program
                if file.read().strip() != "slapd" or not os.path.basename(os.readlink(folder + "/exe")).startswith("slapd"):
                    continue
            if os.readlink(folder + "/ns/net") != os.readlink("/proc/self/ns/net"):
                continue
            with open(folder + "/cmdline", "rb") as file:
                argv = file.read().decode(errors="replace").split("\0")[:-1]
            with open(folder + "/cgroup", encoding="utf-8", errors="replace") as file:
                of_service = "/%s\n" % UNIT in file.read() if has_systemd() else not folder == "/proc/1"
        except OSError:
            continue
        if argv:  # a zombie has none
            found.append(Process(int(folder[len("/proc/"):]), tuple(argv), of_service))
    return sorted(found)


def _process_problems(processes: t.Sequence[Process]) -> t.Iterator[str]:
    if len(processes) > 1:
        yield ("several slapds run on this host (processes %s): mail_listeners can't tell which of them is meant. Stop the others, or leave slapd out of servers"
               % ", ".join(str(process.pid) for process in processes))
    for process in processes[:1]:
        if not process.of_service:
            yield ("the slapd that runs (process %d: %s) is not the service's: a restart of that would not replace it. Stop it, start the service %s, and try again"
                   % (process.pid, " ".join(process.argv), UNIT))


def _start_problems(text: str, reader: str) -> t.Iterator[str]:
    """What makes Debian's init script start nothing, and return 0. The unit of Debian 13 knows neither."""
    if reader == "shell":
        try:
            sentinel = _value(text, "SLAPD_SENTINEL_FILE", reader)
            if _value(text, "SLAPD_NO_START", reader):
                yield "SLAPD_NO_START in %s keeps slapd from starting: take it out, or leave slapd out of servers" % DEFAULTS
            if sentinel and os.path.exists(sentinel):
                yield "%s keeps slapd from starting: remove it, or leave slapd out of servers" % sentinel
        except files.Unknown:
            pass  # said already


def _reader() -> str:
    """Who reads /etc/default/slapd: systemd or shell. Raises Unknown."""
    paths = [path for path in (folder + UNIT for folder in UNIT_FOLDERS) if os.path.lexists(path)][:1]
    for folder in reversed(UNIT_FOLDERS):
        paths += sorted(glob.glob("%s%s.d/*.conf" % (folder, UNIT)))
    reads = files.reads_defaults([_unit_text(path) for path in paths])
    if reads is None or (os.path.exists(INIT_SCRIPT) and not has_systemd()):
        if not all(word in _text(INIT_SCRIPT) for word in (DEFAULTS, SERVICES)):
            raise files.Unknown("%s does not take its URLs from SLAPD_SERVICES of %s" % (INIT_SCRIPT, DEFAULTS))
        return "shell"
    if not reads:
        raise files.Unknown("%s does not take its URLs from SLAPD_SERVICES of %s (systemctl cat %s)" % (UNIT, DEFAULTS, UNIT))
    return "systemd"


def _unit_text(path: str) -> str:
    return "" if os.path.realpath(path) == "/dev/null" else _text(path)


def _config(text: str, reader: str) -> t.Tuple[str, t.Mapping, bool]:
    """(its path, the global settings, is cn=config replicated?) of slapd's configuration, a folder or slapd.conf.

    Read where slapd keeps it, whether it runs or not: no program has to be started, and no secret passes through.
    """
    try:
        path = _value(text, "SLAPD_CONF", reader)
    except files.Unknown:
        path = ""
    path = (path or next(filter(os.path.exists, CONFIGS), CONFIGS[-1])).rstrip("/")
    if not os.path.isdir(path):
        return path, files.conf_settings(_text(path)), False
    database = files.ldif_settings(_text(path + "/cn=config/olcDatabase={0}config.ldif"))
    return path, files.ldif_settings(_text(path + "/cn=config.ldif")), "syncrepl" in database


def _families(options: t.Sequence[str]) -> tuple:
    """The wildcards that slapd binds where a URL has no host."""
    families = files.WILDCARDS if os.path.exists("/proc/net/if_inet6") else files.WILDCARDS[:1]
    return tuple(wildcard for wildcard, other in zip(families, ("-6", "-4")) if other not in options)


def _localhost() -> tuple:
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError:
        return ("127.0.0.1",)
    return tuple(dict.fromkeys(entry[4][0] for entry in found))


def _ldapi(process: Process) -> str:
    """The URL of the running slapd's local socket, as a client needs it: without what follows the host."""
    for word in (process.services or "").split():
        if word.lower().startswith("ldapi://"):
            return "ldapi://%s/" % word[len("ldapi://"):].partition("/")[0].partition("?")[0]
    raise Failed("the running OpenLDAP has no ldapi:/// to change its certificate by: add it to SLAPD_SERVICES in %s, and restart slapd" % DEFAULTS)


def _run(argv: t.Sequence[str], input: t.Optional[bytes] = None) -> t.Tuple[int, str]:  # pylint: disable=redefined-builtin
    """(exit status, all that it said) of a program that changes something. Raises Failed where it can't be run."""
    try:
        status, output, problem = run(argv, input)
    except Refused as error:
        raise Failed(str(error)) from None
    return status, " ".join((output + "\n" + problem).split())


def _apparmor() -> str:
    return " (%s may keep slapd from reading them: aa-status)" % APPARMOR if os.path.exists(APPARMOR) else ""
