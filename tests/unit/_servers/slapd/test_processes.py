# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes are OpenLDAP's: asked of real ones that have its name."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import host

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")
SERVICE = "0::/system.slice/slapd.service\n"
SERVICE_OF_A_USER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/slapd.service\n"


@pytest.fixture
def named_slapd(tmp_path):
    """named_slapd(uid) -> the pid of a process of this name, which is no slapd."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    shutil.copy(shutil.which("sleep"), tmp_path / "slapd")
    begun = []

    def begin(uid):
        argv = ["setpriv", "--reuid=%d" % uid, "--clear-groups", str(tmp_path / "slapd"), "60"]
        process = subprocess.Popen(argv)
        begun.append(process)
        while host._content("/proc/%d/comm" % process.pid) != "slapd\n":
            assert process.poll() is None
        return process.pid

    yield begin
    for process in begun:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "user, systemd, cgroup, counted",
    [
        ("65534", False, "", [0, 65534]),  # as SLAPD_USER has it
        ("nobody", False, "", [0, 65534]),
        ("no-such-user", False, "", [0]),
        ("openldap", True, SERVICE, [0, 4321, 65534]),  # a drop-in says User=
        ("openldap", True, SERVICE_OF_A_USER, [0]),
    ],
)
def test_those_of_other_users_do_not_count(
    named_slapd, monkeypatch, user, systemd, cgroup, counted
):
    real = host._content
    pids = {named_slapd(uid): uid for uid in (0, 4321, 65534)}
    monkeypatch.setattr(host, "user", lambda: (user, ""))
    monkeypatch.setattr(host, "has_systemd", lambda: systemd)
    monkeypatch.setattr(
        host, "_content", lambda path: cgroup if path.endswith("/cgroup") else real(path)
    )
    found = [process for process in host.processes() if process.pid in pids]
    assert sorted(pids[process.pid] for process in found) == counted
    assert all(process.of_service for process in found) == (cgroup != SERVICE_OF_A_USER)
