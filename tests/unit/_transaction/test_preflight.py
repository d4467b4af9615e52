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
from ansible_collections.mailops.bindings.plugins.module_utils._host import addresses
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import preflight

NOW = datetime.datetime.now(datetime.timezone.utc)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")


def participant(**facts):
    """One whose server is to listen on 127.0.0.2:25."""
    server = types.SimpleNamespace(
        title="Postfix",
        name="postfix",
        reads_keys_as="nobody",
        holds=lambda socket: socket.program == "master",
    )
    return types.SimpleNamespace(
        **{
            "server": server,
            "configured": types.SimpleNamespace(config_path="", sockets=()),
            "desired": [Listener("127.0.0.2", 25, "smtp", "none")],
            "running": True,
            "follows": True,
            "activation": "reload",
            "desired_sockets": frozenset({("127.0.0.2", 25)}),
            "live": frozenset(),
            "must_be_servable": [],
            **facts,
        }
    )


def test_not_root(monkeypatch):
    assert list(preflight.not_root()) == (
        []
        if os.geteuid() == 0
        else ["mail_listeners changes servers, and needs root for that: use become"]
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert list(preflight.not_root()) == [
        "mail_listeners changes servers, and needs root for that: use become"
    ]


def test_other_config():
    other = participant(configured=types.SimpleNamespace(config_path="/etc/a.json"))
    assert list(preflight.other_config([participant(), other], "/etc/a.json")) == []
    assert list(preflight.other_config([other], "/etc/b.json")) == [
        "Postfix listens as /etc/a.json says, not /etc/b.json: name that one in config_path, "
        "or give it back first (state: absent with that config_path)"
    ]


def test_not_running():
    stopped = participant(running=False)
    assert list(preflight.not_running([stopped], start=False)) == [
        "Postfix is not running: start it first, or set start to true, or take postfix off servers"
    ]
    for fine in (
        preflight.not_running([stopped], start=True),
        preflight.not_running(
            [participant(), participant(running=False, follows=False)], start=False
        ),
    ):
        assert list(fine) == []


def test_not_running_names_what_keeps_it_from_starting():
    files = {("127.0.0.1", 25), ("2001:db8:99::1", 25), ("0.0.0.0", 587)}
    configured = types.SimpleNamespace(config_path="", sockets=files)
    stopped = participant(running=False, configured=configured)
    assert list(preflight.not_running([stopped], start=False)) == [
        "Postfix is not running, and can't start: its files have [2001:db8:99::1]:25, which can't "
        "be bound on this host now: start it first, or set start to true, or take postfix off "
        "servers"
    ]


def test_not_running_names_ipv6_that_is_switched_off(monkeypatch):
    monkeypatch.setattr(
        addresses, "cannot_listen", lambda address, floating: "away" * (address == "::1")
    )
    files = {("127.0.0.1", 25), ("::1", 25), ("::1", 587)}
    configured = types.SimpleNamespace(config_path="", sockets=files)
    stopped = participant(running=False, configured=configured)
    (message,) = preflight.not_running([stopped], start=False)
    assert message.startswith(
        "Postfix is not running, and can't start: its files have [::1]:25, [::1]:587, which can't "
        "be bound on this host now (IPv6 is switched off; a run with start: true writes them anew "
        "without ::1): start it first"
    )


def test_addresses_away():
    away = participant(
        desired=[
            Listener("192.0.2.77", 25, "smtp", "none"),
            Listener("127.0.0.2", 25, "smtp", "none"),
        ]
    )
    assert list(preflight.addresses_away([away])) == [
        "192.0.2.77 is not an address of this host: add it to an interface first, "
        "declare it floating, or set require_local_address to false"
    ]
    assert list(preflight.addresses_away([participant(follows=False, desired=away.desired)])) == []


def test_addresses_away_of_others():
    declared = [Listener("192.0.2.77", 25, "smtp", "none")]
    foreign = frozenset({("192.0.2.77", 25), ("2001:db8:99::1", 587)})
    assert list(
        preflight.others_addresses_away([participant(desired_sockets=foreign, desired=declared)])
    ) == [
        "Postfix does not listen on [2001:db8:99::1]:587 yet, though its files say so, and would "
        "die of it: 2001:db8:99::1 is not an address of this host. Take it out of them, or add "
        "the address"
    ]
    assert (
        list(
            preflight.others_addresses_away(
                [participant(desired_sockets=foreign, desired=None, activation="none")]
            )
        )
        == []
    )
    assert (
        list(
            preflight.others_addresses_away(
                [participant(desired_sockets=foreign, desired=None, live=foreign)]
            )
        )
        == []
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
    assert list(preflight.ports_of_others([participant(desired_sockets=key)], sockets)) == (
        [
            "Postfix can't listen on %s: process 4711 (exim4) holds %s. "
            "Stop that, or declare another port" % tuple(shown)
        ]
        if refused
        else []
    )
    assert (
        list(preflight.ports_of_others([participant(desired_sockets=key, live=key)], sockets)) == []
    )
    assert (
        list(
            preflight.ports_of_others(
                [participant(desired_sockets=key, activation="none")], sockets
            )
        )
        == []
    )


def test_a_port_of_a_program_that_cannot_be_seen():
    assert list(preflight.ports_of_others([participant()], [Socket("127.0.0.2", 25)])) == [
        "Postfix can't listen on 127.0.0.2:25: another program holds 127.0.0.2:25. "
        "Stop that, or declare another port"
    ]


@needs_root
@pytest.mark.parametrize(
    "how, reason",
    [
        (
            ["mount", "--bind", "{file}", "{file}"],
            "{file} is mounted by itself, as into a container, and so can't be replaced: "
            "mount the folder that it is in",
        ),
        (
            ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "{folder}"],
            "{folder} is not writable, not even for root: it is immutable (lsattr) or its file "
            "system is read-only",
        ),
    ],
)
def test_a_servers_file_that_can_not_be_replaced(tmp_path, how, reason):
    """Links are followed, resources that are no files are passed over, folders can be made."""
    folder, link = tmp_path / "etc", tmp_path / "master.cf"
    file = folder / "master.cf"
    folder.mkdir()
    file.write_text("")
    link.symlink_to(file)
    changing = participant(
        final_state={str(link): b"", "TLS": b"", str(tmp_path / "new" / "unit.d" / "new.conf"): b""}
    )
    assert list(preflight.not_writable([changing])) == []
    names = {"file": file, "folder": folder}
    if subprocess.run([word.format(**names) for word in how], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        assert list(preflight.not_writable([changing])) == ["Postfix: " + reason.format(**names)]
        assert list(preflight.not_writable([participant(final_state={})])) == []
    finally:
        subprocess.run(["umount", how[-1].format(**names)], check=True)
