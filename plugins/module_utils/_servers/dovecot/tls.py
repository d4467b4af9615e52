# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's TLS settings: for all clients, and for some, by filter blocks. Pure."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import family

if t.TYPE_CHECKING:
    import ipaddress

#: (2, 3)
Release = tuple[int, ...]
#: ((local | local_name | remote | protocol, for which), ...), the outermost block first
Chain = tuple[tuple[str, str], ...]

FILTER_KEYS = ("local", "local_name", "remote", "protocol")
#: A filter with prefix length 0 holds for both families: so each family in halves.
_HALVES = {"0.0.0.0": ("0.0.0.0/1", "128.0.0.0/1"), "::": ("::/1", "8000::/1")}


class TLSSettings(t.NamedTuple):
    """What a client meets. C(ssl): no, yes or required; the paths are '' if they are not set."""

    ssl: str = "yes"
    certificate: str = ""
    key: str = ""


class Filter(t.NamedTuple):
    """A block that holds for some clients only."""

    chain: Chain
    #: What it says of TLS: field of TLSSettings -> value; none if it is about other settings.
    tls: t.Mapping[str, str]

    def of(self, key: str) -> str:
        """For which local address, name, client or protocol it holds; '' for all."""
        return next((value for found, value in self.chain if found == key), "")

    @property
    def where(self) -> str:
        """For people: 'local 192.0.2.1, protocol imap'."""
        return ", ".join("%s %s" % pair for pair in self.chain)

    def narrowness(self) -> tuple[int, int]:
        """Sort key, the widest first."""
        net = network(self.of("local"))
        return (net.prefixlen if net else -1, len(self.chain))

    def matches(self, protocol: str, address: str, name: str = "") -> bool:
        """Does it hold for clients of this protocol at this address that ask for this name?

        C(name) '': whatever name they ask for.
        """
        return all(
            covers(value, name) if key == "local_name" else _holds(key, value, protocol, address)
            for key, value in self.chain
        )


def certificate_keys(release: Release) -> tuple[str, str]:
    """The settings that name the files of certificate and key."""
    if release < (2, 4):
        return ("ssl_cert", "ssl_key")
    return ("ssl_server_cert_file", "ssl_server_key_file")


def file_of(value: str) -> str:
    """The file that a certificate or key is read from, in 2.3 C(</file); '' if the value is it."""
    bare = value.strip().strip('"').lstrip("<").strip().strip('"')
    return bare if bare.startswith("/") else ""


def deciding(
    filters: t.Sequence[Filter], release: Release, protocol: str, address: str, name: str = ""
) -> list[Filter]:
    """The filters with TLS settings that hold there, the one that decides last.

    In 2.3 the narrowest decides, and it refuses filters of which none is narrower; of those by
    name the first in the files does. In 2.4 the last in the files does; one that is repeated has
    the place of its first block.
    """
    found = [block for block in filters if block.tls and block.matches(protocol, address, name)]
    if release >= (2, 4):
        return found
    return sorted(reversed(found) if name else found, key=Filter.narrowness)


def with_filters(filters: t.Sequence[Filter], added: t.Sequence[Filter]) -> tuple[Filter, ...]:
    """As Dovecot takes filters that are read after others: merged into that for the same clients,
    else after all."""
    more = {block.chain: block for block in added}
    merged = [
        block._replace(tls={**block.tls, **more.pop(block.chain).tls})
        if block.chain in more
        else block
        for block in filters
    ]
    return (*merged, *more.values())


# -- filters of ours


def certificate_filters(
    release: Release,
    named: t.Sequence[Filter],
    certificates: t.Mapping[tuple[str, str], TLSSettings],
) -> tuple[Filter, ...]:
    """The filters that set these certificates, by (protocol, address).

    C(named): the filters by server name. 2.4 takes the last filter that matches, which would be
    ours: so ours repeat theirs.
    """
    found = []
    for (protocol, address), met in certificates.items():
        for local in _HALVES.get(address, (address,)):
            found.append(Filter((("local", local), ("protocol", protocol)), _files(met)))
            if release >= (2, 4):
                found.extend(_repeated(named, local, protocol))
    return tuple(found)


def _repeated(named: t.Sequence[Filter], local: str, protocol: str) -> t.Iterator[Filter]:
    """The filters by server name that hold for this protocol at an address, again."""
    for block in named:
        where = _narrower(local, block.of("local"))
        if (
            where
            and block.of("protocol") in ("", protocol)
            and {"certificate", "key"} <= set(block.tls)
        ):
            chain = (
                ("local", where),
                ("local_name", block.of("local_name")),
                ("protocol", protocol),
            )
            yield Filter(chain, _files(TLSSettings(**block.tls)))


def _files(met: TLSSettings) -> dict[str, str]:
    return {"certificate": met.certificate, "key": met.key}


def _narrower(ours: str, theirs: str) -> str:
    """Where both hold: the narrower of two networks, '' if they don't meet. '' is everywhere."""
    if not theirs:
        return ours
    mine, other = network(ours), network(theirs)
    if mine is None or other is None or mine.version != other.version or not mine.overlaps(other):
        return ""
    return ours if mine.prefixlen >= other.prefixlen else theirs


# -- networks


def _holds(key: str, value: str, protocol: str, address: str) -> bool:
    if key == "protocol":
        return (value.lstrip("!") == protocol) != value.startswith("!")
    return key == "local" and _within(value, address)


def covers(patterns: str, name: str) -> bool:
    """Does local_name hold for this name? '*' stands for a part of one label, in any place.

    2.3 takes several patterns, separated by blanks.
    """
    if not name:
        return False
    if "*" not in patterns:  # as most are
        return name.lower() in patterns.lower().split()
    import re

    return any(
        re.fullmatch("[^.]*".join(map(re.escape, pattern.split("*"))), name, re.IGNORECASE)
        for pattern in patterns.split()
    )


@functools.lru_cache(maxsize=None)
def _within(text: str, address: str) -> bool:
    """Is the address in this network?"""
    if "/" not in text and family(text) == 4:  # as most are
        return text == address
    net, single = network(text), network(address)
    return (
        net is not None
        and single is not None
        and net.version == single.version
        and single.network_address in net
    )


@functools.lru_cache(maxsize=None)
def network(text: str) -> t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network, None]:
    """A network or address as text; None if it is neither."""
    import ipaddress  # not needed without filters

    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
