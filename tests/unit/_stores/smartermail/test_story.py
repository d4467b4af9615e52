# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every store tells the same story, and the SmarterMail store asks little for it."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.in_process import run  # noqa: E402
from support.smartermail import Port  # noqa: E402
from support.smartermail.scenario import ADDRESSES, STEPS, options_of, told  # noqa: E402
from support.smartermail.tasks import DOORS, HERE, IMAP, IMAPS, SIXTH, SMTP, declare, serving  # noqa: E402

# -- the same story on every store


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What the file store says at each step: (in check mode, for real, once more)."""
    config = {"config_path": str(tmp_path_factory.mktemp("story") / "bindings.json")}
    return [
        tuple(
            told(run(module, {**options_of(module, options), **config}, check))
            for check in (True, False, False)
        )
        for ignored, module, options in STEPS
    ]


@pytest.mark.parametrize("api", DOORS)
def test_every_store_tells_the_same_story(api, story):
    with serving(addresses={address: [] for address in ADDRESSES}) as server:
        for (name, module, options), expected in zip(STEPS, story):
            before, calls = server.state.summary(), len(server.calls)
            announced = declare(server, api, module, options, check=True)
            assert (server.writes(calls), server.state.summary()) == ([], before), name
            real = declare(server, api, module, options)
            made = server.state.summary()
            assert (made != before) == bool(real["changed"]), name
            calls = len(server.calls)
            again = declare(server, api, module, options)
            assert (server.writes(calls), server.state.summary()) == ([], made), name
            if api == "soap" and module == "mail_port" and not real.get("failed"):
                # two requests at the most where nothing changes: who answers on which port is not
                # among what they tell
                for result, says in ((announced, 0), (real, 1), (again, 2)):
                    if not result["changed"]:
                        result.update(
                            {
                                key: expected[says][key]
                                for key in ("ip_addresses", "unassigned_ports")
                                if result[key] is None
                            }
                        )
            assert (told(announced), told(real), told(again)) == expected, "%s: %s" % (
                name,
                real.get("msg"),
            )
            if not real.get("failed"):
                assert {port["name"]: port["port"] for port in real["ports"]} == {
                    port.name: port.port for port in server.state.ports
                }, name
                assert {entry["address"]: entry["ports"] for entry in real["ip_addresses"]} == {
                    address: names for address, names in made["addresses"].items() if names
                }, name
        assert server.state.ports == []


NAMES = ["SMTP", "IMAP", "IMAPS", "POP"]


@st.composite
def _ports(draw, names):
    """Ports of these names that the rules accept, as a task declares them; some numbers are used
    twice.
    """
    entries = []
    for name in names:
        entry = {
            "name": name,
            "protocol": draw(st.sampled_from(["smtp", "imap", "pop"])),
            "port": draw(st.integers(25, 29)),
        }
        entry["encryption"] = draw(st.sampled_from(["none", "none", "ssl", "tls"]))
        entry["description"] = draw(st.sampled_from(["", "ü"]))
        if entry["encryption"] != "none":
            entry["certificate_path"] = draw(st.sampled_from(["/tls/a.pfx", "/tls/b.pfx"]))
        entries.append(entry)
    return entries


@st.composite
def _declarations(draw):
    """Options of mail_bindings that name every port and no address without ports; the rules may
    refuse them.
    """
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    assigned = st.lists(st.sampled_from(names), unique=True, min_size=1)
    addresses = draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
    return {
        "ports": draw(_ports(names)),
        "ip_addresses": [{"address": address, "ports": draw(assigned)} for address in addresses],
    }


@settings(max_examples=25)
@given(_declarations(), _declarations(), st.booleans())
def test_whatever_is_there_and_whatever_is_declared_the_stores_agree(
    tmp_path_factory, begin, declared, exclusive
):
    declared = {
        **declared,
        "exclusive": exclusive,
        "ports": [{**port, "certificate_password": ""} for port in declared["ports"]],
    }
    config = {
        "config_path": str(tmp_path_factory.mktemp("agree") / "bindings.json"),
        "check_certificate": False,
    }
    if run("mail_bindings", {**begin, **config}).get("failed"):
        return  # what is there is to keep the rules
    current = run("mail_bindings_info", {"config_path": config["config_path"]})
    by_file = run("mail_bindings", {**declared, **config})
    for api in DOORS:
        ports = [
            Port(
                port["name"],
                port["protocol"].upper(),
                port["port"],
                port["encryption"],
                port.get("certificate_path", ""),
                description=port["description"],
            )
            for port in current["ports"]
        ]
        addresses = {address: [] for address in ADDRESSES}
        addresses.update({entry["address"]: entry["ports"] for entry in current["ip_addresses"]})
        with serving(*ports, addresses=addresses) as server:
            before = server.state.summary()
            announced = declare(server, api, "mail_bindings", declared, check=True)
            assert server.writes() == []
            result = declare(server, api, "mail_bindings", declared)
            assert told(announced) == told(result)
            if result.get("failed"):
                # a port that was not named may have to be added again, which takes its
                # certificate's password
                assert by_file.get("failed") or (
                    api == "rest" and "certificate_password" in result["msg"]
                ), result["msg"]
                assert server.state.summary() == before and server.writes() == []
                event("refused")
                continue
            assert told(result) == told(by_file)
            assert {port.name: port.port for port in server.state.ports} == {
                port["name"]: port["port"] for port in by_file["ports"]
            }
            assert {
                address: names
                for address, names in server.state.summary()["addresses"].items()
                if names
            } == {entry["address"]: entry["ports"] for entry in by_file["ip_addresses"]}
            made, calls = server.state.summary(), len(server.calls)
            again = declare(server, api, "mail_bindings", declared)
            assert (again["changed"], server.writes(calls), server.state.summary()) == (
                False,
                [],
                made,
            )
            event("changed" if result["changed"] else "unchanged")


# -- how often it asks


def _large():
    """(ports, addresses, the same as options of mail_bindings): 100 ports × 20 addresses."""
    ports = [Port("Port %d" % number, "IMAP", 1000 + number) for number in range(100)]
    addresses = {"127.0.1.%d" % number: [port.name for port in ports] for number in range(20)}
    declared = {
        "exclusive": True,
        "ports": [{"name": port.name, "protocol": "imap", "port": port.port} for port in ports],
        "ip_addresses": [
            {"address": address, "ports": names} for address, names in addresses.items()
        ],
    }
    return ports, addresses, declared


@pytest.mark.parametrize("api, most", [("rest", 2), ("soap", 2 + 20)])
def test_a_task_that_changes_nothing_asks_little(api, most):
    ports, addresses, declared = _large()
    with serving(*ports, addresses=addresses) as server:
        result = declare(server, api, "mail_bindings", declared)
        assert (result.get("msg"), result["changed"], server.writes()) == (None, False, [])
        assert len(server.calls) <= most and len(server.logins()) <= 1


@pytest.mark.parametrize("api", DOORS)
def test_a_port_that_is_as_declared_takes_two_requests(api):
    ports, addresses, declared = _large()
    with serving(*ports, addresses=addresses) as server:
        result = declare(server, api, "mail_port", declared["ports"][7])
        assert (result.get("msg"), result["changed"], server.writes()) == (None, False, [])
        assert result["port"]["name"] == "Port 7"
        assert len(server.calls) <= 2


@pytest.mark.parametrize("api", DOORS)
def test_a_task_logs_in_once(api):
    with serving(SMTP, IMAP, IMAPS) as server:
        assert declare(
            server,
            api,
            "mail_bindings",
            {
                "exclusive": True,
                "ports": [
                    {"name": "SMTP", "protocol": "smtp", "port": 26},
                    {"name": "POP", "protocol": "pop"},
                ],
                "ip_addresses": [
                    {"address": HERE, "ports": ["SMTP"]},
                    {"address": SIXTH, "ports": ["POP"]},
                ],
            },
        )["changed"]
        assert len(server.logins()) == (api == "rest")
