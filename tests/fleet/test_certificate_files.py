# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generated certificate and key files on real hosts: accepted is served, also after a restart.

Each file has a Postfix listener of its own. The same files are tried on both releases.
"""

from __future__ import annotations

import re

import pytest

from support import pki
from support.certificate_files import Maker
from support.fleet.declaring import MODULE

pytestmark = pytest.mark.full

BATCH, BATCHES, FIRST_PORT = 36, 7, 20000
FOLDER = "/etc/ssl/generated"
#: Prints the number of each pair that this host's OpenSSL loads, and its fingerprint.
LOADING = (
    """
import glob, os, ssl, subprocess
for path in glob.glob("%s/*.pem"):
    key = path[:-4] + ".key"
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(path, key if os.path.exists(key) else path, lambda: "")
    except (ssl.SSLError, ValueError):
        continue
    command = ["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"]
    shown = subprocess.run(command, stdout=subprocess.PIPE, encoding="ascii", check=True).stdout
    print(os.path.basename(path)[:-4], shown.strip().partition("=")[2].replace(":", "").lower())
"""
    % FOLDER
)


@pytest.fixture(name="hosts", scope="module")
def _hosts(make_hosts):
    return make_hosts(
        {"name": "files-12", "suite": "bookworm"}, {"name": "files-13", "suite": "trixie"}
    )


def write_batch(host, authority, seeds):
    """Write the files of these seeds; {seed: its options of a port}."""
    host.run(f"rm -rf {FOLDER}; mkdir {FOLDER}")
    ports = {}
    for seed in seeds:
        content, key = Maker(authority, seed).pair()
        ports[seed] = {"certificate_path": f"{FOLDER}/{seed}.pem"}
        host.write(f"{FOLDER}/{seed}.pem", content, 0o600)
        if key is not None:
            ports[seed]["private_key_path"] = f"{FOLDER}/{seed}.key"
            host.write(f"{FOLDER}/{seed}.key", key, 0o600)
    return ports


def declaration(host, ports):
    """Options for a listener for each of these ports."""
    entries = [
        {"name": str(seed), "protocol": "smtp", "encryption": "ssl", "port": FIRST_PORT + number}
        | ports[seed]
        for number, seed in enumerate(sorted(ports))
    ]
    addresses = [{"address": host.address, "ports": [entry["name"] for entry in entries]}]
    return {"exclusive": True, "ports": entries, "ip_addresses": addresses, "servers": ["postfix"]}


def accepted(play, host, ports):
    """The ports that are left when all that check mode refuses is taken out."""
    left = dict(ports)
    while True:
        task = [{"name": "checked", MODULE: declaration(host, left)}]
        checked = play(task, host, check=True)["checked"]
        if not checked.failed:
            return left
        named = set(map(int, re.findall(rf"{FOLDER}/([0-9]+)\.(?:pem|key)", checked["msg"])))
        named |= set(map(int, re.findall(r"\(([0-9]+)\):", checked["msg"])))
        assert named & left.keys(), checked["msg"]
        left = {seed: port for seed, port in left.items() if seed not in named}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_accepted_is_served_and_what_openssl_refuses_is_refused(
    hosts, play, clients, batch
):
    authority = pki.Authority()
    seeds = range(batch * BATCH, (batch + 1) * BATCH)
    for host in hosts:
        ports = write_batch(host, authority, seeds)
        lines = host.run(["python3", "-c", LOADING]).stdout.splitlines()
        loads = {int(seed): fingerprint for seed, fingerprint in map(str.split, lines)}
        left = accepted(play, host, ports)
        assert left.keys() <= loads.keys()
        assert len(left) > BATCH // 6
        done = play([{"name": "done", MODULE: declaration(host, left)}], host)["done"]
        assert not done.failed, done["msg"]
        for restart in (False, True):
            if restart:
                host.run("systemctl restart postfix")
            for number, seed in enumerate(sorted(left)):
                served = clients.served_certificate(host.address, FIRST_PORT + number)
                assert served == loads[seed], seed
