# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS as a client of mail servers, which verifies nothing: a bad certificate is to be seen."""

from __future__ import annotations

import functools
import ssl
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.idna import ascii_form
from ansible_collections.mailops.bindings.plugins.module_utils._probe.errors import TlsFault

_ENCODING_DER = 2  # X509_FILETYPE_ASN1, for Python's own _ssl.Certificate
_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT, which Python names from 3.12 on


@functools.lru_cache(maxsize=None)
def client_context() -> ssl.SSLContext:
    """A client that accepts old versions, weak ciphers and short keys: they are to be seen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= _LEGACY_SERVER_CONNECT
    try:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    except ssl.SSLError:  # a library without security levels
        pass
    return context


class TlsSession:
    """One TLS session between two buffers: C(Conversation) carries the bytes to and fro.

    Through buffers, because what a server answers is looked at before the library sees it.
    Every method raises TlsFault where the session fails.
    """

    def __init__(self, hostname: str):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        wrap = functools.partial(client_context().wrap_bio, self._incoming, self._outgoing)
        try:
            self._session = wrap(server_hostname=ascii_form(hostname) or None)
        except ValueError:  # a name that SNI can't carry, such as one that begins with a dot
            self._session = wrap()

    def handshake(self) -> bool:
        """Go on with the handshake as far as C(feed) allows: is it finished?"""
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise _fault(error) from None
        return True

    def feed(self, data: bytes) -> None:
        """Take what the server has sent."""
        self._incoming.write(data)

    def outgoing(self) -> bytes:
        """What is to be sent to the server now."""
        return self._outgoing.read()

    def encrypted(self, data: bytes) -> bytes:
        """The data, ready to be sent."""
        try:
            self._session.write(data)
        except ssl.SSLError as error:
            raise _fault(error) from None
        return self.outgoing()

    def decrypted(self, count: int) -> t.Optional[bytes]:
        """At most C(count) bytes that the server sent; None: feed more; b'': it has ended TLS."""
        try:
            return self._session.read(count)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            raise _fault(error) from None

    @property
    def version(self) -> str:
        """TLSv1.3, for instance."""
        return self._session.version() or ""

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite."""
        return (self._session.cipher() or ("",))[0]

    @property
    def certificate(self) -> bytes:
        """The server's own certificate, DER; b'' if it sent none."""
        return self._session.getpeercert(binary_form=True) or b""

    @property
    def chain(self) -> list[bytes]:
        """All certificates that the server sent, its own first, DER; [] if Python can't tell.

        Python has it from 3.10 on, and under a public name from 3.13 on.
        """
        session: t.Any = self._session
        if hasattr(session, "get_unverified_chain"):
            return list(session.get_unverified_chain())
        get = getattr(getattr(session, "_sslobj", None), "get_unverified_chain", None)
        return [
            certificate.public_bytes(_ENCODING_DER) for certificate in (get() if get else ()) or ()
        ]


def _fault(error: ssl.SSLError) -> TlsFault:
    return TlsFault((error.reason or "").replace("_", " ").lower() or str(error))
