# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter declared_listeners: documentation. What it does: plugin_utils/_role/document.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: declared_listeners
short_description: The listeners of a declaration
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Which listeners these ports on these IP addresses are, as
    M(mailops.bindings.mail_listeners_info) takes them.
  - Floating addresses are left out, since they may be away.
positional: _input, ip_addresses
options:
  _input:
    description: The ports, with the keys that M(mailops.bindings.mail_bindings) takes.
    type: list
    elements: dict
    required: true
  ip_addresses:
    description: The IP addresses, with the keys that M(mailops.bindings.mail_bindings) takes.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: See from here what answers on another host
  mailops.bindings.mail_listeners_info:
    listeners: "{{ ports | mailops.bindings.declared_listeners(ip_addresses) }}"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The listeners, in the order of O(ip_addresses), then of the ports.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._role.document import (
    declared_listeners,
)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"declared_listeners": declared_listeners}
