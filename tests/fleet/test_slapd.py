# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenLDAP 2.5 and 2.6 on hosts: what our class says, and what clients on another host see."""

from __future__ import annotations

import concurrent.futures

import pytest

from support.fleet.clients import Refused
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, put_certificate
from support.fleet.slapd import (
    BACK_SECONDS,
    BOOT,
    CONFIG,
    DEFAULTS,
    LOOPBACK,
    STOCK,
    SUITES,
    TLS,
    change_config,
    files_of,
    ldap,
    make_pair,
    pid,
    restored,
    set_certificate_by_hand,
    slapds,
    tls_values,
)


@pytest.fixture(name="pair", scope="module")
def _pair(make_hosts):
    return make_pair(make_hosts)


@pytest.fixture(name="driven", params=SUITES)
def _driven(request, pair):
    with restored(pair[request.param]) as driven:
        yield driven


@pytest.fixture(name="host")
def _host(driven):
    return driven.host


# -- the story


def test_a_stock_server_is_read_and_left_alone(driven, host):
    read = driven.read()
    assert read["rows"] == [["0.0.0.0", 389, "none", "", ""], ["::", 389, "none", "", ""]]
    assert {(address, port, "slapd") for address, port in read["sockets"]} == slapds(host) == STOCK
    assert [entry["text"] for entry in read["unmapped"]] == ["ldapi:///"]
    assert (
        read["details"]["problems"],
        read["config_path"],
        read["running"],
        read["reads_keys_as"],
    ) == (
        [],
        "",
        True,
        "openldap",
    )
    assert read["details"]["reader"] == {"bookworm": "shell", "trixie": "systemd"}[host.suite]
    before, was = host.snapshot("/etc", "/var/lib/ldap"), pid(host)
    assert driven.apply(*map(tuple, read["rows"]))["steps"] == []
    assert (host.snapshot("/etc", "/var/lib/ldap"), pid(host)) == (before, was)


def test_a_stock_server_gets_addresses_and_a_certificate_and_back(driven, host, clients, authority):
    four, six, other_four, other_six = host.addresses
    fingerprint = put_certificate(host, authority)
    before = files_of(host)
    wanted = [
        ldap(four),
        ldap(six),
        ldap(six, 636, "ssl"),
        ldap(other_four, 636, "ssl"),
        ldap(other_six, 1636, "ssl"),
        ldap(other_four, 1389),
    ]
    result = driven.apply(*wanted)
    assert result["in_order"] == [[BOOT, TLS, DEFAULTS]] and result["activation"] == "restart", (
        result
    )
    assert result["as_planned"] and result["again"] == 0
    assert slapds(host) == {(address, port, "slapd") for address, port, *how in wanted} | LOOPBACK
    for address, port, encryption, *_how in wanted:
        assert "dc=example,dc=test" in clients.ldapsearch(
            address, "(objectClass=*)", port, "ssl" if encryption == "ssl" else "starttls"
        )
        assert (
            clients.served_certificate(address, port, None if encryption == "ssl" else "ldap")
            == fingerprint
        )
    assert host.run(["ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"]).stdout.startswith(
        "dn:gidNumber=0"
    )
    assert host.run(["stat", "-c", "%U:%G %a", CONFIG]).stdout == "openldap:openldap 600\n"
    read = driven.read()
    assert read["config_path"] == "/etc/mail-bindings/bindings.json"
    assert BOOT in host.run(["systemctl", "show", "-p", "DropInPaths", "slapd"]).stdout

    settled, was = host.snapshot("/etc"), pid(host)
    assert driven.apply(*wanted)["steps"] == []
    assert (host.snapshot("/etc"), pid(host)) == (settled, was)

    # one of many goes
    assert driven.apply(*wanted[:-1])["activation"] == "restart"
    assert (
        slapds(host) == {(address, port, "slapd") for address, port, *how in wanted[:-1]} | LOOPBACK
    )

    # a running slapd keeps its certificate: its removal takes a stop
    change = (
        "dn: cn=config\nchangetype: modify\n"
        "delete: olcTLSCertificateFile\n-\ndelete: olcTLSCertificateKeyFile\n"
    )
    with pytest.raises(AssertionError, match="53"):
        host.run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"], input=change)
    result = driven.absent()
    assert result["in_order"] == [[DEFAULTS, BOOT, TLS]] and result["again"] == 0, result
    assert slapds(host) == STOCK and tls_values(host) == []
    assert files_of(host) == before
    assert host.run(["stat", "-c", "%U:%G %a", CONFIG]).stdout == "openldap:openldap 600\n"
    with pytest.raises(Refused):
        clients.ldapsearch(four)
    assert clients.ldapsearch(four, "(objectClass=*)", tls=None)


def test_wildcards_become_addresses_and_are_given_back(driven, host, clients):
    """A server that was set up by hand: a certificate, STARTTLS and ldaps everywhere."""
    four, six = host.addresses[:2]
    host.write(
        DEFAULTS, driven.defaults.replace("ldap:/// ldapi:///", "ldap:/// ldaps:/// ldapi:///")
    )
    change_config(
        host,
        "replace: olcTLSCertificateFile\n"
        f"olcTLSCertificateFile: {CERTIFICATE}\n"
        "-\n"
        "replace: olcTLSCertificateKeyFile\n"
        f"olcTLSCertificateKeyFile: {PRIVATE_KEY}\n"
        "-",
    )
    before, was = host.read(DEFAULTS), pid(host)
    everywhere = [ldap("0.0.0.0"), ldap("::"), ldap("0.0.0.0", 636, "ssl"), ldap("::", 636, "ssl")]
    assert sorted(map(tuple, driven.read()["rows"])) == sorted(everywhere)
    assert driven.apply(*everywhere)["steps"] == []
    assert (host.read(DEFAULTS), pid(host)) == (before, was)
    for wanted, sockets in (
        (
            [ldap(four), ldap(six, 636, "ssl")],
            {
                (four, 389),
                (six, 636),
                ("127.0.0.1", 389),
                ("::1", 389),
                ("127.0.0.1", 636),
                ("::1", 636),
            },
        ),
        (everywhere, {("0.0.0.0", 389), ("::", 389), ("0.0.0.0", 636), ("::", 636)}),
        (
            [ldap("::"), ldap(four)],
            {("::", 389), (four, 389), ("127.0.0.1", 389), ("127.0.0.1", 636)},
        ),
        (
            [ldap("0.0.0.0", 389, "none")],
            {("0.0.0.0", 389), ("127.0.0.1", 636)},
        ),
    ):
        result = driven.apply(*wanted)
        assert result["as_planned"] and result["again"] == 0, result
        assert slapds(host) == {(*socket, "slapd") for socket in sockets}
    assert clients.ldapsearch(four)  # none: it is not asked for, and still offered
    assert driven.absent()["again"] == 0
    assert host.read(DEFAULTS) == before and len(tls_values(host)) == 2


# -- certificates


def test_a_renewed_certificate_is_served_after_a_reload(driven, host, clients, authority):
    old = put_certificate(host, authority)
    driven.apply(ldap(host.address), ldap(host.address, 636, "ssl"))
    new, was = put_certificate(host, authority), pid(host)
    assert clients.served_certificate(host.address, 389, "ldap") == old != new
    assert driven("activate", how="reload")["failed"] == ""
    assert (
        clients.served_certificate(host.address, 389, "ldap")
        == clients.served_certificate(host.address, 636)
        == new
    )
    assert pid(host) == was


def test_a_broken_renewal_leaves_the_old_certificate_served(driven, host, clients, authority):
    old = put_certificate(host, authority)
    driven.apply(ldap(host.address))
    host.write(PRIVATE_KEY, "nonsense\n", 0o640, "root:ssl-cert")
    was = pid(host)
    failed = driven("activate", how="reload")["failed"]
    assert failed == (
        f"Failed: OpenLDAP can't use the certificate {CERTIFICATE} with the key {PRIVATE_KEY}: a "
        "slapd that was started with them as a test, as the user openldap, ended at once"
    )
    assert driven("activate", how="restart")["failed"] == failed  # it would not come back
    assert clients.served_certificate(host.address, 389, "ldap") == old
    assert pid(host) == was
    put_certificate(host, authority)
    assert driven("activate", how="reload")["failed"] == ""


def test_a_change_of_the_certificate_is_live(driven, host, clients, authority):
    put_certificate(host, authority)
    driven.apply(ldap(host.address))
    was = pid(host)
    both = "/etc/ssl/mail/key and chain.pem"
    fingerprint = put_certificate(host, authority, both, None)
    result = driven.apply(ldap(host.address, certificate=both, key=""))
    assert (
        result["activation"] == "none"
        and result["in_order"] == [[TLS, DEFAULTS]]
        and result["again"] == 0
    ), result
    assert clients.served_certificate(host.address, 389, "ldap") == fingerprint
    assert pid(host) == was


@pytest.mark.parametrize("key", ["another certificate's", "unreadable", "missing"])
def test_an_unusable_key_is_refused_before_a_change(driven, host, clients, authority, key):
    fingerprint = put_certificate(host, authority)
    assert driven.apply(ldap(host.address))["again"] == 0
    path = "/etc/ssl/mail/bad.pem"
    if key == "missing":
        host.run(["rm", "-f", path])
    else:
        put_certificate(
            host,
            authority,
            "/etc/ssl/mail/unused.pem",
            path,
            which="another" if key.startswith("another") else "mail",
        )
        host.run(["chmod", "0600" if key == "unreadable" else "0640", path])
    before, was = host.read(DEFAULTS), pid(host)
    # it is seen before anything is touched
    (refused,) = driven.apply(ldap(host.address, key=path))["refused"]
    assert refused.startswith(
        f"OpenLDAP can't use the certificate {CERTIFICATE} with the key {path}: a slapd that was "
        "started with them as a test, as the user openldap, ended at once"
    )
    assert (f"; missing: {path}: " in refused) == (key == "missing")
    assert (host.read(DEFAULTS), pid(host)) == (before, was)
    # and where it is not seen, as when the key is put in place after the check, TLS is served again
    # at once: 2.5 drops it
    result = driven.apply(ldap(host.address, key=path), validate=False)
    assert (
        result["failed"].startswith(
            f"Failed: OpenLDAP refused the certificate {CERTIFICATE} with the key {path}: "
        )
        and "(80)" in result["failed"]
    )
    assert result["as_before"] and result["back"] < BACK_SECONDS
    assert (host.read(DEFAULTS), pid(host)) == (before, was)
    assert clients.served_certificate(host.address, 389, "ldap") == fingerprint


def test_absent_is_refused_if_the_old_certificate_is_missing(driven, host, clients, authority):
    old, now = "/etc/ssl/mail/old.pem", put_certificate(host, authority)
    put_certificate(host, authority, old, None)
    set_certificate_by_hand(host, old)
    assert driven.apply(ldap(host.address))["again"] == 0
    host.run(["rm", old])
    before, was = host.read(DEFAULTS), pid(host)
    (refused,) = driven.absent()["refused"]
    assert (
        f"; missing: {old}: restore it; or, if state: absent is to give it back, first set other "
        "files in cn=config yourself" in refused
    )
    assert (host.read(DEFAULTS), pid(host)) == (before, was)
    assert clients.served_certificate(host.address, 389, "ldap") == now
    # the way out
    other = "/etc/ssl/mail/other.pem"
    fingerprint = put_certificate(host, authority, other, None)
    set_certificate_by_hand(host, other)
    assert driven.absent()["again"] == 0
    assert host.read(DEFAULTS) == driven.defaults
    assert tls_values(host) == [
        f"olcTLSCertificateFile: {other}",
        f"olcTLSCertificateKeyFile: {other}",
    ]
    assert clients.served_certificate(host.address, 389, "ldap") == fingerprint


def test_a_refused_first_certificate_is_rolled_back(driven, host, clients, authority):
    put_certificate(host, authority)
    result = driven.apply(ldap(host.address, key="/nowhere"), validate=False)
    assert result["failed"] and result["as_before"], result
    assert slapds(host) == STOCK and tls_values(host) == []
    assert clients.ldapsearch(host.address, "(objectClass=*)", tls=None)
    assert driven.apply(ldap(host.address))["again"] == 0
    assert clients.ldapsearch(host.address)


def test_root_without_access_to_cn_config_is_refused(driven, host):
    access = "replace: olcAccess\nolcAccess: {0}to * by %s\n-"
    database, everybody = (
        "olcDatabase={0}config,cn=config",
        "dn.exact=gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth manage by * break",
    )
    change_config(host, access % "* none", database)
    try:
        (refused,) = driven.apply(ldap(host.address))["refused"]
    finally:
        change_config(host, access % everybody, database)
    assert refused == (
        "OpenLDAP does not let gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth, which is "
        "root on ldapi:///, change cn=config: grant it that right. Debian's default is olcAccess "
        "{0}to * by dn.exact=gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth manage, on "
        "olcDatabase={0}config"
    )
    assert slapds(host) == STOCK


def test_a_session_is_not_cut_by_a_change_of_the_certificate(driven, host, authority):
    put_certificate(host, authority)
    driven.apply(ldap(host.address))

    def ask():
        # one connection with 2000 searches
        searches = "".join(f"(uid=nobody{number})\n" for number in range(2000))
        host.write("/root/searches", searches)
        return host.run(
            [
                "ldapsearch",
                "-x",
                "-LLL",
                "-H",
                f"ldap://{host.address}",
                "-b",
                "dc=example,dc=test",
                "-f",
                "/root/searches",
                "%s",
                "dn",
            ],
            check=False,
        )

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        while not asking.done():
            assert driven("activate", how="reload")["failed"] == ""
        assert asking.result().returncode == 0, asking.result().stderr
