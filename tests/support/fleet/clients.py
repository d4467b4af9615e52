# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people's clients would see, from another host than the servers'.

Nothing of the collection's own code is in here. Clients run in the control namespace, and return
what they saw; if a server refuses something, they raise C(Refused) with its words.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys

from .commands import CommandError

SMTP, SUBMISSION, IMAP, IMAPS, POP, POPS, LDAP = 25, 587, 143, 993, 110, 995, 389


class Refused(Exception):
    """A server, or the way to it, said no."""


class Clients:
    """C(ca): a file with the certificates that the clients trust."""

    def __init__(self, network, ca):
        self.network = network
        self.ca = pathlib.Path(ca)

    def served_certificate(self, address, port, starttls=None, servername=None, timeout=10) -> str:
        """The SHA-256 fingerprint of the certificate that openssl gets.

        C(starttls): smtp, imap, pop3 or ldap.
        """
        command = [
            "openssl",
            "s_client",
            "-connect",
            _joined(address, port),
            *(["-servername", servername] if servername else ["-noservername"]),
        ]
        command += ["-starttls", starttls] if starttls else []
        try:
            done = self.network.run(command, input="", check=False, timeout=timeout)
        except CommandError as error:
            raise Refused(str(error)) from None
        found = re.search(
            "-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.DOTALL
        )
        if not found:
            raise Refused(f"No certificate from {_joined(address, port)}: {done.stderr.strip()}")
        command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
        shown = subprocess.run(
            command, input=found[0], stdout=subprocess.PIPE, encoding="ascii", check=True
        ).stdout
        return shown.partition("=")[2].strip().replace(":", "").lower()

    def smtp_send(
        self,
        address,
        subject,
        to,
        sender="alice@example.test",
        user=None,
        password=None,
        port=None,
        tls="starttls",
        name=None,
    ) -> None:
        """Send a message, after a login as C(user) if there is one.

        C(tls): "starttls", "ssl" or None.
        """
        self._ask(
            "smtp_send",
            address=address,
            port=port or (SUBMISSION if user else SMTP),
            tls=tls,
            name=name,
            subject=subject,
            to=to,
            sender=sender,
            user=user,
            password=password,
        )

    def smtp_capabilities(self, address, port=SMTP, tls=None, name=None) -> dict:
        """What the server says to EHLO, after STARTTLS if C(tls) says so.

        As {"starttls": "", "auth": " PLAIN", …}.
        """
        return self._ask("smtp_capabilities", address=address, port=port, tls=tls, name=name)

    def imap_fetch(
        self, address, user, password, subject=None, port=IMAPS, tls="ssl", name=None, patience=10
    ) -> list:
        """The messages of the inbox, or those of a subject, for which it waits. As text."""
        return self._ask(
            "imap_fetch",
            address=address,
            port=port,
            tls=tls,
            name=name,
            user=user,
            password=password,
            subject=subject,
            patience=patience,
        )

    def pop_list(self, address, user, password, port=POPS, tls="ssl", name=None) -> list:
        """The messages' subjects."""
        return self._ask(
            "pop_list", address=address, port=port, tls=tls, name=name, user=user, password=password
        )

    def ldapsearch(
        self,
        address,
        search="(uid=*)",
        port=LDAP,
        tls="starttls",
        base="dc=example,dc=test",
        check_certificate=True,
    ) -> list:
        """The DNs that are found."""
        command = [
            "ldapsearch",
            "-x",
            "-LLL",
            "-o",
            "nettimeout=10",
            "-o",
            "ldif_wrap=no",
            *(["-ZZ"] if tls == "starttls" else []),
        ]
        command += [
            "-H",
            f"{'ldaps' if tls == 'ssl' else 'ldap'}://{_joined(address, port)}",
            "-b",
            base,
            search,
            "dn",
        ]
        environment = {
            "PATH": "/usr/bin:/bin",
            "LDAPTLS_CACERT": str(self.ca),
            "LDAPTLS_REQCERT": "demand" if check_certificate else "never",
        }
        done = self.network.run(command, check=False, env=environment)
        if done.returncode:
            raise Refused(done.stderr.strip())
        return re.findall("(?m)^dn: (.*)", done.stdout)

    def _ask(self, what, **how):
        if "patience" not in how:
            how["patience"] = 10
        how["ca"] = str(self.ca)
        # A file of its own, which imports nothing of ours: it is quick to start.
        program = pathlib.Path(__file__).with_name("client.py")
        done = self.network.run(
            [sys.executable, "-I", program, what], input=json.dumps(how), timeout=60
        )
        answer = json.loads(done.stdout)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["answer"]


def _joined(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
