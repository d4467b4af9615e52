# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dovecot can't do."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import listeners
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.limits import LIMITS
from support.dovecot import (
    BOTH,
    FOUR,
    HOST,
    OPTIONS,
    OTHER,
    SECOND,
    SIX,
    SNI,
    configuration,
    details,
    inet,
    listener,
    logins,
    plan,
    refusals,
    service,
)


def cannot(release=(2, 3), declared=(), problems=(), options=OPTIONS, **configured):
    base = configuration(release, **configured)
    return refusals(details(base, problems=lambda: problems), list(declared), options)


def test_all_limits_are_in_the_table_and_allow_a_simple_host():
    assert len(LIMITS) == 13
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


def test_problems_of_the_host_also_refuse_state_absent():
    base = configuration((2, 3))
    ours = plan(details(base), [listener(FOUR, 993)], OPTIONS).steps[-1]
    told = ("dovecot.socket is active: …",)
    assert refusals(details(base, files=ours, problems=lambda: told), None, OPTIONS) == list(told)
    assert refusals(details(base, problems=lambda: told), None, OPTIONS) == []


def test_unsupported_version_is_refused():
    assert cannot((2, 2), [listener(FOUR, 993)]) == [
        "Dovecot 2.2 is not supported: mail_listeners supports 2.3 and 2.4. Leave imap and pop "
        "out of what is declared here"
    ]


def test_problems_of_the_host_refuse_only_changes():
    assert cannot(declared=[listener(FOUR, 993)], problems=("dovecot.socket is active: …",)) == [
        "dovecot.socket is active: …"
    ]
    assert (
        cannot(
            declared=[entry.listener for entry in listeners.listeners(configuration((2, 3)))],
            problems=("dovecot.socket is active: …",),
        )
        == []
    )


@BOTH
def test_inactive_protocol_is_refused(release):
    assert cannot(release, [listener(FOUR, 995, "pop")], protocols="imap") == [
        "192.0.2.10:995: Dovecot's setting protocols does not contain pop3: install the package "
        "dovecot-pop3d, or add pop3 to protocols in dovecot.conf"
    ]


@BOTH
def test_tls_switched_off_for_all_is_refused(release):
    assert cannot(
        release, [listener(FOUR, 993), listener(FOUR, 143, encryption="none")], ssl="no"
    ) == [
        "192.0.2.10:993: TLS is switched off for all of Dovecot (ssl = no): set ssl = yes, with "
        "a certificate for all, in dovecot.conf or "
        "conf.d/10-ssl.conf, or declare encryption none"
    ]
    assert cannot(release, [listener(FOUR, 143, encryption="none")], ssl="no") == []


@BOTH
def test_tls_switched_off_for_an_address_is_refused(release):
    assert cannot(
        release,
        [listener(FOUR, 993), listener(SECOND, 993)],
        changed="local 192.0.2.11 {\n  ssl = no\n}\n",
    ) == [
        "192.0.2.11:993: Dovecot has TLS switched off there (ssl = no in a block for the address "
        "or protocol): remove that setting (doveconf -n shows the block), "
        "or declare encryption none"
    ]


@BOTH
def test_two_certificates_of_a_protocol_on_an_address_are_refused(release):
    message = (
        "%s and %s have different certificates or keys (/etc/ssl/host.pem, /etc/ssl/other.pem), "
        "but Dovecot serves one for all ports of a "
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
def test_two_certificates_that_are_configured_already_are_kept(release):
    """A wildcard on another port also serves the address's certificate on that address."""
    setting = (
        "  ssl_cert = <%s\n  ssl_key = <%s"
        if release < (2, 4)
        else "  ssl_server {\n    cert_file = %s\n    key_file = %s\n  }"
    )
    office = inet("office", 2993, "yes", release, addresses=FOUR)
    base = configuration(
        release,
        services=logins(release, imap=[inet("imaps", 993, "yes", release), office]),
        changed="local %s {\n  protocol imap {\n%s\n  }\n}\n" % (FOUR, setting % OTHER),
    )
    declared = [found.listener for found in listeners.listeners(base)]
    assert {(entry.name, entry.certificate_path) for entry in declared} >= {
        ("0.0.0.0:993", HOST[0]),
        (FOUR + ":2993", OTHER[0]),
    }
    assert (
        refusals(details(base), declared, OPTIONS) == []
        and plan(details(base), declared, OPTIONS).steps == ()
    )
    other_way = [
        entry._replace(certificate_path=HOST[0], private_key_path=HOST[1])
        if entry.port == 2993
        else entry
        for entry in declared
    ]
    assert refusals(details(base), other_way, OPTIONS) == []  # one certificate, ours to set
    anew = [
        entry._replace(certificate_path="/new.pem")
        if entry.address == "0.0.0.0" and entry.protocol == "imap"
        else entry
        for entry in declared
    ]
    (message,) = refusals(details(base), anew, OPTIONS)
    assert message.startswith("0.0.0.0:993 and %s:2993 have different certificates" % FOUR)


@BOTH
def test_wildcard_beside_an_address_is_refused(release):
    assert cannot(release, [listener("0.0.0.0", 993), listener(FOUR, 993), listener(SIX, 993)]) == [
        "192.0.2.10:993 is declared beside 0.0.0.0:993, but Dovecot can't listen on both: leave "
        "192.0.2.10:993 out, the wildcard includes it"
    ]


@BOTH
def test_port_of_another_dovecot_service_is_refused(release):
    services = [
        *logins(release),
        service(
            "lmtp", inet("lmtp", 2993, release=release, addresses="127.0.0.1"), protocol="lmtp"
        ),
    ]
    assert cannot(release, [listener("0.0.0.0", 2993)], services=services) == [
        "0.0.0.0:2993 is in use by Dovecot itself (service lmtp, inet_listener lmtp): choose "
        "another port, or move that listener"
    ]
    assert cannot(release, [listener(FOUR, 2993)], services=services) == []


def test_certificate_by_address_beside_those_by_name_is_refused_in_2_3():
    assert cannot((2, 3), [listener(FOUR, 993, certificate=OTHER)], changed=SNI[2, 3]) == [
        "192.0.2.10:993: Dovecot 2.3 can't have certificates by address beside those by server "
        "name (local_name www.example.com): it rejects clients that "
        "send such a name. Declare the certificate that the address has already "
        "(/etc/ssl/host.pem), remove the local_name blocks, or upgrade to 2.4"
    ]
    assert cannot((2, 3), [listener(FOUR, 993)], changed=SNI[2, 3]) == []


MESSAGE = (
    "192.0.2.10:993: clients that ask for %s get /sni, by the block local_name %s in Dovecot's "
    "configuration: declare that certificate, or remove the block"
)


def by_name(release, *names):
    return "".join(SNI[release].replace("www.example.com", name) for name in names)


@BOTH
@pytest.mark.parametrize(
    "pattern, name",
    [
        ("www.example.com", "WWW.example.com"),
        ("*.example.com", "mail.example.com"),
        ("*.EXAMPLE.com", "Mail.example.com"),
        ("mail.*.com", "mail.example.com"),
        ("ma*.example.com", "mail.example.com"),
        ("xn--mller-kva.example.com", "m\u00fcller.example.com"),
    ],
)
def test_other_certificate_by_name_is_refused_where_a_block_covers_the_name(release, pattern, name):
    """Although nothing would be written: the certificate of all is the declared one."""
    wanted = [listener(address, 993, hostname=name) for address in ("0.0.0.0", "::")]
    found = cannot(release, wanted, changed=by_name(release, pattern))
    assert found[0] == (MESSAGE % (name, pattern)).replace("192.0.2.10", "0.0.0.0")
    assert len(found) == 2
    # without a name, or of the block's certificate
    for more in ({}, {"hostname": name, "certificate": ("/sni", "/sni.key")}):
        wanted = [listener(FOUR, 993, **more)]
        changed = by_name(release, pattern)
        assert not any(
            "clients that ask" in text for text in cannot(release, wanted, changed=changed)
        )


@BOTH
@pytest.mark.parametrize(
    "pattern", ["*.example.com", "example.com", "*", ".b.example.com", "x*.b.example.com"]
)
def test_block_that_does_not_cover_the_name_is_no_limit(release, pattern):
    wanted = [listener(FOUR, 993, hostname="a.b.example.com")]
    assert cannot(release, wanted, changed=by_name(release, pattern)) == []


def test_several_names_of_a_block_in_2_3_are_each_covered():
    changed = by_name((2, 3), '"x.example.org *.example.net"')
    for name, refused in (("x.example.org", 1), ("Y.example.net", 1), ("z.example.org", 0)):
        assert len(cannot((2, 3), [listener(FOUR, 993, hostname=name)], changed=changed)) == refused


@BOTH
def test_of_two_blocks_that_cover_the_name_the_one_that_dovecot_takes_counts(release):
    """2.3 takes the first in the files, 2.4 the last."""
    ours = (
        SNI[release].replace("www.", "mail.").replace("/sni.key", HOST[1]).replace("/sni", HOST[0])
    )
    other = by_name(release, "*.example.com")
    wanted = [listener(FOUR, 993, hostname="mail.example.com")]
    first_counts = release < (2, 4)
    assert len(cannot(release, wanted, changed=ours + other)) == (not first_counts)
    assert len(cannot(release, wanted, changed=other + ours)) == first_counts


def test_same_certificate_under_another_path_is_no_other_one():
    base = configuration((2, 4), changed=SNI[2, 4])
    wanted = [listener(FOUR, 993, hostname="www.example.com")]
    same = details(base, same_certificate=lambda *paths: paths == ("/sni", HOST[0]))
    assert refusals(same, wanted, OPTIONS) == [] != refusals(details(base), wanted, OPTIONS)


@BOTH
def test_block_of_a_name_that_holds_elsewhere_is_no_limit(release):
    changed = "local %s {\n%s}\n" % (SECOND, SNI[release])
    wanted = [listener(address, 993, hostname="www.example.com") for address in (FOUR, SECOND)]
    (message,) = cannot(release, wanted, changed=changed)
    assert message.startswith(SECOND)


def test_filter_that_overrules_ours_in_2_4_is_refused():
    narrow, net = (
        SNI[2, 4].replace("local_name www.example.com {", "local %s {\n protocol imap {" % local)
        + "}\n"
        for local in (FOUR, "192.0.2.0/24")
    )
    assert cannot((2, 4), [listener(FOUR, 993, certificate=OTHER)], changed=narrow + net) == [
        "192.0.2.10:993: the block local 192.0.2.0/24, protocol imap decides on its certificate: "
        "remove that block, or declare /sni"
    ]
    assert cannot((2, 4), [listener(FOUR, 993, certificate=OTHER)], changed=net + narrow) == []


def test_displacing_a_nameless_listener_is_refused():
    services = logins((2, 3), [inet("", 1143)], [])
    assert cannot(declared=[listener(FOUR, 993)], services=services) == [
        "service imap-login has an inet_listener without a name, on port 1143, which no other "
        "file can switch off: "
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
def test_path_with_special_characters_is_refused(release, path):
    (message,) = cannot(release, [listener(FOUR, 993, certificate=(path, HOST[1]))])
    assert (
        message
        == "%s: some characters of this path have another meaning in Dovecot's configuration: "
        "use a plain path (a symbolic link is enough)" % ascii(path)
    )
    assert (
        cannot(release, [listener(FOUR, 993, certificate=("/etc/ssl/with space ü.pem", HOST[1]))])
        == []
    )
