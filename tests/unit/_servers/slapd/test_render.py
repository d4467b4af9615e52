# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From how OpenLDAP is set up to what is written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    is_loopback,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.adopt import adopted
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser, render
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    TLS,
    HostAddresses,
    Tls,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.server import Slapd
from support.slapd import (
    BOOT,
    CERTIFICATE,
    IPV4_ONLY,
    KEY,
    ONE,
    OTHER,
    STOCK,
    STYLES,
    applied,
    configured,
    ldap,
    planned,
    services,
)

# -- taking over, and giving back


def test_a_stock_server_gets_addresses_and_a_certificate():
    before = configured()
    wanted = [ldap("198.51.100.11"), ldap("2001:db8:51::11", 636, "ssl")]
    plan = planned(wanted, before)
    assert [list(step) for step in plan.steps] == [[BOOT, TLS, DEFAULTS]]
    assert [list(state) for state in plan.back] == [[BOOT, DEFAULTS, TLS]]
    assert (plan.activation, plan.ends_sessions) == ("restart", "it has to be restarted")
    assert plan.steps[0][TLS] == b"olcTLSCertificateFile: %b\nolcTLSCertificateKeyFile: %b\n" % (
        CERTIFICATE.encode(),
        KEY.encode(),
    )
    after = applied(plan, before)
    assert (
        services(after)
        == "ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/ ldap://198.51.100.11:389/ "
        "ldaps://[2001:db8:51::11]:636/"
    )
    assert after.details.text == STOCK.replace(
        'SLAPD_SERVICES="ldap:/// ldapi:///"\n',
        (
            "# mailops.bindings: olcTLSCertificateFile and olcTLSCertificateKeyFile of cn=config "
            "were set by mail_listeners, "
            'from "/etc/mail-bindings/bindings.json"; state: absent gives back what was before; '
            'before and now: [["", ""], ["/etc/ssl/mail/fullchain.pem", "/etc/ssl/mail/key.pem"]]\n'
            "# mailops.bindings: the next line is by mail_listeners, from "
            '"/etc/mail-bindings/bindings.json"; edits of it are lost, '
            "state: absent gives back what was before\n"
            'SLAPD_SERVICES="ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/ '
            'ldap://198.51.100.11:389/ ldaps://[2001:db8:51::11]:636/"\n'
            '# mailops.bindings: before: SLAPD_SERVICES="ldap:/// ldapi:///"\n'
        ),
    )
    assert after.config_path == "/etc/mail-bindings/bindings.json"
    assert (after.listeners, after.sockets) == (plan.listeners, plan.sockets)
    assert plan.shown[DEFAULTS][0] == 'SLAPD_SERVICES="ldap:/// ldapi:///"\n'
    assert "SLAPD_USER" not in "".join(plan.shown[DEFAULTS])
    assert planned(wanted, after).steps == ()


@pytest.mark.parametrize("reader", ["shell", "systemd"])
@pytest.mark.parametrize("style", STYLES)
def test_absent_restores_every_byte(style, reader):
    before = configured(STYLES[style], OTHER, reader)
    tls = (
        ONE if any(url.scheme == "ldapi" for url in before.details.urls) else OTHER
    )  # without ldapi it stays
    wanted = [ldap("198.51.100.11", tls=tls), ldap("198.51.100.12", 636, "ssl", tls=tls)]
    after = applied(planned(wanted, before), before)
    assert {
        (found.listener.address, found.listener.port)
        for found in after.listeners
        if not is_loopback(found.listener.address)
    } == {("198.51.100.11", 389), ("198.51.100.12", 636)}
    assert planned(wanted, after).steps == ()
    other = [ldap("198.51.100.13", 1389, tls=tls)]
    changed = applied(planned(other, after), after)
    gone = applied(planned(None, changed), changed)
    assert (gone.details.text, gone.details.tls) == (STYLES[style], OTHER)
    assert planned(None, gone).steps == ()


def test_absent_keeps_later_edits():
    before = configured()
    after = applied(planned([ldap("198.51.100.11")], before), before)
    edited = configured(
        "# mine\n"
        + after.details.text.replace('SLAPD_OPTIONS=""', 'SLAPD_OPTIONS="-4"')
        + "KRB5_KTNAME=/x\n",
        ONE,
    )
    gone = applied(planned(None, edited), edited)
    assert (
        gone.details.text
        == "# mine\n" + STOCK.replace('SLAPD_OPTIONS=""', 'SLAPD_OPTIONS="-4"') + "KRB5_KTNAME=/x\n"
    )
    assert gone.details.tls == Tls()


def test_edits_of_our_own_line_are_overwritten():
    before = configured()
    wanted = [ldap("198.51.100.11")]
    after = applied(planned(wanted, before), before)
    edited = configured(
        after.details.text.replace('="ldapi:///', '="ldaps:/// ldapi:///'),
        ONE,
        boot=after.details.boot,
    )
    assert applied(planned(wanted, edited), edited).details.text == after.details.text
    assert applied(planned(None, edited), edited).details.text == STOCK
    folded = configured(
        after.details.text.replace(" ldap://127", " \\\n  ldap://127"), ONE, boot=after.details.boot
    )
    assert folded.details.text.count("\n") == after.details.text.count("\n") + 1
    assert applied(planned(wanted, folded), folded).details.text == after.details.text
    assert applied(planned(None, folded), folded).details.text == STOCK


def test_a_later_assignment_counts_and_is_taken_over():
    before = configured()
    wanted = [ldap("198.51.100.11")]
    after = applied(planned(wanted, before), before)
    added = 'SLAPD_SERVICES="ldap://127.0.0.1:1389/ ldapi:///"\n'
    edited = configured(after.details.text + added, ONE, boot=after.details.boot)
    again = applied(planned(wanted, edited), edited)
    assert services(again) == "ldap://127.0.0.1:1389/ ldapi:/// ldap://198.51.100.11:389/"
    assert applied(planned(None, again), again).details.text == STOCK + added


def test_a_certificate_that_was_set_after_ours_is_kept():
    before = configured(tls=OTHER)
    after = applied(planned([ldap("198.51.100.11")], before), before)
    theirs = Tls("/etc/ssl/theirs.pem", "/etc/ssl/theirs.key")
    assert (
        applied(
            planned(None, configured(after.details.text, theirs)),
            configured(after.details.text, theirs),
        ).details.tls
        == theirs
    )
    assert applied(planned(None, after), after).details.tls == OTHER


def test_a_config_path_can_be_any_text():
    before = configured()
    path = '/etc/"a\nSLAPD_SERVICES=$(reboot)'
    after = applied(planned([ldap("198.51.100.11")], before, config_path=path), before)
    assert after.config_path == path
    assert services(after).startswith("ldapi:///")
    assert applied(planned(None, after), after).details.text == STOCK


def test_damaged_lines_of_ours_are_still_removed():
    before = configured()
    text = applied(planned([ldap("198.51.100.11")], before), before).details.text
    text = text.replace('[["", ""]', "[[").replace('from "/etc', "from /etc")
    assert (
        applied(planned(None, configured(text, ONE)), configured(text, ONE)).details.text == STOCK
    )


# -- what is left alone


@pytest.mark.parametrize(
    "text, tls",
    [
        ('SLAPD_SERVICES="ldap:/// ldapi:///"\n', Tls()),
        ('SLAPD_SERVICES="ldap:/// ldaps:/// ldapi:///"\n', ONE),
        (
            'SLAPD_SERVICES="ldap:/// ldaps:/// ldapi:///"\n',
            Tls("/etc/ssl/both.pem", "/etc/ssl/both.pem"),
        ),
        (
            'SLAPD_SERVICES="ldap://198.51.100.9 LDAPS://[2001:DB8:51:0::9]:0636/dc=x??sub '
            'ldapi:///"\n',
            ONE,
        ),
        ('SLAPD_SERVICES="ldap://*:1389 ldap://localhost ldapi:///"\n', Tls()),
        ('SLAPD_SERVICES=""\n', Tls()),
    ],
)
def test_declaring_what_was_read_changes_nothing(text, tls):
    before = configured(text, tls)
    assert planned([found.listener for found in before.listeners], before).steps == ()
    # nor if loopback is not declared
    assert (
        planned(
            [
                found.listener
                for found in before.listeners
                if not is_loopback(found.listener.address)
            ],
            before,
        ).steps
        == ()
    )


def test_encryption_none_keeps_starttls_that_other_listeners_use():
    """STARTTLS can't be off for one listener: none says only that it is not asked for."""
    before = configured()
    wanted = [ldap("198.51.100.11"), ldap("198.51.100.12", 389, "none")]
    after = applied(planned(wanted, before), before)
    assert [found.listener.encryption for found in after.listeners] == ["tls"] * 3
    assert planned(wanted, after).steps == ()


def test_an_unused_certificate_is_given_back():
    before = configured(tls=OTHER)
    after = applied(planned([ldap("198.51.100.11")], before), before)
    plan = planned([ldap("198.51.100.11", 389, "none")], after)
    assert plan.steps[0][TLS] == render.tls_lines(OTHER)
    assert plan.activation == "none"  # it is live


def test_removal_of_the_certificate_needs_a_restart_and_follows_the_urls():
    before = configured()
    after = applied(planned([ldap("198.51.100.11")], before), before)
    plan = planned(None, after)
    assert (
        list(plan.steps[0]) == [DEFAULTS, BOOT, TLS]
        and plan.steps[0][TLS] is None
        and plan.steps[0][BOOT] is None
    )
    assert (plan.activation, plan.ends_sessions) == ("restart", "it has to be restarted")


def test_a_change_of_the_certificate_alone_needs_no_restart():
    before = configured('SLAPD_SERVICES="ldap:/// ldapi:///"\n')
    wanted = [ldap("0.0.0.0"), ldap("::")]
    plan = planned(wanted, before)
    assert plan.activation == "none" and list(plan.steps[0]) == [TLS, DEFAULTS]
    after = applied(plan, before)
    assert after.details.text.endswith(
        '\nSLAPD_SERVICES="ldap:/// ldapi:///"\n'
    ) and after.details.text.startswith("# mailops.bindings: olcTLS")
    assert planned(wanted, after).steps == ()
    assert applied(planned(None, after), after).details.text == before.details.text


@pytest.mark.parametrize(
    "wanted, keep_loopback, result",
    [
        (
            [ldap("0.0.0.0", encryption="none")],
            True,
            "ldapi:/// ldap://0.0.0.0:389/",
        ),
        (
            [ldap("0.0.0.0", 636, "ssl"), ldap("198.51.100.11")],
            True,
            "ldapi:/// ldap://127.0.0.1:389/ ldaps://0.0.0.0:636/ ldap://198.51.100.11:389/",
        ),
        (
            [ldap("198.51.100.11"), ldap("2001:db8::1")],
            True,
            "ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/ ldap://198.51.100.11:389/ "
            "ldap://[2001:db8::1]:389/",
        ),
        (
            [ldap("127.0.0.1", 389, "ssl")],
            True,
            "ldapi:/// ldaps://127.0.0.1:389/",
        ),
        ([ldap("198.51.100.11")], False, "ldapi:/// ldap://198.51.100.11:389/"),
        ([], True, "ldapi:/// ldap://127.0.0.1:389/"),
        ([], False, "ldapi:///"),
    ],
)
def test_loopback_is_kept(wanted, keep_loopback, result):
    before = configured()
    after = applied(planned(wanted, before, keep_loopback=keep_loopback), before)
    assert services(after) == result


def test_only_loopback_addresses_that_can_be_bound_are_kept():
    """IPv6 switched off (disable_ipv6) leaves its wildcard, and takes ::1 away."""
    plan = planned(
        [ldap("198.51.100.11")], configured(addresses=HostAddresses(loopback=("127.0.0.1",)))
    )
    assert plan.sockets == {("198.51.100.11", 389), ("127.0.0.1", 389)}


def test_a_host_without_ipv6():
    before = configured(addresses=IPV4_ONLY)
    assert before.sockets == {("0.0.0.0", 389)}
    assert (
        services(applied(planned([ldap("198.51.100.11")], before), before))
        == "ldapi:/// ldap://127.0.0.1:389/ ldap://198.51.100.11:389/"
    )


def test_the_drop_in_is_written_only_for_addresses_of_interfaces():
    before = configured()
    assert BOOT not in planned([ldap("0.0.0.0", 1389)], before).steps[0]
    assert BOOT not in planned([ldap("198.51.100.11")], configured(has_units=False)).steps[0]


ADDRESSES = st.one_of(
    st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "::1", "198.51.100.11", "2001:db8:51::11"]),
    st.integers(1, 254).map("198.51.100.{}".format),
    st.integers(1, 999).map(lambda n: str(ipaddress.ip_address("2001:db8:51::") + n)),
)


LISTENERS = st.lists(
    st.builds(
        ldap, ADDRESSES, st.sampled_from([389, 636, 1389]), st.sampled_from(["none", "tls", "ssl"])
    ),
    max_size=6,
    unique_by=lambda found: (found.address, found.port),
)


@given(
    first=LISTENERS,
    second=LISTENERS,
    style=st.sampled_from(sorted(STYLES)),
    tls=st.sampled_from([Tls(), OTHER]),
    keep=st.booleans(),
)
def test_a_plan_leads_to_what_is_declared_and_loopback(first, second, style, tls, keep):
    before = now = configured(STYLES[style], tls)
    options = Options(keep_loopback=keep)
    for wanted in (first, second):
        if Slapd().plan(now, wanted, options).refusals:
            continue
        now = applied(Slapd().plan(now, wanted, options), now)
        declared = {(found.address, found.port) for found in wanted}
        rest = now.sockets - declared
        assert declared <= now.sockets and all(
            keep and is_loopback(address) for address, port in rest
        )
        # what answered on loopback still does; ::1 of a wildcard's only beside declared IPv6
        ipv6 = any(":" in found.address and found.address != "::" for found in wanted)
        for address, port in before.sockets if keep else ():
            loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
            if is_loopback(loopback) and (address != "::" or ipv6):
                assert {(loopback, port), (wildcard_of(loopback), port)} & now.sockets
        assert Slapd().plan(now, wanted, options).steps == ()
        assert "ldapi://" in services(now) or "ldapi://" not in before.details.text
    gone = applied(Slapd().plan(now, None, options), now)
    assert (gone.details.text, gone.details.tls, gone.details.boot) == (
        before.details.text,
        tls,
        None,
    )


def test_a_certificate_that_could_not_be_given_back_is_refused():
    """The ldapi:/// of a server without listeners goes with the first listener."""
    before = configured(STYLES["no setting at all"], OTHER)
    options = Options(keep_loopback=False)
    empty = applied(Slapd().plan(before, [], options), before)
    assert services(empty) == "ldapi:///"
    plan = Slapd().plan(empty, [ldap("0.0.0.0", 389, "tls")], options)
    assert len(plan.refusals) == 1 and "no ldapi:/// URL" in plan.refusals[0]
    assert Slapd().plan(empty, [ldap("0.0.0.0", 389, "none")], options).refusals == ()


# -- what is configured


def test_a_relative_certificate_path_is_not_adopted():
    found = configured(tls=Tls("certs/c.pem", "/etc/ssl/key.pem"))
    assert {
        (entry.listener.encryption, entry.listener.certificate_path) for entry in found.listeners
    } == {("tls", "")}
    bindings, unmapped = adopted({"slapd": found})
    assert not bindings.ports and "TLS without a certificate of its own" in str(unmapped)


def test_what_the_model_can_not_express_is_unmapped():
    settings = {"tlsverifyclient": ["demand"], "tlscertificate;binary": ["…"]}
    found = configured(
        'SLAPD_SERVICES="ldap://ldap.example.com/ ldaps:/// pldap://198.51.100.9/ cldap:/// '
        'ldapi:///"\n',
        settings=settings,
    )
    assert found.listeners == ()
    assert [(entry.text, entry.reason) for entry in found.unmapped] == [
        ("ldap://ldap.example.com/", "a host name, whose address may change"),
        ("ldaps:///", "ldaps without a certificate in cn=config: no client can connect"),
        ("pldap://198.51.100.9/", "it expects the PROXY protocol before LDAP"),
        ("cldap:///", "not TCP"),
        ("ldapi:///", "a local socket, not TCP"),
        ("olcTLSCertificate;binary", "a certificate that is in no file"),
        ("olcTLSVerifyClient: demand", "clients are asked for a certificate; this setting is kept"),
    ]
    assert found.sockets == {("0.0.0.0", 636), ("::", 636), ("198.51.100.9", 389)}


# -- cn=config


def test_certificate_values_are_read_and_written_as_ldif():
    settings = parser.ldif_settings(
        '# CRC32 1\ndn: cn=config\nolcTLSCertificateFile: "/etc/ss\n l/a b.pem"\n'
        "olcTLSCertificateKeyFile:: L2V0Yy/DpC5wZW0=\n"
        "olcServerID: 1\n"
        "olcServerID: 2 ldap://x\n"
    )
    assert parser.tls_settings(settings) == Tls("/etc/ssl/a b.pem", "/etc/ä.pem")
    assert settings["serverid"] == ["1", "2 ldap://x"]
    lines = render.tls_lines(Tls("/etc/ssl/a b.pem", "/etc/ä.pem"))
    assert (
        lines == b'olcTLSCertificateFile: "/etc/ssl/a b.pem"\nolcTLSCertificateKeyFile:: '
        b"L2V0Yy/DpC5wZW0=\n"
    )
    assert parser.tls_settings(parser.ldif_settings(lines.decode())) == Tls(
        "/etc/ssl/a b.pem", "/etc/ä.pem"
    )
    assert render.tls_change(Tls("/a")) == (
        b"dn: cn=config\nchangetype: modify\nreplace: olcTLSCertificateFile\n"
        b"olcTLSCertificateFile: /a\n-\nreplace: olcTLSCertificateKeyFile\n-\n"
    )
    assert render.tls_lines(Tls()) is None


@given(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1)
    .map("/".__add__)
    .filter(lambda path: path == path.strip())
)
def test_any_path_survives_ldif(path):
    assert parser.tls_settings(
        parser.ldif_settings(render.tls_lines(Tls(path, path)).decode())
    ) == Tls(path, path)


def test_a_certificate_is_validated_with_the_other_tls_settings():
    settings = {
        "tlsciphersuite": ["NORMAL"],
        "tlscertificatefile": ["/old"],
        "suffix": ["dc=x"],
        "tlscertificate;binary": ["x"],
    }
    assert render.validation_conf(settings, Tls('/a "b"', "/k\\"), "/p") == (
        b'pidfile /p\ntlscertificatefile "/a \\"b\\""\ntlscertificatekeyfile "/k\\\\"\n'
        b"tlsciphersuite NORMAL\n"
    )
