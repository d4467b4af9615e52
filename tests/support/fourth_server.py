# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that the collection does not have: all that a new one needs, in one file.

It speaks IMAP and POP3 by its own configuration, a JSON document, and is in no other file but a
line of the registry. Its process is a pretended one.
"""

from __future__ import annotations

import json

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import LOOPBACK
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import read_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    Configured,
    ConfiguredListener,
    Plan,
    Unmapped,
)
from support.pretended_server import PretendedProcess

# -- parser.py: text of its file -> values, and back. Pure

NAMES = {"imap4": "imap", "pop3": "pop"}  # its words for protocols -> the model's


def parse(text):
    """Its document: {"listen": [{"on": "ADDRESS!PORT", "speak": WORD, "managed": bool}], …}."""
    return json.loads(text or '{"listen": []}')


def listener_of(entry):
    address, dummy, port = entry["on"].rpartition("!")
    return Listener(address, int(port), NAMES.get(entry["speak"], ""), "none")


def entry_of(listener):
    words = {protocol: word for word, protocol in NAMES.items()}
    on = "%s!%d" % (listener.address, listener.port)
    return {"on": on, "speak": words[listener.protocol], "by": MANAGED_MARK}


def configured_by(text):
    """What its file says, as all servers say it."""
    document = parse(text)
    found = [(listener_of(entry), entry) for entry in document["listen"]]
    return Configured(
        tuple(
            ConfiguredListener(listener, "listen") for listener, dummy in found if listener.protocol
        ),
        tuple(
            Unmapped("fourth", "listen", entry["on"], "speaks %s" % entry["speak"])
            for listener, entry in found
            if not listener.protocol
        ),
        frozenset((listener.address, listener.port) for listener, dummy in found),
        document.get(MANAGED_MARK, {}).get("config_path", ""),
        text,
    )


# -- limits.py and render.py: its refusals, and what to write. Pure


def refusals(desired):
    return tuple(
        "%s: Fourth has no TLS. Declare encryption none" % listener.name
        for listener in desired or ()
        if listener.encryption != "none"
    )


def rendered(text, desired, options):
    """Its file as it would be: foreign listeners are set aside under our mark."""
    document = parse(text)
    managed = document.pop(MANAGED_MARK, {})
    foreign = [entry for entry in document["listen"] if "by" not in entry]
    original = managed.get("displaced", []) + foreign
    if desired is None:
        return {**document, "listen": original}
    kept = [entry for entry in original if _stays(entry)]
    displaced = [entry for entry in original if not _stays(entry)]
    managed = {"config_path": options.config_path, "displaced": displaced}
    return {
        **document,
        "listen": kept + [entry_of(listener) for listener in desired],
        MANAGED_MARK: managed,
    }


def _stays(entry):
    listener = listener_of(entry)
    return not listener.protocol or listener.address in LOOPBACK


# -- server.py: what looks at the host


class Fourth(PretendedProcess):
    """See Server."""

    name = "fourth"
    title = "Fourth"
    protocols = ("imap", "pop")
    packages = {"imap": "fourth-imapd", "pop": "fourth-popd"}

    def __init__(self, world):
        super().__init__(world, self.name, self.protocols)
        self.path = str(world.folder / "etc" / "fourth.json")
        self.files = (self.path,)

    def configured_sockets(self):
        return configured_by(self._text()).sockets

    def _text(self):
        return (read_file(self.path) or b"").decode()

    def read(self):
        try:
            return configured_by(self._text())
        except ValueError:
            raise Refused("%s is no JSON: mend it" % self.path) from None

    def plan(self, configured, desired, options):
        problems = refusals(desired)
        if problems:
            return Plan(refusals=problems)
        before = configured.details
        after = json.dumps(rendered(before, desired, options), indent=1)
        if parse(after) == parse(before):
            return Plan(listeners=configured.listeners, sockets=configured.sockets)
        planned = configured_by(after)
        return Plan(
            steps=({self.path: after.encode()},),
            back=({self.path: before.encode()},),
            activation="reload",
            listeners=planned.listeners,
            sockets=planned.sockets,
            shown={self.path: (before, after)},
        )

    def validate(self, state):
        self.world.passes("validate " + self.name)
        for content in state.values():
            parse((content or b"").decode())
