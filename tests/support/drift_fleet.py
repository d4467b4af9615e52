# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of a fleet, as a playbook hands them to the filter drift_report.

Small ones to assert on, and many to look at.
"""

from __future__ import annotations

import random
import typing as t

CERTIFICATE = "/etc/ssl/mail/fullchain.pem"
KEY = "/etc/ssl/mail/key.pem"
PORTS = [
    ("IMAP", "imap", 143, "tls"),
    ("IMAPS", "imap", 993, "ssl"),
    ("POP3", "pop", 110, "tls"),
    ("POP3S", "pop", 995, "ssl"),
    ("SMTP", "smtp", 25, "tls"),
    ("Submission", "submission", 587, "tls"),
    ("Submissions", "submission", 465, "ssl"),
    ("LDAPS", "ldap", 636, "ssl"),
]
FILES = {
    "dovecot": "/etc/dovecot/conf.d/99-mail-bindings.conf",
    "postfix": "/etc/postfix/master.cf",
}
REFUSED = "connection refused: nothing listens here, or a firewall rejects it"
GENERATED = "2026-11-22T10:36:13Z"


def port(name: str, protocol: str, number: int, encryption: str = "ssl") -> dict:
    """A port as the config has it."""
    return {
        "name": name,
        "protocol": protocol,
        "port": number,
        "encryption": encryption,
        "certificate_path": CERTIFICATE,
        "private_key_path": KEY,
        "description": "",
    }


def ip(address: str, ports: t.Iterable[str], **more) -> dict:
    """An IP binding as the config has it."""
    return {
        "address": address,
        "ports": sorted(ports),
        "hostname": "",
        "description": "",
        "floating": False,
        **more,
    }


def name_of(address: str, number: int) -> str:
    """192.0.2.1:993"""
    return ("[%s]:%d" if ":" in address else "%s:%d") % (address, number)


def certificate(**more) -> dict:
    """What was served."""
    return {
        "subject": "CN=mail.example.com",
        "issuer": "CN=Example CA",
        "names": ["mail.example.com"],
        "not_before": "2026-10-01T00:00:00Z",
        "not_after": "2026-12-30T00:00:00Z",
        "days_left": 37,
        "fingerprint_sha256": ":".join(["A0"] * 32),
        "matches_file": True,
        **more,
    }


def seen(address: str, number: int, status: str = "ok", detail: str = "", **more) -> dict:
    """A listener as it was found."""
    return {
        "address": address,
        "port": number,
        "name": name_of(address, number),
        "protocol": "imap",
        "encryption": "ssl",
        "status": status,
        "detail": detail,
        "greeting": "* OK ready.",
        "tls_version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "certificate": certificate(),
        **more,
    }


def listener_change(
    action: str,
    address: str,
    number: int,
    before: t.Optional[dict] = None,
    after: t.Optional[dict] = None,
    server: str = "dovecot",
) -> dict:
    """A change of a listener; where it is there, it is an IMAPS."""
    says = {
        "protocol": "imap",
        "encryption": "ssl",
        "certificate_path": CERTIFICATE,
        "private_key_path": KEY,
    }
    return {
        "action": action,
        "kind": "listener",
        "name": name_of(address, number),
        "before": {} if action == "add" else before or says,
        "after": {} if action == "remove" else after or says,
        "server": server,
    }


def file_change(
    name: str = "/etc/dovecot/conf.d/99-mail-bindings.conf",
    action: str = "change",
    server: str = "dovecot",
) -> dict:
    """A change of a server's file."""
    return {
        "action": action,
        "kind": "file",
        "name": name,
        "before": {}
        if action == "add"
        else {"lines": ["inet_listener imaps {", "  port = 994", "}"]},
        "after": {}
        if action == "remove"
        else {"lines": ["inet_listener imaps {", "  port = 993", "}"]},
        "server": server,
    }


def finding(
    host: str = "mx1",
    ports: t.Any = None,
    addresses: t.Any = None,
    before: t.Any = None,
    changes: t.Iterable[dict] = (),
    **more,
) -> dict:
    """A host with IMAPS on 192.0.2.1, where all is as declared, or as given."""
    ports = [port("IMAPS", "imap", 993)] if ports is None else ports
    addresses = [ip("192.0.2.1", ["IMAPS"])] if addresses is None else addresses
    before = [seen("192.0.2.1", 993)] if before is None else before
    changes = list(changes)
    return {
        "host": host,
        "result": {
            "changed": bool(changes),
            "failed": False,
            "changes": changes,
            "ports": ports,
            "ip_addresses": addresses,
            "listeners_before": before,
            "certificates": [],
            "warnings": [],
        },
        **more,
    }


# -- many


def fleet(hosts: int, addresses: int, ports: int, drifting: float = 0.1, chance: int = 1) -> list:
    """Findings of so many hosts, some of which drift, in every way. The same for one C(chance)."""
    dice = random.Random(chance)
    found = []
    for index in range(hosts):
        host = FleetHost(
            "mx%03d.example.%s" % (index + 1, ("com", "net", "org")[index % 3]),
            index,
            addresses,
            ports,
            dice,
        )
        lot = dice.random()
        if lot < drifting:
            dice.choice(
                [
                    host.removed_port,
                    host.stray_listener,
                    host.stale_certificate,
                    host.other_encryption,
                    host.edited_config,
                    host.bare,
                ]
            )()
        elif lot < drifting * 1.2:
            host.unreachable()
        elif lot < drifting * 1.3:
            host.refused()
        elif lot < drifting * 1.5:
            host.expiring(dice.choice([-3, 4, 9]))
        elif lot < drifting * 1.6:
            host.removed_port()
            host.more["maintenance"] = True
        found.append(host.finding())
    return found


class FleetHost:
    """A host of the fleet, as declared; each method below is a way to drift or to fail."""

    def __init__(self, name: str, index: int, addresses: int, ports: int, dice: random.Random):
        self.name, self.dice, self.more = name, dice, {}
        self.ports = [port(*PORTS[number % 8]) for number in range(ports)]
        names = [entry["name"] for entry in self.ports]
        base = index * addresses
        texts = [
            "198.51.%d.%d" % divmod(100 * 256 + base + number, 256)
            if number % 2 == 0
            else "2001:db8:%x::%x" % (index + 1, number)
            for number in range(addresses)
        ]
        self.ips = [
            ip(text, names, hostname="mail%d.example.com" % number if number == 0 else "")
            for number, text in enumerate(texts)
        ]
        self.before = {}
        for binding in self.ips:
            for entry in self.ports:
                self.before[binding["address"], entry["port"]] = seen(
                    binding["address"],
                    entry["port"],
                    protocol=entry["protocol"],
                    encryption=entry["encryption"],
                )
        self.changes = []
        self.result: dict = {}

    def _says(self, entry: dict) -> dict:
        return {
            key: entry[key]
            for key in ("protocol", "encryption", "certificate_path", "private_key_path")
        }

    def _server(self, entry: dict) -> str:
        return "dovecot" if entry["protocol"] in ("imap", "pop") else "postfix"

    def _file_change(self, entry: dict, action: str, before: dict, after: dict) -> dict:
        server = self._server(entry)
        return {
            "action": action,
            "kind": "file",
            "name": FILES[server],
            "before": before,
            "after": after,
            "server": server,
        }

    def _listener_added(self, entry: dict, key: tuple[str, int]) -> dict:
        return listener_change("add", *key, after=self._says(entry), server=self._server(entry))

    def removed_port(self):
        entry = self.dice.choice(self.ports)
        ours = "# Managed by mailops.bindings"
        listens = ["listen %s" % name_of(binding["address"], entry["port"]) for binding in self.ips]
        lines = {"lines": [ours, *listens]}
        self.changes.append(self._file_change(entry, "change", {"lines": [ours]}, lines))
        for binding in self.ips:
            key = binding["address"], entry["port"]
            self.before[key].update(status="refused", detail=REFUSED, greeting="", certificate={})
            self.changes.append(self._listener_added(entry, key))

    def stray_listener(self):
        address = self.ips[0]["address"]
        self.before[address, 2525] = seen(
            address,
            2525,
            "unexpected",
            "nobody declared it: it is master's (pid 4711)",
            protocol="smtp",
            encryption="tls",
            greeting="220 %s ESMTP Postfix" % self.name,
        )

    def stale_certificate(self):
        entry = next(entry for entry in self.ports if entry["encryption"] == "ssl")
        for binding in self.ips:
            key = binding["address"], entry["port"]
            self.before[key].update(
                status="wrong_certificate",
                detail="serves another certificate than the one in %s: was the file renewed, "
                "and the server not reloaded?" % CERTIFICATE,
                certificate=certificate(
                    matches_file=False, days_left=3, not_after="2026-11-25T00:00:00Z"
                ),
            )
            says = self._says(entry)
            self.changes.append(
                listener_change(
                    "change",
                    *key,
                    before={**says, "fingerprint_sha256": ":".join(["A0"] * 32)},
                    after={**says, "fingerprint_sha256": "as in " + CERTIFICATE},
                    server=self._server(entry),
                )
            )

    def other_encryption(self):
        entry = self.dice.choice([entry for entry in self.ports if entry["encryption"] == "tls"])
        address = self.dice.choice(self.ips)["address"]
        self.before[address, entry["port"]].update(
            status="no_starttls", detail="does not offer STARTTLS", certificate={}
        )

    def edited_config(self):
        entry = self.ports[0]
        self.changes.insert(
            0,
            {
                "action": "change",
                "kind": "port",
                "name": entry["name"],
                "before": {**entry, "description": "edited by hand"},
                "after": entry,
            },
        )

    def bare(self):
        self.changes = [
            {"action": "add", "kind": "port", "name": entry["name"], "before": {}, "after": entry}
            for entry in self.ports
        ]
        self.changes += [
            {
                "action": "add",
                "kind": "ip_binding",
                "name": binding["address"],
                "before": {},
                "after": binding,
            }
            for binding in self.ips
        ]
        for entry in self.ports:
            lines = {"lines": ["# Managed by mailops.bindings"]}
            self.changes.append(self._file_change(entry, "add", {}, lines))
            for binding in self.ips:
                key = binding["address"], entry["port"]
                self.before[key].update(
                    status="refused", detail=REFUSED, greeting="", certificate={}
                )
                self.changes.append(self._listener_added(entry, key))

    def expiring(self, days: int):
        for listener in self.before.values():
            if listener["encryption"] == "ssl":
                status, detail = (
                    ("expired", "the certificate expired on 2026-11-19")
                    if days < 0
                    else ("expiring", "the certificate has %d days left" % days)
                )
                listener.update(
                    status=status, detail=detail, certificate=certificate(days_left=days)
                )

    def unreachable(self):
        self.result = {
            "unreachable": True,
            "changed": False,
            "msg": "Failed to connect to the host via ssh: ssh: connect to host %s port 22: "
            "Connection timed out" % self.name,
        }

    def refused(self):
        self.result = {
            "failed": True,
            "changed": False,
            "msg": "Port 993 on %s is held by haproxy (pid 812): stop it, or declare another "
            "number.\nNothing was changed" % self.ips[0]["address"],
        }
        self.more.update(ports=self.ports, ip_addresses=self.ips)

    def finding(self) -> dict:
        made = finding(self.name, self.ports, self.ips, list(self.before.values()), self.changes)
        return {**made, **({"result": self.result} if self.result else {}), **self.more}
