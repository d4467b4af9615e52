# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift report: the word of every cell, the three ways to drift, verdicts, order; and nothing that it is given breaks it."""

from __future__ import annotations

import copy
import html.parser
import json
import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from ansible_collections.mailops.bindings.plugins.filter import drift_html as page
from ansible_collections.mailops.bindings.plugins.filter import drift_report as report
from ansible_collections.mailops.bindings.plugins.filter.drift_html import drift_html
from ansible_collections.mailops.bindings.plugins.filter.drift_report import WORDS, drift_report
from support.drift_fleet import (
    CERTIFICATE,
    GENERATED,
    KEY,
    certificate,
    file_change,
    finding,
    fleet,
    ip,
    listener_change,
    port,
    seen,
)

SCHEMA = json.loads(
    (pathlib.Path(__file__).parents[3] / "docs" / "report.schema.json").read_text(encoding="utf-8")
)
HERE, NUMBER = "192.0.2.1", 993
AT = (HERE, NUMBER)
CONFIG_CHANGE = {
    "action": "change",
    "kind": "port",
    "name": "IMAPS",
    "before": port("IMAPS", "imap", 993, "tls"),
    "after": port("IMAPS", "imap", 993),
}
DESCRIPTION_CHANGE = {
    "action": "change",
    "kind": "port",
    "name": "IMAPS",
    "before": {**port("IMAPS", "imap", 993), "description": "x"},
    "after": port("IMAPS", "imap", 993),
}
SAYS = {
    "protocol": "imap",
    "encryption": "ssl",
    "certificate_path": CERTIFICATE,
    "private_key_path": KEY,
}
STALE = listener_change(
    "change",
    *AT,
    {**SAYS, "fingerprint_sha256": "A0"},
    {**SAYS, "fingerprint_sha256": "as in " + CERTIFICATE},
)


def reported(*findings, **more):
    made = drift_report(list(findings), GENERATED, **more)
    Draft7Validator.check_schema(SCHEMA)
    Draft7Validator(SCHEMA).validate(made)
    assert json.loads(json.dumps(made)) == made
    assert_consistent(made)
    return made


def host(**more):
    (row,) = reported(finding(**more))["hosts"]
    return row


def cell(row, address=HERE, number=NUMBER):
    return next(
        cell for cell in row["cells"] if (cell["address"], cell["port"]) == (address, number)
    )


def assert_consistent(made):
    counted = [row for row in made["hosts"] if not row["maintenance"]]
    assert made["counts"]["hosts"]["total"] == len(made["hosts"])
    assert sum(made["counts"]["hosts"].values()) == 2 * len(made["hosts"])
    for word in WORDS:
        assert made["counts"]["words"][word] == sum(
            cell["word"] == word for row in counted for cell in row["cells"]
        )
    for row in made["hosts"]:
        keys = [(cell["address"], cell["port"]) for cell in row["cells"]]
        assert len(set(keys)) == len(keys)
        assert {address for address, ignored in keys} <= {
            address["address"] for address in row["addresses"]
        }
        assert {number for ignored, number in keys} == {column["port"] for column in row["ports"]}
        for found in row["cells"]:
            assert bool(found["levels"]) == (found["word"] in report.DRIFT_WORDS)
        assert (row["verdict"] == "drift") == any(
            level["drift"] for level in row["levels"].values()
        )


# -- words


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
        if word in report.DRIFT_WORDS
        else "incomplete"
        if word == "could not be checked"
        else "clean"
    )
    assert cell(row)["levels"] == (["listening"] if word in report.DRIFT_WORDS else [])
    if word != "as declared":
        assert cell(row)["detail"]


@pytest.mark.parametrize(
    "changes, status, word, levels",
    [
        # as the module says of a listener that has gone from a server's file, from its config, or from what listens
        ([file_change(), listener_change("add", *AT)], None, "missing", ["files"]),
        ([file_change(), listener_change("add", *AT)], "refused", "missing", ["files"]),
        ([listener_change("add", *AT)], None, "missing", ["listening"]),
        ([listener_change("add", *AT)], "refused", "missing", ["listening"]),
        (
            [file_change("/etc/postfix/master.cf"), listener_change("add", *AT)],
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
        # of a wildcard that answers in its place
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


def test_before_and_after_are_those_of_the_change():
    found = cell(
        host(changes=[file_change(), listener_change("change", *AT, {**SAYS, "encryption": "tls"})])
    )
    assert (found["before"], found["after"]) == ({**SAYS, "encryption": "tls"}, SAYS)


def test_a_config_that_says_otherwise_is_shown_where_it_does():
    found = cell(host(changes=[CONFIG_CHANGE]))
    assert (found["before"]["encryption"], found["after"]["encryption"]) == ("tls", "ssl")
    assert found["detail"] == "otherwise in the config of the host"


def test_what_somebody_took_out_of_the_config_differs_and_what_somebody_put_in_is_unexpected():
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


def test_a_new_host_is_missing_in_all_three_ways_but_what_follows_from_its_files():
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
    assert [len(row["levels"][level]["changes"]) for level in report.LEVELS] == [2, 1, 0]


@pytest.mark.parametrize(
    "changes, before",
    [
        ([], [seen(*AT), seen(HERE, 2525, "unexpected", "nobody declared it")]),
        ([file_change(), listener_change("remove", HERE, 2525)], [seen(*AT)]),
        ([listener_change("remove", HERE, 2525)], [seen(*AT), seen(HERE, 2525, "unexpected")]),
    ],
)
def test_what_nobody_declared_is_unexpected(changes, before):
    row = host(changes=changes, before=before)
    found = cell(row, HERE, 2525)
    assert (found["word"], found["port_name"], row["verdict"]) == ("unexpected", "", "drift")
    assert found["levels"] == (["files"] if len(changes) == 2 else ["listening"])
    assert cell(row)["word"] == "as declared"


def test_what_is_to_be_ignored_is_never_unexpected():
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


def test_what_is_declared_cannot_be_ignored():
    assert (
        cell(host(before=[seen(*AT, "refused")], ignore_listeners=[HERE + ":993"]))["word"]
        == "missing"
    )


def test_files_that_would_change_are_drift_even_if_an_ignored_listener_is_all_that_is_in_them():
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


# -- no false alarms


@pytest.mark.parametrize(
    "more",
    [
        {},
        # loopback, LMTP and ManageSieve: the module does not call them unexpected, or has them as they are
        {"before": [seen(*AT), seen("127.0.0.1", 10024), seen("127.0.0.1", 25)]},
        {
            "addresses": [ip(HERE, ["IMAPS"], floating=True)],
            "before": [seen(*AT, "ok", "not probed: the address is floating, and away")],
        },
        {"addresses": [ip(HERE, ["IMAPS"], floating=True)], "before": [seen(*AT, "not_local")]},
        {"before": [seen(*AT, "expiring", certificate=certificate(days_left=3))]},
        {"before": [seen(*AT, "expired", certificate=certificate(days_left=-3))]},
        {"before": [seen(*AT, "refused")], "maintenance": True},
        {"before": [seen(*AT, "refused")], "maintenance": "yes"},
        {"addresses": [], "ports": [], "before": []},
    ],
)
def test_no_false_alarm(more):
    made = reported(finding(**more), finding("mx2"))
    assert made["verdict"] == "clean"
    assert made["counts"]["hosts"]["drift"] == made["counts"]["hosts"]["incomplete"] == 0


def test_what_time_changes_is_counted_though():
    made = reported(finding(before=[seen(*AT, "expired", certificate=certificate(days_left=-3))]))
    assert made["counts"]["words"]["certificate expiring"] == 1
    assert cell(made["hosts"][0])["certificate"]["days_left"] == -3


def test_a_day_changes_nothing_but_the_time():
    first, second = fleet(10, 2, 3, 0.5), fleet(10, 2, 3, 0.5)
    assert drift_report(first, "x") == drift_report(second, "x")
    assert {**drift_report(first, "x"), "generated": "y"} == drift_report(first, "y")


# -- hosts that could not be checked


@pytest.mark.parametrize(
    "result, error",
    [
        ({"unreachable": True, "msg": "Connection timed out"}, "unreachable: Connection timed out"),
        ({"unreachable": True}, "unreachable"),
        ({"failed": True, "msg": "port 993 is held by haproxy"}, "port 993 is held by haproxy"),
        ({"failed": True}, "the task failed, and did not say why"),
        ({"skipped": True, "changed": False}, "it was not checked: there is no result"),
        ({}, "it was not checked: there is no result"),
        (None, "it was not checked: there is no result"),
        ("nonsense", "it was not checked: there is no result"),
    ],
)
def test_a_host_that_could_not_be_checked_says_why(result, error):
    made = reported({"host": "mx1", "result": result}, finding("mx2"))
    assert [(row["host"], row["verdict"], row["error"]) for row in made["hosts"]] == [
        ("mx1", "incomplete", error),
        ("mx2", "clean", ""),
    ]
    assert (made["verdict"], made["counts"]["hosts"]["incomplete"]) == ("incomplete", 1)


def test_what_was_declared_for_it_could_not_be_checked():
    (row,) = reported(
        {
            "host": "mx1",
            "result": {"failed": True, "msg": "no"},
            "ports": [{"name": "IMAPS", "protocol": "imap", "encryption": "ssl"}],
            "ip_addresses": [{"ip": "192.0.2.1", "ports": ["IMAPS"]}],
        }
    )["hosts"]
    assert (cell(row)["word"], row["verdict"]) == ("could not be checked", "incomplete")


def test_a_host_without_a_finding_is_in_the_report():
    made = reported(finding("mx2"), hosts=["mx1", "mx2", "mx1"])
    assert [(row["host"], row["verdict"]) for row in made["hosts"]] == [
        ("mx1", "incomplete"),
        ("mx2", "clean"),
    ]


def test_what_a_failed_task_saw_nonetheless_counts():
    made = finding(before=[seen(*AT, "not_local")])
    made["result"].update(failed=True, msg="192.0.2.1 is not an address of this host")
    (row,) = reported(made)["hosts"]
    assert (row["verdict"], row["error"], cell(row)["word"]) == (
        "drift",
        "192.0.2.1 is not an address of this host",
        "missing",
    )


@pytest.mark.parametrize("findings", [[], None, "nonsense", {"host": "mx1"}, [None], 7])
def test_nothing_seen_is_never_clean(findings):
    assert drift_report(findings, GENERATED)["verdict"] == "incomplete"


def test_a_change_out_of_shape_is_drift_all_the_same():
    for change in (
        {"kind": "listener", "action": "add", "name": "?"},
        "nonsense",
        None,
        {},
        {"kind": "new", "action": "add", "name": "x"},
    ):
        assert host(changes=[change])["verdict"] == "drift"


# -- the fleet


def test_verdicts_hide_nothing():
    drifted, unreachable, clean = (
        finding("a", before=[seen(*AT, "refused")]),
        {"host": "b", "result": {"unreachable": True}},
        finding("c"),
    )
    made = reported(clean, unreachable, drifted)
    assert made["verdict"] == "drift"
    assert made["counts"]["hosts"] == {
        "total": 3,
        "drift": 1,
        "incomplete": 1,
        "clean": 1,
        "maintenance": 0,
    }
    assert reported(clean, unreachable)["verdict"] == "incomplete"
    assert reported(clean)["verdict"] == "clean"


def test_the_worst_come_first():
    def with_status(name, *statuses, **more):
        addresses = [ip("192.0.2.%d" % number, ["IMAPS"]) for number in range(1, 3)]
        return finding(
            name,
            addresses=addresses,
            before=[
                seen("192.0.2.%d" % number, 993, status)
                for number, status in enumerate(statuses, 1)
            ],
            **more,
        )

    made = reported(
        with_status("clean10", "ok", "ok"),
        with_status("clean9", "ok", "ok"),
        with_status("expired", "ok", "expired"),
        with_status("resting", "refused", "refused", maintenance=True),
        {"host": "away", "result": {"unreachable": True}},
        with_status("stale", "ok", "wrong_certificate"),
        with_status("one", "ok", "refused"),
        with_status("two", "refused", "timeout"),
        with_status("other", "no_auth", "tls_failed"),
        with_status("config", "ok", "ok", changes=[DESCRIPTION_CHANGE]),
    )
    assert [row["host"] for row in made["hosts"]] == [
        "two",
        "one",
        "other",
        "stale",
        "config",
        "away",
        "resting",
        "expired",
        "clean9",
        "clean10",
    ]


def test_warnings_that_repeat_a_cell_are_left_out():
    made = finding(before=[seen(*AT, "refused")])
    made["result"]["warnings"] = [
        HERE + ":993: refused: nothing there",
        "no IP address listens on POP3",
    ]
    assert reported(made)["hosts"][0]["warnings"] == ["no IP address listens on POP3"]


def test_long_texts_are_cut_and_what_garbles_is_replaced():
    row = host(
        before=[seen(*AT, "wrong_protocol", "x" * 5000, greeting="\x1b[31mred\u202egnp\ud800\0")]
    )
    assert len(cell(row)["detail"]) == report.TEXT_CHARACTERS
    assert cell(row)["greeting"] == "\ufffd[31mred\ufffdgnp\ufffd\ufffd"
    lines = host(changes=[{**file_change(), "after": {"lines": ["y"] * 1000}}])["levels"]["files"][
        "changes"
    ][0]["after"]["lines"]
    assert len(lines) == report.LINES + 1
    assert lines[-1] == "… and 940 more"


def test_only_known_keys_get_in():
    """A result may have more than is meant to be read by everybody who reads the report."""
    made = finding(before=[seen(*AT, "refused", password="hunter2")])
    made["result"].update(
        invocation={"module_args": {"certificate_password": "hunter2"}}, secret="hunter2"
    )
    assert "hunter2" not in json.dumps(reported(made))


# -- anything

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
    ["ok", "refused", "expired", "wrong_certificate", "unexpected", "not_local"]
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


@given(perhaps(st.lists(perhaps(SOME_FINDING), max_size=3)), ANY_VALUE)
def test_whatever_it_is_given_it_makes_a_report_of(findings, generated):
    given_before = copy.deepcopy(findings)
    made = drift_report(findings, generated)
    assert repr(findings) == repr(given_before)
    Draft7Validator(SCHEMA).validate(made)
    json.dumps(made, allow_nan=False).encode()
    assert_consistent(made)
    drift_html(made).encode()


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


# -- the page


class Read(html.parser.HTMLParser):
    """What a browser would make of it: elements, and what one reads."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


HOSTILE = [
    "</script><script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "--><!--",
    "]]>",
    "&lt;b&gt;",
    "<details open>",
    "${7*7}{{7*7}}",
    "\u202eexe.txt",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_everything_from_hosts_is_escaped(text):
    made = finding(
        text,
        ports=[port(text, text, 993, text)],
        addresses=[ip(text, [text], hostname=text)],
        before=[
            seen(
                text,
                993,
                "wrong_protocol",
                text,
                greeting=text,
                certificate=certificate(subject=text, names=[text]),
            )
        ],
        changes=[
            {**file_change(text), "before": {"lines": [text]}},
            {**CONFIG_CHANGE, "name": text, "before": {text: text}},
        ],
    )
    made["result"].update(warnings=[text], certificates=[{"path": text, "problems": [text]}])
    whole = drift_html(
        drift_report([made, {"host": text, "result": {"failed": True, "msg": text}}], text)
    )
    plain = drift_html(
        drift_report(
            [finding("mx1"), {"host": "mx2", "result": {"failed": True, "msg": "no"}}], GENERATED
        )
    )
    dangerous = {tag for tag, ignored in Read(whole).elements} - {
        tag for tag, ignored in Read(plain).elements
    }
    assert dangerous <= {
        "a",
        "ul",
        "li",
        "b",
        "p",
        "code",
        "details",
        "summary",
        "pre",
        "del",
        "ins",
        "h4",
        "span",
        "div",
        "table",
    }
    assert sum(tag == "script" for tag, ignored in Read(whole).elements) == 1
    assert not [
        attrs
        for tag, attrs in Read(whole).elements
        if tag == "img" or any(name.startswith("on") for name in attrs)
    ]
    assert report._text(text) in Read(whole).text


def test_the_page_asks_nobody_for_anything():
    whole = drift_html(drift_report(fleet(20, 3, 4, 1.0), GENERATED))
    read = Read(whole)
    links = [
        value
        for ignored, attrs in read.elements
        for name, value in attrs.items()
        if name in ("href", "src", "action", "data", "srcset", "poster")
    ]
    assert all(link == "data:," or link.startswith("#") for link in links)
    assert "url(" not in whole and "@import" not in whole and not re.search("https?:", whole)
    (policy,) = [
        attrs["content"]
        for tag, attrs in read.elements
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    assert not [attrs for ignored, attrs in read.elements if "style" in attrs]


def test_the_page_has_a_word_for_every_cell_and_a_heading_for_every_row_and_column():
    made = drift_report(
        [finding(before=[seen(*AT, "refused"), seen("192.0.2.7", 25, "unexpected")])], GENERATED
    )
    read = Read(drift_html(made))
    assert [attrs.get("scope") for tag, attrs in read.elements if tag == "th"] == [
        "col",
        "col",
        "row",
        "row",
    ]
    for word in ("missing", "unexpected", "not declared"):
        assert word in read.text
    ids = [attrs["id"] for ignored, attrs in read.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    targets = {attrs["href"][1:] for tag, attrs in read.elements if tag == "a"}
    assert targets <= set(ids)


def test_the_page_says_certificate_expired_where_it_has():
    assert (
        "certificate expired"
        in Read(drift_html(drift_report([finding(before=[seen(*AT, "expired")])], GENERATED))).text
    )


@pytest.mark.parametrize(
    "findings, headline",
    [
        ([], "No host was checked"),
        ([finding()], "All hosts listen as declared"),
        ([finding(maintenance=True)], "All hosts are in maintenance"),
        ([{"host": "mx1"}, finding("mx2")], "1 of 2 hosts could not be checked"),
        ([finding(before=[seen(*AT, "refused")])], "1 of 1 host has drifted"),
        ([finding(before=[seen(*AT, "refused")])] * 2, "2 of 2 hosts have drifted"),
    ],
)
def test_the_headline(findings, headline):
    assert "<h1>%s</h1>" % headline in drift_html(drift_report(findings, GENERATED))


def test_a_page_that_would_be_too_big_keeps_the_worst_and_says_what_it_left_out():
    made = drift_report(fleet(60, 6, 8, 0.3), GENERATED)
    whole = len(drift_html(made).encode())
    for part in (0.9, 0.5, 0.2):
        small = drift_html(made, max_bytes=int(whole * part))
        assert len(small.encode()) <= whole * part
        assert "to keep this page small" in small
        assert small.count("<details class=host ") == 60
    assert drift_html(made, max_bytes=int(whole * 0.5)).index("<table>") < drift_html(
        made, max_bytes=int(whole * 0.5)
    ).index("to keep this page small")


@pytest.mark.parametrize("drifting", [0.1, pytest.param(1.0, marks=pytest.mark.full)])
def test_a_large_fleet_stays_under_five_megabytes(drifting):
    made = drift_report(fleet(500, 10, 8, drifting), GENERATED)
    whole = drift_html(made)
    assert len(whole.encode()) < 5_000_000
    assert whole.count("<details class=host ") == 500
    assert drifting == 1.0 or "to keep this page small" not in whole


def test_only_a_report_becomes_a_page():
    for value in ({}, [], None, {"schema_version": 2}):
        with pytest.raises(ValueError, match="drift_report"):
            drift_html(value)


def test_the_filters_are_found_by_name():
    assert report.FilterModule().filters() == {"drift_report": drift_report}
    assert page.FilterModule().filters() == {"drift_html": drift_html}


def test_style_and_script_end_where_they_should():
    for name, end in (("page.css", "</style"), ("page.js", "</script")):
        assert end not in page._packaged(name)
