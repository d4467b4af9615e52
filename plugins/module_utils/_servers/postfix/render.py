# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be written in Postfix's master.cf, and how it is taken out again. Pure.

What is ours in the file are blocks between two marks, which hold our entries; and other people's entries that ours displace:
they stay where they are, each of their lines behind C(DISPLACED). So this is how a file is written: all that is ours is taken
out, which is the file as somebody else wrote it, and what is wanted is put in again.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    endpoint,
    is_loopback,
    is_wildcard,
    reached_at,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import (
    MANAGED_MARK,
    Options,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.parser import (
    SAYS,
    TLS,
    Entry,
    Host,
    Service,
    entries,
    expanded,
    is_yes,
    masked,
    physical_lines,
    saying,
    security_level,
    services,
)

DISPLACED = "#%s# " % MANAGED_MARK
_BEGIN = "# %s begin: mail_listeners wrote this from " % MANAGED_MARK
_END = "# %s end" % MANAGED_MARK
_ABOUT = (
    '# Changes in here are lost: change that config, and apply it. "state: absent" gives back the lines behind "%s".'
    % DISPLACED.strip()
)
_MEANWHILE = "# For a moment only: entries that go, beside those that come."

#: Beside these, a number that answers on loopback only is a content filter's, and no business of ours.
_STANDARD_NUMBERS = (25, 465, 587)

_OTHER_CERTIFICATES = ("smtpd_tls_chain_files", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file")

#: A submission listener that is made from no other, or from one for smtp: for those who log in, and for nobody else (Postfix's own
#: proposal in master.cf). What a mail exchanger asks of other servers is not asked of people's clients.
_SUBMISSION = (
    "smtpd_sasl_auth_enable=yes",
    "smtpd_delay_reject=yes",
    "smtpd_helo_restrictions=",
    "smtpd_client_restrictions=permit_sasl_authenticated,reject",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    "smtpd_recipient_restrictions=permit_sasl_authenticated,reject",
    "milter_macro_daemon_name=ORIGINATING",
)
#: What of it counts even where an entry for smtp says otherwise: a login can be given, is asked of everybody, and asked only when a
#: client could have given it. smtpd takes a recipient only if no list rejects it, so that no other list of that entry makes a
#: relay of this: as it was, it can but forbid more.
_LOGINS = ("smtpd_sasl_auth_enable", "smtpd_delay_reject", "smtpd_relay_restrictions")


# -- what is ours


def without_ours(text: str) -> str:
    """The text as it was before we wrote in it, with what others changed meanwhile. Raises Refused."""
    return "".join(line for line, kind in _kinds(text) if kind != "block")


def _kinds(text: str) -> list:
    """[line, kind] of each line: C(block) of ours, C(displaced) and as it was before that, or C(foreign). Raises Refused."""
    found: list = []
    begun = 0
    for number, line in enumerate(physical_lines(text), 1):
        bare = line.rstrip("\r\n")
        if bare.startswith(_BEGIN):
            if begun:
                raise Refused(_BROKEN % (number, "begins within another block of ours", begun))
            begun = number
        if bare == _END:
            if not begun:
                raise Refused(
                    _BROKEN % (number, "ends no block of ours: its first line is missing", number)
                )
            begun = 0
            before = next((each for each in reversed(found) if each[1] != "block"), None)
            if (
                line == bare and before
            ):  # the last line of all: what was the last one had no end of its own
                before[0] = re.sub(r"\r?\n\Z", "", before[0])
            found.append([line, "block"])
        elif begun:
            found.append([line, "block"])
        elif line.startswith(DISPLACED):
            found.append([line[len(DISPLACED) :], "displaced"])
        else:
            found.append([line, "foreign"])
    if begun:
        raise Refused(_BROKEN % (begun, "begins a block of ours that has no end", begun))
    return found


_BROKEN = (
    'master.cf, line %d: %s. Put back the missing mark, "'
    + _END
    + '" or "'
    + _BEGIN
    + '…", at line %d or where its block was'
)


def written_from(text: str) -> str:
    """The bindings config that our parts were written from; '' without any."""
    match = re.search("^%s(.*?)\r?$" % re.escape(_BEGIN), text, re.MULTILINE)
    return match.group(1) if match else ""


# -- what is wanted


class Written(t.NamedTuple):
    """An entry to be written."""

    name: str
    template: t.Optional[Service]
    sockets: tuple
    listener: t.Optional[Listener]  # None: loopback, as it was

    @property
    def begins_logins(self) -> bool:
        """Is it for those who log in, and made from what was not?"""
        return (
            bool(self.listener)
            and self.listener.protocol == "submission"
            and not (self.template and self.template.protocol == "submission")
        )


class Wish(t.NamedTuple):
    """What becomes of somebody else's master.cf."""

    kept: tuple  # of Service: they say already what is declared, or are none of our business
    displaced: tuple  # of Service
    written: tuple  # of Written


def wish(
    found: t.Sequence[Service], wanted: t.Sequence[Listener], host: Host, options: Options
) -> Wish:
    """Which of the services that were C(found) stay, and what is written beside them or in their place."""
    declared = {(listener.address, listener.port): listener for listener in wanted}

    def ours(service: Service) -> list:
        return [
            socket
            for socket in service.sockets
            if service.protocol
            and (
                not is_loopback(socket[0])
                or socket in declared
                or (not options.keep_loopback and socket[1] in _STANDARD_NUMBERS)
            )
        ]

    displaced = [
        service
        for service in found
        if any(
            socket not in declared or not service.says(declared[socket]) for socket in ours(service)
        )
    ]
    keys = {service.key for service in displaced}
    kept = [service for service in found if service.key not in keys]
    done = {socket for service in kept for socket in service.sockets}
    written: list = []
    for (
        service
    ) in displaced:  # one entry for what one entry has been: master(8) then keeps its sockets
        listeners = [
            declared[socket]
            for socket in ours(service)
            if socket in declared and socket not in done
        ]
        if len(listeners) == len(service.sockets) and len(set(map(saying, listeners))) == 1:
            written.append(
                Written(
                    service.entry.fields[0],
                    _template(found, listeners[0]),
                    service.sockets,
                    listeners[0],
                )
            )
            done.update(service.sockets)
    for socket, listener in declared.items():
        if socket not in done:
            written.append(Written(listener.name, _template(found, listener), (socket,), listener))
            done.add(socket)
    if options.keep_loopback:
        for service in displaced:
            for address, port in service.sockets:
                address = reached_at(address)
                covered = {(address, port), (wildcard_of(address), port)} & done
                if is_loopback(address) and address in host.loopback and not covered:
                    name = endpoint(address, port)
                    written.append(Written(name, service, ((address, port),), None))
                    done.add((address, port))
    return Wish(
        tuple(kept), tuple(service for service in found if service.key in keys), tuple(written)
    )


def _template(found: t.Sequence[Service], listener: Listener) -> t.Optional[Service]:
    """The entry that answers there today, or else one of the same number elsewhere, of the same protocol if it can be, wildcards first.

    Of another protocol too: submission or smtp is for most numbers but a guess, and what an entry filters and forbids must not go for it.
    But postscreen certainly is for smtp alone.
    """

    def nearness(service: Service) -> tuple:
        addresses = [address for address, ignored in service.sockets]
        wildcard = wildcard_of(listener.address)
        return (
            listener.address not in addresses,
            wildcard not in addresses,
            service.protocol != listener.protocol,
            not any(map(is_wildcard, addresses)),
        )

    candidates = [
        service
        for service in found
        if service.protocol
        and (service.protocol == listener.protocol or not service.screen)
        and any(
            port == listener.port and (not is_loopback(address) or address == listener.address)
            for address, port in service.sockets
        )
    ]
    return min(candidates, key=nearness, default=None)


# -- writing


def with_wish(text: str, wished: Wish, host: Host, config_path: str) -> str:
    """Somebody else's master.cf with what is wanted in it."""
    lines = physical_lines(text)
    end = _line_end(lines)
    everything = entries(lines)
    screened = next(
        (entry for entry in everything if entry.fields[1] == "pass" and entry.fields[7] == "smtpd"),
        None,
    )
    chroot = next(
        (
            entry.fields[4]
            for entry in everything
            if entry.fields[1] == "inet" and entry.fields[7] == "smtpd"
        ),
        "-",
    )
    plain = Entry(0, 0, ("", "inet", "n", "-", chroot, "-", "-", "smtpd"), ())
    blocks: dict = {}  # number of the line that it stands behind -> lines
    for service in wished.displaced:
        blocks.setdefault(service.entry.last, [])
        for number in range(service.entry.first, service.entry.last + 1):
            lines[number] = DISPLACED + lines[number]
    for written in wished.written:
        last, template = (
            (written.template.entry.last, written.template.entry)
            if written.template
            else (len(lines) - 1, plain)
        )
        if written.template and written.template.screen and not written.listener:
            template = (
                screened or plain
            )  # there can be only one postscreen, and programs of this host need none
        blocks.setdefault(last, []).extend(_written_lines(written, template, host))
    for number in sorted(blocks, reverse=True):
        lines.insert(
            number + 1,
            _block(lines[: number + 1], end, [_BEGIN + config_path, _ABOUT] + blocks[number]),
        )
    return "".join(lines)


def with_going(text: str, going: t.Sequence[Service], before: str, config_path: str) -> str:
    """A text of ours with services that were in the text C(before), and go, once more at its end."""
    lines, old = physical_lines(text), physical_lines(before)
    block = [
        line.rstrip("\r\n")
        for service in going
        for line in old[service.entry.first : service.entry.last + 1]
    ]
    return text + _block(lines, _line_end(lines), [_BEGIN + config_path, _MEANWHILE] + block)


def without(text: str, keys: t.Container[str], host: Host) -> str:
    """The text with these services commented out."""
    lines = physical_lines(text)
    for service in services(text, host):
        if service.key in keys:
            for number in range(service.entry.first, service.entry.last + 1):
                lines[number] = DISPLACED + lines[number]
    return "".join(lines)


def _line_end(lines: t.Sequence[str]) -> str:
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"


def _block(before: t.Sequence[str], end: str, lines: t.Sequence[str]) -> str:
    """These lines, to stand behind those before. Where those end without a newline, so do these."""
    block = end.join(list(lines) + [_END])
    return end + block if before and not before[-1].endswith("\n") else block + end


def _written_lines(written: Written, template: Entry, host: Host) -> list:
    """Our entry, one line for each setting, below a comment that says what it was declared as."""
    listener, copied = written.listener, template.arguments
    about, ours = "# on loopback as it was", []
    if listener:
        about = "%s%s, %s" % (SAYS, listener.protocol, listener.encryption)
        if template.fields[7] == "smtpd":
            ours, copied = _tls(listener, template, host)
        if written.begins_logins:
            copied = tuple(argument for argument in copied if argument[0] not in _LOGINS)
            said = {name for name, ignored, ignored in copied}
            ours += tuple(
                setting
                for setting in ("smtpd_tls_auth_only=yes",) * (listener.encryption == "tls")
                + _SUBMISSION
                if setting.partition("=")[0] not in said
            )
    settings = [
        "-o " + ("{ %s }" % setting if re.search(r"\s", setting) else setting) for setting in ours
    ]
    return (
        [about, " ".join((written.name, "inet", "n") + template.fields[3:])]
        + ["  " + text for text in settings]
        + ["  " + text for ignored, ignored, text in copied]
    )


def _tls(listener: Listener, template: Entry, host: Host) -> tuple:
    """(our settings, what is copied of the template)."""
    if (
        listener.encryption == "none"
    ):  # what is offered stays; only that nothing goes without it does not
        ours = ()
        if is_yes(expanded("smtpd_tls_wrappermode", host.main, template.overrides)):
            ours += ("smtpd_tls_wrappermode=no",)
        if security_level(
            lambda parameter: expanded(parameter, host.main, template.overrides)
        ) not in ("none", "may"):
            ours += ("smtpd_tls_security_level=may",)
        replaced = [setting.partition("=")[0] for setting in ours]
    else:
        ours = (
            "smtpd_tls_wrappermode=" + ("yes" if listener.encryption == "ssl" else "no"),
            "smtpd_tls_security_level="
            + ("may" if (listener.protocol, listener.encryption) == ("smtp", "tls") else "encrypt"),
            "smtpd_tls_cert_file=" + listener.certificate_path.replace("$", "$$"),
            "smtpd_tls_key_file=" + listener.key_path.replace("$", "$$"),
        ) + tuple(name + "=" for name in _OTHER_CERTIFICATES if expanded(name, host.main))
        replaced = TLS
    return ours, tuple(argument for argument in template.arguments if argument[0] not in replaced)


# -- from one text to another


def way(before: str, after: str, host: Host, live: t.AbstractSet, config_path: str) -> tuple:
    """(texts to be put and activated one after the other, texts on the way back but for the last, which is C(before)).

    New before old: where entries come and others go, all of them are there for a moment; but none that does not listen now
    (C(live)), as it may be what Postfix died of. Of postscreen there can't be two.
    Back: a service that has failed with what we wrote is throttled for a minute, reload or not, unless it is away for a moment.
    """
    if before == after:
        return (), ()
    old, new = (
        {service.key: service for service in services(text, host) if service.sockets}
        for text in (before, after)
    )
    going = [
        service
        for key, service in old.items()
        if key not in new and live.issuperset(service.sockets)
    ]
    coming = [service for key, service in new.items() if key not in old]
    changed = {key for key in old.keys() & new.keys() if old[key].entry.text != new[key].entry.text}
    steps, back = (after,), ()
    if going and coming and not any(service.screen for service in going + coming):
        steps = (with_going(after, going, before, config_path), after)
    if changed:
        back = (without(before, changed, host),)
    return steps, back


def difference(before: str, after: str) -> tuple:
    """(our lines and those that they are about to displace, our lines and those that are given back), as they may be shown."""
    old, new = _kinds(before), _kinds(after)
    displaced = [
        {
            number
            for number, (line, kind) in enumerate(each for each in kinds if each[1] != "block")
            if kind == "displaced"
        }
        for kinds in (old, new)
    ]
    shown = []
    for kinds in (old, new):
        number, lines = 0, []
        for line, kind in kinds:
            if kind == "block" or number in displaced[0] | displaced[1]:
                lines.append((DISPLACED if kind == "displaced" else "") + line)
            number += kind != "block"
        shown.append(masked("".join(lines)))
    return tuple(shown)
