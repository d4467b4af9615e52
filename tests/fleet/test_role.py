# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role on five hosts of two distributions: what it announces is what it does, once; and it refuses by the names of its variables."""

from __future__ import annotations

import contextlib
import json

import pytest

from support.fleet.clients import Refused
from support.fleet.commands import wait_until
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, put_certificate

APPLY = "mailops.bindings.apply"
ROLE = "mailops.bindings.mail_bindings"
TASK = "Make the servers listen as declared"
TREES = "/etc", "/root", "/usr/local", "/var/lib/mail-bindings", "/var/spool/cron", "/opt", "/srv"
SECURE = {25, 465, 587, 993, 995}
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


@pytest.fixture(scope="module", autouse=True)
def stock(fleet):
    """What listened in the beginning."""
    return {host.name: host.listening() for host in fleet}


@pytest.fixture(scope="module")
def variables(fleet):
    given = {
        host.name: {"mail_bindings_addresses": host.addresses, "mail_bindings_hostname": host.fqdn}
        for host in fleet[:2]
    }
    return {"all": VARIABLES, **given}


def seen(host) -> dict:
    """All that is in its files, and its listening sockets."""
    return {
        "sockets": host.listening(),
        **host.snapshot(*(tree for tree in TREES if host.exists(tree))),
    }


def mail_sockets(host) -> set:
    """Of the numbers of mail, on other than loopback addresses."""
    return {
        (address, port)
        for address, port, ignored in host.listening(also_loopback=False)
        if port in SECURE | {110, 143, 389, 636}
    }


def played_tasks(played, host) -> list:
    """What is counted: all that is played on a host, skipped or not, but for the validation of arguments."""
    return [
        result.name
        for result in played.of(host)
        if "Validating arguments" not in (result.name or "")
    ]


def differing(before, now) -> dict:
    return {
        name: (before.get(name), now.get(name))
        for name in before.keys() | now.keys()
        if before.get(name) != now.get(name)
    }


def remove_port(host, port):
    """By hand: the entries of this port leave master.cf, and Postfix is not told."""
    text, kept = host.read("/etc/postfix/master.cf"), []
    for line in text.splitlines(keepends=True):
        gone = (
            f":{port} " in line
            if not line.startswith((" ", "#"))
            else bool(kept) and gone and line.startswith(" ")
        )
        if not gone:
            kept.append(line)
    assert len("".join(kept)) < len(text)
    host.write("/etc/postfix/master.cf", "".join(kept))
    host.run(["touch", "-d", "1 hour ago", "/etc/postfix/master.cf"])


# -- five hosts


def test_what_check_mode_announces_is_what_a_run_does_once(fleet, variables, play, clients):
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


def test_the_entry_point_assert_stops_where_a_host_is_not_as_declared(fleet, variables, play):
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


def test_what_is_taken_out_of_the_inventory_goes(fleet, play):
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


def test_wrong_variables_fail_before_the_first_change_and_are_named(fleet, variables, play):
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


def test_a_host_without_an_address_of_its_own_loses_nothing(fleet, variables, play):
    """Those that DHCP lends are not permanent; and no address must not mean no listeners."""
    host = fleet[2]
    host.run(
        "mv /etc/mail-bindings/bindings.json /etc/mail-bindings/away; ip address change $0/24 dev eth0 valid_lft 900 preferred_lft 900;"
        " ip address del $1/64 dev eth0".replace("$0", host.addresses[0]).replace(
            "$1", host.addresses[1]
        )
    )
    before = seen(host)
    try:
        played = play(APPLY, host, variables=variables)
        assert played.returncode == 2
        assert (
            "mail_bindings_addresses: must be given, since this host has no config yet, and no permanent global address"
            in played.failed[-1]["msg"]
        )
        assert differing(before, seen(host)) == {}
    finally:
        host.run(
            "mv /etc/mail-bindings/away /etc/mail-bindings/bindings.json; ip address change $0/24 dev eth0 valid_lft forever preferred_lft forever;"
            " ip address add $1/64 dev eth0 nodad".replace("$0", host.addresses[0]).replace(
                "$1", host.addresses[1]
            )
        )


def test_what_the_modules_need_is_installed_where_it_is_missing(fleet, variables, play):
    """From a repository on the host, with the package that the host had."""
    host = fleet[3]
    host.run("""set -e
        package=python3-cryptography
        mkdir -p /srv/repo/tree/DEBIAN
        dpkg -L $package | while read -r path; do
            if [ -d "$path" ]; then mkdir -p "/srv/repo/tree$path"; elif [ -e "$path" ]; then cp -a "$path" "/srv/repo/tree$path"; fi
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


# -- renewals at 03:00

HOOK = "/etc/letsencrypt/renewal-hooks/deploy/mail-bindings"
LIVE, ARCHIVE = "/etc/letsencrypt/live/mail", "/etc/letsencrypt/archive/mail"
PLAIN = "/etc/ssl/mail/renewed"
SERVED = ((25, "smtp"), (993, None), (636, None))
UNIT = "mail-bindings-renewed"


def hooked(host, hook, folder):
    """Variables with Postfix, Dovecot and OpenLDAP."""
    secure = {
        "certificate_path": f"{folder}/fullchain.pem",
        "private_key_path": f"{folder}/privkey.pem",
    }
    return {
        "mail_bindings_profile": "custom",
        "mail_bindings_addresses": host.addresses,
        "mail_bindings_renewal_hook": hook,
        "mail_bindings_ports": [
            {"name": "SMTP", "protocol": "smtp", "encryption": "tls", **secure},
            {"name": "IMAPS", "protocol": "imap", "encryption": "ssl", **secure},
            {"name": "LDAPS", "protocol": "ldap", "encryption": "ssl", **secure},
        ],
    }


def issue(host, authority, folder, number, which) -> str:
    """A certificate and its key, as certbot names them, beside those that are in use."""
    return put_certificate(
        host,
        authority,
        f"{folder}/fullchain{number}.pem",
        f"{folder}/privkey{number}.pem",
        which=which,
    )


def take(host, kind, number):
    """As certbot does it: the link goes, and comes back to the new file."""
    host.run(f"rm {LIVE}/{kind}.pem; ln -s ../../archive/mail/{kind}{number}.pem {LIVE}/{kind}.pem")


def move(host, kind, number):
    """As others do: a new file takes the name."""
    host.run(f"mv {PLAIN}/{kind}{number}.pem {PLAIN}/{kind}.pem")


def all_serve(clients, host, fingerprint, ports=SERVED, timeout=25) -> bool:
    def there():
        with contextlib.suppress(Refused):
            return all(
                clients.served_certificate(address, port, starttls) == fingerprint
                for address in host.addresses
                for port, starttls in ports
            )
        return False

    return wait_until(there, timeout, 0.3)


@pytest.fixture(scope="module")
def renewed(fleet, authority):
    """Two hosts with a certificate in each of the two ways, and its number."""
    for host in fleet[:2]:
        host.run(f"mkdir -p {LIVE} {ARCHIVE} {PLAIN} {HOOK.rpartition('/')[0]}")
        issue(host, authority, ARCHIVE, 1, "one")
        issue(host, authority, PLAIN, "", "one")
        for kind in ("fullchain", "privkey"):
            host.run(f"ln -s ../../archive/mail/{kind}1.pem {LIVE}/{kind}.pem")
    return fleet[:2]


def applied(play, hosts, hook, folder, **more):
    variables = {host.name: {**hooked(host, hook, folder), **more} for host in hosts}
    played = play(APPLY, hosts, variables=variables)
    assert played.returncode == 0, played.output
    return played


def test_certbots_hook(renewed, authority, play, clients):
    applied(play, renewed, "certbot", LIVE)
    again = applied(play, renewed, "certbot", LIVE)
    assert not again.changed and all(len(played_tasks(again, host)) <= 4 for host in renewed)
    for host in renewed:
        old = clients.served_certificate(host.address, 993)
        new = issue(host, authority, ARCHIVE, 2, "two")
        assert new != old
        take(host, "privkey", 2)
        # a key of another certificate is not taken: the hook waits, and then says so
        script = host.read(HOOK)
        host.write(HOOK, script.replace("WAIT_SECONDS = 30 ", "WAIT_SECONDS = 1 "), 0o755)
        run = host.run(
            ["env", "-i", "PATH=/usr/bin:/bin", f"RENEWED_LINEAGE={LIVE}", HOOK], check=False
        )
        assert (
            run.returncode == 1
            and "is not that of" in run.stderr
            and "Dovecot was not told" in run.stderr
        ), run
        assert all_serve(clients, host, old, SERVED[1:], 0)
        host.write(HOOK, script, 0o755)

        take(host, "fullchain", 2)
        run = host.run(
            ["env", "-i", "PATH=/usr/bin:/bin", f"RENEWED_LINEAGE={LIVE}", HOOK], check=False
        )
        assert run.returncode == 0 and not run.stderr, run
        assert all_serve(clients, host, new, timeout=0)
        assert f"{host.address} port 993 (IMAPS) serves its renewed certificate" in run.stdout
        # nothing to do, nobody told
        sessions = host.run("ps -o pid= -C imap-login,smtpd").stdout
        run = host.run([HOOK])
        assert (
            run.stdout == ""
            and host.run("ps -o pid= -C imap-login,smtpd").stdout.split()[:1]
            == sessions.split()[:1]
        )
    assert not applied(play, renewed, "certbot", LIVE).changed


@pytest.mark.parametrize(
    "folder, put, renewals",
    [(PLAIN, move, [(3, "three")]), (LIVE, take, [(3, "three"), (4, "four")])],
    ids=["rename", "symlink"],
)
def test_systemds_watch(renewed, authority, play, clients, folder, put, renewals):
    applied(play, renewed, "systemd", folder)
    if put is take:
        again = applied(play, renewed, "systemd", folder)
        assert not again.changed and all(len(played_tasks(again, host)) <= 4 for host in renewed)
    for host in renewed:
        assert host.run(["systemctl", "is-enabled", UNIT + ".path"]).stdout.strip() == "enabled"
    for number, which in renewals:  # the watch goes on after the first
        old = {host: clients.served_certificate(host.address, 993) for host in renewed}
        new = {
            host: issue(host, authority, ARCHIVE if put is take else PLAIN, number, which)
            for host in renewed
        }
        for host in renewed:
            put(host, "fullchain", number)
        for host in renewed:
            assert wait_until(lambda: is_active(host, "service") == "activating", 10), host.journal(
                20
            )
            # until the key is there, whose it is not is not taken
            assert all_serve(clients, host, old[host], SERVED[1:], 0)
        for host in renewed:
            put(host, "privkey", number)
        for host in renewed:
            assert all_serve(clients, host, new[host]), host.journal(20)
        for host in renewed:
            assert wait_until(lambda: is_active(host, "service") == "inactive", 15)
    for host in renewed:
        # however often a file is touched, the watch does not give up
        host.run(
            f"for i in 1 2 3 4 5 6 7 8; do touch {folder}/fullchain.pem; systemctl start {UNIT}.service; done"
        )
        assert is_active(host, "path") == "active"


def test_the_entry_point_assert_sees_the_hook_and_runs_nothing(renewed, play):
    """Handlers don't inherit that its tasks are in check mode."""
    host = renewed[0]
    applied(play, [host], "systemd", PLAIN)
    tasks = [
        {
            "name": "as declared",
            "ansible.builtin.import_role": {"name": ROLE, "tasks_from": "assert"},
        }
    ]
    declared = hooked(host, "systemd", PLAIN)
    assert play(tasks, host, variables={host.name: declared}, ignore_errors=False).returncode == 0
    host.run(f"systemctl disable --now {UNIT}.path; rm /usr/local/sbin/{UNIT}")
    before = seen(host)
    for more, expected in (
        ({}, f"/usr/local/sbin/{UNIT}"),
        ({"mail_bindings_state": "absent"}, "master.cf"),
    ):
        played = play(tasks, host, variables={host.name: {**declared, **more}}, ignore_errors=False)
        assert played.returncode == 2 and expected in played.failed[0]["msg"], played.output
        assert played.failed[0].name == "The host is as declared"
    assert (
        play(
            "mailops.bindings.drift",
            host,
            variables={host.name: {**declared, "mail_bindings_state": "absent"}},
        ).returncode
        == 2
    )
    assert (
        differing(before, seen(host)).keys() <= {"/root/.ansible/tmp"}
        and is_active(host, "path") == "inactive"
    )
    applied(play, [host], "systemd", PLAIN)
    assert is_active(host, "path") == "active"


def is_active(host, kind) -> str:
    return host.run(["systemctl", "is-active", f"{UNIT}.{kind}"], check=False).stdout.strip()


def test_state_absent_gives_the_servers_back_and_takes_the_hooks_away(renewed, play, stock):
    variables = {"all": {"mail_bindings_state": "absent"}}
    foreseen = play(APPLY, renewed, check=True, variables=variables)
    assert foreseen.returncode == 0 and all(host.exists(HOOK) for host in renewed), foreseen.output
    done = play(APPLY, renewed, variables=variables)
    assert done.returncode == 0, done.output
    for host in renewed:
        assert done[host.name, TASK]["changes"] == foreseen[host.name, TASK]["changes"]
        assert host.listening() == stock[host.name]
        left = host.run(
            "find / -xdev -name 'mail-bindings*' -not -path '/proc/*' | grep -v '^/etc/mail-bindings$'",
            check=False,
        ).stdout
        assert left in ("", "/var/lib/mail-bindings\n")
        assert is_active(host, "path") == "inactive"
    assert not play(APPLY, renewed, variables=variables).changed
