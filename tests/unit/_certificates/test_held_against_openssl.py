# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated certificates, held against C(openssl verify) and, where it is there, C(certtool).

Where the answers may differ is a table with reasons; docs/certificates.md has the same for users.
"""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from ansible_collections.mailops.bindings.plugins.module_utils._certificates.judge import (
    Certificate,
)
from ansible_collections.mailops.bindings.plugins.module_utils._certificates.read import Source
from ansible_collections.mailops.bindings.plugins.module_utils._config.idna import ascii_form
from support import pki
from support.judging import written

CERTIFICATES = 260
ANY_PURPOSE = x509.ObjectIdentifier("2.5.29.37.0")
MICROSOFT_SGC = x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.3")
USAGES = (
    ["digital_signature"],
    ["digital_signature", "key_encipherment"],
    ["key_encipherment"],
    ["key_agreement"],
    ["content_commitment"],
    ["key_cert_sign", "crl_sign"],
    None,
)
PURPOSES = (
    [pki.SERVER_AUTH],
    [],
    [pki.SERVER_AUTH, pki.CLIENT_AUTH],
    [pki.CLIENT_AUTH],
    [ANY_PURPOSE],
    [MICROSOFT_SGC],
)
#: (names, addresses, hostname that is asked for)
NAMES = (
    ([pki.HOSTNAME], [], pki.HOSTNAME),
    (["*.example.com"], [], pki.HOSTNAME),
    (["xn--fa-hia.example.com"], [], "faß.example.com"),
    ([], ["192.0.2.10"], "192.0.2.10"),
    (["fass.example.com"], [], "faß.example.com"),
    (["*.example.com"], [], "a.mail.example.com"),
    (["m*.example.com"], [], pki.HOSTNAME),
    (["mail.example.com."], [], pki.HOSTNAME),
    (["192.0.2.10"], [], "192.0.2.10"),
    ([], [], pki.HOSTNAME),
    (["*.lan"], [], "mail.lan"),
    ([pki.HOSTNAME], ["2001:db8::10"], "2001:db8::10"),
)
KINDS = ("ecdsa", "rsa-2048", "ed25519", "p384", "rsa-1024", "p224", "secp256k1", "ed448", "dsa")
TIMES = ({}, {"ends": 1}, {"ends": -1}, {"begins": 1})  # days from now
CHAINS = (
    ["intermediate"],
    ["intermediate", "root"],
    ["upper"],
    [],
    ["root"],
    ["expired"],
    ["future"],
    ["no-authority"],
    ["no-signing"],
    ["too-deep", "shallow"],
    ["root", "intermediate"],
    ["elsewhere"],
    ["own", "intermediate"],
)
#: What we refuse and OpenSSL does not: words of the finding -> why.
STRICTER = {
    "clients refuse": "GnuTLS, NSS, Schannel or Apple's library do not take this key",
    "key usage lacks digitalSignature": "TLS 1.3 needs it (RFC 8446, 4.4.2.2)",
    "(not a host name)": "part of a label as wildcard (RFC 9525, 6.3)",
    "its names are none": "a common name alone does not count (RFC 9525)",
    "extended key usage lacks": "Microsoft's old purpose, which only OpenSSL takes",
    "sends certificate": "OpenSSL finds its way in any order; others need not (RFC 5246, 7.4.2)",
}


def of_public_authority():
    location = x509.UniformResourceIdentifier("http://ca.example/intermediate.der")
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)
    return x509.AuthorityInformationAccess([access]), False


class Made:
    """A certificate of its seed in a file with its key and chain, and what it is asked for."""

    def __init__(self, authority, folder, seed):
        chosen, self.now = random.Random(seed), authority.now

        def one_of(values, likely):
            """The first values are good, and more likely than the others."""
            if chosen.random() < 0.7:
                return chosen.choice(values[:likely])
            return chosen.choice(values)

        key = pki.key(one_of(KINDS, 4))
        names, addresses, self.hostname = one_of(NAMES, 4)
        extensions = [of_public_authority()]
        if chosen.random() < 0.05:
            identifier = x509.ObjectIdentifier("1.2.3.4")
            extensions.append((x509.UnrecognizedExtension(identifier, b"\x05\x00"), True))
        self.own = authority.issue(
            key,
            names=names,
            addresses=addresses,
            usages=one_of(USAGES, 2),
            purposes=one_of(PURPOSES, 3),
            **one_of(TIMES, 2),
            extensions=extensions,
        )
        above = authorities(authority)
        self.chain = [{"own": self.own, **above}[name] for name in one_of(CHAINS, 3)]
        content = pki.certificate_bytes(self.own, *self.chain)
        self.path = written(folder, pki.key_bytes(key), content)
        self.own_path = written(folder, pki.certificate_bytes(self.own), name="own.pem")
        self.chain_path = written(folder, pki.certificate_bytes(*self.chain), name="chain.pem")
        self.root_path = written(folder, pki.certificate_bytes(authority.root), name="root.pem")

    def messages(self):
        """What we find."""
        found = Certificate(Source(self.path), self.now).findings(hostnames=[self.hostname])
        return [finding.message for finding in found]

    def openssl_problem(self):
        """What C(openssl verify) finds, '' for nothing; at the security level of Debian."""
        asked = ascii_form(self.hostname)
        name = "-verify_ip" if asked[-1].isdigit() or ":" in asked else "-verify_hostname"
        above = ["-untrusted", self.chain_path] if self.chain else []
        answer = subprocess.run(
            ["openssl", "verify", "-purpose", "sslserver", "-auth_level", "2", name, asked]
            + ["-attime", "%d" % self.now.timestamp(), "-CAfile", self.root_path, "-no-CApath"]
            + [*above, self.own_path],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return answer.stdout if answer.returncode else ""


def authorities(authority):
    """Name -> the certificate of an authority, good or not."""
    how = ("Test Intermediate CA", "intermediate")
    return {
        "intermediate": authority.intermediate,
        "root": authority.root,
        "upper": authority.authority(*how, path_length=0),
        "expired": authority.authority(*how, ends=-1),
        "future": authority.authority(*how, begins=1),
        "no-authority": authority.authority(*how, ca=False),
        "no-signing": authority.authority(*how, usages=["crl_sign"]),
        "too-deep": authority.authority(*how, "Shallow CA", "shallow"),
        "shallow": authority.authority("Shallow CA", "shallow", path_length=0),
        "elsewhere": authority.authority("Test Intermediate CA", "another"),
    }


@pytest.mark.parametrize(
    "seeds", [range(25), pytest.param(range(25, CERTIFICATES), marks=pytest.mark.once)]
)
def test_judged_as_openssl_verify_does_but_for_what_is_in_the_table(authority, tmp_path, seeds):
    good, differences = 0, []
    for seed in seeds:
        made = Made(authority, tmp_path, seed)
        messages, problem = made.messages(), made.openssl_problem()
        good += not messages
        if problem and not messages:
            differences.append((seed, "accepted", problem))
        elif messages and not problem:
            unknown = [
                message for message in messages if not any(words in message for words in STRICTER)
            ]
            differences += [(seed, "refused", message) for message in unknown]
    assert differences == []
    assert 0.1 * len(seeds) < good < 0.9 * len(seeds)


@pytest.mark.once
@pytest.mark.skipif(not shutil.which("certtool"), reason="takes certtool (Debian: gnutls-bin)")
def test_what_is_accepted_gnutls_accepts_too(tmp_path):
    refused, authority = [], pki.Authority()  # certtool goes by the clock
    for seed in range(CERTIFICATES):
        made = Made(authority, tmp_path, seed)
        if made.messages():
            continue
        answer = subprocess.run(
            ["certtool", "--verify", "--load-ca-certificate", made.root_path]
            + ["--verify-hostname", ascii_form(made.hostname)]
            + ["--verify-purpose", pki.SERVER_AUTH.dotted_string]
            + ["--infile", made.path],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if answer.returncode:
            refused.append((seed, made.hostname, answer.stdout[-200:]))
    assert refused == []
