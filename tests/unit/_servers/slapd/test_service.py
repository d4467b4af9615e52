# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running slapd, as its service and its command line have it."""

from __future__ import annotations

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd import service
from ansible_collections.mailops.bindings.plugins.module_utils._servers.slapd.host import (
    SlapdProcess,
)


@pytest.mark.parametrize(
    "services, uri",
    [
        ("ldap:/// ldapi:///", "ldapi:///"),
        ("ldapi:///????!x-mod=0777", "ldapi:///"),
        ("LDAPI://%2Fvar%2Frun%2Fldapi????!x-mod=0777 ldap:///", "ldapi://%2Fvar%2Frun%2Fldapi/"),
    ],
)
def test_the_url_of_the_local_socket_is_found(services, uri):
    assert service._ldapi(SlapdProcess(1, ("slapd", "-h", services), True)) == uri
