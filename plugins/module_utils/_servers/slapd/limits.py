# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenLDAP can't do: one function a limit, and the tables of them. Pure.

Each function yields whole messages, each with its remedy.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    family,
    is_wildcard,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import SocketKey
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    Setup,
    Tls,
    Url,
)


class DesiredSetup(t.NamedTuple):
    """What OpenLDAP should have."""

    listeners: tuple[Listener, ...]  # those that are declared
    urls: tuple[Url, ...]
    tls: Tls
    original_urls: tuple[Url, ...]  # those from before us, which these are made from

    @property
    def texts(self) -> list[str]:
        """The URLs as texts."""
        return [url.text for url in self.urls]

    def changes_urls(self, setup: Setup) -> bool:
        """Are the URLs to be other ones than today?"""
        return self.texts != [url.text for url in setup.urls]


def one_certificate(setup: Setup, desired: DesiredSetup) -> t.Iterator[str]:
    """cn=config has one certificate."""
    users: dict[tuple[str, str], list[str]] = {}
    for listener in desired.listeners:
        if listener.encryption != "none":
            pair = (listener.certificate_path, listener.key_path)
            users.setdefault(pair, []).append(listener.name)
    if len(users) > 1:
        declared = (
            "%s with the key %s (%s)" % (*pair, ", ".join(users[pair])) for pair in sorted(users)
        )
        yield (
            "OpenLDAP has one certificate for all its listeners, but %s are declared: use one "
            "certificate, with all names in it, on every ldap port" % " and ".join(declared)
        )


def urls_have_addresses(setup: Setup, desired: DesiredSetup) -> t.Iterator[str]:
    """The address of a name may change with every start."""
    for url in desired.original_urls:
        if url.unknown and desired.changes_urls(setup):
            yield (
                "SLAPD_SERVICES in %s has %s, but %s: replace it with a URL that has an address, "
                "or remove it" % (DEFAULTS, url.text, url.unknown)
            )


def sockets_do_not_meet(setup: Setup, desired: DesiredSetup) -> t.Iterator[str]:
    """slapd does not start if two of its URLs meet: it has no SO_REUSEPORT (socket(7))."""
    if not desired.changes_urls(setup):
        return
    owners: dict[SocketKey, list[str]] = {}
    for url in desired.urls:
        for socket in url.sockets:
            owners.setdefault(socket, []).append(url.text)
    for (address, port), texts in sorted(owners.items()):
        beside = [] if is_wildcard(address) else owners.get((wildcard_of(address), port), [])
        if len(texts) > 1 or beside:
            yield (
                "OpenLDAP can't listen on %s at the same time: it does not start with two URLs "
                "for one socket, nor with a wildcard and an address on one port. Declare either "
                "the wildcard or the addresses" % " and ".join(sorted({*beside, *texts}))
            )


def families_are_served(setup: Setup, desired: DesiredSetup) -> t.Iterator[str]:
    """slapd -4 or -6, or a host without IPv6."""
    for listener in desired.listeners:
        if wildcard_of(listener.address) not in setup.addresses.wildcards:
            yield (
                "%s: OpenLDAP does not serve IPv%d on this host: see SLAPD_OPTIONS in %s and the "
                "host's own settings" % (listener.name, family(listener.address), DEFAULTS)
            )


def server_ids_match(setup: Setup, desired: DesiredSetup) -> t.Iterator[str]:
    """If olcServerID names URLs, slapd does not start unless it listens on one of them.

    It starts with today's, and so with more than these.
    """
    values = [value.split() for value in setup.settings.get("serverid", ())]
    named = {words[1].lower() for words in values if len(words) > 1}
    texts = desired.texts
    if not named or {url.text for url in setup.urls} <= set(texts):
        return
    if not named & {text.lower() for text in texts}:
        yield (
            "olcServerID in cn=config names URLs (%s), and OpenLDAP does not start unless it "
            "listens on one of them, written the same way. It would listen on %s: first change "
            "olcServerID to one of these URLs, or to the number alone"
            % (", ".join(sorted(named)), " ".join(texts))
        )


def certificate_can_be_set(setup: Setup, desired: DesiredSetup) -> t.Iterator[str]:
    """What prevents a change of the certificate."""
    if desired.tls == setup.tls:
        return
    if setup.replicated:
        yield (
            "cn=config is replicated (olcSyncrepl on olcDatabase={0}config), so a certificate "
            "that is set here would be set on other servers too. Set olcTLSCertificateFile %s and "
            "olcTLSCertificateKeyFile %s yourself, on the provider" % desired.tls
        )
    if {"tlscertificate;binary", "tlscertificatekey;binary"} & setup.settings.keys():
        yield (
            "cn=config contains a certificate itself (olcTLSCertificate;binary), and OpenLDAP "
            "uses no certificate file beside it: first delete it and its key from cn=config"
        )
    # without a new certificate the old one is removed while slapd is stopped
    if desired.tls.certificate and not _has_ldapi(setup.urls):
        yield _WITHOUT_LDAPI


def certificate_can_be_given_back(setup: Setup, desired: DesiredSetup) -> t.Iterator[str]:
    """The ldapi:/// of today may only stand in for a server without listeners, and go."""
    changes = desired.tls != setup.tls and desired.tls.certificate
    if changes and _has_ldapi(setup.urls) and not _has_ldapi(desired.urls):
        yield _WITHOUT_LDAPI


def _has_ldapi(urls: t.Iterable[Url]) -> bool:
    return any(url.scheme == "ldapi" for url in urls)


_WITHOUT_LDAPI = (
    "OpenLDAP has no ldapi:/// URL, by which its certificate is changed: add it to "
    "SLAPD_SERVICES in %s, and restart slapd" % DEFAULTS
)


Limit = t.Callable[[Setup, DesiredSetup], t.Iterator[str]]
#: Those that cn=config may have had since: they also prevent giving back what was before us.
ALWAYS: tuple[Limit, ...] = (server_ids_match, certificate_can_be_set)
DECLARING: tuple[Limit, ...] = (
    one_certificate,
    urls_have_addresses,
    sockets_do_not_meet,
    families_are_served,
    certificate_can_be_given_back,
    *ALWAYS,
)


def refusals(limits: t.Sequence[Limit], setup: Setup, desired: DesiredSetup) -> tuple[str, ...]:
    """All messages of these limits."""
    return tuple(message for limit in limits for message in limit(setup, desired))
