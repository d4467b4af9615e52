# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenLDAP's slapd, 2.5 and 2.6, as Debian sets it up.

Its URLs are in a file and count from its next start on; its certificate is in cn=config. Most
hosts have no LDAP: this file imports nothing more than its base, and the rest where it is used.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
    SocketKey,
    State,
)

#: As C(parser.DEFAULTS) and C(parser.TLS).
_DEFAULTS = "/etc/default/slapd"
_TLS = "cn=config"


class Slapd(Server):
    """See Server. Resources: /etc/default/slapd, the drop-in of its unit, and C(parser.TLS)."""

    name = "slapd"
    title = "OpenLDAP"
    # slapd reads the files again where their settings are written, with the same values too
    renewal_command = ("ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///")
    renewal_stdin = """\
dn: cn=config
changetype: modify
replace: olcTLSCertificateFile
olcTLSCertificateFile: %(certificate_path)s
-
replace: olcTLSCertificateKeyFile
olcTLSCertificateKeyFile: %(private_key_path)s
"""
    protocols = ("ldap",)
    programs = ("slapd",)
    files = (_DEFAULTS,)
    packages = {"ldap": "slapd"}

    @property
    def reads_keys_as(self) -> str:  # type: ignore[override]  # it is a setting of the host
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import host

        return host.user()[0] or "root"

    @property
    def tls_library(self) -> str:  # type: ignore[override]  # it is the distribution's choice
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import host

        return "GnuTLS" if host.is_linked_to_gnutls() else "OpenSSL"

    def installed(self) -> bool:
        return os.path.exists("/usr/sbin/slapd")

    def running(self) -> bool:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import host

        return bool(host.processes())

    def main_process(self) -> int:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import host

        return next((process.pid for process in host.processes()), 0)

    def unit(self) -> str:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser

        return parser.UNIT

    def read(self) -> Configured:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import (
            host,
            render,
        )

        return render.configured(host.read_setup())

    def live_problem(self) -> str:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import service

        return service.live_problem()

    def plan(
        self,
        configured: Configured,
        desired: t.Optional[t.Sequence[Listener]],
        options: Options,
    ) -> Plan:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import render

        return render.plan(configured.details, desired, options)

    def validate(self, state: State) -> None:
        if state.get(_TLS):
            from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import (
                service,
            )

            service.validate_resource(state[_TLS])

    def get(self, resource: str) -> t.Optional[bytes]:
        if resource != _TLS:
            return super().get(resource)
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import service

        return service.get_resource()

    def put(self, resource: str, content: t.Optional[bytes]) -> None:
        if resource != _TLS:
            super().put(resource, content)
            return
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import service

        service.put_resource(content)

    def activate(self, how: str, sockets: frozenset[SocketKey]) -> None:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import service

        if how == "reload":
            service.reload()
        else:
            service.restart()

    def stop(self) -> None:
        from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import service

        service.stop()
