# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the mail servers of this host serve renewed certificates, and proves that they do.

The role mail_bindings of mailops.bindings installs this program as a hook of certbot or a service
of systemd. It needs Python 3.9 and openssl(1), but neither Ansible nor the collection. All that it
has to know of protocols and servers is in its configuration, a JSON file: its argument, or else
the file beside the program that has its name and ".json".

Only servers whose certificate differs from its file's are told. Exit status 0: all listeners that
answer serve what their files have.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import typing as t

LOCK = "/run/mail-bindings.lock"  # mail_listeners takes it too
LOCK_SECONDS = 120
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
COMMAND_SECONDS = 30
MAX_CHARACTERS = 1_000_000  # of a certificate's file
AT_RISK = "Its listeners are at risk: they would not answer after a restart"
SERVED_SECONDS = 10  # for a server that was told
SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"  # not in the PATH of cron

Json = t.Dict[str, t.Any]


class Server(t.NamedTuple):
    """A mail server, and how it is made to read its certificates again."""

    title: str
    command: t.Sequence[str]
    stdin: str  # with %(certificate_path)s and %(private_key_path)s

    def tell(self, port: Json) -> str:
        """Have it read this port's certificate; returns what it says on standard error."""
        paths = {"certificate_path": port["certificate_path"], "private_key_path": key_path(port)}
        return run(*self.command, stdin=self.stdin % paths)[2]


class Listener(t.NamedTuple):
    """A listener that serves a certificate."""

    address: str
    hostname: str
    port: Json  # its port's entry in the bindings config
    starttls: str  # the protocol as s_client(1) calls it
    farewell: str
    server: Server

    @property
    def name(self) -> str:
        """For people."""
        return "%s port %d (%s)" % (self.address, self.port["port"], self.port["name"])

    def served(self) -> t.Optional[bytes]:
        """The DER of the certificate that it serves; None if it does not answer."""
        address = LOOPBACK.get(self.address, self.address)
        endpoint = ("[%s]:%d" if ":" in address else "%s:%d") % (address, self.port["port"])
        command = ["openssl", "s_client", "-connect", endpoint]
        command += ["-servername", self.hostname] if self.hostname else ["-noservername"]
        if self.port["encryption"] == "tls":
            command += ["-starttls", self.starttls]
        if self.farewell:  # what watches logs counts clients that leave without it
            command += ["-nocommands", "-ign_eof"]
        return first_certificate(run(*command, stdin=self.farewell)[1])


class State(t.NamedTuple):
    """What a look at all listeners found."""

    problems: t.Dict[str, str]  # title of a server -> why it can't be told
    behind: t.List[Listener]  # they serve another certificate than their file has


def run(*command: str, stdin: str = "") -> t.Tuple[int, str, str]:
    """(exit status, standard output, standard error); status 1 if it can't be run, or hangs."""
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, "", str(error)
    return done.returncode, done.stdout, done.stderr


def first_certificate(text: str) -> t.Optional[bytes]:
    """The DER of the first certificate in PEM; None if there is none."""
    found = re.search("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.DOTALL)
    try:
        return base64.b64decode(found.group(1)) if found else None
    except ValueError:
        return None


def read_text(path: str) -> str:
    """The begin of a file. The folder may be a user's, who may put a pipe there, or a huge file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(handle, encoding="ascii", errors="replace") as file:
        return file.read(MAX_CHARACTERS)


def key_path(port: Json) -> str:
    """The file with the port's private key."""
    return port.get("private_key_path") or port["certificate_path"]


def is_local(address: str) -> bool:
    """Is the address on this host? A floating one may be away: then another host answers."""
    if address in LOOPBACK or address.startswith("127."):
        return True
    if ":" in address:
        # proc(5): /proc/net/if_inet6 begins each line with an address in hexadecimal
        lines = proc_lines("/proc/net/if_inet6")
        return socket.inet_pton(socket.AF_INET6, address).hex() in (
            line.split()[0] for line in lines
        )
    # proc(5): each of the host's own addresses is a leaf of the routing trie, its kind below it
    lines = [line.strip() for line in proc_lines("/proc/net/fib_trie")]
    return ("|-- " + address, "/32 host LOCAL") in zip(lines, lines[1:])


def proc_lines(path: str) -> t.List[str]:
    """The lines of a file of the kernel's; none if it has no such address family."""
    try:
        with open(path, encoding="ascii") as file:
            return file.readlines()
    except OSError:
        return []


def mismatch(port: Json) -> str:
    """Why a server can't take this certificate; '' if it can.

    A server that takes a certificate with another one's key has no certificate afterwards.
    """
    certificate_path, private_key_path = port["certificate_path"], key_path(port)
    certificate = run("openssl", "x509", "-in", certificate_path, "-noout", "-pubkey")
    if certificate[0]:
        return "%s has no certificate" % certificate_path
    key = run("openssl", "pkey", "-in", private_key_path, "-pubout", "-passin", "pass:")
    if key[0]:
        return "%s has no private key that can be read without a password" % private_key_path
    if certificate[1] != key[1]:
        return "the private key in %s is not that of %s" % (private_key_path, certificate_path)
    problem = load_problem(certificate_path, private_key_path)
    return "%s does not load: %s" % (certificate_path, problem) if problem else ""


def load_problem(certificate_path: str, private_key_path: str) -> str:
    """Why OpenSSL can't load the whole files, all their blocks, as servers do; '' if it can."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_path, private_key_path, "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        return str(error)
    return ""


def look(listeners: t.Iterable[Listener]) -> State:
    """Compare what listeners serve with their files. One that does not answer is left alone."""
    mismatches: t.Dict[t.Tuple[str, str], str] = {}
    state = State({}, [])
    for listener in listeners:
        pair = listener.port["certificate_path"], key_path(listener.port)
        if pair not in mismatches:
            mismatches[pair] = mismatch(listener.port)
        if mismatches[pair]:
            state.problems[listener.server.title] = mismatches[pair]
        elif is_local(listener.address):
            certificate = first_certificate(read_text(pair[0]))
            if listener.served() not in (None, certificate):
                state.behind.append(listener)
    return state


def wait_for_pairs(listeners: t.Iterable[Listener], seconds: float) -> None:
    """Wait until keys match their certificates: the two files are renewed one after the other."""
    deadline = time.monotonic() + seconds
    while look(listeners).problems and time.monotonic() < deadline:
        time.sleep(1)


def wait_until_served(listeners: t.List[Listener]) -> t.List[Listener]:
    """Wait until servers that were told serve the new certificate; returns those that do not."""
    deadline = time.monotonic() + SERVED_SECONDS
    while listeners and time.monotonic() < deadline:
        time.sleep(0.5)
        listeners = look(listeners).behind
    return listeners


def renew(listeners: t.List[Listener]) -> bool:
    """Tell servers with an old certificate. Returns whether all serve what their files have."""
    with locked():  # not during a run of mail_listeners
        problems, behind = look(listeners)
        told = [listener for listener in behind if listener.server.title not in problems]
        servers = {listener.server.title: listener for listener in told}
        answers = {
            title: listener.server.tell(listener.port) for title, listener in servers.items()
        }
        left = wait_until_served(told)
    for title, problem in problems.items():
        complain("%s: %s was not told, and keeps its certificate. %s" % (problem, title, AT_RISK))
    for listener in told:
        if listener in left:
            path, answer = listener.port["certificate_path"], answers[listener.server.title]
            complain(
                "%s still serves another certificate than %s. %s" % (listener.name, path, answer)
            )
        else:
            print("mail-bindings: %s serves its renewed certificate" % listener.name)
    return not (problems or left)


def complain(text: str) -> None:
    """Say it on standard error, where certbot and the journal show it."""
    print("mail-bindings: " + text.strip(), file=sys.stderr)


@contextlib.contextmanager
def locked() -> t.Iterator[None]:
    """Hold the lock that mail_listeners holds while it is at work; its file goes on release.

    Ends the program if the lock is not free in time.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    handle = open_lock()
    while not is_taken(handle):
        if time.monotonic() > deadline:
            sys.exit(
                "mail-bindings: %s has held the lock %s for the last %d seconds, and no server was "
                "told: wait for it or end it, then run %s again"
                % (holder(handle), LOCK, LOCK_SECONDS, sys.argv[0])
            )
        os.close(handle)
        time.sleep(0.1)
        handle = open_lock()
    try:
        yield
    finally:
        os.unlink(LOCK)
        os.close(handle)


def open_lock() -> int:
    """The lock's file. No other user may be able to open it: it could hold the lock for ever."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(LOCK, flags, 0o600)
    if os.fstat(handle).st_mode & 0o077:
        os.unlink(LOCK)
        os.close(handle)
        handle = os.open(LOCK, flags, 0o600)
    return handle


def is_taken(handle: int) -> bool:
    """Take the lock, unless another process holds it, or has removed its file meanwhile."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), os.stat(LOCK))
    except (BlockingIOError, FileNotFoundError):
        return False


def holder(handle: int) -> str:
    """The process that holds the lock of this file, in words (proc(5), /proc/locks)."""
    inode = ":%d" % os.fstat(handle).st_ino
    for fields in map(str.split, proc_lines("/proc/locks")):
        if fields[1] == "FLOCK" and fields[5].endswith(inode):
            return "process %s" % fields[4]
    return "another process"


def read_json(path: str) -> Json:
    """The object in this file; ends the program where it can't be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        sys.exit("mail-bindings: %s can't be read: %s" % (path, error))


def server_for(names: t.Sequence[str], servers: Json) -> Server:
    """The first of these servers whose command is on this host, else the first."""
    found = (name for name in names if shutil.which(servers[name]["command"][0]))
    return Server(**servers[next(found, names[0])])


def declared_listeners(document: Json, config: Json) -> t.List[Listener]:
    """Those of the bindings config that serve a certificate."""
    ports = {port["name"]: port for port in document["ports"] if port.get("certificate_path")}
    found = []
    for entry in document["ip_addresses"]:
        for port in (ports[name] for name in entry["ports"] if name in ports):
            protocol = config["protocols"][port["protocol"]]
            found.append(
                Listener(
                    entry["address"],
                    entry.get("hostname", ""),
                    port,
                    protocol["starttls"],
                    protocol["farewell"],
                    server_for(protocol["servers"], config["servers"]),
                )
            )
    return found


def main(arguments: t.Sequence[str]) -> int:
    """Returns the exit status."""
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + SBIN
    config = read_json(arguments[0] if arguments else os.path.abspath(__file__) + ".json")
    listeners = declared_listeners(read_json(config["config_path"]), config)
    wait_for_pairs(listeners, config["wait_seconds"])
    return 0 if renew(listeners) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
