# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a server sends behind its own: do they lead upwards, one by one?

RFC 5246, 7.4.2, and RFC 8446, 4.4.2. Whether the last is one that clients trust is not told here.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.fields import (
    authority,
    issued,
    names_its_issuer_s_address,
    shown_issuer,
    shown_subject,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    der_of,
    validity,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.strength import (
    key_problem,
    signature_problem,
)

if t.TYPE_CHECKING:
    from cryptography import x509

Certificates = t.Sequence["x509.Certificate"]


def problems(chain: Certificates, now: datetime.datetime) -> t.Iterator[str]:
    """What is wrong with a chain, the server's own first, in words that follow the file's name."""
    own = chain[0]
    if len(chain) == 1 and names_its_issuer_s_address(own) and not issued(own, own):
        yield (
            "has no intermediate certificate, without which clients do not trust it: append that "
            "of its issuer, %s (or name the file with the full chain)" % shown_issuer(own)
        )
    for index, certificate in enumerate(chain[1:], 1):
        found = _misplaced(chain, index) or _unfit(chain, index, now)
        if found:
            yield "sends certificate %d (%s), which %s" % (
                index + 1,
                shown_subject(certificate),
                found,
            )


def _misplaced(chain: Certificates, index: int) -> str:
    """Why this one does not belong in its place; '' if it does."""
    certificate, earlier = chain[index], chain[:index]
    if any(der_of(certificate) == der_of(other) for other in earlier):
        return "is there already: remove it, since not all clients skip it"
    if any(issued(certificate, other) for other in earlier):
        return ""
    if any(issued(certificate, other) for other in chain[index + 1 :]):
        return (
            "comes before a certificate that it has issued: put the server's own certificate "
            "first, and behind each the one of its issuer"
        )
    previous = chain[index - 1]
    if certificate.subject == previous.issuer:
        return (
            "has the name of the issuer of the one before it, but did not sign it: put the "
            "issuer's present certificate in its place"
        )
    return (
        "has issued none of those before it: put the certificate of %s in its place, or remove it"
        % shown_issuer(previous)
    )


def _unfit(chain: Certificates, index: int, now: datetime.datetime) -> str:
    """Why clients do not take this one as an authority; '' if they do."""
    certificate = chain[index]
    not_before, not_after = validity(certificate)
    renew = "get the present chain from its authority"
    if now > not_after:
        return "expired on %s: %s" % (not_after.strftime("%Y-%m-%d"), renew)
    if now < not_before:
        return "is not valid before %s: %s" % (not_before.strftime("%Y-%m-%d"), renew)
    may_issue, below = authority(certificate)
    if not may_issue:
        return "is not one of an authority, and so must issue none: " + renew
    between = sum(other.subject != other.issuer for other in chain[1:index])
    if below is not None and between > below:
        return "allows %d authorities below it, and %d are here: %s" % (below, between, renew)
    weak = key_problem(certificate)
    if not weak and not issued(certificate, certificate):
        weak = signature_problem(certificate)
    return weak.partition(":")[0] + ": " + renew if weak else ""
