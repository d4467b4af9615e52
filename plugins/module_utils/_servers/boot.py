# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lets a server start at boot with the addresses that it binds."""

from __future__ import annotations

from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import MANAGED_MARK

#: Where an administrator's units and drop-ins are (systemd.unit(5)).
UNITS = "/etc/systemd/system/"


def is_unit(resource: str) -> bool:
    """Is it a part of a systemd unit?"""
    return resource.startswith(UNITS)


#: Debian's units start before the network is up, and a server that meets an IPv6 address in
#: duplicate address detection (flag 0x40 in if_inet6) dies of it, or does without. So wait until
#: there is none, half a minute at most. /proc/self, as that is all that a unit with
#: ProcSubset=pid sees. $$ is systemd's way of writing $ (systemd.service(5), command lines).
_DROP_IN = """\
# Written by mail_listeners of %(mark)s from %(config_path)s; state: absent removes it.
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
ExecStartPre=/bin/sh -c 'n=0; while [ $$n -lt 150 ] && %(grep)s; do n=$$((n+1)); sleep 0.2; done'
"""
_GREP = 'grep -Eq " [4-7c-f][0-9a-f] +[^ ]+$$" /proc/self/net/if_inet6'


def boot_file(unit: str, config_path: str) -> tuple[str, bytes]:
    """(path, content) of the drop-in by which a unit waits for the addresses of its server."""
    content = _DROP_IN % {"mark": MANAGED_MARK, "config_path": config_path, "grep": _GREP}
    return "%s%s.d/%s.conf" % (UNITS, unit, MANAGED_MARK), content.encode()
