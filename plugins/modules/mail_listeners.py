#!/usr/bin/python
# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_listeners
short_description: Make this host's mail servers listen as declared, and prove it
version_added: 0.2.0
description:
  - Makes Postfix (smtp, submission), Dovecot (imap, pop) and OpenLDAP's slapd (ldap) listen on
    exactly the addresses and ports that the bindings config, or this task, declares, with the
    declared encryption and certificates; all of it or nothing.
  - What can't work is refused before anything is touched. Then each server's own checker sees the
    new files where the live ones can't be reached; they are put in place, activated with the
    gentlest step that works, and every listener is connected to. If a listener fails, every file is
    restored, the old state is activated and proved, and then the task fails and says why.
  - Only what this module writes is its own, and says so in the files. Everything else stays byte
    for byte. Postfix's C(main.cf) is never written. An entry that listens on a declared number is
    taken over with all of its settings but TLS's, and comes back with O(state=absent).
  - Listeners of these protocols that are not declared are removed, but for those on loopback
    addresses, see O(keep_loopback). They are C(remove) in the result's C(changes).
  - With O(ports) or O(ip_addresses) the config is changed first as
    M(mailops.bindings.mail_bindings) would, as a part of the same transaction. Without them the
    config counts as it is; one that does not exist is empty.
author:
  - mailops.bindings contributors (@mailops)
extends_documentation_fragment:
  - mailops.bindings.declaration
  - mailops.bindings.config
  - mailops.bindings.write
  - mailops.bindings.certificate
  - mailops.bindings.attributes
  - mailops.bindings.attributes.actiongroup_bindings
options:
  state:
    description:
      - With V(present), the servers listen as the config says.
      - With V(absent), they are given back as they were found - what this module wrote is taken out
        of today's files, and the entries that it had replaced return. The config stays.
    type: str
    choices: [present, absent]
    default: present
  servers:
    description:
      - The servers to look after. One that is named and has no declared listener is left with none
        but loopback's.
      - What is declared for a server that is not named is written into the config, and a warning
        says that it was not applied.
      - By default those that the declared protocols need, those that the config needed so far, and
        those in whose files this module has written before.
    type: list
    elements: str
    choices: [postfix, dovecot, slapd]
  on_unhealthy:
    description:
      - A declared listener that does not answer as declared, although its server's files are right,
        has its server reloaded; and restarted, if it still does not and no session would be cut or
        nothing of the server answers. That is a change. This option is about what is not as
        declared after that, or answers now and would not after a restart (V(at_risk)).
      - With V(fail), the task then fails; what it has changed stays. With V(warn) it only warns, as
        it does in check mode.
    type: str
    choices: [fail, warn]
    default: fail
  probe:
    description:
      - Connect to every listener before and after, and roll back if a new, changed or degraded
        listener fails its probe. V(false) only looks at sockets.
    type: bool
    default: true
  activate:
    description:
      - V(false) only writes the files, as for an image. Nothing is looked at or connected to then.
    type: bool
    default: true
  start:
    description:
      - Start a server that is not running. With V(false) that is refused.
    type: bool
    default: false
  keep_loopback:
    description:
      - Leave what listens on loopback addresses as it is, since local programs send through it.
      - A wildcard that is replaced by addresses leaves its loopback part, 127.0.0.1 and, beside a
        declared IPv6 address of the same server, ::1. Without one, ::1 is C(remove) in C(changes),
        since the server would not start any more once IPv6 is switched off; programs that ask for
        localhost try 127.0.0.1 next. A ::1 that the server's files name themselves stays.
      - Where local programs use another address of 127.0.0.0/8, as 127.0.1.1, which Debian's
        C(/etc/hosts) may have for the host's own name, declare that too.
    type: bool
    default: true
  drain:
    description:
      - Seconds to wait, where a server can have the old listeners beside the new ones, for sessions
        on the old ones to end.
    type: float
    default: 0
  timeout:
    description:
      - Seconds to wait for an answer of a listener, new ones included, and for a server's sockets.
        A server whose unit allows it more time to start (C(TimeoutStartSec)) is given that.
    type: float
    default: 30
notes:
  - Needs root on the host.
  - Refused with O(store=smartermail), since that server acts by itself as soon as
    M(mailops.bindings.mail_bindings) has changed its bindings.
  - Certificates and keys are named in the servers' files, never copied. They must be PEM and
    readable for the user that the server reads them as, also in the sandbox of its service, which
    often has a C(/tmp) of its own.
  - Certificates are per IP and port in Postfix, per IP and protocol in Dovecot, and one for all in
    OpenLDAP. What a server can't say is refused.
  - A journal and the originals lie in C(/var/lib/mail-bindings) during a run. If it is killed, the
    next run undoes its unfinished changes first, and a warning says so.
seealso:
  - module: mailops.bindings.mail_bindings
  - module: mailops.bindings.mail_listeners_info
"""

EXAMPLES = r"""
- name: Listen as the config says
  mailops.bindings.mail_listeners:

- name: Declare it all and have the servers listen so, in one transaction
  mailops.bindings.mail_listeners:
    exclusive: true
    ports:
      - name: SMTP
        protocol: smtp
        encryption: tls
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
        ports: [SMTP, IMAPS]

- name: Give the servers back as they were found
  mailops.bindings.mail_listeners:
    state: absent
"""

RETURN = r"""
changes:
  description:
    - What was changed, or would be in check mode. Ports by name, then addresses in their order,
      then the config file itself, then for each server its files and its listeners.
    - Empty if and only if C(changed) is false.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: One of V(add), V(change), V(remove).
      type: str
    kind:
      description: One of V(port), V(ip_binding), V(file), V(listener).
      type: str
    name:
      description: The port's name, the IP address, the file's path (or C(cn=config)), or the
        listener as C(192.0.2.1:993) or C([2001:db8::1]:993).
      type: str
    server:
      description: The server whose file or listener it is, as in O(servers).
      returned: for files and listeners of a server
      type: str
    before:
      description: The entry as it was, of a server's file the lines that are replaced. Empty if
        there was none.
      type: dict
    after:
      description: The entry as it is now, of a server's file our lines. Empty if there is none.
        Where TLS becomes required that was only offered (submission), both have C(tls_required).
      type: dict
  sample:
    - {action: add, kind: listener, name: '192.0.2.10:993', server: dovecot,
       before: {},
       after: {protocol: imap, encryption: ssl, certificate_path: /etc/ssl/mail/fullchain.pem,
               private_key_path: /etc/ssl/mail/key.pem}}
diff:
  description: What changed, before and after, by name; of an entry that stays only what differs in
    it. Both sides are empty if nothing changed.
  returned: success
  type: dict
  contains:
    before:
      description: C(ports), C(ip_addresses), C(files) and C(listeners) as they were, only those
        that changed.
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
  description: Always empty.
  returned: success
  type: list
  elements: dict
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
listeners:
  description: Every listener of the servers as it now answers, in address order; see
    M(mailops.bindings.mail_listeners_info). In check mode as it would be.
  returned: success
  type: list
  elements: dict
listeners_before:
  description:
    - The same as they were found before, those that are declared and those that were there. One
      that was not there is V(refused) or, where its address is away, V(not_local); one that is not
      declared is V(unexpected). It is what the drift report is made of.
  returned: success
  type: list
  elements: dict
unhealthy:
  description:
    - The declared listeners that are not as declared after all was done, or would not be after a
      restart of their server, in address order. In check mode it has only listeners that a reload
      would not repair.
    - Not one whose certificate has expired or is about to, which only a warning says.
  returned: success, and where the task fails because of them
  type: list
  elements: dict
  contains:
    name:
      description: The listener as C(192.0.2.1:993) or C([2001:db8::1]:993).
      type: str
    status:
      description: As in M(mailops.bindings.mail_listeners_info).
      type: str
    detail:
      description: More about that, in words.
      type: str
  sample:
    - {name: '192.0.2.10:993', status: at_risk,
       detail: "/etc/ssl/mail/key.pem can't be read: No such file or directory: it would not answer
         after a restart"}
activation:
  description: What was done to each server to make it follow its files, one of V(none), V(reload),
    V(restart), V(start).
  returned: success
  type: dict
  sample: {postfix: reload, dovecot: none}
sessions_cut:
  description:
    - For each server, how many sessions ended with what was done, those on the listeners that went.
    - Where a server had to end all its sessions, these are all. A warning says so and why, in check
      mode too.
  returned: where there were any
  type: dict
  sample: {postfix: 2}
rolled_back:
  description: Whether all is as it was before.
  returned: failure, after something was changed
  type: bool
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
from ansible_collections.mailops.bindings.plugins.module_utils._tasks.listeners import (
    LISTENERS_OPTIONS,
    ServersCommitter,
)


def main():
    declare(bindings_task, {**BINDINGS_OPTIONS, **LISTENERS_OPTIONS}, ServersCommitter)


if __name__ == "__main__":
    main()
