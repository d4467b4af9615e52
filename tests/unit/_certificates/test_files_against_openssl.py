# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated certificate and key files, held against this host's OpenSSL.

Whatever is accepted, OpenSSL loads, and a server then serves the certificates that were judged.
Whatever OpenSSL refuses is refused. Files are made of their seed, so that a failure can be repeated.
"""

from __future__ import annotations

import contextlib
import ssl
import sys

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    chains_in,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from support.certificate_files import Maker
from support.judging import NOW, written

FILES = 600


def served(path, key_path):
    """The certificates that a server with these files sends, as this Python shows them, DER.

    Raises ssl.SSLError where OpenSSL does not load them.
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(path, key_path, lambda: "")
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for session in (client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            session.do_handshake()
    if sys.version_info >= (3, 13):
        return client.get_unverified_chain()
    if sys.version_info >= (3, 10):
        return [
            certificate.public_bytes(2) for certificate in client._sslobj.get_unverified_chain()
        ]
    return [client.getpeercert(binary_form=True)]


def verdict(authority, folder, seed):
    """Judge the files of this seed: (accepted, loaded by OpenSSL, served as judged)."""
    content, key_content = Maker(authority, seed).pair()
    path = written(folder, content, name="certificate.pem")
    key_path = path if key_content is None else written(folder, key_content, name="key.pem")
    accepted = not Certificate(Source(path, "" if key_path == path else key_path), NOW).findings()
    try:
        chain = served(path, key_path)
    except (ssl.SSLError, ValueError):
        return accepted, False, None
    judged = chains_in(path)[0] if accepted else chain
    return accepted, True, judged[: len(chain)] == chain and len(chain) in (1, len(judged))


@pytest.mark.parametrize(
    "seeds", [range(60), pytest.param(range(60, FILES), marks=pytest.mark.once)]
)
def test_no_file_is_accepted_that_openssl_refuses_or_serves_differently(authority, tmp_path, seeds):
    verdicts = {seed: verdict(authority, tmp_path, seed) for seed in seeds}
    wrong = [
        seed
        for seed, (accepted, loaded, as_judged) in verdicts.items()
        if accepted and not (loaded and as_judged)
    ]
    assert wrong == []
    accepted, loaded, dummy = zip(*verdicts.values())
    assert sum(accepted) > 0.2 * len(verdicts)  # the generator makes enough of both
    assert loaded.count(False) > 0.2 * len(verdicts)
