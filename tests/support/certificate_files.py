# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated certificate and key files: whole, joined wrongly, cut, damaged, in other forms.

They are made of their seed, so that a failure can be repeated.
"""

from __future__ import annotations

import contextlib
import random

from cryptography.hazmat.primitives import serialization

from . import pki

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
