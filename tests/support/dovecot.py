# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's configuration as doveconf prints it, and our code on it: helpers of unit tests."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    config_files,
    parser,
    render,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.server import (
    Dovecot,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    Configured,
    Options,
)

STOCK_CONF = b"""\
## Dovecot configuration file
!include_try /usr/share/dovecot/protocols.d/*.protocol
dict {
  #quota = mysql:/etc/dovecot/dovecot-dict-sql.conf.ext
}
!include conf.d/*.conf

# A config file can also tried to be included without giving an error if
# it's not found:
!include_try local.conf
"""


HOST = ("/etc/ssl/host.pem", "/etc/ssl/host.key")


OTHER = ("/etc/ssl/other.pem", "/etc/ssl/other.key")


FOUR, SECOND, SIX = "192.0.2.10", "192.0.2.11", "2001:db8::10"


OPTIONS = Options(config_path="/etc/mail-bindings/bindings.json")


BOTH = pytest.mark.parametrize("release", [(2, 3), (2, 4)], ids=["2.3", "2.4"])


SNI = {
    (2, 3): "local_name www.example.com {\n  ssl_cert = </sni\n  ssl_key = </sni.key\n}\n",
    (2, 4): "local_name www.example.com {\n  ssl_server {\n    cert_file = /sni\n"
    "    key_file = /sni.key\n  }\n}\n",
}

TWO_CERTIFICATES = {
    (2, 3): "ssl_alt_cert = </etc/tls/alt.pem\nssl_alt_key = </etc/tls/alt.key",
    (
        2,
        4,
    ): "ssl_server {\n  alt_cert_file = /etc/tls/alt.pem\n  alt_key_file = /etc/tls/alt.key\n}",
}


def no_name(name):
    raise AssertionError("asked for the address of " + name)


def inet(name, port, ssl="no", release=(2, 3), addresses="", **more):
    """An inet_listener as doveconf prints it: 2.3 with what is default, 2.4 without."""
    settings = {
        "port": port,
        "ssl": ssl,
        "address" if release < (2, 4) else "listen": addresses,
        "haproxy": "no",
        "reuse_port": "no",
        **more,
    }
    lines = [
        "    %s = %s" % pair
        for pair in settings.items()
        if release < (2, 4) or pair[1] not in ("no", "")
    ]
    return "\n".join(["  inet_listener %s{" % (name and name + " "), *lines, "  }"])


def service(name, *listeners, protocol="", kind="", executable=""):
    return "\n".join(
        [
            "service %s {" % name,
            "  chroot = ",
            "  executable = %s" % (executable or name),
            *listeners,
            "  protocol = %s" % protocol,
            "  type = %s" % kind,
            "  unix_listener %s {" % name,
            "    mode = 0600",
            "    port = 7",
            "  }",
            "}",
        ]
    )


def logins(release, imap=None, pop3=None):
    imap = (
        [inet("imap", 143, release=release), inet("imaps", 993, "yes", release)]
        if imap is None
        else imap
    )
    pop3 = (
        [inet("pop3", 110, release=release), inet("pop3s", 995, "yes", release)]
        if pop3 is None
        else pop3
    )
    return [
        service("imap-login", *imap, protocol="imap", kind="login"),
        service("pop3-login", *pop3, protocol="pop3", kind="login"),
    ]


def printed(
    release,
    services=None,
    changed="",
    protocols="imap lmtp pop3",
    listen="*, ::",
    ssl="yes",
    certificate=HOST,
):
    services = (
        [
            *logins(release),
            service(
                "submission-login",
                inet("submission", 587, release=release),
                protocol="submission",
                kind="login",
            ),
        ]
        if services is None
        else services
    )
    if release < (2, 4):
        some = [
            "protocols = " + protocols,
            "ssl_cert = <" + certificate[0],
            "ssl_key = <" + certificate[1],
        ]
    else:
        some = [
            "protocols {",
            *("  %s = yes" % protocol for protocol in protocols.split()),
            "  sieve = no",
            "}",
        ]
        some += [
            "ssl_server {",
            "  cert_file = " + certificate[0],
            "}",
            "ssl_server {",
            "  key_file = " + certificate[1],
            "}",
        ]
    some += ["listen = " + listen, "ssl = " + ssl]
    first = "# %d.%d.19 (9b53102964): /etc/dovecot/dovecot.conf\n" % release
    return first + changed, "\n".join(some + services)


def configuration(*args, **options):
    """The values of what C(printed) gives."""
    return configuration_of(*printed(*args, **options))


def configuration_of(changed, by_name, resolve=no_name, ours=None):
    """Of what doveconf prints without names (C(changed)), and with; and of our file, if given."""
    section, release = parser.combined([changed, by_name]), parser.release_of(changed)
    return parser.config_of(section, release, resolve, ours and parser.own_section(ours))


def plan(details, declared, options=OPTIONS):
    """What would be written, whether it is refused or not; C(declared) None for state absent."""
    desired = render.DesiredDovecot()
    if declared is not None:
        desired = render.desired_state(details.base, declared, options, details.loopback)
    return render.planned(details, declared, desired, options)


def refusals(details, declared, options=OPTIONS):
    """The messages."""
    return list(Dovecot().plan(Configured(details=details), declared, options).refusals)


def details(base, conf=STOCK_CONF, **more):
    return render.DovecotDetails(
        base, {config_files.MAIN_FILE: conf, **more.pop("files", {})}, **{"in_conf_d": True, **more}
    )


def listener(address, port, protocol="imap", encryption=None, certificate=HOST, **more):
    encryption = encryption or ("ssl" if port in (993, 995) else "tls")
    return Listener(
        address,
        port,
        protocol,
        encryption,
        *(("", "") if encryption == "none" else certificate),
        **more,
    )


def written(base, declared, options=OPTIONS):
    """The text of our file; '' if there is none."""
    steps = plan(details(base), declared, options).steps
    return (steps[0].get(config_files.IN_CONF_D) or b"").decode() if steps else ""


def blocks(text):
    """A file of Dovecot's as {(block, …, key): value}."""
    return _flat(parser.parse(text), ())


def _flat(section, path):
    found = {path + (key,): value for key, value in section.settings.items()}
    for block in section.blocks:
        found.update(_flat(block.section, path + ("%s %s" % (block.key, block.name),)))
    return found


def everywhere(port, protocol, certificate=HOST):
    return [
        listener(address, port, protocol, certificate=certificate) for address in ("0.0.0.0", "::")
    ]


def base_printed():
    """Configurations as administrators have them, as C(printed) gives them."""
    for release in ((2, 3), (2, 4)):

        def on(addresses, name="imaps", port=993, ssl="yes", release=release):
            return inet(name, port, ssl, release, addresses)

        yield printed(release)
        yield printed(release, listen="*")
        yield printed(release, listen="192.0.2.10, 2001:db8::10")
        yield printed(release, ssl="no")
        yield printed(release, ssl="required")
        yield printed(
            release,
            logins(
                release, [on("192.0.2.10 2001:db8::10"), on("127.0.0.1", "imap", 143, "no")], []
            ),
        )
        yield printed(
            release,
            logins(
                release,
                [on("192.0.2.10", "a"), on("192.0.2.11", "b"), on("*", "submission", 2993)],
                [inet("pop3", 0, release=release)],
            ),
        )
        yield printed(
            release,
            [
                *logins(release),
                service(
                    "lmtp",
                    inet("lmtp", 24, release=release, addresses="127.0.0.1"),
                    protocol="lmtp",
                ),
                service(
                    "managesieve-login",
                    inet("sieve", 4190, release=release),
                    protocol="sieve",
                    kind="login",
                ),
            ],
        )
        yield printed(release, changed=SNI[release])
        yield printed(
            release,
            logins(release, [on("192.0.2.10"), on("192.0.2.11", "second")], []),
            SNI[release].replace("local_name www.example.com", "local 192.0.2.11"),
        )
        yield printed(
            release,
            [
                *logins(release, [], []),
                service(
                    "imap-login-plain",
                    on("192.0.2.10", "x", 143, "no"),
                    protocol="imap",
                    kind="login",
                    executable="imap-login -o ssl=no",
                ),
            ],
        )


def base_configurations():
    """The same as values."""
    return [configuration_of(*texts) for texts in base_printed()]
