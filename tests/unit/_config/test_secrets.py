# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in texts that are no place for them."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, secrets


@pytest.mark.parametrize(
    "text, found",
    [
        ("https://admin:hunter2@host/x", ["hunter2", "hunter2"]),
        ("see https://:hun%24ter@host:80 there", ["hun%24ter", "hun$ter"]),
        ("https://u:p@ss@host", ["p@ss", "p@ss"]),
        ("https://host:8443/a@b", []),
        ("mailto:a@example.com", []),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nabc\ndef",
            ["-----BEGIN RSA PRIVATE KEY-----\nabc\ndef", "abc", "def"],
        ),
        ("-----BEGIN CERTIFICATE-----\nabc", []),
    ],
)
def test_passwords_of_urls_and_private_keys_are_found(text, found):
    assert list(secrets.in_text(text)) == found


@pytest.mark.parametrize(
    "text, found",
    [
        ("name=A password=hunter2 port=25", ["hunter2"]),
        ('{"certificate_password": "hun\\"ter", "name": "A"}', ['hun\\"ter']),
        ("{'secret': 'a b', 'token':'c'}", ["a b", "c"]),
        ("pwd: hunter2", ["hunter2"]),
        ("certificate_path=/etc/x.pem", []),
    ],
)
def test_assigned_secrets_are_found(text, found):
    assert list(secrets.assigned_in(text)) == found


@pytest.mark.parametrize(
    "value, shown",
    [
        ({"password": "hunter2"}, '{"password": ********'),
        ("{'a': 1, 'Api-Key': 'hunter2'}", "\"{'a': 1, 'Api-Key': ********"),
        ("https://u:hunter2@host", '"https://u:********@host"'),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", '"-----BEGIN PRIVATE KEY----- ********'),
        ("x" * 40 + " password=" + "hunter2" * 40, '"%s password= ********' % ("x" * 40)),
        ("Password policy", '"Password policy"'),
        ("/etc/ssl/private/key.pem", '"/etc/ssl/private/key.pem"'),
    ],
)
def test_a_value_is_shown_without_its_secret(value, shown):
    assert model.shown(value) == shown
