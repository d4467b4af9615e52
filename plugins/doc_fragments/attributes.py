# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What can be relied on: all modules."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return what would change, without changing it.
    support: full
    details:
      - Check mode and a real run compute the same plan by the same code, and differ only in the
        write at its end. It makes no file, not even a lock.
  diff_mode:
    description: Returns what has changed, or would change in check mode, when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
    details:
      - With C(store) V(smartermail) and C(update_password) V(always) the certificates' passwords
        are given again in every run.
  platform:
    description: Where the module runs.
    platforms: posix
    support: full
"""

    ACTIONGROUP_BINDINGS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/mailops.bindings.bindings) in C(module_defaults) to set defaults for
      this module.
    support: full
    membership:
      - mailops.bindings.bindings
"""
