# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What our files say survives IPv6 that is switched off, edits, and an upgrade of the server."""

from __future__ import annotations

import pytest

from support.fleet.commands import run as run_here
from support.fleet.declaring import DEFAULTS, MASTER_CF, MODULE, declared, sockets

from .dovecot_hosts import OUR_FILE, different

WANTED = declared("SMTP", "IMAPS", "LDAP")
NUMBERS = {25, 993, 389}
SERVERS = "postfix dovecot slapd"
OURS = (MASTER_CF, OUR_FILE, DEFAULTS)
#: What an edit leaves in our parts, so that no server starts with them.
EDITS = f"""
sed -i '0,/^# mailops.bindings end/s//garbage here\\n&/' {MASTER_CF}
echo 'no_such_setting = 1' >>{OUR_FILE}
sed -i 's/^SLAPD_SERVICES=/export &"$X /' {DEFAULTS}
"""


@pytest.fixture(scope="module")
def hosts(make_hosts):
    """Debian 12 and 13."""
    made = make_hosts(
        {"name": "next-12", "suite": "bookworm"}, {"name": "next-13", "suite": "trixie"}
    )
    for host in made:
        host.facts["before"] = host.snapshot("/etc"), sockets(host)
    return made


@pytest.fixture
def run(play, hosts):
    """run(options, …) -> the results of these hosts: it must go well, or all must fail."""

    def runs(options, fails=False, on=hosts, **playing):
        found = play([{"name": "run", MODULE: options}], on, **playing)
        assert len(found) == len(on) and all(result.failed == fails for result in found), found
        return [result for host in on for result in found.of(host)]

    return runs


def ipv6(host, on):
    setting = f"net.ipv6.conf.all.disable_ipv6={0 if on else 1}"
    run_here(["ip", "netns", "exec", host._namespace, "sysctl", "-qw", setting])
    for address in host.addresses[1:] if on else ():
        host._put_address(address)


def restarted(host):
    """The sockets of mail after a restart of all three servers."""
    host.run(f"systemctl reset-failed {SERVERS} 'postfix@*'; systemctl restart {SERVERS}")
    return {(address, port) for address, port in sockets(host) if port in NUMBERS}


def assert_given_back(host):
    before, listening = host.facts["before"]
    found = different(before, host.snapshot("/etc"))
    ours = "/etc/mail-bindings", "/etc/ldap/slapd.d"  # the config stays; slapd writes the time
    assert [path for path in found if not path.startswith(ours)] == []
    assert sockets(host) == listening


def test_host_on_which_only_ipv4_is_declared_starts_without_ipv6(hosts, run):
    for host, result in zip(hosts, run(WANTED)):
        removed = {each["name"] for each in result["changes"] if each["action"] == "remove"}
        assert {"[::]:25", "[::1]:25", "[::1]:389", "[::1]:993"} <= removed
        expected = {(address, port) for address in (host.address, "127.0.0.1") for port in NUMBERS}
        ipv6(host, on=False)
        assert restarted(host) == expected, host.journal()


def test_stopped_server_whose_files_have_loopback_of_ipv6_is_told_so(hosts, run):
    """As files that an earlier release of this collection wrote may have it."""
    for host in hosts:
        host.run(f"sed -Ei 's/(address|listen) = 127.0.0.1$/& ::1/' {OUR_FILE}")
        host.run("systemctl restart dovecot", check=False)
        assert not host.listens_on(993)
    for result in run(WANTED, fails=True, check=True):
        assert "Dovecot is not running, and can't start: its files have [::1]:" in result["msg"]
        assert "IPv6 is switched off" in result["msg"]
    run({**WANTED, "start": True})
    for host in hosts:
        assert (host.address, 993) in sockets(host) and ("::1", 993) not in sockets(host)
        ipv6(host, on=True)


def test_parts_of_ours_that_an_edit_broke_are_written_anew_and_given_back(hosts, run):
    written = {host: [host.read(path) for path in OURS] for host in hosts}
    for host in hosts:
        host.run(EDITS)
        assert not any(text == host.read(path) for path, text in zip(OURS, written[host]))
    assert all(result["changes"] for result in run(WANTED, check=True))
    run(WANTED)
    for host in hosts:
        assert [host.read(path) for path in OURS] == written[host]
        assert restarted(host) >= {(host.address, port) for port in NUMBERS}, host.journal()
        host.run(EDITS)
    run({"state": "absent"})
    for host in hosts:
        assert_given_back(host)


def test_dovecot_file_of_the_older_release_is_written_for_the_newer_one(hosts, run):
    """As after an upgrade of the distribution: Dovecot does not start with it."""
    old, new = hosts
    wanted = declared("IMAPS", servers=["dovecot"])
    run(wanted)
    text, right = old.read(OUR_FILE).replace(old.address, new.address), new.read(OUR_FILE)
    assert "address = " in text and "listen = " in right

    def upgrade(more=""):
        new.write(OUR_FILE, text + more)
        new.run("systemctl restart dovecot", check=False)
        assert not new.listens_on(993)

    upgrade()
    (result,) = run({**wanted, "start": True}, on=[new])
    assert result["changes"] and new.read(OUR_FILE) == right
    assert (new.address, 993) in sockets(new)
    upgrade("ssl_min_protocol = TLSv1.2\n")  # which 2.4 has not either
    run({"state": "absent"})
    new.run(["systemctl", "restart", "dovecot"])
    new.wait_for_ports(993)
    for host in hosts:
        assert_given_back(host)
