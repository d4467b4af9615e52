# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task can't ask for with this store."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.needs_ansible
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from ansible_collections.mailops.bindings.plugins.module_utils._config import (
    model,
    plan,  # noqa: E402
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    IPBinding,
    Port,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import (
    options as task_options,
)  # noqa: E402
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import session  # noqa: E402
from support.in_process import run  # noqa: E402
from support.smartermail.records import HERE  # noqa: E402

# -- options

GIVEN = {
    "store": "smartermail",
    "smartermail_url": "https://mail.example.com",
    "smartermail_username": "admin",
    "smartermail_password": "secret",
}


@pytest.mark.parametrize(
    "options, said",
    [
        (
            {"smartermail_url": ""},
            "smartermail_url: is needed with store: smartermail. The environment variable "
            "SMARTERMAIL_URL",
        ),
        ({"smartermail_username": None}, "SMARTERMAIL_USERNAME"),
        ({"smartermail_password": None}, "SMARTERMAIL_PASSWORD"),
        ({"smartermail_url": "http://mail.example.com"}, "clear text"),
        ({"smartermail_url": "http://192.0.2.1"}, "clear text"),
        ({"smartermail_url": "mail.example.com"}, "must be like https://"),
        ({"smartermail_url": "ftp://mail.example.com"}, "must be like https://"),
        ({"smartermail_url": "https://mail.example.com/?x=1"}, "must be like https://"),
        ({"smartermail_url": "https://mail.example.com:port"}, "is no URL"),
        (
            {"smartermail_url": "https://admin:hunter2@mail.example.com"},
            "leave user and password out",
        ),
        ({"smartermail_ca_path": "/nonexistent/ca.pem"}, "smartermail_ca_path"),
        ({"smartermail_timeout": 0}, "smartermail_timeout"),
        ({"backup": True}, "backup: is for a file"),
        ({"owner": "root"}, "owner: is for a file"),
        ({"group": "mail"}, "group: is for a file"),
        ({"mode": "0640"}, "mode: is for a file"),
    ],
)
def test_options_that_this_store_can_not_have(options, said, monkeypatch):
    monkeypatch.setattr(
        session, "open_url", lambda *args, **kwargs: pytest.fail("the server was asked")
    )
    result = run("mail_port", {**GIVEN, "name": "A", "protocol": "smtp", **options})
    assert result["failed"] and said in result["msg"] and not result["changed"]
    assert "hunter2" not in json.dumps(result)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9998",
        "http://localhost:9998",
        "http://[::1]:9998",
        "https://mail.example.com:9998/",
    ],
)
def test_urls_that_are_asked(url):
    assert list(task_options.wrong_url(url, pytest.fail)) == []


def test_mail_listeners_is_for_this_hosts_own_servers():
    result = run("mail_listeners", GIVEN)
    assert result["failed"] and "mail_bindings with store: smartermail" in result["msg"]


@pytest.mark.parametrize(
    "path, server, here",
    [
        ("/etc/mail.pem", True, True),
        ("C:\\SmarterMail\\mail.pfx", True, False),
        ("d:/mail.pfx", True, False),
        ("\\\\nas\\share\\mail.pfx", True, False),
        ("mail.pfx", False, False),
        ("C:mail.pfx", False, False),
        ("\\mail.pfx", False, False),
        ("C:\\a\nb", False, False),
        ("é:\\a", False, False),
    ],
)
def test_paths_are_those_of_the_host_that_the_store_is_of(path, server, here):
    entry = {"name": "A", "protocol": "imap", "encryption": "ssl", "certificate_path": path}
    for on_server, is_one in ((True, server), (False, here)):
        problems = plan.declaration_problems(plan.Declaration(ports=[entry], on_server=on_server))
        assert [problem.partition(":")[0] for problem in problems] == (
            [] if is_one else ["ports[0].certificate_path"]
        )


def test_update_password_is_no_secret(tmp_path):
    result = run(
        "mail_port",
        {
            "name": "A",
            "protocol": "smtp",
            "description": "always on_create",
            "update_password": "always",
            "config_path": str(tmp_path / "bindings.json"),
        },
    )
    assert result["port"]["description"] == "always on_create"


# -- rules that a server broke before


def test_what_was_broken_before_stops_only_the_task_that_says_it():
    before = Bindings(
        {
            "SSL": Port("SSL", "smtp", 465, "ssl", "/a"),
            "TLS": Port("TLS", "smtp", 465, "tls", "/a"),
            "Left": Port("Left", "pop", 110, "none", "/old"),
        },
        {HERE: IPBinding(HERE, ("SSL", "TLS"))},
    )

    def problems(**declared):
        return plan.declared(before, plan.Declaration(**declared), "mail.example.com").problems

    assert problems(ports=[{"name": "New", "protocol": "imap"}]) == []
    assert problems(ports=[{"name": "SSL", "certificate_path": "/b"}]) == []
    assert problems(ports=[{"name": "Left", "port": 111}]) == []  # which loses its path by that
    assert [
        problem
        for problem in problems(
            ip_addresses=[{"address": HERE, "ports": ["SSL", "TLS"], "hostname": "a"}]
        )
        if "both have number 465" in problem
    ]
    assert [
        problem
        for problem in problems(ports=[{"name": "Left", "certificate_path": "/old", "port": 111}])
        if "serves no certificate" in problem
    ]
    assert [
        problem
        for problem in problems(
            ports=[{"name": "Left", "port": 465}],
            ip_addresses=[{"address": HERE, "ports": ["Left"]}],
        )
        if "Left" in problem
    ]
    assert model.unassigned_ports(before) == ["Left"]
