# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that people write listen as declared, and are given back byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import is_loopback
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options
from support.postfix import (
    DECLARED,
    SCREENED,
    WRITTEN,
    applied,
    details,
    listener,
    planned,
    read,
    text_of,
    with_text,
)


def serves(wanted, plan):
    """Does all of this listen after the plan? With encryption none, STARTTLS may be offered."""

    def answers(listeners):
        return {
            (each.address, each.port, each.protocol)
            + (
                ()
                if (each.address, each.port) in plain
                else (each.encryption, each.certificate_path, each.key_path)
            )
            for each in listeners
        }

    plain = {(each.address, each.port) for each in wanted if each.encryption == "none"}
    found = [found.listener for found in plan.listeners]
    return answers(wanted) <= answers(found) and not any(
        (each.address, each.port) in plain and each.encryption == "ssl" for each in found
    )


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("declared", DECLARED)
def test_hand_written_file_listens_as_declared_and_is_given_back_byte_for_byte(name, declared):
    wanted = DECLARED[declared]
    if name in SCREENED:
        wanted = [each for each in wanted if each.port != 25]
    before = details(WRITTEN[name])
    plan = planned(before, wanted)

    assert serves(wanted, plan)
    kept = {socket for socket in read(before).sockets if is_loopback(socket[0])}
    assert kept <= plan.sockets
    declared_sockets = {(each.address, each.port) for each in wanted}
    for address, port in plan.sockets - declared_sockets - kept:
        if port not in (628, 10026, 10031):  # neither smtp nor submission
            assert is_loopback(address)  # left of a wildcard

    after = applied(before, plan)
    assert planned(after, wanted).steps == ()
    changed = applied(
        after, planned(after, DECLARED["one address"] if name not in SCREENED else [])
    )
    for state in (after, changed):
        assert applied(state, planned(state, None)) == before


@pytest.mark.parametrize("name", WRITTEN)
def test_declaring_what_was_read_changes_nothing(name):
    before = details(WRITTEN[name])
    listeners = [found.listener for found in read(before).listeners]
    for wanted in (listeners, [each for each in listeners if not is_loopback(each.address)]):
        assert planned(before, wanted).steps == ()


@given(
    st.lists(
        st.sampled_from(
            [text for name, text in WRITTEN.items() if name not in SCREENED and text.endswith("\n")]
        ),
        min_size=1,
        max_size=3,
    ),
    st.lists(
        st.builds(
            lambda address, port, protocol, encryption: listener(
                address,
                port,
                protocol,
                encryption,
                *(["/tls/a b.pem", "/tls/$x.key"] if encryption != "none" else []),
            ),
            st.sampled_from(
                ["0.0.0.0", "::", "192.0.2.1", "192.0.2.2", "2001:db8::1", "127.0.0.1"]
            ),
            st.sampled_from([25, 465, 587, 2525]),
            st.sampled_from(["smtp", "submission"]),
            st.sampled_from(["none", "ssl", "tls"]),
        ),
        max_size=6,
        unique_by=lambda each: (each.address, each.port),
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_file_listens_as_declared_and_is_given_back(texts, wanted, keep_loopback, crlf):
    before = details("".join(texts).replace("\n", "\r\n") if crlf else "".join(texts))
    options = Options(keep_loopback=keep_loopback)
    plan = planned(before, wanted, options)
    after = applied(before, plan)
    assert serves(wanted, plan)
    assert planned(after, wanted, options).steps == ()
    if wanted:
        assert read(after).config_path in (Options().config_path, "")
    # other lines are edited meanwhile
    late = "late unix - - n - - smtp\n"
    edited = with_text(after, text_of(after) + late)
    assert text_of(applied(edited, planned(edited, None))) == text_of(before) + late
    if plan.steps:  # the last of the states on the way back restores all that was changed
        assert (
            applied(after, plan._replace(steps=plan.back[-1:], sockets=read(before).sockets))
            == before
        )
    if crlf:
        assert text_of(after).count("\r\n") == text_of(after).count("\n")
