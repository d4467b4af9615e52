# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix is read on a host, and validates a new file."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host import sandbox
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.server import (
    Postfix,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    PARAMETERS,
)
from support.postfix import DEBIAN, PATH, SMTP, FakeHost


def test_one_call_of_postconf_reads_a_host_and_more_only_resolve_references(monkeypatch):
    main = {
        **dict.fromkeys(PARAMETERS, ""),
        **DEBIAN,
        "config_directory": "/etc/postfix",
        "smtpd_sasl_type": "dovecot",
    }
    host = FakeHost(monkeypatch, {"main": main, "expanded": {}}, {PATH: SMTP.encode()})
    found = Postfix().read()
    assert len(host.ran) == 1
    assert [each.listener.name for each in found.listeners] == ["0.0.0.0:25", "[::]:25"]
    assert found.config_path == ""

    host.files[PATH] = b"192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=$mine\n"
    main.update(mine="$yours/x.pem", yours="/tls", smtpd_tls_key_file="${{a} == {b} ? {c}}")
    host.answers["expanded"] = {"smtpd_tls_key_file": "/tls/x.key"}
    assert [each.listener[4:6] for each in Postfix().read().listeners] == [
        ("/tls/x.pem", "/tls/x.key")
    ]


def test_missing_configuration_is_refused(monkeypatch):
    host = FakeHost(monkeypatch, {"main": {**DEBIAN, "config_directory": "/etc/postfix"}})
    with pytest.raises(
        Refused,
        match="/etc/postfix/master.cf is missing: check that Postfix is set up on this host",
    ):
        Postfix().read()
    host.answers["main"] = {}
    with pytest.raises(
        Refused,
        match=r"postconf does not say where Postfix's files are \(config_directory\): "
        "check that Postfix is set up",
    ):
        Postfix().read()


def test_validation_reports_only_new_messages(monkeypatch):
    messages = ["unused parameter: x=1\n"]
    monkeypatch.setattr(
        server,
        "run",
        lambda argv: (
            (0, "", "unused parameter: x=1\n")
            if argv[1] == "-M"
            else (0, "config_directory = /etc/postfix\n", "")
        ),
    )
    monkeypatch.setattr(
        sandbox,
        "rehearse_in_copy",
        lambda folder, state, argv: (len(messages) - 1, "".join(messages)),
    )
    Postfix().rehearse({PATH: b""})
    messages.append("fatal: bad field count\n")
    with pytest.raises(
        Refused, match="Postfix does not accept the new master.cf: fatal: bad field count"
    ):
        Postfix().rehearse({PATH: b""})
