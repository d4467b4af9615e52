# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenLDAP's files say."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    Tls,
    UnknownLayout,
)


@pytest.mark.parametrize(
    "text, reader, value",
    [
        ("A=1\nA=2\n", "shell", "2"),
        ("export A=1\n", "shell", "1"),
        ("export A=1\nA=2 \n", "systemd", "2"),
        ("A=2\nexport A=1\n", "systemd", "2"),
        ('A="1" # why\n', "shell", "1"),
        ("A=\n", "shell", ""),
        ("#A=1\nB=1\n", "shell", None),
        ("ulimit -n 8192\nA=1\n", "shell", "1"),
        ('A="a \\"b\\" \\c"\n', "shell", 'a "b" \\c'),
        ("if true\nA=1\n", "systemd", "1"),
        ('A="1"\r\n', "systemd", "1"),
    ],
)
def test_the_setting_that_counts_is_found(text, reader, value):
    found = parser.setting(text, "A", reader)
    assert (found.value if found else None) == value


@pytest.mark.parametrize(
    "text, reader, message",
    [
        (
            'A="$B"\n',
            "shell",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without '
            "a comment behind it",
        ),
        (
            "A=`x`\n",
            "systemd",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without '
            "a comment behind it",
        ),
        (
            'B=1\nA="1" # why\n',
            "systemd",
            '/etc/default/slapd, line 2: write A="…" on a line of its own, without $ and without '
            "a comment behind it",
        ),
        (
            "A=1 2\n",
            "shell",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without '
            "a comment behind it",
        ),
        (
            'A="1\n',
            "shell",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without '
            "a comment behind it",
        ),
        (
            "\n[ -e /x ] && A=1\n",
            "shell",
            "/etc/default/slapd, line 2, has shell code: [ -e /x ] && A=1",
        ),
        (
            ". /etc/default/other\n",
            "shell",
            "/etc/default/slapd, line 1, has shell code: . /etc/default/other",
        ),
        ("f() {\n A=1\n}\n", "shell", "/etc/default/slapd, line 1, has shell code: f() {"),
        ("unset A\n", "shell", "/etc/default/slapd, line 1, has shell code: unset A"),
    ],
)
def test_settings_that_depend_on_code_are_unknown(text, reader, message):
    with pytest.raises(UnknownLayout) as unknown:
        parser.setting(text, "A", reader)
    assert str(unknown.value) == message


@pytest.mark.parametrize(
    "text, scheme, sockets",
    [
        ("ldap:///", "ldap", [("0.0.0.0", 389), ("::", 389)]),
        ("ldaps:///", "ldaps", [("0.0.0.0", 636), ("::", 636)]),
        ("ldap://*", "ldap", [("0.0.0.0", 389), ("::", 389)]),
        ("ldap://*:1389/", "ldap", [("0.0.0.0", 1389), ("::", 1389)]),
        ("ldap://:1389", "ldap", [("0.0.0.0", 1389), ("::", 1389)]),
        ("LDAP://198.51.100.9", "ldap", [("198.51.100.9", 389)]),
        ("ldaps://[2001:db8:51:0::9]:1636/dc=x?cn?sub", "ldaps", [("2001:db8:51::9", 1636)]),
        ("ldap://[::]:389/", "ldap", [("::", 389)]),
        ("ldap://localhost/", "ldap", [("127.0.0.1", 389), ("::1", 389)]),
        ("pldap://198.51.100.9/", "pldap", [("198.51.100.9", 389)]),
        ("ldapi:///", "ldapi", []),
        ("ldapi://%2Fvar%2Frun%2Fldapi/????!x-mod=0777", "ldapi", []),
        ("cldap://198.51.100.9/", "cldap", []),
    ],
)
def test_a_url_binds_sockets(text, scheme, sockets):
    url = parser.url_of(text)
    assert (url.scheme, list(url.sockets), url.unknown) == (scheme, sockets, "")
    assert bool(url.unmapped) == (scheme not in ("ldap", "ldaps"))


@pytest.mark.parametrize(
    "text",
    [
        "ldap://ldap.example.com/",
        "ldap://198.51.100.09/",
        "ldap://[fe80::1%25eth0]/",
        "http://x/",
        "ldap:/",
    ],
)
def test_some_urls_have_no_known_sockets(text):
    url = parser.url_of(text)
    assert url.unknown and url.unmapped and not url.sockets


def test_slapd_conf_is_read():
    settings = parser.conf_settings(
        'include /etc/ldap/schema/core.schema\nTLSCertificateFile "/etc/a.pem"\n'
        "tlscertificatekeyfile\n\t/etc/a.key\n# TLSCertificateFile /x\n"
    )
    assert parser.tls_settings(settings) == Tls("/etc/a.pem", "/etc/a.key")


DEBIAN_13 = """\
[Service]
EnvironmentFile=/etc/default/slapd
ExecStart=sh -c 'mkdir -p /run/slapd; \\
\texec /usr/sbin/slapd -d0 ${SLAPD_SERVICES:+-h "$SLAPD_SERVICES"}'
"""


@pytest.mark.parametrize(
    "units, reads",
    [
        ([], None),
        (["[Service]\nRemainAfterExit=no\n"], None),
        ([DEBIAN_13], True),
        ([DEBIAN_13, "[Service]\nRestart=always\n"], True),
        (
            [DEBIAN_13, "[Service]\nExecStart=\nExecStart=/usr/sbin/slapd -d0 -h 'ldap:///'\n"],
            False,
        ),
        (
            [
                DEBIAN_13,
                "[Service]\nExecStart=\nExecStart=/usr/sbin/slapd -d0 -h ${SLAPD_SERVICES} "
                "$SLAPD_OPTIONS\n",
            ],
            True,
        ),
        (
            [
                DEBIAN_13,
                '[Service]\nExecStart=\nExecStart=/usr/sbin/slapd -d0 -h "${SLAPD_SERVICES} '
                'ldaps:///"\n',
            ],
            False,
        ),  # its own as well
        ([DEBIAN_13.replace('"$SLAPD_SERVICES"', '"ldaps:/// $SLAPD_SERVICES"')], False),
        ([DEBIAN_13, "[Service]\nEnvironmentFile=-/etc/default/mine\n"], False),
        (
            [
                "[Service]\nEnvironmentFile=/etc/sysconfig/slapd\nExecStart=/usr/sbin/slapd -u "
                "ldap -h ${SLAPD_URLS} $SLAPD_OPTIONS\n"
            ],
            False,
        ),
    ],
)
def test_a_unit_reads_the_defaults_or_does_not(units, reads):
    assert parser.reads_defaults(units) is reads
