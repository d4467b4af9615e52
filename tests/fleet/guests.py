# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs in the control namespace: sessions that stay, and visitors.

    python guests.py <order.json
    {"stay": [[address, port, tls]], "come": [...], "user": ..., "password": ..., "workers": ...}

tls: ssl, starttls or null. It says ready when all that stay are logged in, goes on until its
standard input ends, and then prints what they met.
"""

from __future__ import annotations

import collections
import imaplib
import json
import socket
import ssl
import sys
import threading
import time

TLS = ssl.create_default_context()
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE  # which certificate, others look at


def logged_in(address, port, tls, user, password):
    client = (
        imaplib.IMAP4_SSL(address, port, ssl_context=TLS, timeout=10)
        if tls == "ssl"
        else imaplib.IMAP4(address, port, timeout=10)
    )
    if tls == "starttls":
        client.starttls(TLS)
    client.login(user, password)
    client.select(readonly=True)
    return client


def visit(address, port, tls):
    """What a visitor meets: "well", turned away (after the handshake), or what went wrong."""
    try:
        with socket.create_connection((address, port), timeout=10) as plain:
            with (
                TLS.wrap_socket(plain) if tls == "ssl" else plain as connection,
                connection.makefile("rwb") as stream,
            ):
                greeting = stream.readline()
                if not greeting.startswith((b"* OK", b"+OK")):
                    return "turned away: " + greeting.decode(errors="replace").strip()
                stream.write(b"a LOGOUT\r\n" if greeting.startswith(b"*") else b"QUIT\r\n")
                stream.flush()
                return "well" if stream.readline() else "lost after the greeting"
    except OSError as error:
        return error.strerror or str(error)


def main():
    order = json.loads(sys.stdin.readline())
    stay = [logged_in(*where, order["user"], order["password"]) for where in order["stay"]]
    met, over = collections.Counter(), threading.Event()

    def come_and_go():
        while not over.is_set():
            for where in order["come"]:
                met[visit(*where)] += 1
                time.sleep(order.get("pause", 0.02))

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
            alive += client.noop()[0] == "OK" and client.select(readonly=True)[0] == "OK"
        except (OSError, imaplib.IMAP4.error):
            pass
    print(json.dumps({"alive": alive, "met": met}), flush=True)


main()
