# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What probe results decide: what is new, changed or degraded has to be as declared."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._probe import client
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.execution import (
    RolledBack,
)
from support.pretended_world import ALL, IMAP, LDAP, SMTP, SUBMISSION

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files owners, and so takes root")


def test_a_problem_from_before_neither_blocks_nor_rolls_back(world):
    world.statuses[("127.0.0.1", 2525)] = "timeout"  # it never answered
    world.run([SMTP])
    assert SMTP[:2] in world.post.listens()
    world.statuses[SMTP[:2]] = "expired"
    assert [change["name"] for change in world.run([SMTP, SUBMISSION]).changes] == [
        world.post.path,
        "127.0.0.2:587",
    ]


def test_a_degraded_listener_is_rolled_back(world):
    world.run([SMTP])
    before = world.state()

    def get_worse(number, point):
        if point == "have activated post" and len(world.post.told) == 1:
            world.statuses[SMTP[:2]] = "wrong_certificate"

    world.harm = get_worse
    with pytest.raises(RolledBack, match=r"127.0.0.2:25 \(smtp, none\): wrong_certificate"):
        world.run([SMTP, SUBMISSION])
    assert world.state() == before


def test_a_silent_listener_is_no_measure_for_patience(world, monkeypatch):
    real, probed = world._probe, []

    def probe(listeners, *, timeout, min_days, now):
        probed.append((sorted(listener.port for listener in listeners), timeout))
        return real(listeners, timeout=timeout, min_days=min_days, now=now)

    monkeypatch.setattr(client, "probe", probe)
    world.statuses[("127.0.0.3", 143)] = "timeout"
    world.run(ALL, timeout=30.0)
    assert probed[:2] == [([25, 143, 389, 2525], 2.5), ([143], 30.0)]
    # nor are those of before a measure for new ones, whose greeting may wait for DNS
    new = {25, 587, 143, 389}
    assert {(timeout, set(ports) <= new) for ports, timeout in probed[2:]} == {
        (5.0, False),
        (30.0, True),
    }


def test_a_new_listener_that_is_not_ok_is_rolled_back(world):
    before = world.state()
    world.statuses[SUBMISSION[:2]] = "no_auth"
    with pytest.raises(RolledBack, match=r"127.0.0.2:587 \(submission, none\): no_auth: so it is"):
        world.run(ALL)
    assert world.state() == before


def test_listeners_given_back_may_have_problems_but_must_answer(world):
    world.run(ALL)
    world.statuses[("127.0.0.3", 143)] = "no_starttls"
    world.run(present=False)
    assert world.dove.listens() == {("127.0.0.3", 143)}
    world.statuses.clear()
    world.run(ALL)
    world.statuses[("127.0.0.3", 143)] = "timeout"
    with pytest.raises(RolledBack):
        world.run(present=False)
    assert world.dove.listens() == {IMAP[:2]}


def test_a_renewed_certificate_that_still_is_not_served_is_rolled_back(world):
    world.run(ALL)
    world.statuses[IMAP[:2]] = "wrong_certificate"
    with pytest.raises(RolledBack, match="wrong_certificate"):
        world.run(ALL)
    assert world.dove.listens() == {IMAP[:2]}


def test_without_probe_only_sockets_are_checked(world):
    world.statuses.update({key[:2]: "timeout" for key in ALL})
    world.run(ALL, probe=False)
    assert world.probed == [] and world.dove.listens() == {IMAP[:2]}


def test_new_listeners_are_probed_early_and_again_only_if_not_ok(world):
    world.run([SMTP, IMAP])
    world.statuses[LDAP[:2]] = "tls_failed"
    world.harm = lambda number, point: (
        world.statuses.clear() if point == "probe" and len(world.probed) == 3 else None
    )
    world.run(ALL)
    new, later, unchanged = world.probed[-3:]
    assert new == ["127.0.0.2:389", "127.0.0.2:587"] and later == ["127.0.0.2:389"], world.probed
    assert "127.0.0.2:25" in unchanged and "127.0.0.2:587" not in unchanged
