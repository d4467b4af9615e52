# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dovecot can't do, each with its remedy: a function and a line in RULES for each. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    is_wildcard,
    meet,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.render import (
    PROTOCOLS,
    Details,
    Layout,
    View,
    after,
    alternative,
    by_name,
    layout,
    render,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options

_PACKAGES = {"imap": "dovecot-imapd", "pop": "dovecot-pop3d"}


class Asked(t.NamedTuple):
    """What a rule looks at."""

    details: Details
    base: View
    wanted: t.Sequence[Listener]
    plan: Layout
    changes: bool  # would anything be written?


def refusals(details: Details, wanted: t.Optional[t.Sequence[Listener]], options: Options) -> list:
    """All messages, in the table's order. A host that already does what is declared is not asked what it couldn't do."""
    plan = layout(details.base, wanted or (), options, details.loopback)
    asked = Asked(
        details, details.base, wanted or (), plan, bool(render(details, wanted, options).steps)
    )
    return [
        message for rule in (GIVING_BACK if wanted is None else RULES) for message in rule(asked)
    ]


def _version(asked: Asked) -> t.Iterator[str]:
    if asked.changes and asked.base.version not in ((2, 3), (2, 4)):
        yield (
            "this is Dovecot %s: mail_listeners knows 2.3 and 2.4, leave imap and pop out of what it declares here"
            % (".".join(map(str, asked.base.version)) or "of an unknown version")
        )


def _host(asked: Asked) -> t.Iterator[str]:
    if asked.changes:
        yield from asked.details.trouble()


def _protocols(asked: Asked) -> t.Iterator[str]:
    for protocol in sorted({one.protocol for one in asked.wanted}):
        if PROTOCOLS[protocol] not in asked.base.protocols:
            yield (
                "%s: Dovecot's setting protocols has no %s: install the package %s, or add %s to protocols in dovecot.conf"
                % (
                    _names(one for one in asked.wanted if one.protocol == protocol),
                    PROTOCOLS[protocol],
                    _PACKAGES[protocol],
                    PROTOCOLS[protocol],
                )
            )


def _tls_is_off(asked: Asked) -> t.Iterator[str]:
    off = [
        one
        for one in asked.wanted
        if one.encryption != "none"
        and asked.base.tls_of(PROTOCOLS[one.protocol], one.address).ssl == "no"
    ]
    if asked.base.tls.ssl == "no" and any(one.encryption != "none" for one in asked.wanted):
        yield (
            "%s: Dovecot has TLS switched off for all its services (ssl = no): set ssl = yes, with a certificate for all, in dovecot.conf or "
            "conf.d/10-ssl.conf, or declare encryption none"
            % _names(one for one in asked.wanted if one.encryption != "none")
        )
    elif off:
        yield (
            "%s: Dovecot has TLS switched off there (ssl = no in a block for the address or protocol): take that out (doveconf -n shows the block), "
            "or declare encryption none" % _names(off)
        )


def _two_certificates(asked: Asked) -> t.Iterator[str]:
    # where nothing is to be set, it is so already: by somebody's block for an address, of which a wildcard on another port knows nothing
    set_anew = {
        one
        for one in asked.wanted
        if (PROTOCOLS[one.protocol], one.address) in asked.plan.certificates
    }
    for index, one in enumerate(asked.wanted):
        for other in asked.wanted[index + 1 :]:
            if _differ(one, other) and not set_anew.isdisjoint((one, other)):
                yield (
                    "%s and %s have different certificates or keys (%s, %s), and Dovecot serves one for all ports of a protocol on an address: "
                    "give both the same files, or put them on different addresses"
                    % (one.name, other.name, one.certificate_path, other.certificate_path)
                )


def _differ(one: Listener, other: Listener) -> bool:
    return (
        one.protocol == other.protocol
        and "none" not in (one.encryption, other.encryption)
        and meet(one.address, other.address)
        and (one.certificate_path, one.key_path) != (other.certificate_path, other.key_path)
    )


def _wildcard_beside_address(asked: Asked) -> t.Iterator[str]:
    for wildcard in asked.wanted:
        for other in asked.wanted:
            if (
                is_wildcard(wildcard.address)
                and other.address != wildcard.address
                and other.port == wildcard.port
                and meet(wildcard.address, other.address)
            ):
                yield (
                    "%s stands beside %s, and Dovecot can't listen on both: leave %s out, the wildcard answers there too"
                    % (other.name, wildcard.name, other.name)
                )


def _other_services(asked: Asked) -> t.Iterator[str]:
    for entry in asked.base.entries:
        for one in asked.wanted:
            if (
                not entry.login
                and entry.port == one.port
                and any(meet(address, one.address) for address in entry.addresses)
            ):
                yield (
                    "%s is taken by Dovecot itself (%s): choose another port, or move that listener"
                    % (one.name, entry.where)
                )


def _by_name(asked: Asked) -> t.Iterator[str]:
    named = by_name(asked.base)
    if asked.base.version < (2, 4):
        if named and asked.plan.certificates:
            yield (
                "%s: Dovecot 2.3 can't have certificates by address beside those by server name (local_name %s): it cuts off the clients "
                "that send such a name. Declare the certificate that the address has already (%s), take the local_name blocks out, or upgrade to 2.4"
                % (
                    _names(
                        one
                        for one in asked.wanted
                        if (PROTOCOLS[one.protocol], one.address) in asked.plan.certificates
                    ),
                    ", ".join(sorted({one.of("local_name") for one in named})),
                    asked.base.tls.certificate or "none",
                )
            )
        return
    for one in asked.wanted:
        for block in named:
            if (
                one.encryption != "none"
                and one.hostname
                and one.hostname.lower() in block.of("local_name").lower().split()
                and block.of("protocol") in ("", PROTOCOLS[one.protocol])
                and block.tls["certificate"] != one.certificate_path
            ):
                yield (
                    "%s: clients that ask for %s get %s, by a local_name block of Dovecot's: declare that certificate, or take the block out"
                    % (one.name, one.hostname, block.tls["certificate"])
                )


def _second_certificate(asked: Asked) -> t.Iterator[str]:
    if asked.base.second.certificate and asked.plan.certificates:
        yield (
            "%s: Dovecot has two certificates for all its services (%s), and some clients would get one of them instead of the declared one: take %s out"
            % (
                _names(
                    one
                    for one in asked.wanted
                    if (PROTOCOLS[one.protocol], one.address) in asked.plan.certificates
                ),
                ", ".join(sorted([asked.base.tls.certificate, asked.base.second.certificate])),
                alternative(asked.base),
            )
        )


def _overruled(asked: Asked) -> t.Iterator[str]:
    then = after(asked.base, asked.plan)
    for one in asked.wanted:
        protocol = PROTOCOLS[one.protocol]
        met = then.tls_of(protocol, one.address)
        if one.encryption == "none" or any(_differ(one, other) for other in asked.wanted):
            continue
        if (met.certificate, met.key) != (one.certificate_path, one.key_path):
            yield (
                "%s: the last word on its certificate has the block %s: take that out, or declare %s"
                % (
                    one.name,
                    ", ".join(
                        "%s %s" % pair for pair in then.deciding(protocol, one.address)[-1].chain
                    ),
                    met.certificate,
                )
            )


def _nameless(asked: Asked) -> t.Iterator[str]:
    for entry in asked.plan.displaced:
        if not entry.name:
            yield (
                "service %s has an inet_listener without a name, on port %d, which can't be switched off from elsewhere: "
                "give it a name (inet_listener NAME {)" % (entry.service, entry.port)
            )


def _awkward_paths(asked: Asked) -> t.Iterator[str]:
    for path in sorted(
        {path for met in asked.plan.certificates.values() for path in (met.certificate, met.key)}
    ):
        if re.search(r'["\\#$%<>{}]|[^ -~\xa1-\U0010ffff]|^\s|\s$', path):
            yield (
                "%s: Dovecot's configuration has other uses for some characters of this name: use a plain one (a symbolic link will do)"
                % (ascii(path))
            )


def _names(these: t.Iterable[Listener]) -> str:
    return ", ".join(one.name for one in these)


GIVING_BACK = (_version, _host)  # what the host may have come to be since
RULES = (
    *GIVING_BACK,
    _protocols,
    _tls_is_off,
    _two_certificates,
    _wildcard_beside_address,
    _other_services,
    _by_name,
    _second_certificate,
    _overruled,
    _nameless,
    _awkward_paths,
)
