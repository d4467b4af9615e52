# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our line in dovecot.conf, and where our file is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import (
    config_files,
    listeners,
)
from support.dovecot import FOUR, OPTIONS, STOCK_CONF, configuration, details, listener, plan

CONFS = {
    "stock": STOCK_CONF,
    "nothing": b"",
    "no newline": STOCK_CONF.rstrip(b"\n"),
    "crlf": STOCK_CONF.replace(b"\n", b"\r\n"),
    "crlf, no newline": STOCK_CONF.replace(b"\n", b"\r\n").rstrip(b"\r\n"),
    "all in one file": b"protocols = imap\nservice imap-login {\n\tinet_listener imap {\n"
    b"\t\tport = 143\n\t}\n}\n",
    "absolute": b"!include /etc/dovecot/conf.d/*.conf\n",
    "blank lines": STOCK_CONF + b"\n\n  \n\t\n",
    "tabs, comments and continuation": b"protocols = \\\n\timap \\\n\tpop3 # both\n"
    b"#mailops.bindings: none of ours\n",
    "included one by one": b"!include conf.d/10-master.conf\n!include conf.d/10-ssl.conf\n"
    b"!include_try /srv/dovecot/site.conf\n",
    "latin-1": "# Änderungen: Jürgen\nlisten = *\n".encode("latin-1"),
    "lone carriage return": b"listen = *\r",
}


@pytest.mark.parametrize("conf", CONFS.values(), ids=CONFS)
def test_dovecot_conf_gets_our_line_and_is_restored(conf):
    before = details(configuration((2, 3)), conf, in_conf_d=False)
    declared = [listener(FOUR, 993)]
    planned = plan(before, declared, OPTIONS)
    assert list(planned.steps[0]) == [
        config_files.BESIDE,
        config_files.MAIN_FILE,
        config_files.BOOT_FILE,
    ]
    now = planned.steps[0][config_files.MAIN_FILE]
    assert now.startswith(conf)
    assert now.rstrip().endswith(b"\n!include_try mailops.bindings.conf") and now.endswith(
        b"\n"
    ) == (conf.endswith(b"\n") or not conf)
    assert planned.shown[config_files.MAIN_FILE][0] == ""
    assert planned.shown[config_files.MAIN_FILE][1].count("mailops.bindings") == 2

    after = before._replace(files={**before.files, **planned.steps[0]})
    assert config_files.config_path_of(after.files) == OPTIONS.config_path
    assert plan(after, declared, OPTIONS).steps == ()
    gone = plan(after, None, OPTIONS)
    assert gone.steps == (
        {config_files.BESIDE: None, config_files.MAIN_FILE: conf, config_files.BOOT_FILE: None},
    )
    assert gone.listeners == listeners.listeners(before.base)


@given(
    st.binary()
    | st.lists(
        st.sampled_from([b"a = b", b"\n", b"\r\n", b"\r", b"# mailops.binding", b"}", b" "])
    ).map(b"".join)
)
def test_any_bytes_are_restored(conf):
    assert config_files.without_line(config_files.with_line(conf, '/a b\nc"d')) == conf
    assert config_files.with_line(
        config_files.without_line(config_files.with_line(conf, "/x")), "/x"
    ) == config_files.with_line(conf, "/x")


def test_later_edits_of_others_stay():
    conf = config_files.with_line(b"listen = *\n", "/x") + b"mail_debug = yes\n"
    assert (
        config_files.without_line(b"protocols = imap\n" + conf)
        == b"protocols = imap\nlisten = *\nmail_debug = yes\n"
    )


def test_our_line_moves_to_the_end_again():
    conf = (
        config_files.with_line(b"listen = *\n", OPTIONS.config_path) + b"service imap-login {\n}\n"
    )
    planned = plan(
        details(configuration((2, 3)), conf, in_conf_d=False), [listener(FOUR, 993)], OPTIONS
    )
    assert planned.steps[0][config_files.MAIN_FILE] == config_files.with_line(
        b"listen = *\nservice imap-login {\n}\n", OPTIONS.config_path
    )


def test_our_file_moves_if_it_is_no_longer_read_last():
    base, declared = configuration((2, 4)), [listener(FOUR, 993)]
    first = plan(details(base), declared, OPTIONS)
    later = plan(details(base, files=first.steps[0], in_conf_d=False), declared, OPTIONS)
    assert later.steps[0][config_files.IN_CONF_D] is None
    assert later.steps[0][config_files.BESIDE] == first.steps[0][config_files.IN_CONF_D]


@pytest.mark.parametrize(
    "conf, includes",
    [
        (STOCK_CONF, [(False, "local.conf"), (True, "conf.d/*.conf")]),
        (
            config_files.with_line(STOCK_CONF, "/x"),
            [(False, "local.conf"), (True, "conf.d/*.conf")],
        ),
        (b'!include a\nlisten = *\n!include "b c" # d\n', [(True, "b c")]),
        (b"protocol imap {\n  !include a\n}\n", []),
        (b"", []),
    ],
)
def test_last_includes_are_found(conf, includes):
    assert config_files.last_includes(conf) == includes
