# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short ways to write tasks and configs."""

from __future__ import annotations

import json

# An address of the documentation range (RFC 5737), which no host has.
AWAY = "203.0.113.9"


def mail_port(**options):
    return {"mailops.bindings.mail_port": options}


def mail_ip_binding(**options):
    return {"mailops.bindings.mail_ip_binding": options}


def mail_bindings(**options):
    return {"mailops.bindings.mail_bindings": options}


def mail_bindings_info(**options):
    return {"mailops.bindings.mail_bindings_info": options}


def a_port(name, protocol="smtp", port=25, encryption="none", description="", **more):
    """A port as it stands in a config."""
    return {
        "name": name,
        "protocol": protocol,
        "port": port,
        "encryption": encryption,
        "description": description,
        **more,
    }


def an_address(address, *ports, hostname="", description="", floating=False):
    """An IP address as it stands in a config."""
    return {
        "address": address,
        "hostname": hostname,
        "description": description,
        "floating": floating,
        "ports": list(ports),
    }


def document(ports=(), ip_addresses=(), **more):
    return {"schema_version": 1, "ports": list(ports), "ip_addresses": list(ip_addresses), **more}


def canonical(content):
    """The bytes that a config with this content has."""
    return (json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
