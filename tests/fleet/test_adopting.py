# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host has been set up with is read, declared as it is, and changes nothing."""

from __future__ import annotations

import contextlib
import re

import pytest

from support.fleet.declaring import PORTS
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, put_certificate


@pytest.fixture(name="host", scope="module", params=["bookworm", "trixie"])
def _host(request, make_host):
    return make_host("own-" + request.param, request.param, dad=False)


@contextlib.contextmanager
def answering_on_25(host, entries):
    """Postfix with these entries in place of the stock one for port 25; then as before."""
    original = host.read("/etc/postfix/master.cf")
    changed, count = re.subn("(?m)^smtp +inet .*\n", entries, original)
    assert count == 1

    def put(text):
        host.write("/etc/postfix/master.cf", text)
        host.run("touch --date='1 hour ago' /etc/postfix/master.cf; postfix reload")

    put(changed)
    try:
        yield
    finally:
        put(original)


def test_adopting_a_setup_changes_no_byte_and_reloads_nothing(host, play):
    tree = host.snapshot(
        "/etc/postfix", "/etc/dovecot", "/etc/default", "/etc/ldap", "/etc/systemd"
    )
    sockets = host.listening()
    started = host.run("ps -o lstart= -C master,dovecot,slapd").stdout
    played = play(
        [
            {
                "name": "read",
                "mailops.bindings.mail_bindings_info": {"source": "servers"},
                "register": "servers",
            },
            {
                "name": "adopt",
                "mailops.bindings.mail_listeners": {
                    "ports": "{{ servers.ports }}",
                    "ip_addresses": "{{ servers.ip_addresses }}",
                    "exclusive": True,
                    "check_certificate": False,
                },
            },
            {"name": "again", "mailops.bindings.mail_listeners": {}},
            {
                "name": "drop",
                "ansible.builtin.file": {"path": "/etc/mail-bindings", "state": "absent"},
            },
        ],
        host,
    )
    assert not played.failed, played.output
    addresses = {entry["address"]: entry["ports"] for entry in played["read"]["ip_addresses"]}
    assert set(addresses) == {"0.0.0.0", "::"}
    assert {"SMTP", "Submission", "IMAP", "IMAPS", "POP3", "POP3S", "LDAP"} <= set(
        addresses["0.0.0.0"]
    )
    assert {change["kind"] for change in played["adopt"]["changes"]} == {"port", "ip_binding"}, (
        played["adopt"]["changes"]
    )
    assert set(played["adopt"]["activation"].values()) == {"none"}
    assert played["again"]["changes"] == []
    assert (
        host.snapshot("/etc/postfix", "/etc/dovecot", "/etc/default", "/etc/ldap", "/etc/systemd")
        == tree
    )
    assert host.listening() == sockets
    assert host.run("ps -o lstart= -C master,dovecot,slapd").stdout == started


def test_addresses_in_a_setup_are_adopted_and_given_back(host, play, authority):
    """With two certificates, as many have them: an RSA one for old clients."""
    four, six = (address.split("/")[0] for address in host.addresses)
    put_certificate(
        host, authority, "/etc/ssl/mail/rsa.pem", "/etc/ssl/mail/rsa.key", kind="rsa-2048"
    )
    files = {
        "cert": "/etc/ssl/mail/rsa.pem",
        "key": "/etc/ssl/mail/rsa.key",
        "eccert": CERTIFICATE,
        "eckey": PRIVATE_KEY,
    }
    options = "".join(f"  -o smtpd_tls_{name}_file={path}\n" for name, path in files.items())
    chain_files = f"/etc/ssl/mail/rsa.key,/etc/ssl/mail/rsa.pem,{PRIVATE_KEY},{CERTIFICATE}"
    chains = f"  -o smtpd_tls_chain_files={chain_files}\n"
    with answering_on_25(
        host,
        f"{four}:smtp inet n - y - - smtpd\n{options}[{six}]:25 inet n - y - - smtpd\n{chains}",
    ):
        before = host.snapshot("/etc")
        played = play(
            [
                {
                    "name": "read",
                    "mailops.bindings.mail_bindings_info": {"source": "servers"},
                    "register": "servers",
                },
                {
                    "name": "adopt",
                    "mailops.bindings.mail_listeners": {
                        "ports": "{{ servers.ports }}",
                        "ip_addresses": "{{ servers.ip_addresses }}",
                        "exclusive": True,
                        "check_certificate": False,
                    },
                },
                {"name": "back", "mailops.bindings.mail_listeners": {"state": "absent"}},
                {
                    "name": "drop",
                    "ansible.builtin.file": {"path": "/etc/mail-bindings", "state": "absent"},
                },
            ],
            host,
        )
        assert not played.failed, played.output
        assert {four: ["SMTP"], six: ["SMTP"]}.items() <= {
            entry["address"]: entry["ports"] for entry in played["read"]["ip_addresses"]
        }.items()
        assert {change["kind"] for change in played["adopt"]["changes"]} == {
            "port",
            "ip_binding",
        }, played["adopt"]["changes"]
        assert not played["back"].changed
        after = host.snapshot("/etc")
        assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == {
            "/etc"
        }  # a folder came and went


def test_a_wildcard_becomes_an_address_that_postscreen_greets_late(host, play):
    """By Debian's mynetworks postscreen greets loopback at once, other addresses after six seconds.

    The entry for urd, a name of 465 in /etc/services, is removed meanwhile.
    """
    with answering_on_25(
        host,
        "urd inet n - y - - smtpd\n"
        "smtp inet n - y - 1 postscreen\n"
        "smtpd pass - - y - - smtpd\n"
        "dnsblog unix - - y - 0 dnsblog\n"
        "tlsproxy unix - - y - 0 tlsproxy\n",
    ):
        before = host.read("/etc/postfix/master.cf")
        task = {
            "servers": ["postfix"],
            "exclusive": True,
            "ports": PORTS[:1],
            "ip_addresses": [{"address": host.address, "ports": ["SMTP"]}],
        }
        played = play(
            [
                {"name": "done", "mailops.bindings.mail_listeners": task},
                {"name": "again", "mailops.bindings.mail_listeners": task},
                {"name": "back", "mailops.bindings.mail_listeners": {"state": "absent"}},
                {
                    "name": "drop",
                    "ansible.builtin.file": {"path": "/etc/mail-bindings", "state": "absent"},
                },
            ],
            host,
        )
        assert not played.failed, played.output
        assert (f"{host.address}:25", "ok") in [
            (listener["name"], listener["status"]) for listener in played["done"]["listeners"]
        ]
        assert not played["again"].changed
        assert host.read("/etc/postfix/master.cf") == before
