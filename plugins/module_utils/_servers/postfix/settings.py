# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Postfix's parameters and service names mean on a host (postconf(5), master(5)). Pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    WILDCARDS,
    family,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.master_cf import (
    MasterEntry,
)

#: Gives a parameter's value, as one service has it.
Setting = t.Callable[[str], str]

#: The certificate parameters and their keys', in the order in which clients prefer them: a client
#: gets the certificate with an elliptic curve's key where there are two.
KEY_OF = {"eccert": "eckey", "cert": "key", "dcert": "dkey"}
#: The parameters of TLS: our entries set them, and never copy them from their template.
TLS_PARAMETERS = (
    "smtpd_tls_wrappermode",
    "smtpd_tls_security_level",
    "smtpd_use_tls",
    "smtpd_enforce_tls",
    "smtpd_tls_chain_files",
    *("smtpd_tls_%s_file" % kind for pair in KEY_OF.items() for kind in pair),
)
#: The parameters that decide what a service answers.
PARAMETERS = (
    *TLS_PARAMETERS,
    "smtpd_tls_auth_only",
    "smtpd_sasl_auth_enable",
    "tls_server_sni_maps",
    "smtpd_upstream_proxy_protocol",
    "smtpd_tls_req_ccert",
    "postscreen_tls_security_level",
    "postscreen_use_tls",
    "postscreen_enforce_tls",
    "postscreen_upstream_proxy_protocol",
    "postscreen_cache_map",
    "inet_interfaces",
    "inet_protocols",
    "known_tcp_ports",
    "master_service_disable",
    "tlsproxy_tls_chain_files",
    *("tlsproxy_tls_%s_file" % kind for pair in KEY_OF.items() for kind in pair),
)
#: What is read of main.cf in one call: beside PARAMETERS, what tells of the installation.
READ_PARAMETERS = (
    *PARAMETERS,
    "config_directory",
    "daemon_directory",
    "queue_directory",
    "multi_instance_enable",
    "multi_instance_directories",
    "smtpd_sasl_type",
    "cyrus_sasl_config_path",
)
_SEPARATORS = re.compile(r"[,\s]+", re.ASCII)
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{\s*(\w+)\s*\}|\(\s*(\w+)\s*\))", re.ASCII)
_MAX_DEPTH = 20  # of values that refer to values


class PostfixHost(t.NamedTuple):
    """What the meaning of master.cf depends on, beside its own text."""

    #: main.cf's parameters, unexpanded, and all that their values and master.cf's refer to
    main: t.Mapping[str, str] = {}
    ports: t.Mapping[str, int] = {}  # service name -> number (services(5))
    names: t.Mapping[str, tuple[str, ...]] = {}  # host name -> its addresses
    families: tuple[str, ...] = ("ipv4", "ipv6")  # that the kernel has
    loopback: tuple[str, ...] = LOOPBACK  # the loopback addresses that can be bound
    key_files: frozenset[str] = frozenset()  # of the files in chain_files, those with a private key
    curves: frozenset[str] = frozenset()  # of these, those with a key on an elliptic curve


# -- values


def references(value: str) -> set[str]:
    """The parameters that a value refers to."""
    return set(re.findall(r"\$[({]?\s*([A-Za-z]\w*)", value)) if "$" in value else set()


def expanded(
    parameter: str, main: t.Mapping[str, str], overrides: t.Optional[t.Mapping[str, str]] = None
) -> str:
    """A parameter's value as a service with these options -o has it.

    Conditional expressions are left as they are.
    """

    def lookup(name: str, depth: int) -> str:
        value = (overrides or {}).get(name, main.get(name, ""))
        if "$" not in value:
            return value
        return _REFERENCE.sub(lambda match: replace(match, depth), value) if depth else ""

    def replace(match: t.Match[str], depth: int) -> str:
        return "$" if match.group(1) else lookup(match.group(match.lastindex or 0), depth - 1)

    return lookup(parameter, _MAX_DEPTH).strip()


def shares_postscreen_cache(cache_map: str) -> bool:
    """Can several postscreens use this map (postconf(5), postscreen_cache_map)? '' is no cache."""
    return not cache_map or cache_map.startswith(("proxy:", "memcache:"))


def is_yes(value: str) -> bool:
    """Is this boolean on?"""
    return value.lower() == "yes"


def words(value: str) -> list[str]:
    """The parts of a list, which commas and blanks separate."""
    return [word for word in _SEPARATORS.split(value) if word]


def security_level(setting: Setting) -> str:
    """The level of TLS, in small letters: Postfix looks it up whatever its case."""
    level = setting("smtpd_tls_security_level").lower()
    if level:
        return level
    if is_yes(setting("smtpd_enforce_tls")):
        return "encrypt"
    return "may" if is_yes(setting("smtpd_use_tls")) else "none"


def overridden_values(entries: t.Iterable[MasterEntry]) -> list[str]:
    """The values of PARAMETERS that options -o of these entries set."""
    return [
        value for entry in entries for name, value in entry.overrides.items() if name in PARAMETERS
    ]


def chain_files(entries: t.Iterable[MasterEntry], host: PostfixHost) -> set[str]:
    """All files that smtpd_tls_chain_files and tlsproxy_tls_chain_files name somewhere."""
    overrides: list[t.Mapping[str, str]] = [{}]  # main.cf's own
    overrides += filter(None, (entry.overrides for entry in entries))
    return {
        file
        for each in overrides
        for parameter in ("smtpd_tls_chain_files", "tlsproxy_tls_chain_files")
        for file in words(expanded(parameter, host.main, each))
    }


# -- names of services


def split_endpoint(name: str) -> tuple[str, str]:
    """(host, port) of a service name: [::1]:465, host:smtp, :25 or 25."""
    if name.startswith("["):
        host, dummy, port = name[1:].partition("]")
        return re.sub("^ipv6:", "", host, flags=re.IGNORECASE), port.lstrip(":")
    host, dummy, port = name.rpartition(":")
    return host, port


def service_key(name: str, host: PostfixHost) -> str:
    """What master(8) knows a service of this name by; '' if there is no such port."""
    host_name, port_name = split_endpoint(name)
    port = port_number(port_name, host)
    if port is None:
        return ""
    return "[%s]:%d" % (_canonical(host_name) or host_name, port) if host_name else str(port)


def unresolved_names(entries: t.Iterable[MasterEntry]) -> tuple[set[str], set[str]]:
    """(host names, port names) of the entries for TCP that are not numbers."""
    endpoints = [split_endpoint(entry.fields[0]) for entry in entries if entry.fields[1] == "inet"]
    return (
        {host for host, dummy in endpoints if host and not _canonical(host)},
        {port for dummy, port in endpoints if not _is_number(port)},
    )


def port_number(name: str, host: PostfixHost) -> t.Optional[int]:
    """The port of this name or number; None if there is no such port."""
    if _is_number(name):
        return int(name) if 0 < int(name) < 65536 else None
    for group in reversed(expanded("known_tcp_ports", host.main).split(",")):
        *names, number = [part.strip() for part in group.split("=")]
        if name in names and _is_number(number):
            return int(number)
    return host.ports.get(name)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def is_disabled(name: str, patterns: str) -> bool:
    """Does master_service_disable switch this service for TCP off?

    It is a list of NAME/TYPE and TYPE, each perhaps behind '!'. The first that matches decides.
    """
    for pattern in words(patterns.lower()):
        bare = pattern.lstrip("!")
        if "/" not in bare and "." in bare:  # the old way of writing it
            bare = "/".join(bare.rsplit(".", 1))
        if bare in ("inet", name.lower() + "/inet"):
            return (len(pattern) - len(pattern.lstrip("!"))) % 2 == 0
    return False


# -- addresses


def families(host: PostfixHost) -> tuple[str, ...]:
    """The families that Postfix uses: ipv4, ipv6."""
    protocols = words(expanded("inet_protocols", host.main).lower())
    return tuple(family for family in host.families if family in protocols or "all" in protocols)


def unresolved_interfaces(host: PostfixHost) -> set[str]:
    """The host names that inet_interfaces lists."""
    return {
        name
        for name in _interface_names(host)
        if name.lower() not in ("all", "loopback-only") and not _canonical(name)
    }


def _interface_names(host: PostfixHost) -> list[str]:
    return [name.strip("[]") for name in words(expanded("inet_interfaces", host.main))]


def service_addresses(host_name: str, host: PostfixHost) -> tuple[str, ...]:
    """The addresses that an entry of this host name ('': none) listens on."""
    used = families(host)
    found = _addresses(host_name, host) if host_name else _interface_addresses(host)
    return tuple(address for address in found if "ipv%d" % family(address) in used)


def _interface_addresses(host: PostfixHost) -> tuple[str, ...]:
    names = _interface_names(host)
    if [name.lower() for name in names] in (["all"], []):
        return WILDCARDS
    if names == ["loopback-only"]:
        return host.loopback
    return tuple(dict.fromkeys(address for name in names for address in _addresses(name, host)))


def _addresses(name: str, host: PostfixHost) -> tuple[str, ...]:
    address = _canonical(name)
    return (address,) if address else tuple(host.names.get(name, ()))


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return ""
