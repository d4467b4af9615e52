# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode never lies: for any config and any task it says what the real run then does, and touches nothing."""

from __future__ import annotations

import json
import pathlib
import tempfile

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config import model
from ansible_collections.mailops.bindings.plugins.module_utils._config.documents import (
    read_document,
)
from support import strategies

pytestmark = pytest.mark.needs_ansible


@given(
    st.none() | strategies.documents(),
    strategies.tasks(),
    st.fixed_dictionaries({}, optional={"mode": st.sampled_from(["0600", "u=rw,g=r,o="])}),
    st.sampled_from([None, 2]),
)
def test_check_mode_says_what_the_real_run_does_and_a_second_one_does_nothing(
    document, task, attributes, indent
):
    from support.in_process import everything_in, run

    module, options = task
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = folder / "mail-bindings" / "bindings.json"  # the folder itself may have to be made
        if document is not None:
            config.parent.mkdir()
            config.write_text(json.dumps(document, indent=indent), encoding="utf-8")
        options = {**options, **attributes, "config_path": str(config)}
        if module != "mail_ip_binding":
            options["check_certificate"] = False  # the generated paths lead nowhere

        before = everything_in(folder)
        announced = run(module, options, check=True)
        assert everything_in(folder) == before

        real = run(module, options)
        for kept in (
            "failed",
            "msg",
            "changed",
            "changes",
            "diff",
            "ports",
            "ip_addresses",
            "port",
            "ip_address",
            "unassigned_ports",
        ):
            assert announced.get(kept) == real.get(kept), kept
        after = everything_in(folder)
        if real.get("failed") or not real["changed"]:
            event("refused" if real.get("failed") else "unchanged")
            assert after == before
            return
        event("changed")
        assert real["changes"] and real["diff"]["before"] != real["diff"]["after"]
        written = read_document(json.loads(config.read_text(encoding="utf-8")))
        assert (model.port_entries(written), model.ip_entries(written)) == (
            real["ports"],
            real["ip_addresses"],
        )
        assert [path.name for path in config.parent.iterdir()] == [
            "bindings.json"
        ]  # no lock, no temporary file

        again = run(module, options)
        assert (again["changed"], again["changes"], again["diff"]) == (
            False,
            [],
            {"before": {}, "after": {}},
        )
        assert everything_in(folder) == after
