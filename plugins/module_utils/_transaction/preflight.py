# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no server can do, whichever it is: checked before anything changes.

Each check yields refusals, whole messages with their remedies. What only one kind of server can't
do is in that server's own limits.
"""

from __future__ import annotations

import datetime
import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    endpoint,
    meet,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import SocketKey
from ansible_collections.mailops.bindings.plugins.module_utils._transaction.participant import (
    Participant,
)


def not_root() -> t.Iterator[str]:
    """Servers' files, sockets below 1024 and private keys are root's, also to read."""
    if os.geteuid() != 0:
        yield "mail_listeners changes servers, and needs root for that: use become"


def other_config(participants: t.Iterable[Participant], config_path: str) -> t.Iterator[str]:
    """Two configs for one server would undo each other's changes for ever."""
    for participant in participants:
        other = participant.configured.config_path
        if other and other != config_path:
            yield (
                "%s listens as %s says, not %s: name that one in config_path, "
                "or give it back first (state: absent with that config_path)"
                % (participant.server.title, other, config_path)
            )


def not_running(participants: t.Iterable[Participant], start: bool) -> t.Iterator[str]:
    """A server may be stopped for a reason."""
    for participant in participants:
        if participant.follows and not participant.running and not start:
            yield (
                "%s is not running%s: start it first, or set start to true, or take %s off servers"
                % (
                    participant.server.title,
                    _unbindable(participant),
                    participant.server.name,
                )
            )


def _unbindable(participant: Participant) -> str:
    """What in its files keeps it from starting: addresses that this host does not have now."""
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import (
        cannot_listen,
    )

    found = [
        endpoint(address, port)
        for address, port in sorted(participant.configured.sockets)
        if cannot_listen(address, floating=False)
    ]
    if not found:
        return ""
    reason = ", and can't start: its files have %s, which can't be bound on this host now%s"
    ipv6_is_off = any(place.startswith("[::1]") for place in found)
    hint = " (IPv6 is switched off; a run with start: true writes them anew without ::1)"
    return reason % (", ".join(found), hint if ipv6_is_off else "")


def addresses_away(participants: t.Iterable[Participant]) -> t.Iterator[str]:
    """Declared addresses that can't be bound: the server would die on its reload."""
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import (
        cannot_listen,
    )

    floating = {
        listener.address: listener.floating
        for participant in participants
        if participant.follows
        for listener in participant.desired or ()
    }
    for address in sorted(floating):
        reason = cannot_listen(address, floating[address])
        if reason:
            yield reason


def others_addresses_away(participants: t.Iterable[Participant]) -> t.Iterator[str]:
    """Addresses that others wrote into a server's files since its last reload.

    The server would die of them, and again with the old files after a rollback.
    """
    from ansible_collections.mailops.bindings.plugins.module_utils._host.addresses import (
        cannot_listen,
    )

    for participant in participants:
        declared = {(listener.address, listener.port) for listener in participant.desired or ()}
        for address, port in sorted(_to_bind(participant) - declared):
            if cannot_listen(address, floating=False):
                yield (
                    "%s does not listen on %s yet, though its files say so, and would die of it: "
                    "%s is not an address of this host. Take it out of them, or add the address"
                    % (participant.server.title, endpoint(address, port), address)
                )


def _to_bind(participant: Participant) -> frozenset[SocketKey]:
    """The sockets that the server does not have and is going to bind."""
    if participant.activation == "none":
        return frozenset()
    return participant.desired_sockets - participant.live


def ports_of_others(
    participants: t.Iterable[Participant], sockets: t.Sequence[Socket]
) -> t.Iterator[str]:
    """Ports of other programs: the server would die on its reload, or at its next start."""
    for participant in participants:
        for address, port in sorted(_to_bind(participant)):
            for other in sockets:
                if _conflict(participant, (address, port), other):
                    yield (
                        "%s can't listen on %s: %s holds %s. Stop that, or declare another port"
                        % (
                            participant.server.title,
                            endpoint(address, port),
                            _holder(other),
                            endpoint(other.address, other.port),
                        )
                    )


def _conflict(participant: Participant, key: SocketKey, other: Socket) -> bool:
    address, port = key
    return (
        other.port == port and meet(address, other.address) and not participant.server.holds(other)
    )


def _holder(socket: Socket) -> str:
    if not socket.pids:
        return "another program"
    return "process %d (%s)" % (socket.pids[0], socket.program)


def not_writable(participants: t.Iterable[Participant]) -> t.Iterator[str]:
    """Files on a read-only file system, or mounted by themselves: check mode has to see it too."""
    for participant in participants:
        for resource in participant.final_state:
            if not resource.startswith("/"):
                continue
            from ansible_collections.mailops.bindings.plugins.module_utils._host import atomic_file

            reason = atomic_file.why_not_writable(os.path.realpath(resource))
            if reason:
                yield "%s: %s" % (participant.server.title, reason)


def certificates(participants: t.Iterable[Participant], now: datetime.datetime) -> t.Iterator[str]:
    """Certificates that can't be served: the listener would go, or keep a STARTTLS that fails."""
    for participant in participants:
        if participant.must_be_servable:
            yield from _not_servable(participant, now)


def _not_servable(participant: Participant, now: datetime.datetime) -> t.Iterator[str]:
    from ansible_collections.mailops.bindings.plugins.module_utils._host.view import view_of
    from ansible_collections.mailops.bindings.plugins.module_utils._transaction import (
        certificate_files,
    )

    server = participant.server
    view = view_of(server.reads_keys_as, server.main_process(), server.unit())
    checked: dict[tuple[str, str], str] = {}
    for listener in participant.must_be_servable:
        source = listener.certificate_path, listener.private_key_path
        if source not in checked:
            checked[source] = certificate_files.why_not_servable(
                listener, view, server.title, server.tls_library, now
            )
        if checked[source]:
            port_name = " (%s)" % listener.port_name if listener.port_name else ""
            yield "%s%s: %s" % (listener.name, port_name, checked[source])
