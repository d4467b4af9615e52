# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST door, /api/v1:

JSON, a token that is had by logging in, reads by GET and all else by POST.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import secrets
import time
import typing as t

from .state import Port, Refusal, State

#: type in answers: the numbers that public code has; the others are not known, and these are none
#: of anybody's
TYPES = {"SMTP": 0, "POP": 1, "IMAP": 2, "Submission": 41, "LDAP": 42, "XMPP": 43}
#: type in what is added: the names that public code has
ADDED_TYPES = ("SMTP", "POP", "IMAP")

PORT_FIELDS = {
    "id",
    "Type",
    "name",
    "description",
    "port",
    "isSSL",
    "isTls",
    "certificatePath",
    "password",
    "boundIpAddresses",
}


@dataclasses.dataclass
class Account:
    """The administrator, and what logging in is like today."""

    username: str = "admin"
    password: str = "secret"
    refusal: str = ""  # message of a login that is refused though the password is right
    is_admin: bool = True
    change_password_needed: bool = False
    two_factors: bool = False  # a login answers with a token that other calls refuse
    token_lifetime: float = 900.0


class Rest:
    """The door to a state. C(violations): what came in that is not known to work."""

    def __init__(self, state: State, account: Account, violations: list):
        self.state, self.account, self.violations = state, account, violations
        # (user, clientId) -> [access token, refresh token, end]: one lives per user and clientId
        self.tokens: dict = {}
        self.secrets: list = []  # every token that was ever given out
        self.refused_logins = 0

    @staticmethod
    def name(method: str, path: str, arguments) -> str:
        """What a call is known by in tests; '' where there is none."""
        if (method, path) == ("POST", "settings/sysadmin/ip-binding-ports"):
            return "/".join(
                key
                for key in ("toAdd", "toRemove")
                if isinstance(arguments, dict) and key in arguments
            )
        return _PATHS.get((method, path), "")

    def answer(self, name: str, arguments, authorization: str) -> tuple:
        """(HTTP status, JSON)."""
        if name == "authenticate-user":
            return self._log_in(arguments)
        if name == "refresh-token":
            return self._refresh(arguments)
        if not self._is_good(authorization):
            return self.state.unknowns.stale_token_status, {
                "success": False,
                "message": "Unauthorized",
            }
        try:
            return 200, {"success": True, **self._carry_out(name, arguments)}
        except Refusal as refusal:
            return 200, {"success": False, "message": str(refusal)}

    # -- tokens

    def expire(self) -> None:
        """All access tokens are past their time; those to refresh with are not."""
        for pair in self.tokens.values():
            pair[2] = 0.0

    def evict(self, client_id=None) -> None:
        """The administrator has logged in elsewhere, with this clientId."""
        self._new_pair((self.account.username, client_id))

    def _log_in(self, arguments) -> tuple:
        account = self.account
        self._check_keys(
            "authenticate-user",
            arguments,
            {"username", "password"},
            {"language", "twoFactorCode", "clientId"},
        )
        refusal = account.refusal
        if (arguments.get("username"), arguments.get("password")) != (
            account.username,
            account.password,
        ):
            refusal = "USERNAME_OR_PASSWORD_INCORRECT"
        if refusal:
            self.refused_logins += 1
            if self.refused_logins > 1:
                self.violations.append("a refused login was tried again")
            return self.state.unknowns.refused_login_status, {
                "success": False,
                "message": refusal,
                "resultCode": 401,
            }
        pair = self._new_pair((account.username, arguments.get("clientId")))
        if account.two_factors:
            pair[2] = 0.0
        return 200, {
            **self._pair(pair),
            "isAdmin": account.is_admin,
            "changePasswordNeeded": account.change_password_needed,
            "username": account.username,
        }

    def _refresh(self, arguments) -> tuple:
        self._check_keys("refresh-token", arguments, {"token"}, set())
        for key, pair in self.tokens.items():
            if pair[1] == arguments.get("token") and not self.account.two_factors:
                return 200, self._pair(self._new_pair(key))
        return self.state.unknowns.stale_token_status, {"success": False, "message": "Unauthorized"}

    def _new_pair(self, key: tuple) -> list:
        access, refresh = (
            "access-" + secrets.token_urlsafe(16),
            "refresh-" + secrets.token_urlsafe(16),
        )
        self.secrets += [access, refresh]
        self.tokens[key] = [access, refresh, time.time() + self.account.token_lifetime]
        return self.tokens[key]

    def _pair(self, pair: list) -> dict:
        answer = {
            "success": True,
            "message": "",
            "resultCode": 200,
            "accessToken": pair[0],
            "refreshToken": pair[1],
        }
        end = datetime.datetime.fromtimestamp(pair[2] or time.time() + 900, datetime.timezone.utc)
        if self.state.unknowns.expiration != "absent":
            answer["accessTokenExpiration"] = (
                end.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
                if self.state.unknowns.expiration == "iso"
                else "soon"
            )
        return answer

    def _is_good(self, authorization: str) -> bool:
        return any(
            authorization == "Bearer " + access and time.time() < end
            for access, ignored, end in self.tokens.values()
        )

    # -- bindings

    def _carry_out(self, name: str, arguments) -> dict:
        if self.state.refusal:
            raise Refusal(self.state.refusal)
        if name == "ip-binding-manager":
            return {"bindingManager": self._bindings()}
        if name == "get-version":
            return {"version": VERSION}
        if name == "toAdd":
            added = [self._read_port(entry) for entry in arguments["toAdd"]]
            self._each(added, lambda entry: self.state.add_port(*entry))
        elif name == "toRemove":
            self._each(arguments["toRemove"], self._remove)
        else:
            self.violations.append("ip-binding-ports with %s" % sorted(arguments))
            raise Refusal("Not known to work")
        return {}

    def _each(self, entries: list, carry_out: t.Callable) -> None:
        """All of these, up to the first that is refused."""
        ports, addresses = (
            list(self.state.ports),
            {address: list(ids) for address, ids in self.state.addresses.items()},
        )
        try:
            for entry in entries:
                carry_out(entry)
        except Refusal:
            if self.state.unknowns.all_or_nothing:
                self.state.ports, self.state.addresses = ports, addresses
                self.state.moments.append((self.state.call, self.state.answering()))
            raise

    def _remove(self, port_id: str) -> None:
        if self.state.unknowns.missing_id == "refused" or self.state.port(port_id):
            self.state.delete_port(port_id)

    def _bindings(self) -> dict:
        return {
            "bindingPorts": [self._filled(self._shown(port)) for port in self.state.ports],
            "bindingInfo": [
                self._filled({"ipAddress": address, "portIDs": list(ids)})
                for address, ids in self.state.addresses.items()
            ],
        }

    def _filled(self, entry: dict) -> dict:
        return {
            key: None if self.state.unknowns.nulls and value in ("", []) else value
            for key, value in entry.items()
        }

    def _shown(self, port: Port) -> dict:
        shown = {
            "id": port.id,
            "name": port.name,
            "description": port.description,
            "type": TYPES[port.protocol],
            "port": port.port,
            "isSSL": port.encryption == "ssl",
            "isTls": port.encryption == "tls",
            "certificatePath": port.certificate_path,
            **port.extra,
        }
        how = self.state.unknowns.password_shown
        if how != "absent":
            shown["password"] = {
                "clear": port.password,
                "masked": "********" if port.password else "",
                "empty": "",
            }[how]
        return shown

    def _read_port(self, entry) -> tuple:
        """(Port, addresses) of an entry of toAdd, which public code sends with texts for number and
        booleans.
        """
        self._check_keys("toAdd", entry, PORT_FIELDS, self.state.extra_fields)
        wrong = [
            key
            for key in (
                "Type",
                "name",
                "description",
                "port",
                "isSSL",
                "isTls",
                "certificatePath",
                "password",
            )
            if not isinstance(entry.get(key), str)
        ]
        wrong += [key for key in ("isSSL", "isTls") if entry.get(key) not in ("true", "false")]
        if (
            wrong
            or entry.get("id") is not None
            or not isinstance(entry.get("boundIpAddresses"), list)
        ):
            self.violations.append("toAdd: values of %s" % (wrong or "id or boundIpAddresses"))
            raise Refusal("Not known to work")
        if entry["Type"] not in ADDED_TYPES:
            self.violations.append("toAdd: Type %s" % entry["Type"])
            raise Refusal("Not known to work")
        encryption = (
            "ssl" if entry["isSSL"] == "true" else "tls" if entry["isTls"] == "true" else "none"
        )
        port = Port(
            entry["name"],
            entry["Type"],
            int(entry["port"]),
            encryption,
            entry["certificatePath"],
            entry["password"],
            entry["description"],
            extra={key: value for key, value in entry.items() if key not in PORT_FIELDS},
        )
        return port, entry["boundIpAddresses"]

    def _check_keys(self, what: str, given, needed: set, more: set) -> None:
        keys = set(given) if isinstance(given, dict) else None
        if keys is None or not needed <= keys <= needed | more:
            self.violations.append(
                "%s: %s"
                % (
                    what,
                    "no object" if keys is None else "keys %s" % sorted((keys ^ needed) - more),
                )
            )
            raise Refusal("Not known to work")


VERSION = "100.0.9483"

_PATHS = {
    ("POST", "auth/authenticate-user"): "authenticate-user",
    ("POST", "auth/refresh-token"): "refresh-token",
    ("GET", "settings/sysadmin/ip-binding-manager"): "ip-binding-manager",
    ("GET", "settings/sysadmin/get-version"): "get-version",
}


def spelled(answer, how: str):
    """The answer with its keys in another capitalisation."""
    if isinstance(answer, dict):
        return {_SPELLING[how](key): spelled(value, how) for key, value in answer.items()}
    return [spelled(value, how) for value in answer] if isinstance(answer, list) else answer


_SPELLING = {"usual": str, "pascal": lambda key: key[:1].upper() + key[1:], "lower": str.lower}


def parsed(body: bytes):
    """The JSON of a request's body; None where it is none."""
    try:
        return json.loads(body.decode("utf-8")) if body else {}
    except ValueError:
        return None
