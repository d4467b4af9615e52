# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of mail_listeners declare, and how they look at a host before and after."""

from __future__ import annotations

from .mail import CERTIFICATE, PRIVATE_KEY

MODULE = "mailops.bindings.mail_listeners"
CONFIG = "/etc/mail-bindings/bindings.json"
MASTER_CF, DEFAULTS = "/etc/postfix/master.cf", "/etc/default/slapd"
KINDS = {
    "SMTP": ("smtp", "tls", 25),
    "Submissions": ("submission", "ssl", 465),
    "Submission": ("submission", "tls", 587),
    "IMAP": ("imap", "tls", 143),
    "IMAPS": ("imap", "ssl", 993),
    "POP3S": ("pop", "ssl", 995),
    "LDAP": ("ldap", "tls", 389),
    "LDAPS": ("ldap", "ssl", 636),
    "SMTP2": ("smtp", "tls", 2525),
    "IMAP2": ("imap", "tls", 1143),
    "LDAP2": ("ldap", "tls", 1389),
}
MAIL_PORTS = {25, 465, 587, 143, 993, 110, 995, 389, 636}
SECURE = {"certificate_path": CERTIFICATE, "private_key_path": PRIVATE_KEY}
#: As task options have them.
PORTS = [
    {"name": "SMTP", "protocol": "smtp", "encryption": "tls", **SECURE},
    {"name": "Submissions", "protocol": "submission", "encryption": "ssl", **SECURE},
    {"name": "Submission", "protocol": "submission", "encryption": "tls", **SECURE},
    {"name": "IMAPS", "protocol": "imap", "encryption": "ssl", **SECURE},
    {"name": "IMAP", "protocol": "imap", "encryption": "tls", **SECURE},
    {"name": "POP3S", "protocol": "pop", "encryption": "ssl", **SECURE},
    {"name": "LDAP", "protocol": "ldap", "encryption": "tls", **SECURE},
    {"name": "LDAPS", "protocol": "ldap", "encryption": "ssl", **SECURE},
]
ALL = ("SMTP", "Submissions", "Submission", "IMAP", "IMAPS", "POP3S", "LDAP", "LDAPS")


def declared(*names, certificate=CERTIFICATE, key=PRIVATE_KEY, **options):
    """Options that have these ports listen on the host's first address, and nothing else."""
    ports = [
        dict(
            zip(("protocol", "encryption", "port"), KINDS[name]),
            name=name,
            certificate_path=certificate,
            private_key_path=key,
        )
        for name in names
    ]
    return {
        "exclusive": True,
        "ports": ports,
        "ip_addresses": "{{ [{'address': ansible_host, 'ports': %r}] }}" % (list(names),),
        **options,
    }


def state(host, but=()) -> dict:
    """All that should be as before.

    slapd writes the time of each change into its own files, so there only our values count.
    """
    found = {
        "sockets": sockets(host),
        "slapd": sorted(host.run("slapcat -n0 | grep olcTLS", check=False).stdout.splitlines()),
    }
    for path, facts in host.snapshot("/etc").items():
        if not path.startswith(("/etc/ldap/slapd.d", *but)):
            found[path] = (
                facts if facts[-1] is not None else facts[:4]
            )  # a folder that something was in for a moment has another time
    return found


def sockets(host) -> set:
    return {(address, port) for address, port, dummy in host.listening()}


def differences(before, now) -> dict:
    return {
        name: (before.get(name), now.get(name))
        for name in before.keys() | now.keys()
        if before.get(name) != now.get(name)
    }
