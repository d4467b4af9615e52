# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How OpenLDAP is set up on a host is read from its processes and files."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import (
    host as host_module,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.host import (
    SlapdProcess,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    UnknownLayout,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.server import Slapd
from support.slapd import STOCK, ldap, planned, refused

RUNNING = SlapdProcess(7, ("/usr/sbin/slapd", "-h", "ldap://198.51.100.9/ ldapi:///"), True)


LAYOUT = (
    "Unsupported OpenLDAP layout: %s. Supported: the service reads SLAPD_SERVICES from "
    "/etc/default/slapd, as Debian's package sets it up. Restore that, or leave slapd out of "
    "servers"
)


@pytest.fixture(name="host")
def _host(monkeypatch, tmp_path):
    """host(text, reader, processes): a host with this /etc/default/slapd and these slapds, and
    nothing else."""

    def make(text, reader="shell", processes=()):
        def whose():
            if " " in reader:
                raise UnknownLayout(reader)
            return reader

        conf = tmp_path / "slapd.d"
        (conf / "cn=config").mkdir(parents=True, exist_ok=True)
        real, files = (
            host_module.text_of,
            {
                DEFAULTS: text
                if not text or "SLAPD_CONF" in text
                else "SLAPD_CONF=%s\n%s" % (conf, text)
            },
        )
        monkeypatch.setattr(
            host_module, "text_of", lambda path: files.get(path) if path in files else real(path)
        )
        monkeypatch.setattr(host_module, "reader_of_defaults", whose)
        monkeypatch.setattr(host_module, "processes", lambda: list(processes))

    with monkeypatch.context():
        yield make


@pytest.mark.parametrize(
    "text, reader, message",
    [
        ("", "shell", LAYOUT % "/etc/default/slapd is missing or empty"),
        (STOCK, "slapd.service does not …", LAYOUT % "slapd.service does not …"),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='-h ldap:///'"),
            "shell",
            LAYOUT % "SLAPD_OPTIONS in /etc/default/slapd has -h ldap:///",
        ),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='-F/srv/slapd.d'"),
            "shell",
            LAYOUT % "SLAPD_OPTIONS in /etc/default/slapd has -F/srv/slapd.d",
        ),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='-u ldap2'"),
            "systemd",
            LAYOUT % "SLAPD_OPTIONS in /etc/default/slapd has -u ldap2",
        ),
        *(
            (
                STOCK + '%s="$BASE/x"\n' % name,
                "shell",
                LAYOUT
                % (
                    '/etc/default/slapd, line %d: write %s="…" on a line of its own, without $ '
                    "and without a comment behind it" % (STOCK.count("\n") + 2, name)
                ),
            )
            for name in ("SLAPD_USER", "SLAPD_GROUP")
        ),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='\"'"),
            "shell",
            LAYOUT % "No closing quotation",
        ),
        (
            ". /etc/mine\n",
            "shell",
            LAYOUT % "/etc/default/slapd, line 2, has shell code: . /etc/mine",
        ),
    ],
)
def test_an_unsupported_layout_is_read_from_the_running_slapd(host, text, reader, message):
    host(text, reader, [RUNNING])
    found = Slapd().read()
    assert found.details.problems == (message,)
    assert refused(found, [ldap("198.51.100.11")]) == [message]
    assert [(entry.listener.address, entry.where) for entry in found.listeners] == [
        ("198.51.100.9", "the command line of the running slapd: ldap://198.51.100.9/")
    ]
    assert [entry.text for entry in found.unmapped] == ["ldapi:///"]


def test_slapd_conf_is_read_and_never_written(host, tmp_path):
    conf = tmp_path / "slapd.conf"
    conf.write_text("TLSCertificateFile /a.pem\nTLSCertificateKeyFile /a.key\n")
    host("SLAPD_CONF=%s\n%s" % (conf, STOCK))
    found = Slapd().read()
    assert [entry.listener[:6] for entry in found.listeners] == [
        (address, 389, "ldap", "tls", "/a.pem", "/a.key") for address in ("0.0.0.0", "::")
    ]
    assert found.details.problems == (
        "OpenLDAP is configured by %s, which can't be changed while slapd runs: convert it "
        "(slaptest -f %s -F /etc/ldap/slapd.d, as the user openldap, into an empty folder), empty "
        "SLAPD_CONF in /etc/default/slapd, and restart slapd" % (conf, conf),
    )


def test_what_keeps_slapd_from_starting_is_a_problem(host, tmp_path):
    sentinel = tmp_path / "noslapd"
    text = "%sSLAPD_NO_START=1\nSLAPD_SENTINEL_FILE=%s\n" % (STOCK, sentinel)
    host(text)
    sentinel.touch()
    assert Slapd().read().details.problems == (
        "SLAPD_NO_START in /etc/default/slapd keeps slapd from starting: remove it, or leave slapd "
        "out of servers",
        "%s keeps slapd from starting: remove it, or leave slapd out of servers" % sentinel,
    )
    host(text, "systemd")  # which knows neither
    assert Slapd().read().details.problems == ()


def test_options_for_one_family_count(host):
    host(STOCK.replace('SLAPD_OPTIONS=""', 'SLAPD_OPTIONS="-4 -d 0"'))
    assert Slapd().read().sockets == {("0.0.0.0", 389)}
    host(
        STOCK.replace('SLAPD_OPTIONS=""', 'SLAPD_OPTIONS="-6"').replace(
            "ldap:///", "ldap://127.0.0.1/"
        )
    )
    assert refused(Slapd().read(), [ldap("198.51.100.11")])[0] == (
        "198.51.100.11:389: OpenLDAP does not serve IPv4 on this host: see SLAPD_OPTIONS in "
        "/etc/default/slapd and the host's own settings"
    )


def test_keys_are_read_as_the_configured_user(host):
    host(STOCK)
    assert Slapd().reads_keys_as == "openldap"
    host("SLAPD_USER=\n")
    assert Slapd().reads_keys_as == "root"


def test_other_slapds_are_a_problem():
    ours = SlapdProcess(7, ("/usr/sbin/slapd", "-h", "ldap:/// ldapi:///", "-u", "openldap"), True)
    assert (
        ours.services == "ldap:/// ldapi:///" and SlapdProcess(8, ("slapd",), True).services is None
    )
    assert (
        list(host_module.process_problems([])) == list(host_module.process_problems([ours])) == []
    )
    assert list(host_module.process_problems([ours._replace(of_service=False)])) == [
        "The running slapd (process 7: /usr/sbin/slapd -h ldap:/// ldapi:/// -u openldap) is not "
        "the service's, and a restart of the service would not replace it: stop it, start the "
        "service slapd.service, and try again"
    ]
    assert list(host_module.process_problems([ours, ours._replace(pid=9)])) == [
        "Several slapds run on this host (processes 7, 9), and mail_listeners can't tell which one "
        "is meant: stop the others, or leave slapd out of servers"
    ]


@pytest.mark.parametrize(
    "content, library", [(b"libgnutls.so.30", "GnuTLS"), (b"libssl.so.3", "OpenSSL")]
)
def test_the_tls_library_is_the_one_that_openldap_is_linked_to(
    tmp_path, monkeypatch, content, library
):
    (tmp_path / "libldap-2.5.so.0").write_bytes(b"\x7fELF\0%s\0" % content)
    monkeypatch.setattr(host_module, "LIBRARIES", (str(tmp_path / "libldap*.so.*"),))
    assert Slapd().tls_library == library


OUR_LINE = 'SLAPD_SERVICES="ldapi:/// ldap://127.0.0.1:389/'


@pytest.mark.parametrize("reader", ["shell", "systemd"])
@pytest.mark.parametrize(
    "edit",
    [
        (OUR_LINE, "export " + OUR_LINE),
        (OUR_LINE, "\t" + OUR_LINE),
        (OUR_LINE, OUR_LINE.replace("ldapi", "$X ldapi")),
        (OUR_LINE, OUR_LINE.replace('="', '="\n')),
        (OUR_LINE, OUR_LINE.replace('"', "'")),
        (OUR_LINE, "SLAPD_SERVICES= " + OUR_LINE[15:]),
    ],
    ids=str,
)
def test_line_of_ours_that_an_edit_broke_is_written_anew_or_removed(host, edit, reader):
    host(STOCK, reader, [RUNNING])
    before = Slapd().read()
    wanted = [ldap("198.51.100.9", encryption="none")]
    text = planned(wanted, before).steps[0][DEFAULTS].decode()
    assert text.count(edit[0]) == 1
    host(text.replace(*edit), reader, [RUNNING])
    found = Slapd().read()
    assert found.details.problems == ()
    assert planned(wanted, found).steps[0][DEFAULTS].decode() == text
    assert planned(None, found).steps[0][DEFAULTS].decode() == before.details.text
