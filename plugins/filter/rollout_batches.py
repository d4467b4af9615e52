# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts → batches of a rollout. Pure."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout_batches
short_description: Batches of hosts for a rollout
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Puts hosts in batches of the given sizes, in their order, so that no two hosts that must be kept apart are in one batch.
  - A host that has to wait for the other one of its pair comes in the first later batch that has neither. More batches are made where those are too few.
positional: _input, sizes
options:
  _input:
    description: The hosts' names.
    type: list
    elements: str
    required: true
  sizes:
    description: The batches' sizes, numbers of hosts, or parts of all as V(10%). At least one host each. The last counts again until all hosts are in.
      One may be given without being in a list, and several as a string with commas between them.
    type: list
    elements: raw
    required: true
  apart:
    description: For each host a key. Hosts with the same key are never in one batch. Empty for hosts that can be with any.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: The first alone, then a tenth, then the rest
  ansible.builtin.debug:
    msg: "{{ groups['mail'] | mailops.bindings.rollout_batches([1, '10%', '100%'], apart={'mx1': 'pair-a', 'mx2': 'pair-a'}) }}"
"""

RETURN = r"""
_value:
  description: The batches, each a list of hosts.
  type: list
  elements: list
"""

from ansible.errors import AnsibleFilterError

_SIZES = "sizes of rollout_batches, which in the playbook rollout are mail_bindings_batches"


def rollout_batches(hosts, sizes, apart=None):
    """The batches, each a list of hosts; raises AnsibleFilterError for sizes that are none."""
    apart = apart or {}
    waiting, batches = list(hosts), []
    if isinstance(sizes, str):
        sizes = sizes.split(",")
    elif not isinstance(sizes, (list, tuple)):
        sizes = [sizes]
    numbers = [_number(size, len(waiting)) for size in sizes]
    if not numbers:
        raise AnsibleFilterError(
            "%s: there are no sizes: give at least one, as [1, '10%%', '100%%']" % _SIZES
        )
    while waiting:
        size = numbers[min(len(batches), len(numbers) - 1)]
        batch, keys = [], set()
        for host in waiting:
            key = apart.get(host)
            if len(batch) < size and (not key or key not in keys):
                batch.append(host)
                keys.add(key)
        waiting = [host for host in waiting if host not in batch]
        batches.append(batch)
    return batches


def _number(size, total):
    text = str(size).strip()
    try:
        number = int(total * float(text[:-1]) / 100) if text.endswith("%") else int(text)
    except (ValueError, OverflowError):
        number = -1
    if number < 0 or text in ("0", "0%"):
        raise AnsibleFilterError(
            "%s: %r is no size of a batch: give a number of hosts, or a part as '10%%'"
            % (_SIZES, size)
        )
    return max(number, 1)


class FilterModule:
    """Ansible's way of finding filters."""

    def filters(self):
        """Names and functions."""
        return {"rollout_batches": rollout_batches}
