# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_listeners whose run is ended, killed or cut off: it, or the next run, restores what was.

Every run is on Debian 12 and 13 at the same time, unless the release can make no difference.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
from signal import SIGINT, SIGKILL

import pytest

from support.fleet.commands import wait_until
from support.fleet.declaring import ALL, DEFAULTS, MASTER_CF, MODULE, declared, state
from support.fleet.sabotage import JOURNAL, Trials, as_before, make_hosts_to_harm, rolled_back


@pytest.fixture(name="hosts", scope="module")
def _hosts(make_hosts, authority):
    return make_hosts_to_harm(make_hosts, authority)


@pytest.fixture(name="stock", scope="module")
def _stock(hosts):
    """How each host was in the beginning."""
    return {host.name: state(host) for host in hosts}


@pytest.fixture(name="tried", scope="module")
def _tried(play, hosts):
    trials = Trials(play, hosts)
    yield trials
    print(*trials.outages, sep="\n")


PHASES = [
    ("journal",),
    ("written", MASTER_CF),
    ("bound", 25),
    ("bound", 995),
    ("written", DEFAULTS),
    ("bound", 636),
]


@pytest.mark.parametrize(
    "phase", PHASES, ids=lambda phase: "-".join(map(str, phase)).replace("/", ".")
)
def test_a_terminated_run_rolls_back(hosts, stock, tried, phase):
    for trial in tried(declared(*ALL), *phase, signal="SIGTERM"):
        assert "the task was ended by SIGTERM" in trial.msg, trial.result
        if "Nothing was changed" not in trial.msg:
            rolled_back(trial, stock)
        as_before(trial.host, stock)


@pytest.mark.parametrize(
    "phase", PHASES, ids=lambda phase: "-".join(map(str, phase)).replace("/", ".")
)
def test_a_killed_run_is_recovered_by_the_next(hosts, stock, tried, play, phase):
    for trial in tried(declared(*ALL), *phase, signal="SIGKILL"):
        assert trial.result.failed and trial.host.exists(JOURNAL), trial.result
    foreseen = (
        play([{"name": "foreseen", MODULE: {}}], hosts, check=True) if phase == ("journal",) else []
    )
    for result in foreseen:
        assert "run once without --check" in result["msg"], result
    for result in play([{"name": "after", MODULE: {}}], hosts):
        assert not result.failed and result["changes"] == [], result
        assert any(
            re.search(
                "the run of .* was interrupted, and its unfinished changes were undone first: .*%s"
                % MASTER_CF,
                text,
            )
            for text in result["warnings"]
        )
    for host in hosts:
        as_before(host, stock)


def test_later_edits_keep_a_killed_run_from_being_recovered(hosts, stock, tried, play):
    for trial in tried(declared("SMTP", "IMAP"), "bound", 143, signal="SIGKILL"):
        trial.host.run("cp -a %s /root/ours; echo '# theirs' >>%s" % (MASTER_CF, MASTER_CF))
    for result in play([{"name": "after", MODULE: {}}], hosts):
        assert (
            result.failed
            and "+# theirs" in result["msg"]
            and "%s has changed since mail_listeners wrote it" % MASTER_CF in result["msg"]
        ), result
    for host in hosts:
        assert host.read(MASTER_CF).endswith("# theirs\n") and host.exists(JOURNAL)
        host.run("mv /root/ours %s" % MASTER_CF)
    for result in play([{"name": "after", MODULE: {}}], hosts):
        assert not result.failed, result
    for host in hosts:
        as_before(host, stock)


@pytest.mark.parametrize(
    "terminal, phase",
    [(False, ("bound", 143)), (True, ("written", MASTER_CF))],
    ids=["without a terminal", "with a terminal"],
)
def test_a_lost_connection_rolls_back(hosts, stock, tried, phase, terminal):
    environment = {"ANSIBLE_PIPELINING": "false", "ANSIBLE_SSH_USETTY": "true"} if terminal else {}
    for trial in tried(declared("SMTP", "IMAP"), *phase, signal="hangup", environment=environment):
        assert trial.result.status == "unreachable" or trial.result.failed, trial.result
        as_before(trial.host, stock)


def kill_clients(process, hosts, play):
    """The programs that Ansible waits for, and not those of other workers of pytest."""
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            argv = pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
            ours = any(str(play.sockets) in word for word in argv)
            if argv[0] == "ssh" and ours and any(host.address in argv for host in hosts):
                os.kill(pid, SIGKILL)


def press_control_c(process, hosts, play):
    """All that the terminal's user has started gets it."""
    os.killpg(process.pid, SIGINT)


@pytest.mark.parametrize("lose, which", [(kill_clients, 0), (press_control_c, 1)])
def test_a_connection_that_the_controller_ends_rolls_back(hosts, stock, play, lose, which):
    """Here it is a session in a connection that plays share, which lives on (ControlPersist)."""
    hosts = [hosts[which]]

    def watcher(process):
        assert wait_until(lambda: all(host.exists(JOURNAL) for host in hosts), 60)
        lose(process, hosts, play)

    play([{"name": "connect", "ansible.builtin.ping": {}}], hosts)
    played = play([{"name": "lost", MODULE: declared("SMTP", "IMAP")}], hosts, watcher=watcher)
    assert all(result.failed for result in played), played.output  # after Ctrl-C there are none
    for host in hosts:
        wait_for_its_end(host)
        as_before(host, stock)


def wait_for_its_end(host):
    assert wait_until(lambda: not host.exists("/run/mail-bindings.lock"), 60)


def test_an_asynchronous_task_outlives_its_connection(hosts, stock, play):
    """An asynchronous task; the connection ends long before it."""
    hosts = hosts[:1]
    played = play(
        [{"name": "begun", MODULE: declared("SMTP", "IMAP"), "async": 120, "poll": 0}], hosts
    )
    assert not played.failed, played.output
    for host in hosts:
        assert wait_until(lambda: host.exists(JOURNAL), 60)
        wait_for_its_end(host)
    for result in play([{"name": "again", MODULE: declared("SMTP", "IMAP")}], hosts):
        assert not result.failed and result["changes"] == [], result
    give_back(play, hosts, stock)


def give_back(play, hosts, stock):
    for result in play([{"name": "back", MODULE: {"state": "absent"}}], hosts):
        assert not result.failed, result
    for host in hosts:
        host.run("rm -rf /etc/mail-bindings")
        now, before = state(host), stock[host.name]
        # whole files come back with state: absent, not inodes and times
        assert {
            name: facts[-1] if isinstance(facts, tuple) else facts for name, facts in now.items()
        } == {
            name: facts[-1] if isinstance(facts, tuple) else facts for name, facts in before.items()
        }
        stock[host.name] = now
