#!/usr/bin/python
# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_bindings_info
short_description: Read the ports and IP bindings of a mail server
version_added: 0.1.0
description:
  - Reads which ports are declared and which IP addresses answer on which of them, in the shape that
    M(mailops.bindings.mail_bindings) takes.
  - It fails where the config is not valid, and says where.
  - With O(source=servers) it reads what the mail servers of a host that was set up by hand listen
    on, so that it can be adopted.
author:
  - mailops.bindings contributors (@mailops)
extends_documentation_fragment:
  - mailops.bindings.config
  - mailops.bindings.attributes
  - mailops.bindings.attributes.actiongroup_bindings
options:
  source:
    description:
      - What to read. V(config) is the host's bindings config.
      - V(servers) (added in mailops.bindings 0.2.0) is what Postfix, Dovecot and OpenLDAP on this
        host are configured to listen on today, by hand or by this collection, in the same shape.
        Declared as it is with M(mailops.bindings.mail_listeners) it changes none of these. It needs
        root.
    type: str
    choices: [config, servers]
    default: config
seealso:
  - module: mailops.bindings.mail_listeners
  - module: mailops.bindings.mail_bindings
"""

EXAMPLES = r"""
- name: Read the bindings
  mailops.bindings.mail_bindings_info:
  register: bindings

- name: Which addresses answer on IMAPS?
  ansible.builtin.debug:
    msg: >-
      {{ bindings.ip_addresses | selectattr('ports', 'contains', 'IMAPS')
         | map(attribute='address') }}

- name: What do the servers of this host listen on?
  mailops.bindings.mail_bindings_info:
    source: servers
  register: servers

- name: Adopt it - nothing changes but that the config now says it
  mailops.bindings.mail_listeners:
    ports: "{{ servers.ports }}"
    ip_addresses: "{{ servers.ip_addresses }}"
    exclusive: true
"""

RETURN = r"""
changes:
  description: Always empty.
  returned: success
  type: list
  elements: dict
diff:
  description: Always empty on both sides.
  returned: success
  type: dict
ports:
  description: All ports of the config as they are, by name. The keys are those of the config.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: IMAPS, protocol: imap, port: 993, encryption: ssl,
       certificate_path: /etc/ssl/mail/fullchain.pem,
       private_key_path: /etc/ssl/mail/key.pem, description: ''}
ip_addresses:
  description: All IP addresses of the config as they are, in address order.
  returned: success
  type: list
  elements: dict
  sample:
    - {address: 192.0.2.10, ports: [IMAPS], hostname: mail.example.com, description: '',
       floating: false}
unassigned_ports:
  description:
    - Names of the ports that no IP address listens on. They are legal, and a warning names them.
    - None with O(store=smartermail) over SOAP where M(mailops.bindings.mail_port) changes nothing,
      since it is not read then.
  returned: success
  type: list
  elements: str
unmapped:
  description:
    - With O(source=servers), what the servers are configured with that has no place in a bindings
      config, so that nothing is dropped in silence. Content filters, loopback and settings stay as
      they are. A listener that can't be declared (TLS without a certificate in a file, an address
      beside its wildcard) is removed by M(mailops.bindings.mail_listeners) as any other that is not
      declared; its check mode shows that.
    - It also names a server that is not running, or whose programs are not found although there are
      files of it, and Dovecot's own submission service.
    - With O(store=smartermail), what is on that server and has no place in a bindings config, or
      breaks its rules. A warning names it.
    - Otherwise empty.
  version_added: 0.2.0
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: One of V(postfix), V(dovecot), V(slapd), V(smartermail).
      type: str
    where:
      description: Where it stands.
      type: str
    text:
      description: What stands there.
      type: str
    reason:
      description: Why it has no place.
      type: str
  sample:
    - {server: postfix, where: 'master.cf, line 40', text: '127.0.0.1:10025 (smtp, none)',
       reason: 'a loopback address: mail_listeners leaves it as it is (keep_loopback)'}
"""

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.inform import inform
from ansible_collections.mailops.bindings.plugins.module_utils._tasks.info import look


def main():
    inform(
        {
            "source": {"type": "str", "choices": ["config", "servers"], "default": "config"},
        },
        look,
    )


if __name__ == "__main__":
    main()
