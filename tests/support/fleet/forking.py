# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook in a process that has imported it before, since importing takes longer than most plays.

ForkingPlaybook is the tests' side. Its child, which is this file as a program, reads requests, a
line of JSON each, forks for each of them, and writes the fork's exit status.
"""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import threading
import traceback


class ForkingPlaybook:
    """Runs ansible-playbook with one environment, one play at a time."""

    def __init__(self, environment, network):
        self._environment = environment
        self._network = network
        self._lock = threading.Lock()
        self._child = None

    def run(self, arguments, stdout, stderr, cwd, more_environment, timeout):
        """The exit status; None if it runs a play already.

        stdout, stderr: paths of files to write
        more_environment: variables that ansible-core does not read when it is imported
        timeout: in seconds; subprocess.TimeoutExpired if the play takes longer
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            request = {
                "arguments": arguments,
                "cwd": str(cwd),
                "environment": more_environment,
                "outputs": [str(stdout), str(stderr)],
            }
            return self._answer(json.dumps(request), timeout)
        finally:
            self._lock.release()

    def _answer(self, request, timeout):
        child = self._child = self._child or self._start()
        expired = threading.Timer(timeout, self.close)
        expired.start()
        try:
            child.stdin.write(request + "\n")
            child.stdin.flush()
            answer = child.stdout.readline()
        finally:
            expired.cancel()
        if not answer:
            self.close()
            raise subprocess.TimeoutExpired(request, timeout)
        return int(answer)

    def _start(self):
        from .commands import Process  # not where this file is a program

        return Process(
            ["nsenter", f"--net=/run/netns/{self._network}", sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            encoding="utf-8",
        )

    def close(self):
        child, self._child = self._child, None
        if child:
            child.kill()
            child.communicate()


def serve():
    """Fork for each request, until there are no more."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)

    # What every play imports
    import ansible.cli.playbook
    import ansible.executor.module_common
    import ansible.executor.playbook_executor
    import ansible.plugins.action.normal
    import ansible.plugins.callback.default
    import ansible.plugins.connection.ssh
    import ansible.plugins.strategy.linear  # noqa: F401

    gc.freeze()
    for line in requests:
        child = os.fork()
        if child == 0:
            play(ansible.cli.playbook.main, json.loads(line))
        dummy, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def play(main, request):
    """What the ansible-playbook program does, and the end of this process."""
    status = 250
    try:
        random.seed()
        os.chdir(request["cwd"])
        os.environ.update(request["environment"])
        for number, path in enumerate(request["outputs"], 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
        sys.argv = ["ansible-playbook", *request["arguments"]]
        main(sys.argv)
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not what is to be done at the exit of the process that was forked
        os._exit(status)


if __name__ == "__main__":
    serve()
