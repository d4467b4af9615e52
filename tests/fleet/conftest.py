# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fleet tests share: hosts with real mail servers, people's clients, Ansible over SSH.

A host takes about two seconds to start, so a test file makes its hosts once, in fixtures of module
scope, with make_host. Its tests go on from what the one before left, or restore things.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import pathlib

import pytest

from support import pki
from support.fleet import isolation
from support.fleet.clients import Clients
from support.fleet.host import Host
from support.fleet.mail import mail_host
from support.fleet.network import Network
from support.fleet.playing import ROOT, Player

from . import dovecot_hosts, postfix_hosts

#: Fixtures of Dovecot's tests, which are in several files.
dovecot_host = dovecot_hosts.dovecot_host
dovecot = dovecot_hosts.dovecot
other_certificates = dovecot_hosts.other_certificates
#: And those of Postfix's.
postfix_host = postfix_hosts.postfix_host
postfix = postfix_hosts.postfix
postfix_certificates = postfix_hosts.postfix_certificates

HERE = pathlib.Path(__file__).resolve().parent


@functools.lru_cache(maxsize=None)
def why_not_here():
    return isolation.why_not_here()


#: Those that take longest begin first, so that no worker is left alone with one at the end.
LONGEST = (
    *("rollout", "rollback", "postfix_load", "renewal", "mail_listeners", "upkeep"),
    *("dovecot_adopting", "dovecot_load", "role", "postfix_limits", "drift", "interrupted_run"),
    *("listeners_info", "at_risk", "next_start", "transitions", "sandboxes"),
)


def pytest_collection_modifyitems(items):
    order = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("fleet")
            if why_not_here():
                item.add_marker(pytest.mark.skip(reason=f"HOSTS NOT TESTED: {why_not_here()}"))


def pytest_terminal_summary(terminalreporter):
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if "HOSTS NOT TESTED" in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.write_sep(
            "!", f"{len(skipped)} FLEET TESTS WERE SKIPPED: {why_not_here()}", red=True
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """What the hosts of a test that failed said last."""
    report = yield
    running = _networks[-1].hosts.values() if _networks else ()
    if report.failed and HERE in item.path.parents:
        report.sections += [(f"{host.name}, {host.suite}", host.journal(40)) for host in running]
    return report


_networks = []


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """The network that all hosts are on."""
    made = Network(tmp_path_factory.mktemp("fleet"), ROOT / ".venv" / "hosts")
    _networks.append(made)
    try:
        yield made.up()
    finally:
        made.down()
        _networks.remove(made)


@pytest.fixture(scope="session")
def authority():
    """Issues the certificates, and is trusted by the clients.

    See C(pki.Authority), C(mail.put_certificate).
    """
    return pki.Authority()


@pytest.fixture(scope="session")
def clients(network, authority):
    """People's mail programs, on another host than the servers."""
    (network.folder / "ca.pem").write_bytes(pki.certificate_bytes(authority.root))
    return Clients(network, network.folder / "ca.pem")


@pytest.fixture(scope="session")
def play(network):
    """Run tasks, or a playbook, on hosts: play([{...}, ...], hosts) -> Played."""
    player = Player(network, os.environ.get("ANSIBLE_COLLECTIONS_PATH"), forking=True)
    yield player
    player.close()


@pytest.fixture(scope="module")
def make_host(network, authority):
    """make_host(name, suite, addresses, mail=True, ...): a host that is up until the module's end.

    See C(host.Host), C(mail.mail_host).
    """
    names = []

    def make(name, suite="bookworm", addresses=(), mail=True, **options):
        names.append(name)
        if mail:
            return mail_host(network, name, authority, suite, addresses, **options)
        return Host(network, name, suite, addresses, **options).up()

    yield make
    for name in names:
        # Also one that did not come up.
        if name in network.hosts:
            network.hosts[name].down()


@pytest.fixture(scope="module")
def make_hosts(make_host):
    """The same for several at a time: make_hosts({"name": ..., ...}, ...) -> list."""

    def make(*wanted):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda options: make_host(**options), wanted))

    return make
