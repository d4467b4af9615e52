# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenLDAPs that are set up in some way, and what a plan makes of them: all without a slapd."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser, render
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    TLS,
    HostAddresses,
    Tls,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.server import Slapd

CERTIFICATE, KEY = "/etc/ssl/mail/fullchain.pem", "/etc/ssl/mail/key.pem"
ONE, OTHER = Tls(CERTIFICATE, KEY), Tls("/etc/ssl/old/cert.pem", "/etc/ssl/old/key.pem")
BOOT = "/etc/systemd/system/slapd.service.d/mailops.bindings.conf"
IPV4_ONLY = HostAddresses(("0.0.0.0",), ("127.0.0.1",))

STOCK = """\
# System account to run the slapd server under. If empty the server
# will run as root.
SLAPD_USER="openldap"

# slapd normally serves ldap only on all TCP-ports 389. slapd can also
# service requests on TCP-port 636 (ldaps) and requests via unix
# sockets.
# Example usage:
# SLAPD_SERVICES="ldap://127.0.0.1:389/ ldaps:/// ldapi:///"
SLAPD_SERVICES="ldap:/// ldapi:///"

# Additional options to pass to slapd
SLAPD_OPTIONS=""
"""

STYLES = {
    "stock": STOCK,
    "single quotes": "SLAPD_SERVICES='ldap:/// ldapi:///'\n",
    "no newline at the end": 'SLAPD_USER=openldap\nSLAPD_SERVICES="ldap:/// ldapi:///"',
    "CRLF": STOCK.replace("\n", "\r\n"),
    "continued": 'SLAPD_SERVICES="ldap:/// \\\n  ldaps:/// \\\n  ldapi:///"\nSLAPD_OPTIONS="-4"\n',
    "several, the last counts": 'SLAPD_SERVICES="ldap:///"\n#SLAPD_SERVICES="ldaps:///"\n'
    'SLAPD_SERVICES="ldap:/// ldapi:///"\n',
    "tabs, blanks and a comment without a blank": '\tSLAPD_SERVICES="ldap:///\\\n ldapi:///"   \n'
    "#\tend\n",
    "escaped": "SLAPD_SERVICES=ldap:///\\ ldapi:///\n",
    "pieces": "SLAPD_SERVICES=\"ldap:/// \"'ldapi:///'\n",
    "loopback and an address": 'SLAPD_SERVICES="ldap://127.0.0.1:389/ ldaps://198.51.100.9 '
    'ldapi:///????!x-mod=0777"\n\n\n',
    "a text that looks like a setting": 'SLAPD_OPTIONS="-d 0\nSLAPD_X=1"\n'
    'SLAPD_SERVICES="ldap:/// ldapi:///"\n',
    "not ASCII": '# für uns: \udce9\nSLAPD_SERVICES="ldap:/// ldapi:///" \n# Ende\x0b\x0c\n',
    "no setting at all": "# nothing\nSLAPD_USER=openldap",
    "a dollar in single quotes": "SLAPD_SERVICES='ldapi:///????x-note=$1\"`\\ ldap://*:389'\n",
}


def ldap(address, port=389, encryption="tls", tls=ONE):
    return Listener(address, port, "ldap", encryption, *(("", "") if encryption == "none" else tls))


def configured(text=STOCK, tls=Tls(), reader="systemd", settings=None, **more):
    """What read() would find."""
    settings = {
        **(settings or {}),
        "tlscertificatefile": [tls.certificate],
        "tlscertificatekeyfile": [tls.key],
    }
    addresses = more.get("addresses", HostAddresses())
    urls = parser.urls_of(parser.value_of(text, "SLAPD_SERVICES", reader), addresses)
    return render.configured(
        parser.setup_of(text, reader, urls, settings, **{"has_units": True, **more})
    )


def refused(before, listeners):
    """The refusals of its plan."""
    return list(Slapd().plan(before, listeners, Options()).refusals)


def planned(listeners, before=None, **options):
    """Its plan, which is not refused."""
    plan = Slapd().plan(before or configured(), listeners, Options(**options))
    assert plan.refusals == ()
    return plan


def applied(plan, before):
    """What read() would find after it."""
    state = {resource: content for step in plan.steps for resource, content in step.items()}
    setup = before.details
    text = state[DEFAULTS].decode("utf-8", "surrogateescape") if DEFAULTS in state else setup.text
    return configured(
        text,
        render.tls_of(state[TLS]) if TLS in state else setup.tls,
        setup.reader,
        addresses=setup.addresses,
        boot=state.get(BOOT, setup.boot),
        settings=setup.settings,
    )


def services(found):
    """The value of SLAPD_SERVICES."""
    return parser.value_of(found.details.text, "SLAPD_SERVICES", found.details.reader)
