# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's profiles: ports of typical setups. This is the one place that has them."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (
    standard_number,
)


class ProfilePort(t.NamedTuple):
    """A port of a profile. It has the standard number of its protocol and encryption."""

    name: str
    protocol: str
    encryption: str

    def as_entry(self) -> t.Dict[str, t.Any]:
        """As a bindings config has it, but for its certificate."""
        return {**self._asdict(), "port": standard_number(self.protocol, self.encryption)}


_SECURE = (
    ProfilePort("SMTP", "smtp", "tls"),
    ProfilePort("Submissions", "submission", "ssl"),
    ProfilePort("Submission", "submission", "tls"),
    ProfilePort("IMAPS", "imap", "ssl"),
    ProfilePort("POP3S", "pop", "ssl"),
)
_STARTTLS = (ProfilePort("POP3", "pop", "tls"), ProfilePort("IMAP", "imap", "tls"))

PROFILES: t.Mapping[str, t.Tuple[ProfilePort, ...]] = {
    "secure": _SECURE,
    "classic": _SECURE + _STARTTLS,
    "custom": (),
}
