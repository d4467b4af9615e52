# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix: what hand-written files say, what is made of them, and that all of it can be taken back, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.base import Failed
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
    parser as master_cf,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
    render as master_cf_changes,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
    server as postfix,
)

# -- a host, and what is declared for it

DEBIAN = {
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "known_tcp_ports": "lmtp=24, smtp=25, smtps=submissions=465, submission=587",
    "smtpd_tls_cert_file": "/tls/main.pem",
    "smtpd_tls_key_file": "/tls/main.key",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_wrappermode": "no",
    "smtpd_tls_eckey_file": "$smtpd_tls_eccert_file",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_use_tls": "no",
    "smtpd_enforce_tls": "no",
    "postscreen_tls_security_level": "$smtpd_tls_security_level",
    "tlsproxy_tls_cert_file": "$smtpd_tls_cert_file",
    "tlsproxy_tls_key_file": "$smtpd_tls_key_file",
    "tlsproxy_tls_chain_files": "$smtpd_tls_chain_files",
}
MAIN = ("/tls/main.pem", "/tls/main.key")
PATH = "/etc/postfix/master.cf"
DROP_IN = boot_file("postfix.service", "")[0]


def listener(address, port, protocol, encryption="none", certificate="", key=""):
    return Listener(address, port, protocol, encryption, certificate, key)


def smtp(address, encryption="tls", certificate="/tls/a.pem", key="/tls/a.key"):
    return listener(
        address,
        465 if encryption == "ssl" else 25,
        "smtp",
        encryption,
        *(("", "") if encryption == "none" else (certificate, key)),
    )


def submission(address, encryption="tls", certificate="/tls/a.pem", key="/tls/a.key"):
    return listener(
        address,
        465 if encryption == "ssl" else 587,
        "submission",
        encryption,
        *(("", "") if encryption == "none" else (certificate, key)),
    )


def details(text, main=(), live=None, **host):
    host = master_cf.Host(
        main={**DEBIAN, **dict(main)},
        **{"ports": {"amavis": 10026}, "names": {"localhost": ("127.0.0.1", "::1")}, **host},
    )
    found = postfix.Details(PATH, text, host, {DROP_IN: None}, "postfix.service")
    return found._replace(
        live=master_cf.found_sockets(master_cf.services(text, host)) if live is None else live
    )


def read(found):
    services = master_cf.services(found.text, found.host)
    return Configured(
        master_cf.found_listeners(services),
        master_cf.unmapped("postfix", services),
        master_cf.found_sockets(services),
        master_cf_changes.written_from(found.text),
        found,
    )


def refusals(text, wanted, main=(), **more):
    found = details(
        text, main, **{key: value for key, value in more.items() if key in master_cf.Host._fields}
    )
    found = found._replace(
        **{key: value for key, value in more.items() if key in postfix.Details._fields}
    )
    return postfix.Postfix().refusals(read(found), wanted, Options())


def render(found, wanted, options=Options()):
    assert wanted is None or postfix.Postfix().refusals(read(found), wanted, options) == []
    return postfix.Postfix().render(read(found), wanted, options)


def served(wanted, plan):
    """Is all of this among what listens after the plan? Where no TLS is asked for it may be offered."""

    def sayings(listeners):
        return {
            (each.address, each.port, each.protocol)
            + (
                ()
                if (each.address, each.port) in plain
                else (each.encryption, each.certificate_path, each.key_path)
            )
            for each in listeners
        }

    plain = {(each.address, each.port) for each in wanted if each.encryption == "none"}
    found = [found.listener for found in plan.listeners]
    return sayings(wanted) <= sayings(found) and not any(
        (each.address, each.port) in plain and each.encryption == "ssl" for each in found
    )


def applied(found, plan):
    """The host after the plan."""
    for state in plan.steps:
        found = found._replace(
            text=state[PATH].decode("utf-8", "surrogateescape") if PATH in state else found.text,
            boot={
                **found.boot,
                **{path: content for path, content in state.items() if path != PATH},
            },
        )
    return found._replace(live=plan.sockets)


def told(text, main=(), **host):
    """What is read, short: address:port protocol encryption certificate key."""
    return [
        " ".join(
            filter(
                None,
                (
                    found.listener.name,
                    found.listener.protocol,
                    found.listener.encryption,
                    found.listener.certificate_path,
                    found.listener.private_key_path,
                ),
            )
        )
        for found in read(details(text, main, **host)).listeners
    ]


# -- what people write

SMTP = "smtp      inet  n       -       y       -       -       smtpd\n"
CLIENTS = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o milter_macro_daemon_name=ORIGINATING
"""
QUEUE = """\
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
"""
FILTERED = """\
# amavis hands mail back here
127.0.0.1:10025 inet n  -       n       -       -       smtpd
    -o content_filter=
    -o mynetworks=127.0.0.0/8,[::1]/128
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
"""

WRITTEN = {
    "Debian as it comes": "# Postfix master process configuration file.\n#\n"
    + SMTP
    + "#smtpd     pass  -       -       y       -       -       smtpd\n"
    + QUEUE,
    "with submission": SMTP + CLIENTS + QUEUE,
    "amavis": SMTP
    + "    -o content_filter=smtp-amavis:[127.0.0.1]:10024\n"
    + CLIENTS
    + "smtp-amavis unix -      -       n       -       2  smtp\n"
    + FILTERED
    + QUEUE,
    "policyd and milters": SMTP.rstrip("\n")
    + "\n  -o smtpd_milters=inet:localhost:8891,unix:/run/opendkim.sock\n"
    + QUEUE
    + "policyd-spf  unix  -       n       n       -       0       spawn\n  user=policyd-spf argv=/usr/bin/policyd-spf\n"
    + "127.0.0.1:10031 inet n n n - 0 spawn\n  user=nobody argv=/usr/bin/perl /usr/lib/postfix/policy.pl\n",
    "postscreen": """\
smtp      inet  n       -       y       -       1       postscreen
smtpd     pass  -       -       y       -       -       smtpd
  -o smtpd_milters=unix:/run/spam.sock
dnsblog   unix  -       -       y       -       0       dnsblog
tlsproxy  unix  -       -       y       -       0       tlsproxy
"""
    + CLIENTS
    + QUEUE,
    "tabs": "smtp\tinet\tn\t-\tn\t-\t20\tsmtpd\n\t-o\tsmtpd_sasl_auth_enable=no\n\t\t-o smtpd_helo_required=yes\n465\tinet\tn\t-\tn\t-\t-\tsmtpd\n"
    "\t-o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes\n" + QUEUE,
    "comments within entries": """\
smtp inet n - y - - smtpd
# the usual
  -o smtpd_helo_required=yes

#  -o smtpd_milters=
  -o { smtpd_client_restrictions = permit_mynetworks, reject_unknown_client_hostname }
      # that was it

# and for people:
submission inet n - y - - smtpd -v
  -o smtpd_tls_security_level=encrypt
  # with a password
  -o smtpd_sasl_auth_enable=yes
# bye
""",
    "CRLF": (SMTP + "# people\n" + CLIENTS + "\n" + QUEUE).replace("\n", "\r\n"),
    "no newline at the end": QUEUE + CLIENTS.rstrip("\n"),
    "no newline after a comment": SMTP + CLIENTS + "# that's all",
    "by address": """\
192.0.2.1:smtp inet n - n - - smtpd
[2001:db8::1]:25 inet n - n - - smtpd
192.0.2.1:465 inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
[::1]:465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
localhost:smtp inet n - n - - smtpd
"""
    + QUEUE,
    "the same twice": SMTP + QUEUE + "25 inet n - n - 5 smtpd\n  -o smtpd_helo_required=yes\n",
    "a host like no other": "\n\n  # indented\n628 inet n - n - - qmqpd\n"
    + CLIENTS
    + FILTERED
    + "amavis inet n - n - 0 spawn user=x argv=/bin/y {a b}\n"
    + SMTP
    + "\u00e9t\u00e9 unix - - n - - smtp\n"
    + QUEUE,
    "bytes that are no UTF-8": SMTP + "# caf\udce9\n" + QUEUE,
    "empty": "",
}
SCREENED = ("postscreen",)

DECLARED = {
    "one address": [smtp("192.0.2.1"), submission("192.0.2.1")],
    "two, of both families": [
        smtp("192.0.2.1"),
        smtp("2001:db8::1", certificate="/tls/b.pem", key=""),
        submission("2001:db8::1", "ssl"),
    ],
    "all": [smtp("0.0.0.0"), smtp("::"), submission("0.0.0.0"), submission("::")],
    "IPv4": [smtp("0.0.0.0", "none"), submission("0.0.0.0", "ssl")],
    "only for people": [submission("192.0.2.1"), submission("192.0.2.2", "ssl")],
    "another number": [
        listener("192.0.2.1", 2525, "submission", "tls", "/tls/a.pem"),
        listener("192.0.2.1", 26, "smtp"),
    ],
    "nothing": [],
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("declared", DECLARED)
def test_what_was_written_by_hand_listens_as_declared_and_comes_back_byte_for_byte(name, declared):
    wanted = DECLARED[declared]
    if name in SCREENED:
        wanted = [each for each in wanted if each.port != 25]
    before = details(WRITTEN[name])
    plan = render(before, wanted)

    assert served(wanted, plan)
    kept = {socket for socket in read(before).sockets if master_cf.is_loopback(socket[0])}
    assert kept <= plan.sockets
    declared_sockets = {(each.address, each.port) for each in wanted}
    for address, port in plan.sockets - declared_sockets - kept:
        if port not in (628, 10026, 10031):  # none of the five protocols
            assert master_cf.is_loopback(address)  # for a wildcard that went

    after = applied(before, plan)
    assert render(after, wanted).steps == ()
    changed = applied(after, render(after, DECLARED["one address"] if name not in SCREENED else []))
    for state in (after, changed):
        assert applied(state, render(state, None)) == before._replace(live=before.live)


def test_of_two_certificates_the_one_that_clients_get_is_read():
    """OpenSSL prefers elliptic curves, and so do its clients."""
    chains = {"smtpd_tls_chain_files": "/tls/r.key /tls/r.pem /tls/e.pem"}
    keys = {"key_files": frozenset(["/tls/r.key", "/tls/e.pem"])}
    by_address = "192.0.2.1:25 inet n - y - - smtpd\n"
    assert told(by_address, {"smtpd_tls_eccert_file": "/tls/e.pem"}) == [
        "192.0.2.1:25 smtp tls /tls/e.pem"
    ]
    assert told(by_address, chains, **keys) == ["192.0.2.1:25 smtp tls /tls/r.pem /tls/r.key"]
    assert told(by_address, chains, **keys, curves=frozenset(["/tls/e.pem"])) == [
        "192.0.2.1:25 smtp tls /tls/e.pem"
    ]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_read_and_declared_changes_nothing(name):
    before = details(WRITTEN[name])
    listeners = [found.listener for found in read(before).listeners]
    for wanted in (
        listeners,
        [each for each in listeners if not master_cf.is_loopback(each.address)],
    ):
        assert render(before, wanted).steps == ()


@given(
    st.lists(
        st.sampled_from(
            [text for name, text in WRITTEN.items() if name not in SCREENED and text.endswith("\n")]
        ),
        min_size=1,
        max_size=3,
    ),
    st.lists(
        st.builds(
            lambda address, port, protocol, encryption: listener(
                address,
                port,
                protocol,
                encryption,
                *(["/tls/a b.pem", "/tls/$x.key"] if encryption != "none" else []),
            ),
            st.sampled_from(
                ["0.0.0.0", "::", "192.0.2.1", "192.0.2.2", "2001:db8::1", "127.0.0.1"]
            ),
            st.sampled_from([25, 465, 587, 2525]),
            st.sampled_from(["smtp", "submission"]),
            st.sampled_from(["none", "ssl", "tls"]),
        ),
        max_size=6,
        unique_by=lambda each: (each.address, each.port),
    ),
    st.booleans(),
    st.booleans(),
)
def test_whatever_is_written_and_declared_it_listens_so_and_comes_back(
    texts, wanted, keep_loopback, crlf
):
    before = details("".join(texts).replace("\n", "\r\n") if crlf else "".join(texts))
    options = Options(keep_loopback=keep_loopback)
    plan = render(before, wanted, options)
    after = applied(before, plan)
    assert served(wanted, plan)
    assert render(after, wanted, options).steps == ()
    if wanted:
        assert read(after).config_path in (Options().config_path, "")
    # somebody edits other lines meanwhile
    edited = after._replace(text=after.text + "late unix - - n - - smtp\n")
    assert applied(edited, render(edited, None)).text == before.text + "late unix - - n - - smtp\n"
    if plan.steps:  # and all that was touched is put back by the last of the states on the way back
        assert applied(after, plan._replace(steps=plan.back[-1:], sockets=before.live)) == before
    if crlf:
        assert after.text.count("\r\n") == after.text.count("\n")


# -- reading


@pytest.mark.parametrize(
    "text, main, expected",
    [
        # what an entry listens on
        (
            SMTP,
            {},
            [
                "0.0.0.0:25 smtp tls /tls/main.pem /tls/main.key",
                "[::]:25 smtp tls /tls/main.pem /tls/main.key",
            ],
        ),
        (SMTP, {"inet_protocols": "ipv4"}, ["0.0.0.0:25 smtp tls /tls/main.pem /tls/main.key"]),
        (
            SMTP,
            {"inet_protocols": "ipv6, ipv4", "inet_interfaces": "loopback-only"},
            [
                "127.0.0.1:25 smtp tls /tls/main.pem /tls/main.key",
                "[::1]:25 smtp tls /tls/main.pem /tls/main.key",
            ],
        ),
        (
            SMTP,
            {
                "inet_interfaces": "192.0.2.1, [2001:DB8::1] $mine",
                "mine": "localhost",
                "smtpd_tls_security_level": "",
            },
            [
                "192.0.2.1:25 smtp none",
                "[2001:db8::1]:25 smtp none",
                "127.0.0.1:25 smtp none",
                "[::1]:25 smtp none",
            ],
        ),
        (
            "192.0.2.1:465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n",
            {"inet_interfaces": "loopback-only"},
            ["192.0.2.1:465 smtp ssl /tls/main.pem /tls/main.key"],
        ),
        (
            "[IPv6:2001:db8::1]:smtp inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "none"},
            ["[2001:db8::1]:25 smtp none"],
        ),
        (
            ":submissions inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes\n",
            {"inet_protocols": "ipv4", "smtpd_tls_wrappermode": "yes"},
            ["0.0.0.0:465 submission ssl /tls/main.pem /tls/main.key"],
        ),
        # submission or not
        (
            "192.0.2.1:587 inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "encrypt"},
            ["192.0.2.1:587 submission tls /tls/main.pem /tls/main.key"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes\n",
            {"smtpd_tls_security_level": ""},
            ["192.0.2.1:25 smtp none"],
        ),
        (
            "192.0.2.1:2525 inet n - n - - smtpd -o smtpd_sasl_auth_enable=$people\n",
            {"people": "yes", "smtpd_use_tls": "no", "smtpd_tls_security_level": ""},
            ["192.0.2.1:2525 submission none"],
        ),
        # TLS that is offered but not asked for is, for submission, none; unless AUTH asks for it
        ("192.0.2.1:587 inet n - n - - smtpd\n", {}, ["192.0.2.1:587 submission none"]),
        (
            "192.0.2.1:587 inet n - n - - smtpd\n",
            {"smtpd_tls_auth_only": "yes"},
            ["192.0.2.1:587 submission tls /tls/main.pem /tls/main.key"],
        ),
        # which certificate
        (
            "192.0.2.1:25 inet n - n - - smtpd\n",
            {"smtpd_tls_cert_file": ""},
            ["192.0.2.1:25 smtp none"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=/tls/x.pem -o smtpd_tls_key_file=\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/x.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=/tls/x.pem\n",
            {"smtpd_tls_key_file": "$smtpd_tls_cert_file"},
            ["192.0.2.1:25 smtp tls /tls/x.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o { smtpd_tls_chain_files = /tls/k.pem, /tls/c.pem }\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/c.pem /tls/k.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_chain_files=/tls/both.pem\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/both.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_chain_files=/tls/rsa.pem,/tls/ec.pem\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/rsa.pem"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=${dir}/x.pem -o smtpd_tls_key_file=$(dir)/$$x\n",
            {"dir": "/tls/$sub", "sub": "s"},
            ["192.0.2.1:25 smtp tls /tls/s/x.pem /tls/s/$x"],
        ),
        (
            "192.0.2.1:25 inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "", "smtpd_enforce_tls": "yes"},
            ["192.0.2.1:25 smtp tls /tls/main.pem /tls/main.key"],
        ),
        # Postfix looks a level up whatever its case
        (
            "192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_security_level=None\n",
            {},
            ["192.0.2.1:25 smtp none"],
        ),
        (
            "192.0.2.1:587 inet n - n - - smtpd\n",
            {"smtpd_tls_security_level": "May"},
            ["192.0.2.1:587 submission none"],
        ),
        (
            "192.0.2.1:25 inet n - n - 1 postscreen\n",
            {"postscreen_tls_security_level": "NONE"},
            ["192.0.2.1:25 smtp none"],
        ),
        # postscreen's is main.cf's, or its tlsproxy's
        (
            WRITTEN["postscreen"]
            .replace(
                "tlsproxy\n",
                "tlsproxy -o tlsproxy_tls_cert_file=/tls/t.pem -o tlsproxy_tls_key_file=/tls/t.key\n",
            )
            .replace(CLIENTS, ""),
            {"inet_protocols": "ipv4"},
            ["0.0.0.0:25 smtp tls /tls/t.pem /tls/t.key"],
        ),
        (
            "192.0.2.1:25 inet n - n - 1 postscreen -o smtpd_tls_chain_files=/tls/ignored.pem\n",
            {},
            ["192.0.2.1:25 smtp tls /tls/main.pem /tls/main.key"],
        ),
        (
            "192.0.2.1:25 inet n - n - 1 postscreen\n",
            {"postscreen_tls_security_level": "none"},
            ["192.0.2.1:25 smtp none"],
        ),
        # of two entries for one service the last one wins, also as 25 and smtp
        (
            "25 inet n - n - - smtpd\n192.0.2.1:25 inet n - n - - smtpd\nsmtp inet n - n - - smtpd -o smtpd_tls_security_level=none\n",
            {"inet_protocols": "ipv4"},
            ["192.0.2.1:25 smtp tls /tls/main.pem /tls/main.key", "0.0.0.0:25 smtp none"],
        ),
        # switched off
        (
            SMTP + "587 inet n - n - - smtpd\n",
            {"master_service_disable": "!SMTP/inet, inet", "inet_protocols": "ipv4"},
            ["0.0.0.0:25 smtp tls /tls/main.pem /tls/main.key"],
        ),
        (SMTP, {"master_service_disable": "smtp.inet"}, []),
    ],
)
def test_a_hand_written_entry_is_read_with_all_that_it_inherits(text, main, expected):
    assert (
        told(text, main, key_files=frozenset(["/tls/k.pem", "/tls/rsa.pem", "/tls/ec.pem"]))
        == expected
    )


@pytest.mark.parametrize(
    "text, main, where, reason",
    [
        ("628 inet n - n - - qmqpd\n", {}, 1, "qmqpd speaks none of the protocols: left as it is"),
        (FILTERED, {}, 2, "answers on loopback only: left as it is"),
        (
            SMTP + "\n" + SMTP,
            {},
            1,
            "master.cf, line 3 is for the same service, and the last one wins",
        ),
        (SMTP, {"master_service_disable": "inet"}, 1, "switched off by master_service_disable"),
        (
            "nowhere.test:25 inet n - n - - smtpd\n",
            {},
            1,
            "nowhere.test is no address that Postfix may listen on: not known, or not of inet_protocols",
        ),
        ("smtpp inet n - n - - smtpd\n", {}, 1, "there is no port smtpp in /etc/services"),
        (
            "[2001:db8::1]:25 inet n - n - - smtpd\n",
            {"inet_protocols": "ipv4"},
            1,
            "2001:db8::1 is no address that Postfix may listen on: not known, or not of inet_protocols",
        ),
        (
            "587 inet n - n - - smtpd\n",
            {},
            1,
            "STARTTLS is offered with /tls/main.pem, but logging in without it is allowed",
        ),
        (
            SMTP,
            {"smtpd_tls_eccert_file": "/tls/ec.pem"},
            1,
            "serves a second certificate, /tls/main.pem",
        ),
        (
            SMTP,
            {"tls_server_sni_maps": "hash:/etc/postfix/sni"},
            1,
            "tls_server_sni_maps serves other certificates to clients that ask for a name in it",
        ),
        (
            "25 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy\n",
            {},
            1,
            "expects the PROXY protocol (smtpd_upstream_proxy_protocol)",
        ),
        (
            "25 inet n - n - - smtpd -o smtpd_tls_req_ccert=yes\n",
            {},
            1,
            "asks for the client's certificate (smtpd_tls_req_ccert)",
        ),
        (
            "25 inet n - n - - smtpd -o smtpd_tls_security_level=${secure?{may}:{none}}\n",
            {},
            1,
            "smtpd_tls_security_level = ${secure?{may}:{none}}: on a condition, so it can't be told",
        ),
    ],
)
def test_what_has_no_place_in_the_model_is_told(text, main, where, reason):
    (unmapped,) = read(details(text, main)).unmapped
    assert (unmapped.server, unmapped.where, unmapped.reason) == (
        "postfix",
        "master.cf, line %d" % where,
        reason,
    )
    assert unmapped.text == " ".join(text.splitlines()[where - 1].split()) or text is FILTERED


def test_all_sockets_are_known_also_those_of_other_protocols():
    assert read(details(WRITTEN["a host like no other"])).sockets == {
        (address, port) for address in ("0.0.0.0", "::") for port in (25, 587, 628, 10026)
    } | {("127.0.0.1", 10025)}


def test_passwords_are_not_shown():
    text = "25 inet n - n - - smtpd -o smtpd_sasl_auth_enable=no -o sql_password=geheim -o { ldap_bind_passwd = so geheim }\n"
    found = details(text, {"smtpd_tls_req_ccert": "yes"})
    shown = [read(found).unmapped[0].text, *render(found, [smtp("192.0.2.1")]).shown[PATH]]
    assert all("geheim" not in text and "sql_password=********" in text for text in shown)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            SMTP + "# x\nsubmission inet n - n\n  - - \n",
            "master.cf, line 3: too few fields, Postfix wants 8: mend it, postfix check says more",
        ),
        (
            "# mailops.bindings begin: mail_listeners wrote this from /x.json\n" + SMTP,
            "master.cf, line 1: begins a block of ours that has no end. Put back the missing "
            'mark, "# mailops.bindings end" or "# mailops.bindings begin: mail_listeners wrote this from …", at line 1 or where its block was',
        ),
        (
            SMTP + "# mailops.bindings end\n",
            "master.cf, line 2: ends no block of ours: its first line is missing. Put back the missing "
            'mark, "# mailops.bindings end" or "# mailops.bindings begin: mail_listeners wrote this from …", at line 2 or where its block was',
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(text, message):
    with pytest.raises(Refused) as refused:
        read(details(text))
        render(details(text), [])
    assert str(refused.value) == message


# -- writing


def test_the_entry_taken_over_is_the_template_and_stays_beside():
    text = "smtp inet n - y - 50 smtpd -v\n  -o smtpd_helo_required=yes\n  -o smtpd_tls_security_level=none\n  -o smtpd_milters=\n# the end\n"
    plan = render(details(text), [smtp("192.0.2.1"), smtp("2001:db8::1", "none")])
    assert (
        plan.steps[-1][PATH].decode()
        == """\
#mailops.bindings# smtp inet n - y - 50 smtpd -v
#mailops.bindings#   -o smtpd_helo_required=yes
#mailops.bindings#   -o smtpd_tls_security_level=none
#mailops.bindings#   -o smtpd_milters=
# mailops.bindings begin: mail_listeners wrote this from /etc/mail-bindings/bindings.json
# Changes in here are lost: change that config, and apply it. "state: absent" gives back the lines behind "#mailops.bindings#".
# mailops.bindings: smtp, tls
192.0.2.1:25 inet n - y - 50 smtpd
  -o smtpd_tls_wrappermode=no
  -o smtpd_tls_security_level=may
  -o smtpd_tls_cert_file=/tls/a.pem
  -o smtpd_tls_key_file=/tls/a.key
  -v
  -o smtpd_helo_required=yes
  -o smtpd_milters=
# mailops.bindings: smtp, none
[2001:db8::1]:25 inet n - y - 50 smtpd
  -v
  -o smtpd_helo_required=yes
  -o smtpd_tls_security_level=none
  -o smtpd_milters=
# on loopback as it was
127.0.0.1:25 inet n - y - 50 smtpd
  -v
  -o smtpd_helo_required=yes
  -o smtpd_tls_security_level=none
  -o smtpd_milters=
# on loopback as it was
[::1]:25 inet n - y - 50 smtpd
  -v
  -o smtpd_helo_required=yes
  -o smtpd_tls_security_level=none
  -o smtpd_milters=
# mailops.bindings end
# the end
"""
    )
    shown = plan.shown[PATH]
    assert (
        shown[0] == text[: -len("# the end\n")]
        and shown[1] + "# the end\n" == plan.steps[-1][PATH].decode()
    )


def test_other_certificates_of_main_cf_do_not_shine_through():
    main = {
        "smtpd_tls_chain_files": "/tls/k.pem, /tls/c.pem",
        "smtpd_tls_eccert_file": "/tls/ec.pem",
    }
    text = render(details(SMTP, main), [smtp("192.0.2.1")]).steps[-1][PATH].decode()
    assert (
        "  -o smtpd_tls_chain_files=\n  -o smtpd_tls_eccert_file=\n" in text and "dcert" not in text
    )


def test_submission_from_nothing_asks_for_a_login_and_relays_for_nobody_else():
    wanted = [
        submission("192.0.2.1", certificate="/tls/two words.pem"),
        smtp("0.0.0.0", "tls", *MAIN),
        smtp("::", "tls", *MAIN),
    ]
    text = render(details(SMTP), wanted).steps[-1][PATH].decode()
    assert text.startswith(SMTP)  # which is left alone
    assert (
        """\
# mailops.bindings: submission, tls
192.0.2.1:587 inet n - y - - smtpd
  -o smtpd_tls_wrappermode=no
  -o smtpd_tls_security_level=encrypt
  -o { smtpd_tls_cert_file=/tls/two words.pem }
  -o smtpd_tls_key_file=/tls/a.key
  -o smtpd_tls_auth_only=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_delay_reject=yes
  -o smtpd_helo_restrictions=
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
# mailops.bindings end
"""
        in text
    )


def test_an_entry_of_the_same_number_is_the_template_also_where_its_protocol_was_guessed_otherwise():
    """Whether an entry is for people's clients nobody can read for certain: its filters and restrictions are kept either way."""

    def written(text, main, wanted):
        after = render(details(text, main), [wanted]).steps[-1][PATH].decode()
        return after[after.index("# mailops.bindings: ") : after.index("# on loopback")]

    assert (
        written(
            "2525 inet n - y - 20 smtpd\n  -o content_filter=scan:[127.0.0.1]:10024\n  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n",
            {"smtpd_sasl_auth_enable": "yes"},
            listener("192.0.2.1", 2525, "smtp", "tls", *MAIN),
        )
        == """\
# mailops.bindings: smtp, tls
192.0.2.1:2525 inet n - y - 20 smtpd
  -o smtpd_tls_wrappermode=no
  -o smtpd_tls_security_level=may
  -o smtpd_tls_cert_file=/tls/main.pem
  -o smtpd_tls_key_file=/tls/main.key
  -o content_filter=scan:[127.0.0.1]:10024
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
"""
    )
    # who logs in may send, and nobody else, whatever the entry let through; all else that it says counts
    assert (
        written(
            "smtps inet n - y - 20 smtpd -v\n  -o smtpd_tls_wrappermode=yes -o smtpd_milters=unix:/run/m.sock -o smtpd_sasl_auth_enable=no\n"
            "  -o smtpd_relay_restrictions=permit -o { smtpd_delay_reject = no } -o smtpd_recipient_restrictions=permit_mynetworks\n"
            "  -o smtpd_tls_auth_only=no -o milter_macro_daemon_name=X\n",
            {},
            submission("192.0.2.1", "ssl"),
        )
        == """\
# mailops.bindings: submission, ssl
192.0.2.1:465 inet n - y - 20 smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_cert_file=/tls/a.pem
  -o smtpd_tls_key_file=/tls/a.key
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_delay_reject=yes
  -o smtpd_helo_restrictions=
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -v
  -o smtpd_milters=unix:/run/m.sock
  -o smtpd_recipient_restrictions=permit_mynetworks
  -o smtpd_tls_auth_only=no
  -o milter_macro_daemon_name=X
"""
    )


def test_nothing_for_people_is_made_from_postscreen():
    """It knows no logins."""
    after = (
        render(
            details(WRITTEN["postscreen"]), [listener("192.0.2.1", 25, "submission", "tls", *MAIN)]
        )
        .steps[-1][PATH]
        .decode()
    )
    assert (
        "\n192.0.2.1:25 inet n - y - - smtpd\n" in after
        and "  -o smtpd_sasl_auth_enable=yes\n" in after
    )


def test_a_wildcard_that_changes_stays_one_entry_so_that_its_sockets_live_on():
    plan = render(details(SMTP), [smtp("0.0.0.0"), smtp("::")])
    assert (
        len(plan.steps) == 1
        and b"\nsmtp inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=no\n" in plan.steps[0][PATH]
    )
    assert b"on loopback" not in plan.steps[0][PATH]
    # and on the way back it is away for a moment: what is throttled does not recover by reload
    assert [b"#mailops.bindings# smtp" in state[PATH] for state in plan.back] == [True, False]


def test_without_tls_nothing_of_what_is_offered_is_taken_away_but_that_it_is_a_must():
    main = {"smtpd_tls_security_level": "encrypt"}
    before = details(
        "smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_tls_auth_only=yes\n", main
    )
    text = render(before, [listener("0.0.0.0", 465, "smtp")]).steps[-1][PATH]
    assert (
        b"\n0.0.0.0:465 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=no\n  -o smtpd_tls_security_level=may\n  -o smtpd_tls_auth_only=yes\n"
        in text
    )


def test_where_no_tls_is_asked_for_an_entry_that_offers_it_is_left_alone():
    wanted = [smtp("0.0.0.0", "none"), smtp("::", "none")]
    assert render(details(SMTP)._replace(boot={}), wanted).steps == ()
    assert (
        render(
            details(SMTP, {"smtpd_tls_security_level": "encrypt"})._replace(boot={}), wanted
        ).steps
        != ()
    )


def test_what_comes_stands_beside_what_goes_for_a_moment():
    plan = render(details(SMTP), [smtp("192.0.2.1")])
    first, last = (state[PATH].decode() for state in plan.steps)
    assert [DROP_IN in state for state in plan.steps] == [False, True]
    assert first.startswith(last) and first.endswith(
        "# For a moment only: entries that go, beside those that come.\n"
        + SMTP
        + "# mailops.bindings end\n"
    )
    assert {("0.0.0.0", 25), ("192.0.2.1", 25)} <= read(details(first)).sockets
    assert master_cf_changes.without_ours(first) == SMTP
    assert plan.back == ({PATH: SMTP.encode(), DROP_IN: None},)
    # the other way round as well; but not what is not listening: Postfix may have died of it
    after = applied(details(SMTP), plan)
    assert (
        len(render(after, None).steps) == 2
        and len(render(after._replace(live=frozenset()), None).steps) == 1
    )
    # only more, or only less
    more = render(after, [smtp("192.0.2.1"), smtp("192.0.2.2")])
    assert (
        len(more.steps) == 1 and len(render(applied(after, more), [smtp("192.0.2.1")]).steps) == 1
    )


def test_postscreen_goes_to_one_address_alone_and_loopback_needs_none():
    plan = render(details(WRITTEN["postscreen"]), [smtp("192.0.2.1", "tls", *MAIN)])
    text = plan.steps[-1][PATH].decode()
    assert len(plan.steps) == 1  # there can't be two for a moment
    assert "\n192.0.2.1:25 inet n - y - 1 postscreen\n" in text
    assert "\n127.0.0.1:25 inet n - y - - smtpd\n  -o smtpd_milters=unix:/run/spam.sock\n" in text


def test_the_nearest_entry_is_the_template():
    text = (
        "25 inet n - n - 1 smtpd\n192.0.2.1:25 inet n - n - 2 smtpd\n192.0.2.2:587 inet n - n - 3 smtpd -o smtpd_sasl_auth_enable=yes\n"
        "127.0.0.1:2525 inet n - n - 4 smtpd\n192.0.2.8:26 inet n - n - 5 smtpd\n192.0.2.9:26 inet n - n - 6 smtpd -o smtpd_sasl_auth_enable=yes\n"
    )
    after = (
        render(
            details(text),
            [
                smtp("192.0.2.1"),
                smtp("192.0.2.2"),
                submission("192.0.2.3"),
                listener("192.0.2.1", 2525, "smtp"),
                listener("192.0.2.1", 26, "submission"),
                listener("192.0.2.2", 26, "smtp"),
                listener("192.0.2.9", 26, "smtp"),
            ],
        )
        .steps[-1][PATH]
        .decode()
    )
    for entry in (
        "192.0.2.1:25 inet n - n - 2 smtpd",
        "192.0.2.2:25 inet n - n - 1 smtpd",
        "192.0.2.3:587 inet n - n - 3 smtpd",
        "192.0.2.1:2525 inet n - n - - smtpd",
        # elsewhere, of the same protocol; but what answers there comes first, whatever it is taken for
        "192.0.2.1:26 inet n - n - 6 smtpd",
        "192.0.2.2:26 inet n - n - 5 smtpd",
        "192.0.2.9:26 inet n - n - 6 smtpd",
    ):
        assert "\n%s\n" % entry in after


def test_loopback_is_kept_unless_it_is_not_to_be():
    sockets = render(
        details(SMTP + FILTERED), [smtp("192.0.2.1")], Options(keep_loopback=False)
    ).sockets
    assert sockets == {("192.0.2.1", 25), ("127.0.0.1", 10025)}
    sockets = render(details(SMTP, loopback=("127.0.0.1",)), [smtp("192.0.2.1")]).sockets
    assert sockets == {
        ("192.0.2.1", 25),
        ("127.0.0.1", 25),
    }  # binding an address that is not there would kill master
    own = render(details(SMTP), [smtp("192.0.2.1"), smtp("127.0.0.1")])
    assert sum(found.listener.address == "127.0.0.1" for found in own.listeners) == 1


def test_a_reboot_waits_for_addresses_where_there_are_some():
    def boot(wanted):
        return [state.get(DROP_IN) for state in render(details(SMTP), wanted).steps[-1:]]

    assert boot([smtp("192.0.2.1")]) == [boot_file("postfix.service", Options().config_path)[1]]
    assert boot([smtp("0.0.0.0"), smtp("::"), smtp("127.0.0.1", "ssl")]) == [None]
    # nothing of ours is in an entry that is left alone, and so nothing is beside it
    by_hand = details("192.0.2.1:25 inet n - y - - smtpd\n")
    assert render(by_hand, [smtp("192.0.2.1", "none")]).steps == ()
    assert render(by_hand._replace(boot={DROP_IN: b"old"}), [smtp("192.0.2.1", "none")]).steps == (
        {DROP_IN: None},
    )
    only = render(details(SMTP)._replace(boot={DROP_IN: b"old"}), None)
    assert (only.steps, only.back, only.activation) == (
        ({DROP_IN: None},),
        ({DROP_IN: b"old"},),
        "none",
    )


# -- refusing


@pytest.mark.parametrize(
    "text, main, wanted, more, message",
    [
        (
            SMTP,
            {"multi_instance_directories": "/etc/postfix-out"},
            [smtp("192.0.2.1")],
            {},
            "main.cf: this host runs several instances of Postfix (multi_instance_directories), and which of them should listen can't be declared: "
            "set multi_instance_directories to nothing, or keep Postfix off the option servers",
        ),
        (
            SMTP,
            {"inet_protocols": "ipv4"},
            [smtp("2001:db8::1")],
            {},
            "[2001:db8::1]:25: Postfix uses no IPv6 on this host (inet_protocols in main.cf, or the kernel), and would die of it: "
            "set inet_protocols to all, and restart Postfix",
        ),
        (
            SMTP,
            {"inet_protocols": "ipv6"},
            [smtp("192.0.2.1")],
            {},
            "192.0.2.1:25: Postfix uses no IPv4 on this host (inet_protocols in main.cf, or the kernel), and would die of it: "
            "set inet_protocols to all, and restart Postfix",
        ),
        (
            "",
            {"master_service_disable": "192.0.2.1:25/inet"},
            [smtp("192.0.2.1")],
            {},
            "192.0.2.1:25: master_service_disable = 192.0.2.1:25/inet in main.cf switches it off: take that out",
        ),
        (
            "628 inet n - n - - qmqpd\n",
            {},
            [listener("192.0.2.1", 628, "smtp")],
            {},
            "192.0.2.1:628: master.cf, line 1 has Postfix's qmqpd there, which speaks neither smtp nor submission: declare another port, or move that service",
        ),
        (
            WRITTEN["postscreen"],
            {},
            [smtp("192.0.2.1", "tls", *MAIN), smtp("192.0.2.2", "tls", *MAIN)],
            {},
            "master.cf, line 1: postscreen is one entry of master.cf, with one address or all, and can't answer on 192.0.2.1:25 and 192.0.2.2:25 with settings of "
            "their own: declare its port on 0.0.0.0 and :: alike, or on one address, or put smtpd in its place",
        ),
        (
            WRITTEN["postscreen"],
            {},
            [smtp("192.0.2.1")],
            {},
            "192.0.2.1:25: master.cf, line 1 is postscreen, whose encryption and certificate are main.cf's (now: tls with /tls/main.pem): declare that, "
            "set smtpd_tls_cert_file and smtpd_tls_key_file there, or put smtpd in its place",
        ),
        (
            "192.0.2.1:465 inet n - n - 1 postscreen\n",
            {},
            [smtp("192.0.2.1", "ssl")],
            {},
            "192.0.2.1:465: master.cf, line 1 is postscreen, which does no TLS from the first byte: declare tls, or put smtpd in its place",
        ),
        (
            SMTP,
            {"tls_server_sni_maps": "hash:/x"},
            [smtp("192.0.2.1")],
            {},
            "192.0.2.1:25: tls_server_sni_maps = hash:/x would serve other certificates than the declared one: take it out of main.cf, "
            'or write "-o tls_server_sni_maps=" in master.cf, line 1',
        ),
        (
            SMTP,
            {},
            [submission("192.0.2.1")],
            {"can_authenticate": False},
            "192.0.2.1:587: nothing says how Postfix should check logins: set smtpd_sasl_type = dovecot and smtpd_sasl_path = private/auth in main.cf, "
            "with Dovecot's socket for it, or set up Cyrus SASL (smtpd.conf)",
        ),
        (
            "465 inet n - n - - smtpd -o smtpd_milters=\n",
            {},
            [submission("192.0.2.1", "ssl")],
            {"can_authenticate": False},
            "192.0.2.1:465: nothing says how Postfix should check logins: set smtpd_sasl_type = dovecot and smtpd_sasl_path = private/auth in main.cf, "
            "with Dovecot's socket for it, or set up Cyrus SASL (smtpd.conf)",
        ),
        (
            SMTP,
            {},
            [smtp("192.0.2.1", certificate="/tls/{a}.pem")],
            {},
            "192.0.2.1:25: master.cf can't name the file /tls/{a}.pem: give it a name without braces, and without a blank at its end",
        ),
        (
            "gone.test:25 inet n - n - - smtpd\n",
            {},
            [smtp("192.0.2.1")],
            {},
            "master.cf, line 1: gone.test is no address that Postfix may listen on: not known, or not of inet_protocols, and Postfix would die of it on reload: "
            "mend or remove that entry first",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(text, main, wanted, more, message):
    assert refusals(text, wanted, main, **more) == [message]


def test_giving_back_is_refused_too_where_master_would_die_of_it():
    after = applied(details(SMTP), render(details(SMTP), [smtp("192.0.2.1")])).text
    assert refusals(after, None) == []
    (text,) = refusals(after + "gone.test:26 inet n - n - - smtpd\n", None)
    assert text.endswith(
        "gone.test is no address that Postfix may listen on: not known, or not of inet_protocols, and Postfix would die of it on reload: "
        "mend or remove that entry first"
    )
    assert (
        refusals(SMTP + "gone.test:26 inet n - n - - smtpd\n", None) == []
    )  # nothing of ours is there to be given back


def test_every_rule_says_what_it_is_for():
    assert all(rule.__doc__ for rule in postfix.RULES)


@pytest.mark.parametrize(
    "text, main, wanted",
    [
        (
            SMTP + "  -o tls_server_sni_maps=\n",
            {"tls_server_sni_maps": "hash:/x"},
            [smtp("192.0.2.1")],
        ),
        (
            SMTP,
            {"tls_server_sni_maps": "hash:/x"},
            [smtp("0.0.0.0", "tls", *MAIN), smtp("::", "tls", *MAIN)],
        ),  # as it is
        (CLIENTS, {}, [submission("192.0.2.1")]),  # its template says how to log in, or main.cf
        (
            "465 inet n - n - - smtpd -o smtpd_sasl_type=dovecot\n",
            {},
            [submission("192.0.2.1", "ssl")],
        ),
        (WRITTEN["postscreen"], {}, [smtp("0.0.0.0", "tls", *MAIN), smtp("::", "tls", *MAIN)]),
        ("gone.test:25 inet n - n - - smtpd\n", {}, []),
    ],
)
def test_what_can_be_is_not_refused(text, main, wanted):
    assert refusals(text, wanted, main, can_authenticate="sasl" not in text) == []


# -- what is done on the host


class FakeHost:
    """Programs that answer from a table, and remember what was asked."""

    def __init__(self, monkeypatch, answers=(), files=()):
        self.ran, self.answers, self.files = [], dict(answers), dict(files)
        monkeypatch.setattr(postfix, "run", self.run)
        monkeypatch.setattr(postfix, "read_file", self.files.get)
        monkeypatch.setattr(postfix, "_RELOAD_SECONDS", 0)
        monkeypatch.setattr(postfix, "_START_SECONDS", 0)
        monkeypatch.setattr(postfix, "has_systemd", lambda: "systemd" in self.answers)
        monkeypatch.setattr(
            postfix.os, "access", lambda path, mode: path.endswith(("sbin/master", *self.answers))
        )

    def commands(self):
        """What was done, not only asked."""
        return [
            command
            for command in self.ran
            if not command.endswith("master -t") and not command.startswith("postconf")
        ]

    def run(self, argv, **ignored):
        command = " ".join(argv)
        self.ran.append(command)
        if argv[0].endswith("/master"):
            return int(self.answers.get("running", True)), "", ""
        if argv[0] == "postconf":
            names = [name for name in argv[1:] if name != "-x"]
            table = self.answers.get("expanded" if "-x" in argv else "main", {})
            return (
                0,
                "".join("%s = %s\n" % (name, table[name]) for name in names if name in table),
                "postconf: warning: x: unknown parameter\n",
            )
        return self.answers.get(command, (0, "", ""))


def test_a_host_is_read_with_one_call_of_postconf_and_more_only_for_what_values_refer_to(
    monkeypatch,
):
    main = {
        **dict.fromkeys(master_cf.PARAMETERS, ""),
        **DEBIAN,
        "config_directory": "/etc/postfix",
        "smtpd_sasl_type": "dovecot",
    }
    host = FakeHost(monkeypatch, {"main": main, "expanded": {}}, {PATH: SMTP.encode()})
    found = postfix.Postfix().read()
    assert len(host.ran) == 1
    assert [each.listener.name for each in found.listeners] == [
        "0.0.0.0:25",
        "[::]:25",
    ] and found.config_path == ""

    host.files[PATH] = b"192.0.2.1:25 inet n - n - - smtpd -o smtpd_tls_cert_file=$mine\n"
    main.update(mine="$yours/x.pem", yours="/tls", smtpd_tls_key_file="${{a} == {b} ? {c}}")
    host.answers["expanded"] = {"smtpd_tls_key_file": "/tls/x.key"}
    assert [each.listener[4:6] for each in postfix.Postfix().read().listeners] == [
        ("/tls/x.pem", "/tls/x.key")
    ]


def test_a_layout_that_is_not_known_is_refused(monkeypatch):
    host = FakeHost(monkeypatch, {"main": {**DEBIAN, "config_directory": "/etc/postfix"}})
    with pytest.raises(
        Refused,
        match="/etc/postfix/master.cf is missing: Postfix's layout on this host is not known, or it is not set up",
    ):
        postfix.Postfix().read()
    host.answers["main"] = {}
    with pytest.raises(
        Refused,
        match=r"postconf does not say where Postfix's files are \(config_directory\): is Postfix set up\?",
    ):
        postfix.Postfix().read()


@pytest.mark.parametrize(
    "unit, content",
    [
        ("postfix@-.service", b"[Service]\nType=oneshot\nExecStart=/bin/true\n"),
        ("postfix.service", b"[Service]\nType=forking\nExecStart=postfix debian-systemd-start\n"),
    ],
)
def test_it_is_restarted_through_the_unit_that_really_runs_it(monkeypatch, unit, content):
    host = FakeHost(
        monkeypatch,
        {"systemd": True, "running": False},
        {"/usr/lib/systemd/system/postfix.service": content},
    )
    with pytest.raises(
        Failed, match="Postfix's master is dead after reload"
    ):  # it was already, and so it is started
        postfix.Postfix().activate("reload", frozenset())
    assert host.commands() == ["systemctl reset-failed " + unit, "systemctl restart " + unit]


@pytest.mark.parametrize(
    "answers, commands",
    [
        ({}, ["postfix stop", "postfix start"]),
        ({"/etc/init.d/postfix": True}, ["/etc/init.d/postfix restart"]),
        (
            {"/etc/init.d/postfix": True, "systemd": True},
            ["/etc/init.d/postfix restart"],
        ),  # and no unit of its own
    ],
)
def test_without_systemd_by_what_there_is(monkeypatch, answers, commands):
    host = FakeHost(monkeypatch, answers)
    postfix.Postfix().activate("restart", frozenset())
    assert host.commands() == commands


def test_a_running_one_is_only_reloaded_and_what_it_says_is_passed_on(monkeypatch):
    host = FakeHost(monkeypatch)
    postfix.Postfix().activate("reload", frozenset())
    assert host.commands() == ["postfix reload"]
    host.answers["postfix reload"] = (1, "", "postfix/postfix-script: fatal: no\n")
    monkeypatch.setattr(postfix, "_GONE_SECONDS", 0.1)
    with pytest.raises(Failed, match="postfix reload failed: postfix/postfix-script: fatal: no"):
        postfix.Postfix().activate("reload", frozenset())


def test_one_that_only_seemed_to_run_is_started(monkeypatch):
    """As master dies, systemd asks for it, and holds its lock for that moment: so it was, once in hundreds of runs."""
    host = FakeHost(
        monkeypatch,
        {
            "postfix reload": (
                1,
                "",
                "postfix/postfix-script: fatal: the Postfix mail system is not running\n",
            )
        },
    )
    seen = iter([True, True, False])
    monkeypatch.setattr(postfix.Postfix, "running", lambda self: next(seen, True))
    postfix.Postfix().activate("reload", frozenset())
    assert host.commands() == ["postfix reload", "postfix stop", "postfix start"]


def test_sessions_of_services_that_are_no_more_are_ended(monkeypatch, tmp_path):
    """Debian 13's master can't do that itself, and would wait for them and do nothing else."""
    main = {
        **dict.fromkeys(master_cf.PARAMETERS, ""),
        **DEBIAN,
        "config_directory": "/etc/postfix",
        "queue_directory": str(tmp_path),
    }
    FakeHost(
        monkeypatch,
        {"main": main},
        {PATH: b"192.0.2.1:smtp inet n - n - - smtpd\n25 inet n - n - - smtpd\n"},
    )
    monkeypatch.setattr(postfix, "_PROC", str(tmp_path))
    monkeypatch.setattr(postfix, "_RELOAD_SECONDS", 1)
    (tmp_path / "pid").mkdir()
    (tmp_path / "pid" / "master.pid").write_text("       90\n")

    def runs(pid, parent, *arguments):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1")
        (tmp_path / str(pid) / "cmdline").write_text("\0".join(arguments) + "\0")

    for pid, parent, *arguments in [
        (101, 90, "smtpd", "-n", "192.0.2.1:25", "-t", "inet", "-u"),  # is there, as 192.0.2.1:smtp
        (102, 90, "smtpd", "-n", "smtp", "-t", "inet", "-u"),  # as 25
        (103, 90, "smtpd", "-n", "[2001:db8::1]:smtp", "-t", "inet", "-u", "-o", "stress="),
        (104, 90, "smtpd", "-n", "submissions", "-t", "inet", "-u"),
        (
            105,
            91,
            "smtpd",
            "-n",
            "submissions",
            "-t",
            "inet",
            "-u",
        ),  # of another Postfix, in a container
        (106, 90, "smtpd", "-t", "pass", "-u"),
        (107, 90, "qmgr", "-l", "-t", "unix", "-u"),
        (108, 90, "smtpd", "-n", "nobody-knows", "-t", "inet", "-u"),
    ]:
        runs(pid, parent, *arguments)
    ended = []

    def kill(pid, number):
        ended.append((pid, number))
        postfix.shutil.rmtree(tmp_path / str(pid))

    monkeypatch.setattr(postfix.os, "kill", kill)
    server = postfix.Postfix()
    monkeypatch.setattr(
        server, "_live", lambda: frozenset({("192.0.2.1", 25), ("0.0.0.0", 25), ("::", 25)})
    )
    server.activate("reload", frozenset())
    assert sorted(ended) == [(103, postfix.signal.SIGTERM), (104, postfix.signal.SIGTERM)]


def test_the_rehearsal_minds_only_what_is_new(monkeypatch):
    host = FakeHost(monkeypatch, {"main": {"config_directory": "/etc/postfix"}})
    said = ["unused parameter: x=1\n"]
    monkeypatch.setattr(host, "run", None)
    monkeypatch.setattr(
        postfix,
        "run",
        lambda argv: (
            (0, "", "unused parameter: x=1\n")
            if argv[1] == "-M"
            else (0, "config_directory = /etc/postfix\n", "")
        ),
    )
    monkeypatch.setattr(
        postfix, "rehearse_in_copy", lambda folder, state, argv: (len(said) - 1, "".join(said))
    )
    postfix.Postfix().rehearse({PATH: b""})
    said.append("fatal: bad field count\n")
    with pytest.raises(
        Refused, match="Postfix does not accept the new master.cf: fatal: bad field count"
    ):
        postfix.Postfix().rehearse({PATH: b""})
