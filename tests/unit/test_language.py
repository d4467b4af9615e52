# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages and option documentation are plain technical English: words that they may not have."""

from __future__ import annotations

import ast
import pathlib
import re
import typing as t

import pytest

yaml = pytest.importorskip("yaml")

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Words that stand for things that have names (a process, a client, a listener), and phrases that
#: have to be read twice. A message says the name instead.
NOT_PLAIN = (
    "who",
    "whom",
    "whoever",
    "whomever",
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "stranger",
    "is not well",
    "put right",
    "puts things right",
    "put back what",
    "taken back",
    "is made to",
    "not there after all",
    "in spite of",
    "otherwise than",
    "comes to nothing",
    "mend",
)
PATTERN = re.compile(r"\b(%s)\b" % "|".join(NOT_PLAIN), re.IGNORECASE)


def docstrings(tree: ast.AST) -> set[int]:
    """The ids of the constants that are docstrings: they are for developers."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def texts_of_python(path: pathlib.Path) -> t.Iterator[tuple[int, str]]:
    """(line, text) of each string in a Python file that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            yield node.lineno, node.value


def texts_of_yaml(path: pathlib.Path) -> t.Iterator[tuple[int, str]]:
    """(line, text) of each scalar in a YAML file."""
    for event in yaml.parse(path.read_text(encoding="utf-8")):
        if isinstance(event, yaml.ScalarEvent):
            yield event.start_mark.line + 1, event.value


def texts() -> t.Iterator[tuple[str, str]]:
    """(place, text) of all that a user may be shown."""
    readers = [("plugins", "*.py", texts_of_python)]
    readers += [(folder, "*.yml", texts_of_yaml) for folder in ("roles", "playbooks")]
    for folder, pattern, read in readers:
        for path in sorted((ROOT / folder).rglob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            for line, text in read(path):
                yield "%s:%d" % (name, line), text


def test_no_message_has_a_word_that_is_not_plain():
    found = [
        "%s: %s" % (place, sentence.strip())
        for place, text in texts()
        for sentence in text.splitlines()
        if PATTERN.search(sentence)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["nobody listens", "Whoever holds it", "apply to mend it"])
def test_the_list_matches_whole_words_in_any_case(text):
    assert PATTERN.search(text)
    assert not PATTERN.search("whole mending recommended is not")
