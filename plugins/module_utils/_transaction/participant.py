# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server within a transaction: what it is to do, how it was, and what changes. Pure."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    is_loopback,
    is_wildcard,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._probe.result import (
    SERVED,
    at_risk,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
    SocketKey,
    State,
)

#: Statuses where nothing answers, although something could.
ABSENT = ("refused", "timeout")
#: Statuses of a listener that may be broken in its server's memory alone: a reload may mend it.
MENDABLE = (*ABSENT, "no_starttls", "tls_failed", "wrong_protocol", "no_auth")

#: A probe result, as results have a listener.
Result = dict[str, t.Any]


class TransactionOptions(t.NamedTuple):
    """The options of mail_listeners, beside what is declared."""

    config_path: str
    now: datetime.datetime
    present: bool = True
    servers: t.Optional[t.Sequence[str]] = None
    check_mode: bool = False
    probe: bool = True
    activate: bool = True
    start: bool = False
    keep_loopback: bool = True
    require_local_address: bool = True
    drain: float = 0  # seconds
    timeout: float = 30  # seconds
    min_days: int = 0


class Participant:
    """A server, what it is to do (C(desired), C(plan)), and how it was."""

    def __init__(
        self,
        server: Server,
        configured: Configured,
        desired: t.Optional[t.Sequence[Listener]],
        options: TransactionOptions,
    ):
        self.server, self.configured, self.desired = server, configured, desired
        self.options = Options(options.config_path, options.keep_loopback)
        self.plan = Plan()
        self.running = server.running()
        #: Is it to follow its files? A stopped server with nothing declared may be so for a reason.
        self.follows = options.activate and (self.running or bool(desired))
        #: The sockets that it listens on now.
        self.live: frozenset[SocketKey] = frozenset()
        #: What answers today, and what would afterwards.
        self.before: dict[SocketKey, Listener] = {}
        self.after: dict[SocketKey, Listener] = {}
        #: The probe results from before.
        self.results: dict[SocketKey, Result] = {}
        #: Those that serve another certificate than the file has.
        self.stale: set[SocketKey] = set()
        #: Declared ones that do not answer as declared, although the files are right.
        self.broken: set[SocketKey] = set()
        #: Why a listener would not answer after a restart, for each of which that is known.
        self.risks: t.Mapping[SocketKey, str] = {}
        self.restarted = False  # to mend what a reload did not
        self.refused = ""  # why it did not take the reload that was to mend a listener
        self.sessions_cut = 0

    # -- learning what is and what would be

    def set_plan(self, plan: Plan) -> None:
        """Take over what the server would do, and what it would then listen on."""
        if plan.steps and not (self.follows and self.running):
            # no listener has to be kept alive on the way: one step will do
            plan = plan._replace(steps=(_merged(plan.steps),), back=plan.back[-1:])
        self.plan = plan
        keeps_all = not plan.steps and not plan.listeners
        self.after = _by_key(self.configured.listeners if keeps_all else plan.listeners)
        for listener in self.desired or ():
            planned = self.after.get(key_of(listener), listener)
            # encryption none asks for no TLS: a server that offers STARTTLS anyway is unchanged
            offers_tls_anyway = (
                listener.encryption == "none" and planned.protocol == listener.protocol
            )
            self.after[key_of(listener)] = planned if offers_tls_anyway else listener

    def set_live(self, live: frozenset[SocketKey]) -> None:
        """Take over what it listens on now."""
        configured = _by_key(self.configured.listeners)
        if not self.follows:
            self.live, self.before = self.configured.sockets, configured
            return
        self.live = live
        self.before = {key: listener for key, listener in configured.items() if key in live}
        for key in live - self.configured.sockets:
            self.before[key] = self.after.get(key) or Listener(*key, "", "")

    def to_probe(self) -> list[Listener]:
        """The listeners of today, as they are declared if that is also how they are.

        A declared listener has the host name to ask for.
        """
        if not self.follows:
            return []
        return [
            self.after[key] if facts_of(self.after.get(key)) == facts_of(listener) else listener
            for key, listener in self.before.items()
            if listener.protocol
        ]

    def parts_to_probe(self, is_here: t.Callable[[str], bool]) -> list[Listener]:
        """Wildcards of today on one of the local addresses that will replace them.

        A wildcard is probed on loopback, which may be greeted faster (postscreen, reverse DNS).
        """
        replacing = {
            wildcard_of(address): address
            for address, dummy in sorted(self.after.keys() - self.before.keys())
            if not is_wildcard(address) and not is_loopback(address) and is_here(address)
        }
        parts = [
            listener._replace(address=replacing[listener.address])
            for listener in self.to_probe()
            if listener.address in replacing
        ]
        return [part for part in parts if key_of(part) not in self.before]

    def add_result(self, result: Result) -> None:
        """Take over the probe result of a listener of today; of a part of a wildcard nothing."""
        key = key_of_result(result)
        if key not in self.before:
            return
        self.results[key] = result
        self.broken.discard(key)  # it may only have been slow
        unchanged = facts_of(self.after.get(key)) == facts_of(self.before[key])
        if not unchanged or key in self.risks:  # a reload would not help
            return
        if result["status"] == "wrong_certificate":
            self.stale.add(key)
        elif result["status"] in MENDABLE and key in self.declared:
            self.broken.add(key)

    def spare(self) -> None:
        """Leave a broken or stale listener alone, if a reload would end another that answers."""
        if any(self.status_before(key) in SERVED for key in self.risks if key in self.results):
            self.stale.clear()
            self.broken.clear()

    # -- what follows from that

    @property
    def declared(self) -> set[SocketKey]:
        """The sockets of the declared listeners."""
        return {key_of(listener) for listener in self.desired or ()}

    @property
    def desired_sockets(self) -> frozenset[SocketKey]:
        """The sockets that it should have afterwards."""
        return self.plan.sockets if self.plan.steps else self.configured.sockets

    @property
    def closing_sockets(self) -> frozenset[SocketKey]:
        """The sockets that it gives up."""
        return self.live - self.plan.sockets if self.plan.steps else frozenset()

    @property
    def interrupted_sockets(self) -> frozenset[SocketKey]:
        """The sockets whose sessions end: those that close, or with some activations all."""
        if self.plan.ends_sessions and self.activation in ("reload", "restart"):
            return self.live
        return self.closing_sockets

    @property
    def unbound_sockets(self) -> frozenset[SocketKey]:
        """Sockets of today's files that it never got.

        No change of ours is the cause, and none has to wait for them.
        """
        if self.plan.steps and self.running:
            return self.configured.sockets - self.live
        return frozenset()

    @property
    def final_state(self) -> State:
        """What is written in the end."""
        return _merged(self.plan.steps)

    @property
    def original_state(self) -> State:
        """What the resources of C(final_state) are now."""
        return self.plan.back[-1] if self.plan.back else {}

    @property
    def activation(self) -> str:
        """What has to be done to the server, beside writing: none, reload, restart or start."""
        if not self.follows:
            return "none"
        if not self.running:
            return "start"
        if self.restarted:
            return "restart"
        # a file was edited, or a certificate was renewed, and the server was not reloaded
        unlike_its_files = self.stale or self.broken or self.before.keys() != self.after.keys()
        if self.plan.steps and (self.plan.activation != "none" or not unlike_its_files):
            return self.plan.activation
        return "reload" if unlike_its_files else "none"

    @property
    def idle(self) -> bool:
        """Is there nothing to do?"""
        return not self.plan.steps and self.activation == "none"

    @property
    def must_be_servable(self) -> list[Listener]:
        """Listeners whose certificate the server is going to read again.

        Without those that are broken already, and those that others wrote and that come back.
        """
        if self.idle:
            return []
        return [
            listener
            for key, listener in in_order(self.after)
            if listener.encryption != "none"
            and listener.certificate_path
            and (self.status_before(key) in SERVED if self.unchanged(key) else key in self.declared)
        ]

    def unchanged(self, key: SocketKey) -> bool:
        """Do clients of this socket find the same as before?

        An undeclared part of a wildcard is compared with the wildcard.
        """
        return key not in self.stale and facts_of(self._counterpart(key)) == facts_of(
            self.after[key]
        )

    def status_before(self, key: SocketKey) -> str:
        """The status of before: ok if it was not probed, '' if there was no listener."""
        before = self._counterpart(key)
        return self.results.get(key_of(before), {}).get("status", "ok") if before else ""

    def _counterpart(self, key: SocketKey) -> t.Optional[Listener]:
        """The listener that answered on this socket before."""
        address, port = key
        if key not in self.before and key not in self.declared:
            key = wildcard_of(address), port
        return self.before.get(key)

    # -- as results have it

    def changes(self) -> list[dict[str, t.Any]]:
        """Changes of the server's files, then of its listeners."""
        return [*self._file_changes(), *self._listener_changes()]

    def _file_changes(self) -> t.Iterator[dict[str, t.Any]]:
        for resource, content in sorted(self.final_state.items()):
            lines_before, lines_after = self.plan.shown.get(resource, ("", ""))
            original = self.original_state[resource]
            before = {} if original is None else {"lines": lines_before.splitlines()}
            after = {} if content is None else {"lines": lines_after.splitlines()}
            yield self._change("file", resource, before, after)

    def _listener_changes(self) -> t.Iterator[dict[str, t.Any]]:
        required = self._tls_becomes_required()
        answering = {**self._lost_loopback(), **self.before}
        for key, listener in in_order({**self.after, **answering}):
            before: dict[str, t.Any] = {**facts_of(answering.get(key))}
            after: dict[str, t.Any] = {**facts_of(self.after.get(key))}
            if key in self.stale:
                served = self.results[key]["certificate"]
                before["fingerprint_sha256"] = served.get("fingerprint_sha256", "")
                after["fingerprint_sha256"] = "as in " + self.after[key].certificate_path
            if key in required:
                for facts, is_required in ((before, False), (after, True)):
                    facts.update({"tls_required": is_required} if facts else {})
            if key in self.broken:
                before, after = {"status": self.results[key]["status"]}, {"status": "ok"}
            if before != after:
                yield self._change("listener", listener.name, before, after)

    def _lost_loopback(self) -> dict[SocketKey, Listener]:
        """What the wildcard :: answers on ::1, where only 127.0.0.1 is kept.

        See C(_config.addresses.loopback_beside).
        """
        return {
            ("::1", port): listener._replace(address="::1")
            for (address, port), listener in self.before.items()
            if address == "::"
            and not self.after.keys() & {(address, port), ("::1", port)}
            and ("127.0.0.1", port) in self.after
        }

    def _tls_becomes_required(self) -> set[SocketKey]:
        """The sockets of today where TLS is only offered, and those where it is required instead.

        What is left of a wildcard counts as well.
        """
        was, stays = (
            {key_of(found.listener) for found in listeners if found.tls_optional}
            for listeners in (self.configured.listeners, self.plan.listeners)
        )
        if not self.plan.steps:
            return set()
        instead = {
            (address, port)
            for (address, port), listener in self.after.items()
            if {(address, port), (wildcard_of(address), port)} & was
            and listener.encryption != "none"
        }
        return (instead | (was - self.after.keys())) - stays

    def _change(
        self, kind: str, name: str, before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]
    ) -> dict[str, t.Any]:
        return {
            "action": "add" if not before else "remove" if not after else "change",
            "kind": kind,
            "name": name,
            "server": self.server.name,
            "before": before,
            "after": after,
        }

    def results_after(self) -> list[Result]:
        """The listeners as they would be afterwards: their probe results, if nothing changes."""
        return [
            at_risk(self.results[key], self.risks.get(key, ""))
            if key in self.results
            and key not in self.stale
            and key not in self.broken
            and facts_of(self.before.get(key)) == facts_of(listener)
            else _not_probed(listener, "ok", "as it would be: not probed")
            for key, listener in self.after.items()
        ]

    def results_before(
        self, missing: t.Callable[[Listener], tuple[str, str]]
    ) -> t.Iterator[Result]:
        """The listeners as they were before: the declared, and those that answer today.

        C(missing): status and detail of one that does not listen.
        """
        for key, listener in {**self.before, **self.after}.items():
            if key in self.before:
                result = self.results.get(key) or _not_probed(listener, "ok", "not probed")
                result = at_risk(result, self.risks.get(key, ""))
                unexpected = {"status": "unexpected", "detail": "not declared"}
                yield result if key in self.after else {**result, **unexpected}
            elif key in self.declared:  # else what would be left of a wildcard
                yield _not_probed(listener, *missing(listener))


def key_of(listener: Listener) -> SocketKey:
    """The socket of a listener."""
    return listener.address, listener.port


def key_of_result(result: Result) -> SocketKey:
    """The socket of a listener that a result is about."""
    return result["address"], result["port"]


def socket_order(key: SocketKey) -> tuple[t.Any, ...]:
    """Sort key: by address, then by port."""
    return address_order(key[0]), key[1]


def in_order(listeners: t.Mapping[SocketKey, Listener]) -> list[tuple[SocketKey, Listener]]:
    """(key, listener) in address order, then by port."""
    return sorted(listeners.items(), key=lambda item: socket_order(item[0]))


def facts_of(listener: t.Optional[Listener]) -> dict[str, str]:
    """What clients can tell of a listener: if this stays the same, nothing has changed for them."""
    if listener is None:
        return {}
    with_tls = listener.encryption != "none"
    return {
        "protocol": listener.protocol,
        "encryption": listener.encryption,
        "certificate_path": listener.certificate_path if with_tls else "",
        "private_key_path": listener.key_path if with_tls else "",
    }


def _by_key(configured: t.Iterable[t.Any]) -> dict[SocketKey, Listener]:
    return {key_of(found.listener): found.listener for found in configured}


def _merged(states: t.Iterable[State]) -> State:
    return {resource: content for state in states for resource, content in state.items()}


def _not_probed(listener: Listener, status: str, detail: str) -> Result:
    return {
        "address": listener.address,
        "port": listener.port,
        "name": listener.name,
        "protocol": listener.protocol,
        "encryption": listener.encryption,
        "status": status,
        "detail": detail,
        "greeting": "",
        "tls_version": "",
        "cipher": "",
        "certificate": {},
    }
