# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dovecot is configured to do: the output of doveconf(1) as values. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    meet,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import tls
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.tls import (
    Filter,
    Release,
    TLSSettings,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import SocketKey

#: protocol of the model -> Dovecot's name
PROTOCOLS = {"imap": "imap", "pop": "pop3"}
#: and back
MODEL_PROTOCOLS = {theirs: ours for ours, theirs in PROTOCOLS.items()}

#: The addresses of a host name, which Dovecot accepts in place of one.
Resolve = t.Callable[[str], t.Iterable[str]]

_SETTING = re.compile(r"([^\s={}]+) =(?: (.*))?$")
_WITHOUT_TLS = re.compile(r"-o\s*ssl=no\b")
_NOT_EXTRA = ("address", "listen", "port", "ssl")


class Section(t.NamedTuple):
    """All that is set at one level: of a configuration, or within a block."""

    settings: t.Mapping[str, str]
    blocks: tuple[Block, ...] = ()

    def flag(self, key: str) -> bool:
        """Is it set to yes?"""
        return self.settings.get(key) == "yes"

    def named(self, key: str) -> list[Block]:
        """The blocks C(key name { … })."""
        return [block for block in self.blocks if block.key == key]


class Block(t.NamedTuple):
    """C(key name { section }). The name is as doveconf prints it, with its quotes."""

    key: str
    name: str
    section: Section


class InetListener(t.NamedTuple):
    """An inet_listener that Dovecot has, and what matters of its service."""

    service: str
    name: str  # as doveconf prints it; '' if it has none
    port: int
    ssl: bool
    addresses: tuple[str, ...]  # canonical
    protocol: str = ""  # of its service, in Dovecot's words
    login: bool = False  # of a login service: imap-login, and others of type login
    without_tls: bool = False  # of a service that is run with -o ssl=no
    extras: tuple[tuple[str, str], ...] = ()  # (key, value) of all else that is set

    @property
    def where(self) -> str:
        """For people: 'service imap-login, inet_listener imaps'."""
        return ("service %s, inet_listener %s" % (self.service, self.name)).rstrip()

    @property
    def text(self) -> str:
        """For people, in one line."""
        settings = [
            ("address", ", ".join(self.addresses)),
            ("port", self.port),
            ("ssl", "yes" if self.ssl else "no"),
            *self.extras,
        ]
        return "inet_listener %s{ %s }" % (
            self.name and self.name + " ",
            "; ".join("%s = %s" % setting for setting in settings),
        )


class DovecotConfig(t.NamedTuple):
    """A whole configuration, as far as it is about listeners."""

    release: Release
    inet_listeners: tuple[InetListener, ...] = ()  # those that are listened on
    protocols: tuple[str, ...] = ()
    tls: TLSSettings = TLSSettings()  # for all clients, unless a filter says otherwise
    filters: tuple[Filter, ...] = ()  # in the order of doveconf
    shutdown_clients: bool = True  # do sessions end with the main process, and with a reload?
    #: A certificate and key beside those of C(tls): for clients that prefer its kind of key.
    second: TLSSettings = TLSSettings()
    base_dir: str = ""
    instance_name: str = ""

    def tls_of(self, protocol: str, address: str, name: str = "") -> TLSSettings:
        """What clients of this protocol (Dovecot's name) meet at this address, by this name."""
        met = self.tls
        for block in self.deciding(protocol, address, name):
            met = met._replace(**block.tls)
        return met

    def deciding(self, protocol: str, address: str, name: str = "") -> list[Filter]:
        """The filters with TLS settings that hold there, the one that decides last."""
        return tls.deciding(self.filters, self.release, protocol, address, name)

    def by_name(self) -> list[Filter]:
        """The filters that have a certificate for a server name (SNI)."""
        return [
            block for block in self.filters if block.of("local_name") and "certificate" in block.tls
        ]


# -- texts


def parse(text: str) -> Section:
    """The output of doveconf(1), or a file as we write it: one setting or brace a line.

    Lines of another kind are passed over, comments among them. Of a setting that is there twice
    the first counts.
    """
    return _section(iter(text.splitlines()))


def _section(lines: t.Iterator[str]) -> Section:
    settings: dict[str, str] = {}
    blocks = []
    for line in map(str.strip, lines):
        if line == "}":
            break
        setting = _SETTING.match(line)
        if setting:
            settings.setdefault(setting.group(1), setting.group(2) or "")
        elif line.endswith("{") and not line.startswith("#"):
            key, dummy, name = line[:-1].strip().partition(" ")
            blocks.append(Block(key, name.strip(), _section(lines)))
    return Section(settings, tuple(blocks))


def lines_of(section: Section, indent: str = "") -> t.Iterator[str]:
    """The lines that C(parse) reads as this section."""
    for key, value in section.settings.items():
        yield "%s%s = %s" % (indent, key, value)
    for block in section.blocks:
        yield "%s%s %s {" % (indent, block.key, block.name)
        yield from lines_of(block.section, indent + "  ")
        yield indent + "}"


def combined(printed: t.Sequence[str]) -> Section:
    """One section of what several calls of doveconf printed.

    A later one decides on a setting that both print, and on services.
    """
    first, *others = map(parse, printed)
    for other in others:
        blocks = [block for block in first.blocks if block.key != "service"]
        first = Section({**first.settings, **other.settings}, (*blocks, *other.blocks))
    return first


def release_of(text: str) -> Release:
    """(2, 3) from the first line that doveconf prints without names; () if it says no version."""
    found = re.search(r"(\d+)\.(\d+)", text.partition("\n")[0])
    return tuple(map(int, found.groups())) if found else ()


# -- values


def config_of(
    section: Section, release: Release, resolve: Resolve, ours: t.Optional[Section] = None
) -> DovecotConfig:
    """What the section says; with C(ours), the section of a file that is read after all others."""
    filters = tuple(_filters(section, release))
    if ours:
        section = _read_after(section, ours)
        filters = tls.with_filters(filters, tuple(_filters(ours, release)))
    settings = section.settings
    return DovecotConfig(
        release,
        _inet_listeners(section, resolve),
        _protocols(section),
        TLSSettings(**{"ssl": "", **_tls_settings(section, release)}),
        filters,
        settings.get("shutdown_clients") != "no",
        _second_certificate(section),
        settings.get("base_dir", ""),
        settings.get("instance_name", ""),
    )


def _read_after(section: Section, ours: Section) -> Section:
    """With the settings and services of a file that is read last."""
    blocks = list(section.blocks)
    for service in ours.named("service"):
        _merge(blocks, service)
    return Section({**section.settings, **ours.settings}, tuple(blocks))


def _merge(blocks: list[Block], added: Block) -> None:
    """A block with the name of another adds to it, or changes it."""
    for index, block in enumerate(blocks):
        if (block.key, block.name) == (added.key, added.name):
            inner = list(block.section.blocks)
            for child in added.section.blocks:
                _merge(inner, child)
            settings = {**block.section.settings, **added.section.settings}
            blocks[index] = block._replace(section=Section(settings, tuple(inner)))
            return
    blocks.append(added)


def _protocols(section: Section) -> tuple[str, ...]:
    """The setting protocols: words, in 2.4 also a block of yes and no."""
    listed = [
        name
        for block in section.named("protocols")
        for name in block.section.settings
        if block.section.flag(name)
    ]
    return tuple(listed or section.settings.get("protocols", "").strip('"').split())


def _inet_listeners(section: Section, resolve: Resolve) -> tuple[InetListener, ...]:
    """Those that are listened on: of the services of active protocols, with a port."""
    active = ("", *_protocols(section))
    everywhere = section.settings.get("listen", "")
    tls_is_off = section.settings.get("ssl") == "no"  # then those with TLS are closed
    found = []
    for block in section.named("service"):
        service = block.section
        if service.settings.get("protocol", "") not in active:
            continue
        for inner in service.named("inet_listener"):
            settings = inner.section.settings
            if settings.get("port", "") in ("", "0"):
                continue
            if inner.section.flag("ssl") and tls_is_off:
                continue
            own = settings.get("listen") or settings.get("address")
            addresses = _addresses(own or everywhere, resolve)
            found.append(_inet_listener(block, inner, addresses))
    return tuple(found)


def _inet_listener(service: Block, block: Block, addresses: tuple[str, ...]) -> InetListener:
    of_service, settings = service.section.settings, block.section.settings
    protocol = of_service.get("protocol", "")
    return InetListener(
        service.name,
        block.name,
        int(settings["port"]),
        block.section.flag("ssl"),
        addresses,
        protocol,
        of_service.get("type") == "login" and protocol in MODEL_PROTOCOLS,
        _WITHOUT_TLS.search(of_service.get("executable", "")) is not None,
        tuple(
            (key, value)
            for key, value in settings.items()
            if key not in _NOT_EXTRA and value not in ("", "no")
        ),
    )


def _addresses(text: str, resolve: Resolve) -> tuple[str, ...]:
    import ipaddress

    found: list[str] = []
    for word in filter(None, re.split(r'[\s,"]+', text)):  # a comma at the end adds nothing
        bare = "0.0.0.0" if word == "*" else word.strip("[]")
        try:
            found.append(str(ipaddress.ip_address(bare)))
        except ValueError:
            found.extend(resolve(bare))
    return tuple(sorted(set(found), key=address_order))


def _filters(section: Section, release: Release, chain: tls.Chain = ()) -> t.Iterator[Filter]:
    """The blocks for some clients only, each with what it says of TLS."""
    for block in section.blocks:
        if block.key in tls.FILTER_KEYS:
            here = chain + ((block.key, block.name.strip('"')),)
            yield Filter(here, _tls_settings(block.section, release))
            yield from _filters(block.section, release, here)


def _tls_settings(section: Section, release: Release) -> dict[str, str]:
    """field of TLSSettings -> value, of those that are set.

    2.4 prints ssl_server_cert_file as ssl_server { cert_file }.
    """
    settings = dict(section.settings)
    for block in section.named("ssl_server"):
        for key, value in block.section.settings.items():
            settings["ssl_server_" + key] = value
    found = {"ssl": settings["ssl"]} if "ssl" in settings else {}
    for field, key in zip(("certificate", "key"), tls.certificate_keys(release)):
        if key in settings:
            found[field] = tls.file_of(settings[key])
    return found


def _second_certificate(section: Section) -> TLSSettings:
    """The one of ssl_alt_cert, in 2.4 ssl_server { alt_cert_file }."""
    in_2_4: dict[str, str] = {}
    for block in section.named("ssl_server"):
        in_2_4.update(block.section.settings)
    settings = section.settings
    return TLSSettings(
        "",
        tls.file_of(settings.get("ssl_alt_cert") or in_2_4.get("alt_cert_file", "")),
        tls.file_of(settings.get("ssl_alt_key") or in_2_4.get("alt_key_file", "")),
    )


def as_served(config: DovecotConfig, is_elliptic: t.Callable[[str], bool]) -> DovecotConfig:
    """With the certificate that clients get in C(tls), the other in C(second).

    C(is_elliptic): has this file a key on an elliptic curve? Of two kinds that one is preferred; of
    one kind OpenSSL keeps the last that it was given (SSL_CTX_use_certificate(3)).
    """
    second = config.second
    if second.key and (is_elliptic(second.key) or not is_elliptic(config.tls.key)):
        return config._replace(tls=second._replace(ssl=config.tls.ssl), second=config.tls)
    return config


# -- our own file

_OURS_WITHIN = {
    "service": ("inet_listener",),
    "local": ("local_name", "protocol"),
    "local_name": ("protocol",),
}


def own_section(text: str) -> t.Optional[Section]:
    """Our file as Dovecot reads it; None if it is not as we write it, so that only doveconf knows.

    Words that Dovecot replaces or reads as something else ($, %, \\, #) are never in it.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    section = parse("\n".join(lines))
    if list(lines_of(section)) != lines or re.search(r"[$%\\#]", "".join(lines)):
        return None
    blocks = section.blocks
    as_ours = (
        list(section.settings.items()) == [("shutdown_clients", "no")]
        and all(block.key in ("service", "local") for block in blocks)
        and all(map(_is_as_ours, blocks))
    )
    return section if as_ours else None


def _is_as_ours(block: Block) -> bool:
    """Are there only blocks in it that we write there, with settings in the innermost only?"""
    inner = _OURS_WITHIN.get(block.key)
    if inner is None:
        return not block.section.blocks
    return not block.section.settings and all(
        child.key in inner and _is_as_ours(child) for child in block.section.blocks
    )


# -- what it means


def sockets(inet_listeners: t.Iterable[InetListener]) -> frozenset[SocketKey]:
    """All that is listened on."""
    return frozenset(
        (address, entry.port) for entry in inet_listeners for address in entry.addresses
    )


def exclude(first: SocketKey, second: SocketKey) -> bool:
    """Can't both be listened on at a time? A wildcard and an address of its family can't."""
    return first != second and first[1] == second[1] and meet(first[0], second[0])
