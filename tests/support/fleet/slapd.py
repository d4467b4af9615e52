# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with slapd as Debian sets it up, and what tests do to it and see of it."""

from __future__ import annotations

import contextlib
import typing as t

from .driving import DrivenServer
from .host import Host
from .mail import CERTIFICATE, PRIVATE_KEY

SUITES = ("bookworm", "trixie")
DEFAULTS, TLS = "/etc/default/slapd", "cn=config"
BOOT = "/etc/systemd/system/slapd.service.d/mailops.bindings.conf"
CONFIG = "/etc/ldap/slapd.d/cn=config.ldif"
STOCK = {("0.0.0.0", 389, "slapd"), ("::", 389, "slapd")}
LOOPBACK = {("127.0.0.1", 389, "slapd"), ("::1", 389, "slapd")}
BACK_SECONDS = 5  # design: old listeners answer again within


class DrivenSlapd(DrivenServer):
    """The class Slapd on a host. Listeners are rows as of C(ldap)."""

    server = "slapd"
    programs = ("slapd",)

    def __init__(self, host: Host):
        super().__init__(host)
        self.defaults = host.read(DEFAULTS)

    def many(self, *orders: dict) -> list[dict]:
        """C(refused) in an answer: why nothing was touched; C(rows): its listeners."""
        answers = super().many(*orders)
        for answer in answers:
            kind, _colon, message = answer["failed"].partition(": ")
            answer["refused"] = answer["refusals"] or [message] * (kind == "Refused")
            answer["rows"] = [row_of(found) for found in answer.get("listeners", ())]
        return answers

    def read(self) -> dict:
        """What it is configured with, with some of its own details."""
        return self("read", details=["problems", "reader", "replicated"])

    def apply(self, *rows: tuple, **how) -> dict:
        """Apply these listeners."""
        return self("apply", wanted=[_as_listener(*row) for row in rows], **how)

    def absent(self) -> dict:
        """Give back what was taken over."""
        return self("apply", wanted=None)


def ldap(address, port=389, encryption="tls", certificate=CERTIFICATE, key=PRIVATE_KEY):
    return (address, port, encryption, *(("", "") if encryption == "none" else (certificate, key)))


def _as_listener(address, port, encryption, certificate, key):
    return {
        "address": address,
        "port": port,
        "protocol": "ldap",
        "encryption": encryption,
        "certificate_path": certificate,
        "private_key_path": key,
    }


def row_of(listener):
    return [
        listener["address"],
        listener["port"],
        listener["encryption"],
        listener["certificate_path"],
        listener["private_key_path"] or listener["certificate_path"],
    ]


def slapds(host):
    return {found for found in host.listening() if found[2] == "slapd"}


def files_of(host):
    """All below /etc but cn=config, where each change leaves its time."""
    return host.run(
        "cd /etc; find . ! -path './ldap/slapd.d*' -printf '%p %M %u:%g\\n' | sort; find . -type f "
        "! -path './ldap/slapd.d*' -exec sha256sum {} + | sort"
    ).stdout


def pid(host):
    return host.run(["pidof", "slapd"]).stdout.strip()


def tls_values(host):
    return [
        line
        for line in host.run(["cat", CONFIG]).stdout.splitlines()
        if line.startswith("olcTLSCertificate")
    ]


def change_config(host, change, dn="cn=config"):
    """As an administrator does it while slapd is stopped."""
    host.run(["systemctl", "stop", "slapd"])
    host.run(
        ["runuser", "-u", "openldap", "--", "slapmodify", "-n", "0", "-F", "/etc/ldap/slapd.d"],
        input=f"dn: {dn}\nchangetype: modify\n{change}\n",
    )
    host.run(["systemctl", "reset-failed", "slapd"], check=False)
    host.run(["systemctl", "start", "slapd"], check=False)


def set_certificate_by_hand(host, path):
    """One file with both."""
    change_config(
        host,
        "replace: olcTLSCertificateFile\n"
        f"olcTLSCertificateFile: {path}\n"
        "-\n"
        "replace: olcTLSCertificateKeyFile\n"
        f"olcTLSCertificateKeyFile: {path}\n"
        "-",
    )


def make_pair(make_hosts) -> dict[str, DrivenSlapd]:
    """A host of each suite, by suite, with slapd as Debian sets it up."""
    made = make_hosts(
        *({"name": f"ldap-{suite}", "suite": suite, "ldap_tls": False} for suite in SUITES)
    )
    for host in made:
        host.add_address(_other(host.addresses[0]) + "/24")
        host.add_address(_other(host.addresses[1]) + "/64")
    return {host.suite: DrivenSlapd(host) for host in made}


def _other(address):
    """The second address of a host that has this one."""
    head, colon, last = address.rpartition(":" if ":" in address else ".")
    return (
        f"{head}{colon}{int(last, 16) + 0x1000:x}" if ":" in address else f"{head}.{int(last) - 90}"
    )


@contextlib.contextmanager
def restored(driven: DrivenSlapd) -> t.Iterator[DrivenSlapd]:
    """slapd is as Debian sets it up again, whatever is left by what comes in between."""
    host = driven.host
    try:
        yield driven
    finally:
        host.run("rm -rf /etc/systemd/system/slapd.service.d; systemctl daemon-reload")
        host.write(DEFAULTS, driven.defaults)
        change_config(
            host,
            "replace: olcTLSCertificateFile\n"
            "-\n"
            "replace: olcTLSCertificateKeyFile\n"
            "-\n"
            "replace: olcServerID\n"
            "-",
        )
    assert slapds(host) == STOCK, host.journal()
