# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other administrators at the same time, and faults at random."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.needs_ansible, pytest.mark.once]
pytest.importorskip("ansible", reason="needs ansible, of which a managed host has nothing")

from support.smartermail import Port  # noqa: E402
from support.smartermail.tasks import DOORS, HERE, IMAP, SMTP, THERE, declare, serving  # noqa: E402

# -- other people at the same time


@pytest.mark.parametrize("api", DOORS)
def test_what_was_changed_between_reading_and_writing_is_seen(api):
    with serving(SMTP, IMAP) as server:
        reads = "ip-binding-manager" if api == "rest" else "ListServerPorts"
        server.fail(
            reads, after=lambda server: server.state.add_port(Port("Other", "POP", 110), [HERE])
        )
        result = declare(server, api, "mail_port", {"name": "SMTP", "description": "new"})
        assert not result.get("failed"), result["msg"]
        assert server.state.assigned(HERE) == ["IMAP", "Other", "SMTP"]
        assert server.state.named("SMTP").description == "new"


@pytest.mark.parametrize("api", DOORS)
@pytest.mark.parametrize("missing_id", ["refused", "ignored"])
def test_a_port_that_vanishes_between_reading_and_writing(api, missing_id):
    with serving(SMTP, IMAP, addresses={HERE: ["SMTP"], THERE: ["IMAP"]}) as server:
        server.state.unknowns.missing_id = missing_id

        def vanish(server):
            if any(port.name == "SMTP" for port in server.state.ports):
                server.state.delete_port(server.state.named("SMTP").id)

        server.fail("write", before=vanish)
        result = declare(
            server, api, "mail_port", {"name": "SMTP", "state": "absent", "unassign": True}
        )
        assert not result.get("failed") or "SMTP" in result["msg"]
        assert [port.name for port in server.state.ports] == ["IMAP"]


@pytest.mark.parametrize("api", DOORS)
def test_a_port_that_vanishes_while_it_is_changed_is_not_made_two(api):
    with serving(SMTP, IMAP) as server:
        before = server.state.summary()
        server.fail(
            "write", before=lambda server: server.state.delete_port(server.state.named("SMTP").id)
        )
        result = declare(server, api, "mail_port", {"name": "SMTP", "description": "new"})
        assert [port.name for port in server.state.ports].count("SMTP") <= 1
        assert (
            not result.get("failed") or "SMTP" in result["msg"] or server.state.summary() == before
        )
