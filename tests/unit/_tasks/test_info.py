# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What source: servers says of servers that do not answer."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers import registry
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    ConfiguredListener,
)
from ansible_collections.mailops.bindings.plugins.module_utils._tasks import info


class AnyServer(Server):
    """One that is installed and runs, or not."""

    def __init__(self, path, name, is_installed=True, runs=True):
        self.name, self.title, self.files = name, name.capitalize(), (str(path / name),)
        self._is_installed, self._runs = is_installed, runs

    def installed(self):
        return self._is_installed

    def running(self):
        assert self._is_installed
        return self._runs

    def read(self):
        listener = Listener("0.0.0.0", 25, "smtp", "none")
        return Configured((ConfiguredListener(listener, "a line"),))


@pytest.fixture
def look(monkeypatch, tmp_path):
    def looks(*servers):
        found = [AnyServer(tmp_path, *server) for server in servers]
        monkeypatch.setattr(registry, "all_servers", lambda: found)
        bindings, result = info.look({"source": "servers"}, lambda: None)
        return bindings, [
            (each["server"], each["text"], each["reason"]) for each in result["unmapped"]
        ]

    return looks


def test_stopped_server_is_read_and_said_to_be_stopped(look):
    bindings, unmapped = look(("one",), ("two", True, False))
    assert list(bindings.ip_addresses) == ["0.0.0.0"]
    assert unmapped == [
        (
            "two",
            "not running",
            "Two is not running: what is listed of it is what its files say, and nothing answers "
            "there now. Start it, or leave its ports out",
        )
    ]


def test_server_whose_programs_are_not_found_is_named_if_there_are_files_of_it(look, tmp_path):
    servers = ("one",), ("two", False)
    assert look(*servers)[1] == []
    (tmp_path / "two").touch()
    assert look(*servers)[1] == [
        (
            "two",
            "not installed",
            "Two has files here, but its programs are not found: it was not read",
        )
    ]


def test_host_without_any_server_is_refused(look):
    with pytest.raises(Refused, match="none of One and Two is installed"):
        look(("one", False), ("two", False))
