# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a config can say of what a server holds."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    meeting_others,
    view,
)  # noqa: E402
from support.smartermail.records import ELSEWHERE, HERE, THERE, held, port  # noqa: E402

# -- what a config can say of what is there


def test_what_is_there_as_a_config():
    seen = view(
        held(
            [port("SMTP"), port("IMAPS", "imap", 993, "ssl", "C:\\mail.pfx", description="all")],
            {HERE: ["IMAPS", "SMTP"], ELSEWHERE: ["SMTP"], THERE: []},
            {HERE: "mail.example.com", ELSEWHERE: ""},
        )
    )
    assert seen.bindings == Bindings(
        {
            "SMTP": Port("SMTP", "smtp", 25),
            "IMAPS": Port("IMAPS", "imap", 993, "ssl", "C:\\mail.pfx", "", "all"),
        },
        {
            HERE: IPBinding(HERE, ("IMAPS", "SMTP"), "mail.example.com"),
            "2001:db8::1": IPBinding("2001:db8::1", ("SMTP",)),
        },
    )
    assert (seen.unmapped, seen.others) == ([], [])
    assert seen.spelled == {HERE: HERE, THERE: THERE, "2001:db8::1": ELSEWHERE}


@pytest.mark.parametrize(
    "ports, reason",
    [
        ([port("XMPP", "", 5222)], "its protocol has no place"),
        ([port("Both", encryption="")], "its encryption is not known"),
        ([port("Zero", number=0)], "its number is none"),
        ([port("High", number=65536)], "its number is none"),
        ([port("One", id="7"), port("Two", id="7")], "its id is not its own"),
        ([port("None", id="")], "its id is not its own"),
        ([port("Twin", id="1"), port("Twin", id="2", number=26)], "its name is not its own"),
        ([port("")], "its name is not printable"),
        ([port(" blank")], "its name is not printable"),
        ([port("tab\there")], "its name is not printable"),
        ([port("Half", description="\ud800")], "not valid Unicode"),
    ],
)
def test_what_has_no_place_is_named_and_kept_apart(ports, reason):
    seen = view(held([*ports, port("SMTP")], {HERE: [ports[0].name, "SMTP"]}))
    assert set(seen.bindings.ports) == {"SMTP"}
    assert seen.bindings.ip_addresses[HERE].ports == ("SMTP",)
    assert seen.others == ports
    assert len(seen.unmapped) == len(ports)
    for entry in seen.unmapped:
        assert (
            set(entry) == {"server", "where", "text", "reason"} and entry["server"] == "smartermail"
        )
        assert reason in entry["reason"]


@pytest.mark.parametrize(
    "ports, assigned, where, reason",
    [
        (
            [
                port("SSL", number=465, encryption="ssl", path="/a"),
                port("TLS", number=465, encryption="tls", path="/a"),
            ],
            {HERE: ["SSL", "TLS"]},
            "IP address %s.ports" % HERE,
            "both have number 465",
        ),
        (
            [port("Left", path="C:\\old.pfx")],
            {},
            'port "Left".certificate_path',
            "encryption none serves no certificate",
        ),
        (
            [port("Bare", encryption="ssl")],
            {},
            'port "Bare".certificate_path',
            "needs a certificate",
        ),
    ],
)
def test_what_breaks_only_our_rules_is_in_the_config_and_named(ports, assigned, where, reason):
    seen = view(held(ports, assigned))
    assert set(seen.bindings.ports) == {each.name for each in ports}
    (entry,) = seen.unmapped
    assert entry["where"] == where and reason in entry["reason"]


def test_an_address_that_no_config_can_name_is_named_where_something_listens_there():
    seen = view(held([port("SMTP")], {"fe80::1%12": ["SMTP"], "fe80::2%12": [], HERE: ["gone"]}))
    assert seen.bindings.ip_addresses == {}
    assert [entry["where"] for entry in seen.unmapped] == [
        "IP address fe80::1%12",
        "IP address " + HERE,
    ]


def test_a_number_that_meets_a_port_without_a_place_is_refused_unless_it_does_so_already():
    there = held(
        [port("XMPP", "", 5222), port("A", number=5222), port("B", number=26)],
        {HERE: ["XMPP", "A"], THERE: ["XMPP", "B"], ELSEWHERE: []},
    )
    seen = view(there)
    assert meeting_others(seen, there, seen.bindings) == []
    moved = seen.bindings._replace(
        ports={**seen.bindings.ports, "B": seen.bindings.ports["B"]._replace(port=5222)}
    )
    (message,) = meeting_others(seen, there, moved)
    assert '"B"' in message and "XMPP" in message and THERE in message
    elsewhere = seen.bindings._replace(
        ip_addresses={**seen.bindings.ip_addresses, "2001:db8::1": IPBinding("2001:db8::1", ("A",))}
    )
    assert meeting_others(seen, there, elsewhere) == []
