# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The whole document as options: the modules that declare it in one task."""

    DOCUMENTATION = r"""
options:
  ports:
    description:
      - Ports by name. Keys that are left out keep their stored value.
      - If the whole list is left out, the stored ports stay, also with O(exclusive=true).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The port's name, by which it is known and assigned. Printable, without blanks at its
            ends.
        type: str
        required: true
      protocol:
        description:
          - What is spoken on the port. Needed to create one.
        type: str
        choices: [smtp, submission, imap, pop, ldap]
      port:
        description:
          - The number, 1 to 65535. If left out, a new port gets the standard one, see
            M(mailops.bindings.mail_port).
        type: int
      encryption:
        description:
          - V(ssl) is TLS from the first byte, V(tls) is STARTTLS, V(none) asks for no TLS. A new
            port has V(none) if this is left out.
        type: str
        choices: [none, ssl, tls]
      certificate_path:
        description:
          - The certificate, an absolute path on the host. Required with V(ssl) and V(tls), an error
            with V(none).
          - With O(store=smartermail), a path on the server, which may be a Windows one
            (V(C:\\...\\mail.pfx) or V(\\\\server\\share\\mail.pfx)).
        type: str
      private_key_path:
        description:
          - The certificate's private key, an absolute path on the host. If left out or empty, the
            key is in O(ports[].certificate_path).
        type: str
      certificate_password:
        description:
          - The password of a PKCS#12 file or of an encrypted private key. It is used to check them
            and never stored in a config file.
          - With O(store=smartermail) it is given to the server, see O(update_password), and needed,
            if only as V(''), where a port with a certificate has to be added again to change it.
        type: str
      certificate_hostnames:
        description:
          - Names that clients reach the port by. The certificate must be for all of them.
        type: list
        elements: str
      description:
        description:
          - What the port is for, in your words.
        type: str
  ip_addresses:
    description:
      - IP addresses and the ports that they answer on. Keys that are left out keep their stored
        value.
      - If the whole list is left out, the stored addresses stay, also with O(exclusive=true).
    type: list
    elements: dict
    suboptions:
      address:
        description:
          - The IP address, in any notation, or a wildcard (V(0.0.0.0), V(::)).
        type: str
        required: true
      ports:
        description:
          - Names of ports. They must be declared.
          - If left out, an address that is there keeps its ports, also with O(exclusive=true), and
            a new one has none.
        type: list
        elements: str
      hostname:
        description:
          - The name that clients reach this address by. Certificates of its ports must be for it.
        type: str
      description:
        description:
          - What the address is for, in your words.
        type: str
      floating:
        description:
          - The address fails over between hosts and may be away, see
            M(mailops.bindings.mail_ip_binding).
        type: bool
  exclusive:
    description:
      - With V(false), at least these ports are declared and, on each IP address, at least these
        assigned.
      - With V(true), exactly these, and nothing else stays.
    type: bool
    default: false
  replace_invalid:
    description:
      - With O(exclusive=true) and both lists given, replace a config that is not valid. The broken
        file is kept as a backup.
    type: bool
    default: false
  require_assigned:
    description:
      - Refuse ports that no IP address listens on.
    type: bool
    default: false
  require_local_address:
    description:
      - Refuse an address that this host can't listen on now. V(false) where the config is written
        ahead of the address, as for an image.
    type: bool
    default: true
"""
