# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of pretended servers, below one folder, and transactions on it.

A transaction passes many points (each change of a file, each order to a server, each look); at any
of them a test may do harm.
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
from _pytest.monkeypatch import MonkeyPatch  # pytest.MonkeyPatch only since 6.2

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    canonical_text,
    read_document,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host import systemd
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._probe import client
from ansible_collections.mailops.bindings.plugins.module_utils._servers import boot, registry
from ansible_collections.mailops.bindings.plugins.module_utils._stores.file import FileStore
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    execution,
    lock,
    rollback,
    signals,
    transaction,
    unfinished,
    wait,
)
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    TransactionOptions,
)
from support.pretended_server import PretendedServer

NOW = datetime.datetime(2026, 11, 22, 10, 36, 13, tzinfo=datetime.timezone.utc)
KILLED = 137

#: Calls that change the disk: a run may end before each of them, and each may find it full.
CHANGES = ("rename", "link", "unlink", "mkdir", "rmdir", "fsync", "fchmod")


class World:
    """A host with a few pretended servers. Everything of it is below C(folder)."""

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
        self._patch(patch)
        self.servers: list = [
            PretendedServer(self, "post", ("smtp", "submission"), two_steps=True),
            PretendedServer(self, "dove", ("imap", "pop")),
            PretendedServer(self, "slap", ("ldap",)),
        ]
        self.post, self.dove, self.slap = self.servers
        self.post.write("127.0.0.1 2525 smtp", "127.0.0.3 25 smtp")
        self.dove.write("127.0.0.3 143 imap")
        self.slap.write("127.0.0.3 389 ldap")
        for server in self.servers:
            server.set_listening(server.configured_sockets())
            os.chmod(server.path, 0o640)
            os.utime(server.path, (1e9, 1e9))

    def _patch(self, patch):
        """Nothing outside of the folder is touched, and nothing waits longer than it must."""
        patch.setattr(boot, "UNITS", str(self.folder / "etc" / "units") + "/")
        patch.setattr(lock, "JOURNAL_FOLDER", str(self.folder / "lib" / "bindings"))
        patch.setattr(lock, "LOCK", str(self.folder / "run" / "lock"))
        patch.setattr(execution, "STABLE_SECONDS", 0.0)
        patch.setattr(rollback, "STABLE_SECONDS", 0.0)
        patch.setattr(rollback, "PATIENCE", 0.05)
        patch.setattr(rollback, "RESTART_PATIENCE", 0.05)
        patch.setattr(rollback, "STEP_SECONDS", 0.0)
        patch.setattr(wait, "LOOK_SECONDS", 0.005)
        patch.setattr(lock, "LOOK_SECONDS", 0.005)
        patch.setattr(registry, "all_servers", lambda: self.servers)
        for module in (systemd, execution):
            patch.setattr(module, "has_systemd", lambda: False)
        for module in (wait, transaction, execution):
            patch.setattr(module, "listening", self._listening)
        patch.setattr(wait, "established", list)
        patch.setattr(client, "probe", self._probe)
        for name in CHANGES:
            patch.setattr(os, name, self._passing(name, getattr(os, name)))

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

    def _probe(self, listeners, *, timeout, min_days, now):
        self.passes("probe")
        self.probed.append([listener.name for listener in listeners])
        live = {key for server in self.servers for key in server.listens() or ()}
        return [self._result(listener, live) for listener in listeners]

    def _result(self, listener, live):
        key = listener.address, listener.port
        return {
            "address": listener.address,
            "port": listener.port,
            "name": listener.name,
            "protocol": listener.protocol,
            "encryption": listener.encryption,
            "detail": "so it is",
            "status": self.statuses.get(key, "ok") if key in live else "refused",
            "greeting": "",
            "tls_version": "",
            "cipher": "",
            "certificate": {"fingerprint_sha256": "AB:CD"},
        }

    def _passing(self, name, real):
        def passing(*arguments, **options):
            target = next(
                (str(argument) for argument in arguments if isinstance(argument, str)), ""
            )
            handle = options.get("dir_fd", options.get("src_dir_fd"))
            if handle is not None:
                target = os.path.join(os.readlink("/proc/self/fd/%d" % handle), target)
            # the lock is no change of the host
            if name == "fsync" or (str(self.folder) in target and target != lock.LOCK):
                self.passes("%s %s" % (name, target))
            # the disk is not what is tested
            return None if name == "fsync" else real(*arguments, **options)

        return passing

    def passes(self, point: str) -> None:
        self.passed.append(point)
        if self.harm:
            self.harm(len(self.passed) - 1, point)

    # -- running

    def run(
        self, desired=(), check=False, document: t.Optional[str] = None, recovering=True, **options
    ):
        """What C(_tasks.listeners) does with them. C(document): what the config is to say."""
        self.passed = []
        self.probed = []
        for server in self.servers:
            server.told = []
        given = {"config_path": str(self.config), "now": NOW, "timeout": 1.0, **options}
        task = TransactionOptions(check_mode=check, **given)
        warnings: list = []
        with signals.raised(), contextlib.nullcontext() if check else lock.locked():
            if not check and recovering:
                warnings = unfinished.recover()
            changing = transaction.Transaction(
                [Listener(*listener, "none") for listener in desired], task
            )
            changing.plan()
            result = changing.summary()
            if changing.changes and not check:
                result = self._carried_out(changing, document)
        return types.SimpleNamespace(
            warnings=warnings,
            changes=changing.changes,
            unhealthy=changing.unhealthy(result["listeners"]),
            passed_over=[listener.name for listener in changing.passed_over()],
            participants={
                participant.server.name: participant for participant in changing.participants
            },
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
                execution.ConfigFile(
                    str(self.config),
                    stored.revision and stored.revision.content,
                    canonical_text(desired).encode(),
                    lambda: store.save(stored, desired),
                    made,
                )
            )

    def run_in_child(self, *arguments, **options) -> int:
        """The same in a process of its own, whose end does us no harm.

        Its exit status; KILLED where it did not come to its end.
        """
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
        """All that is to be as it was.

        Files with their owner, mode, time and inode, names in folders, and what listens where.
        """
        found: dict = {server.name: server.listens() for server in self.servers}
        for path in sorted((self.folder / "etc").rglob("*")):
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_uid, status.st_gid) + (
                (status.st_mtime_ns, status.st_ino, path.read_bytes()) if path.is_file() else ()
            )
        return found

    @property
    def journal(self):
        return pathlib.Path(lock.journal_path())

    def litter(self):
        """Files that no run may leave behind."""
        return [
            path
            for path in self.folder.rglob("*")
            if "-before" in path.name or path.name.endswith((".new", ".lock"))
        ]


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


SMTP, SUBMISSION = ("127.0.0.2", 25, "smtp"), ("127.0.0.2", 587, "submission")
IMAP, LDAP = ("127.0.0.2", 143, "imap"), ("127.0.0.2", 389, "ldap")
ALL = [SMTP, SUBMISSION, IMAP, LDAP]
DOCUMENT = '{\n  "ip_addresses": [],\n  "ports": [],\n  "schema_version": 1\n}\n'


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """The points that a run passes in which nothing goes wrong."""
    with MonkeyPatch().context() as patch:
        host = World(tmp_path_factory.mktemp("points"), patch)
        host.run(ALL, document=DOCUMENT)
        return [point.replace(str(host.folder), "") for point in host.passed]


def fails(index, how):
    def harm(number, point):
        if number == index:
            how()

    return harm


def every(points, begin="mkdir /lib", but=("rmdir", "unlink")):
    """Numbers of all points from the journal on, without those whose failure does no harm."""
    first = next(index for index, point in enumerate(points) if point.startswith(begin))
    return [index for index in range(first, len(points)) if not points[index].startswith(but)]
