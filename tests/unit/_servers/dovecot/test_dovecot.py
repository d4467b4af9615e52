# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dovecot is configured to do, what we add to it, and what it can't do: all from texts, as doveconf prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    render as config,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.limits import (
    RULES,
    refusals,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options

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


def view(
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
    return config.view("\n".join(some + services), first + changed, no_name)


def details(base, conf=STOCK_CONF, **more):
    return config.Details(
        base, {config.MAIN_FILE: conf, **more.pop("files", {})}, **{"in_conf_d": True, **more}
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


def written(base, wanted, options=OPTIONS):
    """Our file's words, for one server; '' where there is none."""
    plan = config.render(details(base), wanted, options)
    return (plan.steps[0].get(config.IN_CONF_D) or b"").decode() if plan.steps else ""


def blocks(text, path=()):
    """A file of Dovecot's as {(block, …, key): value}."""
    found = {}
    for node in config.parse(text) if isinstance(text, str) else text:
        if node.children is None:
            found[path + (node.key,)] = node.value
        else:
            found.update(blocks(node.children, path + ("%s %s" % (node.key, node.value),)))
    return found


def everywhere(port, protocol, certificate=HOST):
    return [
        listener(address, port, protocol, certificate=certificate) for address in ("0.0.0.0", "::")
    ]


# -- what is configured


@BOTH
def test_a_stock_server_listens_on_the_wildcards_and_is_left_alone(release):
    base = view(release)
    found = [one.listener for one in config.listeners(base)]
    assert found == sorted(
        [
            *everywhere(143, "imap"),
            *everywhere(993, "imap"),
            *everywhere(110, "pop"),
            *everywhere(995, "pop"),
        ],
        key=lambda one: (":" in one.address, one.port),
    )
    assert config.listeners(base)[0].where == "service pop3-login, inet_listener pop3"
    assert config.sockets(base.entries) == {(one.address, one.port) for one in found}
    assert config.unmapped(base) == ()
    assert config.render(details(base), found, OPTIONS).steps == ()


def test_submission_is_not_listened_on_where_protocols_has_it_not():
    assert 587 not in {port for dummy, port in config.sockets(view((2, 3)).entries)}
    assert 587 in {
        port for dummy, port in config.sockets(view((2, 3), protocols="imap submission").entries)
    }


@pytest.mark.parametrize(
    "listen, addresses",
    [
        ("*, ::", {"0.0.0.0", "::"}),
        ("*, [::]", {"0.0.0.0", "::"}),
        ("* ::", {"0.0.0.0", "::"}),
        ("*", {"0.0.0.0"}),
        ("[::]", {"::"}),
        ("0.0.0.0", {"0.0.0.0"}),
        ("192.0.2.10, [2001:DB8:0::10]", {FOUR, SIX}),
        ("192.0.2.10,2001:db8::10", {FOUR, SIX}),
    ],
)
@BOTH
def test_addresses_are_written_in_many_ways(release, listen, addresses):
    """For all listeners, and for one."""
    own = view(
        release,
        logins(release, [inet("imap", 143, release=release, addresses=listen)], []),
        listen="127.0.0.1",
    )
    assert config.sockets(own.entries) == {(address, 143) for address in addresses}
    shared = view(release, logins(release, [inet("imap", 143, release=release)], []), listen=listen)
    assert config.sockets(shared.entries) == {(address, 143) for address in addresses}


def test_a_host_s_name_for_an_address_is_looked_up():
    text = "\n".join(logins((2, 3), [inet("imap", 143, addresses="mail.example.com")], []))
    found = config.view(
        "protocols = imap\nssl = no\nlisten = *\n" + text, "# 2.3.4", lambda name: [FOUR, SIX]
    )
    assert config.sockets(found.entries) == {(FOUR, 143), (SIX, 143)}


@BOTH
def test_without_tls_no_tls_listener_is_there(release):
    base = view(release, ssl="no")
    assert {(one.listener.port, one.listener.encryption) for one in config.listeners(base)} == {
        (110, "none"),
        (143, "none"),
    }


@BOTH
def test_port_0_is_off(release):
    base = view(
        release,
        logins(release, [inet("imap", 0, release=release), inet("imaps", 993, "yes", release)], []),
    )
    assert {one.listener.port for one in config.listeners(base)} == {993}


@BOTH
def test_the_narrower_block_has_the_last_word_on_a_certificate(release):
    cert, key, end = (
        ("ssl_cert = <%s", "ssl_key = <%s", "")
        if release < (2, 4)
        else ("ssl_server {\ncert_file = %s", "key_file = %s", "\n}")
    )

    def said(name):
        return cert % name + "\n" + key % (name + ".key") + end

    changed = (
        "protocol imap {\n%s\n}\nlocal 192.0.2.0/24 {\n  protocol imap {\n%s\n  }\n}\nlocal 192.0.2.10 {\n  protocol imap {\n%s\n  }\n}\n"
        % (said("/imap"), said("/net"), said("/one"))
    )
    base = view(release, changed=changed)
    assert [
        base.tls_of("imap", address).certificate for address in (FOUR, SECOND, SIX, "0.0.0.0")
    ] == ["/one", "/net", "/imap", "/imap"]
    assert base.tls_of("pop3", FOUR).certificate == HOST[0]


def test_in_2_4_the_later_block_has_the_last_word():
    one, net = (
        "local %s {\n  ssl_server {\n    cert_file = %s\n    key_file = /key\n  }\n}\n" % pair
        for pair in ((FOUR, "/one"), ("192.0.2.0/24", "/net"))
    )
    assert view((2, 4), changed=one + net).tls_of("imap", FOUR).certificate == "/net"
    assert view((2, 4), changed=net + one).tls_of("imap", FOUR).certificate == "/one"


def test_what_has_no_place_in_the_model_is_shown():
    base = view(
        (2, 3),
        [
            *logins(
                (2, 3),
                [
                    inet("imap", 143, addresses="127.0.0.1"),
                    inet("imaps", 993, "yes", haproxy="yes"),
                ],
                [],
            ),
            service(
                "imap-plain",
                inet("old", 1143, addresses=FOUR),
                protocol="imap",
                kind="login",
                executable="imap-login -o ssl=no",
            ),
            service("lmtp", inet("lmtp", 24, addresses="127.0.0.1"), protocol="lmtp"),
        ],
        "local_name mail.example.com {\n  ssl_cert = </sni\n}\nlocal 192.0.2.77 {\n  ssl_cert = </far\n  ssl_key = # hidden, use -P to show it\n}\n"
        "remote 10.0.0.0/8 {\n  ssl = required\n}\nlocal 192.0.2.78 {\n  mail_max_userip_connections = 3\n}\n",
    )
    assert [(one.where, one.reason) for one in config.unmapped(base)] == [
        ("service imap-login, inet_listener imap", "loopback stays as it is, undeclared"),
        (
            "service imap-login, inet_listener imaps",
            "a setting of one listener: kept where the listener is taken over",
        ),
        (
            "service imap-plain, inet_listener old",
            "a login service of its own: kept where the listener is taken over",
        ),
        ("service lmtp, inet_listener lmtp", "a listener of another protocol: lmtp"),
        ("local_name mail.example.com", "a certificate or TLS setting by server name (SNI)"),
        ("local 192.0.2.77", "a certificate or TLS setting for an address that no listener names"),
        ("remote 10.0.0.0/8", "a TLS setting by the client's address"),
    ]
    assert (
        config.unmapped(base)[1].text
        == "inet_listener imaps { address = 0.0.0.0, ::; port = 993; ssl = yes; haproxy = yes }"
    )
    assert [
        one.listener.encryption for one in config.listeners(base) if one.listener.port == 1143
    ] == ["none"]


def test_a_certificate_that_is_in_no_file_is_shown_so():
    base = view((2, 3), certificate=("-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----"))
    assert {(one.listener.port, one.listener.encryption) for one in config.listeners(base)} == {
        (143, "none"),
        (110, "none"),
    }
    assert {(one.where.split()[-1], one.reason) for one in config.unmapped(base)} == {
        ("imap", "its certificate and key are in no files"),
        ("pop3", "its certificate and key are in no files"),
        ("imaps", "its certificate and key are in no files: not a listener that can be declared"),
        ("pop3s", "its certificate and key are in no files: not a listener that can be declared"),
    }
    assert not any("BEGIN" in one.text for one in config.unmapped(base))


# -- what is written

FOR_ONE_IP = {
    (2, 3): """\
# Written by mail_listeners of mailops.bindings. What is edited here is lost: change the declaration.
# state: absent removes this file, and what it switches off (port = 0) is back.
# config_path: "/etc/mail-bindings/bindings.json"

# by default, Dovecot ends every session some seconds after a reload
shutdown_clients = no

service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = 0
  }
  inet_listener mailops-143-plain {
    address = 127.0.0.1, ::1
    port = 143
    ssl = no
  }
  inet_listener mailops-993-ssl {
    address = 127.0.0.1, 192.0.2.10, ::1
    port = 993
    ssl = yes
  }
}

service pop3-login {
  inet_listener pop3 {
    port = 0
  }
  inet_listener pop3s {
    port = 0
  }
  inet_listener mailops-110-plain {
    address = 127.0.0.1, ::1
    port = 110
    ssl = no
  }
  inet_listener mailops-995-ssl {
    address = 127.0.0.1, ::1
    port = 995
    ssl = yes
  }
}

local 192.0.2.10 {
  protocol imap {
    ssl_cert = </etc/ssl/other.pem
    ssl_key = </etc/ssl/other.key
  }
}
""",
}
FOR_ONE_IP[2, 4] = (
    FOR_ONE_IP[2, 3]
    .replace("address = ", "listen = ")
    .replace("1, ", "1 ")
    .replace("10, ", "10 ")
    .replace("ssl_cert = </etc/ssl/other.pem", 'ssl_server_cert_file = "/etc/ssl/other.pem"')
    .replace("ssl_key = </etc/ssl/other.key", 'ssl_server_key_file = "/etc/ssl/other.key"')
)


@BOTH
def test_our_file_stays_for_the_sake_of_sessions_until_state_is_absent(release):
    """Without it, the next reload would end them all."""
    base = view(release)
    there = details(base, files={config.IN_CONF_D: FOR_ONE_IP[release].encode()})
    wanted = [one.listener for one in config.listeners(base)]
    (state,) = config.render(there, wanted, OPTIONS).steps
    assert state[config.IN_CONF_D].decode() == FOR_ONE_IP[release].partition("\nservice")[0]
    assert config.render(details(base, files=state), wanted, OPTIONS).steps == ()
    assert config.render(details(base, files=state), None, OPTIONS).steps == (
        {config.IN_CONF_D: None},
    )


TWO_CERTIFICATES = {
    (2, 3): "ssl_alt_cert = </etc/tls/alt.pem\nssl_alt_key = </etc/tls/alt.key",
    (
        2,
        4,
    ): "ssl_server {\n  alt_cert_file = /etc/tls/alt.pem\n  alt_key_file = /etc/tls/alt.key\n}",
}


@BOTH
@pytest.mark.parametrize(
    "curves, served",
    [((), "alt"), (("alt",), "alt"), (("main",), "main"), (("main", "alt"), "alt")],
)  # seen with both: test_the_second_certificate_is_the_one_that_clients_get
def test_of_two_certificates_the_one_that_clients_get_is_read(release, curves, served):
    base = view(release, services=[TWO_CERTIFICATES[release], *logins(release)])
    files = {"main": base.tls, "alt": base.second._replace(ssl=base.tls.ssl)}
    read = config.as_served(base, [files[one].key for one in curves].__contains__)
    assert read.tls == files[served]
    assert {read.tls.certificate, read.second.certificate} == {
        one.certificate for one in files.values()
    }
    assert {
        found.listener.certificate_path
        for found in config.listeners(read)
        if found.listener.encryption != "none"
    } == {files[served].certificate}
    wanted = [found.listener for found in config.listeners(read)]
    assert (
        refusals(details(read), wanted, OPTIONS) == []
        and config.render(details(read), wanted, OPTIONS).steps == ()
    )


@BOTH
def test_a_second_certificate_is_listed_and_stands_against_a_declared_one(release):
    base = view(release, services=[TWO_CERTIFICATES[release], *logins(release)])
    assert [
        (one.text, "one of two certificates" in one.reason)
        for one in config.unmapped(base)
        if "alt_cert" in one.where
    ] == [("/etc/tls/alt.pem", True)]
    name = "ssl_alt_cert" if release < (2, 4) else "ssl_server_alt_cert_file"
    (message,) = refusals(details(base), [listener(FOUR, 993, certificate=OTHER)], OPTIONS)
    assert message == (
        FOUR
        + ":993: Dovecot has two certificates for all its services (%s, /etc/tls/alt.pem), and some clients would get one of them instead of the declared "
        "one: take %s out" % (base.tls.certificate, name)
    )
    # where nothing is set, nothing is in the way: it stays as it is
    assert refusals(details(base), [one.listener for one in config.listeners(base)], OPTIONS) == []


@BOTH
def test_a_comma_at_the_end_is_no_wildcard(release):
    """Observed with 2.3.19: listen = 127.0.0.5, binds that address only."""
    assert {
        address for address, port in config.sockets(view(release, listen=FOUR + ",").entries)
    } == {FOUR}


def test_certificates_by_name_within_a_block_for_the_address_are_said_again():
    """2.4 takes the last block that fits, and that is ours (seen with doveconf -f of 2.4.1)."""
    theirs = config.Filter(
        (("local", "192.0.2.0/24"), ("local_name", "shop.example")),
        {"certificate": "/etc/tls/shop.pem", "key": "/etc/tls/shop.key"},
    )
    elsewhere = config.Filter(
        (("local", "198.51.100.1"), ("local_name", "away.example")),
        {"certificate": "/etc/tls/away.pem", "key": "/etc/tls/away.key"},
    )
    base = view((2, 4))._replace(filters=(theirs, elsewhere))
    said = blocks(written(base, [listener(FOUR, 993, certificate=OTHER)]))
    named = {
        path[:-1]: value
        for path, value in said.items()
        if path[-1] == "ssl_server_cert_file" and any("local_name" in block for block in path)
    }
    assert named == {
        ("local " + FOUR, "local_name shop.example", "protocol imap"): '"/etc/tls/shop.pem"'
    }


@BOTH
def test_whether_a_reload_ends_sessions(release):
    """2.3 goes by what it read before, 2.4 by that and by what it reads then."""
    base, wanted = view(release), [listener(FOUR, 993)]
    old, ours = release < (2, 4), {config.IN_CONF_D: FOR_ONE_IP[release].encode()}

    def ends(base, wanted, **more):
        return config.render(details(base, **more), wanted, OPTIONS).ends_sessions

    first = ends(base, wanted)
    again, absent = (
        ends(base, then, shutdown_clients=False, files=ours) for then in (wanted, None)
    )
    assert first == "a reload ends them, since shutdown_clients = no is not in effect yet"
    assert again == ""
    assert absent == ("" if old else "a reload ends them, since shutdown_clients = yes")
    # where the administrator says no himself
    kept = base._replace(shutdown_clients=False)
    assert [
        ends(kept, wanted, shutdown_clients=False),
        ends(kept, None, shutdown_clients=False, files=ours),
    ] == ["", ""]


@BOTH
def test_from_the_wildcards_to_one_address(release):
    plan = config.render(details(view(release)), [listener(FOUR, 993, certificate=OTHER)], OPTIONS)
    assert plan.steps[0][config.IN_CONF_D].decode() == FOR_ONE_IP[release]
    assert plan.back == ({config.IN_CONF_D: None, config.BOOT_FILE: None},)
    assert plan.activation == "reload"
    assert plan.sockets == {
        (FOUR, 993),
        *((address, port) for address in ("127.0.0.1", "::1") for port in (110, 143, 993, 995)),
    }
    assert next(one.listener for one in plan.listeners if one.listener.address == FOUR) == listener(
        FOUR, 993, certificate=OTHER
    )
    assert plan.shown[config.IN_CONF_D] == ("", FOR_ONE_IP[release])
    assert b"ExecStartPre" in plan.steps[0][config.BOOT_FILE]


@BOTH
def test_loopback_goes_too_where_that_is_said(release):
    assert config.render(
        details(view(release)), [listener(FOUR, 993)], OPTIONS._replace(keep_loopback=False)
    ).sockets == {(FOUR, 993)}
    assert (
        config.render(details(view(release)), [], OPTIONS._replace(keep_loopback=False)).sockets
        == frozenset()
    )


@BOTH
def test_no_loopback_is_kept_that_can_not_be_bound(release):
    plan = config.render(
        details(view(release), loopback=("127.0.0.1",)), [listener(FOUR, 993)], OPTIONS
    )
    assert plan.sockets == {(FOUR, 993), *(("127.0.0.1", port) for port in (110, 143, 993, 995))}


@BOTH
def test_a_wildcard_answers_on_loopback_itself(release):
    plan = config.render(
        details(view(release)), [listener("0.0.0.0", 143), listener("::", 2143)], OPTIONS
    )
    assert plan.sockets == {
        ("0.0.0.0", 143),
        ("::", 2143),
        ("::1", 143),
        *((address, port) for address in ("127.0.0.1", "::1") for port in (110, 993, 995)),
    }


@BOTH
def test_no_address_of_its_own_needs_no_waiting_at_boot(release):
    plan = config.render(
        details(view(release)), [listener("0.0.0.0", 143), listener("127.0.0.2", 1143)], OPTIONS
    )
    assert config.BOOT_FILE not in plan.steps[0]
    assert (
        config.BOOT_FILE
        not in config.render(
            details(view(release), systemd=False), [listener(FOUR, 143)], OPTIONS
        ).steps[0]
    )


@BOTH
def test_what_is_right_stays_and_only_the_rest_is_ours(release):
    said = written(
        view(release), [*everywhere(143, "imap"), *everywhere(995, "pop"), listener(FOUR, 993)]
    )
    assert {path for path in blocks(said) if path[-1] == "port"} == {
        ("service imap-login", "inet_listener imaps", "port"),
        ("service imap-login", "inet_listener mailops-993-ssl", "port"),
        ("service pop3-login", "inet_listener pop3", "port"),
        ("service pop3-login", "inet_listener mailops-110-plain", "port"),
    }
    assert "local " not in said  # the certificate is the one of all


@BOTH
def test_none_does_not_mind_starttls(release):
    """Whether it is offered is the server's own setting, and says so when it is read."""
    base = view(release)
    wanted = [
        listener(address, port, protocol, "none")
        for address in ("0.0.0.0", "::")
        for port, protocol in ((143, "imap"), (110, "pop"))
    ]
    plan = config.render(
        details(base), [*wanted, *everywhere(993, "imap"), *everywhere(995, "pop")], OPTIONS
    )
    assert plan.steps == ()
    assert {one.listener.encryption for one in plan.listeners} == {"tls", "ssl"}


@BOTH
def test_a_listener_of_its_own_kind_is_the_template(release):
    """Its service, and what its listener says beside address, port and ssl."""
    base = view(
        release,
        [
            *logins(release, [inet("imap", 143, release=release, haproxy="yes")], []),
            service(
                "imap-plain",
                inet('"we ird"', 1143, release=release),
                protocol="imap",
                kind="login",
                executable="imap-login -o ssl=no",
            ),
        ],
    )
    said = blocks(
        written(
            base,
            [listener(FOUR, 143), listener(FOUR, 1143, encryption="none"), listener(FOUR, 993)],
        )
    )
    assert said["service imap-login", "inet_listener mailops-143-plain", "haproxy"] == "yes"
    assert ("service imap-login", "inet_listener mailops-993-ssl", "haproxy") not in said
    assert said["service imap-plain", 'inet_listener "we ird"', "port"] == "0"
    assert said["service imap-plain", "inet_listener mailops-1143-plain", "port"] == "1143"


@BOTH
def test_a_service_without_tls_is_no_template_for_tls(release):
    base = view(
        release,
        [
            *logins(release, [], []),
            service(
                "imap-plain",
                inet("old", 1143, release=release),
                protocol="imap",
                kind="login",
                executable="imap-login -o ssl=no",
            ),
        ],
    )
    said = blocks(written(base, [listener(FOUR, 1143, encryption="tls")]))
    assert said["service imap-login", "inet_listener mailops-1143-plain", "port"] == "1143"


@BOTH
def test_two_templates_of_one_number_make_two_listeners(release):
    base = view(
        release,
        logins(
            release,
            [
                inet("one", 143, release=release, addresses="192.0.2.10"),
                inet(
                    "two", 143, release=release, addresses="192.0.2.11 2001:db8::11", haproxy="yes"
                ),
            ],
            [],
        ),
    )
    plan = config.layout(
        base,
        [listener(FOUR, 143, encryption="ssl"), listener(SECOND, 143, encryption="ssl")],
        OPTIONS,
    )
    assert [(one.name, one.addresses, one.extras) for one in plan.own] == [
        ("mailops-143-ssl", (FOUR,), ()),
        ("mailops-143-ssl-2", (SECOND,), (("haproxy", "yes"),)),
    ]


@BOTH
def test_a_wildcard_s_certificate_is_that_of_its_family(release):
    said = written(
        view(release),
        [
            listener("0.0.0.0", 993, certificate=OTHER),
            listener("::", 993),
            listener(SECOND, 143, certificate=OTHER),
            listener(FOUR, 995, "pop"),
        ],
    )
    assert [line for line in said.splitlines() if line.startswith("local")] == [
        "local 0.0.0.0/1 {",
        "local 128.0.0.0/1 {",
    ]


def test_the_key_may_lie_in_the_certificate_s_file():
    both = ("/etc/ssl/both.pem", "")
    base = view((2, 3))
    said = blocks(written(base, [listener(FOUR, 993, certificate=both)]))
    assert said["local 192.0.2.10", "protocol imap", "ssl_key"] == "</etc/ssl/both.pem"
    again = view((2, 3), certificate=("/etc/ssl/both.pem", "/etc/ssl/both.pem"))
    assert config.listeners(again)[0].listener.private_key_path == ""
    assert "local" not in written(again, [listener(FOUR, 993, certificate=both)])


SNI = {
    (2, 3): "local_name www.example.com {\n  ssl_cert = </sni\n  ssl_key = </sni.key\n}\n",
    (
        2,
        4,
    ): "local_name www.example.com {\n  ssl_server {\n    cert_file = /sni\n    key_file = /sni.key\n  }\n}\n",
}


def test_in_2_4_certificates_by_name_go_on_being_served_beside_ours():
    said = blocks(
        written(view((2, 4), changed=SNI[2, 4]), [listener(FOUR, 993, certificate=OTHER)])
    )
    assert (
        said["local 192.0.2.10", "protocol imap", "ssl_server_cert_file"] == '"/etc/ssl/other.pem"'
    )
    assert (
        said[
            "local 192.0.2.10",
            "local_name www.example.com",
            "protocol imap",
            "ssl_server_cert_file",
        ]
        == '"/sni"'
    )


# -- what was read and is declared, is there; and what is given back is as it was


def base_views():
    """Configurations as people have them: whatever they say, declaring it changes nothing."""
    for release in ((2, 3), (2, 4)):

        def on(addresses, name="imaps", port=993, ssl="yes", release=release):
            return inet(name, port, ssl, release, addresses)

        yield view(release)
        yield view(release, listen="*")
        yield view(release, listen="192.0.2.10, 2001:db8::10")
        yield view(release, ssl="no")
        yield view(release, ssl="required")
        yield view(
            release,
            logins(
                release, [on("192.0.2.10 2001:db8::10"), on("127.0.0.1", "imap", 143, "no")], []
            ),
        )
        yield view(
            release,
            logins(
                release,
                [on("192.0.2.10", "a"), on("192.0.2.11", "b"), on("*", "submission", 2993)],
                [inet("pop3", 0, release=release)],
            ),
        )
        yield view(
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
        yield view(release, changed=SNI[release])
        yield view(
            release,
            logins(release, [on("192.0.2.10"), on("192.0.2.11", "second")], []),
            SNI[release].replace("local_name www.example.com", "local 192.0.2.11"),
        )
        yield view(
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


@pytest.mark.parametrize("base", list(base_views()))
def test_read_and_declared_it_changes_nothing(base):
    wanted = [one.listener for one in config.listeners(base)]
    plan = config.render(details(base), wanted, OPTIONS)
    assert plan.steps == ()
    assert plan.listeners == config.listeners(base)
    assert plan.sockets == config.sockets(base.entries)
    assert refusals(details(base), wanted, OPTIONS) == []


@pytest.mark.parametrize("base", list(base_views()))
def test_undeclared_loopback_does_not_have_to_be_said(base):
    """Written without the loopback entries, as unmapped has them, it changes nothing either."""
    wanted = [
        one.listener
        for one in config.listeners(base)
        if not config.is_loopback(one.listener.address)
    ]
    assert config.render(details(base), wanted, OPTIONS).steps == ()


CONFS = {
    "stock": STOCK_CONF,
    "nothing": b"",
    "no newline": STOCK_CONF.rstrip(b"\n"),
    "crlf": STOCK_CONF.replace(b"\n", b"\r\n"),
    "crlf, no newline": STOCK_CONF.replace(b"\n", b"\r\n").rstrip(b"\r\n"),
    "all in one file": b"protocols = imap\nservice imap-login {\n\tinet_listener imap {\n\t\tport = 143\n\t}\n}\n",
    "absolute": b"!include /etc/dovecot/conf.d/*.conf\n",
    "blank lines": STOCK_CONF + b"\n\n  \n\t\n",
    "tabs, comments and continuation": b"protocols = \\\n\timap \\\n\tpop3 # both\n#mailops.bindings: none of ours\n",
    "included one by one": b"!include conf.d/10-master.conf\n!include conf.d/10-ssl.conf\n!include_try /srv/dovecot/site.conf\n",
    "latin-1": "# Änderungen: Jürgen\nlisten = *\n".encode("latin-1"),
    "lone carriage return": b"listen = *\r",
}


@pytest.mark.parametrize("conf", CONFS.values(), ids=CONFS)
def test_dovecot_conf_gets_a_line_and_is_given_back_as_it_was(conf):
    before = details(view((2, 3)), conf, in_conf_d=False)
    wanted = [listener(FOUR, 993)]
    plan = config.render(before, wanted, OPTIONS)
    assert list(plan.steps[0]) == [config.BESIDE, config.MAIN_FILE, config.BOOT_FILE]
    now = plan.steps[0][config.MAIN_FILE]
    assert now.startswith(conf)
    assert now.rstrip().endswith(b"\n!include_try mailops.bindings.conf") and now.endswith(
        b"\n"
    ) == (conf.endswith(b"\n") or not conf)
    assert plan.shown[config.MAIN_FILE][0] == ""
    assert plan.shown[config.MAIN_FILE][1].count("mailops.bindings") == 2

    after = before._replace(files={**before.files, **plan.steps[0]})
    assert config.config_path_of(after.files) == OPTIONS.config_path
    assert config.render(after, wanted, OPTIONS).steps == ()
    gone = config.render(after, None, OPTIONS)
    assert gone.steps == ({config.BESIDE: None, config.MAIN_FILE: conf, config.BOOT_FILE: None},)
    assert gone.listeners == config.listeners(before.base)


@given(
    st.binary()
    | st.lists(
        st.sampled_from([b"a = b", b"\n", b"\r\n", b"\r", b"# mailops.binding", b"}", b" "])
    ).map(b"".join)
)
def test_any_bytes_are_given_back(conf):
    assert config.without_line(config.with_line(conf, '/a b\nc"d')) == conf
    assert config.with_line(
        config.without_line(config.with_line(conf, "/x")), "/x"
    ) == config.with_line(conf, "/x")


def test_lines_edited_meanwhile_stay():
    conf = config.with_line(b"listen = *\n", "/x") + b"mail_debug = yes\n"
    assert (
        config.without_line(b"protocols = imap\n" + conf)
        == b"protocols = imap\nlisten = *\nmail_debug = yes\n"
    )


def test_when_something_came_after_it_our_line_is_last_again():
    conf = config.with_line(b"listen = *\n", OPTIONS.config_path) + b"service imap-login {\n}\n"
    plan = config.render(
        details(view((2, 3)), conf, in_conf_d=False), [listener(FOUR, 993)], OPTIONS
    )
    assert plan.steps[0][config.MAIN_FILE] == config.with_line(
        b"listen = *\nservice imap-login {\n}\n", OPTIONS.config_path
    )


def test_our_file_moves_when_it_is_no_longer_last():
    base, wanted = view((2, 4)), [listener(FOUR, 993)]
    first = config.render(details(base), wanted, OPTIONS)
    later = config.render(details(base, files=first.steps[0], in_conf_d=False), wanted, OPTIONS)
    assert later.steps[0][config.IN_CONF_D] is None
    assert later.steps[0][config.BESIDE] == first.steps[0][config.IN_CONF_D]


@pytest.mark.parametrize(
    "conf, includes",
    [
        (STOCK_CONF, [(False, "local.conf"), (True, "conf.d/*.conf")]),
        (config.with_line(STOCK_CONF, "/x"), [(False, "local.conf"), (True, "conf.d/*.conf")]),
        (b'!include a\nlisten = *\n!include "b c" # d\n', [(True, "b c")]),
        (b"protocol imap {\n  !include a\n}\n", []),
        (b"", []),
    ],
)
def test_what_is_included_last(conf, includes):
    assert config.last_includes(conf) == includes


# -- what it can't do


def cannot(release=(2, 3), wanted=(), trouble=(), options=OPTIONS, **configured):
    base = view(release, **configured)
    return refusals(details(base, trouble=lambda: trouble), list(wanted), options)


def test_every_rule_is_in_the_table_and_is_content_with_a_simple_host():
    assert len(RULES) == 12
    for release in ((2, 3), (2, 4)):
        assert (
            cannot(
                release,
                [
                    listener(FOUR, 993),
                    listener(FOUR, 143),
                    listener(SIX, 995, "pop", certificate=OTHER),
                ],
            )
            == []
        )


def test_giving_back_is_a_change_too():
    base = view((2, 3))
    ours = config.render(details(base), [listener(FOUR, 993)], OPTIONS).steps[-1]
    told = ("dovecot.socket is active: …",)
    assert refusals(details(base, files=ours, trouble=lambda: told), None, OPTIONS) == list(told)
    assert refusals(details(base, trouble=lambda: told), None, OPTIONS) == []


def test_a_version_that_nobody_has_tried():
    assert cannot((2, 2), [listener(FOUR, 993)]) == [
        "this is Dovecot 2.2: mail_listeners knows 2.3 and 2.4, leave imap and pop out of what it declares here"
    ]


def test_what_the_host_says_stands_only_against_changes():
    assert cannot(wanted=[listener(FOUR, 993)], trouble=("dovecot.socket is active: …",)) == [
        "dovecot.socket is active: …"
    ]
    assert (
        cannot(
            wanted=[one.listener for one in config.listeners(view((2, 3)))],
            trouble=("dovecot.socket is active: …",),
        )
        == []
    )


@BOTH
def test_a_protocol_that_is_not_served(release):
    assert cannot(release, [listener(FOUR, 995, "pop")], protocols="imap") == [
        "192.0.2.10:995: Dovecot's setting protocols has no pop3: install the package dovecot-pop3d, or add pop3 to protocols in dovecot.conf"
    ]


@BOTH
def test_tls_that_is_switched_off_for_all(release):
    assert cannot(
        release, [listener(FOUR, 993), listener(FOUR, 143, encryption="none")], ssl="no"
    ) == [
        "192.0.2.10:993: Dovecot has TLS switched off for all its services (ssl = no): set ssl = yes, with a certificate for all, in dovecot.conf or "
        "conf.d/10-ssl.conf, or declare encryption none"
    ]
    assert cannot(release, [listener(FOUR, 143, encryption="none")], ssl="no") == []


@BOTH
def test_tls_that_is_switched_off_for_an_address(release):
    assert cannot(
        release,
        [listener(FOUR, 993), listener(SECOND, 993)],
        changed="local 192.0.2.11 {\n  ssl = no\n}\n",
    ) == [
        "192.0.2.11:993: Dovecot has TLS switched off there (ssl = no in a block for the address or protocol): take that out (doveconf -n shows the block), "
        "or declare encryption none"
    ]


@BOTH
def test_two_certificates_of_a_protocol_on_an_address(release):
    message = (
        "%s and %s have different certificates or keys (/etc/ssl/host.pem, /etc/ssl/other.pem), and Dovecot serves one for all ports of a "
        "protocol on an address: give both the same files, or put them on different addresses"
    )
    assert cannot(release, [listener(FOUR, 993), listener(FOUR, 143, certificate=OTHER)]) == [
        message % ("192.0.2.10:993", "192.0.2.10:143")
    ]
    assert cannot(release, [listener("::", 993), listener(SIX, 143, certificate=OTHER)]) == [
        message % ("[::]:993", "[2001:db8::10]:143")
    ]
    assert (
        cannot(
            release,
            [
                listener(FOUR, 993),
                listener(FOUR, 995, "pop", certificate=OTHER),
                listener(SECOND, 993, certificate=OTHER),
            ],
        )
        == []
    )


@BOTH
def test_two_certificates_where_somebody_has_set_it_up_so(release):
    """The wildcard answers on the address too, on its own port, with the address's certificate: read, declared, and no reason to change anything."""
    setting = (
        "  ssl_cert = <%s\n  ssl_key = <%s"
        if release < (2, 4)
        else "  ssl_server {\n    cert_file = %s\n    key_file = %s\n  }"
    )
    office = inet("office", 2993, "yes", release, addresses=FOUR)
    base = view(
        release,
        services=logins(release, imap=[inet("imaps", 993, "yes", release), office]),
        changed="local %s {\n  protocol imap {\n%s\n  }\n}\n" % (FOUR, setting % OTHER),
    )
    wanted = [found.listener for found in config.listeners(base)]
    assert {(one.name, one.certificate_path) for one in wanted} >= {
        ("0.0.0.0:993", HOST[0]),
        (FOUR + ":2993", OTHER[0]),
    }
    assert (
        refusals(details(base), wanted, OPTIONS) == []
        and config.render(details(base), wanted, OPTIONS).steps == ()
    )
    other_way = [
        one._replace(certificate_path=HOST[0], private_key_path=HOST[1])
        if one.port == 2993
        else one
        for one in wanted
    ]
    assert refusals(details(base), other_way, OPTIONS) == []  # one certificate, ours to set
    anew = [
        one._replace(certificate_path="/new.pem")
        if one.address == "0.0.0.0" and one.protocol == "imap"
        else one
        for one in wanted
    ]
    (message,) = refusals(details(base), anew, OPTIONS)
    assert message.startswith("0.0.0.0:993 and %s:2993 have different certificates" % FOUR)


@BOTH
def test_a_wildcard_beside_an_address(release):
    assert cannot(release, [listener("0.0.0.0", 993), listener(FOUR, 993), listener(SIX, 993)]) == [
        "192.0.2.10:993 stands beside 0.0.0.0:993, and Dovecot can't listen on both: leave 192.0.2.10:993 out, the wildcard answers there too"
    ]


@BOTH
def test_a_port_of_another_service_of_dovecot(release):
    services = [
        *logins(release),
        service(
            "lmtp", inet("lmtp", 2993, release=release, addresses="127.0.0.1"), protocol="lmtp"
        ),
    ]
    assert cannot(release, [listener("0.0.0.0", 2993)], services=services) == [
        "0.0.0.0:2993 is taken by Dovecot itself (service lmtp, inet_listener lmtp): choose another port, or move that listener"
    ]
    assert cannot(release, [listener(FOUR, 2993)], services=services) == []


def test_certificates_by_name_beside_those_by_address():
    assert cannot((2, 3), [listener(FOUR, 993, certificate=OTHER)], changed=SNI[2, 3]) == [
        "192.0.2.10:993: Dovecot 2.3 can't have certificates by address beside those by server name (local_name www.example.com): it cuts off the clients that "
        "send such a name. Declare the certificate that the address has already (/etc/ssl/host.pem), take the local_name blocks out, or upgrade to 2.4"
    ]
    assert cannot((2, 3), [listener(FOUR, 993)], changed=SNI[2, 3]) == []


def test_a_name_that_is_declared_with_another_certificate_than_its_own():
    assert cannot(
        (2, 4),
        [listener(FOUR, 993, certificate=OTHER, hostname="WWW.example.com")],
        changed=SNI[2, 4],
    ) == [
        "192.0.2.10:993: clients that ask for WWW.example.com get /sni, by a local_name block of Dovecot's: declare that certificate, or take the block out"
    ]
    assert (
        cannot(
            (2, 4),
            [listener(FOUR, 993, certificate=OTHER, hostname="mail.example.com")],
            changed=SNI[2, 4],
        )
        == []
    )


def test_a_block_of_2_4_that_comes_after_one_for_the_same_address():
    one, net = (
        SNI[2, 4].replace("local_name www.example.com {", "local %s {\n protocol imap {" % local)
        + "}\n"
        for local in (FOUR, "192.0.2.0/24")
    )
    assert cannot((2, 4), [listener(FOUR, 993, certificate=OTHER)], changed=one + net) == [
        "192.0.2.10:993: the last word on its certificate has the block local 192.0.2.0/24, protocol imap: take that out, or declare /sni"
    ]
    assert cannot((2, 4), [listener(FOUR, 993, certificate=OTHER)], changed=net + one) == []


def test_a_listener_without_a_name():
    services = logins((2, 3), [inet("", 1143)], [])
    assert cannot(wanted=[listener(FOUR, 993)], services=services) == [
        "service imap-login has an inet_listener without a name, on port 1143, which can't be switched off from elsewhere: "
        "give it a name (inet_listener NAME {)"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ssl/a#b.pem",
        "/etc/ssl/$x.pem",
        "/etc/ssl/100%.pem",
        '/etc/ssl/"a".pem',
        "/etc/ssl/a\n}.pem",
        "/etc/ssl/a ",
    ],
)
@BOTH
def test_a_file_name_that_dovecot_would_read_as_something_else(release, path):
    (message,) = cannot(release, [listener(FOUR, 993, certificate=(path, HOST[1]))])
    assert (
        message
        == "%s: Dovecot's configuration has other uses for some characters of this name: use a plain one (a symbolic link will do)"
        % ascii(path)
    )
    assert (
        cannot(release, [listener(FOUR, 993, certificate=("/etc/ssl/with space ü.pem", HOST[1]))])
        == []
    )


# -- whatever is declared

addresses = st.sampled_from(["0.0.0.0", "::", FOUR, SECOND, SIX, "127.0.0.1", "::1"])


@st.composite
def declarations(draw):
    """Listeners that no rule is against."""
    found = draw(
        st.lists(
            st.builds(
                listener,
                addresses,
                st.sampled_from([143, 993, 1143]),
                st.just("imap"),
                st.sampled_from(["none", "ssl", "tls"]),
                st.sampled_from([HOST, OTHER]),
            ),
            max_size=5,
        )
    )
    found += draw(
        st.lists(
            st.builds(
                listener,
                addresses,
                st.sampled_from([110, 995]),
                st.just("pop"),
                st.sampled_from(["none", "ssl"]),
            ),
            max_size=3,
        )
    )
    return list({(one.address, one.port): one for one in found}.values())


@given(st.sampled_from(list(base_views())), declarations(), st.booleans())
def test_what_is_declared_is_what_is_listened_on(base, wanted, keep):
    options = OPTIONS._replace(keep_loopback=keep)
    plan = config.render(details(base), wanted, options)
    if refusals(details(base), wanted, options):
        return
    foreign = config.sockets(entry for entry in base.entries if not entry.login)
    declared = {(one.address, one.port) for one in wanted}
    assert declared | foreign <= plan.sockets
    rest = plan.sockets - declared - foreign
    assert all(config.is_loopback(address) for address, dummy in rest)
    assert keep or not rest
    for address, port in plan.sockets - foreign:  # nothing that can't be bound
        wildcard = "::" if ":" in address else "0.0.0.0"
        assert address == wildcard or (wildcard, port) not in plan.sockets
    listens = {(one.listener.address, one.listener.port): one.listener for one in plan.listeners}
    for one in wanted:
        if one.encryption == "none":
            assert listens[one.address, one.port].encryption != "ssl"
        else:
            assert listens[one.address, one.port] == one
    now = details(base, files=plan.steps[0] if plan.steps else {})
    assert config.render(now, wanted, options).steps == ()
    left = config.render(now, None, options)
    assert all(content is None for state in left.steps for content in state.values())
