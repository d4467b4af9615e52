#!/usr/bin/python
# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_bindings
short_description: Declare all ports and IP bindings of a mail server in one task
version_added: 0.1.0
description:
  - Declares ports and which IP addresses answer on which of them, the whole of a host's bindings
    config, in one task.
  - One such task is quicker than a loop over M(mailops.bindings.mail_port) and
    M(mailops.bindings.mail_ip_binding), and it is all or nothing.
author:
  - mailops.bindings contributors (@mailops)
extends_documentation_fragment:
  - mailops.bindings.declaration
  - mailops.bindings.config
  - mailops.bindings.write
  - mailops.bindings.certificate
  - mailops.bindings.attributes
  - mailops.bindings.attributes.actiongroup_bindings
seealso:
  - module: mailops.bindings.mail_port
  - module: mailops.bindings.mail_ip_binding
  - module: mailops.bindings.mail_bindings_info
"""

EXAMPLES = r"""
- name: Exactly these ports on exactly these addresses
  mailops.bindings.mail_bindings:
    exclusive: true
    ports:
      - name: SMTP
        protocol: smtp
        encryption: tls
        certificate_path: /etc/ssl/mail/fullchain.pem
        private_key_path: /etc/ssl/mail/key.pem
      - name: Submissions
        protocol: submission
        encryption: ssl
        certificate_path: /etc/ssl/mail/fullchain.pem
        private_key_path: /etc/ssl/mail/key.pem
      - name: IMAPS
        protocol: imap
        encryption: ssl
        certificate_path: /etc/ssl/mail/fullchain.pem
        private_key_path: /etc/ssl/mail/key.pem
    ip_addresses:
      - address: 192.0.2.10
        hostname: mail.example.com
        ports: [SMTP, Submissions, IMAPS]
      - address: 2001:db8::10
        ports: [SMTP]

- name: At least this on a SmarterMail server, whose API the controller asks
  mailops.bindings.mail_bindings:
    store: smartermail
    smartermail_url: https://mail.example.com
    smartermail_username: admin
    smartermail_password: "{{ vault_smartermail_password }}"
    ports:
      - name: IMAPS
        protocol: imap
        encryption: ssl
        certificate_path: 'C:\SmarterMail\Certificates\mail.pfx'
        certificate_password: "{{ vault_pfx_password }}"
    ip_addresses:
      - address: 192.0.2.10
        ports: [IMAPS]
  delegate_to: localhost

- name: One more address for a port that is there, nothing else changes
  mailops.bindings.mail_bindings:
    ip_addresses:
      - address: 192.0.2.11
        ports: [IMAPS]

- name: Replace a config that is not valid, and keep the broken file beside it
  mailops.bindings.mail_bindings:
    exclusive: true
    replace_invalid: true
    ports:
      - name: SMTP
        protocol: smtp
    ip_addresses:
      - address: 0.0.0.0
        ports: [SMTP]
"""

RETURN = r"""
changes:
  description:
    - What was changed, or would be in check mode. Ports by name, then addresses in their order,
      then the file itself.
    - Empty if and only if C(changed) is false.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: One of V(add), V(change), V(remove).
      type: str
    kind:
      description: One of V(port), V(ip_binding), V(file). The last is the config file's owner,
        group or mode, or that a broken one is replaced.
      type: str
    name:
      description: The port's name, the IP address, or the file's path.
      type: str
    before:
      description: The entry as it was, with the keys of the config. Empty if there was none.
      type: dict
    after:
      description: The entry as it is now. Empty if there is none.
      type: dict
  sample:
    - {action: change, kind: ip_binding, name: 192.0.2.10,
       before: {address: 192.0.2.10, ports: [SMTP], hostname: '', description: '', floating: false},
       after: {address: 192.0.2.10, ports: [IMAPS, SMTP], hostname: '', description: '',
               floating: false}}
diff:
  description: What changed, before and after, by name; of an entry that stays only what differs in
    it. Both sides are empty if nothing changed.
  returned: success
  type: dict
  contains:
    before:
      description: C(ports), C(ip_addresses) and C(files) as they were, only those that changed.
      type: dict
    after:
      description: The same as they are now.
      type: dict
ports:
  description: All ports of the config as they now are, or would be in check mode, by name. The keys
    are those of the config.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: IMAPS, protocol: imap, port: 993, encryption: ssl,
       certificate_path: /etc/ssl/mail/fullchain.pem,
       private_key_path: /etc/ssl/mail/key.pem, description: ''}
ip_addresses:
  description:
    - All IP addresses of the config as they now are, or would be in check mode, in address order.
    - None with O(store=smartermail) over SOAP where M(mailops.bindings.mail_port) changes nothing,
      since it is not read then.
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
    - With O(store=smartermail), what is on the server and has no place in a bindings config, or
      breaks its rules. No task changes it unless it declares it. A warning names it.
    - Otherwise empty.
  version_added: 0.2.0
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: Always V(smartermail).
      type: str
    where:
      description: Which port or address.
      type: str
    text:
      description: What stands there.
      type: str
    reason:
      description: Why it has no place.
      type: str
  sample:
    - {server: smartermail, where: 'port "XMPP" (id 7)', text: 'number 5222, type 5, isSSL false,
       isTls true',
       reason: 'its protocol has no place in a config, or how this API calls it is not known'}
certificates:
  description: The certificates of the ports that the task names or assigns. Empty where they are
    not checked.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
    subject:
      description: The subject (RFC 4514). None if it can't be read, as with the other facts.
      type: str
    issuer:
      description: The issuer (RFC 4514).
      type: str
    names:
      description: The DNS names and IP addresses that it is for.
      type: list
      elements: str
    not_before:
      description: Valid from, ISO 8601 in UTC.
      type: str
    not_after:
      description: Valid until, ISO 8601 in UTC.
      type: str
    days_left:
      description: Whole days left, negative once it has expired.
      type: int
    fingerprint_sha256:
      description: The fingerprint, as C(openssl x509 -fingerprint -sha256) prints it.
      type: str
    key_matches:
      description: Whether the private key is the certificate's. None if there is none that can be
        read.
      type: bool
    problems:
      description: All that is wrong with it, in words.
      type: list
      elements: str
backup_file:
  description: The config as it was before.
  returned: changed, with O(backup=true), or where a broken config was replaced
  type: str
  sample: /etc/mail-bindings/bindings.json.4711.2026-11-22@10:36:13~
"""

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.pipeline import declare
from ansible_collections.mailops.bindings.plugins.module_utils._tasks.bindings import (
    BINDINGS_OPTIONS,
    bindings_task,
)


def main():
    declare(bindings_task, BINDINGS_OPTIONS)


if __name__ == "__main__":
    main()
