# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are nothing but files: real ones in a folder, and beside them what the server 'listens' on, which outlives the process that changes it.

A run of a transaction over them passes many points (each change of a file, each order to a server, each look); at any of them a test may do harm.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import types
import typing as t

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    read_document,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host import systemd
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import read_file
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._probe import client as _listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers import base, boot, registry
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    ConfiguredListener,
    Plan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.file import FileStore
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    journal,
    rollback,
    signals,
    transaction,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import wait as watch
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import How

NOW = datetime.datetime(2026, 11, 22, 10, 36, 13, tzinfo=datetime.timezone.utc)
KILLED = 137

#: Calls that change the disk: a run may end before each of them, and each may find it full.
CHANGES = ("rename", "link", "unlink", "mkdir", "rmdir", "fsync", "fchmod")


class Pretended(base.Server):
    """It listens as its file says, a line for a listener: 'ADDRESS PORT PROTOCOL'; other lines are somebody else's. Ours hide the others' with '#was '."""

    def __init__(self, world, name, protocols, two_steps=False):
        self.world, self.name, self.title = world, name, name.capitalize()
        self.protocols, self.programs, self.two_steps = protocols, (name,), two_steps
        self.path = str(world.folder / "etc" / (name + ".conf"))
        self.drop_in = "%s%s.d/ours.conf" % (boot.UNITS, name)
        self._state = world.folder / "run" / name
        self.told = []  # all orders

    def write(self, *lines):
        pathlib.Path(self.path).write_text(
            "".join(line + "\n" for line in ("# a file of somebody's", *lines)), encoding="utf-8"
        )

    def listens(self):
        """(address, port) of all, None if it does not run."""
        return (
            {tuple(key) for key, ignored in json.loads(self._state.read_text())}
            if self._state.exists()
            else None
        )

    def be(self, listeners):
        if listeners is None:
            self._state.unlink()
        else:
            self._state.write_text(
                json.dumps([[(one.address, one.port), one.protocol] for one in listeners])
            )

    # -- the interface

    def installed(self):
        return os.path.exists(self.path)

    def running(self):
        return self._state.exists()

    def holds(self, socket):
        return socket.program == self.name

    def read(self):
        text = (read_file(self.path) or b"").decode()
        listeners = _listeners(text)
        ours = [
            line[len("# ours, of ") :]
            for line in text.splitlines()
            if line.startswith("# ours, of ")
        ]
        return Configured(
            tuple(ConfiguredListener(listener, "") for listener in listeners),
            (),
            _sockets(listeners),
            ours[0] if ours else "",
            (text, read_file(self.drop_in)),
        )

    def refusals(self, configured, wanted, options):
        if wanted is None:
            return ["%s: it is in use" % self.path] if "# keep" in configured.details[0] else []
        return [
            "%s: port 13 is an unlucky number" % listener.name
            for listener in wanted
            if listener.port == 13
        ]

    def render(self, configured, wanted, options):
        text, drop_in = configured.details
        original = [
            line[len("#was ") :] if line.startswith("#was ") else line for line in _not_ours(text)
        ]
        after = original
        if wanted is not None:
            kept = [line for line in original if line.startswith("127.0.0.1 ")]
            after = [
                line if not _is_listener(line) or line in kept else "#was " + line
                for line in original
            ]
            after += [
                "# ours, of " + options.config_path,
                *("%s %d %s # ours" % listener[:3] for listener in wanted),
            ]
        after = "".join(line + "\n" for line in after)
        listeners = _listeners(after)
        plan = Plan(
            listeners=tuple(ConfiguredListener(listener, "") for listener in listeners),
            sockets=_sockets(listeners),
        )
        final = {
            self.path: (text.encode(), after.encode()),
            self.drop_in: (drop_in, None if wanted is None else b"wait for the network\n"),
        }
        final = {resource: pair for resource, pair in final.items() if pair[0] != pair[1]}
        if not final:
            return plan
        steps = [{resource: pair[1] for resource, pair in final.items()}]
        back = [{resource: pair[0] for resource, pair in final.items()}]
        if self.two_steps and text != after:
            between = text + "".join(
                line + "\n"
                for line in after.splitlines()
                if line.endswith("# ours") and line not in text
            )
            steps.insert(0, {self.path: between.encode()})
            back.insert(
                0,
                {
                    self.path: "".join(
                        line + "\n" for line in original if not _is_listener(line)
                    ).encode()
                },
            )
        return plan._replace(
            steps=tuple(steps),
            back=tuple(back),
            activation="none" if text == after else "reload",
            shown={resource: ("was", "is") for resource in final},
        )

    def rehearse(self, state):
        self.world.passes("rehearse " + self.name)

    def put(self, resource, content):
        self.world.passes("put " + resource)
        super().put(resource, content)
        self.world.passes("have put " + resource)

    def activate(self, how, sockets):
        self.world.passes("activate " + self.name)
        self.told.append(how)
        if how == "reload" and not self.running():
            raise base.Failed("%s does not run" % self.title)
        listeners = _listeners((read_file(self.path) or b"").decode())
        taken = {(socket.address, socket.port) for socket in self.world.others}
        self.be(None if taken & _sockets(listeners) and self.running() else listeners)
        if not self.running():
            raise base.Failed("%s has died: address already in use" % self.title)
        self.world.passes("have activated " + self.name)

    def stop(self):
        self.told.append("stop")
        self.be(None)


def _is_listener(line):
    return line[:1].isdigit()


def _not_ours(text):
    return [
        line
        for line in text.splitlines()
        if not line.endswith("# ours") and not line.startswith("# ours, of ")
    ]


def _listeners(text):
    return [
        Listener(line.split()[0], int(line.split()[1]), line.split()[2], "none")
        for line in text.splitlines()
        if _is_listener(line)
    ]


def _sockets(listeners):
    return frozenset((listener.address, listener.port) for listener in listeners)


class World:
    """A host with two or three such servers. Everything of it is below C(folder)."""

    def __init__(self, folder: pathlib.Path, patch):
        self.folder = folder
        for name in ("etc", "etc/units", "run", "lib"):
            (folder / name).mkdir()
        self.config = folder / "etc" / "mail-bindings" / "bindings.json"
        self.others: list = []  # sockets of other programs
        self.statuses: dict = {}  # (address, port) -> what a probe finds there
        self.probed: list = []
        self.passed: list = []  # the points of the latest run
        self.harm: t.Optional[t.Callable] = None  # (number of the point, its name)
        patch.setattr(boot, "UNITS", str(folder / "etc" / "units") + "/")
        patch.setattr(journal, "FOLDER", str(folder / "lib" / "bindings"))
        patch.setattr(journal, "PATH", str(folder / "lib" / "bindings" / "journal.json"))
        patch.setattr(transaction, "LOCKED_FOLDER", str(folder / "lib"))
        patch.setattr(transaction, "STABLE_SECONDS", 0.0)
        patch.setattr(rollback, "STABLE_SECONDS", 0.0)
        patch.setattr(rollback, "PATIENCE", 0.05)
        patch.setattr(rollback, "STEP_SECONDS", 0.0)
        patch.setattr(watch, "LOOK_SECONDS", 0.005)
        patch.setattr(registry, "all_servers", lambda: self.servers)
        for module in (systemd, transaction):
            patch.setattr(module, "has_systemd", lambda: False)
        for module in (watch, transaction):
            patch.setattr(module, "listening", self._listening)
        patch.setattr(watch, "established", lambda: [])
        patch.setattr(_listener, "probe", self._probe)
        for name in CHANGES:
            patch.setattr(os, name, self._passing(name, getattr(os, name)))
        self.servers = [
            Pretended(self, "post", ("smtp", "submission"), two_steps=True),
            Pretended(self, "dove", ("imap", "pop")),
            Pretended(self, "slap", ("ldap",)),
        ]
        self.post, self.dove, self.slap = self.servers
        self.post.write("127.0.0.1 2525 smtp", "127.0.0.3 25 smtp")
        self.dove.write("127.0.0.3 143 imap")
        self.slap.write("127.0.0.3 389 ldap")
        for server in self.servers:
            server.be(_listeners(pathlib.Path(server.path).read_text(encoding="utf-8")))
            os.chmod(server.path, 0o640)
            os.utime(server.path, (1e9, 1e9))

    def _listening(self, ports=None):
        self.passes("look")
        return [
            *self.others,
            *(
                Socket(address, port, (4711,), server.name)
                for server in self.servers
                for address, port in sorted(server.listens() or ())
            ),
        ]

    def _probe(self, wanted, *, timeout, min_days, now):
        self.passes("probe")
        self.probed.append([listener.name for listener in wanted])
        live = {key for server in self.servers for key in server.listens() or ()}
        return [
            {
                "address": one.address,
                "port": one.port,
                "name": one.name,
                "protocol": one.protocol,
                "encryption": one.encryption,
                "detail": "so it is",
                "status": self.statuses.get((one.address, one.port), "ok")
                if (one.address, one.port) in live
                else "refused",
                "greeting": "",
                "tls_version": "",
                "cipher": "",
                "certificate": {"fingerprint_sha256": "AB:CD"},
            }
            for one in wanted
        ]

    def _passing(self, name, real):
        def passing(*arguments, **options):
            target = next(
                (str(argument) for argument in arguments if isinstance(argument, str)), ""
            )
            if name == "fsync" or str(self.folder) in target:
                self.passes("%s %s" % (name, target))
            return (
                None if name == "fsync" else real(*arguments, **options)
            )  # the disk is not what is tested

        return passing

    def passes(self, point: str) -> None:
        self.passed.append(point)
        if self.harm:
            self.harm(len(self.passed) - 1, point)

    # -- running

    def run(
        self, wanted=(), check=False, document: t.Optional[str] = None, recovering=True, **options
    ):
        """What C(_tasks.listeners) does with them. C(document): what the config is to say."""
        self.passed = []
        self.probed = []
        for server in self.servers:
            server.told = []
        how = How(
            **{
                "config_path": str(self.config),
                "now": NOW,
                "check_mode": check,
                "timeout": 1.0,
                **options,
            }
        )
        warnings: list = []
        with signals.raised(), contextlib.nullcontext() if check else transaction.locked():
            if not check and recovering:
                warnings = transaction.recover()
            changing = transaction.Transaction([Listener(*one, "none") for one in wanted], how)
            changing.plan()
            result = changing.summary()
            if changing.changes and not check:
                result = self._carried_out(changing, document)
        return types.SimpleNamespace(
            warnings=warnings,
            changes=changing.changes,
            passed_over=[one.name for one in changing.passed_over()],
            sides={side.server.name: side for side in changing.sides},
            **{"sessions_cut": {}, "backup_file": "", **result},
        )

    def _carried_out(self, changing, document):
        if document is None:
            return changing.carry_out(None)
        store = FileStore(str(self.config), backup=True)
        stored, desired = store.load(), read_document(json.loads(document))
        made = "" if self.config.parent.is_dir() else str(self.config.parent)
        with store.lock():
            return changing.carry_out(
                transaction.ConfigFile(
                    str(self.config),
                    stored.revision and stored.revision.content,
                    model.canonical_text(desired).encode(),
                    lambda: store.save(stored, desired),
                    made,
                )
            )

    def run_in_child(self, *arguments, **options) -> int:
        """The same in a process of its own, whose end does us no harm. Its exit status; KILLED where it did not come to its end."""
        child = os.fork()
        if child == 0:
            status = 99
            try:
                self.run(*arguments, **options)
                status = 0
            except model.Refused:
                status = 1
            finally:
                os._exit(status)
        status = os.waitpid(child, 0)[1]
        return KILLED if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def state(self) -> dict:
        """All that is to be as it was: files with their owner, mode, time and inode, names in folders, and who listens where."""
        found: dict = {server.name: server.listens() for server in self.servers}
        for path in sorted((self.folder / "etc").rglob("*")):
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_uid, status.st_gid) + (
                (status.st_mtime_ns, status.st_ino, path.read_bytes()) if path.is_file() else ()
            )
        return found

    @property
    def journal(self):
        return pathlib.Path(journal.PATH)


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)
