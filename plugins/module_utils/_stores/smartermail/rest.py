# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SmarterMail's REST API, /api/v1, of version 17 and later: the calls and fields that public code
uses, and no others.

It reads all in one call, adds ports with the addresses that they answer on, and deletes them. A
call that edits a port, assigns one that is there, or knows the host name of an address has not been
seen.
"""

from __future__ import annotations

import json
import typing as t
import uuid

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

API = "/api/v1/"
MANAGER, PORTS = "settings/sysadmin/ip-binding-manager", "settings/sysadmin/ip-binding-ports"

#: type in answers; the numbers of submission, LDAP and XMPP are not known
_TYPES = {
    "0": "smtp",
    "1": "pop",
    "2": "imap",
    **{name.lower(): protocol for protocol, name in PROTOCOLS.items()},
}
_KNOWN = {
    "id",
    "name",
    "description",
    "type",
    "port",
    "isssl",
    "istls",
    "certificatepath",
    "password",
    "boundipaddresses",
}

#: what a refused login says -> what to do
_REMEDIES = (
    (("USERNAME_OR_PASSWORD_INCORRECT",), "check smartermail_username and smartermail_password"),
    (("USER_NOT_FOUND",), "check smartermail_username: it must be a system administrator's"),
    (
        ("TWO_FACTOR",),
        "the API has no second factor: use a system administrator without two-factor "
        "authentication",
    ),
    (
        ("CHANGE_PASSWORD_NEEDED", "PASSWORD_EXPIRED"),
        "log in to the web interface as this user, and give it a new password",
    ),
    (("APP_PASSWORD_REQUIRED",), "give the user's application password as smartermail_password"),
    (
        ("DISABLED", "LOCKED", "BLOCKED", "SUSPENDED"),
        "the user, or the address that this comes from, is shut out: see to it in the web "
        "interface",
    ),
)


class Rest:
    """The door. It logs in once, when it is first used."""

    name, other = "rest", "soap"
    assigns, names_hosts = False, False
    protocols = PROTOCOLS

    def __init__(self, session: Session, username: str, password: str):
        self.session = session
        self._username, self._password = username, password
        self._access = self._refresh = ""

    # -- logging in

    def log_in(self) -> bool:
        """False where the server has no such door.

        Raises Refused where it says no, which is final: another try may block the login.
        """
        login = {
            "username": self._username,
            "password": self._password,
            "clientId": "mailops-" + uuid.uuid4().hex,
        }
        answer = self.session.patiently("logging in", lambda end: self._login(login, end))
        if answer.status == 404:
            return False
        fields = folded(answer.content)
        if answer.status >= 300 or fields.get("success") is False or not fields.get("accesstoken"):
            raise self._login_refused(str(fields.get("message") or "HTTP %d" % answer.status))
        self._take(fields)
        if fields.get("changepasswordneeded") is True:
            raise Refused(
                "%s: %s must change its password first: log in to the web interface as this user"
                % (self.session.url, self._username)
            )
        if fields.get("isadmin") is False:
            raise Refused(
                "%s: %s is no system administrator, and only one may see the bindings"
                % (self.session.url, self._username)
            )
        return True

    def _login_refused(self, reason: str) -> Refused:
        remedies = [
            remedy for words, remedy in _REMEDIES if any(word in reason.upper() for word in words)
        ]
        return Refused(
            "%s refuses the login of %s: %s: %s. It was not tried again, since the server "
            "may block the login"
            % (
                self.session.url,
                self._username,
                self.session.quoted(reason),
                (remedies or [_REMEDIES[0][1]])[0],
            )
        )

    def _login(self, login: dict, end: float) -> Answer:
        try:
            return self._send("POST", "auth/authenticate-user", login, end)
        except Transient as why:
            if why.answered:
                raise
            raise Refused(
                "%s: logging in: %s. It was not tried again, since the server may have refused "
                "it, and block the login" % (self.session.url, why)
            ) from None

    def _take(self, fields: dict) -> None:
        self._access, self._refresh = (
            str(fields["accesstoken"]),
            str(fields.get("refreshtoken") or ""),
        )
        self.session.keep_secret(self._access)
        self.session.keep_secret(self._refresh)

    # -- calls

    def _send(self, method: str, path: str, body: t.Any, end: float) -> Answer:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        if self._access:
            headers["Authorization"] = "Bearer " + self._access
        return self.session.once(
            method,
            API + path,
            None if body is None else json.dumps(body).encode(),
            headers,
            end,
            _json,
        )

    def _call(self, method: str, path: str, body: t.Any, end: float) -> dict:
        """The fields of an answer that says success.

        A token that has run out is renewed, once: a call that was refused was not carried out.
        """
        answer = self._send(method, path, body, end)
        if answer.status in (401, 403) and self._refresh:
            renewed = self._send("POST", "auth/refresh-token", {"token": self._refresh}, end)
            fields = folded(renewed.content)
            if renewed.status < 300 and fields.get("accesstoken"):
                self._take(fields)
                answer = self._send(method, path, body, end)
        fields = folded(answer.content)
        if answer.status in (401, 403):
            raise Hopeless(
                "%s took the login of %s and refuses its calls (HTTP %d): use a system "
                "administrator without two-factor authentication"
                % (self.session.url, self._username, answer.status)
            )
        if answer.status == 404:
            raise Refused(
                "%s has no %s (HTTP 404): this version's API is another one. smartermail_api: "
                "soap may still work" % (self.session.url, path)
            )
        if answer.status >= 300 or fields.get("success") is not True:
            raise Refused(
                "%s: %s"
                % (
                    self.session.url,
                    self.session.quoted(
                        fields.get("message") or "HTTP %d, without success" % answer.status
                    ),
                )
            )
        return fields

    def read(self, whole: bool = True, named: t.Iterable[str] = ()) -> Held:
        """All that the server holds: one call, whatever is asked for."""
        if not self._access and not self.log_in():
            raise Refused(
                "%s has no REST API (HTTP 404 for /api/v1): smartermail_api: soap is for "
                "versions before 17. Or is smartermail_url another one?" % (self.session.url)
            )
        fields = self.session.patiently(
            "reading the bindings", lambda end: self._call("GET", MANAGER, None, end)
        )
        try:
            found = held(fields.get("bindingmanager"))
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ):  # the last: JSON's 1e999 is infinite here
            raise Refused(
                "%s answers with bindings in a form that is not known: smartermail_api: soap may "
                "still work" % self.session.url
            ) from None
        for port in found.ports:
            self.session.keep_secret(port.password, everywhere=False)
        return found

    def write(self, step: t.Any, end: float) -> str:
        """Carry out a step, once. The id of what was added is not told: ''."""
        body = (
            {"toAdd": [added(step.port, step.addresses)]}
            if isinstance(step, steps.Add)
            else {"toRemove": [step.port.id]}
        )
        self._call("POST", PORTS, body, end)
        return ""


def _json(text: str) -> dict:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def folded(fields: t.Any) -> dict:
    """With its keys in lower case: the server's language does not tell them apart."""
    return (
        {str(key).lower(): value for key, value in fields.items()}
        if isinstance(fields, dict)
        else {}
    )


# -- the server's records


def held(manager: t.Any) -> Held:
    """What C(bindingManager) says.

    Raises KeyError, TypeError, ValueError, AttributeError or OverflowError for what has another
    form.
    """
    fields = folded(manager)
    assigned: dict = {}
    for entry in map(folded, fields["bindinginfo"] or ()):
        assigned[_text(entry["ipaddress"])] = tuple(sorted(map(_text, entry.get("portids") or ())))
    return Held(tuple(_port(entry) for entry in fields["bindingports"] or ()), assigned, {})


def _text(value: t.Any) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise TypeError
    return str(value)


def _port(entry: dict) -> ServerPort:
    fields = folded(entry)
    kind = fields.get("type")
    ssl, tls = (str(fields.get(key)).lower() == "true" for key in ("isssl", "istls"))
    return ServerPort(
        _text(fields["id"]),
        str(fields.get("name") or ""),
        _TYPES.get(str(kind).lower(), ""),
        int(fields["port"]),
        "" if ssl and tls else "ssl" if ssl else "tls" if tls else "none",
        str(fields.get("certificatepath") or ""),
        str(fields.get("description") or ""),
        str(fields.get("password") or ""),
        {key: value for key, value in entry.items() if key.lower() not in _KNOWN},
        "type %s, isSSL %s, isTls %s" % (kind, fields.get("isssl"), fields.get("istls")),
    )


def added(port: ServerPort, addresses: t.Iterable[str]) -> dict:
    """The entry of toAdd: number and booleans are texts, the protocol is a name, as public code has
    them.
    """
    return {
        **port.more,
        "id": None,
        "Type": PROTOCOLS[port.protocol],
        "name": port.name,
        "description": port.description,
        "port": str(port.number),
        "isSSL": str(port.encryption == "ssl").lower(),
        "isTls": str(port.encryption == "tls").lower(),
        "certificatePath": port.certificate_path,
        "password": port.password,
        "boundIpAddresses": sorted(addresses),
    }
