# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs that are not valid, and paths that are not a file."""

from __future__ import annotations

import json
import os
import socket

import pytest
from declare import (
    a_port,
    an_address,
    canonical,
    document,
    mail_bindings,
    mail_bindings_info,
    mail_ip_binding,
    mail_port,
)
from refusals import BAD_ADDRESSES, BAD_NAMES, BASE, ENCRYPTIONS, PROTOCOLS, Cases, CaseTests

# What is wrong with a declaration is found by our own code, the same with every ansible-core
pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]

CASES = Cases()

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
    CASES.add(
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
        CASES.add(
            f"config-{label}-{position}", task, r"bindings\.json", WAY_OUT, *says, config=content
        )


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
    CASES.add(f"config-{label}", READERS[0], r"bindings\.json", *says, config=make)
    CASES.add(f"config-{label}-replaced", REPLACE, r"bindings\.json", *says, config=make)
CASES.add(
    "config-fifo-info",
    mail_bindings_info(),
    r"bindings\.json",
    *NO_FILES["fifo"][1:],
    config=a_fifo,
)
CASES.add(
    "config-in-no-folder",
    READERS[0],
    "one/two|one",
    config=None,
    config_path="{folder}/one/two/bindings.json",
)
CASES.add(
    "config-below-a-file",
    READERS[0],
    r"one",
    config=lambda path: (path.parent / "one").touch(),
    config_path="{folder}/one/bindings.json",
)


class TestCases(CaseTests):
    pass
