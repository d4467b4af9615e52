# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated certificate and key files, held against this host's OpenSSL.

Whatever is accepted, OpenSSL loads, and a server then serves the certificates that were judged.
Whatever OpenSSL refuses is refused. Files are made of their seed, so that a failure can be repeated.
"""

from __future__ import annotations

import contextlib
import random
import ssl
import sys

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.parse import (
    chains_in,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from support import pki
from support.judging import NOW, written

FILES = 600
KINDS = ("ecdsa", "rsa-2048", "ed25519", "p384", "p192", "secp256k1", "rsa-1024")
BLANKS = (b"", b" ", b"  ", b"\t", b"# ", b"> ", b"\x0c", b"\xc2\xa0")
LINE_ENDS = (b"\n", b"\r\n", b"\r", b" \n", b"\t\r\n", b"\n\n", b"\0\n", b"\x0b\n")
NOTES = (
    b"",
    b"\n",
    b"Bag Attributes\n    friendlyName: mail\nsubject=CN = mail\n",
    b"0 s:CN = mail\n",
    b"-----\n",
    b"-----END CERTIFICATE-----\n",
    b"-----BEGIN\n",
    b"----- BEGIN CERTIFICATE -----\n",
    b"-----BEGIN DH PARAMETERS-----\nMAYCAQsCAQI=\n-----END DH PARAMETERS-----\n",
    b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
    b"\xef\xbb\xbf",
    b"\xe4\xf6\xfc\n",
)


class Maker:
    """Makes one pair of files from its seed."""

    def __init__(self, authority, seed):
        self.authority, self.random = authority, random.Random(seed)

    def pair(self):
        """(the certificate's file, the key's; None: the key is in the certificate's)."""
        kind = self.random.choices(KINDS, (8, 8, 3, 2, 1, 1, 1))[0]
        key, other = pki.key(kind), pki.key("ecdsa", "other")
        own = pki.certificate_bytes(self.authority.issue(key))
        above = pki.certificate_bytes(self.authority.intermediate)
        root = pki.certificate_bytes(self.authority.root)
        chain = self.random.choices(
            (
                [own],
                [own, above],
                [own, above, root],
                [own, root, above],
                [own, own, above],
                [above, own],
                [own, above, pki.certificate_bytes(self.authority.issue(other))],
                [self.commented(above), own, above],
                [own, self.commented(above)],
                [],
            ),
            (4, 8, 4, 1, 1, 1, 1, 1, 1, 1),
        )[0]
        key = self.key_bytes(key if self.random.random() < 0.95 else other)
        if self.random.random() < 0.5:
            return self.joined(chain), self.joined([key])
        place = self.random.randrange(len(chain) + 1)
        return self.joined([*chain[:place], key, *chain[place:]]), None

    def key_bytes(self, key):
        """The key in one of its forms."""
        with contextlib.suppress(ValueError):
            if self.random.random() < 0.4:
                return pki.key_bytes(key, pkcs1=True)
            if self.random.random() < 0.04:
                return pki.key_bytes(key, pki.PASSWORD)
            if self.random.random() < 0.04:
                return key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.OpenSSH,
                    serialization.NoEncryption(),
                )
        return pki.key_bytes(key)

    def commented(self, content):
        sign = self.random.choice(BLANKS[1:])
        return b"".join(sign + line for line in content.splitlines(True))

    def joined(self, blocks):
        """The blocks as a file, with at most one kind of damage and one of harmless change."""
        blocks = [self.random.choice(NOTES[:4]) + block for block in blocks]
        if blocks and self.random.random() < 0.3:
            place = self.random.randrange(len(blocks))
            blocks[place] = self.random.choice(NOTES) + blocks[place]
        damage = self.random.choices(
            (None, self.glue, self.cut, self.flip, self.drop_line, self.indent), (9, 1, 1, 1, 1, 1)
        )[0]
        if damage and blocks:
            damage(blocks)
        content = b"".join(blocks)
        if self.random.random() < 0.4:
            content = content.replace(b"\n", self.random.choice(LINE_ENDS))
        if self.random.random() < 0.1:
            content = content.rstrip()
        if self.random.random() < 0.05:
            content = b"\xef\xbb\xbf" + content
        if self.random.random() < 0.03:
            content = content.decode("latin-1").encode(self.random.choice(("utf-16", "utf-16-be")))
        return content

    def _place(self, blocks):
        return self.random.randrange(len(blocks))

    def glue(self, blocks):
        place = self._place(blocks)
        blocks[place] = blocks[place].rstrip()

    def cut(self, blocks):
        place = self._place(blocks)
        blocks[place] = blocks[place][: self.random.randrange(len(blocks[place]))]
        if self.random.random() < 0.5:
            del blocks[place + 1 :]

    def flip(self, blocks):
        place = self._place(blocks)
        content = bytearray(blocks[place])
        content[self.random.randrange(len(content))] = self.random.choice(b"AZ09+/=-! \x00\xff")
        blocks[place] = bytes(content)

    def drop_line(self, blocks):
        place = self._place(blocks)
        lines = blocks[place].splitlines(True)
        del lines[self.random.randrange(len(lines))]
        blocks[place] = b"".join(lines)

    def indent(self, blocks):
        place = self._place(blocks)
        sign = self.random.choice(BLANKS)
        lines = blocks[place].splitlines(True)
        first = 0 if self.random.random() < 0.5 else 1
        lines[first:] = [sign + line for line in lines[first:]]
        blocks[place] = b"".join(lines)


def served(path, key_path):
    """The certificates that a server with these files sends, as this Python shows them, DER.

    Raises ssl.SSLError where OpenSSL does not load them.
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(path, key_path, lambda: "")
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for session in (client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            session.do_handshake()
    if sys.version_info >= (3, 13):
        return client.get_unverified_chain()
    if sys.version_info >= (3, 10):
        return [
            certificate.public_bytes(2) for certificate in client._sslobj.get_unverified_chain()
        ]
    return [client.getpeercert(binary_form=True)]


def verdict(authority, folder, seed):
    """Judge the files of this seed: (accepted, loaded by OpenSSL, served as judged)."""
    content, key_content = Maker(authority, seed).pair()
    path = written(folder, content, name="certificate.pem")
    key_path = path if key_content is None else written(folder, key_content, name="key.pem")
    accepted = not Certificate(Source(path, "" if key_path == path else key_path), NOW).findings()
    try:
        chain = served(path, key_path)
    except (ssl.SSLError, ValueError):
        return accepted, False, None
    judged = chains_in(path)[0] if accepted else chain
    return accepted, True, judged[: len(chain)] == chain and len(chain) in (1, len(judged))


@pytest.mark.parametrize(
    "seeds", [range(60), pytest.param(range(60, FILES), marks=pytest.mark.once)]
)
def test_no_file_is_accepted_that_openssl_refuses_or_serves_differently(authority, tmp_path, seeds):
    verdicts = {seed: verdict(authority, tmp_path, seed) for seed in seeds}
    wrong = [
        seed
        for seed, (accepted, loaded, as_judged) in verdicts.items()
        if accepted and not (loaded and as_judged)
    ]
    assert wrong == []
    accepted, loaded, dummy = zip(*verdicts.values())
    assert sum(accepted) > 0.2 * len(verdicts)  # the generator makes enough of both
    assert loaded.count(False) > 0.2 * len(verdicts)
