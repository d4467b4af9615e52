# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of both doors."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import rest, soap  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    ServerPort,
)  # noqa: E402
from support.smartermail.records import HERE, THERE, port  # noqa: E402

# -- the doors' records


def test_rest_reads_keys_in_any_case_and_keeps_what_it_does_not_know():
    found = rest.held(
        {
            "BindingPorts": [
                {
                    "ID": 7,
                    "Name": "IMAPS",
                    "Type": 2,
                    "Port": "993",
                    "ISSSL": True,
                    "isTls": "false",
                    "certificatepath": "C:\\a.pfx",
                    "Password": "****",
                    "Description": None,
                    "maxConnections": 5,
                },
                {"id": "8", "name": "X", "type": 9, "port": 5222, "isSSL": False, "isTls": False},
            ],
            "bindinginfo": [
                {"IPAddress": HERE, "PORTIDS": [7, "8"]},
                {"ipaddress": THERE, "portids": None},
            ],
        }
    )
    assert found.ports[0] == ServerPort(
        "7",
        "IMAPS",
        "imap",
        993,
        "ssl",
        "C:\\a.pfx",
        "",
        "****",
        {"maxConnections": 5},
        "type 2, isSSL True, isTls false",
    )
    assert (found.ports[1].protocol, found.ports[1].encryption) == ("", "none")
    assert found.assigned == {HERE: ("7", "8"), THERE: ()}


def test_rest_adds_as_public_code_does():
    entry = rest.added(
        port(
            "IMAPS",
            "imap",
            993,
            "ssl",
            "C:\\a.pfx",
            description="d",
            password="p",
            more={"maxConnections": 5},
        ),
        {THERE, HERE},
    )
    assert entry == {
        "id": None,
        "Type": "IMAP",
        "name": "IMAPS",
        "description": "d",
        "port": "993",
        "isSSL": "true",
        "isTls": "false",
        "certificatePath": "C:\\a.pfx",
        "password": "p",
        "boundIpAddresses": [HERE, THERE],
        "maxConnections": 5,
    }


@pytest.mark.parametrize(
    "text, reason",
    [
        (
            '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x><Result>true</Result></x>',
            "DOCTYPE",
        ),
        ("<!doctype html><html></html>", "DOCTYPE"),
        ("{}", "not XML"),
        ("", "not XML"),
        ("<x/>", "without a Result"),
    ],
)
def test_what_is_no_answer_of_soap(text, reason):
    with pytest.raises(ValueError, match=reason):
        soap._xml(text)
