# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix is read on a host, and validates a new file."""

from __future__ import annotations

import fcntl

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host import sandbox
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
    own_lines,
    reading,
    server,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.server import (
    Postfix,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    PARAMETERS,
)
from support.postfix import DEBIAN, PATH, QUEUE, SMTP, FakeHost, details, smtp, written


def test_one_call_of_postconf_reads_a_host_and_more_only_resolve_references(monkeypatch):
    main = {
        **dict.fromkeys(PARAMETERS, ""),
        **DEBIAN,
        "config_directory": "/etc/postfix",
        "smtpd_sasl_type": "dovecot",
    }
    host = FakeHost(monkeypatch, {"main": main, "expanded": {}}, {PATH: SMTP.encode()})
    found = Postfix().read()
    assert len(host.ran) == 1
    assert [each.listener.name for each in found.listeners] == ["0.0.0.0:25", "[::]:25"]
    assert found.config_path == ""

    host.files[PATH] = b"192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=$mine\n"
    main.update(mine="$yours/x.pem", yours="/tls", smtpd_tls_key_file="${{a} == {b} ? {c}}")
    host.answers["expanded"] = {"smtpd_tls_key_file": "/tls/x.key"}
    assert [each.listener[4:6] for each in Postfix().read().listeners] == [
        ("/tls/x.pem", "/tls/x.key")
    ]


def test_postconf_that_was_started_early_is_waited_for(monkeypatch):
    main = {**dict.fromkeys(PARAMETERS, ""), **DEBIAN, "config_directory": "/etc/postfix"}
    main["smtpd_tls_security_level"] = "none"
    host = FakeHost(monkeypatch, {"main": main}, {PATH: SMTP.encode()})
    monkeypatch.setattr(server, "start", host.run)
    monkeypatch.setattr(reading, "finished", lambda begun: begun)
    postfix = Postfix()
    postfix.begin_reading()
    postfix.begin_reading()
    assert len(host.ran) == 1
    assert postfix.read().listeners[0].listener.encryption == "none"
    assert len(host.ran) == 1
    postfix.read()
    assert len(host.ran) == 2


def test_keywords_of_inet_interfaces_are_not_looked_up(monkeypatch):
    """Where the resolver does not answer, a lookup of C(all) would take seconds."""
    lookups = []
    monkeypatch.setattr(
        reading.socket, "getaddrinfo", lambda name, *dummy, **_options: lookups.append(name) or []
    )
    main = {**dict.fromkeys(PARAMETERS, ""), **DEBIAN, "config_directory": "/etc/postfix"}
    for interfaces in ("all", "loopback-only", "192.0.2.1, [2001:db8::1], mail.test"):
        main["inet_interfaces"] = interfaces
        FakeHost(monkeypatch, {"main": main}, {PATH: SMTP.encode()})
        Postfix().read()
    assert lookups == ["mail.test"]


def test_running_master_is_known_by_its_lock(monkeypatch, tmp_path):
    host = FakeHost(monkeypatch, {"running": False})
    (tmp_path / "pid").mkdir()
    monkeypatch.setattr(Postfix, "_queue", str(tmp_path))
    with open(tmp_path / "pid" / "master.pid", "w") as file:
        assert not Postfix().running()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert Postfix().running()
    assert not Postfix().running()
    assert host.ran == ["/usr/lib/postfix/sbin/master -t"] * 2


FATAL = "postmap: fatal: bad string length 0 < 1: myorigin = \n"


def test_main_cf_that_no_program_accepts_is_seen_by_the_validation(monkeypatch, tmp_path):
    """master -t fails because of it as well, and is then no sign of a running master."""
    host = FakeHost(monkeypatch, {"main": {"config_directory": "/etc/postfix"}, "running": True})
    monkeypatch.setattr(Postfix, "_queue", str(tmp_path))
    monkeypatch.setattr(sandbox, "validate_in_copy", lambda folder, state, argv: (0, ""))
    postmap = "postmap -q key static:value"
    host.answers[postmap] = 0, "value\n", ""
    Postfix().validate({PATH: b""})
    assert Postfix().running()
    host.answers[postmap] = 1, "", FATAL
    message = r"does not accept its main.cf \(postmap: fatal: bad string length 0 < 1: myorigin ="
    with pytest.raises(Refused, match=message):
        Postfix().validate({PATH: b""})
    assert not Postfix().running()


@pytest.mark.parametrize("broken", ["garbage here\n", "9 fnet n - n - - smtpd\n", "x\n  -o y\n"])
def test_entry_of_ours_that_an_edit_broke_is_written_anew_or_removed(monkeypatch, broken):
    """postconf fails because of it, and then sees master.cf without our lines."""
    wanted = [smtp("192.0.2.1")]
    before = details(SMTP + QUEUE)
    ours = written(before, wanted)
    end = own_lines.block("", "\n", "", []).splitlines(keepends=True)[-1]
    edited = ours.replace(end, broken + end, 1)
    main = {**dict.fromkeys(PARAMETERS, ""), **DEBIAN, "config_directory": "/etc/postfix"}
    host = FakeHost(monkeypatch, {"main": main}, {PATH: edited.encode()})
    asides = []

    def run(argv, input=None):
        if argv[0] == "postconf" and broken in host.files[PATH].decode():
            return 1, "", "postconf: fatal: bad field count"
        if argv[0] == "unshare":
            asides.append(input.decode())
            return host.run(argv[argv.index(PATH) + 1 :])
        return host.run(argv)

    monkeypatch.setattr(reading, "run", run)
    found = Postfix().read()
    assert asides == [SMTP + QUEUE] and found.config_path == Options().config_path
    for desired, text in ((wanted, ours), (None, SMTP + QUEUE)):
        plan = Postfix().plan(found, desired, Options())
        assert plan.refusals == () and plan.steps[-1][PATH].decode() == text
        assert plan.back[-1][PATH].decode() == edited
    # one of others' stays a reason to refuse
    host.files[PATH] = (SMTP + broken).encode()
    with pytest.raises(Refused, match="postconf can't read Postfix's settings: postconf: fatal"):
        Postfix().read()


CERTIFICATE, OTHER = (
    "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % (letter * 8) for letter in "AB"
)


@pytest.mark.parametrize(
    "key, content, other",
    [
        ("mail.example.com", CERTIFICATE + OTHER, False),
        ("mail.example.com", OTHER + CERTIFICATE, True),
        (".example.com", OTHER, True),
        (".com", OTHER, True),
        (".mail.example.com", OTHER, False),
        ("www.example.com", OTHER, False),
    ],
)
def test_certificate_of_a_name_is_looked_up_as_postfix_does(monkeypatch, key, content, other):
    files = {"/tls/a.pem": (CERTIFICATE + OTHER).replace("\n", "\r\n").encode()}
    host = FakeHost(monkeypatch, files=files)
    host.run = None
    asked = []

    def run(argv):
        asked.append(argv)
        return (0, "KEY\n" + content, "") if argv[3] == key else (1, "", "")

    monkeypatch.setattr(reading, "run", run)
    maps = "hash:/etc/postfix/sni, hash:/etc/postfix/more"
    assert reading.serves_other(maps, "mail.example.com", "/tls/a.pem") == other
    assert asked[0] == "postmap -F -q mail.example.com hash:/etc/postfix/sni".split() + [
        "hash:/etc/postfix/more"
    ]


def test_missing_configuration_is_refused(monkeypatch):
    host = FakeHost(monkeypatch, {"main": {**DEBIAN, "config_directory": "/etc/postfix"}})
    with pytest.raises(
        Refused,
        match="/etc/postfix/master.cf is missing: check that Postfix is set up on this host",
    ):
        Postfix().read()
    host.answers["main"] = {}
    with pytest.raises(
        Refused,
        match=r"postconf does not say where Postfix's files are \(config_directory\): "
        "check that Postfix is set up",
    ):
        Postfix().read()


def test_validation_reports_only_new_messages(monkeypatch):
    messages = ["unused parameter: x=1\n"]
    host = FakeHost(monkeypatch, {"main": {"config_directory": "/etc/postfix"}})
    host.answers["postconf -M"] = 0, "", "unused parameter: x=1\n"
    monkeypatch.setattr(
        sandbox,
        "validate_in_copy",
        lambda folder, state, argv: (len(messages) - 1, "".join(messages)),
    )
    Postfix().validate({PATH: b""})
    messages.append("fatal: bad field count\n")
    with pytest.raises(
        Refused, match="Postfix does not accept the new master.cf: fatal: bad field count"
    ):
        Postfix().validate({PATH: b""})
