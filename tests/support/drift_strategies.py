# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of any shape, for hypothesis: mostly near what a module returns, sometimes anything."""

from __future__ import annotations

from hypothesis import strategies as st

ANY_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["ok", "refused", "192.0.2.1:993", "IMAPS", "imap", "add"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def perhaps(strategy):
    return strategy | strategy | strategy | ANY_VALUE


NAMES = st.sampled_from(["IMAPS", "SMTP", "A", ""])
ADDRESSES = st.sampled_from(
    ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:DB8::1", "::", "no address"]
)
NUMBERS = st.sampled_from([25, 993, 993.0, "993", 65536, -1])
STATUSES = st.sampled_from(
    ["ok", "refused", "expired", "wrong_certificate", "at_risk", "unexpected", "not_local"]
)
SOME_PORT = st.fixed_dictionaries(
    {"name": perhaps(NAMES), "protocol": perhaps(st.sampled_from(["imap", "smtp"]))},
    optional={"port": perhaps(NUMBERS)},
)
SOME_IP = st.fixed_dictionaries(
    {"address": perhaps(ADDRESSES), "ports": perhaps(st.lists(perhaps(NAMES), max_size=3))},
    optional={"floating": ANY_VALUE},
)
SOME_SEEN = st.fixed_dictionaries(
    {"address": perhaps(ADDRESSES), "port": perhaps(NUMBERS), "status": perhaps(STATUSES)},
    optional={"detail": ANY_VALUE, "certificate": ANY_VALUE, "greeting": ANY_VALUE},
)
SOME_CHANGE = st.fixed_dictionaries(
    {
        "action": perhaps(st.sampled_from(["add", "change", "remove"])),
        "kind": perhaps(st.sampled_from(["port", "ip_binding", "file", "listener"])),
        "name": perhaps(NAMES | ADDRESSES | st.sampled_from(["192.0.2.1:993", "[2001:db8::1]:25"])),
        "before": perhaps(SOME_PORT | SOME_IP),
        "after": perhaps(SOME_PORT | SOME_IP),
    }
)
SOME_RESULT = st.fixed_dictionaries(
    {},
    optional={
        "failed": ANY_VALUE,
        "unreachable": ANY_VALUE,
        "msg": ANY_VALUE,
        "changes": perhaps(st.lists(perhaps(SOME_CHANGE), max_size=3)),
        "ports": perhaps(st.lists(perhaps(SOME_PORT), max_size=3)),
        "ip_addresses": perhaps(st.lists(perhaps(SOME_IP), max_size=3)),
        "listeners_before": perhaps(st.lists(perhaps(SOME_SEEN), max_size=3)),
        "certificates": ANY_VALUE,
        "warnings": ANY_VALUE,
    },
)
SOME_FINDING = st.fixed_dictionaries(
    {},
    optional={
        "host": ANY_VALUE,
        "result": perhaps(SOME_RESULT),
        "maintenance": ANY_VALUE,
        "ignore_listeners": perhaps(st.lists(ANY_VALUE, max_size=2)),
    },
)

ANY_FINDINGS = perhaps(st.lists(perhaps(SOME_FINDING), max_size=3))
