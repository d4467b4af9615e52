# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SmarterMail's SOAP API, svcServerAdmin.asmx, of versions 10 to 16 and kept in later ones: the
methods of its published proxies.

It is asked with plain form POSTs, which it takes too, and answers with XML. It can do all that the
bindings pages can, but for one thing: no method lists the IP addresses of the server. What is known
of them is where ListHostnames has a host name, and what the task names; an address that neither of
the two has can't be seen, nor what answers there.
"""

from __future__ import annotations

import typing as t
import urllib.parse
from xml.etree import ElementTree

from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import steps
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.session import (
    Answer,
    Hopeless,
    Session,
    Transient,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.state import (
    PROTOCOLS,
    Held,
    ServerPort,
)

SERVICE = "/Services/svcServerAdmin.asmx/"

#: SMTP, POP and IMAP were seen; the others are read by the names that the web interface has for
#: them
_PROTOCOLS = {
    **{name: protocol for protocol, name in PROTOCOLS.items()},
    "SUBMISSION": "submission",
    "SUBMISSION PORT": "submission",
    "LDAP": "ldap",
}
#: the words that were seen are SSL and TLS; what a port without either says, is not known: nothing,
#: or that it is none
_ENCRYPTIONS = {"SSL": "ssl", "TLS": "tls", "NONE": "none", "": "none"}
_KNOWN = {
    "id",
    "protocol",
    "encryption",
    "certificatepath",
    "name",
    "port",
    "description",
    "password",
}


class SaysNo(Refused):
    """The server's own answer is no. C(reason): its message."""

    def __init__(self, message: str, reason: str):
        super().__init__(message)
        self.reason = reason


class Soap:
    """The door: user and password are in every call."""

    name, other = "soap", "rest"
    assigns, names_hosts = True, True

    def __init__(self, session: Session, username: str, password: str):
        self.session = session
        self._credentials = {"authUsername": username, "authPassword": password}
        # a word that no documentation has is learned from a port of the server
        self.protocols = dict(PROTOCOLS)
        self._plain = ""  # likewise, for no encryption
        self._shut_out = ""  # that the login was refused, once that is certain

    def _call(self, method: str, arguments: t.Mapping, end: float) -> ElementTree.Element:
        """The answer of a call that went well.

        None is sent once the login was refused: another try may block it.
        """
        if self._shut_out:
            raise Hopeless(self._shut_out)
        body = urllib.parse.urlencode({**self._credentials, **arguments}).encode()
        answer = self.session.once(
            "POST",
            SERVICE + method,
            body,
            {"Accept": "text/xml", "Content-Type": "application/x-www-form-urlencoded"},
            end,
            _xml,
        )
        if answer.status >= 300:
            raise self._http_refused(method, answer)
        reason = self.session.quoted(
            _field(answer.content, "Message")
            or "ResultCode " + (_field(answer.content, "ResultCode") or "unknown")
        )
        if _field(answer.content, "Result").lower() != "true":
            raise SaysNo(
                "%s: %s%s: %s"
                % (
                    self.session.url,
                    method,
                    " " + arguments["ipAddress"] if "ipAddress" in arguments else "",
                    reason,
                ),
                reason,
            )
        return answer.content

    def _http_refused(self, method: str, answer: Answer) -> Refused:
        if answer.status == 404:
            return Refused(
                "%s has no SOAP API (HTTP 404 for /Services/svcServerAdmin.asmx): "
                "smartermail_api: rest is for version 17 and later. "
                "Or is smartermail_url another one?" % self.session.url
            )
        message = "%s: %s: HTTP %d: %s" % (
            self.session.url,
            method,
            answer.status,
            self.session.quoted(answer.text) or "no reason given",
        )
        if answer.status in (401, 403):
            self._shut_out = message
        return (Hopeless if self._shut_out else Refused)(message)

    def _ask(self, method: str, **arguments: str) -> ElementTree.Element:
        return self.session.patiently(method, lambda end: self._call(method, arguments, end))

    def read(self, whole: bool = True, named: t.Iterable[str] = ()) -> Held:
        """What the server holds, as far as it can be seen: see above.

        C(named): the addresses that the task names.

        C(whole) takes a call for each address, and else one is enough.
        """
        ports = self._ports()
        if not whole:
            return Held(ports, {}, {}, whole=False)
        hostnames, assigned = self._named_addresses()
        listed = {steps.canonical(address) for address in hostnames}
        unlisted = {}
        for address in named:
            if address not in listed:
                try:
                    assigned[address] = self._assigned(address)
                except SaysNo as no:
                    unlisted[address] = no.reason
        return Held(ports, assigned, hostnames, unlisted)

    def _ports(self) -> tuple[ServerPort, ...]:
        """The server's ports. Its words for protocols and encryption are learned from them."""
        try:
            records = [_fields(record) for record in _items(self._ask("ListServerPorts"), "Ports")]
        except SaysNo as no:  # to a call that carries only the login
            self._shut_out = (
                "%s. If it is the login that it refuses, check smartermail_username and "
                "smartermail_password: it was not tried again, "
                "since another try may block the login" % no
            )
            raise Hopeless(self._shut_out) from None
        ports = tuple(map(_port, records))
        self.protocols.update(
            (port.protocol, record["protocol"])
            for record, port in zip(records, ports)
            if port.protocol not in ("", *PROTOCOLS)
        )
        self._plain = next(
            (
                record.get("encryption", "")
                for record, port in zip(records, ports)
                if port.encryption == "none"
            ),
            self._plain,
        )
        return ports

    def _named_addresses(self) -> tuple[dict[str, str], dict[str, tuple]]:
        """(host name by address, ids of ports by address) of the addresses with a host name."""
        hostnames = {}
        for record in _items(self._ask("ListHostnames"), "Hostnames"):
            fields = _fields(record)
            hostnames[fields.get("ipaddress", "")] = fields.get("hostname", "")
        try:
            return hostnames, {address: self._assigned(address) for address in hostnames}
        except SaysNo as no:
            raise Refused(
                "%s. Nothing is done without knowing what answers there: if the server has the "
                "address no more, delete its host name in the web interface" % no
            ) from None

    def _assigned(self, address: str) -> tuple:
        return tuple(
            sorted(
                {
                    _fields(record).get("id", "")
                    for record in _items(
                        self._ask("ListPortsAssignedToIP", ipAddress=address), "Ports"
                    )
                }
            )
        )

    def write(self, step: t.Any, end: float) -> str:
        """Carry out a step, once. The id of what was added, else ''."""
        if isinstance(step, steps.Add):
            port = step.port
            answer = self._call(
                "AddServerPort",
                {
                    "protocol": self.protocols[port.protocol],
                    "certificatePath": port.certificate_path,
                    "encryption": self._plain
                    if port.encryption == "none"
                    else port.encryption.upper(),
                    "name": port.name,
                    # builds that know of no password pass over it, and those that do must have it
                    "port": str(port.number),
                    "description": port.description,
                    "password": port.password,
                },
                end,
            )
            new = _field(answer, "NewID")
            if not new:
                raise Transient(
                    "an answer without the new port's id", answered=True
                )  # and so it is looked up
            return new
        if isinstance(step, steps.Delete):
            self._call("DeleteServerPort", {"portId": step.port.id}, end)
        elif isinstance(step, steps.AddHostname):
            self._call("AddHostname", {"hostname": step.hostname, "ipAddress": step.address}, end)
        elif isinstance(step, steps.DeleteHostname):
            self._call("DeleteHostname", {"ipAddress": step.address}, end)
        else:
            method = "AssignPortToIP" if isinstance(step, steps.Assign) else "RemovePortFromIP"
            self._call(method, {"portID": step.port.id, "ipAddress": step.address}, end)
        return ""


# -- XML


def _xml(text: str) -> ElementTree.Element:
    # entities can be declared in a DOCTYPE only; without one the parser expands nothing, and reads
    # nothing from elsewhere
    if "<!DOCTYPE" in text.upper():
        raise ValueError("a page, or XML with a DOCTYPE")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        raise ValueError("not XML") from None
    if _child(root, "Result") is None:
        raise ValueError("XML without a Result")
    return root


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _child(element: ElementTree.Element, name: str) -> t.Optional[ElementTree.Element]:
    return next((child for child in element if _local(child) == name.lower()), None)


def _field(element: ElementTree.Element, name: str) -> str:
    child = _child(element, name)
    return (child.text or "").strip() if child is not None else ""


def _items(element: ElementTree.Element, name: str) -> list:
    """The records of a list, however the elements around them are called."""
    child = _child(element, name)
    return list(child) if child is not None else []


def _fields(record: ElementTree.Element) -> dict:
    return {_local(child): child.text or "" for child in record}


def _port(fields: dict) -> ServerPort:
    number, encryption, protocol = (
        fields.get("port", "").strip(),
        fields.get("encryption", ""),
        fields.get("protocol", ""),
    )
    return ServerPort(
        fields.get("id", ""),
        fields.get("name", ""),
        _PROTOCOLS.get(protocol.upper(), ""),
        int(number) if number.isascii() and number.isdigit() else 0,
        _ENCRYPTIONS.get(encryption.upper(), ""),
        fields.get("certificatepath", ""),
        fields.get("description", ""),
        "",
        {key: value for key, value in fields.items() if key not in _KNOWN and value.strip()},
        "Protocol %s, Encryption %s" % (protocol or "none", encryption or "none"),
    )
