# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From how OpenLDAP is set up to how it should be: listeners, the desired setup, the plan. Pure.

What we take over stays in /etc/default/slapd as comments, also what cn=config had.
"""

from __future__ import annotations

import contextlib
import json
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    is_loopback,
    is_wildcard,
    loopback_beside,
    reached_at,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    Configured,
    ConfiguredListener,
    Options,
    Plan,
    SocketKey,
    Unmapped,
    UnmappedKind,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import limits, parser
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.limits import (
    DesiredSetup,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    SERVICES,
    TLS,
    UNIT,
    Settings,
    Setup,
    Tls,
    Url,
)

#: (scheme, address, port) of a socket: what is spoken on it counts too.
SchemeSocket = tuple[str, str, int]

_TLS_ATTRIBUTES = ("olcTLSCertificateFile", "olcTLSCertificateKeyFile")


# -- what is configured


def configured(setup: Setup) -> Configured:
    """A setup as others see it."""
    listeners, sockets = _listeners(setup.urls, setup.tls, setup.where)
    pair = setup.tls.certificate, setup.tls.key
    return Configured(
        listeners,
        tuple(_unmapped(setup)),
        sockets,
        setup.original.config_path,
        setup,
        certificates_at_start=(pair,) if all(path.startswith("/") for path in pair) else (),
    )


def _listeners(
    urls: t.Sequence[Url], tls: Tls, where: str
) -> tuple[tuple[ConfiguredListener, ...], frozenset[SocketKey]]:
    """The listeners, and all sockets. A relative path is left out: no config could have it."""
    certificate, key = (path if path.startswith("/") else "" for path in tls)
    key = "" if key == certificate else key
    listeners = tuple(
        ConfiguredListener(
            Listener(address, port, "ldap", _encryption(url, tls), certificate, key),
            "%s: %s" % (where, url.text),
        )
        for url in urls
        if not url.unmapped and _can_answer(url, tls)
        for address, port in url.sockets
    )
    return listeners, frozenset(socket for url in urls for socket in url.sockets)


def _encryption(url: Url, tls: Tls) -> str:
    """STARTTLS is offered on every ldap:// once slapd has a certificate."""
    if url.scheme == "ldaps":
        return "ssl"
    return "tls" if tls.certificate else "none"


def _can_answer(url: Url, tls: Tls) -> bool:
    return bool(tls.certificate) or url.scheme != "ldaps"


def _unmapped(setup: Setup) -> t.Iterator[Unmapped]:
    for url in setup.urls:
        reason = url.unmapped
        if not reason and not _can_answer(url, setup.tls):
            reason = "ldaps without a certificate in cn=config: no client can connect"
        if reason:
            yield Unmapped("slapd", setup.where, url.text, reason)
    if "tlscertificate;binary" in setup.settings:
        reason = "a certificate that is in no file"
        yield Unmapped("slapd", TLS, "olcTLSCertificate;binary", reason, UnmappedKind.CERTIFICATE)
    verify = next(iter(setup.settings.get("tlsverifyclient", ())), "never")
    if verify.lower() not in ("never", "0"):
        reason = "clients are asked for a certificate; this setting is kept"
        yield Unmapped("slapd", TLS, "olcTLSVerifyClient: " + verify, reason)


# -- what is desired


def _desired_setup(
    setup: Setup, listeners: t.Optional[t.Sequence[Listener]], options: Options
) -> DesiredSetup:
    """C(listeners) None: what was before us."""
    original_urls = _urls(setup, setup.original.text)
    if listeners is None:
        return DesiredSetup((), original_urls, setup.original.tls, original_urls)
    loopback = None
    if options.keep_loopback:
        declared = (listener.address for listener in listeners)
        loopback = loopback_beside(declared, setup.addresses.loopback)
    urls = tuple(
        parser.url_of(text, setup.addresses) for text in _merged(original_urls, listeners, loopback)
    )
    certificates = {
        Tls(listener.certificate_path, listener.key_path)
        for listener in listeners
        if listener.encryption != "none"
    }
    tls = min(certificates, default=setup.original.tls)
    return DesiredSetup(tuple(listeners), urls, tls, original_urls)


def _urls(setup: Setup, text: str) -> tuple[Url, ...]:
    """The URLs of a text of /etc/default/slapd."""
    return parser.urls_of(parser.value_of(text, SERVICES, setup.reader), setup.addresses)


def _merged(
    before: t.Sequence[Url],
    listeners: t.Sequence[Listener],
    loopback: t.Optional[t.Container[str]],
) -> list[str]:
    """The URLs to have: C(listeners), loopback as it was, and what is not ours.

    A URL stays as it stands if all of its sockets stay. What a wildcard answered on loopback gets
    URLs of its own, on those addresses of C(loopback); None: loopback is not kept.
    """
    declared = {_scheme_socket(listener) for listener in listeners}
    kept: list[str] = []
    had: set[SchemeSocket] = set()
    needed = set(declared)
    for url in before:
        sockets = {(url.scheme, address, port) for address, port in url.sockets}
        staying = {found for socket in sockets for found in _staying(socket, declared, loopback)}
        if url.unmapped or staying == sockets:
            kept.append(url.text)
            had |= sockets
        needed |= staying
    texts = kept + [_socket_url(*socket) for socket in sorted(needed - had, key=_url_order)]
    return texts or ["ldapi:///"]  # for slapd no URL means ldap:///


def _scheme_socket(listener: Listener) -> SchemeSocket:
    scheme = "ldaps" if listener.encryption == "ssl" else "ldap"
    return scheme, listener.address, listener.port


def _staying(
    socket: SchemeSocket,
    declared: t.Collection[SchemeSocket],
    loopback: t.Optional[t.Container[str]],
) -> set[SchemeSocket]:
    """What is left of a socket of today: itself, its part on loopback, or nothing."""
    if socket in declared:
        return {socket}
    scheme, address, port = socket
    reached = reached_at(address)
    keep = loopback is not None and (
        reached in loopback if is_wildcard(address) else is_loopback(address)
    )
    taken = {(other, number) for scheme_, other, number in declared}
    covered = (reached, port) in taken or (wildcard_of(reached), port) in taken
    return {(scheme, reached, port)} if keep and not covered else set()


def _socket_url(scheme: str, address: str, port: int) -> str:
    """The URL for one socket."""
    return ("%s://[%s]:%d/" if ":" in address else "%s://%s:%d/") % (scheme, address, port)


def _url_order(socket: SchemeSocket) -> tuple[bool, t.Any, int, str]:
    """Sort key: loopback, IPv4, IPv6."""
    scheme, address, port = socket
    return not is_loopback(address), address_order(address), port, scheme


# -- the plan


def plan(setup: Setup, listeners: t.Optional[t.Sequence[Listener]], options: Options) -> Plan:
    """See C(Server.plan)."""
    if setup.problems:  # then nothing more can be said
        as_it_is = listeners is not None and _is_as_declared(setup, listeners)
        return _unchanged(setup) if as_it_is else Plan(refusals=setup.problems)
    desired = _desired_setup(setup, listeners, options)
    table = limits.ALWAYS if listeners is None else limits.DECLARING
    refusals = limits.refusals(table, setup, desired)
    return Plan(refusals=refusals) if refusals else _changes(setup, desired, options)


def _unchanged(setup: Setup) -> Plan:
    """Everything stays as it is."""
    listeners, sockets = _listeners(setup.urls, setup.tls, setup.where)
    return Plan(listeners=listeners, sockets=sockets)


def _is_as_declared(setup: Setup, listeners: t.Sequence[Listener]) -> bool:
    """Is what is declared, and nothing else but loopback, what it is configured with?"""
    found = {
        (each.listener.address, each.listener.port): each.listener
        for each in _unchanged(setup).listeners
    }
    declared = {(each.address, each.port): each for each in listeners}
    return all(is_loopback(address) for address, dummy in found.keys() - declared.keys()) and all(
        key in found and _answers_as(found[key], listener) for key, listener in declared.items()
    )


def _answers_as(found: Listener, declared: Listener) -> bool:
    """With encryption none, STARTTLS may be offered."""
    if declared.encryption == "none":
        return found.encryption != "ssl"
    facts = (declared.encryption, declared.certificate_path, declared.key_path)
    return facts == (found.encryption, found.certificate_path, found.key_path)


def _changes(setup: Setup, desired: DesiredSetup, options: Options) -> Plan:
    """What to write so that the setup becomes the desired one."""
    text = _new_text(setup, desired, options.config_path)
    boot, drop_in = boot_file(UNIT, options.config_path)
    urls = _urls(setup, text)
    removes_certificate = desired.tls != setup.tls and not desired.tls.certificate
    # slapd does not give up its certificate while it runs; any other change of it is live
    restart = _texts(urls) != _texts(setup.urls) or removes_certificate

    before = {boot: setup.boot, TLS: tls_lines(setup.tls), DEFAULTS: _encoded(setup.text)}
    waits = _waits_for_addresses(setup, desired)
    after = {
        boot: drop_in if waits else None,
        TLS: tls_lines(desired.tls),
        DEFAULTS: _encoded(text),
    }
    # the certificate before the URLs: if it is refused, these are as they were. But slapd is
    # stopped for its removal, and then starts with the new URLs
    order = sorted((boot, TLS, DEFAULTS), key=lambda resource: after[resource] is None)
    step = {resource: after[resource] for resource in order if after[resource] != before[resource]}
    # on the way back the URLs first, so that any start of slapd has good ones
    back = {resource: before[resource] for resource in (boot, DEFAULTS, TLS) if resource in step}
    shown = {resource: (_shown(before[resource]), _shown(after[resource])) for resource in step}
    if DEFAULTS in step:
        shown[DEFAULTS] = (_our_lines(setup.text, setup.reader), _our_lines(text, setup.reader))
    listening, sockets = _listeners(urls, desired.tls, DEFAULTS)
    return Plan(
        steps=(step,) if step else (),
        back=(back,) if step else (),
        activation="restart" if restart else "none",
        ends_sessions="it has to be restarted" if restart else "",
        listeners=listening,
        sockets=sockets,
        shown=shown,
    )


def _waits_for_addresses(setup: Setup, desired: DesiredSetup) -> bool:
    """Do we have it bind an address that may not be there yet when it starts?"""
    return (
        setup.has_units
        and _has_own_urls(desired)
        and any(
            not is_wildcard(listener.address) and not is_loopback(listener.address)
            for listener in desired.listeners
        )
    )


def _has_own_urls(desired: DesiredSetup) -> bool:
    """Are the URLs to be other ones than before us?"""
    return desired.texts != _texts(desired.original_urls)


def _texts(urls: t.Iterable[Url]) -> list[str]:
    return [url.text for url in urls]


# -- /etc/default/slapd


def _new_text(setup: Setup, desired: DesiredSetup, config_path: str) -> str:
    """The original text with our lines."""
    text, before = setup.original.text, setup.original.tls
    counts = parser.setting(text, SERVICES, setup.reader)
    start, end = (counts.start, counts.end) if counts else (0, 0)
    path, ours, displaced = json.dumps(config_path), "", text[start:end]
    if desired.tls != before:
        values = json.dumps([before, desired.tls])
        ours += "%s%s%s%s\n" % (parser.TLS_HEAD, path, parser.TLS_MIDDLE, values)
    if _has_own_urls(desired):
        services = re.sub(r'(["\\$`])', r"\\\1", " ".join(desired.texts))
        ours += "%s%s%s\n" % (parser.URLS_HEAD, path, parser.URLS_TAIL)
        ours += '%s="%s"\n' % (SERVICES, services)
        displaced = "".join(parser.BEFORE + line for line in parser.lines_of(displaced))
    return text[:start] + ours + displaced + text[end:]


def _our_lines(text: str, reader: str) -> str:
    """Our lines and the assignment that counts: what a diff shows of the file."""
    counts = None
    with contextlib.suppress(parser.UnknownLayout):  # an edit has broken ours
        counts = parser.setting(text, SERVICES, reader)
    lines, position = [], 0
    for line in parser.lines_of(text):
        is_counted = counts is not None and counts.start <= position < counts.end
        if is_counted or line.startswith("# %s: " % MANAGED_MARK):
            lines.append(line)
        position += len(line)
    return "".join(lines)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _shown(content: t.Optional[bytes]) -> str:
    return (content or b"").decode(errors="replace")


# -- cn=config


def tls_lines(tls: Tls) -> t.Optional[bytes]:
    """The two values as a resource: LDIF lines; None for neither."""
    pairs = zip(_TLS_ATTRIBUTES, tls)
    return "".join(_ldif_line(name, value) for name, value in pairs if value).encode() or None


def tls_of(content: t.Optional[bytes]) -> Tls:
    """What C(tls_lines) was made from."""
    return parser.tls_settings(parser.ldif_settings((content or b"").decode()))


def tls_change(tls: Tls) -> bytes:
    """The one change that sets both values (ldif(5)); an empty one is removed, if it is there."""
    change = "dn: cn=config\nchangetype: modify\n"
    for name, value in zip(_TLS_ATTRIBUTES, tls):
        change += "replace: %s\n%s-\n" % (name, _ldif_line(name, value) if value else "")
    return change.encode()


def validation_conf(settings: Settings, tls: Tls, pid_file: str) -> bytes:
    """A slapd.conf(5) with nothing but cn=config's TLS settings and this certificate.

    slapd ends at once if it can't use them.
    """
    values = {
        name: found[0]
        for name, found in settings.items()
        if name.startswith("tls") and ";" not in name
    }
    values.update(
        tlscertificatefile=_config_word(tls.certificate),
        tlscertificatekeyfile=_config_word(tls.key),
        pidfile=_config_word(pid_file),
    )
    return "".join("%s %s\n" % pair for pair in sorted(values.items())).encode()


def _config_word(path: str) -> str:
    """As slapd.conf(5) has it."""
    return '"%s"' % re.sub(r'(["\\])', r"\\\1", path) if re.search(r'[\s"\\#]', path) else path


def _ldif_line(name: str, path: str) -> str:
    value = _config_word(path)
    if re.match(r"[!-9;=-~][ -~]*$", value) and not value.endswith(" "):  # SAFE-STRING of RFC 2849
        return "%s: %s\n" % (name, value)
    import base64

    encoded = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
    return "%s:: %s\n" % (name, encoded)
