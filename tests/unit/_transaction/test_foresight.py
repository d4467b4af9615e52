# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which declared listeners would not answer after a restart, as a look at the host finds it."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.foresight import (
    Foresight,
)
from support.pretended_world import ALL, IMAP, SMTP

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


@pytest.fixture(name="risks")
def _risks(world):
    """risks(): of all that is declared, and listens."""
    world.run(ALL)

    def risks(declared=None):
        wanted = ALL if declared is None else declared
        looking = Foresight([Listener(*listener, "none") for listener in wanted])
        return looking.risks(world._listening())

    return risks


def test_what_the_files_say_is_not_at_risk(risks):
    assert risks() == {}


def test_what_is_not_in_the_files_is_at_risk(world, risks):
    world.dove.write("127.0.0.3 143 imap")
    assert risks() == {IMAP[:2]: "the files of Dove do not have this listener"}
    world.dove.write("0.0.0.0 143 imap")
    assert risks() == {}


def test_what_the_checker_refuses_or_misses_is_at_risk(world, risks):
    world.dove.refuses = "line 1: what is that?"
    assert risks() == {IMAP[:2]: "Dove refuses its files: line 1: what is that?"}
    world.dove.refuses = ""
    world.dove.files_at_start = (str(world.folder / "gone.pem"),)
    assert set(risks()) == {IMAP[:2]}


def test_of_a_layout_that_is_not_known_nothing_is_told(world, risks, monkeypatch):
    def read():
        raise Refused("another layout")

    monkeypatch.setattr(world.dove, "read", read)
    assert risks() == {}


def test_what_another_program_listens_on_is_not_judged(world, risks):
    world.dove.refuses = "all"
    world.dove.set_listening(None)
    world.others.append(Socket(*IMAP[:2], (1,), "proxy"))
    assert risks() == {}
    os.unlink(world.post.path)  # it is not installed
    assert risks([SMTP]) == {}
