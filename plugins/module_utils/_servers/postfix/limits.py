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
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.master_cf import (
    MasterEntry,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.parser import (
    Service,
)
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix.settings import (
    PostfixHost,
    expanded,
    families,
    is_disabled,
    shares_postscreen_cache,
)


class PostfixCase(t.NamedTuple):
    """What the limits look at."""

    host: PostfixHost
    can_authenticate: bool  # does main.cf say how logins are checked?
    listeners: t.Sequence[Listener]  # the declared ones
    desired: DesiredEntries
    changes: bool  # is anything to be written?
    #: (maps, name, path): do clients that ask for the name get another certificate than the file's?
    serves_other: t.Callable[[str, str, str], bool] = lambda maps, name, path: False


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
    if case.changes and (enabled or main.get("multi_instance_directories", "").strip()):
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
        for dummy, listener in _declared(case):
            if any(
                port == listener.port and meet(address, listener.address)
                for address, port in service.sockets
            ):
                entry = service.entry
                yield {"name": listener.name, "where": entry.where, "command": entry.command}


def _several_postscreens(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """Two postscreens can share only some caches: else the second exits, and does not answer."""
    new = [entry for entry in case.desired.declared if entry.is_postscreen and case.changes]
    caches = [_cache(case, service) for service in case.desired.kept if _is_screening(service)]
    for entry in new:
        if entry.template and not shares_postscreen_cache(_cache(case, entry.template)):
            caches.append(_cache(case, entry.template))
            if caches.count(caches[-1]) > 1:
                yield {
                    "where": entry.template.entry.where,
                    "names": " and ".join(each.listener.name for each in new if each.listener),
                    "cache": caches[-1],
                }


def _is_screening(service: Service) -> bool:
    return service.is_postscreen and bool(service.protocol and service.sockets)


def _cache(case: PostfixCase, service: Service) -> str:
    return expanded("postscreen_cache_map", case.host.main, service.entry.overrides)


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
    """tls_server_sni_maps beats every entry's own certificate for the names in it."""
    for listener, entry in _answering(case):
        maps = expanded("tls_server_sni_maps", case.host.main, entry.overrides if entry else {})
        if not (maps and listener.hostname) or listener.encryption == "none":
            continue
        if case.serves_other(maps, listener.server_name, listener.certificate_path):
            alternative = ', or write "-o tls_server_sni_maps=" in %s'
            yield {
                "name": listener.name,
                "hostname": listener.hostname,
                "maps": maps,
                "path": listener.certificate_path,
                "alternative": alternative % entry.where if entry else "",
            }


def _answering(
    case: PostfixCase,
) -> t.Iterator[tuple[Listener, t.Optional[MasterEntry]]]:
    """Each declared listener, and the entry whose options it has; None: it has main.cf's."""
    kept = {socket: service.entry for service in case.desired.kept for socket in service.sockets}
    made_from = {
        socket: entry.template and entry.template.entry
        for entry in case.desired.declared
        for socket in entry.sockets
    }
    for listener in case.listeners:
        socket = listener.address, listener.port
        yield listener, made_from.get(socket) or kept.get(socket)


def _no_authentication(case: PostfixCase) -> t.Iterator[dict[str, str]]:
    """Without a way to check logins, smtpd exits at the first client: no SASL mechanisms."""
    if case.can_authenticate or not case.changes:
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
        "%(where)s: postscreen can't listen on %(names)s separately, because several of its "
        "entries can't share its cache (postscreen_cache_map = %(cache)s)",
        "set postscreen_cache_map = proxy:%(cache)s in main.cf and reload Postfix, or declare its "
        "port on both 0.0.0.0 and ::, or on one address, or replace postscreen by smtpd",
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
        "%(name)s: clients that ask for %(hostname)s get another certificate than %(path)s, by "
        "tls_server_sni_maps = %(maps)s",
        "give that name the declared key and certificate in this table (postmap -F), or remove the "
        "name from it%(alternative)s",
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
