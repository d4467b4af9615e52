# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SOAP door, /Services/svcServerAdmin.asmx: envelopes and form POSTs, user and password in
every call.
"""

from __future__ import annotations

import typing as t
import urllib.parse
from xml.etree import ElementTree

from .rest import Account
from .state import Port, Refusal, State

NAMESPACE = "http://tempuri.org/"
ENVELOPES = {
    "text/xml": "http://schemas.xmlsoap.org/soap/envelope/",
    "application/soap+xml": "http://www.w3.org/2003/05/soap-envelope",
}
FORM = "application/x-www-form-urlencoded"

#: method -> parameters beside authUsername and authPassword
METHODS = {
    "ListServerPorts": (),
    "AddServerPort": (
        "protocol",
        "certificatePath",
        "encryption",
        "name",
        "port",
        "description",
    ),  # newer builds: password
    "DeleteServerPort": ("portId",),
    "ListPortsAssignedToIP": ("ipAddress",),
    "AssignPortToIP": ("portID", "ipAddress"),
    "RemovePortFromIP": ("portID", "ipAddress"),
    "AddHostname": ("hostname", "ipAddress"),
    "DeleteHostname": ("ipAddress",),
    "ListHostnames": (),
}
CREDENTIALS = ("authUsername", "authPassword")
ENCRYPTIONS = {"SSL": "ssl", "TLS": "tls", "NONE": "none", "": "none"}


class Malformed(Exception):
    """A request that the framework refuses before the method sees it."""


class Soap:
    """The door to a state. C(violations): what came in that is not known to work."""

    def __init__(self, state: State, account: Account, violations: list):
        self.state, self.account, self.violations = state, account, violations
        self.refused_logins = 0

    def parameters(self, method: str) -> tuple:
        return (
            CREDENTIALS
            + METHODS[method]
            + (
                ("password",)
                if method == "AddServerPort" and self.state.unknowns.soap_password
                else ()
            )
        )

    def read(self, path: str, content_type: str, action: str, body: bytes) -> tuple:
        """(method, arguments, how to write the answer) of a request to C(path), what follows .asmx.

        Raises Malformed.
        """
        kind = content_type.partition(";")[0].strip().lower()
        if path:
            if kind != FORM:
                raise Malformed("Request format is unrecognized")
            pairs = urllib.parse.parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(body),
                errors="strict",
            )
            return path, dict(pairs), ""
        if kind not in ENVELOPES:
            raise Malformed("Request format is unrecognized")
        namespace = ENVELOPES[kind]
        found = ElementTree.fromstring(body).find("{%s}Body" % namespace)
        if found is None or len(found) != 1 or not found[0].tag.startswith("{%s}" % NAMESPACE):
            raise Malformed("Server did not recognize the request")
        method = found[0].tag.partition("}")[2]
        if kind == "text/xml" and action.strip('"') != NAMESPACE + method:
            raise Malformed("Server did not recognize the value of HTTP Header SOAPAction")
        return (
            method,
            {child.tag.partition("}")[2]: child.text or "" for child in found[0]},
            namespace,
        )

    def answer(self, method: str, arguments: dict, namespace: str) -> str:
        """The XML. Raises Malformed."""
        wanted = self.parameters(method)
        for parameter in wanted:
            if parameter not in arguments:
                # a form must have every parameter; in an envelope what is left out is null
                self.violations.append("%s without %s" % (method, parameter))
                raise Malformed("Missing parameter: %s." % parameter)
        unknown = (
            set(arguments) - set(wanted) - ({"password"} if method == "AddServerPort" else set())
        )
        if unknown:
            self.violations.append("%s with %s" % (method, sorted(unknown)))
        try:
            if (arguments["authUsername"], arguments["authPassword"]) != (
                self.account.username,
                self.account.password,
            ) or self.account.refusal:
                self.refused_logins += 1
                if self.refused_logins > 1:
                    self.violations.append("a refused login was tried again")
                raise Refusal(self.account.refusal or "Authentication failed")
            if self.state.refusal:
                raise Refusal(self.state.refusal)
            found = getattr(self, "_" + method)(
                *(arguments.get(parameter, "") for parameter in METHODS[method]),
                **(
                    {"password": arguments.get("password", "")} if method == "AddServerPort" else {}
                ),
            )
            return _written(
                method, {"Result": True, "ResultCode": 0, "Message": "", **(found or {})}, namespace
            )
        except Refusal as refusal:
            return _written(
                method, {"Result": False, "ResultCode": -1, "Message": str(refusal)}, namespace
            )

    # -- the methods

    def _ListServerPorts(self) -> dict:
        return {"Ports": [self._shown(port) for port in self.state.ports]}

    def _AddServerPort(
        self, protocol, certificate_path, encryption, title, port, description, password
    ) -> dict:
        name = self._protocols().get(protocol)
        if name is None or encryption.upper() not in ENCRYPTIONS or not port.isdigit():
            self.violations.append(
                "AddServerPort: protocol %s, encryption %s, port %s" % (protocol, encryption, port)
            )
            raise Refusal("Not known to work")
        kept = password if self.state.unknowns.soap_password else ""
        return {
            "NewID": self.state.add_port(
                Port(
                    title,
                    name,
                    int(port),
                    ENCRYPTIONS[encryption.upper()],
                    certificate_path,
                    kept,
                    description,
                )
            )
        }

    def _protocols(self) -> dict:
        """The words for protocols that can be known: those that were seen in public code, and those
        that the server has said.
        """
        known = {"SMTP": "SMTP", "POP": "POP", "IMAP": "IMAP"}
        known.update((self._word(port.protocol), port.protocol) for port in self.state.ports)
        return known

    def _word(self, protocol: str) -> str:
        return self.state.unknowns.submission if protocol == "Submission" else protocol

    def _DeleteServerPort(self, port_id: str) -> None:
        self.state.delete_port(port_id)

    def _ListPortsAssignedToIP(self, address: str) -> dict:
        if address not in self.state.addresses:
            if self.state.unknowns.unknown_address == "refused":
                raise Refusal("There is no such IP address")
            return {"Ports": []}
        return {
            "Ports": [
                self._shown(port)
                for port in self.state.ports
                if port.id in self.state.addresses[address]
            ]
        }

    def _AssignPortToIP(self, port_id: str, address: str) -> None:
        self.state.assign(port_id, address)

    def _RemovePortFromIP(self, port_id: str, address: str) -> None:
        self.state.unassign(port_id, address)

    def _AddHostname(self, hostname: str, address: str) -> None:
        self.state.add_hostname(hostname, address)

    def _DeleteHostname(self, address: str) -> None:
        self.state.delete_hostname(address)

    def _ListHostnames(self) -> dict:
        addresses = (
            self.state.addresses if self.state.unknowns.all_hostnames else self.state.hostnames
        )
        return {
            "Hostnames": [
                {"IPAddress": address, "Hostname": self.state.hostnames.get(address, "")}
                for address in addresses
            ]
        }

    def _shown(self, port: Port) -> dict:
        encryption = {"none": self.state.unknowns.plain, "ssl": "SSL", "tls": "TLS"}[
            port.encryption
        ]
        shown = {
            "ID": port.id,
            "Protocol": self._word(port.protocol),
            "Encryption": encryption,
            "CertificatePath": port.certificate_path,
            "Name": port.name,
            "Port": port.port,
            "Description": port.description,
            **port.extra,
        }
        return {
            key: value
            for key, value in shown.items()
            if value != "" or not self.state.unknowns.nulls
        }


# -- XML


def _written(method: str, answer: dict, namespace: str) -> str:
    """As ASMX writes it.

    What the elements around the fields are called is not known: nobody may depend on it.
    """
    result = ElementTree.Element(method + "Result", {} if namespace else {"xmlns": NAMESPACE})
    for key, value in answer.items():
        _add(result, key, value)
    if namespace:
        envelope = ElementTree.Element("{%s}Envelope" % namespace)
        response = ElementTree.SubElement(
            ElementTree.SubElement(envelope, "{%s}Body" % namespace),
            method + "Response",
            {"xmlns": NAMESPACE},
        )
        response.append(result)
        result = envelope
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(
        result, encoding="unicode"
    )


def _add(parent: ElementTree.Element, key: str, value: t.Any) -> None:
    element = ElementTree.SubElement(parent, key)
    if isinstance(value, list):
        for entry in value:
            item = ElementTree.SubElement(element, "Item")
            for inner, content in entry.items():
                _add(item, inner, content)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value != "":
        element.text = str(value)
