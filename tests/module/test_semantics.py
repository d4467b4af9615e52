# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tasks do: the config says then what was declared, check mode told so before, and once more changes nothing."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import stat
import time
import typing

import pytest
from declare import (
    AWAY,
    a_port,
    an_address,
    canonical,
    document,
    mail_bindings,
    mail_bindings_info,
    mail_ip_binding,
    mail_port,
)

pytestmark = pytest.mark.needs_ansible

SCHEMA = "https://example.com/bindings.schema.json"
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

TLS = {"encryption": "ssl", "certificate_path": "{pki}/combined.pem"}


def text(content):
    """A config as somebody writes it by hand."""
    return json.dumps(content).encode()


# --- changes: in check mode, for real, and once more -------------------------------------------


@dataclasses.dataclass
class Change:
    name: str
    task: dict
    # The config before and after, a document or bytes; None: there is none, or as before.
    before: typing.Any = None
    after: typing.Any = None
    # Other things to prepare in the config's folder.
    prepare: typing.Callable | None = None
    config_path: str = "{folder}/bindings.json"
    marks: tuple = ()


CHANGES = []


def change(name, task, before=None, after=None, **more):
    CHANGES.append(
        pytest.param(
            Change(name, task, before, after, **more), id=name, marks=more.pop("marks", ())
        )
    )


SMTP = a_port("SMTP", "smtp", 25)
IMAP = a_port("IMAP", "imap", 143, description="Old")
IMAPS = a_port("IMAPS", "imap", 993, **TLS)
POP = a_port(
    "POP",
    "pop",
    2110,
    private_key_path="{pki}/key.pem",
    encryption="tls",
    certificate_path="{pki}/cert.pem",
)

# Creating.
change("port-new", mail_port(name="SMTP", protocol="smtp"), None, document([SMTP]))
change(
    "port-new-in-new-folder",
    mail_port(name="SMTP", protocol="smtp"),
    None,
    document([SMTP]),
    config_path="{folder}/new/bindings.json",
)
change(
    "port-new-with-all",
    mail_port(
        name="POP",
        protocol="pop",
        port=2110,
        encryption="tls",
        certificate_path="{pki}/cert.pem",
        private_key_path="{pki}/key.pem",
        certificate_hostnames=["mail.example.com"],
        certificate_min_days=80,
        description="Grüße, POP3",
    ),
    document([SMTP]),
    document([{**POP, "description": "Grüße, POP3"}, SMTP]),
)
change(
    "port-new-name-not-ascii",
    mail_port(name="Übergabe 漢字", protocol="smtp"),
    None,
    document([a_port("Übergabe 漢字")]),
)

STANDARD = {
    ("smtp", "none"): 25,
    ("smtp", "tls"): 25,
    ("smtp", "ssl"): 465,
    ("submission", "none"): 587,
    ("submission", "tls"): 587,
    ("submission", "ssl"): 465,
    ("imap", "none"): 143,
    ("imap", "tls"): 143,
    ("imap", "ssl"): 993,
    ("pop", "none"): 110,
    ("pop", "tls"): 110,
    ("pop", "ssl"): 995,
    ("ldap", "none"): 389,
    ("ldap", "tls"): 389,
    ("ldap", "ssl"): 636,
}


def every_port(number=None):
    """A port for each protocol and encryption."""
    ports = []
    for (protocol, encryption), standard in STANDARD.items():
        port = {"name": f"{protocol} {encryption}", "protocol": protocol, "encryption": encryption}
        if encryption != "none":
            port["certificate_path"] = "{pki}/combined.pem"
        if number is not None:
            port.update(port=number(standard), description="")
        ports.append(port)
    return sorted(ports, key=lambda port: port["name"])


change(
    "bindings-standard-numbers",
    mail_bindings(ports=every_port()),
    None,
    document(every_port(number=lambda standard: standard)),
)

# Options that are left out, and empty ones.
change(
    "port-protocol-only",
    mail_port(name="IMAP", protocol="pop", port=143),
    document([IMAP]),
    document([{**IMAP, "protocol": "pop"}]),
)
change(
    "port-description-only",
    mail_port(name="POP", description="New"),
    document([POP]),
    document([{**POP, "description": "New"}]),
)
change(
    "port-number-only",
    mail_port(name="POP", port=110),
    document([POP]),
    document([{**POP, "port": 110}]),
)
change(
    "port-description-emptied",
    mail_port(name="IMAP", description=""),
    document([IMAP]),
    document([{**IMAP, "description": ""}]),
)
change(
    "bindings-left-out",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "IMAP"}, {"name": "POP", "port": 110}],
        ip_addresses=[{"address": "127.0.0.1"}],
    ),
    document(
        [IMAP, POP],
        [an_address("127.0.0.1", "POP", hostname="mail.example.com", description="Old")],
    ),
    document(
        [IMAP, {**POP, "port": 110}],
        [an_address("127.0.0.1", "POP", hostname="mail.example.com", description="Old")],
    ),
)
change(
    "ip-left-out",
    mail_ip_binding(address="127.0.0.1", description="New"),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP", hostname="mail.example.com", description="Old")]
    ),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP", hostname="mail.example.com", description="New")]
    ),
)
change(
    "ip-emptied",
    mail_ip_binding(address="127.0.0.1", description="", hostname=""),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP", hostname="mail.example.com", description="Old")]
    ),
    document([IMAP], [an_address("127.0.0.1", "IMAP")]),
)

# Numbers that follow.
change(
    "port-follows-encryption",
    mail_port(name="IMAP", **TLS),
    document([IMAP]),
    document([{**IMAP, **TLS, "port": 993}]),
)
change(
    "port-follows-protocol",
    mail_port(name="SMTP", protocol="submission"),
    document([SMTP]),
    document([{**SMTP, "protocol": "submission", "port": 587}]),
)
change(
    "port-follows-not-if-given",
    mail_port(name="IMAP", port=143, **TLS),
    document([IMAP]),
    document([{**IMAP, **TLS}]),
)
change(
    "port-follows-not-if-its-own",
    mail_port(name="IMAP", protocol="pop"),
    document([{**IMAP, "port": 2143}]),
    document([{**IMAP, "port": 2143, "protocol": "pop"}]),
)
change(
    "bindings-follow",
    mail_bindings(ports=[{"name": "IMAP", **TLS}, {"name": "SMTP", "protocol": "pop"}]),
    document([IMAP, SMTP]),
    document([{**IMAP, **TLS, "port": 993}, {**SMTP, "protocol": "pop", "port": 110}]),
)

# To none, which drops the paths.
change(
    "port-to-none",
    mail_port(name="POP", encryption="none"),
    document([POP]),
    document([a_port("POP", "pop", 2110)]),
)
change(
    "port-to-none-follows",
    mail_port(name="IMAPS", encryption="none"),
    document([IMAPS]),
    document([a_port("IMAPS", "imap", 143)]),
)

# Removing.
change(
    "port-absent", mail_port(name="SMTP", state="absent"), document([IMAP, SMTP]), document([IMAP])
)
change(
    "port-absent-and-unassigned",
    mail_port(name="SMTP", state="absent", unassign=True),
    document(
        [IMAP, SMTP],
        [
            an_address("127.0.0.1", "IMAP", "SMTP"),
            an_address("127.0.0.2", "SMTP"),
            an_address("127.0.0.3"),
        ],
    ),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP"), an_address("127.0.0.2"), an_address("127.0.0.3")]
    ),
)

# The ports of an address.
TWO_PORTS = document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP")])
change(
    "ip-new",
    mail_ip_binding(address="127.0.0.2", ports=["SMTP", "IMAP"], hostname="mail.example.com"),
    TWO_PORTS,
    document(
        [IMAP, SMTP],
        [
            an_address("127.0.0.1", "IMAP"),
            an_address("127.0.0.2", "IMAP", "SMTP", hostname="mail.example.com"),
        ],
    ),
)
change(
    "ip-exclusive",
    mail_ip_binding(ip="127.0.0.1", ports=["SMTP"]),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1", "SMTP")]),
)
change(
    "ip-not-exclusive",
    mail_ip_binding(address="127.0.0.1", ports=["SMTP"], exclusive=False),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP", "SMTP")]),
)
change(
    "ip-no-ports",
    mail_ip_binding(address="127.0.0.1", ports=[]),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1")]),
)
change(
    "ip-absent",
    mail_ip_binding(address="127.0.0.1", state="absent"),
    TWO_PORTS,
    document([IMAP, SMTP]),
)
change(
    "ip-absent-of-ports",
    mail_ip_binding(address="127.0.0.1", state="absent", ports=["SMTP"]),
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP", "SMTP")]),
    TWO_PORTS,
)
change(
    "ip-absent-though-away",
    mail_ip_binding(address="203.0.113.9", state="absent"),
    document([], [an_address(AWAY)]),
    document(),
)
change(
    "ip-other-notation",
    mail_ip_binding(address="2001:0DB8:0:0::000A", ports=["SMTP"], require_local_address=False),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP"), an_address("2001:db8::a", "SMTP")]),
)
change(
    "ip-wildcards-of-both-families",
    mail_ip_binding(address="::", ports=["SMTP"], require_local_address=False),
    document([SMTP, a_port("X", "pop", 25)], [an_address("0.0.0.0", "X")]),
    document(
        [SMTP, a_port("X", "pop", 25)], [an_address("0.0.0.0", "X"), an_address("::", "SMTP")]
    ),
)
change(
    "ip-away-but-not-required",
    mail_ip_binding(address=AWAY, ports=["SMTP"], require_local_address=False),
    document([SMTP]),
    document([SMTP], [an_address(AWAY, "SMTP")]),
)

# The whole document.
change(
    "bindings-at-least",
    mail_bindings(
        ports=[{"name": "SMTP", "protocol": "smtp"}],
        ip_addresses=[{"address": "127.0.0.1", "ports": ["SMTP"]}, {"address": "127.0.0.2"}],
    ),
    document([IMAP], [an_address("127.0.0.1", "IMAP"), an_address("127.0.0.9")]),
    document(
        [IMAP, SMTP],
        [an_address("127.0.0.1", "IMAP", "SMTP"), an_address("127.0.0.2"), an_address("127.0.0.9")],
    ),
)
change(
    "bindings-exactly",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "SMTP", "protocol": "smtp"}],
        ip_addresses=[{"address": "127.0.0.1", "ports": ["SMTP"]}, {"address": "127.0.0.2"}],
    ),
    document([IMAP], [an_address("127.0.0.1", "IMAP"), an_address("127.0.0.9")]),
    document([SMTP], [an_address("127.0.0.1", "SMTP"), an_address("127.0.0.2")]),
)
change(
    "bindings-exactly-these-ports",
    mail_bindings(exclusive=True, ports=[{"name": "IMAP"}]),
    TWO_PORTS,
    document([IMAP], [an_address("127.0.0.1", "IMAP")]),
)
change(
    "bindings-exactly-these-addresses",
    mail_bindings(exclusive=True, ip_addresses=[{"address": "127.0.0.2", "ports": ["SMTP"]}]),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.2", "SMTP")]),
)
change(
    "bindings-exactly-nothing",
    mail_bindings(exclusive=True, ports=[], ip_addresses=[]),
    TWO_PORTS,
    document(),
)
change(
    "bindings-numbers-swapped",
    mail_bindings(ports=[{"name": "IMAP", "port": 25}, {"name": "SMTP", "port": 143}]),
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP", "SMTP")]),
    document(
        [{**IMAP, "port": 25}, {**SMTP, "port": 143}], [an_address("127.0.0.1", "IMAP", "SMTP")]
    ),
)
change(
    "bindings-renamed",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "MTA", "protocol": "smtp"}],
        ip_addresses=[{"address": "127.0.0.1", "ports": ["MTA"]}],
    ),
    document([SMTP], [an_address("127.0.0.1", "SMTP")]),
    document([a_port("MTA")], [an_address("127.0.0.1", "MTA")]),
)
change(
    "bindings-canonical-order",
    mail_bindings(
        ports=[
            {"name": name, "protocol": "smtp", "port": 2000 + n}
            for n, name in enumerate(["b", "C", "a", "10", "9"])
        ],
        ip_addresses=[
            {"address": address, "ports": ["b", "9", "10"] if address == "10.0.0.2" else []}
            for address in (
                "2001:db8::2",
                "::",
                "10.0.0.10",
                "10.0.0.2",
                "9.9.9.9",
                "2001:db8::10",
                "::1",
                "fe80::1",
            )
        ],
        require_local_address=False,
    ),
    None,
    document(
        [
            a_port("10", port=2003),
            a_port("9", port=2004),
            a_port("C", port=2001),
            a_port("a", port=2002),
            a_port("b", port=2000),
        ],
        [
            an_address("9.9.9.9"),
            an_address("10.0.0.2", "10", "9", "b"),
            an_address("10.0.0.10"),
            an_address("::"),
            an_address("::1"),
            an_address("2001:db8::2"),
            an_address("2001:db8::10"),
            an_address("fe80::1"),
        ],
    ),
)

# The file.
change(
    "file-schema-kept",
    mail_port(name="SMTP", port=26),
    text(
        {
            "$schema": SCHEMA,
            "schema_version": 1,
            "ports": [{"name": "SMTP", "port": 25, "protocol": "smtp"}],
            "ip_addresses": [],
        }
    ),
    {"$schema": SCHEMA, **document([{**SMTP, "port": 26}])},
)
change(
    "file-schema-kept-exclusive",
    mail_bindings(exclusive=True, ports=[], ip_addresses=[]),
    {"$schema": SCHEMA, **document([SMTP])},
    {"$schema": SCHEMA, **document()},
)
change(
    "file-mode-kept",
    mail_port(name="SMTP", port=26),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=lambda path: path.chmod(0o604),
)
change(
    "file-mode",
    mail_port(name="SMTP", mode="0600"),
    document([SMTP]),
    prepare=lambda path: path.chmod(0o604),
)
change(
    "file-mode-symbolic",
    mail_port(name="SMTP", mode="u=rw,g=r,o="),
    document([SMTP]),
    prepare=lambda path: path.chmod(0o604),
)
change(
    "file-mode-and-more",
    mail_port(name="SMTP", port=26, mode="0600"),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
)
change(
    "file-mode-new", mail_port(name="SMTP", protocol="smtp", mode="0644"), None, document([SMTP])
)
change(
    "file-owner-kept",
    mail_port(name="SMTP", port=26),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=lambda path: os.chown(path, 65534, 1),
    marks=ROOT,
)
change(
    "file-owner",
    mail_ip_binding(address="127.0.0.1", owner="65534"),
    document([], [an_address("127.0.0.1")]),
    marks=ROOT,
)
change("file-group", mail_bindings(group="daemon"), document([SMTP]), marks=ROOT)


def behind_a_link(path):
    """Make the config a link to elsewhere/target.json."""
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    path.rename(elsewhere / "target.json")
    (elsewhere / "target.json").chmod(0o604)
    path.symlink_to("elsewhere/target.json")


change(
    "file-behind-a-link",
    mail_port(name="SMTP", port=26),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=behind_a_link,
)
change(
    "file-replaced",
    mail_bindings(
        exclusive=True,
        replace_invalid=True,
        ports=[{"name": "SMTP", "protocol": "smtp"}],
        ip_addresses=[{"address": "0.0.0.0", "ports": ["SMTP"]}],
    ),
    b'{"schema_version": 1, "ports": [',
    document([SMTP], [an_address("0.0.0.0", "SMTP")]),
    prepare=lambda path: path.chmod(0o604),
)
change(
    "file-replaced-by-nothing",
    mail_bindings(exclusive=True, replace_invalid=True, ports=[], ip_addresses=[]),
    b"\xff",
    document(),
)
change(
    "file-backup",
    mail_port(name="SMTP", port=26, backup=True),
    document([SMTP]),
    document([{**SMTP, "port": 26}]),
    prepare=lambda path: path.chmod(0o604),
)
change(
    "file-backup-of-none",
    mail_port(name="SMTP", protocol="smtp", backup=True),
    None,
    document([SMTP]),
)


# --- tasks that change nothing, and other single ones ------------------------------------------


@dataclasses.dataclass
class Step:
    name: str
    task: dict
    before: typing.Any
    more: dict = dataclasses.field(default_factory=dict)


STEPS = []


def step(name, task, before=None, **more):
    STEPS.append(Step(name, task, before, more))


def by_hand():
    """As canonical as it is not: without what may be left out, other order, other notation."""
    return text(
        {
            "ip_addresses": [
                {"ports": ["SMTP", "IMAP"], "address": "2001:0DB8::0001"},
                {"ports": [], "address": "127.0.0.1"},
            ],
            "ports": [
                {"protocol": "smtp", "name": "SMTP", "port": 25},
                {"protocol": "imap", "name": "IMAP", "port": 143},
            ],
            "schema_version": 1,
        }
    )


BY_HAND = document(
    [a_port("IMAP", "imap", 143), SMTP],
    [an_address("127.0.0.1"), an_address("2001:db8::1", "IMAP", "SMTP")],
)

step(
    "same-port",
    mail_port(
        name="SMTP", protocol="smtp", port=25, encryption="none", description="", backup=True
    ),
    by_hand(),
)
step(
    "same-address",
    mail_ip_binding(
        address="2001:db8:0::1", ports=["IMAP", "SMTP"], require_local_address=False, hostname=""
    ),
    by_hand(),
)
step(
    "same-bindings",
    mail_bindings(
        exclusive=True,
        ports=BY_HAND["ports"],
        ip_addresses=BY_HAND["ip_addresses"],
        require_local_address=False,
        replace_invalid=True,
    ),
    by_hand(),
)
step("same-nothing-given", mail_bindings(), by_hand())
step("same-no-port-to-remove", mail_port(name="POP", state="absent"), by_hand())
step("same-no-address-to-remove", mail_ip_binding(address="127.0.0.2", state="absent"), by_hand())
step(
    "same-no-assignment-to-remove",
    mail_ip_binding(address="127.0.0.1", state="absent", ports=["SMTP"]),
    by_hand(),
)
step(
    "same-address-as-stored-though-away",
    mail_bindings(ports=[{"name": "SMTP"}]),
    document([SMTP], [an_address(AWAY, "SMTP")]),
)
step("same-no-config-nothing-to-remove", mail_port(name="POP", state="absent"))
step(
    "key-path-emptied",
    mail_port(name="IMAPS", private_key_path=""),
    document([{**IMAPS, "private_key_path": "{pki}/key.pem"}]),
)
step("info", mail_bindings_info(), by_hand())
step("info-in-check-mode", mail_bindings_info(), by_hand(), check_mode=True)
step("info-of-none", mail_bindings_info())
step(
    "some-unassigned",
    mail_port(name="IMAP", description="x"),
    document([IMAP, SMTP, POP], [an_address("127.0.0.1", "SMTP")]),
)
step(
    "all-assigned",
    mail_bindings(require_assigned=True),
    document([SMTP], [an_address("127.0.0.1", "SMTP")]),
)

EXPIRED = {**IMAPS, "certificate_path": "{pki}/expired.pem"}
EXPIRED_STORED = document([EXPIRED, SMTP])
step("certificate", mail_port(name="IMAPS", description="New"), document([IMAPS]))
step("certificate-other-port", mail_port(name="SMTP", description="New"), EXPIRED_STORED)
step(
    "certificate-expired-unchanged",
    mail_port(name="IMAPS", **{key: EXPIRED[key] for key in ("encryption", "certificate_path")}),
    EXPIRED_STORED,
)
step(
    "certificate-expired-unchanged-among-changes",
    mail_bindings(ports=[{"name": "IMAPS", "protocol": "imap"}, {"name": "SMTP", "port": 26}]),
    EXPIRED_STORED,
)
step(
    "certificate-expired-assigned",
    mail_ip_binding(address="127.0.0.1", ports=["IMAPS", "SMTP"]),
    EXPIRED_STORED,
)
step("certificate-expired-changed", mail_port(name="IMAPS", port=1993), EXPIRED_STORED)
step(
    "certificate-not-checked",
    mail_port(name="IMAPS", port=1993, check_certificate=False),
    EXPIRED_STORED,
)
step(
    "certificate-not-there-not-checked",
    mail_port(
        name="X",
        protocol="pop",
        encryption="ssl",
        certificate_path="/nothing.pem",
        check_certificate=False,
    ),
)
step(
    "certificate-other-hostname",
    mail_ip_binding(address="127.0.0.1", ports=["IMAPS"], hostname="imap.example.com"),
    document([IMAPS]),
)
GOOD_FILES = {
    "combined": {"certificate_path": "{pki}/combined.pem"},
    "two files": {"certificate_path": "{pki}/fullchain.pem", "private_key_path": "{pki}/key.pem"},
    "pkcs1": {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/rsa-key.pem"},
    "group": {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/group-key.pem"},
    "der": {"certificate_path": "{pki}/cert.der", "private_key_path": "{pki}/key.der"},
    "encrypted key": {
        "certificate_path": "{pki}/cert.pem",
        "private_key_path": "{pki}/encrypted-key.pem",
        "certificate_password": "{password}",
    },
    "ecdsa": {"certificate_path": "{pki}/ecdsa.pem"},
    "ed25519": {"certificate_path": "{pki}/ed25519.pem"},
    "wildcard": {
        "certificate_path": "{pki}/wildcard.pem",
        "certificate_hostnames": ["mail.example.com", "IMAP.example.com"],
    },
    "address": {
        "certificate_path": "{pki}/address.pem",
        "certificate_hostnames": ["mail.example.com", "2001:db8::10"],
    },
    "pkcs12": {"certificate_path": "{pki}/password.p12", "certificate_password": "{password}"},
    "pkcs12 no password": {"certificate_path": "{pki}/no-password.p12"},
    "pkcs12 empty password": {
        "certificate_path": "{pki}/empty-password.p12",
        "certificate_password": "",
    },
}
step(
    "certificates-of-all-kinds",
    mail_bindings(
        ports=[
            {"name": name, "protocol": "imap", "encryption": "ssl", "port": 2000 + n, **files}
            for n, (name, files) in enumerate(GOOD_FILES.items())
        ]
    ),
)


# --- run them ----------------------------------------------------------------------------------


def prepare(place, before, pki):
    place.mkdir()
    path = place / "bindings.json"
    if before is not None:
        path.write_bytes(
            expand(before, pki) if isinstance(before, bytes) else canonical(expand(before, pki))
        )
    return path


def expand(value, pki, password=""):
    """Put the place of the certificates, and the password, where they are named."""
    if isinstance(value, (bytes, type(None))):
        return value
    return json.loads(json.dumps(value).replace("{pki}", str(pki)).replace("{password}", password))


@pytest.fixture(scope="module")
def plays(play, pki, pki_password, tmp_path_factory):
    folder = tmp_path_factory.mktemp("semantics")
    halves = [], []
    for position, parameters in enumerate(CHANGES):
        if parameters.marks and os.geteuid() != 0:
            continue
        (one,) = parameters.values
        path = prepare(folder / one.name, one.before, pki)
        if one.prepare:
            one.prepare(path)
        task = expand(one.task, pki, pki_password)
        ((module, options),) = task.items()
        options["config_path"] = one.config_path.format(folder=path.parent)
        halves[position % 2].extend(
            [
                {"name": f"{one.name} (check)", **task, "check_mode": True},
                {"name": one.name, **task},
                {"name": f"{one.name} (again)", **task},
            ]
        )
    for position, one in enumerate(STEPS):
        path = prepare(folder / one.name, one.before, pki)
        task = expand(one.task, pki, pki_password)
        ((module, options),) = task.items()
        options["config_path"] = str(path)
        halves[position % 2].append({"name": one.name, **task, **one.more})
    # A strict umask, which is not to show anywhere.
    prefix = ["sh", "-c", 'umask 077; exec "$@"', "sh"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda tasks: play(tasks, extra_args=["-v"], prefix=prefix), halves))


@pytest.fixture(scope="module")
def results(plays):
    return {result.name: result for results in plays for result in results}


def config_name(one):
    return "elsewhere/target.json" if one.prepare is behind_a_link else "bindings.json"


@pytest.mark.parametrize("one", CHANGES)
def test_config_says_what_is_declared(results, pki, one):
    result = results[one.name]
    assert not result.failed, result["msg"]
    assert result["changed"]
    expected = expand(one.after if one.after is not None else one.before, pki)
    # As text: the failure's message is readable then.
    assert json.loads(result.config(config_name(one))) == expected
    assert result["ports"] == expected["ports"]
    assert result["ip_addresses"] == expected["ip_addresses"]
    if one.after is not None:
        assert result.config(config_name(one)) == canonical(expected)


@pytest.mark.parametrize("one", CHANGES)
def test_check_mode_agrees(results, one):
    checked, real = results[f"{one.name} (check)"], results[one.name]
    assert not checked.failed, checked["msg"]
    assert checked.after == checked.before
    for key in (
        "changed",
        "changes",
        "diff",
        "ports",
        "ip_addresses",
        "unassigned_ports",
        "certificates",
        "warnings",
    ):
        assert checked.get(key) == real.get(key), key
    for key in ("port", "ip_address"):
        assert checked.get(key) == real.get(key), key


@pytest.mark.parametrize("one", CHANGES)
def test_again_changes_nothing(results, one):
    again, real = results[f"{one.name} (again)"], results[one.name]
    assert not again.failed, again["msg"]
    assert_nothing_changed(again)
    assert again["ports"] == real["ports"]
    assert again["ip_addresses"] == real["ip_addresses"]


def assert_nothing_changed(result):
    assert result["changed"] is False
    assert result["changes"] == []
    assert result["diff"] == {"before": {}, "after": {}}
    assert "backup_file" not in result
    # The folder's times tell that a lock came and went.
    assert without_folder(result.after) == without_folder(result.before)


def without_folder(tree):
    return {name: entry for name, entry in tree.items() if name not in (".", ".bindings.json.lock")}


def test_no_tracebacks(plays):
    for results in plays:
        assert "Traceback" not in results.output
        assert "MODULE FAILURE" not in results.output


def test_results_have_one_shape(results):
    for name, result in results.items():
        if result.failed:
            continue
        assert result["changed"] == bool(result["changes"]), name
        assert result["changed"] == bool(result["diff"]["before"] or result["diff"]["after"]), name
        assert {"ports", "ip_addresses", "unassigned_ports"} <= set(result), name
        assert ("certificates" in result) == (not result.task.endswith("info")), name
        assert ("port" in result) == result.task.endswith("mail_port"), name
        assert ("ip_address" in result) == result.task.endswith("mail_ip_binding"), name
        for one in result["changes"]:
            assert set(one) == {"action", "kind", "name", "before", "after"}, name
            assert one["action"] == (
                "remove" if not one["after"] else "change" if one["before"] else "add"
            ), name


def test_diff_has_the_parts_that_changed(results):
    for name, result in results.items():
        if result.failed:
            continue
        expected = {"before": {}, "after": {}}
        for one in result["changes"]:
            group = {"port": "ports", "ip_binding": "ip_addresses", "file": "files"}[one["kind"]]
            for side, other in (("before", "after"), ("after", "before")):
                if one[side]:
                    parts = {
                        key: value
                        for key, value in one[side].items()
                        if one[other].get(key, ...) != value
                    }
                    expected[side].setdefault(group, {})[one["name"]] = parts
        assert result["diff"] == expected, name


# --- more about single changes -----------------------------------------------------------------


def changes_of(result):
    return [(one["action"], one["kind"], one["name"]) for one in result["changes"]]


def permissions(result, name="bindings.json"):
    return oct(stat.S_IMODE(result.after[name]["mode"]))


def test_changes_name_what_was_done(results):
    assert changes_of(results["port-new"]) == [("add", "port", "SMTP")]
    assert changes_of(results["port-absent"]) == [("remove", "port", "SMTP")]
    assert changes_of(results["port-absent-and-unassigned"]) == [
        ("remove", "port", "SMTP"),
        ("change", "ip_binding", "127.0.0.1"),
        ("change", "ip_binding", "127.0.0.2"),
    ]
    assert changes_of(results["bindings-exactly"]) == [
        ("remove", "port", "IMAP"),
        ("add", "port", "SMTP"),
        ("change", "ip_binding", "127.0.0.1"),
        ("add", "ip_binding", "127.0.0.2"),
        ("remove", "ip_binding", "127.0.0.9"),
    ]


def test_changes_tell_before_and_after(results):
    (one,) = results["port-follows-protocol"]["changes"]
    assert one["before"] == SMTP
    assert one["after"] == {**SMTP, "protocol": "submission", "port": 587}


def test_single_modules_return_their_entry(results):
    assert results["port-new"]["port"] == SMTP
    assert results["port-new (again)"]["port"] == SMTP
    assert results["port-absent"]["port"] == {}
    assert results["port-absent (again)"]["port"] == {}
    assert results["ip-other-notation"]["ip_address"] == an_address("2001:db8::a", "SMTP")
    assert results["ip-absent"]["ip_address"] == {}
    assert results["ip-absent-of-ports"]["ip_address"] == an_address("127.0.0.1", "IMAP")


def test_new_file_and_folder(results):
    assert permissions(results["port-new"]) == "0o640"
    new = results["port-new-in-new-folder"]
    assert permissions(new) == "0o640"
    assert permissions(new, ".") == "0o755"
    assert results["port-new-in-new-folder (check)"].after == {}


@pytest.mark.parametrize(
    ("name", "mode"),
    {
        "file-mode-kept": "0o604",
        "file-mode": "0o600",
        "file-mode-symbolic": "0o640",
        "file-mode-and-more": "0o600",
        "file-mode-new": "0o644",
        "file-backup": "0o604",
        "file-replaced": "0o604",
    }.items(),
)
def test_permissions(results, name, mode):
    assert permissions(results[name]) == mode


@pytest.mark.parametrize(
    "name",
    [
        "file-mode",
        "file-mode-symbolic",
        pytest.param("file-owner", marks=ROOT),
        pytest.param("file-group", marks=ROOT),
    ],
)
def test_change_of_attributes_only(results, name):
    ((action, kind, path),) = changes_of(results[name])
    assert (action, kind) == ("change", "file")
    assert path.endswith("/bindings.json")


@ROOT
def test_owner(results):
    kept = results["file-owner-kept"].after["bindings.json"]
    assert (kept["uid"], kept["gid"]) == (65534, 1)
    assert results["file-owner"].after["bindings.json"]["uid"] == 65534
    assert results["file-group"].after["bindings.json"]["gid"] == 1


def test_link_is_followed(results):
    result = results["file-behind-a-link"]
    assert result.after["bindings.json"] == result.before["bindings.json"]
    assert permissions(result, "elsewhere/target.json") == "0o604"


def new_files(result):
    return sorted(set(result.after) - set(result.before) - {".bindings.json.lock"})


@pytest.mark.parametrize("name", ["file-replaced", "file-replaced-by-nothing", "file-backup"])
def test_backup(results, name):
    result = results[name]
    (backup,) = new_files(result)
    assert os.path.basename(result["backup_file"]) == backup
    assert result.config(backup) == result.before["bindings.json"]["content"].encode("latin-1")
    if name != "file-replaced-by-nothing":
        assert permissions(result, backup) == "0o604"


def test_replaced_file_is_a_change(results):
    for name in ("file-replaced", "file-replaced-by-nothing"):
        assert changes_of(results[name])[-1][1] == "file"


def test_no_backup_of_no_config(results):
    assert new_files(results["file-backup-of-none"]) == ["bindings.json"]


# --- single steps ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [one.name for one in STEPS if one.name.startswith(("same", "info", "all-assigned"))]
)
def test_changes_nothing(results, name):
    result = results[name]
    assert not result.failed, result["msg"]
    assert_nothing_changed(result)
    if "none" in name or "no-config" in name:
        assert new_files(result) == []


def test_info(results):
    for name in ("info", "info-in-check-mode"):
        assert results[name]["ports"] == BY_HAND["ports"]
        assert results[name]["ip_addresses"] == BY_HAND["ip_addresses"]
        assert results[name]["unassigned_ports"] == []
    assert results["info-of-none"]["ports"] == results["info-of-none"]["ip_addresses"] == []


def test_key_path_emptied(results, pki):
    result = results["key-path-emptied"]
    assert result["changed"]
    assert result["port"].get("private_key_path", "") == ""
    assert result["port"]["certificate_path"] == f"{pki}/combined.pem"


def test_unassigned_ports(results):
    result = results["some-unassigned"]
    assert result["unassigned_ports"] == ["IMAP", "POP"]
    assert any("IMAP" in warning and "POP" in warning for warning in result["warnings"])
    assert results["all-assigned"]["unassigned_ports"] == []
    assert not results["all-assigned"].get("warnings")


FACTS = {
    "path",
    "subject",
    "issuer",
    "names",
    "not_before",
    "not_after",
    "days_left",
    "fingerprint_sha256",
    "key_matches",
    "problems",
}


def test_certificate(results, pki):
    (certificate,) = results["certificate"]["certificates"]
    assert set(certificate) == FACTS
    assert certificate["path"] == f"{pki}/combined.pem"
    assert certificate["names"] == ["mail.example.com"]
    assert "mail.example.com" in certificate["subject"]
    assert "Intermediate" in certificate["issuer"]
    assert certificate["days_left"] in (89, 90)
    assert certificate["key_matches"] is True
    assert certificate["problems"] == []
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", certificate["fingerprint_sha256"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", certificate["not_after"])


def test_certificate_of_other_port_is_not_read(results):
    assert results["certificate-other-port"]["certificates"] == []
    assert not results["certificate-other-port"].failed


@pytest.mark.parametrize(
    ("name", "changed"),
    {
        "certificate-expired-unchanged": False,
        "certificate-expired-unchanged-among-changes": True,
        "certificate-expired-assigned": True,
    }.items(),
)
def test_expired_certificate_of_unchanged_port(results, name, changed):
    result = results[name]
    assert not result.failed, result["msg"]
    assert result["changed"] is changed
    (certificate,) = result["certificates"]
    assert certificate["days_left"] < 0
    assert any("expired" in problem for problem in certificate["problems"])
    assert any("expired" in warning and "IMAPS" in warning for warning in result["warnings"])


def test_expired_certificate_of_changed_port(results):
    result = results["certificate-expired-changed"]
    assert result.failed
    assert re.search("certificate_path: .*expired", result["msg"])


def test_certificate_not_checked(results):
    for name in ("certificate-not-checked", "certificate-not-there-not-checked"):
        assert not results[name].failed, results[name]["msg"]
        assert results[name]["changed"]
        assert results[name]["certificates"] == []


def test_certificate_for_other_hostname(results):
    result = results["certificate-other-hostname"]
    assert not result.failed, result["msg"]
    (certificate,) = result["certificates"]
    assert any("imap.example.com" in problem for problem in certificate["problems"])
    assert any("imap.example.com" in warning for warning in result["warnings"])


def test_good_certificates(results):
    result = results["certificates-of-all-kinds"]
    assert not result.failed, result["msg"]
    assert all(certificate["problems"] == [] for certificate in result["certificates"])
    assert all(certificate["key_matches"] is True for certificate in result["certificates"])
    assert {certificate["path"] for certificate in result["certificates"]} == {
        port["certificate_path"] for port in result["ports"]
    }


# --- plays of their own ------------------------------------------------------------------------


def test_module_defaults(play, tmp_path):
    path = str(tmp_path / "bindings.json")
    results = play(
        [
            {"name": "bindings", **mail_bindings(ports=[{"name": "SMTP", "protocol": "smtp"}])},
            {"name": "port", **mail_port(name="IMAP", protocol="imap")},
            {"name": "ip", **mail_ip_binding(address="127.0.0.1", ports=["SMTP", "IMAP"])},
            {"name": "info", **mail_bindings_info()},
        ],
        play_keywords={
            "module_defaults": {"group/mailops.bindings.bindings": {"config_path": path}}
        },
    )
    assert [result.failed for result in results] == [False] * 4
    assert [port["name"] for port in results["info"]["ports"]] == ["IMAP", "SMTP"]
    assert json.loads(pathlib.Path(path).read_bytes())["ip_addresses"] == [
        an_address("127.0.0.1", "IMAP", "SMTP")
    ]


def test_many_at_the_same_time(play, tmp_path):
    hosts = [f"host{number}" for number in range(1, 65)]
    path = tmp_path / "bindings.json"
    task = mail_port(
        name="{{ inventory_hostname }}",
        protocol="smtp",
        port="{{ inventory_hostname[4:] }}",
        config_path=str(path),
    )
    results = play([{"name": "add", **task}], hosts=hosts, extra_args=["--forks=32"])
    assert [result["msg"] for result in results if result.failed] == []
    assert len(results) == 64
    ports = {port["name"]: port["port"] for port in json.loads(path.read_bytes())["ports"]}
    assert ports == {f"host{number}": number for number in range(1, 65)}
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert left in (["bindings.json"], [".bindings.json.lock", "bindings.json"])


class ProcessList:
    """Looks at the process list while a play runs."""

    def __init__(self):
        self.seen = set()

    def __call__(self, process):
        while process.poll() is None:
            for folder in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    self.seen.add((folder / "cmdline").read_bytes())
                    self.seen.add((folder / "environ").read_bytes())
                except OSError:
                    continue
            time.sleep(0.02)


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_secrets_stay_secret(play, pki, pki_password, tmp_path, pipelining):
    ssl = {
        "name": "POP",
        "protocol": "pop",
        "encryption": "ssl",
        "certificate_path": f"{pki}/password.p12",
    }
    wrong = "a-w0rd-that-is-wr0ng"
    path = tmp_path / "bindings.json"
    path.write_bytes(canonical(document([a_port("POP", "pop", 110)])))
    options = {"config_path": str(path), "backup": True}
    processes = ProcessList()
    results = play(
        [
            {"name": "wrong", **mail_port(**ssl, **options, certificate_password=wrong)},
            {
                "name": "check",
                **mail_port(**ssl, **options, certificate_password=pki_password),
                "check_mode": True,
            },
            {"name": "right", **mail_port(**ssl, **options, certificate_password=pki_password)},
            {
                "name": "many",
                **mail_bindings(
                    ports=[{**ssl, "name": "X", "certificate_password": pki_password}], **options
                ),
            },
            {
                "name": "many wrong",
                **mail_bindings(
                    ports=[{**ssl, "name": "Y", "certificate_password": wrong}], **options
                ),
            },
        ],
        diff=True,
        extra_args=["-vvvv"],
        environment={"ANSIBLE_PIPELINING": pipelining},
        watcher=processes,
    )
    assert [result.failed for result in results] == [True, False, False, False, True]
    for secret in (wrong, pki_password):
        assert secret not in results.output
        assert secret not in json.dumps(results)
        assert not any(secret.encode() in seen for seen in processes.seen)
        for file in tmp_path.iterdir():
            assert secret.encode() not in file.read_bytes()
    assert any(b"ansible-playbook" in seen for seen in processes.seen)


# In a network of its own a test can set ip_nonlocal_bind as it likes.
FLOATING = "ip link set lo up; for family in ipv4 ipv6; do echo {} > /proc/sys/net/$family/ip_nonlocal_bind; done"


@pytest.mark.parametrize("allowed", [True, False])
def test_floating(play, tmp_path, allowed):
    prefix = ["unshare", "--net", "sh", "-ec", FLOATING.format(int(allowed)) + '; exec "$@"', "sh"]
    if os.geteuid() != 0 or os.system("unshare --net true 2>/dev/null") != 0:
        pytest.skip("it takes root, and the right to make network namespaces")
    path = tmp_path / "bindings.json"
    path.write_bytes(canonical(document([SMTP])))
    options = {"ports": ["SMTP"], "floating": True}
    results = play(
        [
            {"name": "ip", **mail_ip_binding(address=AWAY, config_path=str(path), **options)},
            {
                "name": "ip6",
                **mail_ip_binding(address="2001:db8::9", config_path=str(path), **options),
            },
            {
                "name": "bindings",
                **mail_bindings(
                    ip_addresses=[{"address": "203.0.113.10", **options}], config_path=str(path)
                ),
            },
        ],
        prefix=prefix,
    )
    assert [result.failed for result in results] == [not allowed] * 3, results
    if allowed:
        assert all(entry["floating"] for entry in results["bindings"]["ip_addresses"])
        assert json.loads(path.read_bytes())["ip_addresses"][0] == an_address(
            AWAY, "SMTP", floating=True
        )
    else:
        assert [result["msg"].count("ip_nonlocal_bind") > 0 for result in results] == [True] * 3
        assert "net.ipv6" in results["ip6"]["msg"]
        assert path.read_bytes() == canonical(document([SMTP]))
