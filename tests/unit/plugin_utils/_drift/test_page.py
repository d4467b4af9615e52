# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: all texts are escaped and marked up, it needs no network, and it stays small."""

from __future__ import annotations

import html.parser
import re

import pytest
from hypothesis import given

from support.drift_fleet import GENERATED, certificate, file_change, finding, fleet, ip, port, seen
from support.drift_reports import AT, CONFIG_CHANGE
from support.drift_strategies import ANY_FINDINGS, ANY_VALUE

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("jinja2", reason="needs Jinja2, which a managed host does not have")

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift import page, values  # noqa: E402
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.page import drift_html  # noqa: E402
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.report import drift_report  # noqa: E402


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
    dangerous = {tag for tag, dummy in Read(whole).elements} - {
        tag for tag, dummy in Read(plain).elements
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
    assert sum(tag == "script" for tag, dummy in Read(whole).elements) == 1
    assert not [
        attrs
        for tag, attrs in Read(whole).elements
        if tag == "img" or any(name.startswith("on") for name in attrs)
    ]
    assert values.as_text(text) in Read(whole).text


def test_the_page_needs_no_network():
    whole = drift_html(drift_report(fleet(20, 3, 4, 1.0), GENERATED))
    read = Read(whole)
    links = [
        value
        for dummy, attrs in read.elements
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
    assert not [attrs for dummy, attrs in read.elements if "style" in attrs]


def test_every_cell_has_a_word_and_every_row_and_column_a_heading():
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
    ids = [attrs["id"] for dummy, attrs in read.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    targets = {attrs["href"][1:] for tag, attrs in read.elements if tag == "a"}
    assert targets <= set(ids)


def test_an_expired_certificate_is_shown_as_expired():
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


def test_a_page_over_the_limit_leaves_out_details_of_the_best_hosts():
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


def test_style_and_script_do_not_end_early():
    for name, end in (("report.css", "</style"), ("report.js", "</script")):
        assert end not in page._packaged(name)


@given(ANY_FINDINGS, ANY_VALUE)
def test_any_report_becomes_a_page(findings, generated):
    drift_html(drift_report(findings, generated)).encode()
