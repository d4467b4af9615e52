# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible as people run it: ansible-playbook over SSH, from the control namespace."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sysconfig
import tempfile

from .commands import Process
from .forking import ForkingPlaybook
from .isolation import why_not_here
from .network import Network

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


class Result(dict):
    """What a task returned on a host."""

    def __init__(self, entry):
        super().__init__(entry["result"])
        self.host = entry["host"]
        self.name = entry["name"]
        self.task = entry["task"]
        self.status = entry["status"]  # ok, failed, skipped or unreachable
        self.seconds = entry["seconds"]

    @property
    def failed(self) -> bool:
        return self.status in ("failed", "unreachable")

    @property
    def changed(self) -> bool:
        return bool(self.get("changed"))

    def __repr__(self):
        return f"<{self.host}: {self.name or self.task}: {self.status}: {dict(self)}>"


class Played(list):
    """The results of a play in the order in which they came; and all that ansible-playbook printed.

    played["name"], or where several hosts ran that task, played["host", "name"] is one; a task
    without a name has its module's.
    """

    def __init__(self, entries, stdout, stderr, returncode):
        super().__init__(map(Result, entries))
        self.stdout = stdout
        self.stderr = stderr
        self.output = stdout + stderr
        self.returncode = returncode

    def __getitem__(self, key):
        if isinstance(key, (int, slice)):
            return super().__getitem__(key)
        host, name = key if isinstance(key, tuple) else (None, key)
        found = [
            result
            for result in self
            if name in (result.name, result.task) and host in (None, result.host)
        ]
        assert len(found) == 1, f"{len(found)} results of {key!r}\n{self.output}"
        return found[0]

    def of(self, host) -> list:
        """The results of one host, in order."""
        return [result for result in self if result.host == getattr(host, "name", host)]

    @property
    def failed(self) -> list:
        return [result for result in self if result.failed]

    @property
    def changed(self) -> list:
        return [result for result in self if result.changed]


class Player:
    """Runs plays. What SSH keeps open for the next play ends with the network."""

    def __init__(self, network, collections_path=None, forking=False):
        """C(forking): let ansible-playbook be imported once for many plays, where none is watched."""
        self.network = network
        self.folder = network.folder / "plays"
        # Short, since the path of a socket may have no more than about a hundred characters.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="mf"))
        self._count = 0
        home = network.folder / "ansible"
        home.mkdir()
        (home / "ansible.cfg").touch()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "SMARTERMAIL_", "PYTEST_"))
        }
        # it must not depend on the settings of the user that runs the tests
        ssh = [
            "-F",
            "/dev/null",
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPersist=60s",
            "-o",
            "StrictHostKeyChecking=no",
        ]
        ssh += [
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "IdentitiesOnly=yes",
        ]
        self.environment = {
            **inherited,
            "ANSIBLE_CALLBACKS_ENABLED": "fleet_results",
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_COLLECTIONS_PATH": collections_path or self._linked_collections(),
            "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "ANSIBLE_SSH_ARGS": " ".join(ssh),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.sockets),
            "LC_ALL": "C.UTF-8",
            "PYTHONIOENCODING": "utf-8",
        }

        self._forking = ForkingPlaybook(self.environment, network.name) if forking else None

    def close(self) -> None:
        if self._forking:
            self._forking.close()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def inventory(self, hosts, variables=None) -> pathlib.Path:
        """A file for "--inventory". C(variables): {name of a host, or "all": {…}}."""
        variables = variables or {}
        entries = {
            host.name: {
                "ansible_host": host.address,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(self.network.key),
                "ansible_python_interpreter": "/usr/bin/python3",
                **variables.get(host.name, {}),
            }
            for host in hosts
        }
        path = self._new_folder() / "inventory.json"
        path.write_text(
            json.dumps({"all": {"hosts": entries, "vars": variables.get("all", {})}}, indent=1),
            encoding="utf-8",
        )
        return path

    def play(
        self,
        tasks,
        hosts,
        check=False,
        diff=False,
        extra_args=(),
        extra_vars=None,
        variables=None,
        play_keywords=None,
        ignore_errors=True,
        environment=None,
        watcher=None,
        timeout=300,
    ) -> Played:
        """Run tasks, or a playbook by its name or path, on hosts; go on after a failed task.

        hosts: a host or a list of them
        extra_vars: as with --extra-vars
        variables: of the inventory, {name of a host, or "all": {…}}
        watcher: called with the process while it runs; it is to return when that has ended
        """
        hosts = list(hosts) if isinstance(hosts, (list, tuple)) else [hosts]
        inventory = self.inventory(hosts, variables)
        folder = inventory.parent
        if isinstance(tasks, (str, pathlib.Path)):
            playbook = tasks
        else:
            playbook = folder / "play.yml"
            content = {
                "hosts": "all",
                "gather_facts": False,
                "ignore_errors": ignore_errors,
                "tasks": list(tasks),
                **(play_keywords or {}),
            }
            playbook.write_text(json.dumps([content], indent=1), encoding="utf-8")  # JSON is YAML
        arguments = [
            *("--inventory", inventory),
            *(["--check"] if check else []),
            *(["--diff"] if diff else []),
            *(["--extra-vars", json.dumps(extra_vars)] if extra_vars else []),
            *extra_args,
            playbook,
        ]
        results, output, errors = folder / "results.json", folder / "stdout", folder / "stderr"
        more = {"FLEET_RESULTS": str(results), **(environment or {})}
        returncode = None
        arguments = list(map(str, arguments))
        # ansible-core reads other variables when it is imported
        if self._forking and watcher is None and not environment:
            returncode = self._forking.run(arguments, output, errors, folder, more, timeout)
        if returncode is None:
            returncode = self._run(arguments, output, errors, folder, more, timeout, watcher)
        printed = [file.read_text(encoding="utf-8", errors="replace") for file in (output, errors)]
        entries = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
        played = Played(entries, *printed, returncode)
        assert entries or returncode, f"Nothing was done:\n{played.output}"
        return played

    __call__ = play

    def _run(self, arguments, output, errors, folder, more_environment, timeout, watcher) -> int:
        program = os.path.join(sysconfig.get_path("scripts"), "ansible-playbook")
        command = ["nsenter", f"--net=/run/netns/{self.network.name}", program, *arguments]
        with output.open("wb") as stdout, errors.open("wb") as stderr:
            process = Process(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env={**self.environment, **more_environment},
            )
            with process:
                if watcher is not None:
                    watcher(process)
                process.wait(timeout)
        return process.returncode

    def _new_folder(self):
        self._count += 1
        folder = self.folder / f"{self._count:03}"
        folder.mkdir(parents=True)
        return folder

    def _linked_collections(self):
        link = self.network.folder / "collections" / "ansible_collections" / "mailops" / "bindings"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        return str(self.network.folder / "collections")


@contextlib.contextmanager
def network_to_play_on():
    """(Network, Player) for a script, which ends here if there can be no hosts.

    Tests have fixtures for that. What is played is the checkout, or ANSIBLE_COLLECTIONS_PATH.
    """
    reason = why_not_here()
    if reason:
        raise SystemExit(f"There can be no hosts here: {reason}")
    with contextlib.ExitStack() as cleanup:
        network = Network(
            cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mail-bindings-")),
            ROOT / ".venv" / "hosts",
        )
        cleanup.callback(network.down)
        network.up()
        player = Player(network, os.environ.get("ANSIBLE_COLLECTIONS_PATH"))
        cleanup.callback(player.close)
        yield network, player
