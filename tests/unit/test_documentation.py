# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation agrees with the modules: examples, results, choices."""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import re

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")
yaml = pytest.importorskip("yaml")

from ansible_collections.mailops.bindings.plugins.module_utils._ansible import (  # noqa: E402
    module as ansible_module,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.protocols import (  # noqa: E402
    ENCRYPTIONS,
    PROTOCOLS,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.registry import all_servers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFIX = "mailops.bindings."
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


def load(module):
    return importlib.import_module("ansible_collections.mailops.bindings.plugins.modules." + module)


def argument_spec(module, monkeypatch):
    """The spec that the module hands to AnsibleModule."""
    seen = {}

    class ProbeResult(Exception):
        pass

    def init(self, argument_spec, **kwargs):
        seen.update(argument_spec)
        raise ProbeResult

    monkeypatch.setattr(ansible_module.AnsibleModule, "__init__", init)
    with pytest.raises(ProbeResult):
        load(module).main()
    return seen


def tasks_of(value):
    """Every task of ours in a piece of YAML: (module, options)."""
    if isinstance(value, list):
        for item in value:
            yield from tasks_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str) and key.startswith(PREFIX):
                yield key[len(PREFIX) :], item or {}
            else:
                yield from tasks_of(item)


def documented_tasks():
    """(where, module, options) of every task in examples, README, docs and playbooks."""
    for module in MODULES:
        for found, options in tasks_of(yaml.safe_load(load(module).EXAMPLES)):
            yield "EXAMPLES of " + module, found, options
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]:
        for block in re.findall(r"```ya?ml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for found, options in tasks_of(yaml.safe_load(block)):
                yield page.name, found, options
    for page in (ROOT / "playbooks").glob("*.yml"):
        for found, options in tasks_of(yaml.safe_load(page.read_text(encoding="utf-8"))):
            yield page.name, found, options


TASKS = list(documented_tasks())


@pytest.mark.parametrize(
    "where, module, options", TASKS, ids=["%s: %s" % task[:2] for task in TASKS]
)
def test_documented_tasks_have_only_options_of_their_module(where, module, options, monkeypatch):
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    spec = argument_spec(module, monkeypatch)
    plain = {
        key: value
        for key, value in options.items()
        if not (isinstance(value, str) and value.startswith("{{"))
    }
    result = ArgumentSpecValidator(spec).validate(plain)
    assert not result.error_messages
    assert set(options) <= set(spec) | {
        alias for option in spec.values() for alias in option.get("aliases", ())
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_examples_of_its_own(module):
    assert [task for task in TASKS if task[0] == "EXAMPLES of " + module and task[1] == module]


@pytest.mark.parametrize(
    "module, options",
    [
        ("mail_port", {"name": "A", "protocol": "smtp"}),
        ("mail_ip_binding", {"address": "127.0.0.1"}),
        ("mail_bindings", {"ports": [{"name": "A", "protocol": "smtp"}]}),
        ("mail_bindings_info", {}),
        ("mail_listeners_info", {}),
        ("mail_listeners_info", {"listeners": []}),
    ],
)
def test_documented_results_are_those_that_are_returned(module, options, tmp_path):
    from support.in_process import run

    config = tmp_path / "bindings.json"
    if not module.endswith("_info"):
        options = {**options, "backup": True}
        config.write_text('{"schema_version": 1, "ports": [], "ip_addresses": []}')
    result = run(module, {**options, "config_path": str(config)})
    documented = yaml.safe_load(load(module).RETURN)
    assert set(result) - {"invocation", "warnings", "changed"} == set(documented)
    for change in result["changes"]:
        assert set(change) == set(documented["changes"]["contains"])


@pytest.mark.parametrize(
    "keys, modules",
    [
        ({"changes", "diff"}, ["mail_port", "mail_ip_binding", "mail_bindings"]),
        ({"changes", "diff"}, ["mail_bindings_info", "mail_listeners_info"]),
        (
            {"ports", "ip_addresses", "unassigned_ports", "certificates"},
            ["mail_port", "mail_ip_binding", "mail_bindings", "mail_listeners"],
        ),
        ({"unassigned_ports"}, ["mail_bindings", "mail_bindings_info", "mail_listeners_info"]),
        ({"unmapped"}, ["mail_port", "mail_ip_binding", "mail_bindings", "mail_listeners_info"]),
        ({"backup_file"}, ["mail_port", "mail_ip_binding"]),
        ({"backup_file"}, ["mail_bindings", "mail_listeners"]),
    ],
)
def test_results_that_modules_share_are_documented_alike(keys, modules):
    """RETURN has no fragments: script/docs.py copies these."""
    for key in keys:
        texts = {yaml.safe_dump(yaml.safe_load(load(module).RETURN)[key]) for module in modules}
        assert len(texts) == 1, key


def test_facts_of_a_certificate_are_documented(tmp_path):
    from support import pki
    from support.in_process import run

    pki.write_set(tmp_path)
    result = run(
        "mail_port",
        {
            "name": "A",
            "protocol": "imap",
            "encryption": "ssl",
            "config_path": str(tmp_path / "bindings.json"),
            "certificate_path": str(tmp_path / "cert.pem"),
            "private_key_path": str(tmp_path / "key.pem"),
        },
    )
    (certificate,) = result["certificates"]
    assert set(certificate) == set(
        yaml.safe_load(load("mail_port").RETURN)["certificates"]["contains"]
    )


def test_every_module_is_in_the_action_group():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["bindings"] == MODULES


def test_readme_names_every_module():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all("`%s`" % module in readme for module in MODULES)


def test_every_module_has_an_integration_target():
    # one that has the name of our role would be taken for it
    targets = {
        path.name.replace("module_", "")
        for path in (ROOT / "tests" / "integration" / "targets").iterdir()
    }
    assert set(MODULES) <= targets


def test_shared_results_are_written_into_the_modules():
    spec = importlib.util.spec_from_file_location("docs", ROOT / "script" / "docs.py")
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    assert not docs.outdated(), "run: python script/docs.py"


def options_of(spec, path=""):
    """Every option of an argument spec, those of its lists too: (path, spec)."""
    for name, option in (spec or {}).items():
        yield path + name, option
        yield from options_of(option.get("options"), path + name + ".")


CHOICES = {
    "protocol": list(PROTOCOLS),
    "encryption": list(ENCRYPTIONS),
    "servers": [server.name for server in all_servers()],
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_those_of_the_tables(name, monkeypatch):
    """They are literal in modules and role; ansible-test holds documentation to specs."""
    role = ROOT / "roles" / "mail_bindings" / "meta" / "argument_specs.yml"
    entry_points = yaml.safe_load(role.read_text(encoding="utf-8"))["argument_specs"]
    specs = [argument_spec(module, monkeypatch) for module in MODULES]
    specs += [entry_point["options"] for entry_point in entry_points.values()]
    choices = [
        option["choices"]
        for spec in specs
        for path, option in options_of(spec)
        if path.rpartition(".")[2].replace("mail_bindings_", "") == name
    ]
    assert choices and all(found == CHOICES[name] for found in choices)
