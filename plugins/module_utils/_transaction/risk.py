# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers now from a server's memory, and would not after a restart of the server.

Judged by what the server's configuration names: files, certificates with their keys, addresses.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.load import (
    load_problem,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import is_wildcard
from ansible_collections.mailops.bindings.plugins.module_utils._host.local import bind_error
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    CertificateFiles,
    Configured,
    SocketKey,
)


class Risks:
    """Looks at each file and address once, however many listeners depend on it."""

    def __init__(self) -> None:
        self._unreadable: dict[tuple[str, str], str] = {}  # (path, user) -> why
        self._unloadable: dict[tuple[CertificateFiles, str], str] = {}
        self._unbindable: dict[str, str] = {}

    def of(self, configured: Configured, user: str) -> dict[SocketKey, str]:
        """Why its listeners would not answer after a restart: those for which that is known.

        C(user): as which the server reads its certificates and keys.
        """
        whole = self.of_server(configured, user)
        found = {}
        for listener in (entry.listener for entry in configured.listeners):
            reason = whole
            if not reason and listener.encryption != "none" and listener.certificate_path:
                pair = listener.certificate_path, listener.key_path
                reason = self._of_certificate(pair, user)
            if reason:
                found[listener.address, listener.port] = reason
        return found

    def of_server(self, configured: Configured, user: str) -> str:
        """Why the server would not start, or none of its listeners would answer; '' if not so."""
        reasons = (
            *(self._of_file(path, user) for path in configured.files_at_start),
            *(self._of_certificate(pair, user) for pair in configured.certificates_at_start),
            *(self._of_address(address) for address in _addresses(configured.sockets)),
        )
        return next(filter(None, reasons), "")

    def _of_certificate(self, files: CertificateFiles, user: str) -> str:
        """Why OpenSSL could not load this certificate with its key; '' if it can."""
        if (files, user) not in self._unloadable:
            reason = next(filter(None, (self._of_file(path, user) for path in files)), "")
            problem = reason or load_problem(*files)
            if problem and not reason:
                reason = "%s with the key %s does not load: %s" % (*files, problem)
            self._unloadable[files, user] = reason
        return self._unloadable[files, user]

    def _of_file(self, path: str, user: str) -> str:
        if (path, user) not in self._unreadable:
            self._unreadable[path, user] = _why_unreadable(path, user)
        return self._unreadable[path, user]

    def _of_address(self, address: str) -> str:
        if address not in self._unbindable:
            reason = "%s is in its files, and is not an address of this host" % address
            self._unbindable[address] = reason if _is_gone(address) else ""
        return self._unbindable[address]


def _why_unreadable(path: str, user: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return "%s can't be read: %s" % (path, error.strerror)
    os.close(handle)
    if user != "root":
        from ansible_collections.mailops.bindings.plugins.module_utils._host.view import View

        if not View(user).user_reads(path):
            return "%s can't be read by the user %s" % (path, user)
    return ""


def _is_gone(address: str) -> bool:
    """Can no socket be bound to it, also not after duplicate address detection?"""
    if not bind_error(address):
        return False
    from ansible_collections.mailops.bindings.plugins.module_utils._host import addresses

    return bool(addresses.cannot_listen(address, floating=False))


def _addresses(sockets: t.Iterable[SocketKey]) -> list[str]:
    """The addresses of these sockets, without wildcards, which every host can bind."""
    return sorted({address for address, dummy in sockets if not is_wildcard(address)})
