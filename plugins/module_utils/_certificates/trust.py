# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether clients that trust certain authorities would trust a certificate: option C(_trust).

A client and a server of this host's OpenSSL shake hands in memory: no program and no network.
"""

from __future__ import annotations

import contextlib
import os
import ssl

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.load import (
    lenient_context,
    loading_problem,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import (
    Source,
    Unusable,
    content_of,
)

NONE, SYSTEM = "none", "system"
_PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN, which Python names from 3.10 on
#: Errors of OpenSSL that findings are about too: not valid yet, expired, wrong purpose, weak key of
#: the server's or an authority's, weak signature (openssl-verification-options(1)).
_JUDGED_ELSEWHERE = frozenset((9, 10, 26, 66, 67, 68))


def option_problem(trust: str) -> str:
    """Why this value of the option certificate_trust can't be used; '' if it can."""
    if trust == NONE:
        return ""
    if trust == SYSTEM:
        paths = ssl.get_default_verify_paths()
        with contextlib.suppress(OSError):
            if paths.cafile or (paths.capath and os.listdir(paths.capath)):
                return ""
        return "certificate_trust: this host has no trust store: install ca-certificates"
    if not os.path.isabs(trust):
        return "certificate_trust: %s is neither none nor system nor an absolute path" % trust
    try:
        content_of(trust, "certificate_trust")
        _client(trust)
    except Unusable as unusable:
        return "certificate_trust: " + unusable.finding.message
    except ssl.SSLError:
        return "certificate_trust: %s has no certificate in PEM: name a file that has" % trust
    return ""


def untrusted(source: Source, trust: str, otherwise_good: bool) -> str:
    """Why a client with this trust store does not trust these files, which OpenSSL loads; ''.

    In words that follow the path of the certificate. C(otherwise_good): there is no other finding,
    so that one which findings would repeat is said.
    """
    server = lenient_context(ssl.PROTOCOL_TLS_SERVER)
    if loading_problem(server, source.path, source.key_path or source.path, source.password):
        return ""
    try:
        _shake_hands(_client(trust), server)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _JUDGED_ELSEWHERE and not otherwise_good:
            return ""
        store = "this host's trust store" if trust == SYSTEM else "the authorities in " + trust
        return (
            "is not trusted by clients that trust %s (%s): append the missing certificates of its "
            "authorities, or name the right store in certificate_trust"
            % (store, error.verify_message.rstrip("."))
        )
    except ssl.SSLError as error:
        if not otherwise_good:
            return ""
        return "is refused by clients (%s): have it issued again" % (error.reason or error)
    return ""


def _client(trust: str) -> ssl.SSLContext:
    """A client that trusts these authorities. Raises ssl.SSLError."""
    context = lenient_context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # names are judged elsewhere
    if trust == SYSTEM:
        context.load_default_certs()
    else:
        context.load_verify_locations(trust)
        context.verify_flags |= _PARTIAL_CHAIN  # an intermediate may be what is trusted
    return context


def _shake_hands(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> None:
    """Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for session in (client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            session.do_handshake()
