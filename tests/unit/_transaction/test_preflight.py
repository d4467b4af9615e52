# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each refusal has its message, which names what is in the way and what to do."""

from __future__ import annotations

import datetime
import os
import subprocess
import types

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
    preflight as refusals,
)
from support import pki

NOW = datetime.datetime.now(datetime.timezone.utc)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")


def side(**facts):
    """A side of a server that is to come to listen on 127.0.0.2:25."""
    server = types.SimpleNamespace(
        title="Postfix",
        name="postfix",
        reads_keys_as="nobody",
        holds=lambda socket: socket.program == "master",
    )
    return types.SimpleNamespace(
        **{
            "server": server,
            "configured": types.SimpleNamespace(config_path=""),
            "wanted": [Listener("127.0.0.2", 25, "smtp", "none")],
            "running": True,
            "follows": True,
            "activation": "reload",
            "goal": frozenset({("127.0.0.2", 25)}),
            "live": frozenset(),
            "must_be_servable": [],
            **facts,
        }
    )


def test_not_root(monkeypatch):
    assert list(refusals.not_root()) == (
        []
        if os.geteuid() == 0
        else ["mail_listeners changes servers, and needs root for that: use become"]
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert list(refusals.not_root()) == [
        "mail_listeners changes servers, and needs root for that: use become"
    ]


def test_other_config():
    other = side(configured=types.SimpleNamespace(config_path="/etc/a.json"))
    assert list(refusals.other_config([side(), other], "/etc/a.json")) == []
    assert list(refusals.other_config([other], "/etc/b.json")) == [
        "Postfix listens as /etc/a.json says, not /etc/b.json: name that one in config_path, or give it back first (state: absent with that config_path)"
    ]


def test_not_running():
    stopped = side(running=False)
    assert list(refusals.not_running([stopped], start=False)) == [
        "Postfix is not running: start it first, or set start to true, or take postfix off servers"
    ]
    for fine in (
        refusals.not_running([stopped], start=True),
        refusals.not_running([side(), side(running=False, follows=False)], start=False),
    ):
        assert list(fine) == []


def test_addresses_away():
    away = side(
        wanted=[
            Listener("192.0.2.77", 25, "smtp", "none"),
            Listener("127.0.0.2", 25, "smtp", "none"),
        ]
    )
    assert list(refusals.addresses_away([away])) == [
        "192.0.2.77 is not an address of this host: add it to an interface first, declare it floating, or set require_local_address to false"
    ]
    assert list(refusals.addresses_away([side(follows=False, wanted=away.wanted)])) == []


def test_addresses_away_that_somebody_else_wrote():
    declared = [Listener("192.0.2.77", 25, "smtp", "none")]
    foreign = frozenset({("192.0.2.77", 25), ("2001:db8:99::1", 587)})
    assert list(refusals.others_addresses_away([side(goal=foreign, wanted=declared)])) == [
        "Postfix does not listen on [2001:db8:99::1]:587 yet, though its files say so, and would die of it: 2001:db8:99::1 is not an address of this host. "
        "Take it out of them, or add the address"
    ]
    assert (
        list(refusals.others_addresses_away([side(goal=foreign, wanted=None, activation="none")]))
        == []
    )
    assert (
        list(refusals.others_addresses_away([side(goal=foreign, wanted=None, live=foreign)])) == []
    )


@pytest.mark.parametrize(
    "address, held, refused",
    [
        ("127.0.0.2", "127.0.0.2", True),
        ("127.0.0.2", "0.0.0.0", True),
        ("0.0.0.0", "127.0.0.9", True),
        ("::", "2001:db8::1", True),
        ("127.0.0.2", "127.0.0.3", False),
        ("127.0.0.2", "::", False),
        ("::1", "0.0.0.0", False),
    ],
)
def test_ports_of_others(address, held, refused):
    key = frozenset({(address, 25)})
    sockets = [
        Socket(held, 25, (4711, 4712), "exim4"),
        Socket(address, 26, (1,), "x"),
        Socket(address, 25, (2,), "master"),
    ]
    shown = ["[%s]:25" % text if ":" in text else text + ":25" for text in (address, held)]
    assert list(refusals.ports_of_others([side(goal=key)], sockets)) == (
        [
            "Postfix can't listen on %s: process 4711 (exim4) holds %s. Stop that, or declare another port"
            % tuple(shown)
        ]
        if refused
        else []
    )
    assert list(refusals.ports_of_others([side(goal=key, live=key)], sockets)) == []
    assert list(refusals.ports_of_others([side(goal=key, activation="none")], sockets)) == []


def test_a_port_of_a_program_that_cannot_be_seen():
    assert list(refusals.ports_of_others([side()], [Socket("127.0.0.2", 25)])) == [
        "Postfix can't listen on 127.0.0.2:25: another program holds 127.0.0.2:25. Stop that, or declare another port"
    ]


# -- certificates


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
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o644)
    return folder


def judged(files, certificate, key="", user="root"):
    listener = Listener(
        "127.0.0.2",
        465,
        "smtp",
        "ssl",
        str(files / certificate),
        key and str(files / key),
        port_name="Submissions",
    )
    facts = side(must_be_servable=[listener])
    facts.server.reads_keys_as = user
    return [
        message.replace(str(files) + "/", "") for message in refusals.certificates([facts], NOW)
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
            "the private key in encrypted.pem is encrypted, and nobody is there to type its password when Postfix starts: "
            "openssl pkey -in encrypted.pem -out encrypted.pem.plain",
        ),
        (
            "cert.der",
            "key.pem",
            "cert.der is not PEM, which is all that Postfix reads. Convert it: openssl x509 -inform DER -in cert.der -out cert.pem",
        ),
        (
            "good.pem",
            "key.der",
            "key.der is not PEM, which is all that Postfix reads. Convert it: openssl pkey -inform DER -in key.der -out key.pem",
        ),
        (
            "all.p12",
            "",
            "all.p12 is not PEM, which is all that Postfix reads. Convert it: openssl pkcs12 -in all.p12 -nodes -out all.pem",
        ),
        ("empty.pem", "key.pem", "empty.pem is not PEM"),
        (".", "key.pem", "can't be read: it is a directory"),
    ],
)
def test_certificates(files, certificate, key, message):
    found = judged(files, certificate, key)
    if message is None:
        assert found == []
    else:
        assert (
            len(found) == 1
            and found[0].startswith(SHOWN)
            and message in found[0].replace(str(files), "")
        ), found
        assert pki.PASSWORD not in found[0]


@needs_root
def test_a_key_that_the_servers_user_cannot_reach(files):
    assert judged(files, "good.pem", "key.pem", user="nobody") == []
    for path, closed, opened in ((files / "key.pem", 0o600, 0o644), (files, 0o700, 0o755)):
        path.chmod(closed)
        name = "good.pem" if path == files else "key.pem"
        assert judged(files, "good.pem", "key.pem", user="nobody") == [
            SHOWN
            + "%s can't be read by the user nobody, as which Postfix reads it: check its mode and those of the folders above it"
            % name
        ]
        assert judged(files, "good.pem", "key.pem", user="root") == []
        assert (
            judged(files, "good.pem", "key.pem", user="no-such-user") == []
        )  # the server will say so itself
        path.chmod(opened)


@needs_root
@pytest.mark.parametrize(
    "how, reason",
    [
        (
            ["mount", "--bind", "{file}", "{file}"],
            "{file} is mounted by itself, as into a container, and so can't be replaced: mount the folder that it is in",
        ),
        (
            ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "{folder}"],
            "{folder} is not writable, not even for root: it is immutable (lsattr) or its file system is read-only",
        ),
    ],
)
def test_a_servers_file_that_can_not_be_replaced(tmp_path, how, reason):
    """Links are followed to where they lead; what is no file is no matter; and a folder that is missing can be made."""
    folder, link = tmp_path / "etc", tmp_path / "master.cf"
    file = folder / "master.cf"
    folder.mkdir()
    file.write_text("")
    link.symlink_to(file)
    changing = side(
        final={str(link): b"", "TLS": b"", str(tmp_path / "new" / "unit.d" / "new.conf"): b""}
    )
    assert list(refusals.not_writable([changing])) == []
    names = {"file": file, "folder": folder}
    if subprocess.run([word.format(**names) for word in how], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        assert list(refusals.not_writable([changing])) == ["Postfix: " + reason.format(**names)]
        assert list(refusals.not_writable([side(final={})])) == []
    finally:
        subprocess.run(["umount", how[-1].format(**names)], check=True)
