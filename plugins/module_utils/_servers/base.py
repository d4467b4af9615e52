# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every mail server is to C(mail_listeners): the interface, the values that go through it, and what all of them use.

A server knows its own files and programs, and nothing of other servers or of the transaction that drives it. The order:

    read ─► refusals ─► render ─► [check mode stops here] ─► rehearse ─► put … ─► activate      and, to go back, put … ─► activate

Up to C(rehearse), and with it, nothing on the host is touched.
"""

from __future__ import annotations

import binascii
import contextlib
import os
import subprocess
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._host.files import (
    NotAFile,
    TooLarge,
    read_regular_file,
)
from ansible_collections.mailops.bindings.plugins.module_utils._probe.client import (
    LOOPBACK,
    Listener,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.local import bind_error
from ansible_collections.mailops.bindings.plugins.module_utils._config.model import Refused
from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import ReplacedFile
from ansible_collections.mailops.bindings.plugins.module_utils._host.sockets import Socket

MAX_FILE_BYTES = 10_000_000
NEW_FILE_ATTRIBUTES = (0, 0, 0o644)

_CURVE = bytes.fromhex("06072a8648ce3d0201")  # id-ecPublicKey (RFC 5480) in DER

UNITS = "/etc/systemd/system/"

#: Every line that we write in a file of somebody else's, and every file that is all ours, has this word.
MARK = "mailops.bindings"


class Found(t.NamedTuple):
    """A listener that a server is configured to have."""

    listener: Listener
    where: str  # for people: 'master.cf, line 12', 'inet_listener imaps'


class Unmapped(t.NamedTuple):
    """What a server is configured with that has no place in the model: shown, never dropped in silence."""

    server: str
    where: str
    text: str  # as it stands there
    reason: str


class Configured(t.NamedTuple):
    """What a server's files say today."""

    listeners: tuple = ()  # of Found: the five protocols', loopback's too
    unmapped: tuple = ()  # of Unmapped
    sockets: frozenset = (
        frozenset()
    )  # of (address, port): all that the server would bind, of whatever protocol
    config_path: str = ""  # the bindings config that our parts of the files were written from; '' where there are none of ours
    details: t.Any = None  # the server's own business, for its render


class Options(t.NamedTuple):
    """What a task says of how, beside what."""

    config_path: str = "/etc/mail-bindings/bindings.json"
    keep_loopback: bool = True


class Plan(t.NamedTuple):
    """What a server would do. A state maps resources (paths of files, or what the server calls so) to bytes; C(None): not there.

    C(steps) are the states on the way, each put and activated before the next: a single one, or none if nothing changes. Only
    resources that differ from those before are in a state. C(back) are the states on the way back from wherever the
    transaction stopped; the last of them is what is there now, for every resource of C(steps).
    """

    steps: tuple = ()
    back: tuple = ()
    activation: str = "none"  # none, reload or restart: what the steps need
    ends_sessions: str = ""  # why a reload or restart ends the sessions on listeners that stay as well; '' if it does not
    listeners: tuple = ()  # of Found: as Configured.listeners, afterwards
    sockets: frozenset = frozenset()  # as Configured.sockets, afterwards
    shown: t.Mapping = {}  # resource -> (before, after): our lines and those that they replace, as text, for the diff


class Failed(Exception):
    """A server did not do what it was told, after something was changed. C(str()): what it said, for the user."""


class Server:
    """One kind of mail server on this host."""

    name = ""  # as the option servers has it
    title = ""  # as people write it
    protocols: tuple = ()
    programs: tuple = ()  # names of the processes that hold its sockets, as the kernel has them (15 characters)
    reads_keys_as = "root"  # the user that opens certificates and keys
    files: tuple = ()  # those in which parts of ours would be, with MARK in them

    def installed(self) -> bool:
        """Is it there?"""
        raise NotImplementedError

    def running(self) -> bool:
        """Is its main process there now? Not what the service manager believes."""
        raise NotImplementedError

    def holds(self, socket: Socket) -> bool:
        """Is this socket one of its processes'? By name and by the program file's path: Cyrus has a 'master' too."""
        return socket.program in self.programs and any(
            "/" + self.name in _program_file(pid) for pid in socket.pids
        )

    def read(self) -> Configured:
        """What its files say. Works whether it runs or not. Raises Refused where it can't be told."""
        raise NotImplementedError

    def refusals(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> list:
        """All that it can't do, as whole messages, each with its remedy. Its own limits only: addresses of the host,
        ports of other programs and certificates that can't be read are looked at for all servers alike.

        C(None): what has come since to stand against giving back what we took over."""
        raise NotImplementedError

    def render(
        self, configured: Configured, wanted: t.Optional[t.Sequence[Listener]], options: Options
    ) -> Plan:
        """What is to be written so that it listens exactly so, on loopback as it did. C(None): give back what we took over.

        Pure: of what C(read) has found, and nothing else.
        """
        raise NotImplementedError

    def rehearse(self, state: t.Mapping) -> None:
        """Have the server's own checker look at this state where the live files can't be reached. Raises Refused."""
        raise NotImplementedError

    def get(self, resource: str) -> t.Optional[bytes]:
        """What the resource is now."""
        return read_file(resource)

    def put(self, resource: str, content: t.Optional[bytes]) -> None:
        """Make the resource be this, whole. Raises OSError or Failed."""
        write_file(resource, content)
        self.written(resource)

    def written(self, resource: str) -> None:
        """Do what is due after a file was replaced, whoever did it. Not C(reread_units), which is due once, after all of them."""
        if is_unit(resource):
            with contextlib.suppress(OSError):  # there may be files of others
                os.rmdir(os.path.dirname(resource))

    def activate(self, how: str, sockets: frozenset) -> None:
        """Make the running server follow its files: C(how) is reload, restart or start (when it is not running).

        C(sockets): what it should then listen on; a server that needs to be told twice looks at them. Raises Failed.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it again, after it was started for nothing. Raises Failed."""
        raise NotImplementedError


# -- what servers use


def _program_file(pid: int) -> str:
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:  # it has ended since
        return ""


def run(
    argv: t.Sequence[str], input: t.Optional[bytes] = None, timeout: float = 60
) -> t.Tuple[int, str, str]:  # pylint: disable=redefined-builtin
    """(exit status, standard output, standard error) of a program, in the C locale. Raises Refused where it can't be run."""
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    try:
        # not AnsibleModule.run_command: it knows no time limit, and a rollback must come to an end. In a session of its own,
        # since what a terminal sends when it goes is for us: whoever puts things back needs programs that live
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            argv,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=timeout,
            check=False,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Refused("%s can't be run: %s" % (argv[0], error.strerror)) from None
    except subprocess.TimeoutExpired:
        raise Refused("%s did not end within %d seconds" % (argv[0], timeout)) from None
    return (
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )


def loopback() -> t.Tuple[str, ...]:
    """The loopback addresses that can be bound: where IPv6 is switched off (ip-sysctl: disable_ipv6), its wildcard can, and ::1 can't."""
    return tuple(address for address in LOOPBACK.values() if bind_error(address) is None)


def read_file(path: str) -> t.Optional[bytes]:
    """The file's bytes, None where there is none. Raises OSError, NotAFile, TooLarge."""
    try:
        return read_regular_file(path, MAX_FILE_BYTES)[0]
    except FileNotFoundError:
        return None


def kind_of_key(path: str) -> str:
    """EC, other, or '' for a file that holds no private key. What can't be decoded is other."""
    try:
        content = read_file(path) or b""
    except (OSError, NotAFile, TooLarge):
        return ""
    kind, begin, rest = content.partition(b"PRIVATE KEY-----")
    if not begin:
        return ""
    with contextlib.suppress(ValueError):
        if kind.endswith(b"-----BEGIN EC ") or _CURVE in binascii.a2b_base64(
            rest.partition(b"-----")[0]
        ):
            return "EC"
    return "other"


def write_file(path: str, content: t.Optional[bytes]) -> None:
    """Replace the file whole, with its owner, mode and extended attributes; C(None) removes it. A symbolic link is followed.

    A folder that is missing is made (only its last component), and one that is left empty stays.
    """
    target = os.path.realpath(path)
    if content is None:
        try:
            os.unlink(target)
        except FileNotFoundError:
            pass
        return
    try:
        status = os.stat(target)
        attributes = (status.st_uid, status.st_gid, status.st_mode & 0o7777)
    except FileNotFoundError:
        attributes = NEW_FILE_ATTRIBUTES
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    ReplacedFile(target).replace(content, attributes)


def rehearse_in_copy(folder: str, state: t.Mapping, argv: t.Sequence[str]) -> t.Tuple[int, str]:
    """(exit status, what it said) of a checker that sees C(folder) as it would be with this state of its files.

    It runs in a mount namespace of its own, with a copy of the folder in memory mounted over the folder: absolute includes
    meet the copy too, the live files can't be reached, and nothing is left behind (mount_namespaces(7), unshare(1)).
    Standard output is thrown away: what a checker prints there may be private keys. Only files in C(folder), and in folders of it, are laid in.
    """
    # from within, where what is mounted over it does not hide it. Copies of folders that are links, since what is written through a link would
    # be written to the live files
    script = (
        'set -e; folder=$1; shift; cd "$folder"; mount -t tmpfs -o mode=0700 tmpfs "$folder"; cp -a . "$folder"; cd "$folder"; '
        'while [ "$1" != -- ]; do if [ -L "$1" ]; then real=$(readlink -f "$1"); rm "$1"; cp -a "$real/." "$1"; fi; shift; done; shift; '
        'tar -xf - --overwrite; while [ "$1" != -- ]; do rm -f "$1"; shift; done; shift; '
        'cd /; "$@" >/dev/null'
    )
    inside = {
        os.path.relpath(path, folder): content
        for path, content in state.items()
        if path.startswith(folder + "/")
    }
    folders = {os.path.dirname(name) for name in inside} - {""}
    removed = [name for name, content in inside.items() if content is None]
    status, ignored, said = run(
        [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
            folder,
            *folders,
            "--",
            *removed,
            "--",
            *argv,
        ],
        input=_archive(
            folder, {name: content for name, content in inside.items() if content is not None}
        ),
    )
    return status, said


def _archive(folder: str, files: t.Mapping) -> bytes:
    """A tar archive of these files (name -> content), each with the owner and mode that it has in the folder."""
    import io
    import tarfile

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            try:
                status = os.stat(os.path.join(folder, name))
                member.uid, member.gid, member.mode = (
                    status.st_uid,
                    status.st_gid,
                    status.st_mode & 0o7777,
                )
            except FileNotFoundError:
                member.uid, member.gid, member.mode = NEW_FILE_ATTRIBUTES
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def has_systemd() -> bool:
    """Is systemd the service manager now (sd_booted(3))?"""
    return os.path.isdir("/run/systemd/system")


def is_unit(resource: str) -> bool:
    """Is it a part of a systemd unit?"""
    return resource.startswith(UNITS)


def reread_units() -> None:
    """Have systemd know units as their files are now. It reads all that it has, which takes as long as everything else that a change does."""
    if has_systemd():
        run(["systemctl", "daemon-reload"])


def boot_file(unit: str, config_path: str) -> t.Tuple[str, bytes]:
    """(path, content) of the drop-in that makes a unit wait for the addresses that its server binds.

    Debian's units start before the network is up, and a server that meets an IPv6 address in duplicate address detection
    (flag 0x40 in if_inet6) dies of it, or does without. So wait until there is none, half a minute at most. /proc/self, as that is
    all that a unit with ProcSubset=pid sees (Postfix's on Debian 13).
    """
    return "%s%s.d/%s.conf" % (UNITS, unit, MARK), (
        "# Written by mail_listeners of %s from %s; state: absent removes it.\n"
        "[Unit]\nWants=network-online.target\nAfter=network-online.target\n[Service]\n"
        # $$ is systemd's way of writing $ (systemd.service(5), command lines)
        'ExecStartPre=/bin/sh -c \'n=0; while [ $$n -lt 150 ] && grep -Eq " [4-7c-f][0-9a-f] +[^ ]+$$" /proc/self/net/if_inet6; '
        "do n=$$((n+1)); sleep 0.2; done'\n" % (MARK, config_path)
    ).encode()
