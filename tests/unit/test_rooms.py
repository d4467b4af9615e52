# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of CONTRIBUTING.md: imports run one way, and pure files reach no input or output.

All imports count, also those inside functions. They are read, not run.
"""

from __future__ import annotations

import ast
import collections
import fnmatch
import pathlib
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins" / "module_utils"
OURS = "ansible_collections.mailops.bindings.plugins.module_utils"
#: From the top down: a room imports only from itself and from rooms further down.
ROOMS = (
    "_tasks",
    "_ansible",
    "_transaction",
    "_stores",
    "_servers",
    "_probe",
    "_certificates",
    "_host",
    "_config",
)
#: Files that know no file, no clock, no process and no network.
PURE = (
    "_config.*",
    "_servers.plans",
    "_servers.boot",
    "_servers.adopt",
    "_servers.*.parser",
    "_servers.*.render",
    "_servers.*.limits",
    "_stores.smartermail.state",
    "_stores.smartermail.steps",
)
#: What they must not reach through any chain of imports.
IMPURE = {
    "ansible",
    "os",
    "pathlib",
    "random",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}

Imports = t.Dict[str, t.Set[str]]


def imported(source: str) -> t.Iterator[str]:
    """The names that this source imports: modules, and what may be a module in a package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, "relative import, line %d" % node.lineno
            yield node.module
            yield from ("%s.%s" % (node.module, alias.name) for alias in node.names)


def graph(sources: t.Mapping[str, str]) -> Imports:
    """Name of each of our modules -> our modules and the top packages of others that it imports."""
    found: Imports = {}
    for name, source in sources.items():
        found[name] = set()
        for other in imported(source):
            if not other.startswith(OURS):
                found[name].add(other.partition(".")[0])
            elif other[len(OURS) + 1 :] in sources:
                found[name].add(other[len(OURS) + 1 :])
    return found


def sources() -> t.Dict[str, str]:
    """Name of each of our modules, as _config.model, -> its source."""
    return {
        ".".join(path.relative_to(UTILS).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(UTILS.rglob("*.py"))
        if path.name != "__init__.py"
    }


IMPORTS = graph(sources())


def chain(imports: Imports, start: str, ends: t.AbstractSet[str]) -> str:
    """The shortest chain of imports from this module to one of the ends, '' if there is none."""
    queue, seen = collections.deque([[start]]), {start}
    while queue:
        path = queue.popleft()
        for other in sorted(imports.get(path[-1], ())):
            if other in ends:
                return " -> ".join([*path, other])
            if other not in seen:
                seen.add(other)
                queue.append([*path, other])
    return ""


def room(name: str) -> str:
    return name.partition(".")[0]


def upward(imports: Imports, start: str) -> str:
    """A chain of imports from this module to a room above its own, '' if there is none."""
    above = set(ROOMS[: ROOMS.index(room(start))])
    return chain(imports, start, {name for name in imports if room(name) in above})


def test_module_utils_has_nine_rooms_and_no_other_file():
    found = {
        path.name for path in UTILS.iterdir() if path.name != "__pycache__" and path.name[0] != "."
    }
    assert found - {"__init__.py"} == set(ROOMS)
    assert {room(name) for name in IMPORTS} == set(ROOMS)


def test_packages_are_empty():
    """A package's own file is imported with each of its modules, and costs time on every host."""
    for path in UTILS.rglob("__init__.py"):
        assert not path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_imports_lead_to_no_room_further_up(name):
    assert upward(IMPORTS, name) == ""


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_no_import_leads_back(name):
    assert chain(IMPORTS, name, {name}) == ""


def is_pure(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in PURE)


@pytest.mark.parametrize("name", sorted(filter(is_pure, IMPORTS)))
def test_pure_files_reach_no_input_or_output(name):
    assert chain(IMPORTS, name, IMPURE) == ""


@pytest.mark.parametrize("pattern", PURE)
def test_each_pattern_of_pure_files_has_files(pattern):
    assert fnmatch.filter(IMPORTS, pattern)


# -- the test itself


def test_a_chain_is_found_through_functions_and_named_in_full():
    imports = graph(
        {
            "_config.model": "def f():\n    from %s._host import files" % OURS,
            "_host.files": "import os.path",
        }
    )
    assert chain(imports, "_config.model", IMPURE) == "_config.model -> _host.files -> os"
    assert upward(imports, "_config.model") == "_config.model -> _host.files"
    assert upward(imports, "_host.files") == ""


def test_a_circle_is_found_and_named_in_full():
    imports = graph(
        {
            "_config.a": "from %s._config.b import b" % OURS,
            "_config.b": "from %s._config import a, json" % OURS,
        }
    )
    assert chain(imports, "_config.b", {"_config.b"}) == "_config.b -> _config.a -> _config.b"
