# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter drift_html: its documentation. What it does: plugin_utils/_drift/page.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_html
short_description: A drift report as a page to read
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Turns what P(mailops.bindings.drift_report#filter) returned into one HTML page that needs
    nothing else, neither the network nor any other file.
  - For each host there is a matrix of its IP addresses and ports with a word in each cell, and
    below it what differs, before and after. The worst hosts come first.
  - The page can be filtered, printed, read in light and in dark, with the keyboard and with a
    screen reader, and without JavaScript.
positional: _input
options:
  _input:
    description:
      - The report.
    type: dict
    required: true
  max_bytes:
    description:
      - How big the page may become. Where the whole report takes more, the details of hosts that
        are well are left out first, and the page says so.
    type: int
    default: 5000000
seealso:
  - plugin: mailops.bindings.drift_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ mail_bindings_drift | mailops.bindings.drift_html }}"
    dest: report.html
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The page.
  type: str
"""

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.page import drift_html


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"drift_html": drift_html}
