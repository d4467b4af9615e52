# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the chain that a server sends with those that its certificate file has."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.der import names

Chain = t.Sequence[bytes]  # certificates in DER, the server's own first


def difference(served: Chain, in_file: t.Sequence[Chain]) -> t.Optional[str]:
    """How the served chain differs from all that the file has; '' if it is one of them.

    None: its first certificate is not the first of any chain of the file.
    """
    chains = [chain for chain in in_file if chain[0] == served[0]]
    if not chains:
        return None
    shown = chains[0]
    if len(in_file) > 1 and in_file[0] is shown:  # it may have been read as one chain
        chains.append([certificate for chain in in_file for certificate in chain])
    if any(_same(served, chain) for chain in chains):
        return ""
    if len(served) == len(shown):
        return "the certificates behind the server's own are others, or in another order"
    return "the file has %s, the server sends %d" % (_counted(len(shown)), len(served))


def _counted(count: int) -> str:
    return "%d certificate%s" % (count, "" if count == 1 else "s")


def _same(served: Chain, chain: Chain) -> bool:
    """Is this what a server sends that has read this chain?

    OpenSSL sends what the file has, and where that is one certificate, those above it that it finds
    among the authorities which the server was told of (SSL_CTX_set_mode(3),
    SSL_MODE_NO_AUTO_CHAIN); slapd does so too. GnuTLS sorts a chain and leaves out what does not
    belong to it. A root may be left out.
    """
    if len(chain) == 1 or list(served) == list(chain):
        return True
    try:
        sent = _without_root(served)
        return sent in (_without_root(chain), _without_root(_path(chain)))
    except ValueError:  # names that can't be read
        return False


def _path(chain: Chain) -> Chain:
    """The way up from the first certificate, by the names of subjects and issuers."""
    path, left = [chain[0]], list(chain[1:])
    while True:
        subject, issuer = names(path[-1])
        above = next((der for der in left if subject != issuer == names(der)[0]), None)
        if above is None:
            return path
        path.append(above)
        left.remove(above)


def _without_root(chain: Chain) -> Chain:
    """The chain without a certificate at its end that has issued itself."""
    subject, issuer = names(chain[-1])
    return list(chain[:-1] if subject == issuer and len(chain) > 1 else chain)
