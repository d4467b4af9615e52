# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no server can do, whichever it is: looked at before anything is touched, each with its remedy.

What only one kind of server can't is in that server's own table.
"""

from __future__ import annotations

import os
import pwd
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import meet
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
    why_not_writable,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    MAX_FILE_BYTES,
    NotAFile,
    TooLarge,
    read_regular_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.wait import shown


def not_root() -> t.Iterator[str]:
    """Servers' files, their sockets below 1024 and private keys are root's, also to look at."""
    if os.geteuid() != 0:
        yield "mail_listeners changes servers, and needs root for that: use become"


def other_config(sides, config_path: str) -> t.Iterator[str]:
    """Two configs that both say how one server listens would undo each other for ever."""
    for side in sides:
        if side.configured.config_path and side.configured.config_path != config_path:
            yield (
                "%s listens as %s says, not %s: name that one in config_path, or give it back first (state: absent with that config_path)"
                % (side.server.title, side.configured.config_path, config_path)
            )


def not_running(sides, start: bool) -> t.Iterator[str]:
    """A server may be stopped for a reason."""
    for side in sides:
        if side.follows and not side.running and not start:
            yield (
                "%s is not running: start it first, or set start to true, or take %s off servers"
                % (side.server.title, side.server.name)
            )


def addresses_away(sides) -> t.Iterator[str]:
    """The server would die of it on reload."""
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import (
        cannot_listen,
    )

    floating = {
        listener.address: listener.floating
        for side in sides
        if side.follows
        for listener in side.wanted or ()
    }
    for address in sorted(floating):
        reason = cannot_listen(address, floating[address])
        if reason:
            yield reason


def others_addresses_away(sides) -> t.Iterator[str]:
    """What somebody else wrote in a server's files and has not tried yet: the server would die of it, and with the old files again."""
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import (
        cannot_listen,
    )

    for side in sides:
        declared = {(listener.address, listener.port) for listener in side.wanted or ()}
        for address, port in sorted(_to_bind(side) - declared):
            if cannot_listen(address, floating=False):
                yield (
                    "%s does not listen on %s yet, though its files say so, and would die of it: %s is not an address of this host. "
                    "Take it out of them, or add the address"
                ) % (side.server.title, shown((address, port)), address)


def _to_bind(side) -> frozenset:
    """The sockets that the server does not have and is going to bind."""
    return side.goal - side.live if side.activation != "none" else frozenset()


def ports_of_others(sides, sockets: t.Sequence[Socket]) -> t.Iterator[str]:
    """The server would die of it on reload, or at its next start."""
    for side in sides:
        for address, port in sorted(_to_bind(side)):
            for other in sockets:
                if (
                    other.port == port
                    and not side.server.holds(other)
                    and meet(address, other.address)
                ):
                    yield (
                        "%s can't listen on %s: %s holds %s. Stop that, or declare another port"
                        % (
                            side.server.title,
                            shown((address, port)),
                            _holder(other),
                            shown((other.address, other.port)),
                        )
                    )


def _holder(socket: Socket) -> str:
    if not socket.pids:
        return "another program"
    return "process %d (%s)" % (socket.pids[0], socket.program)


def not_writable(sides) -> t.Iterator[str]:
    """A file on a read-only file system, or mounted by itself: the write would find it out, and check mode would not."""
    for side in sides:
        for resource in side.final:
            reason = (
                why_not_writable(os.path.realpath(resource)) if resource.startswith("/") else ""
            )
            if reason:
                yield "%s: %s" % (side.server.title, reason)


def certificates(sides, now) -> t.Iterator[str]:
    """A certificate that can't be served takes the listener down, or leaves STARTTLS that fails."""
    checked: dict = {}
    for side in sides:
        for listener in side.must_be_servable:
            source = (
                listener.certificate_path,
                listener.private_key_path,
                side.server.reads_keys_as,
            )
            if source not in checked:
                checked[source] = unservable(
                    listener, side.server.reads_keys_as, side.server.title, now
                )
            if checked[source]:
                yield "%s%s: %s" % (
                    listener.name,
                    " (%s)" % listener.port_name if listener.port_name else "",
                    checked[source],
                )


def unservable(listener: Listener, user: str, title: str, now) -> str:
    """Why a server can't serve this listener's certificate; '' if it can. What clients will think of it is not asked."""
    for path in dict.fromkeys((listener.certificate_path, listener.key_path)):
        try:
            content = read_regular_file(path, MAX_FILE_BYTES)[0]
        except (OSError, NotAFile, TooLarge) as error:
            return "%s can't be read: %s" % (
                path,
                getattr(error, "strerror", None) or "it is " + str(error),
            )
        if b"-----BEGIN " not in content:
            return "%s is not PEM, which is all that %s reads. Convert it: %s" % (
                path,
                title,
                _conversion(path, is_key=path != listener.certificate_path),
            )
        if (
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in content
            or b"\nProc-Type: 4,ENCRYPTED" in content
        ):
            return (
                "the private key in %s is encrypted, and nobody is there to type its password when %s starts: openssl pkey -in %s -out %s.plain"
                % (path, title, path, path)
            )
        if not _may_read(path, user):
            return (
                "%s can't be read by the user %s, as which %s reads it: check its mode and those of the folders above it"
                % (path, user, title)
            )
    from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
        Certificate,
        Source,
    )

    certificate = Certificate(Source(listener.certificate_path, listener.private_key_path), now)
    if certificate.key_matches is True:
        return ""
    return next(
        (finding.message for finding in certificate.findings()), "its private key can't be used"
    )


def _conversion(path: str, is_key: bool) -> str:
    stem, extension = os.path.splitext(path)
    pkcs12 = "openssl pkcs12 -in %s -nodes -out %s.pem" % (path, stem)
    if extension.lower() in (".p12", ".pfx"):
        return pkcs12
    return "openssl %s -inform DER -in %s -out %s.pem (if it is PKCS#12: %s)" % (
        "pkey" if is_key else "x509",
        path,
        stem,
        pkcs12,
    )


def _may_read(path: str, user: str) -> bool:
    """May this user open the file? Asked by doing so as the user: modes of the folders above it, groups and ACLs all count."""
    if user == "root":
        return True
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return True  # the server will say so itself
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.initgroups(user, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            os.close(os.open(path, os.O_RDONLY))
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
