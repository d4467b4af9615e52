# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the code relies on: Dovecot's own behaviour, systemd or none, and the boot."""

from __future__ import annotations

import pytest

from support.fleet.commands import wait_until

from .dovecot_hosts import HOST, LOCAL, SUITES, DovecotHost, listener


def test_dovecot_behaves_as_this_code_expects(dovecot, clients, other_certificates):
    """If one of these facts changes, our code may do too much, or not enough."""
    host, (b, c, _d) = dovecot.host, other_certificates
    old = dovecot.release == "2.3"
    where = "address" if old else "listen"

    def with_settings(text):
        host.write(LOCAL, text)
        return host.run("doveconf -n", check=False)

    with dovecot.configured(""):
        # neither an address that is away nor one beside the wildcard is seen by the checker
        for text in ("198.51.100.250", "127.0.0.1"):
            assert (
                with_settings(
                    "service imap-login {\n inet_listener x {\n  %s = %s\n  port = 993\n }\n}\n"
                    % (where, text)
                ).returncode
                == 0
            )
        # the other version's name of the setting
        wrong = with_settings(
            "service imap-login {\n inet_listener x {\n  %s = 127.0.0.1\n  port = 1993\n }\n}\n"
            % ("listen" if old else "address")
        )
        assert wrong.returncode != 0 and "Unknown setting" in wrong.stderr
        with_settings("")
        # absolute includes are followed from a copy to the live files
        host.run(
            "rm -rf /tmp/copy; cp -a /etc/dovecot /tmp/copy; echo 'broken {' "
            ">/tmp/copy/part.conf; echo >/etc/dovecot/part.conf; "
            "echo '!include /etc/dovecot/part.conf' >>/tmp/copy/dovecot.conf; doveconf -n -c "
            "/tmp/copy/dovecot.conf; rm /etc/dovecot/part.conf"
        )
        # 2.3 prints private keys
        assert ("PRIVATE KEY" in host.run("doveconf -nxP").stdout) == old
        # a certificate in a service's listener is not heard of
        if not old:
            assert (
                with_settings(
                    "service imap-login {\n  inet_listener imaps {\n%s  }\n}\n" % dovecot.ssl(*b[0])
                ).returncode
                == 0
            )
            dovecot("activate")
            assert clients.served_certificate(host.four, 993) == host.facts["fingerprint"]
        # ssl = no takes an address's TLS down, and everybody's TLS listeners go with the global one
        with_settings("ssl = no\n")
        dovecot("activate")
        assert {port for _address, port in dovecot.sockets()} == {143, 110}
        if not old:
            # a block for all addresses of one family is one for both
            with_settings("local 0.0.0.0/0 {\n%s}\n" % dovecot.ssl(*b[0]))
            dovecot("activate")
            assert clients.served_certificate(host.six, 993) == b[1]
            # a repeated block is merged into the first
            narrow, net, again = (
                f"local {local} {{\nprotocol imap {{\n{dovecot.ssl(*files)}}}\n}}\n"
                for local, files in (
                    (host.four, HOST),
                    (host.four + "/24", b[0]),
                    (host.four, c[0]),
                )
            )
            with_settings(narrow + net + again)
            dovecot("activate")
            assert clients.served_certificate(host.four, 993) == b[1]


@pytest.mark.parametrize("suite", SUITES)
def test_host_without_systemd(suite, make_host, clients):
    host = make_host("bare-" + suite, suite, init="plain")
    dovecot = DovecotHost(host)
    assert not dovecot("read")["running"]
    assert dovecot("activate", how="start")["failed"] == ""
    told = dovecot("stop")
    assert told["failed"] == "" and not told["running"] and told["live"] == []
    assert dovecot("activate", how="start")["failed"] == ""
    dovecot.done([listener(host.addresses[0], 993), listener(host.addresses[1], 143)])
    assert clients.served_certificate(host.addresses[0], 993) == host.facts["fingerprint"]
    for how in ("restart", "reload"):
        host.run("kill -9 $(cat /run/dovecot/master.pid)")
        told = dovecot("activate", how=how)
        assert told["failed"] == "" and told["running"] and told["live"] == told["sockets"], told
    assert dovecot("apply", wanted=None)["live"] == sorted(map(list, dovecot.sockets()))


@pytest.mark.parametrize("suite", SUITES)
def test_reboot_with_tentative_addresses(suite, make_host, clients):
    host = make_host("boot-" + suite, suite, dad=True)
    dovecot = DovecotHost(host)
    host.wait_for_addresses()
    wanted = [
        listener(host.addresses[0], 993),
        listener(host.addresses[1], 993),
        listener(host.addresses[1], 143),
    ]
    dovecot.done(wanted)
    for power_cut in (False, True):
        host.reboot(power_cut=power_cut)
        assert wait_until(
            lambda: {(entry["address"], entry["port"]) for entry in wanted} <= dovecot.sockets(),
            20,
        ), host.journal()
        for address in host.addresses:
            assert clients.served_certificate(address, 993) == host.facts["fingerprint"]
    dovecot("apply", wanted=None)
    assert not host.exists("/etc/systemd/system/dovecot.service.d")
