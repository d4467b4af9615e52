# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The class Slapd with real slapds, 2.5 and 2.6: what it says, and what clients on another host and
the kernel see."""

from __future__ import annotations

import concurrent.futures
import json
import subprocess

import pytest

from .clients import Refused
from .hosts import HERE
from .mail import CERTIFICATE, PRIVATE_KEY, put_certificate

SUITES = ("bookworm", "trixie")
DEFAULTS, TLS = "/etc/default/slapd", "cn=config"
BOOT = "/etc/systemd/system/slapd.service.d/mailops.bindings.conf"
CONFIG = "/etc/ldap/slapd.d/cn=config.ldif"
STOCK = {("0.0.0.0", 389, "slapd"), ("::", 389, "slapd")}
LOOPBACK = {("127.0.0.1", 389, "slapd"), ("::1", 389, "slapd")}
BACK_SECONDS = 5  # design: old listeners answer again within


class Driven:
    """The class Slapd on a host: see driver.py."""

    def __init__(self, host):
        self.host = host
        folder = "/root/c/ansible_collections/mailops/bindings/plugins"
        packed = subprocess.run(
            [
                "tar",
                "-C",
                HERE.parents[1] / "plugins",
                "--exclude=__pycache__",
                "-c",
                "module_utils",
            ],
            stdout=subprocess.PIPE,
            check=True,
        )
        (host.root / "root/module_utils.tar").write_bytes(packed.stdout)
        host.run(f"mkdir -p {folder} && tar -C {folder} -xf /root/module_utils.tar")
        host.write("/root/driver.py", (HERE / "driver.py").read_text(encoding="utf-8"))
        self.defaults = host.read(DEFAULTS)

    def __call__(self, do, **order):
        """C(refused): why nothing was touched; C(rows): its listeners."""
        answer = json.loads(
            self.host.run(
                "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/root/c exec python3 /root/driver.py slapd",
                json.dumps({"do": do, **order}),
            ).stdout
        )
        kind, colon, message = answer["failed"].partition(": ")
        answer["refused"] = answer["refusals"] or [message] * (kind == "Refused")
        answer["rows"] = [list(listener_row(found)) for found in answer.get("listeners", ())]
        return answer

    def read(self):
        return self("read", details=["problems", "reader", "replicated"])

    def apply(self, *wanted, **how):
        return self("apply", wanted=[as_listener(*row) for row in wanted], **how)

    def absent(self):
        return self("apply", wanted=None)


def as_listener(address, port, encryption, certificate, key):
    return {
        "address": address,
        "port": port,
        "protocol": "ldap",
        "encryption": encryption,
        "certificate_path": certificate,
        "private_key_path": key,
    }


def listener_row(listener):
    return (
        listener["address"],
        listener["port"],
        listener["encryption"],
        listener["certificate_path"],
        listener["private_key_path"] or listener["certificate_path"],
    )


def ldap(address, port=389, encryption="tls", certificate=CERTIFICATE, key=PRIVATE_KEY):
    return (address, port, encryption, *(("", "") if encryption == "none" else (certificate, key)))


def slapds(host):
    return {found for found in host.listening() if found[2] == "slapd"}


def _files(host):
    """All below /etc but cn=config, where each change leaves its time."""
    return host.run(
        "cd /etc; find . ! -path './ldap/slapd.d*' -printf '%p %M %u:%g\\n' | sort; find . -type f "
        "! -path './ldap/slapd.d*' -exec sha256sum {} + | sort"
    ).stdout


def pid(host):
    return host.run(["pidof", "slapd"]).stdout.strip()


def tls_values(host):
    return [
        line
        for line in host.run(["cat", CONFIG]).stdout.splitlines()
        if line.startswith("olcTLSCertificate")
    ]


def change_config(host, change, dn="cn=config"):
    """As an administrator does it while slapd is stopped."""
    host.run(["systemctl", "stop", "slapd"])
    host.run(
        ["runuser", "-u", "openldap", "--", "slapmodify", "-n", "0", "-F", "/etc/ldap/slapd.d"],
        input=f"dn: {dn}\nchangetype: modify\n{change}\n",
    )
    host.run(["systemctl", "reset-failed", "slapd"], check=False)
    host.run(["systemctl", "start", "slapd"], check=False)


def set_certificate_by_hand(host, path):
    """One file with both."""
    change_config(
        host,
        "replace: olcTLSCertificateFile\n"
        f"olcTLSCertificateFile: {path}\n"
        "-\n"
        "replace: olcTLSCertificateKeyFile\n"
        f"olcTLSCertificateKeyFile: {path}\n"
        "-",
    )


@pytest.fixture(scope="module")
def pair(make_hosts):
    """A host of each suite, slapd as Debian sets it up."""
    made = make_hosts(
        *({"name": f"ldap-{suite}", "suite": suite, "ldap_tls": False} for suite in SUITES)
    )
    for host in made:
        host.add_address(_other(host.addresses[0]) + "/24")
        host.add_address(_other(host.addresses[1]) + "/64")
    return {host.suite: Driven(host) for host in made}


def _other(address):
    """The second address of a host that has this one."""
    head, colon, last = address.rpartition(":" if ":" in address else ".")
    return (
        f"{head}{colon}{int(last, 16) + 0x1000:x}" if ":" in address else f"{head}.{int(last) - 90}"
    )


@pytest.fixture(params=SUITES)
def driven(request, pair):
    """With slapd as Debian sets it up, whatever a test before left."""
    driven = pair[request.param]
    host = driven.host
    yield driven
    host.run("rm -rf /etc/systemd/system/slapd.service.d; systemctl daemon-reload")
    host.write(DEFAULTS, driven.defaults)
    change_config(
        host,
        "replace: olcTLSCertificateFile\n"
        "-\n"
        "replace: olcTLSCertificateKeyFile\n"
        "-\n"
        "replace: olcServerID\n"
        "-",
    )
    assert slapds(host) == STOCK, host.journal()


@pytest.fixture
def host(driven):
    return driven.host


# -- the story


def test_as_debian_sets_it_up(driven, host):
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


def test_addresses_and_a_certificate_from_nothing_and_back_to_nothing(
    driven, host, clients, authority
):
    four, six, other_four, other_six = host.addresses
    fingerprint = put_certificate(host, authority)
    before = _files(host)
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
    for address, port, encryption, *how in wanted:
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

    # online slapd keeps its certificate: back to nothing goes through a stop
    change = "dn: cn=config\nchangetype: modify\ndelete: olcTLSCertificateFile\n-\ndelete: olcTLSCertificateKeyFile\n"
    with pytest.raises(AssertionError, match="53"):
        host.run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"], input=change)
    result = driven.absent()
    assert result["in_order"] == [[DEFAULTS, BOOT, TLS]] and result["again"] == 0, result
    assert slapds(host) == STOCK and tls_values(host) == []
    assert _files(host) == before
    assert host.run(["stat", "-c", "%U:%G %a", CONFIG]).stdout == "openldap:openldap 600\n"
    with pytest.raises(Refused):
        clients.ldapsearch(four)
    assert clients.ldapsearch(four, "(objectClass=*)", tls=None)


def test_wildcards_to_addresses_and_back_with_what_was_there(driven, host, clients):
    """A server that somebody has set up by hand, with a certificate, STARTTLS and ldaps
    everywhere."""
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
            {("::", 389), (four, 389), ("127.0.0.1", 389), ("127.0.0.1", 636), ("::1", 636)},
        ),
        (
            [ldap("0.0.0.0", 389, "none")],
            {("0.0.0.0", 389), ("::1", 389), ("127.0.0.1", 636), ("::1", 636)},
        ),
    ):
        result = driven.apply(*wanted)
        assert result["as_planned"] and result["again"] == 0, result
        assert slapds(host) == {(*socket, "slapd") for socket in sockets}
    assert clients.ldapsearch(four)  # none: it is not asked for, and still offered
    assert driven.absent()["again"] == 0
    assert host.read(DEFAULTS) == before and len(tls_values(host)) == 2


# -- certificates


def test_a_certificate_that_was_renewed_in_place(driven, host, clients, authority):
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


def test_a_certificate_that_was_renewed_and_is_broken_leaves_the_old_one_served(
    driven, host, clients, authority
):
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


@pytest.mark.parametrize("key", ["another certificate's", "nobody's to read", "missing"])
def test_a_key_that_slapd_refuses(driven, host, clients, authority, key):
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
        host.run(["chmod", "0600" if key.startswith("nobody") else "0640", path])
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


def test_a_certificate_to_give_back_whose_file_is_gone(driven, host, clients, authority):
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


def test_a_first_certificate_that_slapd_refuses(driven, host, clients, authority):
    put_certificate(host, authority)
    result = driven.apply(ldap(host.address, key="/nowhere"), validate=False)
    assert result["failed"] and result["as_before"], result
    assert slapds(host) == STOCK and tls_values(host) == []
    assert clients.ldapsearch(host.address, "(objectClass=*)", tls=None)
    assert driven.apply(ldap(host.address))["again"] == 0
    assert clients.ldapsearch(host.address)


def test_nobody_may_change_cn_config(driven, host):
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


# -- URLs that slapd dies of


def test_a_port_that_was_taken_in_between(driven, host, clients, authority):
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
def test_urls_that_slapd_does_not_start_with(driven, host, urls):
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


def test_urls_that_are_refused_do_not_work(driven, host):
    assert driven.apply(ldap("0.0.0.0", 389, "none"), ldap(host.address, 389, "none"))["refused"]
    assert driven.apply(ldap("198.51.100.99", 389, "none"))[
        "failed"
    ]  # nobody has it: for all servers alike, that is looked at elsewhere
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
def test_server_ids_with_urls(driven, host, value, good):
    """Also that what is refused does not work, and that what is not does."""
    value = value.format(host.address)
    change_config(host, f"replace: olcServerID\nolcServerID: {value}\n-")
    result = driven.apply(ldap(host.address, 389, "none"))
    if good:
        assert result["again"] == 0, result
        assert slapds(host) == LOOPBACK | {(host.address, 389, "slapd")}
    else:
        assert result["refused"][0].startswith(
            f"olcServerID in cn=config names URLs ({value[2:]}), and OpenLDAP does not start unless"
        )


def test_a_server_id_that_came_since_stands_against_giving_back(driven, host):
    assert driven.apply(ldap(host.address, 389, "none"))["again"] == 0
    listening = slapds(host)
    change_config(host, f"replace: olcServerID\nolcServerID: 1 ldap://{host.address}:389/\n-")
    assert slapds(host) == listening
    before = _files(host)
    assert driven.absent()["refused"][0].startswith("olcServerID in cn=config names URLs")
    assert (_files(host), slapds(host)) == (before, listening)
    host.write(
        DEFAULTS, driven.defaults
    )  # that it is right to refuse: with what would have been given back it does not start
    host.run(["systemctl", "restart", "slapd"], check=False)
    assert slapds(host) == set()


# -- layouts and states


def test_an_administrator_has_edited_the_file_and_not_restarted(driven, host):
    host.write(
        DEFAULTS,
        driven.defaults.replace("ldap:/// ldapi:///", f"ldap://{host.address}:389/ ldapi:///"),
    )
    assert driven("activate", how="reload")["failed"] == ""  # takes a restart here
    assert slapds(host) == {(host.address, 389, "slapd")}


def test_a_unit_that_has_its_own_urls(driven, host):
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


def test_a_slapd_that_is_not_the_service_s(driven, host):
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


def test_cn_config_that_is_replicated(driven, host):
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


def test_slapd_conf(driven, host):
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


def test_slapd_does_not_run(driven, host, clients, authority):
    """Its files are written, cn=config as the user that slapd runs as, and it is started when it is
    told to."""
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


def test_the_init_script_is_told_not_to_start(driven, host):
    host.run(["touch", "/etc/ldap/noslapd"])
    problems = driven.read()["details"]["problems"]
    host.run(["rm", "/etc/ldap/noslapd"])
    assert problems == (
        ["/etc/ldap/noslapd keeps slapd from starting: remove it, or leave slapd out of servers"]
        if host.suite == "bookworm"
        else []
    )


@pytest.mark.parametrize("suite", SUITES)
def test_without_systemd(make_host, clients, authority, suite):
    host = make_host(f"plain-{suite}", suite, init="plain")
    driven = Driven(host)
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
    driven = Driven(host)
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
