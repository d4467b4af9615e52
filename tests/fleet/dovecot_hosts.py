# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot on hosts of Debian 12 (2.3) and 13 (2.4), driven by our class: helpers and fixtures."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys

import pytest

from support.fleet.driving import PYTHON, DrivenServer
from support.fleet.mail import CERTIFICATE, PASSWORDS, PRIVATE_KEY, put_certificate

HERE = pathlib.Path(__file__).parent
HOST = (CERTIFICATE, PRIVATE_KEY)
STOCK = {143: "imap", 993: "imap", 110: "pop", 995: "pop"}
OUR_FILE = "/etc/dovecot/conf.d/99-mailops.bindings.conf"
BESIDE = "/etc/dovecot/mailops.bindings.conf"
READINGS = "/root/dovecot_readings.py"
LOCAL = "/etc/dovecot/local.conf"  # included by Debian's dovecot.conf if it exists
SUITES = ["bookworm", "trixie"]


class DovecotHost(DrivenServer):
    """A host, and our class of Dovecot on it."""

    server = "dovecot"
    programs = ("dovecot", "imap-login", "pop3-login", "lmtp")

    def __init__(self, host):
        super().__init__(host)
        self.release = host.run(["dovecot", "--version"]).stdout[:3]
        host.write(READINGS, (HERE / "dovecot_readings.py").read_text(encoding="utf-8"))

    def readings(self):
        """See C(dovecot_readings)."""
        return json.loads(self.host.run(f"{PYTHON} {READINGS}").stdout)

    def done(self, wanted, **options):
        """Apply a declaration: it does what it planned, and has nothing left to do."""
        answer = super().done(wanted, **options)
        assert self.readings()["differences"] == []
        return answer

    def ssl(self, certificate, key):
        """The settings for a certificate."""
        names = (
            ("ssl_cert = <", "ssl_key = <")
            if self.release == "2.3"
            else ("ssl_server_cert_file = ", "ssl_server_key_file = ")
        )
        return f"{names[0]}{certificate}\n{names[1]}{key}\n"

    @contextlib.contextmanager
    def configured(self, text, path=LOCAL):
        """With this in Dovecot's configuration."""
        before = self.host.read(path) if self.host.exists(path) else None
        self.host.write(path, text)
        try:
            yield
        finally:
            if before is None:
                self.host.run(["rm", path])
            else:
                self.host.write(path, before)
            self("activate", how="restart")


def listener(address, port, encryption=None, files=HOST, protocol=None):
    encryption = encryption or ("ssl" if port in (993, 995) else "tls")
    made = {
        "address": address,
        "port": port,
        "protocol": protocol or STOCK[port],
        "encryption": encryption,
    }
    return (
        made
        if encryption == "none"
        else {**made, "certificate_path": files[0], "private_key_path": files[1]}
    )


@pytest.fixture(scope="module", params=SUITES)
def dovecot_host(request, make_host):
    host = make_host("dovecot-" + request.param, request.param)
    host.four, host.six = host.addresses
    for address in host.network.next_addresses():
        host.add_address(address)
    host.four2, host.six2 = host.addresses[2:]
    return DovecotHost(host)


@pytest.fixture
def dovecot(dovecot_host):
    """A host with Dovecot; afterwards the host is as before."""
    before = dovecot_host.host.snapshot("/etc")
    yield dovecot_host
    told = dovecot_host("apply", wanted=None)
    assert not told["failed"] and told["live"] == told["sockets"], told
    assert different(before, dovecot_host.host.snapshot("/etc")) == []


@pytest.fixture(scope="module")
def other_certificates(dovecot_host, authority):
    """Three more certificates for the host: their files, and what a client should see."""
    found = []
    for name in ("b", "c", "d"):
        files = f"/etc/ssl/mail/{name}.pem", f"/etc/ssl/mail/{name}.key"
        found.append((files, put_certificate(dovecot_host.host, authority, *files, which=name)))
    return found


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
        if states[0].get(path) != states[1].get(path)
        and not path.startswith(("/etc/ssl/mail", "/etc/systemd/system/dovecot.service.d/."))
    )


@contextlib.contextmanager
def guests(network, stay, come, **more):
    """Clients connect all the time; afterwards the list has what they met."""
    found = []
    order = {"stay": stay, "come": come, "user": "alice", "password": PASSWORDS["alice"], **more}
    with network.popen(
        [sys.executable, "-I", HERE / "guests.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        yield found
        process.stdin.close()
        found.append(json.loads(process.stdout.read()))
