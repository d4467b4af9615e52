# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SmarterMail's records and a config's, which calls lie between, and what a task can't ask for. The doors themselves are in test_smartermail_doors.py."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config import changes, plan  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
    Refused,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import (
    options as task_options,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import (
    rest,
    session,
    soap,
    steps,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.held import (
    Held,
    ServerPort,
    meeting_others,
    view,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.session import (
    Session,
    Transient,
)  # noqa: E402

from support.in_process import run  # noqa: E402

HERE, THERE, ELSEWHERE = "192.0.2.10", "192.0.2.11", "2001:DB8::1"


def port(name, protocol="smtp", number=25, encryption="none", path="", **more):
    return ServerPort(
        more.pop("id", "id of " + name), name, protocol, number, encryption, path, **more
    )


def held(ports, assigned, hostnames=(), **more):
    """C(assigned): address -> names."""
    ids = {each.name: each.id for each in ports}
    return Held(
        tuple(ports),
        {
            address: tuple(sorted(ids.get(name, name) for name in names))
            for address, names in assigned.items()
        },
        dict(hostnames),
        **more,
    )


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


# -- the doors' records


def test_rest_reads_keys_in_any_case_and_keeps_what_it_does_not_know():
    found = rest.held(
        {
            "BindingPorts": [
                {
                    "ID": 7,
                    "Name": "IMAPS",
                    "Type": 2,
                    "Port": "993",
                    "ISSSL": True,
                    "isTls": "false",
                    "certificatepath": "C:\\a.pfx",
                    "Password": "****",
                    "Description": None,
                    "maxConnections": 5,
                },
                {"id": "8", "name": "X", "type": 9, "port": 5222, "isSSL": False, "isTls": False},
            ],
            "bindinginfo": [
                {"IPAddress": HERE, "PORTIDS": [7, "8"]},
                {"ipaddress": THERE, "portids": None},
            ],
        }
    )
    assert found.ports[0] == ServerPort(
        "7",
        "IMAPS",
        "imap",
        993,
        "ssl",
        "C:\\a.pfx",
        "",
        "****",
        {"maxConnections": 5},
        "type 2, isSSL True, isTls false",
    )
    assert (found.ports[1].protocol, found.ports[1].encryption) == ("", "none")
    assert found.assigned == {HERE: ("7", "8"), THERE: ()}


def test_rest_adds_as_public_code_does():
    entry = rest.added(
        port(
            "IMAPS",
            "imap",
            993,
            "ssl",
            "C:\\a.pfx",
            description="d",
            password="p",
            more={"maxConnections": 5},
        ),
        {THERE, HERE},
    )
    assert entry == {
        "id": None,
        "Type": "IMAP",
        "name": "IMAPS",
        "description": "d",
        "port": "993",
        "isSSL": "true",
        "isTls": "false",
        "certificatePath": "C:\\a.pfx",
        "password": "p",
        "boundIpAddresses": [HERE, THERE],
        "maxConnections": 5,
    }


@pytest.mark.parametrize(
    "text, reason",
    [
        (
            '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x><Result>true</Result></x>',
            "DOCTYPE",
        ),
        ("<!doctype html><html></html>", "DOCTYPE"),
        ("{}", "not XML"),
        ("", "not XML"),
        ("<x/>", "without a Result"),
    ],
)
def test_what_is_no_answer_of_soap(text, reason):
    with pytest.raises(ValueError, match=reason):
        soap._xml(text)


# -- which calls, in which order


def planned(there, desired, assigns, passwords=(), again=()):
    seen = view(there)
    target = steps.wanted(seen, there, desired, dict(passwords), again, assigns)
    return [
        str(step)
        for step in steps.steps(
            steps.entries(there, seen.ports.values()), there.hostnames, target, assigns
        )
    ]


def changed(there, name, **values):
    bindings = view(there).bindings
    return bindings._replace(
        ports={**bindings.ports, name: bindings.ports[name]._replace(**values)}
    )


ONE = held([port("A", id="1")], {HERE: ["A"], THERE: ["A"], ELSEWHERE: []})


def test_soap_prepares_the_new_port_and_swaps_it_in():
    assert planned(ONE, changed(ONE, "A", description="new"), True) == [
        'add the port "A" (25, none)',
        'take the port "A" (id 1) off 192.0.2.10',
        'assign the port "A" to 192.0.2.10',
        'take the port "A" (id 1) off 192.0.2.11',
        'assign the port "A" to 192.0.2.11',
        'delete the port "A" (id 1)',
    ]


def test_soap_assigns_a_new_number_before_it_takes_the_old_one_off():
    assert planned(ONE, changed(ONE, "A", port=26), True) == [
        'add the port "A" (26, none)',
        'assign the port "A" to 192.0.2.10',
        'assign the port "A" to 192.0.2.11',
        'take the port "A" (id 1) off 192.0.2.10',
        'take the port "A" (id 1) off 192.0.2.11',
        'delete the port "A" (id 1)',
    ]


def test_rest_deletes_first_only_where_the_number_stays_on_an_address():
    assert planned(ONE, changed(ONE, "A", description="new"), False) == [
        'delete the port "A" (id 1)',
        'add the port "A" (25, none) on 192.0.2.10, 192.0.2.11',
    ]
    assert planned(ONE, changed(ONE, "A", port=26), False) == [
        'add the port "A" (26, none) on 192.0.2.10, 192.0.2.11',
        'delete the port "A" (id 1)',
    ]
    elsewhere = view(ONE).bindings._replace(
        ip_addresses={"2001:db8::1": IPBinding("2001:db8::1", ("A",))}
    )
    assert planned(ONE, elsewhere, False) == [
        'add the port "A" (25, none) on 2001:DB8::1',
        'delete the port "A" (id 1)',
    ]


def test_soap_only_moves_a_port_whose_addresses_change():
    elsewhere = view(ONE).bindings._replace(
        ip_addresses={
            "2001:db8::1": IPBinding("2001:db8::1", ("A",)),
            THERE: IPBinding(THERE, ("A",)),
        }
    )
    assert planned(ONE, elsewhere, True) == [
        'assign the port "A" (id 1) to 2001:DB8::1',
        'take the port "A" (id 1) off 192.0.2.10',
    ]


def test_a_wildcard_is_in_the_way_of_its_family_only():
    there = held(
        [port("All", id="1"), port("Six", id="2", number=26)],
        {"0.0.0.0": ["All"], HERE: [], ELSEWHERE: ["Six"]},
    )
    desired = Bindings(
        {"New": Port("New", "smtp", 25)},
        {HERE: IPBinding(HERE, ("New",)), "2001:db8::1": IPBinding("2001:db8::1", ("New",))},
    )
    assert planned(there, desired, True) == [
        'add the port "New" (25, none)',
        'assign the port "New" to 2001:DB8::1',
        'take the port "All" (id 1) off 0.0.0.0',
        'assign the port "New" to 192.0.2.10',
        'take the port "Six" (id 2) off 2001:DB8::1',
        'delete the port "All" (id 1)',
        'delete the port "Six" (id 2)',
    ]


def test_an_address_that_no_config_can_name_keeps_its_port():
    there = held([port("A", id="1")], {HERE: ["A"], "fe80::1%12": ["A"]})
    assert (
        planned(there, changed(there, "A", port=26), False)[0]
        == 'add the port "A" (26, none) on 192.0.2.10, fe80::1%12'
    )


def test_host_names_are_taken_off_before_another_is_given():
    there = held(
        [port("A", id="1")], {HERE: ["A"], THERE: ["A"]}, {HERE: "old.example.com", THERE: ""}
    )
    bindings = view(there).bindings
    desired = bindings._replace(
        ip_addresses={
            HERE: bindings.ip_addresses[HERE]._replace(hostname="new.example.com"),
            THERE: bindings.ip_addresses[THERE]._replace(hostname="b.example.com"),
        }
    )
    assert planned(there, desired, True) == [
        "take the host name off 192.0.2.10",
        "give 192.0.2.10 the host name new.example.com",
        "give 192.0.2.11 the host name b.example.com",
    ]


class Pretended:
    """A server that does as it is told, and refuses two ports of one number on an address."""

    def __init__(self, there):
        self.ports = {each.id: each for each in there.ports}
        self.on = {address: set(ids) for address, ids in there.assigned.items()}
        self.made = 0
        self.new: dict = {}

    def carry_out(self, step):
        if isinstance(step, steps.Add):
            self.made += 1
            new = "new %d" % self.made
            self.ports[new] = step.port._replace(id=new)
            self.new[step.port.name] = new
            for address in step.addresses:
                self._assign(new, address)
        elif isinstance(step, steps.Delete):
            del self.ports[step.port.id]
            for ids in self.on.values():
                ids.discard(step.port.id)
        elif isinstance(step, steps.Assign):
            self._assign(step.port.id or self.new[step.port.name], step.address)
        else:
            self.on[step.address].remove(step.port.id or self.new[step.port.name])

    def _assign(self, port_id, address):
        assert port_id not in self.on[address]
        assert self.ports[port_id].number not in self.numbers(address)
        self.on[address].add(port_id)

    def numbers(self, address):
        return {self.ports[each].number for each in self.on[address]}

    @property
    def held(self):
        return Held(
            tuple(self.ports.values()),
            {address: tuple(sorted(ids)) for address, ids in self.on.items()},
            {},
        )


ADDRESSES = (HERE, THERE, "2001:db8::1")


@st.composite
def configs(draw):
    """Valid ones, in which few numbers go round."""
    numbers = draw(st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from([25, 26, 27])))
    bound = {}
    for address in ADDRESSES:
        names, taken = [], set()
        for name in sorted(draw(st.sets(st.sampled_from(sorted(numbers))))) if numbers else ():
            if numbers[name] not in taken:
                taken.add(numbers[name])
                names.append(name)
        if names:
            bound[address] = IPBinding(address, tuple(names))
    return Bindings(
        {
            name: Port(name, "smtp", number, description=draw(st.sampled_from(["", "x"])))
            for name, number in numbers.items()
        },
        bound,
    )


@given(configs(), configs(), st.booleans())
def test_the_calls_make_what_is_wanted_and_never_two_of_a_number_on_an_address(
    before, desired, assigns
):
    there = held(
        [
            port(name, each.protocol, each.port, description=each.description)
            for name, each in before.ports.items()
        ],
        {
            address: before.ip_addresses[address].ports if address in before.ip_addresses else ()
            for address in ADDRESSES
        },
    )
    server = Pretended(there)
    seen = view(there)
    assert seen.bindings == before
    stays = {address: server.numbers(address) for address in ADDRESSES}
    todo = steps.steps(
        steps.entries(there, seen.ports.values()),
        {},
        steps.wanted(seen, there, desired, {}, (), assigns),
        assigns,
    )
    lost: list = []
    for step in todo:
        before_step = {address: server.numbers(address) for address in ADDRESSES}
        server.carry_out(step)
        for address in ADDRESSES:
            lost += [(address, number) for number in before_step[address] - server.numbers(address)]
    after = view(server.held).bindings
    assert (after.ports, after.ip_addresses) == (desired.ports, desired.ip_addresses)
    assert (todo == []) == (changes.changes(before, desired) == [])
    # nothing that stays is lost more than once on the way
    assert all(
        lost.count((address, number)) <= 1
        for address in ADDRESSES
        for number in stays[address] & server.numbers(address)
    )


# -- HTTP


class Clock:
    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def patient(timeout=30.0):
    clock = Clock()
    return Session("https://mail.example.com", timeout, clock=clock, sleep=clock.sleep), clock


def test_what_is_transient_is_tried_again_at_growing_intervals_until_the_time_is_up():
    asking, clock = patient()

    def attempt(end):
        raise Transient("HTTP 503", answered=True)

    with pytest.raises(Refused, match="reading: HTTP 503, and nothing better within 30 s"):
        asking.patiently("reading", attempt)
    assert clock.slept == [0.5, 1, 2, 4, 8, 8]


@pytest.mark.parametrize("wait, slept", [(3.0, [3.0] * 9), (29.0, [29.0]), (31.0, [])])
def test_what_the_server_asks_for_is_waited_but_not_beyond_the_time(wait, slept):
    asking, clock = patient()

    def attempt(end):
        raise Transient("HTTP 429", wait, True)

    with pytest.raises(Refused):
        asking.patiently("reading", attempt)
    assert clock.slept == slept


def test_what_turns_out_to_be_done_is_not_tried_again():
    asking, clock = patient()
    attempts = []

    def attempt(end):
        attempts.append(end)
        raise Transient("no answer")

    assert asking.patiently("adding", attempt, lambda: "id" if len(attempts) == 2 else None) == "id"
    assert len(attempts) == 2


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after(value, seconds):
    assert session._retry_after(value) == seconds


@pytest.mark.parametrize("secret", ["p&ss<word>", 'qu"ote\\back', "blank and ü", "a%41"])
def test_no_secret_is_quoted_however_it_is_written(secret):
    asking, clock = patient()
    asking.keep_secret(secret)
    for text in soap_json_and_url(secret):
        quoted = asking.quoted("failed for %s today" % text)
        assert text not in quoted and quoted == "failed for ******** today"


def soap_json_and_url(secret):
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        escape(secret),
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
    }


def test_a_server_that_was_never_reached_is_not_waited_for(monkeypatch):
    asking, clock = patient()

    def refuse(*args, **kwargs):
        raise urllib.error.URLError(ConnectionRefusedError(111, "Connection refused"))

    monkeypatch.setattr(session, "open_url", refuse)
    with pytest.raises(Refused, match="can't be reached: Connection refused"):
        asking.once("GET", "/", None, {}, 30.0, str)
    asking._reached = True
    with pytest.raises(Transient):
        asking.once("GET", "/", None, {}, 30.0, str)


# -- options

GIVEN = {
    "store": "smartermail",
    "smartermail_url": "https://mail.example.com",
    "smartermail_username": "admin",
    "smartermail_password": "secret",
}


@pytest.mark.parametrize(
    "options, said",
    [
        (
            {"smartermail_url": ""},
            "smartermail_url: is needed with store: smartermail. The environment variable SMARTERMAIL_URL",
        ),
        ({"smartermail_username": None}, "SMARTERMAIL_USERNAME"),
        ({"smartermail_password": None}, "SMARTERMAIL_PASSWORD"),
        ({"smartermail_url": "http://mail.example.com"}, "clear text"),
        ({"smartermail_url": "http://192.0.2.1"}, "clear text"),
        ({"smartermail_url": "mail.example.com"}, "must be like https://"),
        ({"smartermail_url": "ftp://mail.example.com"}, "must be like https://"),
        ({"smartermail_url": "https://mail.example.com/?x=1"}, "must be like https://"),
        ({"smartermail_url": "https://mail.example.com:port"}, "is no URL"),
        (
            {"smartermail_url": "https://admin:hunter2@mail.example.com"},
            "leave user and password out",
        ),
        ({"smartermail_ca_path": "/nonexistent/ca.pem"}, "smartermail_ca_path"),
        ({"smartermail_timeout": 0}, "smartermail_timeout"),
        ({"backup": True}, "backup: is for a file"),
        ({"owner": "root"}, "owner: is for a file"),
        ({"group": "mail"}, "group: is for a file"),
        ({"mode": "0640"}, "mode: is for a file"),
    ],
)
def test_options_that_this_store_can_not_have(options, said, monkeypatch):
    monkeypatch.setattr(
        session, "open_url", lambda *args, **kwargs: pytest.fail("the server was asked")
    )
    result = run("mail_port", {**GIVEN, "name": "A", "protocol": "smtp", **options})
    assert result["failed"] and said in result["msg"] and not result["changed"]
    assert "hunter2" not in json.dumps(result)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9998",
        "http://localhost:9998",
        "http://[::1]:9998",
        "https://mail.example.com:9998/",
    ],
)
def test_urls_that_are_asked(url):
    assert list(task_options.wrong_url(url, pytest.fail)) == []


def test_mail_listeners_is_for_this_hosts_own_servers():
    result = run("mail_listeners", GIVEN)
    assert result["failed"] and "mail_bindings with store: smartermail" in result["msg"]


@pytest.mark.parametrize(
    "path, server, here",
    [
        ("/etc/mail.pem", True, True),
        ("C:\\SmarterMail\\mail.pfx", True, False),
        ("d:/mail.pfx", True, False),
        ("\\\\nas\\share\\mail.pfx", True, False),
        ("mail.pfx", False, False),
        ("C:mail.pfx", False, False),
        ("\\mail.pfx", False, False),
        ("C:\\a\nb", False, False),
        ("é:\\a", False, False),
    ],
)
def test_paths_are_those_of_the_host_that_the_store_is_of(path, server, here):
    entry = {"name": "A", "protocol": "imap", "encryption": "ssl", "certificate_path": path}
    for on_server, is_one in ((True, server), (False, here)):
        problems = plan.declaration_problems(plan.Declaration(ports=[entry], on_server=on_server))
        assert [problem.partition(":")[0] for problem in problems] == (
            [] if is_one else ["ports[0].certificate_path"]
        )


def test_update_password_is_no_secret(tmp_path):
    result = run(
        "mail_port",
        {
            "name": "A",
            "protocol": "smtp",
            "description": "always on_create",
            "update_password": "always",
            "config_path": str(tmp_path / "bindings.json"),
        },
    )
    assert result["port"]["description"] == "always on_create"


# -- rules that a server broke before


def test_what_was_broken_before_stops_only_the_task_that_says_it():
    before = Bindings(
        {
            "SSL": Port("SSL", "smtp", 465, "ssl", "/a"),
            "TLS": Port("TLS", "smtp", 465, "tls", "/a"),
            "Left": Port("Left", "pop", 110, "none", "/old"),
        },
        {HERE: IPBinding(HERE, ("SSL", "TLS"))},
    )

    def problems(**declared):
        return plan.declared(before, plan.Declaration(**declared), "mail.example.com").problems

    assert problems(ports=[{"name": "New", "protocol": "imap"}]) == []
    assert problems(ports=[{"name": "SSL", "certificate_path": "/b"}]) == []
    assert problems(ports=[{"name": "Left", "port": 111}]) == []  # which loses its path by that
    assert [
        problem
        for problem in problems(
            ip_addresses=[{"address": HERE, "ports": ["SSL", "TLS"], "hostname": "a"}]
        )
        if "both have number 465" in problem
    ]
    assert [
        problem
        for problem in problems(ports=[{"name": "Left", "certificate_path": "/old", "port": 111}])
        if "serves no certificate" in problem
    ]
    assert [
        problem
        for problem in problems(
            ports=[{"name": "Left", "port": 465}],
            ip_addresses=[{"address": HERE, "ports": ["Left"]}],
        )
        if "Left" in problem
    ]
    assert model.unassigned_ports(before) == ["Left"]
