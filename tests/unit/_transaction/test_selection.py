# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers take part, and which of them are read at all."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK
from support.pretended_world import ALL, IMAP, LDAP, SMTP, SUBMISSION

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


def test_only_named_servers_take_part(world):
    done = world.run(ALL, servers=["dove"])
    assert done.passed_over == ["%s:%d" % listener[:2] for listener in (SMTP, SUBMISSION, LDAP)]
    assert (
        world.run(ALL, check=True).passed_over
        == world.run(servers=["dove"], check=True, present=False).passed_over
        == []
    )
    assert list(done.participants) == ["dove"] and world.post.listens() == {
        ("127.0.0.1", 2525),
        ("127.0.0.3", 25),
    }
    os.unlink(world.slap.path)
    with pytest.raises(
        Refused,
        match="Slap is not installed on this host, and is what listens for ldap: install it, or "
        "declare no such port here",
    ):
        world.run(ALL)


def test_an_unreadable_server_with_managed_parts_is_refused(world, monkeypatch):
    """Else what was declared there would stay, and no message would say so."""

    def unreadable():
        raise Refused("post.conf, line 9: too few fields")

    monkeypatch.setattr(world.post, "read", unreadable)
    monkeypatch.setattr(world.post, "files", (world.post.path,))
    # nothing of ours, nothing declared: it does not take part
    assert "post" not in world.run(present=False).participants
    # where a file should be may be a folder
    monkeypatch.setattr(world.post, "files", (os.path.dirname(world.post.path), world.post.path))
    assert "post" not in world.run(present=False).participants
    world.post.write("# " + MANAGED_MARK)
    for present in (True, False):
        with pytest.raises(Refused, match="post.conf, line 9"):
            world.run([IMAP], present=present, check=True)
