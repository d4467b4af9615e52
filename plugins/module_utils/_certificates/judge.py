# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this certificate one that a mail server can serve, and its clients will accept?

Reads PEM (certificate, chain, key, all in one file or two), DER and PKCS#12. Judges the server's own certificate: the
first of a chain. Written for cryptography 3.3 (Debian 11) and later.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import stat
import types
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    MissingLibrary,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_regular_file,
)

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, rsa
except ImportError:  # said when a certificate is to be judged: a task may do without
    x509 = None

MAX_BYTES = 1024 * 1024  # a chain of ten certificates with their key has 30 kB
MIN_RSA_BITS = 2048  # CA/Browser Forum baseline requirements 6.1.5; Debian's OpenSSL refuses less at its default security level

_PEM_CERTIFICATE = re.compile(
    b"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----", re.DOTALL
)
_PEM_OTHER_FORM = re.compile(b"-----BEGIN (TRUSTED|X509) CERTIFICATE-----")  # of OpenSSL
_PEM_KEY = re.compile(
    b"-----BEGIN ((?:[A-Z0-9]+ )*)PRIVATE KEY-----(?:[^-]|-(?!----))+-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----",
    re.DOTALL,
)
_SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
_ANY_PURPOSE = "2.5.29.37.0"


class Source(t.NamedTuple):
    """Where a port's certificate and key are. C(key_path) '': in the certificate's file. C(password): of PKCS#12 or the key."""

    path: str
    key_path: str = ""
    password: t.Optional[str] = None


class Finding(t.NamedTuple):
    """Something wrong: C(option), the one at fault (certificate_path, private_key_path, certificate_password), and why."""

    option: str
    message: str


class _Unusable(Exception):
    """Nothing further can be said of this certificate or key."""

    def __init__(self, option: str, message: str):
        super().__init__(message)
        self.finding = Finding(option, message)


class Certificate:
    """One certificate as a port would serve it: facts, and findings that depend on nothing but the files and the time."""

    def __init__(self, source: Source, now: datetime.datetime):
        self.source, self.now = source, now
        self.leaf = None
        self.key_matches: t.Optional[bool] = None
        self._findings: list = []
        try:
            self._read()
        except _Unusable as unusable:
            self._findings.append(unusable.finding)

    def findings(self, min_days: int = 0, hostnames: t.Iterable = ()) -> list:
        """All that is wrong with it, for a server that is reached by these names."""
        found = list(self._findings)
        if self.leaf is not None:
            found += [
                Finding("certificate_path", "%s %s" % (self.source.path, message))
                for message in self._judged(min_days, hostnames)
            ]
        return found

    def facts(self) -> dict:
        """The certificate as results show it."""
        facts = NO_FACTS if self.leaf is None else leaf_facts(self.leaf, self.now)
        return {"path": self.source.path, **facts, "key_matches": self.key_matches}

    # -- reading

    def _read(self) -> None:
        path, key_path, password = self.source
        content, mode = _content(path, "certificate_path")
        key = None
        if _is_pkcs12(content):
            self.leaf, key = _pkcs12(path, content, password)
        else:
            self.leaf = _certificate(path, content)
        if key_path and key_path != path:
            key_content, mode = _content(key_path, "private_key_path")
            key = _key(key_path, key_content, password, "private_key_path")
        elif key is None:
            if not _PEM_KEY.search(content):
                raise _Unusable(
                    "private_key_path",
                    "%s has no private key in it: name the key's file in private_key_path" % path,
                )
            key = _key(path, content, password, "certificate_path")
        if mode & stat.S_IROTH:
            self._findings.append(
                Finding(
                    "private_key_path" if key_path else "certificate_path",
                    "the private key in %s can be read by every user of the host: chmod o= it, and consider the key known"
                    % (key_path or path),
                )
            )
        self.key_matches = _public_bytes(key) == _public_bytes(self.leaf)
        if not self.key_matches:
            others = [_certificate(path, block) for block in _PEM_CERTIFICATE.findall(content)[1:]]
            if any(_public_bytes(other) == _public_bytes(key) for other in others):
                why = "the key belongs to a later certificate of the chain: the server's own must come first"
            else:
                why = "name the key that it was issued for, or issue it again"
            self._findings.append(
                Finding(
                    "private_key_path" if key_path else "certificate_path",
                    "the private key in %s does not match the certificate in %s: %s"
                    % (key_path or path, path, why),
                )
            )

    # -- judging

    def _judged(self, min_days: int, hostnames: t.Iterable) -> t.Iterator[str]:
        not_before, not_after = _validity(self.leaf)
        left = (not_after - self.now).days
        if self.now > not_after:
            yield "expired on %s: renew it" % not_after.strftime("%Y-%m-%d")
        elif self.now < not_before:
            yield (
                "is not valid before %s: use it from then on, or look at this host's clock"
                % not_before.strftime("%Y-%m-%d %H:%M UTC")
            )
        elif left < min_days:
            yield (
                "has %d days left, fewer than the %d asked for (certificate_min_days): renew it"
                % (left, min_days)
            )
        names = _shown_names(self.leaf)
        for hostname in hostnames:
            if not _covers(*_names(self.leaf), hostname):
                yield "is not for %s: its names are %s: have it issued for that name too" % (
                    hostname,
                    ", ".join(names) or "none (a common name alone does not count, RFC 9525)",
                )
        public_key = self.leaf.public_key()
        if (
            isinstance(public_key, (rsa.RSAPublicKey, dsa.DSAPublicKey))
            and public_key.key_size < MIN_RSA_BITS
        ):
            yield "has a key of %d bits, which clients refuse: make one of at least %d" % (
                public_key.key_size,
                MIN_RSA_BITS,
            )
        digest = _digest(self.leaf)
        if digest in ("md5", "sha1"):
            yield (
                "is signed with %s, which clients refuse: have it issued again with SHA-256"
                % {"md5": "MD5", "sha1": "SHA-1"}[digest]
            )
        purposes = _purposes(self.leaf)
        if purposes is not None and not purposes & {_SERVER_AUTH, _ANY_PURPOSE}:
            yield "is not for servers: its extended key usage lacks server authentication: have it issued again with serverAuth"


#: What is known of a certificate that can't be read.
NO_FACTS = types.MappingProxyType(
    {
        "subject": None,
        "issuer": None,
        "names": [],
        "not_before": None,
        "not_after": None,
        "days_left": None,
        "fingerprint_sha256": None,
    }
)


def leaf_facts(leaf, now: datetime.datetime) -> dict:
    """What results say of a certificate itself. Times in ISO 8601, UTC."""
    not_before, not_after = _validity(leaf)
    return {
        "subject": _distinguished_name(leaf, "subject"),
        "issuer": _distinguished_name(leaf, "issuer"),
        "names": _shown_names(leaf),
        "not_before": not_before.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days_left": (not_after - now).days,
        "fingerprint_sha256": ":".join("%02X" % byte for byte in leaf.fingerprint(hashes.SHA256())),
    }


def leaf_of(der: bytes):
    """The certificate that a server has sent. Raises MissingLibrary, or what the library raises where it is none."""
    _require_library()
    return _readable(x509.load_der_x509_certificate(der))


def leaf_in(path: str):
    """The server's own certificate in a file, whatever else is there. Raises Refused, in words for the user."""
    _require_library()
    try:
        content = _content(path, "certificate_path")[0]
        return (
            _pkcs12(path, content, None)[0] if _is_pkcs12(content) else _certificate(path, content)
        )
    except _Unusable as unusable:
        raise Refused(unusable.finding.message) from None


def _require_library() -> None:
    if x509 is None:
        raise MissingLibrary(
            "cryptography", "Debian: python3-cryptography", "certificates can't be checked"
        )


class Judged(t.NamedTuple):
    """Of certificates: as results have them, what stops the task, what it warns of."""

    certificates: list
    problems: list
    warnings: list


def judge(
    current: Bindings,
    desired: Bindings,
    labels: dict,
    beside: t.Mapping,
    min_days: int,
    now: datetime.datetime,
) -> Judged:
    """Judge the certificates of the ports in C(labels), the paths of their entries for messages.

    C(beside): what the task says of a port's certificate beside the document (its password, names). What is wrong stops
    the task for the ports that it creates or changes; for the others it warns, so that one expired file never holds up an
    urgent change elsewhere. Raises MissingLibrary where a certificate that matters can't be read.
    """
    judged = Judged([], [], [])
    changed = {name for name in labels if current.ports.get(name) != desired.ports[name]}
    if x509 is None:
        missing = MissingLibrary(
            "cryptography", "Debian: python3-cryptography", "certificates can't be checked"
        )
        if changed:
            raise missing
        judged.warnings.append(str(missing))
        return judged
    reached_by: dict = {}
    for binding in desired.ip_addresses.values():
        for name in binding.ports if binding.hostname else ():
            reached_by.setdefault(name, set()).add(binding.hostname)
    read: dict = {}  # each certificate once, however many ports serve it
    warned: dict = {}  # message -> the unchanged ports that it is about
    for name, label in labels.items():
        port, given = desired.ports[name], beside.get(name, {})
        source = Source(
            port.certificate_path, port.private_key_path, given.get("certificate_password")
        )
        if source not in read:
            certificate = Certificate(source, now)
            read[source] = certificate, dict(certificate.facts(), problems=[])
            judged.certificates.append(read[source][1])
        certificate, facts = read[source]
        hostnames = sorted(
            reached_by.get(name, set()).union(given.get("certificate_hostnames") or ())
        )
        for finding in certificate.findings(min_days, hostnames):
            if finding.message not in facts["problems"]:
                facts["problems"].append(finding.message)
            if name in changed:
                judged.problems.append("%s%s: %s" % (label, finding.option, finding.message))
            elif finding.option != "certificate_password" or source.password is not None:
                # that a task which leaves a port alone was not given its password is nothing to warn of
                warned.setdefault(finding.message, []).append(name)
    judged.warnings.extend(
        "port %s: %s" % (", ".join(ports), message) for message, ports in warned.items()
    )
    return judged


def _content(path: str, option: str) -> tuple:
    """(bytes, mode) of a regular file."""
    try:
        content, status = read_regular_file(path, MAX_BYTES)
    except OSError as error:
        raise _Unusable(
            option,
            "%s can't be read: %s: look at its path and permissions" % (path, error.strerror),
        ) from None
    except NotAFile as what:
        raise _Unusable(option, "%s is %s: name a file" % (path, what)) from None
    except TooLarge as large:
        raise _Unusable(
            option,
            "%s has %d bytes, and is no certificate or key: name another file" % (path, large.size),
        ) from None
    if not content.strip():
        raise _Unusable(option, "%s is empty: put it there, or name another file" % path)
    return content, status.st_mode


def _is_pkcs12(content: bytes) -> bool:
    """A PFX is a DER sequence that begins with the version number 3 (RFC 7292, section 4); a certificate begins with a sequence."""
    if content[:1] != b"\x30" or len(content) < 8:
        return False
    length_bytes = content[1] & 0x7F if content[1] & 0x80 else 0
    return content[2 + length_bytes : 5 + length_bytes] == b"\x02\x01\x03"


def _pkcs12(path: str, content: bytes, password: t.Optional[str]) -> tuple:
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        key, certificate, ignored_chain = pkcs12.load_key_and_certificates(
            content, password.encode() if password else None
        )
    except Exception:  # pylint: disable=broad-except  # ValueError, TypeError, UnsupportedAlgorithm, by version
        if password is None:
            raise _Unusable(
                "certificate_password",
                "%s is a PKCS#12 file that needs its password: give certificate_password" % path,
            ) from None
        raise _Unusable(
            "certificate_password",
            "%s is a PKCS#12 file, and certificate_password is not its password: give the right one (or the file is damaged)"
            % path,
        ) from None
    if key is None:  # the library tells the certificate by its key
        raise _Unusable(
            "private_key_path",
            "%s is a PKCS#12 file without a private key: export it again with the key" % path,
        )
    if certificate is None:
        raise _Unusable(
            "certificate_path",
            "%s is a PKCS#12 file without a certificate for its key: export it again with the certificate"
            % path,
        )
    try:
        return _readable(certificate), key
    except Exception:  # pylint: disable=broad-except  # as in _certificate
        raise _unreadable(path) from None


def _readable(certificate):
    """The certificate, all of whose parts that are judged could be parsed: the library does so only when asked for one."""
    for part in (_public_bytes, _validity, _names, _purposes, _digest):
        part(certificate)
    return certificate


def _unreadable(path: str) -> _Unusable:
    return _Unusable(
        "certificate_path",
        "%s holds a damaged certificate, something else in its place, or a kind that this host's cryptography can't read: "
        "look at it with openssl x509 -text; check_certificate: false does without" % path,
    )


def _certificate(path: str, content: bytes):
    block, other = _PEM_CERTIFICATE.search(content), _PEM_OTHER_FORM.search(content)
    if other and not (block and block.start() < other.start()):
        raise _Unusable(
            "certificate_path",
            "%s begins with a %s CERTIFICATE, a form that only OpenSSL knows: name a copy in plain PEM, made with "
            "openssl x509 -in %s (and the rest of the chain behind it)"
            % (path, other.group(1).decode(), path),
        )
    try:
        if block:
            return _readable(x509.load_pem_x509_certificate(block.group(0)))
        if content[:1] == b"\x30":
            return _readable(x509.load_der_x509_certificate(content))
    except Exception:  # pylint: disable=broad-except  # ValueError, InvalidVersion, DuplicateExtension, UnsupportedAlgorithm, …, by version
        raise _unreadable(path) from None
    if _PEM_KEY.search(content):
        raise _Unusable(
            "certificate_path",
            "%s holds a private key, but no certificate: name the certificate's file, and this one in private_key_path"
            % path,
        )
    raise _Unusable(
        "certificate_path",
        "%s is not a certificate (neither PEM nor DER nor PKCS#12): name another file" % path,
    )


def _key(path: str, content: bytes, password: t.Optional[str], option: str):
    block = _PEM_KEY.search(content)
    if not block and content[:1] != b"\x30":
        holds = (
            "a certificate, but no private key"
            if _PEM_CERTIFICATE.search(content)
            else "no private key"
        )
        raise _Unusable(option, "%s holds %s: name the key's file" % (path, holds))
    try:
        if block:
            pem = block.group(0)
            encrypted = b"ENCRYPTED" in block.group(1) or b"Proc-Type: 4,ENCRYPTED" in pem
            if encrypted and not password:
                raise _Unusable(
                    "certificate_password",
                    "the private key in %s is encrypted: give certificate_password" % path,
                )
            if block.group(1) == b"OPENSSH ":
                raise _Unusable(
                    option,
                    (
                        "the private key in %s is in OpenSSH's own format, which mail servers don't read: convert a copy with ssh-keygen -p -m PEM"
                        % path
                    ),
                )
            return serialization.load_pem_private_key(
                pem + b"\n", password.encode() if encrypted else None
            )
        return _der_key(path, content, password)
    except UnsupportedAlgorithm:
        raise _Unusable(
            option, "the private key in %s is of a kind that is not supported" % path
        ) from None
    except (ValueError, TypeError):
        if block and b"ENCRYPTED" in block.group(0):
            raise _wrong_password(path) from None
        raise _Unusable(
            option,
            "%s holds a damaged private key, or something else in its place: name the key's file"
            % path,
        ) from None


def _der_key(path: str, content: bytes, password: t.Optional[str]):
    try:
        return serialization.load_der_private_key(content, None)
    except TypeError:  # encrypted
        if not password:
            raise _Unusable(
                "certificate_password",
                "the private key in %s is encrypted: give certificate_password" % path,
            ) from None
    try:
        return serialization.load_der_private_key(content, password.encode())
    except (ValueError, TypeError):
        raise _wrong_password(path) from None


def _wrong_password(path: str) -> _Unusable:
    return _Unusable(
        "certificate_password",
        "certificate_password does not open the private key in %s: give the right one (or the key is damaged)"
        % path,
    )


def _public_bytes(holder) -> bytes:
    return holder.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _validity(certificate) -> tuple:
    """(not before, not after), aware, in UTC."""
    if hasattr(certificate, "not_valid_after_utc"):  # cryptography 42 and later
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    utc = datetime.timezone.utc
    return certificate.not_valid_before.replace(tzinfo=utc), certificate.not_valid_after.replace(
        tzinfo=utc
    )


def _distinguished_name(certificate, which: str) -> t.Optional[str]:
    try:
        return getattr(certificate, which).rfc4514_string()
    except Exception:  # pylint: disable=broad-except  # 3.3: a country that has not two letters; 50: a type of text that is none (also KeyError)
        return None


def _extension(certificate, kind):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _shown_names(certificate) -> list:
    names, addresses = _names(certificate)
    return names + [str(address) for address in addresses]


def _names(certificate) -> tuple:
    """(DNS names, IP addresses) of the subject alternative name; the common name counts for no client (RFC 9525, 6.3)."""
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return [], []
    return names.get_values_for_type(x509.DNSName), names.get_values_for_type(x509.IPAddress)


def _covers(names: list, addresses: list, hostname: str) -> bool:
    """RFC 9525, 6.3: the whole left-most label may be a wildcard; case does not matter; certificates have the ASCII form
    of names in other scripts (RFC 5280, 7.2); an address needs its own entry. OpenSSL wants two labels behind a wildcard."""
    wanted = hostname.rstrip(".").lower()
    with contextlib.suppress(UnicodeError):  # what has no ASCII form is in no certificate
        wanted = wanted.encode("idna").decode()
    try:
        return ipaddress.ip_address(wanted) in addresses
    except ValueError:
        pass
    below = wanted.partition(".")[2]
    return any(
        name.lower() == wanted or ("." in below and name.lower() == "*." + below) for name in names
    )


def _digest(certificate) -> str:
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return digest.name if digest else ""  # Ed25519 has none of its own


def _purposes(certificate) -> t.Optional[set]:
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    return None if usage is None else {purpose.dotted_string for purpose in usage}
