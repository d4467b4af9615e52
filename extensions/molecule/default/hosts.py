# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the scenario's hosts, and removes them: hosts.py up|down FOLDER [NAME SUITE ADDRESS[,ADDRESS...]]...

They live as long as a process in the background does, whose number is in FOLDER/pid. The images that they begin with are kept in the folder that
the environment variable FLEET_IMAGES names, by default that of script/test.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
SSH = '#!/bin/sh\nexec nsenter --net=/run/netns/{network} ssh "$@"\n'


def up(folder, hosts):
    """Make them, and come back when their servers answer."""
    down(folder)
    folder.mkdir(parents=True)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, "hold", folder, *hosts],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / "pid").write_text(str(process.pid), encoding="ascii")
    while not (folder / "ssh").exists():
        if process.poll() is not None:
            sys.exit((folder / "log").read_text(encoding="utf-8", errors="replace"))
        time.sleep(0.1)


def hold(folder, hosts):
    """The process in the background."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support import pki
    from support.fleet.isolation import why_not_here
    from support.fleet.mail import mail_host
    from support.fleet.network import Network

    reason = why_not_here()
    if reason:
        sys.exit(f"HOSTS NOT TESTED: {reason}")
    over = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda *ignored: over.set())
    network = Network(folder, os.environ.get("FLEET_IMAGES") or ROOT / ".venv" / "hosts")
    try:
        network.up()
        authority = pki.Authority()
        for name, suite, addresses in zip(*[iter(hosts)] * 3):
            mail_host(network, name, authority, suite, addresses.split(","))
        (folder / "new").write_text(SSH.format(network=network.name), encoding="ascii")
        (folder / "new").chmod(0o755)
        (folder / "new").rename(folder / "ssh")
        over.wait()
    finally:
        network.down()


def down(folder):
    """End the process, and with it the hosts."""
    try:
        pid = int((folder / "pid").read_text(encoding="ascii"))
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if str(folder).encode() in file.read():  # not somebody else by now
                os.kill(pid, signal.SIGTERM)
        while (
            os.path.exists(f"/proc/{pid}")
            and b"\0hold\0" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        ):
            time.sleep(0.1)
    except (FileNotFoundError, ProcessLookupError):
        pass
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    what, where = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    if what == "down":
        down(where)
    else:
        {"up": up, "hold": hold}[what](where, sys.argv[3:])
