# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The class Slapd costs hosts without LDAP next to nothing."""

from __future__ import annotations

import ast
import inspect

from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import parser, server


def test_the_room_is_imported_only_inside_methods():
    body = ast.parse(inspect.getsource(server)).body
    imported = {node.module for node in body if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if "_servers.slapd" in name]
    assert {
        alias.name for node in body if isinstance(node, ast.Import) for alias in node.names
    } == {
        "os",
        "typing",
    }


def test_names_of_resources_are_those_of_the_parser():
    assert server.Slapd.files == (parser.DEFAULTS,)
    assert (server._DEFAULTS, server._TLS) == (parser.DEFAULTS, parser.TLS)
