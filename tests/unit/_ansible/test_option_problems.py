# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that are wrong before any rule is asked: all reported, with their place, in check mode too, and no secret shown."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.needs_ansible

SECRET = "Hunter2 'Se\"cret\\ü"


@pytest.fixture(name="run")
def fixture_run(tmp_path):
    from support.in_process import run

    def run_both(module, options):
        options = {"config_path": str(tmp_path / "bindings.json"), **options}
        checked, real = run(module, options, check=True), run(module, options)
        assert checked.get("msg") == real.get("msg") and not list(tmp_path.iterdir())
        assert real["failed"]
        return real

    return run_both


def port(**options):
    return {"name": "A", "protocol": "smtp", **options}


@pytest.mark.parametrize(
    "module, options, messages",
    [
        ("mail_bindings", {"ports": ["x"]}, ['ports[0]: "x" is not an object with keys']),
        ("mail_bindings", {"ports": "x"}, ['ports[0]: "x" is not an object with keys']),
        ("mail_bindings", {"ports": [5, port()]}, ["ports[0]: 5 is not an object with keys"]),
        ("mail_bindings", {"ports": [port(), None]}, ["ports[1]: null is not an object with keys"]),
        ("mail_bindings", {"ports": [[port()]]}, ["ports[0]: a list is not an object with keys"]),
        (
            "mail_bindings",
            {"ip_addresses": [["127.0.0.1"]]},
            ["ip_addresses[0]: a list is not an object with keys"],
        ),
        ("mail_bindings", {"ports": [{"protocol": "smtp"}]}, ["ports[0].name: is missing"]),
        (
            "mail_bindings",
            {"ports": [port(certificate_pasword="x")]},
            [
                "ports[0].certificate_pasword: unknown key; known are certificate_hostnames, certificate_password, certificate_path, "
                "description, encryption, name, port, private_key_path, protocol"
            ],
        ),
        (
            "mail_bindings",
            {"ip_addresses": [{"address": "127.0.0.1", "certificate_password": SECRET}]},
            [
                "ip_addresses[0].certificate_password: unknown key; known are address, description, floating, hostname, ports"
            ],
        ),
        (
            "mail_bindings",
            {
                "ports": [port(protocol="x", port="y")],
                "ip_addresses": [{"address": "127.0.0.1", "floating": "z"}],
            },
            [
                'ports[0].protocol: "x" is not one of',
                'ports[0].port: "y" is not a port number',
                'ip_addresses[0].floating: "z" is not true or false',
            ],
        ),
        (
            "mail_bindings",
            {"exclusve": True, "ports": [port(port=0)]},
            ["exclusve: unknown option; known are", "ports[0].port: 0 is not a port number"],
        ),
        (
            "mail_bindings",
            {"exclusive": "perhaps", "ports": [port(port=0)]},
            ["argument 'exclusive'", "ports[0].port: 0 is not a port number"],
        ),
        (
            "mail_bindings",
            {"replace_invalid": True, "ports": [port(port=0)]},
            ["replace_invalid: needs exclusive", "ports[0].port: 0 is not a port number"],
        ),
        (
            "mail_bindings",
            {
                "ports": [port()],
                "ip_addresses": [{"address": "127.0.0.1", "ports": ["B"]}],
                "require_assigned": True,
            },
            [
                'ip_addresses[0].ports: there is no port "B"',
                'ports[0].name: no IP address listens on "A"',
            ],
        ),
        (
            "mail_bindings",
            {"ports": [port(encryption="ssl", certificate_path="/nowhere/c.pem"), {"name": "B"}]},
            [
                "ports[1].protocol: is needed",
                "ports[0].certificate_path: /nowhere/c.pem can't be read",
            ],
        ),
        (
            "mail_port",
            port(port="smtp", protocol="x"),
            ['port: "smtp" is not a port number', 'protocol: "x" is not one of'],
        ),
        ("mail_port", port(port=True), ["port: true is not a port number"]),
        ("mail_port", port(port=25.5), ["port: 25.5 is not a port number"]),
        ("mail_port", {"name": "", "state": "absent"}, ["name: is empty"]),
        ("mail_port", {"protocol": "x"}, ["name: is missing", 'protocol: "x" is not one of']),
        ("mail_port", {"nam": "A"}, ["nam: unknown option", "name: is missing"]),
        (
            "mail_port",
            port(owner="nosuch", group="99999999999", mode="x"),
            [
                'owner: there is no user "nosuch"',
                'group: there is no group "99999999999"',
                'mode: "x" is not valid for a config',
            ],
        ),
        ("mail_port", port(owner="4294967295"), ["owner: there is no user"]),
        ("mail_port", port(owner=""), ["owner: there is no user"]),
        ("mail_port", port(mode=640), ["mode: 640 is not valid for a config"]),
        ("mail_port", port(mode=""), ['mode: "" is not valid for a config']),
        ("mail_port", port(mode=True), ["mode: "]),
        ("mail_port", port(mode="u=,g=r"), ["mode: "]),
        (
            "mail_ip_binding",
            {"ip": "127.0.0.300", "floating": "z"},
            ['address: "127.0.0.300" is not an IPv4', 'floating: "z" is not true or false'],
        ),
        ("mail_ip_binding", {"address": "127.0.0.1", "ports": {"a": 1}}, ["ports: "]),
        (
            "mail_port",
            {"name": ["A"], "port": 0, "exclusve": 1},
            [""],
        ),  # too strange: ansible-core's own words
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_nothing_else(run, module, options, messages):
    lines = [line.strip() for line in run(module, options)["msg"].splitlines()]
    if len(messages) > 1:
        assert lines.pop(0) == "%d problems, and nothing was changed:" % len(messages)
    assert len(lines) == len(messages), lines
    for message in messages:
        assert [line for line in lines if line.startswith(message)], (message, lines)


@pytest.mark.parametrize(
    "options",
    [
        {"ports": [port(certificate_password=SECRET, port=0)]},
        {"ports": [[port(certificate_password=SECRET)]]},
        {"ports": [port(certificate_pasword=SECRET, certificate_Password=SECRET)]},
        {"ports": [port(certificate_password=[SECRET], port=0)]},
        {"ports": {"certificate_password": SECRET}},
        {"ports": [port(certificate_pasword=SECRET)]},
        {"certificate_passwords": SECRET},
        {"certificate_passwort": 4829133775},
        {"ports": [port(certificate_pass=4829133775)]},
        {"ip_addresses": [{"address": "127.0.0.1", "certificate_password": SECRET}]},
        {
            "ports": [
                port(encryption="ssl", certificate_path="/nowhere", certificate_password=SECRET)
            ]
        },
    ],
)
def test_a_secret_is_shown_nowhere_however_misplaced(run, options, monkeypatch):
    from ansible.module_utils import basic

    logged = []
    monkeypatch.setattr(
        basic.AnsibleModule, "_log_to_syslog", lambda self, message: logged.append(message)
    )
    monkeypatch.setattr(
        basic.AnsibleModule,
        "_log_to_journal",
        lambda self, *what: logged.append(what),
        raising=False,
    )
    monkeypatch.setattr(basic, "has_journal", False)
    result = run("mail_bindings", options)
    for text in (
        json.dumps(result),
        json.dumps(result, ensure_ascii=False),
        repr(result),
        repr(logged),
        *map(str, logged),
    ):
        assert (
            "Hunter2" not in text
            and "cret" not in text.replace("secret", "")
            and "4829133775" not in text
        ), text


def test_null_means_left_out_everywhere(tmp_path):
    from support.in_process import run

    config = tmp_path / "bindings.json"
    result = run(
        "mail_bindings",
        {
            "config_path": str(config),
            "ports": [port(port=None, encryption=None, certificate_path=None, description=None)],
        },
    )
    assert result["ports"] == [
        {"name": "A", "protocol": "smtp", "port": 25, "encryption": "none", "description": ""}
    ]


def test_numbers_and_truths_may_come_as_text_as_templates_make_them(tmp_path):
    from support.in_process import run

    result = run(
        "mail_bindings",
        {
            "config_path": str(tmp_path / "bindings.json"),
            "ports": [port(port="2525")],
            "ip_addresses": [{"address": "127.0.0.1", "ports": "A", "floating": "no"}],
        },
    )
    assert result["ports"][0]["port"] == 2525 and result["ip_addresses"][0] == {
        "address": "127.0.0.1",
        "ports": ["A"],
        "floating": False,
        "hostname": "",
        "description": "",
    }
