# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sessions of noxfile.py share: their commands, virtual environments and copies.

Virtual environments are kept in .venv/, and several sessions use one. script/_lib.sh makes them,
finds Pythons and installs Debian packages, as the other scripts do. script/test sets variables:

    MAILOPS_FULL    not empty: also the tests marked "full"
    MAILOPS_STRICT  not empty: fail where a session would be skipped, as this machine lacks something
    MAILOPS_LOGS    a folder for the sessions' output, which is then shown only where one fails
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from typing import NoReturn, Optional, Union

import nox
from nox.command import CommandFailed

ROOT = pathlib.Path(__file__).resolve().parents[1]
VENVS = ROOT / ".venv"
REQUIREMENTS = ROOT / "tests" / "requirements"
COLLECTION = "ansible_collections/mailops/bindings"

FULL = bool(os.environ.get("MAILOPS_FULL"))
STRICT = bool(os.environ.get("MAILOPS_STRICT"))

Word = Union[str, pathlib.Path]


class Session:
    """A session at work. Its commands run in the checkout, unless told otherwise."""

    def __init__(self, session: nox.Session, cleanup: contextlib.ExitStack) -> None:
        self.posargs = session.posargs
        self.environment = {**os.environ, "LC_ALL": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        self._session = session
        self._cleanup = cleanup
        logs = os.environ.get("MAILOPS_LOGS")
        self._log = pathlib.Path(logs, f"{session.name}.log") if logs else None
        self._output = None
        if self._log:
            self._output = cleanup.enter_context(self._log.open("w", encoding="utf-8"))

    # -- how it ends

    def skip(self, reason: str) -> NoReturn:
        self._session.skip(reason)

    def cannot(self, reason: str) -> NoReturn:
        """End where this machine lacks what the session needs: a failure if that is strict."""
        if STRICT:
            self._session.error(reason)
        self._session.skip(reason)

    def fail(self, reason: str) -> NoReturn:
        self.say(reason)
        raise CommandFailed(reason)

    def say(self, text: str) -> None:
        """Print a line; the last one is what is shown of a session that passed."""
        print(text, file=self._output, flush=True)

    def show_log(self, whole: bool) -> None:
        if self._log:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            print(*(lines if whole else lines[-1:]), sep="\n", flush=True)

    # -- commands

    def run(
        self, *command: Word, cwd: Word = ROOT, env: Optional[Mapping[str, str]] = None
    ) -> None:
        """Run a command; end the session if it fails."""
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL if self._output else None,
            stdout=self._output,
            stderr=subprocess.STDOUT if self._output else None,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(f"{command[0]} failed", return_code=done.returncode)

    def output_of(self, *command: Word, cwd: Word = ROOT) -> str:
        """What a command prints; empty if it fails."""
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
        return "" if done.returncode else done.stdout

    def pytest(self, *arguments: Word, parallel: str = "auto") -> None:
        """Run pytest on the checkout. C(parallel): how many workers there are, 0 for none."""
        link_checkout()
        collections = str(VENVS / "collections")
        # Not where other runs of pytest are, which change the permissions of what they share
        temporary = self.folder / "pytest"
        self.run(
            *("python", "-m", "pytest", "-q", "--numprocesses", parallel, "--dist", "loadfile"),
            *("--basetemp", temporary, "--max-worker-restart", "0", *arguments, *self.posargs),
            env={"PYTHONPATH": collections, "ANSIBLE_COLLECTIONS_PATH": collections},
        )

    # -- what it needs

    def need_packages(self, *packages: str) -> None:
        """See to it that these Debian packages are installed."""
        self.run(*library("need_packages", *packages))

    def find_python(self, *versions: str) -> Optional[str]:
        """The first of these Pythons that is here."""
        return find_python(*versions)

    def use_venv(self, name: str, python: str, *requirements: str) -> pathlib.Path:
        """Go on with a virtual environment that has what is in these files of C(REQUIREMENTS)."""
        venv = VENVS / name
        files = [REQUIREMENTS / f"{requirement}.txt" for requirement in requirements]
        self.run(*library("ensure_venv", venv, python, *files))
        self.environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{self.environment['PATH']}"
        return venv

    @functools.cached_property
    def folder(self) -> pathlib.Path:
        """A folder that is removed when the session ends."""
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mailops-"))
        os.chmod(folder, 0o711)
        return pathlib.Path(folder)

    def copy_checkout(self, parent: Optional[pathlib.Path] = None) -> pathlib.Path:
        """Copy what git tracks, or would, to a folder where the tools of Ansible find the collection.

        They would also look at .venv/ otherwise. The checkout's symlink is good enough for pytest.
        """
        copy = (parent or self.folder) / COLLECTION
        listed = subprocess.check_output(
            [
                "git",
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
                "--deduplicate",
            ],
            cwd=ROOT,
            encoding="utf-8",
        )
        for name in filter(None, listed.split("\0")):
            # A file that was deleted but not yet committed is still listed.
            if os.path.lexists(ROOT / name):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
        return copy


def library(function: str, *arguments: Word) -> list[Word]:
    """The command for a function of script/_lib.sh."""
    return ["bash", "-euo", "pipefail", "-c", '. "$0"; "$@"', ROOT / "script/_lib.sh", function] + [
        *arguments
    ]


@functools.cache
def find_python(*versions: str) -> Optional[str]:
    """The path of the first of these Pythons that is here, and can make virtual environments."""
    done = subprocess.run(
        library("find_python", *versions),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    return done.stdout.strip() or None


def link_checkout() -> None:
    """Make the checkout importable as ansible_collections.mailops.bindings, without a copy."""
    link = VENVS / "collections" / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        # Another session may do the same at this moment.
        with contextlib.suppress(FileExistsError):
            link.symlink_to("../../../..")


def register(
    *names: str, tags: tuple[str, ...] = ("default",), beside: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a nox session of a function, or one for each of C(names), which it is then given.

    tags: what script/test runs it for: default, quick, full
    beside: whether other sessions may run at the same time
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        base = function.__name__.replace("_", "-")
        for name in names:
            _register(functools.partial(function, name=name), f"{base}-{name}", tags, beside)
        if not names:
            _register(function, base, tags, beside)
        return function

    def _register(
        function: Callable[..., None], name: str, tags: tuple[str, ...], beside: bool
    ) -> None:
        def run(session: nox.Session) -> None:
            _run(function, session)

        run.__doc__ = getattr(function, "func", function).__doc__
        nox.session(run, name=name, python=False, tags=tags, allow_parallel=beside)

    return decorate


def _run(function: Callable[..., None], session: nox.Session) -> None:
    with contextlib.ExitStack() as cleanup:
        ours = Session(session, cleanup)
        try:
            function(ours)
        except CommandFailed:
            ours.show_log(whole=True)
            raise
        ours.show_log(whole=False)
