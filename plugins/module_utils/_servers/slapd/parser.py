# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenLDAP's files say, as Debian lays them out. Pure: texts in, values out.

/etc/default/slapd    SLAPD_SERVICES: the URLs for slapd's -h, which are all that it
                      listens on (slapd(8)), and our lines, with what we took over
slapd.service         or /etc/init.d/slapd, which read that file: as systemd does
                      (systemd.exec(5), EnvironmentFile), or as a shell does
/etc/ldap/slapd.d     cn=config as LDIF (slapd-config(5)): one certificate for all listeners
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    WILDCARDS,
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    SocketKey,
)

DEFAULTS = "/etc/default/slapd"
SERVICES = "SLAPD_SERVICES"
UNIT = "slapd.service"
#: The two values of cn=config that are ours, as one resource; results name it so.
TLS = "cn=config"

#: Our lines in /etc/default/slapd.
URLS_HEAD = "# %s: the next line is by mail_listeners, from " % MANAGED_MARK
URLS_TAIL = "; edits of it are lost, state: absent gives back what was before"
BEFORE = "# %s: before: " % MANAGED_MARK
TLS_HEAD = (
    "# %s: olcTLSCertificateFile and olcTLSCertificateKeyFile of cn=config were set by "
    "mail_listeners, from " % MANAGED_MARK
)
TLS_MIDDLE = "; state: absent gives back what was before; before and now: "

_PORTS = {"ldap": 389, "ldaps": 636, "pldap": 389, "pldaps": 636}

#: Lower-case attribute or keyword, without olc -> its values.
Settings = t.Mapping[str, t.Sequence[str]]


class UnknownLayout(Refused):
    """A layout that is not supported: C(str()) says what of it."""


class Tls(t.NamedTuple):
    """The values of olcTLSCertificateFile and olcTLSCertificateKeyFile, '' where not set."""

    certificate: str = ""
    key: str = ""


# -- /etc/default/slapd: shell assignments


class Assignment(t.NamedTuple):
    """NAME=value in C(text[start:end]), which is whole lines."""

    name: str  # '' for a line that is no assignment
    value: str
    start: int
    end: int
    exported: bool = False
    rest: str = ""  # what else is on the line
    fixed: bool = True  # the value has no expansions


_NAME = re.compile(r"(export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_CODE = re.compile(
    r"(if|then|else|elif|fi|case|for|while|until|do|done|eval|source|test|return|exit|set)\b"
    r"|[.\[{(]|\w+[ \t]*\("
)
#: A quoted or an unquoted piece of a shell word (sh(1), quoting); with what closes the quote.
_PIECE = re.compile(
    r"""'([^']*)('|\Z)|"((?:[^"\\]|\\.)*)("|\\?\Z)|((?:[^ \t\r\n;&|<>()'"\\]|\\.)+|\\\Z)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:\n|(.))", re.DOTALL)
_ESCAPE_IN_QUOTES = re.compile(r'\\(?:\n|(["\\$`]))')


def assignments(text: str) -> list[Assignment]:
    """All assignments that begin a line, in order, and other lines but blank ones and comments."""
    found, position = [], 0
    while position < len(text):
        start = position
        while position < len(text) and text[position] in " \t":
            position += 1
        match = _NAME.match(text, position)
        value, fixed = "", True
        if match:
            value, position, fixed = _shell_word(text, match.end())
        end = text.find("\n", position) + 1 or len(text)
        rest = text[position:end].strip()
        if match:
            exported = bool(match.group(1))
            found.append(Assignment(match.group(2), value, start, end, exported, rest, fixed))
        elif rest and not rest.startswith("#"):
            found.append(Assignment("", "", start, end, rest=rest))
        position = end
    return found


def _shell_word(text: str, position: int) -> tuple[str, int, bool]:
    """(value, where it ends, fixed) of the shell word that begins here."""
    value, fixed = "", True
    match = _PIECE.match(text, position)
    while match:
        in_single, single_end, in_double, double_end, plain = match.groups()
        if in_single is not None:
            value += in_single
            fixed = fixed and bool(single_end)
        elif in_double is not None:
            value += _ESCAPE_IN_QUOTES.sub(r"\1", in_double)
            fixed = fixed and double_end == '"' and not _expands(in_double)
        else:
            value += _ESCAPE.sub(r"\1", plain)
            fixed = fixed and not _expands(plain)
        position = match.end()
        match = position < len(text) and _PIECE.match(text, position) or None
    return value, position, fixed


def _expands(piece: str) -> bool:
    """Does the shell expand something in it?"""
    return bool(re.search("[$`]", re.sub(r"\\.", "", piece, flags=re.DOTALL)))


def setting(text: str, name: str, reader: str) -> t.Optional[Assignment]:
    """The assignment that counts, the last; None without one. C(reader): systemd or shell.

    Raises UnknownLayout if the text does not tell its value, or the two readers may differ on it.
    """
    counts = None
    for found in assignments(text):
        if found.name == name and not (found.exported and reader == "systemd"):
            counts = found
        if _may_be_code(found, name, reader):
            raise UnknownLayout(
                "%s, line %d, has shell code: %s"
                % (DEFAULTS, line_number(text, found.start), found.rest[:60])
            )
    if counts and not (counts.fixed and _is_harmless(counts.rest, reader)):
        raise UnknownLayout(
            '%s, line %d: write %s="…" on a line of its own, without $ and without a comment '
            "behind it" % (DEFAULTS, line_number(text, counts.start), name)
        )
    return counts


def _may_be_code(found: Assignment, name: str, reader: str) -> bool:
    """May the rest of the line set the variable, or keep it from being set?"""
    if reader == "shell" and not found.name and _CODE.match(found.rest):
        return True
    return name in found.rest and not (found.name and _is_harmless(found.rest, reader))


def _is_harmless(rest: str, reader: str) -> bool:
    """Is what follows a value nothing, or a comment? systemd has none behind values."""
    return not rest or reader == "shell" and rest.startswith("#")


def value_of(text: str, name: str, reader: str) -> str:
    """The value of C(setting), '' without one. Raises UnknownLayout."""
    counts = setting(text, name, reader)
    return counts.value if counts else ""


def line_number(text: str, position: int) -> int:
    """The number of the line that this position is in, from 1 on."""
    return text.count("\n", 0, position) + 1


def lines_of(text: str) -> list[str]:
    """As str.splitlines(keepends=True), but by newlines alone."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


# -- URLs


class HostAddresses(t.NamedTuple):
    """What decides which sockets a URL means on this host."""

    wildcards: tuple[str, ...] = WILDCARDS  # those that slapd binds for a URL without a host
    localhost: tuple[str, ...] = LOOPBACK  # the addresses of that name
    loopback: tuple[str, ...] = LOOPBACK  # those that can be bound


class Url(t.NamedTuple):
    """One URL of slapd's -h."""

    text: str
    scheme: str = ""
    sockets: tuple[SocketKey, ...] = ()  # of TCP, that slapd binds for it
    unmapped: str = ""  # why it has no place in the model; '' if it has one
    unknown: str = ""  # why its sockets can't be told; '' if they can


_URL = re.compile(
    r"([a-z]+)://(\[[^\]/]*\]|[^:/?\[\]]*)(?::([0-9]+))?(?:[/?].*)?$", re.IGNORECASE | re.DOTALL
)
_NO_SOCKETS = {
    "ldapi": Url("", "ldapi", unmapped="a local socket, not TCP"),
    "cldap": Url("", "cldap", unmapped="not TCP"),
}
_INVALID = Url("", unmapped="not a valid URL", unknown="it is not a valid URL")


def url_of(text: str, addresses: HostAddresses = HostAddresses()) -> Url:
    """What slapd makes of a URL (slapd(8), -h)."""
    match = _URL.match(text)
    scheme = match.group(1).lower() if match else ""
    if not match or scheme not in _PORTS:
        return _NO_SOCKETS.get(scheme, _INVALID)._replace(text=text)
    host, port = match.group(2), int(match.group(3) or 0) or _PORTS[scheme]
    proxy = "it expects the PROXY protocol before LDAP" if scheme[0] == "p" else ""
    try:
        bound = _bound(host, addresses)
    except ValueError:
        return Url(
            text,
            scheme,
            unmapped="a host name, whose address may change",
            unknown="%s is not an IP address" % host,
        )
    return Url(text, scheme, tuple((address, port) for address in bound), proxy)


def _bound(host: str, addresses: HostAddresses) -> tuple[str, ...]:
    """The addresses that slapd binds for the host of a URL. Raises ValueError for other names."""
    if host in ("", "*"):
        return addresses.wildcards
    if host.lower() == "localhost":
        return addresses.localhost
    return (canonical_address(host.strip("[]")),)


def urls_of(services: str, addresses: HostAddresses = HostAddresses()) -> tuple[Url, ...]:
    """The URLs of a value of SLAPD_SERVICES; slapd takes no URL for ldap:///."""
    words = [word for word in services.split(" ") if word] or ["ldap:///"]
    return tuple(url_of(word, addresses) for word in words)


# -- our lines in /etc/default/slapd


#: As we write it, and as an edit may leave it.
_OUR_ASSIGNMENT = re.compile(r"[ \t]*(export[ \t]+)?%s[ \t]*=" % SERVICES)


class Original(t.NamedTuple):
    """How OpenLDAP was set up before us."""

    text: str  # /etc/default/slapd without our lines
    tls: Tls
    config_path: str = ""  # the bindings config that our lines were written from; '' without any


def original(text: str, tls: Tls) -> Original:
    """What was before us. C(tls): what cn=config has now, which stays unless it is what we set."""
    lines, config_path, skip, position, folded = [], "", False, 0, 0
    for line in lines_of(text):
        start, position = position, position + len(line)
        if start < folded:  # the rest of our assignment, which was edited to span lines
            continue
        if line.startswith(URLS_HEAD):
            config_path, skip = _quoted(line[len(URLS_HEAD) :]) or config_path, True
            continue
        if line.startswith(TLS_HEAD):
            config_path = _quoted(line[len(TLS_HEAD) :]) or config_path
            tls = _tls_before(line, tls)
        elif skip and _OUR_ASSIGNMENT.match(line):
            ours = assignments(text[start:])[0]
            folded = start + ours.end if ours.fixed else position  # else a quote has no end
        else:
            lines.append(line[len(BEFORE) :] if line.startswith(BEFORE) else line)
        skip = False
    return Original("".join(lines), tls, config_path)


def _quoted(text: str) -> str:
    """The JSON string that a text begins with; '' if it was edited away."""
    try:
        found = json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""


def _tls_before(line: str, tls: Tls) -> Tls:
    try:
        before, ours = (Tls(*pair) for pair in json.loads(line.partition(TLS_MIDDLE)[2]))
    except (ValueError, TypeError):
        return tls
    return before if ours == tls else tls


# -- cn=config, and slapd.conf


def ldif_settings(text: str) -> dict[str, list[str]]:
    """The attributes of one entry (ldif(5)), as C(Settings)."""
    found: dict[str, list[str]] = {}
    for line in text.replace("\r\n", "\n").replace("\n ", "").split("\n"):
        name, colon, value = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        if value.startswith(":"):
            import base64

            value = base64.b64decode(value[1:]).decode(errors="replace")
        name = name.lower()
        found.setdefault(name[3:] if name.startswith("olc") else name, []).append(value.strip())
    return found


def conf_settings(text: str) -> dict[str, list[str]]:
    """The settings of slapd.conf(5): 'keyword value'; a leading blank continues a line."""
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\n[ \t]+", " ", text).split("\n"):
        words = line.split(None, 1)
        if len(words) == 2 and not line.startswith("#"):
            found.setdefault(words[0].lower(), []).append(words[1].strip())
    return found


def tls_settings(settings: Settings) -> Tls:
    """The two values that are ours, without the quotes and backslashes of slapd.conf(5)."""
    certificate, key = (
        re.sub(r'\\(.)|"', r"\1", next(iter(settings.get(name, ())), ""))
        for name in ("tlscertificatefile", "tlscertificatekeyfile")
    )
    return Tls(certificate, key)


# -- slapd.service

_TAKES_URLS = re.compile(r"""-h\s*(["']?)\$(?:%s|\{%s\})\1(?=[\s}']|$)""" % (SERVICES, SERVICES))


def reads_defaults(units: t.Sequence[str]) -> t.Optional[bool]:
    """Does the unit take its URLs from /etc/default/slapd, and no others? None: it starts nothing.

    C(units): the texts of its file and of its drop-ins, in order (systemd.unit(5)).
    """
    values: dict[str, list[str]] = {"ExecStart": [], "EnvironmentFile": []}
    for text in units:
        for line in re.sub(r"\\\n", " ", text).split("\n"):
            name, equals, value = line.strip().partition("=")
            name, value = name.strip(), value.strip()
            if equals and name in values:
                values[name] = [*values[name], value] if value else []
    if not values["ExecStart"]:
        return None
    files = {path.lstrip("-") for path in values["EnvironmentFile"]}
    return bool(_TAKES_URLS.search(values["ExecStart"][-1])) and files == {DEFAULTS}


# -- all of it


class Setup(t.NamedTuple):
    """How OpenLDAP is set up on this host."""

    text: str  # /etc/default/slapd
    reader: str  # of that file: systemd or shell
    urls: tuple[Url, ...]
    settings: Settings  # of cn=config, or of slapd.conf
    tls: Tls
    original: Original
    addresses: HostAddresses = HostAddresses()
    where: str = DEFAULTS  # the URLs are from
    replicated: bool = False  # is cn=config?
    boot: t.Optional[bytes] = None  # our drop-in
    has_units: bool = False  # does the host have systemd's folder for them?
    problems: tuple[str, ...] = ()  # why nothing can be changed here


def setup_of(
    text: str, reader: str, urls: tuple[Url, ...], settings: Settings, **more: t.Any
) -> Setup:
    """A setup, with its certificate and what was before us read from the texts. See C(Setup)."""
    tls = tls_settings(settings)
    return Setup(text, reader, urls, settings, tls, original(text, tls), **more)
