# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be written for Postfix: master.cf, and the drop-in of its unit. Pure.

The file is always written from what others wrote: all that is ours is taken out of it, and what is
desired is put in again.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    is_loopback,
    is_wildcard,
    wildcard_of,
)
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.boot import boot_file
from ansible_collections.mailops.bindings.plugins.module_utils._servers.plans import Options, Plan
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.desired import (
    DesiredEntries,
    NewEntry,
    desired_entries,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.limits import (
    PostfixCase,
    refusals,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.master_cf import (
    MasterCf,
    MasterEntry,
    parse,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.own_lines import (
    DECLARED,
    DISPLACED,
    block,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.parser import (
    PostfixDetails,
    Service,
    bound_sockets,
    configured_listeners,
    interpret,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    TLS_PARAMETERS,
    PostfixHost,
    expanded,
    is_yes,
    security_level,
)

_ABOUT = (
    "# Changes in here are lost: change that config, and apply it. "
    '"state: absent" gives back the lines behind "%s".' % DISPLACED.strip()
)
#: They beat smtpd_tls_cert_file, and so are emptied where main.cf sets them.
_OTHER_CERTIFICATES = ("smtpd_tls_chain_files", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file")

#: For submission made from no other entry, or from one for smtp: for clients that log in, and for
#: no others (as master.cf of Postfix itself proposes it). What a mail exchanger demands of other
#: servers is not demanded of mail clients.
_SUBMISSION = (
    "smtpd_sasl_auth_enable=yes",
    "smtpd_delay_reject=yes",
    "smtpd_helo_restrictions=",
    "smtpd_client_restrictions=permit_sasl_authenticated,reject",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    "smtpd_recipient_restrictions=permit_sasl_authenticated,reject",
    "milter_macro_daemon_name=ORIGINATING",
)
#: Of these, the ones that replace what an entry for smtp says: a login is possible, is demanded of
#: all, and is demanded only when a client could have given it. smtpd accepts a recipient only if no
#: list rejects it, so the entry's other lists can't open a relay: they can only forbid more.
_LOGINS = ("smtpd_sasl_auth_enable", "smtpd_delay_reject", "smtpd_relay_restrictions")


def plan(
    details: PostfixDetails,
    listeners: t.Optional[t.Sequence[Listener]],
    options: Options,
    live: t.Callable[[], t.AbstractSet[tuple[str, int]]],
) -> Plan:
    """See C(Server.plan). C(live): gives the sockets that Postfix has now; for a change only."""
    host, current, original = details.host, details.current, details.original
    desired, text = DesiredEntries(kept=original.services), original.file.text
    if listeners is not None:
        desired = desired_entries(
            original.services, listeners, host.loopback, options.keep_loopback
        )
        text = with_entries(original.file, desired, host, options.config_path)
    changes = text != current.file.text
    able, serves_other = details.can_authenticate, details.serves_other
    case = PostfixCase(host, able, listeners or (), desired, changes, serves_other)
    refused = refusals(case, gives_back=listeners is None)
    if refused:
        return Plan(refusals=refused)
    after = interpret(parse(text), host) if changes else current
    # Where nothing is ours in master.cf, its owner decides how it boots: state: absent would find
    # nothing to give back.
    bound = listeners or () if text != original.file.text else ()
    boot = _changed_boot_files(details, bound, options.config_path)
    unchanged = Plan(
        listeners=configured_listeners(after.services),
        sockets=bound_sockets(after.services),
        warnings=tuple(_tls_warnings(current.services, after.services, listeners or ())),
    )
    if not changes and not boot:
        return unchanged
    from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import (
        transition,
    )

    return transition.planned(unchanged, details, after, boot, live, options.config_path)


def _tls_warnings(
    before: t.Iterable[Service], after: t.Iterable[Service], listeners: t.Iterable[Listener]
) -> t.Iterator[str]:
    """Submission listeners where TLS is only offered, and those where it is required from now."""
    was_optional, is_optional = _optional_tls(before), _optional_tls(after)
    for listener in listeners:
        socket = listener.address, listener.port
        where = is_optional.get(socket, "")
        if where:
            yield (
                "%s: TLS is offered and not required (%s: smtpd_tls_security_level = may), so "
                "clients can send without it. To require it, add -o "
                "smtpd_tls_security_level=encrypt there" % (listener.name, where)
            )
            continue
        of_wildcard = was_optional.get((wildcard_of(listener.address), listener.port), "")
        where = was_optional.get(socket, of_wildcard)
        if where and listener.encryption != "none":
            yield (
                "%s: TLS becomes required, which %s only offered: clients that send without TLS "
                "are rejected" % (listener.name, where)
            )


def _optional_tls(services: t.Iterable[Service]) -> dict[tuple[str, int], str]:
    """socket -> where its entry is, of submission where TLS is only offered."""
    optional = (service for service in services if service.tls_optional)
    return {socket: service.entry.where for service in optional for socket in service.sockets}


def _changed_boot_files(
    details: PostfixDetails, listeners: t.Iterable[Listener], config_path: str
) -> dict[str, t.Optional[bytes]]:
    """The drop-ins that change: the unit gets one where an address may be missing at boot."""
    desired: dict[str, t.Optional[bytes]] = dict.fromkeys(details.boot_files)
    if details.unit and any(
        not is_wildcard(listener.address) and not is_loopback(listener.address)
        for listener in listeners
    ):
        path, content = boot_file(details.unit, config_path)
        desired[path] = content
    return {
        path: content for path, content in desired.items() if content != details.boot_files[path]
    }


# -- writing entries


def with_entries(
    file: MasterCf, desired: DesiredEntries, host: PostfixHost, config_path: str
) -> str:
    """The text of a file of others' with the desired entries in it."""
    lines = list(file.lines)
    blocks: dict[int, list[str]] = {}  # number of the line that it stands behind -> its lines
    for service in desired.displaced:
        blocks.setdefault(service.entry.last, [])
        for number in file.lines_of(service.entry):
            lines[number] = DISPLACED + lines[number]
    for entry in desired.new:
        last = entry.template.entry.last if entry.template else len(lines) - 1
        blocks.setdefault(last, []).extend(_entry_lines(entry, _model(entry, file), host))
    for number in sorted(blocks, reverse=True):
        previous = lines[number] if lines else ""
        text = block(previous, file.line_end, config_path, [_ABOUT, *blocks[number]])
        lines.insert(number + 1, text)
    return "".join(lines)


def _model(entry: NewEntry, file: MasterCf) -> MasterEntry:
    """The entry whose columns and options are copied."""
    if entry.template and (entry.listener or not entry.is_postscreen):
        return entry.template.entry
    if entry.template:
        # There can be only one postscreen, and programs of this host need none.
        for each in file.entries:
            if each.fields[1] == "pass" and each.command == "smtpd":
                return each
    chroots = (
        each.fields[4]
        for each in file.entries
        if each.fields[1] == "inet" and each.command == "smtpd"
    )
    return MasterEntry(0, 0, ("", "inet", "n", "-", next(chroots, "-"), "-", "-", "smtpd"))


def _entry_lines(entry: NewEntry, model: MasterEntry, host: PostfixHost) -> list[str]:
    """Our entry, a line for each setting, below a comment that says what it was declared as."""
    comment, copied = "# on loopback as it was", model.arguments
    settings: tuple[str, ...] = ()
    if entry.listener:
        comment = "%s%s, %s" % (DECLARED, entry.listener.protocol, entry.listener.encryption)
        if model.command == "smtpd":
            settings, replaced = _tls_settings(entry.listener, model, host)
            copied = tuple(each for each in copied if each[0] not in replaced)
    if entry.listener and entry.adds_logins:
        copied = tuple(each for each in copied if each[0] not in _LOGINS)
        settings += _login_settings(entry.listener, {name for name, dummy, dummy in copied})
    return [
        comment,
        " ".join((entry.name, "inet", "n") + model.fields[3:]),
        *("  -o " + _quoted(setting) for setting in settings),
        *("  " + text for dummy, dummy, text in copied),
    ]


def _quoted(setting: str) -> str:
    return "{ %s }" % setting if re.search(r"\s", setting) else setting


def _login_settings(listener: Listener, copied: t.Container[str]) -> tuple[str, ...]:
    """What lets clients log in, and nobody else send, as far as copied options leave it open."""
    settings = ("smtpd_tls_auth_only=yes",) if listener.encryption == "tls" else ()
    return tuple(
        setting for setting in settings + _SUBMISSION if setting.partition("=")[0] not in copied
    )


def _tls_settings(
    listener: Listener, model: MasterEntry, host: PostfixHost
) -> tuple[tuple[str, ...], t.Container[str]]:
    """(settings of TLS, the parameters that are not copied from the model)."""
    if listener.encryption == "none":
        settings = tuple(_settings_without_tls(model, host))
        return settings, [setting.partition("=")[0] for setting in settings]
    required = listener.encryption == "ssl" or listener.protocol == "submission"
    settings = (
        "smtpd_tls_wrappermode=" + ("yes" if listener.encryption == "ssl" else "no"),
        "smtpd_tls_security_level=" + ("encrypt" if required else "may"),
        "smtpd_tls_cert_file=" + listener.certificate_path.replace("$", "$$"),
        "smtpd_tls_key_file=" + listener.key_path.replace("$", "$$"),
    )
    emptied = tuple(name + "=" for name in _OTHER_CERTIFICATES if expanded(name, host.main))
    return settings + emptied, TLS_PARAMETERS


def _settings_without_tls(model: MasterEntry, host: PostfixHost) -> t.Iterator[str]:
    """TLS stays on offer as it was; only, it is not required any more."""

    def setting(parameter: str) -> str:
        return expanded(parameter, host.main, model.overrides)

    if is_yes(setting("smtpd_tls_wrappermode")):
        yield "smtpd_tls_wrappermode=no"
    if security_level(setting) not in ("none", "may"):
        yield "smtpd_tls_security_level=may"
