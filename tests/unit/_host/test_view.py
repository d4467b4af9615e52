# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service can read: in the sandbox of a real process, and by the settings of its unit."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.mailops.bindings.plugins.module_utils._host import view
from ansible_collections.mailops.bindings.plugins.module_utils._host.view import View, view_of

MAY_MOUNT = (
    subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode
    == 0
)
mounts = pytest.mark.skipif(not MAY_MOUNT, reason="mounts, and so takes root that may")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, and so takes root")


@pytest.fixture
def tree(tmp_path):
    """open/ and hidden/ with a key each, and a link from one to the other."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    for name in ("open", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text("key")
    (tmp_path / "open" / "link").symlink_to(tmp_path / "hidden" / "key")
    (tmp_path / "hidden" / "link").symlink_to(tmp_path / "open" / "key")
    return tmp_path


@pytest.fixture
def sandboxed():
    """sandboxed(script, *arguments) -> the pid of a process that runs after it, in its namespace."""
    begun = []

    def begin(script, *arguments, prefix=("unshare", "--mount", "--propagation", "private")):
        argv = [*prefix, "sh", "-ec", script + "; echo ready; exec sleep 60", "sh"]
        process = subprocess.Popen([*argv, *map(str, arguments)], stdout=subprocess.PIPE)
        begun.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process.pid

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


@mounts
@pytest.mark.parametrize(
    "script",
    [
        'mount -t tmpfs tmpfs "$1"',  # PrivateTmp, ProtectHome
        'mount -t tmpfs tmpfs "$1"; echo other > "$1/key"',  # it has a file of that name too
        'mkdir -m 0 "$1/../none"; mount --bind "$1/../none" "$1"',  # InaccessiblePaths: a folder
        'mount --bind /dev/null "$1/key"',  # and a file
        'mount --bind "$1/../open" "$1"',  # BindPaths
    ],
)
def test_a_process_reads_what_its_namespace_does_not_hide(tree, sandboxed, script):
    seen = View(pid=sandboxed(script, tree / "hidden"))
    assert not seen.process_reads(str(tree / "hidden" / "key"))
    assert not seen.process_reads(str(tree / "open" / "link"))
    assert seen.process_reads(str(tree / "open" / "key"))
    assert seen.user_reads(str(tree / "hidden" / "key"))


@mounts
def test_a_link_leads_where_it_leads_the_process(tree, sandboxed):
    """Though it is behind a folder that others have hidden, the key itself may be in view."""
    pid = sandboxed('mount -o remount,bind,ro "$1" 2>/dev/null || true', tree / "open")
    assert View(pid=pid).process_reads(str(tree / "open" / "link"))
    pid = sandboxed('mount -t tmpfs tmpfs "$1"; ln -s /proc/1/environ "$1/key"', tree / "hidden")
    assert not View(pid=pid).process_reads(str(tree / "open" / "link"))


@mounts
def test_the_same_file_system_mounted_read_only_is_the_same(tree, sandboxed):
    script = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"'
    assert View(pid=sandboxed(script, tree / "open")).process_reads(str(tree / "open" / "key"))


@needs_root
@pytest.mark.skipif(not MAY_MOUNT, reason="drops capabilities, and so takes root that has them")
def test_a_root_without_its_capabilities_reads_by_modes(tree, sandboxed):
    key = tree / "open" / "key"
    bounded = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    bounded += ["--inh-caps=-dac_override,-dac_read_search"]
    seen = View(pid=sandboxed("true", prefix=bounded))
    assert seen.process_reads(str(key))
    os.chown(key, 65534, 65534)
    key.chmod(0o600)
    assert not seen.process_reads(str(key)) and View(pid=os.getpid()).process_reads(str(key))


@needs_root
def test_a_user_reads_by_modes_and_folders_with_and_without_a_process(tree):
    key = tree / "open" / "key"
    for pid in (0, os.getpid()):
        seen = View("nobody", pid)
        key.chmod(0o644)
        assert seen.user_reads(str(key)) and seen.process_reads(str(key))
        key.parent.chmod(0o700)
        assert not seen.user_reads(str(key)) and (not pid or not seen.process_reads(str(key)))
        key.parent.chmod(0o755)
        key.chmod(0o600)
        assert not seen.user_reads(str(key))


def test_what_is_not_known_is_left_to_the_server(tree):
    assert View("no-such-user", os.getpid()).user_reads(str(tree / "open" / "key"))
    assert View().process_reads(str(tree / "open" / "key"))  # it does not run
    assert View(pid=2**22 + 1).process_reads(str(tree / "open" / "key"))  # it has ended
    assert view_of("root", 7, "") == View("root", 7)


@pytest.mark.parametrize(
    "settings, path, hidden",
    [
        ({"PrivateTmp": "yes"}, "/tmp/tls/key.pem", "PrivateTmp=yes"),
        ({"PrivateTmp": "disconnected"}, "/var/tmp/key.pem", "PrivateTmp=disconnected"),
        ({"PrivateTmp": "no"}, "/tmp/key.pem", ""),
        ({"PrivateTmp": "yes"}, "/tmpfiles/key.pem", ""),
        ({"ProtectHome": "yes"}, "/root/key.pem", "ProtectHome=yes"),
        ({"ProtectHome": "tmpfs"}, "/home/mail/key.pem", "ProtectHome=tmpfs"),
        ({"ProtectHome": "read-only"}, "/home/mail/key.pem", ""),
        (
            {"InaccessiblePaths": "-/srv/a /etc/ssl/mail"},
            "/etc/ssl/mail/key.pem",
            "InaccessiblePaths=/etc/ssl/mail",
        ),
        ({"InaccessiblePaths": "-/srv/a"}, "/srv/a", "InaccessiblePaths=-/srv/a"),
        ({"InaccessiblePaths": "/srv/a"}, "/srv/ab", ""),
        (
            {"TemporaryFileSystem": "/srv:ro,mode=755"},
            "/srv/key.pem",
            "TemporaryFileSystem=/srv:ro,mode=755",
        ),
        ({"TemporaryFileSystem": "/srv", "BindReadOnlyPaths": "/srv/tls"}, "/srv/tls/k", ""),
        ({"ProtectHome": "tmpfs", "BindPaths": "-/home/tls:/home/tls:rbind"}, "/home/tls/k", ""),
        (
            {"ProtectHome": "tmpfs", "BindPaths": "/srv:/home/tls:rbind"},
            "/home/tls/k",
            "ProtectHome=tmpfs",
        ),
        ({"RootDirectory": "/srv/root"}, "/etc/key.pem", "RootDirectory=/srv/root"),
        ({"RootDirectory": "/srv/root", "BindReadOnlyPaths": "/etc"}, "/etc/key.pem", ""),
        ({"RootDirectory": "/", "RootImage": ""}, "/etc/key.pem", ""),
        ({}, "/tmp/key.pem", ""),
    ],
)
def test_a_units_settings_hide_places(settings, path, hidden):
    assert View(settings=settings).hidden_by(path) == hidden


def test_a_link_through_a_hidden_place_is_hidden(tree):
    settings = {"InaccessiblePaths": str(tree / "hidden")}
    (tree / "open" / "there and back").symlink_to(tree / "hidden" / "link")
    for name in ("open/link", "hidden/key", "open/there and back"):
        assert View(settings=settings).hidden_by(str(tree / name)), name
    assert View(settings=settings).hidden_by(str(tree / "open" / "key")) == ""


def test_settings_come_from_systemd_in_one_call(monkeypatch):
    calls = []

    def run(argv):
        calls.append(argv)
        return 0, "PrivateTmp=yes\nBindPaths=/a:/b:rbind /c:/c:norbind\nInaccessiblePaths=\n", ""

    monkeypatch.setattr(view, "run", run)
    monkeypatch.setattr(view, "has_systemd", lambda: True)
    seen = view_of("root", 7, "dovecot.service")
    assert len(calls) == 1 and calls[0][-1] == "dovecot.service"
    assert seen.settings["PrivateTmp"] == "yes" and seen.hidden_by("/tmp/key")
    monkeypatch.setattr(view, "has_systemd", lambda: False)
    assert view_of("root", 7, "dovecot.service").settings == {} and len(calls) == 1
