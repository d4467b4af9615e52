# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Postfix host as text: its main.cf, files that people write, and what is read and planned."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._host import systemd
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
    control,
    master_cf,
    own_lines,
    parser,
    reading,
    server,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.server import (
    Postfix,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    PostfixHost,
)

#: main.cf as Debian has it, unexpanded.
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


# -- reading and planning


def details(text, main=(), **host):
    """A host whose master.cf is this text."""
    host = PostfixHost(
        main={**DEBIAN, **dict(main)},
        **{"ports": {"amavis": 10026}, "names": {"localhost": ("127.0.0.1", "::1")}, **host},
    )
    found = parser.PostfixDetails(
        PATH, host, None, None, boot_files={DROP_IN: None}, unit="postfix.service"
    )
    return with_text(found, text)


def with_text(found, text):
    """The host with another master.cf."""
    current = master_cf.parse(text)
    original = master_cf.parse_lines(
        own_lines.original_lines(own_lines.marked_lines(current.lines))
    )
    return found._replace(
        current=parser.interpret(current, found.host),
        original=parser.interpret(original, found.host),
    )


def text_of(found):
    """The host's master.cf."""
    return found.current.file.text


def read(found):
    """The host as C(Postfix.read) has it."""
    services = found.current.services
    return Configured(
        parser.configured_listeners(services),
        parser.unmapped("postfix", services),
        parser.bound_sockets(services),
        own_lines.written_from(found.current.file.lines),
        found,
    )


def planned(found, listeners, options=Options(), live=None):
    """The plan, which is not refused. C(live): what listens now; by default all that should."""
    configured = read(found)
    postfix = Postfix()
    postfix._live = lambda: configured.sockets if live is None else live
    plan = postfix.plan(configured, listeners, options)
    assert plan.refusals == ()
    return plan


def refusals(text, listeners, main=(), **more):
    """C(more): fields of PostfixHost and of PostfixDetails."""
    found = details(
        text, main, **{key: value for key, value in more.items() if key in PostfixHost._fields}
    )
    found = found._replace(
        **{key: value for key, value in more.items() if key in parser.PostfixDetails._fields}
    )
    return list(Postfix().plan(read(found), listeners, Options()).refusals)


def written(found, listeners):
    """The text of master.cf after the plan."""
    return planned(found, listeners).steps[-1][PATH].decode()


def applied(found, plan):
    """The host after the plan."""
    for state in plan.steps:
        if PATH in state:
            found = with_text(found, state[PATH].decode("utf-8", "surrogateescape"))
        boot = {path: content for path, content in state.items() if path != PATH}
        found = found._replace(boot_files={**found.boot_files, **boot})
    assert read(found).sockets == plan.sockets or not plan.steps
    return found


def in_short(text, main=(), **host):
    """What is read of a text: address:port protocol encryption certificate key."""
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
    + "policyd-spf  unix  -       n       n       -       0       spawn\n"
    "  user=policyd-spf argv=/usr/bin/policyd-spf\n" + "127.0.0.1:10031 inet n n n - 0 spawn\n"
    "  user=nobody argv=/usr/bin/perl /usr/lib/postfix/policy.pl\n",
    "postscreen": """\
smtp      inet  n       -       y       -       1       postscreen
smtpd     pass  -       -       y       -       -       smtpd
  -o smtpd_milters=unix:/run/spam.sock
dnsblog   unix  -       -       y       -       0       dnsblog
tlsproxy  unix  -       -       y       -       0       tlsproxy
"""
    + CLIENTS
    + QUEUE,
    "tabs": "smtp\tinet\tn\t-\tn\t-\t20\tsmtpd\n\t-o\tsmtpd_sasl_auth_enable=no\n"
    "\t\t-o smtpd_helo_required=yes\n465\tinet\tn\t-\tn\t-\t-\tsmtpd\n"
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
    "submission only": [submission("192.0.2.1"), submission("192.0.2.2", "ssl")],
    "another number": [
        listener("192.0.2.1", 2525, "submission", "tls", "/tls/a.pem"),
        listener("192.0.2.1", 26, "smtp"),
    ],
    "nothing": [],
}


class FakeHost:
    """Programs that answer from a table, and a record of what was run."""

    def __init__(self, monkeypatch, answers=(), files=()):
        self.ran, self.answers, self.files = [], dict(answers), dict(files)
        for module in (server, reading, control, systemd):
            monkeypatch.setattr(module, "run", self.run)
        monkeypatch.setattr(reading, "read_file", self.files.get)
        monkeypatch.setattr(control, "_RELOAD_SECONDS", 0)
        monkeypatch.setattr(control, "_START_SECONDS", 0)
        monkeypatch.setattr(server, "has_systemd", lambda: "systemd" in self.answers)
        monkeypatch.setattr(
            server.os, "access", lambda path, mode: path.endswith(("sbin/master", *self.answers))
        )

    def commands(self):
        """The commands that change something."""
        return [
            command
            for command in self.ran
            if not command.endswith("master -t") and not command.startswith(("postconf", "postmap"))
        ]

    def run(self, argv, **_options):
        command = " ".join(argv)
        self.ran.append(command)
        if argv[0].endswith("/master"):
            return int(self.answers.get("running", True)), "", ""
        if command in self.answers:
            return self.answers[command]
        if argv[0] == "postconf":
            names = [name for name in argv[1:] if name != "-x"]
            table = self.answers.get("expanded" if "-x" in argv else "main", {})
            return (
                0,
                "".join("%s = %s\n" % (name, table[name]) for name in names if name in table),
                "postconf: warning: x: unknown parameter\n",
            )
        return 0, "", ""
