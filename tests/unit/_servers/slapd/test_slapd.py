# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenLDAP's files say, what would stand in them, and what can't be: all without an OpenLDAP."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.adopt import adopted
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import (
    parser as slapd_files,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import (
    render as slapd_plan,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import server as slapd
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.parser import (
    DEFAULTS,
    Tls,
    Unknown,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.render import Host
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.server import Slapd

CERTIFICATE, KEY = "/etc/ssl/mail/fullchain.pem", "/etc/ssl/mail/key.pem"
ONE, OTHER = Tls(CERTIFICATE, KEY), Tls("/etc/ssl/old/cert.pem", "/etc/ssl/old/key.pem")
BOOT = "/etc/systemd/system/slapd.service.d/mailops.bindings.conf"

STOCK = """\
# System account to run the slapd server under. If empty the server
# will run as root.
SLAPD_USER="openldap"

# slapd normally serves ldap only on all TCP-ports 389. slapd can also
# service requests on TCP-port 636 (ldaps) and requests via unix
# sockets.
# Example usage:
# SLAPD_SERVICES="ldap://127.0.0.1:389/ ldaps:/// ldapi:///"
SLAPD_SERVICES="ldap:/// ldapi:///"

# Additional options to pass to slapd
SLAPD_OPTIONS=""
"""

STYLES = {
    "stock": STOCK,
    "single quotes": "SLAPD_SERVICES='ldap:/// ldapi:///'\n",
    "no newline at the end": 'SLAPD_USER=openldap\nSLAPD_SERVICES="ldap:/// ldapi:///"',
    "CRLF": STOCK.replace("\n", "\r\n"),
    "continued": 'SLAPD_SERVICES="ldap:/// \\\n  ldaps:/// \\\n  ldapi:///"\nSLAPD_OPTIONS="-4"\n',
    "several, the last counts": 'SLAPD_SERVICES="ldap:///"\n#SLAPD_SERVICES="ldaps:///"\nSLAPD_SERVICES="ldap:/// ldapi:///"\n',
    "tabs, blanks and a comment without a blank": '\tSLAPD_SERVICES="ldap:///\\\n ldapi:///"   \n#\tend\n',
    "escaped": "SLAPD_SERVICES=ldap:///\\ ldapi:///\n",
    "pieces": "SLAPD_SERVICES=\"ldap:/// \"'ldapi:///'\n",
    "loopback and an address": 'SLAPD_SERVICES="ldap://127.0.0.1:389/ ldaps://198.51.100.9 ldapi:///????!x-mod=0777"\n\n\n',
    "a text that looks like a setting": 'SLAPD_OPTIONS="-d 0\nSLAPD_X=1"\nSLAPD_SERVICES="ldap:/// ldapi:///"\n',
    "not ASCII": '# für uns: \udce9\nSLAPD_SERVICES="ldap:/// ldapi:///" \n# Ende\x0b\x0c\n',
    "no setting at all": "# nothing\nSLAPD_USER=openldap",
    "a dollar in single quotes": "SLAPD_SERVICES='ldapi:///????x-note=$1\"`\\ ldap://*:389'\n",
}


def ldap(address, port=389, encryption="tls", tls=ONE):
    return Listener(address, port, "ldap", encryption, *(("", "") if encryption == "none" else tls))


def configured(text=STOCK, tls=Tls(), reader="systemd", **more):
    """What read() would find."""
    settings = {
        **more.pop("settings", {}),
        "tlscertificatefile": [tls.certificate],
        "tlscertificatekeyfile": [tls.key],
    }
    host = Host(text, reader, settings=settings, **{"units": True, **more})
    return slapd_plan.configured(
        host._replace(
            urls=tuple(
                slapd_files.urls(slapd_files.value(text, "SLAPD_SERVICES", reader), *host.how)
            )
        )
    )


def planned(wanted, before=None, **options):
    before = before or configured()
    assert Slapd().refusals(before, wanted, Options(**options)) == []
    return Slapd().render(before, wanted, Options(**options))


def test_no_loopback_is_kept_that_can_not_be_bound():
    """IPv6 switched off (disable_ipv6) leaves its wildcard, and takes ::1 away."""
    plan = planned([ldap("198.51.100.11")], configured(loopback=("127.0.0.1",)))
    assert plan.sockets == {("198.51.100.11", 389), ("127.0.0.1", 389)}


def test_a_certificate_at_a_relative_path_is_none_that_a_config_can_name():
    found = configured(tls=Tls("certs/c.pem", "/etc/ssl/key.pem"))
    assert {
        (one.listener.encryption, one.listener.certificate_path) for one in found.listeners
    } == {("tls", "")}
    bindings, unmapped = adopted({"slapd": found})
    assert not bindings.ports and "TLS without a certificate of its own" in str(unmapped)


def applied(plan, before):
    """What read() would find after it."""
    state = {resource: content for step in plan.steps for resource, content in step.items()}
    host = before.details
    text = state[DEFAULTS].decode("utf-8", "surrogateescape") if DEFAULTS in state else host.text
    tls = (
        slapd_files.tls_settings(slapd_files.ldif_settings((state[slapd_plan.TLS] or b"").decode()))
        if slapd_plan.TLS in state
        else host.tls
    )
    return configured(
        text,
        tls,
        host.reader,
        how=host.how,
        boot=state.get(BOOT, host.boot),
        settings=host.settings,
    )


def services(found):
    return slapd_files.value(found.details.text, "SLAPD_SERVICES", found.details.reader)


# -- taking over, and giving back


def test_a_stock_server_gets_addresses_and_a_certificate():
    before = configured()
    wanted = [ldap("198.51.100.11"), ldap("2001:db8:51::11", 636, "ssl")]
    plan = planned(wanted, before)
    assert [list(step) for step in plan.steps] == [[BOOT, slapd_plan.TLS, DEFAULTS]]
    assert [list(state) for state in plan.back] == [[BOOT, DEFAULTS, slapd_plan.TLS]]
    assert (plan.activation, plan.ends_sessions) == ("restart", "it has to be restarted")
    assert plan.steps[0][
        slapd_plan.TLS
    ] == b"olcTLSCertificateFile: %b\nolcTLSCertificateKeyFile: %b\n" % (
        CERTIFICATE.encode(),
        KEY.encode(),
    )
    after = applied(plan, before)
    assert (
        services(after)
        == "ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/ ldap://198.51.100.11:389/ ldaps://[2001:db8:51::11]:636/"
    )
    assert after.details.text == STOCK.replace(
        'SLAPD_SERVICES="ldap:/// ldapi:///"\n',
        (
            "# mailops.bindings: olcTLSCertificateFile and olcTLSCertificateKeyFile of cn=config were set by mail_listeners, "
            'from "/etc/mail-bindings/bindings.json"; state: absent gives back what was before; '
            'before and now: [["", ""], ["/etc/ssl/mail/fullchain.pem", "/etc/ssl/mail/key.pem"]]\n'
            '# mailops.bindings: the next line is by mail_listeners, from "/etc/mail-bindings/bindings.json"; edits of it are lost, '
            "state: absent gives back what was before\n"
            'SLAPD_SERVICES="ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/ ldap://198.51.100.11:389/ ldaps://[2001:db8:51::11]:636/"\n'
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
def test_absent_gives_every_byte_back(style, reader):
    before = configured(STYLES[style], OTHER, reader)
    tls = (
        ONE if any(url.scheme == "ldapi" for url in before.details.urls) else OTHER
    )  # without ldapi it stays
    wanted = [ldap("198.51.100.11", tls=tls), ldap("198.51.100.12", 636, "ssl", tls=tls)]
    after = applied(planned(wanted, before), before)
    assert {
        (found.listener.address, found.listener.port)
        for found in after.listeners
        if not slapd_files.is_loopback(found.listener.address)
    } == {("198.51.100.11", 389), ("198.51.100.12", 636)}
    assert planned(wanted, after).steps == ()
    other = [ldap("198.51.100.13", 1389, tls=tls)]
    changed = applied(planned(other, after), after)
    gone = applied(planned(None, changed), changed)
    assert (gone.details.text, gone.details.tls) == (STYLES[style], OTHER)
    assert planned(None, gone).steps == ()


def test_absent_leaves_what_was_edited_meanwhile():
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


@pytest.mark.parametrize(
    "since, refusal",
    [
        ({"replicated": True}, "cn=config is replicated"),
        (
            {"settings": {"serverid": ["1 ldap://198.51.100.11:389/"]}},
            "olcServerID in cn=config names URLs (ldap://198.51.100.11:389/)",
        ),
        ({"problems": ("no longer known",)}, "no longer known"),
    ],
)
def test_giving_back_is_refused_too_where_it_can_not_be_any_more(since, refusal):
    """Replicated since, our giving the certificate back would change other servers; and OpenLDAP would not start with a serverID of another URL."""
    before = configured(tls=OTHER)
    after = applied(planned([ldap("198.51.100.11")], before), before)
    (text,) = Slapd().refusals(configured(after.details.text, ONE, **since), None, Options())
    assert text.startswith(refusal)


def test_a_certificate_can_be_taken_away_without_the_local_socket():
    """That is done while OpenLDAP is stopped."""
    before = configured()
    after = applied(planned([ldap("198.51.100.11")], before), before)
    text = after.details.text.replace('SERVICES="ldapi:/// ', 'SERVICES="')
    assert "ldapi" not in slapd_files.value(text, "SLAPD_SERVICES", "systemd")
    assert Slapd().refusals(configured(text, ONE), None, Options()) == []


def test_edits_of_our_own_line_are_lost():
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


def test_an_assignment_after_ours_is_the_one_that_counts_and_is_what_we_take_over_next():
    before = configured()
    wanted = [ldap("198.51.100.11")]
    after = applied(planned(wanted, before), before)
    added = 'SLAPD_SERVICES="ldap://127.0.0.1:1389/ ldapi:///"\n'
    edited = configured(after.details.text + added, ONE, boot=after.details.boot)
    again = applied(planned(wanted, edited), edited)
    assert services(again) == "ldap://127.0.0.1:1389/ ldapi:/// ldap://198.51.100.11:389/"
    assert applied(planned(None, again), again).details.text == STOCK + added


def test_a_certificate_that_somebody_set_after_us_stays():
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


def test_lines_of_ours_that_somebody_has_broken_are_still_ours():
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
            'SLAPD_SERVICES="ldap://198.51.100.9 LDAPS://[2001:DB8:51:0::9]:0636/dc=x??sub ldapi:///"\n',
            ONE,
        ),
        ('SLAPD_SERVICES="ldap://*:1389 ldap://localhost ldapi:///"\n', Tls()),
        ('SLAPD_SERVICES=""\n', Tls()),
    ],
)
def test_what_was_read_and_is_declared_changes_nothing(text, tls):
    before = configured(text, tls)
    assert planned([found.listener for found in before.listeners], before).steps == ()
    # nor if loopback is not declared
    assert (
        planned(
            [
                found.listener
                for found in before.listeners
                if not slapd_files.is_loopback(found.listener.address)
            ],
            before,
        ).steps
        == ()
    )


def test_none_where_a_certificate_is_used_elsewhere():
    """STARTTLS can't be off for one listener: none says only that nobody asks for it."""
    before = configured()
    wanted = [ldap("198.51.100.11"), ldap("198.51.100.12", 389, "none")]
    after = applied(planned(wanted, before), before)
    assert [found.listener.encryption for found in after.listeners] == ["tls"] * 4
    assert planned(wanted, after).steps == ()


def test_a_certificate_that_nobody_needs_any_more_is_given_back():
    before = configured(tls=OTHER)
    after = applied(planned([ldap("198.51.100.11")], before), before)
    plan = planned([ldap("198.51.100.11", 389, "none")], after)
    assert plan.steps[0][slapd_plan.TLS] == slapd_files.tls_lines(OTHER)
    assert plan.activation == "none"  # it is live


def test_taking_the_certificate_away_takes_a_restart_and_comes_after_the_urls():
    before = configured()
    after = applied(planned([ldap("198.51.100.11")], before), before)
    plan = planned(None, after)
    assert (
        list(plan.steps[0]) == [DEFAULTS, BOOT, slapd_plan.TLS]
        and plan.steps[0][slapd_plan.TLS] is None
        and plan.steps[0][BOOT] is None
    )
    assert (plan.activation, plan.ends_sessions) == ("restart", "it has to be restarted")


def test_only_the_certificate_changes():
    before = configured('SLAPD_SERVICES="ldap:/// ldapi:///"\n')
    wanted = [ldap("0.0.0.0"), ldap("::")]
    plan = planned(wanted, before)
    assert plan.activation == "none" and list(plan.steps[0]) == [slapd_plan.TLS, DEFAULTS]
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
            "ldapi:/// ldap://[::1]:389/ ldap://0.0.0.0:389/",
        ),
        (
            [ldap("0.0.0.0", 636, "ssl"), ldap("198.51.100.11")],
            True,
            "ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/ ldaps://0.0.0.0:636/ ldap://198.51.100.11:389/",
        ),
        (
            [ldap("127.0.0.1", 389, "ssl")],
            True,
            "ldapi:/// ldaps://127.0.0.1:389/ ldap://[::1]:389/",
        ),
        ([ldap("198.51.100.11")], False, "ldapi:/// ldap://198.51.100.11:389/"),
        ([], True, "ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/"),
        ([], False, "ldapi:///"),
    ],
)
def test_loopback_as_it_was(wanted, keep_loopback, result):
    before = configured()
    after = applied(planned(wanted, before, keep_loopback=keep_loopback), before)
    assert services(after) == result


def test_no_address_is_waited_for_where_none_is_bound():
    before = configured()
    assert BOOT not in planned([ldap("0.0.0.0", 1389)], before).steps[0]
    assert BOOT not in planned([ldap("198.51.100.11")], configured(units=False)).steps[0]


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
def test_afterwards_exactly_what_is_declared_and_loopback(first, second, style, tls, keep):
    before = now = configured(STYLES[style], tls)
    options = Options(keep_loopback=keep)
    for wanted in (first, second):
        if Slapd().refusals(now, wanted, options):
            continue
        now = applied(Slapd().render(now, wanted, options), now)
        declared = {(found.address, found.port) for found in wanted}
        rest = now.sockets - declared
        assert declared <= now.sockets and all(
            keep and slapd_files.is_loopback(address) for address, port in rest
        )
        # what answered on loopback still does
        for address, port in before.sockets if keep else ():
            loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
            if slapd_files.is_loopback(loopback):
                assert {(loopback, port), (slapd_files.wildcard_of(loopback), port)} & now.sockets
        assert Slapd().render(now, wanted, options).steps == ()
        assert "ldapi://" in services(now) or "ldapi://" not in before.details.text
    gone = applied(Slapd().render(now, None, options), now)
    assert (gone.details.text, gone.details.tls, gone.details.boot) == (
        before.details.text,
        tls,
        None,
    )


# -- reading


@pytest.mark.parametrize(
    "text, scheme, sockets",
    [
        ("ldap:///", "ldap", [("0.0.0.0", 389), ("::", 389)]),
        ("ldaps:///", "ldaps", [("0.0.0.0", 636), ("::", 636)]),
        ("ldap://*", "ldap", [("0.0.0.0", 389), ("::", 389)]),
        ("ldap://*:1389/", "ldap", [("0.0.0.0", 1389), ("::", 1389)]),
        ("ldap://:1389", "ldap", [("0.0.0.0", 1389), ("::", 1389)]),
        ("LDAP://198.51.100.9", "ldap", [("198.51.100.9", 389)]),
        ("ldaps://[2001:db8:51:0::9]:1636/dc=x?cn?sub", "ldaps", [("2001:db8:51::9", 1636)]),
        ("ldap://[::]:389/", "ldap", [("::", 389)]),
        ("ldap://localhost/", "ldap", [("127.0.0.1", 389), ("::1", 389)]),
        ("pldap://198.51.100.9/", "pldap", [("198.51.100.9", 389)]),
        ("ldapi:///", "ldapi", []),
        ("ldapi://%2Fvar%2Frun%2Fldapi/????!x-mod=0777", "ldapi", []),
        ("cldap://198.51.100.9/", "cldap", []),
    ],
)
def test_what_a_url_binds(text, scheme, sockets):
    url = slapd_files.url(text)
    assert (url.scheme, list(url.sockets), url.unknown) == (scheme, sockets, "")
    assert bool(url.unmapped) == (scheme not in ("ldap", "ldaps"))


@pytest.mark.parametrize(
    "text",
    [
        "ldap://ldap.example.com/",
        "ldap://198.51.100.09/",
        "ldap://[fe80::1%25eth0]/",
        "http://x/",
        "ldap:/",
    ],
)
def test_urls_that_can_not_be_told(text):
    url = slapd_files.url(text)
    assert url.unknown and url.unmapped and not url.sockets


def test_a_host_without_ipv6():
    before = configured(how=(("0.0.0.0",), ("127.0.0.1",)))
    assert before.sockets == {("0.0.0.0", 389)}
    assert (
        services(applied(planned([ldap("198.51.100.11")], before), before))
        == "ldapi:/// ldap://127.0.0.1:389/ ldap://198.51.100.11:389/"
    )


@pytest.mark.parametrize(
    "text, reader, value",
    [
        ("A=1\nA=2\n", "shell", "2"),
        ("export A=1\n", "shell", "1"),
        ("export A=1\nA=2 \n", "systemd", "2"),
        ("A=2\nexport A=1\n", "systemd", "2"),
        ('A="1" # why\n', "shell", "1"),
        ("A=\n", "shell", ""),
        ("#A=1\nB=1\n", "shell", None),
        ("ulimit -n 8192\nA=1\n", "shell", "1"),
        ('A="a \\"b\\" \\c"\n', "shell", 'a "b" \\c'),
        ("if true\nA=1\n", "systemd", "1"),
        ('A="1"\r\n', "systemd", "1"),
    ],
)
def test_settings(text, reader, value):
    found = slapd_files.setting(text, "A", reader)
    assert (found.value if found else None) == value


@pytest.mark.parametrize(
    "text, reader, message",
    [
        (
            'A="$B"\n',
            "shell",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without a comment behind it',
        ),
        (
            "A=`x`\n",
            "systemd",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without a comment behind it',
        ),
        (
            'B=1\nA="1" # why\n',
            "systemd",
            '/etc/default/slapd, line 2: write A="…" on a line of its own, without $ and without a comment behind it',
        ),
        (
            "A=1 2\n",
            "shell",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without a comment behind it',
        ),
        (
            'A="1\n',
            "shell",
            '/etc/default/slapd, line 1: write A="…" on a line of its own, without $ and without a comment behind it',
        ),
        (
            "\n[ -e /x ] && A=1\n",
            "shell",
            "/etc/default/slapd, line 2, has shell code: [ -e /x ] && A=1",
        ),
        (
            ". /etc/default/other\n",
            "shell",
            "/etc/default/slapd, line 1, has shell code: . /etc/default/other",
        ),
        ("f() {\n A=1\n}\n", "shell", "/etc/default/slapd, line 1, has shell code: f() {"),
        ("unset A\n", "shell", "/etc/default/slapd, line 1, has shell code: unset A"),
    ],
)
def test_settings_that_can_not_be_told(text, reader, message):
    with pytest.raises(Unknown) as unknown:
        slapd_files.setting(text, "A", reader)
    assert str(unknown.value) == message


def test_all_that_has_no_place_in_the_model_is_shown():
    settings = {"tlsverifyclient": ["demand"], "tlscertificate;binary": ["…"]}
    found = configured(
        'SLAPD_SERVICES="ldap://ldap.example.com/ ldaps:/// pldap://198.51.100.9/ cldap:/// ldapi:///"\n',
        settings=settings,
    )
    assert found.listeners == ()
    assert [(entry.text, entry.reason) for entry in found.unmapped] == [
        ("ldap://ldap.example.com/", "a host name, which may have any address"),
        ("ldaps:///", "ldaps without a certificate in cn=config: nobody can connect"),
        ("pldap://198.51.100.9/", "it expects the PROXY protocol before LDAP"),
        ("cldap:///", "not TCP"),
        ("ldapi:///", "a local socket, not TCP"),
        ("olcTLSCertificate;binary", "a certificate that is in no file"),
        ("olcTLSVerifyClient: demand", "clients are asked for a certificate; it stays so"),
    ]
    assert found.sockets == {("0.0.0.0", 636), ("::", 636), ("198.51.100.9", 389)}


def test_cn_config():
    settings = slapd_files.ldif_settings(
        '# CRC32 1\ndn: cn=config\nolcTLSCertificateFile: "/etc/ss\n l/a b.pem"\nolcTLSCertificateKeyFile:: L2V0Yy/DpC5wZW0=\n'
        "olcServerID: 1\nolcServerID: 2 ldap://x\n"
    )
    assert slapd_files.tls_settings(settings) == Tls("/etc/ssl/a b.pem", "/etc/ä.pem")
    assert settings["serverid"] == ["1", "2 ldap://x"]
    lines = slapd_files.tls_lines(Tls("/etc/ssl/a b.pem", "/etc/ä.pem"))
    assert (
        lines
        == b'olcTLSCertificateFile: "/etc/ssl/a b.pem"\nolcTLSCertificateKeyFile:: L2V0Yy/DpC5wZW0=\n'
    )
    assert slapd_files.tls_settings(slapd_files.ldif_settings(lines.decode())) == Tls(
        "/etc/ssl/a b.pem", "/etc/ä.pem"
    )
    assert slapd_files.tls_change(Tls("/a")) == (
        b"dn: cn=config\nchangetype: modify\nreplace: olcTLSCertificateFile\nolcTLSCertificateFile: /a\n-\nreplace: olcTLSCertificateKeyFile\n-\n"
    )
    assert slapd_files.tls_lines(Tls()) is None


@given(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1)
    .map("/".__add__)
    .filter(lambda path: path == path.strip())
)
def test_any_path_survives_ldif(path):
    assert slapd_files.tls_settings(
        slapd_files.ldif_settings(slapd_files.tls_lines(Tls(path, path)).decode())
    ) == Tls(path, path)


def test_slapd_conf():
    settings = slapd_files.conf_settings(
        'include /etc/ldap/schema/core.schema\nTLSCertificateFile "/etc/a.pem"\ntlscertificatekeyfile\n\t/etc/a.key\n# TLSCertificateFile /x\n'
    )
    assert slapd_files.tls_settings(settings) == Tls("/etc/a.pem", "/etc/a.key")


def test_the_slapd_that_tries_a_certificate_has_the_other_tls_settings():
    settings = {
        "tlsciphersuite": ["NORMAL"],
        "tlscertificatefile": ["/old"],
        "suffix": ["dc=x"],
        "tlscertificate;binary": ["x"],
    }
    assert slapd_files.rehearsal_conf(settings, Tls('/a "b"', "/k\\"), "/p") == (
        b'pidfile /p\ntlscertificatefile "/a \\"b\\""\ntlscertificatekeyfile "/k\\\\"\ntlsciphersuite NORMAL\n'
    )


DEBIAN_13 = """\
[Service]
EnvironmentFile=/etc/default/slapd
ExecStart=sh -c 'mkdir -p /run/slapd; \\
\texec /usr/sbin/slapd -d0 ${SLAPD_SERVICES:+-h "$SLAPD_SERVICES"}'
"""


@pytest.mark.parametrize(
    "units, reads",
    [
        ([], None),
        (["[Service]\nRemainAfterExit=no\n"], None),
        ([DEBIAN_13], True),
        ([DEBIAN_13, "[Service]\nRestart=always\n"], True),
        (
            [DEBIAN_13, "[Service]\nExecStart=\nExecStart=/usr/sbin/slapd -d0 -h 'ldap:///'\n"],
            False,
        ),
        (
            [
                DEBIAN_13,
                "[Service]\nExecStart=\nExecStart=/usr/sbin/slapd -d0 -h ${SLAPD_SERVICES} $SLAPD_OPTIONS\n",
            ],
            True,
        ),
        (
            [
                DEBIAN_13,
                '[Service]\nExecStart=\nExecStart=/usr/sbin/slapd -d0 -h "${SLAPD_SERVICES} ldaps:///"\n',
            ],
            False,
        ),  # its own as well
        ([DEBIAN_13.replace('"$SLAPD_SERVICES"', '"ldaps:/// $SLAPD_SERVICES"')], False),
        ([DEBIAN_13, "[Service]\nEnvironmentFile=-/etc/default/mine\n"], False),
        (
            [
                "[Service]\nEnvironmentFile=/etc/sysconfig/slapd\nExecStart=/usr/sbin/slapd -u ldap -h ${SLAPD_URLS} $SLAPD_OPTIONS\n"
            ],
            False,
        ),
    ],
)
def test_who_reads_the_defaults(units, reads):
    assert slapd_files.reads_defaults(units) is reads


# -- what can't be

REFUSED = [
    (
        [ldap("198.51.100.11"), ldap("198.51.100.12", tls=OTHER)],
        {},
        [
            "OpenLDAP has one certificate for all its listeners, and /etc/ssl/mail/fullchain.pem with the key /etc/ssl/mail/key.pem (198.51.100.11:389) "
            "and /etc/ssl/old/cert.pem with the key /etc/ssl/old/key.pem (198.51.100.12:389) are declared: "
            "put all names in one certificate, and use it on every ldap port"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"text": 'SLAPD_SERVICES="ldap://ldap.example.com/ ldapi:///"\n'},
        [
            "SLAPD_SERVICES in /etc/default/slapd has ldap://ldap.example.com/, and ldap.example.com is no address: "
            "write the address that slapd is to listen on, or take the URL out"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"text": 'SLAPD_SERVICES="ldap:/// nonsense ldapi:///"\n'},
        [
            "SLAPD_SERVICES in /etc/default/slapd has nonsense, and it can't be read: write the address that slapd is to listen on, or take the URL out"
        ],
    ),
    (
        [ldap("0.0.0.0"), ldap("198.51.100.11")],
        {},
        [
            "OpenLDAP can't have ldap://0.0.0.0:389/ and ldap://198.51.100.11:389/ at the same time: it does not start with two URLs on one socket, "
            "nor with a wildcard beside an address on one port. Declare either the wildcard or the addresses"
        ],
    ),
    (
        [ldap("198.51.100.9")],
        {"text": 'SLAPD_SERVICES="pldap://198.51.100.9/ ldapi:///"\n'},
        [
            "OpenLDAP can't have ldap://198.51.100.9:389/ and pldap://198.51.100.9/ at the same time: it does not start with two URLs on one socket, "
            "nor with a wildcard beside an address on one port. Declare either the wildcard or the addresses"
        ],
    ),
    (
        [ldap("2001:db8:51::11")],
        {"how": (("0.0.0.0",), ("127.0.0.1",))},
        [
            "[2001:db8:51::11]:389: OpenLDAP has no IPv6 here: see SLAPD_OPTIONS in /etc/default/slapd and the host's own settings"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"settings": {"serverid": ["1 ldap://one.example.com/", "2 ldap://two.example.com/"]}},
        [
            "olcServerID in cn=config names URLs (ldap://one.example.com/, ldap://two.example.com/), and OpenLDAP does not start unless it listens "
            "on one of them, written the same way; it would listen on ldapi:/// ldap://127.0.0.1:389/ ldap://[::1]:389/ ldap://198.51.100.11:389/: "
            "change olcServerID first, to one of these, or to the number alone"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"replicated": True},
        [
            "cn=config is replicated (olcSyncrepl on olcDatabase={0}config): a certificate that is set here would be set on other servers too. "
            "Set olcTLSCertificateFile /etc/ssl/mail/fullchain.pem and olcTLSCertificateKeyFile /etc/ssl/mail/key.pem yourself, on the provider"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"settings": {"tlscertificate;binary": ["x"]}},
        [
            "cn=config has a certificate in itself (olcTLSCertificate;binary), beside which no file can be used: delete it and its key from cn=config first"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"text": 'SLAPD_SERVICES="ldap:///"\n'},
        [
            "OpenLDAP has no ldapi:/// to change its certificate by: add it to SLAPD_SERVICES in /etc/default/slapd, and restart slapd"
        ],
    ),
    (
        [ldap("198.51.100.11")],
        {"problems": ("a layout that we do not know",)},
        ["a layout that we do not know"],
    ),
]


@pytest.mark.parametrize("wanted, how, messages", REFUSED)
def test_what_is_refused(wanted, how, messages):
    assert Slapd().refusals(configured(**how), wanted, Options()) == messages


@pytest.mark.parametrize(
    "wanted, how",
    [
        # replicated, with olcServerID, without ldapi: but nothing of it is to change
        (
            [ldap("0.0.0.0"), ldap("::")],
            {
                "text": 'SLAPD_SERVICES="ldap:///"\n',
                "tls": ONE,
                "replicated": True,
                "settings": {"serverid": ["1 ldap://x/"]},
            },
        ),
        ([ldap("198.51.100.11", encryption="none")], {"settings": {"serverid": ["1"]}}),
        # all that it starts with today stays
        (
            [ldap("0.0.0.0"), ldap("::"), ldap("198.51.100.11", 636, "ssl")],
            {"settings": {"serverid": ["1 ldap://one.example.com/", "2 ldap://two.example.com/"]}},
        ),
        (
            [ldap("198.51.100.11", encryption="none")],
            {
                "settings": {
                    "serverid": ["1 ldap://one.example.com/", "2 LDAP://198.51.100.11:389/"]
                }
            },
        ),
        ([ldap("::"), ldap("198.51.100.11")], {}),
        (
            [ldap("0.0.0.0", encryption="none"), ldap("::", encryption="none")],
            {"text": 'SLAPD_SERVICES="ldap://127.0.0.1/ ldapi:///"\n'},
        ),
    ],
)
def test_what_is_not_refused(wanted, how):
    assert Slapd().refusals(configured(**how), wanted, Options()) == []


RUNNING = slapd.Process(7, ("/usr/sbin/slapd", "-h", "ldap://198.51.100.9/ ldapi:///"), True)
LAYOUT = (
    "OpenLDAP here: a layout that we do not know: %s. mail_listeners works where /etc/default/slapd says SLAPD_SERVICES and the service "
    "reads it from there, as Debian's package sets it up: go back to that, or leave slapd out of servers"
)


@pytest.mark.parametrize(
    "text, reader, message",
    [
        ("", "shell", LAYOUT % "/etc/default/slapd is missing or empty"),
        (STOCK, "slapd.service does not …", LAYOUT % "slapd.service does not …"),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='-h ldap:///'"),
            "shell",
            LAYOUT % "SLAPD_OPTIONS in /etc/default/slapd has -h ldap:///",
        ),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='-F/srv/slapd.d'"),
            "shell",
            LAYOUT % "SLAPD_OPTIONS in /etc/default/slapd has -F/srv/slapd.d",
        ),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='-u ldap2'"),
            "systemd",
            LAYOUT % "SLAPD_OPTIONS in /etc/default/slapd has -u ldap2",
        ),
        *(
            (
                STOCK + '%s="$BASE/x"\n' % name,
                "shell",
                LAYOUT
                % (
                    '/etc/default/slapd, line %d: write %s="…" on a line of its own, without $ and without a comment behind it'
                    % (STOCK.count("\n") + 2, name)
                ),
            )
            for name in ("SLAPD_USER", "SLAPD_GROUP")
        ),
        (
            STOCK.replace('SLAPD_OPTIONS=""', "SLAPD_OPTIONS='\"'"),
            "shell",
            LAYOUT % "No closing quotation",
        ),
        (
            ". /etc/mine\n",
            "shell",
            LAYOUT % "/etc/default/slapd, line 2, has shell code: . /etc/mine",
        ),
    ],
)
def test_a_layout_that_we_do_not_know_is_read_from_what_runs(host, text, reader, message):
    host(text, reader, [RUNNING])
    found = Slapd().read()
    assert found.details.problems == (message,)
    assert Slapd().refusals(found, [ldap("198.51.100.11")], Options()) == [message]
    assert [(entry.listener.address, entry.where) for entry in found.listeners] == [
        ("198.51.100.9", "the command line of the running slapd: ldap://198.51.100.9/")
    ]
    assert [entry.text for entry in found.unmapped] == ["ldapi:///"]


def test_slapd_conf_can_be_read_but_not_written(host, tmp_path):
    conf = tmp_path / "slapd.conf"
    conf.write_text("TLSCertificateFile /a.pem\nTLSCertificateKeyFile /a.key\n")
    host("SLAPD_CONF=%s\n%s" % (conf, STOCK))
    found = Slapd().read()
    assert [entry.listener[:6] for entry in found.listeners] == [
        (address, 389, "ldap", "tls", "/a.pem", "/a.key") for address in ("0.0.0.0", "::")
    ]
    assert found.details.problems == (
        "OpenLDAP is configured by %s, where nothing can be changed while it runs: convert it (slaptest -f %s -F /etc/ldap/slapd.d, as the user openldap, "
        "into an empty folder), empty SLAPD_CONF in /etc/default/slapd, and restart slapd"
        % (conf, conf),
    )


def test_what_keeps_slapd_from_starting(host, tmp_path):
    sentinel = tmp_path / "noslapd"
    text = "%sSLAPD_NO_START=1\nSLAPD_SENTINEL_FILE=%s\n" % (STOCK, sentinel)
    host(text)
    sentinel.touch()
    assert Slapd().read().details.problems == (
        "SLAPD_NO_START in /etc/default/slapd keeps slapd from starting: take it out, or leave slapd out of servers",
        "%s keeps slapd from starting: remove it, or leave slapd out of servers" % sentinel,
    )
    host(text, "systemd")  # which knows neither
    assert Slapd().read().details.problems == ()


def test_options_of_slapd_that_count(host):
    host(STOCK.replace('SLAPD_OPTIONS=""', 'SLAPD_OPTIONS="-4 -d 0"'))
    assert Slapd().read().sockets == {("0.0.0.0", 389)}
    host(
        STOCK.replace('SLAPD_OPTIONS=""', 'SLAPD_OPTIONS="-6"').replace(
            "ldap:///", "ldap://127.0.0.1/"
        )
    )
    assert Slapd().refusals(Slapd().read(), [ldap("198.51.100.11")], Options())[0] == (
        "198.51.100.11:389: OpenLDAP has no IPv4 here: see SLAPD_OPTIONS in /etc/default/slapd and the host's own settings"
    )


def test_who_reads_the_keys(host):
    host(STOCK)
    assert Slapd().reads_keys_as == "openldap"
    host("SLAPD_USER=\n")
    assert Slapd().reads_keys_as == "root"


@pytest.fixture(name="host")
def _host(monkeypatch, tmp_path):
    """host(text, reader, processes): a host with this /etc/default/slapd and these slapds, and nothing else."""

    def make(text, reader="shell", processes=()):
        def whose():
            if " " in reader:
                raise Unknown(reader)
            return reader

        conf = tmp_path / "slapd.d"
        (conf / "cn=config").mkdir(parents=True, exist_ok=True)
        real, files = (
            slapd._text,
            {
                DEFAULTS: text
                if not text or "SLAPD_CONF" in text
                else "SLAPD_CONF=%s\n%s" % (conf, text)
            },
        )
        monkeypatch.setattr(
            slapd, "_text", lambda path: files.get(path) if path in files else real(path)
        )
        monkeypatch.setattr(slapd, "_reader", whose)
        monkeypatch.setattr(slapd, "_processes", lambda: list(processes))

    with monkeypatch.context():
        yield make


def test_absent_in_a_layout_that_we_do_not_know_any_more():
    assert Slapd().refusals(configured(problems=("no longer",)), None, Options()) == ["no longer"]


def test_a_slapd_of_another_service_and_several():
    Process = slapd.Process
    ours = Process(7, ("/usr/sbin/slapd", "-h", "ldap:/// ldapi:///", "-u", "openldap"), True)
    assert ours.services == "ldap:/// ldapi:///" and Process(8, ("slapd",), True).services is None
    assert list(slapd._process_problems([])) == list(slapd._process_problems([ours])) == []
    assert list(slapd._process_problems([ours._replace(of_service=False)])) == [
        "the slapd that runs (process 7: /usr/sbin/slapd -h ldap:/// ldapi:/// -u openldap) is not the service's: a restart of that would not replace it. "
        "Stop it, start the service slapd.service, and try again"
    ]
    assert list(slapd._process_problems([ours, ours._replace(pid=9)])) == [
        "several slapds run on this host (processes 7, 9): mail_listeners can't tell which of them is meant. Stop the others, or leave slapd out of servers"
    ]


@pytest.mark.parametrize(
    "services, uri",
    [
        ("ldap:/// ldapi:///", "ldapi:///"),
        ("ldapi:///????!x-mod=0777", "ldapi:///"),
        ("LDAPI://%2Fvar%2Frun%2Fldapi????!x-mod=0777 ldap:///", "ldapi://%2Fvar%2Frun%2Fldapi/"),
    ],
)
def test_the_local_socket(services, uri):
    assert slapd._ldapi(slapd.Process(1, ("slapd", "-h", services), True)) == uri
