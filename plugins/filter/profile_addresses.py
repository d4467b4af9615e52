# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter profile_addresses: its documentation. What it does: plugin_utils/_role/document.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: profile_addresses
short_description: IP addresses of a typical setup
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Entries for IP addresses that all answer on the same ports, as M(mailops.bindings.mail_bindings)
    takes them, with entries of your own beside them or in their place.
positional: _input, addresses, ports
options:
  _input:
    description:
      - Entries of your own, with the keys that M(mailops.bindings.mail_bindings) takes.
      - One for one of O(addresses) replaces that.
    type: list
    elements: dict
    required: true
  addresses:
    description: IP addresses that answer on all of O(ports).
    type: list
    elements: str
    required: true
  ports:
    description: Names of the ports.
    type: list
    elements: str
    required: true
  hostname:
    description: The name that clients reach O(addresses) by.
    type: str
    default: ""
  complete:
    description:
      - Give each entry the values of a new one where it leaves them out, but for its ports.
        Otherwise M(mailops.bindings.mail_bindings) keeps the stored values.
    type: bool
    default: false
seealso:
  - plugin: mailops.bindings.profile_ports
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Two addresses with all ports, and one with SMTP alone
  ansible.builtin.debug:
    msg: >-
      {{ [{'address': '192.0.2.12', 'ports': ['SMTP']}]
         | mailops.bindings.profile_addresses(['192.0.2.10', '192.0.2.11'], ['SMTP', 'IMAPS'],
                                              hostname='mail.example.com') }}
"""

RETURN = r"""
_value:
  description: The entries, those of O(addresses) first.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._role.document import (
    profile_addresses,
)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"profile_addresses": profile_addresses}
