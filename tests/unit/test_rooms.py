# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of CONTRIBUTING.md: imports run one way, and the core does no I/O."""

from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins" / "module_utils"
OURS = "ansible_collections.mailops.bindings.plugins.module_utils"
#: They know no file, no clock and no Ansible.
PURE = {
    "_config.model",
    "_config.values",
    "_config.strict",
    "_config.rules",
    "_config.schema",
    "_config.declaration",
    "_config.plan",
    "_stores.smartermail.held",
    "_stores.smartermail.steps",
    "_servers.postfix.render",
    "_servers.slapd.render",
}


def imported(path):
    """The modules that this file imports, at whatever depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from ("%s.%s" % (node.module, alias.name) for alias in node.names)


def rooms():
    """Name of each of our modules -> all that it imports."""
    return {
        ".".join(path.relative_to(UTILS).with_suffix("").parts): set(imported(path))
        for path in sorted(UTILS.rglob("*.py"))
        if path.name != "__init__.py"
    }


def test_imports_run_one_way():
    """Also those inside of functions: who is imported by somebody, however far down, imports nothing that leads back to him."""
    found = rooms()
    below = {
        name: {other for other in found if "%s.%s" % (OURS, other) in imports}
        for name, imports in found.items()
    }
    while below:
        ground = {name for name, others in below.items() if not others}
        assert ground, "a circle among %s" % sorted(below)
        below = {name: others - ground for name, others in below.items() if name not in ground}


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_core_does_no_input_or_output(name):
    roots = {module.partition(".")[0] for module in rooms()[name] if not module.startswith(OURS)}
    assert roots <= {
        "__future__",
        "collections",
        "copy",
        "functools",
        "ipaddress",
        "itertools",
        "json",
        "jsonschema",
        "re",
        "shlex",
        "string",
        "types",
        "typing",
    }, roots
