# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of values agree with the JSON Schema."""

from __future__ import annotations

from hypothesis import given
from jsonschema import Draft7Validator

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, schema
from ansible_collections.mailops.bindings.plugins.module_utils._config import values as _shapes
from support import strategies


@given(strategies.bent_documents())
def test_the_strict_parser_and_the_schema_accept_the_same_documents(document):
    def well_formed():
        try:
            _shapes.check_frame(document)
            for kind in _shapes.KINDS:
                for entry in document[kind]:
                    _shapes.values(kind, entry, complete=True)
        except model.Misshapen:
            return False
        return True

    assert well_formed() == Draft7Validator(schema.SCHEMA).is_valid(document)


def test_every_value_has_a_shape():
    for kind in _shapes.KINDS.values():
        assert tuple(kind.shape) == kind.make._fields
