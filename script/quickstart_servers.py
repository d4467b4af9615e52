# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What script/quickstart --servers shows: real mail servers made to listen as declared, and a rollback.

The host is one of the fleet tests', in namespaces of this machine, and gone at the end, however that comes.
"""

from __future__ import annotations

import contextlib
import pathlib
import platform
import re
import signal
import sys
import tempfile
import textwrap
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import pki  # noqa: E402
from support.fleet.commands import CommandError  # noqa: E402
from support.fleet.images import ImageError  # noqa: E402
from support.fleet.isolation import why_not_here  # noqa: E402
from support.fleet.mail import mail_host, put_certificate  # noqa: E402
from support.fleet.network import HostError, Network  # noqa: E402
from support.fleet.playing import Player  # noqa: E402

PLAYBOOK = "mailops.bindings.quickstart_servers"
APPLY, LOOK = "Declare it, and have the servers listen so", "See what answers"
SUITES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
WIDTH = 100

# What breaks: a port with a certificate of its own, whose key somebody replaces at the worst moment.
PARTNERS = {
    "name": "Partners",
    "protocol": "submission",
    "port": 2525,
    "encryption": "tls",
    "certificate_path": "/etc/ssl/mail/partners.pem",
    "private_key_path": "/etc/ssl/mail/partners.key",
}
JOURNAL = "var/lib/mail-bindings/journal.json"  # is there while a transaction is under way
CONFIGURED = (
    "/etc/mail-bindings",
    "/etc/postfix",
    "/etc/dovecot",
    "/etc/ldap",
    "/etc/default",
    "/etc/systemd",
)


class Unexpected(Exception):
    """It did not go as this script promises."""


def main() -> None:
    """Show it all, on a host that is gone afterwards."""
    reason = why_not_here()
    if reason:
        raise SystemExit("quickstart: a host with real mail servers can't be run here: %s" % reason)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    suite = own_suite()
    with contextlib.ExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mail-bindings-"))
        network = Network(folder, ROOT / ".venv" / "hosts")
        cleanup.callback(clean_up, network)
        try:
            show(network, suite)
        except (CommandError, HostError, ImageError, Unexpected) as error:
            raise SystemExit("quickstart: %s" % error) from None


def show(network: Network, suite: str) -> None:
    """The whole story."""
    network.up()
    heading("Starting a %s host with Postfix, Dovecot and OpenLDAP" % SUITES[suite])
    if not list((ROOT / ".venv" / "hosts").glob(suite + "-mail*")):
        say("The first time this downloads about 150 MB and takes a minute or two.")
    authority = pki.Authority()
    host = mail_host(network, "mx", authority, suite, ldap_tls=False)
    player = Player(network)
    try:
        with_host(host, player, authority)
    finally:
        player.close()


def with_host(host, player: Player, authority: pki.Authority) -> None:
    """What happens on it."""
    say(
        "%s with %s, in namespaces of its own: this machine's ports and files are not touched, and nothing of it stays."
        % (host.fqdn, " and ".join(host.addresses))
    )
    say(
        "Its servers listen as somebody has set them up, on all addresses. A private CA has issued /etc/ssl/mail/fullchain.pem."
    )

    variables = {"all": {"quickstart_addresses": host.addresses, "quickstart_hostname": host.fqdn}}
    group = player.network.folder / "group.ini"
    group.write_text("[quickstart]\n%s\n" % host.name, encoding="utf-8")

    def play(*options, **how):
        more = ["-e", "quickstart_more_ports=…"] if how.get("extra_vars") else []
        print("\n$ %s" % " ".join(["ansible-playbook", PLAYBOOK, *options, *more]), flush=True)
        played = player.play(
            PLAYBOOK, host, variables=variables, extra_args=[*options, "--inventory", group], **how
        )
        print(*re.findall(r"(?m)^%s +: .*?failed=\d+" % host.name, played.output), flush=True)
        return played

    heading("What would change: check mode, nothing is touched")
    plan = result(play("--check"), APPLY, changed=True)
    show_changes(plan["changes"])

    heading("Applying it")
    began = time.monotonic()
    played = play()
    done = result(played, APPLY, changed=True)
    expect(done["changes"] == plan["changes"], "the real run did not do what check mode had said")
    say(
        "Just that was done, in %.0f seconds, and every listener proved by connecting to it: %s."
        % (
            time.monotonic() - began,
            ", ".join("%s %s" % item for item in sorted(done["activation"].items())),
        )
    )

    heading("The same again: nothing changes")
    result(play(), APPLY, changed=False)

    heading("What answers")
    seen = played[LOOK]["listeners"]
    expect(
        all(listener["status"] == "ok" for listener in seen), "not all listeners answer: %s" % seen
    )
    show_listeners(seen)

    heading(
        "Something goes wrong: one more port, and its key is replaced while it is being applied"
    )
    put_certificate(
        host,
        authority,
        PARTNERS["certificate_path"],
        PARTNERS["private_key_path"],
        which="partners",
    )
    say(
        "Port 2525, with a certificate that is fine when it is checked. Before the servers read its key, somebody puts another one there."
    )
    before = contents(host)

    def replace_key(process):
        journal = pathlib.Path("/proc", str(host.pid), "root", JOURNAL)
        while process.poll() is None and not journal.exists():
            time.sleep(0.005)
        host.write(
            PARTNERS["private_key_path"],
            pki.key_bytes(pki.key("ecdsa", "another")),
            0o640,
            "root:ssl-cert",
        )

    played = play(extra_vars={"quickstart_more_ports": [PARTNERS]}, watcher=replace_key)
    failed = played[APPLY]
    expect(
        failed.failed and failed.get("rolled_back"), "it was not rolled back:\n%s" % played.output
    )
    print()
    for line in failed["msg"].splitlines():
        print(textwrap.fill(line, WIDTH, initial_indent="  ! ", subsequent_indent="      "))
    expect(contents(host) == before, "files differ from those before")

    heading("And all that listened before still does")
    after = result(play(), LOOK)["listeners"]
    expect(
        [(listener["name"], listener["status"]) for listener in after]
        == [(listener["name"], "ok") for listener in seen],
        "the listeners are not as before: %s" % after,
    )
    say(
        "%d of %d listeners answer as before, and no byte of the servers' files differs."
        % (len(after), len(seen))
    )


# -- what is shown


def heading(text: str) -> None:
    """As script/_lib.sh has it."""
    print("\n== %s" % text, flush=True)


def say(text: str) -> None:
    """A paragraph."""
    print(textwrap.fill(text, WIDTH), flush=True)


def show_changes(changes: list) -> None:
    """What is listened on, an address a line; then the files."""
    addresses: dict = {}
    files = []
    for change in changes:
        mark = {"add": "+", "change": "~", "remove": "-"}[change["action"]]
        if change["kind"] == "listener":
            address, number = change["name"].rsplit(":", 1)
            addresses.setdefault((mark, address), []).append(
                (int(number), (change["after"] or change["before"])["protocol"])
            )
        elif change["kind"] == "file":
            files.append("  %s %s" % (mark, change["name"]))
    for (mark, address), ports in addresses.items():
        print(
            "  %s %-18s %s"
            % (
                mark,
                address,
                ", ".join("%s %d" % (protocol, number) for number, protocol in sorted(ports)),
            )
        )
    print(*files, sep="\n")


def show_listeners(listeners: list) -> None:
    """A table."""
    rows = [("LISTENER", "PROTOCOL", "ENCRYPTION", "STATUS", "TLS", "CERTIFICATE")]
    for listener in listeners:
        certificate = listener["certificate"]
        rows.append(
            (
                listener["name"],
                listener["protocol"],
                {"ssl": "ssl", "tls": "tls (STARTTLS)"}.get(listener["encryption"], "none"),
                listener["status"],
                listener["tls_version"],
                "%s days left" % certificate["days_left"] if certificate else "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


# -- small things


def own_suite() -> str:
    """This machine's Debian release, or else the newest."""
    with contextlib.suppress(OSError):
        own = platform.freedesktop_os_release().get("VERSION_CODENAME")
        if own in SUITES:
            return own
    return "trixie"


def result(played, task, changed=None):
    """What a task returned, if it went well and as foreseen."""
    expect(not played.failed, played.output)
    expect(
        changed is None or played[task].changed is changed,
        "expected changed: %s\n%s" % (changed, played.output),
    )
    return played[task]


def expect(condition, message: str) -> None:
    """An assert that is always on."""
    if not condition:
        raise Unexpected(message)


def contents(host) -> dict:
    """The bytes of all that the servers are configured by, as digests."""
    return {path: seen[-1] for path, seen in host.snapshot(*CONFIGURED).items()}


def interrupted(number, frame) -> None:
    """End in good order: what is on the way out removes the host."""
    raise SystemExit(128 + number)


def clean_up(network: Network) -> None:
    """Uninterrupted: a second Ctrl-C would leave half of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    network.down()


if __name__ == "__main__":
    main()
