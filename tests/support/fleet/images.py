# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file trees that test hosts begin with, made once and kept.

They are Debian with the mail servers as it ships them, and, in a layer over that, a mail host that
is set up.

What an image is made from is in its name, so that a run that needs other images need not wait for
those that use the old ones. A run locks what it uses for as long as it lives; when a new version is
made, versions that are not in use are removed.

Run as a program it makes them: python tests/support/fleet/images.py FOLDER SUITE...
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent

PACKAGES = (
    "ca-certificates",
    "dbus",
    "dovecot-imapd",
    "dovecot-lmtpd",
    "dovecot-pop3d",
    "fail2ban",
    "iproute2",
    "iputils-ping",
    "ldap-utils",
    "netbase",
    "nftables",
    "openssh-server",
    "openssl",
    "postfix",
    "procps",
    "python3",
    "python3-apt",
    "python3-cryptography",
    "python3-jsonschema",
    "slapd",
    "ssl-cert",
    "systemd",
    "systemd-sysv",
    "tcpdump",
    "tini",
    "udev",
)

# What the packages' installation would ask. The password is that of cn=admin,dc=example,dc=test,
# and no secret.
ANSWERS = """\
postfix postfix/main_mailer_type select Internet Site
postfix postfix/mailname string example.test
slapd slapd/domain string example.test
slapd shared/organization string Example
slapd slapd/password1 password secret
slapd slapd/password2 password secret
"""

# What would start by itself, sooner or later, and disturb.
OFF = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "systemd-logind.service",
)

# No server may start while it is installed: the machine that makes the image has its own ports 25
# and 389.
NO_STARTING = r"""
mkdir -p "$1/usr/sbin"
printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
chmod +x "$1/usr/sbin/policy-rc.d"
"""

# fail2ban is there for its filters only. An empty resolv.conf: a name that is asked for is refused
# at once. And no host is to do after each start what systemd does after an upgrade.
FINISH = f"""
rm "$1/usr/sbin/policy-rc.d"
chroot "$1" systemctl disable --quiet fail2ban.service nftables.service
chroot "$1" systemctl mask --quiet {" ".join(OFF)}
rm -f "$1/etc/resolv.conf"
install -m 644 /dev/null "$1/etc/resolv.conf"
touch "$1/etc/.updated" "$1/var/.updated"
"""

NOT_NEEDED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")


class ImageError(Exception):
    """An image could not be made."""


class Images:
    """Those in a folder. What has been used is locked until C(close)."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._locks = {}
        self._mutex = threading.Lock()

    def layers(self, suite: str, mail: bool = False) -> list:
        """The lower folders of an overlay, the uppermost first. They are made if need be."""
        with self._mutex:
            recipe = "\n".join([suite, *PACKAGES, ANSWERS, NO_STARTING, FINISH, *NOT_NEEDED])
            base = self._ensured(suite, recipe, lambda target: _make_base(target, suite))
            if not mail:
                return [base]
            script = (HERE / "mail_host.sh").read_text(encoding="utf-8")
            return [
                self._ensured(
                    f"{suite}-mail",
                    recipe + script,
                    lambda target: _make_mail_layer(target, base, script),
                ),
                base,
            ]

    def close(self) -> None:
        for lock in self._locks.values():
            lock.close()
        self._locks.clear()

    def _ensured(self, name, recipe, make):
        target = self.folder / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"
        if target not in self._locks:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._locks[target] = self._lock(target, fcntl.LOCK_SH)
            if not target.exists():
                with self._lock(target.with_name(f"{target.name}.making"), fcntl.LOCK_EX):
                    if not target.exists():
                        self._make(target, make)
                        self._remove_others(name, target)
        return target

    def _make(self, target, make):
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            make(unfinished)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _remove_others(self, name, target):
        for other in self.folder.iterdir():
            if other != target and re.fullmatch(re.escape(name) + "-[0-9a-f]{8}", other.name):
                with (
                    contextlib.suppress(BlockingIOError, FileNotFoundError),
                    self._lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB),
                ):
                    removed = other.rename(f"{other}.removed")
                    shutil.rmtree(removed)

    @staticmethod
    def _lock(path, how):
        lock = open(f"{path}.lock", "w", encoding="utf-8")
        try:
            fcntl.flock(lock, how)
        except BlockingIOError:
            lock.close()
            raise
        return lock


def _make_base(target, suite):
    answers = f"chroot \"$1\" debconf-set-selections <<'END'\n{ANSWERS}END"
    _run(
        [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            # The lists of an old suite, or of one that changes daily, may be past their date.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            '--aptopt=Apt::Install-Recommends "false"',
            "--dpkgopt=force-unsafe-io",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in NOT_NEEDED),
            f"--setup-hook={NO_STARTING}",
            f"--essential-hook={answers}",
            f"--customize-hook={FINISH}",
            suite,
            str(target),
        ],
        f"the image of {suite}",
    )


def _make_mail_layer(target, base, script):
    """What mail_host.sh changes in a copy-on-write view of the base."""
    work, root = target.with_name(target.name + ".work"), target.with_name(target.name + ".root")
    for folder in (target, work, root):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    try:
        # In namespaces of its own, so that nothing that it starts or mounts is left behind.
        inner = """
            mount -t overlay mail -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
            mount -t proc proc "$4/proc"
            ip link set lo up
            exec chroot "$4" sh -euc "$5"
        """
        _run(
            [
                *(
                    "unshare",
                    "--mount",
                    "--net",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "sh",
                    "-euc",
                    inner,
                    "sh",
                ),
                str(base),
                str(target),
                str(work),
                str(root),
                script,
            ],
            f"the mail host of {base.name}",
        )
    finally:
        for folder in (work, root):
            shutil.rmtree(folder, ignore_errors=True)


def _run(command, what):
    environment = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
    environment.update(
        {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    )
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise ImageError(
            f"Can't make {what}: {command[0]} returned {done.returncode}:\n"
            f"{done.stdout.decode(errors='replace')[-5000:]}"
        )


if __name__ == "__main__":
    with contextlib.closing(Images(sys.argv[1])) as images:
        for wanted in sys.argv[2:]:
            print(*images.layers(wanted, mail=True))
