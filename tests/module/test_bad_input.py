# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is wrong: the task fails, says where and what to do, and leaves everything as it was. Also in check mode."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import re
import socket
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

BASE = document(
    [a_port("IMAP", "imap", 143), a_port("SMTP", "smtp", 25)],
    [an_address("127.0.0.1", "IMAP", "SMTP"), an_address("127.0.0.2")],
)


@dataclasses.dataclass
class Case:
    """A task that must fail."""

    name: str
    task: dict
    # What its message must have: the place of the fault and a remedy.
    says: list[str]
    # What is at config_path before: the content of a file, or a function that makes it.
    config: bytes | typing.Callable | None = canonical(BASE)
    config_path: str | None = None


CASES = []


def case(name, task, *says, **more):
    CASES.append(Case(name, task, list(says), **more))


# --- the options of mail_port ------------------------------------------------------------------

PROTOCOLS = "smtp.*submission.*imap.*pop.*ldap"
ENCRYPTIONS = r"\bnone\b.*\bssl\b.*\btls\b"

case(
    "port-unknown-protocol",
    mail_port(name="New", protocol="http"),
    r"\bprotocol\b",
    PROTOCOLS,
    "http",
)
case(
    "port-protocol-in-capitals",
    mail_port(name="New", protocol="SMTP"),
    r"\bprotocol\b",
    PROTOCOLS,
    "SMTP",
)
case(
    "port-unknown-encryption",
    mail_port(name="SMTP", encryption="starttls"),
    r"\bencryption\b",
    ENCRYPTIONS,
)
case(
    "port-unknown-key", mail_port(name="SMTP", colour="red"), r"\bcolour\b", r"\bcertificate_path\b"
)
case("port-unknown-state", mail_port(name="SMTP", state="gone"), r"\bstate\b", "present.*absent")
for label, number in {"0": 0, "65536": 65536, "smtp": "smtp", "true": True}.items():
    case(f"port-number-{label}", mail_port(name="SMTP", port=number), r"\bport\b.*(65535|\bint\b)")
case(
    "port-name-empty",
    mail_port(name="", protocol="smtp", port=2525),
    r"\bname\b.*(printable|blank|empty)",
)
case(
    "port-name-blank",
    mail_port(name="SMTP ", protocol="smtp", port=2525),
    r"\bname\b.*(printable|blank)",
)
case("port-without-name", mail_port(protocol="smtp"), r"\bname\b")
case("port-new-without-protocol", mail_port(name="New", port=2525), r"\bprotocol\b.*New")
case(
    "port-certificate-for-stored-none",
    mail_port(name="IMAP", certificate_path="/tmp/none.pem"),
    "certificate_path",
    r"\bssl\b|\btls\b",
)
case(
    "port-key-for-stored-none",
    mail_port(name="IMAP", private_key_path="/tmp/none.pem"),
    "private_key_path",
    r"\bssl\b|\btls\b",
)
case(
    "port-to-ssl-without-certificate",
    mail_port(name="IMAP", encryption="ssl"),
    "certificate_path",
    "ssl",
)
case(
    "port-relative-config",
    mail_port(name="SMTP", port=26),
    "config_path",
    "absolute",
    config_path="bindings.json",
)
case(
    "port-two-with-one-number",
    mail_port(name="SMTP", port=143),
    r"\b143\b",
    r"127\.0\.0\.1",
    "IMAP",
    "SMTP",
)
case(
    "port-two-with-one-number-by-standard",
    mail_port(name="SMTP", protocol="imap"),
    r"\b143\b",
    r"127\.0\.0\.1",
    "IMAP",
    "SMTP",
)
case(
    "port-two-things-wrong",
    mail_port(name="IMAP", port=65536, certificate_path="mail.pem"),
    r"\bport: .*65535",
    "certificate_path: ",
)
case(
    "port-remove-assigned",
    mail_port(name="IMAP", state="absent"),
    "IMAP",
    r"127\.0\.0\.1",
    "unassign",
)
case(
    "port-owner-unknown",
    mail_port(name="SMTP", port=26, owner="no-such-user"),
    "owner",
    "no-such-user",
)
case(
    "port-group-unknown",
    mail_port(name="SMTP", port=26, group="no-such-group"),
    "group",
    "no-such-group",
)
case("port-mode-nonsense", mail_port(name="SMTP", port=26, mode="rwx"), r"\bmode\b.*0640")
case("port-mode-not-octal", mail_port(name="SMTP", port=26, mode="0999"), r"\bmode\b.*0640")
case("port-mode-and-no-other-change", mail_port(name="SMTP", mode="rwx"), r"\bmode\b.*0640")
case(
    "port-of-no-config",
    mail_port(name="SMTP", port=0, protocol="smtp"),
    r"\bport\b",
    "65535",
    config=None,
)
case("port-store-unknown", mail_port(name="SMTP", store="ldap"), r"\bstore\b", "file")

# --- the options of mail_ip_binding ------------------------------------------------------------

BAD_ADDRESSES = {
    "ipv4-mapped": "::ffff:192.0.2.1",
    "ipv4-mapped-in-hex": "::ffff:c000:201",
    "leading-zeros": "192.0.2.010",
    "prefix-length": "192.0.2.1/24",
    "prefix-length-32": "192.0.2.1/32",
    "ipv6-prefix-length": "2001:db8::1/64",
    "multicast": "224.0.0.1",
    "ipv6-multicast": "ff02::1",
    "scoped": "fe80::1%eth0",
    "name": "localhost",
    "empty": "",
    "short": "192.0.2",
    "long": "192.0.2.1.1",
    "with-port": "192.0.2.1:25",
    "in-brackets": "[2001:db8::1]",
    "number": 3221225985,
    "blank": " 127.0.0.1",
    "newline": "127.0.0.1\n",
    "other-digits": "192.0.2.\u0661",
}
for label in ("ipv4-mapped", "leading-zeros", "prefix-length", "multicast", "scoped", "empty"):
    text = BAD_ADDRESSES[label]
    case(
        f"ip-{label}",
        mail_ip_binding(address=text, ports=["SMTP"], require_local_address=False),
        rf"\baddress\b.*{re.escape(text)}",
    )
case(
    "ip-unknown-port",
    mail_ip_binding(address="127.0.0.2", ports=["SMTP", "POP"]),
    r"\bports\b.*POP",
    "declare",
)
case("ip-empty-port", mail_ip_binding(address="127.0.0.2", ports=[""]), r"\bports\b")
case("ip-missing", mail_ip_binding(ports=["SMTP"]), r"\baddress\b")
case("ip-unknown-key", mail_ip_binding(address="127.0.0.2", colour="red"), "colour", "hostname")
case(
    "ip-not-on-this-host",
    mail_ip_binding(address=AWAY, ports=["SMTP"]),
    r"\baddress\b",
    re.escape(AWAY),
    "require_local_address|floating",
)
case(
    "ip6-not-on-this-host",
    mail_ip_binding(address="2001:0DB8:0::9", ports=["SMTP"]),
    "2001:db8::9",
    "require_local_address|floating",
)
IMAP_TWICE = document(
    [a_port("IMAP", "imap", 143), a_port("Other", "imap", 143), a_port("SMTP", "smtp", 25)],
    [an_address("127.0.0.1", "IMAP", "SMTP"), an_address("2001:db8::1", "IMAP")],
)
case(
    "ip-two-ports-with-one-number",
    mail_ip_binding(address="127.0.0.2", ports=["IMAP", "Other"]),
    r"127\.0\.0\.2",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)
case(
    "ip-two-ports-with-one-number-stored",
    mail_ip_binding(address="127.0.0.1", ports=["Other"], exclusive=False),
    r"127\.0\.0\.1",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)
case(
    "ip-wildcard-meets-address",
    mail_ip_binding(address="0.0.0.0", ports=["Other"]),
    r"127\.0\.0\.1",
    r"0\.0\.0\.0",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)
case(
    "ip6-wildcard-meets-address",
    mail_ip_binding(address="::", ports=["Other"]),
    "2001:db8::1",
    "::",
    r"\b143\b",
    "IMAP",
    "Other",
    config=canonical(IMAP_TWICE),
)

# --- the options of mail_bindings --------------------------------------------------------------

BAD_NAMES = {
    "empty": "",
    "blank-before": " SMTP",
    "blank-after": "SMTP ",
    "newline": "SM\nTP",
    "newline-after": "SMTP\n",
    "tab": "SM\tTP",
    "escape": "SM\x1bTP",
    "no-break-space": "SM\u00a0TP",
    "right-to-left": "SM\u202eTP",
}
case(
    "bindings-bad-names",
    mail_bindings(ports=[{"name": name, "protocol": "smtp"} for name in BAD_NAMES.values()]),
    *(rf"ports\[{position}\]\.name.*(printable|blank|empty)" for position in range(len(BAD_NAMES))),
)
case(
    "bindings-bad-addresses",
    mail_bindings(ip_addresses=[{"address": address} for address in BAD_ADDRESSES.values()]),
    *(rf"ip_addresses\[{position}\]\.address" for position in range(len(BAD_ADDRESSES))),
)
BAD_PORTS = [
    ({"port": 0}, "port: .*65535"),
    ({"port": 65536}, "port: .*65535"),
    ({"port": -1}, "port: .*65535"),
    ({"port": True}, "port: .*65535"),
    ({"encryption": "ssl"}, "certificate_path: .*ssl"),
    ({"encryption": "tls"}, "certificate_path: .*tls"),
    ({"encryption": "ssl", "certificate_path": ""}, "certificate_path: "),
    ({"encryption": "ssl", "certificate_path": "mail.pem"}, "certificate_path: .*absolute"),
    ({"encryption": "ssl", "certificate_path": "~/mail.pem"}, "certificate_path: .*absolute"),
    (
        {"encryption": "tls", "certificate_path": "/nothing.pem", "private_key_path": "key.pem"},
        "private_key_path: .*absolute",
    ),
    ({"encryption": "none", "certificate_path": "/nothing.pem"}, "certificate_path: .*(ssl|tls)"),
    ({"certificate_path": "/nothing.pem"}, "certificate_path: .*(ssl|tls)"),
    ({"private_key_path": "/nothing.pem"}, "private_key_path: .*(ssl|tls)"),
]
case(
    "bindings-bad-ports",
    mail_bindings(
        ports=[
            {"name": f"P{n}", "protocol": "smtp", **bad} for n, (bad, says) in enumerate(BAD_PORTS)
        ]
    ),
    *(rf"ports\[{position}\]\.{says}" for position, (bad, says) in enumerate(BAD_PORTS)),
)
case(
    "bindings-all-at-once",
    mail_bindings(
        ports=[
            {"name": "Good", "protocol": "smtp"},
            {"name": " A", "protocol": "smtp"},
            {"name": "B", "protocol": "imap", "port": 65536},
            {"name": "C", "protocol": "pop", "encryption": "ssl"},
            {"name": "D", "port": 2525},
            {"name": "Good", "protocol": "smtp"},
        ],
        ip_addresses=[
            {"address": "127.0.0.1", "ports": ["Good"]},
            {"address": "192.0.2.010"},
            {"address": "::1"},
            {"address": "0:0::1"},
        ],
    ),
    r"ports\[1\]\.name",
    r"ports\[2\]\.port",
    r"ports\[3\]\.certificate_path",
    r"ports\[4\]\.protocol",
    r"ports\[5\]\.name",
    r"ip_addresses\[1\]\.address",
    r"ip_addresses\[3\]\.address",
)
case(
    "bindings-all-conflicts-at-once",
    mail_bindings(
        ports=[
            {"name": "A", "protocol": "smtp", "port": 2001},
            {"name": "B", "protocol": "smtp", "port": 2001},
        ],
        ip_addresses=[
            {"address": "127.0.0.3", "ports": ["A", "B"]},
            {"address": "127.0.0.4", "ports": ["A", "Missing"]},
            {"address": AWAY, "ports": ["A"]},
        ],
    ),
    r"ip_addresses\[0\].*\bA\b.*\bB\b.*127\.0\.0\.3",
    r"ip_addresses\[1\]\.ports.*Missing",
    rf"ip_addresses\[2\]\.address.*{re.escape(AWAY)}",
)
case(
    "bindings-two-things-wrong-with-one-port",
    mail_bindings(
        ports=[
            {
                "name": " New",
                "protocol": "imap",
                "port": 0,
                "encryption": "ssl",
                "certificate_path": "x.pem",
            }
        ]
    ),
    r"ports\[0\]\.name: ",
    r"ports\[0\]\.port: ",
    r"ports\[0\]\.certificate_path: ",
)
case(
    "bindings-unknown-protocol",
    mail_bindings(ports=[{"name": "A", "protocol": "smtp"}, {"name": "B", "protocol": "http"}]),
    r"\bports\b.*\bprotocol\b|\bprotocol\b.*\bports\b",
    PROTOCOLS,
)
case(
    "bindings-unknown-encryption",
    mail_bindings(ports=[{"name": "A", "protocol": "smtp", "encryption": "yes"}]),
    r"\bports\b.*\bencryption\b|\bencryption\b.*\bports\b",
    ENCRYPTIONS,
)
case(
    "bindings-unknown-key-of-port",
    mail_bindings(ports=[{"name": "A", "protocol": "smtp", "colour": "red"}]),
    r"ports.*colour|colour.*ports",
)
case(
    "bindings-unknown-key-of-address",
    mail_bindings(ip_addresses=[{"address": "127.0.0.3", "colour": "red"}]),
    r"ip_addresses.*colour|colour.*ip_addresses",
)
case(
    "bindings-without-name",
    mail_bindings(ports=[{"protocol": "smtp"}]),
    r"\bname\b.*\bports\b|\bports\b.*\bname\b",
)
case(
    "bindings-duplicate-name",
    mail_bindings(
        ports=[
            {"name": "A", "protocol": "smtp"},
            {"name": "B", "protocol": "pop"},
            {"name": "A", "protocol": "smtp"},
        ]
    ),
    r"ports\[2\]\.name",
    r"ports\[0\]",
    r"\bA\b",
)
case(
    "bindings-one-ip-in-two-notations",
    mail_bindings(
        ip_addresses=[
            {"address": "2001:db8::a"},
            {"address": "127.0.0.3"},
            {"address": "2001:0DB8:0:0::000A"},
        ],
        require_local_address=False,
    ),
    r"ip_addresses\[2\]\.address.*ip_addresses\[0\]",
)
case(
    "bindings-unknown-assigned-port",
    mail_bindings(
        ip_addresses=[
            {"address": "127.0.0.3"},
            {"address": "127.0.0.4", "ports": ["SMTP", "Missing"]},
        ]
    ),
    r"ip_addresses\[1\]\.ports",
    "Missing",
)
case(
    "bindings-wildcard-meets-address",
    mail_bindings(
        ports=[{"name": "Other", "protocol": "imap", "port": 143}],
        ip_addresses=[{"address": "0.0.0.0", "ports": ["Other"]}],
    ),
    r"0\.0\.0\.0",
    r"127\.0\.0\.1",
    "Other",
    "IMAP",
    r"\b143\b",
)
case(
    "bindings-wildcards-meet",
    mail_bindings(
        exclusive=True,
        ports=[{"name": "A", "protocol": "imap"}, {"name": "B", "protocol": "imap"}],
        ip_addresses=[{"address": "::", "ports": ["A", "B"]}],
    ),
    "::",
    r"\bA\b",
    r"\bB\b",
    r"\b143\b",
)
case(
    "bindings-not-on-this-host",
    mail_bindings(ip_addresses=[{"address": "127.0.0.3"}, {"address": AWAY}]),
    r"ip_addresses\[1\]\.address",
    re.escape(AWAY),
    "require_local_address|floating",
)
case(
    "bindings-require-assigned",
    mail_bindings(ports=[{"name": "Free", "protocol": "pop"}], require_assigned=True),
    "Free",
    "require_assigned|assign",
)
case(
    "bindings-require-assigned-of-stored",
    mail_bindings(require_assigned=True),
    "IMAP",
    "require_assigned|assign",
    config=canonical(document([a_port("IMAP", "imap", 143)])),
)
case(
    "bindings-exclusive-removes-assigned",
    mail_bindings(exclusive=True, ports=[{"name": "SMTP"}]),
    "IMAP",
    r"127\.0\.0\.1",
    "ip_addresses",
)
case(
    "bindings-replace-invalid-without-exclusive",
    mail_bindings(replace_invalid=True, ports=[], ip_addresses=[]),
    "replace_invalid",
    "exclusive",
    config=b"{",
)
case(
    "bindings-replace-invalid-without-addresses",
    mail_bindings(
        exclusive=True, replace_invalid=True, ports=[{"name": "SMTP", "protocol": "smtp"}]
    ),
    "replace_invalid",
    "ip_addresses",
    config=b"{",
)
case(
    "bindings-replace-invalid-with-bad-input",
    mail_bindings(
        exclusive=True,
        replace_invalid=True,
        ports=[{"name": "SMTP", "protocol": "smtp", "port": 0}],
        ip_addresses=[],
    ),
    r"ports\[0\]\.port",
    config=b"{",
)
case(
    "bindings-ports-no-list", mail_bindings(ports="SMTP"), r"ports\[0\]: \"SMTP\" is not an object"
)

# --- a config that is not valid ----------------------------------------------------------------

WAY_OUT = "replace_invalid"


def text(content):
    """A config as somebody writes it by hand."""
    return json.dumps(content).encode()


GOOD_PORT = {"name": "A", "protocol": "imap", "port": 143}
BAD_STORED_PORTS = [
    ({"colour": "red"}, r".*colour"),
    ({"protocol": "http"}, r"\.protocol.*" + PROTOCOLS),
    ({"encryption": "starttls"}, r"\.encryption.*" + ENCRYPTIONS),
    ({"encryption": None}, r"\.encryption"),
    ({"port": 0}, r"\.port\b.*65535"),
    ({"port": 65536}, r"\.port\b.*65535"),
    ({"port": "smtp"}, r"\.port\b.*(65535|number|integer)"),
    ({"port": "25"}, r"\.port\b.*(65535|number|integer)"),
    ({"port": True}, r"\.port\b.*(65535|number|integer)"),
    ({"port": 25.5}, r"\.port\b.*(65535|number|integer)"),
    ({"port": [25]}, r"\.port\b.*(65535|number|integer)"),
    ({"port": ...}, r".*\bport\b"),
    ({"protocol": ...}, r".*\bprotocol\b"),
    ({"name": ...}, r".*\bname\b"),
    ({"name": 25}, r"\.name"),
    *(({"name": name}, r"\.name") for name in BAD_NAMES.values()),
    ({"description": 1}, r"\.description"),
    ({"description": None}, r"\.description"),
    ({"certificate_path": "/nothing.pem"}, r"\.certificate_path.*(ssl|tls)"),
    ({"private_key_path": "/nothing.pem"}, r"\.private_key_path.*(ssl|tls)"),
    ({"encryption": "ssl"}, r".*certificate_path"),
    ({"encryption": "tls", "certificate_path": ""}, r".*certificate_path"),
    ({"encryption": "ssl", "certificate_path": "mail.pem"}, r"\.certificate_path.*absolute"),
    (
        {"encryption": "ssl", "certificate_path": "/nothing.pem", "private_key_path": "key.pem"},
        r"\.private_key_path.*absolute",
    ),
]
BAD_STORED_ADDRESSES = [
    *(({"address": address}, r"\.address") for address in BAD_ADDRESSES.values()),
    ({"address": ...}, r".*address"),
    ({"colour": "red"}, r".*colour"),
    ({"floating": "no"}, r"\.floating"),
    ({"floating": 0}, r"\.floating"),
    ({"hostname": 1}, r"\.hostname"),
    ({"description": 1}, r"\.description"),
    ({"ports": ...}, r".*ports"),
    ({"ports": "A"}, r"\.ports"),
    ({"ports": [1]}, r"\.ports\[0\]"),
]


def changed(entry, changes):
    """An entry with other values, ... for none at all."""
    return {key: value for key, value in {**entry, **changes}.items() if value is not ...}


def bad_entries():
    """A config in which everything is wrong, and what is to be said of that."""
    ports = [
        changed({**GOOD_PORT, "name": f"P{n}"}, bad)
        for n, (bad, says) in enumerate(BAD_STORED_PORTS)
    ]
    addresses = [
        changed({"address": f"127.0.1.{n}", "ports": []}, bad)
        for n, (bad, says) in enumerate(BAD_STORED_ADDRESSES)
    ]
    return [
        text(document(ports, addresses)),
        *(rf"\bports\[{n}\]{says}" for n, (bad, says) in enumerate(BAD_STORED_PORTS)),
        *(rf"\bip_addresses\[{n}\]{says}" for n, (bad, says) in enumerate(BAD_STORED_ADDRESSES)),
    ]


BAD_CONFIGS = {
    # Not even JSON.
    "empty": (b"", r"\bempty\b|\bline 1\b"),
    "blank": (b" \n\n", r"\bempty\b|\bline\b"),
    "truncated": (canonical(BASE)[:-30], r"\bline \d+"),
    "with-more-behind": (canonical(BASE) + b"}", r"\bline \d+"),
    "with-comment": (
        b'// ours\n{"schema_version": 1, "ports": [], "ip_addresses": []}',
        r"\bline 1\b",
    ),
    "not-utf8": (canonical(BASE).replace(b'"IMAP"', b'"IM\xe4P"'), "UTF-8"),
    "utf16": (canonical(BASE).decode().encode("utf-16"), "UTF-8"),
    "nul-bytes": (b"\0" * 512, r"\bline\b|JSON"),
    "nested-deeply": (b"[" * 100_000, r"JSON|nest|deep"),
    "nested-deeply-and-closed": (b'{"ports":' * 50_000 + b"1" + b"}" * 50_000, r"JSON|nest|deep"),
    "not-a-number": (b'{"schema_version": 1, "ports": NaN, "ip_addresses": []}', r"NaN|\bports\b"),
    "infinite-port": (
        text(document([{**GOOD_PORT, "port": 9}])).replace(b"9", b"1e999"),
        r"ports\[0\]\.port|1e999|inf",
    ),
    "port-of-5000-digits": (
        text(document([{**GOOD_PORT, "port": 9}])).replace(b"9", b"9" * 5000),
        r"ports\[0\]\.port|digits|JSON|number",
    ),
    "duplicate-key": (
        b'{"schema_version": 1, "ports": [], "ports": [], "ip_addresses": []}',
        r"\bports\b",
    ),
    "duplicate-key-below": (
        text(document([GOOD_PORT])).replace(b'"imap"', b'"imap", "protocol": "pop"'),
        r"\bprotocol\b",
    ),
    # Not of the right shape.
    "array": (b"[]", "object|array|list"),
    "string": (b'"bindings"', "object|string"),
    "null": (b"null", "object|null"),
    "empty-object": (b"{}", "schema_version", r"\bports\b", r"\bip_addresses\b"),
    "version-2": (text(document(schema_version=2)), r"schema_version.*\b2\b"),
    "version-true": (text(document(schema_version=True)), "schema_version"),
    "all-at-top": (
        text(
            {
                "$schema": 1,
                "schema_version": "1",
                "colour": "red",
                "ports": {},
                "ip_addresses": "::",
            }
        ),
        r"\$schema",
        "schema_version",
        "colour",
        r"\bports\b",
        r"\bip_addresses\b",
    ),
    "no-objects": (text(document(["SMTP"], [None])), r"\bports\[0\]", r"\bip_addresses\[0\]"),
    "all-entries": bad_entries(),
    # Against the rules.
    "relations": (
        text(
            document(
                [a_port("A"), a_port("B"), a_port("C", port=26), a_port("C", port=27)],
                [
                    an_address("127.0.0.1", "A", "B"),
                    an_address("127.0.0.2", "C", "Missing"),
                    an_address("2001:db8::1", "A"),
                    an_address("2001:DB8:0::1", "A"),
                    an_address("::", "B"),
                ],
            )
        ),
        r"\bports\[3\]\.name.*\bports\[2\]",
        r"ip_addresses\[0\].*\bA\b.*\bB\b.*127\.0\.0\.1",
        r"ip_addresses\[1\]\.ports.*Missing",
        r"ip_addresses\[3\]\.address.*ip_addresses\[2\]",
        r"2001:db8::1\b.*::|::.*2001:db8::1\b",
    ),
    "wildcard-meets-address": (
        text(
            document(
                [a_port("A"), a_port("B")],
                [an_address("127.0.0.1", "A"), an_address("0.0.0.0", "B")],
            )
        ),
        r"\bA\b",
        r"\bB\b",
        r"0\.0\.0\.0",
        r"127\.0\.0\.1",
    ),
}
# Each module refuses them, in turn; a change to what is not valid, too.
READERS = [
    mail_port(name="New", protocol="smtp", port=2525),
    mail_ip_binding(address="127.0.0.9"),
    mail_bindings(
        exclusive=True, ports=[{"name": "New", "protocol": "smtp", "port": 2525}], ip_addresses=[]
    ),
    mail_bindings_info(),
]
for position, (label, (content, *says)) in enumerate(BAD_CONFIGS.items()):
    case(
        f"config-{label}",
        READERS[position % len(READERS)],
        r"bindings\.json",
        WAY_OUT,
        *says,
        config=content,
    )
for label in ("truncated", "array", "version-2"):
    for position, task in enumerate(READERS):
        content, *says = BAD_CONFIGS[label]
        case(f"config-{label}-{position}", task, r"bindings\.json", WAY_OUT, *says, config=content)

# --- a config that is no file ------------------------------------------------------------------


def a_folder(path):
    path.mkdir()


def a_dangling_link(path):
    path.symlink_to(path.parent / "nothing.json")


def a_link_to_itself(path):
    path.symlink_to(path)


def a_fifo(path):
    os.mkfifo(path)


def a_socket(path):
    # Its path may be longer than a socket's may be.
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


NO_FILES = {
    "folder": (a_folder, "directory|folder"),
    "dangling-link": (a_dangling_link, "link", r"nothing\.json"),
    "link-to-itself": (a_link_to_itself, "link"),
    "fifo": (a_fifo, "regular|FIFO|pipe"),
    "socket": (a_socket, "regular|socket"),
}
REPLACE = mail_bindings(exclusive=True, replace_invalid=True, ports=[], ip_addresses=[])
for label, (make, *says) in NO_FILES.items():
    case(f"config-{label}", READERS[0], r"bindings\.json", *says, config=make)
    case(f"config-{label}-replaced", REPLACE, r"bindings\.json", *says, config=make)
case(
    "config-fifo-info",
    mail_bindings_info(),
    r"bindings\.json",
    *NO_FILES["fifo"][1:],
    config=a_fifo,
)
case(
    "config-in-no-folder",
    READERS[0],
    "one/two|one",
    config=None,
    config_path="{folder}/one/two/bindings.json",
)
case(
    "config-below-a-file",
    READERS[0],
    r"one",
    config=lambda path: (path.parent / "one").touch(),
    config_path="{folder}/one/bindings.json",
)

# --- certificates ------------------------------------------------------------------------------

BAD_CERTIFICATES = [
    # The file and what else is said, then what is to be said of it.
    ({"certificate_path": "{pki}/no-such-file.pem"}, "certificate_path: .*no-such-file"),
    (
        {"certificate_path": "{pki}/directory.pem"},
        "certificate_path: .*(directory|folder|regular|file)",
    ),
    (
        {"certificate_path": "{pki}/empty.pem"},
        "certificate_path: .*(empty|no certificate|not a certificate)",
    ),
    ({"certificate_path": "{pki}/garbage.pem"}, "certificate_path: .*certificate"),
    ({"certificate_path": "{pki}/key-only.pem"}, "certificate_path: .*certificate"),
    ({"certificate_path": "{pki}/big.pem"}, "certificate_path: .*(big|large|MiB|MB|bytes)"),
    ({"certificate_path": "{pki}/expired.pem"}, "certificate_path: .*expired"),
    (
        {"certificate_path": "{pki}/not-yet-valid.pem"},
        "certificate_path: .*(not yet|not valid|from)",
    ),
    ({"certificate_path": "{pki}/without-key.pem"}, "(certificate|private_key)_path: .*key"),
    ({"certificate_path": "{pki}/wrong-key.pem"}, "(certificate|private_key)_path: .*key"),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/other-key.pem"},
        "private_key_path: .*match|belong",
    ),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/no-key.pem"},
        "private_key_path: .*no-key",
    ),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/empty.pem"},
        "private_key_path: .*empty",
    ),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/directory.pem"},
        "private_key_path: ",
    ),
    ({"certificate_path": "{pki}/world-readable.pem"}, "(certificate|private_key)_path: .*read"),
    (
        {"certificate_path": "{pki}/cert.pem", "private_key_path": "{pki}/world-readable-key.pem"},
        "private_key_path: .*read",
    ),
    (
        {
            "certificate_path": "{pki}/other-names.pem",
            "certificate_hostnames": ["example.com", "mail.example.com"],
        },
        r"certificate_\w+: .*mail\.example\.com",
    ),
    (
        {"certificate_path": "{pki}/wildcard.pem", "certificate_hostnames": ["a.mail.example.com"]},
        r"certificate_\w+: .*a\.mail\.example\.com",
    ),
    (
        {
            "certificate_path": "{pki}/common-name-only.pem",
            "certificate_hostnames": ["mail.example.com"],
        },
        r"certificate_\w+: .*mail\.example\.com",
    ),
    ({"certificate_path": "{pki}/rsa-1024.pem"}, "certificate_path: .*(1024|2048)"),
    ({"certificate_path": "{pki}/sha1.pem"}, "certificate_path: .*(?i:SHA-?1)"),
    ({"certificate_path": "{pki}/md5.pem"}, "certificate_path: .*(?i:MD5)"),
    ({"certificate_path": "{pki}/client-only.pem"}, "certificate_path: .*(server|client)"),
    ({"certificate_path": "{pki}/password.p12"}, "certificate_p.*: .*certificate_password"),
    (
        {"certificate_path": "{pki}/password.p12", "certificate_password": "not it"},
        "certificate_p.*: .*certificate_password",
    ),
    (
        {"certificate_path": "{pki}/encrypted.pem"},
        "(certificate|private_key)_p.*: .*certificate_password",
    ),
]
case(
    "certificates-all-at-once",
    mail_bindings(
        ports=[
            {"name": f"P{n}", "protocol": "imap", "encryption": "ssl", "port": 2000 + n, **bad}
            for n, (bad, says) in enumerate(BAD_CERTIFICATES)
        ]
    ),
    *(rf"\bports\[{n}\]\.{says}" for n, (bad, says) in enumerate(BAD_CERTIFICATES)),
)
FIVE_DAYS = {
    "name": "New",
    "protocol": "imap",
    "encryption": "ssl",
    "certificate_path": "{pki}/five-days.pem",
}
case(
    "certificate-too-few-days",
    mail_bindings(ports=[FIVE_DAYS], certificate_min_days=6),
    r"ports\[0\]\.certificate_path: .*\b[45]\b.*\b6\b|ports\[0\]\.certificate_path: .*\b6\b.*\b[45]\b",
)
case(
    "certificate-too-few-days-for-port",
    mail_port(**FIVE_DAYS, certificate_min_days=6),
    r"certificate_path: .*\b6\b",
)
case(
    "certificate-for-other-hostname-of-address",
    mail_bindings(
        ports=[{**FIVE_DAYS, "certificate_path": "{pki}/combined.pem"}],
        ip_addresses=[{"address": "127.0.0.2", "hostname": "imap.example.com", "ports": ["New"]}],
    ),
    r"(ports|ip_addresses)\[0\]\.\w+: .*imap\.example\.com",
)
for position in (0, 6, 9, 15, 19, 23, 24):
    bad, says = BAD_CERTIFICATES[position]
    case(
        f"certificate-for-port-{position}",
        mail_port(name="IMAP", encryption="ssl", **bad),
        says,
    )


# --- run them ----------------------------------------------------------------------------------


def run(play, folder, pki, cases, **how):
    """Run each case in check mode and then for real, all in one play."""
    tasks = []
    for one in cases:
        place = folder / one.name
        place.mkdir()
        path = place / "bindings.json"
        if callable(one.config):
            one.config(path)
        elif one.config is not None:
            path.write_bytes(one.config)
            path.chmod(0o604)
        ((module, options),) = one.task.items()
        options = json.loads(json.dumps(options).replace("{pki}", str(pki)))
        options["config_path"] = (one.config_path or "{folder}/bindings.json").format(folder=place)
        tasks.append({"name": f"{one.name} (check)", module: options, "check_mode": True})
        tasks.append({"name": one.name, module: options})
    return play(tasks, extra_args=["-vvv"], **how)


@pytest.fixture(scope="module")
def plays(play, pki, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad_input")
    # Two at a time: with more than one core, half the time.
    halves = CASES[::2], CASES[1::2]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda cases: run(play, folder, pki, cases), halves))


@pytest.fixture(scope="module")
def results(plays):
    return {result.name: result for results in plays for result in results}


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_fails_and_says_why(results, one):
    assert_refused(one, results[one.name])


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_same_in_check_mode(results, one):
    checked = results[f"{one.name} (check)"]
    assert checked.failed
    assert checked["msg"] == results[one.name]["msg"]
    assert checked.after == checked.before


def test_no_tracebacks(plays):
    for results in plays:
        assert_no_traceback(results)


def assert_refused(one, result):
    assert result.failed, result
    assert not result.get("changed")
    for pattern in one.says:
        assert re.search(pattern, result["msg"]), f"no {pattern!r} in: {result['msg']}"
    assert what_matters(result.after) == what_matters(result.before)


def what_matters(tree):
    """That something came and went in the folder does not, and the lock beside the config may stay."""
    return {
        name: {key: value for key, value in entry.items() if key != "ctime"}
        for name, entry in tree.items()
        if name not in (".", ".bindings.json.lock")
    }


def assert_no_traceback(results):
    task = None
    for line in results.output.splitlines():
        if line.startswith("TASK ["):
            task = line
        assert "Traceback" not in line, task
    assert "MODULE FAILURE" not in results.output


# --- without the right to write or to read -----------------------------------------------------


def not_readable(path):
    path.write_bytes(canonical(BASE))
    path.chmod(0)


def in_read_only_folder(path):
    path.write_bytes(canonical(BASE))
    path.parent.chmod(0o555)


def no_config_in_read_only_folder(path):
    path.parent.chmod(0o555)


def of_another_user(path):
    path.write_bytes(canonical(BASE))
    os.chown(path, 65534, 65534)


CHANGE = mail_port(name="SMTP", port=26)
FORBIDDEN = [
    Case("not-readable", CHANGE, [r"bindings\.json", "read|[Pp]ermission"], not_readable),
    Case(
        "not-readable-info",
        mail_bindings_info(),
        [r"bindings\.json", "read|[Pp]ermission"],
        not_readable,
    ),
    Case("not-readable-replaced", REPLACE, [r"bindings\.json", "read|[Pp]ermission"], not_readable),
    Case(
        "read-only-folder", CHANGE, ["read-only-folder", "writ|[Pp]ermission"], in_read_only_folder
    ),
    Case(
        "no-config-in-read-only-folder",
        mail_port(name="SMTP", protocol="smtp"),
        ["no-config-in-read-only-folder", "writ|[Pp]ermission"],
        no_config_in_read_only_folder,
    ),
    Case("of-another-user", CHANGE, [r"bindings\.json", "own|writ|[Pp]ermission"], of_another_user),
    Case(
        "to-another-user",
        mail_port(name="SMTP", owner="65534"),
        [r"bindings\.json|owner", "belong|[Pp]ermi"],
    ),
    Case(
        "mode-and-another-user",
        mail_port(name="SMTP", owner="65534", mode="0600"),
        [r"bindings\.json|owner", "belong|[Pp]ermi"],
    ),
]


@pytest.fixture(scope="module")
def forbidden(play, pki, unprivileged, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    return run(play, tmp_path_factory.mktemp("forbidden"), pki, FORBIDDEN, prefix=unprivileged)


@pytest.mark.parametrize("one", FORBIDDEN, ids=lambda one: one.name)
def test_forbidden(forbidden, one):
    assert_refused(one, forbidden[one.name])
    checked = forbidden[f"{one.name} (check)"]
    assert checked.failed
    assert checked["msg"] == forbidden[one.name]["msg"]
    assert checked.after == checked.before


def test_no_tracebacks_where_forbidden(forbidden):
    assert_no_traceback(forbidden)
