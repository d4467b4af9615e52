# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drift report → one page of HTML that needs nothing else: no network, no other file.

The page is templates/report.html.j2, with report.css and report.js beside it. Jinja2 escapes every
text (autoescape). All that there is to read is in the page itself; the script only filters.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import typing as t

import jinja2
import markupsafe

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.host_part import (
    CSS_OF_VERDICT,
    CSS_OF_WORD,
    TEXT_OF_LEVEL,
    TEXT_OF_VERDICT,
    host_part,
    many,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.report import SCHEMA_VERSION
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import Json
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.words import (
    Level,
    Verdict,
    Word,
)

TEMPLATES = pathlib.Path(__file__).parent / "templates"
MAX_BYTES = 5_000_000
#: Up to so many hosts that drifted are unfolded from the start. With more, the list comes first.
OPENED = 3

_MEANING = {
    Word.MISSING: "No answer: connection refused, timeout, or the address is not on the host.",
    Word.DIFFERS: "It answers, but protocol, encryption or settings differ from the declaration.",
    Word.WRONG_CERTIFICATE: (
        "It serves another certificate than the one in its file. "
        "Often the file was renewed, and the server not reloaded."
    ),
    Word.AT_RISK: (
        "It answers from its server's memory, and would not after a restart: "
        "a file or an address is gone, or the server refuses its files."
    ),
    Word.UNEXPECTED: "A mail server listens there, but the listener is not declared.",
    Word.NOT_CHECKED: "Its state is not known.",
    Word.EXPIRING: (
        "It answers as declared, but its certificate is about to expire or has expired. "
        "Time alone is not drift."
    ),
    Word.AS_DECLARED: "It answers as declared.",
}


class Chip(t.NamedTuple):
    """A count that hosts can be filtered by: those whose mark C(by) is C(value)."""

    label: str
    number: int
    css: str
    by: str
    value: str


class ChipGroup(t.NamedTuple):
    """Chips with a heading."""

    title: str
    chips: t.List[Chip]


def drift_html(report: t.Any, max_bytes: int = MAX_BYTES) -> str:
    """The page. Raises ValueError for what is not a report.

    Where the page would have more than C(max_bytes) bytes, details are left out, those of the best
    hosts first.
    """
    if not isinstance(report, dict) or report.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            "drift_html takes what the filter mailops.bindings.drift_report returned, "
            "of schema_version %d" % SCHEMA_VERSION
        )
    environment = _environment()
    frame = environment.get_template("report.html.j2")
    variables = _frame_variables(report)
    left = max_bytes - len(frame.render(variables, hosts="").encode())
    return frame.render(variables, hosts=_hosts(environment, report, left))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["css_of_word"] = CSS_OF_WORD
    return environment


def _hosts(environment: jinja2.Environment, report: Json, left: int) -> markupsafe.Markup:
    """The parts of all hosts, in at most C(left) bytes where that can be."""
    macros: t.Any = environment.get_template("host.html.j2").module
    few = report["counts"]["hosts"]["drift"] <= OPENED
    parts = []
    for number, host in enumerate(report["hosts"]):
        opened = few and host["verdict"] == Verdict.DRIFT.value and not host["maintenance"]
        parts.append(host_part(number, host, opened))
        left -= len(macros.folded(parts[-1], macros.left_out()).encode())
    texts = []
    for part in parts:  # the worst first: what has to be left out is of the best
        body = macros.left_out()
        for size in (macros.whole, macros.matrix_alone):
            candidate = size(part)
            bytes_needed = len(candidate.encode())
            if bytes_needed <= left:
                body, left = candidate, left - bytes_needed
                break
        texts.append(macros.folded(part, body))
    return markupsafe.Markup("").join(texts)


def _frame_variables(report: Json) -> Json:
    """What report.html.j2 shows around the hosts."""
    css, script = (_packaged(name) for name in ("report.css", "report.js"))
    headline, summary = _summary(report)
    return {
        "css": css,
        "script": script,
        "css_source": _source(css),
        "script_source": _source(script),
        "headline": headline,
        "summary": summary,
        "generated": report["generated"],
        "groups": _chip_groups(report["counts"]),
        "legend": [(CSS_OF_WORD[word.value], word.value, _MEANING[word]) for word in Word],
    }


def _chip_groups(counts: Json) -> t.List[ChipGroup]:
    hosts, levels, words = counts["hosts"], counts["levels"], counts["words"]
    verdicts = [
        Chip(text, hosts[verdict], CSS_OF_VERDICT[verdict], "v", verdict)
        for verdict, text in TEXT_OF_VERDICT.items()
    ]
    differs = CSS_OF_WORD[Word.DIFFERS.value]
    return [
        ChipGroup(
            "Hosts",
            [*verdicts, Chip("in maintenance", hosts["maintenance"], "", "v", "maintenance")],
        ),
        ChipGroup(
            "Hosts by where they drifted",
            [
                Chip(TEXT_OF_LEVEL[level.value], levels[level.value], differs, "l", level.value)
                for level in Level
            ],
        ),
        ChipGroup(
            "Listeners",
            [Chip(word, words[word], css, "w", css) for word, css in CSS_OF_WORD.items()],
        ),
    ]


def _summary(report: Json) -> t.Tuple[str, str]:
    """The headline, and the sentences below it."""
    hosts = report["counts"]["hosts"]
    if not hosts["total"]:
        return "No host was checked", "There is nothing to report."
    counted = hosts["total"] - hosts["maintenance"]
    headline, sentence = _SUMMARIES[Verdict(report["verdict"])](hosts, counted)
    sentences = [sentence]
    expiring = report["counts"]["words"][Word.EXPIRING.value]
    if expiring:
        sentences.append(
            "%s a certificate that is about to expire or has expired."
            % _have(expiring, many(expiring, "listener"))
        )
    if hosts["maintenance"]:
        maintenance = many(hosts["maintenance"], "host")
        sentences.append("%s in maintenance, shown but not counted." % maintenance)
    return headline, " ".join(filter(None, sentences))


def _have(number: int, subject: str) -> str:
    return subject + (" has" if number == 1 else " have")


def _summary_of_drift(hosts: t.Mapping[str, int], counted: int) -> t.Tuple[str, str]:
    subject = "%d of %s" % (hosts["drift"], many(counted, "host"))
    incomplete = hosts["incomplete"]
    more = "%s could not be checked." % many(incomplete, "host") if incomplete else ""
    return _have(hosts["drift"], subject) + " drifted", more


def _summary_of_incomplete(hosts: t.Mapping[str, int], counted: int) -> t.Tuple[str, str]:
    headline = "%d of %s could not be checked" % (hosts["incomplete"], many(counted, "host"))
    return headline, "The others listen as declared." if hosts["clean"] else ""


def _summary_of_clean(hosts: t.Mapping[str, int], counted: int) -> t.Tuple[str, str]:
    if not counted:
        return "All hosts are in maintenance", ""
    return "All hosts listen as declared", "%s checked." % many(counted, "host")


_SUMMARIES: t.Mapping[Verdict, t.Callable[[t.Mapping[str, int], int], t.Tuple[str, str]]] = {
    Verdict.DRIFT: _summary_of_drift,
    Verdict.INCOMPLETE: _summary_of_incomplete,
    Verdict.CLEAN: _summary_of_clean,
}


def _packaged(name: str) -> markupsafe.Markup:
    """A file of ours that becomes part of the page as it is."""
    return markupsafe.Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _source(text: str) -> str:
    """A style or script as a Content-Security-Policy has it: this one is allowed, and no other."""
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
