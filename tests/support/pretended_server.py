# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are nothing but files: one with a configuration, one with what it listens on.

The second outlives the process that changes it, as a real server would.
"""

from __future__ import annotations

import json
import os
import pathlib

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host.files import read_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers import base, boot
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    Configured,
    ConfiguredListener,
    Plan,
)


class PretendedProcess(base.Server):
    """What runs: it listens on what C(configured_sockets) says when it was last activated."""

    def __init__(self, world, name, protocols):
        self.world, self.name, self.title = world, name, name.capitalize()
        self.protocols, self.programs = protocols, (name,)
        self.path = str(world.folder / "etc" / (name + ".conf"))
        self.files = (self.path,)
        self.drop_in = "%s%s.d/ours.conf" % (boot.UNITS, name)
        self._state = world.folder / "run" / name
        self.told = []  # all orders to it

    def configured_sockets(self):
        """(address, port) of all that its file says."""
        raise NotImplementedError

    def listens(self):
        """(address, port) of all that it listens on; None if it does not run."""
        if not self._state.exists():
            return None
        return {tuple(key) for key in json.loads(self._state.read_text())}

    def set_listening(self, sockets):
        """Listen on these from now on; None: stop running."""
        if sockets is None:
            self._state.unlink()
        else:
            self._state.write_text(json.dumps(sorted(sockets)))

    # -- the interface

    def installed(self):
        return os.path.exists(self.path)

    def running(self):
        return self._state.exists()

    def holds(self, socket):
        return socket.program == self.name

    def validate(self, state):
        self.world.passes("validate " + self.name)

    def put(self, resource, content):
        self.world.passes("put " + resource)
        super().put(resource, content)
        self.world.passes("have put " + resource)

    def activate(self, how, sockets):
        self.world.passes("activate " + self.name)
        self.told.append(how)
        if how == "reload" and not self.running():
            raise base.Failed("%s does not run" % self.title)
        configured = self.configured_sockets()
        taken = {(socket.address, socket.port) for socket in self.world.others}
        self.set_listening(None if taken & configured and self.running() else configured)
        if not self.running():
            raise base.Failed("%s has died: address already in use" % self.title)
        self.world.passes("have activated " + self.name)

    def stop(self):
        self.told.append("stop")
        self.set_listening(None)


class PretendedServer(PretendedProcess):
    """Its file has a line for a listener, 'ADDRESS PORT PROTOCOL'; other lines are of others.

    Lines of ours end with the mark, and hide those of others with '#was '.
    """

    def __init__(self, world, name, protocols, two_steps=False):
        super().__init__(world, name, protocols)
        self.two_steps = two_steps
        self.files_at_start = ()
        self.refuses = ""  # what its checker says of its live file

    def write(self, *lines):
        pathlib.Path(self.path).write_text(
            "".join(line + "\n" for line in ("# a file of somebody's", *lines)), encoding="utf-8"
        )

    def configured_sockets(self):
        return _sockets(_listeners((read_file(self.path) or b"").decode()))

    def read(self):
        text = (read_file(self.path) or b"").decode()
        listeners = _listeners(text)
        written_from = [
            line[len(_OURS_OF) :] for line in text.splitlines() if line.startswith(_OURS_OF)
        ]
        return Configured(
            tuple(ConfiguredListener(listener, "") for listener in listeners),
            (),
            _sockets(listeners),
            written_from[0] if written_from else "",
            (text, read_file(self.drop_in)),
            self.files_at_start,
        )

    def live_problem(self):
        return self.refuses

    def plan(self, configured, desired, options):
        text, drop_in = configured.details
        refusals = self._refusals(text, desired)
        if refusals:
            return Plan(refusals=tuple(refusals))
        original = [
            line[len("#was ") :] if line.startswith("#was ") else line for line in _not_ours(text)
        ]
        after = "".join(line + "\n" for line in _lines_after(original, desired, options))
        listeners = _listeners(after)
        plan = Plan(
            listeners=tuple(ConfiguredListener(listener, "") for listener in listeners),
            sockets=_sockets(listeners),
        )
        final = {
            self.path: (text.encode(), after.encode()),
            self.drop_in: (drop_in, None if desired is None else b"wait for the network\n"),
        }
        final = {resource: pair for resource, pair in final.items() if pair[0] != pair[1]}
        if not final:
            return plan
        steps = [{resource: pair[1] for resource, pair in final.items()}]
        back = [{resource: pair[0] for resource, pair in final.items()}]
        if self.two_steps and text != after:
            steps.insert(0, {self.path: _beside(text, after).encode()})
            back.insert(0, {self.path: _without_listeners(original).encode()})
        return plan._replace(
            steps=tuple(steps),
            back=tuple(back),
            activation="none" if text == after else "reload",
            shown=dict.fromkeys(final, ("was", "is")),
        )

    def _refusals(self, text, desired):
        if desired is None:
            return ["%s: it is in use" % self.path] if "# keep" in text else []
        return [
            "%s: port 13 is an unlucky number" % listener.name
            for listener in desired
            if listener.port == 13
        ]


_OURS = "# " + MANAGED_MARK
_OURS_OF = _OURS + ", of "


def _lines_after(original, desired, options):
    if desired is None:
        return original
    kept = [line for line in original if line.startswith("127.0.0.1 ")]
    lines = [
        line if not _is_listener(line) or line in kept else "#was " + line for line in original
    ]
    ours = ["%s %d %s %s" % (*listener[:3], _OURS) for listener in desired]
    return [*lines, _OURS_OF + options.config_path, *ours]


def _beside(text, after):
    """The new listeners beside those of before."""
    added = [line for line in after.splitlines() if line.endswith(_OURS) and line not in text]
    return text + "".join(line + "\n" for line in added)


def _without_listeners(original):
    return "".join(line + "\n" for line in original if not _is_listener(line))


def _is_listener(line):
    return line[:1].isdigit()


def _not_ours(text):
    return [
        line
        for line in text.splitlines()
        if not line.endswith(_OURS) and not line.startswith(_OURS_OF)
    ]


def _listeners(text):
    return [
        Listener(line.split()[0], int(line.split()[1]), line.split()[2], "none")
        for line in text.splitlines()
        if _is_listener(line)
    ]


def _sockets(listeners):
    return frozenset((listener.address, listener.port) for listener in listeners)
