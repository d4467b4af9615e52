# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dovecot's configuration says, and what we add to it so that it listens as declared. Pure.

Dovecot takes the last word on a setting. So all that is ours stands in one file of our own that is read last, and no
foreign line is touched: an inet_listener that somebody wrote, or a default one, is switched off there by C(port = 0), and
is back once our file is gone.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import json
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    address_order,
    is_loopback,
    is_wildcard,
    meet,
    reached_at,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    ConfiguredListener,
    Options,
    Plan,
    Unmapped,
    UnmappedKind,
)

FOLDER = "/etc/dovecot"
MAIN_FILE = FOLDER + "/dovecot.conf"
#: Our file, where conf.d/*.conf is the last thing that dovecot.conf includes and this name the last of conf.d.
IN_CONF_D = "%s/conf.d/99-%s.conf" % (FOLDER, MANAGED_MARK)
#: Our file, where a line of ours at the end of dovecot.conf includes it.
BESIDE = "%s/%s.conf" % (FOLDER, MANAGED_MARK)
BOOT_FILE = boot_file("dovecot.service", "")[0]

PROTOCOLS = {"imap": "imap", "pop": "pop3"}  # ours -> Dovecot's
_OURS = {theirs: ours for ours, theirs in PROTOCOLS.items()}
_INCLUDE = "!include_try %s.conf" % MANAGED_MARK
#: A filter with prefix length 0 is one for every address of both families: so each family in halves.
_HALVES = {"0.0.0.0": ("0.0.0.0/1", "128.0.0.0/1"), "::": ("::/1", "8000::/1")}
_WILDCARDS = {"*": "0.0.0.0"}


class Node(t.NamedTuple):
    """A setting, or with C(children) a block: C(key value) or C(key value { children })."""

    key: str
    value: str
    children: t.Optional[tuple] = None


class Entry(t.NamedTuple):
    """An inet_listener that Dovecot has, and what of its service matters."""

    service: str
    name: str  # as doveconf prints it, quotes too; '' where it has none
    port: int
    ssl: bool
    addresses: tuple  # canonical
    protocol: str = ""  # its service's, in Dovecot's words
    login: bool = False  # a login service: imap-login, and others of type login
    without_tls: bool = False  # a service that is run with -o ssl=no
    extras: tuple = ()  # (key, value) of all else that is set

    @property
    def where(self) -> str:
        return ("service %s, inet_listener %s" % (self.service, self.name)).rstrip()

    @property
    def text(self) -> str:
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


class TLS(t.NamedTuple):
    """The settings that a client meets: C(ssl) is no, yes or required; the paths are '' where none are set."""

    ssl: str = "yes"
    certificate: str = ""
    key: str = ""


class Filter(t.NamedTuple):
    """A block that holds for some clients only: C(chain) of (local | local_name | remote | protocol, for which)."""

    chain: tuple
    tls: t.Mapping  # what it says of TLS: some of the keys of TLS

    def of(self, kind: str) -> str:
        return next((value for key, value in self.chain if key == kind), "")

    def narrowness(self) -> tuple:
        net = _network(self.of("local")) if self.of("local") else None
        return (net.prefixlen if net else -1, len(self.chain))

    def matches(self, protocol: str, address: str) -> bool:
        """Does it hold for clients of this protocol at this address, whatever server name they ask for?"""
        return all(_holds(key, value, protocol, address) for key, value in self.chain)


class View(t.NamedTuple):
    """A whole configuration."""

    version: tuple  # (2, 3)
    entries: tuple = ()  # of Entry: those that are listened on
    protocols: tuple = ()
    tls: TLS = TLS()  # where no filter says otherwise
    filters: tuple = ()  # of Filter: those that say something of TLS, in the order of doveconf
    shutdown_clients: bool = True  # do sessions end with the main process, and with a reload?
    second: TLS = TLS()  # a certificate and key that stand beside those of C(tls), and that clients get who prefer its kind of key

    def tls_of(self, protocol: str, address: str) -> TLS:
        """What clients of this protocol meet at this address."""
        met = self.tls
        for one in self.deciding(protocol, address):
            met = met._replace(**one.tls)
        return met

    def deciding(self, protocol: str, address: str) -> list:
        """The filters that hold there, the one with the last word last. 2.3 lets the narrowest have it and refuses what is neither
        narrower nor wider; 2.4 the last in the files, where one that is repeated stands where it stood first."""
        found = [one for one in self.filters if one.matches(protocol, address)]
        return sorted(found, key=Filter.narrowness) if self.version < (2, 4) else found


class Details(t.NamedTuple):
    """What C(render) and C(refusals) go by."""

    base: View  # as if nothing of ours were there
    files: t.Mapping  # path -> content: dovecot.conf and what may be ours
    shutdown_clients: bool = True  # as the files say now, ours among them
    in_conf_d: bool = False  # is a file of ours in conf.d read last?
    systemd: bool = True
    trouble: t.Callable[[], t.Iterable[str]] = (
        tuple  # what the host says against any change, as whole messages
    )
    loopback: tuple = LOOPBACK  # that can be bound


# -- reading


def parse(text: str) -> tuple:
    """The output of doveconf(1) as Nodes. It prints one setting or brace a line; what it adds for people starts with #."""
    return _nodes(iter(text.splitlines()))


def _nodes(lines: t.Iterator[str]) -> tuple:
    found = []
    for line in map(str.strip, lines):
        setting = re.match(r"([^\s={}]+) =(?: (.*))?$", line)
        if line == "}":
            break
        if setting:
            found.append(Node(setting.group(1), setting.group(2) or ""))
        elif line.endswith("{") and not line.startswith("#"):
            key, dummy, value = line[:-1].strip().partition(" ")
            found.append(Node(key, value.strip(), _nodes(lines)))
    return tuple(found)


def version(text: str) -> tuple:
    """(2, 3) from the first line of C(doveconf -n), or what C(dovecot --version) prints. () where there is none."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()


def view(for_all: str, changed: str, resolve: t.Callable[[str], t.Iterable[str]]) -> View:
    """What doveconf prints with names of settings and C(service), and with C(-n), taken together. C(resolve): see C(entries)."""
    nodes = parse(for_all)
    release = version(changed.partition("\n")[0])
    return View(
        release,
        entries(nodes, resolve),
        protocols(nodes),
        tls(nodes, release),
        filters(parse(changed), release),
        setting(nodes, "shutdown_clients") != "no",
        _second(nodes),
    )


def _second(nodes: t.Iterable[Node]) -> TLS:
    in_2_4 = list(
        itertools.chain(
            *(node.children for node in nodes if node.key == "ssl_server" and node.children)
        )
    )
    return TLS(
        "",
        *(
            _path(setting(nodes, "ssl_alt_" + name) or setting(in_2_4, "alt_%s_file" % name))
            for name in ("cert", "key")
        ),
    )


def as_served(read: View, is_curve: t.Callable[[str], bool]) -> View:
    """With the certificate that clients get in C(tls). C(is_curve): is the key in this file one on an elliptic curve? Of two kinds it is preferred; of one
    kind OpenSSL keeps the last that it was given (SSL_CTX_use_certificate(3))."""
    if read.second.key and (is_curve(read.second.key) or not is_curve(read.tls.key)):
        return read._replace(tls=read.second._replace(ssl=read.tls.ssl), second=read.tls)
    return read


def setting(nodes: t.Iterable[Node], key: str) -> str:
    """A setting's value; '' where it is not there."""
    return next((node.value for node in nodes if node.key == key and node.children is None), "")


def protocols(nodes: t.Sequence[Node]) -> tuple:
    """The setting protocols: words, from 2.4 on also a list of yes and no."""
    listed = [
        node.key
        for node in itertools.chain(
            *(node.children for node in nodes if node.key == "protocols" and node.children)
        )
        if node.value == "yes"
    ]
    return tuple(listed or setting(nodes, "protocols").split())


def entries(nodes: t.Sequence[Node], resolve: t.Callable[[str], t.Iterable[str]]) -> tuple:
    """The inet_listeners that are listened on. C(resolve): the addresses of a host's name, which Dovecot accepts for one."""
    active, everywhere, ssl = protocols(nodes), setting(nodes, "listen"), setting(nodes, "ssl")
    found = []
    for service in nodes:
        if service.key != "service" or setting(service.children or (), "protocol") not in (
            "",
            *active,
        ):
            continue
        protocol = setting(service.children, "protocol")
        for block in service.children:
            port = setting(block.children or (), "port")
            over_tls = setting(block.children or (), "ssl") == "yes"
            if (
                block.key != "inet_listener" or port in ("", "0") or (over_tls and ssl == "no")
            ):  # ssl = no closes them
                continue
            own = setting(block.children, "listen") or setting(block.children, "address")
            found.append(
                Entry(
                    service.value,
                    block.value,
                    int(port),
                    over_tls,
                    _addresses(own or everywhere, resolve),
                    protocol,
                    setting(service.children, "type") == "login" and protocol in _OURS,
                    re.search(r"-o\s*ssl=no\b", setting(service.children, "executable"))
                    is not None,
                    tuple(
                        (node.key, node.value)
                        for node in block.children
                        if node.children is None
                        and node.key not in ("address", "listen", "port", "ssl")
                        and node.value not in ("", "no")
                    ),
                )
            )
    return tuple(found)


def _addresses(text: str, resolve: t.Callable[[str], t.Iterable[str]]) -> tuple:
    found: list = []
    for word in filter(None, re.split(r"[\s,]+", text)):  # a comma at the end is nothing
        bare = word.strip("[]")
        try:
            found.append(str(ipaddress.ip_address(_WILDCARDS.get(bare, bare))))
        except ValueError:
            found.extend(resolve(bare))
    return tuple(sorted(set(found), key=address_order))


def filters(nodes: t.Iterable[Node], release: tuple, chain: tuple = ()) -> tuple:
    """The blocks of C(doveconf -n) that say something of TLS to some clients only."""
    found: list = []
    for node in nodes:
        if node.children is not None and node.key in ("local", "local_name", "remote", "protocol"):
            here = chain + ((node.key, node.value.strip('"')),)
            said = _said_of_tls(node.children, release)
            if said:
                found.append(Filter(here, said))
            found.extend(filters(node.children, release, here))
    return tuple(found)


def tls(nodes: t.Iterable[Node], release: tuple) -> TLS:
    """The settings for all clients."""
    return TLS(**{"ssl": "", **_said_of_tls(nodes, release)})


def _said_of_tls(nodes: t.Iterable[Node], release: tuple) -> dict:
    """Some of the keys of TLS with their values. 2.4 prints ssl_server_cert_file as ssl_server { cert_file }."""
    said = {}
    for node in nodes:
        children = node.children if node.key == "ssl_server" else ()
        for name, value in [
            (node.key, node.value),
            *(("ssl_server_" + child.key, child.value) for child in children or ()),
        ]:
            if name == "ssl":
                said["ssl"] = value
            elif name in _certificate_keys(release):
                said[TLS._fields[1 + _certificate_keys(release).index(name)]] = _path(value)
    return said


def _certificate_keys(release: tuple) -> tuple:
    return (
        ("ssl_cert", "ssl_key")
        if release < (2, 4)
        else ("ssl_server_cert_file", "ssl_server_key_file")
    )


def _path(value: str) -> str:
    """The file that a certificate or key is read from: C(</file) in 2.3. '' for one that stands there itself."""
    bare = value.strip().strip('"').lstrip("<").strip().strip('"')
    return bare if bare.startswith("/") else ""


def _holds(key: str, value: str, protocol: str, address: str) -> bool:
    if key == "protocol":
        return (value.lstrip("!") == protocol) != value.startswith("!")
    net = _network(value) if key == "local" else None
    return net is not None and ipaddress.ip_address(address) in net


@functools.lru_cache(maxsize=None)
def _network(text: str):
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


# -- what it means


def sockets(these: t.Iterable[Entry]) -> frozenset:
    """(address, port) of all that is listened on."""
    return frozenset((address, entry.port) for entry in these for address in entry.addresses)


def exclude(one: tuple, other: tuple) -> bool:
    """Can't both of these, (address, port), be listened on at the same time? A wildcard and an address of its family can't."""
    return one != other and one[1] == other[1] and meet(one[0], other[0])


def listeners(view: View) -> tuple:
    """(ConfiguredListener …) of the login services."""
    return tuple(
        sorted(
            (
                ConfiguredListener(listener, entry.where)
                for entry in view.entries
                if entry.login
                for listener in _listeners(view, entry)
            ),
            key=lambda found: (address_order(found.listener.address), found.listener.port),
        )
    )


def _met(view: View, entry: Entry) -> list:
    """The TLS settings at each of its addresses."""
    return [view.tls_of(entry.protocol, address) for address in entry.addresses]


def _listeners(view: View, entry: Entry) -> t.Iterator[Listener]:
    """A Listener for each of the entry's addresses, but for TLS from the first byte that has no files."""
    for address, met in zip(entry.addresses, _met(view, entry)):
        protocol = _OURS[entry.protocol]
        if met.ssl != "no" and not entry.without_tls and met.certificate and met.key:
            encryption = "ssl" if entry.ssl else "tls"
            yield Listener(
                address,
                entry.port,
                protocol,
                encryption,
                met.certificate,
                "" if met.key == met.certificate else met.key,
            )
        elif not entry.ssl:
            yield Listener(address, entry.port, protocol, "none")


def unmapped(view: View) -> tuple:
    """(Unmapped …): what is configured and has no place in the model."""
    found = []
    here = {address for entry in view.entries if entry.login for address in entry.addresses}
    for entry in view.entries:
        reasons = []
        if not entry.login:
            reason = "a listener of another protocol: %s" % (entry.protocol or entry.service)
            reasons.append((reason, UnmappedKind.OTHER))
        else:
            if any(map(is_loopback, entry.addresses)):
                reasons.append(("loopback stays as it is, undeclared", UnmappedKind.LOOPBACK))
            if any(
                not (met.certificate and met.key)
                for met in _met(view, entry)
                if met.ssl != "no" and not entry.without_tls
            ):
                reason = "its certificate and key are in no files"
                reason += ": not a listener that can be declared" if entry.ssl else ""
                reasons.append((reason, UnmappedKind.CERTIFICATE))
            if entry.extras:
                reason = "a setting of one listener: kept where the listener is taken over"
                reasons.append((reason, UnmappedKind.OTHER))
            if entry.service not in ("imap-login", "pop3-login"):
                reason = "a login service of its own: kept where the listener is taken over"
                reasons.append((reason, UnmappedKind.OTHER))
        found.extend(
            Unmapped("dovecot", entry.where, entry.text, reason, kind) for reason, kind in reasons
        )
    if view.second.certificate:
        found.append(
            Unmapped(
                "dovecot",
                alternative(view),
                view.second.certificate,
                "one of two certificates, for clients that can't use the other",
            )
        )
    for one in view.filters:
        if one.of("local_name"):
            reason = "a certificate or TLS setting by server name (SNI)"
        elif one.of("remote"):
            reason = "a TLS setting by the client's address"
        elif one.of("local") and not any(
            one.matches(protocol, address) for protocol in _OURS for address in here
        ):
            reason = "a certificate or TLS setting for an address that no listener names"
        else:
            continue
        text = "; ".join("%s = %s" % pair for pair in one.tls.items())
        found.append(
            Unmapped("dovecot", ", ".join("%s %s" % pair for pair in one.chain), text, reason)
        )
    return tuple(found)


def alternative(view: View) -> str:
    """What Dovecot calls a second certificate."""
    return "ssl_alt_cert" if view.version < (2, 4) else "ssl_server_alt_cert_file"


# -- rendering


class Layout(t.NamedTuple):
    """What is to become of the entries of the base, and what comes from us."""

    kept: tuple  # of Entry
    displaced: tuple  # of Entry
    own: tuple  # of Entry
    certificates: t.Mapping  # (protocol, address) -> TLS: what we say of an address's certificate


def layout(
    base: View,
    wanted: t.Sequence[Listener],
    options: Options,
    loopback: t.Container[str] = LOOPBACK,
) -> Layout:
    """Leave alone what is right already, switch off what is not, and add what is missing. C(loopback): the addresses of it that can be bound."""
    declared = {(one.address, one.port): one for one in wanted}
    logins = [entry for entry in base.entries if entry.login]

    def stays_on_loopback(address: str, port: int) -> bool:
        return (
            options.keep_loopback
            and is_loopback(address)
            and (address, port) not in declared
            and (wildcard_of(address), port) not in declared
        )

    def is_right(entry: Entry, address: str) -> bool:
        one = declared.get((address, entry.port))
        if one is None:
            return stays_on_loopback(address, entry.port)
        return _OURS[entry.protocol] == one.protocol and _fits(entry, one)

    kept, displaced, provided = [], [], set()
    for entry in logins:
        here = {(address, entry.port) for address in entry.addresses}
        if all(is_right(entry, address) for address in entry.addresses) and not here & provided:
            kept.append(entry)
            provided |= here
        else:
            displaced.append(entry)

    missing: dict = {}  # an Entry without addresses -> them
    for one in wanted:
        if (one.address, one.port) not in provided:
            missing.setdefault(_made_from(_template(logins, one), one), []).append(one.address)
    for entry in displaced:
        kept_on = {
            reached_at(address)
            for address in entry.addresses
            if is_wildcard(address) and reached_at(address) in loopback
        }.union(filter(is_loopback, entry.addresses))
        for address in sorted(kept_on, key=address_order):
            if stays_on_loopback(address, entry.port) and (address, entry.port) not in provided:
                provided.add((address, entry.port))
                missing.setdefault(entry._replace(name="", addresses=()), []).append(address)

    return Layout(tuple(kept), tuple(displaced), _named(missing), _certificates(base, wanted))


def _fits(entry: Entry, one: Listener) -> bool:
    """Can this entry be that listener? A plain one offers STARTTLS wherever there is a certificate; none does not mind."""
    return entry.ssl == (one.encryption == "ssl") and not (
        entry.without_tls and one.encryption != "none"
    )


def _template(logins: t.Iterable[Entry], one: Listener) -> t.Optional[Entry]:
    """The entry that answers on this number today, the nearest: on this address, on the wildcard, on another."""
    same = [
        entry
        for entry in logins
        if entry.port == one.port
        and _OURS[entry.protocol] == one.protocol
        and not (entry.without_tls and one.encryption != "none")
    ]
    return min(
        same,
        default=None,
        key=lambda entry: (
            one.address not in entry.addresses,
            wildcard_of(one.address) not in entry.addresses,
            entry.service,
        ),
    )


def _made_from(template: t.Optional[Entry], one: Listener) -> Entry:
    """An Entry as this listener needs it, still without name and addresses."""
    protocol = PROTOCOLS[one.protocol]
    if template is None:
        template = Entry(protocol + "-login", "", one.port, False, (), protocol, True)
    return template._replace(name="", addresses=(), ssl=one.encryption == "ssl")


def _named(missing: t.Mapping) -> tuple:
    """Our Entries, each with a name that no other of its service has."""
    found, names = [], set()
    for entry, addresses in sorted(
        missing.items(),
        key=lambda item: (item[0].service, item[0].port, item[0].ssl, item[0].extras),
    ):
        plain = "mailops-%d-%s" % (entry.port, "ssl" if entry.ssl else "plain")
        name = next(
            name
            for name in itertools.chain(
                [plain], ("%s-%d" % (plain, number) for number in itertools.count(2))
            )
            if (entry.service, name) not in names
        )
        names.add((entry.service, name))
        found.append(
            entry._replace(name=name, addresses=tuple(sorted(set(addresses), key=address_order)))
        )
    return tuple(found)


def _certificates(base: View, wanted: t.Iterable[Listener]) -> dict:
    """(protocol, address) -> TLS, only where it is not so already. Wildcards first: 2.4 takes the last block that fits."""
    found: dict = {}
    for one in sorted(
        wanted,
        key=lambda one: (
            not is_wildcard(one.address),
            address_order(one.address),
            one.protocol,
        ),
    ):
        protocol = PROTOCOLS[one.protocol]
        met = _with_certificates(base, found).tls_of(protocol, one.address)
        if one.encryption != "none" and (met.certificate, met.key) != (
            one.certificate_path,
            one.key_path,
        ):
            found[protocol, one.address] = met._replace(
                certificate=one.certificate_path, key=one.key_path
            )
    return found


def _blocks(release: tuple, named: t.Iterable[Filter], certificates: t.Mapping) -> tuple:
    """Our Filters. 2.4 takes the last that fits, ours: so they say again what was said for clients that ask for a server name."""
    found = []
    for (protocol, address), met in certificates.items():
        for local in _HALVES.get(address, (address,)):
            found.append(Filter((("local", local), ("protocol", protocol)), _certificate(met)))
            for one in named if release >= (2, 4) else ():
                where = _narrower(local, one.of("local"))
                if (
                    where
                    and one.of("protocol") in ("", protocol)
                    and "certificate" in one.tls
                    and "key" in one.tls
                ):
                    chain = (
                        ("local", where),
                        ("local_name", one.of("local_name")),
                        ("protocol", protocol),
                    )
                    found.append(Filter(chain, _certificate(TLS(**one.tls))))
    return tuple(found)


def _narrower(ours: str, theirs: str) -> str:
    """Where both hold: the narrower of two networks of which one may be left out; '' where they don't meet."""
    if not theirs:
        return ours
    mine, other = _network(ours), _network(theirs)
    if mine is None or other is None or mine.version != other.version or not mine.overlaps(other):
        return ""
    return ours if mine.prefixlen >= other.prefixlen else theirs


def _certificate(met: TLS) -> dict:
    return {"certificate": met.certificate, "key": met.key}


def by_name(base: View) -> list:
    """The filters that have a certificate for a server name (SNI)."""
    return [one for one in base.filters if one.of("local_name") and "certificate" in one.tls]


def _with_certificates(base: View, certificates: t.Mapping) -> View:
    """The View with our filters beside the others, or in the place of those for the same clients."""
    ours = {one.chain: one for one in _blocks(base.version, by_name(base), certificates)}
    there = [
        one._replace(tls={**one.tls, **ours.pop(one.chain).tls}) if one.chain in ours else one
        for one in base.filters
    ]
    return base._replace(filters=(*there, *ours.values()))


def own_file(base: View, plan: Layout, config_path: str, there: bool) -> t.Optional[bytes]:
    """Our file; None where nothing needs saying. Once it is C(there) it stays, for what it says of sessions, until state is absent."""
    if not (there or plan.displaced or plan.own or plan.certificates):
        return None
    lines = [
        "# Written by mail_listeners of %s. What is edited here is lost: change the declaration."
        % MANAGED_MARK,
        "# state: absent removes this file, and what it switches off (port = 0) is back.",
        "# config_path: %s" % json.dumps(config_path),
        "",
        "# by default, Dovecot ends every session some seconds after a reload",
        "shutdown_clients = no",
    ]
    addresses, join = ("address", ", ") if base.version < (2, 4) else ("listen", " ")
    for service in sorted({entry.service for entry in plan.displaced + plan.own}):
        lines += ["", "service %s {" % service]
        for entry in plan.displaced:
            if entry.service == service:
                lines += ["  inet_listener %s {" % entry.name, "    port = 0", "  }"]
        for entry in plan.own:
            if entry.service == service:
                lines += [
                    "  inet_listener %s {" % entry.name,
                    "    %s = %s" % (addresses, join.join(entry.addresses)),
                    "    port = %d" % entry.port,
                ]
                lines += [
                    "    ssl = %s" % ("yes" if entry.ssl else "no"),
                    *("    %s = %s" % extra for extra in entry.extras),
                    "  }",
                ]
        lines.append("}")
    for one in _blocks(base.version, by_name(base), plan.certificates):
        lines += [
            "",
            *(
                "%s%s %s {" % ("  " * depth, key, value)
                for depth, (key, value) in enumerate(one.chain)
            ),
        ]
        lines += [
            "  " * len(one.chain)
            + "%s = %s" % (name, "<" + value if base.version < (2, 4) else '"%s"' % value)
            for name, value in zip(
                _certificate_keys(base.version), (one.tls["certificate"], one.tls["key"])
            )
        ]
        lines += ["  " * depth + "}" for depth in reversed(range(len(one.chain)))]
    return ("\n".join(lines) + "\n").encode()


def after(base: View, plan: Layout) -> View:
    """The View once our file is read."""
    others = tuple(entry for entry in base.entries if not entry.login)
    return _with_certificates(base, plan.certificates)._replace(
        entries=others + plan.kept + plan.own
    )


def render(details: Details, wanted: t.Optional[t.Sequence[Listener]], options: Options) -> Plan:
    """See C(base.Server.render)."""
    base = details.base
    plan = layout(base, wanted, options, details.loopback) if wanted is not None else None
    view = after(base, plan) if plan else base
    there = any(details.files.get(path) is not None for path in (IN_CONF_D, BESIDE))
    content = own_file(base, plan, options.config_path, there) if plan else None
    conf = without_line(details.files[MAIN_FILE])
    wait = (
        content
        and details.systemd
        and any(not is_wildcard(one.address) and not is_loopback(one.address) for one in wanted)
    )
    state = {
        # in this order: at no moment is anything included that is not whole
        IN_CONF_D: content if details.in_conf_d else None,
        BESIDE: None if details.in_conf_d else content,
        MAIN_FILE: with_line(conf, options.config_path)
        if content and not details.in_conf_d
        else conf,
        BOOT_FILE: boot_file("dovecot.service", options.config_path)[1] if wait else None,
    }
    state = {path: now for path, now in state.items() if now != details.files.get(path)}
    before = {path: details.files.get(path) for path in state}
    # processes go by what they read before the reload; from 2.4 on the main process by what it reads then (src/master/service.c, services_destroy)
    ends = details.shutdown_clients or (
        base.version >= (2, 4) and base.shutdown_clients and not content
    )
    return Plan(
        steps=(state,) if state else (),
        back=(before,) if state else (),
        activation="reload" if set(state) - {BOOT_FILE} else "none",
        ends_sessions="a reload ends them, since shutdown_clients = %s"
        % ("no is not in effect yet" if content else "yes")
        if ends
        else "",
        listeners=listeners(view),
        sockets=sockets(view.entries),
        shown={path: (_ours(path, before[path]), _ours(path, now)) for path, now in state.items()},
    )


def _ours(path: str, content: t.Optional[bytes]) -> str:
    """What of a file is ours: all, but of dovecot.conf our lines only."""
    lines = (content or b"").splitlines(keepends=True)
    return b"".join(line for line in lines if path != MAIN_FILE or _is_our_line(line)).decode(
        errors="replace"
    )


# -- our line in dovecot.conf


def with_line(conf: bytes, config_path: str) -> bytes:
    """dovecot.conf with the line that includes our file. Its last line gets no newline if the last had none."""
    end = "\r\n" if b"\r\n" in conf else "\n"
    first = "# %s: listeners as declared in %s; state: absent takes these two lines out again" % (
        MANAGED_MARK,
        json.dumps(config_path),
    )
    ours = (first + end + _INCLUDE).encode()
    return (
        conf + ours + end.encode()
        if not conf or conf.endswith(b"\n")
        else conf + end.encode() + ours
    )


def without_line(conf: bytes) -> bytes:
    """dovecot.conf as it was before C(with_line), whatever else was changed meanwhile."""
    lines = conf.splitlines(keepends=True)
    ours = [line for line in lines if _is_our_line(line)]
    rest = b"".join(line for line in lines if not _is_our_line(line))
    if ours and lines[-1] == ours[-1] and not ours[-1].endswith(b"\n"):
        end = b"\r\n" if ours[0].endswith(b"\r\n") else b"\n"
        rest = rest[: -len(end)] if rest.endswith(end) else rest
    return rest


def _is_our_line(line: bytes) -> bool:
    return line.strip() == _INCLUDE.encode() or line.startswith(("# %s: " % MANAGED_MARK).encode())


def last_includes(conf: bytes) -> list:
    """(must it be there, pattern) of the includes that nothing but includes and comments follows, the last first."""
    found = []
    for line in reversed(without_line(conf).decode(errors="replace").splitlines()):
        include = re.match(r"\s*!include(_try)?\s+(.*?)\s*(\s#.*)?$", line)
        if include:
            found.append((include.group(1) is None, include.group(2).strip('"')))
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    return found


def config_path_of(files: t.Mapping) -> str:
    """The bindings config that our parts were written from; '' where there are none."""
    ours = r'^# (?:config_path: |%s: listeners as declared in )("(?:[^"\\]|\\.)*")' % re.escape(
        MANAGED_MARK
    )
    for path in (IN_CONF_D, BESIDE, MAIN_FILE):
        found = re.search(ours, (files.get(path) or b"").decode(errors="replace"), re.MULTILINE)
        if found:
            return json.loads(found.group(1))
    return ""
