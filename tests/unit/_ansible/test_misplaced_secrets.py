# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret in a wrong place of the options is masked in message, invocation and diff."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.needs_ansible

SECRET = "Hunter2-" + "0123456789" * 9  # so long that messages show a part of a value only
PLAIN = {"name": "A", "protocol": "imap", "encryption": "ssl"}
ENTRIES = [
    {**PLAIN, "certificate_path": {"password": SECRET}},
    {**PLAIN, "certificate_path": {"deep": [{"token": [SECRET]}]}},
    {**PLAIN, "certificate_path": "https://admin:%s@host/x" % SECRET},
    {
        **PLAIN,
        "certificate_path": "/x",
        "private_key_path": "-----BEGIN PRIVATE KEY-----\n" + SECRET,
    },
    {**PLAIN, "smartermail_password": SECRET},
    {**PLAIN, "pwd": SECRET},
    {**PLAIN, "api_key": {"x": SECRET}},
    {**PLAIN, "certificate_password": {"value": SECRET}},
    "name=A password=%s" % SECRET,
    json.dumps({**PLAIN, "password": SECRET}),
    [{**PLAIN, "password": [SECRET]}],
    {**PLAIN, "encryption": "none", "certificate_path": {"password": 'a "quoted"\n' + SECRET}},
]
OPTIONS = [
    *({"ports": [entry]} for entry in ENTRIES),
    {"ports": ENTRIES[0]},
    {"ports": json.dumps(ENTRIES[:1])},
    {"ip_addresses": [{"address": "127.0.0.1", "hostname": {"secret": SECRET}}]},
    {"ip_addresses": [{"address": "127.0.0.1", "ports": [{"certificate_password": SECRET}]}]},
    {"ports": [], "pasword": SECRET},
    {"ports": [], "store": "smartermail", "smartermail_url": "https://u:%s@127.0.0.1:1" % SECRET},
]


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
def test_a_misplaced_secret_is_not_shown(tmp_path, options):
    from support.in_process import run

    result = run("mail_bindings", {"config_path": str(tmp_path / "bindings.json"), **options})
    assert result["failed"] and "0123456789" not in json.dumps(result), result
    assert list(tmp_path.iterdir()) == []


def test_a_password_in_a_description_is_not_shown_in_the_diff(tmp_path):
    from support.in_process import run

    described = {**PLAIN, "encryption": "none", "description": "https://u:%s@host" % SECRET}
    result = run(
        "mail_bindings", {"config_path": str(tmp_path / "bindings.json"), "ports": [described]}
    )
    assert result["changed"] and result["diff"]["after"]
    assert SECRET not in json.dumps(result) and "********" in json.dumps(result["diff"])
