# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks for with this store."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import ssl
import typing as t
import urllib.parse

from ansible_collections.mailops.bindings.plugins.module_utils._config.addresses import (
    canonical_address,
)


def wrong_options(options: t.Mapping, hide: t.Callable) -> t.Iterator[str]:
    """What a task can't ask for with this store, and what it must.

    C(hide): told of a secret that stands where none belongs.
    """
    for option in ("smartermail_url", "smartermail_username", "smartermail_password"):
        if not options.get(option):
            yield (
                "%s: is needed with store: smartermail. The environment variable %s is read too"
                % (option, option.upper())
            )
    if options.get("smartermail_url"):
        yield from wrong_url(options["smartermail_url"], hide)
    path = options.get("smartermail_ca_path")
    if path:
        try:
            ssl.create_default_context(cafile=path)
        except ssl.SSLError:
            yield "smartermail_ca_path: %s is no file of certificates (PEM)" % path
        except OSError as error:
            yield "smartermail_ca_path: %s can't be read: %s" % (path, error.strerror)
    if not 0 < options["smartermail_timeout"] <= 3600:
        yield "smartermail_timeout: give seconds, more than 0 and 3600 at the most"
    for option in ("backup", "owner", "group", "mode"):
        if options.get(option) not in (None, False):
            yield "%s: is for a file, and store: smartermail has none: leave it out" % option


def wrong_url(url: str, hide: t.Callable) -> t.Iterator[str]:
    for wrong in _wrong_url(url):
        # where the password ends is for a person to see: a # or a / in it ends the host, and what
        # is left of it is a port or a path
        secret = re.match(r"(?:[^/]*//)?[^:]*:(.+)@", url, re.DOTALL)
        if secret:
            hide(secret.group(1))
        yield wrong


def _wrong_url(url: str) -> t.Iterator[str]:
    try:
        parts = urllib.parse.urlsplit(url)
        host, dummy_port = parts.hostname, parts.port  # the port only to have it checked
    except ValueError:  # which may quote a password
        yield (
            "smartermail_url: is no URL: must be like https://mail.example.com or "
            "https://mail.example.com:9998"
        )
        return
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        yield (
            "smartermail_url: must be like https://mail.example.com or "
            "https://mail.example.com:9998"
        )
    elif parts.username is not None or parts.password is not None:
        yield "smartermail_url: leave user and password out of it: they have options of their own"
    elif parts.scheme == "http" and not _is_loopback(host):
        yield (
            "smartermail_url: http would send the password in clear text: give the https URL, or "
            "run the task on the server itself with http://127.0.0.1:PORT"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def named(options: t.Mapping) -> tuple:
    """(names of ports, canonical addresses) that a task names."""
    names, addresses = set(), []
    for entry in [options, *(options.get("ports") or ())]:
        names.add(entry if isinstance(entry, str) else entry.get("name"))
    for entry in [options, *(options.get("ip_addresses") or ())]:
        with contextlib.suppress(ValueError):
            if entry.get("address"):
                addresses.append(canonical_address(entry["address"]))
    return names, list(dict.fromkeys(addresses))
