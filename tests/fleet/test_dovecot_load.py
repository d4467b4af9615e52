# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of Dovecot's listeners while clients are connected and connect."""

from __future__ import annotations

from .dovecot_hosts import STOCK, guests, listener


def test_changes_interrupt_no_sessions_on_other_listeners(dovecot, other_certificates, network):
    """A listener is added, changed and removed 20 times, while clients stay and others come."""
    host, (b, c, _d) = dovecot.host, other_certificates
    stays = [listener(host.four, 993), listener(host.four, 143), listener(host.six, 995)]
    orders = [
        {"do": "apply", "wanted": stays + more}
        for _round in range(20)
        for more in (
            [listener(host.four2, 993, files=b[0])],
            [listener(host.four2, 993, files=c[0]), listener(host.four2, 143, "none")],
            [],
        )
    ]
    dovecot.done(stays)
    stay = [[host.four, 993, "ssl"], [host.four, 143, "starttls"]] * 2
    with guests(
        network, stay, [[host.four, 993, "ssl"], [host.four, 143, None], [host.six, 995, "ssl"]]
    ) as met:
        for told in dovecot.many(*orders):
            assert told["failed"] == "" and told["steps"] and told["live"] == told["planned"], told
    print(dovecot.release, met)
    assert met[0]["alive"] == len(stay)
    seen = met[0]["met"]
    turned_away = sum(count for what, count in seen.items() if what.startswith("turned away"))
    assert seen["well"] > 500 and turned_away + seen["well"] == sum(seen.values())
    # 2.4 turns away those who connect in the instant of a reload
    assert turned_away <= (0.01 * seen["well"] if dovecot.release == "2.4" else 0)


def test_wildcards_and_addresses_replace_each_other_under_load(
    dovecot, other_certificates, network
):
    host, (b, _c, _d) = dovecot.host, other_certificates
    addresses = [listener(entry, 993) for entry in (host.four, host.six, host.four2)] + [
        listener(host.four2, 143),
        listener(host.six2, 995, files=b[0]),
    ]
    wildcards = [listener(entry, port) for entry in ("0.0.0.0", "::") for port in STOCK]
    orders = [
        {"do": "apply", "wanted": wanted}
        for _round in range(20)
        for wanted in (addresses, wildcards)
    ]
    dovecot.many(*orders[:2])
    come = [
        [host.four, 993, "ssl"],
        [host.six, 993, "ssl"],
        [host.four2, 143, None],
        [host.six2, 995, "ssl"],
    ]
    with guests(
        network,
        [[host.four, 993, "ssl"], [host.four2, 143, "starttls"], [host.six, 993, "ssl"]],
        come,
        workers=4,
    ) as met:
        for told in dovecot.many(*orders):
            assert told["failed"] == "" and told["steps"] and told["live"] == told["planned"], told
    print(dovecot.release, met)
    assert met[0]["alive"] == 3
    assert met[0]["met"]["well"] > 500
