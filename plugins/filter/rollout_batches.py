# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter rollout_batches: its documentation. What it does: plugin_utils/_rollout/batches.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout_batches
short_description: Batches of hosts for a rollout
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Puts hosts in batches of the given sizes, in their order. Hosts of one anti-affinity group never
    share a batch.
  - A host whose group is in a batch already comes in the first later batch that does not have its
    group. More batches are made where there are too few.
positional: _input, sizes
options:
  _input:
    description: The hosts' names.
    type: list
    elements: str
    required: true
  sizes:
    description:
      - The batches' sizes, numbers of hosts, or parts of all as V(10%). At least one host each.
      - The last size is repeated until all hosts are covered.
      - One may be given without being in a list, and several as a string with commas between them.
    type: list
    elements: raw
    required: true
  apart:
    description: For each host its anti-affinity group. Empty for hosts that can share a batch with
      any.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: The first alone, then a tenth, then the rest
  ansible.builtin.debug:
    msg: >-
      {{ groups['mail'] | mailops.bindings.rollout_batches([1, '10%', '100%'],
         apart={'mx1': 'pair-a', 'mx2': 'pair-a'}) }}
"""

RETURN = r"""
_value:
  description: The batches, each a list of hosts.
  type: list
  elements: list
"""

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._rollout.batches import (
    rollout_batches,
)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"rollout_batches": rollout_batches}
