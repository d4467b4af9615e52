# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a report: what it says of a listener, of a host and of a fleet."""

from __future__ import annotations

import enum
import typing as t


class Word(enum.Enum):
    """What a cell says. The worst first."""

    MISSING = "missing"
    DIFFERS = "differs"
    WRONG_CERTIFICATE = "wrong certificate"
    AT_RISK = "at risk"
    UNEXPECTED = "unexpected"
    NOT_CHECKED = "could not be checked"
    EXPIRING = "certificate expiring"
    AS_DECLARED = "as declared"


class Level(enum.Enum):
    """In which of three ways a listener or a host drifted."""

    CONFIG = "config"  # the host's bindings config is not what is declared
    FILES = "files"  # the servers' files are not what the config says
    LISTENING = "listening"  # what answers is not what the files say


class Verdict(enum.Enum):
    """What is said of a host, and of a fleet. The worst first."""

    DRIFT = "drift"
    INCOMPLETE = "incomplete"
    CLEAN = "clean"


class Status(t.NamedTuple):
    """What a status of mail_listeners_info stands for in a report."""

    word: Word
    detail: str  # said where the module said no more


STATUSES: t.Mapping[str, Status] = {
    "refused": Status(Word.MISSING, "connection refused"),
    "timeout": Status(Word.MISSING, "no answer in time"),
    "not_local": Status(Word.MISSING, "the address is not on this host"),
    "wrong_protocol": Status(Word.DIFFERS, "another protocol answers"),
    "no_starttls": Status(Word.DIFFERS, "STARTTLS is not offered"),
    "tls_failed": Status(Word.DIFFERS, "the TLS handshake failed"),
    "no_auth": Status(Word.DIFFERS, "AUTH is not offered"),
    "unexpected": Status(Word.DIFFERS, "not declared"),
    "wrong_certificate": Status(
        Word.WRONG_CERTIFICATE, "serves another certificate than the one in its file"
    ),
    "at_risk": Status(Word.AT_RISK, "it would not answer after a restart of its server"),
    "expiring": Status(Word.EXPIRING, "the certificate is about to expire"),
    "expired": Status(Word.EXPIRING, "the certificate has expired"),
    "ok": Status(Word.AS_DECLARED, ""),
}

DRIFT_WORDS = frozenset(
    {Word.MISSING, Word.DIFFERS, Word.WRONG_CERTIFICATE, Word.AT_RISK, Word.UNEXPECTED}
)

_SEVERITY = {word: number for number, word in enumerate(Word)}


def worst(words: t.Iterable[Word]) -> Word:
    """The worst of these words, of which there is at least one."""
    return min(words, key=_SEVERITY.__getitem__)
