# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of a SmarterMail server, through its administration API.

Nobody can lock the server, and no call changes more than one thing. So it is read again right before the first call, every call
whose fate is not known is looked up before it is made again, the outcome is read back, and what fails is undone.
"""

from __future__ import annotations

import contextlib
import os
import traceback
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config import model, plan
from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import (
    Bindings,
    Refused,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.base import Fitting, Stored
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail import steps
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.held import (
    Held,
    ServerPort,
    View,
    broken_rules,
    meeting_others,
    view,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.options import (
    named,
    wrong_options,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.rest import Rest
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.run import (
    Run,
    differences,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.session import (
    Session,
)
from ansible_collections.mailops.bindings.plugins.module_utils._stores.smartermail.soap import Soap

DOORS = {"rest": Rest, "soap": Soap}


class SmarterMailStore:
    """One server. C(hide): told of every secret that comes up on the way."""

    local = False  # its addresses and certificates are another host's

    def __init__(self, options: t.Mapping, passwords: t.Mapping, hide: t.Callable):
        """C(options): the task's, as ansible-core has validated them. C(passwords): name of a port -> certificate password, where the task gives one."""
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
            door = DOORS.get(self._api, Rest)(self._session, *self._login)
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
        """What the server holds. C(whole): also who listens where; without it only where that costs no further call."""
        held = self._opened().read(whole, self._addresses)
        seen = self._view(held)
        warnings = self._of_unmapped(seen.unmapped)
        unseen = model.unassigned_ports(seen.bindings)
        if held.whole and self._door.assigns and unseen:
            warnings.append(
                "%s: over SOAP only those IP addresses can be seen that have a host name or that the task names (%s): others may answer on %s"
                % (self._session.url, ", ".join(held.assigned) or "none", ", ".join(unseen))
            )
        return Stored(
            seen.bindings, held, unmapped=list(seen.unmapped), whole=held.whole, warnings=warnings
        )

    def _of_unmapped(self, unmapped: list) -> list:
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
        said = held.unlisted.get(address)
        return (
            "%s is not among the IP addresses of %s (%s): add it to the server's network card first, or set require_local_address to false"
            % (
                address,
                self._session.url,
                "it says: " + said if said else "they are " + (", ".join(held.assigned) or "none"),
            )
        )

    def fit(self, stored: Stored, desired: Bindings, declaration: plan.Declaration) -> Fitting:
        """C(desired) as the server would hold it, and what of it the server, or the door, can't do."""
        door, held = self._door, stored.revision
        seen = self._view(held)
        problems = list(self._foreign_names(seen, declaration))
        for binding in desired.ip_addresses.values():
            problems += _unfit_address(
                door, binding, _label(declaration, "ip_addresses", binding.address)
            )
        # an address that nothing is said of is in the server's list all the same: that is its network card's
        desired = desired._replace(
            ip_addresses={
                address: binding
                for address, binding in desired.ip_addresses.items()
                if binding.ports or binding.hostname
            }
        )
        target = self._target(held, desired)
        replaced = {
            entry.port.name
            for entry in target.entries
            if not entry.port.id and entry.port.name in seen.ports
        }
        for entry in target.entries:
            problems += [
                _label(declaration, "ports", entry.port.name) + problem
                for problem in self._unfit_port(
                    door,
                    entry.port,
                    seen.ports.get(entry.port.name),
                    desired.ports[entry.port.name],
                )
            ]
        problems += meeting_others(seen, held, desired)
        removed = set() if self._unassign else set(seen.ports).difference(desired.ports)
        stored = self._after(stored, seen, desired)
        warnings = list(stored.warnings)
        if (
            stored.whole
            and door.assigns
            and (replaced or removed)
            and not (declaration.only_these and declaration.ip_addresses is not None)
        ):
            if not held.assigned:
                problems += self._unseen(replaced, removed)
            for names, then in (
                (replaced, "assign it there, since SOAP adds a port again to change it"),
                (removed, "they do no longer"),
            ):
                if names:
                    warnings.append(
                        "%s: SOAP can't list the server's IP addresses, and these were looked at: %s. If others answered on %s, %s"
                        % (
                            self._session.url,
                            ", ".join(held.assigned) or "none",
                            ", ".join(map(model.shown, sorted(names))),
                            then,
                        )
                    )
        return Fitting(desired, stored._replace(warnings=warnings), problems)

    def _after(self, stored: Stored, seen: View, desired: Bindings) -> Stored:
        """What breaks the rules only may be mended by the change: results have what there is after it."""
        if desired == seen.bindings:
            return stored
        broken = broken_rules(seen.bindings)
        stays = [entry for entry in seen.unmapped if entry not in broken] + broken_rules(desired)
        told_before = self._of_unmapped(stored.unmapped)
        return stored._replace(
            unmapped=stays,
            warnings=self._of_unmapped(stays)
            + [each for each in stored.warnings if each not in told_before],
        )

    def _unseen(self, replaced: set, removed: set) -> t.Iterator[str]:
        """Changes by which a port would be lost, and nobody could have looked where."""
        where = (
            "%s: over SOAP no IP address of the server can be seen, since none has a host name and the task names none, and so not "
            % self._session.url
        )
        named = "name the addresses in ip_addresses of mail_bindings (without ports they keep theirs), or use smartermail_api: rest"
        if replaced:
            yield "%swhere %s must be assigned again: %s" % (
                where,
                ", ".join(map(model.shown, sorted(replaced))),
                named,
            )
        if removed:
            yield (
                "%swhether others answer on %s: set unassign of mail_port to true to remove it all the same, or %s"
                % (where, ", ".join(map(model.shown, sorted(removed))), named)
            )

    def _foreign_names(self, seen: View, declaration: plan.Declaration) -> t.Iterator[str]:
        """What a task says of ports that it can't say anything of."""
        others = {
            other.name: (other, entry["reason"]) for other, entry in zip(seen.others, seen.unmapped)
        }
        for name in sorted(self._names & set(others)):
            other, reason = others[name]
            yield (
                "%sname: the server has a port %s that stays as it is: %s. Leave it out, or take another name%s"
                % (
                    _label(declaration, "ports", name),
                    model.shown(name),
                    reason,
                    ", or, if it is for submission or ldap, use smartermail_api: soap"
                    if not other.protocol and self._door.name == "rest"
                    else "",
                )
            )

    def _unfit_port(
        self, door, port: ServerPort, old: t.Optional[ServerPort], desired: model.Port
    ) -> t.Iterator[str]:
        if desired.private_key_path:
            yield "private_key_path: SmarterMail reads the key from the certificate's own file (PFX): leave private_key_path out"
        if port.id:  # and so stays
            return
        if port.protocol not in door.protocols:
            yield "protocol: how SmarterMail's API calls %s is not known%s" % (
                port.protocol,
                (
                    ", and SOAP can learn it only from the server: make one %s port in its web interface first"
                    % port.protocol
                    if door.name == "soap"
                    else " over REST: make this port in the web interface and leave it out here, or use smartermail_api: soap, "
                    "which can learn it from a port that is there"
                ),
            )
        if "\r" in port.description and door.name == "soap":
            yield "description: has a carriage return, which XML does not give back: leave it out, or use smartermail_api: rest"
        if not old:
            return
        # a path that is left over where nothing is encrypted has its password too; with a new path there it is a certificate as of a new port
        same = old.encryption != "none" or old.certificate_path == port.certificate_path
        if (
            old.certificate_path
            and port.certificate_path
            and same
            and port.name not in self._passwords
        ):
            yield (
                "certificate_password: %s has to be added again, since smartermail_api %s can't %s a port that is there, "
                "and its certificate's password can't be read: give it with mail_port or mail_bindings ('' for none)%s"
                % (
                    model.shown(port.name),
                    door.name,
                    "edit" if door.assigns else "edit or assign",
                    ""
                    if door.assigns or old.port != desired
                    else ", or use smartermail_api: soap, which can assign",
                )
            )
        if port.more and door.name == "soap":
            yield (
                "%s has to be added again, and SOAP can't say what this version keeps of it (%s): use smartermail_api: rest"
                % (model.shown(port.name), ", ".join(sorted(port.more)))
            )

    # -- changes beside the model's

    def extra_changes(self, stored: Stored, desired: Bindings) -> list:
        """Certificate passwords that are to be given again, since it can't be seen whether they are right."""
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
        except (Exception, KeyboardInterrupt) as why:  # pylint: disable=broad-except  # also a fault of ours must not leave it half done
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
        last = traceback.extract_tb(why.__traceback__)[-1]
        return "a fault of mailops.bindings, please report it: %s (%s) in %s, line %s" % (
            type(why).__name__,
            self._session.quoted(why),
            os.path.basename(last.filename),
            last.lineno,
        )

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
        """Raise Refused where the server took all calls and does not hold what they should have made. What others change meanwhile is theirs."""
        ours = {(change["kind"], change["name"]) for change in plan.changes(before, desired)}
        wrong = [
            change
            for change in plan.changes(desired, view(run.read()).bindings)
            if (change["kind"], change["name"]) in ours
        ]
        if wrong:
            raise Refused(
                "%s took every call, and does not hold what they should have made: %s"
                % (self._session.url, "; ".join(map(_difference, wrong)))
            )

    def _undone(self, run: Run, stored: Stored, passwords: t.Mapping, why: str) -> Refused:
        """The failure, after all has been put back as far as the API lets us. C(passwords): of ports' certificates as they were."""
        made = "; ".join(map(str, run.made)) or "none"
        try:
            problems = run.undo(passwords)
        except Exception as worse:  # pylint: disable=broad-except  # what the server holds now is told all the same
            problems = [self._told(worse)]
        try:
            held = run.read()
        except Exception as unreadable:  # pylint: disable=broad-except
            refused = Refused(
                "%s\nWhat the server holds now can't be read: %s\nThe calls that it took: %s. Look at Settings > Bindings before you run again."
                % (why, self._told(unreadable), made)
            )
            refused.facts = {"rolled_back": False, "changed": bool(run.made)}
            return refused
        differing = list(differences(stored.revision, held))
        now = view(held)
        lines = [why]
        lines += ["Undoing it failed: %s" % problem for problem in problems]
        unsure = ", ".join(map(model.shown, run.unsure))
        if differing:
            lines.append(
                "What the server holds now is not what it held before the task: "
                + "; ".join(differing)
            )
        elif run.made:
            lines.append(
                "The server holds what it held before the task%s."
                % (", except the certificate password of " + unsure if unsure else "")
            )
        else:
            lines.append("Nothing was changed.")
        if unsure:
            lines.append(
                "The certificate password of %s can't be read: it was given again as the task has it, or as the server shows it. "
                "Look whether that answers" % unsure
            )
        refused = Refused("\n".join(lines))
        refused.facts = {
            "rolled_back": bool(run.made) and not differing and not run.unsure,
            "changed": bool(differing or run.unsure),
            "ports": model.port_entries(now.bindings),
            "ip_addresses": model.ip_entries(now.bindings),
        }
        return refused


# -- messages


def _label(declaration: plan.Declaration, kind: str, identity: str) -> str:
    """The path of an entry, or its name where the task does not declare it."""
    for index, entry in enumerate(getattr(declaration, kind) or ()):
        if kind == "ports" and entry.get("name") == identity:
            return declaration.label(kind, index)
        with contextlib.suppress(ValueError):
            if kind == "ip_addresses" and canonical_address(entry["address"]) == identity:
                return declaration.label(kind, index)
    return "%s: " % model.shown(identity) if kind == "ports" else "%s: " % identity


def _unfit_address(door, binding: model.IPBinding, label: str) -> t.Iterator[str]:
    if binding.description:
        yield "%sdescription: SmarterMail has none for an IP address: leave it out" % label
    if binding.floating:
        yield (
            "%sfloating: the list of IP addresses is the server's network card's: leave floating out"
            % label
        )
    if binding.hostname and not door.names_hosts:
        yield (
            "%shostname: is not to be had over REST: leave it out, or use smartermail_api: soap"
            % label
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
