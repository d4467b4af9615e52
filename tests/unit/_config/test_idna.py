# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names in other scripts, in their ASCII form: RFC 5890 to 5894."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.idna import ascii_form


@pytest.mark.parametrize(
    "hostname, expected",
    [
        ("mail.example.com", "mail.example.com"),
        ("MAIL.Example.COM", "mail.example.com"),
        ("xn--fa-hia.example", "xn--fa-hia.example"),
        ("mail.bücher.example", "mail.xn--bcher-kva.example"),
        ("MAIL.BÜCHER.example", "mail.xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),  # in two characters
        ("_25._tcp.bücher.example", "_25._tcp.xn--bcher-kva.example"),
        # those that IDNA 2003 has another name for (RFC 5894, 7.2; UTS 46, table 1)
        ("faß.example", "xn--fa-hia.example"),
        ("FAẞ.example", "xn--fa-hia.example"),
        ("fass.example", "fass.example"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("βόλοσ.com", "xn--nxasmq6b.com"),
        ("ΒΌΛΟΣ.com", "xn--nxasmq6b.com"),
        ("\u0dc1\u0dca\u200d\u0dbb\u0dd3.com", "xn--10cl1a0b660p.com"),
        ("\u0dc1\u0dca\u0dbb\u0dd3.com", "xn--10cl1a0b.com"),
        ("\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com", "xn--mgba3gch31f060k.com"),
        # mapped as browsers do it
        ("ｍａｉｌ。bücher.example", "mail.xn--bcher-kva.example"),
        ("почта.рф", "xn--80a1acny.xn--p1ai"),
        ("メール.example", "xn--4dkua4c.example"),
        ("l·l.example", "xn--ll-0ea.example"),
    ],
)
def test_a_name_s_ascii_form(hostname, expected):
    assert ascii_form(hostname) == expected


@pytest.mark.parametrize(
    "hostname",
    [
        "☃.example",  # a symbol
        "a\u200db.example",  # a joiner that joins nothing
        "a\u200cb.example",
        "\u0301a.example",  # begins with a mark
        "ab--ü.example",  # hyphens of a prefix
        "ü" * 60 + ".example",
        "a\u00adü.example",  # a soft hyphen
        "ا\u0640ا.example",
    ],
)
def test_a_name_without_an_ascii_form(hostname):
    with pytest.raises(ValueError):
        ascii_form(hostname)
