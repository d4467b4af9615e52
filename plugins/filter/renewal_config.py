# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter renewal_config: its documentation. What it does: plugin_utils/_role/renewal.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: renewal_config
short_description: The configuration of the renewal hook
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - The configuration of the program that the role P(mailops.bindings.mail_bindings#role) installs
    with O(mailops.bindings.mail_bindings#role:main:mail_bindings_renewal_hook) - how listeners of
    each protocol are visited, and what makes each server take a renewed certificate.
options:
  _input:
    description: The bindings config on the host.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Show how servers are made to take renewed certificates
  ansible.builtin.debug:
    msg: "{{ '/etc/mail-bindings/bindings.json' | mailops.bindings.renewal_config }}"
"""

RETURN = r"""
_value:
  description: The configuration, as the hook reads it from a JSON file.
  type: dict
"""

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._role.renewal import renewal_config


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"renewal_config": renewal_config}
