# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declared listeners of Dovecot, looked at from another host."""

from __future__ import annotations

import pytest

from support.fleet.clients import Refused
from support.fleet.driving import by_place
from support.fleet.mail import PASSWORDS, put_certificate

from .dovecot_hosts import BESIDE, HOST, OUR_FILE, STOCK, listener


def test_debian_s_configuration_is_read(dovecot):
    told = dovecot("read")
    assert by_place(told["listeners"]) == by_place(
        [
            {**listener(address, port), "hostname": "", "floating": False, "port_name": ""}
            for address in ("0.0.0.0", "::")
            for port in STOCK
        ]
    )
    assert told["unmapped"] == [] and told["config_path"] == "" and told["running"]
    assert set(map(tuple, told["sockets"])) == dovecot.sockets()


def test_declaring_what_was_read_changes_nothing(dovecot):
    assert dovecot.done("what it has")["steps"] == []


def test_addresses_have_ports_and_certificates_of_their_own(dovecot, other_certificates, clients):
    host, (b, c, d) = dovecot.host, other_certificates
    wanted = [
        listener(host.four, 993),
        listener(host.four, 143),
        listener(host.four, 995, files=b[0]),
        listener(host.four2, 993, files=c[0]),
        listener(host.four2, 1143, protocol="imap", files=c[0]),
        listener(host.four2, 110, "none"),
        listener(host.six, 143, files=d[0]),
        listener(host.six2, 995, files=b[0]),
        listener(host.six2, 1993, "ssl", files=d[0], protocol="imap"),
    ]
    told = dovecot.done(wanted)
    assert told["steps"] == [
        [OUR_FILE, "/etc/systemd/system/dovecot.service.d/mailops.bindings.conf"]
    ]
    assert {place for place in dovecot.sockets() if place[0] not in ("127.0.0.1", "::1")} == {
        (entry["address"], entry["port"]) for entry in wanted
    }
    prints = {
        HOST[0]: host.facts["fingerprint"],
        **{files[0]: seen for files, seen in other_certificates},
    }
    for entry in wanted:
        if entry["encryption"] != "none":
            starttls = (
                None
                if entry["encryption"] == "ssl"
                else {"imap": "imap", "pop": "pop3"}[entry["protocol"]]
            )
            for name in (None, host.fqdn, "another.example"):
                assert (
                    clients.served_certificate(entry["address"], entry["port"], starttls, name)
                    == prints[entry["certificate_path"]]
                ), (entry, name)

    clients.smtp_send(
        host.four, "hello", "bob@example.test", user="alice", password=PASSWORDS["alice"]
    )
    for address, port, tls in (
        (host.four, 993, "ssl"),
        (host.four, 143, "starttls"),
        (host.four2, 1143, "starttls"),
        (host.six2, 1993, "ssl"),
    ):
        assert (
            len(
                clients.imap_fetch(
                    address, "bob", PASSWORDS["bob"], "hello", port, tls, name=host.fqdn
                )
            )
            >= 1
        )
    for address in (host.four, host.six2):
        assert "hello" in clients.pop_list(address, "bob", PASSWORDS["bob"], 995, name=host.fqdn)
    with pytest.raises(Refused):
        clients.imap_fetch(host.six, "bob", PASSWORDS["bob"], port=993)
    assert host.run(
        "printf 'a LOGOUT\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/143; cat >&3; "
        "cat <&3'"
    ).stdout.startswith("* OK")


def test_wildcards_have_a_certificate_for_each_family(dovecot, other_certificates, clients):
    host, (b, c, _d) = dovecot.host, other_certificates
    dovecot.done(
        [
            listener("0.0.0.0", 993, files=b[0]),
            listener("::", 993, files=c[0]),
            listener(host.four, 995),
        ]
    )
    assert clients.served_certificate(host.four2, 993) == b[1]
    assert clients.served_certificate(host.six2, 993) == c[1]
    assert clients.served_certificate(host.four, 995) == host.facts["fingerprint"]


def test_loopback_goes_without_keep_loopback(dovecot):
    dovecot.done([listener(dovecot.host.four, 993)], keep_loopback=False)
    assert dovecot.sockets() == {(dovecot.host.four, 993)}


def test_renewed_certificate_is_served_after_a_reload(dovecot, authority, clients):
    host, files = dovecot.host, ("/etc/ssl/mail/renewed.pem", "/etc/ssl/mail/renewed.key")
    old = put_certificate(host, authority, *files, which="first")
    dovecot.done([listener(host.four, 993, files=files)])
    assert clients.served_certificate(host.four, 993) == old
    new = put_certificate(host, authority, *files, which="second")
    assert clients.served_certificate(host.four, 993) == old
    assert dovecot("activate")["failed"] == ""
    assert clients.served_certificate(host.four, 993) == new


def test_our_file_is_read_after_all_others(dovecot, other_certificates, clients):
    """If local.conf or another file comes after conf.d, ours comes after that."""
    host, (b, _c, _d) = dovecot.host, other_certificates
    with dovecot.configured(
        "service imap-login {\n  inet_listener imaps {\n    port = 993\n  }\n}\n"
    ):
        told = dovecot.done([listener(host.four, 993, files=b[0])])
        assert [path for path in told["steps"][0] if "systemd" not in path] == [
            "/etc/dovecot/dovecot.conf",
            BESIDE,
        ]
        assert clients.served_certificate(host.four, 993) == b[1]
        assert dovecot("apply", wanted=None)["failed"] == ""


def test_our_file_names_its_config(dovecot):
    host = dovecot.host
    dovecot.done([listener(host.four, 993)], config_path="/srv/a b/bindings.json")
    assert dovecot("read")["config_path"] == "/srv/a b/bindings.json"
    assert "mailops.bindings" in host.read(OUR_FILE).splitlines()[0]
