# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated documents and tasks, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    ENCRYPTIONS,
    PROTOCOLS,
)

NAMES = ["SMTP", "SMTP-2", "IMAPS", "POP3S", "LDAP ü", "a b"]
#: All can be bound on any Linux host, and some are two notations of one.
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1", "0:0:0:0:0:0:0:1"]

texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=6)


def _with(required: dict, optional: dict):
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def ports(draw, name):
    """A port of this name that the rules accept."""
    entry = draw(
        _with(
            {"protocol": st.sampled_from(tuple(PROTOCOLS)), "port": st.integers(1, 65535)},
            {"encryption": st.sampled_from(ENCRYPTIONS), "description": texts},
        )
    )
    if entry.get("encryption", "none") != "none":
        entry["certificate_path"] = draw(st.sampled_from(["/tls/a.pem", "/tls/b.pem"]))
        if draw(st.booleans()):
            entry["private_key_path"] = "/tls/key.pem"
    return dict(entry, name=name)


@st.composite
def documents(draw):
    """A valid document, in any order and notation."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    numbers = draw(
        st.lists(st.integers(1, 65535), min_size=len(names), max_size=len(names), unique=True)
    )
    entries = [dict(draw(ports(name)), port=number) for name, number in zip(names, numbers)]
    addresses = draw(st.lists(st.sampled_from(ADDRESSES[:4]), unique=True))
    bindings = [
        dict(
            draw(
                _with(
                    {},
                    {
                        "hostname": st.sampled_from(["", "mail.example.com"]),
                        "description": texts,
                        "floating": st.just(False),
                    },
                )
            ),
            address="0:0::1" if address == "::1" and draw(st.booleans()) else address,
            ports=draw(st.lists(st.sampled_from(names), unique=True)) if names else [],
        )
        for address in addresses
    ]
    document = {"schema_version": 1, "ports": entries, "ip_addresses": bindings}
    if draw(st.booleans()):
        document["$schema"] = "bindings.schema.json"
    return document


_port_options = {
    "protocol": st.sampled_from(tuple(PROTOCOLS)),
    "port": st.integers(1, 65535),
    "encryption": st.sampled_from(ENCRYPTIONS),
    "certificate_path": st.sampled_from(["", "/tls/a.pem"]),
    "private_key_path": st.sampled_from(["", "/tls/key.pem"]),
    "description": texts,
}
_ip_options = {
    "ports": st.lists(st.sampled_from(NAMES), unique=True, max_size=3),
    "hostname": st.sampled_from(["", "mail.example.com"]),
    "description": texts,
}


def declarations():
    """Options of mail_bindings, which the rules may refuse."""
    return _with(
        {},
        {
            "ports": st.lists(_with({"name": st.sampled_from(NAMES)}, _port_options), max_size=3),
            "ip_addresses": st.lists(
                _with({"address": st.sampled_from(ADDRESSES)}, _ip_options), max_size=3
            ),
            "exclusive": st.booleans(),
        },
    )


def tasks():
    """(module, options) of a task, which the rules may refuse."""
    states = st.sampled_from(["present", "present", "absent"])
    return st.one_of(
        st.tuples(
            st.just("mail_port"),
            _with(
                {"name": st.sampled_from(NAMES), "state": states},
                {**_port_options, "unassign": st.booleans()},
            ),
        ),
        st.tuples(
            st.just("mail_ip_binding"),
            _with(
                {"address": st.sampled_from(ADDRESSES), "state": states},
                {**_ip_options, "exclusive": st.booleans()},
            ),
        ),
        st.tuples(st.just("mail_bindings"), declarations()),
    )


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 70000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "smtp", "ssl", "/x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "port", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def bent_documents(draw):
    """A document with a few of its values replaced, removed or added: some are still well-formed, most are not."""
    document = draw(documents())
    for ignored in range(draw(st.integers(0, 2))):
        holders = [document] + [
            entry
            for key in ("ports", "ip_addresses")
            if isinstance(document.get(key), list)
            for entry in document[key]
            if isinstance(entry, dict)
        ]
        holder = draw(st.sampled_from(holders))
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "add":
            holder[
                draw(st.sampled_from(["x", "floating", "hostname", "encryption", "$schema"]))
            ] = draw(_json)
        elif holder:
            key = draw(st.sampled_from(sorted(holder)))
            if action == "remove":
                del holder[key]
            else:
                holder[key] = draw(_json)
    return document


@st.composite
def crowded_documents(draw):
    """Well-formed entries of few names, numbers and addresses, so that they meet, are missing or stand twice as often as not."""
    names = st.sampled_from(["A", "B", "C"])
    entries = st.fixed_dictionaries(
        {"name": names, "protocol": st.just("smtp"), "port": st.integers(25, 27)},
        optional={
            "encryption": st.sampled_from(ENCRYPTIONS),
            "certificate_path": st.sampled_from(["", "/tls/a.pem", "a.pem"]),
            "private_key_path": st.sampled_from(["", "/tls/key.pem", "key.pem"]),
        },
    )
    bindings = st.fixed_dictionaries(
        {
            "address": st.sampled_from(
                ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "2001:DB8:0::1"]
            ),
            "ports": st.lists(names, unique=True),
        }
    )
    return {
        "schema_version": 1,
        "ports": draw(st.lists(entries, max_size=3)),
        "ip_addresses": draw(st.lists(bindings, max_size=3)),
    }
