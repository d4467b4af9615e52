# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift playbook on hosts that can't be compared: there is a report, and it says why.

Hosts that listen are in tests/fleet/test_drift.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig

import pytest


@pytest.fixture
def drift(ansible_environment, tmp_path):
    """drift(inventory, options) -> (exit status, report's rows by host, output)"""

    def run(inventory, *options, **environment):
        (tmp_path / "inventory.json").write_text(json.dumps({"all": inventory}), encoding="utf-8")
        played = subprocess.run(
            [
                os.path.join(sysconfig.get_path("scripts"), "ansible-playbook"),
                "mailops.bindings.drift",
                "--inventory",
                "inventory.json",
                *options,
            ],
            cwd=tmp_path,
            env={**ansible_environment, "MAILOPS_RESULTS": os.devnull, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        path = tmp_path / "mail-bindings-report" / "report.json"
        assert path.exists(), played.stdout
        report = json.loads(path.read_text(encoding="utf-8"))
        assert f"verdict: {report['verdict']}." in played.stdout, played.stdout
        return played.returncode, {row["host"]: row for row in report["hosts"]}, played.stdout

    return run


@pytest.fixture
def unreachable(tmp_path):
    """unreachable(text) -> variables of a host whose SSH server says that and no more."""

    def host(text):
        (tmp_path / "error").write_text(text, encoding="utf-8")
        ssh = tmp_path / "ssh"
        ssh.write_text(f"#!/bin/sh\ncat {tmp_path}/error >&2\nexit 255\n", encoding="utf-8")
        ssh.chmod(0o755)
        return {
            "ansible_connection": "ssh",
            "ansible_host": "192.0.2.99",
            "ansible_ssh_executable": str(ssh),
        }

    return host


def declared(**variables):
    return {
        "mail_bindings_profile": "custom",
        "mail_bindings_addresses": ["127.0.0.1"],
        "mail_bindings_ports": [{"name": "SMTP", "protocol": "smtp"}],
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
        "ansible_connection": "local",
        **variables,
    }


def test_every_host_has_its_row_whatever_is_wrong_with_others(drift, unreachable):
    """Also with any_errors_fatal in ansible.cfg, and with ansible_become set for localhost too."""
    hosts = {
        "down": {**declared(), **unreachable("Connection refused")},
        "typo": declared(mail_bindings_profile="sekure"),
        "number": declared(
            mail_bindings_ports=[{"name": "SMTP", "protocol": "smtp", "port": 70000}]
        ),
        "asleep": declared(mail_bindings_profile="sekure", mail_bindings_maintenance=True),
    }
    variables = {
        "ansible_become": True,
        "ansible_become_user": "nobody",
        "ansible_become_method": "sudo",
        "ansible_become_exe": "/nonexistent/sudo",
    }
    status, rows, output = drift(
        {"hosts": hosts, "vars": variables}, ANSIBLE_ANY_ERRORS_FATAL="true"
    )
    assert status == 2 and set(rows) == set(hosts), output
    assert (
        rows["down"]["error"].startswith("unreachable: ")
        and "Connection refused" in rows["down"]["error"]
    )
    assert "mail_bindings_profile" in rows["typo"]["error"] and not rows["typo"]["maintenance"]
    assert "70000 is not a port number" in rows["number"]["error"]
    assert "mail_bindings_profile" in rows["asleep"]["error"] and rows["asleep"]["maintenance"]
    status, rows, output = drift(
        {"hosts": {"down": hosts["down"]}}, ANSIBLE_ANY_ERRORS_FATAL="true"
    )
    assert status == 2 and rows["down"]["verdict"] == "incomplete", output


def test_no_output_has_a_password(drift):
    """ansible-playbook prints facts with -v, and AWX and logging callbacks always."""
    port = {
        "name": "IMAPS",
        "protocol": "imap",
        "encryption": "ssl",
        "certificate_path": "/nowhere.pfx",
        "certificate_password": "Hunter2!",
    }
    status, rows, output = drift({"hosts": {"mx1": declared(mail_bindings_ports=[port])}}, "-vvv")
    assert status == 2 and [cell["port"] for cell in rows["mx1"]["cells"]] == [993], output
    assert "/nowhere.pfx" in output and "Hunter2" not in output
