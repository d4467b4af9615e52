# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One story through a real ansible-playbook on three stores at once: a file, and both doors of the stand-in for SmarterMail.

Each store is a host of the inventory, as a fleet has it, and all that tasks need to find it is in module_defaults.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys
import urllib.parse
from xml.sax import saxutils

import pytest
import yaml

from support import scripted
from support.smartermail import Answer, Port, StandIn, State
from support.smartermail.scenario import ADDRESSES, STEPS, options_of, told

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]

PASSWORD = "p\"\\&<ü'%s ☃+=;"
CERTIFICATE_PASSWORD = "P\"F\\X&<ö>'%41 ☂"
OPTIONS = (
    "store",
    "config_path",
    "smartermail_url",
    "smartermail_username",
    "smartermail_password",
    "smartermail_ca_path",
    "smartermail_api",
)
# Of the story, a part that holds together: a task costs a good part of a second. All of it is told in test_smartermail_doors.
PLAYED = (
    "nothing is there yet",
    "create and assign",
    "add a port",
    "assign to an address that had none",
    "renew a certificate",
    "two of one number on an address are refused",
    "exactly these",
    "a port in use does not go",
    "a port in use goes if it may",
    "exactly these, with all that changes at once",
    "what is there",
    "nothing is to stay",
)
# And of that, what is played in check mode first, and once more afterwards.
REHEARSED = (
    "create and assign",
    "renew a certificate",
    "exactly these, with all that changes at once",
)


def defaults(hosts):
    """Play keywords: for each of these hosts its options of the store, as module_defaults of the action group."""
    return {
        "module_defaults": {
            "group/mailops.bindings.bindings": {
                option: "{{ hosts_options[inventory_hostname]['%s'] | default(omit) }}" % option
                for option in OPTIONS
            }
        },
        "vars": {
            "hosts_options": hosts,
            "ansible_connection": "local",
            "ansible_python_interpreter": os.environ.get("MAILOPS_TARGET_PYTHON") or sys.executable,
        },
    }


@pytest.fixture(scope="module")
def stand_ins():
    """(name of the host, server) for both doors."""
    with StandIn(State(addresses={address: [] for address in ADDRESSES})) as rest:
        with StandIn(State(addresses={address: [] for address in ADDRESSES})) as soap:
            rest.account.password = soap.account.password = PASSWORD
            yield {"rest": rest, "soap": soap}


@pytest.fixture(scope="module")
def story(play, stand_ins, tmp_path_factory):
    config = str(tmp_path_factory.mktemp("story") / "bindings.json")
    hosts = {name: server.options(name) for name, server in stand_ins.items()}
    hosts["file"] = {"store": "file", "config_path": config}
    tasks = []
    for name, module, options in STEPS:
        if name not in PLAYED:
            continue
        task = {f"mailops.bindings.{module}": options_of(module, options)}
        if name in REHEARSED:
            tasks.append({"name": name + " (check)", **task, "check_mode": True, "diff": True})
        tasks.append({"name": name, **task, "diff": True})
        if name in REHEARSED:
            tasks.append({"name": name + " (again)", **task})
    return play(
        tasks, hosts=("file", "rest", "soap"), play_keywords=defaults(hosts), extra_args=("-vvvv",)
    )


def by_host(results, host):
    return {result.name: result for result in results if result.host == host}


@pytest.mark.parametrize("door", ["rest", "soap"])
def test_every_store_tells_the_same_story(story, stand_ins, door):
    expected, found = by_host(story, "file"), by_host(story, door)
    assert list(found) == list(expected) and len(found) == len(PLAYED) + 2 * len(REHEARSED)
    for name, result in found.items():
        told_by_file, told_here = told(expected[name]), told(result)
        unseen = set(told_by_file) - set(told_here)
        if unseen:
            # to ask little: a port that is as declared takes one look at the ports
            assert (
                unseen == {"ip_addresses", "unassigned_ports"}
                and door == "soap"
                and "mail_port" in result.task
                and not result["changed"]
            )
        assert told_here == {
            key: value for key, value in told_by_file.items() if key not in unseen
        }, f"{name}: {result.get('msg')}"
    assert stand_ins[door].violations == []
    assert stand_ins[door].state.ports == []


def test_the_story_has_changes_refusals_and_second_runs_that_change_nothing(story):
    told_by_file = by_host(story, "file")
    assert sum(result["changed"] for result in told_by_file.values()) == 11
    assert sum(result.failed for result in told_by_file.values()) == 2
    for name, result in told_by_file.items():
        if name.endswith(" (again)"):
            assert not result["changed"], name
        if name.endswith(" (check)"):
            assert told(result) == told(told_by_file[name.removesuffix(" (check)")]), name


def assert_secret(text, secrets):
    for secret in secrets:
        for written in (
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            json.dumps(json.dumps(secret, ensure_ascii=False), ensure_ascii=False)[3:-3],
            repr(secret)[1:-1],
            urllib.parse.quote(secret),
            urllib.parse.quote_plus(secret),
            saxutils.escape(secret),
        ):
            assert written not in text


def test_no_password_and_no_token_is_in_any_output(story, stand_ins):
    everything = (
        story.output + json.dumps(list(story), ensure_ascii=False) + json.dumps(list(story))
    )
    assert (
        "create and assign" in story.output and "ESTABLISH LOCAL CONNECTION" in story.output
    )  # it was as loud as can be
    for server in stand_ins.values():
        assert len(server.given_out()) > (10 if server is stand_ins["rest"] else 0)
        assert_secret(everything, server.given_out())


@pytest.fixture(scope="module")
def troubles(play):
    """What goes wrong, loudly, with a certificate's password in the task: (results, servers by host)."""
    servers = {
        name: StandIn(
            State(
                [Port("SMTP"), Port("IMAPS", "IMAP", 993, "ssl", "C:\\old.pfx")],
                {"127.0.0.1": ["SMTP", "IMAPS"]},
            )
        )
        for name in ("refused", "unavailable", "middle", "echo")
    }
    for server in servers.values():
        server.account.password = PASSWORD
    servers["refused"].account.refusal = "ACCOUNT_LOCKED"
    servers["unavailable"].fail("*", answer=Answer(503, "<html>" + PASSWORD), times=1000)
    servers["middle"].fail("write", refusal="No " + CERTIFICATE_PASSWORD, skip=1, times=1000)
    servers["echo"].fail(
        "*",
        answer=Answer(500, "<html>authPassword=" + urllib.parse.quote_plus(PASSWORD)),
        times=1000,
    )
    for server in servers.values():
        server.__enter__()
    try:
        task = {
            "name": "renew",
            "mailops.bindings.mail_port": {
                "name": "IMAPS",
                "certificate_path": "C:\\new.pfx",
                "certificate_password": "{{ pfx_password }}",
                "smartermail_timeout": 2,
            },
        }
        keywords = defaults({name: server.options("auto") for name, server in servers.items()})
        keywords["vars"]["pfx_password"] = CERTIFICATE_PASSWORD
        yield (
            play([task], hosts=tuple(servers), play_keywords=keywords, extra_args=("-vvvv",)),
            servers,
        )
    finally:
        for server in servers.values():
            server.__exit__()


def test_failures_are_told_without_secrets(troubles):
    results, servers = troubles
    assert len(results) == len(servers)
    for result in results:
        server = servers[result.host]
        assert result.failed and (not result["changed"] or result.host == "middle")
        assert server.url in result["msg"] or result.host == "middle"
        assert "Traceback" not in results.output
        assert_secret(
            results.output + json.dumps(list(results), ensure_ascii=False),
            [*server.given_out(), CERTIFICATE_PASSWORD],
        )
    said = {result.host: result["msg"] for result in results}
    assert "ACCOUNT_LOCKED" in said["refused"] and len(servers["refused"].logins()) == 1
    assert "503" in said["unavailable"]
    assert "IMAPS" in said["middle"]


# --- the playbooks of docs/smartermail.md --------------------------------------------------------


def of_the_guide(name):
    """The play of this name in docs/smartermail.md."""
    page = (pathlib.Path(__file__).parents[2] / "docs" / "smartermail.md").read_text(
        encoding="utf-8"
    )
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    return next(
        found
        for block in blocks
        if isinstance(block, list)
        for found in block
        if found["name"] == name
    )


def played(play, guide, servers, variables, **how):
    """Play it for these stand-ins, each a host of the inventory. Of the guide only the URL and who vouches for it are replaced."""
    defaults_of_group = guide["module_defaults"]["group/mailops.bindings.bindings"]
    assert defaults_of_group["smartermail_url"] == "https://{{ inventory_hostname }}"
    defaults_of_group.update(
        smartermail_url="{{ urls[inventory_hostname] }}",
        smartermail_ca_path=next(iter(servers.values())).ca_path,
    )
    keywords = {key: value for key, value in guide.items() if key not in ("hosts", "tasks", "name")}
    keywords["vars"] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": os.environ.get("MAILOPS_TARGET_PYTHON") or sys.executable,
        "urls": {name: server.url for name, server in servers.items()},
        "smartermail_password": PASSWORD,
        "smartermail_pfx_password": CERTIFICATE_PASSWORD,
        "smartermail_pfx": "C:\\SmarterMail\\Certificates\\2026-11.pfx",
        **variables,
    }
    return play(
        guide["tasks"],
        hosts=tuple(servers),
        play_keywords={**keywords, "ignore_errors": False},
        **how,
    )


def administered(*ports, addresses):
    server = StandIn(State(ports, addresses))
    server.account.username, server.account.password = "ansible", PASSWORD
    return server


def test_the_guides_fleet(play):
    addresses = {
        "mail1": [
            {"address": "127.0.0.1", "ports": ["SMTP", "IMAPS", "POP3S"]},
            {"address": "::1", "ports": ["SMTP"]},
        ],
        "mail2": [{"address": "127.0.0.2", "ports": ["SMTP", "IMAPS"]}],
    }
    servers = {
        name: administered(addresses={entry["address"]: [] for entry in entries})
        for name, entries in addresses.items()
    }
    with servers["mail1"], servers["mail2"]:
        variables = {
            "smartermail_ip_addresses": "{{ all_addresses[inventory_hostname] }}",
            "all_addresses": addresses,
        }
        rehearsed = played(
            play,
            of_the_guide("Ports and addresses of our SmarterMail servers"),
            servers,
            variables,
            check=True,
        )
        assert [result["changed"] for result in rehearsed] == [True, True]
        assert [server.writes() for server in servers.values()] == [[], []]
        declared = played(
            play, of_the_guide("Ports and addresses of our SmarterMail servers"), servers, variables
        )
        assert declared.returncode == 0, declared.output
        assert [told(result) for result in sorted(declared, key=lambda result: result.host)] == [
            told(result) for result in sorted(rehearsed, key=lambda result: result.host)
        ]
    for name, server in servers.items():
        assert server.violations == []
        assert server.state.summary()["addresses"] == {
            entry["address"]: sorted(entry["ports"]) for entry in addresses[name]
        }
        assert {port.password for port in server.state.ports} == {CERTIFICATE_PASSWORD}


def imaps(path):
    """An IMAP server on loopback that serves the certificate in this file, as SmarterMail does once its port names it."""
    context = scripted.tls_context(path)

    def script(session):
        session.start_tls(context)
        session.say(b"* OK IMAP4rev1")
        while True:
            tag, ignored, command = session.hear().partition(b" ")
            if not tag:
                return
            session.say(
                *([b"* CAPABILITY IMAP4rev1"] if command.upper() == b"CAPABILITY" else []),
                tag + b" OK done",
            )

    return scripted.Server(script)


@pytest.mark.parametrize("serves", ["new", "old"])
def test_the_guides_renewal(play, pki, tmp_path, serves):
    (tmp_path / "2026-11.pem").write_bytes((pki / "cert.pem").read_bytes())
    with imaps(pki / ("combined.pem" if serves == "new" else "five-days.pem")) as server:
        ports = [Port("IMAPS", "IMAP", server.port, "ssl", "C:\\old.pfx"), Port("SMTP", "SMTP", 1)]
        servers = {
            name: administered(*ports, addresses={"127.0.0.1": ["IMAPS"]})
            for name in ("mail1", "mail2")
        }
        with servers["mail1"], servers["mail2"]:
            guide = of_the_guide("A new certificate on every secure port")
            assert "ansible.windows.win_copy" in guide["tasks"].pop(0)  # there is no Windows here
            guide = json.loads(json.dumps(guide).replace("{{ playbook_dir }}", str(tmp_path)))
            renewed = played(play, guide, servers, {})
    paths = {name: server.state.named("IMAPS").certificate_path for name, server in servers.items()}
    assert paths["mail1"].endswith("2026-11.pfx")
    assert servers["mail1"].state.named("IMAPS").password == CERTIFICATE_PASSWORD
    if serves == "new":
        assert renewed.returncode == 0, renewed.output
        assert paths["mail2"] == paths["mail1"]
    else:
        # the first server does not serve it, and the second one is left alone
        assert renewed.returncode != 0
        assert "127.0.0.1:" in next(result for result in renewed if result.failed)["msg"]
        assert paths["mail2"] == "C:\\old.pfx" and servers["mail2"].calls == []
    for server in servers.values():
        assert server.violations == []
