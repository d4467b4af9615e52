# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A listener: one address and port, and what should answer there. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    address_order,
    endpoint,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Bindings


class Listener(t.NamedTuple):
    """One address and port, and what should answer there. A text is '' if it does not apply."""

    address: str
    port: int
    protocol: str
    encryption: str
    certificate_path: str = ""
    private_key_path: str = ""
    hostname: str = ""
    floating: bool = False
    port_name: str = ""

    @property
    def name(self) -> str:
        """As results name it: 192.0.2.1:993, [2001:db8::1]:993."""
        return endpoint(self.address, self.port)

    @property
    def key_path(self) -> str:
        """The file that holds the private key: the certificate's own unless another is named."""
        return self.private_key_path or self.certificate_path

    @property
    def server_name(self) -> str:
        """The host name as clients ask for it in a TLS handshake (RFC 6066, 3): in ASCII."""
        if self.hostname.isascii():
            return self.hostname.lower()
        from ansible_collections.mailops.bindings.plugins.module_utils._config.idna import (
            ascii_form,
        )

        try:
            return ascii_form(self.hostname)
        except ValueError:
            return self.hostname.lower()


def listeners(bindings: Bindings) -> t.List[Listener]:
    """All listeners that this config declares, in address order, then by port number."""
    found = []
    for address in sorted(bindings.ip_addresses, key=address_order):
        binding = bindings.ip_addresses[address]
        for port in sorted(
            (bindings.ports[name] for name in binding.ports), key=lambda port: port.port
        ):
            found.append(
                Listener(
                    address,
                    port.port,
                    port.protocol,
                    port.encryption,
                    port.certificate_path,
                    port.private_key_path,
                    binding.hostname,
                    binding.floating,
                    port.name,
                )
            )
    return found
