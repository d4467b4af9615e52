# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To judge certificates of C(pki): what all tests of certificates go by.

They are made for a NOW of 2030: what depends on the host's own clock fails.
"""

from __future__ import annotations

import contextlib
import datetime
import signal
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from support import pki

NOW = datetime.datetime(2030, 6, 1, 12, 34, 56, tzinfo=datetime.timezone.utc)
EXPIRES = NOW + datetime.timedelta(days=pki.DAYS)
SECOND, HOUR, DAY = (
    datetime.timedelta(seconds=1),
    datetime.timedelta(hours=1),
    datetime.timedelta(days=1),
)
WRONG_PASSWORD = "Correct-Horse-8"
#: The options that can be at fault.
CERTIFICATE, KEY, PASSWORD = "certificate_path", "private_key_path", "certificate_password"


def certificate(folder, name, key="", password=None, now=NOW) -> Certificate:
    """That of a file in this folder."""
    return Certificate(Source(str(folder / name), str(folder / key) if key else "", password), now)


def written(folder, *contents: bytes, name: str = "some.pem", mode: int = 0o600) -> str:
    """The path of a file with these contents."""
    return pki.write(folder / name, b"".join(contents), mode)


def reachable(folder) -> None:
    """Let every user enter this folder: pytest's own are for its user alone."""
    for place in [folder, *list(folder.parents)[:2]]:
        place.chmod(0o755)


def only(findings: list) -> t.Any:
    """The finding, which has to be the only one."""
    assert len(findings) == 1, findings
    return findings[0]


@contextlib.contextmanager
def within(seconds: int) -> t.Iterator[None]:
    """What hangs fails."""

    def too_late(number, frame):
        raise AssertionError("took more than %d seconds" % seconds)

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
