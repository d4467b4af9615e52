# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One story for every store: what it can tell of no host names, no descriptions of addresses, and
no address without ports.

Each step is (what it is, module, options). It is played in check mode, for real and once more. The
certificates need not be there: over SmarterMail's API nobody could look at them.
"""

from __future__ import annotations

OLD, NEW = "/etc/ssl/mail/2025.pfx", "/etc/ssl/mail/2026.pfx"
ADDRESSES = ("127.0.0.1", "127.0.0.2", "::1")  # that every Linux host has


def _tls(name: str, protocol: str, certificate: str = OLD, **more) -> dict:
    return {
        "name": name,
        "protocol": protocol,
        "encryption": "ssl",
        "certificate_path": certificate,
        "certificate_password": "",
        **more,
    }


STEPS = [
    ("nothing is there yet", "mail_bindings_info", {}),
    (
        "create and assign",
        "mail_bindings",
        {
            "ports": [
                {"name": "SMTP", "protocol": "smtp", "description": "from everybody"},
                {"name": "IMAP", "protocol": "imap"},
                _tls("IMAPS", "imap"),
            ],
            "ip_addresses": [
                {"address": "127.0.0.1", "ports": ["SMTP", "IMAP", "IMAPS"]},
                {"address": "127.0.0.2", "ports": ["SMTP"]},
            ],
        },
    ),
    ("add a port", "mail_port", {"name": "POP3", "protocol": "pop"}),
    ("add one with a certificate", "mail_port", _tls("POP3S", "pop")),
    (
        "assign to an address that had none",
        "mail_ip_binding",
        {"address": "0:0:0:0:0:0:0:1", "ports": ["POP3", "IMAP"]},
    ),
    (
        "assign one more",
        "mail_ip_binding",
        {"address": "127.0.0.2", "ports": ["POP3"], "exclusive": False},
    ),
    (
        "change a description",
        "mail_port",
        {"name": "IMAP", "description": 'Grüße, <b>&amp;</b> "IMAP"'},
    ),
    ("empty it", "mail_port", {"name": "IMAP", "description": ""}),
    ("change a number", "mail_port", {"name": "IMAP", "port": 1143}),
    ("change it back", "mail_port", {"name": "IMAP", "port": 143}),
    (
        "renew a certificate",
        "mail_port",
        {"name": "IMAPS", "certificate_path": NEW, "certificate_password": "a new one"},
    ),
    ("change encryption, and the number follows", "mail_port", _tls("POP3", "pop", port=995)),
    (
        "and away from it, and the certificate goes",
        "mail_port",
        {"name": "POP3", "encryption": "none", "certificate_password": ""},
    ),
    ("change protocol", "mail_port", {"name": "POP3", "protocol": "imap", "port": 144}),
    ("two of one number on an address are refused", "mail_port", {"name": "POP3", "port": 143}),
    (
        "a port that is not there is refused",
        "mail_ip_binding",
        {"address": "127.0.0.1", "ports": ["SMTP", "LMTP"]},
    ),
    ("exactly these", "mail_ip_binding", {"address": "::1", "ports": ["POP3"]}),
    (
        "take one off",
        "mail_ip_binding",
        {"address": "127.0.0.2", "state": "absent", "ports": ["POP3"]},
    ),
    ("a port in use does not go", "mail_port", {"name": "POP3", "state": "absent"}),
    ("an address goes", "mail_ip_binding", {"address": "::1", "state": "absent"}),
    ("a port goes", "mail_port", {"name": "POP3", "state": "absent"}),
    ("and is gone", "mail_port", {"name": "POP3", "state": "absent"}),
    (
        "a port in use goes if it may",
        "mail_port",
        {"name": "IMAP", "state": "absent", "unassign": True},
    ),
    (
        "at least these",
        "mail_bindings",
        {
            "ports": [{"name": "IMAP", "protocol": "imap"}],
            "ip_addresses": [{"address": "127.0.0.2", "ports": ["IMAP"]}],
        },
    ),
    (
        "a new port without its assignment is said",
        "mail_bindings",
        {"ports": [{"name": "Inbound", "protocol": "smtp", "port": 2525}]},
    ),
    (
        "exactly these, with all that changes at once",
        "mail_bindings",
        {
            "exclusive": True,
            "ports": [
                {"name": "SMTP", "protocol": "smtp", "port": 2526, "description": "new number"},
                {"name": "IMAP", "protocol": "imap", "description": "same number"},
                _tls("IMAPS", "imap", NEW, port=1993),
                _tls("POP3S", "pop", NEW),
                {"name": "Inbound 2", "protocol": "smtp", "port": 25},
            ],
            "ip_addresses": [
                {"address": "127.0.0.1", "ports": ["Inbound 2", "IMAPS"]},
                {"address": "::1", "ports": ["SMTP", "IMAP", "POP3S"]},
            ],
        },
    ),
    ("what is there", "mail_bindings_info", {}),
    (
        "only the ports are declared",
        "mail_bindings",
        {
            "exclusive": True,
            "ports": [{"name": name} for name in ("SMTP", "IMAP", "IMAPS", "POP3S", "Inbound 2")],
        },
    ),
    ("nothing is to stay", "mail_bindings", {"exclusive": True, "ports": [], "ip_addresses": []}),
]

#: Of a result: what all stores say alike.
ALIKE = (
    "failed",
    "changed",
    "changes",
    "diff",
    "ports",
    "ip_addresses",
    "port",
    "ip_address",
    "unassigned_ports",
)


def told(result: dict) -> dict:
    """What all stores say alike of a result. C(None): it was not looked at."""
    return {
        key: result[key]
        for key in ALIKE
        if result.get(key) is not None and not (key == "failed" and not result[key])
    }


def options_of(module: str, options: dict) -> dict:
    """With what keeps a module from looking at the certificates."""
    return (
        {**options, "check_certificate": False}
        if module in ("mail_port", "mail_bindings")
        else options
    )
