# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the role and of its playbooks share."""

from __future__ import annotations

APPLY = "mailops.bindings.apply"
ROLE = "mailops.bindings.mail_bindings"
TASK = "Make the servers listen as declared"
TREES = "/etc", "/root", "/usr/local", "/var/lib/mail-bindings", "/var/spool/cron", "/opt", "/srv"
SECURE = {25, 465, 587, 993, 995}


def seen(host) -> dict:
    """All that is in its files, and its listening sockets."""
    return {
        "sockets": host.listening(),
        **host.snapshot(*(tree for tree in TREES if host.exists(tree))),
    }


def mail_sockets(host) -> set:
    """Of the numbers of mail, on other than loopback addresses."""
    return {
        (address, port)
        for address, port, dummy in host.listening(also_loopback=False)
        if port in SECURE | {110, 143, 389, 636}
    }


def played_tasks(played, host) -> list:
    """All tasks that were run or skipped on a host, but for the validation of arguments."""
    return [
        result.name
        for result in played.of(host)
        if "Validating arguments" not in (result.name or "")
    ]


def differing(before, now) -> dict:
    """What two states have different: {name: (before, now)}."""
    return {
        name: (before.get(name), now.get(name))
        for name in before.keys() | now.keys()
        if before.get(name) != now.get(name)
    }


def remove_port(host, port):
    """By hand: the entries of this port leave master.cf, and Postfix is not told."""
    text, kept, gone = host.read("/etc/postfix/master.cf"), [], False
    for line in text.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            gone = f":{port} " in line
        elif line.startswith("#"):
            gone = False
        if not gone:
            kept.append(line)
    assert len("".join(kept)) < len(text)
    host.write("/etc/postfix/master.cf", "".join(kept))
    host.run(["touch", "-d", "1 hour ago", "/etc/postfix/master.cf"])
