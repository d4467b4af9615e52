# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of a SmarterMail server, through its administration API.

The server can't be locked, and no call changes more than one thing. So it is read again right
before the first call, every call whose fate is not known is looked up before it is made again, the
outcome is read back, and what fails is undone.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import changes, model
from ansible_collections.mailops.bindings.plugins.module_utils._config.declaration import (
    Declaration,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.fault import fault
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Fitting, Stored
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import (
    steps,
    unfit,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.compare import (
    differences,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.held import (
    Held,
    View,
    broken_rules,
    view,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.options import (
    named,
    wrong_options,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.rest import Rest
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.run import Run
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.session import (
    Session,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.soap import Soap

DOORS = {"rest": Rest, "soap": Soap}


class SmarterMailStore:
    """One server. C(hide): told of every secret that comes up on the way."""

    local = False  # its addresses and certificates are another host's

    def __init__(self, options: t.Mapping, passwords: t.Mapping, hide: t.Callable):
        """C(options): the task's, as ansible-core has validated them.

        C(passwords): name of a port -> certificate password, where the task gives one.
        """
        problems = list(wrong_options(options, hide))
        if problems:
            raise Refused("\n".join(problems))
        self._session = Session(
            options["smartermail_url"],
            options["smartermail_timeout"],
            options["smartermail_validate_certs"],
            options["smartermail_ca_path"],
            hide,
        )
        self._api = options["smartermail_api"]
        self._login = options["smartermail_username"], options["smartermail_password"]
        self._passwords = passwords
        self._always = options.get("update_password") == "always"
        self._unassign = bool(options.get("unassign"))
        self._names, self._addresses = named(options)
        self._door: t.Any = None
        self._seen: t.Optional[tuple] = None
        for secret in (self._login[1], *passwords.values()):
            self._session.keep_secret(secret)

    def _opened(self) -> t.Any:
        """The door that the task asks for; auto: REST, unless the server has no such login."""
        if self._door is None:
            door: t.Any = DOORS.get(self._api, Rest)(self._session, *self._login)
            if self._api == "auto" and not door.log_in():
                door = Soap(self._session, *self._login)
            self._door = door
        return self._door

    # -- reading

    def _view(self, held: Held) -> View:
        """What a config can say of it; of what was asked for last that is known."""
        if self._seen is None or self._seen[0] is not held:
            self._seen = held, view(held)
        return self._seen[1]

    def load(self, whole: bool = True) -> Stored:
        """What the server holds.

        C(whole): also who listens where; without it only where that costs no further call.
        """
        held = self._opened().read(whole, self._addresses)
        seen = self._view(held)
        warnings = self._of_unmapped(seen.unmapped)
        unseen = model.unassigned_ports(seen.bindings)
        if held.whole and self._door.assigns and unseen:
            warnings.append(
                "%s: over SOAP only those IP addresses can be seen that have a host name or that "
                "the task names (%s): others may answer on %s"
                % (self._session.url, ", ".join(held.assigned) or "none", ", ".join(unseen))
            )
        return Stored(
            seen.bindings, held, unmapped=list(seen.unmapped), whole=held.whole, warnings=warnings
        )

    def _of_unmapped(self, unmapped: t.Sequence[t.Any]) -> t.List[str]:
        return (
            [
                "%s: what has no place in a bindings config stays as it is (see unmapped): %s"
                % (
                    self._session.url,
                    ", ".join(dict.fromkeys(entry["where"] for entry in unmapped)),
                )
            ]
            if unmapped
            else []
        )

    # -- what it can't hold

    def cannot_listen(self, stored: Stored, address: str, floating: bool) -> str:
        """Why no port can answer on this address; '' if one can."""
        held = stored.revision
        if address in self._view(held).spelled:
            return ""
        answer = held.unlisted.get(address)
        return (
            "%s is not among the IP addresses of %s (%s): add it to the server's network card "
            "first, or set require_local_address to false"
            % (
                address,
                self._session.url,
                "it says: " + answer
                if answer
                else "they are " + (", ".join(held.assigned) or "none"),
            )
        )

    def fit(self, stored: Stored, desired: Bindings, declaration: Declaration) -> Fitting:
        """C(desired) as the server would hold it, and what of it server or door can't do."""
        held = stored.revision
        seen = self._view(held)
        # the server lists the addresses of its network card, also those that say nothing
        desired = desired._replace(
            ip_addresses={
                address: binding
                for address, binding in desired.ip_addresses.items()
                if binding.ports or binding.hostname
            }
        )
        request = unfit.Request(
            self._door,
            self._session.url,
            held,
            seen,
            desired,
            self._target(held, desired),
            declaration,
            self._passwords,
            self._names,
            self._unassign,
        )
        stored = self._after(stored, seen, desired)
        stored = stored.replaced(warnings=[*stored.warnings, *unfit.warnings(request)])
        return Fitting(desired, stored, unfit.problems(request))

    def _after(self, stored: Stored, seen: View, desired: Bindings) -> Stored:
        """What breaks the rules only may be mended by the change: results have what there is after
        it.
        """
        if desired == seen.bindings:
            return stored
        broken = broken_rules(seen.bindings)
        stays = [entry for entry in seen.unmapped if entry not in broken] + broken_rules(desired)
        told_before = self._of_unmapped(stored.unmapped)
        return stored.replaced(
            unmapped=stays,
            warnings=self._of_unmapped(stays)
            + [each for each in stored.warnings if each not in told_before],
        )

    # -- changes beside the model's

    def extra_changes(self, stored: Stored, desired: Bindings) -> list:
        """Certificate passwords that are to be given again, since it can't be seen whether they are
        right.
        """
        found = []
        for name in self._again(desired):
            if stored.bindings.ports.get(name) == desired.ports[name]:
                entry = model.port_entry(desired.ports[name])
                found.append(
                    {
                        "action": "change",
                        "kind": "port",
                        "name": name,
                        "before": {**entry, "certificate_password": "not known"},
                        "after": {**entry, "certificate_password": "given again"},
                    }
                )
        return found

    def _again(self, desired: Bindings) -> list:
        """Names of the ports that are added again for their certificate's password."""
        return [
            name
            for name in sorted(self._passwords)
            if self._always and name in desired.ports and desired.ports[name].encryption != "none"
        ]

    # -- writing

    def check_writable(self, stored: Stored) -> None:
        """That the login may write is seen when it does."""

    def lock(self):
        """There is none to be had."""
        return contextlib.nullcontext()

    def save(self, stored: Stored, desired: Bindings) -> str:
        """Make the server hold C(desired); what fails is undone. There is no backup: ''."""
        held: Held = stored.revision
        target = self._target(held, desired)
        run = Run(self._door, self._session, held, self._addresses)
        try:
            run.carry_out(
                steps.steps(
                    steps.entries(held, self._view(held).ports.values()),
                    held.hostnames,
                    target,
                    self._door.assigns,
                )
            )
            self._prove(run, stored.bindings, desired)
        except (Exception, KeyboardInterrupt) as why:  # pylint: disable=broad-except
            # a fault of ours must not leave it half done either
            # what the task gives is the password of the file that it names
            old, new = (
                {name: port.certificate_path for name, port in bindings.ports.items()}
                for bindings in (stored.bindings, desired)
            )
            passwords = {
                name: password
                for name, password in self._passwords.items()
                if name in old and old[name] == new.get(name)
            }
            raise self._undone(run, stored, passwords, self._told(why)) from None
        return ""

    def _told(self, why: BaseException) -> str:
        """Why a change failed."""
        if isinstance(why, (Refused, KeyboardInterrupt)):
            return str(why) or "interrupted"
        return fault(why, self._session.quoted(why))

    def _target(self, held: Held, desired: Bindings) -> steps.Wanted:
        return steps.wanted(
            self._view(held),
            held,
            desired,
            self._passwords,
            self._again(desired),
            self._opened().assigns,
        )

    def _prove(self, run: Run, before: Bindings, desired: Bindings) -> None:
        """Raise Refused where the server took all calls and does not hold what they should have
        made. What others change meanwhile is theirs.
        """
        ours = {(change["kind"], change["name"]) for change in changes.changes(before, desired)}
        wrong = [
            change
            for change in changes.changes(desired, view(run.read()).bindings)
            if (change["kind"], change["name"]) in ours
        ]
        if wrong:
            raise Refused(
                "%s took every call, and does not hold what they should have made: %s"
                % (self._session.url, "; ".join(map(_difference, wrong)))
            )

    def _undone(self, run: Run, stored: Stored, passwords: t.Mapping, why: str) -> Refused:
        """The failure, after all has been put back as far as the API lets us.

        C(passwords): of ports' certificates as they were.
        """
        try:
            problems = run.undo(passwords)
        except Exception as worse:  # pylint: disable=broad-except  # the state is told all the same
            problems = [self._told(worse)]
        try:
            held = run.read()
        except Exception as unreadable:  # pylint: disable=broad-except  # told with the failure
            return _unread(run, why, self._told(unreadable))
        differing = list(differences(stored.revision, held))
        bindings = view(held).bindings
        lines = [why, *("Undoing it failed: %s" % problem for problem in problems)]
        refused = Refused("\n".join([*lines, *_outcome(run, differing)]))
        refused.facts = {
            "rolled_back": bool(run.made) and not differing and not run.unsure,
            "changed": bool(differing or run.unsure),
            "ports": model.port_entries(bindings),
            "ip_addresses": model.ip_entries(bindings),
        }
        return refused


# -- messages


def _unread(run: Run, why: str, problem: str) -> Refused:
    """The failure if the server can't be read after it."""
    refused = Refused(
        "%s\nWhat the server holds now can't be read: %s\nThe calls that it took: %s. "
        "Look at Settings > Bindings before you run again."
        % (why, problem, "; ".join(map(str, run.made)) or "none")
    )
    refused.facts = {"rolled_back": False, "changed": bool(run.made)}
    return refused


def _outcome(run: Run, differing: t.Sequence[str]) -> t.Iterator[str]:
    """What the server holds after the undo."""
    unsure = ", ".join(map(model.shown, run.unsure))
    if differing:
        yield "What the server holds now is not what it held before the task: %s" % (
            "; ".join(differing)
        )
    elif run.made:
        yield "The server holds what it held before the task%s." % (
            ", except the certificate password of " + unsure if unsure else ""
        )
    else:
        yield "Nothing was changed."
    if unsure:
        yield (
            "The certificate password of %s can't be read: it was given again as the task "
            "has it, or as the server shows it. Check that the listener answers" % unsure
        )


def _difference(change: dict) -> str:
    """A change as what is there after it."""
    values = [
        "%s %s" % (key, model.shown(value))
        for key, value in change["after"].items()
        if change["before"].get(key) != value
    ]
    return (
        "%s has %s" % (model.shown(change["name"]), ", ".join(values))
        if values
        else "%s is not there" % model.shown(change["name"])
    )
