# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dovecot can't do, each with its remedy: a function and a line in LIMITS for each. Pure."""

from __future__ import annotations

import itertools
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    is_wildcard,
    meet,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import config_files
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.listeners import (
    alternative,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.parser import (
    PROTOCOLS,
    DovecotConfig,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.render import (
    DesiredDovecot,
    DovecotDetails,
    after,
)

_SUPPORTED = ((2, 3), (2, 4))
#: Words that doveconf would read as something else, and blanks at an end.
_AWKWARD = re.compile(r'["\\#$%<>{}]|[^ -~\xa1-\U0010ffff]|^\s|\s$')


class DovecotCase(t.NamedTuple):
    """What a limit looks at."""

    details: DovecotDetails
    declared: t.Sequence[Listener]
    desired: DesiredDovecot
    changes: bool  # would anything be written?

    @property
    def base(self) -> DovecotConfig:
        """The configuration without our file."""
        return self.details.base

    def sets_certificate(self, listener: Listener) -> bool:
        """Would our file set the certificate of the listener's address?"""
        return (PROTOCOLS[listener.protocol], listener.address) in self.desired.certificates

    @property
    def with_tls(self) -> list[Listener]:
        """The declared listeners that have TLS."""
        return [listener for listener in self.declared if listener.encryption != "none"]


def refusals(case: DovecotCase, absent: bool) -> tuple[str, ...]:
    """All messages, in the order of the table. C(absent): our parts are taken out."""
    return tuple(
        message for limit in (LIMITS_OF_ABSENT if absent else LIMITS) for message in limit(case)
    )


# -- against any change


def _version(case: DovecotCase) -> t.Iterator[str]:
    if case.changes and case.base.release not in _SUPPORTED:
        yield (
            "Dovecot %s is not supported: mail_listeners supports 2.3 and 2.4. "
            "Leave imap and pop out of what is declared here"
            % (".".join(map(str, case.base.release)) or "of an unknown version")
        )


def _host(case: DovecotCase) -> t.Iterator[str]:
    if case.changes:
        yield from case.details.problems()


# -- settings that apply to all of Dovecot


def _protocols(case: DovecotCase) -> t.Iterator[str]:
    for protocol in sorted({listener.protocol for listener in case.declared}):
        name = PROTOCOLS[protocol]
        if name not in case.base.protocols:
            yield (
                "%s: Dovecot's setting protocols does not contain %s: install the package %s, "
                "or add %s to protocols in dovecot.conf"
                % (
                    _names(it for it in case.declared if it.protocol == protocol),
                    name,
                    config_files.PACKAGES[protocol],
                    name,
                )
            )


def _tls_is_off(case: DovecotCase) -> t.Iterator[str]:
    if case.base.tls.ssl == "no" and case.with_tls:
        yield (
            "%s: TLS is switched off for all of Dovecot (ssl = no): set ssl = yes, with a "
            "certificate for all, in dovecot.conf or conf.d/10-ssl.conf, or declare encryption none"
            % _names(case.with_tls)
        )
        return
    off = [
        listener
        for listener in case.with_tls
        if case.base.tls_of(PROTOCOLS[listener.protocol], listener.address).ssl == "no"
    ]
    if off:
        yield (
            "%s: Dovecot has TLS switched off there (ssl = no in a block for the address or "
            "protocol): remove that setting (doveconf -n shows the block), or declare encryption "
            "none" % _names(off)
        )


# -- listeners that exclude each other


def _two_certificates(case: DovecotCase) -> t.Iterator[str]:
    for first, second in itertools.combinations(case.declared, 2):
        # if nothing is set, it is so already: by the administrator's block for an address, which
        # does not count for a wildcard on another port
        if _differ(first, second) and any(map(case.sets_certificate, (first, second))):
            yield (
                "%s and %s have different certificates or keys (%s, %s), but Dovecot serves one "
                "for all ports of a protocol on an address: give both the same files, or put them "
                "on different addresses"
                % (first.name, second.name, first.certificate_path, second.certificate_path)
            )


def _differ(first: Listener, second: Listener) -> bool:
    return (
        first.protocol == second.protocol
        and "none" not in (first.encryption, second.encryption)
        and meet(first.address, second.address)
        and _files(first) != _files(second)
    )


def _files(listener: Listener) -> tuple[str, str]:
    return listener.certificate_path, listener.key_path


def _wildcard_beside_address(case: DovecotCase) -> t.Iterator[str]:
    for wildcard in case.declared:
        if not is_wildcard(wildcard.address):
            continue
        for other in case.declared:
            if (
                other.port == wildcard.port
                and other.address != wildcard.address
                and meet(wildcard.address, other.address)
            ):
                yield (
                    "%s is declared beside %s, but Dovecot can't listen on both: leave %s out, "
                    "the wildcard includes it" % (other.name, wildcard.name, other.name)
                )


def _other_services(case: DovecotCase) -> t.Iterator[str]:
    for entry in case.base.inet_listeners:
        if entry.login:
            continue
        for listener in case.declared if case.changes else ():
            if listener.port == entry.port and any(
                meet(address, listener.address) for address in entry.addresses
            ):
                yield (
                    "%s is in use by Dovecot itself (%s): choose another port, or move that "
                    "listener" % (listener.name, entry.where)
                )


# -- certificates that others decide on


def _by_name(case: DovecotCase) -> t.Iterator[str]:
    named = case.base.by_name()
    if case.base.release < (2, 4) and named and case.desired.certificates:
        yield (
            "%s: Dovecot 2.3 can't have certificates by address beside those by server name "
            "(local_name %s): it rejects clients that send such a name. Declare the certificate "
            "that the address has already (%s), remove the local_name blocks, or upgrade to 2.4"
            % (
                _names(filter(case.sets_certificate, case.declared)),
                ", ".join(sorted({block.of("local_name") for block in named})),
                case.base.tls.certificate or "none",
            )
        )


def _other_certificate_by_name(case: DovecotCase) -> t.Iterator[str]:
    then = after(case.base, case.desired)
    for listener in case.with_tls if case.base.by_name() else ():
        place = PROTOCOLS[listener.protocol], listener.address, listener.server_name
        deciding = then.deciding(*place)
        name = deciding[-1].of("local_name") if deciding else ""
        served = then.tls_of(*place).certificate
        if name and not case.details.same_certificate(served, listener.certificate_path):
            yield (
                "%s: clients that ask for %s get %s, by the block local_name %s in Dovecot's "
                "configuration: declare that certificate, or remove the block"
                % (listener.name, listener.hostname, served, name)
            )


def _second_certificate(case: DovecotCase) -> t.Iterator[str]:
    second = case.base.second.certificate
    if second and case.desired.certificates:
        yield (
            "%s: Dovecot has two certificates for all its services (%s), and some clients would "
            "get one of them instead of the declared one: remove %s"
            % (
                _names(filter(case.sets_certificate, case.declared)),
                ", ".join(sorted([case.base.tls.certificate, second])),
                alternative(case.base.release),
            )
        )


def _overruled(case: DovecotCase) -> t.Iterator[str]:
    then = after(case.base, case.desired)
    for listener in case.with_tls:
        place = PROTOCOLS[listener.protocol], listener.address
        met = then.tls_of(*place)
        if (met.certificate, met.key) == _files(listener):
            continue
        if any(_differ(listener, other) for other in case.declared):
            continue  # said by _two_certificates
        yield (
            "%s: the block %s decides on its certificate: remove that block, or declare %s"
            % (listener.name, then.deciding(*place)[-1].where, met.certificate)
        )


# -- what our file can't say


def _nameless(case: DovecotCase) -> t.Iterator[str]:
    for entry in case.desired.displaced:
        if not entry.name:
            yield (
                "service %s has an inet_listener without a name, on port %d, which no other file "
                "can switch off: give it a name (inet_listener NAME {)"
                % (entry.service, entry.port)
            )


def _awkward_paths(case: DovecotCase) -> t.Iterator[str]:
    paths = {
        path for met in case.desired.certificates.values() for path in (met.certificate, met.key)
    }
    for path in sorted(paths):
        if _AWKWARD.search(path):
            yield (
                "%s: some characters of this path have another meaning in Dovecot's configuration: "
                "use a plain path (a symbolic link is enough)" % ascii(path)
            )


def _names(listeners: t.Iterable[Listener]) -> str:
    return ", ".join(listener.name for listener in listeners)


#: A limit yields the messages of all that it refuses.
Limit = t.Callable[[DovecotCase], t.Iterator[str]]
#: What the host may have become since our parts were written.
LIMITS_OF_ABSENT: tuple[Limit, ...] = (_version, _host)
LIMITS: tuple[Limit, ...] = (
    *LIMITS_OF_ABSENT,
    _protocols,
    _tls_is_off,
    _two_certificates,
    _wildcard_beside_address,
    _other_services,
    _by_name,
    _other_certificate_by_name,
    _second_certificate,
    _overruled,
    _nameless,
    _awkward_paths,
)
