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

from support.fleet.mail import CERTIFICATE, PASSWORDS, PRIVATE_KEY, put_certificate
from support.fleet.playing import ROOT

PLACE = "/root/c/ansible_collections/mailops/bindings/plugins"
HERE = pathlib.Path(__file__).parent
PYTHON = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/root/c exec python3"
HOST = (CERTIFICATE, PRIVATE_KEY)
STOCK = {143: "imap", 993: "imap", 110: "pop", 995: "pop"}
OUR_FILE = "/etc/dovecot/conf.d/99-mailops.bindings.conf"
BESIDE = "/etc/dovecot/mailops.bindings.conf"
LOCAL = "/etc/dovecot/local.conf"  # included by Debian's dovecot.conf if it exists
SUITES = ["bookworm", "trixie"]


class DovecotHost:
    """A host, and our class on it."""

    def __init__(self, host):
        self.host = host
        self.release = host.run(["dovecot", "--version"]).stdout[:3]
        archive = subprocess.run(
            ["tar", "-cf", "-", "module_utils"],
            cwd=ROOT / "plugins",
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        host.run(f"mkdir -p {PLACE}; tar -xf - -C {PLACE}", archive, encoding=None, errors=None)
        for name in ("driver.py", "dovecot_readings.py"):
            host.write("/root/" + name, (HERE / name).read_text(encoding="utf-8"))

    def __call__(self, do, **order):
        return self.many({"do": do, **order})[0]

    def many(self, *orders):
        lines = "".join(json.dumps(order) + "\n" for order in orders)
        answers = self.host.run(f"{PYTHON} /root/driver.py dovecot", lines, timeout=180).stdout
        return list(map(json.loads, answers.splitlines()))

    def readings(self):
        """See C(dovecot_readings)."""
        return json.loads(self.host.run(f"{PYTHON} /root/dovecot_readings.py").stdout)

    def done(self, wanted, **options):
        """Apply a declaration: it does what it foresaw, and has nothing left to do."""
        told, again = self.many(*[{"do": "apply", "wanted": wanted, "options": options}] * 2)
        assert told["refusals"] == [] and told["failed"] == "", told
        assert sorted_by_place(told["listeners"]) == sorted_by_place(told["foreseen"])
        assert told["live"] == told["sockets"] == told["planned"]
        assert again["steps"] == [] and again["live"] == told["live"]
        assert self.sockets() == set(map(tuple, told["live"]))
        assert self.readings()["differences"] == []
        return told

    def sockets(self):
        """What the kernel says, by ss."""
        names = ("dovecot", "imap-login", "pop3-login", "lmtp")
        return {
            ("0.0.0.0" if address == "*" else address, port)
            for address, port, program in self.host.listening()
            if program in names
        }

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


def sorted_by_place(listeners):
    return sorted(listeners, key=lambda entry: (entry["address"], entry["port"]))


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
