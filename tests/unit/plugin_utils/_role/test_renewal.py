# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewal hook's configuration knows every protocol and every server of the collection."""

from __future__ import annotations

import json
import shutil

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import PROTOCOLS
from ansible_collections.mailops.bindings.plugins.module_utils._servers.registry import all_servers
from ansible_collections.mailops.bindings.plugins.plugin_utils._role.renewal import renewal_config

CONFIG = renewal_config("/etc/mail-bindings/bindings.json")
PATHS = {"certificate_path": "/c.pem", "private_key_path": "/k.pem"}


def test_it_is_json():
    assert json.loads(json.dumps(CONFIG)) == CONFIG
    assert CONFIG["config_path"] == "/etc/mail-bindings/bindings.json"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_a_dialogue_and_a_server(protocol):
    known = CONFIG["protocols"][protocol]
    assert known["starttls"] and set(known["servers"]) <= set(CONFIG["servers"])
    assert known["servers"], "no server answers for it"


@pytest.mark.parametrize("server", all_servers(), ids=lambda server: server.name)
def test_every_server_can_be_made_to_take_a_renewed_certificate(server):
    how = CONFIG["servers"][server.name]
    assert how["title"] == server.title and how["command"]
    assert "%(" not in how["stdin"] % PATHS


def test_slapd_reads_the_files_again():
    how = CONFIG["servers"]["slapd"]
    assert "olcTLSCertificateFile: /c.pem\n" in how["stdin"] % PATHS
    assert "olcTLSCertificateKeyFile: /k.pem\n" in how["stdin"] % PATHS


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_openssl_knows_the_protocols(protocol):
    import subprocess

    command = ["openssl", "s_client", "-starttls", CONFIG["protocols"][protocol]["starttls"]]
    run = subprocess.run(
        [*command, "-connect", "127.0.0.1:1"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    assert "must be one of" not in run.stdout and "Invalid value" not in run.stdout, run.stdout
