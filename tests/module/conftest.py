# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module tests share: they run the modules as users do, through ansible-playbook.

A task costs a good part of a second, so a test file runs many cases in one play (a fixture of module scope) and its
tests then look at the results of theirs.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pytest

pytest.register_assert_rewrite("semantics", "refusals")

import refusals  # noqa: E402  # only now are its assertions rewritten
import semantics  # noqa: E402  # only now are its assertions rewritten

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Result(dict):
    """What a task returned; also its name, and its config's folder right before and right after it."""

    def __init__(self, entry):
        super().__init__(entry["result"])
        self.name = entry["name"]
        self.task = entry["task"]
        self.host = entry["host"]
        self.before = entry["before"]
        self.after = entry["after"]

        self.failed = entry["result"]["failed"]

    def config(self, name="bindings.json"):
        """What is in the config after the task."""
        return self.after[name]["content"].encode("latin-1")


class Results(list):
    """The results of a play's tasks in order; also by the tasks' names, and all that ansible-playbook printed."""

    def __init__(self, entries, stdout, stderr, returncode):
        super().__init__(Result(entry) for entry in entries)
        self.stdout = stdout
        self.stderr = stderr
        self.output = stdout + stderr
        self.returncode = returncode

    def __getitem__(self, key):
        if not isinstance(key, str):
            return super().__getitem__(key)
        found = [result for result in self if result.name == key]
        assert len(found) == 1, f"{len(found)} results of task {key!r}"
        return found[0]


@pytest.fixture(scope="session")
def collections_path(tmp_path_factory):
    """Where Ansible finds the collection: as the environment says, or else through a link to this checkout."""
    if os.environ.get("ANSIBLE_COLLECTIONS_PATH"):
        return os.environ["ANSIBLE_COLLECTIONS_PATH"]
    folder = tmp_path_factory.mktemp("collections")
    (folder / "ansible_collections" / "mailops").mkdir(parents=True)
    (folder / "ansible_collections" / "mailops" / "bindings").symlink_to(ROOT)
    return str(folder)


@pytest.fixture(scope="session")
def ansible_environment(collections_path, tmp_path_factory):
    """The environment of a play that does not depend on the settings of whoever runs the tests."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "SMARTERMAIL_", "PYTEST_"))
    }
    home = tmp_path_factory.mktemp("ansible_home")
    (home / "ansible.cfg").touch()
    return {
        **inherited,
        "ANSIBLE_CALLBACKS_ENABLED": "mailops_results",
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_COLLECTIONS_PATH": collections_path,
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "LC_ALL": "C.UTF-8",
        "PYTHONIOENCODING": "utf-8",
    }


@pytest.fixture(scope="session")
def play(ansible_environment, tmp_path_factory):
    """Run tasks in one play on this machine: play([{...}, ...]) -> Results."""

    def run(
        tasks,
        check=False,
        diff=False,
        extra_args=(),
        prefix=(),
        hosts=("localhost",),
        play_keywords=None,
        environment=None,
        watcher=None,
        timeout=900,
    ):
        """
        prefix: a command to run ansible-playbook with, for example one that drops privileges
        watcher: called with the process while it runs; it is to return when that has ended
        """
        folder = tmp_path_factory.mktemp("play")
        playbook, results = folder / "play.yml", folder / "results.json"
        python = os.environ.get("MAILOPS_TARGET_PYTHON") or sys.executable
        content = {
            "hosts": "all",
            "gather_facts": False,
            "ignore_errors": True,
            "tasks": list(tasks),
            # What the play sets last wins over what the inventory or the environment may say.
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": python},
            **(play_keywords or {}),
        }
        # JSON is YAML.
        playbook.write_text(json.dumps([content], indent=1), encoding="utf-8")
        command = [
            *prefix,
            os.path.join(sysconfig.get_path("scripts"), "ansible-playbook"),
            *("--inventory", ",".join(hosts) + ","),
            *(["--check"] if check else []),
            *(["--diff"] if diff else []),
            *extra_args,
            str(playbook),
        ]
        output, errors = folder / "stdout", folder / "stderr"
        with output.open("wb") as stdout, errors.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env={**ansible_environment, "MAILOPS_RESULTS": str(results), **(environment or {})},
            )
            try:
                if watcher is not None:
                    watcher(process)
                process.wait(timeout)
            finally:
                process.kill()
        stdout, stderr = (
            file.read_text(encoding="utf-8", errors="replace") for file in (output, errors)
        )
        assert results.exists(), (
            f"ansible-playbook returned {process.returncode}:\n{stdout}\n{stderr}"
        )
        return Results(
            json.loads(results.read_text(encoding="utf-8")), stdout, stderr, process.returncode
        )

    return run


@pytest.fixture(scope="session")
def unprivileged():
    """A command prefix with which even root obeys the permissions of files, and can't give them away."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root, and no setpriv to become less")
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """A folder with the certificates of tests/pki.py."""
    folder = tmp_path_factory.mktemp("pki")
    subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "pki.py"), str(folder)], check=True
    )
    for place in [folder, *list(folder.parents)[:2]]:
        place.chmod(0o755)  # every user has to reach a world-readable key
    return folder


@pytest.fixture(scope="session")
def pki_password():
    """The password of what is encrypted in that folder."""
    spec = importlib.util.spec_from_file_location("pki", ROOT / "tests" / "support" / "pki.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PASSWORD


def pytest_generate_tests(metafunc):
    """A test with the argument change or case runs for each of its file's CHANGES or CASES."""
    if "change" in metafunc.fixturenames:
        metafunc.parametrize("change", metafunc.module.CHANGES)
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", metafunc.module.CASES, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def results(request, play, pki, pki_password, tmp_path_factory):
    """The results of the file's CHANGES and STEPS, in one play."""
    tasks = semantics.tasks_of(
        getattr(request.module, "CHANGES", ()),
        getattr(request.module, "STEPS", ()),
        tmp_path_factory.mktemp("semantics"),
        pki,
        pki_password,
    )
    # A strict umask, which is not to show anywhere.
    return play(tasks, extra_args=["-v"], prefix=["sh", "-c", 'umask 077; exec "$@"', "sh"])


@pytest.fixture(scope="module")
def refused(request, play, pki, tmp_path_factory):
    """The results of the file's CASES, in one play."""
    return refusals.run(play, tmp_path_factory.mktemp("refused"), pki, request.module.CASES)
