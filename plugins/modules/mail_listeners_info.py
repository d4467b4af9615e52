#!/usr/bin/python
# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_listeners_info
short_description: See what really answers where a mail server should listen
version_added: 0.2.0
description:
  - Connects to each listener, speaks its protocol, and reports whether it answers as declared, with
    which encryption and certificate.
  - By default these are the listeners of the host's bindings config, and what listens for mail on
    this host without being declared is reported as well. With O(listeners) it can be any, also
    those of another host, seen from where the task runs.
  - With O(store=smartermail) the listeners are those of that server, seen from where the task runs.
  - A listener that does not answer as declared is a result, not a failure. The task fails only
    where its options or the config are not valid.
author:
  - mailops.bindings contributors (@mailops)
extends_documentation_fragment:
  - mailops.bindings.config
  - mailops.bindings.attributes
  - mailops.bindings.attributes.actiongroup_bindings
options:
  listeners:
    description:
      - What to connect to, instead of the listeners of the config, which is not read then.
      - Nothing is known of the host that they are on, so that RV(listeners[].status) is never
        V(not_local) or V(unexpected).
    type: list
    elements: dict
    suboptions:
      address:
        description:
          - An IPv4 or IPv6 address. A wildcard is not probed, since it can only be on its own host.
        type: str
        required: true
      port:
        description:
          - The port number. If left out, the standard one of O(listeners[].protocol) and
            O(listeners[].encryption).
        type: int
      protocol:
        description:
          - The protocol that should be spoken there.
        type: str
        choices: [smtp, submission, imap, pop, ldap]
        required: true
      encryption:
        description:
          - V(ssl) is TLS from the first byte, V(tls) is STARTTLS, V(none) asks for no TLS.
        type: str
        choices: [none, ssl, tls]
        default: none
      certificate_path:
        description:
          - A file with the certificate that should be served, on the host that the task runs on. If
            left out, or if it can't be read there, the certificate is not compared.
        type: str
      hostname:
        description:
          - The name to ask for in the TLS handshake (SNI).
        type: str
  timeout:
    description:
      - How many seconds to wait for each answer. Greetings may take a while, since some servers ask
        DNS for the client's name first.
      - A connection that is not accepted is given up after 5 seconds, or after these if they are
        less. An address that does not answer costs that once, not once for each of its ports.
    type: float
    default: 30
  workers:
    description:
      - How many connections there may be at a time.
    type: int
    default: 8
  certificate_min_days:
    description:
      - A certificate with fewer whole days left is V(expiring).
    type: int
    default: 14
notes:
  - A probe ends with QUIT or LOGOUT, never tries to log in, and tries once more before it calls
    something broken. The filters that fail2ban brings along count none of that in their default
    mode. In their aggressive mode Dovecot's counts every connection without a login.
  - From the host itself servers may offer more than from elsewhere. To see what others see, run the
    task on another host with O(listeners).
requirements:
  - cryptography 3.3 or later (Debian's C(python3-cryptography)), only to judge certificates.
seealso:
  - module: mailops.bindings.mail_bindings_info
  - module: mailops.bindings.mail_listeners
"""

EXAMPLES = r"""
- name: See whether this host listens as its config says
  mailops.bindings.mail_listeners_info:
  register: seen

- name: Show what differs
  ansible.builtin.debug:
    msg: >-
      {{ seen.listeners | rejectattr('status', 'in', ['ok', 'expiring']) | map(attribute='name') }}

- name: Ask from the controller, as people's clients do
  mailops.bindings.mail_listeners_info:
    listeners:
      - address: 192.0.2.10
        protocol: imap
        encryption: ssl
        hostname: mail.example.com
      - address: 2001:db8::10
        port: 2525
        protocol: submission
        encryption: tls
  delegate_to: localhost
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
listeners:
  description: The listeners as they answer. Those of the config are in address order, then by port
    number, and then come those that are unexpected. Those of O(listeners) are in its order.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: The IP address.
      type: str
    port:
      description: The port number.
      type: int
    name:
      description: Both, as V(192.0.2.1:993) or V([2001:db8::1]:993).
      type: str
    protocol:
      description: The protocol that is declared, or was found where the listener is unexpected.
      type: str
    encryption:
      description: The encryption that is declared, or was found. V(tls) means that STARTTLS is
        offered.
      type: str
    status:
      description:
        - V(ok) answers as declared. Also a listener that can't be probed, as RV(listeners[].detail)
          says then - a floating address that is away, or a wildcard of another host.
        - V(expiring) answers as declared, but its certificate has fewer than
          O(certificate_min_days) days left.
        - V(at_risk) answers now, and would not after a restart of its server, as
          RV(listeners[].detail) says - a file is gone, or a certificate does not load with its key,
          the server's checker refuses its files, an address is not on the host any more, or the
          files have no such listener. Only said of the listeners of the config, and where the task
          runs as root.
        - V(expired) answers as declared, but its certificate is not valid any more, or not yet.
        - V(wrong_certificate) serves another certificate, or another chain behind it, than its file
          has. Often the file was renewed and the server has not been reloaded.
        - V(no_starttls) does not offer STARTTLS.
        - V(tls_failed) the TLS handshake failed.
        - V(wrong_protocol) speaks something else.
        - V(no_auth) a submission listener that offers no AUTH.
        - V(refused) refuses connections, or turns clients away in its greeting or at EHLO.
        - V(timeout) does not answer in time.
        - V(not_local) its address is not on this host.
        - V(unexpected) speaks one of the five protocols on an address of the config or on a
          wildcard, and is not declared.
      type: str
    detail:
      description: More about that, in words. May be empty.
      type: str
    greeting:
      description: What the server says first. Empty if it said nothing, as with LDAP.
      type: str
    tls_version:
      description: The version of TLS. Empty without, as with the next two.
      type: str
    cipher:
      description: The cipher suite.
      type: str
    certificate:
      description: The certificate that was served.
      type: dict
      contains:
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
        matches_file:
          description: Whether it and the chain behind it are those in the declared file. None if
            they were not compared.
          type: bool
  sample:
    - {address: 192.0.2.10, port: 993, name: '192.0.2.10:993', protocol: imap, encryption: ssl,
       status: ok, detail: '',
       greeting: '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Dovecot ready.', tls_version: TLSv1.3,
       cipher: TLS_AES_256_GCM_SHA384,
       certificate: {subject: CN=mail.example.com, issuer: CN=Example CA,
                     names: [mail.example.com], not_before: '2026-10-01T00:00:00Z',
                     not_after: '2026-12-30T00:00:00Z', days_left: 37,
                     fingerprint_sha256: 'A0:B1:…', matches_file: true}}
ports:
  description: All ports of the config as they are, by name. The keys are those of the config. Empty
    with O(listeners).
  returned: success
  type: list
  elements: dict
  sample:
    - {name: IMAPS, protocol: imap, port: 993, encryption: ssl,
       certificate_path: /etc/ssl/mail/fullchain.pem,
       private_key_path: /etc/ssl/mail/key.pem, description: ''}
ip_addresses:
  description: All IP addresses of the config as they are, in address order. Empty with
    O(listeners).
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
"""

from ansible_collections.mailops.bindings.plugins.module_utils._ansible.inform import inform
from ansible_collections.mailops.bindings.plugins.module_utils._tasks.listeners_info import (
    LISTENERS_INFO_OPTIONS,
    look,
)


def main():
    inform(LISTENERS_INFO_OPTIONS, look)


if __name__ == "__main__":
    main()
