# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenLDAP's files on Debian say, and what they would say: all pure, texts in, texts out.

    /etc/default/slapd          SLAPD_SERVICES, the URLs for slapd's -h: the only place where listeners come from (slapd(8))
    slapd.service, or /etc/init.d/slapd, which read it: as systemd reads it (systemd.exec(5), EnvironmentFile), or as a shell does
    /etc/ldap/slapd.d           cn=config as LDIF (slapd-config(5)): one certificate for all listeners

What we take over stays in /etc/default/slapd as a comment, also what cn=config had, so that it can be given back.
"""

from __future__ import annotations

import base64
import json
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    LOOPBACK,
    WILDCARDS,
    canonical_address,
    is_loopback,
    is_wildcard,
    reached_at,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK

DEFAULTS = "/etc/default/slapd"
SERVICES = "SLAPD_SERVICES"

_PORTS = {"ldap": 389, "ldaps": 636, "pldap": 389, "pldaps": 636}

_URLS_HEAD = "# %s: the next line is by mail_listeners, from " % MANAGED_MARK
_URLS_TAIL = "; edits of it are lost, state: absent gives back what was before"
_BEFORE = "# %s: before: " % MANAGED_MARK
_TLS_HEAD = (
    "# %s: olcTLSCertificateFile and olcTLSCertificateKeyFile of cn=config were set by mail_listeners, from "
    % MANAGED_MARK
)
_TLS_MIDDLE = "; state: absent gives back what was before; before and now: "


class Unknown(Refused):
    """A layout that we do not know: C(str()) says what of it."""


class Tls(t.NamedTuple):
    """The values of olcTLSCertificateFile and olcTLSCertificateKeyFile, '' where not set."""

    certificate: str = ""
    key: str = ""


# -- /etc/default/slapd: shell assignments


class Assignment(t.NamedTuple):
    """NAME=value in C(text[start:end]), which is whole lines. C(rest): what else stands there; C(fixed): the value has no expansions."""

    name: str
    value: str
    start: int
    end: int
    exported: bool = False
    rest: str = ""
    fixed: bool = True


_NAME = re.compile(r"(export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_CODE = re.compile(
    r"(if|then|else|elif|fi|case|for|while|until|do|done|eval|source|test|return|exit|set)\b|[.\[{(]|\w+[ \t]*\("
)


def assignments(text: str) -> list:
    """All assignments that begin a line, in order; other lines that are not blank or comments have no name (and are C(rest))."""
    found, position = [], 0
    while position < len(text):
        start = position
        position = _past(text, position, " \t")
        match = _NAME.match(text, position)
        value, fixed = "", True
        if match:
            value, position, fixed = _word(text, match.end())
        end = text.find("\n", position) + 1 or len(text)
        rest = text[position:end].strip()
        if match:
            found.append(
                Assignment(match.group(2), value, start, end, bool(match.group(1)), rest, fixed)
            )
        elif rest and not rest.startswith("#"):
            found.append(Assignment("", "", start, end, rest=rest))
        position = end
    return found


def _past(text, position, characters):
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _word(text, position):
    """(value, where it ends, fixed) of the shell word that begins here (sh(1), quoting)."""
    value, fixed, quote = [], True, ""
    while position < len(text):
        character = text[position]
        position += 1
        if quote == "'":
            if character == "'":
                quote = ""
            else:
                value.append(character)
        elif character == "\\" and position < len(text):
            following = text[position]
            position += 1
            if following != "\n":
                value.append(
                    following if not quote or following in '"\\$`' else character + following
                )
        elif character in "$`":
            fixed = False
        elif quote:
            if character == quote:
                quote = ""
            else:
                value.append(character)
        elif character in "'\"":
            quote = character
        elif character in " \t\r\n;&|<>()":
            return "".join(value), position - 1, fixed
        else:
            value.append(character)
    return "".join(value), position, fixed and not quote


def setting(text: str, name: str, reader: str) -> t.Optional[Assignment]:
    """The assignment that counts, the last; None where there is none. C(reader): systemd or shell.

    Raises Unknown where its value can't be told from the text, or where the two readers are known to differ.
    """
    counts = None
    for found in assignments(text):
        if found.name == name and not (found.exported and reader == "systemd"):
            counts = found
        comment = found.name and found.rest.startswith("#") and reader == "shell"
        if (
            reader == "shell"
            and not found.name
            and _CODE.match(found.rest)
            or name in found.rest
            and not comment
        ):
            raise Unknown(
                "%s, line %d, has shell code: %s"
                % (DEFAULTS, line_number(text, found.start), found.rest[:60])
            )
    if counts and not (
        counts.fixed and (not counts.rest or counts.rest.startswith("#") and reader == "shell")
    ):
        raise Unknown(
            '%s, line %d: write %s="…" on a line of its own, without $ and without a comment behind it'
            % (DEFAULTS, line_number(text, counts.start), name)
        )
    return counts


def value(text: str, name: str, reader: str) -> str:
    """Its value, '' where there is none. Raises Unknown."""
    counts = setting(text, name, reader)
    return counts.value if counts else ""


def line_number(text: str, position: int) -> int:
    """The number of the line that this position is in, from 1 on."""
    return text.count("\n", 0, position) + 1


# -- URLs


class Url(t.NamedTuple):
    """One URL of slapd's -h. C(sockets): the (address, port) of TCP that slapd binds for it.

    C(unmapped): why it has no place in the model, '' where it has one. C(unknown): why its sockets can't be told.
    """

    text: str
    scheme: str = ""
    sockets: tuple = ()
    unmapped: str = ""
    unknown: str = ""


_URL = re.compile(
    r"([a-z]+)://(\[[^\]/]*\]|[^:/?\[\]]*)(?::([0-9]+))?(?:[/?].*)?$", re.IGNORECASE | re.DOTALL
)


def url(
    text: str,
    families: t.Sequence[str] = WILDCARDS,
    localhost: t.Sequence[str] = LOOPBACK,
) -> Url:
    """What slapd makes of a URL (slapd(8), -h). C(families): the wildcards that it binds for none; C(localhost): the name's addresses."""
    match = _URL.match(text)
    scheme = match.group(1).lower() if match else ""
    if scheme == "ldapi":
        return Url(text, scheme, unmapped="a local socket, not TCP")
    if scheme not in _PORTS:
        return (
            Url(text, scheme, unmapped="not TCP")
            if scheme == "cldap"
            else Url(text, unmapped="not a URL that we can read", unknown="it can't be read")
        )
    port = int(match.group(3) or 0) or _PORTS[scheme]
    host = match.group(2)
    proxy = "it expects the PROXY protocol before LDAP" if scheme[0] == "p" else ""
    if host in ("", "*"):
        return Url(text, scheme, tuple((wildcard, port) for wildcard in families), proxy)
    if host.lower() == "localhost":
        return Url(text, scheme, tuple((address, port) for address in localhost), proxy)
    try:
        return Url(text, scheme, ((canonical_address(host.strip("[]")), port),), proxy)
    except ValueError:
        return Url(
            text,
            scheme,
            unmapped="a host name, which may have any address",
            unknown="%s is no address" % host,
        )


def urls(text: str, *how) -> list:
    """The URLs of a value of SLAPD_SERVICES; slapd takes none for ldap:///."""
    return [url(word, *how) for word in text.split(" ") if word] or [url("ldap:///", *how)]


def socket_url(scheme: str, address: str, port: int) -> str:
    """The URL for one socket."""
    return ("%s://[%s]:%d/" if ":" in address else "%s://%s:%d/") % (scheme, address, port)


def scheme_of(listener) -> str:
    """STARTTLS is offered on every ldap:// once slapd has a certificate."""
    return "ldaps" if listener.encryption == "ssl" else "ldap"


def merged(
    before: t.Sequence[Url], wanted: t.Sequence, loopback: t.Optional[t.Container[str]]
) -> list:
    """The texts of the URLs to have: listeners C(wanted), loopback as it was, and what is none of ours.

    A URL stays as it stands if all of its sockets are to be. What a wildcard that goes answered on loopback gets URLs of its own:
    those of C(loopback), the addresses that can be bound. None: loopback is not kept.
    """
    declared = {(scheme_of(listener), listener.address, listener.port) for listener in wanted}
    taken = {(address, port) for scheme, address, port in declared}

    def stays(scheme, address, port):
        if (scheme, address, port) in declared:
            return {(scheme, address, port)}
        wildcard, address = is_wildcard(address), reached_at(address)
        covered = (address, port) in taken or (wildcard_of(address), port) in taken
        keep = loopback is not None and (address in loopback if wildcard else is_loopback(address))
        return {(scheme, address, port)} if keep and not covered else set()

    kept, had, needed = [], set(), set(declared)
    for one in before:
        have = {(one.scheme, *socket) for socket in one.sockets}
        stay = set().union(*(stays(*socket) for socket in have))
        if one.unmapped or stay == have:
            kept.append(one.text)
            had |= have
        needed |= stay
    texts = kept + [socket_url(*socket) for socket in sorted(needed - had, key=_order)]
    return texts or ["ldapi:///"]  # for slapd no URL means ldap:///


def _order(socket):
    import ipaddress

    scheme, address, port = socket
    return (
        not is_loopback(address),
        ":" in address,
        int(ipaddress.ip_address(address)),
        port,
        scheme,
    )


# -- our lines in /etc/default/slapd


class Original(t.NamedTuple):
    """/etc/default/slapd without our lines, the certificate from before us, and the bindings config that our lines were written from."""

    text: str
    tls: Tls
    config_path: str = ""
    urls_are_ours: bool = False


def original(text: str, tls: Tls) -> Original:
    """What was before us. C(tls): what cn=config has now; if that is not what we have set, it is somebody's, and stays."""
    lines, config_path, ours, skip, position, folded = [], "", False, False, 0, 0
    for line in _lines(text):
        start, position = position, position + len(line)
        if start < folded:  # the rest of our assignment, which somebody has folded
            continue
        if line.startswith(_URLS_HEAD):
            config_path, ours, skip = _quoted(line[len(_URLS_HEAD) :]) or config_path, True, True
            continue
        if line.startswith(_TLS_HEAD):
            config_path = _quoted(line[len(_TLS_HEAD) :]) or config_path
            tls = _tls_before(line, tls)
        elif skip and line.startswith(SERVICES + "="):
            folded = start + assignments(text[start:])[0].end
        else:
            lines.append(line[len(_BEFORE) :] if line.startswith(_BEFORE) else line)
        skip = False
    return Original("".join(lines), tls, config_path, ours)


def _lines(text):
    """As str.splitlines(keepends=True), but by newlines alone."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _quoted(text):
    """The JSON string that a text begins with, '' where somebody has edited it away."""
    try:
        value = json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _tls_before(line, tls):
    try:
        before, now = (Tls(*pair) for pair in json.loads(line.partition(_TLS_MIDDLE)[2]))
    except (ValueError, TypeError):
        return tls
    return before if now == tls else tls


def written(
    text: str, reader: str, services: t.Optional[str], before: Tls, now: Tls, config_path: str
) -> str:
    """An original text with our lines. C(services): the new value of SLAPD_SERVICES, None where the present one stays."""
    counts = setting(text, SERVICES, reader)
    start, end = (counts.start, counts.end) if counts else (0, 0)
    path, ours = json.dumps(config_path), ""
    if now != before:
        ours += "%s%s%s%s\n" % (_TLS_HEAD, path, _TLS_MIDDLE, json.dumps([before, now]))
    displaced = text[start:end]
    if services is not None:
        ours += '%s%s%s\n%s="%s"\n' % (
            _URLS_HEAD,
            path,
            _URLS_TAIL,
            SERVICES,
            re.sub(r'(["\\$`])', r"\\\1", services),
        )
        displaced = "".join(_BEFORE + line for line in _lines(displaced))
    return text[:start] + ours + displaced + text[end:]


def shown(text: str, reader: str) -> str:
    """Our lines and the assignment that counts: what a diff shows of the file."""
    counts = setting(text, SERVICES, reader)
    lines, position = [], 0
    for line in _lines(text):
        if (
            line.startswith("# %s: " % MANAGED_MARK)
            or counts
            and counts.start <= position < counts.end
        ):
            lines.append(line)
        position += len(line)
    return "".join(lines)


# -- cn=config


def ldif_settings(text: str) -> dict:
    """Attribute name in lower case, without olc -> its values, of one entry (ldif(5))."""
    found: dict = {}
    for line in text.replace("\r\n", "\n").replace("\n ", "").split("\n"):
        name, colon, value = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        if value.startswith(":"):
            value = base64.b64decode(value[1:]).decode(errors="replace")
        found.setdefault(
            name.lower()[3:] if name.lower().startswith("olc") else name.lower(), []
        ).append(value.strip())
    return found


def conf_settings(text: str) -> dict:
    """The same of slapd.conf(5): 'keyword value'; a line that begins with a blank continues the one before."""
    found: dict = {}
    for line in re.sub(r"\n[ \t]+", " ", text).split("\n"):
        words = line.split(None, 1)
        if len(words) == 2 and not line.startswith("#"):
            found.setdefault(words[0].lower(), []).append(words[1].strip())
    return found


def tls_settings(settings: t.Mapping) -> Tls:
    """The two values that we manage, without the quotes and backslashes that stand for blanks in cn=config's values (slapd.conf(5))."""
    return Tls(
        *(
            re.sub(r'\\(.)|"', r"\1", settings.get(name, [""])[0])
            for name in ("tlscertificatefile", "tlscertificatekeyfile")
        )
    )


def tls_lines(tls: Tls) -> t.Optional[bytes]:
    """The two values as a resource: LDIF lines; None for neither."""
    pairs = zip(("olcTLSCertificateFile", "olcTLSCertificateKeyFile"), tls)
    return "".join(_ldif_line(name, value) for name, value in pairs if value).encode() or None


def tls_change(tls: Tls) -> bytes:
    """The one change that sets both values; an empty one is taken away, be it there or not."""
    change = "dn: cn=config\nchangetype: modify\n"
    for name, value in zip(("olcTLSCertificateFile", "olcTLSCertificateKeyFile"), tls):
        change += "replace: %s\n%s-\n" % (name, _ldif_line(name, value) if value else "")
    return change.encode()


def _config_word(path):
    return '"%s"' % re.sub(r'(["\\])', r"\\\1", path) if re.search(r'[\s"\\#]', path) else path


def _ldif_line(name, path):
    value = _config_word(path)
    if re.match(r"[!-9;=-~][ -~]*$", value) and not value.endswith(" "):  # SAFE-STRING of RFC 2849
        return "%s: %s\n" % (name, value)
    return "%s:: %s\n" % (name, base64.b64encode(value.encode("utf-8", "surrogateescape")).decode())


def rehearsal_conf(settings: t.Mapping, tls: Tls, pid_file: str) -> bytes:
    """A slapd.conf for a slapd that has nothing but cn=config's TLS settings with this certificate: it ends at once if it can't use them."""
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


# -- slapd.service

_TAKES_URLS = re.compile(r"""-h\s*(["']?)\$(?:%s|\{%s\})\1(?=[\s}']|$)""" % (SERVICES, SERVICES))


def reads_defaults(units: t.Sequence[str]) -> t.Optional[bool]:
    """Does the unit, the texts of its file and of its drop-ins in order, take its URLs from /etc/default/slapd, and no others?

    None: it starts nothing itself.
    """
    start, environment = [], []
    for text in units:
        for line in re.sub(r"\\\n", " ", text).split("\n"):
            name, equals, value = line.strip().partition("=")
            for wanted, values in (("ExecStart", start), ("EnvironmentFile", environment)):
                if equals and name.strip() == wanted:
                    values[:] = values + [value.strip()] if value.strip() else []
    if not start:
        return None
    return bool(_TAKES_URLS.search(start[-1])) and {path.lstrip("-") for path in environment} == {
        DEFAULTS
    }
