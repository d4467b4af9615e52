#!/usr/bin/python
# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_port
short_description: Declare a port that a mail server listens on
version_added: 0.1.0
description:
  - Declares one port of a mail server - its protocol, number, encryption and certificate - in the
    host's bindings config.
  - Which IP addresses answer on it is said with M(mailops.bindings.mail_ip_binding), or all at once
    with M(mailops.bindings.mail_bindings).
author:
  - mailops.bindings contributors (@mailops)
extends_documentation_fragment:
  - mailops.bindings.config
  - mailops.bindings.write
  - mailops.bindings.certificate
  - mailops.bindings.attributes
  - mailops.bindings.attributes.actiongroup_bindings
options:
  name:
    description:
      - The port's name, by which it is known and assigned. Printable, without blanks at its ends.
    type: str
    required: true
  state:
    description:
      - V(present) makes the port, or changes it where it differs. V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
  protocol:
    description:
      - What is spoken on the port. Needed to create one.
    type: str
    choices: [smtp, submission, imap, pop, ldap]
  port:
    description:
      - The number, 1 to 65535.
      - A new port gets the standard one of its protocol and encryption if this is left out - smtp
        25, with ssl 465; submission 587, with ssl 465; imap 143, with ssl 993; pop 110, with ssl
        995; ldap 389, with ssl 636.
      - When O(protocol) or O(encryption) of an existing port change and its number was the standard
        one, the number follows, unless it is given.
    type: int
  encryption:
    description:
      - V(ssl) is TLS from the first byte. V(tls) is STARTTLS, offered, and on submission required.
        V(none) asks for no TLS.
      - A new port has V(none) if this is left out. A change to V(none) also drops the stored paths
        of certificate and key.
    type: str
    choices: [none, ssl, tls]
  certificate_path:
    description:
      - The certificate, an absolute path on the host. PEM with the server's certificate first and
        its chain after it, DER, or PKCS#12.
      - Required with V(ssl) and V(tls), an error with V(none).
      - With O(store=smartermail), a path on the server, which may be a Windows one
        (V(C:\\...\\mail.pfx) or V(\\\\server\\share\\mail.pfx)).
    type: str
  private_key_path:
    description:
      - The certificate's private key, an absolute path on the host. If left out or empty, the key
        is in O(certificate_path).
    type: str
  certificate_password:
    description:
      - The password of a PKCS#12 file or of an encrypted private key. It is used to check them and
        never stored in a config file. Empty for an empty one.
      - With O(store=smartermail) it is given to the server, see O(update_password), and needed, if
        only as V(''), where a port with a certificate has to be added again to change it.
    type: str
  certificate_hostnames:
    description:
      - Names that clients reach the port by. The certificate must be for all of them, as for the
        host names of the addresses that the port is assigned to.
    type: list
    elements: str
  description:
    description:
      - What the port is for, in your words.
    type: str
  unassign:
    description:
      - With O(state=absent), also take the port off the IP addresses that it is assigned to.
        Without it a port that is assigned is not removed.
    type: bool
    default: false
seealso:
  - module: mailops.bindings.mail_ip_binding
  - module: mailops.bindings.mail_bindings
"""

EXAMPLES = r"""
- name: IMAP over TLS on 993, its standard number
  mailops.bindings.mail_port:
    name: IMAPS
    protocol: imap
    encryption: ssl
    certificate_path: /etc/ssl/mail/fullchain.pem
    private_key_path: /etc/ssl/mail/key.pem

- name: Submission with STARTTLS, its certificate good for another month and for two names
  mailops.bindings.mail_port:
    name: Submission
    protocol: submission
    encryption: tls
    certificate_path: /etc/ssl/mail/fullchain.pem
    private_key_path: /etc/ssl/mail/key.pem
    certificate_min_days: 30
    certificate_hostnames:
      - mail.example.com
      - smtp.example.com

- name: A PKCS#12 file with its password
  mailops.bindings.mail_port:
    name: POP3S
    protocol: pop
    encryption: ssl
    certificate_path: /etc/ssl/mail/mail.pfx
    certificate_password: "{{ vault_pfx_password }}"

- name: Move a port to another number, all else stays
  mailops.bindings.mail_port:
    name: SMTP
    port: 2525

- name: No longer offer POP3, on any address
  mailops.bindings.mail_port:
    name: POP3
    state: absent
    unassign: true
"""

RETURN = r"""
port:
  description: The port as it now is, or would be in check mode. Empty where there is none.
  returned: success
  type: dict
  sample: {name: IMAPS, protocol: imap, port: 993, encryption: ssl,
           certificate_path: /etc/ssl/mail/fullchain.pem,
           private_key_path: /etc/ssl/mail/key.pem, description: ''}
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
  returned: changed, with O(backup=true)
  type: str
  sample: /etc/mail-bindings/bindings.json.4711.2026-11-22@10:36:13~
"""

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.module import (
    CERTIFICATE_OPTIONS,
    PASSWORD_OPTIONS,
)
from ansible_collections.mailops.bindings.plugins.module_utils._ansible.pipeline import declare
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)
from ansible_collections.mailops.bindings.plugins.module_utils._tasks.port import port_task


def main():
    declare(
        port_task,
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "protocol": {"type": "str", "choices": [*PROTOCOLS]},
            "port": {"type": "int"},
            "encryption": {"type": "str", "choices": [*ENCRYPTIONS]},
            "certificate_path": {"type": "str"},
            "private_key_path": {"type": "str", "no_log": False},
            "certificate_password": {"type": "str", "no_log": True},
            "certificate_hostnames": {"type": "list", "elements": "str"},
            "description": {"type": "str"},
            "unassign": {"type": "bool", "default": False},
            **CERTIFICATE_OPTIONS,
            **PASSWORD_OPTIONS,
        },
    )


if __name__ == "__main__":
    main()
