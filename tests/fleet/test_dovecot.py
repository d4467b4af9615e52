# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot as it really is, on Debian 12 (2.3) and 13 (2.4): each test drives our class on a host, and looks from another host whether it is true."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys
import time

import pytest

from .clients import Refused
from .hosts import wait_until
from .mail import CERTIFICATE, PASSWORDS, PRIVATE_KEY, put_certificate
from .playing import ROOT

PLACE = "/root/c/ansible_collections/mailops/bindings/plugins"
HERE = pathlib.Path(__file__).parent
HOST = (CERTIFICATE, PRIVATE_KEY)
STOCK = {143: "imap", 993: "imap", 110: "pop", 995: "pop"}
LOOPBACK = {(address, port) for address in ("127.0.0.1", "::1") for port in STOCK}
OUR_FILE = "/etc/dovecot/conf.d/99-mailops.bindings.conf"
BESIDE = "/etc/dovecot/mailops.bindings.conf"
LOCAL = "/etc/dovecot/local.conf"  # included by Debian's dovecot.conf, where somebody wrote one
SUITES = ["bookworm", "trixie"]


class Driven:
    """A host, and our class on it."""

    def __init__(self, host):
        self.host = host
        self.release = host.run(["dovecot", "--version"]).stdout[:3]
        archive = subprocess.run(
            ["tar", "-cf", "-", "module_utils"],
            cwd=ROOT / "plugins",
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        host.run(f"mkdir -p {PLACE}; tar -xf - -C {PLACE}", archive, encoding=None, errors=None)
        host.write("/root/driver.py", (HERE / "driver.py").read_text(encoding="utf-8"))

    def __call__(self, do, **order):
        return self.many({"do": do, **order})[0]

    def many(self, *orders):
        lines = "".join(json.dumps(order) + "\n" for order in orders)
        said = self.host.run(
            "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/root/c exec python3 /root/driver.py dovecot",
            lines,
            timeout=180,
        ).stdout
        return list(map(json.loads, said.splitlines()))

    def done(self, wanted, **options):
        """What is declared, applied: it must do what it foresaw, and have nothing left to do."""
        told, again = self.many(*[{"do": "apply", "wanted": wanted, "options": options}] * 2)
        assert told["refusals"] == [] and told["failed"] == "", told
        assert sorted_by_place(told["listeners"]) == sorted_by_place(told["foreseen"])
        assert told["live"] == told["sockets"] == told["planned"]
        assert again["steps"] == [] and again["live"] == told["live"]
        assert self.sockets() == set(map(tuple, told["live"]))
        return told

    def sockets(self):
        """What the kernel says, by ss."""
        names = ("dovecot", "imap-login", "pop3-login", "lmtp")
        return {
            ("0.0.0.0" if address == "*" else address, port)
            for address, port, program in self.host.listening()
            if program in names
        }

    def ssl(self, certificate, key):
        """The settings for a certificate."""
        names = (
            ("ssl_cert = <", "ssl_key = <")
            if self.release == "2.3"
            else ("ssl_server_cert_file = ", "ssl_server_key_file = ")
        )
        return f"{names[0]}{certificate}\n{names[1]}{key}\n"

    @contextlib.contextmanager
    def configured(self, text, path=LOCAL):
        """With this in Dovecot's configuration."""
        before = self.host.read(path) if self.host.exists(path) else None
        self.host.write(path, text)
        try:
            yield
        finally:
            if before is None:
                self.host.run(["rm", path])
            else:
                self.host.write(path, before)
            self("activate", how="restart")


def sorted_by_place(listeners):
    return sorted(listeners, key=lambda one: (one["address"], one["port"]))


def listener(address, port, encryption=None, files=HOST, protocol=None):
    encryption = encryption or ("ssl" if port in (993, 995) else "tls")
    made = {
        "address": address,
        "port": port,
        "protocol": protocol or STOCK[port],
        "encryption": encryption,
    }
    return (
        made
        if encryption == "none"
        else {**made, "certificate_path": files[0], "private_key_path": files[1]}
    )


@pytest.fixture(scope="module", params=SUITES)
def driven(request, make_host):
    host = make_host("dovecot-" + request.param, request.param)
    host.four, host.six = host.addresses
    for _more in range(1):
        for address in host.network.next_addresses():
            host.add_address(address)
    host.four2, host.six2 = host.addresses[2:]
    return Driven(host)


@pytest.fixture(scope="module")
def other(driven, authority):
    """Three more certificates for the host: their files, and what a client should see."""
    found = []
    for name in ("b", "c", "d"):
        files = f"/etc/ssl/mail/{name}.pem", f"/etc/ssl/mail/{name}.key"
        found.append((files, put_certificate(driven.host, authority, *files, which=name)))
    return found


@pytest.fixture(autouse=True)
def put_back(request):
    """Every test finds Dovecot as the one before did."""
    if "driven" not in request.fixturenames:
        yield
        return
    driven = request.getfixturevalue("driven")
    before = driven.host.snapshot("/etc")
    yield
    told = driven("apply", wanted=None)
    assert not told["failed"] and told["live"] == told["sockets"], told
    assert different(before, driven.host.snapshot("/etc")) == []


def different(before, after):
    """The names of what is not as it was: content, mode and owner; folders only as to whether they are there."""

    def counts(seen):
        kind, mode, uid, gid, _mtime, _inode, content = seen
        return kind, mode, uid, gid, content

    known = (
        {path: counts(seen) for path, seen in before.items()},
        {path: counts(seen) for path, seen in after.items()},
    )
    return sorted(
        path
        for path in known[0].keys() | known[1].keys()
        if known[0].get(path) != known[1].get(path)
        and not path.startswith(("/etc/ssl/mail", "/etc/systemd/system/dovecot.service.d/."))
    )


@contextlib.contextmanager
def guests(network, stay, come, **more):
    """Others connect all the time; afterwards the list has what they met."""
    found = []
    order = {"stay": stay, "come": come, "user": "alice", "password": PASSWORDS["alice"], **more}
    with network.popen(
        [sys.executable, "-I", HERE / "guests.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        yield found
        process.stdin.close()
        found.append(json.loads(process.stdout.read()))


# -- reading and adopting


def test_as_debian_ships_it(driven):
    told = driven("read")
    assert sorted_by_place(told["listeners"]) == sorted_by_place(
        [
            {**listener(address, port), "hostname": "", "floating": False, "port_name": ""}
            for address in ("0.0.0.0", "::")
            for port in STOCK
        ]
    )
    assert told["unmapped"] == [] and told["config_path"] == "" and told["running"]
    assert set(map(tuple, told["sockets"])) == driven.sockets()


def test_what_was_read_and_is_declared_changes_nothing(driven):
    assert driven.done("what it has")["steps"] == []


# -- declaring


def test_several_addresses_with_ports_and_certificates_of_their_own(driven, other, clients):
    host, (b, c, d) = driven.host, other
    wanted = [
        listener(host.four, 993),
        listener(host.four, 143),
        listener(host.four, 995, files=b[0]),
        listener(host.four2, 993, files=c[0]),
        listener(host.four2, 1143, protocol="imap", files=c[0]),
        listener(host.four2, 110, "none"),
        listener(host.six, 143, files=d[0]),
        listener(host.six2, 995, files=b[0]),
        listener(host.six2, 1993, "ssl", files=d[0], protocol="imap"),
    ]
    told = driven.done(wanted)
    assert told["steps"] == [
        [OUR_FILE, "/etc/systemd/system/dovecot.service.d/mailops.bindings.conf"]
    ]
    assert {place for place in driven.sockets() if place[0] not in ("127.0.0.1", "::1")} == {
        (one["address"], one["port"]) for one in wanted
    }
    prints = {HOST[0]: host.facts["fingerprint"], **{files[0]: seen for files, seen in other}}
    for one in wanted:
        if one["encryption"] != "none":
            starttls = (
                None
                if one["encryption"] == "ssl"
                else {"imap": "imap", "pop": "pop3"}[one["protocol"]]
            )
            for name in (None, host.fqdn, "another.example"):
                assert (
                    clients.served_certificate(one["address"], one["port"], starttls, name)
                    == prints[one["certificate_path"]]
                ), (one, name)

    clients.smtp_send(
        host.four, "hello", "bob@example.test", user="alice", password=PASSWORDS["alice"]
    )
    for address, port, tls in (
        (host.four, 993, "ssl"),
        (host.four, 143, "starttls"),
        (host.four2, 1143, "starttls"),
        (host.six2, 1993, "ssl"),
    ):
        assert (
            len(
                clients.imap_fetch(
                    address, "bob", PASSWORDS["bob"], "hello", port, tls, name=host.fqdn
                )
            )
            >= 1
        )
    for address in (host.four, host.six2):
        assert "hello" in clients.pop_list(address, "bob", PASSWORDS["bob"], 995, name=host.fqdn)
    with pytest.raises(Refused):
        clients.imap_fetch(host.six, "bob", PASSWORDS["bob"], port=993)
    assert host.run(
        "printf 'a LOGOUT\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/143; cat >&3; cat <&3'"
    ).stdout.startswith("* OK")


def test_wildcards_with_a_certificate_for_each_family(driven, other, clients):
    host, (b, c, _d) = driven.host, other
    driven.done(
        [
            listener("0.0.0.0", 993, files=b[0]),
            listener("::", 993, files=c[0]),
            listener(host.four, 995),
        ]
    )
    assert clients.served_certificate(host.four2, 993) == b[1]
    assert clients.served_certificate(host.six2, 993) == c[1]
    assert clients.served_certificate(host.four, 995) == host.facts["fingerprint"]


def test_no_loopback(driven):
    driven.done([listener(driven.host.four, 993)], keep_loopback=False)
    assert driven.sockets() == {(driven.host.four, 993)}


def test_a_certificate_that_was_renewed_is_served_after_a_reload(driven, authority, clients):
    host, files = driven.host, ("/etc/ssl/mail/renewed.pem", "/etc/ssl/mail/renewed.key")
    old = put_certificate(host, authority, *files, which="first")
    driven.done([listener(host.four, 993, files=files)])
    assert clients.served_certificate(host.four, 993) == old
    new = put_certificate(host, authority, *files, which="second")
    assert clients.served_certificate(host.four, 993) == old
    assert driven("activate")["failed"] == ""
    assert clients.served_certificate(host.four, 993) == new


def test_a_dovecot_conf_whose_last_word_is_not_conf_d(driven, other, clients):
    """Where local.conf or anything else comes after conf.d, our file is read after that."""
    host, (b, _c, _d) = driven.host, other
    with driven.configured(
        "service imap-login {\n  inet_listener imaps {\n    port = 993\n  }\n}\n"
    ):
        told = driven.done([listener(host.four, 993, files=b[0])])
        assert [path for path in told["steps"][0] if "systemd" not in path] == [
            "/etc/dovecot/dovecot.conf",
            BESIDE,
        ]
        assert clients.served_certificate(host.four, 993) == b[1]
        assert driven("apply", wanted=None)["failed"] == ""


def test_our_files_are_read_as_ours(driven):
    host = driven.host
    driven.done([listener(host.four, 993)], config_path="/srv/a b/bindings.json")
    assert driven("read")["config_path"] == "/srv/a b/bindings.json"
    assert "mailops.bindings" in host.read(OUR_FILE).splitlines()[0]


# -- under load


def test_nobody_is_interrupted_by_a_listener_of_somebody_else(driven, other, network):
    """20 times a listener is added, changed and removed, with sessions held open and new connections all the time."""
    host, (b, c, _d) = driven.host, other
    stays = [listener(host.four, 993), listener(host.four, 143), listener(host.six, 995)]
    orders = [
        {"do": "apply", "wanted": stays + more}
        for _round in range(20)
        for more in (
            [listener(host.four2, 993, files=b[0])],
            [listener(host.four2, 993, files=c[0]), listener(host.four2, 143, "none")],
            [],
        )
    ]
    driven.done(stays)
    stay = [[host.four, 993, "ssl"], [host.four, 143, "starttls"]] * 2
    with guests(
        network, stay, [[host.four, 993, "ssl"], [host.four, 143, None], [host.six, 995, "ssl"]]
    ) as met:
        for told in driven.many(*orders):
            assert told["failed"] == "" and told["steps"] and told["live"] == told["planned"], told
    print(driven.release, met)
    assert met[0]["alive"] == len(stay)
    seen = met[0]["met"]
    turned_away = sum(count for what, count in seen.items() if what.startswith("turned away"))
    assert seen["well"] > 500 and turned_away + seen["well"] == sum(seen.values())
    # 2.4 turns away those who connect in the instant of a reload
    assert turned_away <= (0.01 * seen["well"] if driven.release == "2.4" else 0)


def test_from_wildcards_to_addresses_and_back_20_times_under_load(driven, other, network):
    host, (b, _c, _d) = driven.host, other
    addresses = [listener(one, 993) for one in (host.four, host.six, host.four2)] + [
        listener(host.four2, 143),
        listener(host.six2, 995, files=b[0]),
    ]
    wildcards = [listener(one, port) for one in ("0.0.0.0", "::") for port in STOCK]
    orders = [
        {"do": "apply", "wanted": wanted}
        for _round in range(20)
        for wanted in (addresses, wildcards)
    ]
    driven.many(*orders[:2])
    come = [
        [host.four, 993, "ssl"],
        [host.six, 993, "ssl"],
        [host.four2, 143, None],
        [host.six2, 995, "ssl"],
    ]
    with guests(
        network,
        [[host.four, 993, "ssl"], [host.four2, 143, "starttls"], [host.six, 993, "ssl"]],
        come,
        workers=4,
    ) as met:
        for told in driven.many(*orders):
            assert told["failed"] == "" and told["steps"] and told["live"] == told["planned"], told
    print(driven.release, met)
    assert met[0]["alive"] == 3
    assert met[0]["met"]["well"] > 500


# -- configurations that people have written


def handwritten(driven):
    """(name, files for /etc/dovecot): ten ways of saying what one listens on."""
    host, old = driven.host, driven.release == "2.3"
    where, join = ("address", ", ") if old else ("listen", " ")
    snake = driven.ssl(
        "/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key"
    )
    main = driven.host.read("/etc/dovecot/dovecot.conf")
    head = (
        ""
        if old
        else "".join(line + "\n" for line in main.splitlines() if line.startswith("dovecot_"))
    )
    flat = (
        head
        + "protocols = imap pop3\nssl = yes\n"
        + driven.ssl(*HOST)
        + (
            "mail_location = maildir:~/Maildir\npassdb {\n  driver = pam\n}\nuserdb {\n  driver = passwd\n}\n"
            if old
            else "mail_driver = maildir\nmail_path = %{home}/Maildir\npassdb pam {\n}\nuserdb passwd {\n}\n"
        )
    )
    per_ip = (
        "service imap-login {\n  inet_listener imap {\n    port = 0\n  }\n  inet_listener imaps {\n    %s = %s\n    port = 993\n    ssl = yes\n  }\n}\n"
        % (where, join.join([host.four, host.six]))
    )
    yield "local.conf", {"local.conf": per_ip}
    yield (
        "listen on addresses",
        {
            "local.conf": "listen = "
            + join.join([host.four, "127.0.0.1", "::1" if old else "[::1]"])
            + "\n"
        },
    )
    yield "one file, no newline at the end", {"dovecot.conf": flat.rstrip("\n")}
    yield (
        "one file with CRLF and tabs",
        {"dovecot.conf": (flat + per_ip).replace("  ", "\t").replace("\n", "\r\n")},
    )
    yield (
        "absolute includes",
        {
            "dovecot.conf": flat + "!include /etc/dovecot/site/*.conf\n",
            "site/a.conf": per_ip,
            "site/b.conf": "mail_debug = no\n",
        },
    )
    yield (
        "include_try of much",
        {
            "dovecot.conf": flat
            + "!include_try /etc/dovecot/none/*.conf\n!include_try site.conf\n",
            "site.conf": per_ip,
        },
    )
    yield (
        "conf.d read last, others before",
        {
            "dovecot.conf": main.replace("!include_try local.conf", "# nothing more"),
            "conf.d/zz-site.conf": per_ip,
        },
    )
    yield (
        "protocol blocks",
        {
            "local.conf": "protocol imap {\n  mail_max_userip_connections = 20\n"
            + snake
            + "}\nprotocol pop3 {\n}\n"
        },
    )
    yield (
        "local blocks",
        {
            "local.conf": per_ip
            + "local %s {\n  protocol imap {\n%s}\n}\nlocal %s/24 {\n  mail_max_userip_connections = 30\n}\n"
            % (host.four, snake, host.four2)
        },
    )
    yield (
        "local_name blocks",
        {
            "local.conf": "local_name www.example.com {\n%s}\nlocal_name mail.example.com {\n  protocol imap {\n%s}\n}\n"
            % (snake, snake)
        },
    )
    yield (
        "a service of its own, and others",
        {
            "local.conf": (
                "service imap-login-plain {\n  executable = imap-login -o ssl=no\n  type = login\n  protocol = imap\n  chroot = login\n"
                '  inet_listener "old" {\n    port = 1143\n    %s = %s\n  }\n}\n'
                "service lmtp {\n  inet_listener lmtp {\n    %s = 127.0.0.1\n    port = 24\n  }\n}\n"
                % (where, host.four, where)
            )
        },
    )


def test_what_people_have_written_is_adopted_and_given_back(driven, other):
    """For each: declared as it was read it changes nothing; something else declared is listened on; removed, every byte is as before."""
    host, (b, _c, _d) = driven.host, other
    names = []
    for name, files in handwritten(driven):
        before = {
            path: host.read("/etc/dovecot/" + path) if host.exists("/etc/dovecot/" + path) else None
            for path in files
        }
        folders = host.run("ls -d /etc/dovecot/*/").stdout.split()
        try:
            for path, text in files.items():
                host.write("/etc/dovecot/" + path, text)
            host.run(["doveconf", "-n"])
            assert driven("activate", how="restart")["failed"] == "", name
            snapshot = host.snapshot("/etc")
            told = driven("read")
            assert told["live"] == told["sockets"], name
            assert driven.done("what it has")["steps"] == [], name
            # where there are certificates by server name, 2.3 can't have any by address
            mine = b[0] if driven.release == "2.4" or "local_name" not in name else HOST
            told = driven.done(
                [
                    listener(host.four, 993, files=mine),
                    listener(host.six2, 143, files=mine),
                    listener(host.four2, 995),
                ]
            )
            assert {(host.four, 993), (host.six2, 143), (host.four2, 995)} == {
                tuple(place) for place in told["live"] if place[0] not in ("127.0.0.1", "::1")
            }, name
            assert different(snapshot, host.snapshot("/etc")), name
            told = driven("apply", wanted=None)
            assert told["failed"] == "" and told["live"] == told["sockets"], (name, told)
            assert different(snapshot, host.snapshot("/etc")) == [], name
            names.append(name)
        finally:
            for path, text in before.items():
                if text is None:
                    host.run(["rm", "-f", "/etc/dovecot/" + path])
                else:
                    host.write("/etc/dovecot/" + path, text)
            host.run(
                f"for d in /etc/dovecot/*/; do case ' {' '.join(folders)} ' in *\" $d \"*) ;; *) rmdir $d;; esac; done"
            )
            driven("activate", how="restart")
    assert len(names) >= 10


def test_names_that_clients_ask_for(driven, other, clients):
    """2.4: certificates by server name go on being served, also where an address gets one; 2.3 can't, and is not asked to."""
    host, (b, c, _d) = driven.host, other
    with driven.configured("local_name www.example.com {\n" + driven.ssl(*c[0]) + "}\n"):
        driven("activate")
        wanted = [listener(host.four, 993, files=b[0])]
        told = driven("apply", wanted=wanted)
        if driven.release == "2.3":
            assert (
                "can't have certificates by address beside those by server name (local_name www.example.com)"
                in told["refusals"][0]
            )
            driven.done([listener(host.four, 993)])
            assert clients.served_certificate(host.four, 993) == host.facts["fingerprint"]
        else:
            assert told["failed"] == ""
            assert clients.served_certificate(host.four, 993) == b[1]
            assert clients.served_certificate(host.four, 993, servername="mail.example.com") == b[1]
        assert clients.served_certificate(host.four, 993, servername="www.example.com") == c[1]
        driven("apply", wanted=None)


def test_names_that_clients_of_one_address_ask_for(driven, other, clients):
    """2.4 takes the last block that fits, which would be ours: so it says theirs again."""
    host, (b, c, _d) = driven.host, other
    if driven.release == "2.3":
        return  # does without: the test before
    with driven.configured(
        "local %s {\n  local_name www.example.com {\n%s  }\n}\n" % (host.four, driven.ssl(*c[0]))
    ):
        driven("activate")
        assert clients.served_certificate(host.four, 993, servername="www.example.com") == c[1]
        assert driven("apply", wanted=[listener(host.four, 993, files=b[0])])["failed"] == ""
        assert clients.served_certificate(host.four, 993, servername="www.example.com") == c[1]
        assert clients.served_certificate(host.four, 993) == b[1]
        driven("apply", wanted=None)


def test_a_second_certificate_is_seen_and_not_declared_beside(driven, other):
    host, (b, c, _d) = driven.host, other
    names = (
        ("ssl_alt_cert = <", "ssl_alt_key = <")
        if driven.release == "2.3"
        else ("ssl_server_alt_cert_file = ", "ssl_server_alt_key_file = ")
    )
    with driven.configured("".join(name + file + "\n" for name, file in zip(names, c[0]))):
        told = driven("apply", wanted=[listener(host.four, 993, files=b[0])])
        assert [
            message
            for message in told["refusals"]
            if f"two certificates for all its services ({', '.join(sorted([HOST[0], c[0][0]]))})"
            in message
        ], told
        assert [
            one["text"]
            for one in driven("read")["unmapped"]
            if "one of two certificates" in one["reason"]
        ] == [HOST[0]]


@pytest.mark.parametrize(
    "main, second",
    [("rsa-2048", "ecdsa"), ("ecdsa", "rsa-2048"), ("rsa-2048", "rsa-2048"), ("ecdsa", "ecdsa")],
)
def test_of_two_certificates_the_one_that_clients_get_is_adopted(
    driven, authority, clients, main, second
):
    host, prints = driven.host, {}
    for which, kind in ("main", main), ("second", second):
        files = f"/etc/ssl/mail/{which}.pem", f"/etc/ssl/mail/{which}.key"
        prints[put_certificate(host, authority, *files, kind=kind, which=which + kind)] = files
    text = driven.ssl("/etc/ssl/mail/main.pem", "/etc/ssl/mail/main.key") + (
        "ssl_alt_cert = </etc/ssl/mail/second.pem\nssl_alt_key = </etc/ssl/mail/second.key\n"
        if driven.release == "2.3"
        else "ssl_server_alt_cert_file = /etc/ssl/mail/second.pem\nssl_server_alt_key_file = /etc/ssl/mail/second.key\n"
    )
    with driven.configured(text):
        driven("activate", how="restart")
        certificate, key = prints[clients.served_certificate(host.four, 993)]
        told = driven("read")
        assert {
            (one["certificate_path"], one["private_key_path"]) for one in told["listeners"]
        } == {(certificate, key)}
        assert driven.done("what it has")["steps"] == []


def test_a_certificate_for_an_address_beside_a_wildcard_is_adopted(driven, other, clients):
    host, (b, _c, _d) = driven.host, other
    addresses = "address" if driven.release == "2.3" else "listen"
    with driven.configured(f"""
service imap-login {{
  inet_listener office {{
    {addresses} = {host.four}
    port = 2993
    ssl = yes
  }}
}}
local {host.four} {{
  protocol imap {{
{driven.ssl(*b[0])}
  }}
}}
"""):
        driven("activate", how="restart")
        assert clients.served_certificate(host.four, 2993) == b[1]
        assert clients.served_certificate(host.four2, 993) == host.facts["fingerprint"]
        assert driven.done("what it has")["steps"] == []


# -- what is refused, and what goes wrong


def test_systemd_that_holds_the_ports(driven):
    host = driven.host
    host.run(
        "systemctl stop dovecot.service; systemctl start dovecot.socket; systemctl start dovecot.service"
    )
    try:
        (message,) = driven("apply", wanted=[listener(host.four, 993)])["refusals"]
        assert (
            message.startswith("dovecot.socket is active")
            and "systemctl disable --now dovecot.socket && systemctl restart dovecot.service"
            in message
        )
        assert driven("apply", wanted="what it has")["refusals"] == []
        assert (1, True) == (
            1,
            any(
                program == "systemd" for _address, port, program in host.listening() if port == 143
            ),
        )
    finally:
        host.run("systemctl disable --now dovecot.socket && systemctl restart dovecot.service")


def test_a_protocol_that_is_not_there(driven):
    with driven.configured(
        "protocols = imap\n" if driven.release == "2.3" else "protocols = imap\n"
    ):
        (message,) = driven("apply", wanted=[listener(driven.host.four, 995)])["refusals"]
        assert "dovecot-pop3d" in message


def test_another_instance(driven):
    with driven.configured("instance_name = second\n"):
        (message,) = driven("apply", wanted=[listener(driven.host.four, 995)])["refusals"]
        assert "instance_name = second" in message


def test_a_configuration_that_is_broken_already(driven):
    with driven.configured("service imap-login {\n"):
        assert driven("read")["failed"].startswith(
            "Refused: what Dovecot is configured to do can't be told: doveconf: Fatal: Error in configuration file"
        )


def test_the_rehearsal_sees_what_doveconf_sees_and_touches_nothing(driven):
    """An unreadable certificate; no word of keys in what is said."""
    host = driven.host
    before = host.snapshot("/etc")
    told = driven(
        "apply",
        wanted=[listener(host.four, 993, files=("/etc/ssl/nothing.pem", "/etc/ssl/nothing.key"))],
    )
    if driven.release == "2.3":
        assert (
            "doveconf refuses" in told["failed"]
            and "/etc/ssl/nothing.pem" in told["failed"]
            and "PRIVATE" not in told["failed"]
        )
        assert different(before, host.snapshot("/etc")) == []


def test_an_address_that_is_not_here_kills_it_and_it_is_brought_back(driven, clients):
    """No checker sees it: doveconf and reload return 0. Put back, it answers within 5 seconds."""
    host = driven.host
    told = driven("apply", wanted=[listener("198.51.100.250", 993)])
    assert told["failed"] == "Failed: Dovecot's main process has ended"
    began = time.monotonic()
    assert wait_until(lambda: host.listens_on(993), 5)
    assert clients.served_certificate(host.four, 993) == host.facts["fingerprint"]
    assert time.monotonic() - began < 5
    told = driven("read")
    assert told["running"] and told["live"] == told["sockets"]


def test_a_port_that_somebody_takes_meanwhile(driven):
    host = driven.host
    with host.popen(
        [
            "python3",
            "-c",
            f"import socket,time; s=socket.create_server(({host.four2!r}, 1993)); time.sleep(60)",
        ]
    ):
        assert wait_until(lambda: host.listens_on(1993), 5)
        told = driven("apply", wanted=[listener(host.four2, 1993, "ssl", protocol="imap")])
        assert told["failed"] == f"Failed: Dovecot does not listen on {host.four2}:1993"
    told = driven("read")
    assert told["running"] and told["live"] == told["sockets"]


def test_a_killed_main_process(driven):
    host = driven.host
    for how in ("reload", "restart", "start"):
        host.run("kill -9 $(cat /run/dovecot/master.pid)")
        wait_until(lambda: not driven("read")["running"], 5)
        told = driven("activate", how=how)
        assert told["failed"] == "" and told["running"] and told["live"] == told["sockets"], (
            how,
            told,
        )


# -- what the reference says of Dovecot


def test_the_facts_that_this_is_built_on(driven, clients, other):
    """Not of ours: if one of these changes, what is written above may be needless, or not enough."""
    host, (b, c, _d) = driven.host, other
    old = driven.release == "2.3"
    where = "address" if old else "listen"

    def said(text):
        host.write(LOCAL, text)
        return host.run("doveconf -n", check=False)

    with driven.configured(""):
        # neither an address that is away nor one beside the wildcard is seen by the checker
        for text in ("198.51.100.250", "127.0.0.1"):
            assert (
                said(
                    "service imap-login {\n inet_listener x {\n  %s = %s\n  port = 993\n }\n}\n"
                    % (where, text)
                ).returncode
                == 0
            )
        # the other version's name of the setting
        wrong = said(
            "service imap-login {\n inet_listener x {\n  %s = 127.0.0.1\n  port = 1993\n }\n}\n"
            % ("listen" if old else "address")
        )
        assert wrong.returncode != 0 and "Unknown setting" in wrong.stderr
        said("")
        # absolute includes are followed from a copy to the live files
        host.run(
            "rm -rf /tmp/copy; cp -a /etc/dovecot /tmp/copy; echo 'broken {' >/tmp/copy/part.conf; echo >/etc/dovecot/part.conf; "
            "echo '!include /etc/dovecot/part.conf' >>/tmp/copy/dovecot.conf; doveconf -n -c /tmp/copy/dovecot.conf; rm /etc/dovecot/part.conf"
        )
        # 2.3 prints private keys
        assert ("PRIVATE KEY" in host.run("doveconf -nxP").stdout) == old
        # a certificate in a service's listener is not heard of
        if not old:
            assert (
                said(
                    "service imap-login {\n  inet_listener imaps {\n%s  }\n}\n" % driven.ssl(*b[0])
                ).returncode
                == 0
            )
            driven("activate")
            assert clients.served_certificate(host.four, 993) == host.facts["fingerprint"]
        # ssl = no takes an address's TLS down, and everybody's TLS listeners go with the global one
        said("ssl = no\n")
        driven("activate")
        assert {port for _address, port in driven.sockets()} == {143, 110}
        if not old:
            # a block for all addresses of one family is one for both
            said("local 0.0.0.0/0 {\n%s}\n" % driven.ssl(*b[0]))
            driven("activate")
            assert clients.served_certificate(host.six, 993) == b[1]
            # a repeated block is merged into the first
            one, net, again = (
                f"local {local} {{\nprotocol imap {{\n{driven.ssl(*files)}}}\n}}\n"
                for local, files in (
                    (host.four, HOST),
                    (host.four + "/24", b[0]),
                    (host.four, c[0]),
                )
            )
            said(one + net + again)
            driven("activate")
            assert clients.served_certificate(host.four, 993) == b[1]


# -- without systemd, and at boot


@pytest.mark.parametrize("suite", SUITES)
def test_without_systemd(suite, make_host, clients):
    host = make_host("bare-" + suite, suite, init="plain")
    driven = Driven(host)
    assert not driven("read")["running"]
    assert driven("activate", how="start")["failed"] == ""
    driven.done([listener(host.addresses[0], 993), listener(host.addresses[1], 143)])
    assert clients.served_certificate(host.addresses[0], 993) == host.facts["fingerprint"]
    for how in ("restart", "reload"):
        host.run("kill -9 $(cat /run/dovecot/master.pid)")
        told = driven("activate", how=how)
        assert told["failed"] == "" and told["running"] and told["live"] == told["sockets"], told
    assert driven("apply", wanted=None)["live"] == sorted(map(list, driven.sockets()))


@pytest.mark.parametrize("suite", SUITES)
def test_a_reboot_with_addresses_that_are_tentative_at_first(suite, make_host, clients):
    host = make_host("boot-" + suite, suite, dad=True)
    driven = Driven(host)
    host.wait_for_addresses()
    wanted = [
        listener(host.addresses[0], 993),
        listener(host.addresses[1], 993),
        listener(host.addresses[1], 143),
    ]
    driven.done(wanted)
    for power_cut in (False, True):
        host.reboot(power_cut=power_cut)
        assert wait_until(
            lambda: {(one["address"], one["port"]) for one in wanted} <= driven.sockets(), 20
        ), host.journal()
        for address in host.addresses:
            assert clients.served_certificate(address, 993) == host.facts["fingerprint"]
    driven("apply", wanted=None)
    assert not host.exists("/etc/systemd/system/dovecot.service.d")
