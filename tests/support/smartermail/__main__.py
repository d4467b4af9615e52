# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in as a process, for playbooks tried by hand:

PYTHONPATH=tests python -m support.smartermail FOLDER [--port N] [--no-rest] [--no-soap]

It writes into FOLDER what a task needs (ca.pem, options.json) and, after every call, what the
server then holds (state.json); each call is a line in calls.jsonl, what is not known to work one in
violations.txt. It begins with FOLDER/begin.json, if there is one: {"ports": [{"name", "protocol",
"port", …}], "addresses": {"127.0.0.1": ["name"]}, "hostnames": {}}. SIGTERM or Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import signal

from . import Call, Port, StandIn, State


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m support.smartermail")
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--no-rest", action="store_true")
    options.add_argument("--no-soap", action="store_true")
    given = options.parse_args()
    begin = given.folder / "begin.json"
    content = (
        json.loads(begin.read_text(encoding="utf-8"))
        if begin.exists()
        else {"addresses": {"127.0.0.1": [], "127.0.0.2": []}}
    )
    state = State(
        [Port(**port) for port in content.get("ports", ())],
        content.get("addresses"),
        content.get("hostnames"),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with StandIn(state, rest=not given.no_rest, soap=not given.no_soap, port=given.port) as server:
        shutil.copy(server.ca_path, given.folder / "ca.pem")
        server.on_call = lambda call: _note(given.folder, server, call)
        task = {**server.options(), "smartermail_ca_path": str(given.folder.resolve() / "ca.pem")}
        # last, and whole: whoever waits for it may begin
        (given.folder / "options.new").write_text(json.dumps(task, indent=1), encoding="utf-8")
        (given.folder / "options.new").rename(given.folder / "options.json")
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


def _note(folder: pathlib.Path, server: StandIn, call: Call) -> None:
    with open(folder / "calls.jsonl", "a", encoding="utf-8") as file:
        file.write(
            json.dumps({"name": call.name, "arguments": call.arguments, "status": call.status})
            + "\n"
        )
    (folder / "state.json").write_text(
        json.dumps(server.state.summary(), indent=1), encoding="utf-8"
    )
    (folder / "violations.txt").write_text(
        "".join(line + "\n" for line in server.violations), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
