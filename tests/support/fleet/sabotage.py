# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Harm to hosts in the middle of a run of mail_listeners, and how they are afterwards."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import types

from .declaring import MODULE, differences, state
from .mail import put_certificate
from .playing import ROOT

JOURNAL = "/var/lib/mail-bindings/journal.json"
NEW_CERTIFICATE, NEW_KEY = "/etc/ssl/mail/new.pem", "/etc/ssl/mail/new-key.pem"
SABOTEUR = ROOT / "tests" / "fleet" / "saboteur.py"


def make_hosts_to_harm(make_hosts, authority) -> list:
    """A host of each release, with a second certificate."""
    found = make_hosts(
        {"name": "back-12", "suite": "bookworm"}, {"name": "back-13", "suite": "trixie"}
    )
    for host in found:
        put_certificate(host, authority, NEW_CERTIFICATE, NEW_KEY, which="new")
    return found


class Trials:
    """Runs of mail_listeners on all hosts, and harm to each of them at a given moment."""

    def __init__(self, play, hosts):
        self.play = play
        self.hosts = hosts
        self.outages = []  # lines about how long old listeners were away

    def __call__(
        self, options, *when, on=None, check=False, do="", signal="", after=0.0, **playing
    ):
        """Returns what came of it on each host. See saboteur.py for the moments and the harm.

        when: the moment; without one there is no harm
        on: these hosts alone
        do: a command for sh, or a function that makes one for a host
        """
        chosen = on or self.hosts
        with contextlib.ExitStack() as stack:
            saboteurs = {}
            for host in chosen if when else ():
                command = do(host) if callable(do) else do
                saboteurs[host.name] = stack.enter_context(
                    _saboteur(host, when, command, signal, after)
                )
                assert saboteurs[host.name].stdout.readline() == "ready\n"
            played = self.play([{"name": "tried", MODULE: options}], chosen, check=check, **playing)
            reports = {
                name: json.loads(process.stdout.readline()) for name, process in saboteurs.items()
            }
        return [
            self._trial(host, played, reports.get(host.name), when, signal or do) for host in chosen
        ]

    def _trial(self, host, played, report, when, harm):
        results = [result for result in played if result.host == host.name]
        assert results, played.output
        result = results[0]
        for text in (result.get("msg", ""), result.get("module_stderr", "")):
            assert "Traceback" not in text, result
        if report:
            assert report["harmed"], (host.name, when, result)
            self.outages.append(
                "%s %-34s %-20s old listeners away for %5.2f s, %5.2f s of it during the rollback; "
                "ended %5.2f s after the harm"
                % (
                    host.name,
                    " ".join(map(str, when)),
                    (harm if isinstance(harm, str) else "port")[:20].split("\n")[0],
                    report["away"],
                    report["back"],
                    report["took"],
                )
            )
        return types.SimpleNamespace(
            host=host, result=result, msg=result.get("msg", ""), **(report or {"harmed": True})
        )


def _saboteur(host, when, command, signal, after):
    """The program that waits on the host for the moment: a context manager."""
    order = {
        "when": when[0],
        "what": str(when[1]) if len(when) > 1 else "",
        "after": after,
        "do": command,
        "signal_name": signal,
    }
    program = SABOTEUR.read_text(encoding="utf-8")
    return host.popen(["python3", "-c", program, json.dumps(order)], stdout=subprocess.PIPE)


def rolled_back(trial, stock, *expected, but=()):
    """It failed, said why, and all is as it was."""
    assert trial.result.failed, trial.result
    for pattern in expected:
        assert re.search(pattern, trial.msg), (pattern, trial.msg)
    assert trial.result.get("rolled_back") is True and trial.result["changed"] is False, (
        trial.result
    )
    assert (
        len(set(trial.msg.splitlines())) == len(trial.msg.splitlines())
        and "SIGHUP received" not in trial.msg
    ), trial.msg
    as_before(trial.host, stock, but)


def as_before(host, stock, but=()):
    """All is as it was, but for paths that begin so."""
    before = {
        path: facts
        for path, facts in stock[host.name].items()
        if not path.startswith(tuple(but) or "\0")
    }
    found = differences(before, state(host, but))
    assert not found, str(found)[:2000]
    assert not host.exists(JOURNAL)
    assert (
        host.run(
            "find /etc /var/lib/mail-bindings -name '*-before' -o -name '*.new' | grep -v slapd.d "
            "|| true"
        ).stdout
        == ""
    )
