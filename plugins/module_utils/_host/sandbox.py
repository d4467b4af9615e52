# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a server's own checker where it can't reach the live files."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.mailops.bindings.plugins.module_utils._host.atomic_file import (
    NEW_FILE_ATTRIBUTES,
)
from ansible_collections.mailops.bindings.plugins.module_utils._host.commands import run

# $1: the folder; then linked folders in it, names of removed files and the checker, each after --.
# The copy is made from within the folder, which the mount hides from outside. A linked folder is
# replaced by a copy of what it leads to: a write through the link would reach the live files.
_SCRIPT = """
set -e
folder=$1; shift
cd "$folder"
mount -t tmpfs -o mode=0700 tmpfs "$folder"
cp -a . "$folder"
cd "$folder"
while [ "$1" != -- ]; do
    if [ -L "$1" ]; then real=$(readlink -f "$1"); rm "$1"; cp -a "$real/." "$1"; fi
    shift
done
shift
tar -xf - --overwrite
while [ "$1" != -- ]; do rm -f "$1"; shift; done
shift
cd /
"$@" >/dev/null
"""


def validate_in_copy(
    folder: str, state: t.Mapping[str, t.Optional[bytes]], argv: t.Sequence[str]
) -> t.Tuple[int, str]:
    """(exit status, standard error) of a checker that sees the folder with its files in this state.

    C(state): path -> content, None for a file that is removed; paths elsewhere are left out.
    It runs in a mount namespace of its own, with a copy in memory mounted over the folder: absolute
    includes lead to the copy too, the live files can't be reached, and nothing remains
    (mount_namespaces(7), unshare(1)). Standard output is dropped: it may hold private keys.
    """
    inside = {
        os.path.relpath(path, folder): content
        for path, content in state.items()
        if path.startswith(folder + "/")
    }
    folders = {os.path.dirname(name) for name in inside} - {""}
    removed = [name for name, content in inside.items() if content is None]
    written = {name: content for name, content in inside.items() if content is not None}
    in_namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _SCRIPT, "sh"]
    status, dummy, complaints = run(
        [*in_namespace, folder, *folders, "--", *removed, "--", *argv],
        input=_archive(folder, written),
    )
    return status, complaints


def _archive(folder: str, files: t.Mapping[str, bytes]) -> bytes:
    """A tar archive of these files (name -> content), with owner and mode as in the folder."""
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
