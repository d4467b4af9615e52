# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The file that is written: all modules that write."""

    DOCUMENTATION = r"""
options:
  backup:
    description:
      - Keep the config as it was before a change, beside it. Its name is in RV(backup_file).
    type: bool
    default: false
  owner:
    description:
      - The user that the config is to belong to, by name or number.
      - If left out, an existing config keeps its own, and a new one belongs to the user that the
        task runs as.
    type: str
  group:
    description:
      - The group that the config is to belong to, by name or number.
      - If left out, an existing config keeps its own.
    type: str
  mode:
    description:
      - The permissions of the config, octal in quotes (V('0640')) or symbolic (V(u=rw,g=r)).
      - If left out, an existing config keeps its own, and a new one has V('0640').
    type: raw
notes:
  - All that a task asks for is checked before anything is written, and what is wrong is reported at
    once, each with its path. The file is then replaced in one step. A task that fails leaves it as
    it was.
  - With O(store=smartermail) each call changes one thing. Where one fails, those before it are
    undone as far as the API allows, and the failure says what the server then holds, in words and
    in C(rolled_back), C(changed), C(ports) and C(ip_addresses).
  - A config that is not valid (edited by hand, truncated, from a later version) is never
    overwritten. The way out is M(mailops.bindings.mail_bindings) with
    O(mailops.bindings.mail_bindings#module:exclusive=true) and
    O(mailops.bindings.mail_bindings#module:replace_invalid=true).
  - Options that are left out keep their stored value. An empty string is a value.
"""
