# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of plugins/filter is the documentation of one filter, and finds the function that does the work."""

from __future__ import annotations

import importlib
import inspect
import pathlib

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, which a managed host does not have")
yaml = pytest.importorskip("yaml")

PLUGINS = pathlib.Path(__file__).parents[3] / "plugins" / "filter"
NAMES = sorted(path.stem for path in PLUGINS.glob("*.py"))
#: What Ansible and YAML call the input, and what Python does not.
POSITIONAL = "_input"


def load(name):
    return importlib.import_module("ansible_collections.mailops.bindings.plugins.filter." + name)


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_is_found_by_the_name_of_its_file(name):
    (found,) = load(name).FilterModule().filters()
    assert found == name == yaml.safe_load(load(name).DOCUMENTATION)["name"]


@pytest.mark.parametrize("name", NAMES)
def test_documented_options_are_those_of_the_function(name):
    (function,) = load(name).FilterModule().filters().values()
    dummy, *parameters = inspect.signature(function).parameters.values()
    documented = yaml.safe_load(load(name).DOCUMENTATION)["options"]
    assert set(documented) - {POSITIONAL} == {parameter.name for parameter in parameters}
    for parameter in parameters:
        required = parameter.default is inspect.Parameter.empty
        assert documented[parameter.name].get("required", False) == required, parameter.name


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_plugin_is_documentation_and_one_call(name):
    assert "plugin_utils" in inspect.getsource(load(name))
    functions = inspect.getmembers(load(name), inspect.isfunction)
    assert all(function.__module__ != load(name).__name__ for dummy, function in functions)
