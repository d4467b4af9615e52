# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server's own checker, run where the live files can't be reached."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
    NEW_FILE_ATTRIBUTES,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run


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
