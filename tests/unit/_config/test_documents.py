# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical text of a document, which reads as the same config."""

from __future__ import annotations

import json

from hypothesis import given

from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    canonical_text,
    read_document,
)
from support import strategies


def test_the_canonical_text_is_sorted_and_ends_with_a_newline():
    bindings = read_document(
        {
            "schema_version": 1,
            "ports": [
                {"name": "b", "protocol": "smtp", "port": 2},
                {"name": "a", "protocol": "imap", "port": 1, "description": "für alle"},
            ],
            "ip_addresses": [
                {"address": address, "ports": ["b", "a"]}
                for address in ("::1", "192.0.2.10", "192.0.2.9", "0.0.0.0")[:3]
            ],
        }
    )
    text = canonical_text(bindings)
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    written = json.loads(text)
    assert [port["name"] for port in written["ports"]] == ["a", "b"]
    assert [entry["address"] for entry in written["ip_addresses"]] == [
        "192.0.2.9",
        "192.0.2.10",
        "::1",
    ]
    assert written["ip_addresses"][0]["ports"] == ["a", "b"]
    assert "für alle" in text
    assert "certificate_path" not in text


@given(strategies.documents())
def test_what_is_written_reads_as_the_same(document):
    bindings = read_document(document)
    assert read_document(json.loads(canonical_text(bindings))) == bindings
    assert bindings.schema == document.get("$schema")
