# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that a server can't serve are refused, each with its remedy."""

from __future__ import annotations

import datetime
import os
import ssl
import types

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._certificates import gnutls
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host import view
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import preflight
from support import pki

NOW = datetime.datetime.now(datetime.timezone.utc)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    folder.chmod(0o755)
    for parent in list(folder.parents)[:2]:
        parent.chmod(0o755)  # pytest's own are for its user alone
    key, other = pki.key("ecdsa", "mail"), pki.key("ecdsa", "other")
    certificate = pki.Authority().issue(key)
    chain = pki.certificate_bytes(certificate)
    contents = {
        "good.pem": chain,
        "key.pem": pki.key_bytes(key),
        "both.pem": chain + pki.key_bytes(key),
        "other.pem": pki.key_bytes(other),
        "encrypted.pem": pki.key_bytes(key, pki.PASSWORD),
        "cert.der": pki.certificate_bytes(certificate, der=True),
        "key.der": pki.key_bytes(key, der=True),
        "all.p12": pki.pkcs12_bytes(key, certificate, password=pki.PASSWORD),
        "empty.pem": b"",
        "glued.pem": chain.rstrip() + chain,
        "cut.pem": chain + chain[:100],
        "commented.pem": chain.replace(b"-----BEGIN", b"#-----BEGIN") + chain,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o644)
    return folder


def refusals(files, certificate, key="", user="root", pid=0, unit="", tls_library="OpenSSL"):
    listener = Listener(
        "127.0.0.2",
        465,
        "smtp",
        "ssl",
        str(files / certificate),
        key and str(files / key),
        port_name="Submissions",
    )
    server = types.SimpleNamespace(
        title="Postfix",
        reads_keys_as=user,
        tls_library=tls_library,
        main_process=lambda: pid,
        unit=lambda: unit,
    )
    participant = types.SimpleNamespace(server=server, must_be_servable=[listener])
    return [
        message.replace(str(files) + "/", "")
        for message in preflight.certificates([participant], NOW)
    ]


SHOWN = "127.0.0.2:465 (Submissions): "


@pytest.mark.parametrize(
    "certificate, key, message",
    [
        ("good.pem", "key.pem", None),
        ("both.pem", "", None),
        ("missing.pem", "key.pem", "missing.pem can't be read: No such file or directory"),
        ("good.pem", "", "good.pem has no private key"),
        ("good.pem", "other.pem", "other.pem"),
        (
            "good.pem",
            "encrypted.pem",
            "the private key in encrypted.pem is encrypted, and Postfix has no password for it "
            "when it starts: openssl pkey -in encrypted.pem -out encrypted.pem.plain",
        ),
        (
            "cert.der",
            "key.pem",
            "cert.der is not PEM, which is all that Postfix reads. Convert it: "
            "openssl x509 -inform DER -in cert.der -out cert.pem",
        ),
        (
            "good.pem",
            "key.der",
            "key.der is not PEM, which is all that Postfix reads. Convert it: "
            "openssl pkey -inform DER -in key.der -out key.pem",
        ),
        (
            "all.p12",
            "",
            "all.p12 is not PEM, which is all that Postfix reads. Convert it: "
            "openssl pkcs12 -in all.p12 -nodes -out all.pem",
        ),
        ("empty.pem", "key.pem", "empty.pem is not PEM"),
        ("glued.pem", "key.pem", "has the end of a block and the beginning of the next"),
        ("cut.pem", "key.pem", "cut.pem can't be loaded by OpenSSL"),
        ("commented.pem", "key.pem", None),
        (".", "key.pem", "can't be read: it is a directory"),
    ],
)
def test_certificates(files, certificate, key, message):
    found = refusals(files, certificate, key)
    if message is None:
        assert found == []
    else:
        assert (
            len(found) == 1
            and found[0].startswith(SHOWN)
            and message in found[0].replace(str(files), "")
        ), found
        assert pki.PASSWORD not in found[0]


def test_a_server_with_gnutls_is_asked_by_its_own_library(files, monkeypatch):
    asked = []
    monkeypatch.setattr(gnutls, "gnutls_problem", lambda *files: asked.append(files) or "refused")
    assert refusals(files, "good.pem", "key.pem") == [] == asked
    assert refusals(files, "good.pem", "key.pem", tls_library="GnuTLS") == [SHOWN + "refused"]
    own = ssl.PEM_cert_to_DER_cert((files / "good.pem").read_text())
    assert asked == [(str(files / "good.pem"), str(files / "key.pem"), own)]


@needs_root
def test_a_key_that_the_servers_user_cannot_reach(files):
    assert refusals(files, "good.pem", "key.pem", user="nobody") == []
    for path, closed, opened in ((files / "key.pem", 0o600, 0o644), (files, 0o700, 0o755)):
        path.chmod(closed)
        name = "good.pem" if path == files else "key.pem"
        assert refusals(files, "good.pem", "key.pem", user="nobody") == [
            SHOWN + "%s can't be read by the user nobody, as which Postfix reads it: "
            "check its mode and those of the folders above it" % name
        ]
        assert refusals(files, "good.pem", "key.pem", user="root") == []
        assert (
            refusals(files, "good.pem", "key.pem", user="no-such-user") == []
        )  # the server will say so itself
        path.chmod(opened)


def test_files_that_the_units_sandbox_hides_are_refused_with_the_setting(files, monkeypatch):
    settings = {"InaccessiblePaths": str(files)}
    monkeypatch.setattr(view, "view_of", lambda *server: view.View(*server, settings))
    (message,) = refusals(files, "good.pem", "key.pem", unit="postfix.service")
    assert message.startswith(
        SHOWN + "good.pem can't be read by Postfix, whose service does not see that place"
    )
    assert "in postfix.service): put it elsewhere" in message


def test_files_that_the_running_process_does_not_see_are_refused(files, monkeypatch):
    monkeypatch.setattr(view.View, "process_reads", lambda self, path: "key" not in path)
    (message,) = refusals(files, "good.pem", "key.pem", pid=7)
    assert message.startswith(SHOWN + "key.pem can't be read by the running Postfix")
    assert refusals(files, "both.pem", pid=7) == []
