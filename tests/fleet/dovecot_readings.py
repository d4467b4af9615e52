# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a test host: does Dovecot's class read the same of our file as doveconf does?

Our file is not given to doveconf if it is as we write it; then the class knows what it adds. Prints
as JSON: was that so, and the names of what differs from doveconf's own reading of all files.
"""

from __future__ import annotations

import json

from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot import parser
from ansible_collections.mailops.bindings.plugins.module_utils._servers.dovecot.server import (
    Dovecot,
)

own_section = parser.own_section
found = []


def recorded(text):
    found.append(own_section(text))
    return found[-1]


def read(read_own_section):
    parser.own_section = read_own_section
    configured = Dovecot().read()
    details = configured.details._replace(problems=None)
    return {**configured._asdict(), "details": details}


ours, doveconf_s = read(recorded), read(lambda text: None)
print(
    json.dumps(
        {
            "read by us": [section is not None for section in found],
            "differences": sorted(key for key, value in ours.items() if value != doveconf_s[key]),
        }
    )
)
