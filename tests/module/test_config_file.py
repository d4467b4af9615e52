# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config file: its content, owner, group, mode, links and backups."""

from __future__ import annotations

import os

import pytest
from declare import an_address, document, mail_bindings, mail_ip_binding, mail_port
from semantics import ROOT, SMTP, Changes, ChangeTests, changes_of, new_files, permissions, text

pytestmark = pytest.mark.needs_ansible

CHANGES = Changes()
SCHEMA = "https://example.com/bindings.schema.json"


def behind_a_link(path):
    """Make the config a link to elsewhere/target.json."""
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    path.rename(elsewhere / "target.json")
    (elsewhere / "target.json").chmod(0o604)
    path.symlink_to("elsewhere/target.json")


# The file.
CHANGES.add(
    "file-schema-kept",
    mail_port(name="SMTP", port=26),
    text(
        {
            "$schema": SCHEMA,
            "schema_version": 1,
            "ports": [{"name": "SMTP", "port": 25, "protocol": "smtp"}],
            "ip_addresses": [],
        }
    ),
    {"$schema": SCHEMA, **document([{**SMTP, "port": 26}])},
)
CHANGES.add(
    "file-schema-kept-exclusive",
    mail_bindings(exclusive=True, ports=[], ip_addresses=[]),
    {"$schema": SCHEMA, **document([SMTP])},
    {"$schema": SCHEMA, **document()},
)
CHANGES.add(
    "file-mode-kept",
    mail_port(name="SMTP", port=26),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=lambda path: path.chmod(0o604),
)
CHANGES.add(
    "file-mode",
    mail_port(name="SMTP", mode="0600"),
    document([SMTP]),
    prepare=lambda path: path.chmod(0o604),
)
CHANGES.add(
    "file-mode-symbolic",
    mail_port(name="SMTP", mode="u=rw,g=r,o="),
    document([SMTP]),
    prepare=lambda path: path.chmod(0o604),
)
CHANGES.add(
    "file-mode-and-more",
    mail_port(name="SMTP", port=26, mode="0600"),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
)
CHANGES.add(
    "file-mode-new", mail_port(name="SMTP", protocol="smtp", mode="0644"), None, document([SMTP])
)
CHANGES.add(
    "file-owner-kept",
    mail_port(name="SMTP", port=26),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=lambda path: os.chown(path, 65534, 1),
    marks=ROOT,
)
CHANGES.add(
    "file-owner",
    mail_ip_binding(address="127.0.0.1", owner="65534"),
    document([], [an_address("127.0.0.1")]),
    marks=ROOT,
)
CHANGES.add("file-group", mail_bindings(group="daemon"), document([SMTP]), marks=ROOT)
CHANGES.add(
    "file-behind-a-link",
    mail_port(name="SMTP", port=26),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=behind_a_link,
    file="elsewhere/target.json",
)
CHANGES.add(
    "file-replaced",
    mail_bindings(
        exclusive=True,
        replace_invalid=True,
        ports=[{"name": "SMTP", "protocol": "smtp"}],
        ip_addresses=[{"address": "0.0.0.0", "ports": ["SMTP"]}],
    ),
    b'{"schema_version": 1, "ports": [',
    document([SMTP], [an_address("0.0.0.0", "SMTP")]),
    prepare=lambda path: path.chmod(0o604),
)
CHANGES.add(
    "file-replaced-by-nothing",
    mail_bindings(exclusive=True, replace_invalid=True, ports=[], ip_addresses=[]),
    b"\xff",
    document(),
)
CHANGES.add(
    "file-backup",
    mail_port(name="SMTP", port=26, backup=True),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=lambda path: path.chmod(0o604),
)
CHANGES.add(
    "file-backup-of-none",
    mail_port(name="SMTP", protocol="smtp", backup=True),
    None,
    document([SMTP]),
)


class TestChanges(ChangeTests):
    pass


@pytest.mark.parametrize(
    ("name", "mode"),
    {
        "file-mode-kept": "0o604",
        "file-mode": "0o600",
        "file-mode-symbolic": "0o640",
        "file-mode-and-more": "0o600",
        "file-mode-new": "0o644",
        "file-backup": "0o604",
        "file-replaced": "0o604",
    }.items(),
)
def test_permissions(results, name, mode):
    assert permissions(results[name]) == mode


@pytest.mark.parametrize(
    "name",
    [
        "file-mode",
        "file-mode-symbolic",
        pytest.param("file-owner", marks=ROOT),
        pytest.param("file-group", marks=ROOT),
    ],
)
def test_change_of_attributes_only(results, name):
    ((action, kind, path),) = changes_of(results[name])
    assert (action, kind) == ("change", "file")
    assert path.endswith("/bindings.json")


@ROOT
def test_owner(results):
    kept = results["file-owner-kept"].after["bindings.json"]
    assert (kept["uid"], kept["gid"]) == (65534, 1)
    assert results["file-owner"].after["bindings.json"]["uid"] == 65534
    assert results["file-group"].after["bindings.json"]["gid"] == 1


def test_link_is_followed(results):
    result = results["file-behind-a-link"]
    assert result.after["bindings.json"] == result.before["bindings.json"]
    assert permissions(result, "elsewhere/target.json") == "0o604"


@pytest.mark.parametrize("name", ["file-replaced", "file-replaced-by-nothing", "file-backup"])
def test_backup(results, name):
    result = results[name]
    (backup,) = new_files(result)
    assert os.path.basename(result["backup_file"]) == backup
    assert result.config(backup) == result.before["bindings.json"]["content"].encode("latin-1")
    if name != "file-replaced-by-nothing":
        assert permissions(result, backup) == "0o604"


def test_replaced_file_is_a_change(results):
    for name in ("file-replaced", "file-replaced-by-nothing"):
        assert changes_of(results[name])[-1][1] == "file"


def test_no_backup_of_no_config(results):
    assert new_files(results["file-backup-of-none"]) == ["bindings.json"]
