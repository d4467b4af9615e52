# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenLDAP with URLs that it does not start with, and in layouts and states of all kinds."""

from __future__ import annotations

import pytest

from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, put_certificate
from support.fleet.slapd import (
    BACK_SECONDS,
    BOOT,
    CONFIG,
    DEFAULTS,
    LOOPBACK,
    STOCK,
    SUITES,
    DrivenSlapd,
    change_config,
    files_of,
    ldap,
    make_pair,
    restored,
    slapds,
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


# -- URLs that slapd does not start with


def test_a_port_that_is_taken_after_the_plan_is_rolled_back(driven, host, clients, authority):
    put_certificate(host, authority)
    driven.apply(ldap(host.address))
    before = slapds(host)
    with host.popen(
        [
            "python3",
            "-c",
            f"import socket, time; s = socket.create_server(('{host.addresses[2]}', 636)); "
            "time.sleep(60)",
        ]
    ):
        host.wait_for_ports(636)
        result = driven.apply(ldap(host.address), ldap(host.addresses[2], 636, "ssl"))
    assert result["failed"].startswith("Failed: OpenLDAP does not start: "), result
    assert result["as_before"] and result["back"] < BACK_SECONDS
    assert slapds(host) == before
    assert clients.ldapsearch(host.address)


@pytest.mark.parametrize(
    "urls",
    [
        "ldap://198.51.100.99:389/ ldapi:///",
        "ldap:/// ldap://{0}:389/ ldapi:///",
        "ldap://{0}:389/ ldap://{0}/ ldapi:///",
        "cldap://{0}:389/ ldapi:///",
    ],
)
def test_slapd_does_not_start_with_bad_urls(driven, host, urls):
    urls = urls.format(host.address)
    assert (
        host.run(["slaptest", "-u", "-F", "/etc/ldap/slapd.d"], check=False).returncode == 0
    )  # it looks at no URL
    driven("put", resource=DEFAULTS, content=driven.defaults.replace("ldap:/// ldapi:///", urls))
    assert driven("activate", how="restart")["failed"].startswith(
        "Failed: OpenLDAP does not start: "
    )
    for _attempt in range(6):  # systemd would refuse to start it so often within ten seconds
        assert driven("activate", how="restart")["failed"].startswith(
            "Failed: OpenLDAP does not start: "
        )
    driven("put", resource=DEFAULTS, content=driven.defaults)
    assert driven("activate", how="restart")["failed"] == ""
    assert slapds(host) == STOCK


def test_refused_urls_do_not_work(driven, host):
    assert driven.apply(ldap("0.0.0.0", 389, "none"), ldap(host.address, 389, "none"))["refused"]
    # an address that is missing here is looked for by preflight, for all servers alike
    assert driven.apply(ldap("198.51.100.99", 389, "none"))["failed"]
    assert slapds(host) == STOCK


@pytest.mark.parametrize(
    "value, good",
    [
        ("1", True),
        ("1 ldap://other.example.com/", False),
        ("1 ldap:///", False),
        ("1 ldap://{0}:389/", True),
        ("1 LDAP://{0}:389/", True),
    ],
)
def test_server_ids_with_urls_are_refused_if_slapd_would_not_start(driven, host, value, good):
    """Also that what is refused does not work, and that what is not does."""
    value = value.format(host.address)
    change_config(host, f"replace: olcServerID\nolcServerID: {value}\n-")
    result = driven.apply(ldap(host.address, 389, "none"))
    if good:
        assert result["again"] == 0, result
        assert slapds(host) == {(address, 389, "slapd") for address in ("127.0.0.1", host.address)}
    else:
        assert result["refused"][0].startswith(
            f"olcServerID in cn=config names URLs ({value[2:]}), and OpenLDAP does not start unless"
        )


def test_absent_is_refused_with_a_later_server_id(driven, host):
    assert driven.apply(ldap(host.address, 389, "none"))["again"] == 0
    listening = slapds(host)
    change_config(host, f"replace: olcServerID\nolcServerID: 1 ldap://{host.address}:389/\n-")
    assert slapds(host) == listening
    before = files_of(host)
    assert driven.absent()["refused"][0].startswith("olcServerID in cn=config names URLs")
    assert (files_of(host), slapds(host)) == (before, listening)
    host.write(
        DEFAULTS, driven.defaults
    )  # that it is right to refuse: with what would have been given back it does not start
    host.run(["systemctl", "restart", "slapd"], check=False)
    assert slapds(host) == set()


# -- layouts and states


def test_a_reload_restarts_slapd_if_its_urls_were_edited(driven, host):
    host.write(
        DEFAULTS,
        driven.defaults.replace("ldap:/// ldapi:///", f"ldap://{host.address}:389/ ldapi:///"),
    )
    assert driven("activate", how="reload")["failed"] == ""  # takes a restart here
    assert slapds(host) == {(host.address, 389, "slapd")}


def test_a_unit_with_urls_of_its_own_is_unsupported(driven, host):
    host.write(
        "/etc/systemd/system/slapd.service.d/own.conf",
        "[Service]\n"
        "Type=forking\n"
        "ExecStart=\n"
        f"ExecStart=/usr/sbin/slapd -u openldap -g openldap -h 'ldap://{host.address}:1389/ "
        "ldapi:///'\n",
    )
    host.run(
        "mkdir -p /run/slapd; chown openldap: /run/slapd; systemctl daemon-reload; systemctl "
        "restart slapd"
    )
    read = driven.read()
    assert read["rows"] == [[host.address, 1389, "none", "", ""]]
    assert read["where"] == [f"the command line of the running slapd: ldap://{host.address}:1389/"]
    assert read["details"]["problems"][0].startswith(
        "Unsupported OpenLDAP layout: slapd.service does not take its URLs from SLAPD_SERVICES"
    )
    assert driven.apply(ldap(host.address))["refused"] == read["details"]["problems"]


def test_a_slapd_beside_the_service_is_refused(driven, host):
    host.run(
        "systemctl stop slapd; mkdir -p /run/slapd; chown openldap: /run/slapd; slapd -u openldap "
        "-g openldap -h 'ldap:/// ldapi:///'"
    )
    try:
        (refused,) = driven.apply(ldap(host.address))["refused"]
        assert (
            "slapd -u openldap -g openldap -h ldap:/// ldapi:///) is not the service's" in refused
        )
        host.run("slapd -u openldap -g openldap -h ldap://127.0.0.1:1389")
        assert driven.apply(ldap(host.address))["refused"][0].startswith(
            "Several slapds run on this host"
        )
    finally:
        host.run("pkill -x slapd; while pidof slapd; do sleep 0.1; done")


def test_a_replicated_cn_config_is_refused(driven, host):
    database = "olcDatabase={0}config,cn=config"
    change_config(
        host,
        "replace: olcSyncrepl\n"
        'olcSyncrepl: {0}rid=001 provider=ldap://198.51.100.1 searchbase="cn=config" '
        'type=refreshAndPersist retry="60 +"\n'
        "-",
        database,
    )
    try:
        read, result = driven.read(), driven.apply(ldap(host.address))
    finally:
        change_config(host, "replace: olcSyncrepl\n-", database)
    assert read["details"]["replicated"] and result["refused"][0].startswith(
        "cn=config is replicated (olcSyncrepl on olcDatabase={0}config)"
    )


def test_slapd_conf_is_read_and_refused(driven, host):
    host.write(
        "/etc/ldap/slapd.conf",
        "pidfile /run/slapd/slapd.pid\n"
        f"TLSCertificateFile {CERTIFICATE}\n"
        f"TLSCertificateKeyFile {PRIVATE_KEY}\n",
    )
    host.write(DEFAULTS, driven.defaults.replace("SLAPD_CONF=", "SLAPD_CONF=/etc/ldap/slapd.conf"))
    host.run(["systemctl", "restart", "slapd"])
    read = driven.read()
    assert read["rows"] == [
        [address, 389, "tls", CERTIFICATE, PRIVATE_KEY] for address in ("0.0.0.0", "::")
    ]
    assert driven.apply(ldap(host.address))["refused"][0].startswith(
        "OpenLDAP is configured by /etc/ldap/slapd.conf, which can't be changed"
    )
    host.run(["rm", "/etc/ldap/slapd.conf"])


def test_a_stopped_slapd_is_set_up_and_started(driven, host, clients, authority):
    """Its files are written, cn=config as its own user, and it starts when it is told to."""
    fingerprint = put_certificate(host, authority)
    host.run(["systemctl", "stop", "slapd"])
    result = driven.apply(ldap(host.address), ldap(host.address, 636, "ssl"))
    assert result["again"] == 0, result
    assert host.run(["stat", "-c", "%U:%G %a", CONFIG]).stdout == "openldap:openldap 600\n"
    assert driven("activate", how="start")["failed"] == ""
    assert clients.served_certificate(host.address, 636) == fingerprint
    host.run(["pkill", "-KILL", "-x", "slapd"])
    assert driven.read()["running"] is False
    assert (
        driven("activate", how="restart")["failed"] == ""
    )  # also where systemd believes that it runs
    assert clients.ldapsearch(host.address)


def test_a_sentinel_file_keeps_slapd_from_starting(driven, host):
    host.run(["touch", "/etc/ldap/noslapd"])
    problems = driven.read()["details"]["problems"]
    host.run(["rm", "/etc/ldap/noslapd"])
    assert problems == (
        ["/etc/ldap/noslapd keeps slapd from starting: remove it, or leave slapd out of servers"]
        if host.suite == "bookworm"
        else []
    )


@pytest.mark.parametrize("suite", SUITES)
def test_a_host_without_systemd_works(make_host, clients, authority, suite):
    host = make_host(f"plain-{suite}", suite, init="plain")
    driven = DrivenSlapd(host)
    host.run(["/etc/init.d/slapd", "start"])
    fingerprint = put_certificate(host, authority)
    result = driven.apply(ldap(host.address), ldap(host.addresses[1], 636, "ssl"))
    assert result["again"] == 0 and result["activation"] == "restart", result
    assert slapds(host) == LOOPBACK | {
        (host.address, 389, "slapd"),
        (host.addresses[1], 636, "slapd"),
    }
    assert clients.served_certificate(host.addresses[1], 636) == fingerprint
    with host.popen(
        [
            "python3",
            "-c",
            f"import socket, time; s = socket.create_server(('{host.address}', 636)); "
            "time.sleep(60)",
        ]
    ):
        host.wait_for_ports(636)
        result = driven.apply(ldap(host.address, 636, "ssl"))
    assert (
        result["failed"].startswith("Failed: OpenLDAP does not start: ")
        and result["back"] < BACK_SECONDS
    ), result
    assert clients.ldapsearch(host.address)
    assert driven.absent()["again"] == 0
    assert slapds(host) == STOCK and host.read(DEFAULTS) == driven.defaults
    host.down()


@pytest.mark.parametrize("suite", SUITES)
def test_after_a_reboot_where_ipv6_addresses_are_tentative_first(
    make_host, clients, authority, suite
):
    host = make_host(f"dad-{suite}", suite, ldap_tls=False, dad=True)
    driven = DrivenSlapd(host)
    host.wait_for_addresses()
    fingerprint = put_certificate(host, authority)
    wanted = [ldap(host.addresses[0]), ldap(host.addresses[1]), ldap(host.addresses[1], 636, "ssl")]
    # a network that takes long: when slapd is started, the address is tentative for some seconds
    host.write(
        "/etc/systemd/system/slow.service",
        "[Unit]\n"
        "Before=slapd.service\n"
        "After=network.target\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"ExecStart=/bin/sh -c 'ip address del {host.addresses[1]}/64 dev eth0; echo 3 "
        f">/proc/sys/net/ipv6/conf/eth0/dad_transmits; ip address add {host.addresses[1]}/64 dev "
        "eth0'\n"
        "[Install]\n"
        "WantedBy=multi-user.target\n",
    )
    host.run(["systemctl", "enable", "slow"])
    assert driven.apply(*wanted)["again"] == 0
    host.reboot()
    assert slapds(host) == LOOPBACK | {
        (address, port, "slapd") for address, port, *how in wanted
    }, host.journal()
    assert clients.served_certificate(host.addresses[1], 636) == fingerprint
    # and it was not luck
    host.run(["rm", BOOT])
    host.reboot()
    assert slapds(host) == set()
    host.down()
