# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server in a transaction: what it is to do, how it was, and what that changes. Nothing here touches the host."""

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
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Server
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
    Plan,
)

SERVED = (
    "ok",
    "expiring",
    "expired",
    "wrong_certificate",
)  # it answers as it should, with some certificate
RIGHTLY_SERVED = SERVED[:3]  # and with the one that the file has
ABSENT = ("refused", "timeout")  # nobody answers at all, where somebody could


class How(t.NamedTuple):
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
    drain: float = 0
    timeout: float = 30
    min_days: int = 0


class Participant:
    """A server, what it is to do (C(wanted), C(plan)), and how it was. Keys are (address, port)."""

    def __init__(
        self,
        server: Server,
        configured: Configured,
        wanted: t.Optional[t.Sequence[Listener]],
        how: How,
    ):
        self.server, self.configured, self.wanted = server, configured, wanted
        self.options = Options(config_path=how.config_path, keep_loopback=how.keep_loopback)
        self.plan = Plan()
        self.running = server.running()
        #: Is it to follow its files? One that is stopped, and that nothing is asked of, may be so for a reason.
        self.follows = how.activate and (self.running or bool(wanted))
        self.live: frozenset = frozenset()  # what it listens on now
        self.before: dict = {}  # key -> Listener: what answers today
        self.after: dict = {}  # and would afterwards
        self.seen: dict = {}  # key -> the probe of before
        self.stale: set = set()  # those that serve another certificate than the file has
        self.sessions_cut = 0

    # -- before anything is touched

    def planned(self, plan: Plan) -> None:
        """This is what it would do."""
        if plan.steps and not (
            self.follows and self.running
        ):  # then nobody is taken along step by step
            plan = plan._replace(steps=(_last(plan.steps),), back=plan.back[-1:])
        self.plan = plan
        self.after = {
            key_of(found.listener): found.listener
            for found in plan.listeners or self.configured.listeners
        }
        for listener in self.wanted or ():
            planned = self.after.get(key_of(listener), listener)
            # none asks for no TLS; a server that can't but offer STARTTLS does so before and after, and has not changed
            self.after[key_of(listener)] = (
                planned
                if listener.encryption == "none" and planned.protocol == listener.protocol
                else listener
            )

    def looked_at(self, live: frozenset) -> None:
        """This is what it listens on now."""
        configured = {key_of(found.listener): found.listener for found in self.configured.listeners}
        if not self.follows:
            self.live, self.before = self.configured.sockets, configured
            return
        self.live = live
        self.before = {key: listener for key, listener in configured.items() if key in live}
        for key in live - self.configured.sockets:
            self.before[key] = self.after.get(key) or Listener(*key, "", "")

    def asked(self) -> list:
        """Who is to be connected to, for how things are: as it is declared, where that is how it is, with the host name to ask for."""
        if not self.follows:
            return []
        return [
            self.after[key] if says(self.after.get(key)) == says(listener) else listener
            for key, listener in self.before.items()
            if listener.protocol
        ]

    def asked_elsewhere(self, is_here: t.Callable[[str], bool]) -> list:
        """Parts of wildcards on an address of the host that is to come: they are asked on loopback, which may be greeted sooner (postscreen, reverse DNS)."""
        coming = {
            wildcard_of(address): address
            for address, ignored in sorted(self.after.keys() - self.before.keys())
            if not is_wildcard(address) and not is_loopback(address) and is_here(address)
        }
        parts = [
            listener._replace(address=coming[listener.address])
            for listener in self.asked()
            if listener.address in coming
        ]
        return [part for part in parts if key_of(part) not in self.before]

    def answered(self, seen: dict) -> None:
        """So one of them answered."""
        key = seen["address"], seen["port"]
        if key not in self.before:  # a part of a wildcard
            return
        self.seen[key] = seen
        if seen["status"] == "wrong_certificate" and says(self.after.get(key)) == says(
            self.before[key]
        ):
            self.stale.add(key)

    # -- what follows from that

    @property
    def goal(self) -> frozenset:
        """The sockets that it should have afterwards."""
        return self.plan.sockets if self.plan.steps else self.configured.sockets

    @property
    def leaving(self) -> frozenset:
        """The sockets that go."""
        return self.live - self.plan.sockets if self.plan.steps else frozenset()

    @property
    def ending(self) -> frozenset:
        """The sockets whose sessions end: those that go, and with some activations all."""
        return (
            self.live
            if self.plan.ends_sessions and self.activation in ("reload", "restart")
            else self.leaving
        )

    @property
    def lost(self) -> frozenset:
        """Sockets that it should have long since, and never got: no doing of ours, and not to hold up other changes."""
        return (
            self.configured.sockets - self.live if self.plan.steps and self.running else frozenset()
        )

    @property
    def final(self) -> t.Mapping:
        """What is written in the end: resource -> bytes."""
        return _last(self.plan.steps)

    @property
    def activation(self) -> str:
        """What has to be done to the server, beside writing: none, reload, restart or start."""
        if not self.follows:
            return "none"
        if not self.running:
            return "start"
        # what answers is not what the files say: somebody edited one, or renewed a certificate, and did not reload
        unlike_its_files = self.stale or self.before.keys() != self.after.keys()
        if self.plan.steps and (self.plan.activation != "none" or not unlike_its_files):
            return self.plan.activation
        return "reload" if unlike_its_files else "none"

    @property
    def idle(self) -> bool:
        """Is there nothing to do?"""
        return not self.plan.steps and self.activation == "none"

    @property
    def must_be_servable(self) -> list:
        """Listeners whose certificate the server is going to read anew. Not those that are broken already, nor what others wrote that comes back."""
        if self.idle:
            return []
        declared = {key_of(listener) for listener in self.wanted or ()}
        return [
            listener
            for key, listener in in_order(self.after)
            if listener.encryption != "none"
            and listener.certificate_path
            and (self.status_before(key) in SERVED if self.unchanged(key) else key in declared)
        ]

    def unchanged(self, key: tuple) -> bool:
        """Do its clients find the same as before? What was a part of a wildcard counts where nobody declared it."""
        return key not in self.stale and says(self._same_as(key)) == says(self.after[key])

    def status_before(self, key: tuple) -> str:
        """How it answered; ok where nobody asked."""
        same = self._same_as(key)
        return self.seen.get(key_of(same), {}).get("status", "ok") if same else ""

    def _same_as(self, key: tuple) -> t.Optional[Listener]:
        """The listener that answered here before."""
        address, port = key
        if key not in self.before and not any(
            key_of(listener) == key for listener in self.wanted or ()
        ):
            key = wildcard_of(address), port
        return self.before.get(key)

    def changes(self) -> list:
        """As results have them: files, then listeners."""
        found = []
        first = self.plan.back[-1] if self.plan.back else {}
        for resource, last in sorted(self.final.items()):
            before, after = self.plan.shown.get(resource, ("", ""))
            found.append(
                {
                    "action": "add"
                    if first[resource] is None
                    else "remove"
                    if last is None
                    else "change",
                    "kind": "file",
                    "name": resource,
                    "before": {} if first[resource] is None else {"lines": before.splitlines()},
                    "after": {} if last is None else {"lines": after.splitlines()},
                }
            )
        for key, listener in in_order({**self.after, **self.before}):
            before, after = says(self.before.get(key)), says(self.after.get(key))
            if key in self.stale:
                before["fingerprint_sha256"] = self.seen[key]["certificate"].get(
                    "fingerprint_sha256", ""
                )
                after["fingerprint_sha256"] = "as in " + self.after[key].certificate_path
            if before != after:
                action = "add" if not before else "remove" if not after else "change"
                found.append(
                    {
                        "action": action,
                        "kind": "listener",
                        "name": listener.name,
                        "before": before,
                        "after": after,
                    }
                )
        return found

    def foreseen(self) -> list:
        """The listeners as they would be afterwards: as they were seen, where nothing changes."""
        return [
            self.seen[key]
            if key in self.seen
            and key not in self.stale
            and says(self.before.get(key)) == says(listener)
            else _not_seen(listener, "ok", "as it would be: not probed")
            for key, listener in self.after.items()
        ]

    def found(self, missing: t.Callable[[Listener], t.Tuple[str, str]]) -> list:
        """The listeners as they were before: those that should be there, and those that are. C(missing): status and detail of one that is not."""
        listeners = []
        declared = {key_of(listener) for listener in self.wanted or ()}
        for key, listener in {**self.before, **self.after}.items():
            if key not in self.before:
                if (
                    key in declared
                ):  # the rest is what would be left of a wildcard: neither declared nor there
                    listeners.append(_not_seen(listener, *missing(listener)))
                continue
            seen = self.seen.get(key) or _not_seen(listener, "ok", "not probed")
            listeners.append(
                seen
                if key in self.after
                else {**seen, "status": "unexpected", "detail": "nobody declared it"}
            )
        return listeners


def key_of(listener: Listener) -> tuple:
    return listener.address, listener.port


def in_order(listeners: t.Mapping) -> list:
    """(key, listener) in address order, then by port."""
    return sorted(listeners.items(), key=lambda item: (address_order(item[0][0]), item[0][1]))


def says(listener: t.Optional[Listener]) -> dict:
    """What of a listener counts: the same before and after, and nothing has changed for its clients."""
    if listener is None:
        return {}
    return {
        "protocol": listener.protocol,
        "encryption": listener.encryption,
        "certificate_path": listener.certificate_path if listener.encryption != "none" else "",
        "private_key_path": listener.key_path if listener.encryption != "none" else "",
    }


def _last(states: t.Iterable[t.Mapping]) -> dict:
    return {resource: content for state in states for resource, content in state.items()}


def _not_seen(listener: Listener, status: str, detail: str) -> dict:
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
