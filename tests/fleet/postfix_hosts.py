# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postfix on hosts of Debian 12 (3.7) and 13 (3.10), driven by our class: helpers and fixtures."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from support.fleet.driving import DrivenServer
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, put_certificate

HERE = pathlib.Path(__file__).parent
HOST = (CERTIFICATE, PRIVATE_KEY)
MASTER, MAIN = "/etc/postfix/master.cf", "/etc/postfix/main.cf"
LOOPBACK = ("127.0.0.1", "::1")
UNITS = {"bookworm": "postfix@-.service", "trixie": "postfix.service"}


class DrivenPostfix(DrivenServer):
    """A host, and our class of Postfix on it."""

    server = "postfix"
    programs = ("master", "smtpd", "postscreen", "qmqpd", "spawn")

    @contextlib.contextmanager
    def written(self, text, path=MASTER):
        """With this in a file of Postfix's."""
        before = self.host.read(path)
        self.host.write(path, text)
        try:
            self.restart()
            yield
        finally:
            self.host.write(path, before)
            self.restart()

    def restart(self):
        """Have it follow its files."""
        told = self("activate", how="restart")
        assert told["failed"] == "" and told["live"] == told["sockets"], told


def listener(address, port, encryption=None, files=HOST, protocol=None):
    encryption = encryption or ("ssl" if port == 465 else "tls")
    made = {
        "address": address,
        "port": port,
        "protocol": protocol or ("smtp" if port == 25 else "submission"),
        "encryption": encryption,
    }
    return (
        made
        if encryption == "none"
        else {**made, "certificate_path": files[0], "private_key_path": files[1]}
    )


@pytest.fixture(scope="module", params=list(UNITS))
def postfix_host(request, make_host):
    host = make_host("postfix-" + request.param, request.param)
    host.four, host.six = host.addresses
    for address in host.network.next_addresses():
        host.add_address(address)
    host.four2, host.six2 = host.addresses[2:]
    return DrivenPostfix(host)


@pytest.fixture
def postfix(postfix_host):
    """A host with Postfix; afterwards the host is as before."""
    before = postfix_host.host.snapshot("/etc")
    yield postfix_host
    told = postfix_host("apply", wanted=None)
    assert not told["failed"] and told["live"] == told["sockets"], told
    assert different(before, postfix_host.host.snapshot("/etc")) == []


@pytest.fixture(scope="module")
def postfix_certificates(postfix_host, authority):
    """Two more certificates for the host, the second with its key in the same file, behind it."""
    host, found = postfix_host.host, []
    for name, key_path in (("b", "/etc/ssl/mail/b.key"), ("c", None)):
        files = f"/etc/ssl/mail/{name}.pem", key_path or ""
        found.append((files, put_certificate(host, authority, files[0], key_path, which=name)))
    host.run(
        "cd /etc/ssl/mail; awk '/BEGIN CERT/{on=1} on' c.pem >c.new; "
        "openssl pkey -in c.pem >>c.new; cat c.new >c.pem; rm c.new"
    )
    return found


def at_once():
    """Five seconds, on a machine that does nothing else."""
    return 5 * max(1, os.getloadavg()[0] / os.cpu_count())


def different(before, after):
    """The paths whose content, mode or owner differs; of folders only whether they exist."""

    def counts(seen):
        kind, mode, uid, gid, _mtime, _inode, content = seen
        return kind, mode, uid, gid, content

    states = (
        {path: counts(seen) for path, seen in before.items()},
        {path: counts(seen) for path, seen in after.items()},
    )
    return sorted(
        path
        for path in states[0].keys() | states[1].keys()
        if states[0].get(path) != states[1].get(path) and not path.startswith("/etc/ssl/mail")
    )


@contextlib.contextmanager
def correspondents(network, stay, come, **more):
    """Clients connect all the time; afterwards the list has what they met."""
    found = []
    with network.popen(
        [sys.executable, "-I", HERE / "correspondents.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        process.stdin.write(json.dumps({"stay": stay, "come": come, **more}) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        yield found
        process.stdin.close()
        found.append(json.loads(process.stdout.read()))
