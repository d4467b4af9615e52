# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The word of every cell, and in which of the three ways its listener drifted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.drift_fleet import file_change, ip, listener_change, port, seen
from support.drift_reports import (
    AT,
    CONFIG_CHANGE,
    DESCRIPTION_CHANGE,
    DRIFT_WORDS,
    HERE,
    LEVELS,
    SAYS,
    STALE,
    cell,
    host,
)
from support.drift_strategies import STATUSES


@pytest.mark.parametrize(
    "status, word",
    [
        ("ok", "as declared"),
        ("refused", "missing"),
        ("timeout", "missing"),
        ("not_local", "missing"),
        ("wrong_protocol", "differs"),
        ("no_starttls", "differs"),
        ("tls_failed", "differs"),
        ("no_auth", "differs"),
        ("wrong_certificate", "wrong certificate"),
        ("at_risk", "at risk"),
        ("expiring", "certificate expiring"),
        ("expired", "certificate expiring"),
        ("unheard_of", "could not be checked"),
        (None, "could not be checked"),
        ("", "could not be checked"),
    ],
)
def test_every_status_has_its_word(status, word):
    row = host(before=[seen(*AT, status)])
    assert cell(row)["word"] == word
    assert row["verdict"] == (
        "drift"
        if word in DRIFT_WORDS
        else "incomplete"
        if word == "could not be checked"
        else "clean"
    )
    assert cell(row)["levels"] == (["listening"] if word in DRIFT_WORDS else [])
    if word != "as declared":
        assert cell(row)["detail"]


@pytest.mark.parametrize(
    "changes, status, word, levels",
    [
        # a listener that is gone from a server's file, from its config, or from what listens
        ([file_change(), listener_change("add", *AT)], None, "missing", ["files"]),
        ([file_change(), listener_change("add", *AT)], "refused", "missing", ["files"]),
        ([listener_change("add", *AT)], None, "missing", ["listening"]),
        ([listener_change("add", *AT)], "refused", "missing", ["listening"]),
        (
            [file_change(server="postfix"), listener_change("add", *AT)],
            "refused",
            "missing",
            ["listening"],
        ),
        (
            [file_change("/srv/mail/listeners"), listener_change("add", *AT)],
            "refused",
            "missing",
            ["files"],
        ),
        # a wildcard answers in its place
        ([file_change(), listener_change("add", *AT)], "ok", "differs", ["files"]),
        (
            [file_change(), listener_change("change", *AT, {**SAYS, "encryption": "tls"})],
            "ok",
            "differs",
            ["files"],
        ),
        (
            [file_change(), listener_change("change", *AT, {**SAYS, "encryption": "tls"})],
            "expiring",
            "differs",
            ["files"],
        ),
        ([STALE], "wrong_certificate", "wrong certificate", ["listening"]),
        ([STALE], None, "wrong certificate", ["listening"]),
        ([file_change(), STALE], "wrong_certificate", "wrong certificate", ["listening"]),
        ([CONFIG_CHANGE], "ok", "differs", ["config"]),
        ([CONFIG_CHANGE], "expiring", "differs", ["config"]),
        ([CONFIG_CHANGE], "refused", "missing", ["config", "listening"]),
        (
            [
                CONFIG_CHANGE,
                file_change(),
                listener_change("change", *AT, {**SAYS, "encryption": "tls"}),
            ],
            "ok",
            "differs",
            ["config", "files"],
        ),
        ([DESCRIPTION_CHANGE], "ok", "as declared", []),
    ],
)
def test_changes_have_their_word(changes, status, word, levels):
    row = host(changes=changes, before=[seen(*AT, status)] if status else [])
    assert (cell(row)["word"], cell(row)["levels"]) == (word, levels)
    assert row["verdict"] == "drift"


def test_a_cell_has_before_and_after_of_its_change():
    found = cell(
        host(changes=[file_change(), listener_change("change", *AT, {**SAYS, "encryption": "tls"})])
    )
    assert (found["before"], found["after"]) == ({**SAYS, "encryption": "tls"}, SAYS)


def test_a_config_that_differs_is_shown_in_the_cell():
    found = cell(host(changes=[CONFIG_CHANGE]))
    assert (found["before"]["encryption"], found["after"]["encryption"]) == ("tls", "ssl")
    assert found["detail"] == "different in the config of the host"


def test_config_entries_removed_by_hand_differ_and_added_ones_are_unexpected():
    ports = [
        port("IMAPS", "imap", 993),
        port("POP3S", "pop", 995),
        port("IMAP", "imap", 143, "tls"),
    ]
    change = {
        "action": "change",
        "kind": "ip_binding",
        "name": HERE,
        "before": ip(HERE, ["IMAPS", "IMAP"]),
        "after": ip(HERE, ["IMAPS", "POP3S"]),
    }
    row = host(
        ports=ports,
        addresses=[ip(HERE, ["IMAPS", "POP3S"])],
        before=[seen(*AT), seen(HERE, 995)],
        changes=[change],
    )
    assert [(found["port"], found["word"], found["levels"]) for found in row["cells"]] == [
        (143, "unexpected", ["config"]),
        (993, "as declared", []),
        (995, "differs", ["config"]),
    ]
    assert row["levels"]["config"]["listeners"] == [HERE + ":143", HERE + ":995"]


def test_a_new_host_drifts_in_config_and_files():
    changes = [
        {
            "action": "add",
            "kind": "port",
            "name": "IMAPS",
            "before": {},
            "after": port("IMAPS", "imap", 993),
        },
        {
            "action": "add",
            "kind": "ip_binding",
            "name": HERE,
            "before": {},
            "after": ip(HERE, ["IMAPS"]),
        },
        file_change(action="add"),
        listener_change("add", *AT),
    ]
    row = host(changes=changes, before=[seen(*AT, "refused")])
    assert (cell(row)["word"], cell(row)["levels"]) == ("missing", ["config", "files"])
    assert [len(row["levels"][level]["changes"]) for level in LEVELS] == [2, 1, 0]


@pytest.mark.parametrize(
    "changes, before",
    [
        ([], [seen(*AT), seen(HERE, 2525, "unexpected", "nobody declared it")]),
        ([file_change(), listener_change("remove", HERE, 2525)], [seen(*AT)]),
        ([listener_change("remove", HERE, 2525)], [seen(*AT), seen(HERE, 2525, "unexpected")]),
    ],
)
def test_an_undeclared_listener_is_unexpected(changes, before):
    row = host(changes=changes, before=before)
    found = cell(row, HERE, 2525)
    assert (found["word"], found["port_name"], row["verdict"]) == ("unexpected", "", "drift")
    assert found["levels"] == (["files"] if len(changes) == 2 else ["listening"])
    assert cell(row)["word"] == "as declared"


def test_ignored_listeners_are_not_unexpected():
    before = [
        seen(*AT),
        seen(HERE, 2525, "unexpected"),
        seen("2001:db8::1", 2525, "unexpected"),
        seen("0.0.0.0", 25, "unexpected"),
    ]
    ignore = [HERE + ":2525", "[2001:DB8:0::1]:2525", "0.0.0.0:25", "nonsense", None, 4]
    row = host(
        before=before, changes=[listener_change("remove", HERE, 2525)], ignore_listeners=ignore
    )
    assert row["verdict"] == "clean"
    assert row["ignored"] == ["0.0.0.0:25", HERE + ":2525", "[2001:db8::1]:2525"]
    assert [found["name"] for found in row["cells"]] == [HERE + ":993"]


def test_a_declared_listener_cannot_be_ignored():
    assert (
        cell(host(before=[seen(*AT, "refused")], ignore_listeners=[HERE + ":993"]))["word"]
        == "missing"
    )


def test_files_that_would_change_are_drift_also_with_only_an_ignored_listener():
    row = host(
        changes=[file_change(), listener_change("remove", HERE, 2525)],
        ignore_listeners=[HERE + ":2525"],
    )
    assert (row["verdict"], row["cells"][0]["word"]) == ("drift", "as declared")


def test_a_wildcard_is_an_address_of_its_own():
    row = host(before=[seen(*AT), seen("0.0.0.0", 993, "unexpected", "it is a wildcard")])
    assert [(found["name"], found["word"]) for found in row["cells"]] == [
        ("0.0.0.0:993", "unexpected"),
        ("192.0.2.1:993", "as declared"),
    ]
    assert [(address["address"], address["declared"]) for address in row["addresses"]] == [
        ("0.0.0.0", False),
        ("192.0.2.1", True),
    ]


@given(st.data())
def test_every_declared_listener_has_exactly_one_cell(data):
    numbers = data.draw(st.lists(st.integers(1, 65535), unique=True, min_size=1, max_size=4))
    ports = [port("P%d" % number, "imap", number) for number in numbers]
    names = [entry["name"] for entry in ports]
    texts = data.draw(st.lists(st.ip_addresses().map(str), unique=True, max_size=4))
    addresses = [
        ip(text, data.draw(st.lists(st.sampled_from(names), unique=True))) for text in texts
    ]
    declared = sorted(
        (binding["address"], int(name[1:])) for binding in addresses for name in binding["ports"]
    )
    anywhere = declared + [(text, number) for text in texts for number in numbers]
    some = st.lists(st.sampled_from(anywhere), unique=True) if anywhere else st.just([])
    before = [seen(*key, data.draw(STATUSES)) for key in data.draw(some)]
    changes = [
        listener_change(data.draw(st.sampled_from(["add", "change", "remove"])), *key)
        for key in data.draw(some)
    ]
    row = host(ports=ports, addresses=addresses, before=before, changes=changes)
    assert (
        sorted((cell["address"], cell["port"]) for cell in row["cells"] if cell["port_name"])
        == declared
    )
    assert sum(row["counts"].values()) == len(row["cells"])
