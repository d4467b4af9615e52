# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drift report → one page of HTML that needs nothing else: no network, no font, no script but its own.

Made in Python rather than in a template: a fleet has tens of thousands of cells, every text in them comes from elsewhere, and
here each goes through C(_escaped), or is one of ours. All there is to read is in the page itself; the script only filters.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_html
short_description: A drift report as a page to read
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Turns what P(mailops.bindings.drift_report#filter) returned into one HTML page that needs nothing else, neither the network nor any other file.
  - For each host there is a matrix of its IP addresses and ports with a word in each cell, and below it what differs, before and after.
    The worst hosts come first.
  - The page can be filtered, printed, read in light and in dark, with the keyboard and with a screen reader, and without JavaScript.
positional: _input
options:
  _input:
    description:
      - The report.
    type: dict
    required: true
  max_bytes:
    description:
      - How big the page may become. Where the whole report takes more, the details of hosts that are well are left out first, and the page says so.
    type: int
    default: 5000000
seealso:
  - plugin: mailops.bindings.drift_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ mail_bindings_drift | mailops.bindings.drift_html }}"
    dest: report.html
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The page.
  type: str
"""

import base64
import collections
import difflib
import hashlib
import html
import itertools
import pathlib
import typing as t

from ansible_collections.mailops.bindings.plugins.filter.drift_report import (
    AS_DECLARED,
    DRIFT_WORDS,
    EXPIRING,
    LEVELS,
    NOT_CHECKED,
    SCHEMA_VERSION,
    WORDS,
)

MAX_BYTES = 5_000_000
OPENED = 3  # hosts that are unfolded from the start, if no more have drifted; else the list is what is to be seen first
NAMED = 40  # listeners that are named in one note

#: The class of each word, one letter: a page has tens of thousands.
_CLASS = dict(zip(WORDS, "mdwuxeo"))
_CLASS_OF_VERDICT = {"drift": "m", "incomplete": "x", "clean": "o"}
_VERDICT = {"drift": "drift", "incomplete": "not checked", "clean": "clean"}
_LEVEL = {
    "config": "Declared against the host's config",
    "files": "Config against the servers' files",
    "listening": "Files against what really listens",
}
_MEANING = {
    "missing": "Nobody answers there: refused, no answer in time, or the address is not on the host.",
    "differs": "Something answers, but not as declared: another protocol, encryption or setting.",
    "wrong certificate": "Another certificate than the one in its file. Often it was renewed, and the server not reloaded.",
    "unexpected": "A mail server listens there, and nobody declared it.",
    "could not be checked": "Nothing is known of it.",
    "certificate expiring": "Answers as declared, but its certificate is about to expire, or has expired. Time alone is no drift.",
    "as declared": "Answers as declared.",
}

_escaped = html.escape


def drift_html(report: dict, max_bytes: int = MAX_BYTES) -> str:
    """The page; see DOCUMENTATION."""
    if not isinstance(report, dict) or report.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            "drift_html takes what the filter mailops.bindings.drift_report returned, of schema_version %d"
            % SCHEMA_VERSION
        )
    hosts = report["hosts"]
    head, tail = _head(report), _tail()
    left = max_bytes - len((head + tail).encode())
    few = report["counts"]["hosts"]["drift"] <= OPENED
    parts = [
        _Host(index, host, opened=few and host["verdict"] == "drift" and not host["maintenance"])
        for index, host in enumerate(hosts)
    ]
    bodies: dict = {}
    for part in parts:
        left -= len(part.folded().encode())
    for (
        part
    ) in parts:  # the worst first: if something has to be left out, then of those that are well
        for body in (part.whole, part.matrix):
            text = body()
            size = len(text.encode())
            if size <= left:
                bodies[part.index] = text
                left -= size
                break
    return head + "".join(part.folded(bodies.get(part.index)) for part in parts) + tail


# -- around the hosts


def _head(report: dict) -> str:
    css = _packaged("page.css")
    headline, more = _summary(report)
    counts = report["counts"]
    policy = (
        "default-src 'none'; style-src %s; script-src %s; img-src data:; base-uri 'none'; form-action 'none'"
        % (_source(css), _source(_packaged("page.js")))
    )
    return "".join(
        [
            "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n",
            '<meta http-equiv=Content-Security-Policy content="%s">\n' % policy,
            "<meta name=viewport content='width=device-width, initial-scale=1'>\n<meta name=color-scheme content='light dark'>\n",
            "<meta name=referrer content=no-referrer>\n<link rel=icon href='data:,'>\n",
            "<title>%s</title>\n<style>%s</style>\n" % (_escaped(headline), css),
            "<a class=skip href=#hosts>Skip to the hosts</a>\n<header>\n",
            "<p class=kind>Mail bindings: drift report, <time>%s</time></p>\n"
            % _escaped(report["generated"]),
            "<h1>%s</h1>\n<p>%s</p>\n<div class=counts>\n" % (_escaped(headline), _escaped(more)),
            "<section><h2>Hosts</h2><ul>",
            *(
                _chip(
                    _VERDICT[verdict],
                    counts["hosts"][verdict],
                    _CLASS_OF_VERDICT[verdict],
                    "v",
                    verdict,
                )
                for verdict in _VERDICT
            ),
            _chip("in maintenance", counts["hosts"]["maintenance"], "", "v", "maintenance"),
            "</ul></section>\n<section><h2>Hosts by where they drifted</h2><ul>",
            *(
                _chip(_escaped(_LEVEL[level]), counts["levels"][level], "d", "l", level)
                for level in LEVELS
            ),
            "</ul></section>\n<section><h2>Listeners</h2><ul>",
            *(
                _chip(word, counts["words"][word], _CLASS[word], "w", _CLASS[word])
                for word in WORDS
            ),
            "</ul></section>\n</div>\n</header>\n",
            "<div class=tools role=search hidden><div><label for=filter>Find hosts</label>"
            "<input id=filter type=search placeholder='name, address or reason' autocomplete=off spellcheck=false>"
            "<output id=shown for=filter aria-live=polite></output>"
            "<button class=plain type=button id=unfold>Unfold all</button><button class=plain type=button id=fold>Fold all</button></div></div>\n",
            "<main id=hosts tabindex=-1>\n<h2 class=away>Hosts, the worst first</h2>\n",
        ]
    )


def _tail() -> str:
    words = "".join(
        "<dt class=%s>%s<dd>%s" % (_CLASS[word], word, _escaped(_MEANING[word])) for word in WORDS
    )
    return (
        "</main>\n<footer><details><summary>What the words mean</summary><dl>%s</dl></details></footer>\n<script>%s</script>\n</html>\n"
        % (words, _packaged("page.js"))
    )


def _summary(report: dict) -> t.Tuple[str, str]:
    """What there is to know first, and what else."""
    hosts = report["counts"]["hosts"]
    counted = hosts["total"] - hosts["maintenance"]
    of_all = "%d of %s" % (hosts["drift"] or hosts["incomplete"], _many(counted, "host"))
    more = []
    if not hosts["total"]:
        return "No host was checked", "There is nothing to report."
    if report["verdict"] == "drift":
        headline = of_all + (" has" if hosts["drift"] == 1 else " have") + " drifted"
        if hosts["incomplete"]:
            more.append("%s could not be checked." % _many(hosts["incomplete"], "host"))
    elif report["verdict"] == "incomplete":
        headline = of_all + " could not be checked"
        more.append("The others listen as declared." if hosts["clean"] else "")
    else:
        headline = "All hosts listen as declared" if counted else "All hosts are in maintenance"
        more.append("%s checked." % _many(counted, "host") if counted else "")
    expiring = report["counts"]["words"][EXPIRING]
    if expiring:
        more.append(
            "%s a certificate that is about to expire or has expired."
            % (_many(expiring, "listener") + (" has" if expiring == 1 else " have"))
        )
    if hosts["maintenance"]:
        more.append(
            "%s in maintenance, shown but not counted." % _many(hosts["maintenance"], "host")
        )
    return headline, " ".join(filter(None, more))


def _many(number: int, noun: str) -> str:
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def _chip(label: str, number: int, letter: str, by: str, value: str) -> str:
    if not number:
        return "<li><span class='chip none'>%s <b>0</b></span>" % label
    return "<li><span class='chip %s' data-by=%s data-is=%s>%s <b>%s</b></span>" % (
        letter,
        by,
        value,
        label,
        "{:,}".format(number),
    )


def _packaged(name: str) -> str:
    return (pathlib.Path(__file__).parents[1] / "plugin_utils" / "drift_page" / name).read_text(
        encoding="utf-8"
    )


def _source(text: str) -> str:
    """The text of a style or script as a Content-Security-Policy has it: this one may be, and no other."""
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# -- a host


class _Host:
    """A host's part of the page, in three sizes."""

    def __init__(self, index: int, host: dict, opened: bool):
        self.index, self.host, self.opened = index, host, opened

    def folded(self, body: t.Optional[str] = None) -> str:
        """Its line, and what is behind it."""
        host = self.host
        maintenance, verdict = host["maintenance"], host["verdict"]
        letters = "".join(" " + _CLASS[word] for word in WORDS if host["counts"][word])[1:]
        if body is None:
            body = "<p>Left out to keep this page small: report.json has it.</p>"
        levels = " ".join(level for level in LEVELS if host["levels"][level]["drift"])
        return (
            "<details class=host data-v=%s data-w='%s' data-l='%s'%s><summary><h3>%s</h3>"
            "<span class='verdict %s'>%s</span><span class=say>%s</span></summary><div class=body>%s</div></details>\n"
            % (
                "maintenance" if maintenance else verdict,
                letters,
                levels,
                " open" if self.opened else "",
                _escaped(host["host"]),
                "" if maintenance else _CLASS_OF_VERDICT[verdict],
                "maintenance" if maintenance else _VERDICT[verdict],
                self._in_short(),
                body,
            )
        )

    def _in_short(self) -> str:
        host = self.host
        counts = host["counts"]
        said = [
            "<span class=%s>%d %s</span>" % (_CLASS[word], counts[word], word)
            for word in WORDS
            if counts[word] and word != AS_DECLARED
        ]
        for level in ("config", "files"):
            if host["levels"][level]["drift"] and not host["levels"][level]["listeners"]:
                said.append(
                    "<span class=d>%s</span>"
                    % ("config differs" if level == "config" else "servers' files differ")
                )
        if counts[AS_DECLARED]:
            said.append("<span>%d as declared</span>" % counts[AS_DECLARED])
        if host["error"]:
            said.append("<span class=why>%s</span>" % _escaped(_first_line(host["error"])))
        if host["maintenance"]:
            said.insert(0, "<span>%s, not counted</span>" % _VERDICT[host["verdict"]])
        return "".join(said)

    def matrix(self) -> str:
        """Its matrix, without what differs."""
        return (
            self._cause()
            + self._table({})
            + (
                "<p>What differs is left out to keep this page small: report.json has it.</p>"
                if self._noteworthy()
                else ""
            )
        )

    def whole(self) -> str:
        """All that there is to say of it."""
        notes = self._notes()
        where = {cell["name"]: number for number, cells in enumerate(notes) for cell in cells}
        return "".join(
            [
                self._cause(),
                self._table(where),
                self._what_differs(notes),
                self._levels(),
                self._remarks(),
            ]
        )

    def _cause(self) -> str:
        error = self.host["error"]
        if not error:
            return ""
        return "<p class=cause>%s</p>" % _escaped(error)

    # -- the matrix

    def _table(self, notes: dict) -> str:
        host = self.host
        if not host["cells"]:
            return ""
        cells = {(cell["address"], cell["port"]): cell for cell in host["cells"]}
        name = _escaped(host["host"])
        text = [
            "<div class=scroll role=region tabindex=0 aria-label='Listeners of %s'><table>" % name,
            "<caption class=away>Listeners of %s</caption><thead><tr><td>" % name,
        ]
        for column in host["ports"]:
            text.append(
                "<th scope=col>%d<span>%s</span><span>%s</span>"
                % (
                    column["port"],
                    _escaped(", ".join(column["names"]) or "not declared"),
                    _escaped(_speaks(column)),
                )
            )
        text.append("<tbody>")
        for address in host["addresses"]:
            text.append("<tr><th scope=row>" + _escaped(address["address"]))
            remarks = ", ".join(
                filter(
                    None,
                    [
                        address["hostname"],
                        "floating" if address["floating"] else "",
                        "" if address["declared"] else "not declared",
                    ],
                )
            )
            if remarks:
                text.append("<span>%s</span>" % _escaped(remarks))
            for column in host["ports"]:
                cell = cells.get((address["address"], column["port"]))
                text.append(
                    self._cell(cell, notes.get(cell["name"]))
                    if cell
                    else "<td><span aria-hidden=true>–</span><span class=away>not declared</span>"
                )
        text.append("</table></div>")
        return "".join(text)

    def _cell(self, cell: dict, note: t.Optional[int]) -> str:
        words = _shown(cell)
        return "<td class=%s>%s" % (
            _CLASS[cell["word"]],
            words if note is None else "<a href=#h%dn%d>%s</a>" % (self.index, note, words),
        )

    # -- what differs

    def _noteworthy(self) -> list:
        return [
            cell
            for cell in self.host["cells"]
            if cell["word"] in DRIFT_WORDS
            or cell["word"] in (EXPIRING, NOT_CHECKED)
            or (cell["detail"] and cell["word"] != AS_DECLARED)
        ]

    def _notes(self) -> list:
        """Cells by what is to be said of them: what is the same on ten addresses is said once."""
        found: dict = {}
        for cell in self._noteworthy():
            if self.host["error"] and cell["word"] == NOT_CHECKED:
                continue  # the error says why
            certificate = cell["certificate"]
            key = repr(
                (
                    _shown(cell),
                    cell["detail"],
                    self._sides(cell),
                    cell["levels"],
                    cell["greeting"],
                    certificate.get("fingerprint_sha256"),
                )
            )
            found.setdefault(key, []).append(cell)
        order = {word: number for number, word in enumerate(WORDS)}
        return sorted(found.values(), key=lambda cells: order[cells[0]["word"]])

    @staticmethod
    def _sides(cell: dict) -> tuple:
        """Before and after, where that says more than the matrix does."""
        return (cell["before"], cell["after"]) if cell["before"] else ({}, {})

    def _what_differs(self, notes: list) -> str:
        if not notes:
            return ""
        text = ["<h4>What differs</h4><ul class=notes>"]
        for number, cells in enumerate(notes):
            cell = cells[0]
            about = (
                ", ".join(filter(None, [cell["port_name"], _spoken(cell)]))
                if len({other["port"] for other in cells}) == 1
                else ""
            )
            text.append(
                "<li id=h%dn%d class=%s tabindex=-1><b>%s</b>%s%s"
                % (
                    self.index,
                    number,
                    _CLASS[cell["word"]],
                    _shown(cell),
                    self._where(cells),
                    _escaped(" (%s)" % about) if about else "",
                )
            )
            if cell["detail"]:
                text.append("<p>%s" % _escaped(cell["detail"]))
            evidence = self._evidence(cell)
            if evidence:
                text.append(
                    "<details><summary>%s</summary>%s</details>"
                    % ("Before and after" if any(self._sides(cell)) else "What was seen", evidence)
                )
        text.append("</ul>")
        return "".join(text)

    def _where(self, cells: list) -> str:
        """Which listeners they are: whole columns and rows of the matrix in short."""
        everywhere = self.host["cells"]
        if len(cells) == len(everywhere) > 2:
            return "all %d listeners" % len(cells)
        left, said = cells, []
        for same, other, one, more, beside in (
            ("port", "address", "port", "ports", "addresses"),
            ("address", "port", "", "", "ports"),
        ):
            found = collections.Counter(cell[same] for cell in left)
            there = collections.Counter(cell[same] for cell in everywhere)
            for size in sorted(
                {there[value] for value in found if found[value] == there[value] > 2}
            ):
                whole = [value for value in found if found[value] == there[value] == size]
                values = ", ".join("<code>%s</code>" % _escaped(str(value)) for value in whole)
                said.append(
                    "%s on all %d %s"
                    % (((one if len(whole) == 1 else more) + " " + values).strip(), size, beside)
                )
                left = [cell for cell in left if cell[same] not in whole]
        said += ["<code>%s</code>" % _escaped(cell["name"]) for cell in left[:NAMED]]
        return ", ".join(said) + (" and %d more" % (len(left) - NAMED) if len(left) > NAMED else "")

    def _evidence(self, cell: dict) -> str:
        text = _diff(*self._sides(cell))
        seen = [("greeting", cell["greeting"])]
        seen += [
            (key.replace("_", " "), cell["certificate"].get(key))
            for key in (
                "subject",
                "issuer",
                "names",
                "not_before",
                "not_after",
                "fingerprint_sha256",
            )
        ]
        lines = [
            "%s: %s" % (label, ", ".join(value) if isinstance(value, list) else value)
            for label, value in seen
            if value
        ]
        return text + ("<pre>%s</pre>" % _escaped("\n".join(lines)) if lines else "")

    # -- where it drifted

    def _levels(self) -> str:
        levels = self.host["levels"]
        if not any(level["drift"] for level in levels.values()):
            return ""
        text = ["<h4>Where it drifted</h4><ul class=levels>"]
        for name in LEVELS:
            level = levels[name]
            if not level["drift"]:
                unknown = self.host["error"] and not self.host["cells"]
                text.append("<li>%s: %s" % (_LEVEL[name], "not known" if unknown else "the same"))
                continue
            listeners = _many(len(level["listeners"]), "listener") if level["listeners"] else ""
            if not level["changes"]:
                text.append("<li>%s: <b class=d>%s</b>" % (_LEVEL[name], listeners))
                continue
            changes = "".join(map(_change, level["changes"]))
            text.append(
                "<li><details><summary>%s: <b class=d>%s</b></summary><ul>%s</ul></details>"
                % (
                    _LEVEL[name],
                    ", ".join(filter(None, [_many(len(level["changes"]), "change"), listeners])),
                    changes,
                )
            )
        text.append("</ul>")
        return "".join(text)

    def _remarks(self) -> str:
        host = self.host
        lines = [
            "%s: %s" % (certificate["path"], "; ".join(certificate["problems"]))
            for certificate in host["certificates"]
            if certificate["problems"]
        ]
        lines += host["warnings"]
        if host["ignored"]:
            lines.append("Not declared, and to be ignored: " + ", ".join(host["ignored"]))
        return (
            "<h4>Remarks</h4>" + "".join("<p>" + _escaped(line) for line in lines) if lines else ""
        )


def _first_line(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= 240 else line[:239] + "…"


def _shown(cell: dict) -> str:
    """The cell's word; an expired certificate is shown as what it is."""
    return (
        "certificate expired"
        if cell["status"] == "expired" and cell["word"] == EXPIRING
        else cell["word"]
    )


def _spoken(cell: dict) -> str:
    return " ".join(
        filter(
            None, [cell["protocol"], {"ssl": "SSL", "tls": "STARTTLS"}.get(cell["encryption"], "")]
        )
    )


def _speaks(column: dict) -> str:
    """imap SSL"""
    return " ".join(
        filter(
            None,
            [
                "/".join(column["protocols"]),
                "/".join(
                    {"ssl": "SSL", "tls": "STARTTLS", "none": "plain"}.get(encryption, encryption)
                    for encryption in column["encryptions"]
                ),
            ],
        )
    )


def _change(change: dict) -> str:
    """A change, before and after, without the name that it starts with."""
    before, after = (
        {key: value for key, value in change[side].items() if value != change["name"]}
        for side in ("before", "after")
    )
    return "<li>%s <code>%s</code>%s" % (
        _action(change),
        _escaped(change["name"]),
        _diff(before, after),
    )


def _action(change: dict) -> str:
    kind = {"ip_binding": "address", "file": "file", "port": "port"}.get(
        change["kind"], change["kind"]
    )
    return {"add": "add the %s", "change": "change the %s", "remove": "remove the %s"}[
        change["action"]
    ] % kind


def _diff(before: dict, after: dict) -> str:
    """Two entries, or two files, line by line."""
    sides = [_lines(side) for side in (before, after)]
    lines = [
        line
        for line in list(difflib.unified_diff(*sides, n=2, lineterm=""))[2:]
        if not line.startswith("@@")
    ]
    text = []
    for sign, together in itertools.groupby(lines, key=lambda line: line[0]):
        words = _escaped("\n".join("%s %s" % (sign, line[1:]) for line in together))
        text.append({"-": "<del>%s</del>", "+": "<ins>%s</ins>"}.get(sign, "%s\n") % words)
    return "<pre>%s</pre>" % "".join(text) if text else ""


def _lines(entry: dict) -> t.List[str]:
    if set(entry) == {"lines"} and isinstance(entry["lines"], list):
        return [line for lines in entry["lines"] for line in lines.split("\n")]
    found = []
    for key in sorted(entry):
        value = entry[key]
        if value not in ("", False):
            found += (
                "%s: %s"
                % (
                    key,
                    ", ".join(value)
                    if isinstance(value, list)
                    else str(value).lower()
                    if isinstance(value, bool)
                    else value,
                )
            ).split("\n")
    return found


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict:
        """By name."""
        return {"drift_html": drift_html}
