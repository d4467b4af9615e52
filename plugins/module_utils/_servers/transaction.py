# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the servers of this host listen as declared: all of them or none, and proved by connecting.

It knows no server. In this order: what an earlier run left undone is put right; read; refuse what can't work; probe how things
are; rehearse; [check mode stops here]; write down what was; put and activate, server by server; look until the sockets are the
wanted ones and stay; probe again; the bindings config last. Whatever goes wrong after the first write, every byte goes back, the
old state is activated and proved, and only then the task fails.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import time
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils import _listener
from ansible_collections.mailops.bindings.plugins.module_utils._listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._model import Refused, address_order
from ansible_collections.mailops.bindings.plugins.module_utils._servers import journal, refusals
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Configured, Failed, Options, Plan, Server, has_systemd, run
from ansible_collections.mailops.bindings.plugins.module_utils._sockets import established, listening

LOCKED_FOLDER = "/var/lib"
LOCK_SECONDS = 120
STABLE_SECONDS = 2.0  # a server that can't bind dies within one
LOOK_SECONDS = 0.05
RESCUE_SECONDS = 3.0  # for the old sockets to be back by the gentle step, before the server is restarted
MIN_PATIENCE = 2.5  # the old listeners wait for the verdict on the new ones
SERVED = ("ok", "expiring", "expired", "wrong_certificate")  # it answers as it should, with some certificate


class How(t.NamedTuple):
    """The options of mail_listeners, beside what is declared."""

    config_path: str
    now: datetime.datetime
    present: bool = True
    servers: t.Optional[t.Sequence[str]] = None
    check_mode: bool = False
    probe: bool = True
    activate: bool = True
    start: bool = False
    keep_loopback: bool = True
    require_local_address: bool = True
    drain: float = 0
    timeout: float = 30
    min_days: int = 0


class RolledBack(Refused):
    """It was tried, and undone. C(facts): what the result says beside the message."""

    def __init__(self, message: str, facts: dict):
        super().__init__(message)
        self.facts = facts


class Interrupted(BaseException):
    """A signal ended the task: not an Exception, so that nothing on the way takes it for one of its own."""


class ConfigFile(t.NamedTuple):
    """The bindings config as a part of the transaction. C(save) writes it and returns the name of its backup or ''."""

    path: str
    before: t.Optional[bytes]
    after: bytes
    save: t.Callable[[], str]


class Side:
    """One server in a transaction: what it is to do, and how it was."""

    def __init__(self, server: Server, configured: Configured, wanted: t.Optional[list], how: How):
        self.server, self.configured, self.wanted = server, configured, wanted
        self.options = Options(config_path=how.config_path, keep_loopback=how.keep_loopback)
        self.plan = Plan()
        self.running = server.running()
        self.live: frozenset = frozenset()  # what it listens on now
        self.before: dict = {}  # (address, port) -> Listener: what answers today
        self.after: dict = {}  # and would afterwards
        self.seen: dict = {}  # (address, port) -> the probe of before
        self.stale: set = set()  # those that serve another certificate than the file has
        self.sessions_cut = 0

    @property
    def activation(self) -> str:
        """What has to be done to the running server, beside writing."""
        if not self.running:
            return "start" if self.after else "none"
        # what answers is not what the files say: somebody edited one, or renewed a certificate, and did not reload
        unlike_its_files = self.stale or self.before.keys() != self.after.keys()
        if self.plan.steps and (self.plan.activation != "none" or not unlike_its_files):
            return self.plan.activation
        return "reload" if unlike_its_files else "none"

    @property
    def must_be_servable(self) -> list:
        """Listeners whose certificate the server is going to read anew, but for those that are broken already."""
        if self.activation == "none" and not self.plan.steps:
            return []
        return [
            listener for key, listener in sorted(self.after.items(), key=lambda item: (address_order(item[0][0]), item[0][1]))
            if listener.encryption != "none" and listener.certificate_path
            and (self.before.get(key) is None or _says(self.before[key]) != _says(listener) or self.seen.get(key, {}).get("status", "ok") in SERVED)
        ]


def known_servers() -> list:
    """One of each kind."""
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import Dovecot
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import Postfix
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import Slapd

    return [Postfix(), Dovecot(), Slapd()]


class Transaction:
    """One task's way through the servers: C(plan), then C(carry_out) if there is something to do."""

    def __init__(self, wanted: t.Sequence[Listener], how: How):
        self.how, self.wanted = how, wanted
        self.sides: list = []
        self.changes: list = []
        self.sockets: list = []
        self.patience: float = how.timeout  # seconds that an answer may take afterwards, going by how long they take today

    # -- before anything is touched

    def plan(self) -> None:
        """Find out what is to be done. Raises Refused with all that is in the way."""
        how = self.how
        problems: list = []
        if how.check_mode and journal.pending():
            raise Refused(
                "an earlier run was interrupted, and what it left undone can't be foreseen in check mode: "
                "run once without --check, which puts that right first (%s)" % journal.PATH)
        self.sides = self._take_sides(problems)
        problems += refusals.not_root(self.sides)
        problems += refusals.other_config(self.sides, how.config_path)
        if problems:
            raise Refused("\n".join(problems))
        for side in self.sides:
            if side.wanted is not None:
                problems += side.server.refusals(side.configured, side.wanted, side.options)
        if how.activate:
            problems += refusals.not_running(self.sides, how.start)
            if how.require_local_address:
                problems += refusals.addresses_away(self.sides)
        if problems:
            raise Refused("\n".join(problems))
        for side in self.sides:
            side.plan = side.server.render(side.configured, side.wanted, side.options)
        self._look()
        if how.activate:
            problems += refusals.ports_of_others(self.sides, self.sockets)
        problems += refusals.certificates(self.sides, how.now)
        if problems:
            raise Refused("\n".join(problems))
        self.changes = [change for side in self.sides for change in self._changes(side)]
        for side in self.sides:
            if side.plan.steps:
                final = {resource: content for state in side.plan.steps for resource, content in state.items()}
                side.server.rehearse(final)

    def _take_sides(self, problems: list) -> list:
        how, sides = self.how, []
        for server in known_servers():
            if how.servers is not None and server.name not in how.servers:
                continue
            mine = [listener for listener in self.wanted if listener.protocol in server.protocols] if how.present else []
            if not server.installed():
                if mine or (how.servers is not None and how.present):
                    problems.append("%s is not installed on this host, and is what listens for %s: install it, or declare no such port here" % (
                        server.title, " and ".join(server.protocols)))
                continue
            try:
                configured = server.read()
            except Refused as refused:
                if mine or how.servers is not None:
                    problems.append(str(refused))
                continue
            if mine or configured.config_path or (how.servers is not None and how.present):
                sides.append(Side(server, configured, mine if how.present else None, how))
        return sides

    def _look(self) -> None:
        """How things are: sockets, and what answers on them."""
        how = self.how
        self.sockets = listening()
        for side in self.sides:
            side.after = {_key(found.listener): found.listener for found in side.plan.listeners or side.configured.listeners}
            side.after.update({_key(listener): listener for listener in side.wanted or ()})
            configured = {_key(found.listener): found.listener for found in side.configured.listeners}
            if not how.activate:
                side.live, side.before = side.configured.sockets, configured
                continue
            side.live = _live(side.server, self.sockets)
            side.before = {key: listener for key, listener in configured.items() if key in side.live}
            for key in side.live - side.configured.sockets:
                side.before[key] = side.after.get(key) or Listener(*key, "", "")
        if how.probe and how.activate:
            asked = [(side, key, listener) for side in self.sides for key, listener in side.before.items() if listener.protocol]
            # as it is declared, where that is how it is: with the host name to ask for
            asked = [(side, key, side.after[key] if _says(side.after.get(key)) == _says(listener) else listener) for side, key, listener in asked]
            began = time.monotonic()
            for (side, key, listener), seen in zip(asked, self._probe([listener for side, key, listener in asked])):
                side.seen[key] = seen
                if seen["status"] == "wrong_certificate" and _says(side.after.get(key)) == _says(listener):
                    side.stale.add(key)
            if asked:
                self.patience = max(MIN_PATIENCE, 10 * (time.monotonic() - began))

    def _probe(self, listeners: list) -> list:
        timeout = min(self.how.timeout, self.patience)
        return _listener.probe(listeners, timeout=timeout, min_days=self.how.min_days, now=self.how.now)

    def _changes(self, side: Side) -> list:
        found = []
        first = side.plan.back[-1] if side.plan.back else {}
        last = {resource: content for state in side.plan.steps for resource, content in state.items()}
        for resource in sorted(last):
            before, after = side.plan.shown.get(resource, ("", ""))
            found.append({
                "action": "add" if first[resource] is None else "remove" if last[resource] is None else "change",
                "kind": "file",
                "name": resource,
                "before": {} if first[resource] is None else {"lines": before.splitlines()},
                "after": {} if last[resource] is None else {"lines": after.splitlines()},
            })
        for key in sorted(set(side.before) | set(side.after), key=lambda key: (address_order(key[0]), key[1])):
            before, after = _says(side.before.get(key)), _says(side.after.get(key))
            if key in side.stale:
                before, after = dict(before), dict(after)
                before["fingerprint_sha256"] = side.seen[key]["certificate"].get("fingerprint_sha256", "")
                after["fingerprint_sha256"] = "as in " + side.after[key].certificate_path
            if before != after:
                found.append({
                    "action": "add" if not before else "remove" if not after else "change",
                    "kind": "listener",
                    "name": (side.before.get(key) or side.after[key]).name,
                    "before": before,
                    "after": after,
                })
        return found

    def summary(self) -> dict:
        """The transaction's part of a result, before anything was done: as it would be."""
        listeners = []
        for side in self.sides:
            for key, listener in side.after.items():
                unchanged = key in side.seen and _says(side.before.get(key)) == _says(listener) and key not in side.stale
                listeners.append(side.seen[key] if unchanged else _expected(listener))
        return {
            "listeners": sorted(listeners, key=lambda listener: (address_order(listener["address"]), listener["port"])),
            "activation": {side.server.name: side.activation if self.how.activate else "none" for side in self.sides},
        }

    # -- doing it

    def carry_out(self, config: t.Optional[ConfigFile]) -> dict:
        """Do what is planned, prove it, save the config; or put everything back. The result's part. Raises RolledBack, Refused."""
        entries = [
            journal.Entry(side.server.name, side.plan.steps, side.plan.back, side.live, side.activation)
            for side in self.sides if side.plan.steps or side.activation != "none"
        ]
        if config:
            entries.append(journal.Entry("", ({config.path: config.after},), ({config.path: config.before},)))
        began = time.time()
        with _signals_raised():
            try:
                journal.begin(entries, self.how.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
            except OSError as error:
                raise Refused("%s can't be written: %s. Nothing was changed" % (error.filename or journal.FOLDER, error.strerror)) from None
            backup = ""
            try:
                for side in self.sides:
                    self._do(side)
                self._settle()
                seen = self._prove()
                if config:
                    backup = config.save()
            except BaseException as reason:  # pylint: disable=broad-except  # whatever it is, first everything goes back
                _ignore_signals()
                raise self._undone(entries, reason, began, backup) from None
            journal.end(entries)
        result = self.summary()
        if seen is not None:
            result["listeners"] = seen
        result["sessions_cut"] = {side.server.name: side.sessions_cut for side in self.sides if side.sessions_cut}
        if backup:
            result["backup_file"] = backup
        return result

    def _do(self, side: Side) -> None:
        server, how = side.server, self.how
        leaving = (side.live - side.plan.sockets) if side.plan.steps else frozenset()
        for index, state in enumerate(side.plan.steps):
            if index and index == len(side.plan.steps) - 1 and how.activate:
                _drain(leaving, how.drain)
            for resource, content in state.items():
                if server.get(resource) != _before(side, index, resource):
                    raise Failed("%s was changed by somebody else since it was read: run again" % resource)
                server.put(resource, content)
            if not how.activate:
                continue
            last = index == len(side.plan.steps) - 1
            if last:
                side.sessions_cut = _sessions(leaving)
            if side.activation != "none":
                sockets = side.plan.sockets if last else side.plan.sockets | side.live
                server.activate(side.activation if server.running() else "start", sockets)
        if not side.plan.steps and how.activate and side.activation != "none":
            server.activate(side.activation, side.plan.sockets or side.configured.sockets)

    def _settle(self) -> None:
        """Wait until every server that was touched listens on what it should, and has done so for a while."""
        sides = [side for side in self.sides if side.activation != "none"]
        if not self.how.activate or not sides:
            return
        deadline = time.monotonic() + max(self.how.timeout, STABLE_SECONDS)
        since = None
        while True:
            wrong = self._wrong_sockets(sides)
            if wrong:
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since >= STABLE_SECONDS:
                return
            dead = [side for side in sides if wrong and not side.server.running()]
            if dead or time.monotonic() >= deadline:
                raise Failed("\n".join([*("%s has died" % side.server.title for side in dead), *wrong]))
            time.sleep(LOOK_SECONDS)

    def _wrong_sockets(self, sides: list) -> list:
        sockets = listening()
        wrong = []
        for side in sides:
            live = _live(side.server, sockets)
            wanted = side.plan.sockets if side.plan.steps else side.configured.sockets
            missing = wanted - live
            if side.plan.steps:
                # what was configured and never came up was no doing of ours, and is not to hold up other changes
                missing -= side.configured.sockets - side.live
            wrong += ["%s does not listen on %s" % (side.server.title, _shown(key)) for key in sorted(missing)]
            wrong += ["%s still listens on %s" % (side.server.title, _shown(key)) for key in sorted((live - wanted) & side.before.keys())]
        return wrong

    def _prove(self) -> t.Optional[list]:
        """Connect to everything. What is new, changed or worse than before, and not well, fails."""
        if not self.how.probe or not self.how.activate:
            return None
        asked = [(side, key, listener) for side in self.sides for key, listener in side.after.items()]
        asked.sort(key=lambda item: (address_order(item[1][0]), item[1][1]))
        seen = self._probe([listener for side, key, listener in asked])
        wrong = []
        for (side, key, listener), now in zip(asked, seen):
            unchanged = _says(side.before.get(key)) == _says(listener) and key not in side.stale
            broken_before = unchanged and side.seen.get(key, {}).get("status", "ok") not in SERVED
            never_came = side.plan.steps and key in side.configured.sockets and key not in side.live
            well = SERVED if unchanged else SERVED[:3]
            if now["status"] not in well and not broken_before and not never_came:
                wrong.append("%s (%s, %s): %s%s" % (
                    listener.name, listener.protocol, listener.encryption, now["status"], ": " + now["detail"] if now["detail"] else ""))
        if wrong:
            raise Failed("\n".join(wrong))
        return seen

    # -- undoing it

    def _undone(self, entries: list, reason: BaseException, began: float, backup: str) -> Refused:
        """Put everything back, and say how that went."""
        why = _in_words(reason)
        said = [line for side in self.sides for line in _said(side.server, began)]
        servers = {side.server.name: side.server for side in self.sides}
        try:
            running = {side.server.name for side in self.sides if side.running} if self.how.activate else set()
            left = go_back(entries, servers, running)
        except Exception as error:  # pylint: disable=broad-except  # the journal stays, and the next run goes on from it
            left = ["%s: %s" % (type(error).__name__, error)]
        if backup:
            with contextlib.suppress(OSError):
                os.unlink(backup)
        facts = {"rolled_back": not left, "activation": {side.server.name: side.activation for side in self.sides}}
        lines = [why, *("  " + line for line in said)]
        if left:
            lines += ["Not all could be put back:", *("  " + line for line in left),
                      "The journal %s stays: the next run goes on putting back, or remove it to keep what is there" % journal.PATH]
            return RolledBack("\n".join(lines), facts)
        journal.end(entries)
        worse = self._worse_than_before() if self.how.probe and self.how.activate else []
        if worse:
            lines += ["Every file is as it was, but these do not answer as before:", *("  " + line for line in worse)]
        elif self.how.activate and self.how.probe and self.sides:
            lines.append("Rolled back: every file is as it was, and what listened before answers again, which was proved by connecting to it.")
        else:
            lines.append("Rolled back: every file is as it was.")
        return RolledBack("\n".join(lines), facts)

    def _worse_than_before(self) -> list:
        asked = [(side, key, listener) for side in self.sides for key, listener in side.before.items()
                 if side.seen.get(key, {}).get("status") in SERVED]
        return ["%s: %s %s" % (listener.name, now["status"], now["detail"])
                for (side, key, listener), now in zip(asked, self._probe([listener for side, key, listener in asked]))
                if now["status"] not in SERVED]


def recover() -> list:
    """Put right what an earlier run was killed over. Warnings that say so. Raises Refused where somebody has changed things since."""
    found = journal.pending()
    if found is None:
        return []
    servers = {server.name: server for server in known_servers()}
    with _signals_raised():
        _ignore_signals()
        left = go_back(found["entries"], servers, {entry.server for entry in found["entries"] if entry.sockets})
        if left:
            raise Refused(
                "the run of %s was interrupted, and what it left can't be put back:\n%s\nPut these right by hand, then remove %s"
                % (found["started"], "\n".join("  " + line for line in left), journal.PATH))
        journal.end(found["entries"])
    names = ", ".join(resource for entry in found["entries"] for resource in entry.resources()) or "no file"
    return ["the run of %s was interrupted; what it had done was put back first: %s" % (found["started"], names)]


def go_back(entries: t.Sequence[journal.Entry], servers: t.Mapping, were_running: t.Container) -> list:
    """Take every server back to how it was, the last one first. What could not be put back, as messages."""
    left = []
    for entry in reversed(entries):
        server = servers.get(entry.server) or Server()
        foreign = {resource: server.get(resource) for resource in entry.resources() if server.get(resource) not in entry.ours(resource)}
        left += [_foreign(entry, resource, now) for resource, now in foreign.items()]
        for index, state in enumerate(entry.back):
            last = index == len(entry.back) - 1
            for resource in [resource for resource in state if resource not in foreign]:
                try:
                    journal.put_back(server, resource, state[resource], last)
                except (OSError, Failed) as error:
                    if last:  # a step on the way back that can't be taken is left out
                        left.append("%s: %s" % (resource, getattr(error, "strerror", None) or error))
            if entry.server in were_running and not last:
                with contextlib.suppress(Failed, Refused):
                    server.activate("reload", entry.sockets)
        if entry.server in were_running and (entry.steps or entry.activation != "none"):
            left += _answering_again(server, entry)
    return left


def _answering_again(server: Server, entry: journal.Entry) -> list:
    """Make the old state the running one: by the gentle step, and if that does not do, by a restart."""
    gentle = entry.activation if entry.activation in ("reload", "restart") else "reload"
    for how in (gentle, "restart"):
        try:
            server.activate(how if server.running() else "start", entry.sockets)
        except (Failed, Refused) as error:
            problem = str(error)
            continue
        deadline = time.monotonic() + RESCUE_SECONDS
        while time.monotonic() < deadline:
            missing = entry.sockets - _live(server, listening())
            if not missing and server.running():
                return []
            time.sleep(LOOK_SECONDS)
        problem = "%s does not listen again on %s" % (server.title, ", ".join(map(_shown, sorted(missing))) or "anything")
    return [problem]


def _foreign(entry: journal.Entry, resource: str, now: t.Optional[bytes]) -> str:
    """Somebody has changed what we wrote: it is theirs now. What was, what we wrote, what is there."""
    import difflib

    def lines(content):
        return (content or b"").decode(errors="replace").splitlines()

    ours = next(state[resource] for state in reversed(entry.steps) if resource in state)
    shown = [
        *difflib.unified_diff(lines(entry.before(resource)), lines(ours), "as it was", "as we wrote it", lineterm="", n=0),
        *difflib.unified_diff(lines(ours), lines(now), "as we wrote it", "as it is", lineterm="", n=0),
    ]
    return "%s was changed by somebody since we wrote it, and is left as it is:\n%s" % (resource, "\n".join("    " + line for line in shown[:60]))


@contextlib.contextmanager
def locked():
    """One transaction at a time on this host. The lock is on a folder that is always there, so that a run that changes nothing touches no file."""
    import fcntl

    from ansible_collections.mailops.bindings.plugins.module_utils._replacing import holder_of

    handle = os.open(LOCKED_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Refused("another run of mail_listeners has been going on for the last %d seconds: probably %s. "
                                  "Wait for it, or end it if it hangs; nothing was changed" % (LOCK_SECONDS, holder_of(handle))) from None
                time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(handle)


# -- small things

def _before(side: Side, index: int, resource: str) -> t.Optional[bytes]:
    """What the resource should be before this step is taken."""
    for state in reversed(side.plan.steps[:index]):
        if resource in state:
            return state[resource]
    return side.plan.back[-1][resource]


def _key(listener: Listener) -> tuple:
    return listener.address, listener.port


def _shown(key: tuple) -> str:
    return Listener(*key, "", "").name


def _says(listener: t.Optional[Listener]) -> dict:
    """What of a listener counts: the same before and after, and nothing has changed for its clients."""
    if listener is None:
        return {}
    return {
        "protocol": listener.protocol,
        "encryption": listener.encryption,
        "certificate_path": listener.certificate_path if listener.encryption != "none" else "",
        "private_key_path": listener.key_path if listener.encryption != "none" else "",
    }


def _expected(listener: Listener) -> dict:
    return {
        "address": listener.address, "port": listener.port, "name": listener.name, "protocol": listener.protocol, "encryption": listener.encryption,
        "status": "ok", "detail": "as it would be: not probed", "greeting": "", "tls_version": "", "cipher": "", "certificate": {},
    }


def _live(server: Server, sockets: list) -> frozenset:
    return frozenset((socket.address, socket.port) for socket in sockets if server.holds(socket))


def _sessions(keys: frozenset) -> int:
    """Established connections to these sockets (proc(5), /proc/net/tcp: state 01)."""
    if not keys:
        return 0
    wildcard_ports = {port for address, port in keys if address in ("0.0.0.0", "::")}
    return sum((address, port) in keys or port in wildcard_ports for address, port in established())


def _drain(leaving: frozenset, seconds: float) -> None:
    """Let sessions on sockets that are going to go end by themselves."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _sessions(leaving):
        time.sleep(0.2)


def _in_words(reason: BaseException) -> str:
    if isinstance(reason, OSError):
        return "%s can't be written: %s" % (reason.filename or "a file", reason.strerror)
    if isinstance(reason, (Failed, Refused, Interrupted)):
        return str(reason)
    trace = reason.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return "a fault of mailops.bindings, please report it: %s%s" % (
        type(reason).__name__, " in %s, line %d" % (trace.tb_frame.f_code.co_filename.rsplit("/", 1)[-1], trace.tb_lineno) if trace else "")


def _said(server: Server, since: float) -> list:
    """What the server complained of since then, as far as the system's journal has it; its last ten lines."""
    if not has_systemd():
        return []
    with contextlib.suppress(Refused):
        match = ["_COMM=" + program for program in server.programs]
        status, output, ignored = run(["journalctl", "-q", "-o", "cat", "--since", "@%d" % since, "-n", "200", *match], timeout=10)
        words = ("fatal", "error", "panic", "warning", "failed", "invalid", "cannot", "can't")
        return ["%s: %s" % (server.title, line) for line in output.splitlines() if any(word in line.lower() for word in words)][-10:]
    return []


@contextlib.contextmanager
def _signals_raised():
    """SIGTERM, SIGINT and SIGHUP (a lost SSH connection) raise Interrupted, so that they too are a way out that rolls back."""
    def interrupted(number, frame):
        raise Interrupted("the task was ended by %s" % signal.Signals(number).name)

    kinds = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {kind: signal.signal(kind, interrupted) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _ignore_signals() -> None:
    for kind in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(kind, signal.SIG_IGN)
