# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter drift_report: its documentation. What it does: plugin_utils/_drift/report.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_report
short_description: One report of how far the listeners of a fleet have drifted
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Turns what M(mailops.bindings.mail_listeners) found in check mode on each host into one report,
    with a word for every listener of every host, the worst hosts first.
  - Three kinds of drift are told apart. C(config) is where the host's bindings config is not what
    is declared, C(files) where the servers' files are not what the config says, and C(listening)
    where what answers is not what the files say.
  - A host that failed, could not be reached or is not among the findings is in the report as well,
    and does not affect the others.
  - What only time changes is shown, but is not drift, as a certificate that is about to expire or
    has expired.
positional: _input
options:
  _input:
    description:
      - The findings, one for each host. A key that a finding does not have counts as empty.
      - Its key C(host) is the name of the host.
      - C(result) is the registered result of M(mailops.bindings.mail_listeners) in check mode, also
        one that failed.
      - C(maintenance) says that the host is to be shown, but not counted.
      - C(ignore_listeners) are listeners that are never called unexpected, such as
        V(192.0.2.1:2525) or V([2001:db8::1]:2525).
      - C(ports) and C(ip_addresses) say what is declared where the result does not, since the task
        failed. Each listener is then one that could not be checked.
    type: list
    elements: dict
    required: true
  generated:
    description:
      - The time to put on the report, preferably in UTC as V(2026-11-22T10:36:13Z).
    type: str
    required: true
  hosts:
    description:
      - The hosts that should be in the report. Those without a finding are reported as not checked.
    type: list
    elements: str
    default: []
notes:
  - Texts of more than 600 characters are cut, and so are long lists of lines. Control characters
    are replaced.
seealso:
  - plugin: mailops.bindings.drift_html
    plugin_type: filter
  - module: mailops.bindings.mail_listeners
"""

EXAMPLES = r"""
- name: See how far the mail servers have drifted
  hosts: mail
  become: true
  gather_facts: false
  tasks:
    - name: Look, and change nothing
      mailops.bindings.mail_listeners:
      check_mode: true
      ignore_errors: true
      ignore_unreachable: true
      register: mail_bindings_looked

    - name: Keep what was found
      ansible.builtin.set_fact:
        mail_bindings_finding:
          host: "{{ inventory_hostname }}"
          result: "{{ mail_bindings_looked }}"
          maintenance: "{{ mail_bindings_maintenance | default(false) }}"
          ignore_listeners: "{{ mail_bindings_ignore_listeners | default([]) }}"

- name: Write the report
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Make one report of all hosts
      ansible.builtin.set_fact:
        mail_bindings_drift: >-
          {{ groups['mail'] | map('extract', hostvars)
             | selectattr('mail_bindings_finding', 'defined')
             | map(attribute='mail_bindings_finding')
             | mailops.bindings.drift_report(generated=now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ'),
                                             hosts=groups['mail']) }}

    - name: Write it for programs
      ansible.builtin.copy:
        content: "{{ mail_bindings_drift | to_nice_json }}"
        dest: report.json
        mode: "0644"

    - name: Write it for people
      ansible.builtin.copy:
        content: "{{ mail_bindings_drift | mailops.bindings.drift_html }}"
        dest: report.html
        mode: "0644"
"""

RETURN = r"""
_value:
  description: The report. Its JSON Schema is C(docs/report.schema.json) in the collection, and
    C(docs/drift.md) says more.
  type: dict
  contains:
    schema_version:
      description: The version of the report's shape, 1.
      type: int
    generated:
      description: The time that was given.
      type: str
    verdict:
      description: V(drift) if a host has drifted, else V(incomplete) if not everything could be
        checked, else V(clean). Hosts in maintenance do not count.
      type: str
    counts:
      description:
        - How many. C(hosts) has C(total), C(drift), C(incomplete), C(clean) and C(maintenance);
          C(words) has the listeners by word, and C(levels) the hosts that have drifted in each of
          the three ways. Hosts in maintenance are in C(total) and C(maintenance) alone.
      type: dict
    hosts:
      description: The hosts, the worst first.
      type: list
      elements: dict
      contains:
        host:
          description: Its name.
          type: str
        verdict:
          description: V(drift), V(incomplete) or V(clean).
          type: str
        maintenance:
          description: Whether it is in maintenance, and so not counted.
          type: bool
        error:
          description: Why it could not be checked. Empty if it could.
          type: str
        counts:
          description: How many of its listeners have which word.
          type: dict
        levels:
          description: For each of C(config), C(files) and C(listening) whether it has drifted
            (C(drift)), the C(changes) to be made, and the C(listeners).
          type: dict
        addresses:
          description: Its IP addresses.
          type: list
          elements: dict
        ports:
          description: Its ports, by number.
          type: list
          elements: dict
        cells:
          description: A cell for each listener that is declared, or was found and is not.
          type: list
          elements: dict
        ignored:
          description: Listeners that are not declared and are to be ignored.
          type: list
          elements: str
        certificates:
          description: The certificate files, with their problems.
          type: list
          elements: dict
        warnings:
          description: What the task warned of.
          type: list
          elements: str
"""

import typing as t

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.report import drift_report


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """By name."""
        return {"drift_report": drift_report}
