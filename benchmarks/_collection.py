# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout as a collection, from wherever it lies."""

from __future__ import annotations

import atexit
import pathlib
import sys
import tempfile

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent


def collections_path(checkout: pathlib.Path = CHECKOUT) -> str:
    """A folder in which the checkout is ansible_collections/mailops/bindings; removed at the end."""
    folder = tempfile.TemporaryDirectory(prefix="mail-bindings-")
    atexit.register(folder.cleanup)
    namespace = pathlib.Path(folder.name, "ansible_collections", "mailops")
    namespace.mkdir(parents=True)
    (namespace / "bindings").symlink_to(checkout)
    return folder.name


def importable() -> None:
    """Make the checkout importable as ansible_collections.mailops.bindings."""
    sys.path.insert(0, collections_path())
