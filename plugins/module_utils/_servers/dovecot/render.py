# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we add to Dovecot's configuration so that it listens as declared. Pure.

An inet_listener of the administrator, or a default one, that is not to listen is switched off in
our file by C(port = 0), and is back once our file is gone.
"""

from __future__ import annotations

import itertools
import json
import operator
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    address_order,
    is_loopback,
    is_wildcard,
    loopback_beside,
    reached_at,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import config_files
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.listeners import (
    listeners,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.parser import (
    MODEL_PROTOCOLS,
    PROTOCOLS,
    Block,
    DovecotConfig,
    InetListener,
    Section,
    lines_of,
    sockets,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.tls import (
    Filter,
    TLSSettings,
    certificate_filters,
    certificate_keys,
    with_filters,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    Options,
    Plan,
)

_HEADER = """\
# Written by mail_listeners of %s. What is edited here is lost: change the declaration.
# state: absent removes this file, and what it switches off (port = 0) is back.
# config_path: %s

# by default, Dovecot ends every session some seconds after a reload
"""


class DovecotDetails(t.NamedTuple):
    """What a plan is made of, beside the declaration."""

    base: DovecotConfig  # without our file
    files: config_files.Files  # those of config_files.OUR_FILES
    shutdown_clients: bool = True  # as the files say now, ours among them
    in_conf_d: bool = False  # is a file of ours in conf.d read last?
    systemd: bool = True
    #: What on the host prevents any change, as whole messages; costly, so only called for a change.
    problems: t.Callable[[], t.Iterable[str]] = tuple
    loopback: tuple[str, ...] = LOOPBACK  # those that can be bound
    #: Do two files begin with the same certificate? Costly, so only called if the paths may differ.
    same_certificate: t.Callable[[str, str], bool] = operator.eq


class DesiredDovecot(t.NamedTuple):
    """What is to become of the inet_listeners of the base, and what we add."""

    kept: tuple[InetListener, ...] = ()
    displaced: tuple[InetListener, ...] = ()
    added: tuple[InetListener, ...] = ()
    #: (protocol in Dovecot's words, address) -> the certificate that we set
    certificates: t.Mapping[tuple[str, str], TLSSettings] = {}

    def is_empty(self) -> bool:
        """Is there nothing to write?"""
        return not (self.displaced or self.added or self.certificates)


# -- the desired state


def desired_state(
    base: DovecotConfig,
    declared: t.Sequence[Listener],
    options: Options,
    loopback: t.Iterable[str] = LOOPBACK,
) -> DesiredDovecot:
    """Keep what is as declared, switch off what is not, add what is missing.

    C(loopback): the loopback addresses that can be bound.
    """
    logins = [entry for entry in base.inet_listeners if entry.login]
    stays = _StaysOnLoopback(declared, options.keep_loopback)
    kept, displaced = _sorted_out(logins, declared, stays)
    provided = {(address, entry.port) for entry in kept for address in entry.addresses}
    beside = loopback_beside((listener.address for listener in declared), loopback)
    missing: dict[InetListener, list[str]] = {}  # without addresses -> its addresses
    for listener in declared:
        if (listener.address, listener.port) not in provided:
            missing.setdefault(_made_for(listener, logins), []).append(listener.address)
    for entry in displaced:
        for address in _loopback_of(entry, beside):
            if stays(address, entry.port) and (address, entry.port) not in provided:
                provided.add((address, entry.port))
                nameless = entry._replace(name="", addresses=())
                missing.setdefault(nameless, []).append(address)
    return DesiredDovecot(
        tuple(kept), tuple(displaced), _named(missing), _certificates(base, declared)
    )


class _StaysOnLoopback:
    """Whether a port stays on a loopback address: if that is an option, and nothing is declared."""

    def __init__(self, declared: t.Iterable[Listener], keep_loopback: bool):
        self._declared = {(listener.address, listener.port) for listener in declared}
        self._keep = keep_loopback

    def __call__(self, address: str, port: int) -> bool:
        return (
            self._keep
            and is_loopback(address)
            and self._declared.isdisjoint({(address, port), (wildcard_of(address), port)})
        )


def _sorted_out(
    logins: t.Iterable[InetListener], declared: t.Iterable[Listener], stays: _StaysOnLoopback
) -> tuple[list[InetListener], list[InetListener]]:
    """(those that are kept, those that are displaced)."""
    by_place = {(listener.address, listener.port): listener for listener in declared}

    def is_right(entry: InetListener, address: str) -> bool:
        listener = by_place.get((address, entry.port))
        if listener is None:
            return stays(address, entry.port)
        return _can_be(entry, listener) and entry.ssl == (listener.encryption == "ssl")

    kept, displaced = [], []
    provided: set[tuple[str, int]] = set()
    for entry in logins:
        places = {(address, entry.port) for address in entry.addresses}
        right = all(is_right(entry, address) for address in entry.addresses)
        if right and provided.isdisjoint(places):
            kept.append(entry)
            provided |= places
        else:
            displaced.append(entry)
    return kept, displaced


def _can_be(entry: InetListener, listener: Listener) -> bool:
    """Is its service one for this listener? One with TLS off is one for encryption none only.

    Other services offer STARTTLS if there is a certificate, which encryption none allows.
    """
    return MODEL_PROTOCOLS[entry.protocol] == listener.protocol and not (
        entry.without_tls and listener.encryption != "none"
    )


def _made_for(listener: Listener, logins: t.Iterable[InetListener]) -> InetListener:
    """An inet_listener for this listener, still without name and addresses.

    Its template is the nearest that answers on this port today: on this address, on the wildcard,
    on another.
    """
    same = [entry for entry in logins if entry.port == listener.port and _can_be(entry, listener)]
    protocol = PROTOCOLS[listener.protocol]
    template = min(
        same,
        default=InetListener(protocol + "-login", "", listener.port, False, (), protocol, True),
        key=lambda entry: (
            listener.address not in entry.addresses,
            wildcard_of(listener.address) not in entry.addresses,
            entry.service,
        ),
    )
    return template._replace(name="", addresses=(), ssl=listener.encryption == "ssl")


def _loopback_of(entry: InetListener, loopback: t.Container[str]) -> list[str]:
    """The loopback addresses that it names, and those of its wildcards' in C(loopback); sorted."""
    found = {
        reached_at(address)
        for address in entry.addresses
        if is_wildcard(address) and reached_at(address) in loopback
    }
    return sorted(found.union(filter(is_loopback, entry.addresses)), key=address_order)


def _named(missing: t.Mapping[InetListener, t.Iterable[str]]) -> tuple[InetListener, ...]:
    """Each with its addresses, and a name that no other of its service has."""
    found = []
    names: set[tuple[str, str]] = set()
    for entry in sorted(
        missing, key=lambda entry: (entry.service, entry.port, entry.ssl, entry.extras)
    ):
        plain = "mailops-%d-%s" % (entry.port, "ssl" if entry.ssl else "plain")
        numbered = ("%s-%d" % (plain, number) for number in itertools.count(2))
        name = next(
            name
            for name in itertools.chain([plain], numbered)
            if (entry.service, name) not in names
        )
        names.add((entry.service, name))
        addresses = tuple(sorted(set(missing[entry]), key=address_order))
        found.append(entry._replace(name=name, addresses=addresses))
    return tuple(found)


def _certificates(
    base: DovecotConfig, declared: t.Iterable[Listener]
) -> dict[tuple[str, str], TLSSettings]:
    """Where Dovecot does not serve the declared certificate by itself.

    Wildcards first, since 2.4 takes the last filter that matches.
    """
    found: dict[tuple[str, str], TLSSettings] = {}
    then = base
    for listener in sorted(declared, key=_wildcards_first):
        if listener.encryption == "none":
            continue
        place = PROTOCOLS[listener.protocol], listener.address
        met = then.tls_of(*place)
        certificate, key = listener.certificate_path, listener.key_path
        if (met.certificate, met.key) != (certificate, key):
            found[place] = met._replace(certificate=certificate, key=key)
            then = _with_certificates(then, {place: found[place]})
    return found


def _wildcards_first(listener: Listener) -> tuple[t.Any, ...]:
    return (
        not is_wildcard(listener.address),
        address_order(listener.address),
        listener.protocol,
    )


def _our_filters(
    base: DovecotConfig, certificates: t.Mapping[tuple[str, str], TLSSettings]
) -> tuple[Filter, ...]:
    return certificate_filters(base.release, base.by_name(), certificates)


def _with_certificates(
    base: DovecotConfig, certificates: t.Mapping[tuple[str, str], TLSSettings]
) -> DovecotConfig:
    ours = _our_filters(base, certificates)
    return base._replace(filters=with_filters(base.filters, ours))


def after(base: DovecotConfig, desired: DesiredDovecot) -> DovecotConfig:
    """The configuration once our file is read."""
    others = tuple(entry for entry in base.inet_listeners if not entry.login)
    return _with_certificates(base, desired.certificates)._replace(
        inet_listeners=others + desired.kept + desired.added
    )


# -- our file


def own_file(base: DovecotConfig, desired: DesiredDovecot, config_path: str) -> bytes:
    """What our file says."""
    lines = [(_HEADER % (MANAGED_MARK, json.dumps(config_path))) + "shutdown_clients = no"]
    for block in (*_services(base, desired), *_filter_blocks(base, desired)):
        lines += ["", *lines_of(Section({}, (block,)))]
    return ("\n".join(lines) + "\n").encode()


def _services(base: DovecotConfig, desired: DesiredDovecot) -> t.Iterator[Block]:
    addresses, join = ("address", ", ") if base.release < (2, 4) else ("listen", " ")
    for service in sorted({entry.service for entry in desired.displaced + desired.added}):
        off = [
            Block("inet_listener", entry.name, Section({"port": "0"}))
            for entry in desired.displaced
            if entry.service == service
        ]
        ours = [
            Block(
                "inet_listener",
                entry.name,
                Section(
                    {
                        addresses: join.join(entry.addresses),
                        "port": str(entry.port),
                        "ssl": "yes" if entry.ssl else "no",
                        **dict(entry.extras),
                    }
                ),
            )
            for entry in desired.added
            if entry.service == service
        ]
        yield Block("service", service, Section({}, (*off, *ours)))


def _filter_blocks(base: DovecotConfig, desired: DesiredDovecot) -> t.Iterator[Block]:
    value = "<%s" if base.release < (2, 4) else '"%s"'
    for block in _our_filters(base, desired.certificates):
        paths = block.tls["certificate"], block.tls["key"]
        section = Section(
            dict(zip(certificate_keys(base.release), [value % path for path in paths]))
        )
        for key, name in reversed(block.chain):
            section = Section({}, (Block(key, name, section),))
        yield section.blocks[0]


# -- the plan


def planned(
    details: DovecotDetails,
    declared: t.Optional[t.Sequence[Listener]],
    desired: DesiredDovecot,
    options: Options,
) -> Plan:
    """What is written, in one step. C(declared) None: our parts are taken out.

    See C(base.Server.plan); refusals are added by others.
    """
    content = _content(details, desired, options) if declared is not None else None
    then = after(details.base, desired) if declared is not None else details.base
    state = {
        path: after_it
        for path, after_it in _files(details, declared or (), content, options).items()
        if after_it != details.files.get(path)
    }
    before = {path: details.files.get(path) for path in state}
    return Plan(
        steps=(state,) if state else (),
        back=(before,) if state else (),
        activation="reload" if set(state) - {config_files.BOOT_FILE} else "none",
        ends_sessions=_ends_sessions(details, content),
        listeners=listeners(then),
        sockets=sockets(then.inet_listeners),
        shown={
            path: (config_files.our_text(path, before[path]), config_files.our_text(path, after_it))
            for path, after_it in state.items()
        },
    )


def _content(
    details: DovecotDetails, desired: DesiredDovecot, options: Options
) -> t.Optional[bytes]:
    """Our file; None if nothing has to be said.

    Once it exists it stays until state is absent, for what it says of sessions.
    """
    exists = any(
        details.files.get(path) is not None
        for path in (config_files.IN_CONF_D, config_files.BESIDE)
    )
    if desired.is_empty() and not exists:
        return None
    return own_file(details.base, desired, options.config_path)


def _files(
    details: DovecotDetails,
    declared: t.Iterable[Listener],
    content: t.Optional[bytes],
    options: Options,
) -> dict[str, t.Optional[bytes]]:
    """All files that may be ours. In this order: nothing is ever included that is incomplete."""
    conf = config_files.without_line(details.files[config_files.MAIN_FILE] or b"")
    included = content is not None and not details.in_conf_d
    waits = content is not None and details.systemd and any(map(_must_be_up, declared))
    return {
        config_files.IN_CONF_D: content if details.in_conf_d else None,
        config_files.BESIDE: None if details.in_conf_d else content,
        config_files.MAIN_FILE: config_files.with_line(conf, options.config_path)
        if included
        else conf,
        config_files.BOOT_FILE: boot_file(config_files.UNIT, options.config_path)[1]
        if waits
        else None,
    }


def _must_be_up(listener: Listener) -> bool:
    """Is it on an address that may come late at boot?"""
    return not is_wildcard(listener.address) and not is_loopback(listener.address)


def _ends_sessions(details: DovecotDetails, content: t.Optional[bytes]) -> str:
    """Why a reload ends sessions; '' if it does not.

    Processes go by what they read before the reload; from 2.4 on the main process goes by what it
    reads then (src/master/service.c, services_destroy).
    """
    base = details.base
    by_new_files = base.release >= (2, 4) and base.shutdown_clients and not content
    if not (details.shutdown_clients or by_new_files):
        return ""
    return "a reload ends them, since shutdown_clients = %s" % (
        "no is not in effect yet" if content else "yes"
    )
