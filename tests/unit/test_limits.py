# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long files, functions and lines of module_utils may be, and how many branches a function."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import pytest

UTILS = pathlib.Path(__file__).resolve().parents[2] / "plugins" / "module_utils"
FILES = {path.relative_to(UTILS).as_posix(): path for path in sorted(UTILS.rglob("*.py"))}

MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 40
MAX_BRANCHES = 15
MAX_COLUMNS = 100
#: "file" or "file:function" -> why it may be longer. Five at most.
EXCEPTIONS: dict[str, str] = {}


def own_nodes(function: ast.AST) -> t.Iterator[ast.AST]:
    """The nodes of a function without those of functions and classes within it."""
    stack = list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            stack += ast.iter_child_nodes(node)


def branches(function: ast.AST) -> int:
    """The ways through a function (cyclomatic complexity; `and`, `or` and comprehensions count)."""
    found = 1
    for node in own_nodes(function):
        if isinstance(node, (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler)):
            found += 1
        elif isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            found += 1 + len(node.ifs)
    return found


def too_large(name: str, source: str) -> t.Iterator[str]:
    """What of this file is over a limit, and by how much."""
    lines = source.splitlines()
    if len(lines) > MAX_FILE_LINES and name not in EXCEPTIONS:
        yield "%d lines" % len(lines)
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            yield "line %d has %d columns" % (number, len(line))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and "%s:%s" % (name, node.name) not in EXCEPTIONS:
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield "%s has %d lines" % (node.name, length)
            if branches(node) > MAX_BRANCHES:
                yield "%s has %d branches" % (node.name, branches(node))


@pytest.mark.parametrize("name", list(FILES))
def test_files_and_functions_keep_the_limits(name):
    assert list(too_large(name, FILES[name].read_text(encoding="utf-8"))) == []


def test_exceptions_are_few_and_have_a_reason():
    assert len(EXCEPTIONS) <= 5
    assert all(EXCEPTIONS.values())
    assert all(name.partition(":")[0] in FILES for name in EXCEPTIONS)


def test_branches_are_counted():
    function = ast.parse(
        "def f(a, b):\n    if a and b:\n        return [c for c in a if c]\n    return 1 if a else 2"
    ).body[0]
    assert branches(function) == 6
