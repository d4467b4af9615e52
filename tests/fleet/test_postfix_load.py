# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of Postfix's listeners while clients are connected and connect."""

from __future__ import annotations

from .postfix_hosts import correspondents, listener


def test_changes_interrupt_no_sessions_on_other_listeners(postfix, postfix_certificates, network):
    """A listener is added, changed and removed 20 times, while clients stay and others come."""
    host, (b, c) = postfix.host, postfix_certificates
    stays = [listener(host.four, 25), listener(host.four, 587), listener(host.six, 465)]
    orders = [
        {"do": "apply", "wanted": stays + more}
        for _round in range(20)
        for more in (
            [listener(host.four2, 25, files=b[0])],
            [listener(host.four2, 25, files=c[0]), listener(host.six2, 587)],
            [],
        )
    ]
    postfix.done(stays)
    stay = [[host.four, 25], [host.four, 587]] * 2
    with correspondents(network, stay, [[host.four, 25], [host.four, 587]]) as met:
        for told in postfix.many(*orders):
            assert told["failed"] == "" and told["steps"] and told["live"] == told["planned"], told
    print(host.suite, met)
    assert met[0]["alive"] == len(stay)
    assert set(met[0]["met"]) == {"well"} and met[0]["met"]["well"] > 300


def test_no_connection_is_refused_from_wildcards_to_addresses_and_back(
    postfix, postfix_certificates, network
):
    host, (b, c) = postfix.host, postfix_certificates
    addresses = [
        listener(host.four, 25, files=b[0]),
        listener(host.six, 25, files=c[0]),
        listener(host.four2, 25),
        listener(host.four, 587),
        listener(host.six2, 587),
    ]
    wildcards = [listener(address, port) for address in ("0.0.0.0", "::") for port in (25, 587)]
    orders = [
        {"do": "apply", "wanted": wanted}
        for _round in range(20)
        for wanted in (addresses, wildcards)
    ]
    with correspondents(
        network,
        [],
        [[host.four, 25], [host.six, 25], [host.four2, 25], [host.four, 587], [host.six2, 587]],
        workers=4,
    ) as met:
        for told in postfix.many(*orders):
            assert told["failed"] == "" and told["steps"] and told["live"] == told["planned"], told
    print(host.suite, met)
    # A client in a session whose entry goes is cut off, and can connect again at once: no
    # connection is refused. How many these are depends on how many changes a second there are, and
    # here nothing is but changes: 2 % were seen.
    met = met[0]["met"]
    assert (
        "Connection refused" not in met
        and met["well"] > 300
        and sum(met.values()) - met["well"] < 0.05 * met["well"]
    )
    assert postfix.sockets() == {
        (address, port) for address in ("0.0.0.0", "::") for port in (25, 587)
    }


def test_session_on_a_wildcard_lives_until_its_entry_goes(postfix, network):
    """The new entry beside it takes new connections: that is the time to drain."""
    host = postfix.host
    with correspondents(network, [[host.four, 25]], [[host.four, 25]]) as met:
        told = postfix(
            "apply",
            wanted=[listener(host.four, 25), listener("0.0.0.0", 587), listener("::", 587)],
            pause=1,
        )
        assert len(told["steps"]) == 2 and "why" not in told
    assert met[0]["alive"] == 0  # which the transaction counts
    assert set(met[0]["met"]) == {"well"}
