# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations of Dovecot that administrators have written."""

from __future__ import annotations

import pytest

from support.fleet.mail import put_certificate

from .dovecot_hosts import HOST, different, listener


def handwritten(dovecot):
    """(name, files for /etc/dovecot): ten ways of configuring listeners."""
    host, old = dovecot.host, dovecot.release == "2.3"
    where, join = ("address", ", ") if old else ("listen", " ")
    snake = dovecot.ssl(
        "/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key"
    )
    main = dovecot.host.read("/etc/dovecot/dovecot.conf")
    head = (
        ""
        if old
        else "".join(line + "\n" for line in main.splitlines() if line.startswith("dovecot_"))
    )
    flat = (
        head
        + "protocols = imap pop3\nssl = yes\n"
        + dovecot.ssl(*HOST)
        + (
            "mail_location = maildir:~/Maildir\npassdb {\n  driver = pam\n}\nuserdb {\n  driver "
            "= passwd\n}\n"
            if old
            else "mail_driver = maildir\nmail_path = %{home}/Maildir\npassdb pam {\n}\nuserdb "
            "passwd {\n}\n"
        )
    )
    per_ip = (
        "service imap-login {\n  inet_listener imap {\n    port = 0\n  }\n  inet_listener imaps "
        "{\n    %s = %s\n    port = 993\n    ssl = yes\n  }\n}\n"
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
            "local.conf": per_ip + "local %s {\n  protocol imap {\n%s}\n}\nlocal %s/24 {\n  "
            "mail_max_userip_connections = 30\n}\n" % (host.four, snake, host.four2)
        },
    )
    yield (
        "local_name blocks",
        {
            "local.conf": "local_name www.example.com {\n%s}\nlocal_name mail.example.com {\n  "
            "protocol imap {\n%s}\n}\n" % (snake, snake)
        },
    )
    yield (
        "a service of its own, and others",
        {
            "local.conf": (
                "service imap-login-plain {\n  executable = imap-login -o ssl=no\n  type = "
                "login\n  protocol = imap\n  chroot = login\n"
                '  inet_listener "old" {\n    port = 1143\n    %s = %s\n  }\n}\n'
                "service lmtp {\n  inet_listener lmtp {\n    %s = 127.0.0.1\n    port = 24\n  "
                "}\n}\n" % (where, host.four, where)
            )
        },
    )


def test_handwritten_configurations_are_adopted_and_restored(dovecot, other_certificates):
    """Declaring what was read changes nothing; another declaration is removed without a trace."""
    host, (b, _c, _d) = dovecot.host, other_certificates
    names = []
    for name, files in handwritten(dovecot):
        before = {
            path: host.read("/etc/dovecot/" + path) if host.exists("/etc/dovecot/" + path) else None
            for path in files
        }
        folders = host.run("ls -d /etc/dovecot/*/").stdout.split()
        try:
            for path, text in files.items():
                host.write("/etc/dovecot/" + path, text)
            host.run(["doveconf", "-n"])
            assert dovecot("activate", how="restart")["failed"] == "", name
            snapshot = host.snapshot("/etc")
            told = dovecot("read")
            assert told["live"] == told["sockets"], name
            assert dovecot.done("what it has")["steps"] == [], name
            # where there are certificates by server name, 2.3 can't have any by address
            mine = b[0] if dovecot.release == "2.4" or "local_name" not in name else HOST
            told = dovecot.done(
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
            told = dovecot("apply", wanted=None)
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
                f"for d in /etc/dovecot/*/; do case ' {' '.join(folders)} ' in *\" $d \"*) ;; *) "
                f"rmdir $d;; esac; done"
            )
            dovecot("activate", how="restart")
    assert len(names) >= 10


def test_certificates_by_name_stay_in_effect(dovecot, other_certificates, clients):
    """In 2.4 also if the address gets a certificate of its own; in 2.3 that is refused."""
    host, (b, c, _d) = dovecot.host, other_certificates
    with dovecot.configured("local_name www.example.com {\n" + dovecot.ssl(*c[0]) + "}\n"):
        dovecot("activate")
        wanted = [listener(host.four, 993, files=b[0])]
        told = dovecot("apply", wanted=wanted)
        if dovecot.release == "2.3":
            assert (
                "can't have certificates by address beside those by server name (local_name "
                "www.example.com)" in told["refusals"][0]
            )
            dovecot.done([listener(host.four, 993)])
            assert clients.served_certificate(host.four, 993) == host.facts["fingerprint"]
        else:
            assert told["failed"] == ""
            assert clients.served_certificate(host.four, 993) == b[1]
            assert clients.served_certificate(host.four, 993, servername="mail.example.com") == b[1]
        assert clients.served_certificate(host.four, 993, servername="www.example.com") == c[1]
        dovecot("apply", wanted=None)


def test_certificates_by_name_of_one_address_stay_in_effect(dovecot, other_certificates, clients):
    """2.4 takes the last block that matches, which would be ours: so ours repeats theirs."""
    host, (b, c, _d) = dovecot.host, other_certificates
    if dovecot.release == "2.3":
        return  # does without: the test before
    with dovecot.configured(
        "local %s {\n  local_name www.example.com {\n%s  }\n}\n" % (host.four, dovecot.ssl(*c[0]))
    ):
        dovecot("activate")
        assert clients.served_certificate(host.four, 993, servername="www.example.com") == c[1]
        assert dovecot("apply", wanted=[listener(host.four, 993, files=b[0])])["failed"] == ""
        assert clients.served_certificate(host.four, 993, servername="www.example.com") == c[1]
        assert clients.served_certificate(host.four, 993) == b[1]
        dovecot("apply", wanted=None)


def test_second_certificate_is_unmapped_and_refused_beside_a_declared_one(
    dovecot, other_certificates
):
    host, (b, c, _d) = dovecot.host, other_certificates
    names = (
        ("ssl_alt_cert = <", "ssl_alt_key = <")
        if dovecot.release == "2.3"
        else ("ssl_server_alt_cert_file = ", "ssl_server_alt_key_file = ")
    )
    with dovecot.configured("".join(name + file + "\n" for name, file in zip(names, c[0]))):
        told = dovecot("apply", wanted=[listener(host.four, 993, files=b[0])])
        assert [
            message
            for message in told["refusals"]
            if f"two certificates for all its services ({', '.join(sorted([HOST[0], c[0][0]]))})"
            in message
        ], told
        assert [
            entry["text"]
            for entry in dovecot("read")["unmapped"]
            if "one of two certificates" in entry["reason"]
        ] == [HOST[0]]


@pytest.mark.parametrize(
    "main, second",
    [("rsa-2048", "ecdsa"), ("ecdsa", "rsa-2048"), ("rsa-2048", "rsa-2048"), ("ecdsa", "ecdsa")],
)
def test_certificate_that_clients_get_is_adopted_of_two(dovecot, authority, clients, main, second):
    host, prints = dovecot.host, {}
    for which, kind in ("main", main), ("second", second):
        files = f"/etc/ssl/mail/{which}.pem", f"/etc/ssl/mail/{which}.key"
        prints[put_certificate(host, authority, *files, kind=kind, which=which + kind)] = files
    text = dovecot.ssl("/etc/ssl/mail/main.pem", "/etc/ssl/mail/main.key") + (
        "ssl_alt_cert = </etc/ssl/mail/second.pem\nssl_alt_key = </etc/ssl/mail/second.key\n"
        if dovecot.release == "2.3"
        else "ssl_server_alt_cert_file = /etc/ssl/mail/second.pem\nssl_server_alt_key_file = "
        "/etc/ssl/mail/second.key\n"
    )
    with dovecot.configured(text):
        dovecot("activate", how="restart")
        certificate, key = prints[clients.served_certificate(host.four, 993)]
        told = dovecot("read")
        assert {
            (entry["certificate_path"], entry["private_key_path"]) for entry in told["listeners"]
        } == {(certificate, key)}
        assert dovecot.done("what it has")["steps"] == []


def test_certificate_of_an_address_beside_a_wildcard_is_adopted(
    dovecot, other_certificates, clients
):
    host, (b, _c, _d) = dovecot.host, other_certificates
    addresses = "address" if dovecot.release == "2.3" else "listen"
    with dovecot.configured(f"""
service imap-login {{
  inet_listener office {{
    {addresses} = {host.four}
    port = 2993
    ssl = yes
  }}
}}
local {host.four} {{
  protocol imap {{
{dovecot.ssl(*b[0])}
  }}
}}
"""):
        dovecot("activate", how="restart")
        assert clients.served_certificate(host.four, 2993) == b[1]
        assert clients.served_certificate(host.four2, 993) == host.facts["fingerprint"]
        assert dovecot.done("what it has")["steps"] == []


def test_other_certificate_by_name_is_refused_although_nothing_would_be_written(
    dovecot, other_certificates, clients
):
    """As Dovecot takes its blocks: of those that cover a name the first in 2.3, the last in 2.4."""
    host, (b, _c, _d) = dovecot.host, other_certificates

    def block(pattern, files):
        return "local_name %s {\n%s}\n" % (pattern, dovecot.ssl(*files))

    def apply(name):
        wanted = [
            {**listener(address, port), "hostname": name}
            for address in ("0.0.0.0", "::")
            for port in (110, 143, 993, 995)
        ]
        told = dovecot("apply", wanted=wanted, dry=True)
        assert told["steps"] == []
        return told["refusals"]

    texts = [block("*.example.com", b[0]), block("mail.example.com", HOST)]
    for text in (texts, texts[::-1]):
        with dovecot.configured("".join(text)):
            dovecot("activate")
            for name in ("mail.example.com", "www.example.com", "a.b.example.com"):
                served = clients.served_certificate(host.four, 993, servername=name)
                assert (served == b[1]) == bool(apply(name)), name
                assert all("by the block local_name *.example.com" in each for each in apply(name))
