# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Postfix can't do, each with its remedy: a function and a row of C(LIMITS) for each. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import family, meet
from ansible_collections.mailops.bindings.plugins.module_utils._config.listener import Listener
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.desired import (
    DesiredEntries,
    NewEntry,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    PostfixHost,
    expanded,
    families,
    is_disabled,
)


class PostfixCase(t.NamedTuple):
    """What the limits look at."""

    host: PostfixHost
    can_authenticate: bool  # does main.cf say how logins are checked?
    listeners: t.Sequence[Listener]  # the declared ones
    desired: DesiredEntries
    changes: bool  # is anything to be written?


class PostfixLimit(t.NamedTuple):
    """A limit of Postfix's."""

    #: yields the values of problem and remedy for each violation
    violations: t.Callable[[PostfixCase], t.Iterator[dict[str, str]]]
    problem: str
    remedy: str
    gives_back: bool = False  # does it count for state: absent, too?


def refusals(case: PostfixCase, gives_back: bool = False) -> tuple[str, ...]:
    """The messages of all limits that are violated; C(gives_back): by state: absent."""
    return tuple(
        dict.fromkeys(
            "%s: %s" % (limit.problem % values, limit.remedy % values)
            for limit in LIMITS
            if limit.gives_back or not gives_back
            for values in limit.violations(case)
        )
    )


def _several_instances(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """Each instance has its own master.cf, and one must not take another's port."""
    main = case.host.main
    enabled = main.get("multi_instance_enable", "").lower() == "yes"
    if enabled or main.get("multi_instance_directories", "").strip():
        yield {}


def _unused_family(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """An address of the other family passes every check, and ends master on reload."""
    used = families(case.host)
    for listener in case.listeners:
        number = family(listener.address)
        if "ipv%d" % number not in used:
            yield {"name": listener.name, "family": "IPv%d" % number}


def _disabled_service(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """What is switched off never listens, and no program reports it."""
    patterns = expanded("master_service_disable", case.host.main)
    for entry, listener in _declared(case):
        if is_disabled(entry.name, patterns):
            yield {"name": listener.name, "patterns": patterns}


def _port_of_another_service(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """Postfix itself may use the port; the check of other programs' sockets does not see that."""
    others = [service for service in case.desired.kept if not service.protocol]
    for service in others:
        for listener in case.listeners:
            if any(
                port == listener.port and meet(address, listener.address)
                for address, port in service.sockets
            ):
                entry = service.entry
                yield {"name": listener.name, "where": entry.where, "command": entry.command}


def _several_postscreens(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """Two postscreens can't share their cache: the second exits, and its port does not answer."""
    new = [entry for entry in case.desired.declared if entry.is_postscreen]
    kept = [
        service
        for service in case.desired.kept
        if service.is_postscreen and service.protocol and service.sockets
    ]
    if len(new) + len(kept) > 1:
        templates = [entry.template for entry in new if entry.template]
        names = [entry.listener.name for entry in new if entry.listener]
        yield {"where": [*templates, *kept][0].entry.where, "names": " and ".join(names)}


def _changed_postscreens(
    case: PostfixCase, encryptions: t.Container[str]
) -> t.Iterator[dict[str, str]]:
    """main.cf alone says what postscreen serves: its tlsproxy ignores the entry's options."""
    for entry, listener in _declared(case):
        template = entry.template
        if template and template.is_postscreen and not template.answers_as(listener):
            if listener.encryption in encryptions:
                answer = " with ".join(filter(None, (template.encryption, template.certificate)))
                yield {"name": listener.name, "where": template.entry.where, "answer": answer}


def _postscreen_with_ssl(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """postscreen has no smtpd_tls_wrappermode."""
    yield from _changed_postscreens(case, ("ssl",))


def _postscreen_with_other_tls(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """See C(_changed_postscreens)."""
    yield from _changed_postscreens(case, ("none", "tls"))


def _certificates_by_name(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """tls_server_sni_maps beats every entry's own certificate."""
    for entry, listener in _declared(case) if case.changes else ():
        template = entry.template.entry if entry.template else None
        maps = expanded(
            "tls_server_sni_maps", case.host.main, template.overrides if template else {}
        )
        if maps and listener.encryption != "none" and not entry.is_postscreen:
            alternative = ', or write "-o tls_server_sni_maps=" in %s'
            yield {
                "name": listener.name,
                "maps": maps,
                "alternative": alternative % template.where if template else "",
            }


def _no_authentication(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """Without a way to check logins, smtpd exits at the first client: no SASL mechanisms."""
    if case.can_authenticate:
        return
    for entry, listener in _declared(case):
        overrides = entry.template.entry.overrides if entry.template else {}
        if entry.adds_logins and "smtpd_sasl_type" not in overrides:
            yield {"name": listener.name}


def _unwritable_path(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """master.cf has no way to quote a brace, or a blank at an end."""
    for dummy, listener in _declared(case):
        for path in dict.fromkeys((listener.certificate_path, listener.key_path)):
            if "{" in path or "}" in path or path != path.rstrip():
                yield {"name": listener.name, "path": path}


def _fatal_entry(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """master exits on reload because of one bad entry, whoever wrote it."""
    for service in case.desired.kept if case.changes else ():
        if service.fatal:
            yield {"where": service.entry.where, "reason": service.inactive}


def _declared(case: PostfixCase) -> t.Iterator[tuple[NewEntry, Listener]]:
    for entry in case.desired.new:
        if entry.listener:
            yield entry, entry.listener


LIMITS = (
    PostfixLimit(
        _several_instances,
        "main.cf: this host runs several instances of Postfix (multi_instance_directories), and "
        "mail_listeners can't tell which of them should listen",
        "set multi_instance_directories to nothing, or leave postfix out of the option servers",
    ),
    PostfixLimit(
        _unused_family,
        "%(name)s: Postfix does not use %(family)s on this host (inet_protocols in main.cf, or the "
        "kernel), and would exit on reload",
        "set inet_protocols to all, and restart Postfix",
    ),
    PostfixLimit(
        _disabled_service,
        "%(name)s: master_service_disable = %(patterns)s in main.cf switches this service off",
        "remove the pattern that matches it",
    ),
    PostfixLimit(
        _port_of_another_service,
        "%(name)s: %(where)s already runs Postfix's %(command)s on this port, which speaks neither "
        "smtp nor submission",
        "declare another port, or move that service",
    ),
    PostfixLimit(
        _several_postscreens,
        "%(where)s: postscreen can have only one entry in master.cf, for one address or for all, "
        "and can't listen on %(names)s separately",
        "declare its port on both 0.0.0.0 and ::, or on one address, or replace postscreen by "
        "smtpd",
    ),
    PostfixLimit(
        _postscreen_with_ssl,
        "%(name)s: %(where)s is postscreen, which can't use TLS from the first byte",
        "declare tls, or replace postscreen by smtpd",
    ),
    PostfixLimit(
        _postscreen_with_other_tls,
        "%(name)s: %(where)s is postscreen, which takes encryption and certificate from main.cf "
        "(now: %(answer)s)",
        "declare these, or set smtpd_tls_cert_file and smtpd_tls_key_file in main.cf, or replace "
        "postscreen by smtpd",
    ),
    PostfixLimit(
        _certificates_by_name,
        "%(name)s: tls_server_sni_maps = %(maps)s would serve other certificates than the declared "
        "one",
        "remove it from main.cf%(alternative)s",
    ),
    PostfixLimit(
        _no_authentication,
        "%(name)s: no setting says how Postfix should check logins",
        "set smtpd_sasl_type = dovecot and smtpd_sasl_path = private/auth in main.cf, with "
        "Dovecot's socket for it, or set up Cyrus SASL (smtpd.conf)",
    ),
    PostfixLimit(
        _unwritable_path,
        "%(name)s: master.cf can't name the file %(path)s",
        "give it a name without braces, and without a blank at its end",
    ),
    PostfixLimit(
        _fatal_entry,
        "%(where)s: %(reason)s, and Postfix would exit because of it on reload",
        "correct or remove that entry first",
        gives_back=True,  # others may have written it since
    ),
)
