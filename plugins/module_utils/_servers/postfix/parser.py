# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entries of Postfix's master.cf listen on, and what they answer there. Pure.

Facts from master(5), postconf(5), postscreen(8), tlsproxy(8), and from how Postfix reads its files.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import is_loopback
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    ConfiguredListener,
    Unmapped,
    UnmappedKind,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.master_cf import (
    MasterCf,
    MasterEntry,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.own_lines import (
    declared_as,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    KEY_OF,
    PARAMETERS,
    TLS_PARAMETERS,
    PostfixHost,
    Setting,
    expanded,
    is_disabled,
    is_yes,
    port_number,
    security_level,
    service_addresses,
    service_key,
    split_endpoint,
    words,
)


class Service(t.NamedTuple):
    """An entry for TCP, and what it comes to."""

    entry: MasterEntry
    key: str  # what master(8) knows it by: 25 and smtp are one
    sockets: tuple[tuple[str, int], ...] = ()  # (address, port)
    protocol: str = ""  # smtp or submission; '' for all else
    encryption: str = ""
    certificate: str = ""
    private_key: str = ""
    requires_tls: bool = False
    inactive: str = ""  # why it does not listen; '' if it does
    fatal: bool = False  # does master(8) exit because of it?
    remarks: tuple[str, ...] = ()  # what the model can't express

    @property
    def is_postscreen(self) -> bool:
        """Is it the screening daemon, which hands its clients on to smtpd?"""
        return self.entry.command == "postscreen"

    @property
    def tls_optional(self) -> bool:
        """Is TLS only offered, where the model's submission requires it?"""
        return (self.protocol, self.encryption) == ("submission", "tls") and not self.requires_tls

    def answers_as(self, listener: Listener) -> bool:
        """Does it already do what is declared? With encryption none, STARTTLS may be offered."""
        if listener.encryption == "none":
            return self.protocol == listener.protocol and not self.requires_tls
        answer = self.protocol, self.encryption, self.certificate, self.private_key
        return answer == declared_answer(listener)


def declared_answer(listener: Listener) -> tuple[str, str, str, str]:
    """(protocol, encryption, certificate, private key) that a socket is declared to have."""
    return listener.protocol, listener.encryption, listener.certificate_path, listener.key_path


class ReadMasterCf(t.NamedTuple):
    """A master.cf, and what it means on a host."""

    file: MasterCf
    services: tuple[Service, ...]  # the entries for TCP, in their order


class PostfixDetails(t.NamedTuple):
    """What was read of this host's Postfix."""

    path: str  # of master.cf
    host: PostfixHost
    current: ReadMasterCf
    original: ReadMasterCf  # without our parts: as others wrote it
    #: path of our drop-in for each unit -> its content, None: there is none; empty without systemd
    boot_files: t.Mapping[str, t.Optional[bytes]] = {}
    unit: str = ""  # that runs master; '' without systemd
    can_authenticate: bool = True  # does main.cf say how logins are checked?
    #: As C(limits.PostfixCase) has it. It runs a program: called for declared names only.
    serves_other: t.Callable[[str, str, str], bool] = lambda maps, name, path: False


def interpret(file: MasterCf, host: PostfixHost) -> ReadMasterCf:
    """What Postfix makes of a file. Of two entries for one service, the last one wins."""
    proxies = (entry for entry in file.entries if entry.fields[:2] == ("tlsproxy", "unix"))
    proxy: t.Mapping[str, str] = next((entry.overrides for entry in proxies), {})
    found = [
        _service(entry, host, proxy, declared_as(file, entry))
        for entry in file.entries
        if entry.fields[1] == "inet"
    ]
    last = {service.key: service for service in found if not service.inactive}
    return ReadMasterCf(file, tuple(_unless_replaced(service, last) for service in found))


def _unless_replaced(service: Service, last: t.Mapping[str, Service]) -> Service:
    if service.inactive or last[service.key] is service:
        return service
    winner = last[service.key].entry.where
    return service._replace(
        sockets=(), inactive="%s is for the same service, and the last one wins" % winner
    )


def _service(
    entry: MasterEntry,
    host: PostfixHost,
    proxy: t.Mapping[str, str],
    declared: tuple[str, str],
) -> Service:
    """C(proxy): what the entry of tlsproxy overrides. C(declared): what one of ours was."""
    name = entry.fields[0]
    service = Service(entry, name)
    if is_disabled(name, expanded("master_service_disable", host.main)):
        return service._replace(inactive="switched off by master_service_disable")
    host_name, port_name = split_endpoint(name)
    port = port_number(port_name, host)
    if port is None:
        return service._replace(
            inactive="there is no port %s in /etc/services" % port_name, fatal=True
        )
    service = service._replace(key=service_key(name, host))
    addresses = service_addresses(host_name, host)
    if not addresses:
        reason = (
            "%s is no address that Postfix can listen on: unknown, or excluded by inet_protocols"
        )
        return service._replace(inactive=reason % (host_name or "inet_interfaces"), fatal=True)
    service = service._replace(sockets=tuple((address, port) for address in addresses))
    if entry.command == "smtpd":
        return _answering(service, port, _smtpd_setting(host, entry.overrides), host, declared)
    if service.is_postscreen:
        setting = _postscreen_setting(host, entry.overrides, proxy)
        return _answering(service, port, setting, host, ("smtp", ""))
    return service


# -- what an smtpd answers

_TLS_IS_OPTIONAL = (
    "TLS is offered and not required here (smtpd_tls_security_level = may): submission with tls "
    "requires it, and so does this listener as soon as mail_listeners writes it anew"
)


def _smtpd_setting(host: PostfixHost, overrides: t.Mapping[str, str]) -> Setting:
    return lambda parameter: expanded(parameter, host.main, overrides)


def _postscreen_setting(
    host: PostfixHost, overrides: t.Mapping[str, str], proxy: t.Mapping[str, str]
) -> Setting:
    """An smtpd's settings, as postscreen and its tlsproxy have them.

    Certificates are tlsproxy's alone.
    """

    def setting(parameter: str) -> str:
        kind = parameter.partition("_tls_")[2]
        if parameter.startswith("smtpd_tls_") and (kind.endswith("_file") or kind == "chain_files"):
            return expanded("tlsproxy_tls_" + kind, host.main, proxy)
        if parameter in ("smtpd_tls_wrappermode", "smtpd_sasl_auth_enable", "smtpd_tls_req_ccert"):
            return "no"
        renamed = parameter.replace("smtpd_", "postscreen_")
        return expanded(renamed if renamed in PARAMETERS else parameter, host.main, overrides)

    return setting


def _answering(
    service: Service,
    port: int,
    setting: Setting,
    host: PostfixHost,
    declared: tuple[str, str],
) -> Service:
    """The service with what it answers by these settings."""
    protocol = declared[0] or _usual_protocol(port, setting)
    pairs = _certificates(setting, host)
    encryption = "none" if declared[1] == "none" else _encryption(setting, bool(pairs))
    remarks = []
    if encryption == "tls" and protocol == "submission" and _allows_clear_logins(setting):
        encryption = "none"
        remarks.append(
            "STARTTLS is offered with %s, but a login without it is allowed" % pairs[0][0]
        )
    if encryption == "none":
        pairs = []
    certificate, private_key = pairs[0] if pairs else ("", "")
    wrapped = is_yes(setting("smtpd_tls_wrappermode"))
    answering = service._replace(
        protocol=protocol,
        encryption=encryption,
        certificate=certificate,
        private_key=private_key,
        requires_tls=encryption != "none" and (wrapped or security_level(setting) != "may"),
    )
    if answering.tls_optional:
        remarks.append(_TLS_IS_OPTIONAL)
    return answering._replace(remarks=(*remarks, *_remarks(setting, pairs, encryption)))


def _usual_protocol(port: int, setting: Setting) -> str:
    """The protocol that an entry of others is taken for: by its number, or by its logins."""
    if port in (25, 587):
        return "smtp" if port == 25 else "submission"
    return "submission" if is_yes(setting("smtpd_sasl_auth_enable")) else "smtp"


def _encryption(setting: Setting, has_certificate: bool) -> str:
    if is_yes(setting("smtpd_tls_wrappermode")):
        return "ssl"
    return "tls" if has_certificate and security_level(setting) != "none" else "none"


def _allows_clear_logins(setting: Setting) -> bool:
    return security_level(setting) == "may" and not is_yes(setting("smtpd_tls_auth_only"))


def _remarks(
    setting: Setting, pairs: t.Sequence[tuple[str, str]], encryption: str
) -> t.Iterator[str]:
    """What of these settings the model can't express."""
    for certificate, dummy in pairs[1:]:
        yield "serves a second certificate, %s" % certificate
    if pairs and setting("tls_server_sni_maps"):
        yield "tls_server_sni_maps serves other certificates to clients that ask for a name in it"
    if setting("smtpd_upstream_proxy_protocol"):
        yield "expects the PROXY protocol (smtpd_upstream_proxy_protocol)"
    if encryption != "none" and is_yes(setting("smtpd_tls_req_ccert")):
        yield "asks for the client's certificate (smtpd_tls_req_ccert)"
    for parameter in TLS_PARAMETERS:
        value = setting(parameter)
        if "${" in value:
            yield "%s = %s: a conditional value, which only Postfix can evaluate" % (
                parameter,
                value,
            )


def _certificates(setting: Setting, host: PostfixHost) -> list[tuple[str, str]]:
    """(certificate, key) of each certificate that is served. Clients get the first one."""
    files = words(setting("smtpd_tls_chain_files"))
    if files:  # they beat all other parameters
        chains = _chains(files, host.key_files)
        return sorted(chains, key=lambda chain: chain[1] not in host.curves)
    pairs = []
    for kind, key_kind in KEY_OF.items():
        certificate = setting("smtpd_tls_%s_file" % kind)
        if certificate and certificate != "none":
            pairs.append((certificate, setting("smtpd_tls_%s_file" % key_kind) or certificate))
    return pairs


def _chains(files: t.Sequence[str], key_files: frozenset[str]) -> list[tuple[str, str]]:
    """chain_files are keys, each before its certificates, in any number of files."""
    chains: list[tuple[str, str]] = []
    for number, file in enumerate(files):
        if file in key_files or not number:
            chains.append((file, file))
        elif chains[-1][0] == chains[-1][1]:
            chains[-1] = file, chains[-1][1]
    return chains


# -- for results


def configured_listeners(services: t.Iterable[Service]) -> tuple[ConfiguredListener, ...]:
    """The listeners of smtp and submission, as Configured has them."""
    return tuple(
        ConfiguredListener(
            _listener(service, address, port), service.entry.where, service.tls_optional
        )
        for service in services
        if service.protocol
        for address, port in service.sockets
    )


def _listener(service: Service, address: str, port: int) -> Listener:
    return Listener(
        address,
        port,
        service.protocol,
        service.encryption,
        service.certificate,
        "" if service.private_key == service.certificate else service.private_key,
    )


def bound_sockets(services: t.Iterable[Service]) -> frozenset[tuple[str, int]]:
    """(address, port) of all sockets that are bound."""
    return frozenset(socket for service in services for socket in service.sockets)


def unmapped(server: str, services: t.Iterable[Service]) -> tuple[Unmapped, ...]:
    """What the model can't express of these services."""
    return tuple(
        Unmapped(server, service.entry.where, masked(service.entry.text), reason, kind)
        for service in services
        for reason, kind in _unmapped_reasons(service)
    )


def _unmapped_reasons(service: Service) -> t.Iterator[tuple[str, UnmappedKind]]:
    for remark in service.remarks:
        yield remark, UnmappedKind.OTHER
    if service.inactive:
        yield service.inactive, UnmappedKind.OTHER
    elif not service.protocol:
        reason = "%s speaks neither smtp nor submission: left as it is" % service.entry.command
        yield reason, UnmappedKind.OTHER
    elif all(is_loopback(address) for address, dummy in service.sockets):
        yield "listens on loopback only: left as it is", UnmappedKind.LOOPBACK


def masked(text: str) -> str:
    """Text of master.cf as it may be shown: without passwords, and as UTF-8."""
    text = re.sub(
        r"(?i)(\{\s*\w*(?:%(words)s)\w*\s*=\s*)[^}]*|(\w*(?:%(words)s)\w*\s*=\s*)[^\s{]\S*"
        % {"words": "passw|secret|credential|token"},
        lambda match: (match.group(1) or match.group(2)) + "********",
        text,
    )
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
