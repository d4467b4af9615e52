# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the results that several modules return alike into their RETURN blocks.

ansible-core has no fragments for RETURN. The texts are in plugins/doc_fragments/results.py. Which
module has which of them is said here.

    python script/docs.py           # write them
    python script/docs.py --check   # exit status 1 if a module has another text
"""

from __future__ import annotations

import importlib.util
import pathlib
import re
import sys
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[1]
FRAGMENT = ROOT / "plugins" / "doc_fragments" / "results.py"
MODULES = ROOT / "plugins" / "modules"

INFO = ("mail_bindings_info", "mail_listeners_info")
CONFIG = ("mail_port", "mail_ip_binding", "mail_bindings")
DECLARE = (*CONFIG, "mail_listeners")

#: Name of a text in FRAGMENT -> the modules that return this.
SHARED: t.Mapping[str, t.Sequence[str]] = {
    "CHANGES": CONFIG,
    "NO_CHANGES": INFO,
    "DIFF": CONFIG,
    "NO_DIFF": INFO,
    "PORTS": DECLARE,
    "IP_ADDRESSES": DECLARE,
    "UNASSIGNED_PORTS": (*DECLARE, *INFO),
    "UNMAPPED": (*CONFIG, "mail_listeners_info"),
    "CERTIFICATES": DECLARE,
    "BACKUP_FILE": ("mail_port", "mail_ip_binding"),
    "BACKUP_FILE_OR_BROKEN": ("mail_bindings", "mail_listeners"),
}

_RETURN = re.compile(r'(?<=\nRETURN = r"""\n).*?(?=""")', re.DOTALL)


def fragments() -> t.Dict[str, str]:
    """The shared texts, each of which begins with the name of its result."""
    spec = importlib.util.spec_from_file_location("results", FRAGMENT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: getattr(module.ModuleDocFragment, name).lstrip("\n") for name in SHARED}


def documented(source: str, texts: t.Iterable[str]) -> str:
    """A module's source with these results in its RETURN, in place of those of the same name."""
    returns = _RETURN.search(source)
    assert returns, "no RETURN block"
    block = returns.group()
    for text in texts:
        name = text.partition(":")[0]
        block, count = re.subn(
            r"^%s:.*?(?=^\w|\Z)" % name, lambda dummy: text, block, flags=re.DOTALL | re.MULTILINE
        )
        assert count == 1, "%d results of the name %s" % (count, name)
    return source[: returns.start()] + block + source[returns.end() :]


def outdated() -> t.Dict[pathlib.Path, str]:
    """The modules that have another text: what they should be."""
    texts = fragments()
    found = {}
    for path in sorted(MODULES.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        shared = [texts[name] for name, modules in SHARED.items() if path.stem in modules]
        right = documented(source, shared)
        if right != source:
            found[path] = right
    return found


def main(arguments: t.Sequence[str]) -> int:
    """Returns the exit status."""
    found = outdated()
    for path, right in found.items():
        print(path.relative_to(ROOT))
        if "--check" not in arguments:
            path.write_text(right, encoding="utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
