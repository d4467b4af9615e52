# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail server that knows three words of IMAP, on 127.0.0.1: its port is written to the file that is named. It lives for two minutes."""

from __future__ import annotations

import signal
import socketserver
import sys


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self):
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, ignored, command = line.strip().partition(b" ")
            answer = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1", b"LOGOUT": b"* BYE"}.get(command)
            self.wfile.write(b"%s\r\n%s OK\r\n" % (answer, tag) if answer else tag + b" BAD\r\n")
            if command == b"LOGOUT":
                return


signal.alarm(120)
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write(str(server.server_address[1]))
    server.serve_forever()
