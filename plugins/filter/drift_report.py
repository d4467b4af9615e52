# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on each host of a fleet → one report: which listener, where, and in which of three ways it drifted.

Pure: no file, no clock. Whatever it is given it makes a report of, since the one host whose finding is out of shape must not
cost the others theirs; and what it can't make sense of was not checked, and is never called clean.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_report
short_description: One report of how far the listeners of a fleet have drifted
version_added: 0.2.0
author:
  - mailops.bindings contributors (@mailops)
description:
  - Turns what M(mailops.bindings.mail_listeners) found in check mode on each host into one report, with a word for every listener of every
    host, the worst hosts first.
  - Three kinds of drift are told apart. C(config) is where the host's bindings config is not what is declared, C(files) where the servers' files are
    not what the config says, and C(listening) where what answers is not what the files say.
  - A host that failed, could not be reached or is not among the findings is in the report as well, and never takes others with it.
  - What only time changes is shown, but is no drift. So is a certificate that is about to expire, or has expired.
positional: _input
options:
  _input:
    description:
      - The findings, one for each host. What a finding does not have was not found.
      - Its key C(host) is the name of the host.
      - C(result) is the registered result of M(mailops.bindings.mail_listeners) in check mode, also one that failed.
      - C(maintenance) says that the host is to be shown, but not counted.
      - C(ignore_listeners) are listeners that are never called unexpected, such as V(192.0.2.1:2525) or V([2001:db8::1]:2525).
      - C(ports) and C(ip_addresses) say what is declared where the result does not, since the task failed. Each listener is then one that could not be checked.
    type: list
    elements: dict
    required: true
  generated:
    description:
      - The time to put on the report, preferably in UTC as V(2026-11-22T10:36:13Z).
    type: str
    required: true
  hosts:
    description:
      - The hosts that should be in the report. Those without a finding are reported as not checked.
    type: list
    elements: str
    default: []
notes:
  - Texts of more than 600 characters are cut, and so are long lists of lines. Control characters are replaced.
seealso:
  - plugin: mailops.bindings.drift_html
    plugin_type: filter
  - module: mailops.bindings.mail_listeners
"""

EXAMPLES = r"""
- name: See how far the mail servers have drifted
  hosts: mail
  become: true
  gather_facts: false
  tasks:
    - name: Look, and change nothing
      mailops.bindings.mail_listeners:
      check_mode: true
      ignore_errors: true
      ignore_unreachable: true
      register: mail_bindings_looked

    - name: Keep what was found
      ansible.builtin.set_fact:
        mail_bindings_finding:
          host: "{{ inventory_hostname }}"
          result: "{{ mail_bindings_looked }}"
          maintenance: "{{ mail_bindings_maintenance | default(false) }}"
          ignore_listeners: "{{ mail_bindings_ignore_listeners | default([]) }}"

- name: Write the report
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Make one report of all hosts
      ansible.builtin.set_fact:
        mail_bindings_drift: >-
          {{ groups['mail'] | map('extract', hostvars) | selectattr('mail_bindings_finding', 'defined') | map(attribute='mail_bindings_finding')
             | mailops.bindings.drift_report(generated=now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ'), hosts=groups['mail']) }}

    - name: Write it for programs
      ansible.builtin.copy:
        content: "{{ mail_bindings_drift | to_nice_json }}"
        dest: report.json
        mode: "0644"

    - name: Write it for people
      ansible.builtin.copy:
        content: "{{ mail_bindings_drift | mailops.bindings.drift_html }}"
        dest: report.html
        mode: "0644"
"""

RETURN = r"""
_value:
  description: The report. Its JSON Schema is C(docs/report.schema.json) in the collection, and C(docs/drift.md) says more.
  type: dict
  contains:
    schema_version:
      description: The version of the report's shape, 1.
      type: int
    generated:
      description: The time that was given.
      type: str
    verdict:
      description: V(drift) if a host has drifted, else V(incomplete) if not everything could be checked, else V(clean). Hosts in maintenance do not count.
      type: str
    counts:
      description:
        - How many. C(hosts) has C(total), C(drift), C(incomplete), C(clean) and C(maintenance); C(words) has the listeners by word, and C(levels) the hosts
          that have drifted in each of the three ways. Hosts in maintenance are in C(total) and C(maintenance) alone.
      type: dict
    hosts:
      description: The hosts, the worst first.
      type: list
      elements: dict
      contains:
        host:
          description: Its name.
          type: str
        verdict:
          description: V(drift), V(incomplete) or V(clean).
          type: str
        maintenance:
          description: Whether it is in maintenance, and so not counted.
          type: bool
        error:
          description: Why it could not be checked. Empty if it could.
          type: str
        counts:
          description: How many of its listeners have which word.
          type: dict
        levels:
          description: For each of C(config), C(files) and C(listening) whether it has drifted (C(drift)), the C(changes) to be made, and the C(listeners).
          type: dict
        addresses:
          description: Its IP addresses.
          type: list
          elements: dict
        ports:
          description: Its ports, by number.
          type: list
          elements: dict
        cells:
          description: A cell for each listener that is declared, or was found and is not.
          type: list
          elements: dict
        ignored:
          description: Listeners that nobody declared and that are to be ignored.
          type: list
          elements: str
        certificates:
          description: The certificate files, with their problems.
          type: list
          elements: dict
        warnings:
          description: What the task warned of.
          type: list
          elements: str
"""

import collections.abc
import functools
import ipaddress
import re
import typing as t

SCHEMA_VERSION = 1
VERDICTS = ("drift", "incomplete", "clean")
LEVELS = ("config", "files", "listening")

#: What a cell says.
MISSING = "missing"
DIFFERS = "differs"
WRONG_CERTIFICATE = "wrong certificate"
UNEXPECTED = "unexpected"
NOT_CHECKED = "could not be checked"
EXPIRING = "certificate expiring"
AS_DECLARED = "as declared"
#: The worst first.
WORDS = (MISSING, DIFFERS, WRONG_CERTIFICATE, UNEXPECTED, NOT_CHECKED, EXPIRING, AS_DECLARED)
DRIFT_WORDS = (MISSING, DIFFERS, WRONG_CERTIFICATE, UNEXPECTED)

_WORD_OF_STATUS = {
    "refused": MISSING,
    "timeout": MISSING,
    "not_local": MISSING,
    "wrong_protocol": DIFFERS,
    "no_starttls": DIFFERS,
    "tls_failed": DIFFERS,
    "no_auth": DIFFERS,
    "unexpected": DIFFERS,
    "wrong_certificate": WRONG_CERTIFICATE,
    "expiring": EXPIRING,
    "expired": EXPIRING,
    "ok": AS_DECLARED,
}
#: What is said of a status where the module said no more.
_DETAIL_OF_STATUS = {
    "refused": "connections are refused",
    "timeout": "does not answer in time",
    "not_local": "the address is not on this host",
    "wrong_protocol": "something else answers",
    "no_starttls": "does not offer STARTTLS",
    "tls_failed": "the TLS handshake failed",
    "no_auth": "offers no AUTH",
    "unexpected": "nobody declared it",
    "wrong_certificate": "serves another certificate than the one in its file",
    "expiring": "the certificate is about to expire",
    "expired": "the certificate has expired",
}

_STANDARD_NUMBERS = {
    "smtp": (25, 465),
    "submission": (587, 465),
    "imap": (143, 993),
    "pop": (110, 995),
    "ldap": (389, 636),
}
#: What of a port its clients can tell, as changes of a listener have it.
_FACTS = ("protocol", "encryption", "certificate_path", "private_key_path")
_SERVERS = {
    "smtp": "postfix",
    "submission": "postfix",
    "imap": "dovecot",
    "pop": "dovecot",
    "ldap": "slapd",
}
_CERTIFICATE = (
    "subject",
    "issuer",
    "names",
    "not_before",
    "not_after",
    "days_left",
    "fingerprint_sha256",
    "matches_file",
)

TEXT_CHARACTERS = 600
ERROR_CHARACTERS = 4000
LINES = 60
ENTRIES = 200  # of a host's warnings, of a change's keys: far more than there ever are

#: What would garble a page or a terminal: controls, surrogates (no UTF-8 has them), and those that turn the direction of text.
_GARBLING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)

Key = t.Tuple[str, int]


def drift_report(findings: t.Any, generated: t.Any, hosts: t.Any = None) -> dict:
    """The report on these findings; see DOCUMENTATION."""
    if findings is None:
        findings = []
    elif isinstance(findings, (str, bytes, dict)) or not isinstance(
        findings, collections.abc.Iterable
    ):
        findings = [findings]
    rows = [_host(_dict(finding)) for finding in findings]
    found = {row["host"] for row in rows}
    rows += [
        _host({"host": name}) for name in dict.fromkeys(_list(hosts)) if _name(name) not in found
    ]
    rows.sort(key=_worst_first)
    counted = [row for row in rows if not row["maintenance"]]
    by_verdict = {
        verdict: sum(row["verdict"] == verdict for row in counted) for verdict in VERDICTS
    }
    # a run that met nobody has seen nothing
    verdict = next(
        (verdict for verdict in VERDICTS if by_verdict[verdict]), "clean" if rows else "incomplete"
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "generated": _text(generated),
        "verdict": verdict,
        "counts": {
            "hosts": {"total": len(rows), **by_verdict, "maintenance": len(rows) - len(counted)},
            "words": {word: sum(row["counts"][word] for row in counted) for word in WORDS},
            "levels": {
                level: sum(row["levels"][level]["drift"] for row in counted) for level in LEVELS
            },
        },
        "hosts": rows,
    }


def _worst_first(row: dict) -> tuple:
    counts, verdict = row["counts"], row["verdict"]
    if verdict == "clean":
        rank = 3 if counts[EXPIRING] else 4
    else:
        rank = 2 if row["maintenance"] else VERDICTS.index(verdict)
    return (rank, *(-counts[word] for word in WORDS[:-1]), _natural(row["host"]))


def _natural(text: str) -> list:
    """Sort key: mx2 before mx10."""
    return [
        (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)
        for part in re.split("([0-9]+)", text.lower())
    ]


# -- one host


class _Change(t.NamedTuple):
    """A change that the module would make, cut to size."""

    action: str
    kind: str
    name: str
    before: dict
    after: dict

    @property
    def of_a_server(self) -> bool:
        """Of a server's file: their changes have lines, those of the config's own file have owner and mode."""
        return self.kind == "file" and ("lines" in self.before or "lines" in self.after)

    @property
    def certificate_alone(self) -> bool:
        """Of a listener: the server still serves what was in the file before."""
        return bool(self.before and self.after) and {
            key
            for key in {*self.before, *self.after}
            if self.before.get(key) != self.after.get(key)
        } == {"fingerprint_sha256"}


class _Declared(t.NamedTuple):
    """Ports by name, and IP bindings by canonical address, as the document has them."""

    ports: dict
    ip_addresses: dict

    def listeners(self) -> dict:
        """(address, number) -> (port's entry, IP's entry)."""
        found: dict = {}
        for address, binding in self.ip_addresses.items():
            for name in map(_name, _list(binding.get("ports"))):
                number = _port_number(self.ports.get(name))
                if number is not None:
                    found.setdefault((address, number), (self.ports[name], binding))
        return found


def _host(finding: dict) -> dict:
    """A host's row of the report."""
    result = _dict(finding.get("result"))
    changes = [_change(change) for change in _list(result.get("changes"))]
    declared = _Declared(
        {
            _name(port.get("name")): port
            for port in map(_dict, _either(result, finding, "ports"))
            if "name" in port
        },
        {
            _address(_given_address(ip)): ip
            for ip in map(_dict, _either(result, finding, "ip_addresses"))
            if _given_address(ip) is not None
        },
    )
    ignored = {key for key in map(_listener_key, _list(finding.get("ignore_listeners"))) if key}
    cells = _Cells(
        declared, changes, [_dict(seen) for seen in _list(result.get("listeners_before"))], ignored
    )
    rows = cells.rows()
    levels = _levels(changes, rows)
    counts = {word: sum(row["word"] == word for row in rows) for word in WORDS}
    error = _error(result)
    drift = any(level["drift"] for level in levels.values())
    return {
        "host": _name(finding.get("host")) or "(no name)",
        "verdict": "drift" if drift else "incomplete" if error or counts[NOT_CHECKED] else "clean",
        "maintenance": _truth(finding.get("maintenance")),
        "error": error,
        "counts": counts,
        "levels": levels,
        "addresses": [
            {
                "address": address,
                "hostname": _text(_dict(declared.ip_addresses.get(address)).get("hostname")),
                "floating": _truth(_dict(declared.ip_addresses.get(address)).get("floating")),
                "declared": address in declared.ip_addresses,
            }
            for address in sorted(
                {*declared.ip_addresses, *(row["address"] for row in rows)}, key=_address_order
            )
        ],
        "ports": _columns(rows),
        "cells": rows,
        "ignored": [_listener_name(*key) for key in sorted(cells.ignored, key=_in_order)],
        "certificates": [
            _certificate_file(facts)
            for facts in map(_dict, _list(result.get("certificates"))[:ENTRIES])
        ],
        "warnings": _warnings(result, rows),
    }


def _either(result: dict, finding: dict, key: str) -> list:
    """What is declared: as the module has it, which may know more, else as it was given to it."""
    return _list(result[key] if isinstance(result.get(key), (list, tuple)) else finding.get(key))


def _error(result: dict) -> str:
    message = _text(result.get("msg"), ERROR_CHARACTERS)
    if _truth(result.get("unreachable")):
        return "unreachable: " + message if message else "unreachable"
    if _truth(result.get("failed")):
        return message or "the task failed, and did not say why"
    if not isinstance(result.get("changes"), (list, tuple)):
        return "it was not checked: there is no result" + (": " + message if message else "")
    return ""


def _levels(changes: list, rows: list) -> dict:
    own = {
        "config": [
            change
            for change in changes
            if change.kind in ("port", "ip_binding")
            or (change.kind == "file" and not change.of_a_server)
        ],
        "files": [change for change in changes if change.of_a_server],
        "listening": [
            change
            for change in changes
            if change.kind == "listener" and not _listener_key(change.name)
        ],
    }
    found = {}
    for level in LEVELS:
        listeners = [row["name"] for row in rows if level in row["levels"]]
        found[level] = {
            "drift": bool(own[level] or listeners),
            "changes": [change._asdict() for change in own[level]],
            "listeners": listeners,
        }
    return found


def _columns(rows: list) -> list:
    found: dict = {}
    for row in rows:
        column = found.setdefault(
            row["port"],
            {"port": row["port"], "names": set(), "protocols": set(), "encryptions": set()},
        )
        column["names"].add(row["port_name"])
        column["protocols"].add(row["protocol"])
        column["encryptions"].add(row["encryption"])
    return [
        {
            key: value if key == "port" else sorted(value - {""})
            for key, value in found[number].items()
        }
        for number in sorted(found)
    ]


def _warnings(result: dict, rows: list) -> list:
    """Those that say more than a cell does already."""
    said = tuple(row["name"] + ": " for row in rows)
    warnings = [_text(warning) for warning in _list(result.get("warnings"))[:ENTRIES]]
    return [warning for warning in warnings if warning and not warning.startswith(said)]


def _certificate_file(facts: dict) -> dict:
    return {
        "path": _text(facts.get("path")),
        "names": _texts(facts.get("names")),
        "not_after": _text(facts.get("not_after")),
        "days_left": _integer(facts.get("days_left")),
        "problems": _texts(facts.get("problems")),
    }


# -- its listeners


class _Cells:
    """The listeners of a host: declared × found × to be changed, each of them once. Keys are (address, number)."""

    def __init__(self, declared: _Declared, changes: list, seen: list, ignored: set):
        self.declared = declared.listeners()
        self.seen = {
            key: listener
            for key, listener in ((_key(listener), listener) for listener in seen)
            if key
        }
        self.changes = {
            key: change
            for key, change in (
                (_listener_key(change.name), change)
                for change in changes
                if change.kind == "listener"
            )
            if key
        }
        self._config_changes = any(change.kind in ("port", "ip_binding") for change in changes)
        self.in_config = _as_before(declared, changes).listeners() if self._config_changes else {}
        self._files = {_server_of(change.name) for change in changes if change.of_a_server}
        undeclared = {
            key for key, listener in self.seen.items() if listener.get("status") == "unexpected"
        }
        undeclared = {*undeclared, *self.changes, *self.in_config}.difference(self.declared)
        self.ignored = undeclared & ignored
        self.keys = sorted({*self.declared, *undeclared} - self.ignored, key=_in_order)

    def rows(self) -> list:
        """The cells of the report."""
        return [self._row(*key) for key in self.keys]

    def _row(self, address: str, number: int) -> dict:
        key = address, number
        port, binding = self.declared.get(key, ({}, {}))
        seen, change = self.seen.get(key, {}), self.changes.get(key)
        config = self._config(key)
        status = (
            seen["status"]
            if isinstance(seen.get("status"), str) and seen["status"] in _WORD_OF_STATUS
            else ""
        )
        word = self._word(key, status, change, config)
        before, after = (
            (change.before, change.after) if change else config[1:] if config else ({}, {})
        )
        facts = port or before or seen
        detail = _text(seen.get("detail")) or (
            _DETAIL_OF_STATUS.get(status, "") if word != AS_DECLARED else ""
        )
        if not detail and change and word != AS_DECLARED:
            detail = {"add": "it is not there", "remove": "nobody declared it"}.get(
                change.action, "the server has it otherwise"
            )
        elif not detail and word == NOT_CHECKED:
            detail = "nobody connected to it"
        return {
            "address": address,
            "port": number,
            "name": _listener_name(address, number),
            "port_name": _text(port.get("name")),
            "protocol": _text(facts.get("protocol") or seen.get("protocol")),
            "encryption": _text(
                facts.get("encryption") or seen.get("encryption") or ("none" if port else "")
            ),
            "word": word,
            "status": status,
            "detail": _text("; ".join(filter(None, [detail, config[0] if config else ""]))),
            "levels": self._levels(word, status, facts, change, config),
            "before": before,
            "after": after,
            "greeting": "" if word == AS_DECLARED else _text(seen.get("greeting")),
            "certificate": {} if word == AS_DECLARED else _certificate(seen.get("certificate")),
        }

    def _config(self, key: Key) -> t.Optional[tuple]:
        """How the host's config differs here from what is declared: (in words, before, after); None where it does not."""
        if not self._config_changes:
            return None
        before, after = (
            _facts(side[key][0]) if key in side else {} for side in (self.in_config, self.declared)
        )
        if before == after:
            return None
        words = (
            "in the config of the host, but not declared"
            if not after
            else "not in the config of the host"
            if not before
            else ("otherwise in the config of the host")
        )
        return words, before, after

    def _word(
        self, key: Key, status: str, change: t.Optional[_Change], config: t.Optional[tuple]
    ) -> str:
        if key not in self.declared:
            return UNEXPECTED
        if status == "not_local" and _truth(self.declared[key][1].get("floating")):
            status = "ok"
        word = _WORD_OF_STATUS.get(status, NOT_CHECKED)
        if word in (MISSING, DIFFERS):
            return word
        if change and not change.certificate_alone:
            return MISSING if change.action == "add" and not status else DIFFERS
        if word == WRONG_CERTIFICATE or change:
            return WRONG_CERTIFICATE
        return DIFFERS if config else word

    def _levels(
        self,
        word: str,
        status: str,
        port: dict,
        change: t.Optional[_Change],
        config: t.Optional[tuple],
    ) -> list:
        """In which ways it has drifted."""
        if word not in DRIFT_WORDS:
            return []
        server = _SERVERS.get(_text(port.get("protocol")), "")
        by_file = (
            bool(change)
            and not change.certificate_alone
            and bool(self._files & {server, ""} if server else self._files)
        )
        found = {"config": bool(config), "files": by_file}
        # what follows from the files is theirs; what follows from neither, or can be seen from outside, is the server's own
        found["listening"] = not by_file and (
            bool(change) or not config or _WORD_OF_STATUS.get(status) in DRIFT_WORDS
        )
        return [level for level in LEVELS if found[level]]


def _as_before(declared: _Declared, changes: list) -> _Declared:
    """The config before the changes: what is declared, with each of them taken back."""
    ports, ip_addresses = dict(declared.ports), dict(declared.ip_addresses)
    for change in changes:
        if change.kind in ("port", "ip_binding"):
            entries, identity = (
                (ports, change.name)
                if change.kind == "port"
                else (ip_addresses, _address(change.name))
            )
            if change.before:
                entries[identity] = change.before
            else:
                entries.pop(identity, None)
    return _Declared(ports, ip_addresses)


def _facts(port: dict) -> dict:
    found = {fact: _text(port.get(fact)) for fact in _FACTS}
    if found["encryption"] in ("", "none"):
        return {"protocol": found["protocol"], "encryption": "none"}
    found["private_key_path"] = found["private_key_path"] or found["certificate_path"]
    return found


def _port_number(port: t.Any) -> t.Optional[int]:
    port = _dict(port)
    number = _integer(port.get("port"))
    if number is None and port.get("port") is None:
        standard = _STANDARD_NUMBERS.get(_text(port.get("protocol")))
        number = standard[port.get("encryption") == "ssl"] if standard else None
    return number if number is not None and 0 <= number <= 65535 else None


def _server_of(path: str) -> str:
    """Whose file it is; '' if that can't be told."""
    path = path.lower()
    return next(
        (
            server
            for sign, server in (
                ("postfix", "postfix"),
                ("dovecot", "dovecot"),
                ("ldap", "slapd"),
                ("slapd", "slapd"),
                ("cn=config", "slapd"),
            )
            if sign in path
        ),
        "",
    )


# -- addresses


def _given_address(ip: dict) -> t.Any:
    return ip.get("address", ip.get("ip"))


def _address(value: t.Any) -> str:
    """In its one way of being written, if it is one."""
    return _canonical(_name(value))


@functools.lru_cache(maxsize=65536)  # each is asked for with each of its ports
def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


@functools.lru_cache(maxsize=65536)
def _address_order(address: str) -> tuple:
    """Sort key: IPv4, IPv6, what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return 9, 0, address
    return parsed.version, int(parsed), address


def _in_order(key: Key) -> tuple:
    return _address_order(key[0]), key[1]


def _key(listener: dict) -> t.Optional[Key]:
    number = _integer(listener.get("port"))
    if number is None or not 0 <= number <= 65535 or not _name(listener.get("address")):
        return _listener_key(listener.get("name"))
    return _address(listener["address"]), number


def _listener_key(name: t.Any) -> t.Optional[Key]:
    """Of a name as 192.0.2.1:993 or [2001:db8::1]:993; None if it is none."""
    address, ignored, number = _name(name).rpartition(":")
    if not (number.isdecimal() and number.isascii() and len(number) <= 5) or not address:
        return None
    if int(number) > 65535:
        return None
    return _address(address[1:-1] if address[0] == "[" and address[-1] == "]" else address), int(
        number
    )


def _listener_name(address: str, number: int) -> str:
    return ("[%s]:%d" if ":" in address else "%s:%d") % (address, number)


# -- values from elsewhere, in a shape that can be relied on


def _dict(value: t.Any) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: t.Any) -> list:
    return list(value) if isinstance(value, (list, tuple)) else []


def _truth(value: t.Any) -> bool:
    """As people write it in an inventory: there, "false" is often text."""
    return (
        value.strip().lower() in ("true", "yes", "on", "1", "y", "t")
        if isinstance(value, str)
        else bool(value)
    )


def _integer(value: t.Any) -> t.Optional[int]:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if re.fullmatch("-?[0-9]{1,9}", value) else None
    return (
        int(value)
        if isinstance(value, (int, float)) and abs(value) < 10**9 and value == int(value)
        else None
    )


def _name(value: t.Any) -> str:
    return _text(value, 255)


def _text(value: t.Any, limit: int = TEXT_CHARACTERS) -> str:
    """One line or several, that can be written and read anywhere, and not too long."""
    if isinstance(value, str) and len(value) <= limit and value.isprintable():  # nearly all are
        return value
    if value is None or isinstance(value, (dict, list, tuple, set)):
        return ""
    try:
        text = ("true" if value else "false") if isinstance(value, bool) else "%s" % (value,)
    except ValueError:  # a number of thousands of digits
        return "…"
    text = text[: limit - 1] + "…" if len(text) > limit else text
    return _GARBLING.sub("\ufffd", text.replace("\r\n", "\n"))


def _texts(value: t.Any) -> list:
    items = _list(value)
    return [_text(item) for item in items[:LINES]] + (
        ["… and %d more" % (len(items) - LINES)] if len(items) > LINES else []
    )


def _change(value: t.Any) -> _Change:
    value = _dict(value)
    action, kind = value.get("action"), value.get("kind")
    if action not in ("add", "change", "remove") or kind not in (
        "port",
        "ip_binding",
        "file",
        "listener",
    ):
        action, kind = "change", "file"  # something would change, whatever it is
    return _Change(
        action,
        kind,
        _name(value.get("name")),
        _entry(value.get("before")),
        _entry(value.get("after")),
    )


def _entry(value: t.Any) -> dict:
    """An entry before or after, one level deep."""
    found: dict = {}
    for key, item in list(_dict(value).items())[:ENTRIES]:
        found[_name(key)] = (
            _texts(item)
            if isinstance(item, (list, tuple))
            else item
            if isinstance(item, bool)
            else _integer(item)
            if isinstance(item, int) and _integer(item) is not None
            else _text(item)
        )
    return found


def _certificate(value: t.Any) -> dict:
    facts = _dict(value)
    found: dict = {}
    for key in _CERTIFICATE:
        if facts.get(key) is not None:
            found[key] = (
                _texts(facts[key])
                if key == "names"
                else _truth(facts[key])
                if key == "matches_file"
                else _integer(facts[key])
                if key == "days_left"
                else _text(facts[key])
            )
    return found


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict:
        """By name."""
        return {"drift_report": drift_report}
