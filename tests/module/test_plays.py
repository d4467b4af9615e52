# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole plays: module_defaults, many tasks at the same time, and secrets."""

from __future__ import annotations

import json
import pathlib
import time

import pytest
from declare import (
    a_port,
    an_address,
    canonical,
    document,
    mail_bindings,
    mail_bindings_info,
    mail_ip_binding,
    mail_port,
)

pytestmark = pytest.mark.needs_ansible


def test_module_defaults(play, tmp_path):
    path = str(tmp_path / "bindings.json")
    results = play(
        [
            {"name": "bindings", **mail_bindings(ports=[{"name": "SMTP", "protocol": "smtp"}])},
            {"name": "port", **mail_port(name="IMAP", protocol="imap")},
            {"name": "ip", **mail_ip_binding(address="127.0.0.1", ports=["SMTP", "IMAP"])},
            {"name": "info", **mail_bindings_info()},
        ],
        play_keywords={
            "module_defaults": {"group/mailops.bindings.bindings": {"config_path": path}}
        },
    )
    assert [result.failed for result in results] == [False] * 4
    assert [port["name"] for port in results["info"]["ports"]] == ["IMAP", "SMTP"]
    assert json.loads(pathlib.Path(path).read_bytes())["ip_addresses"] == [
        an_address("127.0.0.1", "IMAP", "SMTP")
    ]


def test_many_at_the_same_time(play, tmp_path):
    hosts = [f"host{number}" for number in range(1, 65)]
    path = tmp_path / "bindings.json"
    task = mail_port(
        name="{{ inventory_hostname }}",
        protocol="smtp",
        port="{{ inventory_hostname[4:] }}",
        config_path=str(path),
    )
    results = play([{"name": "add", **task}], hosts=hosts, extra_args=["--forks=32"])
    assert [result["msg"] for result in results if result.failed] == []
    assert len(results) == 64
    ports = {port["name"]: port["port"] for port in json.loads(path.read_bytes())["ports"]}
    assert ports == {f"host{number}": number for number in range(1, 65)}
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert left in (["bindings.json"], [".bindings.json.lock", "bindings.json"])


class ProcessList:
    """Looks at the process list while a play runs."""

    def __init__(self):
        self.seen = set()

    def __call__(self, process):
        while process.poll() is None:
            for folder in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    self.seen.add((folder / "cmdline").read_bytes())
                    self.seen.add((folder / "environ").read_bytes())
                except OSError:
                    continue
            time.sleep(0.02)


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_secrets_stay_secret(play, pki, pki_password, tmp_path, pipelining):
    ssl = {
        "name": "POP",
        "protocol": "pop",
        "encryption": "ssl",
        "certificate_path": f"{pki}/password.p12",
    }
    wrong = "a-w0rd-that-is-wr0ng"
    path = tmp_path / "bindings.json"
    path.write_bytes(canonical(document([a_port("POP", "pop", 110)])))
    options = {"config_path": str(path), "backup": True}
    processes = ProcessList()
    results = play(
        [
            {"name": "wrong", **mail_port(**ssl, **options, certificate_password=wrong)},
            {
                "name": "check",
                **mail_port(**ssl, **options, certificate_password=pki_password),
                "check_mode": True,
            },
            {"name": "right", **mail_port(**ssl, **options, certificate_password=pki_password)},
            {
                "name": "many",
                **mail_bindings(
                    ports=[{**ssl, "name": "X", "certificate_password": pki_password}], **options
                ),
            },
            {
                "name": "many wrong",
                **mail_bindings(
                    ports=[{**ssl, "name": "Y", "certificate_password": wrong}], **options
                ),
            },
        ],
        diff=True,
        extra_args=["-vvvv"],
        environment={"ANSIBLE_PIPELINING": pipelining},
        watcher=processes,
    )
    assert [result.failed for result in results] == [True, False, False, False, True]
    for secret in (wrong, pki_password):
        assert secret not in results.output
        assert secret not in json.dumps(results)
        assert not any(secret.encode() in seen for seen in processes.seen)
        for file in tmp_path.iterdir():
            assert secret.encode() not in file.read_bytes()
    assert any(b"ansible-playbook" in seen for seen in processes.seen)
