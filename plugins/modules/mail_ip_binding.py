#!/usr/bin/python
# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_ip_binding
short_description: Declare which ports an IP address answers on
version_added: 0.1.0
description:
  - Declares which of the declared ports one IP address of a mail server answers on, in the host's
    bindings config.
  - The ports themselves are declared with M(mailops.bindings.mail_port), or all at once with
    M(mailops.bindings.mail_bindings).
requirements:
  - cryptography 3.3 or later (Debian's C(python3-cryptography)), only where the ports of the
    address have certificates. Without it, a warning says that they were not looked at.
author:
  - mailops.bindings contributors (@mailops)
extends_documentation_fragment:
  - mailops.bindings.config
  - mailops.bindings.write
  - mailops.bindings.attributes
  - mailops.bindings.attributes.actiongroup_bindings
options:
  address:
    description:
      - The IP address, IPv4 or IPv6 in any notation, or a wildcard (V(0.0.0.0), V(::)). Two ways of
        writing one address are one address.
      - Refused are multicast addresses, prefix lengths, leading zeros, IPv4-mapped IPv6 addresses
        and scopes.
    type: str
    required: true
    aliases: [ip]
  state:
    description:
      - V(present) makes the entry, or changes it where it differs.
      - V(absent) removes it, or, where O(ports) is given, only these ports from it.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description:
      - Names of ports. They must be declared.
      - If left out, an existing entry keeps its ports and a new one has none.
    type: list
    elements: str
  exclusive:
    description:
      - With V(true) the address answers on exactly O(ports), with V(false) at least on these.
    type: bool
    default: true
  hostname:
    description:
      - The name that clients reach this address by. Certificates of its ports should be for it, a
        warning names those that are not.
    type: str
  description:
    description:
      - What the address is for, in your words.
    type: str
  floating:
    description:
      - The address fails over between hosts (VRRP and the like), and may be away.
      - The host must let servers listen on an address that is away (C(net.ipv4.ip_nonlocal_bind) or
        C(net.ipv6.ip_nonlocal_bind) is 1), since its absence would else kill them at their next
        start.
    type: bool
  require_local_address:
    description:
      - Refuse an address that this host can't listen on now. V(false) where the config is written
        ahead of the address, as for an image.
    type: bool
    default: true
seealso:
  - module: mailops.bindings.mail_port
  - module: mailops.bindings.mail_bindings
"""

EXAMPLES = r"""
- name: This address answers on exactly these ports
  mailops.bindings.mail_ip_binding:
    address: 192.0.2.10
    hostname: mail.example.com
    ports:
      - SMTP
      - Submission
      - IMAPS

- name: And, whatever else it answers on, also on POP3S
  mailops.bindings.mail_ip_binding:
    address: 2001:db8::10
    ports: [POP3S]
    exclusive: false

- name: No longer on POP3
  mailops.bindings.mail_ip_binding:
    address: 192.0.2.10
    ports: [POP3]
    state: absent

- name: An address that keepalived moves between two hosts
  mailops.bindings.mail_ip_binding:
    address: 192.0.2.50
    ports: [SMTP]
    floating: true

- name: Forget the address altogether
  mailops.bindings.mail_ip_binding:
    address: 192.0.2.11
    state: absent
"""

RETURN = r"""
ip_address:
  description: The entry as it now is, or would be in check mode. Empty where there is none.
  returned: success
  type: dict
  sample: {address: 192.0.2.10, ports: [IMAPS], hostname: mail.example.com, description: '',
           floating: false}
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
    LOCAL_ADDRESS_OPTIONS,
)
from ansible_collections.mailops.bindings.plugins.module_utils._ansible.pipeline import declare
from ansible_collections.mailops.bindings.plugins.module_utils._tasks.ip_binding import (
    ip_binding_task,
)


def main():
    declare(
        ip_binding_task,
        {
            "address": {"type": "str", "required": True, "aliases": ["ip"]},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ports": {"type": "list", "elements": "str"},
            "exclusive": {"type": "bool", "default": True},
            "hostname": {"type": "str"},
            "description": {"type": "str"},
            "floating": {"type": "bool"},
            **LOCAL_ADDRESS_OPTIONS,
        },
    )


if __name__ == "__main__":
    main()
