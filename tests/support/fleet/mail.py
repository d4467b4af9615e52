# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with mail servers that work.

mail_host.sh makes the image; here each host gets its name and its certificate.
"""

from __future__ import annotations

import re

from cryptography.hazmat.primitives import hashes

from support import pki

from .host import Host

CERTIFICATE, PRIVATE_KEY = "/etc/ssl/mail/fullchain.pem", "/etc/ssl/mail/key.pem"
PASSWORDS = {"alice": "alice-secret", "bob": "bob-secret"}
SUFFIX = "dc=example,dc=test"  # of the directory, where cn=admin has the password:
DIRECTORY_PASSWORD = "secret"
PORTS = 25, 587, 110, 143, 993, 995, 389  # that servers listen on


def mail_host(
    network, name, authority, suite="bookworm", addresses=(), ldap_tls=True, **options
) -> Host:
    """A host where all servers answer. C(ldap_tls): slapd gets a certificate; Debian's has none."""
    host = Host(network, name, suite, addresses, mail=True, **options).prepare()
    host.facts["fingerprint"] = put_certificate(host, authority)
    main = host.read("/etc/postfix/main.cf")
    host.write(
        "/etc/postfix/main.cf", re.sub("(?m)^myhostname = .*", f"myhostname = {host.fqdn}", main)
    )
    # Postfix waits for files that were changed in the last second or two to cool down; this one's
    # owner would have been gone for long.
    host.run(["touch", "--reference=/etc/postfix/master.cf", "/etc/postfix/main.cf"])
    host.up()
    if host.init == "systemd":
        host.wait_for_ports(*PORTS)
        if ldap_tls:
            set_ldap_certificate(host)
    return host


def put_certificate(
    host,
    authority,
    path=CERTIFICATE,
    key_path=PRIVATE_KEY,
    names=None,
    addresses=None,
    kind="ecdsa",
    which="mail",
    **how,
) -> str:
    """Write a certificate with its chain, and its key; returns its SHA-256 fingerprint.

    key_path: None for the same file
    names, addresses: by default the host's
    which: a key of this name
    how: as in C(pki.Authority.issue)
    """
    private_key = pki.key(kind, which)
    names = [host.fqdn] if names is None else names
    addresses = host.addresses if addresses is None else addresses
    certificate = authority.issue(
        private_key, names=names, addresses=addresses, common_name=(names or [host.fqdn])[0], **how
    )
    chain, key = (
        pki.certificate_bytes(certificate, authority.intermediate),
        pki.key_bytes(private_key),
    )
    # As Debian has it for keys that several servers read.
    if key_path:
        host.write(key_path, key, 0o640, "root:ssl-cert")
        host.write(path, chain, 0o644, "root:root")
    else:
        host.write(path, key + chain, 0o640, "root:ssl-cert")
    return certificate.fingerprint(hashes.SHA256()).hex()


def set_ldap_certificate(host, path=CERTIFICATE, key_path=PRIVATE_KEY) -> None:
    host.run(
        ["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"],
        input="\n".join(
            [
                "dn: cn=config",
                "changetype: modify",
                "replace: olcTLSCertificateFile",
                f"olcTLSCertificateFile: {path}",
                "-",
                "replace: olcTLSCertificateKeyFile",
                f"olcTLSCertificateKeyFile: {key_path}",
                "",
            ]
        ),
    )
