# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients expect of a server's certificate: a table of checks."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    digest_name,
    names,
    purposes,
    shown_names,
    validity,
)

if t.TYPE_CHECKING:
    from cryptography import x509

#: CA/Browser Forum, baseline requirements 6.1.5; Debian's OpenSSL refuses fewer at its default
#: security level.
MIN_RSA_BITS = 2048

_SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
_ANY_PURPOSE = "2.5.29.37.0"
_WEAK_DIGESTS = {"md5": "MD5", "sha1": "SHA-1"}


class Checked(t.NamedTuple):
    """A certificate, and what it is held against."""

    leaf: x509.Certificate
    now: datetime.datetime
    min_days: int
    hostnames: tuple[str, ...]


def _dates(checked: Checked) -> t.Iterator[str]:
    not_before, not_after = validity(checked.leaf)
    left = (not_after - checked.now).days
    if checked.now > not_after:
        yield "expired on %s: renew it" % not_after.strftime("%Y-%m-%d")
    elif checked.now < not_before:
        begin = not_before.strftime("%Y-%m-%d %H:%M UTC")
        yield "is not valid before %s: use it from then on, or check this host's clock" % begin
    elif left < checked.min_days:
        yield "has %d days left, fewer than the %d of certificate_min_days: renew it" % (
            left,
            checked.min_days,
        )


def _hostnames(checked: Checked) -> t.Iterator[str]:
    dns_names, addresses = names(checked.leaf)
    for hostname in checked.hostnames:
        if not _covers(dns_names, addresses, hostname):
            own = ", ".join(shown_names(checked.leaf))
            yield "is not for %s: its names are %s: have it issued for that name too" % (
                hostname,
                own or "none (a common name alone does not count, RFC 9525)",
            )


def _covers(dns_names: list[str], addresses: list[t.Any], hostname: str) -> bool:
    """RFC 9525, 6.3: the whole left-most label may be a wildcard; case does not matter.

    Certificates have the ASCII form of names in other scripts (RFC 5280, 7.2); an address needs
    its own entry. OpenSSL wants two labels behind a wildcard.
    """
    asked = hostname.rstrip(".").lower()
    with contextlib.suppress(UnicodeError):  # a name without an ASCII form is in no certificate
        asked = asked.encode("idna").decode()
    try:
        return ipaddress.ip_address(asked) in addresses
    except ValueError:
        pass
    domain = asked.partition(".")[2]
    accepted = {asked, "*." + domain} if "." in domain else {asked}
    return any(name.lower() in accepted for name in dns_names)


def _key_size(checked: Checked) -> t.Iterator[str]:
    from cryptography.hazmat.primitives.asymmetric import dsa, rsa

    key = checked.leaf.public_key()
    if isinstance(key, (rsa.RSAPublicKey, dsa.DSAPublicKey)) and key.key_size < MIN_RSA_BITS:
        yield "has a key of %d bits, which clients refuse: make one of at least %d" % (
            key.key_size,
            MIN_RSA_BITS,
        )


def _signature(checked: Checked) -> t.Iterator[str]:
    digest = _WEAK_DIGESTS.get(digest_name(checked.leaf))
    if digest:
        yield "is signed with %s, which clients refuse: have it issued again with SHA-256" % digest


def _purpose(checked: Checked) -> t.Iterator[str]:
    found = purposes(checked.leaf)
    if found is not None and not found & {_SERVER_AUTH, _ANY_PURPOSE}:
        yield (
            "is not for servers: its extended key usage lacks server authentication: have it "
            "issued again with serverAuth"
        )


#: Each says what is wrong, in words that follow the path of the certificate.
CHECKS: tuple[t.Callable[[Checked], t.Iterator[str]], ...] = (
    _dates,
    _hostnames,
    _key_size,
    _signature,
    _purpose,
)
