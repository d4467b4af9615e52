# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postfix as it is set up is read as it listens, and is left alone where it is declared so."""

from __future__ import annotations

from support.fleet.driving import by_place

from .postfix_hosts import HOST, LOOPBACK, MAIN, MASTER, listener


def test_configured_listeners_are_read(postfix):
    told = postfix("read")
    assert by_place(told["listeners"]) == by_place(
        [
            {**listener(address, port), "hostname": "", "floating": False, "port_name": ""}
            for address in ("0.0.0.0", "::")
            for port in (25, 587)
        ]
    )
    assert told["unmapped"] == [] and told["config_path"] == "" and told["running"]
    assert set(map(tuple, told["sockets"])) == postfix.sockets()


def test_declaring_what_was_read_changes_nothing(postfix):
    assert [
        step for step in postfix("apply", wanted="what it has")["steps"] if MASTER in step
    ] == []


def test_hand_written_entries_are_read_as_they_listen(postfix, postfix_certificates):
    """Addresses, names and numbers, inherited and overridden.

    What is read is what listens, and it changes nothing when it is declared.
    """
    host, (b, c) = postfix.host, postfix_certificates
    entries = (
        host.read(MASTER)
        + f"""
{host.four}:smtps inet n - n - - smtpd
# its own
  -o {{ smtpd_tls_chain_files = {b[0][1]}, {b[0][0]} }}

  -o smtpd_tls_wrappermode=$people_too -o people_too=yes
\t-o smtpd_sasl_auth_enable=yes
[::1]:465\tinet n\t-\tn - - smtpd -o smtpd_tls_wrappermode=yes
localhost:10025 inet n - n - - smtpd\r
628 inet n - n - - qmqpd
25 inet n - y - - smtpd
  -o smtpd_tls_cert_file={c[0][0]} -o smtpd_tls_key_file="""
    )
    with postfix.written(entries):
        told = postfix("read")
        assert told["live"] == told["sockets"]
        assert {
            (host.four, 465),
            ("::1", 465),
            ("127.0.0.1", 10025),
            ("::1", 10025),
            ("0.0.0.0", 628),
        } <= postfix.sockets()
        found = {
            (entry["address"], entry["port"]): tuple(
                entry[key]
                for key in ("protocol", "encryption", "certificate_path", "private_key_path")
            )
            for entry in told["listeners"]
        }
        assert found[host.four, 465] == ("submission", "ssl", *b[0])
        assert found["::1", 465] == ("smtp", "ssl", *HOST)
        # the last of smtp and 25 wins
        assert found["0.0.0.0", 25] == found["::", 25] == ("smtp", "tls", *c[0])
        reasons = [entry["reason"] for entry in told["unmapped"] if "line 12" in entry["where"]]
        assert reasons[0].endswith("is for the same service, and the last one wins")
        assert [entry for entry in told["unmapped"] if "qmqpd" in entry["reason"]]
        assert [
            step for step in postfix("apply", wanted="what it has")["steps"] if MASTER in step
        ] == []


def test_entries_with_addresses_ignore_inet_interfaces(postfix):
    host = postfix.host
    with postfix.written(host.read(MAIN) + "inet_interfaces = loopback-only\n", MAIN):
        assert {entry["address"] for entry in postfix("read")["listeners"]} == set(LOOPBACK)
        postfix.done([listener(host.four, 25)])
        assert postfix.sockets() == {(host.four, 25)} | {
            (address, port) for address in LOOPBACK for port in (25, 587)
        }


def test_linked_file_stays_a_link(postfix):
    host = postfix.host
    host.run(f"mv {MASTER} /srv/master.cf; ln -s /srv/master.cf {MASTER}")
    try:
        postfix.done([listener(host.four, 25)])
        assert host.run(["readlink", MASTER]).stdout == "/srv/master.cf\n"
        postfix("apply", wanted=None)
    finally:
        host.run(f"mv /srv/master.cf {MASTER}")
