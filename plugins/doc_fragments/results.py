# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Results that several modules return. ansible-core has no fragments for RETURN blocks.

    So script/docs.py, which knows which module returns which, writes them into the modules.
    """

    CHANGES = r"""
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
"""

    NO_CHANGES = r"""
changes:
  description: Always empty.
  returned: success
  type: list
  elements: dict
"""

    DIFF = r"""
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
"""

    NO_DIFF = r"""
diff:
  description: Always empty on both sides.
  returned: success
  type: dict
"""

    PORTS = r"""
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
"""

    IP_ADDRESSES = r"""
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
"""

    UNASSIGNED_PORTS = r"""
unassigned_ports:
  description:
    - Names of the ports that no IP address listens on. They are legal, and a warning names them.
    - None with O(store=smartermail) over SOAP where M(mailops.bindings.mail_port) changes nothing,
      since it is not read then.
  returned: success
  type: list
  elements: str
"""

    UNMAPPED = r"""
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
"""

    CERTIFICATES = r"""
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
"""

    BACKUP_FILE = r"""
backup_file:
  description: The config as it was before.
  returned: changed, with O(backup=true)
  type: str
  sample: /etc/mail-bindings/bindings.json.4711.2026-11-22@10:36:13~
"""

    BACKUP_FILE_OR_BROKEN = r"""
backup_file:
  description: The config as it was before.
  returned: changed, with O(backup=true), or where a broken config was replaced
  type: str
  sample: /etc/mail-bindings/bindings.json.4711.2026-11-22@10:36:13~
"""
