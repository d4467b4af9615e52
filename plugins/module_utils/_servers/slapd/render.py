# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From how OpenLDAP is set up to how it is to be: what it listens on, what can't be, and what is to be written. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    WILDCARDS,
    family,
    is_loopback,
    is_wildcard,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    ConfiguredListener,
    Options,
    Plan,
    Unmapped,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser as files
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    SERVICES,
    Tls,
)

#: The two values of cn=config that are ours, as one resource: it stands in results as the name of what changed.
TLS = "cn=config"

UNIT = "slapd.service"


class Host(t.NamedTuple):
    """How things are."""

    text: str = ""  # /etc/default/slapd
    reader: str = "shell"
    how: tuple = (
        WILDCARDS,
        ("127.0.0.1", "::1"),
    )  # to read URLs by: the wildcards, localhost's addresses
    urls: tuple = ()  # of Url: today's
    where: str = DEFAULTS  # they are from
    settings: t.Mapping = {}  # of cn=config, or of slapd.conf
    replicated: bool = False  # is cn=config?
    boot: t.Optional[bytes] = None  # the drop-in
    units: bool = False  # does the host have systemd's?
    problems: tuple = ()  # why nothing can be changed here
    loopback: tuple = LOOPBACK  # that can be bound

    @property
    def tls(self) -> Tls:
        """The certificate of today."""
        return files.tls_settings(self.settings)

    @property
    def before(self) -> files.Original:
        """How it was before us."""
        return files.original(self.text, self.tls)


def configured(host: Host) -> Configured:
    """What read() gives."""
    listeners, sockets = _listens(host.urls, host.tls, host.where)
    return Configured(listeners, tuple(_unmapped(host)), sockets, host.before.config_path, host)


def _listens(urls, tls, where):
    """(tuple of ConfiguredListener, frozenset of all sockets). A path that is not absolute is none that a config could have."""
    certificate, key = (path if path.startswith("/") else "" for path in (tls.certificate, tls.key))
    listeners = tuple(
        ConfiguredListener(
            Listener(
                address,
                port,
                "ldap",
                "ssl" if url.scheme == "ldaps" else "tls" if tls.certificate else "none",
                certificate,
                key if key != certificate else "",
            ),
            "%s: %s" % (where, url.text),
        )
        for url in urls
        if not url.unmapped and (tls.certificate or url.scheme != "ldaps")
        for address, port in url.sockets
    )
    return listeners, frozenset(socket for url in urls for socket in url.sockets)


def _unmapped(host):
    for url in host.urls:
        if url.unmapped:
            yield Unmapped("slapd", host.where, url.text, url.unmapped)
        elif url.scheme == "ldaps" and not host.tls.certificate:
            yield Unmapped(
                "slapd",
                host.where,
                url.text,
                "ldaps without a certificate in cn=config: nobody can connect",
            )
    if "tlscertificate;binary" in host.settings:
        yield Unmapped("slapd", TLS, "olcTLSCertificate;binary", "a certificate that is in no file")
    verify = host.settings.get("tlsverifyclient", ["never"])[0]
    if verify.lower() not in ("never", "0"):
        yield Unmapped(
            "slapd",
            TLS,
            "olcTLSVerifyClient: " + verify,
            "clients are asked for a certificate; it stays so",
        )


# -- what can't be: functions of (host, wanted, options) that yield whole messages


def layout_is_known(host, wanted, options):
    """What read() has found to be in the way."""
    yield from host.problems


def one_certificate(host, wanted, options):
    """cn=config has one certificate."""
    users: dict = {}
    for listener in wanted:
        if listener.encryption != "none":
            users.setdefault((listener.certificate_path, listener.key_path), []).append(
                listener.name
            )
    if len(users) > 1:
        yield (
            "OpenLDAP has one certificate for all its listeners, and %s are declared: put all names in one certificate, and use it on every ldap port"
            % (
                " and ".join(
                    "%s with the key %s (%s)" % (*pair, ", ".join(users[pair]))
                    for pair in sorted(users)
                )
            )
        )


def urls_have_addresses(host, wanted, options):
    """What a name means may change with every start."""
    for url in _urls(host, host.before.text):
        if url.unknown:
            yield (
                "SLAPD_SERVICES in %s has %s, and %s: write the address that slapd is to listen on, or take the URL out"
                % (DEFAULTS, url.text, url.unknown)
            )


def sockets_do_not_meet(host, wanted, options):
    """slapd does not start if two of its URLs meet, a wildcard and an address of its family for instance (no SO_REUSEPORT)."""
    seen: dict = {}
    for url in (files.url(text, *host.how) for text in _goal(host, wanted, options)[0]):
        for socket in url.sockets:
            seen.setdefault(socket, []).append(url.text)
    for (address, port), texts in sorted(seen.items()):
        beside = seen.get((wildcard_of(address), port), []) if not is_wildcard(address) else []
        if len(texts) > 1 or beside:
            yield (
                "OpenLDAP can't have %s at the same time: it does not start with two URLs on one socket, nor with a wildcard beside an address on one port. "
                "Declare either the wildcard or the addresses"
                % " and ".join(sorted({*beside, *texts}))
            )


def families_are_served(host, wanted, options):
    """slapd -4 and -6, or a host without IPv6."""
    for listener in wanted:
        if wildcard_of(listener.address) not in host.how[0]:
            yield (
                "%s: OpenLDAP has no IPv%d here: see SLAPD_OPTIONS in %s and the host's own settings"
                % (listener.name, family(listener.address), DEFAULTS)
            )


def server_ids_match(host, wanted, options):
    """With URLs in olcServerID, slapd does not start unless it listens on one of them. It starts with today's, and so with more than these."""
    known = {
        value.split()[1].lower()
        for value in host.settings.get("serverid", ())
        if len(value.split()) > 1
    }
    texts = _goal(host, wanted, options)[0]
    if (
        known
        and not set(_texts(host.urls)) <= set(texts)
        and not known & {text.lower() for text in texts}
    ):
        yield (
            "olcServerID in cn=config names URLs (%s), and OpenLDAP does not start unless it listens on one of them, written the same way; "
            "it would listen on %s: change olcServerID first, to one of these, or to the number alone"
            % (", ".join(sorted(known)), " ".join(texts))
        )


def certificate_is_ours_to_set(host, wanted, options):
    """What would come in the way of a change of the certificate."""
    tls = _goal(host, wanted, options)[1]
    if tls == host.tls:
        return
    if host.replicated:
        yield (
            "cn=config is replicated (olcSyncrepl on olcDatabase={0}config): a certificate that is set here would be set on other servers too. "
            "Set olcTLSCertificateFile %s and olcTLSCertificateKeyFile %s yourself, on the provider"
            % tls
        )
    if "tlscertificate;binary" in host.settings or "tlscertificatekey;binary" in host.settings:
        yield "cn=config has a certificate in itself (olcTLSCertificate;binary), beside which no file can be used: delete it and its key from cn=config first"
    if tls.certificate and not any(
        url.scheme == "ldapi" for url in host.urls
    ):  # it is taken away while slapd is stopped
        yield (
            "OpenLDAP has no ldapi:/// to change its certificate by: add it to SLAPD_SERVICES in %s, and restart slapd"
            % DEFAULTS
        )


GIVING_BACK = (
    server_ids_match,
    certificate_is_ours_to_set,
)  # what cn=config may have come to say since
REFUSALS = (
    one_certificate,
    urls_have_addresses,
    sockets_do_not_meet,
    families_are_served,
    *GIVING_BACK,
)


def refusals(host: Host, wanted: t.Optional[t.Sequence[Listener]], options: Options) -> list:
    """Whole messages. Where the layout is not known, nothing more can be said."""
    table = GIVING_BACK if wanted is None else REFUSALS
    return list(layout_is_known(host, wanted, options)) or [
        message for refuse in table for message in refuse(host, wanted, options)
    ]


# -- what is to be written


def plan(host: Host, wanted: t.Optional[t.Sequence[Listener]], options: Options) -> Plan:
    """See Server.render."""
    texts, tls = _goal(host, wanted, options)
    before = host.before
    ours = texts != _texts(_urls(host, before.text))
    text = files.written(
        before.text,
        host.reader,
        " ".join(texts) if ours else None,
        before.tls,
        tls,
        options.config_path,
    )
    boot, drop_in = boot_file(UNIT, options.config_path)
    if not (
        ours and host.units and any(_is_specific(listener.address) for listener in wanted or ())
    ):
        drop_in = None
    urls = _urls(host, text)
    # slapd does not give its certificate up while it runs; all else of it is live
    restart = _texts(urls) != _texts(host.urls) or (tls != host.tls and not tls.certificate)

    now = {boot: host.boot, TLS: files.tls_lines(host.tls), DEFAULTS: _bytes(host.text)}
    after = {boot: drop_in, TLS: files.tls_lines(tls), DEFAULTS: _bytes(text)}
    # the certificate first: if it is refused, the rest is as it was. But slapd is stopped for it to go, and then starts with the new URLs
    step = {
        resource: after[resource]
        for resource in sorted((boot, TLS, DEFAULTS), key=lambda resource: after[resource] is None)
        if after[resource] != now[resource]
    }
    # on the way back the URLs first, so that whatever starts slapd starts it with good ones
    back = {resource: now[resource] for resource in (boot, DEFAULTS, TLS) if resource in step}
    diffs = {
        boot: (_shown(host.boot), _shown(drop_in)),
        TLS: (_shown(now[TLS]), _shown(after[TLS])),
        DEFAULTS: (files.shown(host.text, host.reader), files.shown(text, host.reader)),
    }
    listeners, sockets = _listens(urls, tls, DEFAULTS)
    return Plan(
        steps=(step,) if step else (),
        back=(back,) if step else (),
        activation="restart" if restart else "none",
        ends_sessions="it has to be restarted" if restart else "",
        listeners=listeners,
        sockets=sockets,
        shown={resource: diffs[resource] for resource in step},
    )


def _goal(host, wanted, options):
    """(texts of the URLs, certificate) to have."""
    before = host.before
    urls = _urls(host, before.text)
    if wanted is None:
        return _texts(urls), before.tls
    pairs = sorted(
        {
            Tls(listener.certificate_path, listener.key_path)
            for listener in wanted
            if listener.encryption != "none"
        }
    )
    return files.merged(urls, wanted, host.loopback if options.keep_loopback else None), pairs[
        0
    ] if pairs else before.tls


def _urls(host, text):
    return files.urls(files.value(text, SERVICES, host.reader), *host.how)


def _texts(urls):
    return [url.text for url in urls]


def _is_specific(address):
    return not is_wildcard(address) and not is_loopback(address)


def _bytes(text):
    return text.encode("utf-8", "surrogateescape")


def _shown(content):
    return (content or b"").decode(errors="replace")
