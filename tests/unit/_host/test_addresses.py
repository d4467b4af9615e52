# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can a server listen on this address? Asked of the kernel, not of a list of interfaces."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import addresses


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "0.0.0.0"])
def test_one_can_listen_on_what_can_be_bound(address):
    assert addresses.cannot_listen(address, floating=False) == ""


@pytest.mark.parametrize("address", ["203.0.113.77", "2001:db8::77"])
def test_an_address_that_is_not_here_is_named_with_three_ways_out(address):
    reason = addresses.cannot_listen(address, floating=False)
    assert reason.startswith(address + " is not an address of this host")
    assert all(
        way in reason for way in ("add it to an interface", "floating", "require_local_address")
    )


def test_a_link_local_address_is_no_address_without_its_interface():
    assert "link-local" in addresses.cannot_listen("fe80::77", floating=False)


@pytest.mark.parametrize(
    "address, sysctl",
    [("203.0.113.77", "net.ipv4.ip_nonlocal_bind"), ("2001:db8::77", "net.ipv6.ip_nonlocal_bind")],
)
def test_a_floating_address_may_be_away_where_the_kernel_lets_servers_bind_it(
    address, sysctl, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        addresses, "_may_bind_nonlocal", lambda family: asked.append(family) or True
    )
    assert addresses.cannot_listen(address, floating=True) == ""
    monkeypatch.setattr(addresses, "_may_bind_nonlocal", lambda family: False)
    assert sysctl in addresses.cannot_listen(address, floating=True)
    assert asked == [sysctl.split(".")[1]]


def test_the_kernel_s_answer_is_read():
    with open("/proc/sys/net/ipv4/ip_nonlocal_bind", encoding="ascii") as file:
        assert addresses._may_bind_nonlocal("ipv4") == (file.read() == "1\n")
    assert addresses._may_bind_nonlocal("ipx") is False


@pytest.mark.parametrize(
    "address, here",
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("203.0.113.77", False),
        ("2001:db8::77", False),
        ("fe80::77", False),
    ],
)
def test_an_address_is_here_or_away(address, here):
    assert addresses.is_here(address) is here


def test_an_address_is_away_also_where_servers_may_bind_to_it(monkeypatch):
    """As with net.ipv4.ip_nonlocal_bind, which floating addresses need: that one can bind to it says nothing then."""
    monkeypatch.setattr(addresses, "cannot_listen", lambda address, floating: "")
    assert not addresses.is_here("203.0.113.77") and not addresses.is_here("2001:db8::77")


def in_a_namespace(addresses, code):
    """Run Python there, with two interfaces that are each other's network: dum0 and dum1."""
    script = (
        "set -e; ip link set lo up; ip link add dum0 type veth peer name dum1; ip link set dum0 up; ip link set dum1 up; "
        + addresses
        + '; "$1" -c "$2"'
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [
            "unshare",
            "--net",
            "sh",
            "-c",
            script,
            "sh",
            sys.executable,
            "from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import cannot_listen, is_here\n"
            + code,
        ],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if "Operation not permitted" in done.stdout or "not found" in done.stdout:
        pytest.skip("no network namespaces here, or no ip(8): " + done.stdout[-200:])
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="an interface of its own needs root")
def test_every_address_of_an_interface_is_here_not_only_its_first():
    """What a host sends to its second address of a subnet comes from the first."""
    in_a_namespace(
        "ip addr add 198.51.100.1/24 dev dum0; ip addr add 198.51.100.2/24 dev dum0; "
        "ip addr add 2001:db8:51::1/64 dev dum0 nodad; ip addr add 2001:db8:51::2/64 dev dum0 nodad",
        "for n in ('198.51.100.1', '198.51.100.2', '2001:db8:51::1', '2001:db8:51::2', '127.0.0.9', '::1'): assert is_here(n), n\n"
        "for n in ('198.51.100.3', '198.51.100.0', '2001:db8:51::3'): assert not is_here(n), n\n",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="an interface of its own needs root")
@pytest.mark.once
def test_an_address_that_was_added_a_moment_ago_is_waited_for():
    """Until duplicate address detection has ended nobody can bind to it: a server that reloads would die of it."""
    in_a_namespace(
        "ip addr add 2001:db8:51::1/64 dev dum0",
        "import socket, time\n"
        "try: socket.create_server(('2001:db8:51::1', 25), family=socket.AF_INET6); assert False, 'not tentative'\n"
        "except OSError: pass\n"
        "began = time.monotonic()\n"
        "assert cannot_listen('2001:db8:51::1', floating=False) == ''\n"
        "assert time.monotonic() - began > 0.1\n"
        "socket.create_server(('2001:db8:51::1', 25), family=socket.AF_INET6)\n",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="an interface of its own needs root")
def test_an_address_that_another_host_has_too_is_said_to_be_a_duplicate():
    said = in_a_namespace(
        "unshare --net sleep 20 & other=$!; trap 'kill $other' EXIT; "
        'while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done; '
        'ip link set dum1 netns $other; inside="nsenter --net --target $other"; $inside ip link set dum1 up; '
        "$inside ip addr add 2001:db8:51::1/64 dev dum1 nodad; ip addr add 2001:db8:51::1/64 dev dum0",
        "print(cannot_listen('2001:db8:51::1', floating=False))",
    )
    assert said.startswith("2001:db8:51::1 can't be used, because another host")
