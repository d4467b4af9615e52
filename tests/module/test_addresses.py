# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mail_ip_binding declares the ports of one address."""

from __future__ import annotations

import json
import os

import pytest
from declare import AWAY, a_port, an_address, canonical, document, mail_bindings, mail_ip_binding
from semantics import IMAP, SMTP, TWO_PORTS, Changes, ChangeTests

pytestmark = pytest.mark.needs_ansible

CHANGES = Changes()

# The ports of an address.
CHANGES.add(
    "ip-left-out",
    mail_ip_binding(address="127.0.0.1", description="New"),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP", hostname="mail.example.com", description="Old")]
    ),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP", hostname="mail.example.com", description="New")]
    ),
)
CHANGES.add(
    "ip-emptied",
    mail_ip_binding(address="127.0.0.1", description="", hostname=""),
    document(
        [IMAP], [an_address("127.0.0.1", "IMAP", hostname="mail.example.com", description="Old")]
    ),
    document([IMAP], [an_address("127.0.0.1", "IMAP")]),
)
CHANGES.add(
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
CHANGES.add(
    "ip-exclusive",
    mail_ip_binding(ip="127.0.0.1", ports=["SMTP"]),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1", "SMTP")]),
)
CHANGES.add(
    "ip-not-exclusive",
    mail_ip_binding(address="127.0.0.1", ports=["SMTP"], exclusive=False),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP", "SMTP")]),
)
CHANGES.add(
    "ip-no-ports",
    mail_ip_binding(address="127.0.0.1", ports=[]),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1")]),
)
CHANGES.add(
    "ip-absent",
    mail_ip_binding(address="127.0.0.1", state="absent"),
    TWO_PORTS,
    document([IMAP, SMTP]),
)
CHANGES.add(
    "ip-absent-of-ports",
    mail_ip_binding(address="127.0.0.1", state="absent", ports=["SMTP"]),
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP", "SMTP")]),
    TWO_PORTS,
)
CHANGES.add(
    "ip-absent-though-away",
    mail_ip_binding(address="203.0.113.9", state="absent"),
    document([], [an_address(AWAY)]),
    document(),
)
CHANGES.add(
    "ip-other-notation",
    mail_ip_binding(address="2001:0DB8:0:0::000A", ports=["SMTP"], require_local_address=False),
    TWO_PORTS,
    document([IMAP, SMTP], [an_address("127.0.0.1", "IMAP"), an_address("2001:db8::a", "SMTP")]),
)
CHANGES.add(
    "ip-wildcards-of-both-families",
    mail_ip_binding(address="::", ports=["SMTP"], require_local_address=False),
    document([SMTP, a_port("X", "pop", 25)], [an_address("0.0.0.0", "X")]),
    document(
        [SMTP, a_port("X", "pop", 25)], [an_address("0.0.0.0", "X"), an_address("::", "SMTP")]
    ),
)
CHANGES.add(
    "ip-away-but-not-required",
    mail_ip_binding(address=AWAY, ports=["SMTP"], require_local_address=False),
    document([SMTP]),
    document([SMTP], [an_address(AWAY, "SMTP")]),
)


class TestChanges(ChangeTests):
    pass


def test_the_result_has_the_address(results):
    assert results["ip-other-notation"]["ip_address"] == an_address("2001:db8::a", "SMTP")
    assert results["ip-absent"]["ip_address"] == {}
    assert results["ip-absent-of-ports"]["ip_address"] == an_address("127.0.0.1", "IMAP")


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
