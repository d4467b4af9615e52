# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How certificates are checked: the modules that declare ports."""

    DOCUMENTATION = r"""
options:
  check_certificate:
    description:
      - Read the certificates of the ports that the task names, and refuse what a server can't serve
        or its clients would not accept - a file that can't be read or is no certificate; one that
        this host's OpenSSL can't load whole, with the line of the damaged block; expired, not yet
        valid, or with fewer than O(certificate_min_days) days left; no private key, one that does
        not match, or one that every user of the host can reach and read; a name that is not
        covered; RSA keys under 2048 bits; kinds of keys and signatures that common clients refuse,
        MD5 and SHA-1 among them; an extended key usage without server authentication or a key usage
        without C(digitalSignature).
      - The whole chain counts. Each certificate must have issued one before it, and none may be
        expired, out of order or there twice. A certificate of a public authority needs its
        intermediate behind it. Whether the last one is trusted, O(certificate_trust) can check.
      - It stops the task for ports that it creates or changes. For ports that it leaves as they are
        it warns, so that an expired certificate does not hold up an urgent change elsewhere.
      - With V(false) no certificate is read. With O(store=smartermail) none is either, since it is
        on the server; M(mailops.bindings.mail_listeners_info) sees what is served.
    type: bool
    default: true
  certificate_min_days:
    description:
      - How many whole days a certificate must still be valid.
    type: int
    default: 0
  certificate_trust:
    description:
      - Whose authorities a certificate must lead to, through the chain in its file.
      - With V(none), only the chain itself is judged, which suits private authorities. With
        V(system), clients with this host's own trust store must trust it. Or the absolute path of a
        file of authorities in PEM.
      - It is tried as a client does it, with this host's OpenSSL. Certificates in DER or PKCS#12
        are left out.
    type: str
    default: none
    version_added: 0.2.0
  update_password:
    description:
      - When to give a certificate's password to the store, with O(store=smartermail). A file has no
        passwords.
      - With V(on_create) it is given when a port is added, or added again because it changes.
      - With V(always) the port is added again in every run, and reported as changed, since the
        server does not tell which password it has.
    type: str
    choices: [always, on_create]
    default: on_create
    version_added: 0.2.0
requirements:
  - cryptography 3.3 or later (Debian's C(python3-cryptography)), only where a certificate is to be
    checked.
"""
