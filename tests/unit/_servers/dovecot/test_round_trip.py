# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read, declared, written and read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import is_loopback
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    config_files,
    listeners,
    parser,
)
from support.dovecot import (
    FOUR,
    HOST,
    OPTIONS,
    OTHER,
    SECOND,
    SIX,
    base_configurations,
    base_printed,
    configuration_of,
    details,
    listener,
    plan,
    refusals,
)


@pytest.mark.parametrize("base", list(base_configurations()))
def test_declaring_what_was_read_changes_nothing(base):
    declared = [entry.listener for entry in listeners.listeners(base)]
    planned = plan(details(base), declared, OPTIONS)
    assert planned.steps == ()
    assert planned.listeners == listeners.listeners(base)
    assert planned.sockets == parser.sockets(base.inet_listeners)
    assert refusals(details(base), declared, OPTIONS) == []


@pytest.mark.parametrize("base", list(base_configurations()))
def test_declaring_without_loopback_changes_nothing(base):
    """Written without the loopback entries, as unmapped has them, it changes nothing either."""
    declared = [
        entry.listener
        for entry in listeners.listeners(base)
        if not is_loopback(entry.listener.address)
    ]
    assert plan(details(base), declared, OPTIONS).steps == ()


addresses = st.sampled_from(["0.0.0.0", "::", FOUR, SECOND, SIX, "127.0.0.1", "::1"])


@st.composite
def declarations(draw):
    """Listeners that no rule is against."""
    found = draw(
        st.lists(
            st.builds(
                listener,
                addresses,
                st.sampled_from([143, 993, 1143]),
                st.just("imap"),
                st.sampled_from(["none", "ssl", "tls"]),
                st.sampled_from([HOST, OTHER]),
            ),
            max_size=5,
        )
    )
    found += draw(
        st.lists(
            st.builds(
                listener,
                addresses,
                st.sampled_from([110, 995]),
                st.just("pop"),
                st.sampled_from(["none", "ssl"]),
            ),
            max_size=3,
        )
    )
    return list({(entry.address, entry.port): entry for entry in found}.values())


@given(st.sampled_from(list(base_printed())), declarations(), st.booleans())
def test_our_file_is_read_as_it_was_planned(texts, declared, keep):
    """Without another call of doveconf, the configuration is the one that was foreseen."""
    before = details(configuration_of(*texts))
    planned = plan(before, declared, OPTIONS._replace(keep_loopback=keep))
    if not planned.steps or refusals(before, declared, OPTIONS._replace(keep_loopback=keep)):
        return
    text = planned.steps[0][config_files.IN_CONF_D].decode()
    assert parser.own_section(text)
    now = configuration_of(*texts, ours=text)
    assert listeners.listeners(now) == planned.listeners
    assert parser.sockets(now.inet_listeners) == planned.sockets
    assert not now.shutdown_clients


@given(st.sampled_from(list(base_configurations())), declarations(), st.booleans())
def test_declared_listeners_are_listened_on(base, declared, keep):
    options = OPTIONS._replace(keep_loopback=keep)
    planned = plan(details(base), declared, options)
    if refusals(details(base), declared, options):
        return
    foreign = parser.sockets(entry for entry in base.inet_listeners if not entry.login)
    places = {(entry.address, entry.port) for entry in declared}
    assert places | foreign <= planned.sockets
    rest = planned.sockets - places - foreign
    assert all(is_loopback(address) for address, dummy in rest)
    assert keep or not rest
    for address, port in planned.sockets - foreign:  # nothing that can't be bound
        wildcard = "::" if ":" in address else "0.0.0.0"
        assert address == wildcard or (wildcard, port) not in planned.sockets
    listens = {
        (entry.listener.address, entry.listener.port): entry.listener for entry in planned.listeners
    }
    for entry in declared:
        if entry.encryption == "none":
            assert listens[entry.address, entry.port].encryption != "ssl"
        else:
            assert listens[entry.address, entry.port] == entry
    now = details(base, files=planned.steps[0] if planned.steps else {})
    assert plan(now, declared, options).steps == ()
    left = plan(now, None, options)
    assert all(content is None for state in left.steps for content in state.values())
