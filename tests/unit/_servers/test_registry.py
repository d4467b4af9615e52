# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry knows all servers, and is the only file beside their folders that names them."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import PROTOCOLS
from ansible_collections.mailops.bindings.plugins.module_utils._servers import base, registry

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
SERVERS = PLUGINS / "module_utils" / "_servers"
#: What names a server in its code outside its folder and the registry, and why.
ALLOWED = {
    "module_utils/_tasks/listeners.py": "the choices of an option, which documentation has too",
    "module_utils/_probe/unexpected.py": "programs of any vendor, and what they may speak",
}
#: Documentation of modules and filters names what it likes.
DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")


class Answering(base.Server):
    """One that is installed or not."""

    def __init__(self, name, protocols, is_installed):
        self.name, self.protocols, self.is_installed = name, protocols, is_installed

    def installed(self):
        return self.is_installed


def test_every_server_says_what_others_have_to_know():
    servers = registry.all_servers()
    assert len({server.name for server in servers}) == len(servers)
    for server in servers:
        assert server.name and server.title and server.programs and server.files, server.name
        assert set(server.protocols) <= set(PROTOCOLS)
        assert all(len(program) <= 15 for program in server.programs)
        assert (SERVERS / server.name / "server.py").is_file()
    folders = {path.parent.name for path in SERVERS.glob("*/server.py")}
    assert folders == {server.name for server in servers}


def test_every_protocol_has_a_server():
    servers = registry.all_servers()
    assert all(registry.server_for(protocol, servers) for protocol in PROTOCOLS)


@pytest.mark.needs_ansible
def test_the_option_has_the_registry_s_names():
    from ansible_collections.mailops.bindings.plugins.module_utils._tasks import listeners

    names = [server.name for server in registry.all_servers()]
    assert listeners.LISTENERS_OPTIONS["servers"]["choices"] == names


def test_the_installed_server_answers_for_a_protocol():
    first, second = Answering("a", ("smtp",), False), Answering("b", ("smtp", "imap"), True)
    assert registry.server_for("smtp", [first, second]) is second
    assert registry.server_for("imap", [first, second]) is second
    assert registry.server_for("ldap", [first, second]) is None
    second.is_installed = False
    assert registry.server_for("smtp", [first, second]) is first  # for a message to name it
    first.is_installed = second.is_installed = True
    assert registry.server_for("smtp", [first, second]) is first


def test_the_registry_loads_no_server_until_it_is_asked():
    """Their code is compiled at every run."""
    code = "import sys; import %s; print([name for name in sys.modules if '_servers.' in name])"
    argv = [sys.executable, "-c", code % registry.__name__]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, env=environment)
    loaded = {name.rpartition("_servers.")[2] for name in re.findall(r"'(.*?)'", str(done.stdout))}
    assert loaded == {"base", "boot", "plans", "registry"}


def named_servers(path):
    """The servers that a file's code names in whatever way; not its comments and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):  # docstrings
            documentation.add(node.value)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in DOCUMENTATION:
            documentation.add(node.value)
    words = {word for server in registry.all_servers() for word in (server.name, server.title)}
    pattern = re.compile("|".join(sorted(words)), re.IGNORECASE)
    found = set()
    for node in ast.walk(tree):
        for field in (
            getattr(node, name, None) for name in ("id", "name", "attr", "module", "arg")
        ):
            found.update(pattern.findall(field) if isinstance(field, str) else ())
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(() if node in documentation else pattern.findall(node.value))
    return found


def test_only_the_registry_and_its_own_folder_name_a_server():
    folders = [SERVERS / server.name for server in registry.all_servers()]
    naming = {
        str(path.relative_to(PLUGINS))
        for path in sorted(PLUGINS.rglob("*.py"))
        if path != SERVERS / "registry.py"
        and not any(folder in path.parents for folder in folders)
        and named_servers(path)
    }
    assert naming == set(ALLOWED)
