# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts, counts and order of a report; hosts that could not be checked; any input."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from jsonschema import Draft7Validator

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.report import drift_report
from support.drift_fleet import GENERATED, certificate, file_change, finding, fleet, ip, seen
from support.drift_reports import (
    AT,
    DESCRIPTION_CHANGE,
    HERE,
    SCHEMA,
    STALE,
    assert_consistent,
    cell,
    host,
    reported,
)
from support.drift_strategies import ANY_FINDINGS, ANY_VALUE


@pytest.mark.parametrize(
    "more",
    [
        {},
        # loopback: the module does not call it unexpected
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


def test_an_expired_certificate_is_counted_but_no_drift():
    made = reported(finding(before=[seen(*AT, "expired", certificate=certificate(days_left=-3))]))
    assert made["counts"]["words"]["certificate expiring"] == 1
    assert cell(made["hosts"][0])["certificate"]["days_left"] == -3


def test_the_report_depends_on_the_findings_alone():
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
        ({"failed": True}, "the task failed without a message"),
        ({"skipped": True, "changed": False}, "not checked: there is no result"),
        ({}, "not checked: there is no result"),
        (None, "not checked: there is no result"),
        ("nonsense", "not checked: there is no result"),
    ],
)
def test_a_host_that_could_not_be_checked_says_why(result, error):
    made = reported({"host": "mx1", "result": result}, finding("mx2"))
    assert [(row["host"], row["verdict"], row["error"]) for row in made["hosts"]] == [
        ("mx1", "incomplete", error),
        ("mx2", "clean", ""),
    ]
    assert (made["verdict"], made["counts"]["hosts"]["incomplete"]) == ("incomplete", 1)


def test_listeners_declared_for_a_failed_host_could_not_be_checked():
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


def test_listeners_seen_by_a_failed_task_count():
    made = finding(before=[seen(*AT, "not_local")])
    made["result"].update(failed=True, msg="192.0.2.1 is not an address of this host")
    (row,) = reported(made)["hosts"]
    assert (row["verdict"], row["error"], cell(row)["word"]) == (
        "drift",
        "192.0.2.1 is not an address of this host",
        "missing",
    )


@pytest.mark.parametrize("findings", [[], None, "nonsense", {"host": "mx1"}, [None], 7])
def test_a_report_without_results_is_incomplete(findings):
    assert drift_report(findings, GENERATED)["verdict"] == "incomplete"


def test_a_malformed_change_is_drift():
    for change in (
        {"kind": "listener", "action": "add", "name": "?"},
        "nonsense",
        None,
        {},
        {"kind": "new", "action": "add", "name": "x"},
    ):
        assert host(changes=[change])["verdict"] == "drift"


# -- the fleet


def test_the_fleet_has_the_worst_verdict():
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


def test_the_worst_hosts_come_first():
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


def test_only_known_keys_are_reported():
    """A result may have more than is meant to be read by everybody who reads the report."""
    made = finding(before=[seen(*AT, "refused", password="hunter2")])
    made["result"].update(
        invocation={"module_args": {"certificate_password": "hunter2"}}, secret="hunter2"
    )
    assert "hunter2" not in json.dumps(reported(made))


def one_value_replaced(value, odd):
    """Every copy of a value in which one part of it, at any depth, is the odd value instead."""
    yield odd
    parts = dict(enumerate(value)) if isinstance(value, list) else value
    for key, part in parts.items() if isinstance(parts, dict) else ():
        for changed in one_value_replaced(part, odd):
            other = copy.copy(value)
            other[key] = changed
            yield other


@pytest.mark.parametrize(
    "odd",
    [[], {"a": []}, None, -1, 1e400, "\ud800", 10**400],
    ids=lambda odd: ascii(odd)[:8],
)
def test_a_value_of_another_shape_in_any_place(odd):
    whole = finding(
        addresses=[ip(HERE, ["IMAPS"], floating=True)],
        before=[seen(*AT, "refused", certificate=certificate(days_left=-3))],
        changes=[DESCRIPTION_CHANGE, STALE, file_change()],
    )
    for made in one_value_replaced(whole, odd):
        report = drift_report([made], GENERATED)
        Draft7Validator(SCHEMA).validate(report)
        json.dumps(report, allow_nan=False).encode()


@given(ANY_FINDINGS, ANY_VALUE)
def test_any_input_becomes_a_valid_report(findings, generated):
    given_before = copy.deepcopy(findings)
    made = drift_report(findings, generated)
    assert repr(findings) == repr(given_before)
    Draft7Validator(SCHEMA).validate(made)
    json.dumps(made, allow_nan=False).encode()
    assert_consistent(made)
