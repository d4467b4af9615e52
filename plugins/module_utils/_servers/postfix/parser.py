# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Postfix's master.cf says. Pure: all that is not in the text comes in a C(Host).

Facts from master(5), postconf(5), postscreen(8), tlsproxy(8) and Postfix's own reading of its files.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    WILDCARDS,
    family,
    is_loopback,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    ConfiguredListener,
    Unmapped,
)

SAYS = (
    "# %s: " % MANAGED_MARK
)  # stands before an entry of ours, and is followed by what that was declared as

#: Which certificate an entry serves, apart from chain_files, which beat them all. Clients get the one with an elliptic curve's key where there are two.
_CERTIFICATES = ("eccert", "cert", "dcert")
_KEYS = {"cert": "key", "eccert": "eckey", "dcert": "dkey"}
_LEVEL = ("smtpd_tls_wrappermode", "smtpd_tls_security_level", "smtpd_use_tls", "smtpd_enforce_tls")
#: What our entries say of their own, and so is not copied from the entry that they are made from.
TLS = (
    _LEVEL
    + ("smtpd_tls_chain_files",)
    + tuple("smtpd_tls_%s_file" % kind for pair in _KEYS.items() for kind in pair)
)
#: The parameters that decide what a service answers.
PARAMETERS = (
    TLS
    + (
        "smtpd_tls_auth_only",
        "smtpd_sasl_auth_enable",
        "tls_server_sni_maps",
        "smtpd_upstream_proxy_protocol",
        "smtpd_tls_req_ccert",
        "postscreen_tls_security_level",
        "postscreen_use_tls",
        "postscreen_enforce_tls",
        "postscreen_upstream_proxy_protocol",
        "inet_interfaces",
        "inet_protocols",
        "known_tcp_ports",
        "master_service_disable",
        "tlsproxy_tls_chain_files",
    )
    + tuple("tlsproxy_tls_%s_file" % kind for pair in _KEYS.items() for kind in pair)
)


class Host(t.NamedTuple):
    """What master.cf does not say itself, but what it says depends on."""

    main: t.Mapping = {}  # main.cf's parameters, unexpanded, and what their values and those of master.cf refer to
    ports: t.Mapping = {}  # service name -> number (services(5))
    names: t.Mapping = {}  # host name -> its addresses
    families: tuple = ("ipv4", "ipv6")  # that the kernel has
    loopback: tuple = LOOPBACK  # those that can be bound
    key_files: frozenset = frozenset()  # of the files in chain_files, those that hold a private key
    curves: frozenset = frozenset()  # of these, those with a key on an elliptic curve


class Entry(t.NamedTuple):
    """A logical line: a service."""

    first: int  # its physical lines, the first is 0
    last: int
    fields: (
        tuple  # service name, type, private, unprivileged, chroot, wakeup, process limit, command
    )
    arguments: tuple  # as (name, value, text): options -o; or ('', '', text)

    @property
    def where(self) -> str:
        return "master.cf, line %d" % (self.first + 1)

    @property
    def overrides(self) -> dict:
        return {name: value for name, value, ignored in self.arguments if name}

    @property
    def text(self) -> str:
        return " ".join(self.fields + tuple(text for ignored, ignored, text in self.arguments))


class Service(t.NamedTuple):
    """An entry for TCP, and what it comes to."""

    entry: Entry
    key: str  # what master(8) knows it by: 25 and smtp are one
    sockets: tuple = ()  # of (address, port)
    protocol: str = ""  # '': none of ours
    encryption: str = ""
    certificate: str = ""
    private_key: str = ""
    insists: bool = False  # on TLS
    dead: str = ""  # why it does not listen, if it does not
    deadly: bool = False  # master(8) ends itself over it
    remarks: tuple = ()  # what the model can't say

    @property
    def screen(self) -> bool:
        return self.entry.fields[7] == "postscreen"

    def says(self, listener: Listener) -> bool:
        """Is this what is declared? Where no TLS is asked for it may be offered."""
        if listener.encryption == "none":
            return self.protocol == listener.protocol and not self.insists
        return (self.protocol, self.encryption, self.certificate, self.private_key) == saying(
            listener
        )


def saying(listener: Listener) -> tuple:
    """What is declared of a socket."""
    return listener.protocol, listener.encryption, listener.certificate_path, listener.key_path


# -- reading

_BLANK = " \t\r\n\v\f"


def values(text: str) -> list:
    """The values of all that entries override."""
    return [
        value
        for entry in entries(physical_lines(text))
        for name, value, ignored in entry.arguments
        if name in PARAMETERS
    ]


def physical_lines(text: str) -> list:
    """With their ends; only a newline is one."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def entries(lines: t.Sequence[str]) -> list:
    """The logical lines. Comments and empty lines between the parts of one are in it. Raises Refused."""
    found, first, last, parts = [], 0, 0, []
    for number, line in enumerate(list(lines) + ["end"]):
        stripped = line.strip(_BLANK)
        if not stripped or stripped.startswith("#"):
            continue
        if line[0] in _BLANK:
            if parts:  # one that continues nothing is ignored
                last = number
                parts.append(line)
            continue
        if parts:
            found.append(_entry(first, last, "".join(parts)))
        first, last, parts = number, number, [line]
    return found


def _entry(first: int, last: int, text: str) -> Entry:
    fields = re.split("[ \\t\\r\\n]+", text, maxsplit=8)
    if len([field for field in fields[:8] if field]) < 8:
        raise Refused(
            "master.cf, line %d: too few fields, Postfix wants 8: mend it, postfix check says more"
            % (first + 1)
        )
    tokens, arguments = iter(_tokens("".join(fields[8:]))), []
    for token in tokens:
        setting = (
            next(tokens, "") if token == "-o" else token[2:] if token.startswith("-o") else None
        )
        if setting is None:
            arguments.append(("", "", token))
            continue
        inner = setting[1:-1] if setting.startswith("{") and setting.endswith("}") else setting
        name, ignored, value = inner.partition("=")
        arguments.append((name.strip(), value.strip(), "-o " + setting))
    return Entry(first, last, tuple(fields[:8]), tuple(arguments))


def _tokens(text: str) -> list:
    """Split at blanks that are not within braces."""
    tokens, level, token = [], 0, ""
    for character in text + " ":
        if not level and character in " \t\r\n":
            if token:
                tokens.append(token)
            token = ""
            continue
        level += (character == "{") - (character == "}" and level > 0)
        token += " " if character in "\r\n" else character
    return tokens + (
        [token.strip()] if token.strip() else []
    )  # one with a brace that nobody closes


def services(text: str, host: Host) -> list:
    """The entries for TCP, in their order. Raises Refused."""
    lines = physical_lines(text)
    everything = entries(lines)
    proxy = next(
        (entry.overrides for entry in everything if entry.fields[:2] == ("tlsproxy", "unix")), {}
    )
    found = [
        _service(entry, host, proxy, _declared_as(lines, entry))
        for entry in everything
        if entry.fields[1] == "inet"
    ]
    last = {service.key: service for service in found if not service.dead}
    return [
        service
        if service.dead or last[service.key] is service
        else service._replace(
            sockets=(),
            dead="%s is for the same service, and the last one wins"
            % last[service.key].entry.where,
        )
        for service in found
    ]


def _declared_as(lines: t.Sequence[str], entry: Entry) -> tuple:
    """(protocol, encryption) that an entry of ours was declared with; ('', '') for others."""
    before = lines[entry.first - 1].rstrip("\r\n") if entry.first else ""
    protocol, ignored, encryption = (
        before[len(SAYS) :].partition(", ") if before.startswith(SAYS) else ("", "", "")
    )
    return protocol, encryption


def _service(entry: Entry, host: Host, proxy: t.Mapping, declared_as: tuple) -> Service:
    name = entry.fields[0]
    service = Service(entry, name)
    if disabled(name, expanded("master_service_disable", host.main)):
        return service._replace(dead="switched off by master_service_disable")
    host_name, port_name = _endpoint(name)
    port = _port(port_name, host)
    if port is None:
        return service._replace(
            dead="there is no port %s in /etc/services" % port_name, deadly=True
        )
    service = service._replace(key=service_key(name, host))
    addresses = tuple(
        address
        for address in (_addresses(host_name, host) if host_name else _interfaces(host))
        if "ipv%d" % family(address) in families(host)
    )
    if not addresses:
        return service._replace(
            dead="%s is no address that Postfix may listen on: not known, or not of inet_protocols"
            % (host_name or "inet_interfaces"),
            deadly=True,
        )
    service = service._replace(sockets=tuple((address, port) for address in addresses))
    if entry.fields[7] == "smtpd":
        return _smtpd(
            service,
            port,
            lambda parameter: expanded(parameter, host.main, entry.overrides),
            host,
            declared_as,
        )
    if service.screen:
        return _smtpd(service, port, _screening(host, entry.overrides, proxy), host, ("smtp", ""))
    return service


def _smtpd(
    service: Service, port: int, setting: t.Callable, host: Host, declared_as: tuple
) -> Service:
    """What an smtpd answers there, with these settings."""
    protocol = (
        declared_as[0]
        or {25: "smtp", 587: "submission"}.get(port)
        or ("submission" if is_yes(setting("smtpd_sasl_auth_enable")) else "smtp")
    )
    pairs = _pairs(setting, host)
    level = security_level(setting)
    wrapped = is_yes(setting("smtpd_tls_wrappermode"))
    remarks, encryption = [], "none"
    if declared_as[1] == "none":
        pass
    elif wrapped:
        encryption = "ssl"
    elif level != "none" and pairs:
        encryption = "tls"
        if (
            protocol == "submission"
            and level == "may"
            and not is_yes(setting("smtpd_tls_auth_only"))
        ):
            encryption = "none"
            remarks.append(
                "STARTTLS is offered with %s, but logging in without it is allowed" % pairs[0][0]
            )
    pairs = [] if encryption == "none" else pairs
    for certificate, ignored in pairs[1:]:
        remarks.append("serves a second certificate, %s" % certificate)
    if pairs and setting("tls_server_sni_maps"):
        remarks.append(
            "tls_server_sni_maps serves other certificates to clients that ask for a name in it"
        )
    if setting("smtpd_upstream_proxy_protocol"):
        remarks.append("expects the PROXY protocol (smtpd_upstream_proxy_protocol)")
    if is_yes(setting("smtpd_tls_req_ccert")) and encryption != "none":
        remarks.append("asks for the client's certificate (smtpd_tls_req_ccert)")
    for parameter in TLS:
        if "${" in setting(parameter):
            remarks.append(
                "%s = %s: on a condition, so it can't be told" % (parameter, setting(parameter))
            )
    certificate, private_key = pairs[0] if pairs else ("", "")
    return service._replace(
        protocol=protocol,
        encryption=encryption,
        certificate=certificate,
        private_key=private_key,
        insists=encryption != "none" and (wrapped or level != "may"),
        remarks=tuple(remarks),
    )


def security_level(setting: t.Callable) -> str:
    """In small letters: Postfix looks it up whatever its case."""
    return setting("smtpd_tls_security_level").lower() or (
        "encrypt"
        if is_yes(setting("smtpd_enforce_tls"))
        else "may"
        if is_yes(setting("smtpd_use_tls"))
        else "none"
    )


def _screening(host: Host, overrides: t.Mapping, proxy: t.Mapping) -> t.Callable:
    """An smtpd's settings, as postscreen and its tlsproxy have them: certificates are tlsproxy's alone."""

    def setting(parameter: str) -> str:
        kind = parameter.partition("_tls_")[2]
        if parameter.startswith("smtpd_tls_") and (kind.endswith("_file") or kind == "chain_files"):
            return expanded("tlsproxy_tls_" + kind, host.main, proxy)
        if parameter in ("smtpd_tls_wrappermode", "smtpd_sasl_auth_enable", "smtpd_tls_req_ccert"):
            return "no"
        renamed = parameter.replace("smtpd_", "postscreen_")
        return expanded(renamed if renamed in PARAMETERS else parameter, host.main, overrides)

    return setting


def _pairs(setting: t.Callable, host: Host) -> list:
    """(certificate, key) of each certificate that is served, the first one first."""
    files = re.split(r"[, \t\r\n]+", setting("smtpd_tls_chain_files").strip(", \t\r\n"))
    if files != [""]:
        return sorted(_chains(files, host.key_files), key=lambda chain: chain[1] not in host.curves)
    pairs = []
    for kind in _CERTIFICATES:
        certificate = setting("smtpd_tls_%s_file" % kind)
        if certificate and certificate != "none":
            pairs.append((certificate, setting("smtpd_tls_%s_file" % _KEYS[kind]) or certificate))
    return pairs


def _chains(files: list, key_files: frozenset) -> list:
    """chain_files are keys, each before its certificates, in as many files as one likes."""
    chains: list = []
    for number, file in enumerate(files):
        if file in key_files or not number:
            chains.append([file, file])
        elif chains[-1] == [chains[-1][1]] * 2:
            chains[-1][0] = file
    return [tuple(chain) for chain in chains]


def chain_files(text: str, host: Host) -> set:
    """All files that chain_files names somewhere: which of them hold keys is for the caller to find out."""
    values = [
        expanded(parameter, host.main, overrides)
        for overrides in [{}] + [entry.overrides for entry in entries(physical_lines(text))]
        for parameter in ("smtpd_tls_chain_files", "tlsproxy_tls_chain_files")
    ]
    return {file for value in values for file in re.split(r"[, \t\r\n]+", value) if file}


def _digits(text: str) -> bool:
    return bool(re.fullmatch("[0-9]+", text))


def is_yes(value: str) -> bool:
    return value.lower() == "yes"


def _endpoint(name: str) -> tuple:
    """(host, port) of a service name: [::1]:465, host:smtp, :25 or 25."""
    if name.startswith("["):
        host, ignored, port = name[1:].partition("]")
        host, port = re.sub("^ipv6:", "", host, flags=re.IGNORECASE), port.lstrip(":")
    else:
        host, ignored, port = name.rpartition(":")
    return host, port


def service_key(name: str, host: Host) -> str:
    """What master(8) knows a service of this name by; '' if there is no such port."""
    host_name, port_name = _endpoint(name)
    port = _port(port_name, host)
    if port is None:
        return ""
    return "[%s]:%d" % (_canonical(host_name) or host_name, port) if host_name else str(port)


def endpoint_names(text: str) -> tuple:
    """(host names, port names) that the entries for TCP have and that are no numbers."""
    endpoints = [
        _endpoint(entry.fields[0])
        for entry in entries(physical_lines(text))
        if entry.fields[1] == "inet"
    ]
    return {host for host, ignored in endpoints if host and not _canonical(host)}, {
        port for ignored, port in endpoints if not _digits(port)
    }


def interface_names(host: Host) -> list:
    """What inet_interfaces lists."""
    return [
        name.strip("[]")
        for name in re.split(r"[\s,]+", expanded("inet_interfaces", host.main))
        if name
    ]


def _interfaces(host: Host) -> tuple:
    """What an entry without an address listens on."""
    names = interface_names(host)
    if [name.lower() for name in names] in (["all"], []):
        return tuple(
            address for address in WILDCARDS if "ipv%d" % family(address) in families(host)
        )
    if names == ["loopback-only"]:
        return host.loopback
    return tuple(dict.fromkeys(address for name in names for address in _addresses(name, host)))


def families(host: Host) -> tuple:
    """Those that Postfix uses."""
    protocols = re.split(r"[\s,]+", expanded("inet_protocols", host.main).lower())
    return tuple(family for family in host.families if family in protocols or "all" in protocols)


def _addresses(name: str, host: Host) -> tuple:
    address = _canonical(name)
    return (address,) if address else tuple(host.names.get(name, ()))


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return ""


def _port(name: str, host: Host) -> t.Optional[int]:
    if _digits(name):
        return int(name) if 0 < int(name) < 65536 else None
    known: dict = {}
    for group in expanded("known_tcp_ports", host.main).split(","):
        *names, number = [part.strip() for part in group.split("=")]
        known.update((each, int(number)) for each in names if _digits(number))
    return known.get(name) or host.ports.get(name)


def disabled(name: str, patterns: str) -> bool:
    """Does a list of NAME/TYPE and TYPE, each perhaps behind '!', switch this service off? The first that matches decides."""
    for pattern in re.split(r"[\s,]+", patterns.strip().lower()):
        bare = pattern.lstrip("!")
        if "/" not in bare and "." in bare:  # the old way of writing it
            bare = "/".join(bare.rsplit(".", 1))
        if bare in ("inet", name.lower() + "/inet"):
            return (len(pattern) - len(pattern.lstrip("!"))) % 2 == 0
    return False


# -- values of parameters

_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{\s*(\w+)\s*\}|\(\s*(\w+)\s*\))", re.ASCII)


def references(value: str) -> set:
    """The parameters that a value refers to."""
    return set(re.findall(r"\$[({]?\s*([A-Za-z]\w*)", value))


def expanded(parameter: str, main: t.Mapping, overrides: t.Optional[t.Mapping] = None) -> str:
    """A parameter's value as a service with these C(-o) has it (postconf(5)). Conditional expressions are left as they are."""

    def lookup(name: str, depth: int) -> str:
        value = (overrides or {}).get(name, main.get(name, ""))
        return (
            _REFERENCE.sub(
                lambda match: (
                    "$" if match.group(1) else lookup(match.group(match.lastindex), depth + 1)
                ),
                value,
            )
            if depth < 20
            else ""
        )

    return lookup(parameter, 0).strip()


# -- telling


def found_listeners(found: t.Sequence[Service]) -> tuple:
    """The listeners of our protocols, as Configured has them."""
    return tuple(
        ConfiguredListener(
            Listener(
                address,
                port,
                service.protocol,
                service.encryption,
                service.certificate,
                "" if service.private_key == service.certificate else service.private_key,
            ),
            service.entry.where,
        )
        for service in found
        if service.protocol
        for address, port in service.sockets
    )


def found_sockets(found: t.Sequence[Service]) -> frozenset:
    """All sockets that are bound."""
    return frozenset(socket for service in found for socket in service.sockets)


def unmapped(server: str, found: t.Sequence[Service]) -> tuple:
    """What the model can't say of these services."""
    told: list = []
    for service in found:
        reasons = list(service.remarks)
        if service.dead:
            reasons.append(service.dead)
        elif not service.protocol:
            reasons.append(
                "%s speaks none of the protocols: left as it is" % service.entry.fields[7]
            )
        elif all(is_loopback(address) for address, ignored in service.sockets):
            reasons.append("answers on loopback only: left as it is")
        told += [
            Unmapped(server, service.entry.where, masked(service.entry.text), reason)
            for reason in reasons
        ]
    return tuple(told)


def masked(text: str) -> str:
    """Text of master.cf as it may be shown."""
    text = re.sub(
        r"(?i)(\{\s*\w*(?:%(words)s)\w*\s*=\s*)[^}]*|(\w*(?:%(words)s)\w*\s*=\s*)[^\s{]\S*"
        % {"words": "passw|secret|credential|token"},
        lambda match: (match.group(1) or match.group(2)) + "********",
        text,
    )
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
