# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_listeners_info on real servers, good and bad.

Every status, from the host itself and from another; and what the servers log of such visits.
"""

from __future__ import annotations

import re

import pytest

from support.fleet.commands import wait_until
from support.fleet.mail import CERTIFICATE, PRIVATE_KEY, put_certificate, set_ldap_certificate

NOT_HERE, AWAY = "198.51.100.250", "198.51.100.251"
FIVE_DAYS, EXPIRED, MISSING = (
    "/etc/ssl/mail/five-days.pem",
    "/etc/ssl/mail/expired.pem",
    "/etc/ssl/mail/missing.pem",
)
WILDCARDS = "0.0.0.0", "::"
HEALTHY = {
    25: ("smtp", "tls"),
    587: ("submission", "tls"),
    143: ("imap", "tls"),
    993: ("imap", "ssl"),
    110: ("pop", "tls"),
    995: ("pop", "ssl"),
    389: ("ldap", "tls"),
}
STARTTLS = {
    ("smtp", "tls"): "smtp",
    ("submission", "tls"): "smtp",
    ("imap", "tls"): "imap",
    ("pop", "tls"): "pop3",
    ("ldap", "tls"): "ldap",
}

# number: (protocol, encryption, declared certificate, expected status, words of its detail)
FAULTY = {
    2501: ("smtp", "ssl", FIVE_DAYS, "expiring", "5 days left"),
    2502: ("submission", "ssl", EXPIRED, "expired", "expired on"),
    2503: (
        "smtp",
        "ssl",
        CERTIFICATE,
        "wrong_certificate",
        "another certificate than the one in " + CERTIFICATE,
    ),
    2504: ("smtp", "tls", CERTIFICATE, "no_starttls", "does not offer STARTTLS"),
    2505: ("smtp", "tls", MISSING, "tls_failed", "handshake"),
    2506: ("smtp", "ssl", MISSING, "tls_failed", "handshake"),
    2507: ("smtp", "ssl", CERTIFICATE, "tls_failed", "answers without TLS: 220 "),
    2508: ("submission", "tls", CERTIFICATE, "no_auth", "offers no AUTH"),
    2509: ("smtp", "none", "", "refused", "connection refused"),
    2510: ("smtp", "none", "", "refused", "refuses this client: 554 "),
    2511: ("smtp", "none", "", "timeout", "no greeting within 8 seconds"),
    2512: ("smtp", "none", "", "refused", "PROXY protocol"),
    2513: ("smtp", "tls", CERTIFICATE, "ok", ""),  # postscreen, whose greeting takes six seconds
    2514: ("smtp", "none", "", "ok", "also offers STARTTLS"),
    2516: ("smtp", "tls", CERTIFICATE, "refused", "refuses this client at EHLO [198.51.100."),
    2517: ("smtp", "ssl", CERTIFICATE, "ok", "requires a client certificate"),
    2518: ("smtp", "tls", CERTIFICATE, "ok", "requires a client certificate"),
    10143: ("pop", "tls", CERTIFICATE, "wrong_protocol", "speaks IMAP: * OK"),
    10144: ("imap", "tls", CERTIFICATE, "wrong_protocol", "PROXY protocol"),
    10145: ("ldap", "none", "", "wrong_protocol", "speaks IMAP, not LDAP: * OK"),
    10993: ("imap", "tls", CERTIFICATE, "wrong_protocol", "speaks TLS from the first byte"),
    2424: ("smtp", "none", "", "wrong_protocol", "answers EHLO with 500"),  # LMTP
}
IMPLICIT = "-o smtpd_tls_wrappermode=yes"
SMTPD = {
    2501: [IMPLICIT, "-o smtpd_tls_chain_files=" + FIVE_DAYS],
    2502: [IMPLICIT, "-o smtpd_tls_chain_files=" + EXPIRED, "-o smtpd_sasl_auth_enable=yes"],
    2503: [IMPLICIT, "-o smtpd_tls_chain_files=" + FIVE_DAYS],
    2504: ["-o smtpd_tls_security_level=none"],
    2505: ["-o smtpd_tls_chain_files=" + MISSING],
    2506: [IMPLICIT, "-o smtpd_tls_chain_files=" + MISSING],
    2507: [],
    2508: [],
    2514: [],
    2510: ["-o smtpd_client_restrictions=reject", "-o smtpd_delay_reject=no"],
    2512: ["-o smtpd_upstream_proxy_protocol=haproxy"],
    2515: [],  # undeclared
    2516: ["-o smtpd_helo_restrictions=reject", "-o smtpd_delay_reject=no"],
    2517: [IMPLICIT, "-o smtpd_tls_req_ccert=yes"],
    2518: ["-o smtpd_tls_security_level=encrypt", "-o smtpd_tls_req_ccert=yes"],
}


def postfix_services(address):
    lines = []
    for number, options in SMTPD.items():
        certificates = (
            ["-o smtpd_tls_cert_file=", "-o smtpd_tls_key_file="]
            if "chain_files" in "".join(options)
            else []
        )
        lines += [
            f"{address}:{number} inet n - y - - smtpd",
            *("  " + option for option in options + certificates),
        ]
    return "\n".join(
        [
            *lines,
            f"{address}:2511 inet n - y - - nosuchd",
            f"{address}:2513 inet n - y - 1 postscreen",
            "smtpd pass - - y - - smtpd",
            "dnsblog unix - - y - 0 dnsblog",
            "tlsproxy unix - - y - 0 tlsproxy",
            "127.0.0.1:10025 inet n - y - - smtpd",  # where a content filter sends to
            "2525 inet n - y - - smtpd",  # on all addresses, undeclared
            "",
        ]
    )


DOVECOT = """
service imap-login {
  inet_listener wrong {
    port = 10143
  }
  inet_listener wrong2 {
    port = 10145
  }
  inet_listener proxied {
    port = 10144
    haproxy = yes
  }
  inet_listener implicit {
    port = 10993
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    port = 2424
  }
}
service doveadm {
  inet_listener doveadm {
    port = 24245
  }
}
"""


def declaration(host):
    four, six = host.addresses[:2]
    ports = [(number, *what, CERTIFICATE) for number, what in HEALTHY.items()]
    ports += [
        (number, protocol, encryption, path)
        for number, (protocol, encryption, path, *dummy) in FAULTY.items()
    ]
    healthy, every = (
        [str(number) for number in HEALTHY],
        [str(number) for number, *dummy in ports],
    )
    return {
        "ports": [
            {
                "name": str(number),
                "port": number,
                "protocol": protocol,
                "encryption": encryption,
                **({"certificate_path": path} if path else {}),
                **({"private_key_path": PRIVATE_KEY} if path == CERTIFICATE else {}),
            }
            for number, protocol, encryption, path in ports
        ],
        "ip_addresses": [
            {"address": four, "hostname": host.fqdn, "ports": every},
            {"address": six, "hostname": host.fqdn, "ports": healthy},
            {"address": NOT_HERE, "ports": healthy},
            {"address": AWAY, "ports": healthy, "floating": True},
        ],
        "check_certificate": False,
        "require_local_address": False,
    }


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def host(request, make_host, authority):
    """A mail host with a fault of each kind beside what is healthy."""
    host = make_host("seen-" + request.param, request.param)
    put_certificate(host, authority, FIVE_DAYS, None, ends=5 + 1 / 24)
    put_certificate(host, authority, EXPIRED, None, ends=-1)
    host.write(
        "/etc/postfix/master.cf",
        host.read("/etc/postfix/master.cf") + postfix_services(host.address),
    )
    host.write("/etc/dovecot/conf.d/99-faults.conf", DOVECOT)
    host.run("sysctl -qw net.ipv4.ip_nonlocal_bind=1; postfix reload; doveadm reload")
    host.wait_for_ports(2501, 2525, 10143, 2424)
    return host


@pytest.fixture(scope="module")
def seen(host, play):
    """What the module says on the host and from the controller; and the servers' logs of that."""
    cursor = host.run("journalctl -n 1 --show-cursor").stdout.rpartition("-- cursor: ")[2].strip()
    before = host.snapshot("/etc")
    declared = {"name": "declare", "mailops.bindings.mail_bindings": declaration(host)}
    look = {"name": "look", "mailops.bindings.mail_listeners_info": {"timeout": 8}}
    given = [
        {
            "address": host.address,
            "port": number,
            "protocol": protocol,
            "encryption": encryption,
            "hostname": host.fqdn,
        }
        for number, (protocol, encryption, *dummy) in {**HEALTHY, **FAULTY}.items()
    ]
    given += [
        {"address": address, "port": number, "protocol": protocol, "encryption": encryption}
        for address in (host.addresses[1], NOT_HERE)
        for number, (protocol, encryption) in HEALTHY.items()
    ]
    from_outside = {
        "name": "from outside",
        "mailops.bindings.mail_listeners_info": {"timeout": 8, "listeners": given},
        "delegate_to": "localhost",
        "vars": {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        },
    }
    played = play([declared, look, from_outside], host)
    assert not played.failed, played.output
    files = {
        path: what for path, what in host.snapshot("/etc").items() if "mail-bindings" not in path
    }
    log = host.run(["journalctl", "--after-cursor", cursor, "-o", "short"]).stdout
    return {
        "inside": by_name(played["look"]),
        "outside": by_name(played["from outside"]),
        "log": log,
        "touched": {
            path
            for path in {*before, *files}
            if before.get(path) != files.get(path) and path != "/etc"
        },
    }


def by_name(result):
    return {listener["name"]: listener for listener in result["listeners"]}


def name(address, number):
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"


@pytest.mark.parametrize("side", ["inside", "outside"])
@pytest.mark.parametrize("number", HEALTHY)
def test_healthy_listeners_are_ok(number, side, seen, host, clients):
    for address in host.addresses:
        listener = seen[side][name(address, number)]
        assert (listener["status"], listener["detail"]) == ("ok", ""), listener
        assert listener["certificate"]["matches_file"] is (True if side == "inside" else None)
        fingerprint = listener["certificate"]["fingerprint_sha256"].replace(":", "").lower()
        assert (
            fingerprint
            == clients.served_certificate(address, number, STARTTLS.get(HEALTHY[number]))
            == host.facts["fingerprint"]
        )


@pytest.mark.parametrize("side", ["inside", "outside"])
@pytest.mark.parametrize("number", FAULTY)
def test_each_fault_has_its_status(number, side, seen, host):
    status, detail = FAULTY[number][3:]
    if side == "outside" and status == "wrong_certificate":
        status, detail = "expiring", "5 days left"  # its file is not there
    listener = seen[side][name(host.address, number)]
    assert (listener["status"], detail in listener["detail"]) == (status, True), listener


def test_missing_addresses_are_not_local(seen):
    for number in HEALTHY:
        assert seen["inside"][name(NOT_HERE, number)]["status"] == "not_local"
        assert (
            seen["inside"][name(AWAY, number)]["status"],
            seen["inside"][name(AWAY, number)]["detail"],
        ) == ("ok", "not probed: the address is floating, and away")
        assert seen["outside"][name(NOT_HERE, number)]["status"] == "timeout"


def test_undeclared_listeners_are_unexpected(seen, host):
    unexpected = {
        (listener["address"], listener["port"]): listener
        for listener in seen["inside"].values()
        if listener["status"] == "unexpected"
    }
    imap = {(wildcard, number) for wildcard in WILDCARDS for number in (10143, 10145, 10993)}
    assert set(unexpected) == {
        (wildcard, number) for wildcard in WILDCARDS for number in (*HEALTHY, 2525)
    } | imap | {(host.address, 2515)}
    protocols = {number: listener["protocol"] for (dummy, number), listener in unexpected.items()}
    assert protocols == {
        **{number: what[0] for number, what in HEALTHY.items()},
        2525: "smtp",
        2515: "smtp",
        10143: "imap",
        10145: "imap",
        10993: "imap",
    }
    assert f"answers on {host.address} as declared" in unexpected["0.0.0.0", 25]["detail"]
    assert re.search(r"held by master \(pid \d+\)", unexpected[host.address, 2515]["detail"])
    assert not [
        listener for listener in seen["outside"].values() if listener["status"] == "unexpected"
    ]


@pytest.mark.parametrize("jail", ["postfix", "dovecot"])
def test_fail2ban_counts_nothing(jail, seen, host):
    assert f"{jail}/smtpd" in seen["log"] or f"{jail}[" in seen["log"]
    # but for a policy that rejects what each visit begins with: 2516
    lines = [line for line in seen["log"].splitlines() if "Helo command rejected" not in line]
    host.write("/tmp/log", "\n".join(lines))
    counted = host.run(["fail2ban-regex", "--print-all-matched", "/tmp/log", jail]).stdout
    assert "Failregex: 0 total" in counted, counted


def test_every_session_ends_with_quit_or_logout(seen):
    log = seen["log"]
    assert re.findall(r"disconnect from \S+ ehlo=2 starttls=1 quit=1 commands=4", log)
    # after a failed handshake there is no session: 2505 and 2506, each tried twice from two sides
    assert (
        sorted(re.findall(r"lost connection after (\w+)", log))
        == ["CONNECT"] * 4 + ["STARTTLS"] * 4
    )
    impolite = [line for line in re.findall(r"disconnect from .*", log) if "quit=1" not in line]
    # without a client certificate Postfix ends the session itself: 2518, from two sides
    ended = [line for line in impolite if line.endswith(" ehlo=1 starttls=1 commands=2")]
    others = [line for line in impolite if "starttls=0/1" not in line and line not in ended]
    assert len(ended) == 2 and all("commands=0/0" in line for line in others), impolite
    assert not re.findall(
        "Too many invalid commands|non-SMTP command|improper command pipelining", log
    )


def test_nothing_is_changed(seen):
    assert not seen["touched"]


def test_check_mode_says_the_same(host, play):
    task = {
        "mailops.bindings.mail_listeners_info": {
            "listeners": [{"address": host.address, "protocol": "imap", "encryption": "ssl"}]
        }
    }
    played = play([{"name": "real", **task}], host) + play(
        [{"name": "check", **task}], host, check=True
    )
    real, check = played
    assert not real.failed and not check.failed
    assert real["listeners"] == check["listeners"] and not real.changed and not check.changed


def test_slapd_that_demands_a_client_certificate_is_ok(host, play):
    def demand(what):
        host.run(
            ["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"],
            input=f"dn: cn=config\nchangetype: modify\nreplace: olcTLSVerifyClient\n{what}\n",
        )

    demand("olcTLSVerifyClient: demand")
    try:
        listener = {
            "address": host.address,
            "protocol": "ldap",
            "encryption": "tls",
            "certificate_path": CERTIFICATE,
        }
        (seen,) = play([{"mailops.bindings.mail_listeners_info": {"listeners": [listener]}}], host)[
            0
        ]["listeners"]
    finally:
        demand("olcTLSVerifyClient: never")
    assert (
        seen["status"] == "ok"
        and "client certificate" in seen["detail"]
        and seen["certificate"]["matches_file"] is True
    )


def test_a_renewed_certificate_is_wrong_until_servers_reload(host, play, authority):
    """Each new process of Postfix has the new one; a reload ends the idle ones."""
    look = {
        "mailops.bindings.mail_listeners_info": {
            "timeout": 8,
            "listeners": [
                {
                    "address": host.address,
                    "port": number,
                    "protocol": protocol,
                    "encryption": encryption,
                    "certificate_path": CERTIFICATE,
                }
                for number, (protocol, encryption) in HEALTHY.items()
                if protocol in ("imap", "pop", "ldap")
            ],
        }
    }
    before = play([look], host)[0]
    assert {listener["status"] for listener in before["listeners"]} == {"ok"}
    put_certificate(host, authority)
    after = play([look], host)[0]
    assert {listener["status"] for listener in after["listeners"]} == {"wrong_certificate"}, after[
        "listeners"
    ]
    served = [listener["certificate"] for listener in before["listeners"]]
    assert [listener["certificate"] for listener in after["listeners"]] == [
        dict(certificate, matches_file=False) for certificate in served
    ]
    host.run("doveadm reload")
    set_ldap_certificate(host)
    assert wait_until(
        lambda: {listener["status"] for listener in play([look], host)[0]["listeners"]} == {"ok"},
        10,
    )
