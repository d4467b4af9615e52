# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewal hook as it is installed on hosts, without Ansible and without mail servers."""

from __future__ import annotations

import ast
import fcntl
import importlib.util
import json
import os
import pathlib
import re
import shutil
import stat

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import lock_file
from ansible_collections.mailops.bindings.plugins.module_utils._transaction import lock
from support import pki

ROLE = pathlib.Path(__file__).parents[3] / "roles" / "mail_bindings"
PROGRAM = ROLE / "files" / "mail_bindings_renewed.py"
OLD, NEW = "T0xE", "TkVX"  # Base64

CONFIG = {
    "wait_seconds": 0,
    "protocols": {
        "imap": {"servers": ["absent", "dovecot"], "starttls": "imap", "farewell": "z LOGOUT\r\n"},
        "ldap": {"servers": ["slapd"], "starttls": "ldap", "farewell": ""},
    },
    "servers": {
        "absent": {"title": "Absent", "command": ["/nonexistent/absent"], "stdin": ""},
        "dovecot": {"title": "Dovecot", "command": ["sh", "-c", "doveadm"], "stdin": ""},
        "slapd": {
            "title": "OpenLDAP",
            "command": ["sh", "-c", "ldapmodify"],
            "stdin": "%(certificate_path)s %(private_key_path)s",
        },
    },
}


def pem(body):
    return "-----BEGIN CERTIFICATE-----%s-----END CERTIFICATE-----\n" % body


@pytest.fixture
def hook():
    """The program as a module, with nothing of an earlier test in it."""
    spec = importlib.util.spec_from_file_location("mail_bindings_renewed", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Host:
    """A host whose servers serve C(served), and take what the file has when they are told."""

    def __init__(self, hook, folder, monkeypatch):
        self.folder, self.hook = folder, hook
        self.served = {"143": OLD, "993": OLD, "636": OLD}
        self.mismatched, self.deaf, self.unloadable = False, False, ""
        self.told, self.visits = [], []
        self.certificate = folder / "cert.pem"
        self.certificate.write_text(pem(NEW))
        monkeypatch.setattr(hook, "run", self.run)
        monkeypatch.setattr(hook, "LOCK", str(folder / "lock"))
        monkeypatch.setattr(hook, "SERVED_SECONDS", 0.6)
        monkeypatch.setattr(hook, "load_problem", lambda *pair: self.unloadable)
        monkeypatch.setattr(hook, "is_local", lambda address: address != "192.0.2.9")

    def run(self, *command, stdin=""):
        if command[:2] == ("openssl", "s_client"):
            self.visits.append((command, stdin))
            body = self.served[command[3].rpartition(":")[2]]
            return 0, pem(body) if body else "", ""
        if command[0] == "openssl":
            return 0, "another" if self.mismatched and command[1] == "pkey" else "key", ""
        self.told.append((command[-1], stdin))
        if not self.deaf:
            self.served = dict.fromkeys(self.served, NEW)
        return 0, "", "it says no" if self.deaf else ""

    def main(self, *ports, addresses=("192.0.2.1",)):
        entries = [
            {
                "name": name,
                "protocol": protocol,
                "port": number,
                "encryption": encryption,
                "certificate_path": str(self.certificate),
            }
            for name, protocol, number, encryption in ports
        ]
        names = [entry["name"] for entry in entries] + ["plain"]
        entries.append({"name": "plain", "protocol": "imap", "port": 144, "encryption": "none"})
        document = {
            "ports": entries,
            "ip_addresses": [
                {"address": address, "ports": names, "hostname": "mx"} for address in addresses
            ],
        }
        (self.folder / "bindings.json").write_text(json.dumps(document))
        config = {**CONFIG, "config_path": str(self.folder / "bindings.json")}
        (self.folder / "hook.json").write_text(json.dumps(config))
        return self.hook.main([str(self.folder / "hook.json")])


IMAPS, IMAP = ("IMAPS", "imap", 993, "ssl"), ("IMAP", "imap", 143, "tls")
LDAPS = ("LDAPS", "ldap", 636, "ssl")


@pytest.fixture
def host(hook, tmp_path, monkeypatch):
    return Host(hook, tmp_path, monkeypatch)


def test_a_server_with_an_old_certificate_is_told_once(host, capsys):
    assert host.main(IMAPS, IMAP, addresses=("192.0.2.1", "2001:db8::1")) == 0
    assert host.told == [("doveadm", "")]
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines() == [
        "mail-bindings: %s serves its renewed certificate" % name
        for name in (
            "192.0.2.1 port 993 (IMAPS)",
            "192.0.2.1 port 143 (IMAP)",
            "2001:db8::1 port 993 (IMAPS)",
            "2001:db8::1 port 143 (IMAP)",
        )
    ]


def test_the_command_gets_the_paths(host):
    assert host.main(LDAPS) == 0
    assert host.told == [("ldapmodify", "%s %s" % (host.certificate, host.certificate))]


def test_a_server_with_the_right_certificate_is_left_alone(host, capsys):
    host.served["993"] = NEW
    assert host.main(IMAPS) == 0
    assert host.told == [] and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("case", ["does not answer", "is elsewhere"])
def test_a_listener_that_does_not_answer_here_is_left_alone(host, case):
    if case == "does not answer":
        host.served["993"] = ""
    addresses = ["192.0.2.9"] if case == "is elsewhere" else ["192.0.2.1"]
    assert host.main(IMAPS, addresses=addresses) == 0
    assert host.told == []


def test_a_key_that_does_not_match_is_not_taken(host, capsys):
    host.mismatched = True
    assert host.main(IMAPS) == 1
    assert host.told == []
    said = capsys.readouterr().err
    assert "is not that of" in said and "Dovecot was not told" in said
    assert "at risk: they would not answer after a restart" in said


def test_a_file_that_openssl_does_not_load_is_not_taken(host, capsys):
    host.unloadable = "bad end line"
    assert host.main(IMAPS) == 1 and host.told == []
    assert "does not load: bad end line: Dovecot was not told" in capsys.readouterr().err


def test_a_server_that_keeps_its_certificate_is_named_with_what_it_says(host, capsys):
    host.deaf = True
    assert host.main(IMAPS) == 1
    said = capsys.readouterr().err
    assert "192.0.2.1 port 993 (IMAPS) still serves another certificate than" in said
    assert said.endswith("it says no\n")


def test_it_holds_the_lock_of_mail_listeners_which_no_other_user_can_take(host):
    """It shares the file and its protocol with the modules, and has no code of theirs."""
    assert 'LOCK = "%s"' % lock.LOCK in PROGRAM.read_text(encoding="utf-8")
    lock_path = host.folder / "lock"
    lock_path.write_text("")
    lock_path.chmod(0o644)
    fcntl.flock(os.open(lock_path, os.O_RDONLY), fcntl.LOCK_EX)  # as another user can
    with host.hook.locked():
        assert stat.S_IMODE(lock_path.stat().st_mode) == 0o600
        with pytest.raises(lock_file.Busy, match="process %d " % os.getpid()):
            with lock_file.held(str(lock_path), 0):
                pass
    assert not lock_path.exists()


def test_its_wait_for_the_lock_has_a_limit(host, monkeypatch):
    monkeypatch.setattr(host.hook, "LOCK_SECONDS", 0.2)
    lock_path = str(host.folder / "lock")
    with lock_file.held(lock_path, 0):
        with pytest.raises(SystemExit, match="process %d has held the lock" % os.getpid()):
            host.main(IMAPS)
    assert host.told == [] and host.main(IMAPS) == 0 and not os.path.exists(lock_path)


def test_a_failure_under_the_lock_is_not_hidden_and_gives_it_up(host):
    with pytest.raises(FileNotFoundError), host.hook.locked():
        raise FileNotFoundError
    assert not (host.folder / "lock").exists()


def test_a_pipe_or_a_huge_file_in_a_certificates_place_holds_nothing_up(hook, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert hook.read_text(str(tmp_path / "pipe")) == ""
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1 << 40)
    assert len(hook.read_text(str(tmp_path / "huge"))) == hook.MAX_CHARACTERS


def test_visits_are_polite_and_ask_for_the_name(host):
    host.main(IMAP, LDAPS, addresses=("::",))
    (imap, farewell), (ldap, nothing) = host.visits[:2]
    assert "[::1]:143" in imap and imap[imap.index("-starttls") + 1] == "imap"
    assert imap[imap.index("-servername") + 1] == "mx"
    assert farewell == "z LOGOUT\r\n" and "-ign_eof" in imap
    assert nothing == "" and "-ign_eof" not in ldap and "-starttls" not in ldap


@pytest.mark.parametrize("content", [None, "{", "\xff"])
def test_a_configuration_that_cannot_be_read_ends_it(hook, tmp_path, content):
    path = tmp_path / "hook.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SystemExit, match="mail-bindings: .*hook.json can't be read"):
        hook.main([str(path)])


def test_the_configuration_is_beside_the_program(hook, tmp_path, monkeypatch):
    monkeypatch.setattr(hook, "__file__", str(tmp_path / "mail-bindings-renewed"))
    with pytest.raises(SystemExit, match=re.escape(str(tmp_path / "mail-bindings-renewed.json"))):
        hook.main([])


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_says_whether_a_key_matches(hook, tmp_path):
    pki.write_set(tmp_path)
    other_key = pki.write(tmp_path / "other.pem", pki.key_bytes(pki.key(which="other")))
    port = {"certificate_path": str(tmp_path / "cert.pem")}
    assert hook.mismatch({**port, "private_key_path": str(tmp_path / "key.pem")}) == ""
    other = hook.mismatch({**port, "private_key_path": str(other_key)})
    assert "is not that of" in other
    assert "has no private key" in hook.mismatch(port)
    glued = tmp_path / "glued.pem"
    text = (tmp_path / "cert.pem").read_text()
    glued.write_text(text + text.rstrip("\n") + text)
    key = {"private_key_path": str(tmp_path / "key.pem")}
    assert "glued.pem does not load: " in hook.mismatch({"certificate_path": str(glued), **key})
    assert "has no certificate" in hook.mismatch({"certificate_path": str(tmp_path / "key.pem")})


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.0.0.1", "127.1.2.3"])
def test_loopback_and_wildcards_are_local(hook, address):
    assert hook.is_local(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_addresses_of_documentation_are_not_local(hook, address):
    assert not hook.is_local(address)


def test_a_command_that_cannot_be_run_failed(hook):
    status, output, errors = hook.run("/nonexistent/program")
    assert (status, output) == (1, "") and "/nonexistent/program" in errors


def test_it_runs_on_the_oldest_python_and_has_no_template_in_it():
    source = PROGRAM.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 9))
    assert not re.search("{{|{%|{#|ansible_collections", source)
