# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a door, or the store, can't do; and host names."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")


from support.smartermail.tasks import (  # noqa: E402
    DOORS,
    HERE,
    LDAP,
    OLD,
    SIXTH,
    SMTP,
    SUBMISSION,
    THERE,
    assert_declares,
    assert_refuses,
    declare,
    serving,
)

# -- what a door, or the store, can't do


@pytest.mark.parametrize(
    "option",
    [
        {"backup": True},
        {"owner": "root"},
        {"group": "root"},
        {"mode": "0600"},
        {"config_path": "/etc/x.json", "backup": True},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "module, options",
    [
        ("mail_port", {"name": "POP", "protocol": "pop"}),
        ("mail_ip_binding", {"address": HERE, "ports": ["SMTP"]}),
        ("mail_bindings", {"ports": [{"name": "POP", "protocol": "pop"}]}),
    ],
)
def test_options_of_files_are_refused(module, options, option):
    with serving(SMTP) as server:
        assert_refuses(server, "rest", module, list(option)[-1], **options, **option)
        assert server.calls == []


@pytest.mark.parametrize(
    "module, options, option",
    [
        (
            "mail_port",
            {
                "name": "SMTP",
                "encryption": "ssl",
                "certificate_path": OLD,
                "private_key_path": "/etc/key.pem",
            },
            "private_key_path",
        ),
        (
            "mail_bindings",
            {
                "ports": [
                    {
                        "name": "SMTP",
                        "encryption": "ssl",
                        "certificate_path": OLD,
                        "private_key_path": "/etc/key.pem",
                    }
                ]
            },
            "private_key_path",
        ),
        ("mail_ip_binding", {"address": HERE, "description": "the first"}, "description"),
        ("mail_ip_binding", {"address": HERE, "floating": True}, "floating"),
        (
            "mail_bindings",
            {"ip_addresses": [{"address": HERE, "description": "the first"}]},
            "description",
        ),
        ("mail_bindings", {"ip_addresses": [{"address": HERE, "floating": True}]}, "floating"),
    ],
    ids=str,
)
def test_what_smartermail_has_not_is_refused(module, options, option):
    for api in DOORS:
        with serving(SMTP) as server:
            assert_refuses(server, api, module, option, **options)


def test_servers_by_mail_listeners_are_not_for_smartermail():
    with serving(SMTP) as server:
        assert_refuses(server, "rest", "mail_listeners", "smartermail")


@pytest.mark.parametrize("api", DOORS)
def test_addresses_that_the_server_has_not_are_refused(api):
    with serving(SMTP) as server:
        assert_refuses(
            server, api, "mail_ip_binding", "192.0.2.99", address="192.0.2.99", ports=["SMTP"]
        )
        assert_refuses(
            server,
            api,
            "mail_bindings",
            "192.0.2.99",
            "ip_addresses[1]",
            ip_addresses=[
                {"address": HERE, "ports": ["SMTP"]},
                {"address": "192.0.2.99", "ports": ["SMTP"]},
            ],
        )


@pytest.mark.parametrize("api", DOORS)
def test_an_address_that_is_not_there_yet_is_the_servers_to_refuse(api):
    with serving(SMTP) as server:
        before = server.state.summary()
        result = declare(
            server,
            api,
            "mail_ip_binding",
            {"address": "192.0.2.99", "ports": ["SMTP"], "require_local_address": False},
        )
        assert result.get("failed") and "There is no such IP address" in result["msg"]
        assert server.state.summary() == before


@pytest.mark.parametrize("protocol", ["submission", "ldap"])
def test_protocols_whose_word_nobody_knows_are_refused(protocol):
    for api in DOORS:
        with serving(SMTP) as server:
            assert_refuses(server, api, "mail_port", protocol, name="New", protocol=protocol)


def test_over_rest_what_has_a_number_that_nobody_knows_is_left_alone():
    with serving(SMTP, SUBMISSION, LDAP) as server:
        result = declare(server, "rest", "mail_bindings_info", {})
        assert [port["name"] for port in result["ports"]] == ["SMTP"]
        assert {"Submission", "LDAP"} <= set(
            json.dumps(result["unmapped"]).replace('"', " ").replace("\\", " ").split()
        )
        assert_refuses(
            server,
            "rest",
            "mail_port",
            "Submission",
            "soap",
            name="Submission",
            protocol="submission",
            port=588,
        )


@pytest.mark.parametrize("word", ["Submission Port", "Submission", "SUBMISSION"])
def test_over_soap_the_server_says_the_word(word):
    with serving(SMTP, SUBMISSION, LDAP) as server:
        server.state.unknowns.submission = word
        result = declare(server, "soap", "mail_bindings_info", {})
        assert {port["name"]: port["protocol"] for port in result["ports"]} == {
            "SMTP": "smtp",
            "Submission": "submission",
            "LDAP": "ldap",
        }
        assert_declares(server, "soap", "mail_port", name="Submission", port=588)
        assert_declares(
            server, "soap", "mail_port", name="Submission 2", protocol="submission", port=589
        )
        assert_declares(server, "soap", "mail_port", name="LDAP", port=390)
        assert [port.protocol for port in server.state.ports] == [
            "SMTP",
            "Submission",
            "Submission",
            "LDAP",
        ]


def test_windows_paths_are_paths_here():
    for api in DOORS:
        for path in (
            "D:\\SmarterMail\\Certs\\mail example.pfx",
            "\\\\files\\certs\\mail.pfx",
            "C:/certs/mail.pfx",
        ):
            with serving(SMTP) as server:
                result = assert_declares(
                    server,
                    api,
                    "mail_port",
                    name="IMAPS",
                    protocol="imap",
                    encryption="ssl",
                    certificate_path=path,
                    certificate_password="",
                )
                assert (
                    result["port"]["certificate_path"]
                    == server.state.named("IMAPS").certificate_path
                    == path
                )
    with serving(SMTP) as server:
        assert_refuses(
            server,
            "rest",
            "mail_port",
            "certificate_path",
            name="IMAPS",
            protocol="imap",
            encryption="ssl",
            certificate_path="mail.pfx",
            certificate_password="",
        )


# -- host names


def test_host_names_over_soap():
    for second, everywhere in (("refused", False), ("replaces", True), ("refused", True)):
        with serving(SMTP, hostnames={SIXTH: "six.example.com"}) as server:
            server.state.unknowns.second_hostname, server.state.unknowns.all_hostnames = (
                second,
                everywhere,
            )
            result = assert_declares(
                server, "soap", "mail_ip_binding", address=HERE, hostname="mail.example.com"
            )
            assert result["ip_address"]["hostname"] == "mail.example.com"
            assert_declares(
                server,
                "soap",
                "mail_bindings",
                ip_addresses=[{"address": HERE, "hostname": "mx.example.com"}],
            )
            assert server.state.hostnames == {HERE: "mx.example.com", SIXTH: "six.example.com"}
            assert_declares(server, "soap", "mail_ip_binding", address=HERE, hostname="")
            assert server.state.hostnames == {SIXTH: "six.example.com"}


def test_soap_edits_no_port_whose_addresses_it_can_not_see():
    """Over SOAP nothing but ListHostnames could list the addresses; a port that is added again
    would lose those that nobody named.
    """
    with serving(SMTP) as server:
        server.state.unknowns.all_hostnames = False
        assert_refuses(server, "soap", "mail_port", "ip_addresses", name="SMTP", port=26)
        assert_declares(
            server,
            "soap",
            "mail_bindings",
            ports=[{"name": "SMTP", "port": 26}],
            ip_addresses=[{"address": HERE}, {"address": THERE}, {"address": SIXTH}],
        )
        assert server.state.assigned(HERE) == ["SMTP"]


def test_soap_may_list_no_ports_for_an_address_that_is_not_there():
    with serving(SMTP) as server:
        server.state.unknowns.unknown_address = "empty"
        before = server.state.summary()
        result = declare(
            server, "soap", "mail_ip_binding", {"address": "192.0.2.99", "ports": ["SMTP"]}
        )
        assert result.get("failed") and "192.0.2.99" in result["msg"]
        assert server.state.summary() == before


def test_a_host_name_that_the_server_does_not_take_leaves_the_old_one():
    with serving(SMTP, hostnames={HERE: "mail.example.com"}) as server:
        server.fail("AddHostname", refusal="No such name")
        result = declare(
            server, "soap", "mail_ip_binding", {"address": HERE, "hostname": "mx.example.com"}
        )
        assert result.get("failed") and "No such name" in result["msg"]
        assert server.state.hostnames == {HERE: "mail.example.com"}


def test_host_names_are_refused_over_rest_and_the_other_door_is_named():
    with serving(SMTP) as server:
        assert_refuses(
            server,
            "rest",
            "mail_ip_binding",
            "hostname",
            "soap",
            address=HERE,
            hostname="mail.example.com",
        )
        assert_refuses(
            server,
            "rest",
            "mail_bindings",
            "hostname",
            "soap",
            ip_addresses=[{"address": HERE, "ports": ["SMTP"], "hostname": "mail.example.com"}],
        )
