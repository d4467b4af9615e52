# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter profile_ports: its documentation. What it does: plugin_utils/_role/document.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: profile_ports
short_description: Ports of a typical setup
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - The ports of a profile of the role P(mailops.bindings.mail_bindings#role), as
    M(mailops.bindings.mail_bindings) takes them, with ports of your own beside them or in their
      place.
positional: _input, profile
options:
  _input:
    description:
      - Ports of your own, with the keys that M(mailops.bindings.mail_bindings) takes.
      - One with a name of the profile's replaces that.
    type: list
    elements: dict
    required: true
  profile:
    description:
      - V(secure) is SMTP 25 (STARTTLS), Submissions 465, Submission 587 (STARTTLS), IMAPS 993,
        POP3S 995.
      - V(classic) also has POP3 110 and IMAP 143, with STARTTLS.
      - V(custom) has no ports but yours.
    type: str
    choices: [secure, classic, custom]
    required: true
  certificate_path:
    description: The certificate of the ports with TLS that name none themselves.
    type: str
    default: ""
  private_key_path:
    description: Its private key. If empty, the key is in O(certificate_path).
    type: str
    default: ""
  complete:
    description:
      - Give each port the values of a new one where it leaves them out. Otherwise
        M(mailops.bindings.mail_bindings) keeps the stored values.
    type: bool
    default: false
seealso:
  - plugin: mailops.bindings.profile_addresses
    plugin_type: filter
"""

EXAMPLES = r"""
- name: The ports of a mail server, one of them on another number
  ansible.builtin.debug:
    msg: >-
      {{ [{'name': 'IMAPS', 'protocol': 'imap', 'encryption': 'ssl', 'port': 1993}]
         | mailops.bindings.profile_ports('secure', certificate_path='/etc/ssl/mail/fullchain.pem',
                                          private_key_path='/etc/ssl/mail/key.pem') }}
"""

RETURN = r"""
_value:
  description: The ports, those of the profile first.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._role.document import profile_ports


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"profile_ports": profile_ports}
