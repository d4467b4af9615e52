# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state, and our file."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    config_files,
    listeners,
    render,
    tls,
)
from support.dovecot import (
    BOTH,
    FOUR,
    OPTIONS,
    OTHER,
    SECOND,
    SIX,
    SNI,
    blocks,
    configuration,
    details,
    everywhere,
    inet,
    listener,
    logins,
    plan,
    service,
    written,
)

_FIRST_LINE = (
    "# Written by mail_listeners of mailops.bindings. What is edited here is lost: change the "
    "declaration.\n"
)
FOR_ONE_IP = {
    (2, 3): _FIRST_LINE
    + """\
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
    address = 127.0.0.1
    port = 143
    ssl = no
  }
  inet_listener mailops-993-ssl {
    address = 127.0.0.1, 192.0.2.10
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
    address = 127.0.0.1
    port = 110
    ssl = no
  }
  inet_listener mailops-995-ssl {
    address = 127.0.0.1
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
def test_our_file_keeps_sessions_alive_until_state_absent(release):
    """Without our file, the next reload would end all sessions."""
    base = configuration(release)
    configured = details(base, files={config_files.IN_CONF_D: FOR_ONE_IP[release].encode()})
    declared = [entry.listener for entry in listeners.listeners(base)]
    (state,) = plan(configured, declared, OPTIONS).steps
    assert state[config_files.IN_CONF_D].decode() == FOR_ONE_IP[release].partition("\nservice")[0]
    assert plan(details(base, files=state), declared, OPTIONS).steps == ()
    assert plan(details(base, files=state), None, OPTIONS).steps == (
        {config_files.IN_CONF_D: None},
    )


def test_certificates_by_name_within_a_block_for_the_address_are_repeated():
    """2.4 takes the last block that fits, and that is ours (seen with doveconf -f of 2.4.1)."""
    theirs = tls.Filter(
        (("local", "192.0.2.0/24"), ("local_name", "shop.example")),
        {"certificate": "/etc/tls/shop.pem", "key": "/etc/tls/shop.key"},
    )
    elsewhere = tls.Filter(
        (("local", "198.51.100.1"), ("local_name", "away.example")),
        {"certificate": "/etc/tls/away.pem", "key": "/etc/tls/away.key"},
    )
    base = configuration((2, 4))._replace(filters=(theirs, elsewhere))
    settings = blocks(written(base, [listener(FOUR, 993, certificate=OTHER)]))
    named = {
        path[:-1]: value
        for path, value in settings.items()
        if path[-1] == "ssl_server_cert_file" and any("local_name" in block for block in path)
    }
    assert named == {
        ("local " + FOUR, "local_name shop.example", "protocol imap"): '"/etc/tls/shop.pem"'
    }


@BOTH
def test_whether_a_reload_ends_sessions(release):
    """2.3 goes by what it read before, 2.4 by that and by what it reads then."""
    base, declared = configuration(release), [listener(FOUR, 993)]
    old, ours = release < (2, 4), {config_files.IN_CONF_D: FOR_ONE_IP[release].encode()}

    def ends(base, declared, **more):
        return plan(details(base, **more), declared, OPTIONS).ends_sessions

    first = ends(base, declared)
    again, absent = (
        ends(base, then, shutdown_clients=False, files=ours) for then in (declared, None)
    )
    assert first == "a reload ends them, since shutdown_clients = no is not in effect yet"
    assert again == ""
    assert absent == ("" if old else "a reload ends them, since shutdown_clients = yes")
    # where the administrator says no himself
    kept = base._replace(shutdown_clients=False)
    assert [
        ends(kept, declared, shutdown_clients=False),
        ends(kept, None, shutdown_clients=False, files=ours),
    ] == ["", ""]


@BOTH
def test_one_address_replaces_the_wildcards(release):
    planned = plan(
        details(configuration(release)), [listener(FOUR, 993, certificate=OTHER)], OPTIONS
    )
    assert planned.steps[0][config_files.IN_CONF_D].decode() == FOR_ONE_IP[release]
    assert planned.back == ({config_files.IN_CONF_D: None, config_files.BOOT_FILE: None},)
    assert planned.activation == "reload"
    assert planned.sockets == {
        (FOUR, 993),
        *(("127.0.0.1", port) for port in (110, 143, 993, 995)),
    }
    assert next(
        entry.listener for entry in planned.listeners if entry.listener.address == FOUR
    ) == listener(FOUR, 993, certificate=OTHER)
    assert planned.shown[config_files.IN_CONF_D] == ("", FOR_ONE_IP[release])
    assert b"ExecStartPre" in planned.steps[0][config_files.BOOT_FILE]


@BOTH
def test_loopback_goes_without_keep_loopback(release):
    assert plan(
        details(configuration(release)),
        [listener(FOUR, 993)],
        OPTIONS._replace(keep_loopback=False),
    ).sockets == {(FOUR, 993)}
    assert (
        plan(details(configuration(release)), [], OPTIONS._replace(keep_loopback=False)).sockets
        == frozenset()
    )


@BOTH
def test_loopback_that_cannot_be_bound_is_not_kept(release):
    planned = plan(
        details(configuration(release), loopback=("127.0.0.1",)), [listener(FOUR, 993)], OPTIONS
    )
    assert planned.sockets == {(FOUR, 993), *(("127.0.0.1", port) for port in (110, 143, 993, 995))}


@BOTH
def test_loopback_of_ipv6_is_kept_beside_an_address_of_it_or_where_it_is_named(release):
    """Else a host whose IPv6 is switched off would come to need ::1 for the next start."""
    base = configuration(release)
    both = {(address, port) for address in ("127.0.0.1", "::1") for port in (110, 143, 993, 995)}
    assert plan(details(base), [listener(SIX, 993)], OPTIONS).sockets == {(SIX, 993), *both}
    join = ", " if release < (2, 4) else " "
    base = configuration(release, listen=join.join([FOUR, "127.0.0.1", "::1"]))
    assert plan(details(base), [listener(FOUR, 993)], OPTIONS).sockets == {(FOUR, 993), *both}


@BOTH
def test_declared_wildcard_covers_loopback(release):
    planned = plan(
        details(configuration(release)), [listener("0.0.0.0", 143), listener("::", 2143)], OPTIONS
    )
    assert planned.sockets == {
        ("0.0.0.0", 143),
        ("::", 2143),
        *(("127.0.0.1", port) for port in (110, 993, 995)),
    }


@BOTH
def test_boot_waits_only_for_single_addresses(release):
    planned = plan(
        details(configuration(release)),
        [listener("0.0.0.0", 143), listener("127.0.0.2", 1143)],
        OPTIONS,
    )
    assert config_files.BOOT_FILE not in planned.steps[0]
    assert (
        config_files.BOOT_FILE
        not in plan(
            details(configuration(release), systemd=False), [listener(FOUR, 143)], OPTIONS
        ).steps[0]
    )


@BOTH
def test_listeners_as_declared_stay_untouched(release):
    settings = written(
        configuration(release),
        [*everywhere(143, "imap"), *everywhere(995, "pop"), listener(FOUR, 993)],
    )
    assert {path for path in blocks(settings) if path[-1] == "port"} == {
        ("service imap-login", "inet_listener imaps", "port"),
        ("service imap-login", "inet_listener mailops-993-ssl", "port"),
        ("service pop3-login", "inet_listener pop3", "port"),
        ("service pop3-login", "inet_listener mailops-110-plain", "port"),
    }
    assert "local " not in settings  # the certificate is the one of all


@BOTH
def test_encryption_none_keeps_starttls_optional(release):
    """Whether it is offered is the server's own setting, and says so when it is read."""
    base = configuration(release)
    declared = [
        listener(address, port, protocol, "none")
        for address in ("0.0.0.0", "::")
        for port, protocol in ((143, "imap"), (110, "pop"))
    ]
    planned = plan(
        details(base), [*declared, *everywhere(993, "imap"), *everywhere(995, "pop")], OPTIONS
    )
    assert planned.steps == ()
    assert {entry.listener.encryption for entry in planned.listeners} == {"tls", "ssl"}


@BOTH
def test_listener_of_the_same_port_is_the_template(release):
    """Its service, and what its listener says beside address, port and ssl."""
    base = configuration(
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
    settings = blocks(
        written(
            base,
            [listener(FOUR, 143), listener(FOUR, 1143, encryption="none"), listener(FOUR, 993)],
        )
    )
    assert settings["service imap-login", "inet_listener mailops-143-plain", "haproxy"] == "yes"
    assert ("service imap-login", "inet_listener mailops-993-ssl", "haproxy") not in settings
    assert settings["service imap-plain", 'inet_listener "we ird"', "port"] == "0"
    assert settings["service imap-plain", "inet_listener mailops-1143-plain", "port"] == "1143"


@BOTH
def test_service_without_tls_is_no_template_for_tls(release):
    base = configuration(
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
    settings = blocks(written(base, [listener(FOUR, 1143, encryption="tls")]))
    assert settings["service imap-login", "inet_listener mailops-1143-plain", "port"] == "1143"


@BOTH
def test_two_templates_on_one_port_make_two_listeners(release):
    base = configuration(
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
    plan = render.desired_state(
        base,
        [listener(FOUR, 143, encryption="ssl"), listener(SECOND, 143, encryption="ssl")],
        OPTIONS,
    )
    assert [(entry.name, entry.addresses, entry.extras) for entry in plan.added] == [
        ("mailops-143-ssl", (FOUR,), ()),
        ("mailops-143-ssl-2", (SECOND,), (("haproxy", "yes"),)),
    ]


@BOTH
def test_certificate_of_a_wildcard_is_set_for_its_family(release):
    settings = written(
        configuration(release),
        [
            listener("0.0.0.0", 993, certificate=OTHER),
            listener("::", 993),
            listener(SECOND, 143, certificate=OTHER),
            listener(FOUR, 995, "pop"),
        ],
    )
    assert [line for line in settings.splitlines() if line.startswith("local")] == [
        "local 0.0.0.0/1 {",
        "local 128.0.0.0/1 {",
    ]


def test_key_may_be_in_the_certificate_file():
    both = ("/etc/ssl/both.pem", "")
    base = configuration((2, 3))
    settings = blocks(written(base, [listener(FOUR, 993, certificate=both)]))
    assert settings["local 192.0.2.10", "protocol imap", "ssl_key"] == "</etc/ssl/both.pem"
    again = configuration((2, 3), certificate=("/etc/ssl/both.pem", "/etc/ssl/both.pem"))
    assert listeners.listeners(again)[0].listener.private_key_path == ""
    assert "local" not in written(again, [listener(FOUR, 993, certificate=both)])


def test_certificates_by_name_stay_in_effect_in_2_4():
    settings = blocks(
        written(configuration((2, 4), changed=SNI[2, 4]), [listener(FOUR, 993, certificate=OTHER)])
    )
    assert (
        settings["local 192.0.2.10", "protocol imap", "ssl_server_cert_file"]
        == '"/etc/ssl/other.pem"'
    )
    assert (
        settings[
            "local 192.0.2.10",
            "local_name www.example.com",
            "protocol imap",
            "ssl_server_cert_file",
        ]
        == '"/sni"'
    )
