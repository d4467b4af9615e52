# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of a rollout: every host once, in order, sizes kept, pairs apart."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sysconfig

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible.errors import AnsibleFilterError  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from ansible_collections.mailops.bindings.plugins.plugin_utils._rollout.batches import (
    rollout_batches,
)  # noqa: E402

ROOT = pathlib.Path(__file__).parents[4]

HOSTS = ["mx%d" % number for number in range(1, 21)]


def test_one_then_a_tenth_then_the_rest():
    assert list(map(len, rollout_batches(HOSTS, [1, "10%", "100%"]))) == [1, 2, 17]


def test_the_last_size_is_repeated_until_all_hosts_are_covered():
    assert list(map(len, rollout_batches(HOSTS, [1, 8]))) == [1, 8, 8, 3]


def test_hosts_of_one_group_are_in_different_batches():
    batches = rollout_batches(["a1", "a2", "b1"], [1, "100%"], apart={"a1": "a", "a2": "a"})
    assert batches == [["a1"], ["a2", "b1"]]
    assert rollout_batches(["a1", "a2", "b1"], ["100%"], apart={"a1": "a", "a2": "a"}) == [
        ["a1", "b1"],
        ["a2"],
    ]


@pytest.mark.parametrize("size", [0, "0%", -1, "many", "", "-5%"])
def test_an_invalid_size_is_refused(size):
    with pytest.raises(AnsibleFilterError, match="give a number of hosts"):
        rollout_batches(HOSTS, [size])


@pytest.mark.parametrize(
    "sizes, expected",
    [
        (5, [5] * 4),
        ("5", [5] * 4),
        ("25%", [5] * 4),
        ("1,5", [1, 5, 5, 5, 4]),
        ("1, 10%, 100%", [1, 2, 17]),
    ],
)
def test_sizes_need_not_be_in_a_list(sizes, expected):
    """With --extra-vars they are a string, which is no list of its characters."""
    assert list(map(len, rollout_batches(HOSTS, sizes))) == expected


@pytest.mark.parametrize("sizes", [None, "", True, {"first": 1}, 1.5, "[1, 5]"])
def test_invalid_sizes_are_refused_by_the_playbook_variable_s_name(sizes):
    with pytest.raises(AnsibleFilterError, match="mail_bindings_batches"):
        rollout_batches(HOSTS, sizes)


@pytest.mark.parametrize(
    "variables, expected",
    [
        (
            {"mail_bindings_pause": "5m", "mail_bindings_probe_from_controller": "flase"},
            "mail_bindings_pause: give a whole number of seconds, not 5m; "
            "mail_bindings_probe_from_controller: give true or false, not flase",
        ),
        (
            {
                "mail_bindings_pause": "5",
                "mail_bindings_probe_from_controller": "no",
                "mail_bindings_batches": "1,some",
            },
            "mail_bindings_batches: 'some' is not a size",
        ),
    ],
)
def test_the_playbook_refuses_invalid_variables(variables, expected, tmp_path):
    """On one of two hosts, which is enough; and before it connects to any."""
    collections = tmp_path / "collections" / "ansible_collections" / "mailops"
    collections.mkdir(parents=True)
    (collections / "bindings").symlink_to(ROOT)
    hosts = {"mx1": variables, "mx2": {}}
    (tmp_path / "inventory.json").write_text(
        json.dumps(
            {"all": {"hosts": hosts, "vars": {"ansible_host": "127.0.0.1", "ansible_port": 1}}}
        )
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")
    }
    played = subprocess.run(
        [
            os.path.join(sysconfig.get_path("scripts"), "ansible-playbook"),
            "-i",
            "inventory.json",
            "mailops.bindings.rollout",
        ],
        env={
            **environment,
            "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
            "ANSIBLE_HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
        },
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    assert played.returncode and expected in played.stdout and "UNREACHABLE" not in played.stdout, (
        played.stdout
    )


def test_no_sizes_are_refused():
    with pytest.raises(AnsibleFilterError, match="no sizes"):
        rollout_batches(HOSTS, [])


@given(
    st.lists(st.sampled_from(HOSTS), unique=True),
    st.lists(st.one_of(st.integers(1, 9), st.integers(1, 100).map("{}%".format)), min_size=1),
    st.dictionaries(st.sampled_from(HOSTS), st.sampled_from(["", "a", "b"])),
)
def test_every_host_is_in_one_batch_and_groups_are_apart(hosts, sizes, apart):
    batches = rollout_batches(hosts, sizes, apart)
    assert sorted(host for batch in batches for host in batch) == sorted(hosts)
    for batch in batches:
        keys = [apart[host] for host in batch if apart.get(host)]
        assert len(keys) == len(set(keys))
        assert batch == sorted(batch, key=hosts.index)
    assert all(batches)
