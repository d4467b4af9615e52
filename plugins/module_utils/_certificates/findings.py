# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients expect of a server's certificate: a table of checks."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.fields import (
    key_usages,
    unknown_critical_extensions,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    names,
    purposes,
    validity,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.strength import (
    is_rsa,
    key_problem,
    signature_problem,
)

if t.TYPE_CHECKING:
    from cryptography import x509

_SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
#: What a host name in a certificate may consist of; a wildcard is its whole first label.
_HOST_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


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
            own = ", ".join([*map(_shown, dns_names), *map(str, addresses)])
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
    try:
        return ipaddress.ip_address(asked) in addresses
    except ValueError:
        pass
    if not asked.isascii():
        from ansible_collections.mailops.bindings.plugins.module_utils._config.idna import (
            ascii_form,
        )

        with contextlib.suppress(ValueError):  # a name without an ASCII form is in no certificate
            asked = ascii_form(asked)
    domain = asked.partition(".")[2]
    accepted = {asked, "*." + domain} if "." in domain else {asked}
    return any(name.lower() in accepted for name in dns_names)


def _shown(dns_name: str) -> str:
    """A DNS name, and why no client finds itself in it, if it looks like one that they do."""
    try:
        ipaddress.ip_address(dns_name)
    except ValueError:
        pass
    else:
        return "%s (as DNS name, not as IP address)" % dns_name
    if dns_name.endswith("."):
        return "%s (with a dot at its end)" % dns_name
    return dns_name if _HOST_NAME.fullmatch(dns_name) else "%s (not a host name)" % dns_name


def _key(checked: Checked) -> t.Iterator[str]:
    yield key_problem(checked.leaf)


def _signature(checked: Checked) -> t.Iterator[str]:
    yield signature_problem(checked.leaf)


def _purpose(checked: Checked) -> t.Iterator[str]:
    """RFC 5280, 4.2.1.3 and 4.2.1.12. OpenSSL's clients do not take any purpose for this one."""
    found = purposes(checked.leaf)
    if found is not None and _SERVER_AUTH not in found:
        yield (
            "is not for servers: its extended key usage lacks server authentication: have it "
            "issued again with serverAuth"
        )
    usage = key_usages(checked.leaf)
    if usage is None or usage.digital_signature:
        return
    if not (usage.key_encipherment and is_rsa(checked.leaf)):
        yield (
            "is not for servers: its key usage lacks digitalSignature: have it issued again with "
            "that"
        )


def _critical_extensions(checked: Checked) -> t.Iterator[str]:
    for identifier in unknown_critical_extensions(checked.leaf):
        yield (
            "has a critical extension that clients do not know (%s): have it issued again "
            "without it" % identifier
        )


#: Each says what is wrong, in words that follow the path of the certificate; '' for nothing.
CHECKS: tuple[t.Callable[[Checked], t.Iterator[str]], ...] = (
    _dates,
    _hostnames,
    _key,
    _signature,
    _purpose,
    _critical_extensions,
)
