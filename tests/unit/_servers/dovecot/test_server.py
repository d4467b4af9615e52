# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often doveconf is started, and what is made of its output."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    command,
    config_files,
    server,
)
from support.dovecot import FOUR, OPTIONS, STOCK_CONF, listener, plan, printed

MAIN_FILE, IN_CONF_D, BESIDE = (
    config_files.MAIN_FILE,
    config_files.IN_CONF_D,
    config_files.BESIDE,
)


class Host:
    """Dovecot's class on a host that has these files, and prints a stock configuration."""

    def __init__(self, monkeypatch):
        self.files = dict.fromkeys(config_files.OUR_FILES)
        self.files[MAIN_FILE] = STOCK_CONF
        self.in_conf_d = True
        changed, by_name = printed((2, 3))
        self.instance = "\nbase_dir = /run/dovecot\ninstance_name = dovecot"
        self.texts = changed, by_name + self.instance
        self.started = []  # the files that are hidden from each call
        self.discarded = 0
        self.cannot_read_ours = self.cannot_read_others = False
        host = self

        class Reading:
            def __init__(self, hidden):
                host.started.append(list(hidden))
                self.files = dict(host.files)

            def is_current(self):
                return self.files == host.files

            def printed(self):
                if host.cannot_read_others or host.cannot_read_ours and not host.started[-1]:
                    raise Refused("doveconf: Fatal: Unknown setting")
                return list(host.texts)

            def discard(self):
                host.discarded += 1

        monkeypatch.setattr(server, "Reading", Reading)
        monkeypatch.setattr(server, "_read", self.files.get)
        monkeypatch.setattr(server, "_in_conf_d", lambda conf: self.in_conf_d)
        monkeypatch.setattr(
            server,
            "hidden_files",
            lambda: [path for path in command.OWN_FILES if self.files[path] is not None],
        )
        monkeypatch.setattr(server.Dovecot, "installed", lambda self: True)
        self.dovecot = server.Dovecot()

    def declare(self, *declared):
        """Have our files as they are written for this."""
        before = self.dovecot.read().details
        planned = plan(before, declared, OPTIONS)
        self.files.update(planned.steps[0])
        self.started.clear()
        return planned


@pytest.fixture
def host(monkeypatch):
    return Host(monkeypatch)


def test_one_reading_is_enough_without_our_file(host):
    configured = host.dovecot.read()
    assert host.started == [[]]
    assert len(configured.listeners) == 8 and configured.config_path == ""
    assert configured.details.shutdown_clients


@pytest.mark.parametrize("in_conf_d, path", [(True, IN_CONF_D), (False, BESIDE)])
def test_one_reading_is_enough_with_our_file(host, in_conf_d, path):
    host.in_conf_d = in_conf_d
    planned = host.declare(listener(FOUR, 993))
    configured = host.dovecot.read()
    assert host.started == [[path]]
    assert configured.listeners == planned.listeners
    assert configured.sockets == planned.sockets
    assert configured.config_path == OPTIONS.config_path
    assert not configured.details.shutdown_clients
    base = configured.details.base
    assert not any("mailops" in entry.name for entry in base.inet_listeners)
    assert host.dovecot.plan(configured, [listener(FOUR, 993)], OPTIONS).steps == ()


def edited(host):
    host.files[IN_CONF_D] += b"mail_debug = yes\n"


def not_utf_8(host):
    host.files[IN_CONF_D] += b"# \xff\n"


def read_before_others(host):
    host.in_conf_d = False


def there_twice(host):
    host.files[BESIDE] = host.files[IN_CONF_D]


@pytest.mark.parametrize("change", [edited, not_utf_8, read_before_others, there_twice])
def test_doveconf_reads_our_file_if_it_is_not_as_we_write_it(host, change):
    host.declare(listener(FOUR, 993))
    change(host)
    configured = host.dovecot.read()
    assert host.started == [[path for path in command.OWN_FILES if host.files[path]], []]
    assert len(configured.listeners) == 8  # as it prints


@pytest.mark.parametrize("change", [edited, not_utf_8, there_twice])
def test_file_of_ours_that_dovecot_cannot_read_is_written_anew_or_removed(host, change):
    """After an edit, or an upgrade to another version."""
    planned = host.declare(listener(FOUR, 993))
    change(host)
    host.cannot_read_ours = True
    configured = host.dovecot.read()
    assert configured.config_path == OPTIONS.config_path
    again = host.dovecot.plan(configured, [listener(FOUR, 993)], OPTIONS)
    assert again.refusals == () and again.listeners == planned.listeners
    after = {**host.files, **again.steps[0]}
    assert after[IN_CONF_D] == planned.steps[0][IN_CONF_D] and after[BESIDE] is None
    absent = host.dovecot.plan(configured, None, OPTIONS)
    assert absent.refusals == () and absent.steps[0][IN_CONF_D] is None
    host.cannot_read_others = True
    with pytest.raises(Refused):
        host.dovecot.read()


def test_file_that_was_written_for_another_version_is_written_anew(host):
    planned = host.declare(listener(FOUR, 993))
    assert b"address = " in planned.steps[0][IN_CONF_D]
    changed, by_name = printed((2, 4))
    host.texts = changed, by_name + host.instance
    again = host.dovecot.plan(host.dovecot.read(), [listener(FOUR, 993)], OPTIONS)
    text = again.steps[0][IN_CONF_D]
    assert b"listen = " in text and b"address = " not in text


def test_reading_that_was_begun_is_used(host):
    host.dovecot.begin_reading()
    host.dovecot.begin_reading()
    assert host.started == [[]]
    host.dovecot.read()
    assert host.started == [[]] and host.discarded == 0
    host.dovecot.read()
    assert host.started == [[], []]


def test_reading_that_was_begun_is_discarded_if_files_have_changed(host):
    host.dovecot.begin_reading()
    host.files[IN_CONF_D] = b"shutdown_clients = no\n"
    host.dovecot.read()
    assert host.started == [[], [IN_CONF_D]] and host.discarded == 1


def test_host_without_dovecot_conf_is_refused(host):
    host.files[MAIN_FILE] = None
    with pytest.raises(Refused, match="Unsupported Dovecot layout: there is no /etc/dovecot/dove"):
        host.dovecot.read()


def test_plan_with_refusals_has_no_steps(host):
    configured = host.dovecot.read()
    planned = host.dovecot.plan(
        configured, [listener("0.0.0.0", 993), listener(FOUR, 993)], OPTIONS
    )
    assert len(planned.refusals) == 1 and planned.steps == () and planned.sockets == frozenset()


@pytest.mark.parametrize(
    "systemd, command",
    [(True, ["systemctl", "stop", "dovecot.service"]), (False, ["doveadm", "stop"])],
)
def test_stop_takes_the_service_manager_s_way(monkeypatch, host, systemd, command):
    commands = []
    monkeypatch.setattr(server, "has_systemd", lambda: systemd)
    monkeypatch.setattr(server, "run", lambda argv: commands.append(argv) or (0, "", ""))
    monkeypatch.setattr(server, "listening", list)
    monkeypatch.setattr(server.process, "main_process", lambda: None)
    host.dovecot.stop()
    assert commands == [command]


def test_dovecot_that_goes_on_after_stop_is_a_failure(monkeypatch, host):
    monkeypatch.setattr(server, "run", lambda argv: (1, "", "doveadm: Fatal: no"))
    monkeypatch.setattr(server, "listening", list)
    monkeypatch.setattr(server.process, "main_process", lambda: 1)
    with pytest.raises(Failed, match="Dovecot can't be stopped: doveadm: Fatal: no"):
        host.dovecot.stop()


def test_certificates_are_compared_by_what_the_files_begin_with(tmp_path):
    block = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
    texts = {
        "a": block % "AAAA",
        "b": "# the same\r\n" + (block % "AAAA" + block % "CCCC").replace("\n", "\r\n"),
        "c": block % "CCCC",
        "d": "",
        "e": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode())

    def same(*names):
        return server._same_certificate(*(str(tmp_path / name) for name in names))

    assert same("a", "b") and same("gone", "gone")
    assert not any(same("a", other) for other in ("c", "d", "gone")) and not same("d", "e")
