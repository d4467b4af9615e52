# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs in the control namespace: mail servers in the middle of a session, and visiting ones.

    python correspondents.py <order.json
    {"stay": [[address, port]], "come": [[address, port]], "workers": 2}

It says ready when all that stay have been greeted, goes on until its standard input ends, and then
prints what they met.
"""

from __future__ import annotations

import collections
import json
import smtplib
import socket
import sys
import threading
import time


def visit(address, port):
    """What a visitor meets: "well", or what went wrong."""
    try:
        with (
            socket.create_connection((address, port), timeout=10) as connection,
            connection.makefile("rwb") as stream,
        ):
            greeting = stream.readline()
            if not greeting.startswith(b"220 "):
                return "greeted with %r" % greeting
            stream.write(b"QUIT\r\n")
            stream.flush()
            return "well" if stream.readline().startswith(b"221 ") else "lost after the greeting"
    except OSError as error:
        return error.strerror or str(error)


def main():
    order = json.loads(sys.stdin.readline())
    stay = [
        smtplib.SMTP(address, port, "guest.test", timeout=10) for address, port in order["stay"]
    ]
    met, over = collections.Counter(), threading.Event()

    def come_and_go():
        while not over.is_set():
            for where in order["come"]:
                met[visit(*where)] += 1
                time.sleep(0.005)

    workers = [threading.Thread(target=come_and_go) for _worker in range(order.get("workers", 2))]
    for worker in workers:
        worker.start()
    print("ready", flush=True)
    sys.stdin.read()
    over.set()
    for worker in workers:
        worker.join()
    alive = 0
    for client in stay:
        try:
            alive += client.noop()[0] == 250 and client.mail("a@example.test")[0] in (250, 530)
            client.quit()
        except (OSError, smtplib.SMTPException):
            pass
    print(json.dumps({"alive": alive, "met": met}), flush=True)


main()
