# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests of probes need: certificates, and probes that wait for less than usual."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._probe import (
    client,
    connection,
    visit,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.errors import Silent
from support import pki, scripted


@pytest.fixture(scope="package")
def certificates(tmp_path_factory):
    """The folder with all certificates."""
    return pki.write_set(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def tls(certificates):
    """The TLS of a healthy server."""
    return scripted.tls_context(certificates / "combined.pem")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(visit, "UNUSUAL_SECONDS", 0.05)


@pytest.fixture
def short_farewell(monkeypatch):
    """For servers that do not close after a farewell."""
    monkeypatch.setattr(connection, "FAREWELL_SECONDS", 0.2)


@pytest.fixture
def no_greeting(monkeypatch):
    """In plain text, every wait for a line is over at once: the server waits for a handshake."""
    line = connection.Conversation.line

    def silent_without_tls(self):
        if not self.secured:
            raise Silent
        return line(self)

    monkeypatch.setattr(connection.Conversation, "line", silent_without_tls)
