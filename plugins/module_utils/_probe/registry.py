# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which dialogue is spoken for which protocol.

A new protocol is a file with its dialogue, a loader here, and a line in C(_config.protocols).
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import PROTOCOLS
from ansible_collections.mailops.bindings.plugins.module_utils._probe.dialogue import Dialogue


def _smtp() -> Dialogue:
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.smtp import Smtp

    return Smtp()


def _imap() -> Dialogue:
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.imap import Imap

    return Imap()


def _pop() -> Dialogue:
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.pop import Pop

    return Pop()


def _ldap() -> Dialogue:
    from ansible_collections.mailops.bindings.plugins.module_utils._probe.ldap import Ldap

    return Ldap()


#: Each loads its file when it is called: a host without LDAP does not compile LDAP's.
LOADERS: t.Mapping[str, t.Callable[[], Dialogue]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop": _pop,
    "ldap": _ldap,
}


def dialogue_of(protocol: str) -> Dialogue:
    """The dialogue of a protocol of the table."""
    return LOADERS[PROTOCOLS[protocol].dialogue]()


def greeted_by(line: bytes, expected: Dialogue) -> t.Optional[Dialogue]:
    """The dialogue that greets with this line: C(expected) first; None if there is none."""
    if expected.greets_with(line):
        return expected
    for load in LOADERS.values():
        dialogue = load()
        if dialogue.greets_with(line):
            return dialogue
    return None
