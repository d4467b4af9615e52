# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that calls doveconf: what it prints, and what it keeps."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    command,
    parser,
)

SERVICE = """\
service imap-login {
  chroot = login
  executable = imap-login
  inet_listener imaps {
    port = 993
    ssl = yes
  }
  protocol = imap
  type = login
  unix_listener login {
    mode = 0600
    port = 7
  }
}
"""
OLD = (
    """\
# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
# Hostname: secret.example
base_dir = /run/dovecot
doveadm_password = secret
instance_name = dovecot
listen = *, ::
passdb {
  args = secret
}
protocols = " imap pop3"
"""
    + SERVICE
    + """\
shutdown_clients = yes
ssl = yes
ssl_cert = </etc/ssl/a.pem
ssl_key = -----BEGIN PRIVATE KEY----- secret
ssl_key_password = secret
local 192.0.2.10 {
  protocol imap {
    mail_home = secret
    ssl_key = </etc/ssl/b.key
  }
}
"""
)
NEW = """\
# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf
protocols {
  imap = yes
}
service imap-login {
  inet_listener imaps {
  }
}
ssl_server {
  cert_file = /etc/ssl/a.pem
  key_file = inline:secret
}
"""
NEW_BY_NAME = "listen = * ::\nssl = yes\n" + SERVICE


def printed(folder, plain, by_name="", status=0, shell=("sh",)):
    """What our shell makes of a doveconf that prints this; the number of its calls."""
    (folder / "plain").write_text(plain)
    (folder / "by_name").write_text(by_name)
    program = folder / "doveconf"
    program.write_text(
        f"#!/bin/sh\necho call >>{folder}/calls\n"
        f"if [ $1 = -P ]; then cat {folder}/plain; else cat {folder}/by_name; fi\nexit {status}\n"
    )
    program.chmod(0o755)
    done = subprocess.run(
        [*shell, "-c", command._SCRIPT, "sh"],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    return done.stdout, done.returncode, (folder / "calls").read_text().count("call")


@pytest.mark.parametrize("shell", [("sh",), ("bash", "--posix")], ids=["sh", "bash"])
def test_one_call_is_enough_for_2_3(tmp_path, shell):
    """With the shells that sh is on Debian and on EL."""
    text, status, calls = printed(tmp_path, OLD, shell=shell)
    assert (status, calls) == (0, 1)
    section = parser.combined([text])
    assert section.settings == {
        "base_dir": "/run/dovecot",
        "instance_name": "dovecot",
        "listen": "*, ::",
        "protocols": '" imap pop3"',
        "shutdown_clients": "yes",
        "ssl": "yes",
        "ssl_cert": "</etc/ssl/a.pem",
    }
    (service,) = section.named("service")
    assert service.section.settings == {
        "executable": "imap-login",
        "protocol": "imap",
        "type": "login",
    }
    assert [block.name for block in service.section.blocks] == ["imaps"]
    assert parser.release_of(text) == (2, 3)


def test_2_4_is_asked_for_defaults_too(tmp_path):
    text, status, calls = printed(tmp_path, NEW, NEW_BY_NAME)
    assert (status, calls) == (0, 2)
    section = parser.combined(text.split(command._END + "\n"))
    assert section.settings == {"listen": "* ::", "ssl": "yes"}
    (service,) = section.named("service")
    assert service.section.blocks[0].section.settings == {"port": "993", "ssl": "yes"}
    assert section.named("protocols")[0].section.flag("imap")
    assert section.named("ssl_server")[0].section.settings == {"cert_file": "/etc/ssl/a.pem"}


@pytest.mark.parametrize("texts", [(OLD,), (NEW, NEW_BY_NAME)], ids=["2.3", "2.4"])
def test_secrets_stay_in_the_shell(tmp_path, texts):
    text, dummy, dummy = printed(tmp_path, *texts)
    assert "secret" in "".join(texts) and "secret" not in text
    assert "0600" not in text


def test_failure_of_doveconf_is_the_shell_s(tmp_path):
    assert printed(tmp_path, OLD, status=89)[1] == 89


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """dovecot.conf and our files in a folder of this test."""
    main, here, beside = (str(tmp_path / name) for name in ("main", "here", "beside"))
    monkeypatch.setattr(command.config_files, "MAIN_FILE", main)
    monkeypatch.setattr(command, "OWN_FILES", (here, beside))
    monkeypatch.setattr(command, "start", lambda argv: argv)
    return tmp_path


def test_reading_is_current_until_a_file_changes(own_files):
    (own_files / "main").write_text("a")
    reading = command.Reading(())
    assert reading.is_current()
    (own_files / "here").write_text("b")
    assert not reading.is_current()
    reading = command.Reading(())
    (own_files / "main").rename(own_files / "old")
    (own_files / "main").write_text("a")
    assert not reading.is_current()


def test_existing_files_of_ours_are_hidden(own_files):
    (own_files / "beside").write_text("")
    hidden = command.hidden_files()
    assert hidden == [str(own_files / "beside")]
    assert command.Reading(hidden)._process[:2] == ["unshare", "--mount"]
    assert command.Reading(())._process[0] == "sh"


@pytest.mark.parametrize(
    "errors, reason",
    [
        ("doveconf: Warning: a\ndoveconf: Fatal: b\n", "doveconf: Fatal: b"),
        ("a\nb\nb\nc\nd\n", "b / c / d"),
        ("", "it gives no reason"),
    ],
)
def test_message_has_the_last_errors(monkeypatch, errors, reason):
    monkeypatch.setattr(command, "start", lambda argv: argv)
    monkeypatch.setattr(command, "finished", lambda process: (89, "", errors))
    with pytest.raises(Refused) as refused:
        command.Reading(()).printed()
    assert str(refused.value) == "Dovecot's configuration can't be read: " + reason
