# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a conversation with a server can break off."""

from __future__ import annotations


class Silent(Exception):
    """The server did not answer in time."""


class Closed(Exception):
    """The server has closed the connection."""


class Endless(Exception):
    """An answer is longer than any that we wait for. C(str()) is its beginning."""


class Greeted(Exception):
    """The server sent text in place of TLS or LDAP. The text is the next to be read."""


class CertificateDemanded(Exception):
    """The server requires a client certificate, and says so by a reply after the handshake."""


class TlsFault(OSError):
    """A handshake or a record failed. C(str()) is OpenSSL's reason in lower case."""

    @property
    def wants_certificate(self) -> bool:
        """The server requires a client certificate. In TLS 1.3 it says so after the handshake."""
        return "certificate required" in str(self)
