# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a test host: does harm at a given moment of a run of mail_listeners.

Then it prints how long old listeners were away. Its argument is JSON:

when, what: journal; or written, and a path; or bound, and a port
after: seconds from then on
do: a command for sh
signal_name: for the run itself; hangup ends its SSH session
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

JOURNAL = "/var/lib/mail-bindings/journal.json"
PATIENCE = 120.0
WRITTEN = (
    "/etc/postfix/master.cf",
    "/etc/default/slapd",
    "/etc/dovecot/conf.d/99-mailops.bindings.conf",
    "/etc/dovecot/mailops.bindings.conf",
)


def listening():
    """(address, port) of all listening sockets, as the kernel writes them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as lines:
            found.update(
                tuple(line.split()[1].split(":")) for line in lines if line.split()[3] == "0A"
            )
    return found


def inode(path):
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def runner():
    """The process that has the lock."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(
                os.readlink("/proc/%s/fd/%s" % (pid, number)) == "/run/mail-bindings.lock"
                for number in os.listdir("/proc/%s/fd" % pid)
            ):
                return int(pid)
        except OSError:
            continue
    return None


def parent(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def name(pid):
    with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as file:
        return file.read().strip()


def session(pid):
    """The SSH session that the process is in."""
    while not name(pid).startswith("sshd"):
        pid = parent(pid)
    return pid


def main(when, what="", after=0.0, do="", signal_name=""):
    old, was, files = listening(), inode(what), {path: inode(path) for path in WRITTEN}
    mail = {key for key in old if int(key[1], 16) in (25, 110, 143, 389, 465, 587, 636, 993, 995)}

    def reached():
        if when == "bound":
            return any(int(port, 16) == int(what) for dummy, port in listening() - old)
        return os.path.exists(JOURNAL) and (when == "journal" or inode(what) != was)

    print("ready", flush=True)
    end = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > end:
            print(json.dumps({"harmed": False}))
            return
        time.sleep(
            0.01 if when == "bound" else 0.002
        )  # the kernel takes its time to list sockets, and here all of them share two processors
    pid = runner()
    time.sleep(after)
    if do:
        os.kill(
            pid, signal.SIGSTOP
        )  # on an idle machine it would be past that moment before the harm is done
        subprocess.run(["sh", "-c", do], check=True, stdout=subprocess.DEVNULL)
        os.kill(pid, signal.SIGCONT)
    if signal_name == "hangup":
        os.kill(session(pid), signal.SIGKILL)
    elif signal_name:
        os.kill(pid, getattr(signal, signal_name))
    harmed = time.monotonic()
    away, longest, changed, back, whole = {}, 0.0, set(), None, harmed
    while os.path.exists("/proc/%d" % pid) and time.monotonic() < end:
        now, missing = time.monotonic(), mail - listening()
        away = {key: away.get(key, now) for key in missing}
        longest = max([longest, *(now - since for since in away.values())])
        changed.update(path for path in WRITTEN if inode(path) != files[path])
        if back is None and any(inode(path) == files[path] for path in changed):
            back = now
        if missing:
            whole = now
        time.sleep(0.03)
    print(
        json.dumps(
            {
                "harmed": True,
                "away": round(longest, 2),
                "took": round(time.monotonic() - harmed, 2),
                "back": round(max(0.0, whole - back), 2) if back else 0.0,
            }
        )
    )


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
