# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listeners of a host as cells of a report, each listener once.

A cell compares what is declared, what the probe saw and what the module would change.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import endpoint
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.finding import (
    HostFinding,
    ReportedChange,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.listeners import (
    Key,
    key_order,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.values import (
    Json,
    as_bool,
    as_certificate,
    as_text,
)
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.words import (
    DRIFT_WORDS,
    STATUSES,
    Level,
    Status,
    Word,
    worst,
)

#: What of a port its clients can tell, as changes of a listener have it.
_FACTS = ("protocol", "encryption", "certificate_path", "private_key_path")
#: What a change says of its listener where the probe said nothing.
_DETAIL_OF_ACTION = {
    "add": "there is no such listener",
    "change": "the server is configured differently",
    "remove": "not declared",
}


class ConfigDifference(t.NamedTuple):
    """How the host's config differs from what is declared, for one listener."""

    detail: str
    before: Json
    after: Json


class ComparedListener(t.NamedTuple):
    """All that is known of one listener."""

    key: Key
    port: Json  # the declared port's entry; empty if the listener is not declared
    binding: Json  # the declared address's entry
    seen: Json  # as the probe saw it
    change: t.Optional[ReportedChange]
    files_change: bool  # a file of its server would change
    config: t.Optional[ConfigDifference]

    @property
    def status_name(self) -> str:
        """The status of the probe; '' if there was none, or none that is known."""
        status = self.seen.get("status")
        return status if isinstance(status, str) and status in STATUSES else ""

    @property
    def status(self) -> t.Optional[Status]:
        """What that stands for."""
        return STATUSES.get(self.status_name)


def cells_of(finding: HostFinding) -> t.Tuple[t.List[Json], t.List[str]]:
    """The cells of a host in address order, and the names of the listeners that are ignored."""
    declared = finding.declared.listeners()
    changes = {change.key: change for change in finding.changes if change.key}
    in_config = _in_config(finding)
    unexpected = {
        key for key, listener in finding.seen.items() if listener.get("status") == "unexpected"
    }
    undeclared = {*unexpected, *changes, *(in_config or ())}.difference(declared)
    ignored = undeclared & finding.ignored
    changed_servers = {change.server for change in finding.changes if change.level is Level.FILES}

    def compared(key: Key) -> ComparedListener:
        port, binding = declared.get(key, ({}, {}))
        change = changes.get(key)
        config = None
        if in_config is not None:
            config = _config_difference(in_config.get(key), port)
        files_change = change is not None and change.server in changed_servers
        seen = finding.seen.get(key, {})
        return ComparedListener(key, port, binding, seen, change, files_change, config)

    keys = sorted({*declared, *undeclared} - ignored, key=key_order)
    return (
        [_cell(compared(key)) for key in keys],
        [endpoint(*key) for key in sorted(ignored, key=key_order)],
    )


def _in_config(finding: HostFinding) -> t.Optional[t.Dict[Key, Json]]:
    """The ports of the host's config as it is, by listener; None where that is as declared."""
    if not any(change.kind in ("port", "ip_binding") for change in finding.changes):
        return None
    before = finding.declared.before(finding.changes).listeners()
    return {key: port for key, (port, dummy) in before.items()}


def _config_difference(stored: t.Optional[Json], declared: Json) -> t.Optional[ConfigDifference]:
    before, after = _facts(stored), _facts(declared)
    if before == after:
        return None
    if not after:
        detail = "in the config of the host, but not declared"
    elif not before:
        detail = "not in the config of the host"
    else:
        detail = "different in the config of the host"
    return ConfigDifference(detail, before, after)


def _facts(port: t.Optional[Json]) -> Json:
    """What clients can tell of a port; empty if there is none."""
    if not port:
        return {}
    facts = {fact: as_text(port.get(fact)) for fact in _FACTS}
    if facts["encryption"] in ("", "none"):
        return {"protocol": facts["protocol"], "encryption": "none"}
    facts["private_key_path"] = facts["private_key_path"] or facts["certificate_path"]
    return facts


def _cell(listener: ComparedListener) -> Json:
    word = _word(listener)
    address, number = listener.key
    port, seen = listener.port, listener.seen
    difference = listener.change or listener.config
    before, after = (difference.before, difference.after) if difference else ({}, {})
    shown = port or before or seen
    quiet = word is Word.AS_DECLARED  # then there is nothing to look into
    return {
        "address": address,
        "port": number,
        "name": endpoint(*listener.key),
        "port_name": as_text(port.get("name")),
        "protocol": as_text(shown.get("protocol") or seen.get("protocol")),
        "encryption": as_text(
            shown.get("encryption") or seen.get("encryption") or ("none" if port else "")
        ),
        "word": word.value,
        "status": listener.status_name,
        "detail": _detail(listener, word),
        "levels": [level.value for level in _levels(listener, word)],
        "before": before,
        "after": after,
        "greeting": "" if quiet else as_text(seen.get("greeting")),
        "certificate": {} if quiet else as_certificate(seen.get("certificate")),
    }


def _word(listener: ComparedListener) -> Word:
    """The worst of what the probe and the change say; the config counts where they say nothing."""
    if not listener.port:
        return Word.UNEXPECTED
    word = worst([_word_of_status(listener), *_words_of_change(listener)])
    return Word.DIFFERS if listener.config and word not in DRIFT_WORDS else word


def _word_of_status(listener: ComparedListener) -> Word:
    if listener.status_name == "not_local" and as_bool(listener.binding.get("floating")):
        return Word.AS_DECLARED
    return listener.status.word if listener.status else Word.NOT_CHECKED


def _words_of_change(listener: ComparedListener) -> t.Iterator[Word]:
    change = listener.change
    if not change:
        return
    if change.certificate_alone:
        yield Word.WRONG_CERTIFICATE
    elif change.action == "add" and not listener.status:
        yield Word.MISSING
    else:
        yield Word.DIFFERS


def _detail(listener: ComparedListener, word: Word) -> str:
    """What the probe said, else what its status stands for, else the change; and the config."""
    detail = as_text(listener.seen.get("detail"))
    if not detail and word is not Word.AS_DECLARED:
        if listener.status and listener.status.detail:
            detail = listener.status.detail
        elif listener.change:
            detail = _DETAIL_OF_ACTION[listener.change.action]
        elif word is Word.NOT_CHECKED:
            detail = "not probed"
    config = listener.config.detail if listener.config else ""
    return as_text("; ".join(filter(None, [detail, config])))


def _levels(listener: ComparedListener, word: Word) -> t.List[Level]:
    """In which ways it has drifted.

    What follows from a server's files is theirs. What follows from neither the config nor the
    files, or is seen from outside, is the server's own.
    """
    if word not in DRIFT_WORDS:
        return []
    change, config = listener.change, listener.config
    by_file = change is not None and listener.files_change and not change.certificate_alone
    seen_from_outside = listener.status is not None and listener.status.word in DRIFT_WORDS
    drifted = {
        Level.CONFIG: config is not None,
        Level.FILES: by_file,
        Level.LISTENING: not by_file
        and (change is not None or config is None or seen_from_outside),
    }
    return [level for level in Level if drifted[level]]
