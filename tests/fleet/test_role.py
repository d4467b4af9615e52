# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role on five hosts of two releases: a run does what check mode announced, once."""

from __future__ import annotations

import json

import pytest

from support.fleet.mail import CERTIFICATE, PRIVATE_KEY

from .role import (
    APPLY,
    ROLE,
    SECURE,
    TASK,
    differing,
    mail_sockets,
    played_tasks,
    remove_port,
    seen,
)

VARIABLES = {
    "mail_bindings_certificate_path": CERTIFICATE,
    "mail_bindings_private_key_path": PRIVATE_KEY,
}


@pytest.fixture(scope="module")
def fleet(make_hosts):
    """Two of them are told their addresses, the others find them."""
    return make_hosts(
        *(
            {"name": f"mx{number}", "suite": "trixie" if number % 2 else "bookworm"}
            for number in range(1, 6)
        )
    )


@pytest.fixture(scope="module")
def variables(fleet):
    given = {
        host.name: {"mail_bindings_addresses": host.addresses, "mail_bindings_hostname": host.fqdn}
        for host in fleet[:2]
    }
    return {"all": VARIABLES, **given}


def test_a_run_makes_the_changes_that_check_mode_announced(fleet, variables, play, clients):
    before = {host.name: seen(host) for host in fleet}
    foreseen = play(APPLY, fleet, check=True, variables=variables)
    assert foreseen.returncode == 0, foreseen.output
    for host in fleet:
        assert differing(before[host.name], seen(host)) == {}

    done = play(APPLY, fleet, variables=variables)
    assert done.returncode == 0, done.output
    for host in fleet:
        changes = done[host.name, TASK]["changes"]
        assert changes == foreseen[host.name, TASK]["changes"] and changes
        assert (
            [result.name for result in done.of(host) if result.changed]
            == [result.name for result in foreseen.of(host) if result.changed]
            == [TASK]
        )
        assert {(address, port) for address, port in mail_sockets(host) if port != 389} == {
            (address, port) for address in host.addresses for port in SECURE
        }
        assert clients.served_certificate(host.address, 993) == host.facts["fingerprint"]

    after = {host.name: seen(host) for host in fleet}
    again = play(APPLY, fleet, variables=variables)
    assert again.returncode == 0 and not again.changed, again.output
    for host in fleet:
        assert len(played_tasks(again, host)) <= 4, played_tasks(again, host)
        assert not [result for result in again.of(host) if "Gathering Facts" in result.name]
        assert differing(after[host.name], seen(host)) == {}
        looked = [
            result.name
            for result in done.of(host)
            if result.status == "ok" and "addresses" in result.name
        ]
        assert looked == (
            []
            if host in fleet[:2]
            else ["Read which addresses the config has", "Find the host's own addresses"]
        )
        assert again[host.name, "Find the host's own addresses"].status == "skipped"


def test_the_entry_point_assert_fails_on_a_host_that_differs(fleet, variables, play):
    tasks = [
        {
            "name": "as declared",
            "ansible.builtin.import_role": {"name": ROLE, "tasks_from": "assert"},
        }
    ]
    remove_port(fleet[0], 465)
    before = seen(fleet[0])
    played = play(tasks, fleet[:2], variables=variables, ignore_errors=False)
    assert [result.host for result in played.failed] == [fleet[0].name], played.output
    assert (
        f"{fleet[0].name} is not as declared: " in played.failed[0]["msg"]
        and "master.cf" in played.failed[0]["msg"]
    )
    assert differing(before, seen(fleet[0])) == {}
    assert played[fleet[1].name, "The host is as declared"].status == "ok"


def test_values_removed_from_the_inventory_are_removed_from_the_config(fleet, play):
    """Of an entry too, where the role owns the config; where it does not, it stays."""
    host = fleet[4]
    host.run(["sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1"])
    secure = {"encryption": "ssl", "certificate_path": CERTIFICATE, "private_key_path": PRIVATE_KEY}
    more = {"hostname": host.fqdn, "floating": True, "description": "of the address"}

    def played(port, address, **others):
        variables = {
            "mail_bindings_profile": "custom",
            "mail_bindings_ports": [{"name": "IMAP", "protocol": "imap", **port}],
            "mail_bindings_ip_addresses": [{"address": host.address, "ports": ["IMAP"], **address}],
            **others,
        }
        found = play(APPLY, host, variables={host.name: variables})
        assert found.returncode == 0, found.output
        config = json.loads(host.read("/etc/mail-bindings/bindings.json"))
        return found, config["ports"], config["ip_addresses"]

    full = played({"port": 1993, "description": "of the port", **secure}, more)[1:]
    assert played({}, {}, mail_bindings_exclusive=False)[1:] == full
    found, ports, addresses = played({}, {})
    assert ports == [
        {"name": "IMAP", "protocol": "imap", "port": 143, "encryption": "none", "description": ""}
    ]
    assert addresses == [
        {
            "address": host.address,
            "ports": ["IMAP"],
            "hostname": "",
            "floating": False,
            "description": "",
        }
    ]
    assert {port for address, port in mail_sockets(host)} & {143, 1993} == {143}
    assert not played({}, {})[0].changed


def test_wrong_variables_are_named_before_the_first_change(fleet, variables, play):
    """Each in a block of its own, so that one play tries them all."""
    here = fleet[2].address
    cases = [
        ("mail_bindings_state", "off", "must be one of: present, absent"),
        ("mail_bindings_profile", "sekure", "must be one of: secure, classic, custom"),
        (
            "mail_bindings_profile",
            "custom",
            "mail_bindings_ports: is empty, and the profile custom",
        ),
        ("mail_bindings_ports", "IMAPS", "dict"),
        ("mail_bindings_ports", [{"protocol": "imap"}], "name"),
        (
            "mail_bindings_ports",
            [{"name": "X", "protocol": "imap", "port": 99999}],
            "99999 is not a port number",
        ),
        ("mail_bindings_ip_addresses", [{"ports": ["SMTP"]}], "address"),
        (
            "mail_bindings_ip_addresses",
            [{"address": here, "ports": ["XYZ"]}],
            'there is no port "XYZ"',
        ),
        (
            "mail_bindings_addresses",
            ["192.0.2.300"],
            '"192.0.2.300" is not an IPv4 or IPv6 address',
        ),
        ("mail_bindings_addresses", "192.0.2.30", "192.0.2.30 is not an address of this host"),
        ("mail_bindings_servers", ["exim"], "postfix, dovecot, slapd"),
        ("mail_bindings_exclusive", "perhaps", "bool"),
        ("mail_bindings_certificate_min_days", "many", "int"),
        (
            "mail_bindings_certificate_path",
            "",
            "is needed for SMTP, Submissions, Submission, IMAPS, POP3S",
        ),
        ("mail_bindings_certificate_path", "/nowhere.pem", "/nowhere.pem can't be read"),
        ("mail_bindings_private_key_path", "/etc/passwd", "/etc/passwd holds no private key"),
        ("mail_bindings_config_path", "relative.json", "absolute path"),
        ("mail_bindings_renewal_hook", "cron", "must be one of: none, certbot, systemd"),
        ("mail_bindings_maintenance", "maybe", "bool"),
    ]
    tasks = [
        {
            "name": f"block {number}",
            "block": [
                {
                    "name": "apply",
                    "ansible.builtin.include_role": {"name": ROLE},
                    "vars": {name: value},
                }
            ],
            "rescue": [
                {
                    "name": f"case {number}",
                    "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"},
                }
            ],
        }
        for number, (name, value, expected) in enumerate(cases)
    ]
    host = fleet[2]
    before = seen(host)
    played = play(tasks, host, variables=variables, ignore_errors=False)
    assert differing(before, seen(host)) == {}
    for number, (name, value, expected) in enumerate(cases):
        message = played[f"case {number}"]["msg"]
        assert "mail_bindings_" in expected or name in message, (name, value, message)
        assert expected in message, (name, value, message)


def test_a_host_without_a_permanent_address_is_left_alone(fleet, variables, play):
    """Those that DHCP lends are not permanent; and no address must not mean no listeners."""
    host = fleet[2]
    host.run(
        "mv /etc/mail-bindings/bindings.json /etc/mail-bindings/away;"
        " ip address change $0/24 dev eth0 valid_lft 900 preferred_lft 900;"
        " ip address del $1/64 dev eth0".replace("$0", host.addresses[0]).replace(
            "$1", host.addresses[1]
        )
    )
    before = seen(host)
    try:
        played = play(APPLY, host, variables=variables)
        assert played.returncode == 2
        assert (
            "mail_bindings_addresses: must be given, since this host has no config yet, "
            "and no permanent global address" in played.failed[-1]["msg"]
        )
        assert differing(before, seen(host)) == {}
    finally:
        host.run(
            "mv /etc/mail-bindings/away /etc/mail-bindings/bindings.json;"
            " ip address change $0/24 dev eth0 valid_lft forever preferred_lft forever;"
            " ip address add $1/64 dev eth0 nodad".replace("$0", host.addresses[0]).replace(
                "$1", host.addresses[1]
            )
        )


def test_missing_python_libraries_are_installed(fleet, variables, play):
    """From a repository on the host, with the package that the host had."""
    host = fleet[3]
    host.run("""set -e
        package=python3-cryptography
        mkdir -p /srv/repo/tree/DEBIAN
        dpkg -L $package | while read -r path; do
            if [ -d "$path" ]; then mkdir -p "/srv/repo/tree$path"
            elif [ -e "$path" ]; then cp -a "$path" "/srv/repo/tree$path"; fi
        done
        dpkg-query -s $package | grep -v ^Status: >/srv/repo/tree/DEBIAN/control
        dpkg-deb -Znone -b /srv/repo/tree /srv/repo/$package.deb
        { cat /srv/repo/tree/DEBIAN/control
          echo "Filename: ./$package.deb"
          echo "Size: $(stat -c %s /srv/repo/$package.deb)"
          echo "SHA256: $(sha256sum </srv/repo/$package.deb | cut -d' ' -f1)"
        } >/srv/repo/Packages
        rm -rf /etc/apt/sources.list /etc/apt/sources.list.d
        echo "deb [trusted=yes] file:/srv/repo ./" >/etc/apt/sources.list
        apt-get -q update
        dpkg -r --force-depends $package
        rm -rf /etc/mail-bindings
    """)
    played = play(APPLY, host, variables=variables)
    assert played.returncode == 0, played.output
    assert (
        played["Install the modules' Python libraries"].changed
        and played[TASK + ", with the libraries"].changed
    )
    again = play(APPLY, host, variables=variables)
    assert again.returncode == 0 and not again.changed and len(played_tasks(again, host)) <= 4, (
        again.output
    )
